"""Exercises of notebook 00: what a verdict says, and what ordinary pictures cost."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from ssviz.fingerprint import Fingerprint
from ssviz.lab.feedback import Mistake, number
from ssviz.lab.register import exercise
from ssviz.outputs import Answer, parse

STATUSES = ("intact", "tampered", "inconclusive")


@exercise(
    "00.1",
    hints=[
        "Send the pictures one by one, from the left, and stop at the first label that differs.",
        "Has anything differed? Has every answer come? Two questions, three verdicts.",
        "No answer is neither a right answer nor a wrong one.",
    ],
)
def verdicts(answer: Any, expected: Sequence[int], received: Sequence[Sequence[Any]]) -> str:
    """The verdict on each of several endpoints, from the labels that came.

    expected: the fingerprint's labels. received: of each endpoint one label a picture, or a word where none came.
    """
    if isinstance(answer, str) or not isinstance(answer, list | tuple | np.ndarray):
        raise Mistake("The answer is a list of words, one for each endpoint.")
    words = [str(word).strip().casefold() for word in answer]
    if len(words) != len(received):
        raise Mistake(f"There are {len(received)} endpoints; you judge {len(words)}.")
    if not set(words) <= set(STATUSES):
        raise Mistake(f"The words are {', '.join(STATUSES)}.")
    right = [_status(expected, labels) for labels in received]
    wrong = [(said, true) for said, true in zip(words, right, strict=True) if said != true]
    if not wrong:
        return "A failure proves nothing, so nobody is accused of it, and nobody is trusted for it."
    for confused, message in _CONFUSIONS.items():
        if confused in wrong:
            raise Mistake(message)
    raise Mistake("Compare the labels once more, one by one.")


# (said, true) -> what to say.
_CONFUSIONS = {
    ("tampered", "inconclusive"): "An endpoint that gives no answer has not given a wrong one: you accuse too early.",
    ("intact", "inconclusive"): "Nothing differs so far, but not every answer has come: you trust too early.",
    ("inconclusive", "tampered"): "A single label that differs is proof. What fails afterwards is not even asked.",
}


def _status(expected: Sequence[int], labels: Sequence[Any]) -> str:
    """What Fingerprint.verify says of an endpoint that answers so."""
    answers = iter(labels)

    def endpoint(x: np.ndarray) -> np.ndarray:
        return np.array([int(next(answers))])  # a word is no label: the query fails

    samples, answer = np.zeros((len(expected), 1), np.float32), Answer(np.array(expected)[:, None])
    classes = 1 + max(label for label in (*expected, *labels) if not isinstance(label, str))
    return Fingerprint(samples, answer, parse("top-1"), int(classes), "", "").verify(endpoint).status


@exercise(
    "00.2",
    hints=[
        "Each picture misses with probability 1 - share. How likely is it that all of them miss?",
        "A power falls below alpha: a logarithm finds the exponent.",
        "`math.ceil` rounds up to the whole picture.",
    ],
)
def pictures_needed(answer: Any, share: float, alpha: float) -> str:
    """How many pictures, each with the same chance to notice, miss with probability alpha at most."""
    right = math.ceil(math.log(alpha) / math.log1p(-share) - 1e-9)
    suspects = {
        "After so many pictures one is expected to notice; often none has.": math.ceil(1 / share),
        "That is for alpha in percent; here it is a share.": math.ceil(math.log(alpha / 100) / math.log1p(-share)),
        "That many suffice to notice with probability alpha; it is a miss that is to be that rare.": math.ceil(
            math.log1p(-alpha) / math.log1p(-share)
        ),
        "The chances do not add up: the pictures that notice may be the same ones again.": math.ceil(
            (1 - alpha) / share
        ),
    }
    number(answer, right, suspects, whole=True)
    few = math.ceil(math.log2(1 / alpha))
    return f"A Sensitive-Sample notices about every second change, so that {few} of them do the same."
