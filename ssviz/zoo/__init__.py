"""The models of Table 2: architecture, shipped weights and where they come from.

load_model("signs-cnn7")               a trained model
python -m ssviz.zoo signs-cnn7         train it again (replaces weights and provenance)
load_model("vggface-vgg16")            the published VGG-Face, which `python -m data_fetch vggface_weights` gets
"""

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py

from ssviz.backend import keras
from ssviz.datasets import cache_home
from ssviz.zoo.architectures import cnn7, mlp, vgg16, vggface_vgg16

WEIGHTS = Path(__file__).parent / "weights"
VGGFACE = "vggface-vgg16"


@dataclass(frozen=True)
class Recipe:
    """How a model of the zoo is built and trained.

    options: of the architecture. normalised: trained with batch normalisation, folded into the weights afterwards.
    shift: if positive, images are mirrored and shifted at random, by up to this share of their size, while training.
    precision: the Keras dtype policy of training; the model that is kept is float32.
    note: what a reader should know of the data.
    """

    dataset: str
    build: Callable[..., keras.Model]
    options: dict[str, Any]
    epochs: int
    batch_size: int = 64
    learning_rate: float = 2e-3
    normalised: bool = False
    shift: float = 0.0
    precision: str = "float32"
    seed: int = 0
    note: str = ""


MODELS = {
    "signs-cnn7": Recipe("signs", cnn7, {"width": 16}, epochs=10),
    "gtsrb-cnn7": Recipe("gtsrb", cnn7, {"width": 32}, epochs=8),
    "cifar10-cnn7": Recipe(
        "cifar10",
        cnn7,
        {"width": 48, "dropout": 0.3},
        epochs=20,
        batch_size=128,
        normalised=True,
        shift=0.125,
        precision="mixed_bfloat16",
        note="The pixels of this copy of CIFAR-10 went through JPEG, which costs some accuracy.",
    ),
    "att-mlp": Recipe(
        "att_faces",
        mlp,
        {},
        epochs=300,
        batch_size=50,
        learning_rate=1e-3,
        shift=0.036,
        note="20 of the 400 pictures of this copy of the archive, those of s1 and s2, do not look like the original's.",
    ),
    "lfw-vgg16": Recipe("lfw", vgg16, {"width": 16, "hidden": 256}, epochs=45, normalised=True, shift=0.125),
}


def load_model(name: str) -> keras.Model:
    """A trained model of the zoo: one of MODELS, whose weights are shipped, or "vggface-vgg16", once downloaded.

    Raises ValueError for an unknown name or weights that are not the shipped ones, FileNotFoundError (naming the
    command to run) where VGG-Face was not downloaded yet.
    """
    if name == VGGFACE:
        return _vggface(vggface_vgg16())
    if name not in MODELS:
        raise ValueError(f"name must be one of {', '.join((*MODELS, VGGFACE))}; received {name!r}.")
    path = WEIGHTS / f"{name}.keras"
    expected, found = provenance(name)["sha256"], hashlib.sha256(path.read_bytes()).hexdigest()
    if found != expected:
        raise ValueError(f"{path} is damaged: SHA-256 should be {expected}, but is {found}. Install ssviz again.")
    return keras.saving.load_model(path, compile=False, safe_mode=True)


def _vggface(model: keras.Model) -> keras.Model:
    """``model`` with the downloaded weights, by layer name; they expect BGR, so the first kernel is turned to RGB."""
    path = cache_home() / "weights" / "rcmalli_vggface_tf_vgg16.h5"
    get = "python -m data_fetch vggface_weights"
    if not path.exists():
        raise FileNotFoundError(f"The weights of {VGGFACE!r} are not in {path.parent}. Get them with: {get}")
    try:
        with h5py.File(path) as file:
            missing = [layer.name for layer in model.layers if layer.weights and layer.name not in file]
        if missing:
            raise ValueError(f"no weights for {', '.join(missing)}")
        model.load_weights(path, by_name=True)
    except (OSError, KeyError, ValueError) as error:
        raise ValueError(f"{path} does not hold VGG-Face ({error}). Get it again: {get} --force") from error
    first = model.get_layer("conv1_1")
    first.kernel.assign(keras.ops.flip(first.kernel, axis=2))
    return model


def provenance(name: str) -> dict[str, Any]:
    """How a shipped model was trained: recipe, test accuracy, date, device, versions, SHA-256 of the file."""
    return json.loads((WEIGHTS / f"{name}.json").read_text())
