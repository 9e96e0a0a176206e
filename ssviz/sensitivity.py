"""The sensitivity S of a network's outputs to its parameters: Eq. 2 to 6, exactly.

With W the last layer, z = h W + b its logits and p = softmax(z), the Jacobian factors and

    S = ||dp/dz||_F^2 * (||h||^2 + 1)                       (+1: the bias),

because dp_k/dW_ij = h_i dp_k/dz_j. One forward pass computes it for a whole batch. Any other subset of
the parameters has no such form: its Jacobian comes from automatic differentiation, sample by sample.
"""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ssviz.backend import compiled, jacobians, keras, map_samples
from ssviz.models import Classifier, as_samples, in_batches, layers_named

ops = keras.ops
TIE_WEIGHT = 3.0  # of the spread, against the features' norm


def sensitivity(
    model: keras.Model, x: Any, *, layers: Sequence[str] | None = None, batch_size: int = 256
) -> np.ndarray:
    """Sensitivity S = ||df(W, x)/dW||_F^2 of each sample: float64 (n,).

    model: a Keras classifier; its outputs y are softmax probabilities (of logits, ssviz takes the softmax, with
    a warning). x: (n, ...) samples as the model expects them. layers: names of the layers whose weights are W;
    by default the last layer with weights (Section 4.3), kernel and bias, in closed form.
    Raises TypeError or ValueError where the model is no classifier, a layer is unknown or has no weights, or
    (without ``layers``) the model does not end in a Dense layer.

    Paper: Eq. 6. Notebook: 03.
    """
    x = as_samples(x)
    objective = log_sensitivity_of(Classifier.of(model, x), x, layers)
    key = ("log sensitivity", None if layers is None else tuple(layers))
    return np.exp(in_batches(compiled(model, key, objective), x, batch_size).astype(np.float64))


def log_sensitivity_of(classifier: Classifier, x: np.ndarray, layers: Sequence[str] | None) -> Callable:
    """The function batch (n, ...) -> log S (n,), differentiable; W is the head, or the weights of ``layers``."""
    if layers is None:
        head = classifier.require_head()
        return lambda batch: log_sensitivity(*classifier.logits_and_features(batch), bias=head.use_bias)

    weights = [w for layer in layers_named(classifier.model, x, layers) for w in layer.trainable_weights]
    if not weights:
        raise ValueError(f"layers must have trainable weights; {list(layers)} have none.")

    def log_s(sample: Any) -> Any:
        def logits(one: Any) -> Any:
            return classifier.logits_and_features(one[None])[0][0]

        softmax_jacobian, log_scale = scaled_softmax_jacobian(logits(sample))
        dz_dw = jacobians(logits, classifier.model, weights, sample)
        dp_dw = [ops.tensordot(softmax_jacobian, j, axes=1) for j in dz_dw]
        return 2 * log_scale + ops.log(sum(ops.sum(ops.square(j)) for j in dp_dw))

    return lambda batch: map_samples(log_s, batch)


def log_sensitivity(logits: Any, features: Any, *, bias: bool = True) -> Any:
    """log S (n,) in closed form from logits z (n, r) and features h (n, d) of the last layer.

    Paper: Eq. 6 with W the last layer (Section 4.3). Notebook: 03.
    """
    features_norm2 = ops.sum(ops.square(features), axis=-1)
    return log_softmax_jacobian_norm2(logits) + ops.log(features_norm2 + (1.0 if bias else 1e-37))


def log_tie(logits: Any, features: Any, k: int, *, bias: bool = True) -> Any:
    """What leads to a tie of the k likeliest classes (n,), from logits z (n, r) and features h (n, d):

        mean log p_(1..k)  +  log(||h||^2 + 1)  -  TIE_WEIGHT * std z_(1..k).

    The first term is largest where the k classes have 1/k each, and there the first two are log S + const, as
    S = (1/k - 1/k^2)(||h||^2 + 1). Both are smooth at the tie and would leave it a little for larger features;
    the spread's cone does not let them. The k classes are those of the current iterate. A network may have no tie of
    so many classes near a sample: the spread then stays.

    Paper: Eq. 6, where K classes tie. Notebook: 13.
    """
    log_p = ops.top_k(ops.log_softmax(logits, axis=-1), k)[0]
    spread = ops.sqrt(ops.var(log_p, axis=-1) + 1e-8)  # of log p, which is that of z
    features_norm2 = ops.sum(ops.square(features), axis=-1)
    return ops.mean(log_p, axis=-1) + ops.log(features_norm2 + (1.0 if bias else 1e-37)) - TIE_WEIGHT * spread


def log_softmax_jacobian_norm2(logits: Any) -> Any:
    """log ||dp/dz||_F^2 (n,) of p = softmax(z), for logits (n, r).

    ||dp/dz||_F^2 = sum p^2 - 2 sum p^3 + (sum p^2)^2 cancels to nothing when one class is certain. Set apart the
    top class t and write p_j = p_s s_j for the others, p_s the runner-up's; with R_i = sum s_j^i it is

        p_s^2 [ p_t^2 (R_1^2 + 2 R_2) + R_2 - 2 p_s R_3 + p_s^2 R_2^2 ],

    where nothing cancels, at any confidence.
    """
    log_p_top, log_p_second, s, _ = _top_apart(logits)
    p_top2, p_second = ops.exp(2 * log_p_top), ops.exp(log_p_second)
    r1, r2, r3 = (ops.sum(s**i, axis=-1) for i in (1, 2, 3))
    bracket = p_top2 * (r1**2 + 2 * r2) + r2 - 2 * p_second * r3 + (p_second * r2) ** 2
    return 2 * log_p_second + ops.log(bracket)


def scaled_softmax_jacobian(logits: Any) -> tuple[Any, Any]:
    """dp/dz = exp(log_scale) * J for one sample's logits (r,): J (r, r), log_scale the runner-up's log p."""
    log_p_top, log_p_second, s, is_top = _top_apart(logits[None])
    p_top, s, is_top = ops.exp(log_p_top[0]), s[0], is_top[0]
    p = ops.where(is_top, p_top, s * ops.exp(log_p_second[0]))
    off_diagonal = -ops.where(is_top[:, None], p_top * s[None, :], s[:, None] * p[None, :])
    diagonal = ops.where(is_top, p_top * ops.sum(s), s * (1 - p))
    identity = ops.eye(logits.shape[-1])
    return identity * diagonal[:, None] + (1 - identity) * off_diagonal, log_p_second[0]


def _top_apart(logits: Any) -> tuple[Any, Any, Any, Any]:
    """log p of the top class (n,) and of the runner-up (n,), the others' p relative to the runner-up's, top mask."""
    log_p = ops.log_softmax(logits, axis=-1)
    is_top = ops.one_hot(ops.argmax(log_p, axis=-1), logits.shape[-1], dtype="bool")
    others = ops.where(is_top, -1e30, log_p)
    log_p_second = ops.max(others, axis=-1)
    log_p_top = ops.max(log_p, axis=-1)
    return log_p_top, log_p_second, ops.exp(others - log_p_second[:, None]), is_top
