"""A reproduction's tables for reading: tidy frames in, Markdown out, the paper's value beside ours."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from ssviz import paper
from ssviz.effectiveness import METHODS
from ssviz.reproduction.plan import CASES
from ssviz.reproduction.tables import MANC, N_S, PLAIN, RANDOM, on_the_paper

NAMES = {"att_faces": "AT&T faces", "lfw": "LFW faces", "gtsrb": "GTSRB", "cifar10": "CIFAR-10", "signs": "signs"}
THE_PAPER = "the paper ({})"


@dataclass(frozen=True, eq=False)
class Section:
    """One table or figure: its file name, title, tidy data, and the Markdown that shows it."""

    name: str
    title: str
    rows: pd.DataFrame
    markdown: str


def markdown(frame: pd.DataFrame) -> str:
    """A data frame of text and numbers as a Markdown table, numbers to the right."""
    cells = frame.map(lambda v: v if isinstance(v, str) else "–" if pd.isna(v) else f"{v:g}")
    right = ["---:" if pd.api.types.is_numeric_dtype(frame[c]) or c in _numeric(frame) else "---" for c in frame]
    rows = [list(map(str, frame.columns)), right, *cells.to_numpy().tolist()]
    return "\n".join("| " + " | ".join(row) + " |" for row in rows)


def _numeric(frame: pd.DataFrame) -> list[str]:
    """Columns of text that begin with a digit or a dash."""
    return [c for c in frame if all(str(v)[:1].isdigit() or str(v)[:1] in "–∞-<" for v in frame[c])]


def spread(values: Sequence[float], digits: int = 1) -> str:
    """Mean and, in brackets, lowest and highest of several numbers; "–" for none."""
    known = [v for v in values if v is not None and not pd.isna(v)]
    if not known:
        return "–"
    low, high = (f"{v:.{digits}f}" for v in (min(known), max(known)))
    return f"{np.mean(known):.{digits}f}" + ("" if low == high else f" ({low} to {high})")


def section_2(dataset: str, rows: pd.DataFrame) -> Section:
    """Table 2: the model and what every attack does to it."""
    shown = []
    for attack, mine in rows.groupby("attack", sort=False):
        measured = on_the_paper(dataset, attack)
        shown.append({
            "attack": attack, "models": len(mine), "accuracy before": f"{mine.accuracy_before.iloc[0]:.2f}",
            "accuracy after": spread(mine.accuracy_after, 2), "success": spread(mine.success),
            "other classes": _others(mine.changed),
            "the paper": _paper_success(attack), "the paper's data": paper.measured_on(attack) or "–",
            "compression": (re.findall(r"compression: ([\d.]+x)", mine.changed.iloc[0]) or ["–"])[0],
            "seconds": spread(mine.seconds, 0),
        } | ({"attack": f"**{attack}**"} if measured else {}))  # fmt: skip
    accuracy = paper.ACCURACY.get(dataset)
    note = f"Model `{CASES[dataset].model}`, test accuracy {rows.accuracy_before.iloc[0]:.2f}%"
    note += f" (the paper: {accuracy:g}%)." if accuracy else "."
    note += " Percentages; mean (lowest to highest) of the compromised models. Bold: the paper has this attack on this"
    note += " data. Seconds with all that the attack measures, on the device named below."
    return Section("table2", "Table 2: the models, and what the attacks do", rows,
                   f"{note}\n\n{markdown(pd.DataFrame(shown))}")  # fmt: skip


def _others(changed: pd.Series) -> str:
    """Accuracy before, and after, on the classes that the attack did not mean, where it names one."""
    found = [re.findall(r"other classes: ([\d.]+)% -> ([\d.]+)%", text) for text in changed]
    if not all(found):
        return "–"
    return f"{found[0][0][0]} -> " + spread([float(after) for ((_, after),) in found])


def _paper_success(attack: str) -> str:
    if attack in paper.SUCCESS:
        return f"{paper.SUCCESS[attack]:g}"
    return f"accuracy {paper.ACCURACY_AFTER[attack]:g}" if attack in paper.ACCURACY_AFTER else "–"


def section_3(dataset: str, rows: pd.DataFrame) -> Section:
    """Table 3: missing rates against N_S, the three ways of choosing, the paper's row below."""
    shown = []
    for attack, mine in rows.groupby("attack", sort=False):
        for method in METHODS:
            row = {"attack": attack, "samples": f"**{method}**" if method == MANC else method}
            shown.append(row | by_n_s(mine[mine.samples == method], paper.N_S))
        if attack in paper.TABLE_3:
            ours = dict(zip(_headers(paper.N_S), (f"{v:.2f}" for v in paper.TABLE_3[attack]), strict=True))
            shown.append({"attack": attack, "samples": THE_PAPER.format(paper.MEASURED_ON[attack]), **ours})
    note = "Missing rates in %, top-1 labels only; mean (lowest to highest) of the compromised models of each attack."
    return Section("table3", "Table 3: missing rates against N_S", rows,
                   f"{note}\n\n{markdown(pd.DataFrame(shown))}")  # fmt: skip


