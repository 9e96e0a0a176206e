"""Writing a file so that nobody ever finds half of it."""

import contextlib
import os
import secrets
from collections.abc import Iterator
from pathlib import Path


@contextlib.contextmanager
def atomic_write(path: str | os.PathLike[str]) -> Iterator[Path]:
    """Yield a temporary path beside `path`; it becomes `path` only if the block succeeds.

    The block writes the temporary path, which does not exist yet and keeps the ending of `path` (np.savez,
    Pillow and Keras look at it). It is then flushed to disk and renamed over `path`. If the block raises or
    is interrupted it is removed, and `path` stays what it was. Missing folders are made. Raises what the
    block raises, and OSError if the disk refuses or the block wrote nothing.

        with atomic_write("set.npz") as temporary:
            np.savez(temporary, x=x)
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.stem}-{secrets.token_hex(4)}{path.suffix}")
    try:
        yield temporary
        with open(temporary, "rb+") as written:
            os.fsync(written.fileno())
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)
