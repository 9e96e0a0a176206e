"""Timing on machines that do other things too: contenders take turns, and each one's median counts."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Row:
    """One line of the table: what was measured, ssviz's figure, the other's, their ratio, a note."""

    what: str
    ssviz: str
    other: str
    ratio: str
    note: str = ""


def seconds(call: Callable[[], object]) -> float:
    """Wall-clock seconds of one call."""
    start = time.perf_counter()
    call()
    return time.perf_counter() - start


def taking_turns(contenders: Mapping[str, Callable[[], object]], rounds: int) -> dict[str, np.ndarray]:
    """Seconds (rounds,) of each contender, called in turn, after a round to warm up."""
    found = {name: [] for name in contenders}
    for _ in range(rounds + 1):
        for name, call in contenders.items():
            found[name].append(seconds(call))
    return {name: np.array(values[1:]) for name, values in found.items()}


def human(value: float) -> str:
    """Seconds with three digits and a fitting unit."""
    for unit, size in (("s", 1), ("ms", 1e-3)):
        if value >= size:
            return f"{value / size:.3g} {unit}"
    return f"{value * 1e6:.3g} µs"
