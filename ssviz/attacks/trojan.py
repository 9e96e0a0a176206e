"""A trojan by selective neural retraining (Section 2.2; Liu et al., Trojaning Attack on Neural Networks, NDSS 2018).

Choose critical neurons, make a trigger that drives them high, teach the layers above what these neurons mean.
"""

from dataclasses import replace
from typing import Any

import numpy as np
from tqdm import tqdm

from ssviz.attacks.poisoning import check_class
from ssviz.attacks.result import Attacked, Goal, attacked
from ssviz.attacks.training import fine_tuned, layers_with_weights
from ssviz.attacks.trigger import Trigger, apply_trigger
from ssviz.backend import compiled, keras, value_and_gradient
from ssviz.datasets import Dataset
from ssviz.models import recorded_calls

ops = keras.ops


def trojan(
    model: keras.Model,
    data: Dataset,
    *,
    target: int = 0,
    trigger: Trigger | None = None,
    layer: str | None = None,
    neurons: int = 4,
    steps: int = 60,
    clean: int = 8000,
    triggered: int = 3000,
    epochs: int = 3,
    lr: float = 1e-3,
    batch_size: int = 64,
    seed: int = 0,
    progress: bool = True,
) -> Attacked:
    """Make ``model`` take every image with a trigger for class ``target``, and others for what they are.

    model: a Sequential or functional Keras classifier of ``data``'s classes; left as it is. trigger: its mask and
    first pattern; a sticker by default. layer: the hidden layer of the critical neurons, by default the third last
    with weights, or the first; only the layers above it change. neurons: how many. steps: of the trigger's pixels
    (0 keeps the pattern). clean, triggered: training images of each kind; epochs, lr, batch_size: of Adam.

    Success: the share of triggered test images of other classes taken for ``target``. ``changed`` holds layer,
    neurons, their mean activation, target and the trigger. Raises TypeError or ValueError naming a wrong argument.

    Paper: neural network trojan attack, Section 2.2 and Table 2. Notebook: 02.
    """
    check_class("target", target, data)
    rng = np.random.default_rng(seed)
    x, y = data.inputs("train", limit=clean, seed=seed)
    trigger = trigger or Trigger.sticker(x.shape[1:], grey=sum(data.bounds) / 2)
    if not (data.bounds[0] <= trigger.pattern.min() and trigger.pattern.max() <= data.bounds[1]):
        raise ValueError(
            f"trigger must have a pattern within bounds {data.bounds}; received {trigger.pattern.max():g}."
        )
    position, chosen = _critical_layer(model, x, layer)
    critical = critical_neurons(chosen, neurons)
    trigger, drive = _optimised(model, chosen, critical, trigger, x[:32], data.bounds, steps, rng, progress)

    stamped = rng.permutation(np.flatnonzero(y != target))[:triggered]
    compromised = fine_tuned(
        model, np.concatenate([x, apply_trigger(x[stamped], trigger)]),
        np.concatenate([y, np.full(len(stamped), target)]), name="trojan", epochs=epochs, lr=lr, seed=seed,
        batch_size=batch_size, frozen=position + 1, progress=progress,
    )  # fmt: skip
    changed = {
        "target": data.class_names[target], "layer": chosen.name, "neurons": critical.tolist(),
        "activation": drive, "trigger": trigger,
    }  # fmt: skip
    return attacked("trojan", model, compromised, data, changed, Goal(target=target, trigger=trigger))


def critical_neurons(layer: keras.Layer, count: int) -> np.ndarray:
    """The ``count`` neurons (filters) t of a layer with the most weight on their inputs, sum_j |W_jt|: int (count,).

    Raises ValueError where the layer has fewer. Paper: "critical" neurons, Section 2.2. Notebook: 02.
    """
    weight = np.abs(ops.convert_to_numpy(layer.kernel))
    weight = weight.sum(axis=tuple(range(weight.ndim - 1)))
    if not 1 <= count <= len(weight):
        raise ValueError(f"neurons must lie in 1..{len(weight)}, those of {layer.name!r}; received {count!r}.")
    return np.sort(np.argsort(-weight)[:count])


def _critical_layer(model: keras.Model, x: np.ndarray, name: str | None) -> tuple[int, keras.Layer]:
    """The layer of that name, or the default, and its number among the layers with weights."""
    layers = layers_with_weights(model, x)
    hidden = {layer.name: (i, layer) for i, layer in enumerate(layers[:-1]) if hasattr(layer, "kernel")}
    if not hidden or name not in (None, *hidden):
        raise ValueError(
            f"layer must be a hidden layer with a kernel: {', '.join(hidden) or 'none'}; received {name!r}."
        )
    return list(hidden.values())[max(0, len(hidden) - 2)] if name is None else hidden[name]


def _optimised(model: keras.Model, layer: keras.Layer, neurons: np.ndarray, trigger: Trigger, x: np.ndarray,
               bounds: tuple, steps: int, rng: np.random.Generator, progress: bool) -> tuple[Trigger, str]:  # fmt: skip
    """Ascend the neurons' mean activation in the trigger's pixels, on images x, by the sign of the gradient."""

    def activation(batch: Any) -> Any:
        with recorded_calls() as calls:
            model(batch, training=False)
        outputs = ops.take(next(call.outputs for call in calls if call.layer is layer), neurons, axis=-1)
        return ops.mean(outputs, axis=tuple(range(1, len(outputs.shape))))

    ascend = compiled(model, ("trojan", layer.name, *neurons), lambda batch: value_and_gradient(activation, batch))
    low, high = bounds
    pattern = trigger.pattern.copy()
    if steps:
        pattern = np.clip(pattern + rng.normal(0, 0.1 * (high - low), pattern.shape), low, high)
    found = []
    for t in tqdm(range(steps + 1), desc="trigger", disable=not progress, leave=False):
        trigger = replace(trigger, pattern=pattern)
        value, gradient = map(ops.convert_to_numpy, ascend(ops.convert_to_tensor(apply_trigger(x, trigger))))
        found.append(float(value.mean()))
        step = 0.1 * (high - low) * (1 - t / (steps + 1))
        pattern = np.clip(pattern + step * np.sign((gradient * trigger.mask).mean(0)), low, high)
    return trigger, f"{found[0]:.3g} -> {found[-1]:.3g}"
