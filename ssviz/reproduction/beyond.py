"""Beyond the paper: the queries that straddling pairs need, and what escapes them, beside the paper's samples."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from ssviz.coverage_odds import wilson_interval
from ssviz.effectiveness import METHODS
from ssviz.evaluation import missing_rate
from ssviz.pairs import StraddlingPairs
from ssviz.reproduction import pools
from ssviz.reproduction.laboratory import N_S_MAX, Laboratory, Measured
from ssviz.reproduction.plan import BAGS, EIGHT_BITS, GENERIC, SPECIFIC, TROJAN, Plan, plans
from ssviz.reproduction.pools import RECIPES, Answers
from ssviz.reproduction.sections import power
from ssviz.samples import SensitiveSamples

ATTACKS = (TROJAN, GENERIC, SPECIFIC, EIGHT_BITS)
ALPHAS = (1e-2, 1e-4, 1e-6, 1e-8)
QUERIES = (1, 2, 4)
NEAREST = 50  # changes from which the density at 0 is taken
_, RANDOM, MANC = METHODS
WAYS = tuple(name for name, recipe in BAGS.items() if recipe["objective"] == "ties")
COVER = "pairs, chosen by cover"


def uses(plan: Plan) -> bool:
    """Whether an attack is one of the four of the paper's Table 5."""
    return plan.name in ATTACKS


def beyond(lab: Laboratory, results: Sequence[Measured]) -> pd.DataFrame:
    """A row per attack and kind of samples: missing rates for N_S = 1, 2, 4 queries, and N_S needed for ALPHAS.

    A pair is two queries, and detects if either is answered differently. Rates are exact for random choice from the
    pool (of MANC: from random halves of the bag), averaged over the compromised models. For pairs also what
    ``pair_row`` tells of those that escape.

    Paper: beyond it (Table 5, Section 5.2's top-1 ceiling). Notebook: 13.
    """
    of_pair, of_sample = pools.seconds(lab)
    rows = []
    for attack in dict.fromkeys(m.attack for m in results):
        mine = [m for m in results if m.attack == attack]
        plan, seeds = plans(lab.dataset)[attack], [m.seed for m in mine]
        found = [_by_manc(lab, mine) | {"seconds": of_sample}]
        found += [_by_chance(lab, "ours", np.stack([m.bag[0] for m in mine])) | {"seconds": of_sample}]
        for way in WAYS:
            if BAGS[way]["k"] <= len(lab.data.class_names):
                found.append(_by_chance(lab, way, np.stack([lab.answers(plan, seed, way)[0] for seed in seeds])))
        for recipe, asked in pools.answers(lab, plan, seeds).items():
            found.append(pair_row(recipe.kind, pools.pool(lab, recipe), asked))
            if recipe == RECIPES[0]:
                found[-1] |= {"seconds": of_pair}
                found.append(chosen_row(recipe.gap, asked.detected, pools.chosen(lab, recipe)))
        rows += [{"attack": attack, **row} for row in found]
    return pd.DataFrame(rows, columns=[*dict.fromkeys(column for row in rows[::-1] for column in row)])


