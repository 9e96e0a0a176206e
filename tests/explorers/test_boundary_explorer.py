"""The boundary explorer without a browser: its windows are what the models answer there, its counts are of labels."""

import numpy as np
import plotly.graph_objects as go
import pytest
import tiny_models

import ssviz
from ssviz.attacks import Attacked
from ssviz.explorers import BoundaryExplorer
from ssviz.explorers.base import PLOTLY_MIME

pytestmark = pytest.mark.core
WIDGET_MIME = "application/vnd.jupyter.widget-view+json"


@pytest.fixture(scope="module")
def model():
    return tiny_models.dense()


def tilted(by):
    """The same model with other biases of its last layer: every tie moves by a known amount."""
    model = tiny_models.dense()
    *others, bias = model.get_weights()
    model.set_weights([*others, bias + np.float32(by)])
    return model


@pytest.fixture(scope="module")
def pair(model):
    return ssviz.straddle(model, tiny_models.vectors(6), gap=1e-2, bounds=(-5, 5), progress=False)[:1]


@pytest.fixture(scope="module")
def suspects(pair):
    a, b = pair.classes[0]
    towards = np.eye(4)[a] - np.eye(4)[b]
    return [Attacked("a <tilt>", tilted(size * towards / 2), None, None, None, {}) for size in (0.5, -0.5, 0.001)]


@pytest.fixture
def explorer(model, pair, suspects):
    return BoundaryExplorer(model, suspects, pair.originals[0], pair, names=["plus", "minus"], size=7)


def test_a_pair_has_one_that_flips_whichever_way_the_tie_moves(explorer, suspects):
    found = explorer.shifts
    assert found.attacks == ("a <tilt> (1)", "a <tilt> (2)", "a <tilt> (3)")
    np.testing.assert_allclose(found.shifts, [[0.5] * 2, [-0.5] * 2, [0.001] * 2], atol=1e-4)
    np.testing.assert_allclose(found.gaps, [0.01, -0.01], atol=0.003)
    assert found.flips.tolist() == [[False, True], [True, False], [False, False]]
    explorer.update(model=1)
    status = explorer.status.value
    assert "<b>1</b> flip plus · <b>1</b> flip minus · <b>2</b> flip at least one" in status
    assert "<b>-0.5</b> logits" in status
    assert "<tilt>" not in status


@pytest.mark.parametrize("direction", ["sample", "random", "gradient", "other"])
def test_a_window_holds_what_the_models_answer_there(model, pair, suspects, direction):
    other = tiny_models.vectors(1, seed=9)
    explorer = BoundaryExplorer(model, suspects, pair.originals, pair, other=other, direction=direction, size=5)
    along, across = explorer._along, explorer._across(direction)
    assert np.sum(along * across) == pytest.approx(0, abs=1e-9)
    assert np.linalg.norm(across) == pytest.approx(1)
    zoom = len(explorer.radii) - 2
    window, (x, y) = explorer.windows()[zoom], explorer._centre(explorer.radii[zoom])
    r, middle = window.radius, pair.samples.mean(axis=0, dtype=np.float64)
    corner = middle + (x + r) * along + (y - r) * across  # last column, first row
    for z, m in ((window.intact, model), (window.compromised, suspects[0].model)):
        p = ssviz.probabilities(m, corner[None])[0]
        np.testing.assert_allclose(tiny_models.softmax(z[0, -1].astype(float)), p, atol=1e-5)


def test_the_pairs_plane_holds_original_and_both_samples_on_their_sides(explorer):
    wide, *_, near = explorer.windows()
    assert wide.there.all()
    assert np.abs(wide.marks).max() <= 1
    assert near.there[1:].all()
    assert 0.3 < np.abs(near.marks[1:]).max() < 1
    centre = explorer.size // 2
    a, b = near.classes[:2]
    for (x, y), sign in zip(near.marks[1:], (1, -1), strict=True):
        i, j = (round(centre * (1 + place)) for place in (y, x))
        gap = near.intact[i, j, a] - near.intact[i, j, b]
        assert np.sign(gap) == sign


def test_zoom_computes_nothing_and_a_model_is_asked_once(explorer, monkeypatch):
    assert explorer.widget
    before = explorer._map.data[0].source
    for zoom in range(len(explorer.radii)):
        explorer.update(zoom=zoom)
    explorer.update(model=1)
    monkeypatch.setattr(explorer, "_ask", None)  # a call would raise
    explorer.reset()
    explorer.update(model=1, zoom=len(explorer.radii) - 1)
    assert explorer._map.data[0].source != before
    ring, dots = explorer._strip.data[-1], explorer._strip.data[2]  # plus flips
    assert (ring.x[0], ring.y[0]) == (dots.x[0], dots.y[0])


def test_one_sample_and_bare_models_will_do(model):
    x = tiny_models.vectors(2)
    explorer = BoundaryExplorer(model, tilted([3, 0, 0, 0]), x[0], x[1:], size=3)
    assert explorer.names == ("Sensitive-Sample",)
    assert [key for _, key in explorer.controls["direction"].options] == ["gradient", "random"]
    explorer.update(zoom=1)
    assert "Of 1 compromised models" in explorer.status.value


def test_the_static_figure_has_a_menu_of_one_model_a_kind_and_is_no_widget(model, pair, suspects):
    more = [*suspects, Attacked("other", tilted([0, 0, 0, 1]), None, None, None, {})]
    explorer = BoundaryExplorer(model, more, pair.originals[0], pair, size=5, static=True)
    figure = explorer.static_figure()
    assert type(figure) is go.Figure
    assert [button.label for button in figure.layout.updatemenus[0].buttons] == ["a <tilt> (1)", "other"]
    assert len(figure.frames) == len(figure.layout.sliders[0].steps) == len(explorer.radii)
    assert WIDGET_MIME not in explorer._repr_mimebundle_()
    assert explorer._widget is None


def test_displays_a_widget_and_every_control_is_named(explorer):
    assert {WIDGET_MIME, PLOTLY_MIME} <= explorer._repr_mimebundle_().keys()
    assert all(control.description and control.tooltip for control in explorer.controls.values())
    assert explorer.radii[0] > explorer.radii[-1]


def test_errors_are_shown_or_raised_by_name(explorer, model, pair, suspects, monkeypatch):
    assert explorer.widget
    monkeypatch.setattr(explorer, "_windows_of", lambda *a: 1 / 0)
    explorer.controls["direction"].value = "random"
    assert "ZeroDivisionError" in explorer.status.value
    original = pair.originals[0]
    with pytest.raises(ValueError, match="names must be one a sample: 2; received 1"):
        BoundaryExplorer(model, suspects, original, pair, names=["alone"])
    with pytest.raises(ValueError, match="direction must be one of gradient, random, sample; received 'other'"):
        BoundaryExplorer(model, suspects, original, pair, direction="other")
    with pytest.raises(ValueError, match=r"original and other must have the shape \(6,\) of a sample; received \(3,\)"):
        BoundaryExplorer(model, suspects, original[:3], pair)
    with pytest.raises(ValueError, match="samples must differ from the original"):
        BoundaryExplorer(model, suspects, original, original[None])
    with pytest.raises(ValueError, match="class_names must be one a class: 4; received 1"):
        BoundaryExplorer(model, suspects, original, pair, class_names=["a"])
    with pytest.raises(ValueError, match="compromised must be one model or more"):
        BoundaryExplorer(model, [], original, pair)
