import itertools
import math

import numpy as np
import pytest

from ssviz.coverage_odds import manc_missing_rates, rank_probabilities, thinned, wilson_interval
from ssviz.manc import manc

pytestmark = pytest.mark.core


def pool(n, neurons=30, detecting=0.5, seed=0):
    rng = np.random.default_rng(seed)
    return rng.random(n) < detecting, rng.random((n, neurons)) < rng.random(neurons) * 0.6


def enumerated(detected, active, n_s_max, bag_size):
    """The share of all sub-bags in which none of the first n_s picks detects."""
    missed = np.zeros(n_s_max)
    bags = list(itertools.combinations(range(len(active)), bag_size))
    for bag in map(list, bags):
        picks = np.array(bag)[manc(active[bag], n_s_max).indices]
        missed += ~np.logical_or.accumulate(detected[picks])
    return missed / len(bags)


@pytest.mark.parametrize(("n", "bag_size", "n_s_max"), [(7, 3, 3), (9, 5, 4), (10, 4, 2), (8, 8, 3), (8, 1, 1)])
@pytest.mark.parametrize("neurons", [4, 100])  # with 4, ties abound and everything is soon covered
def test_exact_manc_rates_are_those_of_all_sub_bags(n, bag_size, n_s_max, neurons):
    for seed in range(3):
        detected, active = pool(n, neurons, detecting=0.4, seed=seed)
        rates = manc_missing_rates(detected, active, n_s_max, bag_size=bag_size)
        assert set(rates.method) == {"exact"}
        expected = enumerated(detected, active, n_s_max, bag_size)
        np.testing.assert_allclose(rates.value, expected, rtol=1e-12, atol=1e-15)


def test_exact_and_monte_carlo_agree_on_a_larger_pool():
    detected, active = pool(120, 300, detecting=0.4, seed=1)
    exact = manc_missing_rates(detected, active, 4, bag_size=60, max_nodes=10**6)
    sampled = manc_missing_rates(detected, active, 4, bag_size=60, max_nodes=0, seed=5)
    assert set(exact.method) == {"exact"}
    assert sampled.method.tolist() == ["exact"] + ["monte carlo"] * 3  # one pick needs one ranking
    np.testing.assert_allclose(sampled.value, exact.value, rtol=0.02)
    assert (sampled.high <= 1.05 * sampled.low).all()


def test_monte_carlo_goes_on_from_the_exact_part():
    detected, active = pool(150, 300, detecting=0.8, seed=2)
    exact = manc_missing_rates(detected, active, 5, bag_size=75, max_nodes=10**6)
    both = manc_missing_rates(detected, active, 5, bag_size=75, max_nodes=200)
    assert both.method[0] == "exact"
    assert both.method[-1] == "monte carlo"
    sampled = both.method == "monte carlo"
    np.testing.assert_array_equal(both.value[~sampled], exact.value[~sampled])
    # intervals hold 19 times of 20; four interval widths leave no room for chance
    width = (both.high - both.low)[sampled]
    assert (np.abs(both.value - exact.value)[sampled] <= 2 * width).all()
    assert width.max() < 0.1 * exact.value[~sampled][-1]


def test_sampled_rates_repeat_with_their_seed():
    detected, active = pool(60, 100, detecting=0.3, seed=3)
    one, two, three = (
        manc_missing_rates(detected, active, 3, bag_size=30, max_nodes=0, trials=500, seed=s) for s in (1, 1, 2)
    )
    np.testing.assert_array_equal(one.value, two.value)
    assert (one.value != three.value).any()


def test_the_whole_pool_as_bag_leaves_nothing_to_chance():
    detected, active = pool(40, 100, detecting=0.2, seed=4)
    rates = manc_missing_rates(detected, active, 10)
    picks = manc(active, 10).indices
    assert rates.value.tolist() == (~np.logical_or.accumulate(detected[picks])).astype(float).tolist()


