"""The missing rate of MANC on random bags, exactly where that is feasible, else by splitting.

MANC picks the same samples from the same bag, so a rate needs random bags: here a uniformly random sub-bag of
a pool, then Algorithm 2 on it. Rank the pool by gain, ties to the lowest index. The first pick from a random
sub-bag of r out of m is the one at rank j exactly if that one is in the bag and none before it is:

    P(j) = C(m-j-1, r-1) / C(m, r),   j = 0 ... m-r

and given that, the other r-1 are a uniformly random sub-bag of the m-j-1 ranked after it. So the picks form a
tree, of which the missing rate needs only the branches whose picks all fail to detect. Where the tree gets too
wide, a random few of its branches go on after each pick and weigh as much as all (multilevel splitting): a rate
of 1e-8 takes some 27 picks that miss every other time, not 1e8 trials.

References:
    P. Fearnhead and P. Clifford, "On-line inference for hidden Markov models via particle filters", Journal of
    the Royal Statistical Society B 65(4), 2003: which branches go on, and with what weight.
"""

import math
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from ssviz.manc import check_active, packed

POPULATIONS = 10  # independent ones, whose spread gives the interval
STUDENT = 2.262157  # two-sided 95 % quantile of Student's t for POPULATIONS - 1 degrees of freedom


@dataclass(frozen=True, eq=False)
class MancMissingRates:
    """Missing rates of MANC for n_s = 1 to k: n_s_max, or fewer where rates below `stop_below` end the search.

    n_s: (k,) int. value, low, high: (k,) float; the true rate lies in [low, high], always where method is
    "exact" (the gap is what was pruned), with about 95 % confidence where it is "monte carlo" (splitting).
    method: (k,) of these two words. stop_below: what was asked for; alphas below it have no answer here.

    Paper: Figure 5, Tables 3 and 5. Notebook: 10, 11.
    """

    n_s: np.ndarray
    value: np.ndarray
    low: np.ndarray
    high: np.ndarray
    method: np.ndarray
    stop_below: float = 0.0

    def samples_needed(self, alpha: float, *, bound: str = "value") -> int | float:
        """Smallest n_s whose missing rate is at most alpha; math.inf if none up to n_s_max is.

        bound: which rate must be, "value", or "high" to be on the safe side of pruning and sampling.
        Raises ValueError if alpha is not in (0, 1), or is below stop_below.

        Paper: Table 5. Notebook: 11.
        """
        if not 0 < alpha < 1:
            raise ValueError(f"alpha must lie in (0, 1); received {alpha}.")
        if alpha < self.stop_below:
            raise ValueError(f"alpha must be at least {self.stop_below}, where these rates stop; received {alpha}.")
        if bound not in ("value", "high"):
            raise ValueError(f'bound must be "value" or "high"; received {bound!r}.')
        enough = np.flatnonzero(getattr(self, bound) <= alpha * (1 + 1e-12))
        return int(self.n_s[enough[0]]) if len(enough) else math.inf


class _Nodes(NamedTuple):
    """k nodes of one depth: picks none of which detects."""

    weight: np.ndarray  # (k,) probability of these picks and of those that they stand for
    population: np.ndarray  # (k,) int; all 0 as long as the tree is exact
    uncovered: np.ndarray  # (k, words) uint64, a neuron a bit
    pool: np.ndarray  # (k, n) bool, samples from which the rest of the bag is drawn


class _Branches(NamedTuple):
    """b picks, from nodes of one depth, that do not detect."""

    weight: np.ndarray  # (b,) as for the nodes, and so is population
    population: np.ndarray
    node: np.ndarray  # (b,) int
    pick: np.ndarray  # (b,) int


