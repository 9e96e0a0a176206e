"""From an address to load_dataset, by the command and by the function."""

import errno
import re

import numpy as np
import pytest
from typer.testing import CliRunner

from data_fetch.__main__ import app
from data_fetch.download import FetchError
from data_fetch.fetch import fetch, target
from data_fetch.prepare import PREPARE
from data_fetch.registry import parse, sources
from ssviz.datasets import PREPARED, load_dataset


@pytest.fixture
def mirror(server, faces, monkeypatch):
    server.publish("att_faces.zip", faces)
    monkeypatch.setenv("SSVIZ_MIRROR", server.url)
    return server


def run(*arguments):
    return CliRunner().invoke(app, arguments)


def test_the_command_makes_a_set_that_loads(mirror):
    result = run("att_faces")
    assert result.exit_code == 0
    assert "Samaria" in result.output
    data = load_dataset("att_faces")
    assert data.x_test[:, 0, 0, 0].tolist() == [16, 17, 18, 19, 20, 26, 27, 28, 29, 30]


def test_a_prepared_set_is_left_alone_unless_forced(mirror):
    run("att_faces")
    before = target("att_faces").stat().st_mtime_ns
    asked = len(mirror.requests)
    result = run("att_faces")
    assert result.exit_code == 0
    assert "already in" in result.output
    assert target("att_faces").stat().st_mtime_ns == before
    assert len(mirror.requests) == asked
    assert run("att_faces", "--force").exit_code == 0
    assert target("att_faces").stat().st_mtime_ns > before


def test_one_failure_does_not_stop_the_others(mirror):
    mirror.publish("cifar-10-binary.tar.gz", b"no archive")
    result = run("cifar10", "att_faces")
    assert result.exit_code == 1
    assert "cifar-10-binary.tar.gz cannot be read" in result.output
    assert "SSVIZ_MIRROR" in result.output
    assert "Not fetched: cifar10." in result.output
    assert len(load_dataset("att_faces").x_train) == 10
    assert not target("cifar10").exists()


def test_labels_out_of_range_are_told_and_nothing_is_prepared(mirror, pack, tmp_path, left_behind):
    batches = [*(f"data_batch_{k}" for k in range(1, 6)), "test_batch"]
    files = {f"cifar-10-batches-bin/{batch}.bin": bytes([10]) + bytes(3072) for batch in batches}
    mirror.publish("cifar-10-binary.tar.gz", pack.tar(tmp_path / "c.tar.gz", files).read_bytes())
    result = run("cifar10")
    assert result.exit_code == 1
    assert "y_train must lie in 0..9" in result.output
    assert left_behind() == ["cifar-10-binary.tar.gz"]


def test_unknown_names_are_refused_with_the_known_ones(home):
    result = run("imagenet", "gtsrb")
    assert result.exit_code == 2
    assert re.search(r"gtsrb.*vggface_weights.*imagenet", re.sub(r"[│\s]+", " ", result.output))
    assert not home.exists()
    with pytest.raises(ValueError, match=r"vggface_weights; received 'imagenet'"):
        fetch("imagenet")


def test_the_list_shows_terms_and_what_is_here(mirror):
    run("att_faces")
    result = run("--list")
    assert result.exit_code == 0
    assert str(target("att_faces")) in result.output
    assert result.output.count("not here yet") == 4
    assert result.output.count("licence:") == result.output.count("cite:") == 5


def test_a_full_disk_while_preparing_leaves_no_set(mirror, left_behind, monkeypatch):
    def full(file, **arrays):
        file.write_bytes(b"half of it")
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr("data_fetch.fetch.np.savez", full)
        with pytest.raises(FetchError, match="disk is full"):
            fetch("att_faces", progress=False)
    assert left_behind() == ["att_faces.zip"]
    fetch("att_faces", progress=False)
    assert len(load_dataset("att_faces").x_train) == 10


def test_a_prepared_set_needs_no_pickle(mirror):
    with np.load(fetch("att_faces", progress=False), allow_pickle=False) as arrays:
        kinds = {name: arrays[name].dtype.kind for name in arrays.files}
    assert kinds == {"x_train": "u", "y_train": "i", "x_test": "u", "y_test": "i", "class_names": "U"}


@pytest.mark.parametrize("kind", ["folder", "address"])
def test_weights_are_kept_as_published(server, tmp_path, monkeypatch, kind):
    server.publish("rcmalli_vggface_tf_vgg16.h5", b"weights")
    for name, content in server.files.items():
        (tmp_path / name).write_bytes(content)
    monkeypatch.setenv("SSVIZ_MIRROR", server.url if kind == "address" else str(tmp_path))
    path = fetch("vggface_weights", progress=False)
    assert path == target("vggface_weights")
    assert path.read_bytes() == b"weights"
    path.write_bytes(b"damaged")
    assert fetch("vggface_weights", progress=False).read_bytes() == b"weights"


def test_the_registry_is_complete():
    known = sources()
    assert tuple(known) == (*PREPARED, "vggface_weights")
    assert tuple(PREPARE) == PREPARED
    for source in known.values():
        assert source.files, source.name
        for file in source.files:
            assert file.addresses, file.name
            assert file.checksum is None or re.fullmatch(r"md5:[0-9a-f]{32}|sha256:[0-9a-f]{64}", file.checksum)
    assert [file.name for source in known.values() for file in source.files if not file.checksum] == [
        "rcmalli_vggface_tf_vgg16.h5"
    ]


BLOCK = "dataset: a\ntitle: b: c\nlicence: d\ncitation: e\n"


def test_parse_reads_blocks_with_several_addresses():
    text = f"# comment\n\n{BLOCK}\nfile: f\nsize: 1\nchecksum: md5:0\naddress: http://x/f\naddress: http://y/f\n"
    source = parse(text)["a"]
    assert source.title == "b: c"
    assert source.files[0].addresses == ("http://x/f", "http://y/f")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("file: f\nsize: 1\nchecksum: md5:0", "file: f"),
        (f"{BLOCK}\nfile: f\nsize: 1", "'checksum'"),
        ("dataset: a\ntitle: b", "'licence'"),
        ("no colon", "no colon"),
    ],
)
def test_parse_names_the_block_that_is_wrong(text, said):
    with pytest.raises(ValueError, match=said):
        parse(text)
