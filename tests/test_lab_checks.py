"""Every exercise: right answers pass, typical wrong ones are told apart, and no message gives the value away."""

import math
import re
from dataclasses import FrozenInstanceError, dataclass, field
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from ssviz import lab
from ssviz.evaluation import missing_rate, samples_needed

pytestmark = pytest.mark.core


@dataclass
class Case:
    """right: answers that pass. wrong: (answer, what the feedback says). secret: what no message may hold."""

    right: list
    wrong: list
    context: dict = field(default_factory=dict)
    secret: Any = None


P, H = np.array([0.7, 0.2, 0.1]), np.array([1.0, 2.0, 0.0, 3.0])
SQUARES, CUBES = (P**2).sum(), (P**3).sum()
JACOBIAN = SQUARES - 2 * CUBES + SQUARES**2
S = JACOBIAN * 15
LOGITS = [[9.0, 8.9, 1.0], [30.0, 12.0, 3.0], [5.0, 2.0, -3.0], [24.0, -7.0, -9.0]]

RNG = np.random.default_rng(0)
V0 = RNG.random((4, 4, 3))
V = V0 + 0.01 * RNG.standard_normal(V0.shape)
RATIO = (V0**2).sum() / ((V - V0) ** 2).sum()
SNR = 10 * math.log10(RATIO)
BAG = RNG.random((5, 4, 4, 1)) * np.arange(1, 6).reshape(-1, 1, 1, 1) / 5
LENGTHS = np.sqrt((BAG**2).sum(axis=(1, 2, 3)))
EPSILON = LENGTHS.min() * 10**-1.5


def bool_map(*rows):
    return np.array([[sign == "1" for sign in row] for row in rows])


ACTIVE = bool_map("111110000", "111101000", "000001110", "000000110", "000000000")
TRAP = bool_map("111100", "110010", "001101", "000010")
BEFORE, AFTER = [0.612, 0.331, 0.042, 0.015], [0.608, 0.331, 0.026, 0.035]
OUTPUTS = ["top-1", "top-2", "top-3", "p-dec-1", "p-dec-2"]
SHOWN = [0.0649, 0.777, 0.125, 0.0331]

DETECTED = RNG.random((6, 40)) < np.array([0.05, 0.1, 0.3, 0.5, 0.7, 0.9])[:, None]
RATES = missing_rate(DETECTED, 3)
ROW, NATURAL = np.arange(60) < 12, np.arange(500) < 10
NEEDED = samples_needed(ROW, 1e-3)


def shrunk(x, x0, epsilon, inside=True, axis=None):
    d = x - x0
    axis = tuple(range(1, x.ndim)) if axis is None else axis
    length = np.maximum(np.sqrt((d**2).sum(axis=axis, keepdims=True)), 1e-9)
    factor = epsilon / length
    return x0 + d * (np.minimum(1, factor) if inside else factor)


def to_the_sphere(x, x0, epsilon):
    with np.errstate(all="ignore"):
        return x0 + (x - x0) * (epsilon / np.sqrt(((x - x0) ** 2).sum(axis=tuple(range(1, x.ndim)), keepdims=True)))


def not_written(*arguments): ...


def not_implemented(*arguments):
    raise NotImplementedError


def failing(*arguments):
    raise KeyError("no `such` key")


