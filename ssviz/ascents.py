"""What the ascents of a whole bag have in common: quartiles of sensitivity and SNR at every iteration (Figure 3)."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from ssviz.samples import SensitiveSamples

QUARTILES = (0.25, 0.5, 0.75)


@dataclass(frozen=True, eq=False)
class Ascent:
    """Quartiles over the samples of a bag that one recipe made.

    recipe: its name. s, snr: (3, T + 1), lower quartile, median and upper quartile of the sensitivity and of the SNR in
    dB, after 0 ... T iterations. The SNR is infinite for a sample that has not moved, as all have not at first.

    Paper: Figure 3. Notebook: 09.
    """

    recipe: str
    s: np.ndarray
    snr: np.ndarray

    def at(self, iteration: int) -> tuple[int, float, float]:
        """Iteration, median S and median SNR (dB) at an iteration >= 0, or at the last where it ended before."""
        t = min(iteration, self.s.shape[1] - 1)
        return t, float(self.s[1, t]), float(self.snr[1, t])


def ascent(recipe: str, bag: SensitiveSamples) -> Ascent:
    """The quartiles of a bag. Paper: Figure 3. Notebook: 09."""
    return Ascent(recipe, *(_quartiles(record) for record in (bag.sensitivity, bag.snr)))


def _quartiles(record: np.ndarray) -> np.ndarray:
    return np.quantile(record, QUARTILES, axis=1, method="inverted_cdf")  # no means of anything with infinity


def rows_of(one: Ascent) -> pd.DataFrame:
    """An ascent as rows: recipe, quantity ("S" or "snr"), iteration, low, median, high. The SNR begins at 1."""
    frames = []
    for quantity, values, first in (("S", one.s, 0), ("snr", one.snr, 1)):
        columns = dict(zip(("low", "median", "high"), values[:, first:], strict=True))
        steps = np.arange(first, values.shape[1])
        frames.append(pd.DataFrame({"recipe": one.recipe, "quantity": quantity, "iteration": steps, **columns}))
    return pd.concat(frames, ignore_index=True)


def from_rows(rows: pd.DataFrame) -> tuple[Ascent, ...]:
    """The ascents of such rows, a recipe each, in their order."""
    found = []
    for recipe, mine in rows.groupby("recipe", sort=False):
        s, snr = (mine[mine.quantity == q].sort_values("iteration")[["low", "median", "high"]].to_numpy().T
                  for q in ("S", "snr"))  # fmt: skip
        found.append(Ascent(recipe, s, np.concatenate([np.full((3, 1), np.inf), snr], axis=1)))
    return tuple(found)
