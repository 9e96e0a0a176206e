"""Exercises of notebook 13: ties of K classes, the certificate of a weight, the gap of a pair.

What is right follows from the context, for any model and data set.
"""

import math
from typing import Any

import numpy as np

from ssviz.lab.feedback import Mistake, function, is_number, number
from ssviz.lab.register import exercise


@exercise(
    "13.1",
    hints=[
        "After a change in no particular direction, which of the K classes is ahead?",
        "All K are as likely to be ahead. The label stays if it is the one that was.",
    ],
)
def flips_at_a_tie(answer: Any) -> str:
    """The function of K that gives the probability that a K-way tie changes its label."""
    suspects = {
        "That is the probability that the label stays.": lambda k: 1 / k,
        "That is right for two classes. What if there are more to change to?": lambda k: 0.5,
        "That is the factor of p in the sensitivity: how far the probabilities move, not which class is ahead.": (
            lambda k: (k - 1) / k**2
        ),
        "The others are compared with the top class at once, not each on its own coin.": lambda k: 1 - 0.5 ** (k - 1),
    }
    function(answer, lambda k: 1 - 1 / k, [{"k": k} for k in (2, 3, 5, 10, 43)], suspects, rtol=1e-4)
    return "So a tie of ten misses one change in ten, and two of them, if they are independent, one in a hundred."


@exercise(
    "13.2",
    hints=[
        "Changing w_ij by d adds something to one logit alone. To which, and how much?",
        "The label changes when that logit has caught up with the top one. How far is it behind?",
    ],
)
def smallest_increase(answer: Any, logits: Any, features: Any, i: int, j: int) -> str:
    """The smallest increase of w_ij that changes the label of one sample, j not being its top class."""
    z, h = np.asarray(logits, float), np.asarray(features, float)
    behind, loudness = float(z.max() - z[j]), float(h[i])
    right = behind / loudness if loudness > 0 else math.inf
    runner_up = float(z.max() - np.sort(z)[-2])
    suspects = {
        "That is how far class j is behind; a change of the weight is multiplied by its feature.": behind,
        "The feature multiplies the change, so you divide by it.": behind * loudness,
        "That is for the runner-up. Only the logit of class j moves.": (
            runner_up / loudness if loudness > 0 else runner_up
        ),
        "That is the distance of two probabilities: the layer is linear in its logits.": float(
            np.ptp(np.exp(z[[z.argmax(), j]] - z.max())) / (loudness or 1)
        ),
        "The bias is not a feature; count the features from 0.": (
            behind / float(h[i - 1]) if i and h[i - 1] > 0 else math.nan
        ),
    }
    number(answer, right, {what: value for what, value in suspects.items() if np.isfinite(value) and value != right})
    if not loudness > 0:
        return "A neuron that is silent hides its weights, whatever is done to them."
    return "Near a tie, or with a loud neuron, the change can be small. That is all that the certificate computes."


@exercise(
    "13.3",
    hints=[
        "A pair gives a false alarm at every gap that is smaller than its reach.",
        "Move the slider up from the left until the last false alarm is gone.",
    ],
)
def gap_without_alarms(answer: Any, noise: Any, gaps: Any) -> str:
    """The smallest gap of the slider at which no pair gives a false alarm, from the reach of the noise on each."""
    noise, gaps = np.asarray(noise, float), np.sort(np.asarray(gaps, float))
    if not is_number(answer):
        raise Mistake("The answer is one number, a gap that the slider has.")
    value = float(np.asarray(answer).item())
    near = np.isclose(gaps, value, rtol=1e-3, atol=0)
    if not near.any():
        raise Mistake("The slider has no such gap. Read its label.")
    chosen = float(gaps[near][0])
    if alarms := int((noise > chosen).sum()):
        raise Mistake(f"At that gap {alarms} of {len(noise)} pairs still give a false alarm.")
    if not (noise > gaps[gaps < chosen].max(initial=-np.inf)).any() and chosen > gaps[0]:
        raise Mistake("No false alarm there, but there is none at a smaller gap either, and smaller gaps detect more.")
    return "The gap is the price of honest numerics: below it the cloud is accused for rounding, above it attacks hide."