CASES = {
    "03.1": Case(
        right=[S, np.float32(S), round(S, 2)],
        wrong=[
            (JACOBIAN * 14, "bias is missing"),
            (JACOBIAN, "factor of p alone"),
            (math.sqrt(S), "length of the Jacobian"),
            (JACOBIAN * (math.sqrt(14) + 1), "norm must be squared"),
            ((SQUARES - 2 * CUBES + (P**4).sum()) * 15, "not the sum of the squares"),
            (-S, "sign"),
            (S * 1.05, "Close"),
            (S * 2.5, "order of magnitude is right"),
            (S / 1000, "Too small, by far more than a power of ten"),
            (S * 17, "Too large, by about a power of ten"),
            (0, "zero and infinity"),
            (math.nan, "NaN"),
            (True, "one number; yours is a bool"),
            ([1.0, 2.0], "one number; yours is a list of length 2"),
            (np.zeros((2, 3)), "array of float64 of shape (2, 3)"),
            ("3", "one number; yours is a str"),
        ],
        context={"p": P, "h": H},
        secret=S,
    ),
    "03.2": Case(
        right=[0, np.int64(0), [0]],
        wrong=[(1, "largest logit"), (3, "surest"), (2, "another row"), (4, "from 0 to 3"), (0.5, "whole numbers")],
        context={"logits": LOGITS},
    ),
    "03.3": Case(
        right=[lambda k: (k - 1) / k**2],
        wrong=[
            (lambda k: 1 / k, "sum of the squares"),
            (lambda k: 1 - 1 / k, "Gini"),
            (lambda k: 100 * (k - 1) / k**2, "percent"),
            (lambda k: 1 / (k - 2), "raises `ZeroDivisionError"),
            (lambda k: "a lot", "returns a str"),
            (0.25, "the function itself"),
        ],
        secret=0.222,
    ),
    "04.1": Case(
        right=[SNR, round(SNR, 1)],
        wrong=[
            (-SNR, "upside down"),
            (10 * math.log(RATIO), "natural logarithm"),
            (20 * math.log10(RATIO), "Twenty"),
            (5 * math.log10(RATIO), "half"),
            (math.log10(RATIO), "bel"),
            (RATIO, "not yet in decibels"),
        ],
        context={"v": V, "v0": V0},
        secret=SNR,
    ),
    "04.2": Case(
        right=[EPSILON],
        wrong=[
            (LENGTHS.max() * 10**-1.5, "darkest"),
            (LENGTHS.mean() * 10**-1.5, "average"),
            (LENGTHS.min() * 1e-3, "powers"),
            (EPSILON * 255, "grey levels"),
        ],
        context={"samples": BAG},
        secret=EPSILON,
    ),
    "04.3": Case(
        right=[np.clip, lambda x, low, high: np.minimum(np.maximum(x, low), high)],
        wrong=[
            (lambda x, low, high: np.maximum(x, low), "Only the lower"),
            (lambda x, low, high: np.minimum(x, high), "Only the upper"),
            (lambda x, low, high: np.clip(x, 0, 1), "not always 0 and 1"),
            (lambda x, low, high: np.clip(x, low, high).ravel(), "has shape (2,) there, not (1, 2)"),
            (lambda x, low, high: x, "something else in row"),
            (lambda x: x, "raises `TypeError"),
            (failing, "raises `KeyError: 'no 'such' key'` for `x = [["),
        ],
    ),
    "04.4": Case(
        right=[shrunk],
        wrong=[
            (lambda x, x0, e: shrunk(x, x0, e, inside=False), "something else in row"),
            (to_the_sphere, "must not move"),
            (lambda x, x0, e: shrunk(x, x0, e, axis=tuple(range(x.ndim))), "whole batch"),
            (lambda x, x0, e: shrunk(x, 0 * x, e), "around 0"),
            (lambda x, x0, e: np.clip(x, x0 - e, x0 + e), "linf"),
            (lambda x, x0, e: shrunk(x, x0, e) if (x != x0).any() else x * np.nan, "NaN"),
        ],
    ),
    "05.1": Case(
        right=[[0, 2, 1], np.array([0, 2, 1]), (0, 2, 1)],
        wrong=[
            ([1, 3, 2], "from 0, not from 1"),
            ([0, 1, 2], "most active neurons"),
            ([2, 0, 1], "another order"),
            ([0, 3, 1], "At pick 2"),
            ([0, 2, 3], "the smaller number comes first"),
            ([0, 2], "Asked for: 3"),
            ([0, 2, 2], "twice"),
            ([0, 2, 5], "from 0 to 4"),
            ([True, False, True], "row numbers"),
            ("021", "row numbers"),
        ],
        context={"active": ACTIVE, "k": 3},
    ),
    "05.2": Case(
        right=[8 / 9, 0.889],
        wrong=[
            (800 / 9, "percent"),
            (8, "number of neurons"),
            (12 / 9, "several times"),
            (1 / 9, "uncovered"),
            (8 / 3, "not of samples"),
            (1.0, "not only by those that can be covered"),
            (12 / 27, "mean coverage"),
        ],
        context={"active": ACTIVE, "picks": [0, 1, 3]},
        secret=8 / 9,
    ),
    "05.3": Case(
        right=[TRAP, TRAP.astype(int), TRAP.tolist()],
        wrong=[
            (np.eye(4, dtype=bool), "Greedy finds the best"),
            (TRAP[:2], "leave no choice"),
            (TRAP[0], "two dimensions"),
            (TRAP * 0.5, "True and False"),
            ([[1, 0], [1]], "differ in length"),
            (np.ones((300, 2), bool), "too large"),
        ],
    ),
    "06.1": Case(
        right=[["top-3", "p-dec-2"], {"p-dec2", "TOP-3"}],
        wrong=[
            ("top-3", "one that you leave out"),
            (["top-3", "p-dec-2", "top-1"], "one that shows the same"),
            (["top-1"], "Some that you name"),
            (["top-9"], "not asked about"),
            (["best"], "list of names"),
            (3, "list of names"),
        ],
        context={"before": BEFORE, "after": AFTER, "outputs": OUTPUTS},
    ),
    "06.2": Case(
        right=[[0.06, 0.78, 0.12, 0.03], np.float32([0.06, 0.78, 0.12, 0.03])],
        wrong=[
            ([6, 78, 12, 3], "percent"),
            ([0.06, 0.78, 0.13, 0.03], "even digit"),
            ([0.06, 0.77, 0.12, 0.03], "cut off"),
            ([0.065, 0.777, 0.125, 0.033], "too many"),
            ([0.1, 0.8, 0.1, 0.0], "too few"),
            (SHOWN, "not rounded"),
            ([0.06, 0.78], "Asked for: 4"),
            ([0.07, 0.78, 0.12, 0.03], "One of the numbers"),
            ("six", "list of numbers"),
        ],
        context={"p": SHOWN},
        secret=0.78,
    ),
    "10.1": Case(
        right=[lambda n, d, s: math.comb(n - d, s) / math.comb(n, s)],
        wrong=[
            (lambda n, d, s: (1 - d / n) ** s, "with repetition"),
            (lambda n, d, s: 1 - math.comb(n - d, s) / math.comb(n, s), "at least one detects"),
            (lambda n, d, s: 100 * math.comb(n - d, s) / math.comb(n, s), "percent"),
            (lambda n, d, s: math.comb(d, s) / math.comb(n, s), "all detect"),
            (lambda n, d, s: 0.5, "`n = 4, d = 1, n_s = 1`"),
        ],
    ),
    "10.2": Case(
        right=[RATES.mean()],
        wrong=[
            ((1 - DETECTED.mean()) ** 3, "rate of the mean"),
            (missing_rate(DETECTED.ravel(), 3), "thrown together"),
            (missing_rate(DETECTED, 3, replace=True).mean(), "repetition"),
            (1 - RATES.mean(), "detection"),
            (RATES.sum(), "sum"),
            (100 * RATES.mean(), "percent"),
            (RATES, "shape (6,)"),
        ],
        context={"detected": DETECTED, "n_s": 3},
        secret=RATES.mean(),
    ),
    "11.1": Case(
        right=[NEEDED, float(NEEDED)],
        wrong=[
            (NEEDED - 1, "Off by one"),
            (NEEDED + 1, "Off by one"),
            (NEEDED - 0.5, "whole number"),
            (samples_needed(ROW, 1e-3, replace=True), "with repetition"),
            (samples_needed(ROW, 1e-5), "percent"),
            (samples_needed(~ROW, 1e-3), "changed places"),
            (4 * NEEDED, "Too large"),
        ],
        context={"detected": ROW, "alpha": 1e-3},
        secret=NEEDED,
    ),
    "11.2": Case(
        right=[samples_needed(NATURAL, 1e-3, replace=True) / NEEDED],
        wrong=[
            (NEEDED / samples_needed(NATURAL, 1e-3, replace=True), "upside down"),
            (samples_needed(NATURAL, 1e-3, replace=True) - NEEDED, "difference"),
            (10.0, "shares that detect"),
            (samples_needed(NATURAL, 1e-3) / NEEDED, "unlimited"),
        ],
        context={"natural": NATURAL, "sensitive": ROW, "alpha": 1e-3},
        secret=samples_needed(NATURAL, 1e-3, replace=True) / NEEDED,
    ),
}


