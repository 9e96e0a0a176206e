"""How well samples detect a compromised model: detections, missing rates, samples needed (Section 5)."""

import math
from typing import Any

import numpy as np

from ssviz import models
from ssviz.coverage_odds import MancMissingRates, manc_missing_rates
from ssviz.outputs import Output, parse

__all__ = ["MancMissingRates", "detection_matrix", "manc_missing_rates", "missing_rate", "samples_needed", "told_apart"]


def detection_matrix(
    reference: Any,
    compromised: Any,
    samples: Any,
    output: str | Output = "top-1",
    *,
    batch_size: int = 256,
) -> np.ndarray:
    """(models, n) bool: whether sample j shows that compromised model i is not the reference.

    reference: a Keras classifier. compromised: a Keras model, an object with `.model` (an attack's result),
    or a list of these. samples: (n, ...) float32 inputs, or an object with `.samples`. output: what the API
    shows, as in `ssviz.outputs`. Raises ValueError as `outputs.parse` and `Output.answer` do.

    Paper: Section 5.2 ("a successful detection"), Table 4. Notebook: 10.
    """
    output, x = parse(output), getattr(samples, "samples", samples)
    if not isinstance(compromised, list | tuple):
        compromised = [compromised]

    expected = models.probabilities(reference, x, batch_size=batch_size)
    suspects = [models.model_of(m) for m in compromised]
    return np.stack([told_apart(expected, models.probabilities(m, x, batch_size=batch_size), output) for m in suspects])


def told_apart(expected: np.ndarray, received: np.ndarray, output: str | Output = "top-1") -> np.ndarray:
    """(n,) bool: whether what the API shows of two models' probabilities, (n, r) each, differs.

    Raises ValueError as `outputs.parse` and `Output.answer` do. Paper: Section 3.4, Table 4. Notebook: 10.
    """
    output = parse(output)
    return ~output.same(output.answer(expected), output.answer(received))


def missing_rate(detected: np.ndarray, n_s: int | np.ndarray, *, replace: bool = False) -> np.ndarray:
    """Probability that none of n_s samples, chosen at random of n, detects: exact, no trials.

    detected: (n,) or (models, n) bool. n_s: an int or an array of ints >= 0. replace=False chooses without
    replacement (hypergeometric), so n_s <= n; True draws from an unlimited supply of such samples,
    (1 - d)^n_s. Returns a float, or an array of shape (models,) + n_s.shape; rates under 1e-308 are 0.
    Raises ValueError if detected is not bool, or n_s is out of range.

    Paper: Section 5.2, Figure 5, Table 3. Notebook: 10.
    """
    detected, n_s = _bool_map(detected), np.asarray(n_s)
    n, d = detected.shape[-1], detected.sum(axis=-1)
    largest = np.inf if replace else n
    if n_s.dtype.kind not in "iu" or (n_s < 0).any() or (n_s > largest).any():
        raise ValueError(f"n_s must be integers in [0, {largest}]; received {n_s}.")
    if replace:
        return np.power.outer((n - d) / n, n_s)
    i = np.arange(n_s.max(initial=0))
    step = np.maximum(np.subtract.outer(n - d, i), 0) / (n - i)  # C(n-d, s) / C(n, s) = prod (n-d-i) / (n-i)
    rates = np.concatenate([np.ones((*d.shape, 1)), np.cumprod(step, axis=-1)], axis=-1)
    return rates[..., n_s][()]


def samples_needed(
    detected: np.ndarray, alpha: float | np.ndarray, *, replace: bool = False
) -> int | float | np.ndarray:
    """Smallest n_s whose missing rate under random choice is at most alpha: exact, down to any alpha > 0.

    detected: (n,) or (models, n) bool. alpha: a missing rate in (0, 1), or an array of them. replace: as in
    `missing_rate`; True for the paper's non-sensitive samples, whose supply is unlimited. Returns an int, or
    a float array of shape (models,) + alpha.shape; math.inf where no sample detects, which is the only case
    that no number of samples helps. A rate that equals alpha to 12 digits suffices. Raises ValueError if
    detected is not bool or alpha not in (0, 1).

    Paper: Section 5.3, Table 5. Notebook: 11.
    """
    detected, alpha = _bool_map(detected), np.asarray(alpha, float)
    if not ((alpha > 0) & (alpha < 1)).all():
        raise ValueError(f"alpha must lie in (0, 1); received {alpha}.")
    if detected.ndim == 2:
        return np.array([np.asarray(samples_needed(row, alpha, replace=replace), float) for row in detected])
    n, d = len(detected), int(detected.sum())
    alpha = alpha * (1 + 1e-12)  # so that 3/10 suffices for 0.3, whatever the last digits
    if d == 0:
        needed = np.full(alpha.shape, np.inf)
    elif replace and d < n:
        guess = np.ceil(np.log(alpha) / np.log1p(-d / n)).astype(int)
        near = np.stack([np.maximum(guess - 1, 1), guess, guess + 1])  # log may be off by one at a tie
        needed = near[np.argmax((1 - d / n) ** near <= alpha, axis=0), *np.indices(alpha.shape)].astype(float)
    else:
        rates = missing_rate(detected, np.arange(n - d + 2))
        needed = np.searchsorted(-rates, -alpha).astype(float)
    return needed if alpha.ndim else (int(needed) if np.isfinite(needed) else math.inf)


def _bool_map(detected: np.ndarray) -> np.ndarray:
    detected = np.asarray(detected)
    if detected.dtype != bool or detected.ndim not in (1, 2) or not detected.shape[-1]:
        raise ValueError(
            "detected must be a bool array of shape (n,) or (models, n); "
            f"received {detected.dtype} of shape {detected.shape}."
        )
    return detected
