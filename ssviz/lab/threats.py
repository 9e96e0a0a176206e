"""Exercises of notebooks 01, 02 and 12: what an attack does, what a customer can check, who gains by fine-tuning.

What is right follows from the context, by ssviz's own functions, for any model and data set.
"""

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from ssviz.attack_sweep import AttackSweep
from ssviz.lab.feedback import Mistake, function, index, number
from ssviz.lab.register import exercise


@exercise(
    "01.1",
    hints=[
        "Which of these images could show a success at all? An image of the target class is right to be taken for it.",
        "Of those that are left, count the ones that are taken for the target: no other wrong answer is a success.",
    ],
)
def trojan_success(answer: Any, truth: Any, predicted: Any, target: int) -> str:
    """The success rate of a trojan, from the answers to images with its trigger."""
    truth, predicted = np.asarray(truth), np.asarray(predicted)
    others = truth != target
    right = float(np.mean(predicted[others] == target))
    suspects = {
        "Images of the target class are in there: they show nothing, with or without a trigger.": float(
            np.mean(predicted == target)
        ),
        "Any wrong answer counts there; the trojan's goal is one certain wrong answer.": float(
            np.mean(predicted[others] != truth[others])
        ),
        "That is the share that is still recognised.": float(np.mean(predicted == truth)),
        "That is the share on which the trojan failed.": 1 - right,
        "Divide by the images that could show a success, not by all.": float(np.sum(predicted[others] == target))
        / len(truth),
        "That is a number of images; a rate is asked for.": float(np.sum(predicted[others] == target)),
    }
    number(answer, right, suspects)
    return "And all the while the accuracy on clean images, which everyone looks at, says that nothing has happened."


_BLACK_BOX = {"b": True, "d": True, "a": False, "c": False, "e": False}


@exercise(
    "01.2",
    hints=[
        "A black box takes an input and gives an answer. What of the list needs nothing else?",
        "Weights, activations and files stay with the provider, and so does what he says about them.",
    ],
)
def black_box(answer: Any) -> str:
    """The letters of the checks that need black-box access alone."""
    letters = list(answer) if isinstance(answer, str | list | tuple | set) else None
    if letters is None or not all(isinstance(letter, str) for letter in letters):
        raise Mistake('The answer is made of letters, such as "ae".')
    given = {letter.strip().lower() for letter in letters} - {"", ",", " "}
    unknown = given - set(_BLACK_BOX)
    if unknown:
        raise Mistake(f"There is no check {', '.join(sorted(unknown))}; the letters are a to e.")
    wanted = {letter for letter, possible in _BLACK_BOX.items() if possible}
    if extra := given - wanted:
        raise Mistake(f"{_some(len(extra))} in your answer needs more than inputs and answers.")
    if missing := wanted - given:
        raise Mistake(f"{_some(len(missing))} that a customer can do is not in your answer.")
    return "Both send inputs and compare answers. They differ in how many queries they need, and that is the paper."


def _some(count: int) -> str:
    return "One check" if count == 1 else "More than one check"


def rounded(w: np.ndarray, bits: int) -> np.ndarray:
    """w on symmetric uniform levels: step * integer, the largest |w| at the last of 2^(bits - 1) - 1 steps."""
    step = np.abs(w).max() / (2 ** (bits - 1) - 1)
    return np.round(w / step) * step


@exercise(
    "02.1",
    hints=[
        "Of the 2^bits integers one stands for 0 and one is left out, so that as many are above 0 as below.",
        "The largest integer is 2^(bits - 1) - 1, and it has to stand for the largest |w|: that fixes the step.",
        "Divide by the step, round to whole numbers, multiply by the step.",
    ],
)
def precision(answer: Any) -> str:
    """Implement rounding to symmetric uniform levels: rounded(w, bits)."""
    rng = np.random.default_rng(0)
    given = [[0.5, -1.0, 0.1], [0.2, 0.9, -0.4, 0.0], *(rng.normal(0, 0.3, n).round(2) for n in (4, 6, 9))]
    cases = [{"w": np.array(w), "bits": bits} for w, bits in zip(given, (3, 4, 2, 5, 8), strict=True)]

    def on_levels(w: np.ndarray, levels: float, turn: Any = np.round) -> np.ndarray:
        step = np.abs(w).max() / levels
        return turn(w / step) * step

    suspects = {
        "That is one step too many: the largest integer would not fit into so many bits.": lambda w, bits: on_levels(
            w, 2 ** (bits - 1)
        ),
        "All of the integers are above 0 there; half of them have to serve the negative weights.": lambda w, bits: (
            on_levels(w, 2**bits - 1)
        ),
        "Go to the nearest level, not to the next lower one.": lambda w, bits: on_levels(
            w, 2 ** (bits - 1) - 1, np.floor
        ),
        "Go to the nearest level, not to the next towards 0.": lambda w, bits: on_levels(
            w, 2 ** (bits - 1) - 1, np.trunc
        ),
        "These are the integers; the network computes with step times integer.": lambda w, bits: np.round(
            w / (np.abs(w).max() / (2 ** (bits - 1) - 1))
        ),
        "Negative weights count too: the step follows from the largest |w|, not the largest w.": lambda w, bits: (
            np.round(w / (w.max() / (2 ** (bits - 1) - 1))) * (w.max() / (2 ** (bits - 1) - 1))
        ),
    }
    function(answer, rounded, cases, suspects)
    return "No weight moves by more than half a step: the change is small, and everywhere at once."


