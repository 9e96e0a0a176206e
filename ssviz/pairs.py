"""Straddling pairs: a tie of two classes approached from both sides, so that one of the two inputs must flip.

At a tie a change of the model moves the logit gap z_a - z_b up or down, and a single Sensitive-Sample changes its
top-1 label for only one of the two: with probability one half, whatever its sensitivity. Two inputs with gaps of
+gap and -gap leave no such choice: a change that moves the gap by more flips one of them. There is a tie near most
natural inputs, and some ten Newton's steps reach it, where Algorithm 1 ascends for a hundred iterations or more.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from numbers import Integral, Real
from typing import Any, NamedTuple

import numpy as np
from tqdm import tqdm

from ssviz.backend import compiled, keras
from ssviz.generation import snr_db
from ssviz.manc import Selection, manc
from ssviz.models import Classifier, active_neurons, as_samples, in_batches, probabilities
from ssviz.sensitivity import sensitivity
from ssviz.tie_walk import Walk

ops = keras.ops
CANDIDATES = 2  # runners-up whose boundaries are compared
BATCH = 256


class TooFineError(ValueError):
    """A gap that the model's float32 logits cannot have."""


class Failure(NamedTuple):
    """A pair that is not returned: index into x0, classes (a, b), and why: "gap" (not within the tolerance),
    "third class" (another one is above a or b) or "interrupted".

    Paper: beyond it (Section 5.2's top-1 ceiling). Notebook: 13.
    """

    index: int
    classes: tuple[int, int]
    reason: str


@dataclass(frozen=True, eq=False, repr=False)
class StraddlingPairs:
    """n pairs of inputs on the two sides of a tie, each pair checked with the model's own answers.

    plus, minus: float32 (n, ...) within the bounds; the top-1 label of plus is a, that of minus is b.
    originals: float32 (n, ...), the natural samples. classes: (n, 2) int, a and b. gaps: (n, 2), z_a - z_b of plus
    and of minus, measured. snr: (n, 2), dB. sensitivity: (n, 2), S of Eq. 6. index: (n,) int, rows of x0.
    failed: the pairs that could not be brought to their place. passes: forward and backward passes that a batch
    took, at most. settings: the arguments of ``straddle``.

    Paper: beyond it (Section 5.2's top-1 ceiling). Notebook: 13.
    """

    plus: np.ndarray
    minus: np.ndarray
    originals: np.ndarray
    classes: np.ndarray
    gaps: np.ndarray
    snr: np.ndarray
    sensitivity: np.ndarray
    index: np.ndarray
    failed: tuple[Failure, ...]
    passes: int
    settings: Mapping[str, Any]

    def __len__(self) -> int:
        return len(self.plus)

    def __getitem__(self, indices: Any) -> "StraddlingPairs":
        """The pairs at ``indices`` (slice, integers or bool mask), in that order; the failures stay as they are."""
        indices = np.atleast_1d(np.arange(len(self))[indices])
        arrays = {f.name: getattr(self, f.name) for f in fields(self)}
        return replace(self, **{k: a[indices] for k, a in arrays.items() if isinstance(a, np.ndarray)})

    @property
    def samples(self) -> np.ndarray:
        """float32 (2n, ...): plus and minus of the first pair, then of the second, and so on."""
        return np.stack([self.plus, self.minus], axis=1).reshape(-1, *self.plus.shape[1:])

    def detected(self, per_sample: np.ndarray) -> np.ndarray:
        """(..., n) bool: pairs of which one or both samples detect, from (..., 2n) bool in the order of ``samples``.

        Raises ValueError if per_sample is not bool or has not 2n columns.
        """
        per_sample = np.asarray(per_sample)
        if per_sample.dtype != bool or per_sample.shape[-1:] != (2 * len(self),):
            raise ValueError(
                f"per_sample must be bool of shape (..., {2 * len(self)}), two samples a pair; "
                f"received {per_sample.dtype} of shape {per_sample.shape}."
            )
        return per_sample.reshape(*per_sample.shape[:-1], len(self), 2).any(axis=-1)

    def __repr__(self) -> str:
        why = ", ".join(f"{n} {reason}" for reason, n in Counter(f.reason for f in self.failed).items())
        snr = f", median SNR {np.median(self.snr):.1f} dB" if len(self) else ""
        return (
            f"StraddlingPairs({len(self)} of shape {self.plus.shape[1:]}: gap {self.settings['gap']:g}{snr}, "
            f"{self.passes} passes; failed: {why or 'none'})"
        )


