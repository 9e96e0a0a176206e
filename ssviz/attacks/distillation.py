"""Architecture optimisation: a smaller network that imitates the original (Section 2.2)."""

import numpy as np

from ssviz.attacks.result import Attacked, attacked
from ssviz.attacks.training import fine_tuned, layers_with_weights
from ssviz.backend import keras
from ssviz.datasets import Dataset
from ssviz.models import probabilities


def distillation(
    model: keras.Model,
    data: Dataset,
    *,
    width: float = 0.5,
    images: int = 12000,
    epochs: int = 8,
    lr: float = 2e-3,
    batch_size: int = 64,
    seed: int = 0,
    progress: bool = True,
) -> Attacked:
    """Replace ``model`` by one with a share ``width`` of its filters and units, taught by its probabilities.

    model: a Sequential Keras classifier of ``data``'s classes with a hidden layer; left as it is. width: in (0, 1).
    images: how many training images; epochs, lr, batch_size: of Adam. ``changed`` compares the numbers of weights.
    Raises TypeError or ValueError naming a wrong argument.

    Paper: architecture optimization, Section 2.2. Notebook: 02.
    """
    if not 0 < width < 1:
        raise ValueError(f"width must lie in (0, 1); received {width!r}.")
    x, _ = data.inputs("train", limit=images, seed=seed)
    keras.utils.set_random_seed(seed)
    student = fine_tuned(_smaller(model, x, width), x, probabilities(model, x), name="distillation", epochs=epochs,
                         lr=lr, seed=seed, batch_size=batch_size, progress=progress)  # fmt: skip
    before, after = model.count_params(), student.count_params()
    changed = {"width": width, "weights": f"{before} -> {after}", "compression": f"{before / after:.3g}x"}
    return attacked("distillation", model, student, data, changed)


def _smaller(model: keras.Model, x: np.ndarray, width: float) -> keras.Model:
    """A new, untrained model of the same layers, its hidden ones with ``width`` of their filters and units."""
    if not isinstance(model, keras.Sequential):
        raise TypeError(f"model must be a Sequential Keras model to be made smaller; received {type(model).__name__}.")
    last = layers_with_weights(model, x)[-1]
    layers, hidden = [keras.Input(x.shape[1:])], 0
    for layer in model.layers:
        config = layer.get_config()
        for size in {"filters", "units"} & set(config) if layer is not last else ():
            config[size] = max(1, round(width * config[size]))
            hidden += 1
        layers.append(type(layer).from_config(config))
    if not hidden:
        raise ValueError(f"model must have a hidden layer with filters or units; {model.name!r} has none.")
    return keras.Sequential(layers, name=model.name)
