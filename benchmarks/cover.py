"""MANC against Algorithm 2 written down with Python's sets."""

from collections.abc import Iterator

import numpy as np

from benchmarks.timing import Row, human, taking_turns
from ssviz import manc


def algorithm_2(active: list[set[int]], neurons: int, k: int) -> list[int]:
    """Lines 5 to 24, P_i given; ties to the lowest index, no sample twice."""
    uncovered, fingerprint = set(range(neurons)), []
    for _ in range(k):
        rest = [j for j in range(len(active)) if j not in fingerprint]
        pick = max(rest, key=lambda j: (len(uncovered & active[j]), -j))
        fingerprint.append(pick)
        uncovered -= active[pick]
    return fingerprint


def against_sets(rounds: int = 5) -> Iterator[Row]:
    """500 samples, 20 picked: 4,096 neurons both ways, 100,000 by manc alone."""
    k = 20
    active = active_map(500, 4096)
    sets = [set(np.flatnonzero(row).tolist()) for row in active]
    if manc(active, k).indices.tolist() != algorithm_2(sets, 4096, k):
        raise AssertionError("manc() and Algorithm 2 picked different samples.")
    took = taking_turns({"ours": lambda: manc(active, k), "sets": lambda: algorithm_2(sets, 4096, k)}, rounds)
    ours, theirs = (np.median(values) for values in took.values())
    yield Row("manc(): 20 of 500 samples, 4,096 neurons; against sets", human(ours), human(theirs),
              f"{theirs / ours:,.0f}x", "the same picks")  # fmt: skip
    wide = active_map(500, 100_000)
    took = taking_turns({"ours": lambda: manc(wide, k)}, rounds)
    yield Row("manc(): 20 of 500 samples, 100,000 neurons", human(np.median(took["ours"])), "", "")


def active_map(samples: int, neurons: int) -> np.ndarray:
    """A bool map like a rectified layer's: some neurons fire for many samples, most for few."""
    rng = np.random.default_rng(0)
    return rng.random((samples, neurons)) < rng.beta(0.5, 2, neurons)
