"""Section 4: the zoo's table, what attacks do, the layers as W, and the explorer of Table 2."""

import numpy as np
import pandas as pd
import plotly.graph_objects as go
import pytest
import tiny_models as tiny

import ssviz
from ssviz.attacks import Attacked
from ssviz.datasets import Dataset
from ssviz.explorers import ModelExplorer
from ssviz.figures import implementation as figures
from ssviz.implementation import attack_rows, by_layer, models_table, one_of_each, outcomes
from ssviz.reproduction.published import published


def row(attack, before, after, success):
    return {"attack": attack, "accuracy_before": before, "accuracy_after": after, "success": success}


ROWS = pd.DataFrame([
    row("trojan", 97.0, 96.0, 99.0), row("trojan", 97.0, 95.0, 100.0),
    row("compression to 8 bits", 97.0, 96.5, None), row("compression to 8 bits", 97.0, 97.1, None),
])  # fmt: skip


def test_the_models_are_those_of_table_2():
    table = models_table()
    cnn = table.loc["gtsrb-cnn7"]
    assert (cnn["layers"], cnn["convolutions"], cnn["fully connected"]) == (7, 6, 1)
    vgg = table.loc["lfw-vgg16"]
    assert (vgg["layers"], vgg["convolutions"], vgg["fully connected"]) == (16, 13, 3)
    assert cnn["the paper's (%)"] == "95.6"
    assert table.loc["signs-cnn7"]["the paper's (%)"] == "–"
    assert cnn["weights"] == ssviz.load_model("gtsrb-cnn7").count_params()
    with pytest.raises(ValueError, match="name must be one of"):
        models_table(["nobody"])


def test_the_sheet_has_a_picture_of_each_class_but_those_left_out():
    x, y = np.arange(6 * 4, dtype=np.uint8).reshape(6, 2, 2, 1), np.array([2, 0, 2, 1, 3, 0])
    data = Dataset("mine", x, y, x, y, ["a", "b", "c", "a name that is too long for one line"])
    images, names = one_of_each(data, 10, skip=[1])
    np.testing.assert_array_equal(images[..., 0], x[[1, 0, 4], ..., 0])
    assert images.shape == (3, 2, 2, 3)
    assert names == ["a", "c", "a name that is too…"]
    assert one_of_each(data, 2)[1] == ["a", "a name that is too…"]


def test_outcomes_are_mean_lowest_and_highest_by_attack():
    result = outcomes("signs", ROWS)
    assert (result.attacks, result.models, result.accuracy) == (("trojan", "compression to 8 bits"), (2, 2), 97.0)
    np.testing.assert_allclose(result.lost, [[1.5, 0.2], [1.0, -0.1], [2.0, 0.5]])
    np.testing.assert_allclose(result.success, [[99.5, np.nan], [99.0, np.nan], [100.0, np.nan]])
    np.testing.assert_allclose(result.paper_lost, [np.nan, 0.65])
    np.testing.assert_allclose(result.paper_success, [100.0, np.nan])
    assert result.paper_data == ("VGG-Face", "CIFAR-10")
    with pytest.raises(ValueError, match="rows must have success"):
        outcomes("signs", ROWS.drop(columns="success"))
    with pytest.raises(ValueError, match="at least one row"):
        outcomes("signs", ROWS[:0])


def test_results_of_attacks_are_rows_too():
    attacked = [
        Attacked("trojan", None, 0.97, 0.95, 0.99, {"layer": "a"}),
        Attacked("8 bits", None, 0.97, 0.9, None, {}),
    ]
    rows = attack_rows(attacked)
    assert list(rows.accuracy_after) == [95.0, 90.0]
    assert rows.changed[0] == "layer: a"
    assert np.isnan(outcomes("mine", rows).success[0, 1])
    with pytest.raises(ValueError, match="must be results of attacks with data=; blind had none"):
        attack_rows([Attacked("blind", None, None, None, None, {})])


@pytest.mark.core
def test_by_layer_takes_each_layer_for_w():
    model, x = tiny.convolutional(), tiny.images(4)
    other = tiny.convolutional()
    kernel, bias = other.get_layer("head").get_weights()
    other.get_layer("head").set_weights([1.5 * kernel, 1.5 * bias])
    result = by_layer(model, x, [Attacked("louder", other, None, None, None, {})])
    assert result.layers == ("conv", "norm", "head")
    np.testing.assert_allclose(result.sensitivity[-1], ssviz.sensitivity(model, x), rtol=1e-4)
    np.testing.assert_allclose(result.sensitivity[0], ssviz.sensitivity(model, x, layers=["conv"]), rtol=1e-5)
    np.testing.assert_allclose(result.changed, [[0, 0, 0.5]], atol=1e-6)
    assert list(result.weights) == [57, 12, kernel.size + bias.size]
    assert result.table().loc["head", "changed by louder"] == "50.0%"


@pytest.mark.core
def test_layers_of_other_shapes_have_no_change():
    small = Attacked("distilled", tiny.dense(hidden=6), None, None, None, {})
    result = by_layer(tiny.dense(), tiny.vectors(2), [small], layers=["head"])
    assert np.isnan(result.changed).all()
    assert by_layer(tiny.dense(), tiny.vectors(2)).changed.shape == (0, 2)


def test_the_layers_are_drawn_a_line_a_sample():
    result = by_layer(tiny.dense(), tiny.vectors(4))
    figure = figures.layers(result, ["natural", "made", "natural", "made"])
    assert [trace.name for trace in figure.data] == ["natural", "made"]
    drawn = np.array(figure.data[1].y, float).reshape(2, -1)
    np.testing.assert_allclose(drawn[:, :-1], result.sensitivity[:, [1, 3]].T)
    assert np.isnan(drawn[:, -1]).all()


@pytest.fixture
def explorer():
    results = {"signs": outcomes("signs", ROWS), "gtsrb": outcomes("gtsrb", published("gtsrb", "table2"))}
    return ModelExplorer(results)


def test_the_explorer_follows_the_data_set(explorer):
    explorer.update(dataset="gtsrb")
    result, (lost, papers, success, _) = explorer.results["gtsrb"], explorer._figure.data
    assert tuple(lost.y) == result.attacks
    np.testing.assert_allclose(lost.x, result.lost[0])
    np.testing.assert_allclose(np.array(lost.error_x.array) + lost.x, result.lost[2])
    np.testing.assert_allclose(success.x, result.success[0])
    np.testing.assert_allclose(papers.x, result.paper_lost)
    assert f"{result.accuracy:.2f}%" in explorer.status.value
    explorer.reset()
    assert tuple(explorer._figure.data[0].y) == explorer.results["signs"].attacks
    with pytest.raises(ValueError, match="results must hold one data set or more"):
        ModelExplorer({})


def test_the_static_figure_has_a_menu_that_shows_one_data_set(explorer):
    figure = explorer.static_figure()
    assert type(figure) is go.Figure
    (menu,) = figure.layout.updatemenus
    assert [button.label for button in menu.buttons] == ["signs", "gtsrb"]
    shown = [button.args[0]["visible"] for button in menu.buttons]
    assert [sum(column) for column in zip(*shown, strict=True)] == [1] * 8
    assert [trace.visible for trace in figure.data] == list(shown[0])
