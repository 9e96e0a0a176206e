"""The experiment of Section 5.2: missing rates of three ways to choose N_S samples, against every attack."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from ssviz import paper
from ssviz.attacks import Attacked
from ssviz.evaluation import detection_matrix, manc_missing_rates, missing_rate
from ssviz.models import active_neurons

METHODS = ("non-sensitive", "sensitive + random", "sensitive + MANC")


@dataclass(frozen=True, eq=False)
class Effectiveness:
    """Missing rates against N_S, averaged over the compromised models of each attack.

    attacks: names, in order. n_s: (k,), 1 to k. rates: attack -> method of METHODS -> (k,) missing rates.
    intervals: attack -> (2, k), bounds of MANC's rate (exact where pruned, 95% where sampled).
    detecting: attack -> (share of non-sensitive images, share of Sensitive-Samples) that detect on their own.
    summaries: attack -> mean accuracy_before, accuracy_after, success, and the number of models.

    Paper: Figure 5, Table 3. Notebook: 10.
    """

    attacks: tuple[str, ...]
    n_s: np.ndarray
    rates: Mapping[str, Mapping[str, np.ndarray]]
    intervals: Mapping[str, np.ndarray]
    detecting: Mapping[str, tuple[float, float]]
    summaries: Mapping[str, Mapping[str, float | None]]


def effectiveness(
    reference: Any,
    compromised: Sequence[Attacked],
    images: Any,
    bag: Any,
    *,
    n_s_max: int = 10,
    bag_size: int | None = None,
    output: str = "top-1",
    seed: int = 0,
) -> Effectiveness:
    """Missing rates of N_S = 1 ... n_s_max non-sensitive images, Sensitive-Samples at random, and by MANC.

    reference: the intact classifier. compromised: results of attacks; several of one name are averaged.
    images: (n, ...) natural test images. bag: SensitiveSamples, or an array (n, ...). bag_size: MANC chooses from
    a random sub-bag of so many (half the bag by default): on the whole bag it has no randomness to average over.
    output: what the API shows. Random choice is exact; MANC is exact where feasible (``manc_missing_rates``).

    Paper: Section 5.2, Figure 5, Table 3. Notebook: 10.
    """
    names = tuple(dict.fromkeys(a.attack for a in compromised))
    n_s = np.arange(1, n_s_max + 1)
    active = active_neurons(reference, bag)
    sub_bag = bag_size or max(len(active) // 2, n_s_max)
    plain = detection_matrix(reference, list(compromised), images, output)
    sensitive = detection_matrix(reference, list(compromised), bag, output)

    rates, intervals, detecting, summaries = {}, {}, {}, {}
    for name in names:
        rows = [i for i, a in enumerate(compromised) if a.attack == name]
        by_manc = [manc_missing_rates(sensitive[i], active, n_s_max, bag_size=sub_bag, seed=seed) for i in rows]
        values = (
            missing_rate(plain[rows], n_s).mean(0),
            missing_rate(sensitive[rows], n_s).mean(0),
            np.mean([m.value for m in by_manc], axis=0),
        )
        rates[name] = dict(zip(METHODS, values, strict=True))
        intervals[name] = np.mean([(m.low, m.high) for m in by_manc], axis=0)
        detecting[name] = (float(plain[rows].mean()), float(sensitive[rows].mean()))
        summaries[name] = {"models": len(rows)} | {
            key: _mean([getattr(compromised[i], key) for i in rows])
            for key in ("accuracy_before", "accuracy_after", "success")
        }
    return Effectiveness(names, n_s, rates, intervals, detecting, summaries)


def _mean(values: list[float | None]) -> float | None:
    known = [v for v in values if v is not None]
    return float(np.mean(known)) if known else None


def table(result: Effectiveness) -> pd.DataFrame:
    """Missing rates in percent of Sensitive-Samples + MANC for the paper's N_S, a row ours, a row the paper's.

    Paper: Table 3. Notebook: 10.
    """
    columns = [n for n in paper.N_S if n <= result.n_s[-1]]
    rows = {}
    for attack in result.attacks:
        for method in METHODS:
            rows[attack, method] = [100 * result.rates[attack][method][n - 1] for n in columns]
        if attack in paper.TABLE_3:
            rows[attack, "the paper: sensitive + MANC"] = paper.TABLE_3[attack][: len(columns)]
    frame = pd.DataFrame.from_dict(rows, orient="index", columns=[f"N_S = {n}" for n in columns])
    frame.index = pd.MultiIndex.from_tuples(frame.index, names=["attack", "samples"])
    return frame.round(2)
