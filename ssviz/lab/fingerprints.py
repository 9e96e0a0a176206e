"""Exercises of notebooks 05, 06, 10 and 11: which samples, which output, how many queries.

What is right follows from the context, by ssviz's own functions, for any model and data set.
"""

import itertools
import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from ssviz import evaluation
from ssviz.lab.feedback import Mistake, function, indices, number
from ssviz.lab.register import exercise
from ssviz.manc import check_active, manc
from ssviz.outputs import parse


@exercise(
    "05.1",
    hints=[
        "Cross out the columns that the first pick covers, then count again.",
        "Two rows that add the same number: Algorithm 2, as it is here, takes the one further up.",
    ],
)
def greedy_cover(answer: Any, active: Any, k: int) -> str:
    """The rows that MANC picks from a map, in order."""
    active = check_active(active, k)
    right = manc(active, k).indices
    if np.array_equal(answer, right + 1):
        raise Mistake("Rows are counted from 0, not from 1.")
    rows = indices(answer, len(active), k)
    if (rows == right).all():
        return "Greedy picks are nested: the first of them are also the answer for every smaller N_S."
    if (rows == np.argsort(-active.sum(axis=1), kind="stable")[:k]).all():
        raise Mistake(
            "These are the rows with the most active neurons. After the first pick only uncovered ones count."
        )
    if set(rows) == set(right):
        raise Mistake("These are the rows, in another order; the order of picking is asked for.")
    covered = np.zeros(active.shape[1], bool)
    for number_of_pick, row in enumerate(rows, start=1):
        gains = (active & ~covered).sum(axis=1)
        gains[rows[: number_of_pick - 1]] = -1
        if gains[row] < gains.max():
            raise Mistake(f"At pick {number_of_pick} another row adds more neurons that are not covered yet.")
        covered |= active[row]
    raise Mistake(
        "Each of your picks adds as many as possible, but of two that add the same the smaller number comes first."
    )


@exercise(
    "05.2",
    hints=[
        "A neuron counts once, however many of the samples activate it.",
        "Divide by all neurons of the map, also by those that no sample activates.",
    ],
)
def coverage(answer: Any, active: Any, picks: Any) -> str:
    """The share of all neurons that the picked rows of a map cover together."""
    picks = np.asarray(picks)
    chosen = check_active(np.asarray(active)[picks], len(picks))
    right = float(manc(chosen, len(picks)).coverage[-1])
    ever = max(int(np.asarray(active).any(axis=0).sum()), 1)
    suspects = {
        "That is the number of neurons; the share is asked for.": right * chosen.shape[1],
        "Neurons that several samples activate are counted several times.": chosen.sum() / chosen.shape[1],
        "That is the mean coverage of the single samples; together they cover more.": chosen.mean(),
        "That is the share that all of the picks activate; one of them is enough.": chosen.all(axis=0).mean(),
        "That is the share that stays uncovered.": 1 - right,
        "Divide by all neurons, not only by those that can be covered.": right * chosen.shape[1] / ever,
        "Divide by the number of neurons, not of samples.": right * chosen.shape[1] / len(picks),
    }
    number(answer, right, suspects)
    return "The union only grows: coverage never falls with a further sample."


@exercise(
    "05.3",
    hints=[
        "Greedy is tempted by the largest row. Let that one be a trap.",
        "Take two rows that together cover everything, and a third that is larger than either and cuts across both.",
    ],
)
def greedy_trap(answer: Any, k: int = 2) -> str:
    """A bool map on which greedy choice of k rows is not optimal."""
    try:
        active = np.asarray(answer)
    except ValueError:
        raise Mistake("The rows of your map differ in length.") from None
    if active.ndim != 2 or not active.size:
        raise Mistake("A map has two dimensions: a row for each sample, a column for each neuron.")
    if active.dtype.kind in "iu" and np.isin(active, (0, 1)).all():
        active = active.astype(bool)
    if active.dtype != bool:
        raise Mistake("The entries of a map are True and False, or 0 and 1.")
    if len(active) <= k:
        raise Mistake(f"Of {len(active)} rows, {k} leave no choice that could go wrong. Use more rows.")
    if math.comb(len(active), k) > 20_000:
        raise Mistake("That is too large to try all choices. A handful of rows is enough.")
    best = max(active[list(rows)].any(axis=0).sum() for rows in itertools.combinations(range(len(active)), k))
    if manc(active, k).covered[-1].sum() == best:
        raise Mistake(f"Greedy finds the best choice of {k} rows here: no other covers more.")
    return "And however the trap is built, greedy keeps more than 63% of the best coverage."


