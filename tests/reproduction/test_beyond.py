"""Two queries: rates of pairs whose escapes are known, and pairs made and asked on the rendered signs."""

import numpy as np
import pandas as pd
import pytest

from ssviz.evaluation import told_apart
from ssviz.models import probabilities
from ssviz.pairs import StraddlingPairs
from ssviz.reproduction import beyond, beyond_shown, pools
from ssviz.reproduction.beyond import MANC, RANDOM, all_rates, chosen_row, expected, needed_for, pair_row, rates
from ssviz.reproduction.laboratory import Laboratory, Measured
from ssviz.reproduction.plan import BAGS, EIGHT_BITS, plans
from ssviz.reproduction.pools import AT_TIES, GAPS, ON_GRID, PLAIN, RECIPES, Answers, Recipe, compared, pool

GAP = 1e-3


def pairs_of(n, gap=GAP, classes=(0, 1)):
    """n pairs of which only classes and gaps matter."""
    some = np.zeros((n, 3), np.float32)
    return StraddlingPairs(
        some, some, some, np.tile(classes, (n, 1)), np.tile([gap, -gap], (n, 1)), np.full((n, 2), 30.0),
        np.ones((n, 2)), np.arange(n), (), 12, {"gap": gap},
    )  # fmt: skip


def softmax(z):
    p = np.exp(z - z.max(-1, keepdims=True))
    return p / p.sum(-1, keepdims=True)


def logits_of(pairs):
    """(2n, 3): classes 0 and 1 at the pair's gaps, a third one far below."""
    gaps = pairs.gaps.ravel()
    return np.stack([gaps / 2, -gaps / 2, np.full(len(gaps), -5.0)], axis=1)


def answers_with(escaped, moved):
    """Answers of one model in which pairs that are ``escaped`` do not detect."""
    shape = (1, len(moved))
    return Answers(~np.reshape(escaped, shape), np.reshape(moved, shape), np.full(shape, GAP), np.zeros(shape, bool))


def test_a_pair_escapes_only_below_its_gap_or_where_the_tie_became_steeper():
    """Random changes of the logits, some of them small, some steeper across the tie, some with a third class."""
    rng, pairs = np.random.default_rng(0), pairs_of(4000)
    z = logits_of(pairs)
    change = np.repeat(rng.normal(0, 3 * GAP, (4000, 3)), 2, axis=0)
    change[:, 2] += np.repeat(rng.choice([0, 10], 4000, p=[0.9, 0.1]), 2)
    steeper = np.repeat(rng.choice([1, 3], 4000), 2)[:, None]
    found = compared(pairs, softmax(z), softmax(z * steeper + change))
    escaped = ~found.detected
    assert escaped.any()
    np.testing.assert_array_equal(escaped, (np.abs(found.moved) < found.width) & ~found.third)
    plain = (steeper[::2] == 1).ravel()
    assert (np.abs(found.moved[escaped & plain]) < GAP * (1 + 1e-6)).all()
    assert (np.abs(found.moved[escaped]) < 3 * GAP * (1 + 1e-6)).all()
    np.testing.assert_allclose(found.width, GAP * steeper[::2, 0], rtol=1e-6)


def test_pairs_are_counted_in_queries():
    detected = np.ones((2, 10), bool)
    detected[0, :2] = False  # one of the two models misses 2 of 10 pairs
    row = rates(all_rates(detected), 2)
    assert np.isnan(row["N_S = 1"])
    np.testing.assert_allclose([row["N_S = 2"], row["N_S = 4"], row["worst at 2"]], [0.1, 2 / 90 / 2, 0.2])
    assert [row[f"N_S for 1e-{k}"] for k in (2, 4, 6, 8)] == [6, 6, 6, 6]  # the third pair cannot miss
    single = rates(all_rates(detected), 1)
    np.testing.assert_allclose([single["N_S = 1"], single["N_S = 2"]], [0.1, 2 / 90 / 2])
    assert single["N_S for 1e-2"] == 3


def test_samples_that_never_suffice_need_infinitely_many():
    row = rates(np.ones((1, 40)), 1)
    assert [row[f"N_S for 1e-{k}"] for k in (2, 4, 6, 8)] == [np.inf] * 4
    assert needed_for(1.0) == [np.inf] * 4


@pytest.mark.parametrize(
    ("miss", "needed"), [(1e-4, [2, 2, 4, 4]), (9e-5, [2, 2, 4, 4]), (0.5, [14, 28, 40, 54]), (0.0, [2] * 4)]
)
def test_independent_pairs_multiply(miss, needed):
    assert needed_for(miss) == needed


def test_the_expected_share_is_that_of_a_known_density():
    """Changes uniform in [-1, 1]: a share GAP of them is within +-GAP, though none of few may be."""
    moved = np.random.default_rng(1).uniform(-1, 1, 5000)
    few = expected(answers_with(np.abs(moved) < GAP, moved), GAP)
    np.testing.assert_allclose(few, GAP, rtol=0.4)
    hidden = answers_with(np.zeros(5000, bool), moved)
    hidden.third[0, ::2] = True  # a third class gives every other pair away
    np.testing.assert_allclose(expected(hidden, GAP), GAP / 2, rtol=0.4)


