import itertools
import math
from fractions import Fraction

import keras
import numpy as np
import pytest

from ssviz.evaluation import detection_matrix, missing_rate, samples_needed

pytestmark = pytest.mark.core


def flags(detecting, n):
    return np.arange(n) < detecting


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