def test_pruned_branches_widen_the_upper_bound_only():
    detected, active = pool(100, 200, detecting=0.3, seed=5)
    exact = manc_missing_rates(detected, active, 4, bag_size=50, prune=0.0, max_nodes=10**6)
    pruned = manc_missing_rates(detected, active, 4, bag_size=50, prune=1e-3)
    assert (pruned.low <= exact.value).all()
    assert (exact.value <= pruned.high).all()
    assert (pruned.high > pruned.low).all()


def test_manc_rates_fall_and_give_the_samples_needed():
    detected, active = pool(200, 300, detecting=0.7, seed=6)
    rates = manc_missing_rates(detected, active, 8, bag_size=100)
    assert (np.diff(rates.value) <= 0).all()
    for alpha in (0.3, 1e-2):
        needed = rates.samples_needed(alpha)
        assert rates.value[needed - 1] <= alpha
        assert needed == 1 or rates.value[needed - 2] > alpha
        assert rates.samples_needed(alpha, bound="high") >= needed
    assert rates.samples_needed(1e-300) == math.inf
    with pytest.raises(ValueError, match="bound"):
        rates.samples_needed(0.1, bound="low")


def test_rank_probabilities_are_the_binomials_ratio():
    for r, m in ((1, [1, 6]), (4, [6, 4, 5]), (6, [6]), (250, [500, 251])):
        p = rank_probabilities(np.array(m), r)
        exact = [[math.comb(k - j - 1, r - 1) / math.comb(k, r) for j in range(k - r + 1)] for k in m]
        width = max(map(len, exact))
        np.testing.assert_allclose(p, [e + [0.0] * (width - len(e)) for e in exact], rtol=1e-10)
        np.testing.assert_allclose(p.sum(axis=1), 1.0)


def test_wilson_interval_of_textbook_cases():
    np.testing.assert_allclose(wilson_interval(1, 10), [0.0179, 0.4042], atol=1e-4)
    np.testing.assert_allclose(wilson_interval(0, 10_000), [0, 3.84e-4], atol=1e-6)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"detected": np.zeros(5, bool)}, r"detected must be bool, shape \(10,\)"),
        ({"detected": np.zeros(10)}, "float64"),
        ({"active": np.zeros((10, 4))}, "active must be a bool array"),
        ({"bag_size": 11}, r"bag_size must lie in .*\[3, 10\]; received 11"),
        ({"bag_size": 2}, "received 2"),
        ({"n_s_max": 0}, "received 0"),
        ({"trials": 9}, "trials must be at least 10"),
        ({"stop_below": 1.0}, r"stop_below must lie in \[0, 1\); received 1.0"),
        ({"stop_below": -0.1}, "received -0.1"),
    ],
)
def test_manc_rates_refuse(change, message):
    detected, active = pool(10, 4)
    with pytest.raises(ValueError, match=message):
        manc_missing_rates(**({"detected": detected, "active": active, "n_s_max": 3} | change))


# --- splitting, against a ranking that never changes