@pytest.fixture(autouse=True)
def fresh_kernel(monkeypatch):
    monkeypatch.setattr(lab, "_hints_given", type(lab._hints_given)())
    monkeypatch.setattr(lab, "_predictions", {})


def test_every_exercise_is_tested_and_has_hints_and_a_title():
    assert set(CASES) <= set(lab.EXERCISES)  # other topics have test files of their own
    for name, entry in lab.EXERCISES.items():
        assert entry.id == name
        assert re.fullmatch(r"\d\d\.\d", name)
        assert len(entry.hints) >= 2
        assert name not in CASES or len(CASES[name].wrong) >= 2
        assert entry.title
        assert not entry.title.endswith(".")


@pytest.mark.parametrize("name", CASES)
def test_right_answers_pass_and_are_told_something(name):
    for answer in CASES[name].right:
        feedback = lab.check(name, answer, **CASES[name].context)
        assert feedback.ok is True, feedback
        assert len(feedback.message) > 20


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("blank", [..., None, [1, ...], {"a": None}, {...}, np.array([..., 1])], ids=repr)
def test_a_blank_is_not_answered_yet(name, blank):
    feedback = lab.check(name, blank, **CASES[name].context)
    assert feedback.ok is None
    assert "Not answered yet" in repr(feedback)


