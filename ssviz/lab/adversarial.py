"""Exercises of notebooks 07 and 08: adversarial examples, and the models of Section 4.

What is right follows from the context, by ssviz's own functions, for any model and data set.
"""

import math
from typing import Any

import numpy as np

from ssviz import generation
from ssviz.lab.feedback import Mistake, function, number
from ssviz.lab.register import exercise


@exercise(
    "07.1",
    hints=[
        "Every pixel takes a step of the same length; the gradient only says which way.",
        "Up the loss, so add. Then back into the bounds.",
        "NumPy has both: `np.sign` and `np.clip`.",
    ],
)
def fgsm_by_hand(answer: Any) -> str:
    """Implement one FGSM step(x, g, epsilon, low, high), with g the gradient of the loss."""
    rng = np.random.default_rng(7)
    cases = []
    for shape, epsilon, low, high in (((1, 3), 0.1, 0.0, 1.0), ((2, 4), 0.3, 0.0, 1.0), ((1, 2, 2, 1), 8.0, 0.0, 255.0),
                                      ((2, 3), 0.5, -1.0, 1.0)):  # fmt: skip
        x = rng.uniform(low, high, shape).round(2)
        g = rng.normal(0, 3, shape).round(1)
        x.flat[0], g.flat[0] = high, 2.0  # the bound is met
        x.flat[1], g.flat[1] = (low + high) / 2, 0.2
        cases.append({"x": x, "g": g, "epsilon": epsilon, "low": low, "high": high})

    def own(x: Any, g: Any, epsilon: float, low: float, high: float) -> Any:
        return generation.project_box(x + epsilon * np.sign(g), low, high)

    def length(g: Any) -> Any:
        return np.sqrt((g**2).sum(axis=tuple(range(1, g.ndim)), keepdims=True))

    suspects = {
        "That goes down the loss: it makes the network surer.": lambda x, g, e, a, b: np.clip(x - e * np.sign(g), a, b),
        "The bounds are missing.": lambda x, g, e, a, b: x + e * np.sign(g),
        "The bounds are arguments, not always 0 and 1.": lambda x, g, e, a, b: np.clip(x + e * np.sign(g), 0, 1),
        "The step has the gradient's size; FGSM keeps only its sign.": lambda x, g, e, a, b: np.clip(x + e * g, a, b),
        "That is the step of l2; in linf every pixel moves by epsilon.": lambda x, g, e, a, b: np.clip(
            x + e * g / length(g), a, b
        ),
        "Clip the result, not the step.": lambda x, g, e, a, b: x + np.clip(e * np.sign(g), a, b),
    }
    function(answer, own, cases, suspects, rtol=1e-5, atol=1e-5)
    return "PGD is this step, made shorter and repeated, with a projection onto the epsilon-ball after each."


@exercise(
    "07.2",
    hints=[
        "At the tie of K classes, what is the probability of each?",
        "The loss is minus the natural logarithm of the probability of the right label.",
    ],
)
def loss_at_a_tie(answer: Any) -> str:
    """The function of K that gives the loss where the right class ties with K - 1 others."""
    suspects = {
        "That is the probability; the loss is minus its logarithm.": lambda k: 1 / k,
        "That is in bits, to base 2; the loss takes the natural logarithm.": lambda k: math.log2(k),
        "That is to base 10; the loss takes the natural logarithm.": lambda k: math.log10(k),
        "The sign is wrong: a loss is not negative.": lambda k: -math.log(k),
        "Count again: K classes share the probability, the right one among them.": lambda k: math.log(k + 1),
        "The right class is one of the K, so each has 1/K, not 1/(K - 1).": lambda k: math.log(k - 1),
    }
    function(answer, math.log, [{"k": k} for k in (2, 3, 5, 10, 43)], suspects, rtol=1e-4)
    return "Set it beside the losses of the table: the ascent of S stops there, the ascent of the loss goes on."


@exercise(
    "07.3",
    hints=[
        "First choose the pictures on which the intact network errs: only these are adversarial examples.",
        "Of these, count those to which both networks give one and the same label.",
    ],
)
def transfer(answer: Any, labels: Any, predicted: Any, answers: Any) -> str:
    """The share of the adversarial examples that get the same wrong label from the compromised network."""
    labels, predicted, answers = (np.asarray(a) for a in (labels, predicted, answers))
    fooled = predicted != labels
    if not fooled.any():
        raise ValueError("predicted must differ from labels somewhere: here the intact network errs on none.")
    same = answers == predicted
    right = float(same[fooled].mean())
    suspects = {
        "That is the share that gets another label; asked is the share that gets the same.": 1 - right,
        "That is among all pictures; asked is among those on which the intact network errs.": float(same.mean()),
        "That is the right number of pictures, divided by all; divide by the adversarial ones.": float(
            (same & fooled).mean()
        ),
        "That counts every error of the compromised network; asked is the same wrong label.": float(
            (answers != labels)[fooled].mean()
        ),
        "That is their number; the share is asked for.": float(same[fooled].sum()),
        "That is the share on which the intact network errs.": float(fooled.mean()),
    }
    number(answer, right, suspects)
    return "What transfers tells nothing apart: the further beyond the boundary, the less it notices."


@exercise(
    "08.1",
    hints=[
        "One weight leads from each feature to each class.",
        "The bias is a weight too: one a class.",
    ],
)
def size_of_w(answer: Any, features: int, classes: int) -> str:
    """How many parameters W has, if it is the last layer."""
    suspects = {
        "The biases are missing: one a class.": features * classes,
        "A bias belongs to a class, not to a feature.": features * (classes + 1),
        "That is the number of biases alone.": classes,
        "Every feature is joined to every class: multiply.": features + classes,
        "There is one bias a class, not one for all.": features * classes + 1,
    }
    number(answer, (features + 1) * classes, suspects, whole=True)
    return "S has a term for each of them and each output: the closed form never writes them down."


@exercise(
    "08.2",
    hints=[
        "The share p of n pictures has the standard error `sqrt(p * (1 - p) / n)`.",
        "Set the loss equal to two standard errors and solve for n.",
        "Percent are hundredths: divide both numbers by 100 first.",
    ],
)
def pictures_to_see_a_loss(answer: Any, accuracy: float, lost: float) -> str:
    """How many clean pictures it takes until a loss of accuracy is two standard errors (both in percent)."""
    p, delta = accuracy / 100, lost / 100
    if not (0 < p < 1 and delta > 0):
        raise ValueError(f"accuracy must lie between 0 and 100 and lost above 0; received {accuracy:g} and {lost:g}.")
    exact = 4 * p * (1 - p) / delta**2
    suspects = {
        "That is for one standard error; two are asked for.": math.ceil(exact / 4),
        "Two standard errors: the square of 2 is 4.": math.ceil(exact / 2),
        "Round up: a picture fewer is not enough.": math.floor(exact),
        "The loss must be squared: the error falls with the root of n.": math.ceil(4 * p * (1 - p) / delta),
        "The variance of a share is p (1 - p), not p.": math.ceil(4 * p / delta**2),
        "The variance of a share is p (1 - p), not 1 - p.": math.ceil(4 * (1 - p) / delta**2),
        "A root too many: solve for n, not for its root.": math.ceil(math.sqrt(exact)),
        "Percent: divide both numbers by 100 first.": math.ceil(4 * accuracy * (100 - accuracy) / lost**2),
    }
    if answer == math.floor(exact) != math.ceil(exact):
        raise Mistake("Round up: a picture fewer is not enough.")
    number(answer, math.ceil(exact), suspects, whole=True)
    return "And you must know the right labels of all of them. A fingerprint needs none, and a handful of queries."
