"""The exercises of notebook 00: right answers pass, each mistake is named, and no message gives the value away."""

import math
import re

import numpy as np
import pytest

from ssviz import lab

pytestmark = pytest.mark.core

EXPECTED = [14, 3, 27]
RECEIVED = [[14, 3, 27], [14, 8, 27], [14, 3, "timeout"], [14, 8, "timeout"], ["timeout", 3, 27]]
RIGHT = ["intact", "tampered", "inconclusive", "tampered", "inconclusive"]
SHARE, ALPHA = 0.01, 0.001
NEEDED = 688  # 0.99 ** 687 > 0.001 >= 0.99 ** 688


def changed(**words):
    return [words.get(f"at{i}", word) for i, word in enumerate(RIGHT)]


def judged(answer):
    return lab.check("00.1", answer, expected=EXPECTED, received=RECEIVED)


@pytest.mark.parametrize("answer", [RIGHT, tuple(word.upper() for word in RIGHT), np.array(RIGHT)], ids=str)
def test_the_verdicts_are_those_of_verify(answer):
    assert judged(answer).ok is True


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (changed(at2="tampered"), "accuse too early"),
        (changed(at4="intact"), "trust too early"),
        (changed(at3="inconclusive"), "not even asked"),
        (changed(at0="tampered"), "one by one"),
        (RIGHT[:3], "There are 5 endpoints; you judge 3"),
        (changed(at1="guilty"), "The words are"),
        ("intact", "list of words"),
        (3, "list of words"),
    ],
)
def test_a_wrong_verdict_is_told_apart(answer, message):
    feedback = judged(answer)
    assert feedback.ok is False
    assert message in feedback.message


@pytest.mark.parametrize("answer", [NEEDED, float(NEEDED), np.int64(NEEDED)])
def test_the_number_of_pictures(answer):
    feedback = lab.check("00.2", answer, share=SHARE, alpha=ALPHA)
    assert feedback.ok is True
    assert "10 of them" in feedback.message  # coins: 2 ** -10 < 0.001


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (100, "expected to notice"),
        (math.ceil(math.log(ALPHA / 100) / math.log(1 - SHARE)), "percent"),
        (1, "notice with probability alpha"),
        (math.ceil((1 - ALPHA) / SHARE), "expected to notice"),
        (NEEDED - 1, "Off by one"),
        (NEEDED + 0.5, "whole number"),
        (2 * NEEDED, "order of magnitude"),
        ("many", "one number"),
    ],
)
def test_a_wrong_number_is_told_apart(answer, message):
    feedback = lab.check("00.2", answer, share=SHARE, alpha=ALPHA)
    assert feedback.ok is False
    assert message in feedback.message
    assert not re.search(rf"\b{NEEDED}\b", feedback.message)


def test_the_sum_of_chances_is_told_apart():
    assert "do not add up" in lab.check("00.2", 3, share=0.3, alpha=0.1).message


@pytest.mark.parametrize("name", ["00.1", "00.2"])
def test_blanks_hints_and_titles(name):
    context = {"expected": EXPECTED, "received": RECEIVED} if name == "00.1" else {"share": SHARE, "alpha": ALPHA}
    assert lab.check(name, ..., **context).ok is None
    assert lab.check(name, [...] * 5, **context).ok is None
    assert len(lab.EXERCISES[name].hints) >= 2
    assert not lab.EXERCISES[name].title.endswith(".")
