"""Tables 2 to 6 and the data of Figures 3 to 5 as tidy data frames: one row a number, the paper's beside ours."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from ssviz import paper
from ssviz.ascents import ascent, rows_of
from ssviz.effectiveness import METHODS, samples_for
from ssviz.evaluation import missing_rate
from ssviz.reproduction.laboratory import N_S_MAX, Laboratory, Measured
from ssviz.reproduction.plan import CASES

N_S = np.arange(1, 11)
PLAIN, RANDOM, MANC = METHODS


def table_2(lab: Laboratory, results: Sequence[Measured]) -> pd.DataFrame:
    """A row per compromised model: accuracy before and after, success (in %), seconds. Paper: Table 2."""
    rows = []
    for m in results:
        percent = {
            key: None if m.facts[key] is None else 100 * m.facts[key]
            for key in ("accuracy_before", "accuracy_after", "success")
        }
        changed = "; ".join(f"{name}: {value}" for name, value in m.facts["changed"].items())
        rows.append({"attack": m.attack, "seed": m.seed, **percent, "seconds": m.facts["seconds"], "changed": changed})
    return pd.DataFrame(rows)


def missing_rates(results: Sequence[Measured], outputs: Sequence[str], output: str = "top-1") -> pd.DataFrame:
    """Missing rates in % of every compromised model, method of METHODS and N_S (up to 10, or 3 where the output is
    not "top-1"). Paper: Figure 5, Tables 3, 4 and 6."""
    number = list(outputs).index(output)
    rows = []
    for m in results:
        n_s = N_S if output == "top-1" else N_S[:3]
        manc = m.manc[output][: len(n_s)]
        by_method = {
            PLAIN: missing_rate(m.natural[number], n_s),
            RANDOM: missing_rate(m.bag[number], n_s),
            MANC: np.concatenate([manc, np.zeros(len(n_s) - len(manc))]),  # it ends where it fell below 1e-9
        }
        for method, rates in by_method.items():
            rows += [
                {"attack": m.attack, "seed": m.seed, "samples": method, "output": output, "n_s": n, "missing": 100 * r}
                for n, r in zip(n_s, rates, strict=True)
            ]
    return pd.DataFrame(rows)


def table_4(lab: Laboratory, results: Sequence[Measured]) -> pd.DataFrame:
    """The missing rates (%) of MANC for N_S = 1 to 3 and every output specification. Paper: Table 4."""
    frames = [missing_rates(results, lab.outputs, output) for output in lab.outputs]
    frame = pd.concat(frames, ignore_index=True)
    return frame[(frame.samples == MANC) & (frame.n_s <= 3)].reset_index(drop=True)


def table_5(lab: Laboratory, results: Sequence[Measured]) -> pd.DataFrame:
    """Samples needed for missing rates alpha: of the average over the seeds, and of the easiest and hardest model.

    Infinite where no number does (up to 40 for MANC). Non-sensitive images come from an unlimited supply.
    Paper: Table 5.
    """
    alphas = np.array(paper.ALPHAS)
    rows = []
    for attack in dict.fromkeys(m.attack for m in results):
        mine = [m for m in results if m.attack == attack]
        natural, bag = (np.stack([getattr(m, name)[0] for m in mine]) for name in ("natural", "bag"))
        curves = np.stack([np.pad(m.manc["top-1"], (0, N_S_MAX - len(m.manc["top-1"]))) for m in mine])
        needed = samples_for(natural, bag, curves, alphas)
        rows += [
            {"attack": attack, "samples": method, "alpha": alpha, "needed": its.value[i], "least": its.low[i],
             "most": its.high[i]}
            for method, its in needed.items() for i, alpha in enumerate(paper.ALPHAS)
        ]  # fmt: skip
    return pd.DataFrame(rows)


def figure_3(lab: Laboratory) -> pd.DataFrame:
    """Quartiles of S and of the SNR (dB) at every iteration, of our recipe and of the paper's. Paper: Figure 3."""
    recipes = ("ours", "the paper's recipe")
    return pd.concat([rows_of(ascent(name, lab.bag(name)[0])) for name in recipes], ignore_index=True)


def figure_4(lab: Laboratory) -> pd.DataFrame:
    """A row per Sensitive-Sample of the bag: S before and after, SNR, largest change in grey levels. Figure 4."""
    bag, _ = lab.bag()
    p, q = bag.settings["bounds"]
    change = np.abs(bag.samples - bag.originals).reshape(len(bag), -1).max(1) * 255 / (q - p)
    return pd.DataFrame(
        {"sample": np.arange(len(bag)), "S before": bag.sensitivity[0], "S": bag.sensitivity[-1],
         "snr": bag.snr[-1], "largest change (grey levels)": change}
    )  # fmt: skip


def recipes(lab: Laboratory, answers: dict[str, dict[str, np.ndarray]]) -> pd.DataFrame:
    """The recipes of BAGS side by side on the same originals: S, SNR, seconds a sample, detections a sample (top-1).

    answers: recipe -> attack -> (models, n) bool.
    """
    rows, count = [], min(d.shape[1] for by_attack in answers.values() for d in by_attack.values())
    for name, by_attack in answers.items():
        bag, seconds = lab.bag(name)
        row = {"recipe": name, "samples": count, "iterations": bag.settings["itr_max"],
               "median S before": np.median(bag.sensitivity[0, :count]),
               "median S": np.median(bag.sensitivity[-1, :count]),
               "share that moved (S > 0.01)": 100 * np.mean(bag.sensitivity[-1, :count] > 0.01),
               "median SNR (dB)": np.median(bag.snr[-1, :count]), "seconds a sample": seconds}  # fmt: skip
        rows.append(row | {attack: 100 * d[:, :count].mean() for attack, d in by_attack.items()})
    return pd.DataFrame(rows)


def on_the_paper(dataset: str, attack: str) -> bool:
    """Whether the paper measured this attack on this data set (its VGG-Face is our LFW)."""
    where = {"lfw": "VGG-Face", "gtsrb": "GTSRB", "cifar10": "CIFAR-10", "att_faces": "AT&T"}
    return dataset in CASES and paper.measured_on(attack) == where.get(dataset)