@exercise(
    "06.1",
    hints=[
        "Write down what the customer is shown, for each specification, before and after.",
        "Rounding can hide a change; an order of labels can change while every rounded number stays.",
    ],
)
def outputs_that_tell(answer: Any, before: Any, after: Any, outputs: Sequence[str]) -> str:
    """Those of the outputs, such as "top-1", that tell two probability vectors apart."""
    p, q = (np.asarray(values, np.float32).reshape(1, -1) for values in (before, after))
    offered = {parse(output).name: parse(output) for output in outputs}
    right = {name for name, output in offered.items() if not output.same(output.answer(p), output.answer(q))[0]}
    try:
        named = {parse(output).name for output in ([answer] if isinstance(answer, str) else answer)}
    except (TypeError, ValueError):
        raise Mistake('The answer is a list of names, such as "top-1" or "p-dec-2".') from None
    if named - set(offered):
        raise Mistake("You name an output that was not asked about.")
    wrong, missing = len(named - right), len(right - named)
    if wrong and missing:
        raise Mistake("Some that you name show no difference, and some that you leave out do.")
    if wrong:
        raise Mistake(f"You name {_some(wrong)} that shows the same before and after. Rounded, what is left?")
    if missing:
        raise Mistake(f"All that you name show it, but {_some(missing)} that you leave out does too.")
    return "The more an output shows, the smaller the change that it gives away."


def _some(count: int) -> str:
    return "one" if count == 1 else "more than one"


@exercise(
    "06.2",
    hints=[
        "The n of p-dec-n counts the digits after the decimal point.",
        "Rounding goes to the nearest; it does not cut. Each number is rounded for itself.",
    ],
)
def rounded(answer: Any, p: Any, output: str = "p-dec-2") -> str:
    """The probabilities p as an output such as p-dec-2 shows them."""
    p, spec = np.asarray(p, np.float64), parse(output)
    right, digits = spec.answer(p[None]).probabilities[0], spec.decimals
    try:
        given = np.asarray(list(answer) if isinstance(answer, list | tuple) else answer, float)
    except (TypeError, ValueError):
        raise Mistake("The answer is a list of numbers, one for each probability shown.") from None
    if given.shape != right.shape:
        raise Mistake(f"Asked for: {len(right)} numbers; what you give has shape {given.shape}.")
    unit = 10.0**digits
    kinds = {
        "These are percent; probabilities are asked for.": 100 * right,
        "Half goes to the even digit here, as in IEEE 754.": np.floor(np.round(p * unit, 6) + 0.5) / unit,
        "The digits are cut off, not rounded.": np.floor(p * unit) / unit,
        "They are rounded up throughout; rounding goes to the nearest.": np.ceil(p * unit) / unit,
        "One digit too many.": np.round(p, digits + 1),
        "One digit too few.": np.round(p, max(digits - 1, 0)),
        "These are not rounded.": p,
        "Each number is rounded for itself; nobody makes them sum to 1 again.": right / max(right.sum(), 1e-9),
    }
    if not np.allclose(given, right, rtol=0, atol=1e-7):
        found = [
            kind for kind, wrong in kinds.items() if wrong.shape == given.shape and np.allclose(given, wrong, 1e-6)
        ]
        differ = int((~np.isclose(given, right, rtol=0, atol=1e-7)).sum())
        raise Mistake(found[0] if found else f"{_some(differ).capitalize()} of the numbers is not right yet.")
    return "What is cut away here is what a small change can hide behind."


