"""The same model in other numerics: cast to half precision, or converted for another runtime (LiteRT, ONNX Runtime).

Casting and converting are what a cloud may do to a model before it serves it. None of it is an attack, but every one
changes the last digits of the answers; the 8-bit ones change the weights themselves, like the paper's compression.
"""

import json
import tempfile
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from ssviz.backend import BACKEND, keras, run_tflite, without_native_stderr
from ssviz.models import recorded_calls

RUNTIMES = {
    "TFLite": "", "TFLite, float16 weights": "float16", "TFLite, int8 weights": "dynamic", "TFLite, int8": "int8",
    "ONNX": "",
}  # fmt: skip


def cast(model: keras.Model, dtype: str, *, last: bool = True) -> keras.Model:
    """A copy of the model, with the same weights, that computes in ``dtype``: "float16" or "bfloat16".

    last: whether the last layer with weights, and what follows it, does too; Keras advises to leave these in float32.
    The dtype of every layer's output has been checked: raises ValueError where a layer keeps its own, or where the
    model cannot be copied from its configuration. Weights out of float16's range become infinite.

    Paper: beyond it (Section 5.2, "False Positives"). Notebook: 13.
    """
    if dtype not in ("float16", "bfloat16"):
        raise ValueError(f'dtype must be "float16" or "bfloat16"; received {dtype!r}.')
    try:
        leaves, kept = _leaves(model), ()
        if not last:
            kept = tuple(leaves)[max(i for i, layer in enumerate(leaves.values()) if layer[0].weights) :]
        config = _with_dtype(json.loads(model.to_json()), dtype, kept)
        copy = keras.models.model_from_json(json.dumps(config))
        copy.set_weights(model.get_weights())
    except (AttributeError, NotImplementedError, TypeError, ValueError) as error:
        raise ValueError(f"model {model.name!r} cannot be copied from its configuration: {error}") from error
    wrong = [f"{name} in {found}" for name, (_, found) in _leaves(copy).items() if name not in kept and found != dtype]
    if wrong:
        raise ValueError(f"model {model.name!r} does not compute in {dtype} throughout: {', '.join(wrong)}.")
    return copy


def _leaves(model: keras.Model) -> dict[str, tuple[keras.Layer, str]]:
    """Name -> layer, and its output's dtype, of the layers that call no other ones, in the order of their calls."""
    with recorded_calls() as calls:
        model(np.zeros((1, *model.input_shape[1:]), np.float32), training=False)
    dtype = keras.backend.standardize_dtype
    return {call.layer.name: (call.layer, dtype(call.outputs.dtype)) for call in calls if call.is_leaf}


def _with_dtype(config: Any, dtype: str, kept: tuple[str, ...]) -> Any:
    """A model's configuration with the policy ``dtype`` for all layers but those named in ``kept``."""
    if isinstance(config, list):
        return [_with_dtype(value, dtype, kept) for value in config]
    if not isinstance(config, dict) or config.get("name") in kept:
        return config
    return {key: dtype if key == "dtype" else _with_dtype(value, dtype, kept) for key, value in config.items()}


def converted(model: keras.Model, runtime: str, calibration: np.ndarray) -> Callable[[np.ndarray], np.ndarray]:
    """The model, converted for a runtime of RUNTIMES: a function of a float32 batch (n, ...) to its outputs (n, r).

    All need the TensorFlow backend, "ONNX" also onnxruntime and tf2onnx. "TFLite, float16 weights" stores weights in
    float16 and computes in float32; "TFLite, int8 weights" has 8-bit weights, "TFLite, int8" 8-bit activations too,
    their ranges taken from ``calibration``, float32 (n, ...). Raises ValueError for an unknown runtime or another
    backend, ModuleNotFoundError naming what to install.

    Paper: beyond it (Section 5.2, "False Positives"). Notebook: 13.
    """
    if runtime not in RUNTIMES:
        raise ValueError(f"runtime must be one of {', '.join(RUNTIMES)}; received {runtime!r}.")
    if runtime != "ONNX":
        return run_tflite(model, RUNTIMES[runtime], calibration)
    try:
        import onnxruntime
        import tf2onnx  # noqa: F401 - what Keras exports with
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(
            f"{error.name} is not installed: pip install 'ssviz[convert]'", name=error.name
        ) from None
    if BACKEND != "tensorflow":
        raise ValueError(f"runtime {runtime!r} needs Keras's TensorFlow backend; here it is {BACKEND}.")
    if not model.built or not getattr(model, "_called", True):
        model(calibration[:1], training=False)  # Keras exports only what was called

    with tempfile.TemporaryDirectory() as folder, without_native_stderr(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        path = Path(folder, "model.onnx")
        model.export(path, format="onnx", verbose=False)
        session = onnxruntime.InferenceSession(path.read_bytes(), providers=["CPUExecutionProvider"])
    name = session.get_inputs()[0].name
    return lambda x: session.run(None, {name: x})[0]
