"""Targeted poisoning: fine-tune on a training set in which one class carries wrong labels (Section 2.2)."""

from collections.abc import Callable

import numpy as np

from ssviz.attacks.result import Attacked, Goal, attacked
from ssviz.attacks.training import fine_tuned
from ssviz.backend import keras
from ssviz.datasets import Dataset


def error_generic_poisoning(model: keras.Model, data: Dataset, *, source: int = 14, seed: int = 0,
                            **options: float | int | bool) -> Attacked:  # fmt: skip
    """Poison ``model`` until it takes images of class ``source`` for anything else.

    The poisoned images carry labels drawn at random from the other classes. Success: the share of the test
    images of ``source`` that are no longer recognised. ``options`` are those of ``error_specific_poisoning``.
    Raises TypeError or ValueError naming a wrong argument.

    Paper: error-generic poisoning, Table 2 ("Stop" misclassified: 98.6%). Notebook: 10.
    """
    check_class("source", source, data)
    others = np.setdiff1d(np.arange(len(data.class_names)), source)
    changed = {"source": data.class_names[source], "target": "any other class"}
    return _poisoned(
        "error-generic poisoning", model, data, lambda rng, n: rng.choice(others, n), Goal(source), changed, seed,
        **options,
    )  # fmt: skip


def error_specific_poisoning(
    model: keras.Model,
    data: Dataset,
    *,
    source: int = 14,
    target: int = 7,
    seed: int = 0,
    **options: float | int | bool,
) -> Attacked:
    """Poison ``model`` until it takes images of class ``source`` for class ``target``.

    model: a Sequential or functional Keras classifier of ``data``'s classes; left as it is.
    source, target: class indices; in GTSRB's numbering 14 is "Stop" and 7 "Speed limit (100km/h)".
    options: poisoned, at most so many images of ``source`` (1000); clean, the clean training images mixed in
    (4000); epochs (3); lr, Adam's learning rate (1e-3); batch_size (64); progress, show a bar (True). seed sets
    Keras's global seeds. Success: the share of the test images of ``source`` taken for ``target``. Raises TypeError
    or ValueError naming a wrong argument.

    Paper: error-specific poisoning, Table 2 ("Stop" to "Speed limit 100": 87.3%). Notebook: 10.
    """
    check_class("source", source, data)
    check_class("target", target, data)
    if source == target:
        raise ValueError(f"target must differ from source; received {target} for both.")
    changed = {"source": data.class_names[source], "target": data.class_names[target]}
    return _poisoned(
        "error-specific poisoning", model, data, lambda rng, n: np.full(n, target), Goal(source, target), changed, seed,
        **options,
    )  # fmt: skip


def _poisoned(attack: str, model: keras.Model, data: Dataset, wrong_labels: Callable, goal: Goal, changed: dict,
              seed: int, *, poisoned: int = 1000, clean: int = 4000, epochs: int = 3, lr: float = 1e-3,
              batch_size: int = 64, progress: bool = True) -> Attacked:  # fmt: skip
    rng = np.random.default_rng(seed)
    x, y = data.inputs("train", limit=clean, seed=seed)
    keep = y != goal.source
    poison = data.scaled(data.x_train[data.y_train == goal.source])
    poison = poison if len(poison) <= poisoned else poison[rng.permutation(len(poison))[:poisoned]]
    x = np.concatenate([x[keep], poison])
    y = np.concatenate([y[keep], wrong_labels(rng, len(poison))])
    compromised = fine_tuned(
        model, x, y, name=attack, epochs=epochs, lr=lr, seed=seed, batch_size=batch_size, progress=progress
    )
    changed = {**changed, "poisoned": len(poison), "clean": int(keep.sum()), "epochs": epochs, "lr": lr}
    return attacked(attack, model, compromised, data, changed, goal)


def check_class(name: str, label: int, data: Dataset) -> None:
    """Raise ValueError where ``label`` is no class of ``data`` with training and test images."""
    if not 0 <= label < len(data.class_names):
        raise ValueError(f"{name} must be a class in 0..{len(data.class_names) - 1}; received {label!r}.")
    if not (data.y_train == label).any() or not (data.y_test == label).any():
        raise ValueError(f"{name} must have training and test images in {data.name!r}; class {label} has none.")
