"""The experiments of Sections 5.2 and 5.3: three ways to choose samples, against every attack."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from ssviz import paper
from ssviz.attacks import Attacked
from ssviz.evaluation import detection_matrix, manc_missing_rates, missing_rate, samples_needed, told_apart
from ssviz.models import active_neurons, probabilities
from ssviz.outputs import parse

METHODS = ("non-sensitive", "sensitive + random", "sensitive + MANC")
N_S_MAX = 40  # as far as MANC is followed for Table 5
UNLIMITED = 200_000  # natural images, as far as their supply is followed


class Band(NamedTuple):
    """A number for each step, (k,): of the average over compromised models, and of the lowest and highest model."""

    value: np.ndarray
    low: np.ndarray
    high: np.ndarray


@dataclass(frozen=True, eq=False)
class Effectiveness:
    """Missing rates against N_S and samples needed for alpha, over the compromised models of each attack.

    attacks: names, in order. n_s: (k,), 1 to k. rates: attack -> method of METHODS -> Band of k missing rates.
    alphas: (a,) missing rates. needed: attack -> method -> Band of a numbers of samples, infinite where none is enough
    (for MANC, up to 40). models: attack -> how many compromised models.

    Paper: Figure 5, Tables 3 and 5. Notebooks: 10, 11.
    """

    attacks: tuple[str, ...]
    n_s: np.ndarray
    rates: Mapping[str, Mapping[str, Band]]
    alphas: np.ndarray
    needed: Mapping[str, Mapping[str, Band]]
    models: Mapping[str, int]


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
    """Missing rates of N_S = 1 ... n_s_max natural images, Sensitive-Samples at random, and by MANC; samples needed.

    reference: the intact classifier. compromised: results of attacks; several of one name are averaged.
    images: (n, ...) natural test images. bag: SensitiveSamples, or an array (n, ...). bag_size: MANC chooses from
    a random sub-bag of so many (half the bag by default): on the whole bag it has no randomness to average over.
    output: what the API shows. Random choice is exact; MANC is exact where feasible (``manc_missing_rates``).
    Natural images are needed from an unlimited supply. Raises ValueError as ``manc_missing_rates`` does.

    Paper: Sections 5.2 and 5.3, Figure 5, Tables 3 and 5. Notebooks: 10, 11.
    """
    names = tuple(dict.fromkeys(a.attack for a in compromised))
    n_s, alphas = np.arange(1, n_s_max + 1), np.array(paper.ALPHAS)
    active = active_neurons(reference, bag)
    sub_bag = bag_size or max(len(active) // 2, n_s_max)
    plain = detection_matrix(reference, list(compromised), images, output)
    sensitive = detection_matrix(reference, list(compromised), bag, output)
    curves = [_manc(detected, active, min(sub_bag, max(N_S_MAX, n_s_max)), sub_bag, seed) for detected in sensitive]

    rates, needed = {}, {}
    for name in names:
        rows = [i for i, a in enumerate(compromised) if a.attack == name]
        by_manc = np.stack([curves[i] for i in rows])
        each = (missing_rate(plain[rows], n_s), missing_rate(sensitive[rows], n_s), by_manc[:, :n_s_max])
        rates[name] = {method: Band(r.mean(0), r.min(0), r.max(0)) for method, r in zip(METHODS, each, strict=True)}
        needed[name] = samples_for(plain[rows], sensitive[rows], by_manc, alphas)
    return Effectiveness(names, n_s, rates, alphas, needed, {n: sum(a.attack == n for a in compromised) for n in names})


def samples_for(natural: np.ndarray, bag: np.ndarray, by_manc: np.ndarray, alphas: np.ndarray) -> dict[str, Band]:
    """Samples needed for missing rates alphas, by method: for the mean rate of the models, the easiest, the hardest.

    natural, bag: (models, n) bool, which natural images, from an unlimited supply, and which Sensitive-Samples detect.
    by_manc: (models, k), MANC's missing rates for 1 to k samples. Infinite where no number is enough.

    Paper: Section 5.3, Table 5. Notebook: 11.
    """
    each = (
        samples_needed(natural, alphas, replace=True),
        samples_needed(bag, alphas),
        np.stack([_first_below(curve, alphas) for curve in by_manc]),
    )
    mean = (
        missing_rate(natural, np.arange(1, UNLIMITED + 1), replace=True).mean(0),
        missing_rate(bag, np.arange(1, bag.shape[1] + 1)).mean(0),
        by_manc.mean(0),
    )
    return {
        method: Band(_first_below(rate, alphas), its.min(0), its.max(0))
        for method, rate, its in zip(METHODS, mean, each, strict=True)
    }


def _first_below(rates: np.ndarray, alphas: np.ndarray) -> np.ndarray:
    """(a,) the smallest n_s with rates[n_s - 1] <= alpha, infinite where there is none: float."""
    enough = rates[None, :] <= alphas[:, None] * (1 + 1e-12)
    return np.where(enough.any(1), enough.argmax(1) + 1.0, np.inf)


def _manc(detected: np.ndarray, active: np.ndarray, k: int, bag_size: int, seed: int) -> np.ndarray:
    """(k,) missing rates of MANC, 0 from where they fell below a tenth of the smallest alpha."""
    stop = paper.ALPHAS[-1] / 10
    rates = manc_missing_rates(detected, active, k, bag_size=bag_size, stop_below=stop, seed=seed).value
    return np.pad(rates, (0, k - len(rates)))


def table(result: Effectiveness) -> pd.DataFrame:
    """Missing rates in percent for the paper's N_S: rows of the three methods, then the paper's.

    Paper: Table 3. Notebook: 10.
    """
    columns = [n for n in paper.N_S if n <= result.n_s[-1]]
    rows = {}
    for attack in result.attacks:
        for method in METHODS:
            rows[attack, method] = [100 * result.rates[attack][method].value[n - 1] for n in columns]
        if attack in paper.TABLE_3:
            rows[attack, "the paper: sensitive + MANC"] = paper.TABLE_3[attack][: len(columns)]
    return _framed(rows, [f"N_S = {n}" for n in columns], ("attack", "samples")).round(2)


def table_of_needed(result: Effectiveness) -> pd.DataFrame:
    """Samples needed for the paper's alphas: rows of the three methods, each with the paper's below.

    Infinite where no number is enough. Paper: Table 5. Notebook: 11.
    """
    rows = {}
    for attack in result.attacks:
        for method in METHODS:
            rows[attack, method] = result.needed[attack][method].value
            if attack in paper.TABLE_5:
                rows[attack, f"the paper: {method}"] = paper.TABLE_5[attack][method]
    frame = _framed(rows, [f"{alpha:.0e}".replace("e-0", "e-") for alpha in result.alphas], ("attack", "samples"))
    return frame.map(lambda n: int(n) if np.isfinite(n) else np.inf)


def by_output(
    reference: Any,
    compromised: Sequence[Attacked],
    bag: Any,
    *,
    outputs: Sequence[str] = paper.OUTPUTS,
    n_s_max: int = 3,
    seed: int = 0,
) -> pd.DataFrame:
    """Missing rates (%) of Sensitive-Samples + MANC by what the API shows, averaged over models: ours and the paper's.

    A row per output; columns ("ours" or "the paper", N_S). The paper's are of its trojan. Other arguments as in
    ``effectiveness``. Raises ValueError as ``outputs.parse`` does.

    Paper: Section 5.2, Table 4. Notebook: 10.
    """
    active = active_neurons(reference, bag)
    expected, *answers = (probabilities(m, bag) for m in (reference, *(a.model for a in compromised)))
    rows = {}
    for output in (o for o in outputs if parse(o).k <= expected.shape[1]):
        maps = [told_apart(expected, answer, output) for answer in answers]
        sub_bag = max(len(active) // 2, n_s_max)
        ours = np.mean([_manc(detected, active, n_s_max, sub_bag, seed) for detected in maps], axis=0)
        theirs = (*paper.TABLE_4.get(output, ()), *[np.nan] * n_s_max)[:n_s_max]
        rows[output] = [*100 * ours, *theirs]
    columns = [(whose, f"N_S = {n}") for whose in ("ours", "the paper") for n in range(1, n_s_max + 1)]
    frame = pd.DataFrame.from_dict(rows, orient="index")
    frame.columns = pd.MultiIndex.from_tuples(columns)
    return frame.rename_axis("output").round(2)


def _framed(rows: Mapping, columns: Sequence[str], names: Sequence[str]) -> pd.DataFrame:
    frame = pd.DataFrame.from_dict(rows, orient="index", columns=columns)
    frame.index = pd.MultiIndex.from_tuples(frame.index, names=names)
    return frame
