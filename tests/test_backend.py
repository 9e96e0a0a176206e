import gc
import os
import subprocess
import sys
import weakref

import keras
import numpy as np
import pytest
import tiny_models as tiny
from keras import layers, ops

from ssviz import backend

pytestmark = pytest.mark.core


def test_gradient_of_each_sample():
    x = tiny.vectors()
    values, gradient = backend.value_and_gradient(lambda v: ops.sum(v**3, axis=-1), ops.convert_to_tensor(x))
    np.testing.assert_allclose(ops.convert_to_numpy(values), (x**3).sum(-1), rtol=1e-5)
    np.testing.assert_allclose(ops.convert_to_numpy(gradient), 3 * x**2, rtol=1e-5)


def test_jacobians_with_respect_to_weights():
    model = tiny.dense(layers.Dense(4, name="head"))
    x = tiny.vectors(1)
    found = backend.jacobians(
        lambda v: model(v[None])[0], model, model.get_layer("head").weights, ops.convert_to_tensor(x[0])
    )
    h, _ = tiny.forward(model, x)
    kernel, bias = map(ops.convert_to_numpy, found)
    np.testing.assert_allclose(kernel, np.einsum("i,kj->kij", h[0], np.eye(4)), rtol=1e-5)
    np.testing.assert_array_equal(bias, np.eye(4))


def test_map_samples():
    x = tiny.images()
    found = backend.map_samples(lambda v: ops.max(v), ops.convert_to_tensor(x))
    np.testing.assert_array_equal(ops.convert_to_numpy(found), x.max((1, 2, 3)))


def traced(model):
    """A function of the model, and the list that grows with every compilation."""
    traces = []

    def function(x):
        traces.append(1)
        return model(x)

    return function, traces


def test_compiled_once_for_a_key_and_a_shape():
    model, x = tiny.dense(), tiny.vectors()
    function, traces = traced(model)
    results = [backend.compiled(model, "key", function)(ops.convert_to_tensor(x)) for _ in range(3)]
    assert len(traces) == 1
    np.testing.assert_array_equal(*map(ops.convert_to_numpy, results[1:]))
    backend.compiled(model, "other key", function)(ops.convert_to_tensor(x))
    assert len(traces) == 2


def test_weights_set_later_are_seen():
    model, x = tiny.dense(), tiny.vectors()
    function, traces = traced(model)
    forward = backend.compiled(model, "key", function)
    forward(ops.convert_to_tensor(x))
    model.set_weights([2 * w for w in model.get_weights()])
    np.testing.assert_allclose(
        ops.convert_to_numpy(forward(ops.convert_to_tensor(x))), tiny.forward(model, x)[1], rtol=1e-5
    )
    assert len(traces) == 1


def test_a_replaced_layer_is_compiled_anew():
    model, x = tiny.dense(), ops.convert_to_tensor(tiny.vectors())
    for units in (3, 5, 7):
        model.pop()
        model.add(layers.Dense(units))
        assert backend.compiled(model, "key", lambda v: model(v))(x).shape == (5, units)


def test_what_was_compiled_goes_with_the_model():
    model = tiny.dense()
    backend.compiled(model, "key", traced(model)[0])(ops.convert_to_tensor(tiny.vectors()))
    gone = weakref.ref(model)
    del model
    keras.backend.clear_session()
    gc.collect()
    assert gone() is None


def test_describe_names_what_computes():
    found = backend.describe()
    assert found["backend"] == keras.backend.backend()
    assert found["keras"] == keras.__version__
    assert found[found["backend"]] == backend.ENGINE_VERSION
    assert found["device"] == backend.device_name() != ""


def test_another_backend_is_refused():
    environment = {**os.environ, "KERAS_BACKEND": "numpy"}
    command = [sys.executable, "-c", "import ssviz.backend"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    assert done.returncode != 0
    assert "ssviz runs on Keras with TensorFlow or JAX; the Keras backend here is 'numpy'" in done.stderr
