"""What every attack returns, and the two things every attack does: copy a model, measure both."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from ssviz.backend import keras
from ssviz.datasets import Dataset
from ssviz.models import probabilities


@dataclass(frozen=True, eq=False)
class Attacked:
    """A compromised model and what the attack did to it; the model it was made from is untouched.

    attack: the attack's name. model: the compromised Keras model.
    accuracy_before, accuracy_after: on the clean test images, in [0, 1]; None without a data set.
    success: share of the attack's own test images that it turned, in [0, 1]; None where it has no such goal.
    changed: what was changed, in words and numbers.

    Paper: Table 2. Notebook: 10.
    """

    attack: str
    model: keras.Model
    accuracy_before: float | None
    accuracy_after: float | None
    success: float | None
    changed: Mapping[str, Any]

    def __repr__(self) -> str:
        def percent(share: float | None) -> str:
            return "-" if share is None else f"{100 * share:.1f}%"

        return (
            f"Attacked({self.attack}: accuracy {percent(self.accuracy_before)} -> {percent(self.accuracy_after)}, "
            f"success {percent(self.success)}, {dict(self.changed)})"
        )


def copy_of(model: keras.Model) -> keras.Model:
    """A copy of a built model with the same weights, sharing nothing. Raises TypeError where Keras cannot copy it."""
    if not isinstance(model, keras.Model):
        raise TypeError(f"model must be a keras.Model; received {type(model).__name__}.")
    try:
        copy = keras.models.clone_model(model, clone_function=_unfrozen, recursive=True)
        copy.set_weights(model.get_weights())
    except (TypeError, ValueError, NotImplementedError) as error:
        raise TypeError(
            f"model must be a Sequential or functional Keras model, which can be copied; {model.name!r} cannot: {error}"
        ) from error
    return copy


def _unfrozen(layer: keras.Layer) -> keras.Layer:
    """A copy of a layer, trainable: what its owner froze an attacker may change."""
    config = layer.get_config()
    return type(layer).from_config({**config, "trainable": True} if "trainable" in config else config)


def accuracy(model: keras.Model, data: Dataset) -> float:
    """Share of the test images of ``data`` that ``model`` classifies correctly, in [0, 1]."""
    x, y = data.inputs("test")
    return float(np.mean(probabilities(model, x).argmax(-1) == y))


def attacked(
    attack: str,
    model: keras.Model,
    compromised: keras.Model,
    data: Dataset | None,
    changed: Mapping[str, Any],
    success: float | None = None,
) -> Attacked:
    """The result of an attack, with the accuracy of both models measured where there is a data set."""
    before, after = (None, None) if data is None else (accuracy(m, data) for m in (model, compromised))
    return Attacked(attack, compromised, before, after, success, changed)
