import itertools
import tracemalloc

import keras
import numpy as np
import pytest
import tiny_models as tiny
from keras import layers

from ssviz.certificate import Certificate, certificate
from ssviz.evaluation import missing_rate
from ssviz.manc import manc
from ssviz.models import probabilities

pytestmark = pytest.mark.core


def dense(activation="relu", hidden=40, **head):
    """Vectors of 6 -> hidden -> 4 classes."""
    model = [layers.Input((6,)), layers.Dense(hidden, activation), layers.Dense(4, "softmax", name="head", **head)]
    return tiny.fill(keras.Sequential(model))


def samples(n=12):
    """Vectors around zero: all four classes, every neuron now and then."""
    return 8 * tiny.vectors(n) - 4


def brute_force(model, x):
    """detects(i, j, d): whether a change by d of w_ij, or of b_j in row d, changes a label of the real model."""
    *others, kernel, bias = model.get_weights()
    label = probabilities(model, x).argmax(1)

    def detects(i, j, d):
        weights = np.vstack([kernel, bias])
        weights[i, j] += d
        model.set_weights([*others, weights[:-1], weights[-1]])
        try:
            return (probabilities(model, x).argmax(1) != label).any()
        finally:
            model.set_weights([*others, kernel, bias])

    return detects


@pytest.mark.parametrize(("activation", "hidden"), [("relu", 40), ("tanh", 10)])
def test_the_real_model_agrees_on_every_weight(activation, hidden):
    model, x = dense(activation, hidden), samples()
    promised, detects = certificate(model, x), brute_force(model, x)
    assert promised.up.shape == promised.down.shape == (hidden + 1, 4)
    for sign, smallest in ((1, promised.up), (-1, promised.down)):
        for (i, j), change in np.ndenumerate(smallest):
            if np.isinf(change):
                assert not detects(i, j, sign * 1e3)
            else:
                assert not detects(i, j, sign * 0.99 * change)
                assert detects(i, j, sign * 1.01 * change)


def test_larger_changes_are_detected_and_smaller_ones_are_not():
    model, x, rng = dense(), samples(), np.random.default_rng(0)
    promised, detects = certificate(model, x), brute_force(model, x)
    reached = np.argwhere(np.isfinite(promised.either))
    for i, j in rng.choice(reached, 40):
        factor = 10 ** rng.uniform(-2, 2)
        assert detects(i, j, factor * promised.up[i, j]) == (factor > 1)
        assert detects(i, j, -factor * promised.down[i, j]) == (factor > 1)


def test_a_case_by_hand_with_the_bias():
    model = tiny.linear([[3, 1, 0], [0, 0, 0]], [0, 0, -1])
    promised = certificate(model, [[2.0, 0.0]])  # z = 6, 2, -1
    inf = np.inf
    np.testing.assert_allclose(promised.up, [[inf, 2, 3.5], [inf, inf, inf], [inf, 4, 7]], rtol=1e-6)
    np.testing.assert_allclose(promised.down, [[2, inf, inf], [inf, inf, inf], [4, inf, inf]], rtol=1e-6)
    assert promised.silent.tolist() == [False, True, False]
    assert promised.has_bias
    np.testing.assert_allclose(certificate(model, [[2.0, 0.0]], margin=0.5).up[0], [inf, 2.25, 3.75], rtol=1e-6)


def test_a_head_without_bias_has_no_row_for_it():
    promised = certificate(dense(use_bias=False), samples())
    assert promised.up.shape == (40, 4)
    assert not promised.has_bias


def test_changes_of_neurons_that_never_fire_are_out_of_reach():
    model, x = dense(), samples()
    first, bias, *rest = model.get_weights()
    first[:, :3], bias[:3] = 0, -1
    model.set_weights([first, bias, *rest])
    promised = certificate(model, x)
    assert promised.silent[:3].all()
    np.testing.assert_array_equal(promised.silent, ~np.isfinite(np.minimum(promised.up, promised.down)).any(1))
    assert f"{promised.silent.mean():.1%} are out of reach" in repr(promised)


def test_prefixes_only_gain():
    promised = certificate(dense(), samples())
    covered = promised.covered(5.0)
    assert covered.shape == (12,)
    assert 0 <= covered[0] < covered[-1] < 1
    for n, m in itertools.pairwise(range(1, 13)):
        assert covered[n - 1] <= covered[m - 1]
        assert (promised[:m].up <= promised[:n].up).all()
        assert (promised[:m].down <= promised[:n].down).all()
        assert covered[n - 1] == promised[:n].detected(5.0).all(0).mean()
    assert f"{covered[-1]:.1%} of the last layer's 164 weights" in promised.summary(5.0)
    assert np.isinf(promised[:0].up).all()


