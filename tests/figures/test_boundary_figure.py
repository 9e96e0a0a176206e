"""The boundary figures draw what is in a Window and in Shifts, nothing else; the isolines are where they should be."""

import json

import numpy as np
import plotly.graph_objects as go
import pytest

from ssviz import figures
from ssviz.figures.boundary import MOVING, Window, boundaries, boundaries_with_zoom, moved, wide
from ssviz.figures.isolines import isolines
from ssviz.figures.shifts import Shifts, chosen, kinds, outcomes, tie_shifts

pytestmark = pytest.mark.core
STEPS = np.linspace(-1, 1, 21)


def made(radius=1.0, shift=0.4):
    """Two halves, a left of x = 0, after the change left of x = shift, and class 2 far from winning."""
    x, _ = np.meshgrid(STEPS, STEPS)
    intact = np.stack([-x, x, -9 + 0 * x], axis=-1).astype(np.float32)
    compromised = np.stack([shift - x, x - shift, -9 + 0 * x], axis=-1).astype(np.float32)
    marks, there = np.array([[-0.8, 0.0], [0.1, 0.2], [3.0, 0.0]]), np.array([True, True, True])
    names = ("original", "first", "second")
    return Window(radius, intact, compromised, marks, there, names, (0, 1), ("stop", "yield", "other"))


def found():
    flips = np.array([[0, 0], [1, 0], [0, 1], [1, 1]], bool)
    shift = np.array([[0.0001, 0.0002], [-0.5, -0.4], [0.3, 0.3], [-2, -2]])
    names = ("trojan (1)", "trojan (2)", "rounding", "(odd) name")
    return Shifts(names, ("plus", "minus"), np.array([1e-3, -1e-3]), shift, flips, ("stop", "yield"))


def test_isolines_of_a_plane_and_a_circle():
    rows, columns = np.indices((15, 21)) - 7.0
    straight = isolines(rows * 2 + columns - 5.5)
    np.testing.assert_allclose((straight - 7) @ [2, 1], 5.5)
    circle = isolines(5.3 - np.hypot(rows, columns))
    np.testing.assert_allclose(np.hypot(*(circle - 7).T), 5.3, atol=0.03)
    np.testing.assert_array_equal(circle[0], circle[-1])
    assert isolines(np.ones((3, 3))).shape == (0, 2)


@pytest.mark.parametrize("seed", range(5))
def test_isolines_cross_every_edge_whose_ends_differ_in_sign_once(seed):
    values = np.random.default_rng(seed).normal(size=(8, 7))
    lines = isolines(values)
    above, points = values > 0, lines[~np.isnan(lines[:, 0])]
    crossings = (above[:, 1:] != above[:, :-1]).sum() + (above[1:] != above[:-1]).sum()
    assert len(np.unique(points.round(9), axis=0)) == crossings
    lengths = np.linalg.norm(np.diff(lines, axis=0), axis=1)
    assert np.nanmax(lengths) <= np.sqrt(2)  # no line leaves a square but through an edge


def test_the_boundaries_are_where_the_labels_change():
    _, intact, compromised, path, original, samples, texts, bar = moved(made())
    np.testing.assert_allclose(intact["x"], 0, atol=1e-6)
    np.testing.assert_allclose(compromised["x"], 0.4, atol=1e-6)
    assert intact["y"].min() == -1
    assert intact["y"].max() == 1
    assert original == {"x": [-0.8], "y": [0.0]}
    assert (samples["x"][0], samples["y"][0]) == (0.1, 0.2)
    assert np.isnan(samples["x"][1])  # outside the window
    assert path["x"][1] == pytest.approx(1.55)
    assert texts["text"] == ["stop", "yield"]
    assert texts["x"][0] < 0 < texts["x"][1]
    assert bar["text"][-1] == "0.5"
    assert bar["x"][1] - bar["x"][0] == pytest.approx(0.5)


