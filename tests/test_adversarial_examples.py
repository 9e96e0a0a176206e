"""FGSM and PGD keep their promises, on both backends: the ball, the bounds, the loss, and what they fool."""

import keras
import numpy as np
import pytest
import tiny_models as tiny
from keras import layers

from ssviz import probabilities
from ssviz.adversarial_examples import cross_entropy, fgsm, pgd

pytestmark = pytest.mark.core

N, EPSILON = 40, 0.12


@pytest.fixture(scope="module")
def model():
    """Two hidden layers, curved enough that one step up the loss is not the best."""
    stack = [layers.Input((6,)), layers.Dense(16, "tanh"), layers.Dense(16, "tanh"), layers.Dense(4, "softmax")]
    model = tiny.fill(keras.Sequential(stack))
    model.set_weights([3 * w for w in model.get_weights()])
    return model


@pytest.fixture(scope="module")
def x():
    return tiny.vectors(N)


@pytest.fixture(scope="module")
def labels(model, x):
    return probabilities(model, x).argmax(1)


def attack(name, model, x, labels, **options):
    return {"fgsm": fgsm, "pgd": pgd}[name](model, x, labels, **{"epsilon": EPSILON, **options})


@pytest.mark.parametrize(("name", "options"), [("fgsm", {}), ("pgd", {}), ("pgd", {"norm": "l2"}),
                                               ("pgd", {"seed": None, "step": 1.0})])  # fmt: skip
def test_inside_the_ball_and_the_bounds(model, x, labels, name, options):
    v = attack(name, model, x, labels, **options)
    assert (v.dtype, v.shape) == (np.float32, x.shape)
    assert v.min() >= 0
    assert v.max() <= 1
    d = np.linalg.norm(v - x, axis=1) if options.get("norm") == "l2" else np.abs(v - x).max(axis=1)
    assert (d <= EPSILON * (1 + 1e-5)).all()
    assert d.min() > EPSILON / 2  # and not standing still


def test_other_bounds_are_kept(model, x, labels):
    centred = 2 * x - 1
    v = fgsm(model, centred, labels, epsilon=0.3, bounds=(-1, 1))
    assert v.min() == -1
    assert v.max() == 1


@pytest.mark.parametrize("name", ["fgsm", "pgd"])
def test_the_loss_rises(model, x, labels, name):
    before = cross_entropy(model, x, labels)
    small = attack(name, model, x, labels, epsilon=1e-3, **({"seed": None} if name == "pgd" else {}))
    assert (cross_entropy(model, small, labels) > before).all()
    assert cross_entropy(model, attack(name, model, x, labels), labels).mean() > before.mean() + 0.5


def test_pgd_fools_more_than_fgsm_and_fgsm_more_than_nothing(model, x, labels):
    by_fgsm, by_pgd = (attack(name, model, x, labels) for name in ("fgsm", "pgd"))
    fooled = [np.mean(probabilities(model, v).argmax(1) != labels) for v in (x, by_fgsm, by_pgd)]
    assert fooled[0] == 0 < fooled[1] < fooled[2]
    losses = [cross_entropy(model, v, labels).mean() for v in (by_fgsm, by_pgd)]
    assert losses[0] < losses[1]


def test_fgsm_is_one_step_of_the_sign(model, x, labels):
    v = fgsm(model, x, labels, epsilon=EPSILON)
    by_pgd = pgd(model, x, labels, epsilon=EPSILON, step=EPSILON, itr_max=1, seed=None)
    np.testing.assert_array_equal(v, by_pgd)
    h = 1e-2
    nudges = x[:1] + h * np.concatenate([np.eye(6), -np.eye(6)]).astype(np.float32)
    losses = cross_entropy(model, nudges, np.repeat(labels[:1], 12))
    gradient = (losses[:6] - losses[6:]) / (2 * h)
    clear = np.abs(gradient) > 0.1 * np.abs(gradient).max()
    expected = np.clip(x[0] + EPSILON * np.sign(gradient), 0, 1)
    np.testing.assert_allclose(v[0][clear], expected[clear], atol=1e-6)


