"""What ssviz needs to know of a Keras classifier: its last layer, logits, probabilities, neurons, digest.

Models are watched while they are called rather than taken apart, so Sequential, functional, nested and
subclassed ones are all the same here.
"""

import hashlib
import json
import re
import threading
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np

from ssviz.backend import compiled, keras

ops = keras.ops
_spying = threading.RLock()


@dataclass(frozen=True)
class LayerCall:
    """One call of a layer: what went in, what came out, and whether the layer called no other layer."""

    layer: keras.Layer
    inputs: Any
    outputs: Any
    is_leaf: bool


@contextmanager
def recorded_calls() -> Iterator[list[LayerCall]]:
    """Within the block, list every call of a Keras layer in the order in which the calls end."""
    calls: list[LayerCall] = []
    watched = threading.get_ident()

    def spy(self: keras.Layer, *args: Any, **kwargs: Any) -> Any:
        before = len(calls)
        outputs = original(self, *args, **kwargs)
        if threading.get_ident() == watched:
            inputs = next(iter((*args, *kwargs.values())), None)
            calls.append(LayerCall(self, inputs, outputs, is_leaf=len(calls) == before))
        return outputs

    with _spying:
        original = keras.Layer.__call__  # not before: another thread's spy may still stand there
        keras.Layer.__call__ = spy
        try:
            yield calls
        finally:
            keras.Layer.__call__ = original


@dataclass(frozen=True)
class Classifier:
    """A Keras classifier f: X -> softmax probabilities of r classes, as the paper's Section 3 sees it.

    model: the Keras model. head: its last layer with weights, if that is Dense and the output is z or
    softmax(z) of it, else None; why_no_head then says why. gives_logits: the model ends before the softmax.
    """

    model: keras.Model
    head: keras.layers.Dense | None
    why_no_head: str
    gives_logits: bool

    @classmethod
    def of(cls, model: keras.Model, x: np.ndarray) -> "Classifier":
        """Watch ``model`` classify the first samples of x (n, ...). Raises TypeError, ValueError if it does not."""
        if not isinstance(model, keras.Model):
            raise TypeError(f"model must be a keras.Model; received {type(model).__name__}.")
        expected = getattr(model, "input_shape", None)
        if isinstance(expected, tuple) and not _fits(x.shape, expected):
            raise ValueError(
                f"x must have shape (n, {', '.join(map(str, expected[1:]))}) for {model.name!r}; received {x.shape}."
            )
        first = ops.convert_to_tensor(x[:2])
        if not model.built:
            model(first, training=False)  # building calls the layers once more
        with recorded_calls() as calls:
            y = model(first, training=False)
        if isinstance(y, list | tuple | dict) or len(y.shape) != 2:
            shape = getattr(y, "shape", type(y).__name__)
            raise ValueError(f"model must return one array (n, classes); {model.name!r} returned {shape}.")
        if y.shape[1] < 2:
            raise ValueError(
                f"model must be a classifier with at least two outputs; {model.name!r} has {y.shape[1]} "
                "(a regression or a single sigmoid: give it one softmax output per class)."
            )
        y = ops.convert_to_numpy(y)
        head, why, gives_logits = cls._find_head(calls, y)
        if head is None:
            gives_logits = not (y.min() >= 0 and np.allclose(y.sum(-1), 1, atol=1e-3))
        if gives_logits:
            warnings.warn(f"{model.name!r} returns logits: ssviz applies the softmax.", UserWarning, stacklevel=3)
        return cls(model, head, why, gives_logits)

    @staticmethod
    def _find_head(calls: list[LayerCall], y: np.ndarray) -> tuple[Any, str, bool]:
        """The Dense layer that ends the model, why there is none, and whether y are its logits."""
        leaves = [call for call in calls if call.is_leaf and call.layer.weights]
        if not leaves:
            return None, "no layer of the model has weights", False
        layer, h = leaves[-1].layer, leaves[-1].inputs
        if not isinstance(layer, keras.layers.Dense):
            return None, f"its last layer with weights, {layer.name!r}, is {type(layer).__name__}", False
        if len(h.shape) != 2:
            return (
                None,
                f"its last layer {layer.name!r} sees inputs of shape {tuple(h.shape)}, not (n, d)",
                False,
            )
        if sum(call.layer is layer for call in calls) > 1:
            return None, f"its last layer {layer.name!r} is used more than once", False
        z = _logits(layer, h)
        half = keras.backend.standardize_dtype(layer.compute_dtype) != "float32"  # mixed precision rounds z
        tolerance = {"rtol": 2e-2, "atol": 2e-2} if half else {"rtol": 1e-4, "atol": 1e-5}
        for gives_logits, expected in ((False, ops.softmax(z)), (True, z)):
            if np.allclose(y, ops.convert_to_numpy(expected), **tolerance):
                return layer, "", gives_logits
        return None, f"its output is neither z nor softmax(z) of its last layer {layer.name!r}", False

    def require_head(self) -> keras.layers.Dense:
        """The Dense head. Raises ValueError, which says what to do, where the model has none."""
        if self.head is None:
            raise ValueError(
                f"The closed form needs a model that ends in Dense (+ softmax), but of {self.model.name!r} "
                f"{self.why_no_head}. Name the parameters of interest instead: layers=['...']."
            )
        return self.head

    def logits_and_features(self, x: Any) -> tuple[Any, Any]:
        """Logits z (n, r) and features h (n, d), the head's inputs, of x (n, ...). Tensors in, tensors out.

        Without a head, z = log f(x), which has the same softmax, and h is None.
        """
        with recorded_calls() as calls:
            y = self.model(x, training=False)
        if self.head is not None:
            h = next(call.inputs for call in calls if call.layer is self.head)
            return _logits(self.head, h), ops.cast(h, "float32")
        y = ops.cast(y, "float32")
        return (y if self.gives_logits else ops.log(ops.maximum(y, 1e-37))), None


