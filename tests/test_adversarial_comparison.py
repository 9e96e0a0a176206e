"""The comparison of Table 1 on a small network, and its explorer without a browser."""

import numpy as np
import plotly.graph_objects as go
import pytest
import tiny_models as tiny

import ssviz
from ssviz.adversarial_comparison import KINDS, alignment, compare, table
from ssviz.adversarial_examples import cross_entropy
from ssviz.attacks import Attacked
from ssviz.explorers import AdversarialExplorer
from ssviz.figures import adversarial as figures

EPSILONS = (0.02, 0.05, 0.1)


def changed(size):
    model, rng = tiny.convolutional(), np.random.default_rng(5)
    model.set_weights([w + size * rng.normal(size=w.shape) * (w.ndim > 1) for w in model.get_weights()])
    return Attacked(f"noise <{size}>", model, None, None, None, {})


@pytest.fixture(scope="module")
def result():
    model, x = tiny.convolutional(), tiny.images(12, (6, 6, 2))
    labels = ssviz.probabilities(model, x).argmax(1)
    names = ["a", "b", "<c>", "d"]
    return compare(
        model, [changed(0.01), changed(0.3)], x, labels, epsilons=EPSILONS, class_names=names, lr=0.005, itr_max=25
    )


@pytest.mark.core
def test_what_is_recorded_is_what_the_functions_say(result):
    model, shape = tiny.convolutional(), (len(KINDS), len(EPSILONS), 12)
    assert result.samples.shape == (*shape, 6, 6, 2)
    flat, labels = result.samples.reshape(-1, 6, 6, 2), np.tile(result.labels, 12)
    p = ssviz.probabilities(model, flat)
    np.testing.assert_array_equal(result.predicted, p.argmax(1).reshape(shape))
    np.testing.assert_allclose(result.confidence, p.max(1).reshape(shape), rtol=1e-4)
    np.testing.assert_allclose(result.sensitivity, ssviz.sensitivity(model, flat).reshape(shape), rtol=1e-4)
    np.testing.assert_allclose(result.loss, cross_entropy(model, flat, labels).reshape(shape), rtol=1e-4)
    answers = ssviz.probabilities(changed(0.3).model, flat).argmax(1).reshape(shape)
    np.testing.assert_array_equal(result.answers[1], answers)


@pytest.mark.core
def test_every_kind_keeps_epsilon_and_the_natural_ones_stay(result):
    natural = result.samples[0, 0]
    for i, epsilon in enumerate(EPSILONS):
        assert (np.abs(result.samples[:, i] - natural) <= epsilon * (1 + 1e-5)).all()
    np.testing.assert_array_equal(result.samples[0], np.stack([natural] * 3))
    assert np.isinf(result.snr[0]).all()
    assert np.isfinite(result.snr[1:]).all()
    assert result.wrong[0].max() == 0
    assert (np.median(result.loss[2, -1]) > np.median(result.loss[0, -1])).all()
    assert np.median(result.sensitivity[3, -1]) > np.median(result.sensitivity[0, -1])
    np.testing.assert_allclose(result.detected, (result.answers != result.predicted).mean(-1))
    np.testing.assert_allclose(result.grey_levels, 255 * np.array(EPSILONS))


@pytest.mark.core
def test_before_the_boundary_both_ascents_agree_and_beyond_it_they_part():
    model = tiny.linear(np.diag([30.0, 30.0]), [0.0, 0.0])
    x = np.float32([[0.9, 0.1], [0.8, 0.2], [0.2, 0.8]])
    cosine = alignment(model, x, [0, 0, 0])
    np.testing.assert_allclose(cosine, [1, 1, -1], atol=0.02)
    np.testing.assert_allclose(alignment(model, x, [0, 0, 0], batch_size=1), cosine, atol=1e-4)


@pytest.mark.core
def test_the_table_has_a_row_a_kind_and_a_column_an_attack(result):
    frame = table(result, 0.06)
    assert list(frame.index) == list(KINDS)
    assert "12.8 grey levels" in frame.index.name
    assert [c for c in frame if c.startswith("tells apart")] == [
        "tells apart: noise <0.01>",
        "tells apart: noise <0.3>",
    ]
    assert frame["the intact model errs"]["natural"] == "0%"


@pytest.mark.core
@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"compromised": []}, "compromised must be one model or more"),
        ({"epsilons": [0.1, 0.05]}, "epsilons must be positive and in rising order"),
        ({"epsilons": [0.0]}, "epsilons must be positive"),
        ({"class_names": ["a"]}, "class_names must be one a class: 4; received 1"),
        ({"labels": [0]}, r"labels must be \(3,\) class numbers"),
    ],
)
def test_a_wrong_argument_is_named(options, said):
    model = tiny.convolutional()
    args = {"compromised": [model], "x": tiny.images(3), "labels": [0, 1, 2], "epsilons": [0.1], "itr_max": 2}
    with pytest.raises(ValueError, match=said):
        compare(model, **{**args, **options})


@pytest.fixture
def explorer(result):
    grey = result.samples.mean(axis=-1, keepdims=True)  # two channels are no picture
    return AdversarialExplorer(
        type(result)(**{**vars(result), "samples": grey, "predicted": result.predicted.copy()}), grey_levels=13
    )


def test_the_controls_select_and_compute_nothing(explorer):
    assert explorer.widget
    before = explorer._columns.value
    explorer.update(image=4, attack=1, epsilon=2)
    r, lines = explorer.result, explorer._curves.data
    for kind in range(4):
        np.testing.assert_allclose(lines[kind].y, r.sensitivity[kind, :, 4])
        np.testing.assert_allclose(lines[4 + kind].y, r.detected[1, kind])
    cursors = explorer._curves.layout.shapes
    assert [(c.x0, c.x1, c.xref) for c in cursors] == [(r.grey_levels[2], r.grey_levels[2], x) for x in ("x", "x2")]
    assert explorer._columns.value != before
    assert f"<b>{r.detected[1, 3, 2]:.0%}</b>" in explorer.status.value
    explorer.update(epsilon=0)
    assert {c.x0 for c in cursors} == {r.grey_levels[0]}
    explorer.reset()
    assert explorer.controls["epsilon"].value == 1


def test_what_is_said_names_labels_and_differences(explorer):
    r = explorer.result
    for image in range(12):
        for text, kind in zip(figures.said(r, image, 1, 2), range(4), strict=True):
            differs = r.answers[1, kind, 2, image] != r.predicted[kind, 2, image]
            assert text["compromised says"].startswith("≠" if differs else "=")
            assert text["label"].endswith("(wrong)") == (r.predicted[kind, 2, image] != r.labels[image])
    assert figures.said(r, 0, 0, 0)[0]["SNR"] == "no change"
    r.predicted[:, :, 3] = 2  # the class <c>
    explorer.update(image=3)
    assert explorer._columns.value.count("&lt;c&gt;") >= 4


def test_the_static_figure_has_a_frame_an_epsilon(explorer):
    figure = explorer.static_figure()
    assert type(figure) is go.Figure
    assert len(figure.frames) == len(figure.layout.sliders[0].steps) == 3
    for j, frame in enumerate(figure.frames):
        targets = [figure.data[t] for t in frame.traces]
        assert [type(t) for t in targets] == [type(d) for d in frame.data]
        assert {shape.x0 for shape in frame.layout.shapes} == {explorer.result.grey_levels[j]}
    assert len(figure.to_json()) < 400_000
