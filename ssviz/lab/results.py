"""Exercises of notebooks 09 and 11: what the iterations buy, and what numbers of samples say of a single one.

What is right follows from the context, for any model and data set.
"""

import math
from typing import Any

import numpy as np

from ssviz.ascents import Ascent
from ssviz.lab.feedback import number
from ssviz.lab.register import exercise


@exercise(
    "09.1",
    hints=[
        "`one.s` has a row for each quartile; the middle row is the median, a column for each iteration from 0 on.",
        "`np.argmax` of a condition finds the first place where it is true.",
    ],
)
def half_of_the_last(answer: Any, one: Ascent) -> str:
    """The first iteration at which the median S is at least half of its last value."""
    low, median, high = one.s
    right, last = _first(median >= median[-1] / 2), len(median) - 1
    suspects = {
        "That is half of the way in powers of ten; half of the value comes much later.": _first(
            np.log(median) >= (np.log(max(median[0], 1e-300)) + np.log(median[-1])) / 2
        ),
        "That is half of the iterations.": last // 2,
        "That is the lower quartile's; the median is the middle row.": _first(low >= low[-1] / 2),
        "That is the upper quartile's; the median is the middle row.": _first(high >= high[-1] / 2),
    }
    number(answer, right, {m: v for m, v in suspects.items() if v != right}, whole=True)
    return "What comes after is bought with distance alone: the class borders are reached, only the features grow."


def _first(reached: np.ndarray) -> int:
    return int(np.argmax(reached))


@exercise(
    "09.2",
    hints=[
        "The SNR falls with every iteration. Which is the last that is still good enough?",
        "`np.flatnonzero` of a condition lists all places where it is true. Before the first step the SNR is infinite.",
    ],
)
def while_nobody_sees(answer: Any, one: Ascent, snr: float = 30.0) -> str:
    """The last iteration at which the median SNR is still at least snr dB."""
    enough = [np.flatnonzero(quartile >= snr) for quartile in one.snr]
    low, right, high = (int(found[-1]) for found in enough)
    suspects = {
        "That is for the quarter with the lowest SNR; the median is the middle row.": low,
        "That is for the quarter with the highest SNR; the median is the middle row.": high,
        "That is the first iteration that is good enough: all before the limit are.": 0,
    }
    number(answer, right, {m: v for m, v in suspects.items() if v != right}, whole=True)
    return "A limit on the SNR is a limit on the iterations: for one learning rate, epsilon only says where to stop."


@exercise(
    "11.3",
    hints=[
        "N independent samples all miss with (1 - d)^N. Which d makes that alpha?",
        "The N-th root of alpha is the share that misses, one sample at a time.",
    ],
)
def implied_share(answer: Any, n: int, alpha: float) -> str:
    """The share d of samples that must detect if n random ones miss with probability alpha."""
    misses = alpha ** (1 / n)
    suspects = {
        "That is the share that misses; what detects is the rest.": misses,
        "Dividing by the number of samples treats a product as if it were a sum.": (1 - alpha) / n,
        "That is the logarithm of the share that misses; close only where d is small.": -math.log(alpha) / n,
        "That is 1 - alpha^N; here the N-th root is needed.": 1 - alpha**n,
        "That would do if one detection were to be expected, whatever alpha is.": 1 / n,
    }
    number(answer, 1 - misses, suspects)
    return "Turn published numbers round like this: what they say of one sample must be possible."
