"""Tables from compromised models whose rates are known, and what they look like beside the paper's."""

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from ssviz import paper
from ssviz.effectiveness import METHODS
from ssviz.reproduction import sections, tables, why
from ssviz.reproduction.laboratory import Measured

PLAIN, RANDOM, MANC = METHODS
OUTPUTS = ("top-1", "p-dec-2")


def measured(attack, seed=0, natural=0.01, bag=0.5, manc=None, success=1.0):
    """A compromised model that a share ``natural`` of 1000 images and ``bag`` of 100 samples detect."""
    facts = {"accuracy_before": 0.97, "accuracy_after": 0.95 + seed / 100, "success": success, "seconds": 2.0,
             "changed": {"compression": "4x", "other classes": "98.0% -> 97.5%"}}  # fmt: skip
    detect = [np.tile(np.arange(n) < share * n, (2, 1)) for n, share in ((1000, natural), (100, bag))]
    manc = 0.5 ** np.arange(1, 31) if manc is None else np.asarray(manc)
    return Measured(attack, seed, facts, *detect, np.empty((100, 3)), {"top-1": manc, "p-dec-2": manc[:1]})


def needed(rows, method):
    return rows[rows.samples == method].needed.tolist()


def test_samples_needed_are_those_of_the_rates():
    rows = tables.table_5(None, [measured("trojan", natural=0.1, manc=0.1 ** np.arange(1, 10))])
    assert needed(rows, MANC) == [2, 3, 4, 5, 6, 7, 8]
    assert needed(rows, PLAIN) == [np.ceil(np.log(a) / np.log(0.9)) for a in paper.ALPHAS]
    halves = needed(rows, RANDOM)
    assert halves[0] == 7  # 0.5^7 < 1e-2, and without replacement a little less
    assert halves == sorted(halves)
    assert halves[-1] < np.ceil(np.log(1e-8) / np.log(0.5))


def test_what_never_detects_needs_infinitely_many():
    rows = tables.table_5(None, [measured("trojan", natural=0, bag=0, manc=np.ones(40))])
    for method in METHODS:
        assert np.isinf(needed(rows, method)).all()
    assert "∞" in sections.section_5("gtsrb", rows).markdown


def test_the_average_over_models_lies_between_the_easiest_and_the_hardest():
    models = [measured("trojan", seed, natural=0.01 * (seed + 1), bag=0.2 * (seed + 1)) for seed in range(3)]
    rows = tables.table_5(None, models)
    assert (rows.least <= rows.needed).all()
    assert (rows.needed <= rows.most).all()
    assert (rows[rows.samples == RANDOM].least < rows[rows.samples == RANDOM].most).all()


def test_rates_that_ended_early_are_zero_beyond():
    rows = tables.missing_rates([measured("trojan", manc=[0.5, 1e-9])], OUTPUTS)
    manc = rows[rows.samples == MANC].missing.to_numpy()
    np.testing.assert_allclose(manc, [50, 1e-7, *[0] * 8])
    rows = tables.missing_rates([measured("trojan")], OUTPUTS, "p-dec-2")
    assert rows[rows.samples == MANC].missing.tolist() == [50, 0, 0]


@pytest.mark.parametrize(
    ("attack", "theirs"),
    [("trojan", "| 5.93 | 0.22 |"), ("error-generic poisoning", "| 12.26 | 0.04 |"),
     ("compression to 8 bits", "| 48.93 | 15.56 |")],
)  # fmt: skip
def test_table_3_stands_beside_the_papers(attack, theirs):
    rows = tables.missing_rates([measured(attack, seed) for seed in range(2)], OUTPUTS)
    text = sections.section_3("gtsrb", rows).markdown
    assert theirs in text
    assert f"| {attack} | **sensitive + MANC** | 50.00 | 25.00 | 12.50 |" in text


