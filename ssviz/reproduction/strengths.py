"""The strengths of every attack of a data set that the attack lab steps through."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ssviz.attacks import Attacked, Trigger
from ssviz.reproduction.laboratory import Laboratory
from ssviz.reproduction.plan import EIGHT_BITS, GENERIC, SPECIFIC, TROJAN, Plan, plans


@dataclass(frozen=True)
class Strengths:
    """An attack at several strengths: what is turned up, a plan for each, weakest first, and how a result is labelled.

    Paper: Section 2.2. Notebook: 02.
    """

    attack: str
    knob: str
    plans: tuple[Plan, ...]
    label: Callable[[Attacked], str]


@dataclass(frozen=True)
class _Knob:
    """plan: where the options come from. quick, full: values of ``option``, poison as a share of the plan's; None is
    the plan as it is, which other notebooks use too. name: of a plan with a value, where it is part of the name."""

    attack: str
    plan: str
    option: str
    knob: str
    quick: Sequence[Any]
    full: Sequence[Any]
    label: Callable[[Attacked], str]
    name: str = ""


def _poison_share(attacked: Attacked) -> str:
    poisoned, clean = (int(attacked.changed[name]) for name in ("poisoned", "clean"))
    return f"{100 * poisoned / (poisoned + clean):.2g}%"


def _side(attacked: Attacked) -> str:
    side = round(float(np.sqrt((attacked.goal.trigger.mask > 0).any(axis=-1).sum())))
    return f"{side} × {side}"


_POISON = {"option": "poisoned", "knob": "share of poison in the training set", "label": _poison_share}
_KNOBS = (
    _Knob("trojan", TROJAN, "trigger", "size of the trigger, pixels", (2, None), (1, 2, 3, 4, None, 8), _side),
    _Knob(GENERIC, GENERIC, quick=(1 / 30, 0.1, None), full=(0.01, 1 / 30, 0.1, 0.3, None), **_POISON),
    _Knob(SPECIFIC, SPECIFIC, quick=(1 / 30, None), full=(0.01, 1 / 30, 0.1, 0.3, None), **_POISON),
    _Knob(
        "compression", EIGHT_BITS, "bits", "bits for a weight", (8, 6, 4, 2), (8, 7, 6, 5, 4, 3, 2),
        lambda a: str(a.changed["bits"]), "compression to {} bits",
    ),
    _Knob(
        "pruning", "pruning of 50%", "share", "share of weights set to zero", (0.5, 0.9),
        (0.3, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95), lambda a: f"{100 * float(a.changed['share']):g}%", "pruning of {:.0%}",
    ),
    _Knob(
        "arbitrary weights", "arbitrary weights, 1000 of all", "count", "number of weights changed",
        (1, 10, 100, 1000, 10_000), (1, 3, 10, 30, 100, 300, 1000, 3000, 10_000, 30_000),
        lambda a: f"{int(a.changed['weights']):,}", "arbitrary weights, {} of all",
    ),
)  # fmt: skip


def strengths(lab: Laboratory, profile: str = "quick") -> dict[str, Strengths]:
    """The attacks on a laboratory's data set at several strengths, by name, in the paper's order.

    profile: "quick", a few strengths that are soon made, or "full". Raises ValueError for another profile.
    A strength that is one of ``plans(dataset)`` has just its options, so that its compromised model is made once for
    all notebooks. Nothing is made here: ``lab.attacked(plan, seed)`` does that, and keeps it.

    Paper: Section 2.2. Notebook: 02.
    """
    if profile not in ("quick", "full"):
        raise ValueError(f'profile must be "quick" or "full"; received {profile!r}.')
    known, found = plans(lab.dataset), {}
    for knob in _KNOBS:
        if knob.plan in known:
            made = [_plan(lab, known[knob.plan], knob, value) for value in getattr(knob, profile)]
            different = {repr(sorted(plan.options.items())): plan for plan in made}
            found[knob.attack] = Strengths(knob.attack, knob.knob, tuple(different.values()), knob.label)
    return found


def _plan(lab: Laboratory, base: Plan, knob: _Knob, value: Any) -> Plan:
    if value is None:
        return base
    if knob.option == "poisoned":
        images = int((lab.data.y_train == base.options["source"]).sum())
        value = max(1, round(value * min(images, base.options.get("poisoned", images))))
    if knob.option == "trigger":
        shape = lab.data.x_train.shape[1:]
        value = Trigger.sticker(shape, value * shape[0] // 32, grey=sum(lab.data.bounds) / 2)
    return replace(base, name=knob.name.format(value) or base.name, options={**base.options, knob.option: value})
