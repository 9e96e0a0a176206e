"""Model compression: a dishonest provider saves storage (Section 2.2)."""

from numbers import Integral

import numpy as np

from ssviz.attacks.result import Attacked, attacked, copy_of
from ssviz.backend import keras
from ssviz.datasets import Dataset


def precision_reduction(
    model: keras.Model, bits: int = 8, *, per: str = "tensor", data: Dataset | None = None
) -> Attacked:
    """Round every weight to ``bits`` bits: symmetric uniform levels up to the largest weight of its array.

    model: a Sequential or functional Keras model of float32 weights, so 8 bits are 4x compression.
    bits: 2..16. per: one step size per "tensor" or per "channel" (the last axis, the layer's outputs).
    data: the data set to measure accuracy on. Raises TypeError or ValueError naming a wrong argument.

    Paper: "precision reduction", Table 2. Notebook: 10.
    """
    if not (isinstance(bits, Integral) and 2 <= bits <= 16):
        raise ValueError(f"bits must be a whole number in 2..16; received {bits!r}.")
    if per not in ("tensor", "channel"):
        raise ValueError(f'per must be "tensor" or "channel"; received {per!r}.')
    compromised = copy_of(model)
    for weight in compromised.trainable_weights:
        w = keras.ops.convert_to_numpy(weight.value)
        weight.assign(_rounded(w, bits, tuple(range(w.ndim - 1)) if per == "channel" else None))
    changed = {"bits": bits, "per": per, "compression": f"{32 / bits:g}x"}
    return attacked(f"compression to {bits} bits", model, compromised, data, changed)


def _rounded(w: np.ndarray, bits: int, axes: tuple[int, ...] | None) -> np.ndarray:
    """w = step * integer, integer in -L..L with L = 2^(bits - 1) - 1 and step = max|w| / L."""
    if axes == ():  # a bias has one number per channel: nothing to share a step with
        axes = None
    step = np.abs(w).max(axis=axes, keepdims=True) / (2 ** (bits - 1) - 1)
    return np.where(step > 0, np.round(w / np.where(step > 0, step, 1)) * step, w).astype(w.dtype)
