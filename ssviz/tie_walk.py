"""From natural samples to both sides of a tie: Newton's steps inside the box, or on the 8-bit pixel grid.

References:
    S.-M. Moosavi-Dezfooli, A. Fawzi and P. Frossard, "DeepFool: a simple and accurate method to fool deep neural
    networks", CVPR 2016: the nearest boundary, and the steps to it, in the linearised sense.
"""

from collections.abc import Callable
from typing import Any

import numpy as np

from ssviz.backend import compiled, keras, value_and_gradient
from ssviz.generation import ADAM_EPSILON, BETA1, BETA2
from ssviz.models import Classifier
from ssviz.pixel_grid import move_on_grid
from ssviz.sensitivity import log_sensitivity_of

ops = keras.ops
CLEARANCE = 0.1  # logits by which the tie should lead over the other classes
SIDE_STEPS, GRID_STEPS = 4, 8  # most passes for the minus side, and for either side on the grid
REACH = 0.1  # most root-mean-square change of one step in the box, as a share of the bounds' width


def move_in_box(x: np.ndarray, slopes: np.ndarray, rises: np.ndarray, bounds: tuple[float, float]) -> np.ndarray:
    """x + d, float32 (n, ...), with the least d for which <slopes_i, d> = rises_i, inside [p, q]^m.

    slopes: (n, m, ...), gradients of m functions; rises: (n, m), by how much each should change; a slope of 0 asks
    for nothing. Entries that would leave the box stay at its face, and the others take over their part. Longer steps
    than the linearisation's REACH are shortened.

    Paper: beyond it (Section 5.2's top-1 ceiling). Notebook: 13.
    """
    start, slopes = x.reshape(len(x), -1), slopes.reshape(*slopes.shape[:2], -1)
    d, free = np.zeros_like(start), np.ones(start.shape, bool)
    for _ in range(4):
        usable = slopes * free[:, None]
        gram = np.einsum("nip,njp->nij", usable, usable).astype(np.float64)
        gram += np.eye(gram.shape[1]) * (1e-6 * gram + 1e-30)  # parallel slopes, or none, will do
        missing = rises - np.einsum("nip,np->ni", slopes, d)
        multipliers = np.linalg.solve(gram, missing[..., None])[..., 0]
        d += np.einsum("ni,nip->np", multipliers.astype(np.float32), usable)
        inside = np.clip(start + d, *bounds) - start
        free &= np.abs(inside - d) <= 1e-6
        d = np.where(free, d, inside)
    size = np.sqrt(np.mean(d**2, axis=1, keepdims=True))
    d *= np.minimum(1, REACH * (bounds[1] - bounds[0]) / np.maximum(size, 1e-30))
    return np.clip(start + d, *bounds).astype(np.float32).reshape(x.shape)


