"""Inputs at which as many neurons as possible fire: what certifies weights that no natural input reaches."""

import numpy as np

from ssviz.backend import compiled, keras, value_and_gradient
from ssviz.models import Classifier

ops = keras.ops
ENOUGH = 0.3  # a neuron that fires this strongly is left alone


def woken(model: keras.Model, x0: np.ndarray, wanted: np.ndarray, *, itr_max: int = 150, lr: float = 1e-2,
          bounds: tuple[float, float] = (0.0, 1.0)) -> np.ndarray:  # fmt: skip
    """Inputs (n, ...), started from x0, at which neurons of the last layer's input fire, by how much they are wanted.

    wanted: (neurons,) weights. A rectified neuron that is silent has no gradient, so the ascent climbs a copy of the
    model whose last hidden layer lets a fifth of what is negative through; where a neuron fires, both are the same.
    The result does not look natural. Raises ValueError for a model without a hidden layer.
    """
    copy = keras.models.clone_model(model)
    copy.set_weights(model.get_weights())
    layers = [layer for layer in copy.layers if layer.weights]
    if len(layers) < 2 or not hasattr(layers[-2], "activation"):
        raise ValueError(f"model must have a hidden layer before its last one; {model.name!r} has none.")
    layers[-2].activation = keras.activations.leaky_relu
    classifier = Classifier.of(copy, x0)
    weights = ops.convert_to_tensor(wanted.astype(np.float32))

    def loudness(x: keras.KerasTensor) -> keras.KerasTensor:
        return ops.sum(weights * ops.minimum(classifier.logits_and_features(x)[1], ENOUGH), axis=1)

    climb = compiled(copy, "loudness", lambda x: value_and_gradient(loudness, x)[1])
    x, mean, square = x0.copy(), np.zeros_like(x0), np.zeros_like(x0)
    for t in range(1, itr_max + 1):  # Adam
        slope = ops.convert_to_numpy(climb(ops.convert_to_tensor(x)))
        mean, square = 0.9 * mean + 0.1 * slope, 0.999 * square + 0.001 * slope**2
        step = (mean / (1 - 0.9**t)) / (np.sqrt(square / (1 - 0.999**t)) + 1e-12)
        x = np.clip(x + lr * step, *bounds).astype(np.float32)
    return x
