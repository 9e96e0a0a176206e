"""What an attack does at several strengths, and which inputs show it."""

import numpy as np
import pytest
import tiny_models as tiny
from keras import layers

from ssviz.attack_sweep import attack_sweep, scene
from ssviz.attacks import Attacked, Goal, Trigger, precision_reduction
from ssviz.datasets import Dataset
from ssviz.evaluation import detection_matrix, missing_rate
from ssviz.models import probabilities

pytestmark = pytest.mark.core


def noise(n, seed):
    rng = np.random.default_rng(seed)
    return rng.integers(0, 256, (n, 4, 4, 1)).astype(np.uint8), (np.arange(n) % 4).astype(np.int64)


@pytest.fixture(scope="module")
def data():
    return Dataset("noise", *noise(8, 0), *noise(40, 1), tuple("abcd"))


@pytest.fixture(scope="module")
def model():
    import keras

    stack = [layers.Input((4, 4, 1)), layers.Flatten(), layers.Dense(8, "relu"), layers.Dense(4, "softmax")]
    return tiny.fill(keras.Sequential(stack))


@pytest.fixture(scope="module")
def results(model, data):
    return {str(bits): precision_reduction(model, bits, data=data) for bits in (8, 3, 2)}


@pytest.fixture(scope="module")
def x():
    return np.random.default_rng(2).normal(0, 1, (300, 4, 4, 1)).astype(np.float32)  # of all classes


class Pairs:
    """As much of StraddlingPairs as is needed: inputs, two after two."""

    def __init__(self, samples):
        self.samples = samples

    def detected(self, per_sample):
        return per_sample.reshape(len(per_sample), -1, 2).any(axis=-1)


def test_shares_and_missing_rates_are_those_of_the_detections(model, data, results, x):
    found = attack_sweep(model, data, results, {"some": x}, attack="compression", knob="bits", n_s_max=6)
    detected = detection_matrix(model, list(results.values()), x)
    np.testing.assert_allclose(found.share["some"], detected.mean(axis=1))
    np.testing.assert_allclose(found.missing["some"], missing_rate(detected, np.arange(1, 7)))
    assert (found.labels, len(found), found.knob) == (("8", "3", "2"), 3, "bits")
    np.testing.assert_allclose(found.accuracy, [a.accuracy_after for a in results.values()])
    assert np.isnan(found.success).all()
    assert found.share["some"][0] < found.share["some"][-1], "2 bits change more than 8"


def test_a_pair_detects_with_either_of_its_inputs_and_costs_two_queries(model, data, results, x):
    found = attack_sweep(model, data, results, {"single": x, "pairs": Pairs(x)}, attack="", n_s_max=5)
    assert (found.share["pairs"] >= found.share["single"]).all()
    one, two, three, four, five = found.missing["pairs"].T
    assert (one == 1).all()  # half a pair is none
    np.testing.assert_array_equal(two, three)
    np.testing.assert_array_equal(four, five)
    np.testing.assert_allclose(two, 1 - found.share["pairs"])


def test_the_intact_model_is_seen_by_nothing(model, data, x):
    unchanged = Attacked("none", model, None, None, None, {})
    found = attack_sweep(model, data, {"0": unchanged}, {"some": x}, attack="none", n_s_max=3)
    assert (found.share["some"] == 0).all()
    assert (found.missing["some"] == 1).all()
    assert np.isnan(found.accuracy).all()
    np.testing.assert_array_equal(found.scenes[0].before, found.scenes[0].after)


def test_wrong_arguments_are_named(model, data, results, x):
    with pytest.raises(ValueError, match="compromised and inputs"):
        attack_sweep(model, data, {}, {"some": x}, attack="")
    with pytest.raises(ValueError, match="compromised and inputs"):
        attack_sweep(model, data, results, {}, attack="")
    with pytest.raises(ValueError, match="'few' holds, 3; received 4"):
        attack_sweep(model, data, results, {"few": x[:3]}, attack="", n_s_max=4)


def test_a_poisoning_is_about_its_source_class(model, data):
    found = scene(model, Attacked("", model, None, None, None, {}, Goal(source=2)), data, count=3)
    assert found.truth.tolist() == [2, 2, 2]
    np.testing.assert_array_equal(found.images, data.scaled(data.x_test[data.y_test == 2][:3]))
    np.testing.assert_array_equal(found.before, probabilities(model, found.images).argmax(1))


def test_a_trojan_is_about_the_other_classes_and_wears_its_trigger(model, data):
    trigger = Trigger.sticker((4, 4, 1), 2, grey=1.0)
    trojan = Attacked("", model, None, None, None, {}, Goal(target=1, trigger=trigger))
    plain, worn = (scene(model, trojan, data, triggered=on) for on in (False, True))
    assert plain.truth.tolist() == worn.truth.tolist() == [0, 2, 3]
    covered = trigger.mask[..., 0] > 0
    assert (worn.images[:, covered] == 1).all()
    np.testing.assert_array_equal(worn.images[:, ~covered], plain.images[:, ~covered])


def test_other_attacks_show_one_image_a_class_but_hidden_ones(model, data):
    attacked = Attacked("", model, None, None, None, {})
    assert scene(model, attacked, data).truth.tolist() == [0, 1, 2, 3]
    assert scene(model, attacked, data, hidden=(0, 1)).truth.tolist() == [2, 3]
    assert scene(model, attacked, data, count=2).truth.tolist() == [0, 3]
