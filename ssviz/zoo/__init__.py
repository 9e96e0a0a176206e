"""The models of Table 2: architecture, shipped weights and where they come from.

load_model("signs-cnn7")               a trained model
python -m ssviz.zoo signs-cnn7         train it again (replaces weights and provenance)
"""

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ssviz.backend import keras

WEIGHTS = Path(__file__).parent / "weights"


@dataclass(frozen=True)
class Recipe:
    """How a model of the zoo is built and trained; ``width`` counts the filters of the first convolutions."""

    dataset: str
    width: int
    epochs: int
    batch_size: int = 64
    learning_rate: float = 2e-3
    seed: int = 0


MODELS = {
    "signs-cnn7": Recipe("signs", width=16, epochs=10),
    "gtsrb-cnn7": Recipe("gtsrb", width=32, epochs=8),
}


def cnn7(input_shape: tuple[int, int, int], classes: int, *, width: int = 32) -> keras.Model:
    """The seven-layer CNN, six convolutions and one fully connected layer, with softmax output.

    input_shape: (height, width, channels) of inputs in [0, 1]; pairs of 3x3 convolutions with ``width``, 2 ``width``
    and 4 ``width`` filters, each pair followed by 2x2 max pooling. Paper: Table 2 (GTSRB, CIFAR-10).
    """
    layers = keras.layers
    stack = [layers.Input(input_shape, name="image")]
    for block, filters in enumerate((width, 2 * width, 4 * width), start=1):
        for half in "ab":
            conv = layers.Conv2D(filters, 3, padding="same", activation="relu", name=f"conv{block}{half}")
            stack.append(conv)
        stack.append(layers.MaxPooling2D(name=f"pool{block}"))
    stack += [
        layers.Flatten(name="features"),
        layers.Dropout(0.5, name="dropout"),
        layers.Dense(classes, activation="softmax", name="classes"),
    ]
    return keras.Sequential(stack, name="cnn7")


def load_model(name: str) -> keras.Model:
    """A trained model of the zoo. Raises ValueError for an unknown name or weights that are not the shipped ones."""
    if name not in MODELS:
        raise ValueError(f"name must be one of {', '.join(MODELS)}; received {name!r}.")
    path = WEIGHTS / f"{name}.keras"
    expected, found = provenance(name)["sha256"], hashlib.sha256(path.read_bytes()).hexdigest()
    if found != expected:
        raise ValueError(f"{path} is damaged: SHA-256 should be {expected}, but is {found}. Install ssviz again.")
    return keras.saving.load_model(path, compile=False, safe_mode=True)


def provenance(name: str) -> dict[str, Any]:
    """How a shipped model was trained: recipe, test accuracy, date, device, versions, SHA-256 of the file."""
    return json.loads((WEIGHTS / f"{name}.json").read_text())
