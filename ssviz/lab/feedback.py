"""What a student reads, and the judges that tell one kind of mistake from another. NumPy only."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

import numpy as np

# By `ok`: sign with word, and the bar beside the text. Sign and word say what the colours (Okabe and Ito's) say; the
# text keeps the page's own colour, dark or light.
_LOOKS = {
    True: ("✓ Right", "solid #009E73"),
    False: ("✗ Not yet", "dashed #D55E00"),
    None: ("○ Not answered yet", "dotted #808080"),
}


class Mistake(Exception):
    """Raised by an exercise's function on a wrong answer; its text is for the student."""


class Unanswered(Exception):
    """Raised on a function that returns `...` or nothing, or raises NotImplementedError."""


@dataclass(frozen=True, repr=False)
class Feedback:
    """What to say of an answer: ok is True (right), False (not yet) or None (nothing to judge).

    message: for the student, code in backticks. exercise: its id. word: instead of "✓ Right" and so on.
    """

    ok: bool | None
    message: str
    exercise: str = ""
    word: str = ""

    @property
    def mark(self) -> str:
        """Sign and word, such as "✓ Right"."""
        return self.word or _LOOKS[self.ok][0]

    def __repr__(self) -> str:
        return f"{self.exercise} {self.mark}. {self.message}".strip()

    def _repr_markdown_(self) -> str:
        return f"> **{self.mark}** · {self.exercise}\n>\n> {self.message}"

    def _repr_html_(self) -> str:
        text = re.sub("`([^`]+)`", r"<code>\1</code>", escape(self.message, quote=False))
        return (
            f'<div style="border-left:5px {_LOOKS[self.ok][1]};padding:.2em .8em;margin:.3em 0">'
            f"<b>{escape(self.mark)}</b> · {escape(self.exercise)}<br>{text}</div>"
        )


def unfilled(answer: Any) -> bool:
    """Whether an answer is `...` or None, or a list, tuple, set or dict that holds one."""
    if isinstance(answer, np.ndarray) and answer.dtype == object:
        answer = answer.tolist()
    if isinstance(answer, Mapping):
        answer = list(answer.values())
    if isinstance(answer, list | tuple | set):
        return any(unfilled(part) for part in answer)
    return answer is None or answer is Ellipsis


def is_number(value: Any) -> bool:
    """Whether a value is one number (NumPy's and tensors too), not a bool."""
    if isinstance(value, str | bytes) or callable(value):
        return False
    try:
        value = np.asarray(value)
    except ValueError:  # a ragged list
        return False
    return value.size == 1 and value.dtype.kind in "iuf"


def number(
    answer: Any,
    expected: float,
    suspects: Mapping[str, float] | None = None,
    *,
    rtol: float = 0.01,
    whole: bool = False,
) -> None:
    """Pass if answer is expected to rtol; else raise Mistake with the kind of mistake.

    suspects: what to say -> the value that this mistake leads to, the most telling first. whole: the answer counts
    something, so it must be exact.
    """
    if not is_number(answer):
        raise Mistake(f"The answer is one number; yours is {_described(answer)}.")
    value = float(np.asarray(answer).item())
    if np.isnan(value):
        raise Mistake("Your answer is NaN: somewhere 0 is divided by 0, or a logarithm is taken of a negative number.")
    rtol = 0 if whole else rtol
    if not _near(value, expected, rtol):
        raise Mistake(_kind(value, expected, suspects or {}, rtol, whole))


def _near(value: float, other: float, rtol: float) -> bool:
    """Sensitivities may be 1e-20, so there is no absolute tolerance but around 0 itself."""
    return bool(np.isclose(value, other, rtol=rtol, atol=1e-12 if other == 0 else 0))


def _kind(value: float, expected: float, suspects: Mapping[str, float], rtol: float, whole: bool = False) -> str:
    known = {
        **suspects,
        "The size is right, the sign is not.": -expected,
        "That is a hundred times too large: percent, where a share was asked for?": 100 * expected,
        "That is a hundred times too small: a share, where percent was asked for?": expected / 100,
    }
    if whole and abs(value - expected) == 1:
        return "Off by one: does your number already suffice, and would one less?"
    near = [message for message, wrong in known.items() if _near(value, wrong, rtol)]
    if near:
        return near[0]
    if whole and np.isfinite(value) and value != round(value):
        return "The answer counts something, so it is a whole number. Should it be rounded up or down?"
    return size_of_miss(value, expected)


def size_of_miss(value: float, expected: float) -> str:
    """A sentence on how far value is from expected, in words."""
    if not (np.isfinite(value) and np.isfinite(expected)) or value == 0 or expected == 0:
        return "That is another kind of number: look at the cases zero and infinity."
    if (value < 0) != (expected < 0):
        return "The sign is not right, and the size is another too."
    ratio = abs(value / expected)
    if 0.9 <= ratio <= 1.1:
        return "Close, within a tenth, but not by rounding alone."
    if 0.3 <= ratio <= 3.3:
        return "The order of magnitude is right, the number is not."
    return (
        f"Too {'large' if ratio > 1 else 'small'}, by {'far more than' if abs(np.log10(ratio)) > 1.5 else 'about'} a \
power of ten."
    )


