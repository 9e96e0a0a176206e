"""Does adversarial fine-tuning hide a compromised model? Missing rates before and after it (Section 5.4)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from ssviz import effectiveness
from ssviz.attacks import Attacked
from ssviz.evaluation import detection_matrix, manc_missing_rates, missing_rate
from ssviz.models import active_neurons
from ssviz.outputs import Output

TUNED = " (fine-tuned)"  # at the end of an attack's name
RANDOM, MANC = METHODS = effectiveness.METHODS[1:]


@dataclass(frozen=True, eq=False)
class Resistance:
    """Missing rates of 1 ... k Sensitive-Samples before and after adversarial fine-tuning.

    n_s: (k,), 1 to k. before, after: attack -> method of METHODS -> (models, k) missing rates in [0, 1]; row i of both
    is about the same compromised model.

    Paper: Section 5.4, Table 6. Notebook: 12.
    """

    n_s: np.ndarray
    before: Mapping[str, Mapping[str, np.ndarray]]
    after: Mapping[str, Mapping[str, np.ndarray]]

    @property
    def attacks(self) -> tuple[str, ...]:
        """The attacks, in order."""
        return tuple(self.before)

    @classmethod
    def from_rows(cls, rows: pd.DataFrame, n_s_max: int = 5) -> "Resistance":
        """From rows of Table 6: columns attack, seed, samples, n_s, missing (in percent), output (top-1 is read).

        The rows of an attack's fine-tuned models carry its name and " (fine-tuned)". Raises ValueError where no attack
        has rows both before and after, or the rows of one are about other seeds than the rows of the other.

        Paper: Table 6. Notebook: 12.
        """
        rows = rows[(rows.output == "top-1") & (rows.n_s <= n_s_max)]
        names = set(rows.attack)
        attacks = [name for name in dict.fromkeys(rows.attack) if name + TUNED in names]
        if not attacks:
            raise ValueError(f"rows must hold an attack before and after fine-tuning; received {', '.join(names)}.")
        wide = rows.pivot_table(index=["attack", "samples", "seed"], columns="n_s", values="missing") / 100
        for name in attacks:
            seeds = [set(rows[rows.attack == when].seed) for when in (name, name + TUNED)]
            if seeds[0] != seeds[1]:
                raise ValueError(f"rows of {name!r} must hold the same seeds before and after; received {seeds}.")

        def rates(end: str) -> dict[str, dict[str, np.ndarray]]:
            return {name: {m: wide.loc[(name + end, m)].to_numpy() for m in METHODS} for name in attacks}

        return cls(wide.columns.to_numpy(int), rates(""), rates(TUNED))


def resistance(
    reference: Any,
    before: Sequence[Attacked],
    after: Sequence[Attacked],
    bag: Any,
    *,
    n_s_max: int = 5,
    bag_size: int | None = None,
    output: str | Output = "top-1",
    seed: int = 0,
) -> Resistance:
    """Missing rates of the customer's samples against compromised models before and after adversarial fine-tuning.

    reference: the intact classifier. before, after: results of attacks, ``after[i]`` fine-tuned from ``before[i]``.
    bag: the customer's SensitiveSamples, or an array (n, ...): none that the adversary has. bag_size: MANC chooses from
    a random sub-bag of so many, half the bag by default. output: what the API shows.
    Raises ValueError where before and after are not the same attacks, in the same order.

    Paper: Section 5.4, Table 6. Notebook: 12.
    """
    if not before or [a.attack + TUNED for a in before] != [a.attack for a in after]:
        raise ValueError(
            "after must be before, fine-tuned, in the same order; "
            f"received {[a.attack for a in before]} and {[a.attack for a in after]}."
        )
    active, n_s = active_neurons(reference, bag), np.arange(1, n_s_max + 1)
    bag_size = bag_size or max(len(active) // 2, n_s_max)
    names = tuple(dict.fromkeys(a.attack for a in before))

    def rates(models: Sequence[Attacked]) -> dict[str, dict[str, np.ndarray]]:
        detected = detection_matrix(reference, list(models), bag, output)
        by_manc = [manc_missing_rates(row, active, n_s_max, bag_size=bag_size, seed=seed).value for row in detected]
        both = {RANDOM: missing_rate(detected, n_s), MANC: np.array(by_manc)}
        mine = {name: [i for i, a in enumerate(before) if a.attack == name] for name in names}
        return {name: {method: rate[mine[name]] for method, rate in both.items()} for name in names}

    return Resistance(n_s, rates(before), rates(after))
