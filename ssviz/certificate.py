"""What a set of samples is certain to detect: the smallest change of each single weight of the last layer.

The logits z = h W + b are linear in every weight, so for top-1 outputs this needs no trials. Changing w_ij by d
adds d h_i to z_j alone (h_i = 1 for the bias). With t the top class of a sample and h_i > 0, its label changes

    j != t:   for d > (z_t - z_j) / h_i               an increase
    j == t:   for d < -(z_t - max_k!=t z_k) / h_i     a decrease

and for h_i < 0 the other way round. A sample detects every larger change too, and a set detects what one of its
samples does. So where features are not negative (ReLU), only samples labelled j detect decreases of column j:
a set that detects changes of all weights both ways has at least one sample of each of the r classes.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from heapq import heapify, heappop, heapreplace
from typing import Any

import numpy as np

from ssviz.backend import compiled, keras
from ssviz.manc import gains, packed
from ssviz.models import Classifier, as_samples, in_batches

ops = keras.ops


@dataclass(frozen=True, eq=False, repr=False)
class Certificate:
    """The smallest changes of single weights that top-1 answers to n samples detect.

    up, down: (rows, r) float64, in units of the weights: every increase of w_ij by more than up[i, j] changes a
    label, and so does every decrease by more than down[i, j]; infinite where no change does. Rows are the d
    features, then, if has_bias, the bias. features: (n, rows) float32, h and a 1 for the bias. logits: (n, r)
    float32. spread: standard deviation of the kernel, the unit of "relative". margin: as given to `certificate`.

    Paper: beyond it (Section 4.3's W). Notebook: 13.
    """

    features: np.ndarray
    logits: np.ndarray
    spread: float
    has_bias: bool
    margin: float = 0.0

    def __len__(self) -> int:
        return len(self.logits)

    def __repr__(self) -> str:
        return f"Certificate: {self.summary()}"

    def __getitem__(self, indices: Any) -> "Certificate":
        """The certificate of some samples (slice, integers or bool mask), in that order: [:n_s] for a prefix."""
        indices = np.atleast_1d(np.arange(len(self))[indices])
        return replace(self, features=self.features[indices], logits=self.logits[indices])

    @cached_property
    def _last(self) -> tuple[np.ndarray, np.ndarray]:
        changes = self._start()
        for changes in self.after_each():  # noqa: B007 - the last ones count
            pass
        return changes

    @property
    def up(self) -> np.ndarray:
        """(rows, r) smallest detected increases."""
        return self._last[0]

    @property
    def down(self) -> np.ndarray:
        """(rows, r) smallest detected decreases, as positive numbers."""
        return self._last[1]

    @property
    def either(self) -> np.ndarray:
        """(rows, r) the larger of up and down: beyond it a change is detected whichever way it goes."""
        return np.maximum(self.up, self.down)

    @property
    def silent(self) -> np.ndarray:
        """(rows,) bool, the neurons that are zero for every sample: no change of their weights is detected."""
        return ~self.features.any(axis=0)

    def detected(self, relative: float = 0.1) -> np.ndarray:
        """bool (2, rows, r): increases [0] and decreases [1] by more than ``relative`` x spread that are detected.

        Raises ValueError unless relative is positive and finite. Paper: beyond it (Section 4.3's W). Notebook: 13.
        """
        return np.stack([self.up, self.down]) <= self._limit(relative)

    def covered(self, relative: float = 0.1) -> np.ndarray:
        """(n,) share of all weights whose change by more than ``relative`` x spread is detected, either way, by the
        first 1 ... n samples. Raises ValueError unless relative is positive and finite.

        Paper: beyond it (Section 4.3's W). Notebook: 13.
        """
        limit = self._limit(relative)
        return np.array([((up <= limit) & (down <= limit)).mean() for up, down in self.after_each()])

    def choose(self, k: int, relative: float = 0.1) -> np.ndarray:
        """(k,) indices: samples picked greedily, each for most of the increases and decreases not yet detected.

        Algorithm 2 with these in the place of neurons; n rows r / 4 bytes of memory. Greedy picks are nested.
        Raises ValueError unless 1 <= k <= n and relative is positive and finite.

        Paper: beyond it (Section 4.3's W), with Algorithm 2. Notebook: 13.
        """
        limit = self._limit(relative)
        if not 1 <= k <= len(self):
            raise ValueError(f"k must lie in [1, {len(self)}], the number of samples; received {k}.")
        words = np.concatenate([packed(found.reshape(1, -1)) for found in self._each(limit)])
        uncovered = ~np.zeros(words.shape[1], np.uint64)
        # A gain only falls, so the largest known one that is still true is the largest: few are counted again.
        known = [(-int(gain), i) for i, gain in enumerate(gains(words, uncovered))]
        heapify(known)
        picks: list[int] = []
        while len(picks) < k:
            gain, i = known[0]
            now = int(gains(words[i : i + 1], uncovered)[0])
            if now < -gain:
                heapreplace(known, (-now, i))
            else:
                heappop(known)
                picks.append(i)
                uncovered &= ~words[i]
        return np.array(picks)

    def found(self, relative: float = 0.1) -> np.ndarray:
        """(n,) share of all increases and decreases of single weights by ``relative`` x spread that the first
        1 ... n samples detect: an attacker changes one weight, either way.

        Raises ValueError unless relative is positive and finite. Paper: beyond it (Section 4.1's last attack).
        Notebook: 13.
        """
        limit = self._limit(relative)
        return np.array([((up <= limit).mean() + (down <= limit).mean()) / 2 for up, down in self.after_each()])

    def counts(self, relative: float = 0.1) -> np.ndarray:
        """int (2, rows, r): how many of the samples detect each increase [0] and decrease [1] by ``relative`` x spread.

        Samples chosen at random miss a change as `ssviz.evaluation.missing_rate` says. Raises ValueError unless
        relative is positive and finite. Paper: beyond it (Section 4.1's last attack). Notebook: 13.
        """
        total = np.zeros((2, *self._shape), np.int32)
        for found in self._each(self._limit(relative)):
            total += found
        return total

    def summary(self, relative: float = 0.1) -> str:
        """One sentence: the share of weights that cannot be changed unnoticed, and the share out of reach.

        Raises ValueError unless relative is positive and finite. Paper: beyond it (Section 4.3's W). Notebook: 13.
        """
        return (
            f"{self.detected(relative).all(axis=0).mean():.1%} of the last layer's {self.up.size:,} weights, changed "
            f"by more than {relative:.3g} of the layer's spread in either direction, cannot slip through "
            f"{len(self)} samples; {self.silent.mean():.1%} are out of reach: their neuron never fires."
        )

    def _limit(self, relative: float) -> float:
        if not 0 < relative < np.inf:
            raise ValueError(f"relative must be positive and finite, a multiple of the spread; received {relative}.")
        return relative * self.spread

    @property
    def _shape(self) -> tuple[int, int]:
        return self.features.shape[1], self.logits.shape[1]

    def _start(self) -> tuple[np.ndarray, np.ndarray]:
        return np.full(self._shape, np.inf), np.full(self._shape, np.inf)

    def _samples(self) -> Iterator[tuple[int, np.ndarray, float, tuple]]:
        """Of each sample: its top class, what each logit must gain, what the top one must lose, and for features
        that are positive, then negative: their sign, rows and sizes."""
        for h, z in zip(self.features.astype(np.float64), self.logits.astype(np.float64), strict=True):
            top = int(z.argmax())
            rise = z[top] - z + self.margin
            rise[top] = np.inf
            signs = ((sign, np.flatnonzero(sign * h > 0)) for sign in (1, -1))
            yield top, rise, rise.min(), tuple((sign, rows, np.abs(h[rows])) for sign, rows in signs)

    def after_each(self) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """``up`` and ``down`` of the first 1 ... n samples: the same two arrays every time, lowered in place."""
        up, down = self._start()
        for top, rise, fall, signs in self._samples():
            for sign, rows, size in signs:
                same, other = (up, down)[::sign]
                same[rows] = np.minimum(same[rows], rise / size[:, None])
                other[rows, top] = np.minimum(other[rows, top], fall / size)
            yield up, down

    def _each(self, limit: float) -> Iterator[np.ndarray]:
        """bool (2, rows, r), the changes beyond ``limit`` that each sample alone detects: the same array every time."""
        found = np.zeros((2, *self._shape), bool)
        for top, rise, fall, signs in self._samples():
            found[:] = False
            near = np.flatnonzero(rise <= limit * max(size.max(initial=0) for _, _, size in signs) * (1 + 1e-9))
            for sign, rows, size in signs:
                same, other = found[::sign]
                same[rows[:, None], near] = rise[near] / size[:, None] <= limit
                other[rows, top] = fall / size <= limit
            yield found


def certificate(model: keras.Model, samples: Any, *, margin: float = 0.0) -> Certificate:
    """The smallest change of each single weight and bias of the last layer that top-1 answers to samples detect.

    samples: (n, ...) in the model's input range, or an object with ``samples`` (SensitiveSamples, Fingerprint).
    margin: logits by which the new label must win. With 0, a tie alone counts as undetected, as if argmax took the
    old label; larger ones also allow for a server that rounds otherwise: in float32, logits differ by about 1e-6
    of sum |h_i w_ij|, so that 1e-4 is on the safe side. Only the last layer is linear all the way to the label,
    so there is no choice of layer. Raises TypeError or ValueError for a model that does not end in Dense
    (+ softmax), samples that do not fit it, or a margin that is negative or not finite.

    Paper: beyond it (Section 4.3's W). Notebook: 13.
    """
    if not 0 <= margin < np.inf:
        raise ValueError(f"margin must be finite and not negative, in logits; received {margin}.")
    x = as_samples(samples, name="samples")
    classifier = Classifier.of(model, x)
    if classifier.head is None:
        raise ValueError(
            f"model must end in Dense (+ softmax) for a certificate, but of {model.name!r} {classifier.why_no_head}. "
            "Change weights in copies of it and count what ssviz.evaluation.detection_matrix detects instead."
        )
    kernel, has_bias = ops.convert_to_numpy(classifier.head.kernel), classifier.head.bias is not None
    forward = compiled(model, ("z | h",), lambda batch: ops.concatenate(classifier.logits_and_features(batch), axis=1))
    logits, features = np.split(in_batches(forward, x, 256), [kernel.shape[1]], axis=1)
    if has_bias:
        features = np.hstack([features, np.ones_like(features[:, :1])])
    return Certificate(features, logits, float(kernel.std()), has_bias, margin)
