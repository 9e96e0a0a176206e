"""Pools of straddling pairs, and what compromised models answer to them; made once and kept."""

import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields
from functools import cache, lru_cache
from typing import Any

import numpy as np

from ssviz.backend import keras
from ssviz.evaluation import told_apart
from ssviz.generation import generate, snr_db
from ssviz.models import probabilities
from ssviz.pairs import Failure, StraddlingPairs, TooFineError, select_pairs, straddle
from ssviz.reproduction.laboratory import BAG_CODE, Laboratory
from ssviz.reproduction.parts import code
from ssviz.reproduction.plan import Plan, plans

ORIGINALS, TIMED = 600, 100  # natural inputs for the pairs of a pool, and for the clock
HALVES, PICKS = 20, 2  # random halves of a pool, and pairs that are chosen from each
GAPS = (1e-3, 3e-4, 1e-4, 3e-5, 1e-5)
TIES = {"objective": "ties", "k": 5, "itr_max": 200, "batch_size": 100}
PLAIN, ON_GRID, AT_TIES = "pairs", "pairs on the 8-bit grid", "pairs at 5-way ties"
PAIR_CODE = ("pairs.py", "tie_walk.py", "pixel_grid.py", *BAG_CODE)


@dataclass(frozen=True)
class Recipe:
    """How the pairs of a pool are made. kind: PLAIN, ON_GRID or AT_TIES. gap: of the logits."""

    kind: str
    gap: float


RECIPES = (*(Recipe(PLAIN, gap) for gap in GAPS), Recipe(ON_GRID, GAPS[0]), Recipe(AT_TIES, GAPS[0]))


@dataclass(frozen=True, eq=False)
class Answers:
    """What compromised models do to n pairs. All (models, n).

    detected: bool, one of the two labels changes. moved: the change of the tie's gap z_a - z_b, the mean of both
    sides. width: half of how far the two sides are apart in that gap afterwards; the pair's own gap before. third:
    bool, another class than a and b leads on one side.
    """

    detected: np.ndarray
    moved: np.ndarray
    width: np.ndarray
    third: np.ndarray


@cache
def pool(lab: Laboratory, recipe: Recipe) -> StraddlingPairs | None:
    """The pairs of a recipe, SNR against the natural originals; None where the model's float32 has no such gap."""

    def make() -> Mapping[str, Any]:
        natural = lab.originals(ORIGINALS)
        start = natural
        if recipe.kind == AT_TIES:
            start = generate(lab.model, natural, progress=False, **TIES).samples
        try:
            pairs = straddle(lab.model, start, gap=recipe.gap, on_grid=_grid(recipe), progress=False)
        except TooFineError as error:
            return {"none": str(error)}
        if any(f.reason == "interrupted" for f in pairs.failed):
            raise KeyboardInterrupt
        kept = {f.name: getattr(pairs, f.name) for f in fields(pairs) if f.name not in ("failed", "settings")}
        snr = keras.ops.convert_to_numpy(snr_db(pairs.samples, natural[pairs.index].repeat(2, axis=0)))
        kept |= {"originals": natural[pairs.index], "snr": snr.reshape(-1, 2).astype(np.float64)}
        return {**kept, "failed": json.dumps(pairs.failed), "settings": json.dumps(dict(pairs.settings))}

    arrays = lab.parts.get("pairs", _how_pool(lab, recipe), make)
    if "none" in arrays:
        return None
    failed = tuple(Failure(i, tuple(classes), why) for i, classes, why in json.loads(str(arrays.pop("failed"))))
    rest = {"failed": failed, "settings": json.loads(str(arrays.pop("settings"))), "passes": int(arrays.pop("passes"))}
    return StraddlingPairs(**arrays, **rest)


def answers(lab: Laboratory, plan: Plan, seeds: Sequence[int]) -> dict[Recipe, Answers]:
    """What the compromised models of a plan answer to every pool that there is."""
    here = [recipe for recipe in RECIPES if pool(lab, recipe) is not None]
    each = [{recipe: _answers(lab, plan, seed, recipe) for recipe in here} for seed in seeds]
    return {recipe: Answers(**{f.name: np.stack([one[recipe][f.name] for one in each]) for f in fields(Answers)})
            for recipe in here}  # fmt: skip


