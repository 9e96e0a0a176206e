import inspect
import sys

import keras
import numpy as np
import pytest
import tiny_models as tiny
from keras import ops

from ssviz import generate, generation, probabilities, sensitivity
from ssviz.backend import value_and_gradient
from ssviz.generation import distance, learning_rates, project_ball, project_box, snr_db
from ssviz.models import Classifier
from ssviz.sensitivity import log_sensitivity, log_sensitivity_of, log_tie

pytestmark = pytest.mark.core

N = 5


@pytest.fixture(scope="module")
def model():
    """One for the whole file, so that its step is compiled once."""
    return tiny.dense()


def run(model, x0=None, **options):
    options = {"itr_max": 12, "lr": 1e-2, "record": "samples", "progress": False, **options}
    return generate(model, tiny.vectors(N) if x0 is None else x0, **options)


def assert_consistent(result, model, **options):
    """Every record is as long as the others and ends with the samples that are returned."""
    rows = len(result.distance)
    assert len(result.sensitivity) == len(result.snr) == len(result.trajectory) == rows
    assert result.iterations.max() < rows
    np.testing.assert_array_equal(result.trajectory[0], result.originals)
    np.testing.assert_array_equal(result.trajectory[-1], result.samples)
    np.testing.assert_array_equal(result.trajectory[result.iterations, np.arange(len(result))], result.samples)
    flat = (result.trajectory - result.originals).astype(np.float64).reshape(rows, len(result), -1)
    np.testing.assert_allclose(result.distance, np.linalg.norm(flat, axis=-1), rtol=1e-5)
    for t in {0, rows // 2, rows - 1}:
        expected = sensitivity(model, result.trajectory[t], **options)
        np.testing.assert_allclose(result.sensitivity[t], expected, rtol=1e-5)


# --- the ascent


@pytest.mark.parametrize("objective", ["log", "paper"])
def test_three_steps_raise_the_objective(model, objective):
    result = run(model, itr_max=3, lr=1e-3, objective=objective)
    assert (np.diff(result.sensitivity, axis=0) > 0).all()
    assert (result.iterations == 3).all()
    assert (result.stopped == "itr_max").all()
    assert_consistent(result, model)


def test_other_layers_by_autodiff():
    model = tiny.convolutional()
    result = run(model, tiny.images(3), itr_max=3, lr=1e-3, layers=["conv"])
    assert (np.diff(result.sensitivity, axis=0) > 0).all()
    assert result.settings["layers"] == ["conv"]
    assert_consistent(result, model, layers=["conv"])


def test_the_first_step_is_adams(model):
    """Adam's first step is lr times the sign of the gradient; here against differences of log S."""
    x0 = tiny.vectors(1)
    moved = run(model, x0, itr_max=1, lr=1e-3).samples - x0
    nudges = 1e-2 * np.eye(6, dtype=np.float32)
    slope = np.log(sensitivity(model, x0 + nudges) / sensitivity(model, x0 - nudges))
    np.testing.assert_allclose(moved[0], 1e-3 * np.sign(slope), rtol=1e-3)


@pytest.mark.parametrize("objective", ["log", "paper"])
def test_the_ascent_is_adams(model, objective):
    x0 = tiny.vectors(1)
    v = keras.Variable(x0)
    optimizer = keras.optimizers.Adam(1e-2, epsilon=1e-8)
    log_s = log_sensitivity_of(Classifier.of(model, x0), x0, None)
    for expected in run(model, x0, objective=objective, bounds=(-9, 9)).trajectory:
        np.testing.assert_allclose(ops.convert_to_numpy(v), expected, atol=1e-5)
        value, gradient = value_and_gradient(log_s, v.value + 0)
        descent = -gradient if objective == "log" else -gradient * ops.exp(value)
        optimizer.apply([descent], [v])


def test_samples_stay_in_bounds(model):
    result = run(model, lr=0.2, bounds=(0.0, 1.0))
    assert result.trajectory.min() == 0
    assert result.trajectory.max() == 1
    wider = run(model, lr=0.2, bounds=(-1.0, 2.0))
    assert wider.samples.min() < 0
    assert wider.samples.max() > 1
    assert wider.trajectory.min() >= -1
    assert wider.trajectory.max() <= 2


def test_the_model_is_left_as_it_was(model):
    before = [w.tobytes() for w in model.get_weights()]
    run(model)
    assert [w.tobytes() for w in model.get_weights()] == before


def test_new_weights_are_seen():
    model = tiny.dense()
    run(model, itr_max=2)
    tiny.fill(model, seed=5)
    np.testing.assert_allclose(
        run(model, itr_max=2).samples, run(tiny.fill(tiny.dense(), seed=5), itr_max=2).samples, rtol=1e-6
    )


def test_batches_do_not_change_the_result(model):
    whole = run(model)
    parts = run(model, batch_size=2)
    np.testing.assert_allclose(parts.trajectory, whole.trajectory, atol=1e-5)
    np.testing.assert_allclose(parts.sensitivity, whole.sensitivity, rtol=1e-4)
    assert_consistent(parts, model)


def test_scalars_leave_the_iterates_out(model):
    result = run(model, record="scalars")
    assert result.trajectory is None
    np.testing.assert_array_equal(result.samples, run(model).samples)


def test_a_confident_input_stays_with_paper_and_moves_with_log():
    model = tiny.linear([[40, 0, -1], [2, 1, 3], [1, 2, 0]], np.zeros(3))
    x0 = np.float32([[1, 0.5, 0.5]])
    paper, log = (run(model, x0, objective=objective) for objective in ("paper", "log"))
    assert paper.sensitivity[0] < 1e-30
    np.testing.assert_array_equal(paper.samples, x0)
    assert (log.distance[-1] > 0.1).all()
    assert log.sensitivity[-1] > 100 * log.sensitivity[0]


def flat(size=6):
    """Every feature inactive for every input in [0, 1]: S does not depend on the input."""
    model = tiny.dense()
    first, bias, *head = model.get_weights()
    model.set_weights([first, bias - 100, *head])
    return model


def test_log_leaves_a_flat_place_with_the_seed():
    model, x0 = flat(), np.full((2, 6), 0.5, np.float32)
    ours, again, other = (run(model, x0, itr_max=3, seed=seed) for seed in (0, 0, 1))
    assert (ours.distance[-1] > 0).all()
    np.testing.assert_array_equal(ours.samples, again.samples)
    np.testing.assert_array_equal(ours.samples[0], ours.samples[1])  # the step does not depend on the batch
    assert (ours.samples != other.samples).any()
    np.testing.assert_array_equal(run(model, x0, itr_max=3, objective="paper").samples, x0)


def test_the_same_run_twice(model):
    np.testing.assert_array_equal(run(model).trajectory, run(model).trajectory)


# --- ties of k classes


@pytest.fixture(scope="module")
def logistic():
    """Five classes, of which an input of 40 features can make any tie; the features are the input."""
    return tiny.linear(4 * np.random.default_rng(0).normal(size=(40, 5)), np.zeros(5))


def tied(model, k, **options):
    return run(model, tiny.vectors(N, 40), objective="ties", **{"k": k, "itr_max": 200, **options})


@pytest.mark.parametrize("k", [2, 3, 5])
def test_the_top_k_classes_tie_and_s_is_that_of_a_tie(logistic, k):
    result = tied(logistic, k)
    p = np.sort(probabilities(logistic, result.samples), axis=1)[:, ::-1]
    np.testing.assert_allclose(p[:, :k], 1 / k, rtol=0.02)
    assert p[:, k:].max(initial=0) < 1e-3
    assert (np.sort(probabilities(logistic, result.originals), axis=1)[:, -k] < 0.5 / k).any()  # not so at first
    features_norm2 = np.square(result.samples.astype(np.float64)).sum(1)
    np.testing.assert_allclose(result.sensitivity[-1], (1 / k - 1 / k**2) * (features_norm2 + 1), rtol=0.02)
    assert (result.settings["objective"], result.settings["k"]) == ("ties", k)
    assert result.samples.min() >= 0
    assert result.samples.max() <= 1
    assert_consistent(result, logistic)


def test_ties_are_of_two_unless_k_says_more(logistic):
    default = tied(logistic, None, itr_max=9)
    np.testing.assert_array_equal(default.samples, tied(logistic, 2, itr_max=9).samples)
    assert default.settings["k"] == 2
    assert run(logistic, tiny.vectors(N, 40), itr_max=1).settings["k"] is None


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("k", [2, 3, 4])
def test_at_a_tie_what_leads_there_is_log_s(k, bias):
    z = np.where(np.arange(4) < k, 2.0, -40.0)[None].astype(np.float32)
    h = tiny.vectors(1)
    log_s = ops.convert_to_numpy(log_sensitivity(z, h, bias=bias))
    np.testing.assert_allclose(ops.convert_to_numpy(log_tie(z, h, k, bias=bias)), log_s - np.log1p(-1 / k), atol=1e-3)
    away = z + 0.1 * np.eye(4, dtype=np.float32)[:1]
    assert ops.convert_to_numpy(log_tie(away, h, k, bias=bias)) < ops.convert_to_numpy(log_tie(z, h, k, bias=bias))


def test_one_pass_records_log_s_and_climbs_to_the_tie(model):
    x = ops.convert_to_tensor(tiny.vectors(N))
    classifier = Classifier.of(model, tiny.vectors(N))
    value, gradient = value_and_gradient(generation._log_s_towards_ties(classifier, 3), x)
    np.testing.assert_allclose(ops.convert_to_numpy(value), np.log(sensitivity(model, x)), rtol=1e-5, atol=1e-6)
    _, expected = value_and_gradient(lambda batch: log_tie(*classifier.logits_and_features(batch), 3), x)
    np.testing.assert_allclose(ops.convert_to_numpy(gradient), ops.convert_to_numpy(expected), rtol=1e-5, atol=1e-6)


def test_the_learning_rate_falls_towards_ties_only():
    np.testing.assert_allclose(learning_rates(0.1, 4, decay=True), [0.1, 0.1, 0.1, 0.05])
    np.testing.assert_allclose(learning_rates(0.1, 4, decay=False), [0.1] * 4)
    np.testing.assert_allclose(learning_rates(0.1, 1, decay=True), [0.1])


def test_ties_in_batches_and_in_a_ball(logistic):
    whole = tied(logistic, 3, itr_max=30)
    np.testing.assert_allclose(tied(logistic, 3, itr_max=30, batch_size=2).samples, whole.samples, atol=1e-5)
    epsilon = float(np.median(whole.distance[20]))
    held = tied(logistic, 3, itr_max=30, epsilon=epsilon)
    assert (held.distance <= np.float32(epsilon)).all()
    assert "epsilon" in held.stopped
    np.testing.assert_array_equal(held.samples, whole.at(epsilon).samples)


# --- the epsilon-ball


@pytest.mark.parametrize("norm", ["l2", "linf"])
def test_a_sample_stops_before_it_leaves_the_ball(model, norm):
    free = run(model, norm=norm)
    epsilon = float(np.median(free.distance[6]))
    held = run(model, norm=norm, epsilon=epsilon)
    limit = np.float32(epsilon)
    assert (held.distance <= limit).all()
    assert (held.stopped == "epsilon").all()
    assert len(set(held.iterations)) > 1 or norm == "linf"  # each sample on its own
    columns = np.arange(N)
    assert (free.distance[held.iterations + 1, columns] > limit).all()  # one more step would leave
    np.testing.assert_allclose(held.samples, free.trajectory[held.iterations, columns], atol=1e-6)


def test_some_stop_and_the_others_go_on(model):
    last = run(model).distance[-1]
    result = run(model, epsilon=float(np.median(last)))
    stopped = result.stopped == "epsilon"
    assert 0 < stopped.sum() < N
    assert (result.stopped[~stopped] == "itr_max").all()
    assert (result.iterations[~stopped] == 12).all()
    assert (np.diff(result.distance[:, ~stopped], axis=0) != 0).any(0).all()
    for i in np.flatnonzero(stopped):
        assert len(set(result.distance[result.iterations[i] :, i])) == 1
    assert_consistent(result, model)


@pytest.mark.parametrize("norm", ["l2", "linf"])
@pytest.mark.parametrize("limit", [None, 0.15])
def test_at_is_a_fresh_run(model, norm, limit):
    recorded = run(model, norm=norm, epsilon=limit)
    reached = float(recorded.distance[3, 0]) * (1 - 1e-9)  # the same number in float32
    for epsilon in (0.005, 0.02, reached, 0.0437, 0.1, 0.15):
        replayed = recorded.at(epsilon)
        fresh = run(model, norm=norm, epsilon=epsilon)
        np.testing.assert_array_equal(replayed.samples, fresh.samples)
        np.testing.assert_array_equal(replayed.iterations, fresh.iterations)
        np.testing.assert_array_equal(replayed.stopped, fresh.stopped)
        assert replayed.settings == fresh.settings
        rows = len(replayed.distance)
        for name in ("sensitivity", "snr", "distance", "trajectory"):
            ours, theirs = getattr(replayed, name), getattr(fresh, name)
            np.testing.assert_allclose(ours, theirs[:rows], rtol=1e-5)
            np.testing.assert_allclose(ours[-1], theirs[-1], rtol=1e-5)


def test_at_after_a_plateau(model):
    recorded = run(model, itr_max=100, tolerance=0.05)
    assert (recorded.stopped == "plateau").all()
    reasons = set()
    for epsilon in np.median(recorded.distance, axis=1)[[3, 15, -1]]:
        fresh = run(model, itr_max=100, tolerance=0.05, epsilon=float(epsilon))
        replayed = recorded.at(float(epsilon))
        np.testing.assert_array_equal(replayed.samples, fresh.samples)
        np.testing.assert_array_equal(replayed.stopped, fresh.stopped)
        reasons |= set(fresh.stopped)
    assert reasons == {"epsilon", "plateau"}


def test_at_says_what_it_needs(model):
    with pytest.raises(ValueError, match='record="samples"'):
        run(model, record="scalars").at(0.1)
    with pytest.raises(ValueError, match='constraint="stop"'):
        run(model, constraint="project", epsilon=0.1).at(0.05)
    recorded = run(model, epsilon=0.1)
    for epsilon in (0.2, 0, -1, np.nan):
        with pytest.raises(ValueError, match=r"epsilon must be positive and at most 0\.1"):
            recorded.at(epsilon)


@pytest.mark.parametrize("norm", ["l2", "linf"])
def test_project_goes_on_within_the_ball(model, norm):
    result = run(model, constraint="project", norm=norm, epsilon=0.05, itr_max=30)
    assert (result.distance <= 0.05 * (1 + 1e-5)).all()
    np.testing.assert_allclose(result.distance[-1], 0.05, rtol=1e-3)  # at the edge
    assert (result.iterations == 30).all()
    assert (result.sensitivity[-1] > run(model, norm=norm, epsilon=0.05).sensitivity[-1]).all()


# --- projections and distances


def batch(rng, spread=1.0):
    return rng.normal(0.5, spread, (4, 3, 2)).astype(np.float32)


def within(rng, x0, epsilon, norm):
    """A point of the ball around each x0, by a construction that needs no projection."""
    step = rng.uniform(-1, 1, x0.shape)
    size = np.abs(step).max((1, 2)) if norm == "linf" else np.sqrt(np.square(step).sum((1, 2)))
    return x0 + step / size[:, None, None] * epsilon * rng.random((len(x0), 1, 1))


def assert_nearest(x, projected, points):
    """P(x) is the nearest point of a convex set iff <x - P(x), y - P(x)> <= 0 for every point y of it."""
    for y in points:
        assert (((x - projected) * (y - projected)).sum((1, 2)) <= 1e-4).all()


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("norm", ["l2", "linf"])
def test_project_ball_gives_the_nearest_point_and_keeps_it(norm, seed):
    rng = np.random.default_rng(seed)
    x0, x, epsilon = batch(rng), batch(rng, spread=rng.choice([0.1, 3])), rng.uniform(0.1, 2)
    projected = ops.convert_to_numpy(project_ball(x, x0, epsilon, norm))
    assert (ops.convert_to_numpy(distance(projected, x0, norm)) <= epsilon * (1 + 1e-5)).all()
    assert_nearest(x, projected, [within(rng, x0, epsilon, norm) for _ in range(50)])
    again = ops.convert_to_numpy(project_ball(projected, x0, epsilon, norm))
    np.testing.assert_allclose(again, projected, atol=1e-6)
    inside = within(rng, x0, 0.99 * epsilon, norm).astype(np.float32)
    np.testing.assert_allclose(ops.convert_to_numpy(project_ball(inside, x0, epsilon, norm)), inside, atol=1e-6)


@pytest.mark.parametrize("seed", range(5))
def test_project_box_gives_the_nearest_point_and_keeps_it(seed):
    rng = np.random.default_rng(seed)
    x = batch(rng, spread=2)
    projected = ops.convert_to_numpy(project_box(x, -0.5, 1.0))
    assert_nearest(x, projected, rng.uniform(-0.5, 1, (50, *x.shape)))
    np.testing.assert_array_equal(ops.convert_to_numpy(project_box(projected, -0.5, 1.0)), projected)


def test_an_infinite_ball_moves_nothing():
    x, x0 = np.random.default_rng(0).random((2, 4, 3, 2), dtype=np.float32)
    for norm in ("l2", "linf"):
        np.testing.assert_allclose(ops.convert_to_numpy(project_ball(x, x0, np.inf, norm)), x, atol=1e-6)


def test_distance_and_snr_are_their_definitions():
    x0 = np.float32([[[3, 4], [0, 0]], [[1, 1], [1, 1]]])
    x = x0 + np.float32([[[0.3, 0], [0, -0.4]], [[0, 0], [0, 0.2]]])
    np.testing.assert_allclose(ops.convert_to_numpy(distance(x, x0)), [0.5, 0.2], rtol=1e-5)
    np.testing.assert_allclose(ops.convert_to_numpy(distance(x, x0, "linf")), [0.4, 0.2], rtol=1e-5)
    np.testing.assert_allclose(ops.convert_to_numpy(snr_db(x, x0)), [20, 20], rtol=1e-5)  # 25/0.25 = 4/0.04


def test_snr_of_a_run(model):
    result = run(model)
    noise = np.square((result.samples - result.originals).astype(np.float64)).sum(1)
    signal = np.square(result.originals.astype(np.float64)).sum(1)
    np.testing.assert_allclose(result.snr[-1], 10 * np.log10(signal / noise), rtol=1e-5)
    assert np.isinf(result.snr[0]).all()


# --- stopping


def test_a_plateau_ends_the_ascent(model):
    result, free = run(model, itr_max=100, tolerance=0.05), run(model, itr_max=100)
    assert (result.stopped == "plateau").all()
    log_s = np.log(free.sensitivity)
    rises = log_s[10:] - log_s[:-10]  # what a sample had gained before each iteration from the eleventh on
    np.testing.assert_array_equal(result.iterations, 11 + (rises < 0.05).argmax(0))
    assert len(set(result.iterations)) > 1  # each sample on its own
    assert_consistent(result, model)


def breaks(monkeypatch, calls):
    """Ctrl-C when the progress bar is updated for the nth time."""
    update, count = generation.tqdm.update, iter(range(1, 1000))

    def pressed(self, *args):
        if next(count) == calls:
            raise KeyboardInterrupt
        return update(self, *args)

    monkeypatch.setattr(generation.tqdm, "update", pressed)


def test_an_interrupt_returns_what_is_done(model, monkeypatch):
    whole = run(model)
    breaks(monkeypatch, 4)
    result = run(model)
    assert (result.stopped == "interrupted").all()
    assert (result.iterations == 4).all()
    np.testing.assert_array_equal(result.samples, whole.trajectory[4])
    assert_consistent(result, model)
    assert "5 interrupted" in repr(result)


def test_an_interrupt_leaves_later_batches_alone(model, monkeypatch):
    breaks(monkeypatch, 12 + 1 + 4)  # the first batch and its filling up of the bar, then in the second
    result = run(model, batch_size=2)
    assert result.stopped.tolist() == ["itr_max"] * 2 + ["interrupted"] * 3
    assert result.iterations.tolist() == [12, 12, 4, 4, 0]
    np.testing.assert_array_equal(result.samples[4], result.originals[4])
    assert_consistent(result, model)


def test_an_interrupt_when_a_batch_has_just_ended_still_ends_the_rest(model, monkeypatch):
    breaks(monkeypatch, 1)
    result = run(model, epsilon=1e-6, batch_size=2)  # every sample stops in its first iteration
    assert result.stopped.tolist() == ["epsilon"] * 2 + ["interrupted"] * 3


def test_an_interrupt_at_any_line_keeps_the_records_together(model):
    """Ctrl-C comes between any two lines of the loop: raise it there, in the third iteration."""
    lines, first = inspect.getsourcelines(generation._ascend)
    begin, end = (next(i for i, text in enumerate(lines) if text.strip() == word) for word in
                  ("try:", "except KeyboardInterrupt:"))  # fmt: skip
    interrupted = 0
    for line in range(first + begin + 2, first + end):
        visits = iter(range(1, 1000))

        def in_loop(frame, event, _, line=line, visits=visits):
            if event == "line" and frame.f_lineno == line and next(visits) == 3:
                sys.settrace(None)
                raise KeyboardInterrupt
            return in_loop

        previous = sys.gettrace()
        sys.settrace(lambda frame, *_: in_loop if frame.f_code is generation._ascend.__code__ else None)
        try:
            result = run(model, itr_max=5)
        finally:
            sys.settrace(previous)
        if "interrupted" in result.stopped:
            interrupted += 1
            assert set(result.iterations) <= {2, 3}
            assert_consistent(result, model)
    assert interrupted > 5


# --- the result


def test_indexing_keeps_records_with_their_samples(model):
    result = run(model)
    for indices in ([3, 1], slice(1, 4), np.array([True, False, False, True, False]), -1):
        picked, rows = result[indices], np.atleast_1d(np.arange(N)[indices])
        assert len(picked) == len(rows)
        np.testing.assert_array_equal(picked.samples, result.samples[rows])
        np.testing.assert_array_equal(picked.sensitivity, result.sensitivity[:, rows])
        np.testing.assert_array_equal(picked.iterations, result.iterations[rows])
        assert_consistent(picked, model)
    with pytest.raises(IndexError):
        result[N]


def test_samples_are_samples_for_every_function(model):
    result = run(model)
    np.testing.assert_array_equal(sensitivity(model, result), sensitivity(model, result.samples))


def test_repr_tells_the_result(model):
    result = run(model, itr_max=2)
    gain = np.median(result.sensitivity[-1] / result.sensitivity[0])
    assert repr(result) == (
        f"SensitiveSamples(5 of shape (6,): median S {np.median(result.sensitivity[-1]):.3g} "
        f"({gain:.3g} times the originals'), median SNR {np.median(result.snr[-1]):.1f} dB; "
        "stopped by 5 itr_max)"
    )


# --- arguments


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"norm": "l1"}, "norm must be 'l2' or 'linf'; received 'l1'"),
        ({"objective": "S"}, "objective must be 'log' or 'paper' or 'ties'"),
        ({"constraint": "clip"}, "constraint must be 'stop' or 'project'"),
        ({"record": "all"}, "record must be 'scalars' or 'samples'"),
        *(({"epsilon": value}, "epsilon must be a positive number") for value in (0, -1, np.nan, np.inf, "1")),
        *(({"lr": value}, "lr must be a positive number") for value in (0, -1e-3, None, np.inf, "fast")),
        *(({"tolerance": value}, "tolerance must be a positive number") for value in (0, "no")),
        *(({"itr_max": value}, "itr_max must be a whole number of at least 1") for value in (0, 2.5, None)),
        *(({"batch_size": value}, "batch_size must be a whole number") for value in (0, 2.5)),
        *(({"bounds": value}, r"bounds must be \(p, q\)") for value in ((1, 0), (0, 0.5, 1), 1, None)),
        ({"constraint": "project"}, 'constraint="project" needs an epsilon'),
        ({"objective": "paper", "tolerance": 0.1}, 'tolerance .* objective="log"'),
        ({"objective": "ties", "tolerance": 0.1}, 'tolerance .* objective="log"; received objective="ties"'),
        ({"objective": "ties", "layers": ["head"]}, 'layers must be None with objective="ties"'),
        *(({"objective": "ties", "k": value}, "k must be a whole number of at least 2") for value in (1, 2.5, "2")),
        ({"objective": "ties", "k": 5}, "k must be at most the number of classes, 4; received 5"),
        *(({"objective": name, "k": 2}, 'k .* objective="ties"; received k=2') for name in ("log", "paper")),
        ({"layers": ["fc8"]}, "layers must name layers"),
    ],
)
def test_errors_name_the_argument(model, options, message):
    with pytest.raises(ValueError, match=message):
        run(model, **options)


@pytest.mark.parametrize(
    ("x0", "message"),
    [
        (np.full((2, 6), 255, np.uint8), r"x0 must lie in \[0, 1\]; received max=255. Divide by 255\?"),
        (np.full((2, 6), -0.5), r"x0 must lie in \[0, 1\]; received min=-0.5"),
        (np.full((2, 6), np.nan), "x0 must be finite"),
        (np.zeros((0, 6)), "x0 must be a batch"),
    ],
)
def test_x0_must_be_samples_in_bounds(model, x0, message):
    with pytest.raises(ValueError, match=message):
        run(model, x0)


def test_numbers_from_numpy_will_do(model):
    ours = run(model, itr_max=np.int64(2), lr=np.float32(1e-2), batch_size=np.int32(9), bounds=np.array([0, 1]))
    np.testing.assert_allclose(ours.samples, run(model, itr_max=2, lr=1e-2).samples, rtol=1e-6)
