"""The publishers' layouts, in tiny: which pixel, which label, which split."""

import numpy as np
import pytest

from data_fetch import prepare
from data_fetch.archives import ArchiveError

HEADER = "Filename;Width;Height;Roi.X1;Roi.Y1;Roi.X2;Roi.Y2;ClassId\r\n"


@pytest.fixture
def gtsrb_files(pack):
    """{archive: {name: content}}: class 0 and 14 in training, 7 and 3 in testing; sizes as the originals'."""

    def ppm(level, height=32, width=32):
        return pack.encode(np.full((height, width, 3), (level, 0, 255 - level), np.uint8), "PPM")

    training = "GTSRB/Final_Training/Images"
    test = "GTSRB/Final_Test/Images"
    return {
        "training": {
            "GTSRB/Readme-Images.txt": "text",
            f"{training}/00014/00000_00000.ppm": ppm(140, 53, 61),
            f"{training}/00014/GT-00014.csv": f"{HEADER}00000_00000.ppm;61;53;5;6;55;48;14\r\n",
            f"{training}/00000/00000_00001.ppm": ppm(2, 15, 15),
            f"{training}/00000/00000_00000.ppm": ppm(1),
            f"{training}/00000/GT-00000.csv": f"{HEADER}00000_00000.ppm;29;30;5;6;24;25;0\r\n"
            "00000_00001.ppm;15;15;5;5;10;10;0\r\n",
        },
        "test": {
            f"{test}/00001.ppm": ppm(30),
            f"{test}/00000.ppm": ppm(70),
            f"{test}/GT-final_test.test.csv": "Filename;Width;Height\r\n",
        },
        "truth": {"GT-final_test.csv": f"{HEADER}00000.ppm;53;54;6;5;48;49;7\r\n00001.ppm;42;45;5;5;36;40;3\r\n"},
    }


def prepare_gtsrb(pack, tmp_path, files):
    return prepare.gtsrb(*(pack.zip(tmp_path / name, files[name]) for name in files), progress=False)


def test_gtsrb_images_and_labels_meet(pack, tmp_path, gtsrb_files):
    data = prepare_gtsrb(pack, tmp_path, gtsrb_files)
    assert data.x_train.shape == (3, 32, 32, 3)
    assert data.y_train.tolist() == [0, 0, 14]
    assert data.x_train[:, 16, 16].tolist() == [[1, 0, 254], [2, 0, 253], [140, 0, 115]]
    assert data.y_test.tolist() == [7, 3]
    assert data.x_test[:, 16, 16].tolist() == [[70, 0, 185], [30, 0, 225]]
    assert data.class_names[14] == "Stop"


@pytest.mark.parametrize(
    ("archive", "name", "replacement", "said"),
    [
        ("truth", "GT-final_test.csv", f"{HEADER}00000.ppm;53;54;6;5;48;49;7\r\n", "00001.ppm"),
        ("truth", "GT-final_test.csv", "Filename,ClassId\n00000.ppm,7\n", "ClassId"),
        (
            "truth",
            "GT-final_test.csv",
            f"{HEADER}00000.ppm;1;1;1;1;1;1;7\n00001.ppm;1;1;1;1;1;1;43\n",
            "0..42",
        ),
        ("test", "GTSRB/Final_Test/Images/00000.ppm", "P6 32 32 255 too short", "decoded as PPM"),
        ("test", "GTSRB/Final_Test/Images/00000.ppm", "P6 30000 30000 255\n", "pixels"),
        ("training", "GTSRB/Final_Training/Images/00014/GT-00014.csv", HEADER, "00000_00000.ppm"),
    ],
)
def test_gtsrb_that_does_not_fit_together_is_refused(pack, tmp_path, gtsrb_files, archive, name, replacement, said):
    gtsrb_files[archive][name] = replacement
    with pytest.raises(ValueError, match=said):
        prepare_gtsrb(pack, tmp_path, gtsrb_files)


def test_a_picture_of_another_format_is_not_decoded(pack, tmp_path, gtsrb_files):
    png = pack.encode(np.zeros((32, 32, 3), np.uint8), "PNG")
    gtsrb_files["test"]["GTSRB/Final_Test/Images/00000.ppm"] = png
    with pytest.raises(ArchiveError, match="decoded as PPM"):
        prepare_gtsrb(pack, tmp_path, gtsrb_files)


def cifar_record(label, red, green, blue):
    planes = np.zeros((3, 32, 32), np.uint8)
    planes[:, 0, 1] = red, green, blue  # the second pixel of the first row
    return bytes([label]) + planes.tobytes()


