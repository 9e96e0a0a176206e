import io
import warnings

import keras
import numpy as np
import pytest
import tiny_models as tiny
from PIL import Image

from ssviz import Fingerprint, generation, pairs, probabilities, sensitivity
from ssviz.evaluation import detection_matrix
from ssviz.models import active_neurons
from ssviz.pairs import select_pairs, straddle
from ssviz.pixel_grid import from_grid, to_grid

pytestmark = pytest.mark.core

N, GAP = 12, 1e-3
PICTURES = np.random.default_rng(2).random((N, 10, 10, 3), dtype=np.float32)


@pytest.fixture(scope="module")
def logistic():
    """Five classes, of which an input of 40 features can make any tie; the features are the input."""
    return tiny.linear(np.random.default_rng(0).normal(size=(40, 5)), np.zeros(5))


@pytest.fixture(scope="module")
def network():
    """Pictures of 10x10x3 -> 30 rectified -> 6 classes."""
    head = keras.layers.Dense(6, "softmax", name="head")
    hidden = [keras.layers.Flatten(), keras.layers.Dense(30, "relu"), head]
    model = tiny.fill(keras.Sequential([keras.layers.Input((10, 10, 3)), *hidden]))
    head.kernel.assign(4 * head.kernel)
    return model


def run(model, x0=None, **options):
    if x0 is None:
        shape = model.input_shape[1:]
        x0 = PICTURES if len(shape) == 3 else tiny.vectors(N, *shape)
    return straddle(model, x0, **{"progress": False, **options})


def answered(model, x, classes):
    """z_a - z_b (n,) by the model's answers in float64, and its top-1 labels (n,)."""
    log_p = np.log(probabilities(model, x).astype(np.float64))
    rows = np.arange(len(x))
    return log_p[rows, classes[:, 0]] - log_p[rows, classes[:, 1]], log_p.argmax(axis=1)


def assert_straddles(found, model, x0, *, gap=GAP, tolerance=0.2, bounds=(0, 1)):
    """Everything a pair promises, asked of the model anew."""
    for side, (x, sign) in enumerate(((found.plus, 1), (found.minus, -1))):
        gaps, labels = answered(model, x, found.classes)
        np.testing.assert_array_equal(labels, found.classes[:, side])
        np.testing.assert_allclose(gaps, sign * gap, rtol=tolerance)
        np.testing.assert_allclose(found.gaps[:, side], gaps, atol=1e-5)
        assert x.dtype == np.float32
        assert x.min() >= bounds[0]
        assert x.max() <= bounds[1]
        np.testing.assert_allclose(found.sensitivity[:, side], sensitivity(model, x), rtol=1e-4)
        noise, signal = (np.square(a).reshape(len(x), -1).sum(1) for a in (x - found.originals, found.originals))
        np.testing.assert_allclose(found.snr[:, side], 10 * np.log10(signal / noise), rtol=1e-4)
    np.testing.assert_array_equal(found.originals, x0[found.index])
    assert all(reason in ("gap", "third class") for _, _, reason in found.failed)


# --- pairs


MODELS = {
    "dense": (tiny.dense, tiny.vectors(N)),
    "convolutional": (tiny.convolutional, tiny.images(N)),
    "nested": (tiny.nested, tiny.vectors(N)),
    "subclassed": (tiny.subclassed, tiny.vectors(N)),
}


@pytest.mark.parametrize("name", MODELS)
def test_pairs_straddle_and_what_does_not_is_reported(name):
    make, x0 = MODELS[name]
    model = tiny.fill(make(), seed=1)  # seed 0 has one class only, in all of the box
    found = run(model, x0)
    assert_straddles(found, model, x0)
    assert len(found) >= N / 2
    assert len(found) + len(found.failed) == N
    assert sorted([*found.index, *(failure.index for failure in found.failed)]) == list(range(N))


@pytest.mark.parametrize("gap", [1e-4, 1e-2, 0.3])
def test_the_gap_is_the_one_asked_for(logistic, gap):
    found = run(logistic, gap=gap)
    assert_straddles(found, logistic, tiny.vectors(N, 40), gap=gap)
    assert len(found) == N
    assert found.passes <= 20


