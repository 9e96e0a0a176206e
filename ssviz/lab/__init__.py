"""Self-checks, hints and predictions for the exercises of the notebooks.

    from ssviz import lab
    lab.check("04.1", my_answer, v=v, v0=v0)   what kind of mistake it is, never the value; `...` is "not answered yet"
    lab.hint("04.1")                           one more hint with each call
    lab.predict("04.a", 0.5)                   before the experiment; after it, lab.compare("04.a", measured)

A new exercise is a function that raises `Mistake` or returns what to say of a right answer, under the decorator
`exercise`: see ssviz/lab/samples.py. Hints given and predictions are kept until the kernel is restarted.
"""

import inspect
from collections import Counter
from typing import Any

import numpy as np

from ssviz.lab import (  # noqa: F401 - they enter their exercises
    adversarial,
    beyond,
    fingerprints,
    results,
    samples,
    start,
    threats,
)
from ssviz.lab.feedback import Feedback, Mistake, Unanswered, is_number, size_of_miss, unfilled
from ssviz.lab.register import EXERCISES, Exercise, exercise

__all__ = ["EXERCISES", "Feedback", "Mistake", "check", "compare", "exercise", "hint", "predict"]

_hints_given: Counter[str] = Counter()
_predictions: dict[str, Any] = {}


def check(exercise: str, answer: Any, /, **context: Any) -> Feedback:
    """Judge an answer: right, or what kind of mistake it is.

    exercise: its id, such as "04.1". answer: what the exercise asks for; `...` or None, also inside a list or
    returned by a function, is not answered yet. context: what the right answer is computed from, by the names that
    the exercise's function gives it. A wrong answer raises nothing: `.ok` is True, False, or None if not answered.
    Raises ValueError if there is no such exercise, TypeError if the context is not what it needs.
    """
    entry = _find(exercise)
    try:
        inspect.signature(entry.check).bind(answer, **context)
    except TypeError as error:
        raise TypeError(f"exercise {exercise} needs other context: {error}; see {_signature(entry)}.") from None
    try:
        if unfilled(answer):
            raise Unanswered
        return Feedback(True, entry.check(answer, **context), exercise)
    except Unanswered:
        return Feedback(None, f"Replace the `...` by your answer and run the cell again. {_offer(entry)}", exercise)
    except Mistake as mistake:
        return Feedback(False, f"{mistake} {_offer(entry)}", exercise)


def hint(exercise: str) -> Feedback:
    """The next hint of an exercise, until there are no more. Raises ValueError if there is no such exercise."""
    hints = _find(exercise).hints
    given = _hints_given[exercise]
    if given == len(hints):
        return Feedback(None, f"You have seen all {given}; they are above.", exercise, "○ No more hints")
    _hints_given[exercise] += 1
    return Feedback(None, hints[given], exercise, f"? Hint {given + 1} of {len(hints)}")


def predict(key: str, guess: Any) -> Feedback:
    """Note a prediction before the experiment: a number, or a word where there is a choice.

    key: any name, the same in `compare`; a new prediction replaces the old one. `...` notes nothing.
    """
    if unfilled(guess):
        _predictions.pop(key, None)
        return Feedback(
            None, "Replace the `...` by your prediction. A guess is good enough.", key, "○ No prediction yet"
        )
    _predictions[key] = guess
    return Feedback(None, f"You predict {_shown(guess)}. Now run the experiment.", key, "○ Noted")


def compare(key: str, measured: Any, *, rtol: float = 0.1) -> Feedback:
    """Set what was measured beside what was predicted.

    measured: a number, or a word where there is a choice. rtol: how far, as a share of the measured, a number may
    be off and still count as predicted. `.ok` is None if nothing was predicted.
    """
    if key not in _predictions:
        return Feedback(None, f"Measured: {_shown(measured)}. Next time, predict first.", key, "○ No prediction")
    guess = _predictions[key]
    both = f"You predicted {_shown(guess)}, and it is {_shown(measured)}"
    if is_number(guess) and is_number(measured):
        as_predicted = bool(np.isclose(float(guess), float(measured), rtol=rtol, atol=0))
        miss = "" if as_predicted else f" {size_of_miss(float(guess), float(measured))}"
    else:
        as_predicted, miss = _folded(guess) == _folded(measured), ""
    if as_predicted:
        return Feedback(True, f"{both}.", key, "= As predicted")
    return Feedback(False, f"{both}.{miss} What did you not think of?", key, "≠ A surprise")


def _find(exercise: str) -> Exercise:
    if exercise not in EXERCISES:
        there_are = "; ".join(f"{name} ({EXERCISES[name].title})" for name in sorted(EXERCISES))
        raise ValueError(f"exercise must be one of: {there_are}. Received {exercise!r}.")
    return EXERCISES[exercise]


def _signature(entry: Exercise) -> str:
    _, *context = inspect.signature(entry.check).parameters.values()
    given = [f", {p.name}={'...' if p.default is p.empty else p.default}" for p in context]
    return f'lab.check("{entry.id}", answer{"".join(given)})'


def _offer(entry: Exercise) -> str:
    return f'For a hint: `lab.hint("{entry.id}")`.' if _hints_given[entry.id] < len(entry.hints) else ""


def _shown(value: Any) -> str:
    return f"{float(value):.3g}" if is_number(value) else str(value)


def _folded(value: Any) -> str:
    return str(value).strip().casefold()
