"""The exercises of notebooks 07 and 08: right answers pass, each mistake is named, no message gives the value away."""

import math
import re

import numpy as np
import pytest

from ssviz import lab

pytestmark = pytest.mark.core

LABELS = np.array([0, 1, 2, 3, 0, 1, 2, 3, 0, 1])
PREDICTED = np.array([1, 1, 3, 0, 0, 2, 0, 3, 2, 3])  # wrong on seven
ANSWERS = np.array([1, 2, 3, 1, 0, 2, 2, 3, 0, 3])  # of these seven, four get the same wrong label
TRANSFER = {"labels": LABELS, "predicted": PREDICTED, "answers": ANSWERS}
LOSS = {"accuracy": 97.33, "lost": 1.41}
NEEDED = math.ceil(4 * 0.9733 * 0.0267 / 0.0141**2)


def step(x, g, epsilon, low, high):
    return np.clip(x + epsilon * np.sign(g), low, high)


def l2_step(x, g, epsilon, low, high):
    length = np.sqrt((g**2).sum(axis=tuple(range(1, g.ndim)), keepdims=True))
    return np.clip(x + epsilon * g / length, low, high)


RIGHT = [
    ("07.1", step, {}),
    ("07.2", math.log, {}),
    ("07.2", lambda k: -np.log(1 / k), {}),
    ("07.3", 4 / 7, TRANSFER),
    ("08.1", 1025 * 43, {"features": 1024, "classes": 43}),
    ("08.2", NEEDED, LOSS),
    ("08.2", 400, {"accuracy": 50, "lost": 5}),
]
WRONG = [
    ("07.1", lambda x, g, e, a, b: np.clip(x - e * np.sign(g), a, b), {}, "down the loss"),
    ("07.1", lambda x, g, e, a, b: x + e * np.sign(g), {}, "bounds are missing"),
    ("07.1", lambda x, g, e, a, b: np.clip(x + e * np.sign(g), 0, 1), {}, "not always 0 and 1"),
    ("07.1", lambda x, g, e, a, b: np.clip(x + e * g, a, b), {}, "keeps only its sign"),
    ("07.1", l2_step, {}, "step of l2"),
    ("07.1", lambda x, g, e, a, b: x, {}, "something else in row 0"),
    ("07.1", lambda x: x, {}, "raises `TypeError"),
    ("07.2", lambda k: 1 / k, {}, "That is the probability"),
    ("07.2", np.log2, {}, "in bits"),
    ("07.2", np.log10, {}, "to base 10"),
    ("07.2", lambda k: -np.log(k), {}, "not negative"),
    ("07.2", lambda k: np.log(k + 1), {}, "Count again"),
    ("07.2", lambda k: np.log(k - 1), {}, "not 1/(K - 1)"),
    ("07.3", 3 / 7, TRANSFER, "asked is the share that gets the same"),
    ("07.3", 6 / 10, TRANSFER, "among all pictures"),
    ("07.3", 4 / 10, TRANSFER, "divide by the adversarial ones"),
    ("07.3", 5 / 7, TRANSFER, "the same wrong label"),
    ("07.3", 4, TRANSFER, "the share is asked for"),
    ("07.3", 7 / 10, TRANSFER, "on which the intact network errs"),
    ("07.3", 400 / 7, TRANSFER, "percent"),
    ("08.1", 1024 * 43, {"features": 1024, "classes": 43}, "biases are missing"),
    ("08.1", 1024 * 44, {"features": 1024, "classes": 43}, "not to a feature"),
    ("08.1", 1024 + 43, {"features": 1024, "classes": 43}, "multiply"),
    ("08.1", 1024 * 43 + 1, {"features": 1024, "classes": 43}, "not one for all"),
    ("08.2", NEEDED - 1, LOSS, "Round up"),
    ("08.2", math.ceil(NEEDED / 4), LOSS, "two are asked for"),
    ("08.2", math.ceil(4 * 0.9733 * 0.0267 / 0.0141), LOSS, "must be squared"),
    ("08.2", math.ceil(4 * 0.9733 / 0.0141**2), LOSS, "not p"),
    ("08.2", math.ceil(4 * 0.0267 / 0.0141**2), LOSS, "not 1 - p"),
    ("08.2", math.ceil(math.sqrt(NEEDED)), LOSS, "not for its root"),
    ("08.2", 10 * NEEDED, LOSS, "Too large"),
]
MINE = [name for name in lab.EXERCISES if name[:2] in ("07", "08")]
SECRETS = {"07.3": 4 / 7, "08.1": 1025 * 43, "08.2": NEEDED}


@pytest.mark.parametrize(("name", "answer", "context"), RIGHT, ids=[case[0] for case in RIGHT])
def test_a_right_answer_passes_and_is_told_something(name, answer, context):
    feedback = lab.check(name, answer, **context)
    assert feedback.ok is True, feedback
    assert len(feedback.message) > 20


@pytest.mark.parametrize(("name", "answer", "context", "said"), WRONG, ids=[f"{c[0]} {c[3]}" for c in WRONG])
def test_a_mistake_is_named_and_the_value_is_not(name, answer, context, said):
    feedback = lab.check(name, answer, **context)
    assert feedback.ok is False
    assert said in feedback.message
    numbers = [float(found) for found in re.findall(r"\d+(?:\.\d+)?", feedback.message)]
    assert name not in SECRETS or not np.isclose(numbers, SECRETS[name], rtol=0.005).any()


@pytest.mark.parametrize("name", MINE)
def test_a_blank_is_not_answered_yet(name):
    context = next(context for other, _, context in RIGHT if other == name)
    for blank in (..., None):
        assert lab.check(name, blank, **context).ok is None


def test_every_exercise_has_hints_and_cases():
    assert MINE == ["07.1", "07.2", "07.3", "08.1", "08.2"]
    assert {case[0] for case in RIGHT} == {case[0] for case in WRONG} == set(MINE)
    assert all(len(lab.EXERCISES[name].hints) >= 2 for name in MINE)


def test_a_context_without_an_answer_is_refused():
    with pytest.raises(ValueError, match="predicted must differ from labels somewhere"):
        lab.check("07.3", 0.5, labels=LABELS, predicted=LABELS, answers=ANSWERS)
    with pytest.raises(ValueError, match=r"lost above 0; received 97\.7 and -0\.1"):
        lab.check("08.2", 5, accuracy=97.7, lost=-0.1)
