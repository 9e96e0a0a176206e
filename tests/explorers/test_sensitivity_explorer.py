"""The sensitivity explorer without a browser: its factors are S's, its plane is S, its controls move both."""

import numpy as np
import plotly.graph_objects as go
import pytest
import tiny_models
from keras import layers

import ssviz
from ssviz.explorers import SensitivityExplorer
from ssviz.explorers.base import PLOTLY_MIME

WIDGET_MIME = "application/vnd.jupyter.widget-view+json"


@pytest.fixture(scope="module")
def model():
    return tiny_models.dense()


@pytest.fixture
def explorer(model):
    return SensitivityExplorer(model, tiny_models.vectors(3), size=5)


@pytest.mark.parametrize("end", [None, [layers.Dense(4, "softmax", use_bias=False)]], ids=["bias", "no bias"])
def test_the_product_of_the_factors_is_the_sensitivity(end):
    model, x = tiny_models.dense(*end or ()), tiny_models.vectors(3)
    explorer = SensitivityExplorer(model, x, size=3)
    for i, s in enumerate(ssviz.sensitivity(model, x)):
        explorer.update(image=i)
        parts = explorer.anatomy()
        assert parts.own_jacobian * parts.features == pytest.approx(s, rel=1e-5)
        assert 10 ** parts.plane[1, 1] == pytest.approx(s, rel=1e-4)
        assert f"({'‖h‖²' if end else '‖h‖² + 1'})" in explorer.status.value


def test_the_factors_agree_with_numpy(model, explorer):
    x = tiny_models.vectors(3)
    h, p = tiny_models.forward(model, x)
    parts = explorer.anatomy()
    assert parts.features == pytest.approx(np.sum(h[0] ** 2) + 1, rel=1e-5)
    jacobian = np.diag(p[0]) - np.outer(p[0], p[0])
    assert parts.own_jacobian == pytest.approx(np.sum(jacobian**2), rel=1e-5)
    top = np.sort(np.log(p[0]))
    assert parts.own_gap == pytest.approx(top[-1] - top[-2], abs=1e-5)


def test_sensitivity_is_largest_where_the_two_classes_tie_and_moving_the_gap_keeps_the_rest(explorer):
    parts = explorer.anatomy()
    tie = parts.at(0)
    assert parts.jacobian.argmax() == tie
    assert parts.gaps[tie] == 0
    np.testing.assert_allclose(np.log(parts.top2[:, 0] / parts.top2[:, 1]), parts.gaps, atol=1e-4)
    np.testing.assert_allclose(parts.sensitivity[tie - 20 : tie], parts.sensitivity[tie + 20 : tie : -1], rtol=1e-4)


def test_the_plane_is_the_sensitivity_there_and_rises_along_the_gradient(model):
    x = tiny_models.vectors(1)
    parts = SensitivityExplorer(model, x, size=9, radius=0.01, seed=3).anatomy()
    assert parts.steps[[0, 4, -1]] == pytest.approx([-0.01, 0, 0.01])
    along, across = np.diff(parts.plane[4]), np.diff(parts.plane[:, 4])
    assert (along > 0).all()
    assert np.abs(across).max() < 0.1 * along.max()  # nothing to first order
    assert (parts.margin > 0).all()  # so near, the label is the image's own


def test_the_gap_moves_the_cursor_and_the_numbers(explorer, monkeypatch):
    assert explorer.widget
    monkeypatch.setattr(explorer, "_take_apart", None)  # a call would raise
    explorer.update(gap=-3.0)
    parts = explorer.anatomy()
    dots, line = explorer._curves.data[4:6]
    plane = explorer._plane_map.data[0].z
    assert dots.x == line.x == (-3.0, -3.0)
    assert dots.y == pytest.approx((parts.sensitivity[parts.at(-3)], parts.jacobian[parts.at(-3)]))
    assert f"= <b>{parts.sensitivity[parts.at(-3)]:.3g}</b>" in explorer.status.value
    assert explorer._plane_map.data[0].z is plane  # what does not depend on the gap is not drawn again
    explorer.reset()
    assert explorer.controls["gap"].value == parts.gaps[parts.at(parts.own_gap)]


def test_another_image_moves_the_curves_and_the_plane_and_is_computed_once(explorer):
    assert explorer.widget
    shown = lambda: (explorer._curves.data[0].y, explorer._curves.data[1].y, explorer._plane_map.data[0].z)  # noqa: E731
    before = [np.copy(values) for values in shown()]
    explorer.update(image=2)
    parts = explorer.anatomy()
    for old, new in zip(before, shown(), strict=True):
        assert not np.array_equal(old, new)
    np.testing.assert_allclose(explorer._curves.data[0].y, parts.sensitivity, rtol=1e-6)
    np.testing.assert_allclose(explorer._plane_map.data[0].z, parts.plane, rtol=1e-5)
    low, high = explorer._curves.layout.yaxis.range
    assert low <= np.log10(parts.jacobian.min())
    assert high >= np.log10(parts.sensitivity.max())
    explorer.update(image=0)
    explorer.update(image=2)
    assert explorer.anatomy() is parts


def test_the_static_figure_has_a_frame_for_every_step_and_is_no_widget(model):
    explorer = SensitivityExplorer(model, tiny_models.vectors(2), size=3, static=True)
    figure = explorer.static_figure()
    assert type(figure) is go.Figure
    assert len(figure.frames) == len(figure.layout.sliders[0].steps) == 21
    start = figure.layout.sliders[0].steps[figure.layout.sliders[0].active].label
    assert abs(float(start) - explorer.anatomy().own_gap) <= 0.75
    assert WIDGET_MIME not in explorer._repr_mimebundle_()
    assert explorer._widget is None


def test_displays_a_widget_and_every_control_is_named(explorer):
    bundle = explorer._repr_mimebundle_()
    assert {WIDGET_MIME, PLOTLY_MIME} <= bundle.keys()
    assert all(control.description and control.tooltip for control in explorer.controls.values())


def test_names_and_pictures():
    x = np.random.default_rng(0).random((2, 6, 6, 2), dtype=np.float32)
    explorer = SensitivityExplorer(tiny_models.convolutional(), x, ["one", "<two>"], class_names=list("abc<"), size=3)
    assert explorer.controls["image"].options == (("one", 0), ("<two>", 1))
    assert set(explorer.anatomy().classes) < set("abc<")
    assert explorer.widget  # two channels are no picture; the rest is drawn
    assert "p(<" not in explorer.status.value


def test_errors_are_shown_or_raised_by_name(explorer, model, monkeypatch):
    assert explorer.widget
    monkeypatch.setattr(explorer, "_take_apart", lambda i: 1 / 0)
    explorer.controls["image"].value = 1
    assert "ZeroDivisionError" in explorer.status.value
    with pytest.raises(ValueError, match="nonsense"):
        explorer.update(nonsense=1)
    with pytest.raises(ValueError, match="gap cannot be 99"):
        explorer.update(gap=99)
    with pytest.raises(ValueError, match="names must be one an image: 3; received 1"):
        SensitivityExplorer(model, tiny_models.vectors(3), ["alone"])
    with pytest.raises(ValueError, match="class_names must be one a class: 4; received 1"):
        SensitivityExplorer(model, tiny_models.vectors(3), class_names=["a"])
    headless = tiny_models.dense(layers.Dense(4), layers.LayerNormalization(), layers.Softmax())
    with pytest.raises(ValueError, match="Dense"):
        SensitivityExplorer(headless, tiny_models.vectors(2))