@pytest.mark.parametrize("name", ["03.3", "04.3", "04.4", "10.1"])
@pytest.mark.parametrize("stub", [not_written, not_implemented, lambda *a: ..., lambda *a: None])
def test_a_function_without_a_body_is_not_answered_yet(name, stub):
    assert lab.check(name, stub).ok is None


WRONG = [(name, answer, said) for name, case in CASES.items() for answer, said in case.wrong]


@pytest.mark.parametrize(("name", "answer", "said"), WRONG, ids=[f"{name} {said}" for name, _, said in WRONG])
def test_wrong_answers_are_told_what_kind_of_mistake_it_is(name, answer, said):
    case = CASES[name]
    feedback = lab.check(name, answer, **case.context)
    assert feedback.ok is False
    assert said in feedback.message
    if case.secret is not None:
        message = feedback.message.replace(f'lab.hint("{name}")', "")
        numbers = [float(found) for found in re.findall(r"\d+(?:\.\d+)?", message)]
        assert not np.isclose(numbers, case.secret, rtol=0.005).any(), message


def test_hints_give_no_value_away():
    for name, case in CASES.items():
        if case.secret is not None:
            found = [float(n) for text in lab.EXERCISES[name].hints for n in re.findall(r"\d+(?:\.\d+)?", text)]
            assert not np.isclose(found, case.secret, rtol=0.005).any()


def test_the_layer_without_a_bias_and_features_in_a_comparison():
    without = {"p": P, "h": H, "bias": False}
    assert lab.check("03.1", JACOBIAN * 14, **without).ok
    assert "has no bias" in lab.check("03.1", S, **without).message
    features = np.array([[0.1, 0], [0, 0.1], [400, 300], [0, 0]])
    assert lab.check("03.2", 2, logits=LOGITS, features=features).ok


def test_very_small_right_answers_are_not_confused_with_any_small_number():
    p = np.array([1 - 2e-9, 1e-9, 1e-9])
    s = float(2 * 3 * 1e-18)  # (sum of the others)^2 + their sum of squares, of p_top^2 (R1^2 + 2 R2) + R2
    right = s + (4 + 2 * 2 + 2 - 6) * 1e-18
    assert lab.check("03.1", 1e-13, p=p, h=[0.0]).ok is False
    assert lab.check("03.1", 10e-18, p=p, h=[0.0]).ok is True
    assert right == pytest.approx(1e-17)


def test_what_generate_returns_brings_its_originals():
    assert lab.check("04.2", EPSILON, samples=SimpleNamespace(originals=BAG)).ok
    assert lab.check("04.2", EPSILON * 10, samples=BAG, snr=10).ok


def test_infinity_can_be_right():
    assert lab.check("11.1", math.inf, detected=np.zeros(9, bool), alpha=0.1).ok
    assert "infinity" in lab.check("11.1", 9, detected=np.zeros(9, bool), alpha=0.1).message


