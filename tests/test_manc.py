import itertools

import numpy as np
import pytest

from ssviz.manc import manc, random_coverage

pytestmark = pytest.mark.core


def random_map(n=30, neurons=200, seed=0):
    rng = np.random.default_rng(seed)
    return rng.random((n, neurons)) < rng.random(neurons) * 0.4


def rows(*sets, neurons):
    active = np.zeros((len(sets), neurons), bool)
    for row, members in zip(active, sets, strict=True):
        row[list(members)] = True
    return active


def test_figure_2_second_pick_is_the_one_that_adds_most():
    # the first covers 0-11; candidates a, b, c add 4, 8 and 3 neurons, though a activates more than b
    first, a, b, c = range(12), [*range(7), 12, 13, 14, 15], range(16, 24), [0, 1, 24, 25, 26]
    selection = manc(rows(first, a, b, c, neurons=30), 2)
    assert selection.indices.tolist() == [0, 2]
    assert selection.newly_covered.tolist() == [12, 8]


def test_every_pick_adds_the_largest_number_of_uncovered_neurons():
    active = random_map(seed=3)
    selection = manc(active, 12)
    uncovered, free = set(range(active.shape[1])), set(range(len(active)))
    for pick, added in zip(selection.indices, selection.newly_covered, strict=True):
        news = {i: len(uncovered & set(np.flatnonzero(active[i]))) for i in free}
        assert added == news[pick] == max(news.values())
        assert pick == min(i for i in free if news[i] == added)  # ties to the lowest index
        uncovered -= set(np.flatnonzero(active[pick]))
        free.remove(pick)
    assert selection.covered[-1].sum() == active.shape[1] - len(uncovered)


def test_selections_are_nested_and_prefix_is_the_smaller_selection():
    active = random_map(seed=1)
    whole = manc(active, 10)
    for n_s in (1, 4, 10):
        small, prefix = manc(active, n_s), whole.prefix(n_s)
        for name in ("indices", "newly_covered", "covered", "coverage"):
            np.testing.assert_array_equal(getattr(small, name), getattr(prefix, name))
    with pytest.raises(ValueError, match=r"n_s must lie in \[1, 10\].*received 11"):
        whole.prefix(11)


def test_coverage_rises_with_falling_gains_up_to_all_coverable_neurons():
    active = random_map(seed=2)
    selection = manc(active, len(active))
    assert (np.diff(selection.coverage) >= 0).all()
    assert (np.diff(selection.newly_covered) <= 0).all()
    assert sorted(selection.indices) == list(range(len(active)))
    np.testing.assert_allclose(selection.coverage, selection.covered.mean(axis=1))
    assert selection.coverage[-1] == active.any(axis=0).mean()


def test_greedy_is_within_its_guarantee_of_the_best_choice():
    for seed in range(5):
        active = random_map(n=9, neurons=40, seed=seed)
        best = max(active[list(c)].any(axis=0).sum() for c in itertools.combinations(range(9), 3))
        assert manc(active, 3).covered[-1].sum() >= (1 - 1 / np.e) * best


def test_nothing_left_to_cover_picks_the_lowest_free_indices():
    active = rows([0], [0, 1, 2], [1], [], neurons=3)
    assert manc(active, 4).indices.tolist() == [1, 0, 2, 3]
    assert manc(np.zeros((3, 5), bool), 3).coverage.tolist() == [0, 0, 0]


@pytest.mark.parametrize("neurons", [1, 7, 8, 63, 64, 65, 129])
def test_any_number_of_neurons_is_counted_exactly(neurons):
    selection = manc(np.ones((2, neurons), bool), 2)
    assert selection.newly_covered.tolist() == [neurons, 0]


@pytest.mark.parametrize(
    ("active", "k", "message"),
    [
        (random_map(5), 6, r"k must lie in \[1, 5\].*received 6"),
        (random_map(5), 0, r"k must lie in \[1, 5\].*received 0"),
        (np.ones((5, 4)), 2, "bool array.*float64.*active > 0"),
        (np.ones(5, bool), 2, r"\(samples, neurons\).*\(5,\)"),
        (np.ones((5, 0), bool), 2, r"\(5, 0\)"),
    ],
)
def test_bad_input(active, k, message):
    for function in (manc, random_coverage):
        with pytest.raises(ValueError, match=message):
            function(active, k)


def test_random_choice_covers_less_than_manc_and_repeats_with_its_seed():
    active = random_map(n=60, seed=4)
    random = random_coverage(active, 8, trials=300, seed=7)
    coverage = manc(active, 8).coverage
    assert random.coverage.shape == (300, 8)
    assert (random.mean < coverage).all()
    assert random.best[0] == coverage[0]  # 300 draws of 60 samples found the best single one
    assert (random.quantile(0.05) <= random.quantile(0.95)).all()
    np.testing.assert_array_equal(random.coverage, random_coverage(active, 8, trials=300, seed=7).coverage)
    assert (random.coverage != random_coverage(active, 8, trials=300, seed=8).coverage).any()


def test_random_mean_is_the_hypergeometric_one():
    active = random_map(n=12, seed=5)
    subsets = itertools.combinations(range(12), 3)
    exact = np.mean([active[list(s)].any(axis=0).mean() for s in subsets])
    assert random_coverage(active, 3, trials=4000).mean[-1] == pytest.approx(exact, abs=3e-3)