def index(answer: Any, expected: int, n: int, suspects: Mapping[str, int] | None = None) -> None:
    """Pass if answer is the row expected of n; else raise Mistake. suspects: as in `number`."""
    (row,) = indices([answer] if np.ndim(answer) == 0 else answer, n, 1)
    if row != expected:
        found = [message for message, wrong in (suspects or {}).items() if wrong == row]
        raise Mistake(found[0] if found else "It is another row.")


def indices(answer: Any, n: int, count: int) -> np.ndarray:
    """The answer as count different rows of n, int (count,); raises Mistake if it is not that."""
    try:
        rows = np.asarray(list(answer) if isinstance(answer, range | tuple | list) else answer)
    except ValueError:
        rows = np.asarray(None)
    if rows.dtype.kind not in "iu" or rows.ndim != 1:
        raise Mistake(f"The answer is made of row numbers, whole numbers in order; yours is {_described(answer)}.")
    if len(rows) != count:
        raise Mistake(f"Asked for: {count} of them; received {len(rows)}.")
    if rows.min() < 0 or rows.max() >= n:
        raise Mistake(f"Rows are counted from 0 to {n - 1}, one less than the {n} there are; one of yours is outside.")
    if len(set(rows.tolist())) < count:
        raise Mistake("A row is there twice; each is picked once.")
    return rows


def function(
    answer: Any,
    own: Callable,
    cases: Sequence[Mapping[str, Any]],
    suspects: Mapping[str, Callable] | None = None,
    *,
    rtol: float = 1e-6,
    atol: float = 1e-9,
) -> None:
    """Pass if the function answer does what own does on every case; else raise Mistake with the first counterexample.

    cases: the arguments by name, in their order, the simplest case first. suspects: what to say -> the function that
    this mistake leads to. Raises Unanswered on a function without a body.
    """
    if not callable(answer):
        raise Mistake(f"The answer is the function itself, its name without brackets; yours is {_described(answer)}.")

    def same(a: np.ndarray, b: Any) -> bool:
        b = np.asarray(b)
        return a.shape == b.shape and np.allclose(a, b, rtol=rtol, atol=atol, equal_nan=True)

    with np.errstate(all="ignore"):
        for case in cases:
            got, wanted = _call(answer, case), np.asarray(own(*case.values()))
            if same(got, wanted):
                continue
            for message, wrong in (suspects or {}).items():
                if all(same(_call(answer, other), wrong(*other.values())) for other in cases):
                    raise Mistake(f"{message} First counterexample: {_arguments(case)}.")
            raise Mistake(f"First counterexample: {_arguments(case)}. {_difference(got, wanted)}")


def _call(answer: Callable, case: Mapping[str, Any]) -> np.ndarray:
    try:
        got = answer(*(value.copy() if isinstance(value, np.ndarray) else value for value in case.values()))
    except NotImplementedError:
        raise Unanswered from None
    except Exception as error:
        raise Mistake(
            f"Your function raises {_code(f'{type(error).__name__}: {error}')} for {_arguments(case)}."
        ) from None
    if unfilled(got):
        raise Unanswered
    try:
        return np.asarray(got, float)
    except (TypeError, ValueError):
        raise Mistake(f"Your function returns {_described(got)} for {_arguments(case)}, not numbers.") from None


def _difference(got: np.ndarray, wanted: np.ndarray) -> str:
    if got.shape != wanted.shape:
        return f"What your function returns has shape {got.shape} there, not {wanted.shape}."
    if np.isnan(got).any():
        return "Your function returns NaN there. Is something divided by zero?"
    if got.ndim == 0:
        return _kind(float(got), float(wanted), {}, 1e-6)
    row = int(np.argwhere(~np.isclose(got, wanted, rtol=1e-5, atol=1e-6))[0][0])
    return f"Your function returns something else in row {row}."


def _arguments(case: Mapping[str, Any]) -> str:
    def shown(value: Any) -> str:
        if not isinstance(value, np.ndarray):
            return str(value)
        return " ".join(np.array2string(value, separator=", ", formatter={"float_kind": "{:g}".format}).split())

    return _code(", ".join(f"{name} = {shown(value)}" for name, value in case.items()))


def _described(answer: Any) -> str:
    if callable(answer):
        return "a function"
    if isinstance(answer, np.ndarray):
        return f"an array of {answer.dtype} of shape {answer.shape}"
    name = type(answer).__name__
    return f"a {name} of length {len(answer)}" if isinstance(answer, list | tuple | set | dict) else f"a {name}"


def _code(text: str) -> str:
    return "`" + " ".join(text.replace("`", "'").split()) + "`"
