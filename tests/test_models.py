import threading
import time

import keras
import numpy as np
import pytest
import tiny_models as tiny
from keras import layers

from ssviz import active_neurons, probabilities, sensitivity
from ssviz.models import digest, recorded_calls

pytestmark = pytest.mark.core


@pytest.mark.parametrize("batch_size", [3, 256])
def test_probabilities_are_the_softmax(batch_size):
    model, x = tiny.dense(), tiny.vectors(7)
    p = probabilities(model, x, batch_size=batch_size)
    np.testing.assert_allclose(p, tiny.forward(model, x)[1], rtol=1e-5)
    np.testing.assert_allclose(p.sum(1), 1, rtol=1e-6)


def test_probabilities_of_logits():
    model, x = tiny.dense(layers.Dense(4, name="head")), tiny.vectors()
    with pytest.warns(UserWarning, match="returns logits"):
        p = probabilities(model, x)
    np.testing.assert_allclose(p, tiny.forward(model, x)[1], rtol=1e-5)


def test_dropout_and_normalization_are_at_rest():
    model, x = tiny.convolutional(), tiny.images(6)
    np.testing.assert_allclose(probabilities(model, x)[:2], probabilities(model, x[:2]), rtol=1e-5)
    np.testing.assert_array_equal(probabilities(model, x), probabilities(model, x))


def test_active_neurons_by_default_are_the_features_of_the_last_layer():
    model, x = tiny.dense(), tiny.vectors(9)
    h, _ = tiny.forward(model, x)
    active = active_neurons(model, x, batch_size=4)
    assert active.dtype == bool
    assert 0 < active.mean() < 1
    np.testing.assert_array_equal(active, h > 0)
    np.testing.assert_array_equal(active_neurons(model, x, threshold=0.3), h > 0.3)


def test_active_neurons_of_named_layers_in_that_order():
    model, x = tiny.dense(), tiny.vectors()
    h, p = tiny.forward(model, x)
    both = active_neurons(model, x, layers=["head", "hidden"], threshold=0.2)
    np.testing.assert_array_equal(both, np.hstack([p, h]) > 0.2)
    conv = active_neurons(tiny.convolutional(), tiny.images(), layers=["conv"])
    assert conv.shape == (5, 4 * 4 * 3)


def test_active_neurons_of_an_unknown_layer():
    with pytest.raises(ValueError, match=r"layers must name layers of .*hidden, head"):
        active_neurons(tiny.dense(), tiny.vectors(), layers=["fc8"])


@pytest.mark.parametrize("build", [tiny.dense, tiny.convolutional, tiny.nested])
def test_digest_stays_with_the_model(build, tmp_path):
    model = build()
    before = digest(model)
    x = tiny.images() if len(model.input_shape) == 4 else tiny.vectors()
    sensitivity(model, x)  # what is compiled is kept in the model and must not get into its files
    clone = keras.models.clone_model(model)
    clone.set_weights(model.get_weights())
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    assert len(before) == 64
    assert digest(model) == digest(clone) == digest(loaded) == before
    np.testing.assert_allclose(sensitivity(loaded, x), sensitivity(model, x), rtol=1e-6)


def test_digest_changes_with_one_ulp_of_one_weight():
    model = tiny.convolutional()
    before = digest(model)
    values = model.get_weights()
    for array in values:  # kernels, biases, the moving averages of the normalization
        kept = array.flat[-1]
        array.flat[-1] = np.nextafter(kept, np.float32(np.inf))
        model.set_weights(values)
        assert digest(model) != before
        array.flat[-1] = kept
    model.set_weights(values)
    assert digest(model) == before


def test_digest_covers_the_architecture():
    tanh, relu = tiny.convolutional(activation="tanh"), tiny.convolutional()
    for ours, theirs in zip(tanh.get_weights(), relu.get_weights(), strict=True):
        np.testing.assert_array_equal(ours, theirs)
    assert digest(tanh) != digest(relu)


def test_only_the_calls_of_this_thread_are_recorded():
    model, x = tiny.dense(), tiny.vectors()
    with recorded_calls() as calls:
        other = threading.Thread(target=model, args=(x,))
        other.start()
        other.join()
        model.get_layer("hidden")(x)
    assert [call.layer.name for call in calls] == ["hidden"]
    assert keras.Layer.__call__.__name__ == "__call__"


def test_a_model_that_fails_leaves_keras_as_it_was():
    original = keras.Layer.__call__
    with pytest.raises(ValueError, match="at least two outputs"):
        probabilities(keras.Sequential([layers.Input((6,)), layers.Dense(1)]), tiny.vectors())
    assert keras.Layer.__call__ is original


def test_threads_that_record_at_once_leave_keras_as_it_was():
    model, x, original = tiny.dense(), tiny.vectors(), keras.Layer.__call__
    model(x)
    waiting = threading.Event()

    def record():
        waiting.set()
        with recorded_calls() as calls:
            model.get_layer("hidden")(x)
        assert len(calls) == 1

    other = threading.Thread(target=record)
    with recorded_calls():
        other.start()
        waiting.wait()
        time.sleep(0.05)  # the other now waits for its turn
    other.join()
    assert keras.Layer.__call__ is original
