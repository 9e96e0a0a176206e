import hashlib
import json
import os
from functools import partial

import h5py
import keras
import numpy as np
import pytest
import tiny_models as tiny
from keras import layers

from ssviz import generate, load_model, probabilities, sensitivity, zoo
from ssviz.datasets import signs
from ssviz.zoo import architectures
from ssviz.zoo.__main__ import mirrored_and_shifted

pytestmark = pytest.mark.core


def test_every_model_ships_its_weights_and_their_provenance():
    shipped = {path.name for path in zoo.WEIGHTS.glob("*.*")}
    assert shipped >= {f"{name}.{ending}" for name in zoo.MODELS for ending in ("keras", "json")}


TABLE_2 = {"cnn7": (6, 1), "mlp": (0, 1), "vgg16": (13, 3)}  # convolutions, fully connected layers
CLASSES = {"signs": 43, "gtsrb": 43, "cifar10": 10, "att_faces": 40, "lfw": 62}
WANTED = {"signs": 0.95, "gtsrb": 0.956, "cifar10": 0.85, "att_faces": 0.93, "lfw": 0.7}


@pytest.mark.parametrize("name", zoo.MODELS)
def test_a_model_loads_and_is_the_one_that_was_trained(name):
    card, recipe = zoo.provenance(name), zoo.MODELS[name]
    weights = (zoo.WEIGHTS / f"{name}.keras").read_bytes()
    assert hashlib.sha256(weights).hexdigest() == card["sha256"]
    assert card["command"] == f"python -m ssviz.zoo {name}"
    assert card["recipe"]["dataset"] == recipe.dataset
    assert card["test_accuracy"] >= WANTED[recipe.dataset]
    model = load_model(name)
    assert model.output_shape == (None, CLASSES[recipe.dataset])
    assert model.count_params() == card["parameters"]
    convolutions, dense = TABLE_2[recipe.build.__name__]
    kinds = [type(layer) for layer in model.layers if layer.weights]
    assert kinds == [layers.Conv2D] * convolutions + [layers.Dense] * dense
    noise = np.random.default_rng(0).random((3, *model.input_shape[1:]))
    np.testing.assert_allclose(probabilities(model, noise).sum(1), 1, rtol=1e-5)


def test_what_is_shipped_stays_small():
    assert sum(path.stat().st_size for path in zoo.WEIGHTS.iterdir()) <= 25e6


def test_the_filters_are_those_of_the_recipe():
    filters = {
        name: [layer.filters for layer in load_model(name).layers if hasattr(layer, "filters")] for name in zoo.MODELS
    }
    assert filters["gtsrb-cnn7"] == [32, 32, 64, 64, 128, 128]
    assert filters["signs-cnn7"] == [16, 16, 32, 32, 64, 64]
    assert filters["lfw-vgg16"] == [16] * 2 + [32] * 2 + [64] * 3 + [128] * 6


@pytest.mark.parametrize(
    ("build", "options"), [(architectures.cnn7, {"width": 3}), (architectures.vgg16, {"width": 2, "hidden": 5})]
)
def test_folding_batch_normalisation_changes_no_output(build, options):
    shape = (32, 32, 3)
    trained = tiny.fill(build(shape, 4, **options, normalised=True))
    x = tiny.images(8, shape) * np.linspace(0.1, 1, 8, dtype=np.float32)[:, None, None, None]
    for _ in range(40):  # until its statistics are those of the images
        trained(x, training=True)
    bare = build(shape, 4, **options)
    architectures.fold(trained, bare)
    assert not any(isinstance(layer, layers.BatchNormalization) for layer in bare.layers)
    np.testing.assert_allclose(probabilities(bare, x), probabilities(trained, x), rtol=1e-3, atol=1e-5)
    assert np.ptp(probabilities(bare, x), axis=0).max() > 0.02  # the outputs do depend on the images


def test_augmented_images_are_mirrored_and_shifted_ones():
    x = tiny.images(200, (8, 8, 1))
    out = mirrored_and_shifted(x, 0.125, np.random.default_rng(0))
    assert out.shape == x.shape
    padded = np.pad(x, ((0, 0), (1, 1), (1, 1), (0, 0)), "edge")
    views = [padded[:, i : i + 8, j : j + 8][:, :, ::step] for i in range(3) for j in range(3) for step in (1, -1)]
    found = np.array([(view == out).all((1, 2, 3)) for view in views])
    assert (found.sum(0) == 1).all()
    assert found.any(1).all()
    np.testing.assert_array_equal(out, mirrored_and_shifted(x, 0.125, np.random.default_rng(0)))