def _by_manc(lab: Laboratory, results: Sequence[Measured]) -> dict[str, object]:
    curves = np.stack([np.pad(m.manc["top-1"], (0, N_S_MAX - len(m.manc["top-1"]))) for m in results])
    return {"samples": MANC, **_of_bag(lab.bag()[0]), "pool": len(lab.bag()[0]) // 2, **rates(curves, 1)}


def _by_chance(lab: Laboratory, bag: str, detected: np.ndarray) -> dict[str, object]:
    name = RANDOM if bag == "ours" else bag
    return {"samples": name, **_of_bag(lab.bag(bag)[0]), **rates(all_rates(detected), 1)}


def _of_bag(bag: SensitiveSamples) -> dict[str, object]:
    return {"gap": np.nan, "pool": len(bag), "passes": bag.settings["itr_max"], **_snr(bag.snr[-1])}


def pair_row(kind: str, pairs: StraddlingPairs, asked: Answers) -> dict[str, object]:
    """The row of a pool of pairs: rates, N_S, what escaped and how far the escaped ones had moved."""
    gap, (middle, own) = pairs.settings["gap"], (pairs.gaps @ [[0.5, 0.5], [0.5, -0.5]]).T
    escaped = ~asked.detected
    less = np.abs(middle + asked.moved) <= own  # a pair's tie is in its middle only within straddle's tolerance
    return {
        "samples": kind, "gap": gap, "pool": len(pairs), **rates(all_rates(asked.detected), 2),
        "escaped": escaped.sum(), "asked": escaped.size,
        "bound": wilson_interval(escaped.sum(), escaped.size)[1], "expected": expected(asked, gap),
        "median change": np.median(np.abs(asked.moved)), "moved less": 100 * less.mean(),
        "escaped, moved less": (escaped & less).sum(), "escaped, steeper": (escaped & ~less).sum(),
        "failed": len(pairs.failed), "passes": pairs.passes, **_snr(pairs.snr),
    }  # fmt: skip


def expected(asked: Answers, gap: float) -> float:
    """Share of the pairs that should escape, from the density of the change of their gap at 0.

    A pair escapes if the change is within +-gap and no third class leads. Few do; so the density is taken from the
    NEAREST smallest changes: their share of all, times gap over the largest of them. Where more escape, they are
    counted.
    """
    change = np.sort(np.where(asked.third, np.inf, np.abs(asked.moved)).ravel())
    change = change[np.isfinite(change)]
    nearest = min(NEAREST, len(change))
    if not nearest or change[nearest - 1] <= gap:
        return float((~asked.detected).mean())
    return nearest / asked.moved.size * gap / change[nearest - 1]


def needed_for(miss: float, alphas: Sequence[float] = ALPHAS) -> list[float]:
    """Queries of independent pairs, each missing with the same probability, until all of them miss with alpha."""
    if miss >= 1:
        return [np.inf] * len(alphas)
    return [2 * max(1.0, np.ceil(np.log(alpha) / np.log(miss) - 1e-12)) if miss else 2.0 for alpha in alphas]


def needed_at(alpha: float) -> str:
    """The column of the queries needed for a missing rate."""
    return f"N_S for {power(alpha)}"


def all_rates(detected: np.ndarray) -> np.ndarray:
    """(models, n) missing rates of 1 to n random ones of the pool."""
    return missing_rate(detected, np.arange(1, detected.shape[1] + 1))


def rates(curves: np.ndarray, queries: int) -> dict[str, float]:
    """Mean missing rates for N_S = QUERIES, the worst model's at 2, and N_S for ALPHAS; infinite if none is enough.

    curves: (models, k) missing rates of 1 to k samples that cost ``queries`` each.
    """
    mean = curves.mean(axis=0)
    cells = {f"N_S = {q}": mean[q // queries - 1] if q % queries == 0 else np.nan for q in QUERIES}
    cells["worst at 2"] = curves[:, 2 // queries - 1].max()
    for alpha in ALPHAS:
        enough = np.flatnonzero(mean <= alpha * (1 + 1e-12))
        cells[needed_at(alpha)] = queries * (enough[0] + 1.0) if len(enough) else np.inf
    return cells


def chosen_row(gap: float, detected: np.ndarray, picks: np.ndarray) -> dict[str, object]:
    """Missing rates of the first one and two pairs that were chosen from every half, over halves and models.

    detected: (models, n) bool, by pair. picks: (halves, 2 or more) indices, in order.
    """
    missed = np.logical_and.accumulate(~detected[:, picks], axis=2).mean(axis=1)
    its = {"N_S = 2": missed[:, 0].mean(), "N_S = 4": missed[:, 1].mean(), "worst at 2": missed[:, 0].max()}
    return {"samples": COVER, "gap": gap, "pool": detected.shape[1] // 2, **its}


def _snr(snr: np.ndarray) -> dict[str, float]:
    return {"snr": np.median(snr), "lowest snr": np.min(snr)}