def _headers(n_s: Sequence[int]) -> list[str]:
    return [f"N_S = {n}" for n in n_s]


def by_n_s(rows: pd.DataFrame, n_s: Sequence[int], digits: int = 2) -> dict[str, str]:
    """Cells of missing rates, a column for each N_S."""
    return {f"N_S = {n}": spread(rows[rows.n_s == n].missing, digits) for n in n_s}


def section_4(dataset: str, rows: pd.DataFrame) -> Section:
    """Table 4: missing rates of MANC by output specification."""
    outputs = list(dict.fromkeys(rows.output))
    shown = []
    for attack, mine in rows.groupby("attack", sort=False):
        for n in (1, 2, 3):
            each = {o: spread(mine[(mine.output == o) & (mine.n_s == n)].missing, 2) for o in outputs}
            shown.append({"attack": attack, "N_S": f"{n}", **each})
            if attack == "trojan":
                theirs = {o: f"{paper.TABLE_4[o][n - 1]:.2f}" if o in paper.TABLE_4 else "–" for o in outputs}
                shown.append({"attack": THE_PAPER.format(paper.MEASURED_ON[attack]), "N_S": f"{n}", **theirs})
    note = "Missing rates in % of Sensitive-Samples + MANC; mean (lowest to highest) of the compromised models."
    return Section("table4", "Table 4: missing rates by output specification", rows,
                   f"{note}\n\n{markdown(pd.DataFrame(shown))}")  # fmt: skip


def section_5(dataset: str, rows: pd.DataFrame) -> Section:
    """Table 5: samples needed for a missing rate alpha, and how many times fewer MANC needs."""
    headers = [power(alpha) for alpha in paper.ALPHAS]
    shown = []
    for attack, mine in rows.groupby("attack", sort=False):
        by_method = {m: mine[mine.samples == m] for m in METHODS}
        for method, its in by_method.items():
            cells = [_needed(r.needed, r.least, r.most) for r in its.itertuples()]
            shown.append({"attack": attack, "samples": method, **dict(zip(headers, cells, strict=True))})
            if theirs := paper.TABLE_5.get(attack, {}).get(method):
                name = THE_PAPER.format(paper.MEASURED_ON[attack])
                shown.append({"attack": attack, "samples": f"{name}: {method}",
                              **dict(zip(headers, map(str, theirs), strict=True))})  # fmt: skip
        with np.errstate(invalid="ignore"):  # neither method ever gets there
            ratio = by_method[PLAIN].needed.to_numpy() / by_method[MANC].needed.to_numpy()
        cells = [f"{r:.1f}x" if np.isfinite(r) else "–" for r in ratio]
        shown.append({"attack": attack, "samples": "**efficiency**", **dict(zip(headers, cells, strict=True))})
    note = (
        "Samples needed so that the missing rate, averaged over the compromised models, is at most alpha (in brackets: "
        "for the easiest and the hardest of them). Exact, no trials; MANC's rates past the exact tree are sampled. "
        "∞: not reached with 40 samples by MANC, or never."
    )
    return Section("table5", "Table 5: samples needed for a missing rate alpha", rows,
                   f"{note}\n\n{markdown(pd.DataFrame(shown))}")  # fmt: skip


