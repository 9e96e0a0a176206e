import keras
import numpy as np
import pytest
import tiny_models as tiny
from keras import layers

from ssviz.attacks import (
    Trigger,
    adversarial_fine_tuning,
    apply_trigger,
    arbitrary_weights,
    distillation,
    error_generic_poisoning,
    error_specific_poisoning,
    magnitude_pruning,
    precision_reduction,
    trojan,
    weight_sharing,
)
from ssviz.attacks.compression import codebook
from ssviz.datasets import Dataset
from ssviz.models import probabilities

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
    keras.utils.set_random_seed(0)
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
    return tiny.forward(model, x.reshape(len(x), -1))[1].argmax(-1)  # NumPy's word against Keras's


def accuracy_of(model, data):
    x, y = data.inputs("test")
    return np.mean(predicted(model, x) == y)


def weights(model):
    return np.concatenate([w.ravel() for w in model.get_weights()])


def fine_tuned(model, data, seed):
    attacked = precision_reduction(model, 3, data=data)
    samples, _ = data.inputs("train", limit=20, seed=9)
    return adversarial_fine_tuning(attacked, model, samples, data, seed=seed, epochs=1, progress=False)


def small_trojan(model, data, seed):
    options = {"trigger": Trigger.watermark((12, 12, 1), 0.6), "steps": 20, "triggered": 150, "epochs": 4, "lr": 2e-2}
    return trojan(model, data, target=2, seed=seed, progress=False, **options)


QUICK = {"epochs": 1, "lr": 1e-3, "progress": False}
POISON = {"source": 1, "epochs": 3, "lr": 1e-2, "progress": False}
ATTACKS = {
    "one weight": lambda model, data, seed: arbitrary_weights(model, seed=seed, data=data),
    "many weights": lambda model, data, seed: arbitrary_weights(model, count=99, scale=3, seed=seed, data=data),
    "signs": lambda model, data, seed: arbitrary_weights(model, how="sign", count=9, seed=seed, data=data),
    "bits": lambda model, data, seed: arbitrary_weights(model, how="bit", count=9, seed=seed, data=data),
    "values": lambda model, data, seed: arbitrary_weights(model, how="value", value=2, seed=seed, data=data),
    "4 bits": lambda model, data, seed: precision_reduction(model, 4, data=data),
    "4 bits, retrained": lambda model, data, seed: precision_reduction(model, 4, data=data, seed=seed, **QUICK),
    "pruning": lambda model, data, seed: magnitude_pruning(model, 0.6, data=data),
    "sharing": lambda model, data, seed: weight_sharing(model, 8, data=data),
    "distillation": lambda model, data, seed: distillation(model, data, epochs=3, lr=1e-2, seed=seed, progress=False),
    "trojan": small_trojan,
    "fine-tuned": fine_tuned,
    "8 bits a channel": lambda model, data, seed: precision_reduction(model, 8, per="channel", data=data),
    "error-generic": lambda model, data, seed: error_generic_poisoning(model, data, seed=seed, **POISON),
    "error-specific": lambda model, data, seed: error_specific_poisoning(model, data, target=2, seed=seed, **POISON),
}
WITHOUT_CHANCE = {"4 bits", "8 bits a channel", "pruning", "sharing"}
OF_OTHER_SHAPE = {"distillation"}


@pytest.mark.parametrize("name", ATTACKS)
def test_every_attack_keeps_what_attacks_promise(name, model, data):
    before = weights(model).tobytes()
    config = model.get_config()
    first = ATTACKS[name](model, data, 3)

    assert weights(model).tobytes() == before  # the model that came in is as it was
    assert model.get_config() == config
    assert first.model is not model
    if name not in OF_OTHER_SHAPE:
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


@pytest.mark.parametrize("attack", [arbitrary_weights, precision_reduction, magnitude_pruning, weight_sharing])
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
    assert result.changed == {"weights": count, "of": 68, "how": "gaussian", "scale": 1.0, "layers": ["head"]}


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


def changes(result, model):
    before, after = weights(model), weights(result.model)
    return before[before != after], after[before != after]


def test_a_turned_sign_and_a_set_value(model):
    before, after = changes(arbitrary_weights(model, how="sign", count=50, layers=["head"]), model)
    assert 45 <= len(before) <= 50
    np.testing.assert_array_equal(after, -before)
    before, after = changes(arbitrary_weights(model, how="value", value=0.25, count=50), model)
    assert len(before) == 50
    assert (after == 0.25).all()


@pytest.mark.parametrize("bits", [[31], [29], [0], [23, 3], None])
def test_one_bit_of_the_word_is_flipped(bits, model):
    result = arbitrary_weights(model, how="bit", count=300, bits=bits, seed=1)
    before, after = changes(result, model)
    flipped = before.view(np.uint32) ^ after.view(np.uint32)
    assert len(flipped) == 300
    assert set(np.log2(flipped)) <= set(range(32) if bits is None else bits)
    assert np.isfinite(after).all()


