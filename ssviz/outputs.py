"""What a classification API shows of its probabilities, and when two such answers are the same (Section 3.4).

The paper's names: "top-k" is the ordered list of the k top labels; "p-dec-n" all probabilities with n digits
after the decimal point, in addition to the top-1 label; "top-k-p-dec-n" the k top labels, each with its
probability. "p" and "top-k-p" show every digit. Equal probabilities rank the lowest label first, as
argmax does. Probabilities are taken as float32 and rounded in float64, halves to even.
"""

import re
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np


@dataclass(frozen=True, eq=False)
class Answer:
    """What was shown for n samples.

    labels: (n, k) int, the top labels in order; None if an endpoint gave probabilities alone.
    probabilities: (n, classes), or (n, k) beside k labels; None if the output shows none.
    """

    labels: np.ndarray | None
    probabilities: np.ndarray | None = None

    def __len__(self) -> int:
        return len(self.probabilities if self.labels is None else self.labels)

    def __getitem__(self, rows: slice) -> "Answer":
        """The answers of a slice of the samples."""
        return Answer(*(None if a is None else a[rows] for a in (self.labels, self.probabilities)))

    def __str__(self) -> str:
        parts = []
        if self.labels is not None:
            parts.append("label " + _listed(self.labels))
        if self.probabilities is not None:
            parts.append("p " + _listed(self.probabilities))
        return ", ".join(parts)


class Output:
    """The output specifications' common part; use one of the four below, or `parse` a name."""

    k: int
    decimals: int | None
    shows: ClassVar[str]  # the probabilities shown: "none", "all", or the "top" k

    def __str__(self) -> str:
        return self.name

    @property
    def name(self) -> str:
        """The name as Table 4 writes it, in lower case."""
        digits = "p" if self.decimals is None else f"p-dec-{self.decimals}"
        return {"none": f"top-{self.k}", "all": digits, "top": f"top-{self.k}-{digits}"}[self.shows]

    def answer(self, probabilities: np.ndarray) -> Answer:
        """What an API with this output shows of these probabilities.

        probabilities: (n, classes) in [0, 1]. Raises ValueError on another shape, on NaN, on values outside
        [0, 1] (logits?), and if there are fewer than k classes.

        Paper: Section 3.4, Table 4. Notebook: 06.
        """
        p = _check_probabilities(np.asarray(probabilities))
        self._check_classes(p.shape[1])
        labels = np.argsort(-p, axis=1, kind="stable")[:, : self.k]  # stable: ties to the lowest label
        if self.shows == "none":
            return Answer(labels)
        return Answer(labels, self._rounded(p if self.shows == "all" else np.take_along_axis(p, labels, 1)))

    def same(self, a: Answer, b: Answer) -> np.ndarray:
        """(n,) bool: whether nobody can tell the two answers apart.

        a, b: from `answer` or `receive`, of the same n samples. At least one must hold labels. Where the
        other came without labels, any ranking that its (perhaps rounded, hence tied) probabilities allow
        counts as the same. Raises ValueError if neither has labels or the numbers of samples differ.

        Paper: Section 3.4. Notebook: 06.
        """
        if a.labels is None:
            a, b = b, a
        if a.labels is None:
            raise ValueError("a or b must hold labels; received two answers of probabilities alone.")
        if len(a) != len(b):
            raise ValueError(f"a and b must answer the same samples; received {len(a)} and {len(b)} answers.")
        if b.labels is not None:
            same = (a.labels == b.labels).all(axis=1)
        else:
            same = _may_rank(a.labels, b.probabilities)
        if self.shows == "none":
            return same
        shown = b.probabilities
        if self.shows == "top" and b.labels is None:
            shown = np.take_along_axis(shown, a.labels, 1)
        return same & (a.probabilities == shown).all(axis=1)

    def ambiguous(self, answer: Answer) -> np.ndarray:
        """(n,) bool: a tie of probabilities alone, where labels are shown, agrees with several rankings."""
        if answer.labels is not None or self.shows != "none":
            return np.zeros(len(answer), bool)
        top = -np.sort(-answer.probabilities, axis=1)[:, : self.k + 1]
        return (np.diff(top, axis=1) == 0).any(axis=1)

    def receive(self, response: Any, n: int, classes: int) -> Answer:
        """Take the answer from what an endpoint returned for n samples.

        response: integer labels, (n,) or (n, k); or probabilities (n, classes); or a tuple of labels and
        probabilities, the latter (n, classes), or (n, k) (for k = 1 also (n,)) in the order of the labels.
        More digits or classes than the output shows are reduced to it. Raises ValueError on anything else:
        another number of answers, labels out of range or twice in a list, NaN, logits, labels alone where
        the output shows probabilities.

        Paper: Section 3.4. Notebook: 06.
        """
        self._check_classes(classes)
        labels, p = _labels_and_probabilities(response)
        if labels is not None:
            labels = self._check_labels(labels, n, classes)
        if p is not None:
            beside_labels = labels is not None and self.shows == "top"
            if beside_labels and self.k == 1 and p.ndim == 1:
                p = p[:, None]
            widths = {classes, self.k} if beside_labels else {classes}
            if p.ndim != 2 or len(p) != n or p.shape[1] not in widths:
                wanted = " or ".join(f"({n}, {w})" for w in sorted(widths))
                raise ValueError(f"probabilities must have shape {wanted}; received {p.shape}.")
            p = _check_probabilities(p)
            if beside_labels and p.shape[1] != self.k:
                p = np.take_along_axis(p, labels, 1)
        if self.shows == "none":
            return Answer(labels) if labels is not None else Answer(None, p)
        if p is None:
            raise ValueError(f"output {self.name} shows probabilities; received labels alone.")
        return Answer(labels, self._rounded(p))

    def _rounded(self, p: np.ndarray) -> np.ndarray:
        return p if self.decimals is None else np.round(p.astype(np.float64), self.decimals)

    def _check_classes(self, classes: int) -> None:
        if self.k > classes:
            raise ValueError(f"output {self.name} needs at least {self.k} classes; the model has {classes}.")

    def _check_labels(self, labels: np.ndarray, n: int, classes: int) -> np.ndarray:
        if labels.ndim == 1 and self.k == 1:
            labels = labels[:, None]
        if labels.shape != (n, self.k):
            raise ValueError(f"labels of {self.name} must have shape ({n}, {self.k}); received {labels.shape}.")
        if labels.min() < 0 or labels.max() >= classes:
            raise ValueError(f"labels must lie in [0, {classes - 1}]; received {labels.min()} to {labels.max()}.")
        if (np.diff(np.sort(labels, axis=1), axis=1) == 0).any():
            raise ValueError(f"labels of {self.name} must differ within a list; received a label twice.")
        return labels.astype(np.int64)


