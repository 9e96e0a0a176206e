"""Arbitrary modification of weights (Section 4.1, the last row of Table 2)."""

from collections.abc import Sequence
from numbers import Integral

import numpy as np

from ssviz.attacks.result import Attacked, attacked, copy_of
from ssviz.backend import keras
from ssviz.datasets import Dataset

HOW = ("gaussian", "sign", "bit", "value")


def arbitrary_weights(
    model: keras.Model,
    *,
    count: int = 1,
    how: str = "gaussian",
    scale: float = 1.0,
    bits: Sequence[int] | None = None,
    value: float = 0.0,
    layers: Sequence[str] | None = None,
    seed: int = 0,
    data: Dataset | None = None,
) -> Attacked:
    """Change ``count`` weights chosen at random.

    model: a Sequential or functional Keras model. count: how many weights, biases included. how: what becomes of
    each: "gaussian" adds noise of standard deviation ``scale``, relative to that of the array (kernel or bias) the
    weight is in, to 1 where that array is constant; "sign" turns its sign (a weight of 0 stays); "bit" flips one bit
    of its float32 word, drawn for each weight from those of ``bits`` (0..31, 31 the sign; None for all) that leave
    it finite; "value" sets it to ``value``. layers: names of the layers to choose from; None for all.
    data: the data set to measure accuracy on. Raises TypeError or ValueError naming a wrong argument, or where no
    bit of ``bits`` leaves a weight finite.

    Paper: "arbitrary weights modification", Section 4.1 and Table 2. Notebook: 02.
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
    _check(how, scale, bits, value)

    rng = np.random.default_rng(seed)
    chosen = np.sort(rng.choice(sizes.sum(), count, replace=False))
    noise = rng.normal(0, scale, count)
    ends = np.cumsum(sizes)
    for array, start, end in zip(values, ends - sizes, ends, strict=True):
        mine = (start <= chosen) & (chosen < end)
        at, w = chosen[mine] - start, array.reshape(-1)
        if how == "gaussian":
            w[at] += noise[mine] * (array.std() or 1.0)
        elif how == "sign":
            w[at] *= -1
        elif how == "bit":
            w[at] = _flipped(w[at], range(32) if bits is None else bits, rng)
        else:
            w[at] = value
    for weight, array in zip(weights, values, strict=True):
        weight.assign(array)
    details = {"gaussian": {"scale": scale}, "bit": {"bits": "any" if bits is None else list(bits)},
               "value": {"value": value}}  # fmt: skip
    changed = {"weights": int(count), "of": int(sizes.sum()), "how": how, **details.get(how, {}), "layers": wanted}
    return attacked("arbitrary weights" + ("" if how == "gaussian" else f", {how}"), model, compromised, data, changed)


def _flipped(w: np.ndarray, bits: Sequence[int], rng: np.random.Generator) -> np.ndarray:
    """float32 w (n,) with one bit of each flipped, drawn from those of ``bits`` that leave it finite."""
    words = w.astype(np.float32).view(np.uint32)[:, None] ^ (np.uint32(1) << np.array(bits, np.uint32))
    choices = words.view(np.float32)
    odds = rng.random(choices.shape) * np.isfinite(choices)
    if not (odds.max(axis=1, initial=0) > 0).all():
        stuck = w[odds.max(axis=1, initial=0) == 0][0]
        raise ValueError(f"bits must have one that leaves every weight finite; {list(bits)} have none for {stuck:g}.")
    return np.take_along_axis(choices, odds.argmax(axis=1)[:, None], axis=1)[:, 0]


def _check(how: str, scale: float, bits: Sequence[int] | None, value: float) -> None:
    if how not in HOW:
        raise ValueError(f"how must be one of {', '.join(HOW)}; received {how!r}.")
    if not scale > 0:
        raise ValueError(f"scale must be positive; received {scale!r}.")
    if bits is not None and not (len(bits) and all(isinstance(b, Integral) and 0 <= b <= 31 for b in bits)):
        raise ValueError(f"bits must list numbers in 0..31; received {bits!r}.")
    if not np.isfinite(value):
        raise ValueError(f"value must be finite; received {value!r}.")