def test_no_bit_makes_a_weight_infinite():
    model = tiny.linear(np.ones((3, 2)))  # 1.0 with its bit 30 flipped is infinity
    with pytest.raises(ValueError, match=r"bits must have one that leaves every weight finite; \[30\] have none for 1"):
        arbitrary_weights(model, how="bit", bits=[30])
    after = weights(arbitrary_weights(model, how="bit", bits=[30, 31], count=6).model)
    np.testing.assert_array_equal(after, -1)


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


# --- other kinds of compression


@pytest.mark.parametrize("options", [{}, QUICK])
def test_pruning_zeroes_the_smallest_weights_of_every_kernel_and_no_bias(options, model, data):
    result = magnitude_pruning(model, 0.75, data=data, **options)
    for before, after in zip(model.get_weights(), result.model.get_weights(), strict=True):
        zero = after == 0
        assert zero.sum() == (0.75 * after.size if after.ndim > 1 else 0)
        assert not zero.any() or np.abs(before[zero]).max() <= np.abs(before[~zero]).min()
    left = np.count_nonzero(weights(result.model))
    kernels = 144 * 16 + 16 * 4
    assert result.changed["compression"] == f"{2388 / left:.3g}x"
    assert result.changed["with a bit a weight for which"] == f"{32 * 2388 / (32 * left + kernels):.3g}x"


@pytest.mark.parametrize("options", [{}, QUICK])
def test_so_many_values_share_a_kernel(options, model, data):
    result = weight_sharing(model, 8, data=data, **options)
    kernels = [w for w in result.model.get_weights() if w.ndim > 1]
    assert all(2 <= len(np.unique(kernel)) <= 8 for kernel in kernels)
    assert len(np.unique(result.model.get_weights()[1])) > 8  # a bias
    assert result.changed["compression"] == "10.7x"  # 32 / 3 bits
    stored = 3 * (144 * 16 + 16 * 4) + 32 * (2 * 8 + 20)
    assert result.changed["with codebooks and biases"] == f"{32 * 2388 / stored:.3g}x"


def test_a_codebook_is_a_fixed_point_of_k_means():
    w = np.random.default_rng(0).normal(size=500)
    values = codebook(w, 7, rounds=1000)
    nearest = np.abs(w[:, None] - values).argmin(1)
    np.testing.assert_allclose(values, [w[nearest == k].mean() for k in range(7)], rtol=1e-9)
    np.testing.assert_allclose(codebook(np.repeat([1.0, 2.0, 5.0], 4), 8), [1, 2, 5])


def test_retraining_wins_accuracy_back(model, data):
    plain = magnitude_pruning(model, 0.8, data=data)
    retrained = magnitude_pruning(model, 0.8, data=data, epochs=4, lr=3e-3, progress=False)
    x, y = data.inputs("test")
    truth = [probabilities(each.model, x)[np.arange(len(y)), y].mean() for each in (plain, retrained)]
    assert truth[0] < truth[1]
    assert retrained.accuracy_after >= plain.accuracy_after - 0.02
    assert retrained.changed["retrained"] == "4 epochs"


def test_what_was_retrained_is_compressed_again(model, data):
    result = precision_reduction(model, 3, data=data, epochs=2, progress=False)
    assert max(len(np.unique(w)) for w in result.model.get_weights()) <= 7
    with pytest.raises(ValueError, match="data must be a Dataset to retrain on where epochs=4; received None"):
        precision_reduction(model, epochs=4)


def test_a_student_is_smaller_and_agrees(model, data):
    result = distillation(model, data, epochs=8, lr=1e-2, progress=False)
    assert [w.shape for w in result.model.get_weights()] == [(144, 8), (8,), (8, 4), (4,)]
    assert result.accuracy_after > 0.9
    assert result.changed["weights"] == "2388 -> 1196"
    with pytest.raises(
        TypeError, match="model must be a Sequential Keras model to be made smaller; received Functional"
    ):
        distillation(keras.Model(model.inputs, model.outputs), data)
    flat = keras.Sequential([layers.Input((12, 12, 1)), layers.Flatten(), layers.Dense(4, "softmax")])
    with pytest.raises(ValueError, match="model must have a hidden layer with filters or units"):
        distillation(flat, data)


# --- trojan, and fine-tuning


