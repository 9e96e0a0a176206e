"""The only file that knows which Keras backend runs: TensorFlow (the default) or JAX.

Everything else is written with ``keras.ops``. Backend-specific are: compiling a function of a model, the gradient
of a scalar with respect to an input, the Jacobian with respect to weights, and the names of devices.
"""

import os
import platform
import tempfile
import warnings
from collections.abc import Callable, Hashable, Iterator, Sequence
from contextlib import contextmanager
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import Any

if find_spec("jax") and not find_spec("tensorflow"):
    os.environ.setdefault("KERAS_BACKEND", "jax")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")


@contextmanager
def without_native_stderr() -> Iterator[None]:
    """TensorFlow's libraries print notices as they load and compile, whatever the log level: not into notebooks."""
    kept = os.dup(2)
    with open(os.devnull, "w") as nowhere:
        os.dup2(nowhere.fileno(), 2)
    try:
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)


with without_native_stderr():
    import keras

BACKEND = keras.backend.backend()

if BACKEND == "tensorflow":
    import tensorflow as tf

    ENGINE_VERSION = tf.__version__
    # It takes each model's first call for the same function compiled again, and advises against that loop.
    tf.get_logger().addFilter(lambda record: "tf.function retracing" not in record.getMessage())

    def _compile(model: keras.Model, function: Callable) -> Callable:
        # No jit_compile: on CPUs, oneDNN's convolutions are several times faster than XLA's.
        return tf.function(function, reduce_retracing=True)

    def value_and_gradient(function: Callable, x: Any) -> tuple[Any, Any]:
        """Values (n,) of a per-sample scalar function, and the gradient of each with respect to its own input."""
        with tf.GradientTape() as tape:
            tape.watch(x)
            values = function(x)
        return values, tape.gradient(values, x)

    def jacobians(function: Callable, model: keras.Model, weights: Sequence[keras.Variable], sample: Any) -> list:
        """d function(sample) / d w for every w of ``weights``: arrays (r, *w.shape); function returns (r,)."""
        with tf.GradientTape() as tape:
            y = function(sample)
        found = tape.jacobian(y, [w.value for w in weights], unconnected_gradients="zero")
        return list(found)

    def map_samples(function: Callable, x: Any) -> Any:
        """function (a scalar) of every sample of x, one after the other in one compiled loop: (n,)."""
        return tf.map_fn(function, x, fn_output_signature=tf.float32)

    def run_tflite(model: keras.Model, weights: str, calibration: Any) -> Callable:
        """A function of a batch (n, ...) to the outputs of ``model`` converted to TFLite.

        weights: "" (float32), "float16", "dynamic" (8 bits), or "int8" (activations too, ranges of ``calibration``).
        """
        with tempfile.TemporaryDirectory() as folder, without_native_stderr(), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            model.export(folder, format="tf_saved_model", verbose=False)
            converter = tf.lite.TFLiteConverter.from_saved_model(folder)
            converter.optimizations = [tf.lite.Optimize.DEFAULT] if weights else []
            if weights == "float16":
                converter.target_spec.supported_types = [tf.float16]
            if weights == "int8":
                converter.representative_dataset = lambda: ([image[None]] for image in calibration)
            blob = converter.convert()
            interpreter = tf.lite.Interpreter(model_content=blob)
            interpreter.allocate_tensors()  # here, because it prints

        def run(x: Any) -> Any:
            index = interpreter.get_input_details()[0]["index"]
            interpreter.resize_tensor_input(index, x.shape)
            interpreter.allocate_tensors()
            interpreter.set_tensor(index, x)
            interpreter.invoke()
            return interpreter.get_tensor(interpreter.get_output_details()[0]["index"])

        return run

    def _gpus() -> list[str]:
        return [
            tf.config.experimental.get_device_details(gpu).get("device_name", "GPU")
            for gpu in tf.config.list_physical_devices("GPU")
        ]

elif BACKEND == "jax":
    import jax

    ENGINE_VERSION = jax.__version__

    def _compile(model: keras.Model, function: Callable) -> Callable:
        variables = list(model.variables)

        @jax.jit
        def pure(values: list, *args: Any) -> Any:
            with keras.StatelessScope(state_mapping=list(zip(variables, values, strict=True))):
                return function(*args)

        return lambda *args: pure([v.value for v in variables], *args)

    def value_and_gradient(function: Callable, x: Any) -> tuple[Any, Any]:
        """Values (n,) of a per-sample scalar function, and the gradient of each with respect to its own input."""

        def total(inputs: Any) -> tuple[Any, Any]:
            values = function(inputs)
            return values.sum(), values

        (_, values), gradient = jax.value_and_grad(total, has_aux=True)(x)
        return values, gradient

    def jacobians(function: Callable, model: keras.Model, weights: Sequence[keras.Variable], sample: Any) -> list:
        """d function(sample) / d w for every w of ``weights``: arrays (r, *w.shape); function returns (r,)."""
        fixed = [(v, v.value) for v in model.variables]

        def y(values: list) -> Any:
            with keras.StatelessScope(state_mapping=[*fixed, *zip(weights, values, strict=True)]):
                return function(sample)

        return jax.jacrev(y)([w.value for w in weights])

    def map_samples(function: Callable, x: Any) -> Any:
        """function (a scalar) of every sample of x: (n,)."""
        return jax.vmap(function)(x)

    def run_tflite(model: keras.Model, weights: str, calibration: Any) -> Callable:
        """Raises ValueError: TensorFlow alone converts to TFLite."""
        raise ValueError("TFLite needs Keras's TensorFlow backend (KERAS_BACKEND=tensorflow); here it is JAX.")

    def _gpus() -> list[str]:
        return [device.device_kind for device in jax.devices() if device.platform != "cpu"]

else:
    raise ImportError(f"ssviz runs on Keras with TensorFlow or JAX; the Keras backend here is {BACKEND!r}.")


def compiled(model: keras.Model, key: Hashable, function: Callable) -> Callable:
    """Compile ``function``, which calls ``model``, once for each key; weights changed later are seen by later calls.

    Compiled functions live in the model's own dictionary and go when the model goes.
    """
    variables = model.variables
    known, cache = model.__dict__.get("_ssviz_compiled", ((), {}))
    if list(map(id, known)) != list(map(id, variables)):  # a layer was added or replaced: compile anew
        cache = {}
        model.__dict__["_ssviz_compiled"] = (tuple(variables), cache)
    if key not in cache:
        cache[key] = _compile(model, function)
    return cache[key]


def device_name() -> str:
    """Name of the device that computes: the first GPU's, else the processor's with the cores it has."""
    gpus = _gpus()
    return gpus[0] if gpus else f"{_processor()}, {os.cpu_count()} cores"


def describe() -> dict[str, str]:
    """What computes here, for provenance: device, backend and versions."""
    return {
        "device": device_name(),
        "backend": BACKEND,
        BACKEND: ENGINE_VERSION,
        "python": platform.python_version(),
        **{package: version(package) for package in ("ssviz", "keras", "numpy")},
    }


def _processor() -> str:
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        names = [line.split(":", 1)[1].strip() for line in cpuinfo.read_text().splitlines() if "model name" in line]
        if names:
            return names[0]
    return platform.processor() or platform.machine()
