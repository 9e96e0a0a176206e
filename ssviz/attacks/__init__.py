"""Attacks on a model's integrity: plain functions, a model in, ``Attacked`` out (Sections 2.2 and 4.1)."""

from ssviz.attacks.arbitrary import arbitrary_weights
from ssviz.attacks.compression import magnitude_pruning, precision_reduction, weight_sharing
from ssviz.attacks.distillation import distillation
from ssviz.attacks.fine_tuning import adversarial_fine_tuning
from ssviz.attacks.poisoning import error_generic_poisoning, error_specific_poisoning
from ssviz.attacks.result import Attacked, Goal
from ssviz.attacks.trigger import Trigger, apply_trigger
from ssviz.attacks.trojan import critical_neurons, trojan

__all__ = [
    "Attacked",
    "Goal",
    "Trigger",
    "adversarial_fine_tuning",
    "apply_trigger",
    "arbitrary_weights",
    "critical_neurons",
    "distillation",
    "error_generic_poisoning",
    "error_specific_poisoning",
    "magnitude_pruning",
    "precision_reduction",
    "trojan",
    "weight_sharing",
]
