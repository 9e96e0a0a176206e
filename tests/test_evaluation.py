import itertools
import math
from fractions import Fraction

import keras
import numpy as np
import pytest

from ssviz.coverage_odds import _rank, rank_probabilities, wilson_interval
from ssviz.evaluation import detection_matrix, manc_missing_rates, missing_rate, samples_needed
from ssviz.manc import manc, packed

pytestmark = pytest.mark.core


def flags(detecting, n):
    return np.arange(n) < detecting


def pool(n, neurons=30, detecting=0.5, seed=0):
    rng = np.random.default_rng(seed)
    return rng.random(n) < detecting, rng.random((n, neurons)) < rng.random(neurons) * 0.6


# --- detections


@pytest.fixture(scope="module")
def linear():
    model = keras.Sequential([keras.layers.Input((3,)), keras.layers.Dense(3, activation="softmax")])
    model.set_weights([np.eye(3, dtype="float32"), np.zeros(3, "float32")])
    return model


def changed(model, kernel):
    other = keras.models.clone_model(model)
    other.set_weights([np.asarray(kernel, "float32"), np.zeros(3, "float32")])
    return other


class Attacked:
    def __init__(self, model):
        self.model = model


def test_detection_matrix_marks_the_samples_whose_answers_change(linear):
    x = np.eye(3, dtype=np.float32) * 0.9
    swapped = changed(linear, np.eye(3)[[1, 0, 2]])
    found = detection_matrix(linear, [linear, Attacked(swapped)], x)
    assert found.tolist() == [[False] * 3, [True, True, False]]
    scaled = changed(linear, np.eye(3) * 1.01)
    assert not detection_matrix(linear, scaled, x).any()
    assert detection_matrix(linear, scaled, x, "p").shape == (1, 3)
    assert detection_matrix(linear, scaled, x, "p").all()


def test_detection_matrix_takes_an_object_with_samples(linear):
    class Samples:
        samples = np.eye(3, dtype=np.float32)

    swapped = changed(linear, np.eye(3)[[0, 2, 1]])
    np.testing.assert_array_equal(
        detection_matrix(linear, swapped, Samples()), detection_matrix(linear, swapped, Samples.samples)
    )


# --- random choice


@pytest.mark.parametrize(("n", "detecting"), [(7, 0), (7, 1), (7, 3), (7, 7)])
def test_missing_rate_counts_the_subsets_that_detect_nothing(n, detecting):
    detected = flags(detecting, n)
    for n_s in range(n + 1):
        subsets = list(itertools.combinations(detected, n_s))
        share = sum(not any(s) for s in subsets) / len(subsets)
        assert missing_rate(detected, n_s) == pytest.approx(share, rel=1e-14)


def test_missing_rate_is_exact_far_below_what_trials_reach():
    n, detecting, n_s = 12_630, 750, 7400
    exact = Fraction(math.comb(n - detecting, n_s), math.comb(n, n_s))
    assert 1e-308 < exact < 1e-300
    assert missing_rate(flags(detecting, n), n_s) == pytest.approx(float(exact), rel=1e-11)


def test_missing_rate_of_many_models_and_numbers_at_once():
    detected = np.stack([flags(d, 20) for d in (0, 5, 20)])
    rates = missing_rate(detected, np.arange(21))
    assert rates.shape == (3, 21)
    assert (rates[0] == 1).all()
    assert rates[2, 1:].max() == 0
    assert (np.diff(rates, axis=1) <= 0).all()
    assert missing_rate(detected, 4)[1] == missing_rate(detected[1], 4) == rates[1, 4]
    assert missing_rate(detected, 4, replace=True)[1] == pytest.approx(0.75**4)
    assert missing_rate(detected, np.array([[1, 40]]), replace=True).shape == (3, 1, 2)


@pytest.mark.parametrize(
    ("detected", "n_s", "message"),
    [
        (flags(2, 5), 6, r"\[0, 5\].*6"),
        (flags(2, 5), -1, "-1"),
        (flags(2, 5), 1.5, "integers"),
        (np.zeros(5), 1, "bool.*float64"),
        (np.zeros((1, 1, 5), bool), 1, "shape"),
        (np.zeros(0, bool), 1, "shape"),
    ],
)
def test_missing_rate_refuses(detected, n_s, message):
    with pytest.raises(ValueError, match=message):
        missing_rate(detected, n_s)


