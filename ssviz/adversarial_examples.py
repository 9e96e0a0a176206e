"""Adversarial examples: inputs changed a little so that the network errs (FGSM and PGD), a whole batch at once.

They ascend the loss where Sensitive-Samples ascend the sensitivity; the steps and the projections are the same.
"""

from collections.abc import Callable, Iterator
from numbers import Integral, Real
from typing import Any

import numpy as np

from ssviz.backend import compiled, keras, value_and_gradient
from ssviz.generation import project_ball, project_box
from ssviz.models import Classifier, as_samples

ops = keras.ops


def fgsm(
    model: keras.Model,
    x: Any,
    labels: Any,
    *,
    epsilon: float,
    bounds: tuple[float, float] = (0.0, 1.0),
    batch_size: int = 256,
) -> np.ndarray:
    """The fast gradient sign method: one step of epsilon up the loss, x + epsilon sign(dL/dx); float32 (n, ...).

    model: a Keras classifier. x: (n, ...) samples within ``bounds`` = (p, q). labels: (n,) class numbers, the ones
    to lead away from. epsilon: the largest change of an entry (the linf-ball's radius), in units of the input.
    Raises TypeError or ValueError, naming the argument, for a wrong one or a model that is no classifier.

    Paper: Section 3.5. Notebook: 07.
    """
    return _ascend(model, x, labels, (epsilon, epsilon), 1, "linf", None, bounds, batch_size)


def pgd(
    model: keras.Model,
    x: Any,
    labels: Any,
    *,
    epsilon: float,
    step: float | None = None,
    itr_max: int = 10,
    norm: str = "linf",
    seed: int | None = 0,
    bounds: tuple[float, float] = (0.0, 1.0),
    batch_size: int = 256,
) -> np.ndarray:
    """Projected gradient ascent of the loss inside the epsilon-ball and the bounds; float32 (n, ...).

    model, x, labels, bounds: as for `fgsm`. epsilon: the ball's radius in ``norm``, "linf" or "l2", in units of the
    input. step: the length of a step in that norm, by default 2.5 epsilon / itr_max. itr_max: steps. seed: of the
    start, random in the ball; None starts at x itself.
    Raises TypeError or ValueError, naming the argument, for a wrong one or a model that is no classifier.

    Paper: Section 3.5. Notebook: 07.
    """
    if not (isinstance(itr_max, Integral) and itr_max >= 1):
        raise ValueError(f"itr_max must be a whole number of at least 1; received {itr_max!r}.")
    step = 2.5 * epsilon / itr_max if step is None and isinstance(epsilon, Real) else step
    return _ascend(model, x, labels, (epsilon, step), itr_max, norm, seed, bounds, batch_size)


def cross_entropy(model: keras.Model, x: Any, labels: Any, *, batch_size: int = 256) -> np.ndarray:
    """The loss that `fgsm` and `pgd` ascend, -log of the label's probability, of each sample: float32 (n,).

    Raises TypeError or ValueError for labels that are not (n,) class numbers or a model that is no classifier.
    Paper: L of Eq. 1. Notebook: 07.
    """
    x = as_samples(x)
    classifier, labels = with_labels(model, x, labels)
    key, loss = ("cross entropy",), lambda batch, y: cross_entropy_of(classifier.logits_and_features(batch)[0], y)
    return np.concatenate(
        [ops.convert_to_numpy(compiled(model, key, loss)(*pair)) for pair in batches((x, labels), batch_size)]
    )


def cross_entropy_of(logits: Any, labels: Any) -> Any:
    """-log p_y = log(1 + e^m) (n,) of logits z (n, r), with m = `log_odds_against`; exact where p_y is nearly 1."""
    return ops.softplus(log_odds_against(logits, labels))


def log_odds_against(logits: Any, labels: Any) -> Any:
    """m = log sum_{j != y} e^{z_j} - z_y (n,), the log-odds that it is not class y, of logits z (n, r).

    The loss grows with m: both have the same gradient but for its length, and that of m does not cancel where the
    network is sure.
    """
    is_label = ops.one_hot(labels, logits.shape[-1], dtype="bool")
    others = ops.logsumexp(ops.where(is_label, -1e30, logits), axis=-1)
    return others - ops.sum(ops.where(is_label, logits, 0.0), axis=-1)


