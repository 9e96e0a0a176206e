"""One attack at several strengths: what it does to the model, and which inputs show it (Sections 2.2 and 5.2)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ssviz.attacks import Attacked, apply_trigger
from ssviz.datasets import Dataset
from ssviz.evaluation import detection_matrix, missing_rate
from ssviz.models import probabilities
from ssviz.outputs import Output

PER_SCENE = 6


@dataclass(frozen=True, eq=False)
class Scene:
    """A few test images that an attack is about: what they show, and what two models take them for.

    images: (m, ...) float32 inputs, a trojan's with its trigger. truth, before, after: (m,) int, the class shown, and
    the answers of the intact and of the compromised model.

    Paper: Figure 1. Notebook: 01, 02.
    """

    images: np.ndarray
    truth: np.ndarray
    before: np.ndarray
    after: np.ndarray


@dataclass(frozen=True, eq=False)
class AttackSweep:
    """What an attack of k strengths does, and which inputs show it.

    attack, knob: its name and what its strength is. labels: the k strengths, weakest first. accuracy_before: of the
    intact model; accuracy, success: (k,) in [0, 1], success NaN where the attack turns no images on purpose.
    share: kind of input -> (k,) share of such inputs that detect. missing: kind -> (k, n_s_max), the missing rate of
    1 ... n_s_max queries of that kind chosen at random. scenes: one for each strength.

    Paper: Sections 2.2 and 5.2. Notebook: 02.
    """

    attack: str
    knob: str
    labels: tuple[str, ...]
    accuracy_before: float
    accuracy: np.ndarray
    success: np.ndarray
    share: Mapping[str, np.ndarray]
    missing: Mapping[str, np.ndarray]
    scenes: tuple[Scene, ...]

    def __len__(self) -> int:
        return len(self.labels)


def attack_sweep(
    reference: Any,
    data: Dataset,
    compromised: Mapping[str, Attacked],
    inputs: Mapping[str, Any],
    *,
    attack: str,
    knob: str = "strength",
    output: str | Output = "top-1",
    n_s_max: int = 10,
    hidden: Sequence[int] = (),
) -> AttackSweep:
    """Measure the results of one attack, label of its strength -> result, weakest first.

    reference: the intact Keras classifier. inputs: kind -> (n, ...) inputs, or an object with ``.samples``. Straddling
    pairs (an object with ``.detected``) count as pairs: one detects if one of its two inputs does, and costs two
    queries, so that an odd query more changes nothing. output: what the API shows. hidden: classes that no scene shows.
    Raises ValueError where there is no result or no input, or a kind has fewer inputs than n_s_max queries.

    Paper: Section 5.2. Notebook: 02.
    """
    if not compromised or not inputs:
        raise ValueError(f"compromised and inputs must not be empty; received {len(compromised)} and {len(inputs)}.")
    results = list(compromised.values())
    share, missing = {}, {}
    for kind, x in inputs.items():
        detected, cost = detection_matrix(reference, results, x, output), 1
        if hasattr(x, "detected"):
            detected, cost = x.detected(detected), 2
        units = np.arange(1, n_s_max + 1) // cost
        if units[-1] > detected.shape[1]:
            raise ValueError(f"n_s_max must be at most what {kind!r} holds, {cost * detected.shape[1]}; "
                             f"received {n_s_max}.")  # fmt: skip
        share[kind], missing[kind] = detected.mean(axis=1), missing_rate(detected, units)
    first = results[0]
    return AttackSweep(
        attack, knob, tuple(compromised), _number(first.accuracy_before),
        np.array([_number(a.accuracy_after) for a in results]), np.array([_number(a.success) for a in results]),
        share, missing, tuple(scene(reference, a, data, hidden=hidden) for a in results),
    )  # fmt: skip


def scene(
    reference: Any, attacked: Attacked, data: Dataset, *, count: int = PER_SCENE, triggered: bool = True,
    hidden: Sequence[int] = (),
) -> Scene:  # fmt: skip
    """The first ``count`` test images that an attack is about, and both models' answers.

    A poisoning is about images of its source class, a trojan about images of other classes than its target, one of
    each; any other attack is about one image of each class. triggered: put the trigger on, where there is one.
    hidden: classes that are not to be shown.

    Paper: Figure 1. Notebook: 01, 02.
    """
    goal, truth = attacked.goal, data.y_test
    if goal is not None and goal.source is not None:
        rows = np.flatnonzero(truth == goal.source)
    else:
        shown, rows = np.unique(truth, return_index=True)
        left_out = [*hidden, *([] if goal is None else [goal.target])]
        rows = rows[~np.isin(shown, left_out)]
        rows = rows[np.linspace(0, len(rows) - 1, min(count, len(rows))).astype(int)]
    rows = rows[:count]
    images = data.scaled(data.x_test[rows])
    if triggered and goal is not None and goal.trigger is not None:
        images = apply_trigger(images, goal.trigger)
    before, after = (probabilities(m, images).argmax(axis=1) for m in (reference, attacked.model))
    return Scene(images, truth[rows], before, after)


def _number(value: float | None) -> float:
    return np.nan if value is None else float(value)
