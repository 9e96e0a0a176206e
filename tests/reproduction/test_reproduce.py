"""From images to report on the rendered signs: kept between runs, the same in one process and in several."""

import json

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from ssviz import reproduction
from ssviz.cli import app
from ssviz.reproduction import laboratory, measure, reproduce
from ssviz.reproduction.laboratory import Laboratory
from ssviz.reproduction.plan import EIGHT_BITS, plans
from ssviz.reproduction.report import write

ATTACKS = (EIGHT_BITS, "arbitrary weights, 1000 of all")
TARGETS = ("table2", "table3", "table4", "table5", "figure4", "figure5", "ties", "choices")


@pytest.fixture(scope="module")
def lab(tmp_path_factory):
    """A laboratory in which two worker processes have made two attacks' models, two of each."""
    lab = Laboratory.open("signs", tmp_path_factory.mktemp("parts"))
    measure(lab, ATTACKS, seeds=2, workers=2)
    return lab


@pytest.fixture
def finished(lab, monkeypatch):
    """`reproduce` on what is finished: anything that would take time fails."""

    def refuse(*args, **options):
        raise AssertionError("made again")

    monkeypatch.setattr(reproduction, "plans", lambda dataset: {name: plans(dataset)[name] for name in ATTACKS})
    monkeypatch.setattr(laboratory, "generate", refuse)
    monkeypatch.setattr(laboratory, "probabilities", refuse)
    monkeypatch.setattr(laboratory, "manc_missing_rates", refuse)
    return lab.parts.folder.parent


def test_a_worker_measures_what_this_process_does(lab):
    plan = plans("signs")[EIGHT_BITS]
    by_worker = lab.measured(plan, 0)
    for part in lab.parts.folder.glob("measured-*"):
        part.unlink()
    here = lab.measured(plan, 0)
    measure(lab, ATTACKS, seeds=2)
    for name in ("natural", "bag", "probabilities"):
        np.testing.assert_array_equal(getattr(here, name), getattr(by_worker, name))
    np.testing.assert_array_equal(here.manc["top-1"], by_worker.manc["top-1"])
    assert here.facts == by_worker.facts


def test_sensitive_samples_detect_more_than_images(lab):
    for m in measure(lab, ATTACKS, seeds=2):
        assert 0.3 < m.bag[0].mean() < 0.7  # a two-way tie
        assert m.natural[0].mean() < 0.1
        assert m.bag[lab.outputs.index("p")].all()


def test_what_is_finished_is_only_written(finished, tmp_path, monkeypatch):
    monkeypatch.setattr(Laboratory, "reference", lambda self, bag=None: kept[bag])
    kept = {"ours": np.random.default_rng(0).dirichlet(np.ones(43), 500)}
    lab, made = reproduce("signs", [t for t in TARGETS if t != "choices"], seeds=2, folder=finished)
    paths = write(lab, made, tmp_path / "out", seeds=2, whole=True)
    folder = tmp_path / "out" / "signs"
    assert {path.name for path in paths} == {
        *(f"{section.name}.csv" for section in made), "how.json", "report.md", "figure4.html", "figure5.html"
    }  # fmt: skip
    assert (folder / "plotly.min.js").stat().st_size > 1e6
    for name in ("figure4.html", "figure5.html"):
        assert 'src="plotly.min.js"' in (folder / name).read_text()
    text = (folder / "report.md").read_text()
    assert "nan" not in text.lower().replace("nance", "").split()
    for section in made:
        assert f"## {section.title}" in text
        assert len(pd.read_csv(folder / f"{section.name}.csv")) == len(section.rows)
    how = json.loads((folder / "how.json").read_text())
    assert how["model"] == "signs-cnn7"
    assert how["command"] == "ssviz reproduce --dataset signs"


def test_one_table_does_not_replace_the_report(finished, tmp_path):
    lab, made = reproduce("signs", ["table3"], seeds=2, folder=finished)
    names = {path.name for path in write(lab, made, tmp_path, seeds=2, whole=False)}
    assert names == {"table3.csv", "table3.md", "how.json"}
    rows = pd.read_csv(tmp_path / "signs" / "table3.csv")
    assert len(rows) == len(ATTACKS) * 2 * 3 * 10
    assert rows.missing.between(0, 100).all()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--dataset", "mnist"], "dataset must be one of signs, gtsrb"),
        (["--dataset", "signs", "--table", "7"], "received ['table7']"),
        (["--dataset", "signs", "--figure", "1"], "received ['figure1']"),
    ],
)
def test_a_wrong_argument_is_named(arguments, words, tmp_path):
    done = CliRunner().invoke(app, ["reproduce", *arguments, "--out", str(tmp_path / "out")])
    assert done.exit_code == 2
    assert words in done.output
    assert not (tmp_path / "out").exists()


def test_data_that_was_not_fetched_is_named(tmp_path, monkeypatch):
    monkeypatch.setenv("SSVIZ_HOME", str(tmp_path))
    done = CliRunner().invoke(app, ["reproduce", "--dataset", "lfw", "--table", "2", "--out", str(tmp_path / "out")])
    assert done.exit_code == 2
    assert "python -m data_fetch lfw" in done.output


def test_an_unknown_dataset_or_no_target_is_refused(tmp_path):
    with pytest.raises(ValueError, match="targets must be among table2"):
        reproduce("signs", [], folder=tmp_path)
    with pytest.raises(ValueError, match="workers and seeds must be at least 1; received 0 and 5"):
        reproduce("signs", workers=0, folder=tmp_path)


def test_compromised_models_are_made_once_by_name(lab):
    first, again = (lab.compromised(*ATTACKS, seed=1) for _ in range(2))
    assert [attacked.attack for attacked in first] == list(ATTACKS)
    for one, other in zip(first, again, strict=True):
        for a, b in zip(one.model.get_weights(), other.model.get_weights(), strict=True):
            np.testing.assert_array_equal(a, b)
    with pytest.raises(ValueError, match="received nonsense"):
        lab.compromised("nonsense")
