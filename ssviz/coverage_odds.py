"""The missing rate of MANC on random bags, exactly where that is feasible.

MANC picks the same samples from the same bag, so a rate needs random bags: here a uniformly random sub-bag of
a pool, then Algorithm 2 on it. Rank the pool by gain, ties to the lowest index. The first pick from a random
sub-bag of r out of m is the one at rank j exactly if that one is in the bag and none before it is:

    P(j) = C(m-j-1, r-1) / C(m, r),   j = 0 ... m-r

and given that, the other r-1 are a uniformly random sub-bag of the m-j-1 ranked after it. So the picks form a
tree, of which the missing rate needs only the branches whose picks all fail to detect.
"""

import math
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from ssviz.manc import check_active, gains, packed


@dataclass(frozen=True, eq=False)
class MancMissingRates:
    """Missing rates of MANC for n_s = 1 to n_s_max.

    n_s: (n_s_max,) int. value, low, high: (n_s_max,) float; the true rate lies in [low, high], always where
    method is "exact" (the gap is what was pruned), with 95 % confidence where it is "monte carlo".
    method: (n_s_max,) of these two words.

    Paper: Figure 5, Tables 3 and 5. Notebook: 10, 11.
    """

    n_s: np.ndarray
    value: np.ndarray
    low: np.ndarray
    high: np.ndarray
    method: np.ndarray

    def samples_needed(self, alpha: float, *, bound: str = "value") -> int | float:
        """Smallest n_s whose missing rate is at most alpha; math.inf if none up to n_s_max is.

        bound: which rate must be, "value", or "high" to be on the safe side of pruning and sampling.
        Raises ValueError if alpha is not in (0, 1).

        Paper: Table 5. Notebook: 11.
        """
        if not 0 < alpha < 1:
            raise ValueError(f"alpha must lie in (0, 1); received {alpha}.")
        if bound not in ("value", "high"):
            raise ValueError(f'bound must be "value" or "high"; received {bound!r}.')
        enough = np.flatnonzero(getattr(self, bound) <= alpha * (1 + 1e-12))
        return int(self.n_s[enough[0]]) if len(enough) else math.inf


class _Node(NamedTuple):
    weight: float  # probability of these picks; in Monte Carlo, the number of trials that made them
    picks: tuple[int, ...]  # so far, none of which detects
    pool: np.ndarray  # samples from which the rest of the bag is drawn, by falling bounds
    bounds: np.ndarray  # upper bounds of their gains: gains only shrink as the cover grows


