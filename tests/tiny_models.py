"""Classifiers that compile in a blink, with weights from NumPy: the same on every backend."""

import keras
import numpy as np
from keras import layers


def fill(model, seed=0):
    """Give every weight of a built model a value; returns the model."""
    rng = np.random.default_rng(seed)
    for weight in model.weights:
        value = rng.normal(0, 1 / np.sqrt(max(1, np.prod(weight.shape[:-1]))), weight.shape)
        weight.assign(np.abs(value) + 0.5 if "variance" in weight.path else value)
    return model


def vectors(n=5, size=6, seed=1):
    return np.random.default_rng(seed).random((n, size), dtype=np.float32)


def images(n=5, shape=(6, 6, 2), seed=1):
    return np.random.default_rng(seed).random((n, *shape), dtype=np.float32)


def dense(*end, hidden=12):
    """Vectors of 6 -> 12 rectified -> 4 classes; ``end`` replaces the softmax layer that ends it."""
    end = end or (layers.Dense(4, "softmax", name="head"),)
    return fill(keras.Sequential([layers.Input((6,)), layers.Dense(hidden, "relu", name="hidden"), *end]))


def convolutional(*, activation="relu", dropout=0.5):
    """Images 6x6x2 -> rescaling, convolution, batch normalization, dropout -> 4 classes."""
    x = inputs = layers.Input((6, 6, 2))
    x = layers.Rescaling(2.0, -1.0)(x)
    x = layers.Conv2D(3, 3, name="conv")(x)
    x = layers.BatchNormalization(name="norm")(x)
    x = layers.Activation(activation)(x)
    x = layers.Flatten()(layers.MaxPooling2D()(x))
    x = layers.Dropout(dropout)(x)
    return fill(keras.Model(inputs, layers.Dense(4, "softmax", name="head")(x)))


def nested():
    """A model inside a model, the head in the outer one."""
    inner = keras.Sequential([layers.Input((6,)), layers.Dense(12, "relu")], name="inner")
    inputs = layers.Input((6,))
    return fill(keras.Model(inputs, layers.Dense(4, "softmax", name="head")(inner(inputs))))


def nested_head():
    """A whole classifier inside a model."""
    return keras.Sequential([layers.Input((6,)), layers.Rescaling(2.0), dense()])


class Subclassed(keras.Model):
    def __init__(self):
        super().__init__()
        self.hidden = layers.Dense(12, "relu")
        self.head = layers.Dense(4, name="head")
        self.softmax = layers.Softmax()

    def call(self, x):
        return self.softmax(self.head(inputs=self.hidden(x)))  # by keyword: allowed, so it must be seen


def subclassed():
    model = Subclassed()
    model(vectors())
    return fill(model)


def linear(kernel, bias=None):
    """A softmax layer alone: features are the inputs."""
    kernel = np.asarray(kernel, np.float32)
    head = layers.Dense(kernel.shape[1], "softmax", use_bias=bias is not None, name="head")
    model = keras.Sequential([layers.Input(kernel.shape[:1]), head])
    model.set_weights([kernel] if bias is None else [kernel, np.asarray(bias, np.float32)])
    return model


def softmax(z):
    p = np.exp(z - z.max(-1, keepdims=True))
    return p / p.sum(-1, keepdims=True)


def forward(model, x):
    """Features h and probabilities p of ``dense()``, in float64 NumPy."""
    w1, b1, w2, *b2 = (w.astype(np.float64) for w in model.get_weights())
    h = np.maximum(x.astype(np.float64) @ w1 + b1, 0)
    return h, softmax(h @ w2 + (b2[0] if b2 else 0))
