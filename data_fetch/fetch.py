"""One data set, from its archives to the file that `ssviz.datasets.load_dataset` opens."""

import filecmp
import shutil
from pathlib import Path

import numpy as np

from data_fetch.archives import ArchiveError
from data_fetch.download import obtain, writing
from data_fetch.prepare import PREPARE
from data_fetch.registry import sources
from ssviz.datasets import cache_home, prepared_path
from ssviz.files import atomic_write


def target(name: str) -> Path:
    """The file that `fetch(name)` leaves: a prepared .npz, or for weights the published file itself."""
    if name in PREPARE:
        return prepared_path(name)
    return cache_home() / "weights" / sources()[name].files[0].name


def fetch(name: str, force: bool = False, progress: bool = True) -> Path:
    """Download what `name` needs, check it, prepare it; return the path of the result.

    A prepared set that is there is left alone unless `force`. Raises ValueError on an unknown name,
    FetchError if a file cannot be had or written, ArchiveError if one holds what it should not.
    """
    known = sources()
    if name not in known:
        raise ValueError(f"name must be one of {', '.join(known)}; received {name!r}.")
    path = target(name)
    folder = cache_home() / "downloads" if name in PREPARE else path.parent
    if name in PREPARE and path.exists() and not force:
        return path
    found = [obtain(file, folder, progress) for file in known[name].files]
    if name in PREPARE:
        try:
            data = PREPARE[name](*found, progress=progress)
        except ValueError as error:
            raise ArchiveError(
                f"{error}. Nothing was prepared. The sums of {', '.join(map(str, found))} are the expected "
                "ones, so it is their content that differs: if SSVIZ_MIRROR is set, correct or unset it."
            ) from error
        arrays = {key: getattr(data, key) for key in ("x_train", "y_train", "x_test", "y_test", "class_names")}
        with writing(f"The prepared set {name}", path.parent), atomic_write(path) as temporary:
            np.savez(temporary, **arrays)
    elif found[0] != path and not (path.exists() and filecmp.cmp(found[0], path, shallow=False)):
        with writing(f"{path.name}, copied from the mirror,", path.parent), atomic_write(path) as temporary:
            shutil.copyfile(found[0], temporary)
    return path
