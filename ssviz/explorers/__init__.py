"""Explorers: sliders wired to figures. Display one in a notebook, or call ``update`` and read its figure."""

from ssviz.explorers.adversarial import AdversarialExplorer
from ssviz.explorers.attacks import AttackLab
from ssviz.explorers.boundary import BoundaryExplorer
from ssviz.explorers.certificate import CertificateExplorer
from ssviz.explorers.effectiveness import MissingRateExplorer
from ssviz.explorers.fine_tuning import FineTuningExplorer
from ssviz.explorers.generation import GenerationExplorer
from ssviz.explorers.generation_results import GenerationResultsExplorer
from ssviz.explorers.implementation import ModelExplorer
from ssviz.explorers.manc import MancExplorer
from ssviz.explorers.outputs import OutputExplorer
from ssviz.explorers.pairs import PairExplorer
from ssviz.explorers.sensitivity import SensitivityExplorer
from ssviz.explorers.trojans import TrojanExplorer

__all__ = [
    "AdversarialExplorer",
    "AttackLab",
    "BoundaryExplorer",
    "CertificateExplorer",
    "FineTuningExplorer",
    "GenerationExplorer",
    "GenerationResultsExplorer",
    "MancExplorer",
    "MissingRateExplorer",
    "ModelExplorer",
    "OutputExplorer",
    "PairExplorer",
    "SensitivityExplorer",
    "TrojanExplorer",
]
