"""The output explorer without a browser: its shares are the detection matrix's, its table is what the outputs show."""

import numpy as np
import plotly.graph_objects as go
import pytest
import tiny_models

from ssviz.attacks import Attacked
from ssviz.evaluation import detection_matrix
from ssviz.explorers import OutputExplorer
from ssviz.explorers.base import PLOTLY_MIME
from ssviz.figures.outputs import BY_DIGITS, rows

WIDGET_MIME = "application/vnd.jupyter.widget-view+json"


@pytest.fixture(scope="module")
def models():
    """An intact model, one changed a little, one changed much."""
    return tiny_models.dense(), *(_changed(size) for size in (0.02, 1.0))


def _changed(size):
    model = tiny_models.dense()
    rng = np.random.default_rng(5)
    model.set_weights([w + size * rng.normal(size=w.shape) for w in model.get_weights()])
    return model


@pytest.fixture
def explorer(models):
    intact, little, much = models
    suspects = [Attacked("a <little>", little, None, None, None, {}), much]
    return OutputExplorer(intact, suspects, tiny_models.vectors(20), class_names=["a", "b", "<c>", "d"])


def test_the_shares_are_those_of_the_detection_matrix(explorer, models):
    assert explorer.answers.outputs == ("top-1", "top-3", "top-1-p-dec-2", "p-dec-1", "p-dec-2", "p-dec-3", "p")
    assert set(explorer.answers.outputs) < set(explorer.answers.detected)
    for name, detected in explorer.answers.detected.items():
        expected = detection_matrix(models[0], list(models[1:]), tiny_models.vectors(20), name)
        np.testing.assert_array_equal(detected, expected, err_msg=name)
    more = [explorer.answers.detected[f"p-dec-{n}"].sum() for n in range(8)]
    assert more[0] < more[3] <= more[7]


def test_attack_and_digits_move_bars_and_curves_and_ask_nothing(explorer, monkeypatch):
    assert explorer.widget
    monkeypatch.setattr("ssviz.explorers.outputs.probabilities", None)  # a call would raise
    before = explorer._figure.data[0].x
    explorer.update(attack=1, digits=5)
    bars, top_1, p_dec, cursor = explorer._figure.data
    answers = explorer.answers
    assert tuple(bars.x) != tuple(before)
    np.testing.assert_allclose(bars.x, [answers.detected[name][1].mean() for name in bars.y])
    for trace, name in zip((top_1, p_dec), BY_DIGITS, strict=True):
        assert trace.name == f"{name}-n"
        np.testing.assert_allclose(trace.y, [answers.detected[f"{name}-{n}"][1].mean() for n in range(8)])
    assert tuple(cursor.x) == (5, 5)
    assert tuple(cursor.y) == (top_1.y[5], p_dec.y[5])
    explorer.reset()
    assert [control.value for control in explorer.controls.values()] == [0, 0, 2]
    assert tuple(explorer._figure.data[0].x) == tuple(before)


def test_the_table_marks_what_differs_and_nothing_else(explorer):
    for attack in (0, 1):
        for sample in range(20):
            for row in rows(explorer.answers, attack, sample, 2):
                assert row.differs == any(mark for _, mark in row.intact), (row, sample)
                assert row.differs == any(mark for _, mark in row.compromised), (row, sample)


def test_the_table_shows_the_answers(explorer):
    explorer.update(attack=1, sample=7, digits=3)
    table, answers = explorer._table.value, explorer.answers
    p = answers.reference[7]
    label = answers.class_names[p.argmax()]
    (top_1, *_, digits, all_digits) = rows(answers, 1, 7, 3)
    assert [text for text, _ in top_1.intact] == [label]
    assert [row.output for row in rows(answers, 1, 7, 3)] == ["top-1", "top-3", "top-1-p-dec-3", "p-dec-3", "p"]
    assert (digits.intact[0][0], digits.intact[1][0]) == (f"label {label}", f"{label} {p.max():.3f}")
    assert f"{p.max():.9g}" in all_digits.intact[1][0]
    assert table.count("scope='row'") == 5
    assert "<caption" in table
    assert "<c>" not in table
    assert ("≠ yes" in table) == ("<mark" in table)


def test_many_classes_are_summed_up_and_a_change_among_them_is_marked():
    rng = np.random.default_rng(0)
    model, other = (tiny_models.linear(rng.normal(size=(6, 30))) for _ in range(2))
    explorer = OutputExplorer(model, other, tiny_models.vectors(2))
    *_, row = rows(explorer.answers, 0, 0, 2)
    assert "of them different" in row.compromised[-1][0]
    assert row.compromised[-1][1]
    assert len(row.intact) <= 7
    assert "top-5" in explorer.answers.outputs


def test_the_sample_changes_the_table_and_the_picture():
    model = tiny_models.fill(_pictures())
    explorer = OutputExplorer(model, tiny_models.fill(_pictures(), seed=1), tiny_models.images(3, (4, 4, 3)))
    assert explorer.widget
    table, picture = explorer._table.value, explorer._picture.value
    explorer.update(sample=2)
    assert explorer._table.value != table
    assert explorer._picture.value != picture
    assert "Sample 2" in explorer.status.value


def _pictures():
    from keras import Sequential, layers

    return Sequential([layers.Input((4, 4, 3)), layers.Flatten(), layers.Dense(4, "softmax")])


def test_the_static_figure_has_a_frame_for_every_attack_and_is_no_widget(explorer):
    figure = explorer.static_figure()
    assert type(figure) is go.Figure
    assert [frame.name for frame in figure.frames] == list(explorer.answers.attacks)
    assert len(figure.layout.sliders[0].steps) == 2
    assert [trace.type for trace in figure.frames[1].data] == ["bar", "scatter", "scatter", "scatter", "table"]
    explorer.static = True
    assert WIDGET_MIME not in explorer._repr_mimebundle_()
    assert explorer._widget is None


def test_displays_a_widget_and_every_control_is_named(explorer):
    assert {WIDGET_MIME, PLOTLY_MIME} <= explorer._repr_mimebundle_().keys()
    assert all(control.description and control.tooltip for control in explorer.controls.values())
    assert "a <little>" not in explorer.status.value


def test_models_of_one_name_are_told_apart_and_one_is_enough(models):
    intact, little, much = models
    attacks = [Attacked("rounding", m, None, None, None, {}) for m in (little, much)]
    names = OutputExplorer(intact, attacks, tiny_models.vectors(2)).answers.attacks
    assert names == ("rounding (1)", "rounding (2)")
    one = OutputExplorer(intact, attacks[0], tiny_models.vectors(1))
    assert one.answers.attacks == ("rounding",)
    one.update(sample=0)


def test_errors_are_shown_or_raised_by_name(explorer, models, monkeypatch):
    assert explorer.widget
    monkeypatch.setattr("ssviz.figures.outputs.parse", lambda name: 1 / 0)
    explorer.controls["sample"].value = 1
    assert "ZeroDivisionError" in explorer.status.value
    with pytest.raises(ValueError, match="nonsense"):
        explorer.update(nonsense=1)
    with pytest.raises(ValueError, match="class_names must be one a class: 4; received 1"):
        OutputExplorer(models[0], models[1], tiny_models.vectors(2), class_names=["a"])
    with pytest.raises(ValueError, match="compromised must be one model or more"):
        OutputExplorer(models[0], [], tiny_models.vectors(2))
