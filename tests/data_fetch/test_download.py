"""obtain(): what comes from a server or a mirror is whole and right, or it is not there."""

import errno
import hashlib

import pooch
import pytest

from data_fetch.download import RETRIES, FetchError, obtain
from data_fetch.registry import RemoteFile, sources

CONTENT = bytes(range(256)) * 2000
SHA = "sha256:" + hashlib.sha256(CONTENT).hexdigest()


def remote(*addresses, checksum=SHA):
    return RemoteFile("set.zip", "0.5 MB", checksum, addresses)


def get(file, home):
    return obtain(file, home, progress=False)


def test_a_download_is_the_published_file_and_is_not_repeated(server, home):
    server.files["set.zip"] = CONTENT
    file = remote(f"{server.url}/set.zip")
    assert get(file, home).read_bytes() == CONTENT
    assert get(file, home).read_bytes() == CONTENT
    assert server.requests == ["set.zip"]


@pytest.mark.parametrize("fault", ["truncate", "drop", "corrupt", 503, 404])
def test_a_fault_that_passes_is_retried(server, home, left_behind, fault):
    server.files["set.zip"] = CONTENT
    server.faults["set.zip"] = [fault] * RETRIES
    assert get(remote(f"{server.url}/set.zip"), home).read_bytes() == CONTENT
    assert left_behind() == ["set.zip"]


CORRUPTED = hashlib.sha256(CONTENT[:-1] + bytes([CONTENT[-1] ^ 1])).hexdigest()
HALF = f"{len(CONTENT) // 2} bytes read"
LASTING = [("truncate", HALF), ("drop", HALF), (503, "503"), (404, "404")]


@pytest.mark.parametrize(
    ("fault", "came", "checksum"),
    [(*fault, checksum) for fault in LASTING for checksum in (SHA, None)] + [("corrupt", CORRUPTED, SHA)],
)
def test_a_fault_that_stays_leaves_nothing(server, home, left_behind, fault, came, checksum):
    server.files["set.zip"] = CONTENT
    server.faults["set.zip"] = [fault] * 9
    with pytest.raises(FetchError) as caught:
        get(remote(f"{server.url}/set.zip", checksum=checksum), home)
    for said in (f"{server.url}/set.zip", checksum or "any content, unbroken", came, "again later"):
        assert said in str(caught.value)
    assert left_behind() == []
    assert len(server.requests) == 1 + RETRIES


def test_a_damaged_file_on_disk_is_downloaded_again(server, home):
    server.files["set.zip"] = CONTENT
    home.mkdir()
    (home / "set.zip").write_bytes(CONTENT[:100])
    assert get(remote(f"{server.url}/set.zip"), home).read_bytes() == CONTENT


def test_addresses_are_tried_in_order(server, home):
    server.files["second/set.zip"] = CONTENT
    get(remote(f"{server.url}/first/set.zip", f"{server.url}/second/set.zip"), home)
    assert server.requests == ["first/set.zip"] * (1 + RETRIES) + ["second/set.zip"]


@pytest.mark.parametrize(("number", "said"), [(errno.ENOSPC, "disk is full"), (errno.EACCES, "correct that")])
def test_a_disk_that_refuses_leaves_nothing(server, home, left_behind, monkeypatch, number, said):
    def half(self, url, output, *_):
        with open(output, "wb") as handle:
            handle.write(CONTENT[:1000])
        raise OSError(number, "refused")

    monkeypatch.setattr(pooch.HTTPDownloader, "__call__", half)
    with pytest.raises(FetchError, match=said) as caught:
        get(remote(f"{server.url}/set.zip"), home)
    assert "SSVIZ_HOME" in str(caught.value)
    assert left_behind() == []


def test_interrupting_leaves_nothing(home, left_behind, monkeypatch):
    def interrupted(self, url, output, *_):
        with open(output, "wb") as handle:
            handle.write(CONTENT[:1000])
        raise KeyboardInterrupt

    monkeypatch.setattr(pooch.HTTPDownloader, "__call__", interrupted)
    with pytest.raises(KeyboardInterrupt):
        get(remote("http://127.0.0.1:9/set.zip"), home)
    assert left_behind() == []


