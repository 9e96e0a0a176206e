"""Exercises of notebooks 09 and 11 on the results: right answers pass, typical wrong ones are told apart."""

import re

import numpy as np
import pytest

from ssviz import lab
from ssviz.ascents import Ascent

pytestmark = pytest.mark.core

# The median of S reaches half of its last value at iteration 5; the median SNR is at least 30 dB until 4.
LOW_S, S = [1e-9, 1e-9, 1e-6, 1, 5, 9, 90, 95], [1e-8, 1e-8, 1e-1, 5, 9, 60, 90, 100]
LOW_SNR, SNR = [np.inf, 40, 31, 28, 27, 26, 25, 24], [np.inf, 44, 38, 33, 31, 29, 28, 27]
HIGH_S, HIGH_SNR = [1e-7, 99, 150, 160, 170, 180, 180, 180], [np.inf, 50, 44, 40, 38, 36, 35, 29]
ONE = Ascent("ours", np.array([LOW_S, S, HIGH_S]), np.array([LOW_SNR, SNR, HIGH_SNR]))
D = 1 - 1e-8**0.1

CASES = [
    ("09.1", {"one": ONE}, 5, {
        4: "Off by one", 2: "half of the value comes much later", 3: "half of the iterations", 1: "upper quartile",
        7: "order of magnitude",
    }),
    ("09.2", {"one": ONE, "snr": 30.0}, 4, {
        5: "Off by one", 2: "lowest SNR", 6: "highest SNR", 0: "first iteration that is good enough",
    }),
    ("11.3", {"n": 10, "alpha": 1e-8}, D, {
        1 - D: "share that misses", (1 - 1e-8) / 10: "as if it were a sum", -np.log(1e-8) / 10: "logarithm",
        1.0: "N-th root is needed", 100 * D: "percent",
    }),
]  # fmt: skip


@pytest.mark.parametrize(("name", "context", "right", "wrong"), CASES, ids=lambda v: v if isinstance(v, str) else "")
def test_right_passes_and_every_mistake_has_its_word(name, context, right, wrong):
    assert lab.check(name, right, **context).ok is True
    assert lab.check(name, ..., **context).ok is None
    for answer, words in wrong.items():
        feedback = lab.check(name, answer, **context)
        assert feedback.ok is False
        assert re.search(words, feedback.message), (answer, feedback.message)
        assert not re.search(rf"\b{right:.3g}\b", feedback.message)


def test_a_whole_number_is_asked_for():
    assert "whole number" in lab.check("09.1", 4.5, one=ONE).message


def test_an_ascent_that_never_moved_is_there_from_the_start():
    still = Ascent("the paper's recipe", np.full((3, 5), 1e-12), np.full((3, 5), np.inf))
    assert lab.check("09.1", 0, one=still).ok
    assert lab.check("09.2", 4, one=still).ok


@pytest.mark.parametrize("name", ["09.1", "09.2", "11.3"])
def test_there_are_hints(name):
    assert len(lab.EXERCISES[name].hints) >= 2
