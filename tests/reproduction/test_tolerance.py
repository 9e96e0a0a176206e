"""False alarms and detections by tolerance: counted on a tiny model, shown from rows."""

from types import SimpleNamespace

import pandas as pd
import pytest
import tiny_models

from ssviz import numerics
from ssviz.reproduction import TARGETS, noise, tolerance
from ssviz.reproduction.noise import BATCHES, LARGEST_GAP, LEVELS, NONE, PLAIN, PLAIN_GAP
from ssviz.reproduction.plan import EIGHT_BITS, TROJAN, plans


class Lab(SimpleNamespace):
    """Of a laboratory what these rows need, on a tiny model; nothing is kept."""

    def originals(self, count, skip=0):
        return tiny_models.vectors(30)[skip:]

    def kept(self, kind, code, make):
        return make()

    def attacked(self, plan, seed):
        return SimpleNamespace(model=self.suspect), {}


@pytest.fixture
def lab(monkeypatch):
    here = {name: how for name, how in numerics.SETTINGS.items() if not (how.runtime or how.backend or how.threads)}
    for module in (numerics, noise):
        monkeypatch.setattr(module, "SETTINGS", here)
    monkeypatch.setattr(noise, "FOR_GAP", 10)
    model, suspect = (tiny_models.fill(tiny_models.dense(), seed=1) for _ in range(2))
    suspect.get_layer("head").bias.assign([0.5, -0.5, 0.5, -0.5])
    return Lab(model=model, suspect=suspect, dataset="signs", data=SimpleNamespace(class_names=list("abcd")))


@pytest.fixture
def rows(lab):
    measured = [SimpleNamespace(attack=name, seed=seed) for name in (TROJAN, EIGHT_BITS) for seed in (0, 1)]
    return tolerance.rows(lab, measured)


def test_a_gap_for_a_tolerance_raises_no_alarm_and_the_plain_one_does(rows):
    served = rows[rows.setting.notna()].set_index(["tolerance", "setting"])
    assert set(served.index.get_level_values(0)) == {"float32", "float16", "bfloat16", PLAIN}  # what runs here
    assert (served.queries == len(BATCHES) * served.samples).all()
    levels = served.index.get_level_values(0)
    assert served[levels != PLAIN].alarms.sum() == 0
    assert served.loc[(PLAIN, "bfloat16"), "alarms"] > 0
    assert (served["largest noise"] * numerics.SAFETY < 2 * served.gap)[levels != PLAIN].all()
    assert served.loc[("float32", "other batches"), "largest noise"] < 1e-5


def test_a_large_change_is_detected_at_every_gap(rows):
    attacked = rows[rows.attack.notna()]
    assert len(attacked) == 4 * 4  # models x levels that run here
    assert (attacked.detected > 90).all()


def test_a_gap_that_would_be_too_large_is_the_largest(lab, monkeypatch):
    monkeypatch.setattr(noise, "gap_for", lambda *_, **__: (_ for _ in ()).throw(ValueError("would need")))
    assert noise._gap(lab, "float16") == LARGEST_GAP


def test_a_level_of_which_nothing_can_run_here_has_no_rows(lab):
    found = noise.false_alarms(lab, "int8")
    assert (len(found), list(found)) == (0, noise.COLUMNS)


@pytest.mark.parametrize(("count", "asked"), [(15, (20, None)), (40, (20, "all")), (24, (17, "all"))])
def test_few_images_make_several_pairs_each(lab, monkeypatch, count, asked):
    found = []
    monkeypatch.setattr(noise, "straddle", lambda m, x, *, gap, classes: found.append((len(x), classes)) or [])
    noise.pairs_at(lab, PLAIN_GAP, count)
    assert found == [asked]


def test_section_and_block_show_all_rows(rows, tmp_path):
    section = tolerance.section_tolerance("signs", rows)
    lines = section.markdown.splitlines()
    plain = (rows.tolerance == PLAIN) & rows.setting.notna()
    assert (
        sum(line.startswith(("| float", "| bfloat")) for line in lines) == rows.setting.notna().sum() - plain.sum() + 3
    )
    assert f"any, at {PLAIN_GAP:g}" in section.markdown
    (tmp_path / "signs").mkdir()
    rows.to_csv(tmp_path / "signs" / "tolerance.csv", index=False)
    block = tolerance.tolerances(tmp_path, ["signs", "gtsrb"]).splitlines()
    assert len(block) == 2 + 4
    assert block[0].startswith("| data | tolerance | largest noise | gap | false alarms | trojan |")
    assert "| 0 of " in block[2]


def test_the_target_is_known_and_needs_the_papers_attacks():
    assert "tolerance" in TARGETS
    assert [name for name, plan in plans("gtsrb").items() if tolerance.uses(plan)] == list(tolerance.ATTACKS)
    assert LEVELS[-2:] == (NONE, PLAIN)


def test_a_level_that_was_read_back_from_a_file_keeps_its_name(tmp_path):
    pd.DataFrame({"tolerance": list(LEVELS)}).to_csv(tmp_path / "a.csv", index=False)
    assert tuple(pd.read_csv(tmp_path / "a.csv").tolerance) == LEVELS