def test_the_loss_is_exact_where_the_network_is_sure():
    kernel = np.diag([40.0, 40.0, 40.0])
    model = tiny.linear(kernel)
    x = np.float32([[1, 0, 0], [0.5, 0.5, 0], [0, 0, 1]])
    losses = cross_entropy(model, x, [0, 0, 0])
    np.testing.assert_allclose(losses, [2 * np.exp(-40), np.log(2), 40 + np.log1p(0)], rtol=1e-5)
    moved = fgsm(model, x[:1], [0], epsilon=0.1)  # the gradient of -log p_0 itself would round to zero
    np.testing.assert_allclose(moved, [[0.9, 0.1, 0.1]], atol=1e-6)


def test_a_seed_repeats_and_batches_change_nothing(model, x, labels):
    once = pgd(model, x, labels, epsilon=EPSILON, seed=3, itr_max=3)
    np.testing.assert_array_equal(once, pgd(model, x, labels, epsilon=EPSILON, seed=3, itr_max=3))
    assert not np.array_equal(once, pgd(model, x, labels, epsilon=EPSILON, seed=4, itr_max=3))
    in_parts = pgd(model, x, labels, epsilon=EPSILON, seed=3, itr_max=3, batch_size=16)
    np.testing.assert_allclose(in_parts, once, atol=1e-6)


def test_the_model_and_the_input_are_untouched(model, x, labels):
    weights, before = model.get_weights(), x.copy()
    pgd(model, x, labels, epsilon=EPSILON, itr_max=2)
    np.testing.assert_array_equal(x, before)
    for a, b in zip(weights, model.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


def test_images_and_models_without_a_dense_head():
    convolutional, pictures = tiny.convolutional(), tiny.images(3)
    labels = probabilities(convolutional, pictures).argmax(1)
    v = pgd(convolutional, pictures, labels, epsilon=0.05, itr_max=2)
    assert v.shape == pictures.shape
    assert cross_entropy(convolutional, v, labels).mean() > cross_entropy(convolutional, pictures, labels).mean()
    pooled = tiny.fill(keras.Sequential([
        layers.Input((6, 6, 2)), layers.Conv2D(4, 3), layers.GlobalAveragePooling2D(), layers.Softmax(),
    ]))  # fmt: skip
    assert fgsm(pooled, pictures, [0, 1, 2], epsilon=0.1).shape == pictures.shape


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"epsilon": 0}, "epsilon must be a positive number; received 0"),
        ({"epsilon": "much"}, "epsilon must be a positive number; received 'much'"),
        ({"step": -1.0}, r"step must be a positive number; received -1\.0"),
        ({"itr_max": 0}, "itr_max must be a whole number of at least 1; received 0"),
        ({"norm": "l1"}, "norm must be 'l2' or 'linf'; received 'l1'"),
        ({"bounds": (1, 0)}, r"bounds must be \(p, q\) with p < q; received \(1, 0\)"),
        ({"batch_size": 0}, "batch_size must be a whole number of at least 1; received 0"),
        ({"labels": [0, 1]}, r"labels must be \(40,\) class numbers; received int64 \(2,\)"),
        ({"labels": np.zeros(40)}, r"labels must be \(40,\) class numbers; received float64 \(40,\)"),
        ({"labels": np.full(40, 4)}, r"labels must lie in 0\.\.3; received 4\.\.4"),
        ({"x": 300 * tiny.vectors(N)}, r"x must lie in \[0, 1\]; received max=.*Divide by 255"),
    ],
)
def test_a_wrong_argument_is_named(model, x, labels, options, said):
    with pytest.raises(ValueError, match=said):
        pgd(**{"model": model, "x": x, "labels": labels, "epsilon": EPSILON, **options})


def test_no_model_is_named():
    with pytest.raises(TypeError, match=r"model must be a keras\.Model; received str"):
        fgsm("mine", tiny.vectors(2), [0, 1], epsilon=0.1)
