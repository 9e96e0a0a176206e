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
from ssviz.reproduction import beyond, beyond_shown, certificates, certificates_shown, sections, tables, tolerance, why
from ssviz.reproduction.laboratory import BAG_CODE, Laboratory, Measured
from ssviz.reproduction.parts import Parts
from ssviz.reproduction.plan import BAGS, GENERIC, SEEDS, SPECIFIC, Plan, plans
from ssviz.reproduction.sections import Section


@dataclass(frozen=True)
class _Target:
    """How a target is made: rows of a laboratory and of its measured models, and the section that shows them.

    uses: which attacks it is about; none where it needs no compromised model.
    """

    rows: Callable[[Laboratory, Sequence[Measured]], pd.DataFrame]
    section: Callable[[str, pd.DataFrame], Section]
    uses: Callable[[Plan], bool] = lambda plan: False


def _all(plan: Plan) -> bool:
    return True


def _plain(plan: Plan) -> bool:
    return plan.of is None


def _tuned(plan: Plan) -> bool:
    return plan.of is not None or plan.name in (GENERIC, SPECIFIC)


def _rates(lab: Laboratory, results: Sequence[Measured]) -> pd.DataFrame:
    return tables.missing_rates(results, lab.outputs)


_MADE = {
    "table2": _Target(tables.table_2, sections.section_2, _all),
    "table3": _Target(_rates, sections.section_3, _plain),
    "table4": _Target(tables.table_4, sections.section_4, _plain),
    "table5": _Target(tables.table_5, sections.section_5, _plain),
    "table6": _Target(_rates, sections.section_6, _tuned),
    "figure3": _Target(lambda lab, m: tables.figure_3(lab), sections.section_figure_3),
    "figure4": _Target(lambda lab, m: tables.figure_4(lab), sections.section_figure_4),
    "figure5": _Target(_rates, sections.section_figure_5, _plain),
    "recipes": _Target(lambda lab, m: tables.recipes(lab, _answers(lab, m)), sections.section_recipes, _plain),
    "false-positives": _Target(lambda lab, m: _false_positives(lab), sections.section_false_positives),
    "ties": _Target(why.coin, sections.section_ties, _plain),
    "norms": _Target(lambda lab, m: _norms(lab), sections.section_norms),
    "choices": _Target(why.choices, sections.section_choices, _plain),
    "certificate": _Target(certificates.certified, certificates_shown.section_certificate),
    "certificate-check": _Target(certificates.brute_force, certificates_shown.section_check),
    "single-weight": _Target(certificates.single_weight, certificates_shown.section_single_weight),
    "beyond": _Target(beyond.beyond, beyond_shown.section_beyond, beyond.uses),
    "tolerance": _Target(tolerance.rows, tolerance.section_tolerance, tolerance.uses),
}
TARGETS = tuple(_MADE)


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
    uses = {target: [p.name for p in plans(dataset).values() if _MADE[target].uses(p)] for target in targets}
    needed = [name for name in plans(dataset) if any(name in names for names in uses.values())]
    results = measure(lab, needed, seeds=seeds, workers=workers)
    made = []
    for target in tqdm(targets, desc="tables", leave=False):
        rows = _MADE[target].rows(lab, [m for m in results if m.attack in uses[target]])
        made.append(_MADE[target].section(dataset, rows))
    return lab, made


def measure(lab: Laboratory, attacks: Sequence[str], *, seeds: int = SEEDS, workers: int = 1) -> list[Measured]:
    """The compromised models of these attacks, measured, ``seeds`` of each; what is done is not done again."""
    if not attacks:
        return []
    lab.bag()  # before the workers, who all need it
    units = [(plans(lab.dataset)[name], seed) for name in attacks for seed in range(seeds)]
    if any(plan.of for plan, _ in units):
        lab.bag("adversary's")
    if workers > 1:
        _side_by_side(lab, units, workers)
    results = []
    with tqdm(units, desc=f"compromised models of {lab.dataset}", leave=False) as bar:
        for plan, seed in bar:
            bar.set_postfix_str(f"{plan.name}, seed {seed}")
            results.append(lab.measured(plan, seed))
    return results


def _side_by_side(lab: Laboratory, units: Sequence[tuple[Plan, int]], workers: int) -> None:
    """Make the parts of these units in several processes; what starts from another attack's result comes after it."""
    with (
        ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool,
        tqdm(total=len(units), leave=False) as bar,
    ):
        for follows in (False, True):
            wave = [(plan.name, seed) for plan, seed in units if (plan.of is not None) == follows]
            for done in as_completed([pool.submit(_unit, lab.dataset, lab.parts, *unit) for unit in wave]):
                done.result()
                bar.update()


@cache
def _laboratory(dataset: str, parts: Parts) -> Laboratory:
    return Laboratory(dataset, parts)


def _unit(dataset: str, parts: Parts, attack: str, seed: int) -> None:
    """A worker's task; its laboratory stays open for the next."""
    _laboratory(dataset, parts).measured(plans(dataset)[attack], seed)


def _answers(lab: Laboratory, results: Sequence[Measured]) -> dict:
    """recipe -> attack -> (models, n) bool: top-1 detections by the samples of every recipe of BAGS."""
    found: dict[str, dict[str, list]] = {}
    for recipe, its in BAGS.items():
        if recipe == "adversary's" or its.get("k", 0) > len(lab.data.class_names):
            continue
        by_attack = found.setdefault(recipe, {})
        for m in results:
            plan = plans(lab.dataset)[m.attack]
            by_attack.setdefault(m.attack, []).append(
                m.bag[0] if recipe == "ours" else lab.answers(plan, m.seed, recipe)[0]
            )
    return {recipe: {attack: np.stack(rows) for attack, rows in by.items()} for recipe, by in found.items()}


def _norms(lab: Laboratory) -> pd.DataFrame:
    return lab.kept("norms", ("reproduction/why.py", *BAG_CODE), lambda: why.norms(lab))


def _false_positives(lab: Laboratory) -> pd.DataFrame:
    def make() -> pd.DataFrame:
        samples = {"natural images": lab.data.inputs("test")[0], "Sensitive-Samples": lab.bag()[0].samples}
        return pd.DataFrame(map(asdict, false_positives(lab.model, samples, outputs=lab.outputs)))

    return lab.kept("false-positives", ("false_positives.py", "serving.py", *BAG_CODE), make)
