"""From a mirror or a publisher to a checked file on this machine."""

import contextlib
import errno
import io
import os
from collections.abc import Iterator
from pathlib import Path

import pooch
from requests.exceptions import RequestException

from data_fetch.registry import RemoteFile
from ssviz.files import atomic_write

RETRIES = 2  # after the first attempt, for each address; pooch waits 1 s, then 2 s


class FetchError(RuntimeError):
    """A file could not be had. The message: which, its address, what was expected, what came, what to do."""


@contextlib.contextmanager
def writing(what: str, folder: Path) -> Iterator[None]:
    """Turn an OSError of the disk (not one of the network) into a FetchError that says what to do."""
    try:
        yield
    except RequestException:
        raise
    except OSError as error:
        hint = "The disk is full: free some space" if error.errno == errno.ENOSPC else f"{error}: correct that"
        raise FetchError(
            f"{what} cannot be written to {folder}. {hint}, or set SSVIZ_HOME to another folder, and run the "
            "same command again. Nothing incomplete was kept."
        ) from error


def obtain(file: RemoteFile, folder: Path, progress: bool = True) -> Path:
    """The path of `file`, its checksum verified: in `folder`, or in the mirror if SSVIZ_MIRROR is a folder.

    Taken from SSVIZ_MIRROR (a folder or an http(s) address, with a registry.txt of `name algorithm:digest`
    lines, whose sums are the ones checked) if that lists the file, else from the publishers' addresses in
    order. A download gets its name only when it is whole and its sum is right; a file that is in `folder`
    already and has the right sum is not downloaded again. Raises FetchError.
    """
    mirror = os.environ.get("SSVIZ_MIRROR")
    listed = _mirror_registry(mirror) if mirror else {}
    if file.name not in listed:
        return _download(file.name, file.addresses, file.checksum, folder, progress)
    checksum = listed[file.name]
    if _is_url(mirror):
        return _download(file.name, (f"{mirror.rstrip('/')}/{file.name}",), checksum, folder, progress)
    path = Path(mirror).expanduser() / file.name
    if not path.is_file():
        raise FetchError(f"{path} is listed in the mirror's registry.txt but is not there.")
    if not pooch.hashes.hash_matches(path, checksum):
        raise FetchError(
            f"{path}: the mirror's registry.txt says {checksum}; the file has {_digest(path, checksum)}. "
            "Copy it into the mirror again, or unset SSVIZ_MIRROR."
        )
    return path


def _is_url(mirror: str) -> bool:
    return mirror.startswith(("http://", "https://"))


def _mirror_registry(mirror: str) -> dict[str, str]:
    """{file name: "algorithm:digest"} from the registry.txt of a mirror."""
    listing = pooch.create(path="", base_url="")
    try:
        if _is_url(mirror):
            text = io.BytesIO()
            _downloader(progress=False)(f"{mirror.rstrip('/')}/registry.txt", text, None)
            listing.load_registry(io.StringIO(text.getvalue().decode()))
        else:
            listing.load_registry(Path(mirror).expanduser() / "registry.txt")
    except (RequestException, OSError, ValueError) as error:
        raise FetchError(
            f"SSVIZ_MIRROR={mirror}: expected a folder or an http(s) address with a registry.txt of "
            f"'name sha256:digest' lines; {error}. Correct it, or unset it to use the publishers' addresses."
        ) from error
    return listing.registry


def _downloader(progress: bool) -> pooch.HTTPDownloader:
    headers = {"Accept-Encoding": "identity"}  # a .gz must arrive packed: its sum is the packed file's
    return pooch.HTTPDownloader(progressbar=progress, chunk_size=1 << 16, headers=headers)


def _download(name: str, addresses: tuple[str, ...], checksum: str | None, folder: Path, progress: bool) -> Path:
    path, record = folder / name, folder / f"{name}.sha256"
    if checksum is None and record.exists():
        checksum = record.read_text().strip()
    pooch.get_logger().setLevel("WARNING")
    failures = []
    for address in addresses:
        store = pooch.create(
            path=folder, base_url="", registry={name: checksum}, urls={name: address}, retry_if_failed=RETRIES
        )
        try:
            with writing(f"{name} from {address}", folder):
                store.fetch(name, downloader=_downloader(progress))
            break
        except (RequestException, ValueError) as error:
            failures.append(f"  {address}\n    {error}")
    else:
        advice = f" If the publisher replaced the file, delete {record} to accept it." if record.exists() else ""
        raise FetchError(
            f"{name} could not be downloaded (expected {checksum or 'any content, unbroken'}):\n"
            + "\n".join(failures)
            + f"\nNothing incomplete was kept. Run the same command again later, or set SSVIZ_MIRROR.{advice}"
        )
    if checksum is None:
        _record(path, record)
    return path


def _record(path: Path, record: Path) -> None:
    """Keep the sum of a first download, and say so."""
    digest = f"sha256:{pooch.file_hash(str(path))}"
    with writing(record.name, record.parent), atomic_write(record) as temporary:
        temporary.write_text(digest + "\n")
    print(f"{path.name}: its publisher names no checksum. Recorded {digest} in {record}; checked from now on.")


def _digest(path: Path, checksum: str) -> str:
    """The sum of the file at `path` by the algorithm of `checksum`."""
    algorithm = pooch.hashes.hash_algorithm(checksum)
    return f"{algorithm}:{pooch.file_hash(str(path), alg=algorithm)}"