def test_fills_are_the_intact_labels_and_hatched_where_the_labels_differ():
    same, other = pixels(made(shift=0)), pixels(made(shift=0.4))
    assert len(np.unique(same.reshape(-1, 3), axis=0)) == 2
    differ = (same != other).any(axis=-1)
    columns = np.flatnonzero(differ.any(axis=0))
    assert columns.min() >= 200  # right of the middle of 400 pixels
    assert columns.max() < 281
    assert 0.1 < differ[:, 200:280].mean() < 0.3


def pixels(window):
    import base64
    import io

    from PIL import Image

    return np.array(Image.open(io.BytesIO(base64.b64decode(moved(window)[0]["source"].split(",")[1]))))


def test_what_is_off_the_plane_is_not_marked_and_a_boundary_out_of_sight_keeps_its_place_in_the_legend():
    window = made(shift=5)
    figure = boundaries(window)
    assert np.isnan(figure.data[2].x).all()
    assert len(figure.data[2].x) == 1
    away = Window(**{**vars(window), "there": np.array([False, False, True])})
    assert moved(away)[4] == {"x": [None], "y": [None]}
    assert np.isnan(moved(away)[5]["x"]).all()


def test_every_model_has_its_outcome():
    names, which = outcomes(found())
    assert names == ["no sample flips", "plus flips", "minus flips", "several flip"]
    assert which.tolist() == [0, 1, 2, 3]
    one = Shifts(("a", "b"), ("v",), np.zeros(1), np.ones((2, 1)), np.array([[False], [True]]), ("x", "y"))
    assert outcomes(one)[0] == ["keeps its label", "flips"]
    assert outcomes(one)[1].tolist() == [0, 1]


def test_models_stand_left_or_right_by_the_sign_of_their_shift_and_those_of_a_kind_share_a_row():
    tips, none, plus, minus, several, ring = tie_shifts(found()).data
    assert none.x[0] > 0 > plus.x[0]
    assert minus.x[0] > none.x[0]
    assert several.x[0] < plus.x[0]
    assert tips.x[0] < 0 < tips.x[3]  # plus tips to the left, minus to the right
    assert kinds(found().attacks) == ["trojan", "trojan", "rounding", "(odd) name"]
    assert round(none.y[0]) == round(plus.y[0]) == 0
    assert none.y[0] != plus.y[0]
    assert (ring.x[0], ring.y[0]) == (none.x[0], none.y[0])
    assert chosen(found(), 1)["x"] == [plus.x[0]]
    assert none.text == ("trojan (1): +0.00015",)


def test_the_static_figure_has_a_frame_for_every_window_and_a_menu_that_shows_one_model():
    windows = {name: [made(r, s) for r in (1.0, 0.1)] for name, s in (("trojan (1)", 0.2), ("rounding", -0.2))}
    figure = boundaries_with_zoom(windows, found(), 1)
    assert type(figure) is go.Figure
    assert [frame.name for frame in figure.frames] == [wide(1.0), wide(0.1)] == ["2", "0.2"]
    assert figure.layout.sliders[0].active == 1
    first, second = (button.args[0]["visible"] for button in figure.layout.updatemenus[0].buttons)
    assert len(first) == len(figure.data)
    assert [t.visible is not False for t in figure.data] == list(first)
    assert sum(first) == sum(second) == len(figure.data) - MOVING - 1
    for frame in figure.frames:
        assert [figure.data[i].type for i in frame.traces] == [trace.type for trace in frame.data]
        for i, trace in zip(frame.traces, frame.data, strict=True):
            assert figure.data[i].xaxis != "x2"  # the shifts stay
            assert trace.visible is None  # so that the menu's choice stays
    assert len(json.dumps(json.loads(figure.to_json()))) < 60_000
    assert not boundaries_with_zoom({"rounding": windows["rounding"]}, found(), 0).layout.updatemenus


def test_the_figures_are_exported():
    assert figures.boundaries is boundaries
    assert {"boundaries", "boundaries_with_zoom", "tie_shifts"} <= set(figures.__all__)