@dataclass(frozen=True)
class Top1(Output):
    """The top-1 label: the least information, the paper's most challenging case. Paper: Section 3.4."""

    shows = "none"
    k: ClassVar[int] = 1
    decimals: ClassVar[None] = None


@dataclass(frozen=True)
class TopK(Output):
    """The k > 1 top labels in order. Raises ValueError if k < 2. Paper: Section 3.4."""

    k: int
    shows = "none"
    decimals: ClassVar[None] = None

    def __post_init__(self) -> None:
        if self.k < 2:
            raise ValueError(f"k must be at least 2; received {self.k}. For one label use Top1().")


@dataclass(frozen=True)
class Probabilities(Output):
    """The top-1 label and every class's probability, all digits (None) or 0 to 7.

    The last digits of a float32 depend on the engine, the processor and the batch size: ask for all of them
    only where the endpoint shares these. Paper: Section 3.4.
    """

    decimals: int | None = None
    shows = "all"
    k: ClassVar[int] = 1

    def __post_init__(self) -> None:
        _check_decimals(self.decimals)


@dataclass(frozen=True)
class TopKProbabilities(Output):
    """The k top labels and their probabilities, all digits (None) or 0 to 7. Paper: Section 3.4."""

    k: int
    decimals: int | None = None
    shows = "top"

    def __post_init__(self) -> None:
        if self.k < 1:
            raise ValueError(f"k must be at least 1; received {self.k}.")
        _check_decimals(self.decimals)


def parse(output: str | Output) -> Output:
    """The output specification of a name such as "top-1", "top-3", "p-dec-2", "top-1-p-dec-2", "p".

    Case does not matter, and "p-dec2" (as Table 4's header has it) is "p-dec-2". An output is returned as it
    is. Raises ValueError on any other name.

    Paper: Section 3.4, Table 4. Notebook: 06.
    """
    if isinstance(output, Output):
        return output
    match = re.fullmatch(r"(?:top-(\d+))?(-?p)?(?:-dec-?(\d+))?", str(output).lower())
    top, p, decimals = match.groups() if match else (None, None, None)
    if not (top or p) or (decimals and not p) or (p and (top is None) == p.startswith("-")):
        raise ValueError(
            f'output must be a name like "top-1", "top-3", "p-dec-2", "top-1-p-dec-2" or "p"; received {output!r}.'
        )
    decimals = None if decimals is None else int(decimals)
    if p:
        return TopKProbabilities(int(top), decimals) if top else Probabilities(decimals)
    return Top1() if int(top) == 1 else TopK(int(top))


def _may_rank(labels: np.ndarray, p: np.ndarray) -> np.ndarray:
    """(n,) bool: labels (n, k) are in order the k largest of p (n, classes), however ties are broken."""
    listed = np.take_along_axis(p, labels, 1)
    others = p.copy()
    np.put_along_axis(others, labels, -np.inf, 1)
    return (np.diff(listed, axis=1) <= 0).all(axis=1) & (listed[:, -1] >= others.max(axis=1))


def _labels_and_probabilities(response: Any) -> tuple[np.ndarray | None, np.ndarray | None]:
    if isinstance(response, tuple) and len(response) == 2:
        labels, p = (np.asarray(part) for part in response)
        if labels.dtype.kind in "iu" and p.dtype.kind == "f":
            return labels, p
    try:
        response = np.asarray(response)
    except ValueError:
        raise ValueError(f"an answer must be one array; received a ragged {type(response).__name__}.") from None
    if response.dtype.kind in "iu":
        return response, None
    if response.dtype.kind == "f":
        return None, response
    raise ValueError(f"an answer must be integer labels or float probabilities; received {response.dtype}.")


def _check_probabilities(p: np.ndarray) -> np.ndarray:
    if p.ndim != 2:
        raise ValueError(f"probabilities must have shape (samples, classes); received {p.shape}.")
    if not np.isfinite(p).all():
        raise ValueError("probabilities must be finite; received NaN or infinity.")
    if p.size and (p.min() < -1e-4 or p.max() > 1 + 1e-4):
        raise ValueError(
            f"probabilities must lie in [0, 1]; received {p.min():.4g} to {p.max():.4g}. Logits? Apply softmax."
        )
    return p.astype(np.float32)


def _check_decimals(decimals: int | None) -> None:
    if decimals is not None and not 0 <= decimals <= 7:
        raise ValueError(f"decimals must lie in [0, 7], or be None for all digits; received {decimals}.")


def _listed(values: np.ndarray) -> str:
    rows = [", ".join(f"{v:.7g}" for v in row[:5]) + (", ..." if len(row) > 5 else "") for row in values[:5]]
    return "; ".join(rows) + ("; ..." if len(values) > 5 else "")
