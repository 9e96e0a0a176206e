"""Sensitive-Samples: projected gradient ascent on the sensitivity (Eq. 7, Algorithm 1), a whole batch at once."""

from collections.abc import Callable, Sequence
from numbers import Integral, Real
from typing import Any

import numpy as np
from tqdm import tqdm

from ssviz.backend import compiled, keras, value_and_gradient
from ssviz.models import Classifier, as_samples
from ssviz.samples import SensitiveSamples
from ssviz.sensitivity import log_sensitivity, log_sensitivity_of, log_tie

ops = keras.ops
BETA1, BETA2, ADAM_EPSILON = 0.9, 0.999, 1e-8
PATIENCE = 10  # iterations over which a plateau is judged


def generate(
    model: keras.Model,
    x0: Any,
    *,
    epsilon: float | None = None,
    norm: str = "l2",
    lr: float = 1e-3,
    itr_max: int = 1000,
    bounds: tuple[float, float] = (0.0, 1.0),
    objective: str = "log",
    k: int | None = None,
    layers: Sequence[str] | None = None,
    constraint: str = "stop",
    tolerance: float | None = None,
    batch_size: int | None = None,
    record: str = "scalars",
    seed: int = 0,
    progress: bool | Callable[..., Any] = True,
) -> SensitiveSamples:
    """Turn natural samples into Sensitive-Samples: ascend S from x0 inside [p, q]^m and the epsilon-ball.

    model: a Keras classifier. x0: natural samples v_0, (n, ...), within ``bounds`` = (p, q).
    epsilon: largest distance ||v - v_0||, in units of the input; None for no limit. norm: "l2" or "linf".
    lr: Adam's learning rate, in units of the input. itr_max: most iterations.
    objective: "log" ascends log S, which moves confident inputs too; "paper" ascends S itself; "ties" goes where
    the ``k`` likeliest classes have equal probabilities and S is large: there the top-1 label changes with about
    1 - 1/k of all compromised models ("log" ends at ties of two). For its last half ``lr`` falls linearly to 0, to
    end at the tie: let it finish, in 200 iterations or so. k: 2 (the default) to the number of classes.
    layers: names of the layers whose weights are W; by default the last layer (always with "ties").
    constraint: "stop" ends a sample's ascent before the step that would leave the epsilon-ball (Algorithm 1 tests
    after that step and returns a sample just outside); "project" returns to the ball and goes on.
    tolerance: end a sample's ascent when log S rose by less than this in ten iterations (objective "log" only).
    batch_size: samples ascended together; None for all. record: "scalars", or "samples" to keep every iterate
    (float32, itr_max + 1 times the size of x0), which ``SensitiveSamples.at`` needs.
    seed: of the step taken where the gradient is exactly zero, so that "log" leaves flat places ("paper" stays).
    progress: show a progress bar, or what makes one, called as tqdm is. An interrupt (Ctrl-C, Jupyter's stop) ends
    the ascent and returns what is done.

    Raises TypeError or ValueError, naming the argument, for a wrong one or a model that is no classifier.
    Paper: Eq. 7, Algorithm 1. Notebook: 04.
    """
    _check(epsilon, norm, lr, itr_max, bounds, objective, constraint, tolerance, batch_size, record)
    _check_ties(objective, k, layers)
    x0 = as_samples(x0, bounds, "x0")
    classifier = Classifier.of(model, x0)
    log_s, key = log_sensitivity_of(classifier, x0, layers), None if layers is None else tuple(layers)
    final, ascended = compiled(model, ("log sensitivity", key), log_s), log_s
    if objective == "ties":
        k = 2 if k is None else int(k)
        ascended = _log_s_towards_ties(classifier, k)
    step = _ascent_step(ascended, objective, constraint, norm)
    step = compiled(model, ("step", objective, k, constraint, norm, key), step)
    nudge = np.random.default_rng(seed).choice(np.float32([-1, 1]), x0.shape[1:])
    rates = learning_rates(lr, itr_max, decay=objective == "ties")
    limits = (*bounds, np.inf if epsilon is None else epsilon)
    limits = [ops.convert_to_tensor(value, "float32") for value in limits]

    batches = np.array_split(np.arange(len(x0)), -(-len(x0) // (batch_size or len(x0))))
    parts = []
    make_bar = progress if callable(progress) else tqdm
    with make_bar(total=itr_max * len(batches), desc="Sensitive-Samples", disable=not progress, leave=False) as bar:
        for batch in batches:
            parts.append(_ascend(step, final, x0[batch], rates, tolerance, record, nudge, limits, bar))
            if parts[-1]["interrupted"]:
                rates = rates[:0]  # the batches to come stay as they are
    settings = {
        "epsilon": epsilon, "norm": norm, "lr": lr, "itr_max": itr_max, "bounds": tuple(bounds),
        "objective": objective, "k": k, "layers": layers and list(layers), "constraint": constraint,
        "tolerance": tolerance,
    }  # fmt: skip
    return SensitiveSamples.join(parts, settings)


def _log_s_towards_ties(classifier: Classifier, k: int) -> Callable:
    """batch (n, ...) -> log S (n,), but with the gradient of ``log_tie``: one pass gives the record and the way."""
    bias = classifier.require_head().use_bias
    if k > (classes := classifier.head.units):
        raise ValueError(f"k must be at most the number of classes, {classes}; received {k}.")

    def value(batch: Any) -> Any:
        z, h = classifier.logits_and_features(batch)
        tie = log_tie(z, h, k, bias=bias)
        return ops.stop_gradient(log_sensitivity(z, h, bias=bias)) + (tie - ops.stop_gradient(tie))

    return value


def learning_rates(lr: float, itr_max: int, *, decay: bool) -> np.ndarray:
    """Adam's learning rate in each iteration, float32 (itr_max,): lr, or with ``decay`` lr for the first half and
    then falling linearly to 2 lr / itr_max, so that the last steps do not leave the tie that they approach."""
    left = 1 - np.arange(itr_max) / itr_max
    return np.float32(lr * np.minimum(1, 2 * left) if decay else np.full(itr_max, lr))


def _ascent_step(log_s: Callable, objective: str, constraint: str, norm: str) -> Callable:
    """One iteration of Algorithm 1 for a batch: lines 13 to 18, with Adam (Section 4.3) for line 17."""

    def step(x: Any, m: Any, v: Any, t: Any, lr: Any, moving: Any, x0: Any, nudge: Any, low: Any, high: Any,
             epsilon: Any) -> tuple:  # fmt: skip
        each = (-1,) + (1,) * (len(x.shape) - 1)  # a scalar per sample, against the samples
        value, g = value_and_gradient(log_s, x)  # lines 13-16: all outputs at once
        if objective == "paper":
            g = g * ops.reshape(ops.exp(value), each)  # dS = S d log S
        else:
            flat = ops.max(ops.abs(g), axis=tuple(range(1, len(x.shape)))) == 0
            g = ops.where(ops.reshape(flat, each), nudge, g)
        m = BETA1 * m + (1 - BETA1) * g
        v = BETA2 * v + (1 - BETA2) * ops.square(g)
        direction = (m / (1 - BETA1**t)) / (ops.sqrt(v / (1 - BETA2**t)) + ADAM_EPSILON)
        new = project_box(x + lr * direction, low, high)  # lines 17, 18
        if constraint == "project":
            new = project_ball(new, x0, epsilon, norm)
        else:  # line 12, asked before the step is taken
            moving = ops.logical_and(moving, distance(new, x0, norm) <= epsilon)
        x = ops.where(ops.reshape(moving, each), new, x)
        return (x, m, v), value, moving, distance(x, x0, norm), snr_db(x, x0)

    return step


def _ascend(step: Callable, final: Callable, x0: np.ndarray, rates: np.ndarray, tolerance: float | None, record: str,
            nudge: np.ndarray, limits: list, bar: tqdm) -> dict[str, Any]:  # fmt: skip
    """Algorithm 1's loop for one batch; what is recorded, by the names of SensitiveSamples' fields."""
    n, itr_max = len(x0), len(rates)
    start = ops.convert_to_tensor(x0)
    state = (start, ops.zeros_like(start), ops.zeros_like(start))
    moving, stopped, iterations = np.ones(n, bool), np.full(n, "itr_max"), np.zeros(n, np.int64)
    log_s, distances, snrs, iterates = [], [np.zeros(n)], [np.full(n, np.inf)], [x0]
    done, interrupted = (0, state, moving, stopped, iterations), itr_max == 0
    try:
        for t in range(1, itr_max + 1):
            now = (ops.convert_to_tensor(number) for number in np.float32((t, rates[t - 1])))
            state, *found = step(*state, *now, moving, start, nudge, *limits)
            value, still, d, db = map(ops.convert_to_numpy, found)
            stopped = np.where(moving & ~still, "epsilon", stopped)
            moving, iterations = still, iterations + still
            log_s.append(value), distances.append(d), snrs.append(db)
            if record == "samples":
                iterates.append(ops.convert_to_numpy(state[0]))
            if tolerance is not None and t > PATIENCE:
                plateau = moving & (log_s[-1] - log_s[-1 - PATIENCE] < tolerance)
                moving, stopped = moving & ~plateau, np.where(plateau, "plateau", stopped)
            done = (t, state, moving, stopped, iterations)  # an interrupt before this undoes the iteration
            bar.update()
            bar.set_postfix_str(f"median S {np.exp(np.median(value)):.3g}", refresh=False)
            if not moving.any():
                break
    except KeyboardInterrupt:
        interrupted = True
    t, state, moving, stopped, iterations = done
    if interrupted:
        stopped = np.where(moving, "interrupted", stopped)
    bar.update(itr_max - t)
    samples = ops.convert_to_numpy(state[0])
    log_s[t:] = [ops.convert_to_numpy(final(state[0]))]
    return {
        "samples": samples,
        "originals": x0,
        "sensitivity": np.exp(np.stack(log_s).astype(np.float64)),
        "distance": np.stack(distances[: t + 1]).astype(np.float64),
        "snr": np.stack(snrs[: t + 1]).astype(np.float64),
        "iterations": iterations,
        "stopped": stopped,
        "trajectory": np.stack(iterates[: t + 1]) if record == "samples" else None,
        "interrupted": interrupted,
    }


def project_box(x: Any, low: Any, high: Any) -> Any:
    """The nearest point of [p, q]^m: min(max(x, p), q). Paper: Algorithm 1, line 18."""
    return ops.clip(x, low, high)


def project_ball(x: Any, x0: Any, epsilon: Any, norm: str = "l2") -> Any:
    """The nearest point of the epsilon-ball around x0 (n, ...): x0 + (x - x0) min(1, epsilon / ||x - x0||) for
    "l2", x0 + clip(x - x0, -epsilon, epsilon) for "linf". Paper: Eq. 7's second constraint."""
    if norm == "linf":
        return x0 + ops.clip(x - x0, -epsilon, epsilon)
    d = ops.reshape(distance(x, x0, norm), (-1,) + (1,) * (len(x.shape) - 1))
    return x0 + (x - x0) * ops.minimum(1.0, epsilon / ops.maximum(d, 1e-12))


def distance(x: Any, x0: Any, norm: str = "l2") -> Any:
    """||x - x0|| of each sample (n,), in units of the input: Euclidean for "l2", largest entry for "linf"."""
    axes = tuple(range(1, len(x.shape)))
    if norm == "linf":
        return ops.max(ops.abs(x - x0), axis=axes)
    return ops.sqrt(ops.sum(ops.square(x - x0), axis=axes))


def snr_db(x: Any, x0: Any) -> Any:
    """Signal-to-noise ratio 10 log10(sum x0^2 / sum (x - x0)^2) of each sample (n,), in dB. Paper: Figure 3."""
    axes = tuple(range(1, len(x.shape)))
    return 10 * ops.log10(ops.sum(ops.square(x0), axis=axes) / ops.sum(ops.square(x - x0), axis=axes))


def _check(epsilon: Any, norm: str, lr: float, itr_max: int, bounds: Any, objective: str, constraint: str,
           tolerance: Any, batch_size: Any, record: str) -> None:  # fmt: skip
    choices = {
        "norm": (norm, ("l2", "linf")),
        "objective": (objective, ("log", "paper", "ties")),
        "constraint": (constraint, ("stop", "project")),
        "record": (record, ("scalars", "samples")),
    }
    for name, (value, allowed) in choices.items():
        if value not in allowed:
            raise ValueError(f"{name} must be {' or '.join(map(repr, allowed))}; received {value!r}.")
    for name, value in {"epsilon": epsilon, "lr": lr, "tolerance": tolerance}.items():
        if not (value is None and name != "lr") and not (isinstance(value, Real) and 0 < value < np.inf):
            raise ValueError(f"{name} must be a positive number; received {value!r}.")
    for name, value in {"itr_max": itr_max, "batch_size": batch_size}.items():
        if not (value is None and name == "batch_size") and not (isinstance(value, Integral) and value >= 1):
            raise ValueError(f"{name} must be a whole number of at least 1; received {value!r}.")
    if not (np.shape(bounds) == (2,) and bounds[0] < bounds[1]):
        raise ValueError(f"bounds must be (p, q) with p < q; received {bounds!r}.")
    if constraint == "project" and epsilon is None:
        raise ValueError('constraint="project" needs an epsilon; received None.')
    if tolerance is not None and objective != "log":
        raise ValueError(f'tolerance compares log S, so it needs objective="log"; received objective="{objective}".')


def _check_ties(objective: str, k: Any, layers: Any) -> None:
    if objective != "ties" and k is not None:
        raise ValueError(f'k counts the classes that tie, so it needs objective="ties"; received k={k!r}.')
    if k is not None and (not isinstance(k, Integral) or k < 2):
        raise ValueError(f"k must be a whole number of at least 2; received {k!r}.")
    if objective == "ties" and layers is not None:
        raise ValueError(f'layers must be None with objective="ties", whose W is the last layer; received {layers!r}.')
