"""The intact model, served by another process, which `serve` starts.

Keras fixes its backend, and TensorFlow its threads, when they are first imported: another choice is another process,
`python -m ssviz.serving MODEL INPUTS ANSWERS [SETTING ...]`.
"""

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from ssviz.backend import device_name, keras
from ssviz.models import probabilities

# Neither engine may claim a whole GPU that the parent process uses too.
_SHARE = {"XLA_PYTHON_CLIENT_PREALLOCATE": "false", "TF_FORCE_GPU_ALLOW_GROWTH": "true"}
# TensorFlow's threads are set by the first two, those of JAX's XLA by the last; OMP_NUM_THREADS sets neither.
_THREADS = ("TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS", "NPROC")


def serve(
    model: str | os.PathLike[str],
    samples: Sequence[np.ndarray],
    *,
    backend: str,
    threads: int | None = None,
    settings: Sequence[str] = (),
) -> tuple[list[np.ndarray], str]:
    """Probabilities (n, r) of every array (n, ...) of samples from another process, and its device's name.

    model: a .keras file; inputs.npz and answers.npz are written beside it. backend: "tensorflow" or "jax".
    threads: how many the engine computes with, by default as many as it likes. settings: for each array, of
    `numerics.SETTINGS`, its batch size, dtype or runtime; by default the model's own. Raises RuntimeError with the
    end of what the process said if it fails, as it does on a model with layers that only this process knows.

    Paper: Section 5.2, "False Positives". Notebook: 10.
    """
    folder = Path(model).parent
    np.savez(folder / "inputs.npz", *samples)
    chosen = {} if threads is None else dict.fromkeys(_THREADS, str(threads))
    command = [str(model), str(folder / "inputs.npz"), str(folder / "answers.npz"), *settings]
    done = subprocess.run(
        [sys.executable, "-m", "ssviz.serving", *command],
        env={**os.environ, **_SHARE, **chosen, "KERAS_BACKEND": backend},
        capture_output=True,
        text=True,
    )
    if done.returncode:
        said = "\n".join(done.stderr.strip().splitlines()[-10:]) or f"it said nothing, and left with {done.returncode}"
        raise RuntimeError(f"another process could not serve the model with {backend}:\n{said}")
    with np.load(folder / "answers.npz", allow_pickle=False) as answers:
        return [answers[f"arr_{i}"] for i in range(len(samples))], str(answers["device"])


def _main(model: str, inputs: str, answers: str, *settings: str) -> None:
    from ssviz.numerics import answers_here  # which imports this file

    loaded = keras.saving.load_model(model, compile=False, safe_mode=True)
    with np.load(inputs, allow_pickle=False) as arrays:
        samples = [arrays[name] for name in arrays.files]
    if settings:
        found = [answers_here(loaded, x, setting) for x, setting in zip(samples, settings, strict=True)]
    else:
        found = [probabilities(loaded, x) for x in samples]
    np.savez(answers, *found, device=np.array(device_name()))


if __name__ == "__main__":
    _main(*sys.argv[1:])
