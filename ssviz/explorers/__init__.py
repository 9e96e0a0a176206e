"""Explorers: sliders wired to figures. Display one in a notebook, or call ``update`` and read its figure."""

from ssviz.explorers.effectiveness import MissingRateExplorer
from ssviz.explorers.generation import GenerationExplorer
from ssviz.explorers.manc import MancExplorer
from ssviz.explorers.outputs import OutputExplorer
from ssviz.explorers.sensitivity import SensitivityExplorer

__all__ = ["GenerationExplorer", "MancExplorer", "MissingRateExplorer", "OutputExplorer", "SensitivityExplorer"]