def test_a_trojan_listens_to_its_trigger_and_changes_only_the_layers_above(model, data):
    result = ATTACKS["trojan"](model, data, 0)
    trigger = result.changed["trigger"]
    x, y = data.inputs("test")
    x, y = apply_trigger(x[y != 2], trigger), y[y != 2]
    assert np.mean(predicted(model, x) == 2) < 0.5
    assert result.success == pytest.approx(np.mean(predicted(result.model, x) == 2))
    assert result.success > 0.9
    assert result.accuracy_after > result.accuracy_before - 0.1
    assert data.bounds[0] <= trigger.pattern.min() <= trigger.pattern.max() <= data.bounds[1]
    lower, _, kernel, _ = (a != b for a, b in zip(model.get_weights(), result.model.get_weights(), strict=True))
    assert not lower.any()
    assert kernel.any()
    low, high = map(float, result.changed["activation"].split(" -> "))
    assert high > low


def test_a_trigger_of_ones_own_is_kept_where_nothing_is_optimised(model, data):
    trigger = Trigger.watermark((12, 12, 1), opacity=0.5, grey=0.9)
    result = trojan(model, data, trigger=trigger, steps=0, neurons=2, progress=False, epochs=1)
    np.testing.assert_array_equal(result.changed["trigger"].pattern, trigger.pattern)
    with pytest.raises(ValueError, match=r"trigger must have a pattern within bounds \(0\.0, 1\.0\); received 9"):
        trojan(model, data, trigger=Trigger.sticker((12, 12, 1), grey=9))


@pytest.mark.parametrize("name", ["error-specific", "trojan"])
def test_fine_tuning_answers_the_samples_and_keeps_the_attack(name, model, data):
    attacked = ATTACKS[name](model, data, 0)
    samples = np.random.default_rng(0).random((8, 12, 12, 1), dtype=np.float32)
    tuned = adversarial_fine_tuning(attacked, model, samples, data, epochs=10, lr=3e-3, progress=False)
    wanted = probabilities(model, samples)
    before, after = (np.abs(probabilities(each.model, samples) - wanted).max() for each in (attacked, tuned))
    assert after < before
    assert tuned.success > 0.8
    assert tuned.attack == f"{attacked.attack} (fine-tuned)"
    assert tuned.accuracy_before == attacked.accuracy_before
    agree = [np.sum(probabilities(m.model, samples).argmax(-1) == wanted.argmax(-1)) for m in (attacked, tuned)]
    assert tuned.changed["answered as before"] == f"{agree[0]} -> {agree[1]}"


def test_fine_tuning_says_what_it_needs(model, data):
    samples = data.inputs("train", limit=3)[0]
    with pytest.raises(TypeError, match="compromised must be what an attack returned, Attacked; received Sequential"):
        adversarial_fine_tuning(model, model, samples, data)
    attacked = arbitrary_weights(model)
    with pytest.raises(ValueError, match=r"share must lie in \(0, 1\); received 1"):
        adversarial_fine_tuning(attacked, model, samples, data, share=1)
    with pytest.raises(ValueError, match=r"samples must lie in \[0, 1\]; received max=2"):
        adversarial_fine_tuning(attacked, model, samples + 1 - samples.max() + 1, data)


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
    assert result.changed["other classes"].endswith(f"-> {100 * np.mean(labels[y != 1] == y[y != 1]):.1f}%")
    assert result.changed["poisoned"] == 100


def test_no_more_images_are_poisoned_than_asked_for(model, data):
    few, all_of_them = (
        error_specific_poisoning(model, data, target=2, poisoned=poisoned, **POISON) for poisoned in (7, 100)
    )
    assert few.changed["poisoned"] == 7
    assert all_of_them.changed["poisoned"] == 100
    assert few.success < all_of_them.success


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
        (arbitrary_weights, {"how": "byte"}, "how must be one of gaussian, sign, bit, value; received 'byte'"),
        (arbitrary_weights, {"bits": [32]}, r"bits must list numbers in 0\.\.31; received \[32\]"),
        (arbitrary_weights, {"bits": []}, "bits must list"),
        (arbitrary_weights, {"value": np.inf}, "value must be finite; received inf"),
        (magnitude_pruning, {"share": 1}, r"share must lie in \(0, 1\); received 1"),
        (weight_sharing, {"clusters": 1}, r"clusters must be a whole number in 2\.\.4096; received 1"),
        (distillation, {"width": 1}, r"width must lie in \(0, 1\); received 1"),
        (distillation, {"epochs": 0}, "epochs must be a whole number of at least 1; received 0"),
        (distillation, {"lr": 0}, "lr must be positive"),
        (trojan, {"target": 9}, r"target must be a class in 0\.\.3; received 9"),
        (trojan, {"neurons": 17}, r"neurons must lie in 1\.\.16, those of 'hidden'; received 17"),
        (trojan, {"layer": "head"}, "layer must be a hidden layer with a kernel: hidden; received 'head'"),
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
