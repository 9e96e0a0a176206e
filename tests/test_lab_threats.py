"""The exercises of notebooks 01, 02 and 12: right answers pass, each mistake is named, no message gives the value."""

import math
import re

import numpy as np
import pytest

from ssviz import lab
from ssviz.attack_sweep import AttackSweep

pytestmark = pytest.mark.core

TRUTH = np.array([0, 0, 1, 1, 2, 2, 3, 3, 4, 4])
PREDICTED = np.array([0, 0, 0, 0, 0, 2, 3, 1, 0, 0])  # of the eight others five are taken for 0, one for 1
TROJAN = {"truth": TRUTH, "predicted": PREDICTED, "target": 0}

GOALS = {
    "trojan": "trigger",
    "error-generic poisoning": "any label",
    "error-specific poisoning": "one label",
    "compression": "storage",
    "arbitrary weights": "none",
}
SWAPPED = GOALS | {"error-generic poisoning": "one label", "error-specific poisoning": "any label"}

ONES = np.ones(5)
SEEN = AttackSweep(
    "arbitrary weights", "weights", tuple("abcde"), 0.9, ONES, ONES,
    {"natural": ONES, "sensitive": ONES},
    {"natural": np.array([[0.9, 0.8], [0.9, 0.8], [0.8, 0.7], [0.7, 0.6], [0.2, 0.05]]),
     "sensitive": np.array([[0.9, 0.8], [0.5, 0.3], [0.3, 0.09], [0.08, 0.01], [0.1, 0.02]])}, (),
)  # fmt: skip
WEAKEST = {"sweep": SEEN, "kind": "sensitive", "n_s": 2, "alpha": 0.1}

BEFORE, AFTER = np.array([0.2, 0.3, 0.4, 0.5, 0.1, 0.6]), np.array([0.5, 0.4, 0.5, 0.9, 0.3, 0.5])
RATES = {"before": BEFORE, "after": AFTER}
EVEN = {"before": np.array([0.1, 0.2]), "after": np.array([0.2, 0.1])}


def rounded(w, bits):
    step = np.abs(w).max() / (2 ** (bits - 1) - 1)
    return np.round(w / step) * step


def with_levels(levels, turn=np.round):
    return lambda w, bits: turn(w / (np.abs(w).max() / levels(bits))) * np.abs(w).max() / levels(bits)