def _answers(lab: Laboratory, plan: Plan, seed: int, recipe: Recipe) -> dict[str, np.ndarray]:
    def make() -> dict[str, np.ndarray]:
        pairs = pool(lab, recipe)
        one = compared(pairs, _reference(lab, recipe), probabilities(_suspect(lab, plan.name, seed), pairs))
        return vars(one)

    how = {**lab.how(plan, seed), "pool": _how_pool(lab, recipe), "asked": code("models.py")}
    return lab.parts.get("answers-to-pairs", how, make)


@lru_cache(maxsize=1)  # the same one for all pools
def _suspect(lab: Laboratory, attack: str, seed: int) -> keras.Model:
    return lab.attacked(plans(lab.dataset)[attack], seed)[0].model


def compared(pairs: StraddlingPairs, reference: np.ndarray, suspect: np.ndarray) -> Answers:
    """What a change of the model does to n pairs, from the probabilities (2n, r) before and after it."""
    before, after = (gaps_of(pairs, p) for p in (reference, suspect))
    top = suspect.argmax(axis=1).reshape(-1, 2, 1)
    third = (top != pairs.classes[:, None]).all(axis=2).any(axis=1)
    width = (after[:, 0] - after[:, 1]) / 2
    return Answers(pairs.detected(told_apart(reference, suspect)), (after - before).mean(axis=1), width, third)


def gaps_of(pairs: StraddlingPairs, p: np.ndarray) -> np.ndarray:
    """z_a - z_b = log(p_a / p_b) of both samples of n pairs, (n, 2), from probabilities (2n, r)."""
    tied = np.take_along_axis(p.astype(np.float64), pairs.classes.repeat(2, axis=0), axis=1)
    logs = np.log(np.maximum(tied, 1e-300))
    return (logs[:, 0] - logs[:, 1]).reshape(-1, 2)


def chosen(lab: Laboratory, recipe: Recipe) -> np.ndarray:
    """(HALVES, PICKS) indices of the pairs that select_pairs takes from random halves of the pool, in order."""

    def make() -> dict[str, np.ndarray]:
        pairs, rng, picks = pool(lab, recipe), np.random.default_rng(0), []
        for _ in range(HALVES):
            half = np.sort(rng.permutation(len(pairs))[: len(pairs) // 2])
            picks.append(half[select_pairs(lab.model, pairs[half], PICKS).indices])
        return {"picks": np.stack(picks)}

    how = {**_how_pool(lab, recipe), "halves": HALVES, "chosen by": code("manc.py", "models.py")}
    return lab.parts.get("chosen-pairs", how, make)["picks"]


def seconds(lab: Laboratory) -> tuple[float, float]:
    """Processor seconds, of all cores, for a straddling pair and for a sample of 100 iterations of Algorithm 1.

    On the same originals, one after the other in one run, after a first round that compiles: their ratio is what
    counts. Not the time that passes, in which other programs have their share.
    """
    x0 = lab.originals(TIMED)

    def pair() -> Any:
        return straddle(lab.model, x0, gap=GAPS[0], progress=False)

    def sample(itr_max: int = 100) -> Any:
        return generate(lab.model, x0, itr_max=itr_max, progress=False)

    def clock(work: Callable[[], Any]) -> float:
        start = time.process_time()
        work()
        return time.process_time() - start

    def make() -> dict[str, np.ndarray]:
        pair(), sample(itr_max=2)
        return {"seconds": np.array([clock(pair), clock(sample), clock(pair)]) / len(x0)}

    how = {**_how_pool(lab, RECIPES[0]), "timed": TIMED}
    first, middle, last = lab.parts.get("processor-seconds", how, make)["seconds"]
    return float(first + last) / 2, float(middle)


@cache
def _reference(lab: Laboratory, recipe: Recipe) -> np.ndarray:
    return probabilities(lab.model, pool(lab, recipe))


def _grid(recipe: Recipe) -> str | None:
    return "uint8" if recipe.kind == ON_GRID else None


def _how_pool(lab: Laboratory, recipe: Recipe) -> dict[str, Any]:
    how = {**lab.source, "kind": recipe.kind, "gap": recipe.gap, "originals": ORIGINALS, "code": code(*PAIR_CODE)}
    return how | ({"ties": TIES} if recipe.kind == AT_TIES else {})
