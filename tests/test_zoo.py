import hashlib
import json
import os

import numpy as np
import pytest
import tiny_models as tiny
from keras import layers

from ssviz import load_model, probabilities, zoo
from ssviz.datasets import signs

pytestmark = pytest.mark.core


def test_every_model_ships_its_weights_and_their_provenance():
    shipped = {path.name for path in zoo.WEIGHTS.glob("*.*")}
    assert shipped >= {f"{name}.{ending}" for name in zoo.MODELS for ending in ("keras", "json")}


@pytest.mark.parametrize("name", zoo.MODELS)
def test_a_model_loads_and_is_the_one_that_was_trained(name):
    card, recipe = zoo.provenance(name), zoo.MODELS[name]
    weights = (zoo.WEIGHTS / f"{name}.keras").read_bytes()
    assert hashlib.sha256(weights).hexdigest() == card["sha256"]
    assert card["command"] == f"python -m ssviz.zoo {name}"
    assert card["recipe"]["dataset"] == recipe.dataset
    assert card["test_accuracy"] >= 0.95
    model = load_model(name)
    assert model.output_shape == (None, 43)
    assert model.count_params() == card["parameters"]
    seven = [layer for layer in model.layers if layer.weights]
    assert [type(layer) for layer in seven] == [layers.Conv2D] * 6 + [layers.Dense]
    assert [conv.filters // recipe.width for conv in seven[:6]] == [1, 1, 2, 2, 4, 4]
    noise = np.random.default_rng(0).random((3, *model.input_shape[1:]))
    np.testing.assert_allclose(probabilities(model, noise).sum(1), 1, rtol=1e-5)


def test_signs_are_recognised():
    """Signs that were never seen: rendered here, from a seed of their own."""
    labels = np.arange(43).repeat(3)
    x = signs.render(labels, seed=987) / np.float32(255)
    assert np.mean(probabilities(load_model("signs-cnn7"), x).argmax(1) == labels) >= 0.9


@pytest.fixture
def shelf(tmp_path, monkeypatch):
    """A weights folder with one small model, whose provenance the test may write."""
    monkeypatch.setattr(zoo, "WEIGHTS", tmp_path)
    path = tmp_path / "signs-cnn7.keras"
    tiny.linear(np.eye(3)).save(path)
    card = {"sha256": hashlib.sha256(path.read_bytes()).hexdigest()}
    (tmp_path / "signs-cnn7.json").write_text(json.dumps(card))
    return path


def test_what_is_not_the_shipped_file_is_refused(shelf):
    assert load_model("signs-cnn7").output_shape == (None, 3)
    intact = shelf.read_bytes()
    half = len(intact) // 2
    damaged = {
        "one bit": intact[:half] + bytes([intact[half] ^ 1]) + intact[half + 1 :],
        "truncated": intact[:-100],
        "empty": b"",
        "another model": os.urandom(100),
    }
    for content in damaged.values():
        shelf.write_bytes(content)
        with pytest.raises(ValueError, match=r"signs-cnn7\.keras is damaged: SHA-256 should be"):
            load_model("signs-cnn7")


def test_an_unknown_name_lists_those_there_are():
    with pytest.raises(ValueError, match="name must be one of signs-cnn7, gtsrb-cnn7; received 'resnet50'"):
        load_model("resnet50")
