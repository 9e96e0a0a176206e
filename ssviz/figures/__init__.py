"""Figures: pure functions, a result object in, a plotly ``go.Figure`` out."""

from ssviz.figures.adversarial import beside, by_epsilon
from ssviz.figures.attacks import scenes, sweep, sweeps
from ssviz.figures.boundary import boundaries, boundaries_with_zoom
from ssviz.figures.certificate import heat_map
from ssviz.figures.certified import filling, filling_with_steps
from ssviz.figures.effectiveness import missing_rates, missing_rates_of_all, samples_needed, samples_needed_of_all
from ssviz.figures.gaps import both_sides, detections_and_alarms, detections_and_alarms_with_gaps
from ssviz.figures.generation import ascent, ascent_with_images
from ssviz.figures.generation_results import sensitivity_and_snr, sensitivity_and_snr_of_all
from ssviz.figures.implementation import attack_outcomes, attack_outcomes_of_all, layers
from ssviz.figures.manc import coverage, coverage_with_grid, neuron_grid
from ssviz.figures.outputs import shares, shares_with_table
from ssviz.figures.resistance import fine_tuning, fine_tuning_of_all
from ssviz.figures.sensitivity import anatomy, anatomy_with_gaps
from ssviz.figures.sheet import before_after, image_sheet
from ssviz.figures.shifts import tie_shifts
from ssviz.figures.single_changes import found_curve, single_weight
from ssviz.figures.triggers import fading, fading_with_picture

__all__ = [
    "anatomy",
    "anatomy_with_gaps",
    "ascent",
    "ascent_with_images",
    "attack_outcomes",
    "attack_outcomes_of_all",
    "before_after",
    "beside",
    "both_sides",
    "boundaries",
    "boundaries_with_zoom",
    "by_epsilon",
    "coverage",
    "coverage_with_grid",
    "detections_and_alarms",
    "detections_and_alarms_with_gaps",
    "fading",
    "fading_with_picture",
    "filling",
    "filling_with_steps",
    "fine_tuning",
    "fine_tuning_of_all",
    "found_curve",
    "heat_map",
    "image_sheet",
    "layers",
    "missing_rates",
    "missing_rates_of_all",
    "neuron_grid",
    "samples_needed",
    "samples_needed_of_all",
    "scenes",
    "sensitivity_and_snr",
    "sensitivity_and_snr_of_all",
    "shares",
    "shares_with_table",
    "single_weight",
    "sweep",
    "sweeps",
    "tie_shifts",
]
