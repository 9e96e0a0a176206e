"""What is measured on each data set: the model, the attacks, the bags of Sensitive-Samples. Data, no logic."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from ssviz import attacks
from ssviz.attacks import Attacked

SEEDS = 5
BAG = 500  # Sensitive-Samples (Section 5.2); MANC chooses from random halves of them


@dataclass(frozen=True)
class Case:
    """One data set: its model in the zoo, and the class that poisoning turns, ``source``, into ``target``.

    hidden: whether the model has a hidden layer, which a trojan and distillation need. thorough: with the kinds of
    compression that the paper names but does not measure. last: the name of the model's last layer. options: by attack,
    where the defaults do not suit the data. undrawn: classes whose pictures are not shown in figures.
    """

    model: str
    source: int = 14  # Stop
    target: int = 7  # Speed limit (100km/h)
    hidden: bool = True
    thorough: bool = True
    last: str = "classes"
    options: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    undrawn: tuple[int, ...] = ()


GENERIC, SPECIFIC, TROJAN = "error-generic poisoning", "error-specific poisoning", "trojan"
EIGHT_BITS = "compression to 8 bits"
TUNED = "{} (fine-tuned)"

CASES = {
    "signs": Case("signs-cnn7"),
    "gtsrb": Case("gtsrb-cnn7"),
    "cifar10": Case(
        "cifar10-cnn7", source=1, target=9, thorough=False,
        options={
            GENERIC: {"poisoned": 500, "clean": 10_000, "epochs": 1, "lr": 2e-4},
            SPECIFIC: {"clean": 10_000, "epochs": 1, "lr": 2e-4},
            TROJAN: {"epochs": 2, "lr": 3e-4},
            EIGHT_BITS: {"lr": 1e-4},
            TUNED.format(GENERIC): {"epochs": 2, "lr": 1e-4},
            TUNED.format(SPECIFIC): {"epochs": 2, "lr": 1e-4},
        },
    ),
    "att_faces": Case(
        "att-mlp", source=2, target=3, hidden=False, undrawn=(0, 1),
        options={
            GENERIC: {"epochs": 30},
            SPECIFIC: {"epochs": 30},
            EIGHT_BITS: {"lr": 1e-4},
            "compression to 4 bits": {"lr": 1e-4},
            "pruning of 50%": {"lr": 1e-4},
            "weight sharing, 16 values": {"lr": 1e-4},
        },
    ),
    "lfw": Case(
        "lfw-vgg16", source=10, target=58, thorough=False, last="fc8",
        options={
            GENERIC: {"epochs": 6, "lr": 2e-4},
            SPECIFIC: {"epochs": 6, "lr": 2e-4},
            TROJAN: {
                "layer": "conv3_3", "epochs": 6, "lr": 3e-4, "trigger": attacks.Trigger.sticker((64, 64, 3), 12),
            },
            EIGHT_BITS: {"lr": 1e-4},
            TUNED.format(GENERIC): {"lr": 1e-4},
            TUNED.format(SPECIFIC): {"lr": 1e-4},
        },
    ),
}  # fmt: skip

BAGS = {
    "ours": {"count": BAG, "objective": "log", "itr_max": 100},
    "adversary's": {"count": 200, "skip": BAG, "objective": "log", "itr_max": 100},
    "the paper's recipe": {"count": 100, "objective": "paper", "itr_max": 1000},
    "3-way ties": {"count": 100, "objective": "ties", "k": 3, "itr_max": 200},
    "5-way ties": {"count": 100, "objective": "ties", "k": 5, "itr_max": 200},
    "10-way ties": {"count": 100, "objective": "ties", "k": 10, "itr_max": 200},
}
"""Arguments of ``generate``, all with lr = 1e-3; count originals after the first ``skip``."""


@dataclass(frozen=True)
class Plan:
    """An attack to be made once per seed. of: the attack whose result this one starts from, if any."""

    name: str
    attack: Callable[..., Attacked]
    options: Mapping[str, Any] = field(default_factory=dict)
    of: str | None = None


def plans(dataset: str) -> dict[str, Plan]:
    """The attacks of a data set, by name, in the order in which they are reported."""
    case, quiet = CASES[dataset], {"progress": False}
    last = {"layers": [case.last]}
    listed = [
        Plan(TROJAN, attacks.trojan, quiet),
        Plan(GENERIC, attacks.error_generic_poisoning, {"source": case.source, **quiet}),
        Plan(SPECIFIC, attacks.error_specific_poisoning, {"source": case.source, "target": case.target, **quiet}),
        Plan(EIGHT_BITS, attacks.precision_reduction, {"bits": 8, "epochs": 1, **quiet}),
        Plan("compression to 4 bits", attacks.precision_reduction, {"bits": 4, "epochs": 1, **quiet}),
        Plan("pruning of 50%", attacks.magnitude_pruning, {"share": 0.5, "epochs": 1, **quiet}),
        Plan("weight sharing, 16 values", attacks.weight_sharing, {"clusters": 16, "epochs": 1, **quiet}),
        Plan("distillation", attacks.distillation, quiet),
        Plan("arbitrary weights, one of the last layer", attacks.arbitrary_weights, {"count": 1, **last}),
        Plan("arbitrary weights, 1000 of all", attacks.arbitrary_weights, {"count": 1000}),
        Plan(TUNED.format(GENERIC), attacks.adversarial_fine_tuning, quiet, of=GENERIC),
        Plan(TUNED.format(SPECIFIC), attacks.adversarial_fine_tuning, quiet, of=SPECIFIC),
    ]
    left_out = set() if case.hidden else {TROJAN, "distillation"}
    left_out |= set() if case.thorough else {plan.name for plan in listed[4:8]}
    listed = [plan for plan in listed if plan.name not in left_out]
    return {
        plan.name: Plan(plan.name, plan.attack, {**plan.options, **case.options.get(plan.name, {})}, plan.of)
        for plan in listed
    }