def _fits(shape: tuple, expected: tuple) -> bool:
    pairs = zip(shape[1:], expected[1:], strict=False)
    return len(shape) == len(expected) and all(wanted in (None, size) for size, wanted in pairs)


def _logits(head: keras.layers.Dense, h: Any) -> Any:
    """z = h W + b in float32, whatever precision the model computes in."""
    h = ops.cast(h, "float32")
    z = ops.matmul(h, ops.cast(head.kernel, "float32"))
    return z if head.bias is None else z + ops.cast(head.bias, "float32")


def as_samples(x: Any, bounds: tuple[float, float] | None = None, name: str = "x") -> np.ndarray:
    """x as a float32 batch (n, ...). Raises ValueError where it is empty, not finite or outside ``bounds``."""
    x = np.asarray(getattr(x, "samples", x))
    if x.ndim < 2 or not len(x) or not np.issubdtype(x.dtype, np.number):
        raise ValueError(f"{name} must be a batch of numeric samples (n, ...); received {x.dtype} {x.shape}.")
    x = x.astype(np.float32)
    low, high = (np.min(x), np.max(x))
    if not (np.isfinite(low) and np.isfinite(high)):
        raise ValueError(f"{name} must be finite; received NaN or infinity.")
    if bounds is not None and (low < bounds[0] or high > bounds[1]):
        came = f"max={high:g}" if high > bounds[1] else f"min={low:g}"
        hint = " Divide by 255?" if high > 1.5 and tuple(bounds) == (0, 1) else ""
        raise ValueError(f"{name} must lie in [{bounds[0]:g}, {bounds[1]:g}]; received {came}.{hint}")
    return x


def in_batches(function: Any, x: np.ndarray, batch_size: int) -> np.ndarray:
    """function of x, a batch at a time; the results joined along the first axis as a NumPy array."""
    starts = range(0, len(x), batch_size)
    parts = [ops.convert_to_numpy(function(ops.convert_to_tensor(x[i : i + batch_size]))) for i in starts]
    return np.concatenate(parts)


def logits_and_features(model: keras.Model, x: Any, *, batch_size: int = 256) -> tuple[np.ndarray, np.ndarray]:
    """Logits z (n, r) and features h (n, d), the last layer's inputs, of x (n, ...), both float32.

    Raises TypeError or ValueError where the model is no classifier or does not end in Dense (+ softmax).
    """
    x = as_samples(x)
    classifier = Classifier.of(model, x)
    head = classifier.require_head()

    def forward(batch: Any) -> Any:
        return ops.concatenate(classifier.logits_and_features(batch), axis=1)

    z_and_h = in_batches(compiled(model, ("z | h",), forward), x, batch_size)
    return z_and_h[:, : head.units], z_and_h[:, head.units :]


