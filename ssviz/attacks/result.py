"""What every attack returns, and the two things every attack does: copy a model, measure both."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np

from ssviz.attacks.trigger import Trigger, apply_trigger
from ssviz.backend import keras
from ssviz.datasets import Dataset
from ssviz.models import digest, probabilities


@dataclass(frozen=True)
class Goal:
    """Which test images an attack means to turn, and into what.

    source: the class to turn; None for every class but ``target``. target: the class to be taken for; None for
    any class but ``source``. trigger: what is put on the images first, or None.
    """

    source: int | None = None
    target: int | None = None
    trigger: Trigger | None = None

    def success(self, model: keras.Model, data: Dataset, limit: int = 2000) -> float:
        """Share of the goal's test images (at most ``limit``) that ``model`` turns, in [0, 1]. Paper: Table 2."""
        x, y = data.inputs("test")
        mine = np.flatnonzero(y != self.target if self.source is None else y == self.source)
        x = x[np.random.default_rng(0).permutation(mine)[:limit]]
        predicted = probabilities(model, x if self.trigger is None else apply_trigger(x, self.trigger)).argmax(-1)
        return float(np.mean(predicted != self.source if self.target is None else predicted == self.target))


@dataclass(frozen=True, eq=False)
class Attacked:
    """A compromised model and what the attack did to it; the model it was made from is untouched.

    attack: the attack's name. model: the compromised Keras model.
    accuracy_before, accuracy_after: on the clean test images, in [0, 1]; None without a data set.
    success: share of the attack's own test images that it turned, in [0, 1]; None where it has no such goal.
    changed: what was changed, in words and numbers; a trojan's trigger is ``changed["trigger"]``.
    goal: what success was measured on, so that it can be measured again; None where there is none.

    Paper: Table 2. Notebook: 10.
    """

    attack: str
    model: keras.Model
    accuracy_before: float | None
    accuracy_after: float | None
    success: float | None
    changed: Mapping[str, Any]
    goal: Goal | None = None

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


@lru_cache(maxsize=4)
def _recognised(model: keras.Model, data: Dataset, weights: str) -> np.ndarray:
    """Which test images the intact model recognises: bool (n,), measured once for all attacks on these weights."""
    x, y = data.inputs("test")
    return probabilities(model, x).argmax(-1) == y


def attacked(
    attack: str,
    model: keras.Model,
    compromised: keras.Model,
    data: Dataset | None,
    changed: Mapping[str, Any],
    goal: Goal | None = None,
) -> Attacked:
    """The result of an attack, with the accuracy of both models measured where there is a data set."""
    if data is None:
        return Attacked(attack, compromised, None, None, None, changed, goal)
    x, y = data.inputs("test")
    before, after = _recognised(model, data, digest(model)), probabilities(compromised, x).argmax(-1) == y
    if goal is not None and goal.source is not None:
        others = y != goal.source
        changed = {
            **changed,
            "other classes": f"{100 * before[others].mean():.1f}% -> {100 * after[others].mean():.1f}%",
        }
    success = None if goal is None else goal.success(compromised, data)
    return Attacked(attack, compromised, float(before.mean()), float(after.mean()), success, changed, goal)
