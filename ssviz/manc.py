"""Algorithm 2: Maximum Active-Neuron Cover (MANC) sample selection. NumPy only."""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, eq=False)
class Selection:
    """The samples that MANC picked, in the order of picking; every N_S is a prefix of it.

    indices: (k,) int, rows of the map that was given. newly_covered: (k,) int, neurons that each pick added.
    covered: (k, neurons) bool, the Active-Neuron Cover (union of the sets P_i) after each pick.

    Paper: Section 3.3. Notebook: 05.
    """

    indices: np.ndarray
    newly_covered: np.ndarray
    covered: np.ndarray

    def __len__(self) -> int:
        return len(self.indices)

    @property
    def n_neurons(self) -> int:
        """Neurons of interest, covered or not."""
        return self.covered.shape[1]

    @property
    def coverage(self) -> np.ndarray:
        """(k,) fraction of all neurons that is covered after each pick."""
        return np.cumsum(self.newly_covered) / self.n_neurons

    def prefix(self, n_s: int) -> "Selection":
        """The first n_s picks: the same as selecting n_s samples, since greedy picks are nested.

        Raises ValueError unless 1 <= n_s <= len(self).
        """
        if not 1 <= n_s <= len(self):
            raise ValueError(f"n_s must lie in [1, {len(self)}], the samples selected; received {n_s}.")
        return Selection(self.indices[:n_s], self.newly_covered[:n_s], self.covered[:n_s])


def manc(active: np.ndarray, k: int) -> Selection:
    """Pick k samples greedily, each activating the largest number of still uncovered neurons.

    active: (n, neurons) bool, active[i, j] where sample i activates neuron j. Ties go to the lowest index; a
    sample is picked once, also when nothing is left to cover. Raises ValueError if active is not a
    two-dimensional bool array with at least one neuron, or k not in [1, n].

    Paper: Algorithm 2. Notebook: 05.
    """
    active = check_active(active, k)
    words = packed(active)
    uncovered = ~np.zeros(words.shape[1], np.uint64)  # line 5
    fingerprint, counts = [], []
    free = np.ones(len(active), bool)
    for _ in range(k):  # line 14
        newly_covered = np.where(free, gains(words, uncovered), -1)  # lines 16-19
        pick = int(np.argmax(newly_covered))  # line 20: the first of the maxima
        fingerprint.append(pick)  # line 21
        counts.append(newly_covered[pick])
        uncovered &= ~words[pick]  # line 22
        free[pick] = False
    covered = np.logical_or.accumulate(active[fingerprint], axis=0)
    return Selection(np.array(fingerprint), np.array(counts), covered)


@dataclass(frozen=True, eq=False)
class RandomCoverage:
    """Coverage of samples chosen at random: what MANC is compared with.

    coverage: (trials, k) fraction of all neurons covered after each pick of each trial.
    """

    coverage: np.ndarray

    @property
    def mean(self) -> np.ndarray:
        """(k,) mean over the trials."""
        return self.coverage.mean(axis=0)

    @property
    def best(self) -> np.ndarray:
        """(k,) the best of all trials, for each number of samples on its own."""
        return self.coverage.max(axis=0)

    def quantile(self, q: float) -> np.ndarray:
        """(k,) the q-quantile over the trials."""
        return np.quantile(self.coverage, q, axis=0)


def random_coverage(active: np.ndarray, k: int, *, trials: int = 1000, seed: int = 0) -> RandomCoverage:
    """Coverage after 1 to k samples drawn without replacement, for many random draws.

    active: (n, neurons) bool, as for `manc`. Raises ValueError as `manc` does, and if trials < 1.

    Paper: Figure 2, Figure 5 (random selection). Notebook: 05.
    """
    active = check_active(active, k)
    if trials < 1:
        raise ValueError(f"trials must be at least 1; received {trials}.")
    words, rng = packed(active), np.random.default_rng(seed)
    coverage = np.empty((trials, k))
    for trial in range(trials):
        picks = rng.choice(len(active), k, replace=False)
        union = np.bitwise_or.accumulate(words[picks], axis=0)
        coverage[trial] = np.bitwise_count(union).sum(axis=1, dtype=np.int64) / active.shape[1]
    return RandomCoverage(coverage)


def packed(active: np.ndarray) -> np.ndarray:
    """(n, neurons) bool -> (n, words) uint64, 64 neurons a word, the last one filled up with zeros."""
    n, neurons = active.shape
    bits = np.packbits(active, axis=1)
    words = np.zeros((n, -(-neurons // 64) * 8), np.uint8)
    words[:, : bits.shape[1]] = bits
    return words.view(np.uint64)


def gains(words: np.ndarray, uncovered: np.ndarray) -> np.ndarray:
    """(n,) uncovered neurons that each sample activates, |Uncovered ∩ P_j|: line 17 of Algorithm 2."""
    return np.bitwise_count(words & uncovered).sum(axis=1, dtype=np.int64)


def check_active(active: np.ndarray, k: int) -> np.ndarray:
    """The map as an array, or the ValueError that `manc` promises."""
    active = np.asarray(active)
    if active.ndim != 2 or active.dtype != bool or not active.shape[1]:
        raise ValueError(
            "active must be a bool array of shape (samples, neurons); "
            f"received {active.dtype} of shape {active.shape}. Threshold it first: active > 0?"
        )
    if not 1 <= k <= len(active):
        raise ValueError(f"k must lie in [1, {len(active)}], the number of samples in the bag; received {k}.")
    return active
