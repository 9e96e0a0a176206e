"""Is an intact model ever taken for a compromised one? Alarms while it is served in other ways (Section 5.2)."""

import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from ssviz.backend import BACKEND, device_name, keras
from ssviz.evaluation import told_apart
from ssviz.models import as_samples, probabilities
from ssviz.outputs import Output, parse
from ssviz.serving import serve

OUTPUTS = ("top-1", "top-3", "top-5", "top-1-p-dec-2", "p-dec-1", "p-dec-2", "p-dec-3", "p")
_OTHER = {"tensorflow": "jax", "jax": "tensorflow"}


@dataclass(frozen=True)
class FalsePositives:
    """What one way of serving the intact model did to one kind of samples, seen through one output.

    served: the way, such as "batches of 7". samples: the kind's name. queries: how many samples were asked.
    output: the specification's name. alarms: how many answers differ from the reference's: every one is a
    false positive. largest_difference: of any probability from the reference's. note: the device that
    computed. What could not be measured has 0 queries, None for both numbers, and the reason as its note.
    """

    served: str
    samples: str
    queries: int
    output: str
    alarms: int | None
    largest_difference: float | None
    note: str


def false_positives(
    model: keras.Model,
    samples: Mapping[str, Any],
    *,
    outputs: Sequence[str | Output] = OUTPUTS,
    batch_sizes: Sequence[int] = (1, 7, 64),
    threads: Sequence[int] = (1, 4),
    backend: str | None = "other",
    limit: int = 500,
) -> list[FalsePositives]:
    """Count the alarms that the intact model raises when another batch size, process or engine serves it.

    model: a Keras classifier; its answers here, in batches of 256, are the reference. samples: kind -> (n, ...)
    float32 inputs, or an object with `.samples`. outputs: those that show more classes than there are are left
    out. batch_sizes: here; in batches of 1 only the first `limit` of each kind, because they take long. threads:
    each in a process of its own. backend: "other" than this process's, "tensorflow", "jax", or None for none;
    where it is not installed the rows say so. Returns a row for each way, kind and output, in this order.
    Raises TypeError or ValueError on samples or a model that do not fit or a setting out of range, and
    RuntimeError if another process fails.

    Paper: Section 5.2, "False Positives" (there zero, because inference is deterministic). Notebook: 10.
    """
    if not isinstance(samples, Mapping) or not samples:
        raise TypeError(f'samples must map names to inputs, as {{"images": x}}; received {type(samples).__name__}.')
    for name, values in (("batch_sizes", batch_sizes), ("threads", threads), ("limit", [limit])):
        if any(value < 1 for value in values):
            raise ValueError(f"{name} must be at least 1; received {values}.")
    backend = _OTHER[BACKEND] if backend == "other" else backend
    if backend not in (None, *_OTHER):
        raise ValueError(f'backend must be "other", "tensorflow", "jax" or None; received {backend!r}.')

    x = [as_samples(values, name=f"samples[{name!r}]") for name, values in samples.items()]
    reference = [probabilities(model, values) for values in x]
    shown = [output for output in map(parse, outputs) if output.k <= reference[0].shape[1]]
    rows = []
    for served, answers, note in _ways(model, x, batch_sizes, threads, backend, limit):
        for kind, expected, p in zip(samples, reference, answers or [None] * len(x), strict=True):
            n = 0 if p is None else len(p)
            largest = None if p is None else float(np.abs(p - expected[:n]).max())
            for output in shown:
                alarms = None if p is None else int(told_apart(expected[:n], p, output).sum())
                rows.append(FalsePositives(served, kind, n, output.name, alarms, largest, note))
    return rows


def _ways(
    model: keras.Model,
    x: list[np.ndarray],
    batch_sizes: Sequence[int],
    threads: Sequence[int],
    backend: str | None,
    limit: int,
) -> Iterator[tuple[str, list[np.ndarray] | None, str]]:
    """(name, probabilities of each kind or None, device or reason) of every way to serve the model."""
    here = device_name()
    yield "the same process again", [probabilities(model, values) for values in x], here
    for size in batch_sizes:
        asked = [values[:limit] for values in x] if size == 1 else x
        yield f"batches of {size}", [probabilities(model, values, batch_size=size) for values in asked], here

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "model.keras")
        model.save(path)
        reloaded = keras.saving.load_model(path, compile=False, safe_mode=True)
        yield "reloaded from its file", [probabilities(reloaded, values) for values in x], here
        for n in threads:
            yield "one thread" if n == 1 else f"{n} threads", *serve(path, x, backend=BACKEND, threads=n)
        if backend and not find_spec(backend):
            yield backend, None, f"not measured: {backend} is not installed"
        elif backend:
            yield backend, *serve(path, x, backend=backend)


def table(rows: Sequence[FalsePositives]) -> pd.DataFrame:
    """Alarms (Int64, <NA> where not measured): a row for each way and kind with its queries, a column an output.

    Paper: Section 5.2, "False Positives". Notebook: 10.
    """
    index = ["served", "samples", "queries", "largest difference"]
    columns = list(dict.fromkeys(row.output for row in rows))
    lines: dict[tuple, dict[str, int | None]] = {}
    for row in rows:
        lines.setdefault((row.served, row.samples, row.queries, row.largest_difference), {})[row.output] = row.alarms
    frame = pd.DataFrame(list(lines.values()), columns=columns, dtype="Int64")
    frame.index = pd.MultiIndex.from_tuples(lines, names=index)
    return frame
