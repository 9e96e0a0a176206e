import keras
import numpy as np
import pytest
import tiny_models as tiny
from keras import layers

from ssviz.attacks import (
    arbitrary_weights,
    error_generic_poisoning,
    error_specific_poisoning,
    precision_reduction,
)
from ssviz.datasets import Dataset

pytestmark = pytest.mark.core

CLASSES = 4


def blobs(n, seed):
    """A bright blob in one of four corners of a noisy 12x12 image: which corner is the class."""
    rng = np.random.default_rng(seed)
    y = rng.permutation(np.arange(n) % CLASSES).astype(np.int64)
    x = rng.integers(0, 80, (n, 12, 12, 1))
    for image, label in zip(x, y, strict=True):
        top, left = 6 * np.array(divmod(label, 2)) + rng.integers(0, 3, 2)
        image[top : top + 4, left : left + 4] += 150
    return x.astype(np.uint8), y


@pytest.fixture(scope="module")
def data():
    return Dataset("blobs", *blobs(400, seed=0), *blobs(120, seed=1), tuple("abcd"))


@pytest.fixture(scope="module")
def model(data):
    stack = [
        layers.Flatten(),
        layers.Dense(16, "relu", name="hidden"),
        layers.Dropout(0.2),
        layers.Dense(4, "softmax", name="head"),
    ]
    model = tiny.fill(keras.Sequential([layers.Input((12, 12, 1)), *stack]))
    model.compile(keras.optimizers.Adam(1e-2), "sparse_categorical_crossentropy")
    model.fit(*data.inputs("train"), epochs=3, verbose=0, shuffle=False)
    assert accuracy_of(model, data) > 0.95
    return model


def predicted(model, x):
    return tiny.forward(model, x.reshape(len(x), -1))[1].argmax(-1)


def accuracy_of(model, data):
    x, y = data.inputs("test")
    return np.mean(predicted(model, x) == y)


def weights(model):
    return np.concatenate([w.ravel() for w in model.get_weights()])


POISON = {"source": 1, "epochs": 3, "lr": 1e-2, "progress": False}
ATTACKS = {
    "one weight": lambda model, data, seed: arbitrary_weights(model, seed=seed, data=data),
    "many weights": lambda model, data, seed: arbitrary_weights(model, count=99, scale=3, seed=seed, data=data),
    "4 bits": lambda model, data, seed: precision_reduction(model, 4, data=data),
    "8 bits a channel": lambda model, data, seed: precision_reduction(model, 8, per="channel", data=data),
    "error-generic": lambda model, data, seed: error_generic_poisoning(model, data, seed=seed, **POISON),
    "error-specific": lambda model, data, seed: error_specific_poisoning(model, data, target=2, seed=seed, **POISON),
}
WITHOUT_CHANCE = {"4 bits", "8 bits a channel"}


@pytest.mark.parametrize("name", ATTACKS)
def test_every_attack_keeps_what_attacks_promise(name, model, data):
    before = weights(model).tobytes()
    config = model.get_config()
    first = ATTACKS[name](model, data, 3)

    assert weights(model).tobytes() == before  # the model that came in is as it was
    assert model.get_config() == config
    assert first.model is not model
    assert [w.shape for w in first.model.get_weights()] == [w.shape for w in model.get_weights()]
    assert first.model.get_config() == config
    assert weights(first.model).tobytes() != before
    assert np.isfinite(weights(first.model)).all()

    assert first.accuracy_before == pytest.approx(accuracy_of(model, data))
    assert first.accuracy_after == pytest.approx(accuracy_of(first.model, data))
    assert first.attack
    assert first.changed
    assert f"{100 * first.accuracy_after:.1f}%" in repr(first)

    again, other = ATTACKS[name](model, data, 3), ATTACKS[name](model, data, 4)
    np.testing.assert_array_equal(weights(again.model), weights(first.model))
    assert np.array_equal(weights(other.model), weights(first.model)) == (name in WITHOUT_CHANCE)


@pytest.mark.parametrize("attack", [arbitrary_weights, precision_reduction])
def test_without_data_nothing_is_measured(attack, model):
    result = attack(model)
    assert (result.accuracy_before, result.accuracy_after, result.success) == (None, None, None)
    assert "accuracy - -> -" in repr(result)


# --- arbitrary weights


@pytest.mark.parametrize("count", [1, 7, 68])
def test_exactly_so_many_weights_of_the_named_layers(count, model):
    result = arbitrary_weights(model, count=count, layers=["head"], seed=count)
    *others, kernel, bias = [a != b for a, b in zip(model.get_weights(), result.model.get_weights(), strict=True)]
    assert kernel.sum() + bias.sum() == count  # all 16 * 4 + 4 of them at last
    assert not any(changed.any() for changed in others)
    assert result.changed == {"weights": count, "of": 68, "scale": 1.0, "layers": ["head"]}


def test_the_noise_has_the_scale_of_its_array():
    model = keras.Sequential([layers.Input((100,)), layers.Dense(50, name="a"), layers.Dense(50, name="b")])
    tiny.fill(model)
    model.set_weights([w * spread for w, spread in zip(model.get_weights(), (1, 1, 30, 0), strict=True)])
    for scale in (0.1, 2):
        attacked = arbitrary_weights(model, count=model.count_params(), scale=scale).model.get_weights()
        noise = [after - before for after, before in zip(attacked, model.get_weights(), strict=True)]
        for i in (0, 2):
            assert noise[i].std() == pytest.approx(scale * model.get_weights()[i].std(), rel=0.05)
        assert noise[3].std() == pytest.approx(scale, rel=0.3)  # a constant array: relative to 1


