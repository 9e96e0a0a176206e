"""Figures: pure functions, a result object in, a plotly ``go.Figure`` out."""

from ssviz.figures.effectiveness import missing_rates, missing_rates_of_all
from ssviz.figures.generation import ascent, ascent_with_images
from ssviz.figures.manc import coverage, coverage_with_grid, neuron_grid
from ssviz.figures.outputs import shares, shares_with_table
from ssviz.figures.recipes import ascents
from ssviz.figures.sensitivity import anatomy, anatomy_with_gaps
from ssviz.figures.sheet import before_after, image_sheet

__all__ = [
    "anatomy",
    "anatomy_with_gaps",
    "ascent",
    "ascent_with_images",
    "ascents",
    "before_after",
    "coverage",
    "coverage_with_grid",
    "image_sheet",
    "missing_rates",
    "missing_rates_of_all",
    "neuron_grid",
    "shares",
    "shares_with_table",
]
