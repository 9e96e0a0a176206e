"""The page that sets the reports of all data sets beside the paper: tables made from the rows that they wrote."""

import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd

from ssviz import paper
from ssviz.effectiveness import METHODS
from ssviz.files import atomic_write
from ssviz.reproduction.beyond_shown import escapes, pairs, queries
from ssviz.reproduction.plan import CASES, EIGHT_BITS, GENERIC, SPECIFIC, TROJAN, TUNED
from ssviz.reproduction.sections import NAMES, by_n_s, markdown, needed_words, power, short, spread
from ssviz.reproduction.tables import on_the_paper
from ssviz.reproduction.tolerance import tolerances

ATTACKS = (TROJAN, GENERIC, SPECIFIC, EIGHT_BITS)
PLAIN, RANDOM, MANC = METHODS


def update(folder: Path) -> Path | None:
    """Fill the blocks ``<!-- NAME -->`` ... ``<!-- /NAME -->`` of FOLDER/README.md, if there is one; return its path.

    NAME: of BLOCKS. The tables hold what FOLDER/DATASET/*.csv hold, for the data sets that are there.
    Raises ValueError where the page has an unknown block, or a report was written by another version.
    """
    page = folder / "README.md"
    if not page.exists():
        return None
    found = [name for name in CASES if (folder / name / "report.md").exists()]

    def fill(match: re.Match) -> str:
        name = match[1]
        if name not in BLOCKS:
            raise ValueError(f"{page} may have the blocks {', '.join(BLOCKS)}; received {name!r}.")
        try:
            table = BLOCKS[name](folder, found)
        except (AttributeError, KeyError, FileNotFoundError) as error:
            raise ValueError(
                f"{page} cannot be filled: one of {', '.join(found)} was written by another version ({error} is "
                "missing). Reproduce it again."
            ) from error
        return f"<!-- {name} -->\n{table}\n<!-- /{name} -->"

    text = re.sub(r"<!-- ([a-z-]+) -->\n.*?<!-- /\1 -->", fill, page.read_text(encoding="utf-8"), flags=re.DOTALL)
    with atomic_write(page) as temporary:
        temporary.write_text(text, encoding="utf-8")
    return page


def _rows(folder: Path, dataset: str, name: str) -> pd.DataFrame:
    return pd.read_csv(folder / dataset / f"{name}.csv")


def models(folder: Path, found: list[str]) -> str:
    """Accuracy of the models, accuracy and success of the paper's attacks on each data set. Paper: Table 2."""
    shown = []
    for dataset in found:
        rows = _rows(folder, dataset, "table2")
        row = {"data": NAMES[dataset], "accuracy": f"{rows.accuracy_before[0]:.2f}",
               "the paper": f"{paper.ACCURACY[dataset]:g}" if dataset in paper.ACCURACY else "–"}  # fmt: skip
        for attack in ATTACKS:
            mine = rows[rows.attack == attack]
            success = spread(mine.success) if attack != EIGHT_BITS else f"accuracy {spread(mine.accuracy_after, 2)}"
            row[attack] = _bold(success, dataset, attack) if len(mine) else "–"
        shown.append(row)
    theirs = {attack: f"{paper.SUCCESS[attack]:g}" for attack in paper.SUCCESS}
    theirs |= {EIGHT_BITS: f"accuracy {paper.ACCURACY_AFTER[EIGHT_BITS]:g}"}
    return markdown(pd.DataFrame([*shown, {"data": "the paper", "accuracy": "–", "the paper": "–", **theirs}]))