def manc_missing_rates(
    detected: np.ndarray,
    active: np.ndarray,
    n_s_max: int,
    *,
    bag_size: int | None = None,
    trials: int = 1000,
    max_nodes: int = 10_000,
    prune: float = 1e-15,
    stop_below: float = 0.0,
    seed: int = 0,
) -> MancMissingRates:
    """Missing rate of the first n_s = 1 ... n_s_max picks of MANC on a random sub-bag of the pool.

    detected: (n,) bool, whether each sample of the pool detects. active: (n, neurons) bool, as for `manc`.
    bag_size: samples drawn into the bag, without replacement; None: all n, no randomness, rates of 0 or 1.
    Exact as long as at most max_nodes nodes of the tree must be ranked, for one pick always; branches rarer than
    `prune` are left out and counted in `high`. From there on splitting: after each pick, `trials` branches go
    on, in ten independent populations. The rate is their mean, without bias; the interval is log-normal, from
    their spread. 1000 trials give 1e-8 with a standard error of about a tenth; with far fewer, all populations may
    lack a rare branch that matters, and the interval is too narrow. Where all vanish, the rate is 0, and `high`
    is Wilson's bound for none of `trials` times the last `high`.
    stop_below: the rates end with the first n_s whose `high` is below it (0: all n_s_max): enough for
    `samples_needed` of every alpha >= stop_below.
    Raises ValueError if shapes do not fit, or not 1 <= n_s_max <= bag_size <= n, trials >= 10, 0 <= stop_below < 1.

    Paper: Section 5.2, Figure 5, Tables 3 and 5. Notebook: 10, 11.
    """
    active, detected = check_active(active, n_s_max), np.asarray(detected)
    bag_size = len(active) if bag_size is None else bag_size
    _check(detected, len(active), n_s_max, bag_size, trials, stop_below)
    words, rng = packed(active), np.random.default_rng(seed)
    nodes = _Nodes(np.ones(1), np.zeros(1, int), ~np.zeros_like(words[:1]), np.ones((1, len(active)), bool))
    exact, pruned, ranked, rates = True, 0.0, 1, []
    for t in range(n_s_max):
        branches, scores, rare = _branches(nodes, bag_size - t, words, detected, prune if exact else 0.0)
        pruned += rare
        if exact:
            total = branches.weight.sum()
            rates.append((t + 1, total, total, min(total + pruned, 1.0), "exact"))
        else:
            totals = np.bincount(branches.population, branches.weight, POPULATIONS)
            rates.append((t + 1, *_interval(totals, pruned, trials, rates[-1][3]), "monte carlo"))
        if rates[-1][3] < stop_below:
            break
        ranked += len(branches.weight)
        if exact and ranked > max_nodes:
            exact, copies = False, np.repeat(np.arange(POPULATIONS), len(branches.weight))
            branches = _Branches(*(np.tile(a, POPULATIONS) for a in branches))._replace(population=copies)
        if not exact:
            branches = _thinned(branches, trials // POPULATIONS, rng)
        nodes = _grown(branches, nodes, scores, words)
    return MancMissingRates(*map(np.array, zip(*rates, strict=True)), stop_below=stop_below)


def rank_probabilities(m: np.ndarray, r: int) -> np.ndarray:
    """(k, max(m)-r+1) P(j) = C(m-j-1, r-1) / C(m, r): the best-ranked of r random ones out of m has rank j.

    m: (k,) int, each at least r >= 1; zeros where j > m-r.
    """
    j, m = np.arange(m.max(initial=r) - r), m[:, None]
    ratios = np.maximum(m - r - j, 0) / np.maximum(m - 1 - j, 1)
    return r / m * np.cumprod(np.hstack([np.ones(m.shape), ratios]), axis=1)


def wilson_interval(successes: float, trials: int, z: float = 1.959964) -> np.ndarray:
    """(2,) Wilson's interval for a binomial proportion, 95 % for the default z."""
    p, zz = successes / trials, z * z / trials
    centre, half = p + zz / 2, z * math.sqrt(p * (1 - p) / trials + zz / (4 * trials))
    return np.clip(np.array([centre - half, centre + half]) / (1 + zz), 0.0, 1.0)


def _check(detected: np.ndarray, n: int, n_s_max: int, bag_size: int, trials: int, stop_below: float) -> None:
    if detected.dtype != bool or detected.shape != (n,):
        raise ValueError(f"detected must be bool, shape ({n},); received {detected.dtype}, {detected.shape}.")
    if not n_s_max <= bag_size <= n:
        raise ValueError(f"bag_size must lie in [n_s_max, n] = [{n_s_max}, {n}]; received {bag_size}.")
    if trials < POPULATIONS:
        raise ValueError(f"trials must be at least {POPULATIONS}, the populations; received {trials}.")
    if not 0 <= stop_below < 1:
        raise ValueError(f"stop_below must lie in [0, 1); received {stop_below}.")


def _interval(totals: np.ndarray, pruned: float, trials: int, last_high: float) -> tuple[float, float, float]:
    """Value, low and high from the totals of the populations, (POPULATIONS,).

    Populations may agree because all of them lack a rare branch, so the spread counts one branch at least.
    """
    value = totals.mean()
    if not value:
        return 0.0, 0.0, last_high * wilson_interval(0, trials)[1]
    spread = math.hypot(totals.std(ddof=1) / math.sqrt(POPULATIONS) / value, 1 / trials)
    factor = math.exp(STUDENT * spread)
    return value, value / factor, min(value * factor + pruned, 1.0)


def _branches(
    nodes: _Nodes, bag_size: int, words: np.ndarray, detected: np.ndarray, prune: float
) -> tuple[_Branches, np.ndarray, float]:
    """Branches that miss and are not rarer than `prune`, `_scores` of all nodes, the weight of the rarer ones."""
    scores, found, rare = [], [], 0.0
    for start in range(0, max(len(nodes.weight), 1), 64):  # at least once; in pieces that fit the cache
        part = _Nodes(*(a[start : start + 64] for a in nodes))
        scores.append(_scores(part, words))
        p = rank_probabilities(part.pool.sum(axis=1), bag_size)
        ranking = np.argsort(-scores[-1], axis=1)[:, : p.shape[1]]
        weights = part.weight[:, None] * p
        rare += weights[weights < prune].sum()
        node, rank = np.nonzero((weights >= prune) & (weights > 0) & ~detected[ranking])
        found.append((weights[node, rank], part.population[node], start + node, ranking[node, rank]))
    return _Branches(*map(np.concatenate, zip(*found, strict=True))), np.concatenate(scores), rare


def _scores(nodes: _Nodes, words: np.ndarray) -> np.ndarray:
    """(k, n) int that rank the samples of each pool: by gain, then lowest index, no two alike; -1 outside it."""
    n = len(words)
    gain = np.zeros((len(nodes.weight), n), np.int32)
    for uncovered, active in zip(nodes.uncovered.T, words.T.copy(), strict=True):  # 64 neurons at a time, for all pairs
        gain += np.bitwise_count(uncovered[:, None] & active)
    return np.where(nodes.pool, gain.astype(np.int64) * n + np.arange(n)[::-1], -1)


def _grown(branches: _Branches, nodes: _Nodes, scores: np.ndarray, words: np.ndarray) -> _Nodes:
    """The nodes to which the branches lead: of the pool, what ranks before the pick is not in the bag."""
    weight, population, node, pick = branches
    pool = (scores[node] >= 0) & (scores[node] < scores[node, pick][:, None])
    return _Nodes(weight, population, nodes.uncovered[node] & ~words[pick], pool)


def _thinned(branches: _Branches, size: int, rng: np.random.Generator) -> _Branches:
    """At most `size` branches of each population, whose total weight is the same."""
    chosen, weights = [], []
    for i in range(POPULATIONS):
        mine = np.flatnonzero(branches.population == i)
        kept, weight = thinned(branches.weight[mine], size, rng)
        chosen.append(mine[kept])
        weights.append(weight)
    return _Branches(*(a[np.concatenate(chosen)] for a in branches))._replace(weight=np.concatenate(weights))


def thinned(weight: np.ndarray, size: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Indices of `size` of the weights (of all, if no more) and their new weights, which expect to be the old ones.

    Those above a threshold c stay as they are; the others stay with probability weight / c, and then weigh c. c is
    such that `size` stay; one random offset for all (systematic sampling) makes it exactly these many.
    Source: Fearnhead and Clifford, Section 3.2.
    """
    if len(weight) <= size:
        return np.arange(len(weight)), weight
    falling, left = np.sort(weight)[::-1], size - np.arange(size)
    rest = np.cumsum(falling[::-1])[::-1][:size]  # of each weight and all smaller ones
    first = np.argmax(falling[:size] * left <= rest)  # the largest that is not above the threshold
    threshold = rest[first] / left[first]
    steps = np.floor(np.cumsum(np.minimum(weight / threshold, 1.0)) + rng.random())
    kept = np.flatnonzero(np.diff(steps, prepend=0.0))
    return kept, np.maximum(weight[kept], threshold)
