"""The explorers without a browser: update them, look at what they show."""

import json

import numpy as np
import plotly.graph_objects as go
import pytest

import ssviz
from ssviz.explorers import GenerationExplorer, MancExplorer
from ssviz.explorers.base import PLOTLY_MIME, live

WIDGET_MIME = "application/vnd.jupyter.widget-view+json"


@pytest.fixture
def generation(model, images):
    return GenerationExplorer(model, images[:2], itr_max=12)


@pytest.fixture
def cover(model, bag):
    return MancExplorer(ssviz.active_neurons(model, bag), bag.samples, k=5, trials=50)


EXPLORERS = ("generation", "cover", "missing", "results")


@pytest.mark.parametrize("name", EXPLORERS)
def test_displays_a_widget_and_a_figure_for_where_no_kernel_runs(name, request):
    explorer = request.getfixturevalue(name)
    bundle = explorer._repr_mimebundle_()
    assert {WIDGET_MIME, PLOTLY_MIME} <= bundle.keys()
    assert bundle[PLOTLY_MIME]["data"]
    explorer.static = True
    assert WIDGET_MIME not in explorer._repr_mimebundle_()


@pytest.mark.parametrize("name", EXPLORERS)
def test_every_control_has_a_label_and_a_tooltip(name, request):
    for control in request.getfixturevalue(name).controls.values():
        assert control.description
        assert control.tooltip


@pytest.mark.parametrize("name", EXPLORERS)
def test_an_unknown_control_or_value_is_refused_by_name(name, request):
    explorer = request.getfixturevalue(name)
    with pytest.raises(ValueError, match="nonsense"):
        explorer.update(nonsense=1)
    first = next(iter(explorer.controls))
    with pytest.raises(ValueError, match=first):
        explorer.update(**{first: "no such value"})


def test_update_and_reset_need_no_display_first(cover):
    cover.update(n_s=4)
    assert "<b>" in cover.status.value
    assert cover._curves.data[-1].x == (4,)
    cover.reset()
    assert cover.controls["n_s"].value == 2


def test_an_error_in_a_callback_is_shown(generation, monkeypatch):
    assert generation.widget

    def broken() -> None:
        raise RuntimeError("the disk is <full>")

    monkeypatch.setattr(generation, "draw", broken)
    generation.controls["amplification"].value = 30
    assert "RuntimeError: the disk is &lt;full&gt;" in generation.status.value
    assert "Traceback" in generation.status.value


def test_epsilon_stops_earlier_and_computes_nothing(generation, monkeypatch):
    assert generation.widget
    samples = generation.ascent()
    monkeypatch.setattr("ssviz.explorers.generation.generate", None)  # a call would raise
    before = generation._pictures[1].value
    generation.update(epsilon=0.2)
    t = generation._curves.data[2].x[0]
    assert samples.distance[t, 0] <= 0.2 < samples.distance[t + 1, 0]
    assert generation._curves.data[2].y[0] == pytest.approx(samples.sensitivity[t, 0])
    assert generation._pictures[1].value != before
    assert f"Iteration <b>{t}</b>" in generation.status.value
    assert "(l2)</b> of 0.2," in generation.status.value
    generation.update(epsilon=3.0)  # not reached, and said
    assert "(l2)</b> of 3," in generation.status.value
    generation.update(epsilon=np.inf)
    assert " of " not in generation.status.value


def test_a_new_learning_rate_runs_once_and_moves_the_curve(generation):
    assert generation.widget
    before = generation._curves.data[0].y
    generation.update(lr=5e-3)
    fast = generation.ascent()
    assert not np.array_equal(before, generation._curves.data[0].y)
    assert fast.settings["lr"] == 5e-3
    generation.update(lr=1e-3)
    generation.update(lr=5e-3)
    assert generation.ascent() is fast