@pytest.mark.parametrize("replace", [False, True])
@pytest.mark.parametrize("detecting", [1, 30, 150, 299, 300])
def test_samples_needed_is_the_first_number_that_suffices(detecting, replace):
    detected = flags(detecting, 300)
    for alpha in (0.5, 1e-2, 1e-4, 1e-8, 1e-30):
        needed = samples_needed(detected, alpha, replace=replace)
        assert isinstance(needed, int)
        limit = alpha * (1 + 1e-12)
        assert missing_rate(detected, needed, replace=replace) <= limit
        assert needed == 1 or missing_rate(detected, needed - 1, replace=replace) > limit


def test_samples_needed_at_a_rate_that_is_met_exactly():
    assert samples_needed(flags(1, 2), 0.5**10, replace=True) == 10
    assert samples_needed(flags(1, 10), 0.3) == 7


def test_samples_needed_where_nothing_detects_is_infinite():
    assert samples_needed(flags(0, 9), 0.1) == samples_needed(flags(0, 9), 0.1, replace=True) == math.inf


def test_samples_needed_of_many_models_and_rates():
    needed = samples_needed(np.stack([flags(0, 50), flags(25, 50)]), np.array([1e-1, 1e-2]))
    assert needed.tolist() == [[math.inf, math.inf], [4, 7]]
    with pytest.raises(ValueError, match=r"alpha must lie in \(0, 1\)"):
        samples_needed(flags(1, 2), 0.0)


def test_table_5_non_sensitive_rows_are_independent_draws():
    """The detection probability behind 77 samples at 1e-2 gives about 309 at 1e-8 (error-specific)."""
    paper = {1e-2: 77, 1e-3: 116, 1e-4: 155, 1e-5: 193, 1e-6: 232, 1e-7: 270, 1e-8: 309}
    detected = flags(579, 10_000)
    for alpha, n_s in paper.items():
        assert samples_needed(detected, alpha, replace=True) == pytest.approx(n_s, abs=2)


# --- MANC on random sub-bags


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
    sampled = manc_missing_rates(detected, active, 4, bag_size=60, max_nodes=0, trials=20_000, seed=5)
    assert set(exact.method) == {"exact"}
    assert set(sampled.method) == {"monte carlo"}
    assert ((sampled.low <= exact.value) & (exact.value <= sampled.high)).all()
    assert (sampled.high - sampled.low < 0.02).all()


def test_monte_carlo_goes_on_from_the_exact_part():
    detected, active = pool(150, 300, detecting=0.8, seed=2)
    exact = manc_missing_rates(detected, active, 5, bag_size=75, max_nodes=10**6)
    both = manc_missing_rates(detected, active, 5, bag_size=75, max_nodes=200, trials=5000)
    assert both.method[0] == "exact"
    assert both.method[-1] == "monte carlo"
    sampled = both.method == "monte carlo"
    np.testing.assert_array_equal(both.value[~sampled], exact.value[~sampled])
    # intervals hold 19 times of 20; four interval widths leave no room for chance
    width = (both.high - both.low)[sampled]
    assert (np.abs(both.value - exact.value)[sampled] <= 2 * width).all()
    assert width.max() < 0.1 * exact.value[~sampled][-1]


@pytest.mark.parametrize("neurons", [5, 300])  # with 5, almost all gains are tied
def test_lazy_ranking_is_the_full_ranking(neurons):
    _, active = pool(300, neurons, seed=8)
    order = np.argsort(-active.sum(axis=1), kind="stable")
    words, bounds = packed(active), active.sum(axis=1)[order]  # gains before anything was covered
    for pick in range(5):
        left = active & ~active[pick]
        gain = left.sum(axis=1)
        expected = sorted(range(300), key=lambda i: (-gain[i], i))
        for top in (1, 7, 300):
            ranked, _ = _rank(words, order, bounds, ~words[pick], top)
            assert ranked[:top].tolist() == expected[:top]
            assert sorted(ranked) == list(range(300))


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


@pytest.mark.parametrize(("m", "r"), [(1, 1), (6, 1), (6, 4), (6, 6), (500, 250)])
def test_rank_probabilities_are_the_binomials_ratio(m, r):
    p = rank_probabilities(m, r)
    exact = [math.comb(m - j - 1, r - 1) / math.comb(m, r) for j in range(m - r + 1)]
    np.testing.assert_allclose(p, exact, rtol=1e-10)
    assert p.sum() == pytest.approx(1)


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
    ],
)
def test_manc_rates_refuse(change, message):
    detected, active = pool(10, 4)
    with pytest.raises(ValueError, match=message):
        manc_missing_rates(**({"detected": detected, "active": active, "n_s_max": 3} | change))
