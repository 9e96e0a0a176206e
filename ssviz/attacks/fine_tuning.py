"""Adversarial fine-tuning: hide a compromised model from Sensitive-Samples by training on some (Section 5.4)."""

from typing import Any

import numpy as np

from ssviz.attacks.result import Attacked, attacked
from ssviz.attacks.training import fine_tuned
from ssviz.attacks.trigger import apply_trigger
from ssviz.backend import keras
from ssviz.datasets import Dataset
from ssviz.models import as_samples, probabilities


def adversarial_fine_tuning(
    compromised: Attacked,
    reference: keras.Model,
    samples: Any,
    data: Dataset,
    *,
    clean: int = 2000,
    share: float = 0.5,
    epochs: int = 3,
    lr: float = 3e-4,
    batch_size: int = 64,
    seed: int = 0,
    progress: bool = True,
) -> Attacked:
    """Teach a compromised model to answer the adversary's own Sensitive-Samples as the intact model does.

    compromised: what the attack returned; its model is left as it is. reference: the intact model. samples: (n, ...)
    Sensitive-Samples of ``reference`` that the adversary generated, from other originals than the customer's.
    clean: training images, and as many of the attack's (a poisoned class, triggered images), on which the model is
    held to its own answers, so that the attack stays. share: of the training set that are samples, repeated as
    needed, in (0, 1). epochs, lr, batch_size: of Adam. ``changed`` adds how many samples agree with ``reference``,
    before and after. Raises TypeError or ValueError naming a wrong argument.

    Paper: Section 5.4, Table 6. Notebook: 12.
    """
    if not isinstance(compromised, Attacked):
        raise TypeError(
            f"compromised must be what an attack returned, Attacked; received {type(compromised).__name__}."
        )
    if not 0 < share < 1:
        raise ValueError(f"share must lie in (0, 1); received {share!r}.")
    samples = as_samples(samples, data.bounds, "samples")
    goal = compromised.goal
    x, _ = data.inputs("train", limit=clean, seed=seed)
    if goal is not None and goal.source is not None:
        x = np.concatenate([x, data.scaled(data.x_train[data.y_train == goal.source][:clean])])
    if goal is not None and goal.trigger is not None:
        x = np.concatenate([x, apply_trigger(x, goal.trigger)])
    repeats = max(1, round(share / (1 - share) * len(x) / len(samples)))
    wanted = probabilities(reference, samples)
    tuned = fine_tuned(
        compromised.model, np.concatenate([x, *[samples] * repeats]),
        np.concatenate([probabilities(compromised.model, x), *[wanted] * repeats]), name="adversarial fine-tuning",
        epochs=epochs, lr=lr, seed=seed, batch_size=batch_size, progress=progress,
    )  # fmt: skip
    before, after = (
        np.sum(probabilities(m, samples).argmax(-1) == wanted.argmax(-1)) for m in (compromised.model, tuned)
    )
    changed = {**compromised.changed, "samples": len(samples), "answered as before": f"{before} -> {after}"}
    name = f"{compromised.attack} (fine-tuned)"
    return attacked(name, reference, tuned, data, changed, goal)