def test_amplification_changes_only_the_difference(generation):
    assert generation.widget
    original, sample, difference = (picture.value for picture in generation._pictures)
    generation.update(amplification=40)
    assert [p.value for p in generation._pictures[:2]] == [original, sample]
    assert generation._pictures[2].value != difference


def test_reset_brings_every_control_back(generation):
    assert generation.widget
    generation.update(epsilon=0.5, amplification=33)
    generation.reset()
    assert generation.controls["epsilon"].value == np.inf
    assert generation.controls["amplification"].value == 10


def test_n_s_shows_prefixes_of_one_selection(cover):
    assert cover.widget
    grid = cover._grid.value
    cover.update(n_s=5)
    assert cover._grid.value != grid
    assert cover._curves.data[-1].x == (5,)
    assert f"{cover.selection.covered[4].sum()} of {cover.selection.n_neurons}" in cover.status.value


def test_static_figures_hold_a_frame_or_a_menu_entry_for_every_step(generation, cover, missing):
    figure = generation.static_figure()
    moved = generation.ascent().distance.max()  # farther epsilons stop nothing
    stops = 1 + sum(epsilon < moved for _, epsilon in generation.controls["epsilon"].options)
    assert len(figure.frames) == len(figure.layout.sliders[0].steps) == stops > 1
    shown = [frame.data[2].x[0] for frame in figure.frames]
    assert shown == sorted(set(shown)), "no step shows what another shows"
    assert len(cover.static_figure().frames) == 5
    chances = missing.static_figure()
    (menu,), (slider,) = chances.layout.updatemenus, chances.layout.sliders
    own = [f"here · {attack}" for attack in missing.results["here"].attacks]
    assert [button.label for button in menu.buttons][: len(own)] == own
    assert len(chances.frames) == len(slider.steps) == 4
    assert len(chances.to_json()) < 400_000
    assert len(json.dumps(json.loads(figure.to_json()))) < 400_000


def test_neurons_of_interest_choose_their_own_cover(model, bag):
    maps = {name: ssviz.active_neurons(model, bag, layers=[name]) for name in ("features", "conv3a")}
    explorer = MancExplorer(maps, bag.samples, k=4, trials=20)
    assert explorer.widget
    features, grid = explorer.selection, explorer._grid.value
    explorer.controls["neurons"].value = "conv3a"
    assert explorer.selection.n_neurons == maps["conv3a"].shape[1] != features.n_neurons
    np.testing.assert_allclose(explorer._curves.data[3].y, explorer.selection.coverage)
    assert f"of {explorer.selection.n_neurons} covered" in explorer.status.value
    assert explorer._grid.value != grid
    explorer.reset()
    assert explorer.selection is features
    np.testing.assert_allclose(explorer._curves.data[3].y, features.coverage)


def test_before_it_is_shown_a_figure_sends_its_whole_state_and_no_changes(cover):
    cover.update(n_s=4)
    sent = []
    cover._curves.observe(lambda change: sent.append(change.new), "_py2js_update")
    cover.update(n_s=5)
    assert sent == []
    assert cover.widget
    assert tuple(cover._curves._widget_data[-1]["x"]) == (5,)
    cover.update(n_s=3)
    assert len(list(filter(None, sent))) == 1


def test_a_batch_sends_what_it_leaves_alone_too():
    """What plotly leaves out of a message for several traces arrives as null and wipes the trace."""
    figure = live(go.Figure([go.Scatter(x=[1], y=[2]), go.Scatter(x=[3], y=[4])]), 200, 200)
    figure.wake()
    sent = []
    figure.observe(lambda change: sent.append(change.new), "_py2js_update")
    with figure.batch_update():
        figure.data[0].update(x=[1], y=[5])
        figure.data[1].update(x=[6], y=[4])
    assert figure.data[0].y == (5,)
    (message,) = filter(None, sent)
    assert {name: [list(v) for v in values] for name, values in message["style_data"].items()} == {
        "x": [[1], [6]],
        "y": [[5], [4]],
    }
