import numpy as np
import pytest
import tiny_models as tiny
from keras import layers

from ssviz.attacks import Trigger, apply_trigger, critical_neurons

pytestmark = pytest.mark.core

SHAPE = (12, 10, 3)


@pytest.mark.parametrize("corner", ["top left", "top right", "bottom left", "bottom right"])
def test_a_sticker_covers_a_square_near_its_corner_and_nothing_else(corner):
    images = tiny.images(4, SHAPE)
    stuck = apply_trigger(images, Trigger.sticker(SHAPE, size=3, corner=corner, grey=0.25))
    changed = (stuck != images).any(-1).any(0)
    rows = slice(1, 4) if "top" in corner else slice(8, 11)
    columns = slice(1, 4) if "left" in corner else slice(6, 9)
    assert changed[rows, columns].all()
    assert changed.sum() == 9
    np.testing.assert_allclose(stuck[:, rows, columns], 0.25, rtol=1e-6)
    assert stuck.dtype == np.float32


def test_a_watermark_lets_the_image_through():
    images = tiny.images(4, SHAPE)
    marked = apply_trigger(images, Trigger.watermark(SHAPE, opacity=0.2))
    np.testing.assert_allclose(marked[marked != images], (0.8 * images + 0.2 * 0.5)[marked != images], rtol=1e-5)
    assert 0.2 < np.mean(marked != images) < 0.3
    np.testing.assert_array_equal(apply_trigger(images[0], Trigger.watermark(SHAPE, 0.2)), marked[0])


def test_a_trigger_of_ones_own_says_how_large_it_is():
    mask = np.zeros(SHAPE)
    mask[0, :2, 1] = 0.5
    trigger = Trigger(mask, np.ones(SHAPE))
    assert repr(trigger) == "Trigger(2 of 120 pixels, opacity 0.5)"
    assert apply_trigger(np.zeros(SHAPE), trigger).sum() == 1


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Trigger(np.ones((3, 3)), np.ones((3, 3, 1))), r"mask must have shape.*received \(3, 3\)"),
        (lambda: Trigger(np.ones((3, 3, 1)), np.ones((3, 3))), r"pattern must be finite, of shape \(h, w, c\)"),
        (lambda: Trigger(np.ones((3, 3, 1)), np.full((3, 3, 1), np.nan)), "pattern must be finite"),
        (lambda: Trigger(np.full((3, 3, 1), 2), np.ones((3, 3, 1))), r"mask must lie in \[0, 1\].*received 2\.\.2"),
        (lambda: Trigger(np.zeros((3, 3, 1)), np.ones((3, 3, 1))), "mask must lie"),
        (lambda: Trigger.sticker(SHAPE, corner="middle"), "corner must be one of top left.*received 'middle'"),
        (lambda: Trigger.sticker(SHAPE, size=10), r"size must lie in 1\.\.9 for images \(12, 10, 3\); received 10"),
        (lambda: Trigger.watermark(SHAPE, 0), r"opacity must lie in \(0, 1\]; received 0"),
        (lambda: apply_trigger(np.ones((2, 4, 4, 3)), Trigger.sticker(SHAPE)), "images must have shape"),
    ],
)
def test_errors_name_the_argument(make, message):
    with pytest.raises(ValueError, match=message):
        make()


@pytest.mark.parametrize("layer", [layers.Dense(5), layers.Conv2D(5, 2)])
def test_critical_neurons_have_the_most_weight_on_their_inputs(layer):
    layer.build((None, 4, 4, 2))
    kernel = np.zeros(layer.kernel.shape)
    kernel[..., 0, :] = [1, -4, 2, 0, -3]
    layer.kernel.assign(kernel)
    assert critical_neurons(layer, 2).tolist() == [1, 4]
    assert critical_neurons(layer, 5).tolist() == [0, 1, 2, 3, 4]
