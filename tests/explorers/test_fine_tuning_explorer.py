"""The fine-tuning explorer without a browser, on made-up rates."""

import json

import numpy as np
import pytest

from ssviz import paper
from ssviz.explorers import FineTuningExplorer
from ssviz.explorers.base import PLOTLY_MIME
from ssviz.figures.resistance import FLOOR
from ssviz.resistance import MANC, METHODS, RANDOM, Resistance

GENERIC, SPECIFIC = "error-generic poisoning", "error-specific poisoning"


def rates(*attacks, models=3, seed=0):
    rng, n_s = np.random.default_rng(seed), np.arange(1, 6)

    def some():
        return {a: {m: rng.uniform(0.2, 0.6, (models, 1)) ** n_s for m in METHODS} for a in attacks}

    return Resistance(n_s, some(), some())


@pytest.fixture
def explorer():
    return FineTuningExplorer({"here": rates(GENERIC, models=1), "there": rates(GENERIC, SPECIFIC, seed=1)}, n_s=2)


def test_the_curves_are_the_means_and_the_ways_are_the_models(explorer):
    explorer.update(data="there", attack=SPECIFIC, n_s=2)
    there = explorer.results["there"]
    lines = {trace.name: trace.y for trace in explorer._figure.data[:6]}
    np.testing.assert_allclose(lines["MANC, after"], there.after[SPECIFIC][MANC].mean(0))
    np.testing.assert_allclose(lines["random, before"], there.before[SPECIFIC][RANDOM].mean(0))
    *ways, theirs, cursor = explorer._figure.data[-4:]
    for way, method in zip(ways, METHODS, strict=True):
        y = np.array(way.y, float).reshape(-1, 3)
        np.testing.assert_allclose(y[:, 0], there.before[SPECIFIC][method][:, 1])
        np.testing.assert_allclose(y[:, 1], there.after[SPECIFIC][method][:, 1])
        assert way.x[:3] == ("before", "after", None)
    assert cursor.x == (2, 2)
    before = paper.TABLE_6[SPECIFIC][0][1]
    assert theirs.y == (None, None, None)  # the paper rounds the rate after to zero
    np.testing.assert_allclose(lines["the paper, before"][1], before / 100)


def test_n_s_moves_the_ways_and_says_the_rates(explorer):
    assert explorer.widget
    explorer.controls["n_s"].value = 4
    here = explorer.results["here"]
    assert explorer._figure.data[-1].x == (4, 4)
    assert f"<b>{here.before[GENERIC][MANC][:, 3].mean():.2%}</b>" in explorer.status.value
    up = int(here.after[GENERIC][RANDOM][0, 3] > here.before[GENERIC][RANDOM][0, 3])
    assert f"up for {up} of 1 models" in explorer.status.value


def test_data_with_other_attacks_offer_them(explorer):
    assert explorer.widget
    menu = explorer.controls["attack"]
    assert menu.options == (GENERIC,)
    explorer.controls["data"].value = "there"
    assert menu.options == (GENERIC, SPECIFIC)
    menu.value = SPECIFIC
    explorer.controls["data"].value = "here"
    assert (menu.options, menu.value) == ((GENERIC,), GENERIC)
    explorer.update(data="there", attack=SPECIFIC)
    explorer.reset()
    assert (explorer.controls["data"].value, explorer.controls["n_s"].value) == ("here", 2)


def test_the_page_without_a_kernel_has_every_table_and_a_slider():
    results = {"here": rates(GENERIC, models=1), "there": rates(GENERIC, SPECIFIC)}
    bundle = FineTuningExplorer(results, static=True)._repr_mimebundle_()
    figure = bundle[PLOTLY_MIME]
    assert len(json.dumps(figure)) < 400_000
    (menu,), (slider,) = figure["layout"]["updatemenus"], figure["layout"]["sliders"]
    labels = [button["label"] for button in menu["buttons"]]
    assert labels == [f"here: {GENERIC}", f"there: {GENERIC}", f"there: {SPECIFIC}"]
    shown = np.array([button["args"][0]["visible"] for button in menu["buttons"]])
    assert (shown.sum(axis=0) == 1).all()
    assert len(slider["steps"]) == 5
    for frame in figure["frames"]:
        assert len(frame["traces"]) == len(frame["data"]) == 12
    assert [i % 10 for i in figure["frames"][0]["traces"][:4]] == [6, 7, 8, 9]


def test_rates_of_zero_lie_on_the_floor():
    zero = {GENERIC: {m: np.zeros((2, 5)) for m in METHODS}}
    explorer = FineTuningExplorer({"none": Resistance(np.arange(1, 6), zero, zero)})
    assert explorer.widget
    assert set(explorer._figure.data[0].y) == {FLOOR}


def test_no_results_are_refused_and_controls_have_names(explorer):
    with pytest.raises(ValueError, match="at least one data set"):
        FineTuningExplorer({})
    assert all(control.description and control.tooltip for control in explorer.controls.values())