def test_more_weights_are_other_weights_and_more_damage(model, data):
    few, many = (arbitrary_weights(model, count=n, scale=4, data=data) for n in (2, 2000))
    assert many.accuracy_after < few.accuracy_after


# --- precision


@pytest.mark.parametrize("per", ["tensor", "channel"])
@pytest.mark.parametrize("bits", [2, 4, 8])
def test_so_many_levels_and_no_more(bits, per, model):
    result = precision_reduction(model, bits, per=per)
    for before, after in zip(model.get_weights(), result.model.get_weights(), strict=True):
        columns = after.reshape(-1, after.shape[-1]).T if per == "channel" and after.ndim > 1 else [after]
        assert max(len(np.unique(column)) for column in columns) <= 2**bits - 1
        assert np.abs(after - before).max() <= 0.51 * np.abs(before).max() / (2 ** (bits - 1) - 1)
        assert np.abs(after).max() == pytest.approx(np.abs(before).max(), rel=1e-6)
    assert result.changed["compression"] == {2: "16x", 4: "8x", 8: "4x"}[bits]


def test_more_bits_come_closer(model):
    error = [np.abs(weights(precision_reduction(model, b).model) - weights(model)).mean() for b in (4, 6, 8, 16)]
    assert error == sorted(error, reverse=True)
    assert error[-1] < error[0] / 1000


def test_a_step_for_each_channel_comes_closer(model):
    error = {
        per: np.square(weights(precision_reduction(model, 4, per=per).model) - weights(model)).sum()
        for per in ("tensor", "channel")
    }
    assert error["channel"] < error["tensor"]


def test_an_array_of_zeros_stays():
    model = tiny.dense()
    model.set_weights([0 * w for w in model.get_weights()])
    assert not weights(precision_reduction(model, 4).model).any()


# --- poisoning


@pytest.mark.parametrize("name", ["error-generic", "error-specific"])
def test_poisoning_turns_one_class_and_leaves_the_others(name, model, data):
    result = ATTACKS[name](model, data, 0)
    x, y = data.inputs("test")
    labels = predicted(result.model, x)
    turned = labels == 2 if name == "error-specific" else labels != 1
    assert result.success == pytest.approx(turned[y == 1].mean())
    assert result.success >= 0.9
    assert np.mean(labels[y != 1] == y[y != 1]) >= 0.9
    assert result.changed["source"] == "b"
    assert result.changed["poisoned"] == 100


def test_a_frozen_layer_is_no_defence(model, data):
    frozen = keras.models.clone_model(model)
    frozen.set_weights(model.get_weights())
    frozen.get_layer("hidden").trainable = False
    for name in ("4 bits", "error-specific"):
        attacked = ATTACKS[name](frozen, data, 0).model.get_layer("hidden").get_weights()
        assert not np.array_equal(attacked[0], model.get_layer("hidden").get_weights()[0])
    assert not frozen.get_layer("hidden").trainable


# --- arguments


@pytest.mark.parametrize(
    ("attack", "options", "message"),
    [
        (arbitrary_weights, {"count": 0}, r"count must lie in 1\.\.2388.*received 0"),
        (arbitrary_weights, {"count": 10**6}, "count must lie"),
        (arbitrary_weights, {"count": 1.5}, "count must lie"),
        (arbitrary_weights, {"scale": 0}, "scale must be positive"),
        (arbitrary_weights, {"layers": ["flatten"]}, "layers must be among hidden, head; received"),
        (arbitrary_weights, {"layers": []}, "layers must be among"),
        (precision_reduction, {"bits": 1}, r"bits must be a whole number in 2\.\.16; received 1"),
        (precision_reduction, {"bits": 17}, "bits must be"),
        (precision_reduction, {"bits": 7.5}, "bits must be"),
        (precision_reduction, {"per": "layer"}, 'per must be "tensor" or "channel"'),
        (error_generic_poisoning, {"source": 4}, r"source must be a class in 0\.\.3; received 4"),
        (error_specific_poisoning, {"source": -1}, "source must be a class"),
        (error_specific_poisoning, {"source": 1, "target": 4}, "target must be a class"),
        (error_specific_poisoning, {"source": 1, "target": 1}, "target must differ from source; received 1"),
    ],
)
def test_errors_name_the_argument(attack, options, message, model, data):
    with pytest.raises(ValueError, match=message):
        attack(model, data=data, **options)


def test_a_class_without_images_cannot_be_poisoned(model, data):
    test = data.y_test != 3
    without = Dataset("blobs", data.x_train, data.y_train, data.x_test[test], data.y_test[test], tuple("abcd"))
    with pytest.raises(ValueError, match="source must have training and test images in 'blobs'; class 3"):
        error_generic_poisoning(model, without, source=3)


@pytest.mark.parametrize("attack", [arbitrary_weights, precision_reduction])
def test_only_models_that_can_be_copied(attack):
    with pytest.raises(TypeError, match=r"model must be a keras\.Model; received list"):
        attack([1, 2])
    with pytest.raises(TypeError, match="model must be a Sequential or functional Keras model"):
        attack(tiny.subclassed())
