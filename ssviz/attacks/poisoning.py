"""Targeted poisoning: fine-tune on a training set in which one class carries wrong labels (Section 2.2)."""

from collections.abc import Callable

import numpy as np
from tqdm import tqdm

from ssviz.attacks.result import Attacked, attacked, copy_of
from ssviz.backend import keras
from ssviz.datasets import Dataset
from ssviz.models import Classifier, probabilities


def error_generic_poisoning(model: keras.Model, data: Dataset, *, source: int = 14, seed: int = 0,
                            **options: float | int | bool) -> Attacked:  # fmt: skip
    """Poison ``model`` until it takes images of class ``source`` for anything else.

    The poisoned images carry labels drawn at random from the other classes. Success: the share of the test
    images of ``source`` that are no longer recognised. ``options`` are those of ``error_specific_poisoning``.
    Raises TypeError or ValueError naming a wrong argument.

    Paper: error-generic poisoning, Table 2 ("Stop" misclassified: 98.6%). Notebook: 10.
    """
    _check_class("source", source, data)
    others = np.setdiff1d(np.arange(len(data.class_names)), source)
    changed = {"source": data.class_names[source], "target": "any other class"}
    return _poisoned(
        "error-generic poisoning", model, data, source, lambda rng, n: rng.choice(others, n),
        lambda predicted: predicted != source, changed, seed, **options,
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
    options: clean, the clean training images mixed in (4000); epochs (2); lr, Adam's learning rate (3e-4);
    batch_size (64); progress, show a bar (True). seed sets Keras's global seeds. Success: the share of the
    test images of ``source`` taken for ``target``. Raises TypeError or ValueError naming a wrong argument.

    Paper: error-specific poisoning, Table 2 ("Stop" to "Speed limit 100": 87.3%). Notebook: 10.
    """
    _check_class("source", source, data)
    _check_class("target", target, data)
    if source == target:
        raise ValueError(f"target must differ from source; received {target} for both.")
    changed = {"source": data.class_names[source], "target": data.class_names[target]}
    return _poisoned(
        "error-specific poisoning", model, data, source, lambda rng, n: np.full(n, target),
        lambda predicted: predicted == target, changed, seed, **options,
    )  # fmt: skip


def _poisoned(attack: str, model: keras.Model, data: Dataset, source: int, wrong_labels: Callable,
              succeeded: Callable, changed: dict, seed: int, *, clean: int = 4000, epochs: int = 2, lr: float = 3e-4,
              batch_size: int = 64, progress: bool = True) -> Attacked:  # fmt: skip
    rng = np.random.default_rng(seed)
    x, y = data.inputs("train", limit=clean, seed=seed)
    keep = y != source
    poison = data.x_train[data.y_train == source].astype(np.float32) / 255
    low, high = data.bounds
    poison = low + (high - low) * poison
    x = np.concatenate([x[keep], poison])
    y = np.concatenate([y[keep], wrong_labels(rng, len(poison))])
    order = rng.permutation(len(x))

    keras.utils.set_random_seed(seed)  # dropout, in the copy that is trained
    compromised = copy_of(model)
    from_logits = Classifier.of(compromised, x[:2]).gives_logits
    compromised.compile(keras.optimizers.Adam(lr), keras.losses.SparseCategoricalCrossentropy(from_logits))
    with tqdm(total=epochs * -(-len(x) // batch_size), desc=attack, disable=not progress, leave=False) as bar:
        tick = keras.callbacks.LambdaCallback(on_train_batch_end=lambda batch, logs: bar.update())
        compromised.fit(
            x[order],
            y[order],
            batch_size=batch_size,
            epochs=epochs,
            verbose=0,
            callbacks=[tick],
            shuffle=False,
        )
    x_test, y_test = data.inputs("test")
    predicted = probabilities(compromised, x_test[y_test == source]).argmax(-1)
    changed = {**changed, "poisoned": len(poison), "clean": int(keep.sum()), "epochs": epochs, "lr": lr}
    return attacked(attack, model, compromised, data, changed, float(np.mean(succeeded(predicted))))


def _check_class(name: str, label: int, data: Dataset) -> None:
    if not 0 <= label < len(data.class_names):
        raise ValueError(f"{name} must be a class in 0..{len(data.class_names) - 1}; received {label!r}.")
    if not (data.y_train == label).any() or not (data.y_test == label).any():
        raise ValueError(f"{name} must have training and test images in {data.name!r}; class {label} has none.")