def straddle(
    model: keras.Model,
    x0: Any,
    *,
    gap: float = 1e-3,
    classes: tuple[int, int] | str | None = None,
    bounds: tuple[float, float] = (0.0, 1.0),
    ascent: int = 0,
    itr_max: int = 20,
    lr: float = 1e-3,
    tolerance: float = 0.2,
    on_grid: str | None = None,
    batch_size: int | None = None,
    seed: int = 0,
    progress: bool = True,
) -> StraddlingPairs:
    """Bring natural samples to both sides of a nearby tie of two classes a, b: z_a - z_b = +gap and -gap.

    Each step is DeepFool's, the least change that closes the linearised gap, for a whole batch in one forward and
    backward pass; a third class that would lead at the tie is pushed below it by the same step. What is returned has
    been asked of the model itself: a and b are its two top classes, in the order that the side says, and the gap is
    as asked within ``tolerance``. Everything else is in the result's ``failed``.

    model: a Keras classifier that ends in Dense (+ softmax). x0: natural samples, (n, ...), within ``bounds`` = (p, q).
    gap: of the logits. A change that moves z_a - z_b by more than this flips one of the two. Float32 limits it: ten
    units in the last place of the logits are the least that is accepted, and below 1e-4 answers may depend on the
    batch size and the processor.
    classes: None for each sample's top class and the class whose boundary is nearest to it, of the two runners-up,
    in the linearised sense; (a, b) for these two, for every sample; "all" for each sample's top class with each of
    the others, r - 1 pairs a sample, to cover the whole last layer. Far classes take more passes or fail.
    ascent: iterations of Adam on log S along the tie, two passes each; 0 for plain pairs, nearest to x0.
    itr_max: most passes for plain pairs, at least 10; ascent and on_grid come on top. lr: Adam's, in units of the
    input. tolerance: largest error of the gap, as a share of it. on_grid: "uint8" for samples on the 8-bit grid of
    the bounds, p + (q - p) k/255, which survive a PNG file, for up to 16 passes more (gaps much below 1e-3, and
    small pictures, may find no grey levels that fit); None for any float32. batch_size: pairs at a time; None for 256.
    seed: of the step, of size ``lr``, taken where the gradient is exactly zero. progress: show a progress bar. An
    interrupt (Ctrl-C, Jupyter's stop) returns the batches that are done.

    Raises TypeError or ValueError, naming the argument, for a wrong one or a model without a Dense head; TooFineError
    (a ValueError) for a gap that the model's float32 logits cannot have.
    Paper: beyond it (Section 5.2's top-1 ceiling). Notebook: 13.
    """
    _check(gap, ascent, itr_max, lr, tolerance, on_grid, batch_size, bounds)
    x0, bounds, size = as_samples(x0, bounds, "x0"), tuple(map(float, bounds)), int(batch_size or BATCH)
    gap, tolerance = float(gap), float(tolerance)
    classifier = Classifier.of(model, x0)
    classifier.require_head()
    logits = compiled(model, ("logits",), lambda batch: classifier.logits_and_features(batch)[0])
    z = in_batches(logits, x0, size)
    _check_gap(gap, z, model.name)
    index, ties = _ties(z, classes)
    nudge = np.float32(lr) * np.random.default_rng(seed).choice(np.float32([-1, 1]), x0.shape[1:])

    found, passes, batches = [], 0, np.array_split(np.arange(len(index)), -(-len(index) // size))
    try:
        for rows in tqdm(batches, desc="Straddling pairs", disable=not progress, leave=False):
            walk = Walk(classifier, x0[index[rows]], ties[rows], gap, tolerance / 2, bounds, nudge)
            if classes is None:
                walk.choose(z[index[rows]], CANDIDATES)
            found.append(walk.pairs(itr_max, ascent, lr, on_grid))
            passes = max(passes, walk.passes)
    except KeyboardInterrupt:
        pass  # the batches that are done are returned
    settings = {
        "gap": gap, "classes": classes, "bounds": bounds, "ascent": ascent, "itr_max": itr_max, "lr": lr,
        "tolerance": tolerance, "on_grid": on_grid, "seed": seed,
    }  # fmt: skip
    return _verified(model, x0, index, ties, found, size, passes=passes, settings=settings)


def select_pairs(model: keras.Model, pairs: StraddlingPairs, k: int) -> Selection:
    """Pick k pairs greedily, each covering the largest number of the last layer's weights that are still uncovered.

    A pair covers the weight from neuron i to class j where i is active for one of its two samples and j is a or b:
    a change of that weight moves its gap. This is Algorithm 2 with these weights in the place of neurons; the
    weights of interest are those to the classes that occur in ``pairs`` (features x such classes of them). Returns
    MANC's Selection, with indices into ``pairs``, in order; every shorter selection is a prefix. Raises ValueError if
    k is not in [1, len(pairs)] or the model has no Dense head.

    Paper: beyond it (Section 5.2's top-1 ceiling). Notebook: 13.
    """
    if not 1 <= k <= len(pairs):
        raise ValueError(f"k must lie in [1, {len(pairs)}], the number of pairs; received {k}.")
    active = active_neurons(model, pairs).reshape(len(pairs), 2, -1).any(axis=1)
    tied = (pairs.classes[:, :, None] == np.unique(pairs.classes)).any(axis=1)
    return manc((active[:, :, None] & tied[:, None]).reshape(len(pairs), -1), k)


def _ties(z: np.ndarray, classes: Any) -> tuple[np.ndarray, np.ndarray]:
    """Rows of x0 (m,) and classes (m, 2) of the ties to go to; for None the two top classes, to begin with."""
    n, r = z.shape
    order = np.argsort(-z, axis=1, kind="stable").astype(np.int32)
    if classes is None:
        return np.arange(n), order[:, :2]
    if isinstance(classes, str) and classes == "all":
        return np.repeat(np.arange(n), r - 1), np.stack([np.repeat(order[:, 0], r - 1), order[:, 1:].ravel()], axis=1)
    valid = np.shape(classes) == (2,) and all(isinstance(c, Integral) and 0 <= c < r for c in classes)
    if isinstance(classes, str) or not valid or classes[0] == classes[1]:
        raise ValueError(f'classes must be None, "all" or two different of 0 to {r - 1}; received {classes!r}.')
    return np.arange(n), np.tile(np.int32(classes), (n, 1))


def _verified(model: keras.Model, x0: np.ndarray, index: np.ndarray, ties: np.ndarray, found: list, batch_size: int,
              *, passes: int, settings: Mapping[str, Any]) -> StraddlingPairs:  # fmt: skip
    """The pairs that are where they should be by the model's own answers, and what became of the others."""
    plus, minus, classes = map(np.concatenate, zip((x0[:0], x0[:0], ties[:0]), *found, strict=True))
    done, sides = len(plus), np.stack([plus, minus], axis=1)
    gaps, leads = _asked(model, sides, classes, batch_size)
    off = ~(np.abs(gaps - [settings["gap"], -settings["gap"]]) <= settings["tolerance"] * settings["gap"]).all(axis=1)
    reasons = np.full(len(index), "interrupted")
    reasons[:done] = np.where(~leads.all(axis=1), "third class", np.where(off, "gap", ""))
    classes = np.concatenate([classes, ties[done:]])
    good, bad = np.flatnonzero(reasons == ""), np.flatnonzero(reasons)
    sides, originals = sides[good], x0[index[good]]
    both = sides.reshape(-1, *x0.shape[1:])
    return StraddlingPairs(
        plus=sides[:, 0],
        minus=sides[:, 1],
        originals=originals,
        classes=classes[good].astype(np.int64),
        gaps=gaps[good],
        snr=ops.convert_to_numpy(snr_db(both, originals.repeat(2, axis=0))).reshape(-1, 2).astype(np.float64),
        sensitivity=(sensitivity(model, both, batch_size=batch_size) if len(good) else np.zeros(0)).reshape(-1, 2),
        index=index[good],
        failed=tuple(Failure(int(index[i]), tuple(classes[i].tolist()), str(reasons[i])) for i in bad),
        passes=passes,
        settings=settings,
    )


def _asked(
    model: keras.Model, sides: np.ndarray, classes: np.ndarray, batch_size: int
) -> tuple[np.ndarray, np.ndarray]:
    """What the model answers to pairs (n, 2, ...): z_a - z_b = log p_a - log p_b of each sample (n, 2), and whether
    its a and b lead over all other classes (n, 2)."""
    if not len(sides):
        return np.zeros((0, 2)), np.zeros((0, 2), bool)
    x, tied = sides.reshape(-1, *sides.shape[2:]), classes.repeat(2, axis=0)
    p = probabilities(model, x, batch_size=batch_size).astype(np.float64)
    p_ab = np.maximum(np.take_along_axis(p, tied, axis=1), 1e-300)
    np.put_along_axis(p, tied, 0, axis=1)
    gaps, leads = np.log(p_ab[:, 0] / p_ab[:, 1]), p_ab.min(axis=1) > p.max(axis=1)
    return gaps.reshape(-1, 2), leads.reshape(-1, 2)


def _check(
    gap: Any, ascent: Any, itr_max: Any, lr: Any, tolerance: Any, on_grid: Any, batch_size: Any, bounds: Any
) -> None:
    for name, value in {"gap": gap, "lr": lr, "tolerance": tolerance}.items():
        if not (isinstance(value, Real) and 0 < value < np.inf):
            raise ValueError(f"{name} must be a positive number; received {value!r}.")
    if gap > 1:
        raise ValueError(f"gap must be at most 1, to be small against the logits; received {gap!r}.")
    if tolerance >= 1:
        raise ValueError(f"tolerance must be less than 1, a share of the gap; received {tolerance!r}.")
    for name, value, least in (("ascent", ascent, 0), ("itr_max", itr_max, 10), ("batch_size", batch_size, 1)):
        if not (value is None and name == "batch_size") and not (isinstance(value, Integral) and value >= least):
            raise ValueError(f"{name} must be a whole number of at least {least}; received {value!r}.")
    if on_grid not in (None, "uint8"):
        raise ValueError(f'on_grid must be None or "uint8"; received {on_grid!r}.')
    if not (np.shape(bounds) == (2,) and bounds[0] < bounds[1]):
        raise ValueError(f"bounds must be (p, q) with p < q; received {bounds!r}.")


def _check_gap(gap: float, z: np.ndarray, name: str) -> None:
    top = np.median(np.abs(z).max(axis=1))
    if gap < (least := 10 * np.spacing(np.float32(top))):
        raise TooFineError(
            f"gap must be at least {least:.1g} for {name!r}, whose float32 logits reach {top:.3g}; received {gap!r}."
        )
