import keras
import numpy as np
import pytest
import tiny_models as tiny
from keras import layers
from numpy.lib.stride_tricks import sliding_window_view

from ssviz import sensitivity

pytestmark = pytest.mark.core


def explicit(h, p, bias=True):
    """Eq. 6 entry by entry: dp_k/dW_ij = h_i p_k (delta_kj - p_j), the bias being the weight of h_i = 1."""
    h = np.append(h, 1) if bias else h
    off = 1 - np.eye(len(p))
    dp_dz = np.diag(p * (off @ p)) - off * np.outer(p, p)  # off @ p: 1 - p_j, exactly
    return np.square(np.einsum("i,kj->kij", h, dp_dz)).sum()


KINDS = {
    "sequential": (tiny.dense, tiny.vectors),
    "Activation layer": (
        lambda: tiny.dense(layers.Dense(4, name="head"), layers.Activation("softmax")),
        tiny.vectors,
    ),
    "Softmax layer": (lambda: tiny.dense(layers.Dense(4, name="head"), layers.Softmax()), tiny.vectors),
    "no bias": (lambda: tiny.dense(layers.Dense(4, "softmax", use_bias=False, name="head")), tiny.vectors),
    "functional, images, normalization, dropout": (tiny.convolutional, tiny.images),
    "nested": (tiny.nested, tiny.vectors),
    "nested head": (tiny.nested_head, tiny.vectors),
    "subclassed": (tiny.subclassed, tiny.vectors),
}


@pytest.mark.parametrize("kind", KINDS)
def test_closed_form_is_what_autodiff_finds(kind):
    build, samples = KINDS[kind]
    model, x = build(), samples()
    s = sensitivity(model, x)
    assert s.shape == (5,)
    assert s.dtype == np.float64
    np.testing.assert_allclose(s, sensitivity(model, x, layers=["head"]), rtol=1e-5)
    assert s.std() > 1e-3 * s.mean()  # the samples differ, so agreement says something


@pytest.mark.parametrize("bias", [True, False])
def test_equals_the_explicit_jacobian(bias):
    model = tiny.dense(layers.Dense(4, "softmax", use_bias=bias, name="head"))
    x = tiny.vectors(8)
    expected = [explicit(h, p, bias) for h, p in zip(*tiny.forward(model, x), strict=True)]
    np.testing.assert_allclose(sensitivity(model, x), expected, rtol=1e-5)


def test_logits_get_their_softmax_and_it_is_said():
    model = tiny.dense(layers.Dense(4, name="head"))
    x = tiny.vectors()
    expected = sensitivity(tiny.dense(), x)  # the same weights, ending in the softmax
    for names in (None, ["head"]):
        with pytest.warns(UserWarning, match="returns logits: ssviz applies the softmax"):
            s = sensitivity(model, x, layers=names)
        np.testing.assert_allclose(s, expected, rtol=1e-5)


@pytest.mark.parametrize(("gap", "largest"), [(1, 1), (10, 1e-7), (23, 1e-18), (25, 1e-20), (40, 1e-33), (100, 1e-85)])
def test_confident_inputs_keep_their_sensitivity(gap, largest):
    z = np.array([gap, 0, -1, -3.5])
    x = np.float32([[1, 0.5, 0]])
    model = tiny.linear([z, np.zeros(4), np.ones(4)], np.zeros(4))
    expected = explicit(x[0].astype(np.float64), tiny.softmax(z))
    assert 0 < expected < largest
    np.testing.assert_allclose(sensitivity(model, x), expected, rtol=2e-5)
    np.testing.assert_allclose(sensitivity(model, x, layers=["head"]), expected, rtol=2e-5)


@pytest.mark.parametrize("k", [2, 3, 10])
def test_a_tie_of_k_classes(k):
    h = np.float32([[0.5, 2, 1]])  # ||h||^2 = 5.25
    tied = tiny.linear(np.zeros((3, k)), np.zeros(k))
    np.testing.assert_allclose(sensitivity(tied, h), (1 / k - 1 / k**2) * 6.25, rtol=1e-6)
    among_others = tiny.linear(np.zeros((3, 20)), np.where(np.arange(20) < k, 3, -60))
    np.testing.assert_allclose(sensitivity(among_others, h), (1 / k - 1 / k**2) * 6.25, rtol=1e-6)


def test_a_convolution_against_finite_differences():
    model = tiny.convolutional(activation="tanh")
    x = tiny.images(3)
    kernel, bias, gamma, beta, mean, variance, w, b = (a.astype(np.float64) for a in model.get_weights())

    def outputs(image, kernel, bias):
        windows = sliding_window_view(2 * image.astype(np.float64) - 1, (3, 3), axis=(0, 1))
        a = np.einsum("yxcij,ijcf->yxf", windows, kernel) + bias
        a = np.tanh((a - mean) / np.sqrt(variance + 1e-3) * gamma + beta)
        pooled = a.reshape(2, 2, 2, 2, 3).max((1, 3))
        return tiny.softmax(pooled.ravel() @ w + b)

    def differences(image, step=1e-5):
        for array in (kernel, bias):
            for i in np.ndindex(array.shape):
                kept = array[i]
                array[i] = kept + step
                up = outputs(image, kernel, bias)
                array[i] = kept - step
                down = outputs(image, kernel, bias)
                array[i] = kept
                yield (up - down) / (2 * step)

    expected = [np.square(list(differences(image))).sum() for image in x]
    np.testing.assert_allclose(sensitivity(model, x, layers=["conv"]), expected, rtol=1e-4)


