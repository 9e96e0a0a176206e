"""Dataset, load_dataset and atomic_write."""

import subprocess
import sys

import numpy as np
import pytest

from ssviz.datasets import DATASETS, Dataset, cache_home, load_dataset, prepared_path
from ssviz.datasets.classes import CIFAR10_CLASSES, GTSRB_CLASSES
from ssviz.files import atomic_write


def arrays(**changes):
    levels = np.arange(6, dtype=np.uint8).reshape(6, 1, 1, 1) * 51
    images = np.broadcast_to(levels, (6, 4, 5, 3)).copy()
    labels = np.array([0, 1, 2, 0, 1, 2])
    return {
        "x_train": images,
        "y_train": labels,
        "x_test": images[:3],
        "y_test": labels[:3],
        "class_names": ("a", "b", "c"),
    } | changes


def test_inputs_span_the_bounds():
    x, y = Dataset("d", **arrays()).inputs("train")
    assert x.dtype == np.float32
    np.testing.assert_allclose(x[:, 0, 0, 0], [0, 0.2, 0.4, 0.6, 0.8, 1], atol=1e-7)
    assert y.tolist() == [0, 1, 2, 0, 1, 2]
    x, _ = Dataset("d", **arrays(), bounds=(-1.0, 1.0)).inputs("train")
    assert x.dtype == np.float32
    np.testing.assert_allclose(x[:, 0, 0, 0], [-1, -0.6, -0.2, 0.2, 0.6, 1], atol=1e-7)


def test_every_grey_level_comes_back_from_inputs():
    x_train = np.arange(256, dtype=np.uint8).reshape(256, 1, 1, 1)
    data = Dataset("d", x_train, np.zeros(256, np.int64), x_train[:1], np.zeros(1, np.int64), ("a",))
    x, _ = data.inputs("train")
    assert x.min() == 0
    assert x.max() == 1
    np.testing.assert_array_equal(np.rint(x * 255).astype(np.uint8), x_train)


def test_a_limit_draws_pairs_and_smaller_limits_draw_prefixes():
    data = Dataset("d", **arrays())
    x, y = data.inputs("train", limit=4, seed=1)
    levels = np.rint(x[:, 0, 0, 0] * 5).astype(int)
    assert len(set(levels.tolist())) == 4
    np.testing.assert_array_equal(y, data.y_train[levels])
    np.testing.assert_array_equal(data.inputs("train", limit=2, seed=1)[0], x[:2])
    assert len(data.inputs("test", limit=99)[1]) == 3


@pytest.mark.parametrize(
    ("changes", "error", "said"),
    [
        ({"x_train": np.zeros((6, 4, 5, 3), np.float32)}, TypeError, "x_train must be a uint8.*float32"),
        ({"y_test": np.zeros(3, np.int32)}, TypeError, "y_test must be a int64.*int32"),
        ({"y_test": [0, 1, 2]}, TypeError, "y_test must be.*list"),
        ({"x_train": np.zeros((6, 4, 5), np.uint8)}, ValueError, r"x_train must have shape.*\(6, 4, 5\)"),
        ({"x_train": np.zeros((6, 3, 4, 5), np.uint8)}, ValueError, r"x_train must have.*\(6, 3, 4, 5\)"),
        ({"x_test": np.zeros((3, 4, 4, 3), np.uint8)}, ValueError, r"one size.*\(4, 5, 3\).*\(4, 4, 3\)"),
        ({"y_train": np.zeros(5, np.int64)}, ValueError, r"y_train must have shape \(6,\).*\(5,\)"),
        ({"y_test": np.array([0, 1, 3])}, ValueError, r"y_test must lie in 0\.\.2.*0\.\.3"),
        ({"y_test": np.array([0, -1, 2])}, ValueError, r"received -1\.\.2"),
        ({"bounds": (1.0, 0.0)}, ValueError, "bounds must be"),
    ],
)
def test_what_is_not_a_data_set_is_refused_by_name(changes, error, said):
    with pytest.raises(error, match=said):
        Dataset("d", **arrays(**changes))


def test_another_split_is_refused():
    with pytest.raises(ValueError, match="'validation'"):
        Dataset("d", **arrays()).inputs("validation")