_GOALS = {
    "trojan": "trigger",
    "error-generic poisoning": "any label",
    "error-specific poisoning": "one label",
    "compression": "storage",
    "arbitrary weights": "none",
}


@exercise(
    "02.2",
    hints=[
        "Which attack leaves every image alone that the attacker has not touched?",
        "Generic or specific: does the attacker care what the images of the class are taken for?",
        "Who gains when a network takes less space?",
    ],
)
def goals(answer: Any) -> str:
    """What each attack of the paper is after."""
    if not isinstance(answer, Mapping) or set(answer) != set(_GOALS):
        raise Mistake(f"The answer is a dict with the keys {', '.join(_GOALS)}.")
    words = set(_GOALS.values())
    unknown = [str(word) for word in answer.values() if word not in words]
    if unknown:
        raise Mistake(f"{unknown[0]!r} is none of the goals: {', '.join(sorted(words))}.")
    generic, specific = (answer[f"error-{kind} poisoning"] for kind in ("generic", "specific"))
    if (generic, specific) == (_GOALS["error-specific poisoning"], _GOALS["error-generic poisoning"]):
        raise Mistake("The two poisonings have changed places.")
    wrong = sum(answer[name] != goal for name, goal in _GOALS.items())
    if wrong:
        raise Mistake(f"{'One of the attacks has' if wrong == 1 else 'Several attacks have'} another goal.")
    return "So different are the goals, and one fingerprint serves against all: it asks whether the network was \
changed, not what for."


@exercise(
    "02.3",
    hints=[
        "`sweep.missing[kind][:, n_s - 1]` holds the missing rate of n_s queries at every strength.",
        "Strengths are counted from 0, the weakest first.",
    ],
)
def weakest_seen(answer: Any, sweep: AttackSweep, kind: str, n_s: int, alpha: float) -> str:
    """The weakest strength at which n_s queries miss with at most alpha."""
    rates = sweep.missing[kind][:, n_s - 1]
    if not (rates <= alpha).any():
        raise ValueError(f"alpha must be reached at some strength of {sweep.attack!r}; received {alpha}.")
    others = {name: r[:, n_s - 1] <= alpha for name, r in sweep.missing.items() if name != kind}
    single = sweep.missing[kind][:, 0] <= alpha
    suspects = {f"That is for {name}.": int(seen.argmax()) for name, seen in others.items() if seen.any()}
    suspects |= {
        "That is for one query.": int(single.argmax()) if single.any() else -1,
        "There they still miss too often; a rate *at most* so large is asked for.": int((rates > alpha).argmax()),
        "That is the strength at which they miss least; the weakest that is good enough is asked for.": int(
            rates.argmin()
        ),
    }
    index(answer, int((rates <= alpha).argmax()), len(sweep), suspects)
    return "Below it the attack is too small to see, and mostly too small to be of use."


@exercise(
    "12.1",
    hints=[
        "Each model has a rate before and one after. Which difference is positive where the attacker has gained?",
        "A difference of percentages is in percentage points: no division.",
    ],
)
def mean_increase(answer: Any, before: Any, after: Any) -> str:
    """The mean increase of the missing rate by fine-tuning, in percentage points."""
    before, after = np.asarray(before, float), np.asarray(after, float)
    right = 100 * float(np.mean(after - before))
    suspects = {
        "That is the decrease: after minus before is asked for.": -right,
        "That is relative to the rate before; points are differences of percentages.": (
            100 * float(np.mean(after) / max(np.mean(before), 1e-300) - 1)
        ),
        "That is the rate after it, not its increase.": 100 * float(np.mean(after)),
        "That is the median model; the mean is asked for.": 100 * float(np.median(after - before)),
        "That is the size of the moves, up and down alike; let them cancel.": 100
        * float(np.mean(np.abs(after - before))),
    }
    number(answer, right, suspects)
    return "One number for all models, and it hides whether they agree. That is the next question."


@exercise(
    "12.2",
    hints=[
        "If fine-tuning did nothing but shuffle, each model's rate would go up or down like a coin.",
        "How many of the models went the way that most of them went? Coins as one-sided as that, or more, count.",
        "Either side may be the winning one: twice one tail, and never above 1. `math.comb(n, k)` counts.",
    ],
)
def sign_test(answer: Any, before: Any, after: Any) -> str:
    """The two-sided p-value of the sign test: are the moves up and down more one-sided than coins?"""
    before, after = np.asarray(before, float), np.asarray(after, float)
    up, down = int(np.sum(after > before)), int(np.sum(after < before))
    n, most = up + down, max(up, down)

    def tail(k: int) -> float:
        return sum(math.comb(n, i) for i in range(k, n + 1)) / 2**n

    right = min(1.0, 2 * tail(most))
    suspects = {
        "That is one side; before looking nobody knew which way the rates would move.": tail(most),
        "That is the probability of exactly that count; as one-sided or more is asked for.": math.comb(n, most) / 2**n,
        "That counts only what is more one-sided still; what was seen counts too.": min(1.0, 2 * tail(most + 1)),
        "A probability is never above 1: where both tails overlap, it is 1.": 2 * tail(most),
        "That is the share of models that went up.": up / max(n, 1),
        "That is the probability of the other answer.": 1 - right,
    }
    number(answer, right, suspects)
    return "With five models even five out of five has a p-value of one in sixteen: such a small number proves little."