def fixed_ranking(n, bag_size, detecting=0.5, seed=0):
    """A pool whose sets of neurons are disjoint, so that gains never change, and its exact missing rates.

    The first t picks are the t best-ranked of the bag. They miss, the last of them at rank i, in as many bags as
    take t-1 of the undetecting ranks before i, no detecting one, and the rest after i.
    """
    rng = np.random.default_rng(seed)
    detected, sizes = rng.random(n) < detecting, rng.permutation(np.repeat(np.arange(n // 2) + 1, 2))
    active = np.repeat(np.eye(n, dtype=bool), sizes, axis=1)
    misses = np.flatnonzero(~detected[np.lexsort((np.arange(n), -sizes))])  # ranks
    ways = [
        sum(math.comb(u, t - 1) * math.comb(n - i - 1, bag_size - t) for u, i in enumerate(misses.tolist()))
        for t in range(1, bag_size + 1)
    ]
    return detected, active, np.array([w / math.comb(n, bag_size) for w in ways])


def test_exact_rates_of_a_fixed_ranking():
    detected, active, truth = fixed_ranking(40, 20)
    rates = manc_missing_rates(detected, active, 5, bag_size=20, prune=0.0, max_nodes=10**6)
    np.testing.assert_allclose(rates.value, truth[:5], rtol=1e-9)


def test_splitting_resolves_rates_far_below_1e_8():
    detected, active, truth = fixed_ranking(80, 40)
    rates = manc_missing_rates(detected, active, 40, bag_size=40, max_nodes=500)
    assert truth[24] < 1e-8 < truth[8]
    assert (truth[rates.n_s - 1] > 0).sum() > 24
    seen = slice(0, np.count_nonzero(truth[:40] > 1e-10))
    np.testing.assert_allclose(rates.value[seen], truth[:40][seen], rtol=0.3)
    assert (rates.high[seen] < 2 * rates.low[seen]).all()
    assert (np.diff(rates.value) <= 0).all()


@pytest.fixture(scope="module")
def repeated():
    detected, active, truth = fixed_ranking(40, 20, detecting=0.4)
    runs = [
        manc_missing_rates(detected, active, 10, bag_size=20, max_nodes=0, trials=200, seed=seed) for seed in range(60)
    ]
    return truth[:10], np.array([(r.low, r.value, r.high) for r in runs]).transpose(1, 0, 2)


def test_splitting_is_unbiased(repeated):
    truth, (_, value, _) = repeated
    error = value.std(axis=0, ddof=1) / np.sqrt(len(value))
    assert (np.abs(value.mean(axis=0) - truth) <= 3 * error + 1e-9 * truth).all()
    assert (error[-1] * 10 / truth[-1]) < 0.2


def test_intervals_hold_about_95_times_of_100(repeated):
    truth, (low, _, high) = repeated
    held = ((low <= truth * (1 + 1e-9)) & (truth <= high * (1 + 1e-9))).mean(axis=0)
    assert (held >= 0.88).all()
    assert held[3:].mean() < 0.995  # nor are they idly wide


def test_rates_stop_below_and_answer_every_alpha_down_to_there():
    detected, active, _ = fixed_ranking(60, 30)
    whole = manc_missing_rates(detected, active, 20, bag_size=30, trials=400, max_nodes=100)
    stop = (whole.value[9] + whole.high[9]) / 2  # not yet: the value is below it, its upper bound is not
    short = manc_missing_rates(detected, active, 20, bag_size=30, trials=400, max_nodes=100, stop_below=stop)
    k = len(short.n_s)
    assert 10 < k < 20
    for field in ("n_s", "value", "low", "high", "method"):
        np.testing.assert_array_equal(getattr(short, field), getattr(whole, field)[:k])
    assert short.high[-1] < stop <= short.high[:-1].min()
    for alpha in (0.5, 1e-2, stop):
        for bound in ("value", "high"):
            assert short.samples_needed(alpha, bound=bound) == whole.samples_needed(alpha, bound=bound) <= k
    with pytest.raises(ValueError, match="alpha must be at least"):
        short.samples_needed(stop / 2)


def test_where_all_populations_vanish_the_rate_is_bounded():
    active = np.eye(60, dtype=bool)  # ties: the ranking is that of the indices
    detected = np.arange(60) >= 20  # so 21 picks always detect
    rates = manc_missing_rates(detected, active, 24, bag_size=30, max_nodes=0, trials=100)
    gone = rates.value == 0
    assert gone[20:].all()
    bound = rates.high[~gone][-1] * wilson_interval(0, 100)[1]
    assert (rates.low[gone] == 0).all()
    assert rates.high[gone][0] == pytest.approx(bound)
    assert (rates.high[gone] <= bound).all()


def test_thinned_weights_keep_their_total_and_their_expectation():
    rng = np.random.default_rng(0)
    weight = rng.random(50) ** 8
    mean = np.zeros(50)
    for _ in range(4000):
        kept, new = thinned(weight, 12, rng)
        assert len(kept) == 12
        assert new.sum() == pytest.approx(weight.sum())
        assert (new >= weight[kept]).all()
        mean[kept] += new / 4000
    threshold = new.min()
    large = weight > threshold
    np.testing.assert_allclose(mean[large], weight[large])
    np.testing.assert_allclose(mean, weight, atol=5 * threshold / 2 / np.sqrt(4000))
    assert thinned(weight, 50, rng)[1] is weight
