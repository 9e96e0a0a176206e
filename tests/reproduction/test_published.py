"""The results that come with the package: there, whole, and the same in a wheel as in a checkout."""

import shutil

import numpy as np
import pandas as pd
import pytest

from ssviz import ascents, paper
from ssviz.effectiveness import METHODS
from ssviz.reproduction import published as module
from ssviz.reproduction.plan import CASES
from ssviz.reproduction.published import (
    as_effectiveness,
    published,
    published_datasets,
    published_effectiveness,
    results_dir,
)

FOUR = ("gtsrb", "cifar10", "att_faces", "lfw")
MEASURED = (
    "table2", "table3", "table4", "table5", "table6", "figure3", "figure4", "figure5", "recipes", "false-positives",
    "ties", "norms", "choices",
)  # fmt: skip


@pytest.mark.parametrize("target", MEASURED)
def test_every_target_was_measured_on_every_data_set(target):
    assert set(FOUR) <= set(published_datasets(target)) <= set(CASES)
    for dataset in FOUR:
        rows = published(dataset, target)
        assert isinstance(rows, pd.DataFrame)
        assert len(rows) > 1


def test_an_unknown_data_set_or_target_is_refused_with_what_there_is():
    with pytest.raises(ValueError, match=r"dataset must be one of .*gtsrb.*; received 'mnist'"):
        published("mnist", "table3")
    with pytest.raises(ValueError, match=r"target must be one of .*table3.*; received 'table7'"):
        published("gtsrb", "table7")
    with pytest.raises(ValueError, match=r"target must be one of .*table3.*; received 'table7'"):
        published_datasets("table7")


@pytest.mark.parametrize("dataset", FOUR)
def test_effectiveness_holds_the_rows_of_the_tables(dataset):
    result = published_effectiveness(dataset)
    rates, needed = published(dataset, "table3"), published(dataset, "table5")
    assert result.attacks == tuple(dict.fromkeys(rates.attack))
    np.testing.assert_array_equal(result.n_s, np.arange(1, 11))
    np.testing.assert_allclose(result.alphas, paper.ALPHAS)
    assert set(result.models.values()) == {5}
    attack, method = result.attacks[0], METHODS[2]
    mine = rates[(rates.attack == attack) & (rates.samples == method)]
    for n in result.n_s:
        of_models = mine[mine.n_s == n].missing / 100
        band = [part[n - 1] for part in result.rates[attack][method]]
        np.testing.assert_allclose(band, [of_models.mean(), of_models.min(), of_models.max()])
    its = needed[(needed.attack == attack) & (needed.samples == method)].sort_values("alpha", ascending=False)
    np.testing.assert_array_equal(result.needed[attack][method].value, its.needed)
    for attack in result.attacks:
        for band in (*result.rates[attack].values(), *result.needed[attack].values()):
            assert (band.low <= band.value * (1 + 1e-9)).all()
            assert (band.value <= band.high * (1 + 1e-9)).all()


def test_without_table_5_nothing_is_needed():
    result = as_effectiveness(published("lfw", "figure5"))
    assert len(result.alphas) == 0
    assert result.rates.keys() == published_effectiveness("lfw").rates.keys()


def test_ascents_go_to_rows_and_back():
    rows = published("lfw", "figure3")
    found = ascents.from_rows(rows)
    assert [one.recipe for one in found] == ["ours", "the paper's recipe"]
    back = pd.concat(map(ascents.rows_of, found), ignore_index=True)
    pd.testing.assert_frame_equal(back, rows)
    t, s, snr = found[0].at(1_000_000)
    last = rows[(rows.recipe == "ours") & (rows.iteration == t)].set_index("quantity")["median"]
    assert (t, s, snr) == (100, last.S, last.snr)


def test_an_installed_package_holds_them_inside(tmp_path, monkeypatch):
    inside = tmp_path / "site-packages" / "ssviz" / "reproduction" / "published.py"
    monkeypatch.setattr(module, "__file__", str(inside))
    with pytest.raises(FileNotFoundError, match="Reinstall ssviz"):
        results_dir()
    copied = tmp_path / "site-packages" / "ssviz" / "_results" / "lfw"
    copied.mkdir(parents=True)
    monkeypatch.undo()
    shutil.copy(results_dir() / "lfw" / "table5.csv", copied)
    monkeypatch.setattr(module, "__file__", str(inside))
    assert published_datasets("table5") == ("lfw",)
    assert len(published("lfw", "table5")) > 1
