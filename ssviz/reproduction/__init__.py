"""``ssviz reproduce``: every table and figure of the paper's Section 5, measured, beside the paper's numbers."""

import shutil
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import asdict, dataclass
from functools import cache
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import pandas as pd
from tqdm import tqdm

from ssviz.false_positives import false_positives
from ssviz.reproduction import sections, tables, why
from ssviz.reproduction.laboratory import Laboratory, Measured
from ssviz.reproduction.parts import Parts
from ssviz.reproduction.plan import BAGS, GENERIC, SEEDS, SPECIFIC, plans
from ssviz.reproduction.sections import Section

FINE_TUNED = "(fine-tuned)"
TABLES = ("table2", "table3", "table4", "table5", "table6")
FIGURES = ("figure3", "figure4", "figure5")
BEYOND = ("recipes", "false-positives", "ties", "norms", "choices")  # no number of the paper's, but its claims
TARGETS = (*TABLES, *FIGURES, *BEYOND)


@dataclass(frozen=True)
class _Target:
    """How a target is made: rows of a laboratory and of its measured models, and the section that shows them.

    uses: which attacks it is about, by name; None where it needs no compromised model.
    """

    rows: Callable[[Laboratory, Sequence[Measured]], pd.DataFrame]
    section: Callable[[str, pd.DataFrame], Section]
    uses: Callable[[str], bool] | None = None


def _all(attack: str) -> bool:
    return True


def _plain(attack: str) -> bool:
    return FINE_TUNED not in attack


def _tuned(attack: str) -> bool:
    return attack in (GENERIC, SPECIFIC) or FINE_TUNED in attack


_MADE = {
    "table2": _Target(tables.table_2, sections.section_2, _all),
    "table3": _Target(lambda lab, m: tables.missing_rates(m, lab.outputs), sections.section_3, _plain),
    "table4": _Target(tables.table_4, sections.section_4, _plain),
    "table5": _Target(tables.table_5, sections.section_5, _plain),
    "table6": _Target(lambda lab, m: tables.missing_rates(m, lab.outputs), sections.section_6, _tuned),
    "figure3": _Target(lambda lab, m: tables.figure_3(lab), sections.section_figure_3),
    "figure4": _Target(lambda lab, m: tables.figure_4(lab), sections.section_figure_4),
    "figure5": _Target(lambda lab, m: tables.missing_rates(m, lab.outputs), sections.section_figure_5, _plain),
    "recipes": _Target(lambda lab, m: tables.recipes(lab, _answers(lab, m)), sections.section_recipes, _plain),
    "false-positives": _Target(lambda lab, m: _false_positives(lab), sections.section_false_positives),
    "ties": _Target(why.coin, sections.section_ties, _plain),
    "norms": _Target(lambda lab, m: _norms(lab), sections.section_norms),
    "choices": _Target(why.choices, sections.section_choices, _plain),
}


def reproduce(
    dataset: str,
    targets: Sequence[str] = TARGETS,
    *,
    workers: int = 1,
    seeds: int = SEEDS,
    folder: Path | None = None,
    fresh: bool = False,
) -> tuple[Laboratory, list[Section]]:
    """Measure what ``targets`` name on a data set; return the laboratory and a section per target.

    dataset: one of plan.CASES. targets: of TARGETS. workers: processes that make compromised models side by side.
    seeds: compromised models per attack. folder: where finished parts are kept (the cache), so that an interrupted
    run goes on; fresh: delete those of this data set first. Raises ValueError for an unknown data set or target,
    FileNotFoundError for data that was not fetched.

    Paper: Section 5.
    """
    unknown = [t for t in targets if t not in TARGETS]
    if unknown or not targets:
        raise ValueError(f"targets must be among {', '.join(TARGETS)}; received {list(targets)}.")
    if workers < 1 or seeds < 1:
        raise ValueError(f"workers and seeds must be at least 1; received {workers} and {seeds}.")
    lab = Laboratory.open(dataset, folder)
    if fresh:
        shutil.rmtree(lab.parts.folder, ignore_errors=True)
    needed = [plan.name for plan in plans(dataset).values()
              if any(_MADE[t].uses and _MADE[t].uses(plan.name) for t in targets)]  # fmt: skip
    results = measure(lab, needed, seeds=seeds, workers=workers)
    made = []
    for target in tqdm(targets, desc="tables", leave=False):
        its = _MADE[target]
        mine = [m for m in results if its.uses and its.uses(m.attack)]
        made.append(its.section(dataset, its.rows(lab, mine)))
    return lab, made


def measure(lab: Laboratory, attacks: Sequence[str], *, seeds: int = SEEDS, workers: int = 1) -> list[Measured]:
    """The compromised models of these attacks, measured, ``seeds`` of each; what is done is not done again."""
    if not attacks:
        return []
    lab.bag()  # before the workers, who all need it
    units = [(plans(lab.dataset)[name], seed) for name in attacks for seed in range(seeds)]
    if any(plan.of for plan, _ in units):
        lab.bag("adversary's")
    with tqdm(total=len(units), desc=f"compromised models of {lab.dataset}", leave=False) as bar:
        if workers == 1:
            for plan, seed in units:
                bar.set_postfix_str(f"{plan.name}, seed {seed}")
                lab.measured(plan, seed)
                bar.update()
        else:
            with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
                for follows in (False, True):  # those that start from another attack's result come after it
                    wave = [(plan.name, seed) for plan, seed in units if (plan.of is not None) == follows]
                    for done in as_completed([pool.submit(_unit, lab.dataset, lab.parts, *unit) for unit in wave]):
                        done.result()
                        bar.update()
    return [lab.measured(plan, seed) for plan, seed in units]


@cache
def _laboratory(dataset: str, parts: Parts) -> Laboratory:
    return Laboratory(dataset, parts)


def _unit(dataset: str, parts: Parts, attack: str, seed: int) -> None:
    """A worker's task; its laboratory stays open for the next."""
    _laboratory(dataset, parts).measured(plans(dataset)[attack], seed)


def _answers(lab: Laboratory, results: Sequence[Measured]) -> dict:
    """recipe -> attack -> (models, n) bool: top-1 detections by the samples of every recipe of BAGS."""
    found = {"ours": {}}
    for m in results:
        found["ours"].setdefault(m.attack, []).append(m.bag[0])
    for recipe in BAGS:
        if recipe in ("ours", "adversary's") or BAGS[recipe].get("k", 0) > len(lab.data.class_names):
            continue
        found[recipe] = {}
        for m in results:
            detected = lab.answers(plans(lab.dataset)[m.attack], m.seed, recipe)
            found[recipe].setdefault(m.attack, []).append(detected[0])
    return {recipe: {attack: np.stack(rows) for attack, rows in by.items()} for recipe, by in found.items()}


def _norms(lab: Laboratory) -> pd.DataFrame:
    return lab.kept("norms", ("reproduction/why.py", "generation.py", "sensitivity.py"), lambda: why.norms(lab))


def _false_positives(lab: Laboratory) -> pd.DataFrame:
    def make() -> pd.DataFrame:
        samples = {"natural images": lab.data.inputs("test")[0], "Sensitive-Samples": lab.bag()[0].samples}
        return pd.DataFrame(map(asdict, false_positives(lab.model, samples, outputs=lab.outputs)))

    return lab.kept("false-positives", ("false_positives.py", "serving.py", "generation.py", "sensitivity.py"), make)
