"""Attacks on a model's integrity: plain functions, a model in, ``Attacked`` out (Sections 2.2 and 4.1)."""

from ssviz.attacks.arbitrary import arbitrary_weights
from ssviz.attacks.compression import precision_reduction
from ssviz.attacks.poisoning import error_generic_poisoning, error_specific_poisoning
from ssviz.attacks.result import Attacked

__all__ = [
    "Attacked",
    "arbitrary_weights",
    "error_generic_poisoning",
    "error_specific_poisoning",
    "precision_reduction",
]