def test_repr_is_one_short_line():
    assert repr(Dataset("d", **arrays())) == ("Dataset('d': 6 + 3 images (4, 5, 3), 3 classes, bounds=(0.0, 1.0))")


@pytest.fixture
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("SSVIZ_HOME", str(tmp_path))
    return tmp_path


def test_the_cache_is_where_the_user_says(home, monkeypatch):
    assert cache_home() == home
    monkeypatch.setenv("SSVIZ_HOME", "~/elsewhere")
    assert "~" not in str(cache_home())
    monkeypatch.delenv("SSVIZ_HOME")
    assert cache_home().name == "ssviz"


def test_a_set_that_is_not_there_names_the_command(home):
    for name in DATASETS[1:]:
        with pytest.raises(FileNotFoundError, match=f"python -m data_fetch {name}"):
            load_dataset(name)


def test_an_unknown_name_lists_the_known(home):
    with pytest.raises(ValueError, match="signs, gtsrb, cifar10, att_faces, lfw; received 'mnist'"):
        load_dataset("mnist")


def test_a_prepared_set_takes_no_options(home):
    with pytest.raises(TypeError, match="size"):
        load_dataset("gtsrb", size=64)


def test_a_prepared_set_comes_back(home):
    with atomic_write(prepared_path("gtsrb")) as temporary:
        np.savez(temporary, **arrays())
    data = load_dataset("gtsrb")
    np.testing.assert_array_equal(data.x_train, arrays()["x_train"])
    assert data.class_names == ("a", "b", "c")


@pytest.mark.parametrize("damage", ["truncated", "flipped", "foreign", "pickled", "empty"])
def test_a_damaged_set_names_the_file_and_the_command(home, damage):
    path = prepared_path("gtsrb")
    path.parent.mkdir()
    np.savez(path, **arrays())
    whole = path.read_bytes()
    if damage == "foreign":
        np.savez(path, something=np.zeros(3))
    elif damage == "pickled":
        np.savez(path, **arrays(class_names=np.array(["a", "b", "c"], object)))
    else:
        at = whole.index(arrays()["x_train"].tobytes())
        flipped = whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :]
        path.write_bytes({"truncated": whole[:500], "flipped": flipped, "empty": b""}[damage])
    with pytest.raises(ValueError, match=r"gtsrb\.npz is not a prepared data set.*data_fetch gtsrb --force"):
        load_dataset("gtsrb")


def test_class_names_are_numbered_as_published():
    assert len(GTSRB_CLASSES) == len(set(GTSRB_CLASSES)) == 43
    assert GTSRB_CLASSES[7] == "Speed limit (100km/h)"
    assert GTSRB_CLASSES[14] == "Stop"
    assert len(set(CIFAR10_CLASSES)) == 10


def test_the_layer_itself_needs_neither_keras_nor_plotly():
    """An empty `ssviz` stands in for the package's own __init__, which offers the whole of it at once."""
    code = """
import importlib.util, sys, types
package = types.ModuleType("ssviz")
package.__path__ = list(importlib.util.find_spec("ssviz").submodule_search_locations)
sys.modules["ssviz"] = package
import ssviz.datasets, ssviz.files
print([name for name in ("keras", "tensorflow", "plotly", "ipywidgets", "data_fetch") if name in sys.modules])
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_atomic_write_replaces_only_on_success(tmp_path):
    path = tmp_path / "new" / "set.npz"
    with atomic_write(path) as temporary:
        assert temporary.suffix == ".npz"
        assert temporary.parent == path.parent
        temporary.write_text("first")
        assert not path.exists()
    assert path.read_text() == "first"

    def interrupted(error):
        with atomic_write(path) as temporary:
            temporary.write_text("half")
            raise error

    for error in (OSError(28, "full"), KeyboardInterrupt()):
        with pytest.raises(type(error)):
            interrupted(error)
    assert path.read_text() == "first"
    assert [file.name for file in path.parent.iterdir()] == ["set.npz"]


def test_atomic_write_of_nothing_is_an_error(tmp_path):
    with pytest.raises(FileNotFoundError), atomic_write(tmp_path / "set.npz"):
        pass
    assert list(tmp_path.iterdir()) == []