def test_where_many_escape_they_are_counted():
    moved = np.linspace(-2 * GAP, 2 * GAP, 1000)
    assert expected(answers_with(np.abs(moved) < GAP, moved), GAP) == pytest.approx(0.5, abs=0.01)


def test_a_row_tells_what_escaped_and_why():
    pairs = pairs_of(4)
    asked = answers_with([True, True, False, False], [0.5 * GAP, 2 * GAP, 1.0, -1.0])
    row = pair_row(PLAIN, pairs, asked)
    assert (row["escaped"], row["asked"], row["escaped, moved less"], row["escaped, steeper"]) == (2, 4, 1, 1)
    assert row["N_S = 2"] == 0.5
    assert row["expected"] <= row["bound"] < 1
    assert row["moved less"] == 25


def test_chosen_pairs_are_taken_in_order():
    detected = np.array([[False, False, True, True]])
    row = chosen_row(GAP, detected, np.array([[0, 1], [1, 2], [3, 0]]))
    np.testing.assert_allclose([row["N_S = 2"], row["N_S = 4"]], [2 / 3, 1 / 3])


@pytest.fixture(scope="module")
def lab(tmp_path_factory):
    """A laboratory of the signs with pools of 24, and what one 8-bit model answers to them."""
    patch = pytest.MonkeyPatch()
    for name, value in {"ORIGINALS": 24, "TIMED": 8, "TIES": {**pools.TIES, "itr_max": 20}}.items():
        patch.setattr(pools, name, value)
    for name, recipe in BAGS.items():
        patch.setitem(BAGS, name, {**recipe, "count": 12, "itr_max": 5})
    yield Laboratory.open("signs", tmp_path_factory.mktemp("parts"))
    patch.undo()


def measured(lab, detect=0.5):
    """A compromised model that half of the bag detects."""
    bag = np.arange(12) < detect * 12
    curve = 0.5 ** np.arange(1, 31)
    return Measured(EIGHT_BITS, 0, {}, None, np.stack([bag] * len(lab.outputs)), None, {"top-1": curve})


@pytest.fixture(scope="module")
def rows(lab):
    return beyond.beyond(lab, [measured(lab)])


def test_rows_agree_with_the_detections(lab, rows):
    plan = plans("signs")[EIGHT_BITS]
    suspect = lab.attacked(plan, 0)[0].model
    for recipe in (Recipe(PLAIN, GAPS[0]), Recipe(ON_GRID, GAPS[0]), Recipe(AT_TIES, GAPS[0])):
        pairs = pool(lab, recipe)
        assert len(pairs) > 12
        detected = told_apart(probabilities(lab.model, pairs), probabilities(suspect, pairs)).reshape(-1, 2).any(1)
        row = rows[(rows.samples == recipe.kind) & (rows.gap == recipe.gap)].iloc[0]
        np.testing.assert_allclose(row["N_S = 2"], 1 - detected.mean())
        assert (row.escaped, row.asked, row.pool) == ((~detected).sum(), len(pairs), len(pairs))
        assert row["N_S for 1e-2"] % 2 == 0


def test_rows_hold_every_kind_of_samples(lab, rows):
    made = [recipe for recipe in RECIPES if pool(lab, recipe) is not None]
    assert {PLAIN, ON_GRID, AT_TIES, beyond.COVER, MANC, RANDOM, *beyond.WAYS} == set(rows.samples)
    assert len(rows) == len(made) + 3 + len(beyond.WAYS)
    assert rows[rows.samples == MANC]["N_S for 1e-2"].tolist() == [7]
    assert rows[rows.samples.isin([MANC, RANDOM, *beyond.WAYS])].escaped.isna().all()
    assert rows.dropna(subset="seconds").samples.tolist() == [MANC, RANDOM, PLAIN]


def test_a_gap_finer_than_float32_has_no_pool(lab):
    assert pool(lab, Recipe(PLAIN, 1e-9)) is None


def test_parts_are_not_made_again(lab, rows, monkeypatch):
    for name in ("straddle", "generate", "probabilities", "select_pairs"):
        monkeypatch.setattr(pools, name, None)
    for cached in (pools.pool, pools._reference):
        cached.cache_clear()
    pd.testing.assert_frame_equal(beyond.beyond(lab, [measured(lab)]), rows)


def test_the_section_and_the_blocks_show_the_rows(rows, tmp_path):
    text = beyond_shown.section_beyond("signs", rows).markdown
    assert "| the paper (CIFAR-10): sensitive + MANC |" in text
    assert "nan" not in text
    (tmp_path / "cifar10").mkdir()
    rows.to_csv(tmp_path / "cifar10" / "beyond.csv", index=False, float_format="%.6g")
    for block in (beyond_shown.queries, beyond_shown.escapes, beyond_shown.pairs):
        assert "CIFAR-10" in block(tmp_path, ["cifar10"])
    assert "8 / 25 / 30 / 31" in beyond_shown.queries(tmp_path, ["cifar10"])


@pytest.mark.parametrize(
    ("p", "text"), [(0, "0"), (3.14e-4, "3.1e-4"), (0.5, "0.50"), (float("nan"), "–"), (1e-12, "1.0e-12")]
)
def test_small_probabilities_stay_readable(p, text):
    assert beyond_shown.chance(p) == text