def test_the_order_of_samples_does_not_matter_to_all_of_them():
    promised, order = certificate(dense(), samples()), np.random.default_rng(0).permutation(12)
    np.testing.assert_array_equal(promised[order].either, promised.either)
    assert (promised.covered(0.01) <= promised.covered(0.1)).all()


def test_chosen_samples_detect_at_least_as_much_as_random_ones():
    model, x, rng = dense(), samples(60), np.random.default_rng(0)
    promised = certificate(model, x)
    order = certificate(model, x).choose(60, 0.5)
    assert sorted(order) == list(range(60))
    np.testing.assert_array_equal(certificate(model, x).choose(5, 0.5), order[:5])
    random = [rng.permutation(60) for _ in range(20)]
    for k in range(1, 61):
        ours, *theirs = (promised[o[:k]].detected(0.5).mean() for o in (order, *random))
        assert ours >= max(theirs)
    both_ways = np.mean([promised[o].covered(0.5) for o in random], axis=0)
    assert (promised[order].covered(0.5) >= both_ways - 1e-12).all()


@pytest.mark.parametrize("activation", ["relu", "tanh"])
def test_the_choice_is_algorithm_2_on_changes(activation):
    promised = certificate(dense(activation), samples(60))
    detected = np.stack([promised[i].detected(0.5).ravel() for i in range(60)])
    np.testing.assert_array_equal(promised.choose(60, 0.5), manc(detected, 60).indices)
    np.testing.assert_array_equal(promised.counts(0.5).ravel(), detected.sum(0))


def test_single_changes_that_are_found():
    promised = certificate(dense(), samples())
    found = promised.found(0.5)
    np.testing.assert_allclose(found, [promised[:n].detected(0.5).mean() for n in range(1, 13)])
    assert (found >= promised.covered(0.5)).all()
    each = promised.counts(0.5)
    assert found[-1] == (each > 0).mean()
    assert missing_rate(np.array([True] * int(each[0, -1, 0]) + [False] * 12)[:12], 1) == 1 - each[0, -1, 0] / 12


def test_what_has_samples_and_logits_models_are_taken_too():
    model, x = dense(), samples()

    class Bag:
        samples = x

    np.testing.assert_array_equal(certificate(model, Bag()).up, certificate(model, x).up)
    logits = keras.Sequential([layers.Input((6,)), *model.layers[:-1], layers.Dense(4, name="head")])
    logits.layers[-1].set_weights(model.layers[-1].get_weights())
    with pytest.warns(UserWarning, match="returns logits") as said:
        np.testing.assert_allclose(certificate(logits, x).up, certificate(model, x).up, rtol=1e-6)
    assert sum("returns logits" in str(w.message) for w in said) == 1


def test_a_model_without_dense_head_is_told_what_to_do():
    model = tiny.fill(keras.Sequential([layers.Input((6,)), layers.Dense(4), layers.LayerNormalization()]))
    with pytest.raises(ValueError, match=r"model must end in Dense .* is LayerNormalization.*detection_matrix"):
        certificate(tiny.fill(keras.Sequential([model, layers.Softmax()])), samples())


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda m: certificate(m, samples(), margin=-1), r"margin must be finite and not negative.*received -1"),
        (lambda m: certificate(m, np.zeros((0, 6))), r"samples must be a batch"),
        (lambda m: certificate(m, samples()).covered(0), r"relative must be positive.*received 0"),
        (lambda m: certificate(m, samples()).detected(np.nan), r"relative must be positive.*received nan"),
        (lambda m: certificate(m, samples()).choose(13), r"k must lie in \[1, 12\].*received 13"),
        (lambda m: certificate(m, samples()).choose(3, -1.0), r"relative must be positive.*received -1"),
        (lambda m: certificate(m, samples()).found(0.0), r"relative must be positive.*received 0"),
        (lambda m: certificate(m, samples()).counts(np.inf), r"relative must be positive.*received inf"),
    ],
)
def test_errors_name_the_argument(call, message):
    with pytest.raises(ValueError, match=message):
        call(dense())


def test_many_samples_of_a_wide_layer_need_little_memory():
    rng = np.random.default_rng(0)
    h, z = (rng.normal(size=(500, size)).astype(np.float32) for size in (2049, 43))
    wide = Certificate(np.maximum(h, 0), z, 1.0, True)
    tracemalloc.start()
    covered = wide.covered(1.0)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert np.all(np.diff(covered) >= 0)
    assert peak < 50e6
