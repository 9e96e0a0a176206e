"""members(): what the pattern names is read; archives that mean harm are refused."""

import io
import os
import struct
import tarfile
import tracemalloc
import zipfile

import pytest

from data_fetch.archives import ArchiveError, members


@pytest.mark.parametrize("kind", ["zip", "tar"])
def test_only_what_matches_is_read(pack, tmp_path, kind):
    files = {
        "set/1.bin": b"one",
        "set/22.bin": b"two",
        "set/readme.txt": b"no",
        "other/1.bin": b"no",
        "set/": b"",
    }
    path = getattr(pack, kind)(tmp_path / "set", files)
    assert [(found[1], content) for found, content in members(path, r"set/(\d+)\.bin")] == [
        ("1", b"one"),
        ("22", b"two"),
    ]


@pytest.mark.parametrize("name", ["../out.bin", "/etc/out.bin", "set/../../out.bin", "..\\out.bin"])
@pytest.mark.parametrize("kind", ["zip", "tar"])
def test_names_that_climb_out_are_refused(pack, tmp_path, kind, name):
    path = getattr(pack, kind)(tmp_path / "set", {name: b"x"})
    with pytest.raises(ArchiveError, match="outside the archive"):
        list(members(path, ".*"))


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.FIFOTYPE])
def test_tar_links_and_devices_are_refused(tmp_path, kind):
    with tarfile.open(tmp_path / "set.tar.gz", "w:gz") as archive:
        info = tarfile.TarInfo("set/1.bin")
        info.type, info.linkname = kind, "/etc/passwd"
        archive.addfile(info)
    with pytest.raises(ArchiveError, match="link or a device"):
        list(members(tmp_path / "set.tar.gz", ".*"))


def test_zip_links_are_refused(tmp_path):
    with zipfile.ZipFile(tmp_path / "set.zip", "w") as archive:
        info = zipfile.ZipInfo("set/1.bin")
        info.external_attr = 0o120777 << 16
        archive.writestr(info, "/etc/passwd")
    with pytest.raises(ArchiveError, match="link"):
        list(members(tmp_path / "set.zip", ".*"))


@pytest.mark.parametrize("kind", ["zip", "tar"])
@pytest.mark.parametrize("pattern", [".*", "nothing"])
def test_bombs_are_refused_before_they_are_unpacked(pack, tmp_path, kind, pattern):
    path = getattr(pack, kind)(tmp_path / "set", {"bomb": bytes(50_000_000)})
    tracemalloc.start()
    with pytest.raises(ArchiveError, match="unpacks to"):
        list(members(path, pattern, member_limit=1_000_000, total_limit=2_000_000))
    assert tracemalloc.get_traced_memory()[1] < 5_000_000
    tracemalloc.stop()


def test_many_small_members_are_a_bomb_too(pack, tmp_path):
    for kind in ("zip", "tar"):
        path = getattr(pack, kind)(tmp_path / kind, {f"{i}": bytes(100_000) for i in range(30)})
        with pytest.raises(ArchiveError, match="2,000,000"):
            list(members(path, ".*", total_limit=2_000_000))


def test_a_tar_header_that_is_a_bomb_is_refused(tmp_path):
    with tarfile.open(tmp_path / "set.tar.gz", "w:gz", format=tarfile.PAX_FORMAT) as archive:
        info = tarfile.TarInfo("1.bin")
        info.pax_headers = {"comment": "0" * 20_000_000}
        archive.addfile(info, io.BytesIO())
    with pytest.raises(ArchiveError, match="unpacks to more than"):
        list(members(tmp_path / "set.tar.gz", ".*", total_limit=2_000_000))


def test_a_zip_that_lies_about_a_size_is_refused(pack, tmp_path):
    path = pack.zip(tmp_path / "set.zip", {"1.bin": bytes(40_000_000)})
    honest = path.read_bytes()
    assert honest.count(struct.pack("<I", 40_000_000)) == 2
    path.write_bytes(honest.replace(struct.pack("<I", 40_000_000), struct.pack("<I", 1000)))
    tracemalloc.start()
    with pytest.raises(ArchiveError, match="cannot be read"):
        list(members(path, ".*"))
    assert tracemalloc.get_traced_memory()[1] < 5_000_000
    tracemalloc.stop()


@pytest.mark.parametrize("kind", ["zip", "tar"])
def test_damage_is_told(pack, tmp_path, kind):
    content = os.urandom(50_000)
    path = getattr(pack, kind)(tmp_path / "set", {"1.bin": content})
    whole = path.read_bytes()
    for damaged in (
        whole[: len(whole) // 2],
        whole[:20_000] + b"damage" + whole[20_006:],
        b"",
        b"no archive",
    ):
        path.write_bytes(damaged)
        with pytest.raises(ArchiveError, match="set"):
            list(members(path, ".*"))