@pytest.fixture
def small_vggface(tmp_path, monkeypatch):
    """VGG-Face with few filters, and a file in the published layout that holds weights for it."""
    monkeypatch.setenv("SSVIZ_HOME", str(tmp_path))
    small = partial(architectures.vggface_vgg16, 7, width=1, hidden=6)
    monkeypatch.setattr(zoo, "vggface_vgg16", small)
    source = tiny.fill(small())
    path = tmp_path / "weights" / "rcmalli_vggface_tf_vgg16.h5"
    path.parent.mkdir()
    with h5py.File(path, "w") as file:
        file.attrs["keras_version"] = b"2.0.6"
        file.attrs["layer_names"] = [layer.name.encode() for layer in source.layers if layer.weights]
        for layer in source.layers:
            if layer.weights:
                group = file.create_group(layer.name)
                group.attrs["weight_names"] = [f"{layer.name}/{part}:0".encode() for part in ("kernel", "bias")]
                for part, value in zip(("kernel", "bias"), layer.get_weights(), strict=True):
                    group[f"{layer.name}/{part}:0"] = value
    return path, source


def test_the_published_vggface_is_loaded_for_rgb_inputs(small_vggface):
    _, source = small_vggface
    model = load_model("vggface-vgg16")
    for layer in model.layers:
        for i, (value, expected) in enumerate(
            zip(layer.get_weights(), source.get_layer(layer.name).get_weights(), strict=True)
        ):
            bgr_kernel = layer.name == "conv1_1" and i == 0
            np.testing.assert_array_equal(value, expected[:, :, ::-1] if bgr_kernel else expected)
    mean = np.array([129.1863, 104.7624, 93.594]) / 255
    centred = model.get_layer("grey_levels_less_mean")(np.broadcast_to(mean, (1, 2, 2, 3)))
    np.testing.assert_allclose(centred, 0, atol=1e-4)


def test_what_is_not_the_published_vggface_is_refused(small_vggface):
    path, _ = small_vggface
    with h5py.File(path, "a") as file:
        del file["fc8"]
    with pytest.raises(ValueError, match=r"no weights for fc8.*data_fetch vggface_weights --force"):
        load_model("vggface-vgg16")
    path.write_bytes(b"<html>")
    with pytest.raises(ValueError, match=r"does not hold VGG-Face.*data_fetch vggface_weights --force"):
        load_model("vggface-vgg16")
    path.unlink()
    with pytest.raises(FileNotFoundError, match=r"Get them with: python -m data_fetch vggface_weights$"):
        load_model("vggface-vgg16")


def test_the_full_vggface_has_the_published_shape_and_gives_sensitive_samples():
    """With random weights: 145 million take 2 GB and seconds, so the model is built once."""
    keras.utils.set_random_seed(0)
    model = architectures.vggface_vgg16()
    assert (model.input_shape, model.output_shape) == ((None, 224, 224, 3), (None, 2622))
    assert model.count_params() == 145_002_878
    assert [layer.name for layer in model.layers if layer.weights] == [
        *("conv1_1", "conv1_2", "conv2_1", "conv2_2", "conv3_1", "conv3_2", "conv3_3"),
        *("conv4_1", "conv4_2", "conv4_3", "conv5_1", "conv5_2", "conv5_3", "fc6", "fc7", "fc8"),
    ]
    image = tiny.images(1, (224, 224, 3))
    s = sensitivity(model, image)
    assert np.isfinite(s).all()
    assert (s > 0).all()
    result = generate(model, image, itr_max=3, progress=False)
    np.testing.assert_allclose(result.sensitivity[0], s, rtol=1e-4)
    assert (np.diff(result.sensitivity, axis=0) > 0).all()
    assert result.samples.min() >= 0
    assert result.samples.max() <= 1


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
    with pytest.raises(ValueError, match=r"name must be one of signs-cnn7, .*, vggface-vgg16; received 'resnet50'"):
        load_model("resnet50")