def rates(folder: Path, found: list[str]) -> str:
    """Missing rates (%) of Sensitive-Samples + MANC, by attack and data set. Paper: Table 3."""
    shown = []
    for attack in ATTACKS:
        for dataset in found:
            rows = _rows(folder, dataset, "table3")
            for method in (RANDOM, MANC):
                mine = rows[(rows.attack == attack) & (rows.samples == method)]
                if len(mine):
                    cells = by_n_s(mine, paper.N_S)
                    where = _bold(NAMES[dataset], dataset, attack)
                    shown.append({"attack": attack, "data": where, "samples": method, **cells})
        theirs = {f"N_S = {n}": f"{v:.2f}" for n, v in zip(paper.N_S, paper.TABLE_3[attack], strict=True)}
        where = f"the paper: {paper.measured_on(attack)}"
        shown.append({"attack": attack, "data": where, "samples": MANC, **theirs})
    return markdown(pd.DataFrame(shown))


def needed(folder: Path, found: list[str]) -> str:
    """Samples needed for alpha = 1e-2, 1e-4 and 1e-8. Paper: Table 5."""
    alphas = (1e-2, 1e-4, 1e-8)
    shown = []
    for attack in ATTACKS:
        for dataset in found:
            rows = _rows(folder, dataset, "table5")
            mine = rows[rows.attack == attack]
            if not len(mine):
                continue
            row = {"attack": attack, "data": _bold(NAMES[dataset], dataset, attack)}
            for alpha in alphas:
                at = mine[np.isclose(mine.alpha, alpha, rtol=1e-6, atol=0)].set_index("samples").needed
                row[f"alpha = {power(alpha)}"] = " / ".join(needed_words(at[m]) for m in METHODS)
            both = np.isfinite([at[PLAIN], at[MANC]]).all()  # at the last alpha
            row["efficiency at 1e-8"] = f"{at[PLAIN] / at[MANC]:.0f}x" if both else "–"
            shown.append(row)
        theirs = paper.TABLE_5[attack]
        row = {"attack": attack, "data": f"the paper: {paper.measured_on(attack)}"}
        for alpha in alphas:
            row[f"alpha = {power(alpha)}"] = " / ".join(str(theirs[m][paper.ALPHAS.index(alpha)]) for m in METHODS)
        shown.append(row | {"efficiency at 1e-8": f"{theirs[PLAIN][-1] / theirs[MANC][-1]:.0f}x"})
    return markdown(pd.DataFrame(shown))


def tuned(folder: Path, found: list[str]) -> str:
    """Missing rates (%) of MANC before and after adversarial fine-tuning. Paper: Table 6."""
    shown = []
    for attack in (GENERIC, SPECIFIC):
        for dataset in found:
            rows = _rows(folder, dataset, "table6")
            for when, name in (("before", attack), ("after", TUNED.format(attack))):
                for method in (RANDOM, MANC):
                    mine = rows[(rows.attack == name) & (rows.samples == method)]
                    cells = by_n_s(mine, (1, 2, 3, 5))
                    where = {"attack": attack, "data": _bold(NAMES[dataset], dataset, attack)}
                    shown.append({**where, "fine-tuning": when, "samples": method, **cells})
        for when, values in zip(("before", "after"), paper.TABLE_6[attack], strict=True):
            cells = {f"N_S = {n}": f"{values[n - 1]:.2f}" for n in (1, 2, 3, 5)}
            shown.append({"attack": attack, "data": "the paper: GTSRB", "fine-tuning": when, "samples": MANC, **cells})
    return markdown(pd.DataFrame(shown))


def implied(folder: Path, found: list[str]) -> str:
    """Detections a sample (%): what the paper's Table 5 implies at alpha = 1e-8, d = 1 - alpha^(1/N), and ours."""
    shown = []
    for attack in ATTACKS:
        row = {"attack": attack, "the paper's data": paper.measured_on(attack)}
        for method in METHODS:
            row[f"the paper, {method}"] = short(100 * (1 - 1e-8 ** (1 / paper.TABLE_5[attack][method][-1])))
        for dataset in found:
            ties = _rows(folder, dataset, "ties").set_index("attack").detect
            row[f"ours, {NAMES[dataset]}"] = short(ties[attack]) if attack in ties else "–"
        shown.append(row)
    return markdown(pd.DataFrame(shown))