class Walk:
    """A batch x (n, ...) on its way to the ties of its classes (n, 2).

    Two functions lead it: the gap z_a - z_b, and the lead (z_a + z_b)/2 - max z_c of the tie over all other classes.
    A pass gives both, but the gradient of one: of the lead where it lacks more than the gap does, else of the gap.
    The other's last gradient is remembered in slopes (n, 2, ...). rise: (n,), by how much the gap should rise.

    Paper: beyond it (Section 5.2's top-1 ceiling). Notebook: 13.
    """

    def __init__(self, classifier: Classifier, x: np.ndarray, classes: np.ndarray, gap: float, near: float,
                 bounds: tuple[float, float], nudge: np.ndarray) -> None:  # fmt: skip
        self.x, self.classes, self.gap, self.near, self.bounds, self.nudge = x, classes, gap, near * gap, bounds, nudge
        self.slopes = np.zeros((len(x), 2, *x.shape[1:]), np.float32)
        self.rise, self.lead, self.rows = np.zeros(len(x)), np.zeros(len(x)), np.arange(len(x))
        self.clearance, self.passes = CLEARANCE + 4 * gap, 0
        self.each = (-1,) + (1,) * (x.ndim - 1)  # a scalar per sample, against the samples
        log_s = log_sensitivity_of(classifier, x, None)
        self.pull = compiled(classifier.model, ("pull to a tie",), _pull(classifier))
        self.climb = compiled(classifier.model, ("climb S",), lambda batch: value_and_gradient(log_s, batch)[1])

    def look(self, rows: np.ndarray, target: float, clearance: float) -> None:
        """One pass for ``rows``, in a batch of n, n/4, n/16 ... samples: few shapes to compile for."""
        size = len(self.x)
        while size > 1 and -(-size // 4) >= len(rows):
            size = -(-size // 4)
        batch = np.resize(rows, size)
        arguments = (self.x[batch], self.classes[batch], np.float32(target), np.float32(clearance))
        found = self.pull(*map(ops.convert_to_tensor, arguments))
        gap, lead, lags, g = (ops.convert_to_numpy(array)[: len(rows)] for array in found)
        self.rise[rows], self.lead[rows], self.slopes[rows, lags.astype(int)] = target - gap, lead, g
        self.passes += 1

    def choose(self, z: np.ndarray, candidates: int) -> None:
        """Of the runners-up, take for b the one whose boundary is nearest in the linearised sense, |gap| / ||g||, and
        make the first step to it."""
        order = np.argsort(-z, axis=1, kind="stable").astype(np.int32)
        nearest, known = np.full(len(z), np.inf), ("classes", "slopes", "rise", "lead")
        best = {name: getattr(self, name).copy() for name in known}
        for j in range(1, min(candidates + 1, z.shape[1])):
            self.classes = order[:, [0, j]]
            self.look(self.rows, self.gap, -np.inf)
            distance = np.abs(self.rise) / np.maximum(np.linalg.norm(_flat(self.slopes[:, 0]), axis=1), 1e-30)
            nearer = distance < nearest
            nearest[nearer] = distance[nearer]
            for name in known:
                best[name][nearer] = getattr(self, name)[nearer]
        vars(self).update(best)
        self.step(self.rows, self.clearance, move_in_box)

    def pairs(self, itr_max: int, ascent: int, lr: float, on_grid: str | None) -> tuple[np.ndarray, ...]:
        """plus, minus and their classes: to the tie's plus side, along the tie, and from there to the minus side."""
        self.approach(self.gap, itr_max - self.passes - SIDE_STEPS, move_in_box)
        if ascent:
            self.ascend(ascent, lr)
            self.approach(self.gap, 2 * SIDE_STEPS, move_in_box)
        move, limit = (move_in_box, SIDE_STEPS) if on_grid is None else (move_on_grid, GRID_STEPS)
        if on_grid is not None:
            self.x = move_on_grid(self.x, self.slopes, np.zeros((len(self.x), 2)), self.bounds)
            self.approach(self.gap, limit, move)
        plus = self.x.copy()
        self.x = move(self.x, self.slopes[:, :1], np.full((len(plus), 1), -2 * self.gap), self.bounds)
        self.approach(-self.gap, limit, move)
        return plus, self.x, self.classes

    def approach(self, target: float, limit: int, move: Callable) -> None:
        """Newton's steps until the gap is at ``target`` and the tie in the lead, or ``limit`` passes are spent."""
        clearance = self.clearance if move is move_in_box else 4 * self.gap
        rows = self.rows
        for _ in range(limit):
            self.look(rows, target, clearance)
            rows = rows[(np.abs(self.rise[rows]) > self.near) | (self.lead[rows] < clearance / 2)]
            if not len(rows):
                break
            self.step(rows, clearance, move)

    def step(self, rows: np.ndarray, clearance: float, move: Callable) -> None:
        """Move ``rows`` so that the gap rises by rise, and the lead to ``clearance`` where half of it would lack."""
        x, slopes, rise, lead = self.x[rows], self.slopes[rows], self.rise[rows], self.lead[rows]
        of_gap, of_lead = _flat(slopes[:, 0]), _flat(slopes[:, 1])
        rate = (of_gap * of_lead).sum(1) / np.maximum(np.square(of_gap).sum(1), 1e-30)
        lags = lead + rate * rise < clearance / 2
        slopes[~lags, 1] = 0
        new = move(x, slopes, np.stack([rise, np.where(lags, clearance - lead, 0)], axis=1), self.bounds)
        stuck = ~slopes.any(axis=tuple(range(1, slopes.ndim)))
        self.x[rows] = np.where(stuck.reshape(self.each), np.clip(x + self.nudge, *self.bounds), new)

    def ascend(self, iterations: int, lr: float) -> None:
        """Adam on log S, each step along the tie and then back to it; a sample stops where another class comes near."""
        m, v, rows = np.zeros_like(self.x), np.zeros_like(self.x), self.rows
        for t in range(1, iterations + 1):
            g = ops.convert_to_numpy(self.climb(ops.convert_to_tensor(self.x)))
            self.passes += 1
            m, v = BETA1 * m + (1 - BETA1) * g, BETA2 * v + (1 - BETA2) * np.square(g)
            d = lr * (m / (1 - BETA1**t)) / (np.sqrt(v / (1 - BETA2**t)) + ADAM_EPSILON)
            across, before = _flat(self.slopes[:, 0]), self.x.copy()
            share = (_flat(d) * across).sum(1) / np.maximum(np.square(across).sum(1), 1e-30)
            d -= share.reshape(self.each) * self.slopes[:, 0]
            self.x[rows] = np.clip(self.x + d, *self.bounds)[rows]
            self.look(rows, self.gap, -np.inf)
            held, rows = rows[self.lead[rows] < self.clearance / 2], rows[self.lead[rows] >= self.clearance / 2]
            self.x[held] = before[held]
            if not len(rows):
                break
            self.step(rows, -np.inf, move_in_box)


def _pull(classifier: Classifier) -> Callable:
    """(batch, classes, target, clearance) -> gap, lead, whether it is the lead that g belongs to, gradient g."""
    r = classifier.head.units

    def pull(x: Any, classes: Any, target: Any, clearance: Any) -> tuple:
        def followed(batch: Any) -> Any:
            z, _ = classifier.logits_and_features(batch)
            a, b = ops.one_hot(classes[:, 0], r), ops.one_hot(classes[:, 1], r)
            z_a, z_b = ops.sum(z * a, axis=-1), ops.sum(z * b, axis=-1)
            z_c = ops.max(ops.where(a + b > 0, -1e30, z), axis=-1)
            gap, lead = z_a - z_b, (z_a + z_b) / 2 - z_c
            lags = ops.logical_and(lead < clearance / 2, clearance - lead > ops.abs(target - gap))
            known = (ops.stop_gradient(value) for value in (gap, lead, ops.cast(lags, "float32")))
            return ops.stack([ops.where(lags, lead, gap), *known], axis=1)

        columns, g = value_and_gradient(followed, x)  # only the first column has a gradient
        return columns[:, 1], columns[:, 2], columns[:, 3], g

    return pull


def _flat(x: np.ndarray) -> np.ndarray:
    return x.reshape(len(x), -1)
