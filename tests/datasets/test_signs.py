import numpy as np
import pytest

from ssviz.datasets import signs
from ssviz.datasets.classes import GTSRB_CLASSES
from ssviz.datasets.sign_faces import FACES, draw_face
from ssviz.datasets.sign_scenes import SCENES, fractal_noise, scenes
from ssviz.datasets.signs import load, render

ALL = np.arange(43)


def class_number(name):
    return GTSRB_CLASSES.index(name)


@pytest.fixture
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("SSVIZ_HOME", str(tmp_path))
    return tmp_path


# --- faces ------------------------------------------------------------------------------------------


def red(face):
    r, g, b, alpha = (face[..., c].astype(int) for c in range(4))
    return (alpha > 200) & (r > 140) & (g < 80) & (b < 80)


def on_circle(face, radius, points=72):
    angle = np.linspace(0, 2 * np.pi, points, endpoint=False)
    half = face.shape[0] / 2
    return face[(half * (1 + radius * np.sin(angle))).astype(int), (half * (1 + radius * np.cos(angle))).astype(int)]


def test_there_is_a_face_for_every_class_of_gtsrb():
    assert FACES == len(GTSRB_CLASSES) == 43


def test_clean_faces_differ_visibly_from_each_other():
    faces = np.stack([draw_face(c, 48) for c in ALL]).astype(float)
    flat = (faces[..., :3] * faces[..., 3:] / 255).reshape(43, -1)
    distance = np.sqrt(((flat[:, None] - flat[None]) ** 2).mean(-1)) + 1e3 * np.eye(43)
    a, b = np.unravel_index(distance.argmin(), distance.shape)
    assert distance.min() > 8, (GTSRB_CLASSES[a], GTSRB_CLASSES[b])  # grey levels, root mean square


def test_stop_is_a_red_octagon_with_white_letters():
    face = draw_face(class_number("Stop"), 200)
    solid = face[..., 3] > 127
    rows, columns = np.flatnonzero(solid.any(1)), np.flatnonzero(solid.any(0))
    box = (rows[-1] - rows[0] + 1) * (columns[-1] - columns[0] + 1)
    assert solid.sum() / box == pytest.approx(2 * (np.sqrt(2) - 1), abs=0.01)  # a disk has 0.785
    assert red(face).sum() / solid.sum() > 0.55
    letters = (face[80:120, 40:160, :3].min(-1) > 200).mean()
    assert 0.2 < letters < 0.7


@pytest.mark.parametrize("name", ["Speed limit (100km/h)", "Speed limit (20km/h)", "No passing", "No vehicles"])
def test_prohibitions_have_a_closed_red_ring_around_white(name):
    face = draw_face(class_number(name), 200)
    assert red(on_circle(face, 0.83)).all()
    assert (on_circle(face, 0.69)[:, :3].min(-1) > 200).mean() > 0.8
    assert (on_circle(face, 0.99)[:, 3] == 0).mean() > 0.8


def test_warnings_point_up_and_yield_points_down():
    def rows(name):
        return (draw_face(class_number(name), 100)[..., 3] > 127).sum(1)

    assert rows("General caution")[:30].sum() < 0.5 * rows("General caution")[60:90].sum()
    assert rows("Yield")[60:90].sum() < 0.5 * rows("Yield")[10:40].sum()


@pytest.mark.parametrize(("right", "left"), [(20, 19), (33, 34), (36, 37), (38, 39)])
def test_left_and_right_are_mirror_images_and_not_the_same(right, left):
    a, b = draw_face(right, 64).astype(int), draw_face(left, 64).astype(int)
    assert abs(a - b[:, ::-1]).mean() < 2
    assert abs(a - b).mean() > 8


@pytest.mark.parametrize(("label", "size", "match"), [(43, 32, "label.*43"), (-1, 32, "label"), (0, 7, "size.*7")])
def test_a_face_that_does_not_exist_is_refused(label, size, match):
    with pytest.raises(ValueError, match=match):
        draw_face(label, size)


def test_faces_are_shared_and_cannot_be_scribbled_on():
    with pytest.raises(ValueError, match="read-only"):
        draw_face(0, 32)[0, 0] = 0


