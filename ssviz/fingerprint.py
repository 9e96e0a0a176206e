"""The fingerprint FG = {(v_i, f(v_i))} of a model, and the verdict on an endpoint (Section 3.1).

Nothing here needs Keras but making a fingerprint, or verifying a Keras model: checking a remote endpoint
needs only the fingerprint's file.
"""

import datetime
import os
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ssviz import fingerprint_file
from ssviz.fingerprint_file import FingerprintError
from ssviz.outputs import Answer, Output, parse

_BETTER = 'an endpoint that shows probabilities is better checked with an output such as "p-dec-2"'

__all__ = ["Fingerprint", "FingerprintError", "Mismatch", "Verdict"]


@dataclass(frozen=True, eq=False)
class Mismatch:
    """A sample (its index) on which the endpoint's answer differs from the model's."""

    index: int
    expected: Answer
    received: Answer

    def __str__(self) -> str:
        return f"sample {self.index}: expected {self.expected}, received {self.received}"


@dataclass(frozen=True, eq=False)
class Verdict:
    """What verifying an endpoint found; true only if intact, so `if not verdict` is the careful question.

    status: "intact" (all n answers came and agree), "tampered" (at least one differs), or "inconclusive" (the
    endpoint failed before any answer differed, or its answers tell nothing). queries: samples sent, the
    failed ones included. n: samples in the fingerprint. mismatches: indices of the samples whose answers
    differ. first: the first of them, or None. reason: one sentence.

    Paper: Section 3.1. Notebook: 00.
    """

    status: str
    queries: int
    n: int
    mismatches: tuple[int, ...]
    first: Mismatch | None
    reason: str

    def __bool__(self) -> bool:
        return self.status == "intact"

    def __str__(self) -> str:
        return f"{self.status.upper()} after {self.queries} of {self.n} queries: {self.reason}"

    __repr__ = __str__


