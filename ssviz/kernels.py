"""Kernel specs that fix a Keras backend: `ssviz kernel`."""

import json
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

from jupyter_client.kernelspec import KernelSpecManager

BACKENDS = {"tensorflow": "TensorFlow", "jax": "JAX"}

# The kernel's own Python says what it lacks, then loads the backend and names its device, as a run would.
_PROBE = """
import importlib.util, sys
lacking = [name for name in {needed!r} if importlib.util.find_spec(name) is None]
if lacking:
    sys.exit("LACKS " + ", ".join(lacking))
from ssviz.backend import device_name
print("DEVICE " + device_name())
"""


def install_kernel(name: str, backend: str, python: str | os.PathLike[str] = sys.executable) -> tuple[Path, str]:
    """Install a user kernel for a Python and a Keras backend; return its folder and its device's name.

    Raises ValueError for an unknown backend, a name that Jupyter does not take or that another kernel has, a
    Python that does not start, or one that lacks a package.
    """
    if backend not in BACKENDS:
        raise ValueError(f"backend must be one of {', '.join(BACKENDS)}; received {backend!r}.")
    if not re.fullmatch(r"[a-z0-9][a-z0-9._-]*", name):
        raise ValueError(f"name must be made of a-z, 0-9, '.', '_' and '-'; received {name!r}.")
    manager = KernelSpecManager()
    taken = manager.find_kernel_specs()
    if name in taken and "ssviz" not in manager.get_kernel_spec(name).metadata:
        raise ValueError(f"name={name!r} is a kernel that ssviz did not install ({taken[name]}). Choose another.")

    environment = {
        "KERAS_BACKEND": backend,
        "XLA_PYTHON_CLIENT_PREALLOCATE": "false",
        "TF_FORCE_GPU_ALLOW_GROWTH": "true",
    }
    python = Path(python).expanduser()
    python = python.absolute() if python.exists() else python  # not resolved: a venv's python is a link
    device = _probe(python, backend, environment)
    spec = {
        "argv": [str(python), "-m", "ipykernel_launcher", "-f", "{connection_file}"],
        "display_name": f"ssviz: {name} ({BACKENDS[backend]})",
        "language": "python",
        "env": environment,
        "metadata": {"ssviz": {"backend": backend}, "debugger": True, "supported_encryption": ["curve"]},
    }
    with tempfile.TemporaryDirectory() as temporary:
        Path(temporary, "kernel.json").write_text(json.dumps(spec, indent=1), encoding="utf-8")
        return Path(manager.install_kernel_spec(temporary, name, user=True)), device


def _probe(python: Path, backend: str, environment: dict[str, str]) -> str:
    """The device that `python` computes on with `backend`, or ValueError with what is in the way."""
    code = _PROBE.format(needed=["ipykernel", "ssviz", "keras", backend])
    try:
        done = subprocess.run(
            [str(python), "-c", code],
            env={**os.environ, **environment},
            capture_output=True,
            text=True,
            timeout=300,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise ValueError(f"python must be a Python that starts; received {str(python)!r}: {error}") from error
    lines = done.stdout.splitlines()
    device = next((line.removeprefix("DEVICE ") for line in lines if line.startswith("DEVICE ")), None)
    if done.returncode == 0 and device:
        return device
    last = (done.stderr.strip().splitlines() or ["it said nothing"])[-1]
    if last.startswith("LACKS "):
        raise ValueError(f"{python} lacks {last.removeprefix('LACKS ')}. Install it there, then try again.")
    raise ValueError(f"{python} cannot load Keras with backend {backend!r}: {last}")