# --- scenes -----------------------------------------------------------------------------------------


def test_scenes_are_pictures_not_flat_colours():
    pictures = scenes(384)
    assert len(pictures) == SCENES
    assert np.median([np.asarray(p).std() for p in pictures]) > 25


def test_fractal_noise_fills_its_range_and_repeats():
    first, again = (fractal_noise(np.random.default_rng(1), 64, 3) for _ in range(2))
    assert first.min() == 0
    assert first.max() == 1
    np.testing.assert_array_equal(first, again)


# --- photographs ------------------------------------------------------------------------------------


def test_shape_and_type():
    images = render([14, 7], size=48)
    assert images.shape == (2, 48, 48, 3)
    assert images.dtype == np.uint8
    assert images.flags.c_contiguous
    assert render([]).shape == (0, 32, 32, 3)


def test_the_same_seed_gives_the_same_images_and_another_seed_others():
    images = render(ALL, seed=3)
    np.testing.assert_array_equal(images, render(ALL, seed=3))
    other = render(ALL, seed=4)
    assert (abs(images.astype(int) - other).mean((1, 2, 3)) > 3).all()


def test_an_image_depends_on_its_own_place_and_label_only():
    labels = np.arange(100) % 43
    images = render(labels, seed=1)
    np.testing.assert_array_equal(images[:7], render(labels[:7], seed=1))
    changed = labels.copy()
    changed[50] = 14
    same = (render(changed, seed=1) == images).all((1, 2, 3))
    assert np.flatnonzero(~same).tolist() == [50]


def test_two_photographs_of_one_sign_differ():
    images = render(np.full(20, 14)).astype(int)
    distance = abs(images[:, None] - images[None]).mean((2, 3, 4)) + 255 * np.eye(20)
    assert distance.min() > 3


def test_the_ground_behind_the_signs_is_not_flat():
    images = render(np.full(200, 14)).astype(float)
    border = np.concatenate([images[:, :3].reshape(200, -1, 3), images[:, -3:].reshape(200, -1, 3)], 1)
    assert np.median(border.std(1).mean(-1)) > 8
    assert border.mean((1, 2)).std() > 25  # and differs from one photograph to the next


def test_light_ranges_from_dark_to_washed_out():
    means = render(np.arange(430) % 43).mean((1, 2, 3))
    dark, middle, bright = np.quantile(means, (0.05, 0.5, 0.95))
    assert dark < 35
    assert 50 < middle < 110
    assert bright > 150


def test_the_sign_is_in_the_middle():
    labels = np.full(300, class_number("Stop"))
    centre = render(labels)[:, 8:24, 8:24].astype(float).mean(0)
    corner = render(labels)[:, :4, :4].astype(float).mean((0, 1, 2))
    redness = centre[..., 0] - centre[..., 1:].mean(-1)
    assert redness.mean() > 20 > corner[0] - corner[1:].mean()


@pytest.mark.parametrize("size", [8, 33, 64, 224])
def test_any_size(size):
    images = render([14, 38, 12], size=size, seed=2)
    assert images.shape == (3, size, size, 3)
    assert (images.std((1, 2, 3)) > 3).all()


def test_larger_photographs_show_the_same_signs_in_more_detail():
    small = render(np.full(64, 15), size=32, seed=6).astype(float).mean((0, 3))
    large = render(np.full(64, 15), size=128, seed=6).astype(float).mean((0, 3))
    reduced = large.reshape(32, 4, 32, 4).mean((1, 3))
    assert np.corrcoef(small.ravel(), reduced.ravel())[0, 1] > 0.7


@pytest.mark.parametrize(
    ("labels", "options", "error", "match"),
    [
        ([43], {}, ValueError, "labels must lie in 0 to 42; received 43"),
        ([-1, 3], {}, ValueError, "labels must lie in 0 to 42; received -1 to 3"),
        ([[1]], {}, ValueError, "labels must have shape"),
        ([1.5], {}, TypeError, "labels must be integers; received dtype float64"),
        ([1], {"size": 7}, ValueError, "size must be an integer >= 8; received 7"),
        ([1], {"size": 32.0}, ValueError, "size must be an integer"),
        ([1], {"seed": -1}, ValueError, "seed must be an integer >= 0; received -1"),
    ],
)
def test_bad_arguments_are_named(labels, options, error, match):
    with pytest.raises(error, match=match):
        render(labels, **options)


