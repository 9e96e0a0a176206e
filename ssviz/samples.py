"""The result of generation: Sensitive-Samples and the trajectory each took."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np


@dataclass(frozen=True, eq=False, repr=False)
class SensitiveSamples:
    """Sensitive-Samples with the ascent that made them. Row t of a record is iterate t, row 0 the original.

    samples, originals: float32 (n, ...), v and v_0, within the bounds.
    sensitivity: (T + 1, n), S of Eq. 6. snr: (T + 1, n), in dB (infinite in row 0).
    distance: (T + 1, n), ||v - v_0|| in the norm and units of ``settings["norm"]`` and the input.
    iterations: (n,), the steps each sample took; its record is constant afterwards.
    stopped: (n,), why it stopped: "itr_max", "epsilon", "plateau" or "interrupted".
    trajectory: float32 (T + 1, n, ...), every iterate, or None unless generated with record="samples".
    settings: the arguments of ``generate``.

    Paper: Algorithm 1, Figure 3. Notebook: 04.
    """

    samples: np.ndarray
    originals: np.ndarray
    sensitivity: np.ndarray
    snr: np.ndarray
    distance: np.ndarray
    iterations: np.ndarray
    stopped: np.ndarray
    trajectory: np.ndarray | None
    settings: Mapping[str, Any]

    def __len__(self) -> int:
        return len(self.samples)

    def __getitem__(self, indices: Any) -> "SensitiveSamples":
        """The samples at ``indices`` (slice, integers or bool mask), in that order, with their records."""
        indices = np.atleast_1d(np.arange(len(self))[indices])
        return self._pick(lambda record: record[:, indices], lambda array: array[indices])

    def at(self, epsilon: float) -> "SensitiveSamples":
        """What ``generate`` returns for a smaller ``epsilon``, read from the record: nothing is computed again.

        For a given learning rate epsilon only decides where on its trajectory a sample stops. Raises ValueError
        if the iterates were not kept (record="samples"), if epsilon shaped them (constraint="project") or if
        it exceeds the epsilon that they were stopped at.
        """
        if self.trajectory is None:
            raise ValueError('at() needs every iterate: call generate(..., record="samples").')
        if self.settings["constraint"] == "project":
            raise ValueError('at() needs constraint="stop"; with "project" the iterates depend on epsilon.')
        limit = self.settings["epsilon"] or np.inf
        if not 0 < epsilon <= limit:
            raise ValueError(f"epsilon must be positive and at most {limit}; received {epsilon!r}.")
        outside = self.distance > np.float32(epsilon)  # as generate compares
        last = np.where(outside.any(0), outside.argmax(0) - 1, self.iterations)
        rows = np.minimum(np.arange(len(self.distance))[:, None], last)
        columns = np.arange(len(self))
        cut = self._pick(lambda record: record[rows, columns][: last.max() + 1], lambda array: array)
        return replace(
            cut,
            samples=self.trajectory[last, columns],
            iterations=last,
            stopped=np.where(outside.any(0), "epsilon", self.stopped),
            settings={**self.settings, "epsilon": epsilon},
        )

    def _pick(self, of_record: Any, of_samples: Any) -> "SensitiveSamples":
        records = ("sensitivity", "snr", "distance", "trajectory")
        arrays = {f.name: getattr(self, f.name) for f in fields(self) if f.name != "settings"}
        return replace(
            self,
            **{
                name: None if array is None else of_record(array) if name in records else of_samples(array)
                for name, array in arrays.items()
            },
        )

    @classmethod
    def join(cls, parts: Sequence[Mapping[str, Any]], settings: Mapping[str, Any]) -> "SensitiveSamples":
        """One result of several batches' (dictionaries of the fields); shorter records are held at their end."""
        steps = max(len(part["distance"]) for part in parts)

        def joined(name: str) -> np.ndarray | None:
            arrays = [part[name] for part in parts]
            if arrays[0] is None:
                return None
            if name not in ("sensitivity", "snr", "distance", "trajectory"):
                return np.concatenate(arrays)
            held = [np.concatenate([a, np.repeat(a[-1:], steps - len(a), axis=0)]) for a in arrays]
            return np.concatenate(held, axis=1)

        return cls(**{f.name: joined(f.name) for f in fields(cls) if f.name != "settings"}, settings=settings)

    def __repr__(self) -> str:
        gain = np.median(self.sensitivity[-1] / np.maximum(self.sensitivity[0], 1e-300))
        why = ", ".join(f"{(self.stopped == reason).sum()} {reason}" for reason in np.unique(self.stopped))
        return (
            f"SensitiveSamples({len(self)} of shape {self.samples.shape[1:]}: median S "
            f"{np.median(self.sensitivity[-1]):.3g} ({gain:.3g} times the originals'), "
            f"median SNR {np.median(self.snr[-1]):.1f} dB; stopped by {why})"
        )
