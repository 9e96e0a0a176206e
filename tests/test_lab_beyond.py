"""The exercises of notebook 13: right answers pass, each mistake is named, no message gives the value."""

import math
import re

import numpy as np
import pytest

from ssviz import lab

pytestmark = pytest.mark.core

Z, H = [6.0, 2.0, -1.0], [0.5, 2.0, 0.0]
WEIGHT = {"logits": Z, "features": H, "i": 0, "j": 2}
NOISE = {"noise": np.array([1e-5, 3e-3, 8e-3]), "gaps": (1e-4, 1e-3, 1e-2, 1e-1)}

RIGHT = [
    ("13.1", lambda k: 1 - 1 / k, {}),
    ("13.1", lambda k: (k - 1) / k, {}),
    ("13.2", 14.0, WEIGHT),
    ("13.2", np.float32(2.0), WEIGHT | {"i": 1, "j": 1}),
    ("13.2", math.inf, WEIGHT | {"i": 2}),
    ("13.3", 1e-2, NOISE),
    ("13.3", 1e-4, NOISE | {"noise": np.zeros(3)}),
]

WRONG = [
    ("13.1", lambda k: 1 / k, {}, "the label stays"),
    ("13.1", lambda k: 0.5, {}, "right for two classes"),
    ("13.1", lambda k: (k - 1) / k**2, {}, "factor of p"),
    ("13.1", lambda k: 1 - 0.5 ** (k - 1), {}, "its own coin"),
    ("13.1", 0.9, {}, "the function itself"),
    ("13.2", 7.0, WEIGHT, "multiplied by its feature"),
    ("13.2", 3.5, WEIGHT, "divide by it"),
    ("13.2", 8.0, WEIGHT, "runner-up"),
    ("13.2", -14.0, WEIGHT, "sign"),
    ("13.2", 3.0, WEIGHT, "power of ten"),
    ("13.2", 7.0, WEIGHT | {"i": 2}, "multiplied by its feature"),
    ("13.2", 9.0, WEIGHT | {"i": 2}, "zero and infinity"),
    ("13.3", 1e-3, NOISE, "2 of 3 pairs"),
    ("13.3", 1e-1, NOISE, "smaller gap"),
    ("13.3", 5e-3, NOISE, "no such gap"),
    ("13.3", "small", NOISE, "one number"),
]


@pytest.mark.parametrize(("name", "answer", "context"), RIGHT)
def test_right_answers_pass_and_are_told_something(name, answer, context):
    feedback = lab.check(name, answer, **context)
    assert feedback.ok is True, feedback
    assert len(feedback.message) > 20


@pytest.mark.parametrize(("name", "answer", "context", "said"), WRONG)
def test_wrong_answers_are_told_what_kind_of_mistake_it_is(name, answer, context, said):
    feedback = lab.check(name, answer, **context)
    assert feedback.ok is False
    assert said in feedback.message
    secret = {"13.2": 14.0, "13.3": 1e-2}.get(name)
    if secret:
        numbers = [float(n) for n in re.findall(r"\d+(?:\.\d+)?", feedback.message.replace(f'lab.hint("{name}")', ""))]
        assert not np.isclose(numbers, secret, rtol=0.005).any()


@pytest.mark.parametrize(("name", "context"), [("13.1", {}), ("13.2", WEIGHT), ("13.3", NOISE)])
def test_a_blank_is_not_answered_yet_and_there_are_hints(name, context):
    assert lab.check(name, ..., **context).ok is None
    assert len(lab.EXERCISES[name].hints) >= 2
