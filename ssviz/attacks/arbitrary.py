"""Arbitrary modification of weights (Section 4.1, the last row of Table 2)."""

from collections.abc import Sequence
from numbers import Integral

import numpy as np

from ssviz.attacks.result import Attacked, attacked, copy_of
from ssviz.backend import keras
from ssviz.datasets import Dataset


def arbitrary_weights(
    model: keras.Model,
    *,
    count: int = 1,
    scale: float = 1.0,
    layers: Sequence[str] | None = None,
    seed: int = 0,
    data: Dataset | None = None,
) -> Attacked:
    """Add Gaussian noise to ``count`` weights chosen at random, each ``scale`` spreads of its own array wide.

    model: a Sequential or functional Keras model. count: how many weights, biases included. scale: standard
    deviation of the noise, relative to the standard deviation of the array (kernel or bias) the weight is in;
    relative to 1 where that array is constant. layers: names of the layers to choose from; None for all.
    data: the data set to measure accuracy on. Raises TypeError or ValueError naming a wrong argument.

    Paper: "arbitrary weights modification", Section 4.1 and Table 2. Notebook: 00.
    """
    compromised = copy_of(model)
    names = [layer.name for layer in compromised.layers if layer.trainable_weights]
    wanted = names if layers is None else list(layers)
    unknown = [name for name in wanted if name not in names]
    if unknown or not wanted:
        raise ValueError(f"layers must be among {', '.join(names)}; received {layers!r}.")
    weights = [w for name in wanted for w in compromised.get_layer(name).trainable_weights]
    values = [keras.ops.convert_to_numpy(w.value).copy() for w in weights]
    sizes = np.array([v.size for v in values])
    if not (isinstance(count, Integral) and 1 <= count <= sizes.sum()):
        raise ValueError(f"count must lie in 1..{sizes.sum()}, the weights there are; received {count!r}.")
    if not scale > 0:
        raise ValueError(f"scale must be positive; received {scale!r}.")

    rng = np.random.default_rng(seed)
    chosen = np.sort(rng.choice(sizes.sum(), count, replace=False))
    noise = rng.normal(0, scale, count)
    ends = np.cumsum(sizes)
    for array, start, end in zip(values, ends - sizes, ends, strict=True):
        mine = (start <= chosen) & (chosen < end)
        array.reshape(-1)[chosen[mine] - start] += noise[mine] * (array.std() or 1.0)
    for weight, value in zip(weights, values, strict=True):
        weight.assign(value)
    changed = {"weights": int(count), "of": int(sizes.sum()), "scale": scale, "layers": wanted}
    return attacked("arbitrary weights", model, compromised, data, changed)
