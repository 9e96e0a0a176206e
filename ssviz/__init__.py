"""ssviz: Sensitive-Sample fingerprinting of deep neural networks, to see, to move and to check.

The calls that most people need: ``sensitivity`` (Eq. 6), ``generate`` (Algorithm 1), ``manc`` (Algorithm 2),
``Fingerprint.from_model`` and ``Fingerprint.verify``; beyond the paper, ``straddle``, ``gap_for`` and ``certificate``.
They are imported when first used: Keras takes seconds.
"""

import sys
from importlib import import_module
from importlib.metadata import version
from types import ModuleType
from typing import Any

__version__ = version("ssviz")

_HOME = {
    "Dataset": "datasets",
    "Fingerprint": "fingerprint",
    "Selection": "manc",
    "SensitiveSamples": "samples",
    "Verdict": "fingerprint",
    "active_neurons": "models",
    "certificate": "certificate",
    "gap_for": "numerics",
    "generate": "generation",
    "load_dataset": "datasets",
    "load_model": "zoo",
    "manc": "manc",
    "probabilities": "models",
    "sensitivity": "sensitivity",
    "straddle": "pairs",
}
__all__ = list(_HOME)


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'ssviz' has no attribute {name!r}")
    value = getattr(import_module(f"ssviz.{_HOME[name]}"), name)
    setattr(sys.modules[__name__], name, value)
    return value


def __dir__() -> list[str]:
    return sorted([*globals(), *_HOME])


class _Package(ModuleType):
    def __setattr__(self, name: str, value: Any) -> None:
        # Importing the modules sensitivity and manc must not hide the functions of the same name.
        if name in _HOME and isinstance(value, ModuleType):
            value = getattr(value, name)
        super().__setattr__(name, value)


sys.modules[__name__].__class__ = _Package
