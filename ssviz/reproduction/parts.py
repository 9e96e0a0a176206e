"""What a reproduction has finished, kept under a key of its configuration: an interrupted one goes on."""

import hashlib
import json
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from ssviz.backend import keras
from ssviz.files import atomic_write

PACKAGE = Path(__file__).parents[1]


@dataclass(frozen=True)
class Parts:
    """A folder of arrays that took long to make, one .npz each; its name ends in a digest of how it was made."""

    folder: Path

    def get(
        self, kind: str, configuration: Mapping[str, Any], make: Callable[[], Mapping[str, np.ndarray]]
    ) -> dict[str, np.ndarray]:
        """The arrays of this kind and configuration: read where there are any, else made and kept.

        configuration: what the arrays depend on; what JSON cannot hold counts by its repr. A damaged file is
        made again.
        """
        path = self.path(kind, configuration)
        try:
            with np.load(path, allow_pickle=False) as arrays:
                return {name: arrays[name] for name in arrays.files if name != "configuration"}
        except (FileNotFoundError, ValueError, EOFError, OSError, zipfile.BadZipFile):
            made = {name: np.asarray(array) for name, array in make().items()}
        with atomic_write(path) as temporary:
            np.savez_compressed(temporary, configuration=_text(configuration), **made)
        return made

    def path(self, kind: str, configuration: Mapping[str, Any]) -> Path:
        """Where the arrays of this kind and configuration are kept."""
        return self.folder / f"{kind}-{hashlib.sha256(_text(configuration).encode()).hexdigest()[:16]}.npz"


@cache
def code(*names: str) -> str:
    """A digest of files (or folders of files) of ssviz and of Keras's version: parts made by other code are stale."""
    sha = hashlib.sha256(f"{keras.backend.backend()} {version('keras')}".encode())
    for name in names:
        path = PACKAGE / name
        for file in sorted(path.rglob("*.py")) if path.is_dir() else [path]:
            sha.update(file.read_bytes())
    return sha.hexdigest()[:16]


def _text(configuration: Mapping[str, Any]) -> str:
    return json.dumps(configuration, sort_keys=True, default=repr)