def test_a_is_the_top_class_and_b_the_nearest_boundarys():
    x0, kernel = tiny.vectors(N, 40), np.random.default_rng(1).normal(size=(40, 5)) * [1, 1, 2, 3, 4]
    found = run(tiny.linear(kernel), x0, bounds=(-9, 9))
    z = x0 @ kernel
    a = z.argmax(1)
    distances = (z.max(1)[:, None] - z) / np.maximum(np.linalg.norm(kernel[:, a, None] - kernel[:, None], axis=0), 1e-9)
    distances[np.arange(N), a] = np.inf
    second = np.argsort(-z, axis=1)[:, 1 : 1 + pairs.CANDIDATES]
    b = second[np.arange(N), np.take_along_axis(distances, second, 1).argmin(1)]
    np.testing.assert_array_equal(found.classes[:, 0], a[found.index])
    np.testing.assert_array_equal(found.classes[:, 1], b[found.index])
    assert (b != second[:, 0]).any()  # which is not always the runner-up
    moved = np.linalg.norm(found.plus - x0[found.index], axis=1)
    nearest = distances[found.index, b[found.index]]
    assert (moved >= 0.99 * nearest).all()
    np.testing.assert_allclose(np.sort(moved)[: N // 2], np.sort(nearest)[: N // 2], rtol=0.05)  # most need no detour


@pytest.mark.parametrize("classes", [(0, 3), (3, 0), [1, np.int64(4)]])
def test_two_classes_for_every_sample(logistic, classes):
    found = run(logistic, classes=classes)
    assert_straddles(found, logistic, tiny.vectors(N, 40))
    assert len(found) > N / 2
    assert (found.classes == classes).all()


def test_all_ties_of_the_top_class(logistic):
    found = run(logistic, classes="all", itr_max=40)
    assert_straddles(found, logistic, tiny.vectors(N, 40))
    tops = probabilities(logistic, tiny.vectors(N, 40)).argmax(1)
    tried = {(i, a, b) for i, (a, b) in zip(found.index, found.classes.tolist(), strict=True)}
    tried |= {(failure.index, *failure.classes) for failure in found.failed}
    assert tried == {(i, a, b) for i, a in enumerate(tops) for b in range(5) if b != a}
    assert len(found) > 3 * N


def test_two_classes_are_all_there_are():
    model = tiny.linear(np.random.default_rng(0).normal(size=(40, 2)))
    found = run(model)
    assert len(found) == N
    assert_straddles(found, model, tiny.vectors(N, 40))


def test_other_bounds_and_a_model_that_returns_logits():
    model = tiny.dense(keras.layers.Dense(4, name="head"))
    x0 = 2 * tiny.vectors(N) - 1
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = run(model, x0, bounds=(-1, 1))
        assert_straddles(found, model, x0, bounds=(-1, 1))
    assert found.plus.min() < 0


def test_the_same_run_twice(network):
    ours, again = run(network), run(network)
    np.testing.assert_array_equal(ours.samples, again.samples)
    np.testing.assert_array_equal(ours.gaps, again.gaps)
    assert ours.failed == again.failed


def test_batches_do_not_change_the_result(network):
    whole, parts = run(network), run(network, batch_size=5)
    np.testing.assert_array_equal(parts.index, whole.index)
    np.testing.assert_allclose(parts.samples, whole.samples, atol=1e-3)
    assert_straddles(parts, network, PICTURES)


def test_the_model_is_left_as_it_was(network):
    before = [w.tobytes() for w in network.get_weights()]
    run(network)
    assert [w.tobytes() for w in network.get_weights()] == before


def test_an_ascent_raises_s_along_the_tie(network):
    plain, ascended = run(network), run(network, ascent=15, lr=5e-3)
    assert_straddles(ascended, network, PICTURES)
    both = np.intersect1d(plain.index, ascended.index)
    assert len(both) > N / 2
    s_plain, s_ascended = (p.sensitivity[np.isin(p.index, both)].mean(1) for p in (plain, ascended))
    assert (s_ascended > s_plain).mean() > 0.8
    assert np.median(s_ascended / s_plain) > 1.1
    assert ascended.passes > plain.passes


# --- what a pair is for


@pytest.mark.parametrize("sign", [1, -1])
def test_a_change_of_more_than_twice_the_gap_flips_exactly_one(sign):
    model = tiny.linear(np.random.default_rng(0).normal(size=(40, 5)), np.zeros(5))
    found = run(model, classes=(0, 3))
    changed = keras.models.clone_model(model)
    kernel, bias = model.get_weights()
    changed.set_weights([kernel, bias + np.float32(sign * 2.5 * GAP) * np.eye(5, dtype=np.float32)[0]])
    flips = detection_matrix(model, changed, found)[0].reshape(-1, 2)
    np.testing.assert_array_equal(flips, np.tile([sign < 0, sign > 0], (len(found), 1)))
    assert found.detected(flips.ravel()).all()


def test_samples_are_samples_for_every_function(network, tmp_path):
    found = run(network, classes=(0, np.int64(1)), on_grid="uint8")
    assert len(found) > 0
    np.testing.assert_array_equal(found.samples[0::2], found.plus)
    np.testing.assert_array_equal(found.samples[1::2], found.minus)
    fingerprint = Fingerprint.from_model(network, found)
    np.testing.assert_array_equal(fingerprint.expected.labels.reshape(-1, 2), found.classes)
    assert fingerprint.verify(network)
    fingerprint.save(tmp_path / "pairs.ssfp")
    assert Fingerprint.load(tmp_path / "pairs.ssfp").how["gap"] == GAP


def test_a_pair_detects_where_one_of_its_samples_does(network):
    found = run(network)[:3]
    per_sample = np.array([[0, 0, 0, 1, 1, 1], [1, 0, 0, 0, 0, 0]], bool)
    np.testing.assert_array_equal(found.detected(per_sample), [[False, True, True], [True, False, False]])
    np.testing.assert_array_equal(found.detected(per_sample[0]), [False, True, True])
    for wrong in (per_sample[:, :4], per_sample.astype(int)):
        with pytest.raises(ValueError, match=r"per_sample must be bool of shape \(\.\.\., 6\)"):
            found.detected(wrong)


def test_indexing_keeps_the_parts_of_a_pair_together(network):
    found = run(network)
    for indices in ([3, 1], slice(1, 4), np.arange(len(found)) % 2 == 0, -1):
        picked, rows = found[indices], np.atleast_1d(np.arange(len(found))[indices])
        assert len(picked) == len(rows)
        np.testing.assert_array_equal(picked.minus, found.minus[rows])
        np.testing.assert_array_equal(picked.index, found.index[rows])
        assert_straddles(picked, network, PICTURES)
    with pytest.raises(IndexError):
        found[N]


def test_repr_tells_the_result(logistic):
    found = run(logistic)
    assert repr(found) == (
        f"StraddlingPairs(12 of shape (40,): gap 0.001, median SNR {np.median(found.snr):.1f} dB, "
        f"{found.passes} passes; failed: none)"
    )


# --- failures


def test_a_class_out_of_reach_is_reported_not_returned():
    model = tiny.linear(np.random.default_rng(0).normal(size=(40, 5)), [0, 0, 0, 0, -500])
    found = run(model, classes=(0, 4))
    assert len(found) == 0
    assert [failure[:2] for failure in found.failed] == [(i, (0, 4)) for i in range(N)]
    assert {failure.reason for failure in found.failed} <= {"gap", "third class"}
    assert found.samples.shape == (0, 40)
    assert "StraddlingPairs(0 of shape (40,): gap 0.001, 20 passes; failed: 12" in repr(found)
    others = run(model, classes="all")
    assert len(others) > 0
    assert not (others.classes == 4).any()


def test_a_third_class_that_always_leads_is_named_as_the_reason():
    kernel = np.random.default_rng(0).normal(size=(40, 3))
    found = run(tiny.linear(kernel, [0, 0, 300]), classes=(0, 1))
    assert len(found) == 0
    assert {failure.reason for failure in found.failed} == {"third class"}


def test_a_flat_model_has_no_pairs():
    model = tiny.dense()
    first, bias, *head = model.get_weights()
    model.set_weights([first, bias - 100, *head])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = run(model)
    assert len(found) == 0
    assert len(found.failed) == N


def test_an_interrupt_returns_the_batches_that_are_done(network, monkeypatch):
    whole, choose, count = run(network, batch_size=5), pairs.Walk.choose, iter(range(9))

    def pressed(self, *args):
        if next(count) == 1:
            raise KeyboardInterrupt
        choose(self, *args)

    monkeypatch.setattr(pairs.Walk, "choose", pressed)
    found = run(network, batch_size=5)
    np.testing.assert_array_equal(found.samples, whole[whole.index < 4].samples)
    assert [failure.index for failure in found.failed if failure.reason == "interrupted"] == list(range(4, N))
    count = iter([1])
    assert len(run(network)) == 0


# --- the 8-bit grid


@pytest.mark.parametrize("bounds", [(0, 1), (-1, 1)])
def test_pairs_on_the_grid_straddle_after_a_png_file(network, bounds):
    x0 = from_grid(to_grid(PICTURES), bounds)
    found = run(network, x0, bounds=bounds, on_grid="uint8")
    assert len(found) > N / 2
    assert_straddles(found, network, x0, bounds=bounds)

    def through_a_file(x):
        file = io.BytesIO()
        Image.fromarray(to_grid(x, bounds)).save(file, "PNG")
        return from_grid(np.asarray(Image.open(file)), bounds)

    np.testing.assert_array_equal(np.stack([through_a_file(x) for x in found.samples]), found.samples)
    assert found.settings["on_grid"] == "uint8"


def test_without_the_grid_a_file_would_close_the_gap(network):
    found = run(network)
    rounded = from_grid(to_grid(found.plus))
    gaps, _ = answered(network, rounded, found.classes)
    assert np.median(np.abs(gaps)) > 3 * GAP


# --- selection


def test_pairs_are_selected_by_the_weights_that_they_cover(network):
    found = run(network, classes="all")
    selection = select_pairs(network, found, 8)
    assert len(set(selection.indices.tolist())) == 8
    assert (np.diff(selection.newly_covered) <= 0).all()
    assert (np.diff(selection.coverage) >= 0).all()
    for n_s in (1, 5):
        np.testing.assert_array_equal(select_pairs(network, found, n_s).indices, selection.prefix(n_s).indices)

    active = active_neurons(network, found.samples).reshape(len(found), 2, -1).any(1)
    covered, uncovered = set(), []
    weights = [{(i, j) for i in np.flatnonzero(on) for j in ab} for on, ab in zip(active, found.classes, strict=True)]
    for pick in selection.indices:
        uncovered.append(len(weights[pick] - covered))
        assert uncovered[-1] == max(len(w - covered) for w in weights)
        covered |= weights[pick]
    np.testing.assert_array_equal(selection.newly_covered, uncovered)


@pytest.mark.parametrize("k", [0, 99])
def test_select_pairs_wants_a_number_of_pairs(network, k):
    with pytest.raises(ValueError, match=rf"k must lie in \[1, \d+\], the number of pairs; received {k}"):
        select_pairs(network, run(network), k)


# --- arguments


@pytest.mark.parametrize(
    ("options", "message"),
    [
        *(({"gap": value}, "gap must be a positive number") for value in (0, -1e-3, np.nan, "small", None)),
        ({"gap": 2.0}, r"gap must be at most 1, .*; received 2\.0"),
        ({"gap": 1e-9}, r"gap must be at least .*e-06 for '.*', whose float32 logits reach .*; received 1e-09"),
        *(({"tolerance": value}, "tolerance must be") for value in (0, 1, "loose")),
        *(({"lr": value}, "lr must be a positive number") for value in (0, None)),
        *(({"ascent": value}, "ascent must be a whole number of at least 0") for value in (-1, 1.5)),
        *(({"itr_max": value}, "itr_max must be a whole number of at least 10") for value in (0, None)),
        ({"batch_size": 0}, "batch_size must be a whole number of at least 1; received 0"),
        *(({"on_grid": value}, 'on_grid must be None or "uint8"; received \'?') for value in ("png", 8)),
        *(({"bounds": value}, r"bounds must be \(p, q\)") for value in ((1, 0), 1, None)),
        *(
            ({"classes": value}, 'classes must be None, "all" or two different of 0 to 4; received')
            for value in ((0, 0), (0, 5), (-1, 0), (0, 1, 2), "every", "ab", 3, (0.5, 1))
        ),
    ],
)
def test_errors_name_the_argument(logistic, options, message):
    with pytest.raises(ValueError, match=message):
        run(logistic, **options)


def test_x0_must_be_samples_in_bounds(logistic):
    with pytest.raises(ValueError, match=r"x0 must lie in \[0, 1\]; received max=255\. Divide by 255\?"):
        run(logistic, np.full((2, 40), 255, np.uint8))


def test_a_model_needs_a_dense_head():
    model = keras.Sequential([keras.layers.Input((6,)), keras.layers.Dense(4), keras.layers.Activation("tanh")])
    with pytest.warns(UserWarning, match="logits"), pytest.raises(ValueError, match="needs a model that ends in Dense"):
        run(model)


def test_numbers_from_numpy_will_do(logistic):
    ours = run(logistic, gap=np.float32(GAP), itr_max=np.int64(20), bounds=np.array([0, 1]), lr=np.float64(1e-3))
    np.testing.assert_allclose(ours.samples, run(logistic).samples, atol=1e-6)


def test_snr_is_generations(logistic):
    found = run(logistic)
    expected = keras.ops.convert_to_numpy(generation.snr_db(found.minus, found.originals))
    np.testing.assert_allclose(found.snr[:, 1], expected, rtol=1e-6)