RIGHT = [
    ("01.1", 5 / 8, TROJAN),
    ("01.2", "bd", {}),
    ("01.2", ["d", "B"], {}),
    ("01.2", "b, d", {}),
    ("02.1", rounded, {}),
    ("02.2", GOALS, {}),
    ("02.3", 2, WEAKEST),
    ("12.1", 100 * (AFTER - BEFORE).mean(), RATES),
    ("12.2", 2 * 7 / 64, RATES),
    ("12.2", 1.0, EVEN),
    ("12.2", 1 / 16, {"before": np.zeros(5), "after": np.ones(5)}),
]
WRONG = [
    ("01.1", 7 / 10, TROJAN, "Images of the target class"),
    ("01.1", 6 / 8, TROJAN, "Any wrong answer"),
    ("01.1", 4 / 10, TROJAN, "still recognised"),
    ("01.1", 3 / 8, TROJAN, "failed"),
    ("01.1", 5 / 10, TROJAN, "not by all"),
    ("01.1", 5, TROJAN, "a number of images"),
    ("01.1", 62.5, TROJAN, "percent"),
    ("01.2", "abd", {}, "needs more than inputs and answers"),
    ("01.2", "abcde", {}, "More than one check in your answer"),
    ("01.2", "b", {}, "can do is not in your answer"),
    ("01.2", "bx", {}, "letters are a to e"),
    ("01.2", 3, {}, "made of letters"),
    ("02.1", with_levels(lambda b: 2 ** (b - 1)), {}, "one step too many"),
    ("02.1", with_levels(lambda b: 2**b - 1), {}, "above 0"),
    ("02.1", with_levels(lambda b: 2 ** (b - 1) - 1, np.floor), {}, "next lower"),
    ("02.1", with_levels(lambda b: 2 ** (b - 1) - 1, np.trunc), {}, "towards 0"),
    ("02.1", lambda w, bits: np.round(w / (np.abs(w).max() / (2 ** (bits - 1) - 1))), {}, "step times integer"),
    ("02.1", lambda w, bits: rounded(np.maximum(w, 0), bits), {}, "First counterexample"),
    ("02.1", lambda w: w, {}, "raises `TypeError"),
    ("02.2", SWAPPED, {}, "changed places"),
    ("02.2", GOALS | {"compression": "none"}, {}, "One of the attacks"),
    ("02.2", GOALS | {"compression": "none", "trojan": "storage"}, {}, "Several"),
    ("02.2", GOALS | {"trojan": "fame"}, {}, "'fame' is none of the goals"),
    ("02.2", {"trojan": "trigger"}, {}, "dict with the keys"),
    ("02.3", 4, WEAKEST, "for natural"),
    ("02.3", 3, WEAKEST, "for one query"),
    ("02.3", 0, WEAKEST, "at most"),
    ("02.3", 1, WEAKEST, "another row"),
    ("02.3", 5, WEAKEST, "from 0 to 4"),
    ("12.1", -100 * (AFTER - BEFORE).mean(), RATES, "decrease"),
    ("12.1", 100 * (AFTER.mean() / BEFORE.mean() - 1), RATES, "relative"),
    ("12.1", 100 * AFTER.mean(), RATES, "not its increase"),
    ("12.1", 100 * np.median(AFTER - BEFORE), RATES, "median"),
    ("12.1", 100 * np.abs(AFTER - BEFORE).mean(), RATES, "let them cancel"),
    ("12.1", (AFTER - BEFORE).mean(), RATES, "a share, where percent"),
    ("12.2", 7 / 64, RATES, "one side"),
    ("12.2", 6 / 64, RATES, "exactly that count"),
    ("12.2", 2 / 64, RATES, "more one-sided still"),
    ("12.2", 5 / 6, RATES, "share of models"),
    ("12.2", 1.5, EVEN, "never above 1"),
    ("12.2", 1 - 14 / 64, RATES, "other answer"),
]
SECRETS = {"01.1": 5 / 8, "12.1": 100 * (AFTER - BEFORE).mean(), "12.2": 14 / 64}


@pytest.mark.parametrize(("name", "answer", "context"), RIGHT, ids=[name for name, *_ in RIGHT])
def test_right_answers_pass_and_are_told_something(name, answer, context):
    feedback = lab.check(name, answer, **context)
    assert feedback.ok is True, feedback
    assert len(feedback.message) > 20


@pytest.mark.parametrize(("name", "answer", "context", "said"), WRONG, ids=[f"{w[0]} {w[3]}" for w in WRONG])
def test_each_mistake_has_its_word_and_none_gives_the_value_away(name, answer, context, said):
    feedback = lab.check(name, answer, **context)
    assert feedback.ok is False
    assert said in feedback.message
    numbers = [float(found) for found in re.findall(r"\d+(?:\.\d+)?", feedback.message.replace(name, ""))]
    assert not np.isclose(numbers, SECRETS.get(name, math.nan), rtol=0.005).any()


@pytest.mark.parametrize(("name", "context"), {name: context for name, _, context in RIGHT}.items())
def test_a_blank_is_not_answered_yet(name, context):
    for blank in (..., None, {"trojan": ...}):
        assert lab.check(name, blank, **context).ok is None


def test_a_function_without_a_body_is_not_answered_yet():
    assert lab.check("02.1", lambda w, bits: ...).ok is None


def test_hints_give_no_value_away():
    for name in {name for name, *_ in RIGHT}:
        entry = lab.EXERCISES[name]
        assert len(entry.hints) >= 2
        numbers = [float(found) for hint in entry.hints for found in re.findall(r"\d+(?:\.\d+)?", hint)]
        assert not np.isclose(numbers, SECRETS.get(name, math.nan), rtol=0.005).any()


def test_a_rate_that_no_strength_reaches_is_the_authors_mistake():
    with pytest.raises(ValueError, match="alpha must be reached"):
        lab.check("02.3", 1, sweep=SEEN, kind="natural", n_s=2, alpha=0.01)
