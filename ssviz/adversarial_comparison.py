"""Sensitive-Samples beside adversarial examples (Table 1): the same pictures, the same epsilon, other mountains."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from ssviz.adversarial_examples import batches, cross_entropy_of, fgsm, log_odds_against, pgd, with_labels
from ssviz.backend import compiled, keras, value_and_gradient
from ssviz.generation import generate, snr_db
from ssviz.models import Classifier, as_samples, logits_and_features, model_of, probabilities
from ssviz.sensitivity import log_sensitivity, log_sensitivity_of

KINDS = ("natural", "FGSM", "PGD", "Sensitive-Sample")


@dataclass(frozen=True, eq=False, repr=False)
class Comparison:
    """n pictures, each as it is, by FGSM, by PGD and as Sensitive-Sample, at e epsilons; arrays (kinds, e, n).

    attacks: names of the m compromised models. class_names: names of the classes. labels: (n,), the right ones.
    epsilons: (e,), the largest change of a pixel, in units of the input. bounds: of the input.
    samples: float32 (kinds, e, n, ...), kinds in the order of KINDS; row "natural" repeats for every epsilon.
    predicted, confidence: the intact model's top-1 label and its probability. sensitivity: S. loss: -log p of the
    right label. snr: in dB, infinite for natural pictures. answers: (m, kinds, e, n), the compromised models' labels.

    Paper: Section 3.5, Table 1. Notebook: 07.
    """

    attacks: tuple[str, ...]
    class_names: tuple[str, ...]
    labels: np.ndarray
    epsilons: np.ndarray
    bounds: tuple[float, float]
    samples: np.ndarray
    predicted: np.ndarray
    confidence: np.ndarray
    sensitivity: np.ndarray
    loss: np.ndarray
    snr: np.ndarray
    answers: np.ndarray

    @property
    def wrong(self) -> np.ndarray:
        """Share of the pictures on which the intact model errs: (kinds, e)."""
        return (self.predicted != self.labels).mean(axis=-1)

    @property
    def detected(self) -> np.ndarray:
        """Share of the pictures to which a compromised model gives another label than the intact one: (m, kinds, e)."""
        return (self.answers != self.predicted).mean(axis=-1)

    @property
    def grey_levels(self) -> np.ndarray:
        """The epsilons in grey levels, of which 255 span the bounds: (e,)."""
        return self.epsilons * 255 / (self.bounds[1] - self.bounds[0])

    def at(self, epsilon: float) -> int:
        """The number of the epsilon that is nearest."""
        return int(np.argmin(np.abs(self.epsilons - epsilon)))


def compare(
    model: keras.Model,
    compromised: Sequence[Any],
    x: Any,
    labels: Any,
    *,
    epsilons: Sequence[float],
    class_names: Sequence[str] | None = None,
    bounds: tuple[float, float] = (0.0, 1.0),
    lr: float = 5e-4,
    itr_max: int = 60,
    seed: int = 0,
) -> Comparison:
    """Make the four kinds of every picture at every epsilon (norm linf), and ask all models.

    model: the intact Keras classifier. compromised: results of attacks, or models. x: (n, ...) natural pictures within
    ``bounds``. labels: (n,), the right ones. epsilons: in units of the input, in rising order. class_names: one name
    a class. lr, itr_max: of the Sensitive-Samples, ascended once; every epsilon is read from that ascent. seed: PGD's.
    Raises ValueError or TypeError, naming the argument, for a wrong one.

    Paper: Section 3.5, Table 1. Notebook: 07.
    """
    if not len(compromised):
        raise ValueError("compromised must be one model or more; received none.")
    if not len(epsilons) or not (np.diff([0, *epsilons]) > 0).all():
        raise ValueError(f"epsilons must be positive and in rising order; received {list(epsilons)}.")
    x = as_samples(x, bounds)
    ascent = generate(model, x, norm="linf", lr=lr, itr_max=itr_max, bounds=bounds, record="samples", progress=False)
    args = {"bounds": bounds}
    samples = np.stack([
        np.stack([x] * len(epsilons)),
        np.stack([fgsm(model, x, labels, epsilon=e, **args) for e in epsilons]),
        np.stack([pgd(model, x, labels, epsilon=e, seed=seed, **args) for e in epsilons]),
        np.stack([ascent.at(e).samples for e in epsilons]),
    ])  # fmt: skip
    kinds, flat = samples.shape[:3], samples.reshape(-1, *x.shape[1:])
    z, h = logits_and_features(model, flat)
    if class_names is not None and len(class_names) != z.shape[-1]:
        raise ValueError(f"class_names must be one a class: {z.shape[-1]}; received {len(class_names)}.")
    labels = np.asarray(labels)
    loss = cross_entropy_of(z, np.tile(labels, kinds[0] * kinds[1]))
    log_s = log_sensitivity(z, h, bias=Classifier.of(model, x).require_head().use_bias)
    p = np.asarray(keras.ops.softmax(z))
    answers = [probabilities(model_of(suspect), flat).argmax(-1).reshape(kinds) for suspect in compromised]
    snr = keras.ops.convert_to_numpy(snr_db(flat, np.broadcast_to(x, samples.shape).reshape(flat.shape)))
    return Comparison(
        attacks=tuple(str(getattr(suspect, "attack", suspect.__class__.__name__)) for suspect in compromised),
        class_names=tuple(map(str, class_names if class_names is not None else range(z.shape[-1]))),
        labels=labels,
        epsilons=np.asarray(epsilons, float),
        bounds=tuple(bounds),
        samples=samples,
        predicted=z.argmax(-1).reshape(kinds),
        confidence=p.max(-1).reshape(kinds),
        sensitivity=np.exp(np.asarray(log_s, float)).reshape(kinds),
        loss=np.asarray(loss).reshape(kinds),
        snr=snr.reshape(kinds),
        answers=np.stack(answers),
    )


def table(result: Comparison, epsilon: float) -> pd.DataFrame:
    """A row a kind, at the nearest epsilon: medians of S, loss and SNR, shares of errors and detections in percent.

    Paper: Table 1, in numbers. Notebook: 07.
    """
    i = result.at(epsilon)
    columns = {
        "S (median)": [f"{s:.1e}" for s in np.median(result.sensitivity[:, i], axis=-1)],
        "loss (median)": [f"{loss:.2g}" for loss in np.median(result.loss[:, i], axis=-1)],
        "SNR in dB (median)": [f"{snr:.0f}" for snr in np.median(result.snr[:, i], axis=-1)],
        "the intact model errs": [f"{share:.0%}" for share in result.wrong[:, i]],
    }
    for attack, shares in zip(result.attacks, result.detected[:, :, i], strict=True):
        columns[f"tells apart: {attack}"] = [f"{share:.0%}" for share in shares]
    return pd.DataFrame(columns, index=pd.Index(KINDS, name=f"epsilon = {result.grey_levels[i]:.3g} grey levels"))


def alignment(model: keras.Model, x: Any, labels: Any, *, batch_size: int = 64) -> np.ndarray:
    """Cosine (n,) of two directions at x (n, ...): up the sensitivity, and up the loss of ``labels`` (n,).

    1: both ascents go the same way. -1: each undoes the other. Raises TypeError or ValueError, naming the argument.
    Paper: Section 3.5. Notebook: 07.
    """
    x = as_samples(x)
    classifier, labels = with_labels(model, x, labels)
    log_s = log_sensitivity_of(classifier, x, None)

    def cosine(batch: Any, y: Any) -> Any:
        up_s = value_and_gradient(log_s, batch)[1]
        up_loss = value_and_gradient(lambda b: log_odds_against(classifier.logits_and_features(b)[0], y), batch)[1]
        return _dot(up_s, up_loss) / keras.ops.sqrt(_dot(up_s, up_s) * _dot(up_loss, up_loss) + 1e-37)

    step = compiled(model, ("alignment",), cosine)
    return np.concatenate([keras.ops.convert_to_numpy(step(*pair)) for pair in batches((x, labels), batch_size)])


def _dot(a: Any, b: Any) -> Any:
    return keras.ops.sum(a * b, axis=tuple(range(1, len(a.shape))))