def test_sensitivity_adds_up_over_layers():
    model, x = tiny.convolutional(), tiny.images()
    names = ["conv", "norm", "head"]
    apart = [sensitivity(model, x, layers=[name]) for name in names]
    assert min(s.min() for s in apart) > 0
    np.testing.assert_allclose(sensitivity(model, x, layers=names), sum(apart), rtol=1e-5)


@pytest.mark.parametrize("names", [None, ["conv"]])
def test_a_sample_does_not_depend_on_its_batch(names):
    model, x = tiny.convolutional(), tiny.images(7)
    whole = sensitivity(model, x, layers=names)
    np.testing.assert_allclose(sensitivity(model, x[::-1], layers=names, batch_size=3)[::-1], whole, rtol=1e-5)
    np.testing.assert_allclose(sensitivity(model, x[4:5], layers=names), whole[4:5], rtol=1e-5)


def test_new_weights_are_seen():
    model, x = tiny.dense(), tiny.vectors()
    before = [sensitivity(model, x), sensitivity(model, x, layers=["hidden"])]
    tiny.fill(model, seed=5)
    after = [sensitivity(model, x), sensitivity(model, x, layers=["hidden"])]
    fresh = tiny.fill(tiny.dense(), seed=5)
    expected = [sensitivity(fresh, x), sensitivity(fresh, x, layers=["hidden"])]
    np.testing.assert_allclose(after, expected, rtol=1e-6)
    assert not np.allclose(before, after, rtol=1e-2)


def test_a_replaced_layer_is_seen():
    model, x = tiny.dense(), tiny.vectors()
    sensitivity(model, x)
    model.pop()
    model.add(layers.Dense(7, "softmax"))
    tiny.fill(model, seed=5)
    expected = [explicit(h, p) for h, p in zip(*tiny.forward(model, x), strict=True)]
    np.testing.assert_allclose(sensitivity(model, x), expected, rtol=1e-5)


def ends_in(*end):
    return lambda: keras.Sequential([layers.Input((6, 6, 2)), layers.Conv2D(3, 3, name="conv"), *end])


FLAT = layers.Flatten
REFUSED = {
    "regression": (ends_in(FLAT(), layers.Dense(1)), "at least two outputs"),
    "sigmoid": (ends_in(FLAT(), layers.Dense(1, "sigmoid")), "single sigmoid"),
    "many sigmoids": (ends_in(FLAT(), layers.Dense(3, "sigmoid")), "neither z nor softmax"),
    "pooling": (ends_in(layers.GlobalAveragePooling2D(), layers.Softmax()), r"'conv', is Conv2D.*layers="),
    "normalized": (
        ends_in(FLAT(), layers.Dense(3), layers.BatchNormalization(), layers.Softmax()),
        "BatchNorm",
    ),
    "image": (ends_in(), "one array"),
}


@pytest.mark.parametrize("kind", REFUSED)
@pytest.mark.filterwarnings("ignore:.*returns logits")
def test_a_model_without_a_classifier_head_is_refused(kind):
    build, message = REFUSED[kind]
    with pytest.raises(ValueError, match=message):
        sensitivity(build(), tiny.images())


def test_without_a_dense_head_the_layers_can_be_named():
    model = tiny.fill(ends_in(layers.GlobalAveragePooling2D(), layers.Softmax())())
    x = tiny.images()
    means = sliding_window_view(x, (4, 4), axis=(1, 2)).mean((-2, -1)).reshape(len(x), 3, 3, 2)
    features = means.reshape(len(x), -1)  # the pooled convolution is linear in them
    kernel, bias = model.get_weights()
    equal = tiny.linear(kernel.reshape(-1, 3), bias)
    np.testing.assert_allclose(sensitivity(model, x, layers=["conv"]), sensitivity(equal, features), rtol=1e-5)


@pytest.mark.parametrize(
    ("x", "names", "message"),
    [
        (tiny.vectors(size=7), None, r"x must have shape \(n, 6\).*received \(5, 7\)"),
        (tiny.images(), None, r"x must have shape \(n, 6\)"),
        (tiny.vectors()[0], None, r"x must be a batch.*\(6,\)"),
        (tiny.vectors()[:0], None, "x must be a batch"),
        (np.full((2, 6), "a"), None, "numeric"),
        (np.full((2, 6), np.nan), None, "x must be finite"),
        (np.full((2, 6), np.inf), None, "x must be finite"),
        (tiny.vectors(), ["hiden"], r"layers must name layers of .*hidden, .*received \['hiden'\]"),
        (tiny.vectors(), [], "layers must name"),
        (tiny.vectors(), "head", "layers must be a list"),
        (tiny.vectors(), ["drop"], r"layers must have trainable weights; \['drop'\]"),
    ],
)
def test_errors_name_the_argument(x, names, message):
    model = tiny.dense(layers.Dropout(0.5, name="drop"), layers.Dense(4, "softmax", name="head"))
    with pytest.raises(ValueError, match=message):
        sensitivity(model, x, layers=names)


def test_only_keras_models():
    with pytest.raises(TypeError, match=r"model must be a keras\.Model; received function"):
        sensitivity(lambda x: x, tiny.vectors())


@pytest.mark.parametrize("policy", ["mixed_float16", "mixed_bfloat16"])
def test_a_mixed_precision_model_has_a_head_too(policy):
    """S is computed in float32 from the half-precision features; both ways see the same features."""
    try:
        keras.config.set_dtype_policy(policy)
        model = tiny.dense(keras.layers.Dense(4, name="head"), keras.layers.Softmax(dtype="float32"))
    finally:
        keras.config.set_dtype_policy("float32")
    x = tiny.vectors()
    np.testing.assert_allclose(sensitivity(model, x), sensitivity(model, x, layers=["head"]), rtol=1e-5)
