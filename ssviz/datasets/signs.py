"""The default data set: traffic signs in GTSRB's 43 classes, drawn from code and photographed from a seed."""

import warnings
from pathlib import Path

import numpy as np
import numpy.typing as npt
from tqdm.auto import tqdm

from ssviz.datasets import Dataset, cache_home
from ssviz.datasets.classes import GTSRB_CLASSES
from ssviz.datasets.sign_photos import photograph
from ssviz.files import atomic_write

VERSION = 2  # of the renderer: part of the cache's file name; raise it when the images change

_CHUNK_PIXELS = 1 << 15


def render(labels: npt.ArrayLike, *, size: int = 32, seed: int = 0) -> np.ndarray:
    """Photographs of the signs with these class numbers: (n, size, size, 3) uint8, NHWC, RGB.

    labels: (n,) integers from 0 to 42. size: pixels, at least 8. seed: an integer >= 0. Image i depends on
    (seed, i, labels[i], size) only. Raises ValueError (what is out of range) or TypeError (not integers).
    """
    return _render(_checked_labels(labels), size, seed, progress=False)


def load(*, size: int = 32, n_train: int = 12_900, n_test: int = 2_150, seed: int = 0) -> Dataset:
    """The rendered data set, classes in equal shares and shuffled; train and test from different seeds.

    Rendered once, then kept under `cache_home()/signs`, one file for each set of arguments; a damaged file is
    rendered again, a cache that cannot be written is a warning. Images are uint8 (n, size, size, 3), labels
    int64 (n,). Raises ValueError for a size under 8, a count under 1 or a negative seed.
    """
    for name, value in (("n_train", n_train), ("n_test", n_test)):
        _check_integer(name, value, 1)
    _check_integer("size", size, 8)
    _check_integer("seed", seed, 0)
    path = cache_home() / "signs" / f"v{VERSION}-size{size}-train{n_train}-test{n_test}-seed{seed}.npz"
    arrays = _read(path, size, n_train, n_test)
    if arrays is None:
        arrays = {}
        for split, count, stream in (("train", n_train, 2 * seed), ("test", n_test, 2 * seed + 1)):
            labels = np.random.default_rng([seed, count]).permutation(np.arange(count) % len(GTSRB_CLASSES))
            arrays[f"x_{split}"] = _render(labels, size, stream, progress=True, title=f"signs, {split}")
            arrays[f"y_{split}"] = labels.astype(np.int64)
        try:
            with atomic_write(path) as temporary:
                np.savez(temporary, **arrays)
        except OSError as error:
            warnings.warn(f"The rendered signs could not be kept in {path.parent}: {error}", stacklevel=2)
    return Dataset(name="signs", class_names=GTSRB_CLASSES, bounds=(0.0, 1.0), **arrays)


def _read(path: Path, size: int, n_train: int, n_test: int) -> dict[str, np.ndarray] | None:
    """The arrays of a cache file, or None if it is missing, damaged or not what its name says."""
    expected = {
        "x_train": ((n_train, size, size, 3), np.uint8),
        "y_train": ((n_train,), np.int64),
        "x_test": ((n_test, size, size, 3), np.uint8),
        "y_test": ((n_test,), np.int64),
    }
    try:
        with np.load(path, allow_pickle=False) as file:
            arrays = {name: file[name] for name in expected}
    except Exception:  # a damaged file can fail in any way, and rendering again always helps
        return None
    sound = all((arrays[name].shape, arrays[name].dtype) == expected[name] for name in expected)
    return arrays if sound else None


def _check_integer(name: str, value: int, least: int) -> None:
    if isinstance(value, bool) or not isinstance(value, int | np.integer) or value < least:
        raise ValueError(f"{name} must be an integer >= {least}; received {value!r}.")


def _checked_labels(labels: npt.ArrayLike) -> np.ndarray:
    labels = np.asarray(labels)
    if labels.ndim != 1:
        raise ValueError(f"labels must have shape (n,); received shape {labels.shape}.")
    if labels.size and not np.issubdtype(labels.dtype, np.integer):
        raise TypeError(f"labels must be integers; received dtype {labels.dtype}.")
    if labels.size and (labels.min() < 0 or labels.max() >= len(GTSRB_CLASSES)):
        raise ValueError(f"labels must lie in 0 to 42; received {labels.min()} to {labels.max()}.")
    return labels.astype(np.int64)


def _render(labels: np.ndarray, size: int, seed: int, *, progress: bool, title: str = "") -> np.ndarray:
    _check_integer("size", size, 8)
    _check_integer("seed", seed, 0)
    out = np.empty((len(labels), size, size, 3), np.uint8)
    chunk = max(1, _CHUNK_PIXELS // size**2)
    with tqdm(total=len(labels), desc=title, unit="image", leave=False, disable=not progress) as bar:
        for start in range(0, len(labels), chunk):
            part = labels[start : start + chunk]
            out[start : start + len(part)] = photograph(part, start, size, seed)
            bar.update(len(part))
    return out
