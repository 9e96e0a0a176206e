"""The 8-bit pixel grid: what travels as a PNG file, or through an endpoint that takes images.

Rounding a sample to its 256 grey levels moves the logits by far more than the gap of a straddling pair; one grey level
more or less in a few well chosen pixels moves them back.
"""

import numpy as np

from ssviz.datasets import from_grid

LEVELS = 255
PICKS = 64  # most pixels that one step on the grid changes


def to_grid(x: np.ndarray, bounds: tuple[float, float] = (0.0, 1.0)) -> np.ndarray:
    """The nearest grey levels, uint8 (n, ...), of samples x (n, ...); bounds: (p, q), where p is 0 and q is 255.

    Paper: beyond it (Section 5.2's top-1 ceiling). Notebook: 13.
    """
    low, high = map(float, bounds)
    return np.clip(np.rint((np.asarray(x, np.float64) - low) * (LEVELS / (high - low))), 0, LEVELS).astype(np.uint8)


def move_on_grid(x: np.ndarray, slopes: np.ndarray, rises: np.ndarray, bounds: tuple[float, float]) -> np.ndarray:
    """The grid's sample next to x, float32 (n, ...), but for the pixels, one grey level lighter or darker, that make
    <slopes_0, d> = rises_0.

    Greedy: of the pixels that lead there without passing it, the one that leads farthest, and so on until none is
    left or PICKS are changed. x: (n, ...), on the grid or not; slopes: (n, m, ...), gradients of m functions, and
    rises: (n, m), by how much each should change, of which only the first is followed.

    Paper: beyond it (Section 5.2's top-1 ceiling). Notebook: 13.
    """
    levels = to_grid(x, bounds)
    g, rounding = slopes[:, 0].reshape(len(x), -1), (from_grid(levels, bounds) - x).reshape(len(x), -1)
    missing = rises[:, 0] - (g * rounding).sum(1, dtype=np.float64)
    levels, size = levels.reshape(len(x), -1).astype(np.int16), np.abs(g) * ((bounds[1] - bounds[0]) / LEVELS)
    rows = np.arange(len(x))
    for _ in range(PICKS):
        direction = np.where((g > 0) == (missing > 0)[:, None], 1, -1)
        inside = (levels + direction >= 0) & (levels + direction <= LEVELS)
        useful = np.where(inside & (size <= np.abs(missing)[:, None]), size, 0)
        pick = useful.argmax(axis=1)
        step = useful[rows, pick]
        if not step.any():
            break
        levels[rows, pick] += np.where(step > 0, direction[rows, pick], 0)
        missing -= np.sign(missing) * step
        size[rows, pick] = np.where(step > 0, 0, size[rows, pick])  # each pixel once
    return from_grid(levels.astype(np.uint8), bounds).reshape(x.shape)
