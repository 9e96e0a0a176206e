"""Exercises of notebooks 03 and 04: sensitivity, and what a Sensitive-Sample may change.

What is right follows from the context, by ssviz's own functions, for any model and data set.
"""

import math
from collections.abc import Iterable
from typing import Any

import numpy as np

from ssviz import generation
from ssviz.lab.feedback import function, index, number
from ssviz.lab.register import exercise
from ssviz.sensitivity import log_sensitivity, log_softmax_jacobian_norm2


@exercise(
    "03.1",
    hints=[
        "The sensitivity is a product: one factor is made of p alone, the other of h alone.",
        "The factor of p needs three sums: of squares, of cubes, and the square of one of these sums.",
        "The bias is a weight too: its feature is the constant 1.",
    ],
)
def sensitivity_by_hand(answer: Any, p: Any, h: Any, bias: bool = True) -> str:
    """S in closed form, from probabilities p and features h."""
    p, h = np.asarray(p, float), np.asarray(h, float)
    squares, cubes, h2 = (p**2).sum(), (p**3).sum(), (h**2).sum()
    logits, ones = np.log(np.maximum(p, 1e-30))[None], h2 + bias
    right = math.exp(float(np.asarray(log_sensitivity(logits, h[None], bias=bias))[0]))
    jacobian = right / ones
    suspects = {
        ("The bias is missing." if bias else "This layer has no bias."): jacobian * (h2 + (not bias)),
        "The features' norm must be squared.": jacobian * (math.sqrt(h2) + bias),
        "That is the factor of p alone.": jacobian,
        "That is the length of the Jacobian; S is its square.": math.sqrt(right),
        "The last term of the factor of p is missing.": (squares - 2 * cubes) * ones,
        "The square of a sum is not the sum of the squares.": (squares - 2 * cubes + (p**4).sum()) * ones,
        "The cubes are subtracted twice.": (squares - cubes + squares**2) * ones,
    }
    number(answer, right, suspects)
    return "The factor of p says how undecided the network is, the factor of h how loudly its features speak."


@exercise(
    "03.2",
    hints=[
        "What does S do where one class has all of the probability?",
        "Adding the same number to all logits changes nothing; only their differences count.",
        "Compare the gaps between the largest logit and the runner-up.",
    ],
)
def most_sensitive(answer: Any, logits: Any, features: Any = None) -> str:
    """Which row of logits has the largest S."""
    z = np.asarray(logits, float)
    log_s = log_softmax_jacobian_norm2(z) if features is None else log_sensitivity(z, np.asarray(features, float))
    confidence = -np.log(np.exp(z - z.max(axis=1, keepdims=True)).sum(axis=1))
    suspects = {
        "That is the row of which the network is surest. Does its output move easily?": int(confidence.argmax()),
        "That is the row with the largest logit. Is a large logit the same as a close decision?": int(
            z.max(1).argmax()
        ),
    }
    index(answer, int(np.asarray(log_s).argmax()), len(z), suspects)
    return "What counts is how close the decision is, not how large the logits are."


@exercise(
    "03.3",
    hints=[
        "At such a tie all of the K probabilities are equal, and they sum to 1.",
        "Every sum in the closed form then has K equal terms.",
    ],
)
def jacobian_at_a_tie(answer: Any) -> str:
    """The function of K that gives the factor of p in S where K classes tie."""

    def own(k: int) -> float:
        return math.exp(float(np.asarray(log_softmax_jacobian_norm2(np.zeros((1, k))))[0]))

    suspects = {
        "That is what the sum of the squares gives alone. What do the other two terms add up to?": lambda k: 1 / k,
        "The last term is a sum, squared: it does not vanish.": lambda k: 1 / k - 2 / k**2,
        "That is the Gini impurity, K times as large: each of K rows has its own small share.": lambda k: 1 - 1 / k,
    }
    function(answer, own, [{"k": k} for k in (2, 3, 4, 10, 43)], suspects, rtol=1e-4)
    return "It falls as K grows: a tie of two has the largest S, though not the best odds that a top-1 label flips."


@exercise(
    "04.1",
    hints=[
        "Signal and noise are both sums of squares over all pixels.",
        "The noise is the difference of the two pictures.",
        "A ratio of powers in decibels is ten times its logarithm to base 10.",
    ],
)
def snr_by_hand(answer: Any, v: Any, v0: Any) -> str:
    """The SNR in dB of a Sensitive-Sample v made from v0."""
    v, v0 = np.asarray(v, np.float64), np.asarray(v0, np.float64)
    right = float(np.asarray(generation.snr_db(v[None], v0[None]))[0])
    suspects = {
        "The ratio is upside down: noise over signal.": -right,
        "That is with the natural logarithm; decibels take base 10.": right * math.log(10),
        "Twenty belongs to a ratio of amplitudes; sums of squares are powers already.": 2 * right,
        "That is half of it: did you take roots, or forget the squares?": right / 2,
        "That is in bel; a decibel is a tenth of it.": right / 10,
        "That is the ratio itself, not yet in decibels.": 10 ** min(right / 10, 300),
    }
    number(answer, right, suspects, rtol=0.005)
    return "Every 20 dB more is a change ten times as small."


