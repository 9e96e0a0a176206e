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
from typing import Any

import numpy as np

from ssviz.backend import keras
from ssviz.manc import manc
from ssviz.models import Classifier, as_samples, logits_and_features

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
        for changes in self._after_each():  # noqa: B007 - the last ones count
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
        return np.array([((up <= limit) & (down <= limit)).mean() for up, down in self._after_each()])

    def choose(self, k: int, relative: float = 0.1) -> np.ndarray:
        """(k,) indices: samples picked greedily, each for most of the increases and decreases not yet detected.

        Algorithm 2 with these in the place of neurons; n x 2 rows r bytes of memory. Greedy picks are nested.
        Raises ValueError unless 1 <= k <= n and relative is positive and finite.

        Paper: beyond it (Section 4.3's W), with Algorithm 2. Notebook: 13.
        """
        return manc(np.stack([self[i].detected(relative).ravel() for i in range(len(self))]), k).indices

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

    def _start(self) -> tuple[np.ndarray, np.ndarray]:
        shape = (self.features.shape[1], self.logits.shape[1])
        return np.full(shape, np.inf), np.full(shape, np.inf)

    def _after_each(self) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """up and down after each sample: the same two arrays every time, lowered in place."""
        up, down = self._start()
        for h, z in zip(self.features.astype(np.float64), self.logits.astype(np.float64), strict=True):
            top = z.argmax()
            rise = z[top] - z + self.margin  # what each logit must gain, and
            rise[top] = np.inf
            fall = rise.min()  # what the top one must lose
            for sign, same, other in ((1, up, down), (-1, down, up)):
                rows = np.flatnonzero(sign * h > 0)
                size = np.abs(h[rows])
                same[rows] = np.minimum(same[rows], rise / size[:, None])
                other[rows, top] = np.minimum(other[rows, top], fall / size)
            yield up, down


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
    logits, features = logits_and_features(model, x)
    if has_bias:
        features = np.hstack([features, np.ones_like(features[:, :1])])
    return Certificate(features, logits, float(kernel.std()), has_bias, margin)