def cifar_files():
    files = {f"cifar-10-batches-bin/data_batch_{k}.bin": cifar_record(k, k, 0, 0) for k in range(5, 0, -1)}
    files["cifar-10-batches-bin/batches.meta.txt"] = b"airplane\n"
    files["cifar-10-batches-bin/test_batch.bin"] = cifar_record(9, 1, 2, 3) + cifar_record(0, 4, 5, 6)
    return files


def test_cifar10_records(pack, tmp_path):
    data = prepare.cifar10(pack.tar(tmp_path / "c.tar.gz", cifar_files()), progress=False)
    assert data.y_train.tolist() == [1, 2, 3, 4, 5]
    assert data.x_train[:, 0, 1, 0].tolist() == [1, 2, 3, 4, 5]
    assert data.y_test.tolist() == [9, 0]
    assert data.x_test[:, 0, 1].tolist() == [[1, 2, 3], [4, 5, 6]]
    assert data.x_test.sum() == 21
    assert data.class_names[9] == "truck"


@pytest.mark.parametrize("replacement", [b"", b"x" * 3072, None])
def test_cifar10_batches_that_are_short_or_lacking_are_refused(pack, tmp_path, replacement):
    files = cifar_files()
    files["cifar-10-batches-bin/test_batch.bin"] = replacement
    if replacement is None:
        del files["cifar-10-batches-bin/test_batch.bin"]
    with pytest.raises(ArchiveError, match=r"3,073|a test batch"):
        prepare.cifar10(pack.tar(tmp_path / "c.tar.gz", files), progress=False)


def test_att_faces_holds_out_pictures_6_to_10(tmp_path, faces):
    (tmp_path / "f.zip").write_bytes(faces)
    data = prepare.att_faces(tmp_path / "f.zip", progress=False)
    assert data.x_train.shape == (10, 112, 92, 1)
    assert data.x_train[:, 0, 0, 0].tolist() == [11, 12, 13, 14, 15, 21, 22, 23, 24, 25]
    assert data.x_test[:, 0, 0, 0].tolist() == [16, 17, 18, 19, 20, 26, 27, 28, 29, 30]
    assert data.y_test.tolist() == [0] * 5 + [1] * 5
    assert data.class_names == ("s1", "s2")


def test_att_faces_of_another_size_are_refused(pack, tmp_path):
    files = {"s1/1.pgm": pack.encode(np.zeros((92, 112), np.uint8), "PPM")}
    with pytest.raises(ArchiveError, match="92x112"):
        prepare.att_faces(pack.zip(tmp_path / "f.zip", files), progress=False)


def lfw_archive(pack, path, side=250):
    """Ann has 4 pictures, Bob 8, Cid 3; a bright centre (the middle 3/5) in a black frame."""
    frame = np.zeros((side, side, 3), np.uint8)
    frame[side // 5 : -(side // 5), side // 5 : -(side // 5)] = 200
    counts = {"Bob_B": 8, "Ann_A": 4, "Cid_C": 3}
    files = {
        f"lfw_funneled/{name}/{name}_{k + 1:04}.jpg": pack.encode(frame + np.uint8(k), "JPEG")
        for name, count in counts.items()
        for k in range(count)
    }
    return pack.tar(path, files | {"lfw_funneled/pairs_01.txt": b"300"})


@pytest.mark.parametrize("side", [250, 150])
def test_lfw_keeps_the_centre_of_people_with_enough_pictures(pack, tmp_path, side):
    archive = lfw_archive(pack, tmp_path / "lfw.tgz", side)
    data = prepare.lfw(archive, progress=False, fewest=4)
    assert data.class_names == ("Ann A", "Bob B")
    assert np.bincount(data.y_train).tolist() == [3, 6]
    assert np.bincount(data.y_test).tolist() == [1, 2]
    assert data.x_train.shape[1:] == (64, 64, 3)
    assert data.x_train[:, 2:-2, 2:-2].min() > 190
    # k was added to every pixel: train and test together are each picture once
    levels = np.concatenate([data.x_train, data.x_test])[:, 32, 32, 0].astype(int) - 200
    labels = np.concatenate([data.y_train, data.y_test])
    assert sorted(levels[labels == 1].tolist()) == list(range(8))
    again = prepare.lfw(archive, progress=False, fewest=4)
    np.testing.assert_array_equal(again.x_test, data.x_test)
    others = [prepare.lfw(archive, progress=False, fewest=4, seed=seed).x_test for seed in range(1, 5)]
    assert any((other != data.x_test).any() for other in others)


@pytest.mark.parametrize(("side", "fewest", "said"), [(100, 4, "250x250"), (250, 20, "nobody with 20")])
def test_lfw_that_does_not_fit_is_refused(pack, tmp_path, side, fewest, said):
    with pytest.raises(ArchiveError, match=said):
        prepare.lfw(lfw_archive(pack, tmp_path / "lfw.tgz", side), progress=False, fewest=fewest)