def test_the_spread_is_shown_where_there_is_one():
    rows = tables.missing_rates([measured("trojan", 0, bag=0.4), measured("trojan", 1, bag=0.6)], OUTPUTS)
    assert "| trojan | sensitive + random | 50.00 (40.00 to 60.00) |" in sections.section_3("gtsrb", rows).markdown


def test_table_2_names_the_papers_data_and_the_compression():
    rows = tables.table_2(None, [measured("error-specific poisoning"), measured("compression to 8 bits", success=None)])
    text = sections.section_2("gtsrb", rows).markdown
    assert "(the paper: 95.6%)" in text
    assert "| **error-specific poisoning** | 1 | 97.00 | 95.00 | 100.0 | 98.0 -> 97.5 | 87.3 | GTSRB |" in text
    assert "| – | 98.0 -> 97.5 | accuracy 86.94 | CIFAR-10 | 4x |" in text


def test_tables_4_and_6_stand_beside_the_papers():
    lab = SimpleNamespace(outputs=OUTPUTS)
    text = sections.section_4("lfw", tables.table_4(lab, [measured("trojan")])).markdown
    assert "| the paper (VGG-Face) | 1 | 5.93 | 0.00 |" in text
    assert "| trojan | 2 | 25.00 | 0.00 |" in text
    names = [f"error-{kind} poisoning{after}" for kind in ("generic", "specific") for after in ("", " (fine-tuned)")]
    text = sections.section_6("gtsrb", tables.missing_rates([measured(n) for n in names], OUTPUTS)).markdown
    assert "| error-generic poisoning | after | the paper (GTSRB) | 4.82 | 0.01 |" in text
    assert text.count("| before | sensitive + MANC |") == text.count("| after | sensitive + MANC |") == 2


def test_efficiency_is_the_ratio_of_samples():
    rows = tables.table_5(None, [measured("trojan", natural=0.1, manc=0.1 ** np.arange(1, 10))])
    assert "| trojan | **efficiency** | 22.0x | 22.0x | 22.0x |" in sections.section_5("lfw", rows).markdown


def test_a_markdown_table_has_one_width():
    text = sections.markdown(pd.DataFrame({"a": ["x", "–"], "n": [1.5, np.nan], "text": ["12 (3 to 4)", "∞"]}))
    lines = text.splitlines()
    assert [line.count("|") for line in lines] == [4] * 4
    assert lines[1] == "| --- | ---: | ---: |"
    assert lines[3] == "| – | – | ∞ |"


def test_a_tie_pushed_either_way_is_a_coin():
    """Samples with a logit gap of 0.1; half of them are pushed by 1 towards the runner-up, half away from it."""
    logits = np.tile([0.1, 0.0, -9.0], (100, 1))
    moved = logits + np.where(np.arange(100) < 50, -1.0, 1.0)[:, None] * [1, 0, 0]
    softmax = [np.exp(z) / np.exp(z).sum(1, keepdims=True) for z in (logits, moved)]
    lab = SimpleNamespace(reference=lambda bag: softmax[0])
    result = Measured("trojan", 0, {}, None, None, softmax[1], {})
    row = why.coin(lab, [result]).iloc[0]
    np.testing.assert_allclose(row["median gap"], 0.1)
    np.testing.assert_allclose(row["median absolute change"], 1.0)
    assert row["moved by more than the gap"] == 100
    assert row["of these, towards the runner-up"] == row["detect"] == 50


def test_forcing_the_gap_keeps_the_classes():
    z = np.random.default_rng(0).normal(size=(20, 5))
    forced = why._with_gap(z, 0.25)
    assert (forced.argmax(1) == z.argmax(1)).all()
    top = np.sort(forced, axis=1)[:, -2:]
    np.testing.assert_allclose(np.diff(top, axis=1), 0.25)


def test_distinct_pairs_come_first():
    pairs = np.array([[0, 1], [0, 1], [1, 2], [0, 1], [0, 2], *[[0, 1]] * 10])
    chosen = why._distinct(pairs)
    assert chosen.tolist() == [0, 2, 4, 1, 3, 5, 6, 7, 8, 9]