def coin(folder: Path, found: list[str]) -> str:
    """How far the attacks move the logit gap of a Sensitive-Sample, and how often that flips its label."""
    shown = []
    for dataset in found:
        for row in _rows(folder, dataset, "ties").itertuples(index=False):
            if row[0] in ATTACKS:
                words = ["gap", "its change", "moved by more than the gap", "of these, towards the runner-up", "detect"]
                cells = dict(zip(words, map(short, row[1:]), strict=True))
                shown.append({"data": NAMES[dataset], "attack": row[0], **cells})
    return markdown(pd.DataFrame(shown))


def recipes(folder: Path, found: list[str]) -> str:
    """Detections a sample (top-1, %) by recipe, over the paper's attacks; S, SNR and seconds of each."""
    shown = []
    for dataset in found:
        for row in _rows(folder, dataset, "recipes").to_dict("records"):
            detect = [row[attack] for attack in ATTACKS if attack in row]
            shown.append({
                "data": NAMES[dataset], "recipe": row["recipe"], "median S": short(row["median S"]),
                "moved": short(row["share that moved (S > 0.01)"]), "SNR (dB)": short(row["median SNR (dB)"]),
                "seconds a sample": short(row["seconds a sample"]), "detect": spread(detect, 0),
            })  # fmt: skip
    return markdown(pd.DataFrame(shown))


def norms(folder: Path, found: list[str]) -> str:
    """Detections (%) of a Gaussian change of the last layer, by its size, for three stages of the ascent."""
    shown = []
    for dataset in found:
        rows = _rows(folder, dataset, "norms")
        for (samples, gap), mine in rows.groupby(["samples", "gap"], sort=False):
            gaps, lengths = (short(mine[c].iloc[0]) for c in ("median gap", "median norm of h"))
            row = {"data": NAMES[dataset], "samples": samples, "gap": gap, "median gap": gaps, "norm of h": lengths}
            shown.append(row | {power(s): short(d) for s, d in zip(mine.scale, mine.detect, strict=True)})
    return markdown(pd.DataFrame(shown))


def choices(folder: Path, found: list[str]) -> str:
    """Missing rates (%) at N_S = 3, by change and by way of choosing; the share of shuffled maps as good as MANC."""
    shown = []
    for dataset in found:
        rows = _rows(folder, dataset, "choices")
        at = rows[rows.n_s == 3]
        wide = at.pivot_table(index="change", columns="choice", values="missing", sort=False)
        wide["MANC by luck"] = at[at.choice == "MANC"].set_index("change")["by luck"]
        for change, row in wide.iterrows():
            if change in (*ATTACKS, "one weight", "one neuron", "the whole layer"):
                shown.append({"data": NAMES[dataset], "change": change, **{k: short(v) for k, v in row.items()}})
    return markdown(pd.DataFrame(shown))


def alarms(folder: Path, found: list[str]) -> str:
    """Answers of the intact model that differ from its own, over natural images and Sensitive-Samples."""
    shown = []
    for dataset in found:
        rows = _rows(folder, dataset, "false-positives").dropna(subset="alarms")
        for (served, samples), mine in rows.groupby(["served", "samples"], sort=False):
            row = {"data": NAMES[dataset], "served": served, "samples": samples, "queries": f"{mine.queries.iloc[0]}"}
            if mine.alarms.any():
                shown.append(row | {o: f"{a:.0f}" for o, a in zip(mine.output, mine.alarms, strict=True)})
    return markdown(pd.DataFrame(shown))


BLOCKS: dict[str, Callable[[Path, list[str]], str]] = {
    block.__name__: block
    for block in (models, rates, needed, tuned, implied, coin, recipes, norms, choices, alarms, tolerances,
                  queries, escapes, pairs)
}  # fmt: skip


def _bold(text: str, dataset: str, attack: str) -> str:
    return f"**{text}**" if on_the_paper(dataset, attack) else text
