"""A trojan's trigger that fades in: what the intact and the compromised model take the images for (Section 1)."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np

from ssviz.attacks import Attacked, apply_trigger
from ssviz.models import probabilities

OPACITIES = tuple(k / 10 for k in range(11))


@dataclass(frozen=True, eq=False)
class TriggerSweep:
    """What two models answer as a trigger fades in over m images of k opacities.

    opacities: (k,), a share of the trigger's own opacity. images: (k, m, ...) float32 inputs. truth: (m,) int, none of
    them the target. before, after: (k, m, r) probabilities of the intact and of the compromised model. target: the
    attacker's class, 0 ... r - 1. class_names: r.

    Paper: Figure 1. Notebook: 01.
    """

    opacities: np.ndarray
    images: np.ndarray
    truth: np.ndarray
    before: np.ndarray
    after: np.ndarray
    target: int
    class_names: tuple[str, ...]

    @cached_property
    def taken(self) -> np.ndarray:
        """(2, k): the share of the images that the intact and the compromised model take for the target."""
        return np.stack([(p.argmax(axis=-1) == self.target).mean(axis=1) for p in (self.before, self.after)])


def trigger_sweep(
    reference: Any,
    trojan: Attacked,
    images: np.ndarray,
    labels: np.ndarray,
    class_names: Sequence[str],
    *,
    opacities: Sequence[float] = OPACITIES,
) -> TriggerSweep:
    """Put the trigger of a trojan on images, opacity by opacity, and ask both models.

    reference: the intact Keras classifier. images: (n, h, w, c) inputs, of which those of the trojan's target are left
    out; labels: (n,) int. opacities: in [0, 1], of which 0 leaves the images and 1 puts on the trigger as it is.
    Raises ValueError where the attack has no trigger, no image is left, or an opacity is none.

    Paper: Figure 1. Notebook: 01.
    """
    if trojan.goal is None or trojan.goal.trigger is None:
        raise ValueError(f"trojan must have a trigger; received {trojan.attack!r}.")
    opacities, kept = np.asarray(opacities, np.float32), np.asarray(labels) != trojan.goal.target
    if not len(opacities) or not ((opacities >= 0) & (opacities <= 1)).all():
        raise ValueError(f"opacities must lie in [0, 1]; received {opacities.tolist()}.")
    if not kept.any():
        raise ValueError(f"images must show other classes than the target, {trojan.goal.target}; received {len(kept)}.")
    images, trigger = np.asarray(images, np.float32)[kept], trojan.goal.trigger
    shown = np.stack([apply_trigger(images, replace(trigger, mask=o * trigger.mask)) if o else images
                      for o in opacities])  # fmt: skip
    stack = shown.reshape(-1, *images.shape[1:])
    before, after = (probabilities(m, stack).reshape(*shown.shape[:2], -1) for m in (reference, trojan.model))
    return TriggerSweep(opacities, shown, np.asarray(labels)[kept], before, after, trojan.goal.target,
                        tuple(class_names))  # fmt: skip