def test_without_a_published_sum_the_first_download_is_recorded_and_held_to(server, home, capsys):
    server.files["set.zip"] = CONTENT
    file = remote(f"{server.url}/set.zip", checksum=None)
    path = get(file, home)
    assert (home / "set.zip.sha256").read_text().strip() == SHA
    assert SHA in capsys.readouterr().out
    path.unlink()
    server.files["set.zip"] = CONTENT + b"!"
    with pytest.raises(FetchError, match=r"delete .*set\.zip\.sha256 to accept"):
        get(file, home)
    assert not path.exists()


@pytest.mark.parametrize("kind", ["folder", "address"])
def test_a_mirror_goes_before_the_publishers_and_its_sums_count(server, home, tmp_path, monkeypatch, kind):
    other = b"the mirror's own bytes"
    if kind == "address":
        server.publish("set.zip", other)
        mirror = server.url + "/"
    else:
        mirror = tmp_path / "mirror"
        mirror.mkdir()
        (mirror / "set.zip").write_bytes(other)
        (mirror / "registry.txt").write_text(f"set.zip sha256:{hashlib.sha256(other).hexdigest()}\n")
    monkeypatch.setenv("SSVIZ_MIRROR", str(mirror))
    assert get(remote(f"{server.url}/publisher/set.zip"), home).read_bytes() == other
    assert "publisher/set.zip" not in server.requests


@pytest.mark.parametrize("kind", ["folder", "address"])
def test_a_mirror_with_a_wrong_file_is_an_error_and_not_passed_by(server, home, tmp_path, monkeypatch, kind):
    server.publish("set.zip", CONTENT[:-1], listed=CONTENT)
    server.files["publisher/set.zip"] = CONTENT
    for name, content in server.files.items():
        if "/" not in name:
            (tmp_path / name).write_bytes(content)
    monkeypatch.setenv("SSVIZ_MIRROR", server.url if kind == "address" else str(tmp_path))
    with pytest.raises(FetchError) as caught:
        get(remote(f"{server.url}/publisher/set.zip"), home)
    assert SHA in str(caught.value)
    assert hashlib.sha256(CONTENT[:-1]).hexdigest() in str(caught.value)
    assert "publisher/set.zip" not in server.requests


def test_what_a_mirror_does_not_list_comes_from_the_publisher(server, home, monkeypatch):
    server.publish("another.zip", b"")
    server.files["publisher/set.zip"] = CONTENT
    monkeypatch.setenv("SSVIZ_MIRROR", server.url)
    assert get(remote(f"{server.url}/publisher/set.zip"), home).read_bytes() == CONTENT


@pytest.mark.parametrize("registry", [None, b"one two three four\n", b"\xff\xfe"])
def test_a_mirror_without_a_proper_registry_is_named(server, home, monkeypatch, registry):
    if registry:
        server.files["registry.txt"] = registry
    monkeypatch.setenv("SSVIZ_MIRROR", server.url)
    with pytest.raises(FetchError, match=r"SSVIZ_MIRROR=http.*registry.txt"):
        get(remote(f"{server.url}/set.zip"), home)


def test_a_mirror_folder_that_lacks_a_listed_file_is_named(home, tmp_path, monkeypatch):
    (tmp_path / "registry.txt").write_text(f"set.zip {SHA}\n")
    monkeypatch.setenv("SSVIZ_MIRROR", str(tmp_path))
    with pytest.raises(FetchError, match=r"is listed in the mirror's registry.txt but is not there"):
        get(remote("http://127.0.0.1:9/set.zip"), home)


@pytest.mark.network
def test_the_smallest_real_file(home):
    smallest = next(file for file in sources()["gtsrb"].files if file.name == "GTSRB_Final_Test_GT.zip")
    assert get(smallest, home).stat().st_size > 50_000