def _ascend(
    model: keras.Model,
    x: Any,
    labels: Any,
    limits: tuple[Any, Any, Any],
    itr_max: int,
    norm: str,
    seed: int | None,
    bounds: tuple[float, float],
    batch_size: int,
) -> np.ndarray:
    """itr_max steps up the loss, each followed by the two projections; limits: epsilon and step."""
    _check(*limits, norm, bounds, batch_size)
    x0 = as_samples(x, bounds)
    classifier, labels = with_labels(model, x0, labels)
    step = compiled(model, ("loss step", norm), _ascent_step(classifier, norm))
    rng = None if seed is None else np.random.default_rng(seed)
    numbers = [ops.convert_to_tensor(value, "float32") for value in (*limits, *bounds)]
    found = []
    for start, y in batches((x0, labels), batch_size):
        moved = start
        if rng is not None:
            noise = ops.convert_to_tensor(rng.uniform(-limits[0], limits[0], start.shape).astype(np.float32))
            moved = project_box(project_ball(start + noise, start, numbers[0], norm), *numbers[2:])
        for _ in range(itr_max):
            moved = step(moved, start, y, *numbers)
        found.append(ops.convert_to_numpy(moved))
    return np.concatenate(found)


def _ascent_step(classifier: Classifier, norm: str) -> Callable:
    """One step up the loss, of length ``size`` in the norm, back into the ball and then into the box: x0 lies in the
    box, so the second projection does not leave the ball."""

    def step(x: Any, x0: Any, labels: Any, epsilon: Any, size: Any, low: Any, high: Any) -> Any:
        _, g = value_and_gradient(lambda batch: log_odds_against(classifier.logits_and_features(batch)[0], labels), x)
        if norm == "linf":
            direction = ops.sign(g)
        else:
            length = ops.sqrt(ops.sum(ops.square(g), axis=tuple(range(1, len(x.shape))), keepdims=True))
            direction = g / ops.maximum(length, 1e-30)
        return project_box(project_ball(x + size * direction, x0, epsilon, norm), low, high)

    return step


def batches(arrays: tuple[np.ndarray, ...], batch_size: int) -> Iterator[list]:
    """The arrays, ``batch_size`` rows at a time, as tensors."""
    for i in range(0, len(arrays[0]), batch_size):
        yield [ops.convert_to_tensor(array[i : i + batch_size]) for array in arrays]


def with_labels(model: keras.Model, x: np.ndarray, labels: Any) -> tuple[Classifier, np.ndarray]:
    """The classifier, and the labels as int64 (n,). Raises ValueError where they are not one class number a sample."""
    classifier, labels = Classifier.of(model, x), np.asarray(labels)
    if labels.shape != (len(x),) or not np.issubdtype(labels.dtype, np.integer):
        raise ValueError(f"labels must be ({len(x)},) class numbers; received {labels.dtype} {labels.shape}.")
    classes = classifier.logits_and_features(ops.convert_to_tensor(x[:1]))[0].shape[-1]
    if labels.min() < 0 or labels.max() >= classes:
        raise ValueError(f"labels must lie in 0..{classes - 1}; received {labels.min()}..{labels.max()}.")
    return classifier, labels.astype(np.int64)


def _check(epsilon: Any, step: Any, norm: str, bounds: Any, batch_size: Any) -> None:
    if norm not in ("l2", "linf"):
        raise ValueError(f"norm must be 'l2' or 'linf'; received {norm!r}.")
    for name, value in {"epsilon": epsilon, "step": step}.items():
        if not (isinstance(value, Real) and 0 < value < np.inf):
            raise ValueError(f"{name} must be a positive number; received {value!r}.")
    if not (np.shape(bounds) == (2,) and bounds[0] < bounds[1]):
        raise ValueError(f"bounds must be (p, q) with p < q; received {bounds!r}.")
    if not (isinstance(batch_size, Integral) and batch_size >= 1):
        raise ValueError(f"batch_size must be a whole number of at least 1; received {batch_size!r}.")
