"""Model compression: a dishonest provider saves storage (Section 2.2)."""

from collections.abc import Callable
from numbers import Integral

import numpy as np

from ssviz.attacks.result import Attacked, attacked, copy_of
from ssviz.attacks.training import fine_tuned, layers_with_weights
from ssviz.backend import keras
from ssviz.datasets import Dataset


def precision_reduction(model: keras.Model, bits: int = 8, *, per: str = "tensor", data: Dataset | None = None,
                        **retraining: float | int | bool) -> Attacked:  # fmt: skip
    """Round every weight to ``bits`` bits: symmetric uniform levels up to the largest weight of its array.

    model: a Sequential or functional Keras model of float32 weights, so 8 bits are 4x compression.
    bits: 2..16. per: one step size per "tensor" or per "channel" (the last axis, the layer's outputs).
    data: the data set to measure accuracy on. retraining: epochs (0), after each of which the weights are rounded
    again (the layers settle from the first to the last); images, how many of ``data``'s training images (4000);
    lr, Adam's learning rate (1e-3); batch_size (64); seed (0); progress, show a bar (True).
    Raises TypeError or ValueError naming a wrong argument.

    Paper: "precision reduction", Table 2; "deliberately retrained", Section 5.2. Notebook: 02.
    """
    if not (isinstance(bits, Integral) and 2 <= bits <= 16):
        raise ValueError(f"bits must be a whole number in 2..16; received {bits!r}.")
    if per not in ("tensor", "channel"):
        raise ValueError(f'per must be "tensor" or "channel"; received {per!r}.')

    def compress(w: np.ndarray, original: np.ndarray) -> np.ndarray:
        return _rounded(w, bits, tuple(range(w.ndim - 1)) if per == "channel" else None)

    changed = {"bits": bits, "per": per, "compression": f"{32 / bits:g}x"}
    return _compressed(f"compression to {bits} bits", model, data, compress, changed, biases=True, **retraining)


def magnitude_pruning(model: keras.Model, share: float = 0.5, *, data: Dataset | None = None,
                      **retraining: float | int | bool) -> Attacked:  # fmt: skip
    """Set the smallest |w| of every kernel to zero, a ``share`` of its weights; biases stay.

    share: in (0, 1). model, data and ``retraining``, in which the same weights stay zero, as for
    ``precision_reduction``. ``changed`` gives the compression of the whole model twice: counting non-zeros
    only, and with one bit per weight of a kernel that says which are. Raises as ``precision_reduction`` does.

    Paper: pruning, Section 2.2 [18]. Notebook: 02.
    """
    if not 0 < share < 1:
        raise ValueError(f"share must lie in (0, 1); received {share!r}.")

    def compress(w: np.ndarray, original: np.ndarray) -> np.ndarray:
        smallest = np.argsort(np.abs(original), axis=None, kind="stable")[: round(share * w.size)]
        pruned = w.copy()
        pruned.reshape(-1)[smallest] = 0
        return pruned

    kernels, total = _sizes(model)
    left = total - sum(round(share * size) for size in kernels)
    ratio, with_index = total / left, 32 * total / (32 * left + sum(kernels))
    changed = {"share": share, "compression": f"{ratio:.3g}x", "with a bit a weight for which": f"{with_index:.3g}x"}
    return _compressed(f"pruning of {100 * share:g}%", model, data, compress, changed, keep_zeros=True, **retraining)


def weight_sharing(model: keras.Model, clusters: int = 16, *, data: Dataset | None = None,
                   **retraining: float | int | bool) -> Attacked:  # fmt: skip
    """Replace every weight of a kernel by the nearest of its layer's ``clusters`` values (k-means); biases stay.

    clusters: 2..4096. model, data and ``retraining``, after each epoch of which weights share values again, as for
    ``precision_reduction``. ``changed`` gives the compression of the indices, 32 / log2(clusters), and that of the
    whole model with codebooks and biases in float32. Raises as ``precision_reduction`` does.

    Paper: quantization, Section 2.2 [16], [18]. Notebook: 02.
    """
    if not (isinstance(clusters, Integral) and 2 <= clusters <= 4096):
        raise ValueError(f"clusters must be a whole number in 2..4096; received {clusters!r}.")

    def compress(w: np.ndarray, original: np.ndarray) -> np.ndarray:
        values = codebook(w, clusters)
        return values[np.searchsorted((values[1:] + values[:-1]) / 2, w)].astype(w.dtype)

    kernels, total = _sizes(model)
    bits = np.log2(clusters)
    stored = sum(np.ceil(bits) * size + 32 * clusters for size in kernels) + 32 * (total - sum(kernels))
    changed = {"clusters": clusters, "compression": f"{32 / bits:.3g}x",
               "with codebooks and biases": f"{32 * total / stored:.3g}x"}  # fmt: skip
    return _compressed(f"weight sharing, {clusters} values", model, data, compress, changed, **retraining)