@dataclass(frozen=True, eq=False, repr=False)
class Fingerprint:
    """Samples and what the intact model answers to them: all that is needed to check an endpoint.

    samples: (n, H, W, C) or (n, d) float32 in bounds. expected: the answers, in the form of `output`.
    classes: number of classes. model_digest: SHA-256 of the model's weights and architecture. created: ISO
    date. how: how the samples were made, any JSON. preprocessing: what the samples' numbers mean to the
    endpoint, any JSON. gap: the smallest lead, in logits, that a sample's label has over all others, None if
    unknown; a change of the logits that closes no gap goes unnoticed, and raises no alarm. tolerance: of
    `numerics.TOLERANCES`, the numerics in which the intact model was found to raise none, None if not tried.
    Raises ValueError where these do not fit together.

    Paper: Section 3.1. Notebook: 00.
    """

    samples: np.ndarray
    expected: Answer
    output: Output
    classes: int
    model_digest: str
    created: str
    bounds: tuple[float, float] = (0.0, 1.0)
    preprocessing: Any = "float32 in [0, 1]"
    how: dict[str, Any] = field(default_factory=dict)
    gap: float | None = None
    tolerance: str | None = None

    def __post_init__(self) -> None:
        x, (p, q) = self.samples, self.bounds
        if x.ndim < 2 or x.dtype != np.float32 or not x.size:
            raise ValueError(
                "samples must be float32 of shape (n, H, W, C) or (n, d), n >= 1; "
                f"received {x.dtype} of shape {x.shape}."
            )
        if not (np.isfinite(x).all() and p <= x.min() and x.max() <= q):
            raise ValueError(
                f"samples must lie in [{p:g}, {q:g}]; received min={x.min():g}, max={x.max():g}."
                + (" Divide by 255?" if q == 1 < x.max() <= 255 else "")
            )
        if len(self.expected) != len(x):
            raise ValueError(f"expected must hold {len(x)} answers; received {len(self.expected)}.")
        if self.gap is not None and not 0 <= self.gap < np.inf:
            raise ValueError(f"gap must be finite and not negative, in logits, or None; received {self.gap!r}.")

    def __len__(self) -> int:
        return len(self.samples)

    def __repr__(self) -> str:
        shape = "x".join(map(str, self.samples.shape[1:]))
        return (
            f"Fingerprint of model {self.model_digest[:12]}: {len(self)} samples of {shape}, output "
            f"{self.output.name}, {self.classes} classes, made {self.created}"
            + (f", gap {self.gap:.2g}" if self.gap is not None else "")
            + (f", for serving in {self.tolerance}" if self.tolerance else "")
        )

    @classmethod
    def from_model(
        cls,
        model: Any,
        samples: Any,
        output: str | Output = "top-1",
        *,
        tolerance: str | None = None,
        how: dict[str, Any] | None = None,
        preprocessing: Any = None,
        bounds: tuple[float, float] | None = None,
    ) -> "Fingerprint":
        """The fingerprint of a Keras classifier: its own answers to the samples, asked one at a time.

        samples: (n, ...) float32 in bounds, or an object with `.samples`, such as what `generate` returns;
        its `.settings` then are the default of `how` and of bounds, otherwise (0, 1). output: what the
        endpoint will show, as in `ssviz.outputs`. tolerance: "float32", "float16", "bfloat16" or "int8", the
        numerics in which the endpoint may compute; the model is then served in all of their settings that can run
        here (`numerics.settings_of`; `how` names them), up to a minute, and must raise no alarm. None: it is not
        tried. preprocessing: defaults to the range. Raises ValueError on samples out of bounds or not finite, on
        samples that raise an alarm under the tolerance, and as `outputs.parse` and `numerics.served` do.

        Paper: Section 3.1. Notebook: 00.
        """
        from ssviz import models, numerics  # here, because checking an endpoint needs no Keras

        x = np.array(getattr(samples, "samples", samples), np.float32)
        settings = getattr(samples, "settings", {})
        p, q = bounds or settings.get("bounds", (0.0, 1.0))
        output = parse(output)
        how = dict(settings if how is None else how)
        if tolerance is not None:
            how["served as"] = numerics.settings_of(tolerance)
            _refuse(~numerics.steady(model, x, tolerance, output), tolerance)
        probabilities = models.probabilities(model, x, batch_size=1)  # as verify asks: last digits may differ
        leads = numerics.lead(probabilities, probabilities.argmax(axis=1))
        return cls(
            samples=x,
            expected=output.answer(probabilities),
            output=output,
            classes=probabilities.shape[1],
            model_digest=models.digest(model),
            created=datetime.date.today().isoformat(),
            bounds=(float(p), float(q)),
            preprocessing=preprocessing or f"float32 in [{p:g}, {q:g}]",
            how=how,
            gap=None if np.isnan(leads).all() else float(np.nanmin(leads)),
            tolerance=tolerance,
        )

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write one zip: the samples (PNG where that is exact, else .npy) and manifest.json.

        The same fingerprint gives the same bytes. The file appears whole or not at all. Raises TypeError if
        `how` or `preprocessing` is not JSON, OSError as the disk does.

        Paper: Section 3.1. Notebook: 00.
        """
        fingerprint_file.write(path, **vars(self))

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> "Fingerprint":
        """Read what `save` wrote, exact to the bit. Runs nothing that the file holds.

        Raises FingerprintError (a ValueError) that names what is wrong with a damaged, foreign or newer file;
        OSError if it cannot be read at all.

        Paper: Section 3.1. Notebook: 00.
        """
        return fingerprint_file.read(path, cls)

    def verify(
        self,
        predict: Callable[[np.ndarray], Any],
        *,
        stop_at_first: bool = True,
        batch_size: int | None = None,
    ) -> Verdict:
        """Ask an endpoint for its answers and compare them with the model's.

        predict: a callable, batch of float32 samples -> labels or probabilities (see `Output.receive`), or a
        Keras model. stop_at_first: stop at the first answer that differs (queries are paid for); False sends
        every sample. batch_size: samples in a call; default 1, or all of them if not stop_at_first (which may
        change the last digits of probabilities: see `Probabilities`).

        An endpoint that raises, or returns something else than answers in the output's form, ends the
        questions: the verdict is "inconclusive" unless an answer had differed before. So it is where labels
        are due and every answer is a tie of probabilities, which agrees with several labels. Raises
        ValueError if batch_size < 1; KeyboardInterrupt passes through.

        Paper: Section 3.1, Section 5.2. Notebook: 00.
        """
        n = len(self)
        batch_size = (1 if stop_at_first else n) if batch_size is None else batch_size
        if batch_size < 1:
            raise ValueError(f"batch_size must be at least 1; received {batch_size}.")
        ask = _keras_endpoint(predict) if hasattr(predict, "get_weights") else predict
        queries, ties, mismatches, first, failure = 0, 0, [], None, ""
        while queries < n and not (stop_at_first and mismatches):
            rows = slice(queries, min(queries + batch_size, n))
            x = self.samples[rows].copy()
            queries = rows.stop
            try:
                received = self.output.receive(ask(x), len(x), self.classes)
            except Exception as error:  # whatever an endpoint does wrong is a finding about it
                failure = f"query {rows.start + 1} of {n} failed: {type(error).__name__}: {error}"
                break
            ties += np.count_nonzero(self.output.ambiguous(received))
            for i in np.flatnonzero(~self.output.same(self.expected[rows], received)):
                index = int(rows.start + i)
                mismatches.append(index)
                first = first or Mismatch(index, self.expected[index : index + 1], self._shown(received)[i : i + 1])
        return self._verdict(queries, ties, tuple(mismatches), first, failure)

    def _shown(self, received: Answer) -> Answer:
        return received if received.labels is not None else self.output.answer(received.probabilities)

    def _verdict(
        self, queries: int, ties: int, mismatches: tuple[int, ...], first: Mismatch | None, failure: str
    ) -> Verdict:
        if ties == len(self):
            failure = f"every answer is a tie, which agrees with several labels; {_BETTER}"
        if mismatches:
            more = f" ({len(mismatches)} samples differ)" if len(mismatches) > 1 else ""
            tried = f"serving the model in {self.tolerance} changes none" if self.tolerance else ""
            status, reason = "tampered", "; ".join(filter(None, [f"{first}{more}", tried, failure]))
        elif failure:
            status, reason = "inconclusive", failure
        else:
            status, reason = "intact", "every answer is the model's own"
            reason += f", but {ties} of {len(self)} are ties; {_BETTER}" if ties else ""
        return Verdict(status, queries, len(self), mismatches, first, reason)


def _refuse(alarms: np.ndarray, tolerance: str) -> None:
    if alarms.any():
        shown = ", ".join(map(str, np.flatnonzero(alarms)[:10])) + (", ..." if alarms.sum() > 10 else "")
        raise ValueError(
            f"samples must raise no alarm while the intact model is served in {tolerance}, but {alarms.sum()} of "
            f"{len(alarms)} do: {shown}. Make pairs with ssviz.straddle(..., gap=ssviz.gap_for(model, x0, "
            f"tolerance={tolerance!r})), or leave out what ssviz.numerics.steady finds."
        )


def _keras_endpoint(model: Any) -> Callable[[np.ndarray], np.ndarray]:
    from ssviz import models

    return lambda x: models.probabilities(model, x, batch_size=1)