@exercise(
    "04.2",
    hints=[
        "Turn the definition of SNR around: how long may the noise be, for one sample?",
        "Lengths are roots of powers: 20 dB are a factor of 10 in length.",
        "One epsilon serves all samples: which of them allows the least?",
    ],
)
def epsilon_for_snr(answer: Any, samples: Any, snr: float = 30.0) -> str:
    """The largest epsilon (l2) that keeps the SNR of every sample at or above snr dB."""
    x0 = np.asarray(getattr(samples, "originals", samples), np.float64)
    lengths = np.asarray(generation.distance(x0, np.zeros_like(x0)), float)
    factor = 10 ** (-snr / 20)
    right = float(lengths.min()) * factor
    suspects = {
        "That serves some samples only; the darkest has the least signal.": float(lengths.max()) * factor,
        "That serves the average sample; every one is asked for.": float(lengths.mean()) * factor,
        "That is the factor between powers; epsilon is a length.": float(lengths.min()) * factor**2,
        "Decibels take base 10, not e.": float(lengths.min()) * math.exp(-snr / 20),
        "That is the square of a length.": right**2,
        "That is in grey levels; epsilon is in units of the input, here from 0 to 1.": right * 255,
    }
    number(answer, right, suspects)
    return "The darkest picture decides. A limit on the SNR itself would give each picture its own epsilon."


def _batches(shapes: Iterable[tuple[int, ...]], seed: int) -> list[np.ndarray]:
    rng = np.random.default_rng(seed)
    return [rng.uniform(-2, 2, shape).round(1).astype(np.float32) for shape in shapes]


@exercise("04.3", hints=["Where is the nearest allowed value of a single pixel?", "NumPy has it: a clip."])
def box(answer: Any) -> str:
    """Implement project_box(x, low, high)."""
    limits = [(-1.0, 1.0), (0.0, 1.0), (0.5, 0.8), (0.0, 255.0)]
    shapes = [(1, 2), (2, 3), (2, 3), (1, 2, 2, 1)]
    cases = [{"x": x, "low": a, "high": b} for x, (a, b) in zip(_batches(shapes, 0), limits, strict=True)]
    suspects = {
        "Only the lower bound is kept.": lambda x, low, high: np.maximum(x, low),
        "Only the upper bound is kept.": lambda x, low, high: np.minimum(x, high),
        "The bounds are arguments, not always 0 and 1.": lambda x, low, high: np.clip(x, 0, 1),
        "low and high have changed places.": lambda x, low, high: np.maximum(np.minimum(x, low), high),
        "Pixels inside must stay as they are; do not stretch the whole picture.": lambda x, low, high: (
            low + (x - x.min()) / (x.max() - x.min()) * (high - low)
        ),
    }
    function(answer, generation.project_box, cases, suspects, rtol=1e-5, atol=1e-5)
    return "Twice is the same as once, as for every projection."


@exercise(
    "04.4",
    hints=[
        "Look at x - x0: its direction is right, its length may be too large.",
        "A sample inside the ball stays where it is: shrink by the smaller of 1 and something.",
        "Each sample of the batch has a length of its own: sum over all axes but the first.",
    ],
)
def ball(answer: Any) -> str:
    """Implement project_ball(x, x0, epsilon) for l2."""
    shapes = [(1, 2), (1, 2), (2, 3), (3, 2), (2, 2, 2)]
    pairs = list(zip(_batches(shapes, 1), _batches(shapes, 2), (1.0, 9.0, 0.5, 1.5, 2.0), strict=True))
    cases = [{"x": x, "x0": x0, "epsilon": epsilon} for x, x0, epsilon in pairs]
    near = pairs[2][1] + np.float32([[0.1, 0, 0.2], [3, 0, 0]])
    cases += [{"x": near, "x0": pairs[2][1], "epsilon": 0.5}, {"x": pairs[0][1], "x0": pairs[0][1], "epsilon": 1.0}]

    def scaled(x: np.ndarray, x0: np.ndarray, epsilon: float, *, each: bool = True, inside: bool = True) -> np.ndarray:
        axes = tuple(range(1, x.ndim)) if each else None
        factor = epsilon / np.sqrt(((x - x0) ** 2).sum(axis=axes, keepdims=True))
        return x0 + (x - x0) * (np.minimum(1, factor) if inside else factor)

    suspects = {
        "A sample that is inside the ball already must not move.": lambda *a: scaled(*a, inside=False),
        "The length is taken over the whole batch; each sample has its own.": lambda *a: scaled(*a, each=False),
        "That is the ball around 0; ours is around x0.": lambda x, x0, e: scaled(x, 0 * x, e),
        "What you return is the step from x0, not the sample.": lambda x, x0, e: scaled(x, x0, e) - x0,
        "That is the ball of linf, a cube; l2 is asked for.": lambda x, x0, e: x0 + np.clip(x - x0, -e, e),
    }
    function(answer, generation.project_ball, cases, suspects, rtol=1e-4, atol=1e-5)
    return "The nearest point of a ball lies on the straight line to its centre."
