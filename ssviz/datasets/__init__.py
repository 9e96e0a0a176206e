"""Data sets: the rendered traffic signs, and what `python -m data_fetch` prepared in the cache."""

import os
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pooch

PREPARED = ("gtsrb", "cifar10", "att_faces", "lfw")
DATASETS = ("signs", *PREPARED)


@dataclass(frozen=True, eq=False, repr=False)
class Dataset:
    """Images with their classes, split for training and testing.

    name: what `load_dataset` calls it.
    x_train, x_test: uint8 images, (n, height, width, channels), channels 1 or 3; the same size in both.
    y_train, y_test: int64 labels, (n,), indices into class_names.
    class_names: one name per class.
    bounds: (p, q), the range of the model inputs that `inputs` returns: grey level 0 -> p, 255 -> q.

    Raises TypeError or ValueError naming the argument, what was expected and what came.
    """

    name: str
    x_train: np.ndarray
    y_train: np.ndarray
    x_test: np.ndarray
    y_test: np.ndarray
    class_names: tuple[str, ...]
    bounds: tuple[float, float] = (0.0, 1.0)

    def __post_init__(self) -> None:
        object.__setattr__(self, "class_names", tuple(str(name) for name in self.class_names))
        for split in ("train", "test"):
            self._check(split)
        if self.x_train.shape[1:] != self.x_test.shape[1:]:
            raise ValueError(
                "x_train and x_test must hold images of one size; "
                f"received {self.x_train.shape[1:]} and {self.x_test.shape[1:]}."
            )
        if not self.bounds[0] < self.bounds[1]:
            raise ValueError(f"bounds must be (p, q) with p < q; received {self.bounds}.")

    def _check(self, split: str) -> None:
        x, y = self._split(split)
        for argument, array, dtype in ((f"x_{split}", x, np.uint8), (f"y_{split}", y, np.int64)):
            if not isinstance(array, np.ndarray) or array.dtype != dtype:
                came = getattr(array, "dtype", type(array).__name__)
                raise TypeError(f"{argument} must be a {np.dtype(dtype)} NumPy array; received {came}.")
        if x.ndim != 4 or x.shape[3] not in (1, 3):
            raise ValueError(f"x_{split} must have shape (n, height, width, 1 or 3 channels); received {x.shape}.")
        if y.shape != x.shape[:1]:
            raise ValueError(f"y_{split} must have shape {x.shape[:1]}, one per image; received {y.shape}.")
        if y.size and not (y.min() >= 0 and y.max() < len(self.class_names)):
            raise ValueError(
                f"y_{split} must lie in 0..{len(self.class_names) - 1}, the indices of class_names; "
                f"received {y.min()}..{y.max()}."
            )

    def _split(self, split: str) -> tuple[np.ndarray, np.ndarray]:
        if split not in ("train", "test"):
            raise ValueError(f'split must be "train" or "test"; received {split!r}.')
        return (self.x_train, self.y_train) if split == "train" else (self.x_test, self.y_test)

    def inputs(self, split: str = "test", limit: int | None = None, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
        """A split as model inputs: float32 images (n, height, width, channels) in bounds, int64 labels (n,).

        limit: at most so many images, drawn without replacement from `seed`; a smaller limit draws a prefix
        of a larger one's. None: all of them, in the stored order. Raises ValueError on another split name.
        """
        x, y = self._split(split)
        if limit is not None:
            chosen = np.random.default_rng(seed).permutation(len(x))[:limit]
            x, y = x[chosen], y[chosen]
        return self.scaled(x), y

    def scaled(self, x: np.ndarray) -> np.ndarray:
        """uint8 images (n, height, width, channels) as model inputs: float32 in bounds."""
        return from_grid(x, self.bounds)

    def __repr__(self) -> str:
        return (
            f"Dataset({self.name!r}: {len(self.x_train):,} + {len(self.x_test):,} images "
            f"{self.x_train.shape[1:]}, {len(self.class_names)} classes, bounds={self.bounds})"
        )


def from_grid(levels: np.ndarray, bounds: tuple[float, float] = (0.0, 1.0)) -> np.ndarray:
    """Grey levels, uint8 (n, ...), as samples in ``bounds`` = (p, q): p + (q - p) k / 255, float32."""
    low, high = bounds
    unit = np.divide(levels, 255, dtype=np.float32)
    return unit if (low, high) == (0, 1) else low + (high - low) * unit


def cache_home() -> Path:
    """The folder of everything downloaded, prepared or rendered: SSVIZ_HOME, or the platform's cache."""
    home = os.environ.get("SSVIZ_HOME")
    return Path(home).expanduser() if home else Path(pooch.os_cache("ssviz"))


def prepared_path(name: str) -> Path:
    """Where data_fetch puts the prepared set `name`: an .npz with the arrays of `Dataset`."""
    return cache_home() / "datasets" / f"{name}.npz"


def load_dataset(name: str, **options: Any) -> Dataset:
    """Open the data set `name`, one of DATASETS.

    "signs" is rendered here, with `options` for `ssviz.datasets.signs.load` (size, seed, ...); the others
    are opened from the cache and take no options. Raises ValueError on an unknown name or a damaged file,
    FileNotFoundError (naming the command to run) if the set was not prepared yet.
    """
    if name not in DATASETS:
        raise ValueError(f"name must be one of {', '.join(DATASETS)}; received {name!r}.")
    if name == "signs":
        from ssviz.datasets import signs  # drawing needs Pillow; the others do not

        return signs.load(**options)
    if options:
        raise TypeError(f"load_dataset({name!r}) takes no options; received {', '.join(options)}.")
    path = prepared_path(name)
    try:
        with np.load(path, allow_pickle=False) as arrays:
            return Dataset(name=name, **{key: arrays[key] for key in arrays.files})
    except FileNotFoundError:
        raise FileNotFoundError(
            f"The data set {name!r} is not in {path.parent}. Get it with: python -m data_fetch {name}"
        ) from None
    except (ValueError, TypeError, EOFError, zipfile.BadZipFile) as error:
        raise ValueError(
            f"{path} is not a prepared data set ({error}). Make it again: python -m data_fetch {name} --force"
        ) from error