# --- the data set and its cache ---------------------------------------------------------------------

SMALL = {"n_train": 86, "n_test": 43}


def cached(home):
    return [path for path in home.rglob("*") if path.is_file()]


def test_load_gives_balanced_shuffled_splits(home):
    data = load(**SMALL)
    assert data.name == "signs"
    assert data.class_names == GTSRB_CLASSES
    assert data.bounds == (0.0, 1.0)
    assert data.x_train.shape == (86, 32, 32, 3)
    assert (np.bincount(data.y_train) == 2).all()
    assert (np.bincount(data.y_test) == 1).all()
    assert (np.diff(data.y_train) < 0).any()


def test_no_test_image_is_a_training_image(home):
    data = load(n_train=43, n_test=43)
    distance = abs(data.x_train[:, None].astype(int) - data.x_test[None]).mean((2, 3, 4))
    assert distance.min() > 2


def test_the_second_load_reads_what_the_first_wrote(home, monkeypatch):
    first = load(**SMALL)
    assert len(cached(home)) == 1
    monkeypatch.setattr(signs, "photograph", None)  # rendering again would fail
    second = load(**SMALL)
    for name in ("x_train", "y_train", "x_test", "y_test"):
        np.testing.assert_array_equal(getattr(first, name), getattr(second, name))


def test_other_arguments_have_other_files(home, monkeypatch):
    first = load(**SMALL)
    other = load(**SMALL, seed=1)
    assert not np.array_equal(first.x_train, other.x_train)
    load(**SMALL, size=16)
    assert len(cached(home)) == 3
    monkeypatch.setattr(signs, "VERSION", signs.VERSION + 1)
    load(**SMALL)
    assert len(cached(home)) == 4


def truncate(path):
    path.write_bytes(path.read_bytes()[:5000])


def garble(path):
    data = bytearray(path.read_bytes())
    data[3000:3100] = bytes(100)
    path.write_bytes(data)


def write_pickles(path):
    np.savez(path, **dict.fromkeys(("x_train", "y_train", "x_test", "y_test"), np.array([{}], object)))


def write_other_arrays(path):
    np.savez(path, **dict.fromkeys(("x_train", "y_train", "x_test", "y_test"), np.zeros(3)))


@pytest.mark.parametrize(
    "damage",
    [
        truncate,
        garble,
        write_pickles,
        write_other_arrays,
        lambda p: p.write_bytes(b""),
        lambda p: np.save(p.open("wb"), 1),
    ],
    ids=["truncated", "garbled", "pickles", "other arrays", "empty", "npy"],
)
def test_a_damaged_cache_file_is_rendered_again(home, damage):
    first = load(**SMALL)
    (path,) = cached(home)
    whole = path.stat().st_size
    damage(path)
    np.testing.assert_array_equal(load(**SMALL).x_train, first.x_train)
    assert [p.stat().st_size for p in cached(home)] == [whole]


@pytest.mark.parametrize("error", [OSError("disk full"), KeyboardInterrupt()], ids=["disk full", "interrupt"])
def test_an_interrupted_write_leaves_nothing(home, monkeypatch, error):
    def half(path, **arrays):
        path.write_bytes(b"half a file")
        raise error

    monkeypatch.setattr(np, "savez", half)
    if isinstance(error, OSError):
        with pytest.warns(UserWarning, match="could not be kept.*disk full"):
            assert len(load(**SMALL).x_train) == 86
    else:
        with pytest.raises(KeyboardInterrupt):
            load(**SMALL)
    assert cached(home) == []


@pytest.mark.parametrize(("option", "value"), [("n_train", 0), ("n_test", -5), ("size", 4), ("seed", -1)])
def test_load_names_a_bad_argument(home, option, value):
    with pytest.raises(ValueError, match=f"{option} must be an integer >= .*received {value}"):
        load(**{option: value})
    assert cached(home) == []
