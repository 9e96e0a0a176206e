"""Missing rates before and after adversarial fine-tuning: measured, and read from the rows of Table 6."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import tiny_models as tiny

from ssviz.attacks import arbitrary_weights
from ssviz.evaluation import detection_matrix, missing_rate
from ssviz.resistance import MANC, METHODS, RANDOM, TUNED, Resistance, resistance

pytestmark = pytest.mark.core


def rows(seeds=(0, 1, 2), after=(0, 1, 2), attack="poisoning", outputs=("top-1", "p-dec-2")):
    """missing = 10 seed + n_s, after fine-tuning 50 more."""
    table = [
        (name, seed, method, output, n, 10 * seed + n + (50 if name.endswith(TUNED) else 0))
        for name, mine in ((attack, seeds), (attack + TUNED, after))
        for seed in mine
        for method in ("non-sensitive", *METHODS)
        for output in outputs
        for n in (1, 2, 3)
    ]
    return pd.DataFrame(table, columns=["attack", "seed", "samples", "output", "n_s", "missing"])


def test_rows_become_rates_model_by_model():
    shuffled = rows().sample(frac=1, random_state=0)
    found = Resistance.from_rows(shuffled, n_s_max=2)
    assert (found.attacks, found.n_s.tolist()) == (("poisoning",), [1, 2])
    for method in METHODS:
        np.testing.assert_allclose(found.before["poisoning"][method], [[0.01, 0.02], [0.11, 0.12], [0.21, 0.22]])
        np.testing.assert_allclose(found.after["poisoning"][method] - found.before["poisoning"][method], 0.5)


def test_an_attack_without_a_counterpart_is_left_out_and_none_at_all_is_an_error():
    alone = rows(attack="trojan")
    alone = alone[alone.attack == "trojan"]
    assert Resistance.from_rows(pd.concat([alone, rows()])).attacks == ("poisoning",)
    with pytest.raises(ValueError, match="before and after fine-tuning; received trojan"):
        Resistance.from_rows(alone)


def test_other_seeds_before_than_after_are_an_error():
    with pytest.raises(ValueError, match="same seeds"):
        Resistance.from_rows(rows(after=(0, 1)))


@pytest.fixture(scope="module")
def attacks():
    model = tiny.dense()
    before = [arbitrary_weights(model, count=n, seed=n) for n in (5, 40)]
    after = [replace(arbitrary_weights(model, count=n, seed=9), attack=b.attack + TUNED)
             for n, b in zip((5, 40), before, strict=True)]  # fmt: skip
    return model, before, after


def test_random_choice_is_exact_and_manc_is_a_probability(attacks):
    model, before, after = attacks
    bag = tiny.vectors(40)
    found = resistance(model, before, after, bag, n_s_max=3)
    for models, rates in ((before, found.before), (after, found.after)):
        expected = missing_rate(detection_matrix(model, models, bag), np.arange(1, 4))
        np.testing.assert_allclose(rates["arbitrary weights"][RANDOM], expected)
        manc = rates["arbitrary weights"][MANC]
        assert manc.shape == (2, 3)
        assert ((manc >= 0) & (manc <= 1)).all()
        assert (np.diff(manc) <= 1e-12).all()  # a further sample never misses more


def test_what_fine_tuning_leaves_alone_is_missed_as_before(attacks):
    model, before, _ = attacks
    same = [replace(a, attack=a.attack + TUNED) for a in before]
    found = resistance(model, before, same, tiny.vectors(40), n_s_max=3)
    for method in METHODS:
        np.testing.assert_array_equal(
            found.before["arbitrary weights"][method], found.after["arbitrary weights"][method]
        )


def test_before_and_after_must_be_the_same_attacks(attacks):
    model, before, after = attacks
    for wrong in (before, after[:1]):
        with pytest.raises(ValueError, match="after must be before, fine-tuned"):
            resistance(model, before, wrong, tiny.vectors(40))
    with pytest.raises(ValueError, match="after must be before"):
        resistance(model, [], [], tiny.vectors(40))
