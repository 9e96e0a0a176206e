"""Reading archives in memory: nothing in them is ever written to disk, so nothing can escape to it."""

import gzip
import re
import stat
import tarfile
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import BinaryIO

MEGABYTE = 1_000_000


class ArchiveError(ValueError):
    """An archive that is damaged, or holds what no data set holds."""


class _Capped:
    """A reader of `raw` that refuses to give more than `limit` bytes: what a decompression bomb hits."""

    def __init__(self, raw: BinaryIO, limit: int) -> None:
        self.raw, self.limit, self.given = raw, limit, 0

    def read(self, size: int) -> bytes:
        data = self.raw.read(size)
        self.given += len(data)
        if self.given > self.limit:
            raise ArchiveError(f"unpacks to more than {self.limit:,} bytes")
        return data


def members(
    path: Path, pattern: str, *, member_limit: int = MEGABYTE, total_limit: int = 2_000 * MEGABYTE
) -> Iterator[tuple[re.Match[str], bytes]]:
    """Yield (match, content) of every file in a .zip or .tar.gz whose whole name matches `pattern`.

    member_limit, total_limit: unpacked bytes of one such file, and of everything that is unpacked.
    Raises ArchiveError if a name is absolute or climbs out of the archive, if a member is a link or a device,
    if a limit is passed, or if the archive is damaged.
    """
    opened = _zip_members if zipfile.is_zipfile(path) else _tar_members
    try:
        for name, size, read in opened(path, total_limit):
            if name.startswith(("/", "\\")) or ".." in PurePosixPath(name.replace("\\", "/")).parts:
                raise ArchiveError(f"{name!r} points outside the archive")
            match = re.fullmatch(pattern, name)
            if match is None:
                continue
            if size > member_limit:
                raise ArchiveError(f"{name!r} unpacks to {size:,} bytes; expected at most {member_limit:,}")
            yield match, read()
    except ArchiveError as error:
        raise ArchiveError(f"{path.name}: {error}") from error
    except (zipfile.BadZipFile, tarfile.TarError, zlib.error, EOFError, OSError, RuntimeError) as error:
        raise ArchiveError(f"{path.name} cannot be read: {error}") from error


def _zip_members(path: Path, total_limit: int) -> Iterator[tuple]:
    """(name, unpacked size, a function that reads no more than that) of each file."""
    with zipfile.ZipFile(path) as archive:
        given = 0
        for info in archive.infolist():
            if stat.S_ISLNK(info.external_attr >> 16):
                raise ArchiveError(f"{info.filename!r} is a link")
            given += info.file_size
            if given > total_limit:
                raise ArchiveError(f"unpacks to more than {total_limit:,} bytes")
            if not info.is_dir():
                yield info.filename, info.file_size, lambda info=info: archive.open(info).read(info.file_size)


def _tar_members(path: Path, total_limit: int) -> Iterator[tuple]:
    """The same for a tar, read as a stream: even headers and members that are skipped count as unpacked."""
    with gzip.open(path) as unpacked:
        capped = _Capped(unpacked, total_limit)
        archive = tarfile.open(fileobj=capped, mode="r|")  # noqa: SIM115 (nothing of its own to close)
        for info in archive:
            if not (info.isfile() or info.isdir()):
                raise ArchiveError(f"{info.name!r} is a link or a device")
            if info.isfile():
                yield info.name, info.size, lambda info=info: archive.extractfile(info).read()
        while capped.read(1 << 16):  # to the end, where gzip checks its sum
            pass
