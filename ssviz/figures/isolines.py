"""Lines along which a grid of numbers is zero, interpolated: crisp boundaries from few points. NumPy only."""

from collections.abc import Iterator

import numpy as np


def isolines(values: np.ndarray) -> np.ndarray:
    """The lines values = 0 of a grid (m, n) as points (row, column), float64 (p, 2), a row of NaN between two lines.

    Marching squares: a line crosses an edge of the grid where the two ends differ in sign (0 counts as negative), at
    the place that linear interpolation gives; where it meets all four edges of a square, the mean of the corners
    decides which it joins. A closed line ends where it begins. Empty, (0, 2), where nothing changes sign.
    """
    values = np.asarray(values, np.float64)
    (m, n), above = values.shape, values > 0
    across, down = above[:, :-1] != above[:, 1:], above[:-1] != above[1:]  # edges that are crossed
    names = np.arange(m * (n - 1)).reshape(m, n - 1), m * (n - 1) + np.arange((m - 1) * n).reshape(m - 1, n)
    edges = np.stack([names[0][:-1], names[1][:, 1:], names[0][1:], names[1][:, :-1]], axis=-1).reshape(-1, 4)
    crossed = np.stack([across[:-1], down[:, 1:], across[1:], down[:, :-1]], axis=-1).reshape(-1, 4)
    plain, saddles = crossed.sum(axis=1) == 2, crossed.all(axis=1)
    middle = (values[:-1, :-1] + values[1:, :-1] + values[:-1, 1:] + values[1:, 1:]).ravel() > 0
    joined = middle[saddles] == above[:-1, :-1].ravel()[saddles]  # then the other two corners are cut off
    cut = np.where(joined[:, None], edges[saddles], np.roll(edges[saddles], 1, axis=1))
    segments = np.concatenate([edges[plain][crossed[plain]].reshape(-1, 2), cut.reshape(-1, 2)])
    points = _crossings(values)
    lines = [np.vstack([points[line], [np.nan, np.nan]]) for line in _chains(segments)]
    return np.concatenate(lines)[:-1] if lines else np.zeros((0, 2))


def _crossings(values: np.ndarray) -> np.ndarray:
    """(edges, 2): the point (row, column) on each edge of the grid where it is crossed, if it is."""
    rows, columns = np.indices(values.shape, dtype=float)
    with np.errstate(all="ignore"):
        right = values[:, :-1] / (values[:, :-1] - values[:, 1:])
        below = values[:-1] / (values[:-1] - values[1:])
    on_across = np.stack([rows[:, :-1], columns[:, :-1] + right], axis=-1).reshape(-1, 2)
    return np.concatenate([on_across, np.stack([rows[:-1] + below, columns[:-1]], axis=-1).reshape(-1, 2)])


def _chains(segments: np.ndarray) -> Iterator[list[int]]:
    """Segments (s, 2) joined end to end: open lines from one end to the other, then closed ones."""
    at: dict[int, list[int]] = {}
    for a, b in segments.tolist():
        at.setdefault(a, []).append(b)
        at.setdefault(b, []).append(a)
    ends = [point for point, others in at.items() if len(others) == 1]
    for start in [*ends, *at]:
        if not at[start]:
            continue
        line = [start]
        while at[line[-1]]:
            following = at[line[-1]].pop()
            at[following].remove(line[-1])
            line.append(following)
        yield line