def _needed(average: float, least: float, most: float) -> str:
    words = [needed_words(v) for v in (average, least, most)]
    return words[0] if words[1] == words[2] == words[0] else f"{words[0]} ({words[1]} to {words[2]})"


def power(alpha: float) -> str:
    """A power of ten, as 1e-2."""
    return f"{alpha:.0e}".replace("e-0", "e-")


def needed_words(needed: float) -> str:
    """A number of samples, or that none suffices."""
    return f"{needed:.0f}" if np.isfinite(needed) else "∞"


def section_6(dataset: str, rows: pd.DataFrame) -> Section:
    """Table 6: missing rates before and after adversarial fine-tuning."""
    shown = []
    for attack in paper.TABLE_6:
        for when, name in (("before", attack), ("after", f"{attack} (fine-tuned)")):
            for method in (RANDOM, MANC):
                mine = rows[(rows.attack == name) & (rows.samples == method)]
                shown.append({"attack": attack, "fine-tuning": when, "samples": method, **by_n_s(mine, range(1, 6))})
            theirs = paper.TABLE_6[attack][when == "after"]
            shown.append({"attack": attack, "fine-tuning": when, "samples": THE_PAPER.format("GTSRB"),
                          **{f"N_S = {n}": f"{v:.2f}" for n, v in enumerate(theirs, 1)}})  # fmt: skip
    note = "Missing rates in %, top-1 labels only; mean (lowest to highest). The paper's are with MANC."
    return Section("table6", "Table 6: adversarial fine-tuning", rows,
                   f"{note}\n\n{markdown(pd.DataFrame(shown))}")  # fmt: skip


def section_figure_3(dataset: str, rows: pd.DataFrame) -> Section:
    """Figure 3: S and SNR at some iterations, for our recipe and the paper's."""
    shown = []
    for recipe, mine in rows.groupby("recipe", sort=False):
        last = mine.iteration.max()
        for t in sorted({t for t in (0, 10, 20, 50, 100, 200, 500, 1000, last) if t <= last}):
            at = mine[mine.iteration == t].set_index("quantity")
            words = {q: f"{short(its['median'])} ({short(its.low)} to {short(its.high)})" for q, its in at.iterrows()}
            shown.append({"recipe": recipe, "iteration": f"{t}", "S": words["S"], "SNR (dB)": words.get("snr", "–")})
    note = "Median (quartiles) of the samples, epsilon removed as in the paper's figure."
    return Section("figure3", "Figure 3: sensitivity against similarity", rows,
                   f"{note}\n\n{markdown(pd.DataFrame(shown))}")  # fmt: skip


def section_figure_4(dataset: str, rows: pd.DataFrame) -> Section:
    """Figure 4: how much the samples differ from their originals."""
    quartiles = rows.drop(columns="sample").quantile([0.05, 0.25, 0.5, 0.75, 0.95])
    shown = quartiles.map(lambda v: f"{v:.3g}").rename_axis("quantile").reset_index()
    shown["quantile"] = [f"{100 * q:.0f}%" for q in quartiles.index]
    note = "The bag's samples; the pictures themselves are in figure4.html, which is made where the data are."
    return Section("figure4", "Figure 4: originals and Sensitive-Samples", rows, f"{note}\n\n{markdown(shown)}")


def section_figure_5(dataset: str, rows: pd.DataFrame) -> Section:
    """Figure 5: mean missing rates for N_S = 1 to 10."""
    mean = rows.groupby(["attack", "samples", "n_s"], sort=False).missing.mean().unstack("n_s")
    shown = mean.map(lambda v: f"{v:.2g}" if v < 10 else f"{v:.1f}").reset_index()
    shown.columns = ["attack", "samples", *_headers(N_S)]
    note = "Mean missing rates in %; the curves are in figure5.html."
    return Section("figure5", "Figure 5: missing rates of three ways to choose", rows, f"{note}\n\n{markdown(shown)}")


