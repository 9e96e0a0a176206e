"""A trigger that fades in: what two models answer, and the explorer that shows it."""

import json
from dataclasses import replace

import numpy as np
import plotly.graph_objects as go
import pytest
import tiny_models as tiny

from ssviz.attacks import Attacked, Goal, Trigger
from ssviz.explorers import TrojanExplorer
from ssviz.models import probabilities
from ssviz.trigger_sweep import trigger_sweep

pytestmark = pytest.mark.core

NAMES = ("a", "b", "<c>", "d")
LABELS = np.arange(9) % 4


@pytest.fixture(scope="module")
def intact():
    return tiny.convolutional()


@pytest.fixture(scope="module")
def images():
    return tiny.images(9)


@pytest.fixture(scope="module")
def trojan(images):
    """Another network in the place of a compromised one, and a sticker."""
    sticker = Trigger.sticker(images.shape[1:], size=3)
    return Attacked(
        "trojan", tiny.convolutional(activation="tanh"), None, None, None, {}, Goal(target=2, trigger=sticker)
    )


@pytest.fixture(scope="module")
def result(intact, trojan, images):
    return trigger_sweep(intact, trojan, images, LABELS, NAMES, opacities=(0, 0.25, 1))


def test_opacity_0_leaves_the_images_and_1_puts_the_trigger_on(result, trojan, images):
    trigger, left = trojan.goal.trigger, images[LABELS != 2]
    covered = np.broadcast_to(trigger.mask > 0, left.shape)
    np.testing.assert_array_equal(result.images[0], left)
    np.testing.assert_array_equal(result.images[:, ~covered], np.stack([left[~covered]] * 3))
    np.testing.assert_allclose(result.images[2][covered], np.broadcast_to(trigger.pattern, left.shape)[covered])
    np.testing.assert_allclose(result.images[1], 0.75 * result.images[0] + 0.25 * result.images[2], atol=1e-6)


def test_both_models_see_the_same_images_and_none_of_the_target(result, intact, trojan):
    assert result.truth.tolist() == [0, 1, 3, 0, 1, 3, 0]
    for k in range(3):
        np.testing.assert_allclose(result.before[k], probabilities(intact, result.images[k]), atol=1e-6)
        np.testing.assert_allclose(result.after[k], probabilities(trojan.model, result.images[k]), atol=1e-6)
    counted = [[np.mean(p[k].argmax(1) == 2) for k in range(3)] for p in (result.before, result.after)]
    np.testing.assert_allclose(result.taken, counted)


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"trojan": Attacked("pruning", None, None, None, None, {})}, "must have a trigger; received 'pruning'"),
        ({"opacities": (0, 1.5)}, r"opacities must lie in \[0, 1\]; received \[0.0, 1.5\]"),
        ({"opacities": ()}, "opacities must lie"),
        ({"labels": np.full(9, 2)}, "other classes than the target, 2"),
    ],
)
def test_a_wrong_argument_is_named(intact, trojan, images, wrong, said):
    arguments = {"trojan": trojan, "images": images, "labels": LABELS, "class_names": NAMES} | wrong
    with pytest.raises(ValueError, match=said):
        trigger_sweep(intact, **arguments)


@pytest.fixture
def explorer(result):
    """Two channels are no picture: their mean is."""
    return TrojanExplorer(replace(result, images=result.images.mean(axis=-1, keepdims=True)))


def test_the_explorer_follows_its_controls(explorer):
    assert explorer.widget
    r, before = explorer.result, explorer._picture.value
    explorer.update(image=2, opacity=1)
    bars = explorer._figure.data[:2]
    assert bars[0].y[-2:] == ("<c>", "d"), "the attacker's class below the picture's own"
    for bar, p in zip(bars, (r.before, r.after), strict=True):
        shown = [NAMES.index(name) for name in bar.y]
        np.testing.assert_allclose(bar.x, p[1, 2, shown])
    (line,) = explorer._figure.layout.shapes
    assert (line.x0, line.x1) == (25, 25)
    assert explorer._picture.value != before
    assert f"with the trojan <b>{r.taken[1, 1]:.0%}</b>" in explorer.status.value
    assert "<i>&lt;c&gt;</i>" in explorer.status.value
    explorer.reset()
    assert explorer.controls["opacity"].value == 2


def test_the_page_without_a_kernel_has_a_step_an_opacity(explorer):
    figure = explorer.static_figure()
    assert type(figure) is go.Figure
    assert len(figure.frames) == len(figure.layout.sliders[0].steps) == 3
    for k, frame in enumerate(figure.frames):
        assert [type(figure.data[t]) for t in frame.traces] == [type(data) for data in frame.data]
        assert frame.layout.shapes[0].x0 == 100 * explorer.result.opacities[k]
        np.testing.assert_allclose(sorted(frame.data[1].x), sorted(explorer.result.after[k, 0]))
    assert len(json.dumps(figure.to_plotly_json(), default=str)) < 400_000