def manc_missing_rates(
    detected: np.ndarray,
    active: np.ndarray,
    n_s_max: int,
    *,
    bag_size: int | None = None,
    trials: int = 10_000,
    max_nodes: int = 10_000,
    prune: float = 1e-15,
    seed: int = 0,
) -> MancMissingRates:
    """Missing rate of the first n_s = 1 ... n_s_max picks of MANC on a random sub-bag of the pool.

    detected: (n,) bool, whether each sample of the pool detects. active: (n, neurons) bool, as for `manc`.
    bag_size: samples drawn into the bag, without replacement; None: all n, no randomness, rates of 0 or 1.
    Exact as long as at most max_nodes nodes of the tree must be ranked; branches rarer than `prune` are left
    out and counted in `high`. From there on `trials` random descents from the exact part, with Wilson's 95 %
    interval, on the probability that was exact: so 10,000 trials resolve rates far below 1e-4.
    Raises ValueError if shapes do not fit, or not 1 <= n_s_max <= bag_size <= n.

    Paper: Section 5.2, Figure 5, Table 3. Notebook: 10.
    """
    active, detected = check_active(active, n_s_max), np.asarray(detected)
    n = len(active)
    bag_size = n if bag_size is None else bag_size
    if detected.dtype != bool or detected.shape != (n,):
        raise ValueError(f"detected must be bool, shape ({n},); received {detected.dtype}, {detected.shape}.")
    if not n_s_max <= bag_size <= n:
        raise ValueError(f"bag_size must lie in [n_s_max, n] = [{n_s_max}, {n}]; received {bag_size}.")
    words, rng = packed(active), np.random.default_rng(seed)
    frontier = [_Node(1.0, (), np.arange(n, dtype=np.int32), np.full(n, active.shape[1], np.int32))]
    exact, mass, pruned, ranked = True, 1.0, 0.0, 0
    value, low, high = np.zeros((3, n_s_max))
    method = np.full(n_s_max, "exact", dtype="<U11")
    for t in range(n_s_max):
        if exact and ranked + len(frontier) > max_nodes:
            exact, mass = False, value[t - 1] if t else 1.0
            probabilities = np.array([node.weight for node in frontier])
            counts = rng.multinomial(trials, probabilities / probabilities.sum())
            frontier = [node._replace(weight=c) for node, c in zip(frontier, counts, strict=True) if c]
        ranked += len(frontier)
        children = []
        for node in frontier:
            p = rank_probabilities(len(node.pool), bag_size - t)
            if exact:
                kept = p[: np.count_nonzero(node.weight * p >= prune)]
                weights = node.weight * kept
                pruned += node.weight * max(1.0 - kept.sum(), 0.0) if len(kept) < len(p) else 0.0
            else:
                weights = np.trim_zeros(rng.multinomial(node.weight, p), "b")
            children += _undetected(node, weights, words, detected)
        total = math.fsum(child.weight for child in children)
        if exact:
            value[t] = low[t] = total
            high[t] = total + pruned
        else:
            method[t] = "monte carlo"
            value[t] = mass * total / trials
            low[t], high[t] = mass * wilson_interval(total, trials) + [0.0, pruned]
        frontier = children
    return MancMissingRates(np.arange(1, n_s_max + 1), value, low, np.minimum(high, 1.0), method)


def rank_probabilities(m: int, r: int) -> np.ndarray:
    """(m-r+1,) P(j) = C(m-j-1, r-1) / C(m, r): the best-ranked of r random ones out of m has rank j."""
    j = np.arange(m - r)
    return r / m * np.concatenate([[1.0], np.cumprod((m - r - j) / (m - 1 - j))])


def wilson_interval(successes: float, trials: int, z: float = 1.959964) -> np.ndarray:
    """(2,) Wilson's interval for a binomial proportion, 95 % for the default z."""
    p, zz = successes / trials, z * z / trials
    centre, half = p + zz / 2, z * math.sqrt(p * (1 - p) / trials + zz / (4 * trials))
    return np.clip(np.array([centre - half, centre + half]) / (1 + zz), 0.0, 1.0)


def _undetected(node: _Node, weights: np.ndarray, words: np.ndarray, detected: np.ndarray) -> list[_Node]:
    """The node's children at ranks 0 ... len(weights)-1 whose pick does not detect."""
    if not len(weights):
        return []
    uncovered = ~np.bitwise_or.reduce(words[list(node.picks)], axis=0)
    pool, bounds = _rank(words, node.pool, node.bounds, uncovered, len(weights))
    ranks = np.flatnonzero((weights > 0) & ~detected[pool[: len(weights)]])
    return [_Node(weights[j], (*node.picks, pool[j]), pool[j + 1 :], bounds[j + 1 :]) for j in ranks]


def _rank(
    words: np.ndarray, pool: np.ndarray, bounds: np.ndarray, uncovered: np.ndarray, top: int
) -> tuple[np.ndarray, np.ndarray]:
    """The pool by falling gain, ties to the lowest index: exact in the first `top`, bounds sorted after them.

    Lazy greedy: bounds are gains under a smaller cover, so nothing behind the best bound left can overtake.
    """
    bounds, done = bounds.copy(), 0
    while done < len(pool) and np.count_nonzero(bounds[:done] > bounds[done]) < top:
        block = slice(done, done + 64)
        bounds[block] = gains(words[pool[block]], uncovered)
        done += 64
    order = np.lexsort((pool, -bounds))
    return pool[order], bounds[order]
