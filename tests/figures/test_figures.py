"""Figures draw what is in the result, nothing else."""

import base64
import io

import numpy as np
import pytest
from PIL import Image

from ssviz import figures
from ssviz.ascents import Ascent
from ssviz.figures.generation import last_iteration
from ssviz.figures.manc import neuron_states
from ssviz.figures.style import amplified, as_uint8, data_url, png
from ssviz.manc import manc, random_coverage
from ssviz.samples import SensitiveSamples


@pytest.fixture
def samples():
    trajectory = np.full((4, 1, 2, 2, 3), 0.5, np.float32)
    trajectory += 0.1 * np.arange(4, dtype=np.float32)[:, None, None, None, None]
    settings = {"bounds": (0.0, 1.0), "epsilon": None, "constraint": "stop"}
    return SensitiveSamples(
        trajectory[-1], trajectory[0], np.array([[1e-9], [1e-3], [2.0], [9.0]]),
        np.array([[np.inf], [14.0], [8.0], [4.4]]), np.array([[0.0], [0.35], [0.69], [1.04]]),
        np.array([3]), np.array(["itr_max"]), trajectory, settings,
    )  # fmt: skip


def test_images_keep_their_grey_levels():
    levels = np.arange(256, dtype=np.uint8).reshape(16, 16, 1)
    rgb = as_uint8(levels.astype(np.float32) / 255)
    assert rgb.shape == (16, 16, 3)
    assert (rgb == levels).all()
    assert (as_uint8(np.array([[[-1.0], [1.0]]]), (-1, 1))[0, :, 0] == [0, 255]).all()


def test_no_difference_is_mid_grey_and_a_large_one_saturates():
    v0 = np.full((2, 2, 3), 0.3, np.float32)
    assert (np.abs(amplified(v0, v0, 50).astype(int) - 128) <= 1).all()
    assert (amplified(v0 + 0.1, v0, 50) == 255).all()


def test_png_is_enlarged_with_sharp_edges():
    pixels = np.array([[[0, 0, 0], [255, 0, 0]]], np.uint8)
    enlarged = np.asarray(Image.open(io.BytesIO(png(pixels, 10))))
    assert enlarged.shape == (5, 10, 3)
    assert (enlarged[:, :5] == 0).all()
    assert (enlarged[:, 5:] == [255, 0, 0]).all()
    embedded = base64.b64decode(data_url(pixels).removeprefix("data:image/png;base64,"))
    assert (np.asarray(Image.open(io.BytesIO(embedded))) == pixels).all()


@pytest.mark.parametrize(("epsilon", "expected"), [(0.1, 0), (0.35, 1), (0.5, 1), (1.0, 2), (5.0, 3), (np.inf, 3)])
def test_epsilon_picks_the_last_iteration_inside(samples, epsilon, expected):
    assert last_iteration(samples, epsilon) == expected


def test_ascent_draws_the_records(samples):
    figure = figures.ascent(samples, 2)
    np.testing.assert_allclose(figure.data[0].y, samples.sensitivity[:, 0], rtol=1e-6)
    np.testing.assert_allclose(figure.data[1].y, samples.snr[1:, 0], rtol=1e-6)
    assert figure.data[2].x == (2,)
    assert figure.layout.yaxis.type == "log"


def test_ascent_with_images_has_a_frame_for_every_epsilon(samples):
    figure = figures.ascent_with_images(samples, (0.5, np.inf), amplification=1)
    assert [frame.name for frame in figure.frames] == ["0.5", "no limit"]
    pictures = {frame.data[-1].source for frame in figure.frames}
    assert len(pictures) == 2


def test_before_after_has_three_rows(samples):
    figure = figures.before_after(samples, count=1)
    assert len(figure.data) == 3
    assert "4 dB" in [note.text for note in figure.layout.annotations]


def test_neurons_are_uncovered_covered_or_new():
    active = np.array([[1, 1, 0, 0], [0, 1, 1, 0]], bool)
    selection = manc(active, 2)
    assert neuron_states(selection, 1).tolist() == [2, 2, 0, 0]
    assert neuron_states(selection, 2).tolist() == [1, 1, 2, 0]
    grid = figures.neuron_grid(selection, 2, cell=4)
    assert grid.shape == (8, 8, 4)
    assert len({tuple(grid[y, x]) for y in (2, 6) for x in (2, 6)}) == 3


def test_coverage_draws_manc_and_chance():
    active = np.random.default_rng(0).random((20, 50)) < 0.3
    selection, chance = manc(active, 4), random_coverage(active, 4, trials=100)
    figure = figures.coverage(selection, chance, 3)
    by_name = {trace.name: trace for trace in figure.data if trace.name}
    np.testing.assert_allclose(by_name["MANC"].y, selection.coverage)
    np.testing.assert_allclose(by_name["random, mean"].y, chance.mean)
    assert len(figures.coverage_with_grid(selection, chance).frames) == 4


def test_ascents_of_recipes_have_a_line_and_a_band_each():
    quartiles = np.array([0.5, 1.0, 2.0])[:, None] * 1.1 ** np.arange(21)
    both = [Ascent("ours", quartiles, quartiles), Ascent("the paper's recipe", quartiles, quartiles)]
    figure = figures.sensitivity_and_snr(both, iteration=10)
    lines = [trace for trace in figure.data if trace.line.width]
    assert [line.name for line in lines if line.showlegend] == ["ours", "the paper's recipe"]
    assert len(lines) == 4
    assert len({line.line.dash for line in lines}) == 2
    assert len([trace for trace in figure.data if trace.fill == "toself"]) == 4
    for line in lines:
        np.testing.assert_allclose(line.y, quartiles[1, line.x], rtol=1e-6)
    rings = [trace for trace in figure.data if trace.mode == "markers"]
    assert [tuple(ring.x) for ring in rings] == [(10, 10)] * 2
    np.testing.assert_allclose([ring.y for ring in rings], quartiles[1, 10])
    assert figure.layout.yaxis.type == "log"
    assert figure.layout.yaxis2.type != "log"


def test_a_sample_that_stays_is_drawn_at_the_top_and_said_to_be_infinite():
    still = Ascent("the paper's recipe", np.full((3, 5), 1e-30), np.full((3, 5), np.inf))
    figure = figures.sensitivity_and_snr([still], iteration=100)
    curve = next(trace for trace in figure.data if trace.yaxis == "y2" and trace.mode == "lines+markers")
    assert np.isfinite(curve.y).all()
    assert set(curve.customdata) == {"inf"}
    assert figure.data[-1].x == (4,)  # the ring stays where the ascent ended