def section_recipes(dataset: str, rows: pd.DataFrame) -> Section:
    """The paper's recipe, ours and K-way ties on the same originals."""
    columns = list(rows.columns)
    quantities = columns[1 : columns.index("seconds a sample") + 1]
    shown = pd.DataFrame({"": [*quantities, *(f"detections a sample, %: {c}" for c in columns[len(quantities) + 1 :])]})
    for row in rows.itertuples(index=False):
        shown[row[0]] = [short(v) for v in row[1:]]
    note = (
        "Samples made from the same originals, measured on the same compromised models. The paper's recipe: S itself, "
        f"1000 iterations of Adam with 1e-3 (it reports {paper.SECONDS_PER_SAMPLE} s a sample on a 1080Ti). Ours: "
        "log S. K-way ties: K classes equally probable, of which one keeps its place by chance alone: 1 - 1/K flips."
    )
    return Section("recipes", "Recipes: the paper's, ours, and K-way ties", rows, f"{note}\n\n{markdown(shown)}")


def section_false_positives(dataset: str, rows: pd.DataFrame) -> Section:
    """Alarms of the intact model, served in other ways."""
    shown = rows.assign(alarms=rows.alarms.map(lambda v: "not measured" if pd.isna(v) else f"{v:.0f}"))
    wide = shown.pivot_table(index=["served", "samples", "queries"], columns="output", values="alarms", sort=False,
                             aggfunc="first").reset_index()  # fmt: skip
    note = "How many answers of the intact model differ from its own, by how it is served and by what the API shows."
    return Section("false-positives", "False positives", rows, f"{note}\n\n{markdown(wide.astype(str))}")


def section_ties(dataset: str, rows: pd.DataFrame) -> Section:
    """Why one Sensitive-Sample detects half of the time."""
    note = (
        "The logit gap of a sample is how far its top class is ahead of the runner-up. A change by more than the gap "
        "flips the label if it goes towards the runner-up, and hides if it goes the other way."
    )
    return Section("ties", "Why: a two-way tie is a coin", rows, f"{note}\n\n{markdown(rows.map(short))}")


def section_norms(dataset: str, rows: pd.DataFrame) -> Section:
    """What a larger feature norm changes."""
    index = ["samples", "gap", "median gap", "median norm of h"]
    wide = rows.pivot_table(index=index, columns="scale", values="detect", sort=False).reset_index()
    wide.columns = [c if isinstance(c, str) else power(c) for c in wide.columns]
    note = (
        "Share of samples (%) that detect a Gaussian change of the whole last layer, by its size relative to the "
        "layer's spread: with the samples' own gaps, and with all gaps forced to the same value."
    )
    return Section("norms", "Why: what a larger feature norm changes", rows, f"{note}\n\n{markdown(wide.map(short))}")


def section_choices(dataset: str, rows: pd.DataFrame) -> Section:
    """When MANC helps."""
    some = rows[rows.n_s.isin((1, 2, 3, 5, 8))]
    wide = some.pivot_table(index=["change", "choice"], columns="n_s", values="missing", sort=False)
    wide.columns = _headers((1, 2, 3, 5, 8))
    luck = rows[rows.n_s == 3].set_index(["change", "choice"])["by luck"]
    wide = wide.join(luck.rename("by luck, N_S = 3")).reset_index()
    note = (
        "Missing rates in % by the way the samples are chosen from random halves of the bag. With rows shuffled, once "
        "for all halves, MANC still takes the same few samples again and again, but knows nothing of them. By luck: "
        "the share (%) of 99 shuffled maps that miss no more."
    )
    return Section("choices", "Why: when MANC helps", rows, f"{note}\n\n{markdown(wide.map(short))}")


def short(value: object) -> object:
    """A number to three digits, as text; anything else as it is."""
    if not isinstance(value, float | np.floating):
        return value
    if pd.isna(value) or np.isinf(value):
        return "–" if pd.isna(value) else "∞"
    return f"{value:.3g}" if abs(value) < 1000 else f"{value:.0f}"