@exercise(
    "10.1",
    hints=[
        "Draw one sample after the other: how likely is it that the next one is blind too?",
        "All ways to choose the samples are equally likely. In how many of them is every one blind?",
        "`math.comb(n, k)` counts choices, and is 0 where k is larger than n.",
    ],
)
def missing_rate(answer: Any) -> str:
    """Implement the missing rate of n_s samples drawn without repetition, where d of n detect: f(n, d, n_s)."""

    def own(n: int, d: int, n_s: int) -> float:
        return float(evaluation.missing_rate(np.arange(n) < d, n_s))

    rng, cases = np.random.default_rng(0), [(4, 1, 1), (10, 3, 2), (10, 3, 0), (6, 4, 3), (5, 0, 2), (5, 5, 1)]
    for n in rng.integers(10, 40, 20):
        d = int(rng.integers(0, n + 1))
        cases.append((int(n), d, int(rng.integers(0, n - d + 1))))
    suspects = {
        "That is right for draws with repetition; here no sample is asked twice.": lambda n, d, s: (1 - d / n) ** s,
        "That is the probability that at least one detects; a miss is the opposite.": lambda *a: 1 - own(*a),
        "That is the probability that all detect; a miss is that none does.": lambda n, d, s: own(n, n - d, s),
        "That is in percent; a probability is asked for.": lambda *a: 100 * own(*a),
        "n_s plays no part in that.": lambda n, d, s: 1 - d / n,
    }
    function(answer, own, [dict(zip(("n", "d", "n_s"), case, strict=True)) for case in cases], suspects)
    return "Exact, without a single trial, and so also for rates that no number of trials would show."


@exercise(
    "10.2",
    hints=[
        "Each compromised model has a missing rate of its own. Which comes first, the mean or the power?",
        "`ssviz.evaluation.missing_rate` takes the whole map: one rate for each model.",
    ],
)
def mean_of_rates(answer: Any, detected: Any, n_s: int) -> str:
    """The mean over compromised models of the missing rate of n_s samples."""
    detected = np.asarray(detected)
    rates = evaluation.missing_rate(detected, n_s)
    right, pooled = float(np.mean(rates)), float(evaluation.missing_rate(detected.ravel(), n_s))
    with_repetition = float(np.mean(evaluation.missing_rate(detected, n_s, replace=True)))
    suspects = {
        "That is the rate of the mean model. The easy models cannot make up for the hard ones.": (
            (1 - detected.mean()) ** n_s
        ),
        "All models are thrown together there; a customer faces one of them.": pooled,
        "That is for draws with repetition.": with_repetition,
        "That is the mean probability of a detection.": 1 - right,
        "That is the sum over the models.": float(np.sum(rates)),
        "That is the hardest model's rate; the mean is asked for.": float(np.max(rates)),
    }
    number(answer, right, suspects, rtol=1e-3)
    return "The rate is a convex function of the share that detects, so the mean of the rates is never below the \
rate of the mean, and the hardest model rules it."


@exercise(
    "11.1",
    hints=[
        "The missing rate falls with every sample. Where does it first reach alpha?",
        "From an unlimited supply the rate is a power; a logarithm finds the exponent.",
    ],
)
def samples_needed(answer: Any, detected: Any, alpha: float, replace: bool = False) -> str:
    """The smallest number of random samples with a missing rate of at most alpha."""
    needed, share = evaluation.samples_needed, float(np.mean(detected))
    suspects = {
        f"That is for draws {'without' if replace else 'with'} repetition.": needed(
            detected, alpha, replace=not replace
        ),
        "That is for alpha in percent; here it is a share.": needed(detected, alpha / 100, replace=replace),
        "The samples that detect and those that miss have changed places.": needed(
            ~np.asarray(detected), alpha, replace=replace
        ),
        "After so many samples one detection is to be expected; that is not yet a rate of alpha.": (
            math.ceil(1 / share) if share else 0
        ),
    }
    number(answer, needed(detected, alpha, replace=replace), suspects, whole=True)
    return "Ten times as strict costs about the same number of samples again: the rate falls geometrically."


@exercise(
    "11.2",
    hints=[
        "How many natural images would it take, and how many Sensitive-Samples?",
        "The paper's Efficiency says how many times fewer queries are sent.",
    ],
)
def efficiency(answer: Any, natural: Any, sensitive: Any, alpha: float) -> str:
    """The Efficiency: random natural images needed for alpha, per random Sensitive-Sample needed."""
    many = evaluation.samples_needed(natural, alpha, replace=True)
    few = evaluation.samples_needed(sensitive, alpha)
    suspects = {
        "That is upside down: it should be the larger, the more is saved.": few / many,
        "That is the difference; the ratio is asked for.": many - few,
        "That is the ratio of the shares that detect; Efficiency compares numbers of samples.": (
            float(np.mean(sensitive) / max(np.mean(natural), 1e-300))
        ),
        "The supply of natural images is unlimited: `replace=True`.": evaluation.samples_needed(natural, alpha) / few,
    }
    number(answer, many / few, suspects)
    return "Much of the price of a check is the number of its queries, and that is what this saves."