def probabilities(model: keras.Model, x: Any, *, batch_size: int = 256) -> np.ndarray:
    """Softmax probabilities (n, r), float32, of x (n, ...); a model that ends in logits gets its softmax.

    Raises TypeError or ValueError where the model is no classifier. Paper: y = f(W, x), Section 3.2.
    """
    x = as_samples(x)
    classifier = Classifier.of(model, x)

    def forward(batch: Any) -> Any:
        y = model(batch, training=False)
        return ops.softmax(y) if classifier.gives_logits else y

    return in_batches(compiled(model, ("probabilities", classifier.gives_logits), forward), x, batch_size)


def layers_named(model: keras.Model, x: np.ndarray, names: Sequence[str]) -> list[keras.Layer]:
    """The layers that ``names`` name, nested ones included. Raises ValueError, which lists the names there are."""
    if isinstance(names, str):
        raise ValueError(f"layers must be a list of layer names; received the string {names!r}.")
    with recorded_calls() as calls:
        model(ops.convert_to_tensor(x[:1]), training=False)
    found = {call.layer.name: call.layer for call in calls}
    missing = [name for name in names if name not in found]
    if missing or not names:
        raise ValueError(f"layers must name layers of {model.name!r}: {', '.join(found)}; received {names!r}.")
    return [found[name] for name in names]


def active_neurons(
    model: keras.Model,
    x: Any,
    layers: Sequence[str] | None = None,
    *,
    threshold: float = 0.0,
    batch_size: int = 256,
) -> np.ndarray:
    """Which neurons fire for which sample: bool (n, neurons), True where the activation exceeds ``threshold``.

    x: (n, ...) samples. layers: names of the layers whose outputs are the neurons of interest; by default the
    features that feed the last layer, because an inactive one hides every weight that leaves it (Eq. 6 is zero
    there). Raises ValueError for an unknown layer or, without ``layers``, a model without a Dense head.

    Paper: Section 3.3, Algorithm 2 lines 8-11. Notebook: 05.
    """
    x = as_samples(x)
    classifier = Classifier.of(model, x)
    if layers is None:
        classifier.require_head()
        key, wanted = "features", None
    else:
        wanted = layers_named(model, x, layers)
        key = tuple(layer.name for layer in wanted)

    def activations(batch: Any) -> Any:
        if wanted is None:
            return classifier.logits_and_features(batch)[1]
        with recorded_calls() as calls:
            model(batch, training=False)
        outputs = {call.layer.name: call.outputs for call in calls}
        return ops.concatenate([ops.reshape(outputs[n], (ops.shape(batch)[0], -1)) for n in key], axis=1)

    forward = compiled(model, ("active", key, threshold), lambda batch: activations(batch) > threshold)
    return in_batches(forward, x, batch_size)


def model_of(suspect: Any) -> keras.Model:
    """The Keras model of an attack's result, or the model itself."""
    return suspect if hasattr(suspect, "get_weights") else suspect.model


def digest(model: keras.Model) -> str:
    """SHA-256 (hex) of a model's architecture and weights: what a fingerprint calls its model by."""
    sha = hashlib.sha256()
    try:
        sha.update(_architecture(model).encode())
    except NotImplementedError:  # a subclassed model without get_config
        sha.update(type(model).__qualname__.encode())
    for variable in model.weights:
        value = np.ascontiguousarray(ops.convert_to_numpy(variable.value))
        sha.update(f"{value.dtype.str}{value.shape}".encode())
        sha.update(value.tobytes())
    return sha.hexdigest()


def _architecture(model: keras.Model) -> str:
    """The model's configuration as JSON, with numbers for names, which cloning and loading may change."""
    text = json.dumps(model.get_config(), sort_keys=True, default=str)
    names = dict.fromkeys(re.findall(r'"name": ("[^"]*")', text))
    numbers = {name: str(i) for i, name in enumerate(names)}
    return re.sub(r'"[^"]*"', lambda found: numbers.get(found[0], found[0]), text)
