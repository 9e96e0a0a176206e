import io

import numpy as np
import pytest
from PIL import Image

from ssviz.datasets import Dataset
from ssviz.pixel_grid import PICKS, from_grid, move_on_grid, to_grid
from ssviz.tie_walk import REACH, move_in_box

pytestmark = pytest.mark.core

BOUNDS = [(0.0, 1.0), (-1.0, 1.0), (0.0, 255.0), (-0.5, 0.5)]


def problem(seed, n=4, size=300, m=1):
    rng = np.random.default_rng(seed)
    return rng.random((n, size), dtype=np.float32), rng.normal(size=(n, m, size)).astype(np.float32)


# --- the grid


@pytest.mark.parametrize("bounds", BOUNDS)
def test_the_grid_is_the_data_sets_bit_for_bit(bounds):
    levels = np.arange(256, dtype=np.uint8).reshape(1, 16, 16, 1)
    empty = np.zeros((0, 16, 16, 1), np.uint8), np.zeros(0, np.int64)
    scaled = Dataset("levels", *empty, *empty, class_names=("a",), bounds=bounds).scaled(levels)
    ours = from_grid(levels, bounds)
    assert ours.dtype == np.float32
    assert ours.tobytes() == scaled.tobytes()
    np.testing.assert_array_equal(to_grid(ours, bounds), levels)


@pytest.mark.parametrize("bounds", BOUNDS)
def test_to_grid_takes_the_nearest_level_and_stays_inside(bounds):
    low, high = bounds
    x = np.float32(low + (high - low) * np.random.default_rng(0).random((5, 7)))
    assert np.abs(from_grid(to_grid(x, bounds), bounds) - x).max() <= 0.5001 * (high - low) / 255
    np.testing.assert_array_equal(to_grid(np.float32([low, high]), bounds), [0, 255])


def test_a_png_file_keeps_the_grid():
    x = from_grid(np.random.default_rng(0).integers(0, 256, (9, 8, 3)).astype(np.uint8))
    file = io.BytesIO()
    Image.fromarray(to_grid(x)).save(file, "PNG")
    np.testing.assert_array_equal(from_grid(np.asarray(Image.open(file))), x)


# --- steps in the box


@pytest.mark.parametrize("m", [1, 2])
def test_a_free_step_is_the_least_that_rises_as_asked(m):
    x, slopes = problem(0, m=m)
    rises = np.random.default_rng(1).normal(size=(4, m))
    d = move_in_box(x, slopes, rises, (-9, 9)) - x
    for i in range(4):
        np.testing.assert_allclose(d[i], np.linalg.pinv(slopes[i]) @ rises[i], atol=1e-5)


@pytest.mark.parametrize("seed", range(5))
def test_what_the_box_cuts_off_is_made_up_for(seed):
    x, slopes = problem(seed)
    x = np.round(x)  # all entries at a face
    rises = np.array([[2.0], [-2], [0.5], [-0.5]])
    new = move_in_box(x, slopes, rises, (0, 1))
    assert new.min() >= 0
    assert new.max() <= 1
    np.testing.assert_allclose(np.einsum("nmp,np->nm", slopes, new - x), rises, rtol=0.02)


def test_a_long_step_is_shortened_and_a_flat_place_kept():
    x, slopes = problem(0)
    new = move_in_box(x, 1e-3 * slopes, np.full((4, 1), 1e3), (-9, 9))
    np.testing.assert_allclose(np.sqrt(np.mean((new - x) ** 2, axis=1)), REACH * 18, rtol=1e-3)
    np.testing.assert_array_equal(move_in_box(x, 0 * slopes, np.ones((4, 1)), (0, 1)), x)


def test_parallel_slopes_do_no_harm():
    x, slopes = problem(0)
    new = move_in_box(x, slopes.repeat(2, axis=1), np.full((4, 2), 0.5), (0, 1))
    np.testing.assert_allclose(np.einsum("np,np->n", slopes[:, 0], new - x), 0.5, rtol=0.01)


# --- steps on the grid


@pytest.mark.parametrize("bounds", BOUNDS)
@pytest.mark.parametrize("seed", range(3))
def test_a_step_on_the_grid_rises_as_asked_by_single_levels(bounds, seed):
    low, high = bounds
    x, slopes = problem(seed)
    x = low + (high - low) * x
    slopes /= high - low
    rises = np.array([[0.05], [-0.05], [1e-3], [0.0]])
    new = move_on_grid(x, slopes, rises, bounds)
    levels, nearest = to_grid(new, bounds).astype(int), to_grid(x, bounds).astype(int)
    assert new.tobytes() == from_grid(levels.astype(np.uint8), bounds).tobytes()
    assert np.abs(levels - nearest).max() <= 1
    assert (levels != nearest).sum(1).max() <= PICKS
    rose = np.einsum("np,np->n", slopes[:, 0], (new - x).astype(np.float64))
    np.testing.assert_allclose(rose, rises[:, 0], atol=1e-4)


def test_a_step_on_the_grid_stays_between_black_and_white():
    x, slopes = np.tile(np.float32([0, 1]), (4, 50)), problem(0, size=100)[1]
    new = move_on_grid(x, slopes, np.array([[0.1], [-0.1], [1e9], [-1e9]]), (0, 1))
    assert new.min() >= 0
    assert new.max() <= 1
    assert (np.abs(new - x) < 0.004).all()
