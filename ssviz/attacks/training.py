"""Fine-tuning, which most attacks do: a copy of a model, trained on the attacker's data."""

import numpy as np
from tqdm import tqdm

from ssviz.attacks.result import copy_of
from ssviz.backend import keras
from ssviz.models import Classifier, recorded_calls


def fine_tuned(model: keras.Model, x: np.ndarray, y: np.ndarray, *, name: str, epochs: int, lr: float, seed: int,
               batch_size: int = 64, frozen: int = 0, keep_zeros: bool = False,
               progress: bool = True) -> keras.Model:  # fmt: skip
    """A copy of ``model`` trained by Adam on x (n, ...) and y: labels (n,), or probabilities (n, r).

    lr falls to 0 along a cosine. frozen: so many of the first layers with weights stay as they are. keep_zeros:
    what is 0 in a kernel stays 0. seed orders the images and sets Keras's global seeds. Raises ValueError for an
    epochs, lr or batch_size that trains nothing.
    """
    for argument, value in {"epochs": epochs, "batch_size": batch_size}.items():
        if not (isinstance(value, int | np.integer) and value >= 1):
            raise ValueError(f"{argument} must be a whole number of at least 1; received {value!r}.")
    if not lr > 0:
        raise ValueError(f"lr must be positive; received {lr!r}.")
    rng = np.random.default_rng(seed)
    keras.utils.set_random_seed(seed)  # dropout, in the copy that is trained
    copy = copy_of(model)
    still = layers_with_weights(copy, x)[:frozen]
    for layer in still:
        layer.trainable = False
    for weight in copy.trainable_weights if keep_zeros else ():
        if len(weight.shape) > 1:
            mask = keras.ops.cast(keras.ops.not_equal(weight.value, 0), weight.dtype)
            weight.constraint = lambda w, mask=mask: w * mask
    steps = epochs * -(-len(x) // batch_size)
    from_logits = Classifier.of(copy, x[:2]).gives_logits
    losses = keras.losses
    kind = losses.SparseCategoricalCrossentropy if y.ndim == 1 else losses.CategoricalCrossentropy
    copy.compile(keras.optimizers.Adam(keras.optimizers.schedules.CosineDecay(lr, steps)), kind(from_logits))
    with tqdm(total=steps, desc=name, disable=not progress, leave=False) as bar:
        tick = keras.callbacks.LambdaCallback(on_train_batch_end=lambda batch, logs: bar.update())
        for _ in range(epochs):
            order = rng.permutation(len(x))
            copy.fit(x[order], y[order], batch_size=batch_size, verbose=0, callbacks=[tick], shuffle=False)
    for layer in still:
        layer.trainable = True
    return copy


def layers_with_weights(model: keras.Model, x: np.ndarray) -> list[keras.Layer]:
    """The layers with weights, those inside nested models too, in the order in which x (n, ...) passes them."""
    with recorded_calls() as calls:
        model(keras.ops.convert_to_tensor(x[:1]), training=False)
    return list(dict.fromkeys(call.layer for call in calls if call.is_leaf and call.layer.weights))