def codebook(w: np.ndarray, clusters: int, *, rounds: int = 50) -> np.ndarray:
    """k-means in one dimension (Lloyd): the values, at most ``clusters``, sorted, whose nearest stand for w best.

    It starts from evenly spaced values, which keeps the large weights [18]; empty clusters go.
    """
    w = np.sort(w, axis=None).astype(np.float64)
    if len(np.unique(w)) <= clusters:
        return np.unique(w)
    sums = np.concatenate([[0], np.cumsum(w)])
    values = np.linspace(w[0], w[-1], clusters)
    for _ in range(rounds):
        ends = np.concatenate([[0], np.searchsorted(w, (values[1:] + values[:-1]) / 2), [len(w)]])
        starts, ends = (side[np.diff(ends) > 0] for side in (ends[:-1], ends[1:]))
        means = (sums[ends] - sums[starts]) / (ends - starts)
        if np.array_equal(means, values):
            break
        values = means
    return values


def _compressed(name: str, model: keras.Model, data: Dataset | None, compress: Callable, changed: dict, *,
                biases: bool = False, keep_zeros: bool = False, epochs: int = 0, images: int = 4000, lr: float = 1e-3,
                batch_size: int = 64, seed: int = 0, progress: bool = True) -> Attacked:  # fmt: skip
    """compress(w, original) every kernel (and bias); then, epochs times, fine-tune and compress again.

    Pruned weights stay 0 all the while. Levels cannot be kept in fine steps, so the layers settle from the first to
    the last: each epoch a few more keep their compressed weights and those above make up for them.
    """
    if epochs and data is None:
        raise ValueError(f"data must be a Dataset to retrain on where epochs={epochs}; received None.")
    compressed = copy_of(model)
    originals = [keras.ops.convert_to_numpy(w.value) for w in compressed.trainable_weights]
    for epoch in range(epochs + 1):
        if epoch:
            x, y = data.inputs("train", limit=images, seed=seed + epoch)
            frozen = 0 if keep_zeros else epoch * len(layers_with_weights(model, x)) // (epochs + 1)
            compressed = fine_tuned(compressed, x, y, name=name, epochs=1, lr=lr, batch_size=batch_size, frozen=frozen,
                                    keep_zeros=keep_zeros, seed=seed + epoch, progress=progress)  # fmt: skip
        for weight, original in zip(compressed.trainable_weights, originals, strict=True):
            if biases or original.ndim > 1:
                weight.assign(compress(keras.ops.convert_to_numpy(weight.value), original))
    return attacked(name, model, compressed, data, {**changed, "retrained": f"{epochs} epochs"} if epochs else changed)


def _sizes(model: keras.Model) -> tuple[list[int], int]:
    """The sizes of the kernels, and how many weights there are in all."""
    weights = copy_of(model).trainable_weights
    sizes = [int(np.prod(w.shape)) for w in weights]
    return [size for size, w in zip(sizes, weights, strict=True) if len(w.shape) > 1], sum(sizes)


def _rounded(w: np.ndarray, bits: int, axes: tuple[int, ...] | None) -> np.ndarray:
    """w = step * integer, integer in -L..L with L = 2^(bits - 1) - 1 and step = max|w| / L."""
    if axes == ():  # a bias has one number per channel: nothing to share a step with
        axes = None
    step = np.abs(w).max(axis=axes, keepdims=True) / (2 ** (bits - 1) - 1)
    return np.where(step > 0, np.round(w / np.where(step > 0, step, 1)) * step, w).astype(w.dtype)