def test_the_arguments_of_a_students_function_are_copies():
    def in_place(x, low, high):
        x[:] = np.clip(x, low, high)
        return x

    assert lab.check("04.3", in_place).ok
    assert lab.check("04.3", in_place).ok


def test_an_unknown_exercise_lists_those_there_are():
    for call in (lambda: lab.check("99.9", 1), lambda: lab.hint("99.9")):
        with pytest.raises(ValueError, match=r"exercise must be one of: .*03\.1 \(S in closed form.*'99\.9'"):
            call()


def test_wrong_context_is_the_authors_mistake_even_where_nothing_is_answered():
    for context in ({}, {"p": P}, {"p": P, "h": H, "model": None}):
        with pytest.raises(
            TypeError, match=r'exercise 03\.1 needs other context.*lab\.check\("03\.1", answer, p=\.\.\.'
        ):
            lab.check("03.1", ..., **context)


def test_hints_come_in_order_until_there_are_no_more():
    hints = lab.EXERCISES["04.1"].hints
    assert 'lab.hint("04.1")' in lab.check("04.1", 1.0, v=V, v0=V0).message
    for number, text in enumerate(hints, start=1):
        given = lab.hint("04.1")
        assert (given.ok, given.message) == (None, text)
        assert f"Hint {number} of {len(hints)}" in repr(given)
    for _ in range(2):
        assert "No more hints" in repr(lab.hint("04.1"))
    assert "lab.hint" not in lab.check("04.1", 1.0, v=V, v0=V0).message
    assert lab.hint("04.2").message == lab.EXERCISES["04.2"].hints[0]  # each exercise counts for itself


@pytest.mark.parametrize(
    ("guess", "measured", "ok", "said"),
    [
        (0.5, 0.48, True, "You predicted 0.5, and it is 0.48."),
        (0.5, np.float32(0.001), False, "Too large, by far more than a power of ten"),
        (50, 0.5, False, "Too large"),
        (-1, 1, False, "sign"),
        ("SNR ", "snr", True, "You predicted"),
        ("more", "fewer", False, "You predicted more, and it is fewer. What did you not think of?"),
        (True, True, True, "True"),
        (0, 0.0, True, "it is 0"),
    ],
)
def test_predictions_are_compared(guess, measured, ok, said):
    assert lab.predict("04.a", guess).ok is None
    feedback = lab.compare("04.a", measured)
    assert feedback.ok is ok
    assert said in feedback.message


def test_without_a_prediction_nothing_fails():
    assert "No prediction yet" in repr(lab.predict("04.a", ...))
    feedback = lab.compare("04.a", 0.123)
    assert feedback.ok is None
    assert "0.123" in feedback.message
    lab.predict("04.a", 1), lab.predict("04.a", 2)
    assert "predicted 2" in lab.compare("04.a", 5).message
    lab.predict("04.a", None)
    assert lab.compare("04.a", 5).ok is None


def test_feedback_is_frozen_and_reads_without_colour():
    for ok, word in ((True, "✓ Right"), (False, "✗ Not yet"), (None, "○ Not answered yet")):
        feedback = lab.Feedback(ok, "is `a < b` & c?", "04.1")
        assert repr(feedback) == f"04.1 {word}. is `a < b` & c?"
        assert f"**{word}**" in feedback._repr_markdown_()
        html = feedback._repr_html_()
        assert f"<b>{word}</b>" in html
        assert "<code>a &lt; b</code> &amp; c?" in html
        assert not re.search(r"[;\"](color|background)", html)  # the page's own, dark or light
    with pytest.raises(FrozenInstanceError):
        feedback.ok = True


def test_an_instructor_adds_an_exercise_and_may_run_the_cell_twice(monkeypatch):
    monkeypatch.setattr(lab.register, "EXERCISES", {})
    for _ in range(2):

        @lab.exercise("my.1", hints=["Think."])
        def parity(answer):
            """Is it even?"""
            if answer % 2:
                raise lab.Mistake("That is odd.")
            return "Even it is."

    assert lab.register.EXERCISES["my.1"].title == "Is it even?"

    def other(answer): ...

    with pytest.raises(ValueError, match=r"my\.1 is there already: Is it even\?"):
        lab.exercise("my.1")(other)
