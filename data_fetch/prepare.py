"""From the publishers' archives to a `Dataset`: one function per data set, archives in, images out."""

import csv
import io
from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image
from tqdm import tqdm

from data_fetch.archives import MEGABYTE, ArchiveError, members
from ssviz.datasets import Dataset
from ssviz.datasets.classes import CIFAR10_CLASSES, GTSRB_CLASSES

SIDE_LIMIT = 2048  # pixels; the largest original, of any set, has 250


def _picture(content: bytes, file_format: str, mode: str) -> Image.Image:
    """Decode one picture of the format expected (and no other), of a sane size."""
    try:
        picture = Image.open(io.BytesIO(content), formats=(file_format,))
        if max(picture.size) > SIDE_LIMIT:
            raise ValueError(f"{picture.size} pixels; expected at most {SIDE_LIMIT} a side")
        return picture.convert(mode)
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise ArchiveError(f"a picture cannot be decoded as {file_format}: {error}") from error


def _resize(picture: Image.Image, side: int) -> np.ndarray:
    """uint8 (side, side, 3); Pillow's bilinear filter, which averages when it shrinks and does not ring."""
    if picture.size != (side, side):
        picture = picture.resize((side, side), Image.Resampling.BILINEAR)
    return np.asarray(picture)


def _labels(table: bytes) -> dict[str, int]:
    """{file name: class} of a GTSRB table: semicolons; sizes and regions of interest are not needed."""
    try:
        rows = csv.DictReader(io.StringIO(table.decode("ascii")), delimiter=";")
        return {row["Filename"]: int(row["ClassId"]) for row in rows}
    except (KeyError, TypeError, ValueError, csv.Error) as error:
        raise ArchiveError(f"a GTSRB table must have columns Filename and ClassId; {error!r}") from error


def _stack(images: dict, labels: dict, what: str) -> tuple[np.ndarray, np.ndarray]:
    """(images, int64 labels) in the order of the sorted names; both must name the same files."""
    if images.keys() != labels.keys() or not images:
        odd = sorted(images.keys() ^ labels.keys())[:3]
        raise ArchiveError(f"{what}: {len(images)} images for {len(labels)} labels; only in one of them: {odd}")
    names = sorted(images)
    return np.stack([images[name] for name in names]), np.array([labels[name] for name in names], np.int64)


def gtsrb(training: Path, test: Path, truth: Path, progress: bool = True) -> Dataset:
    """GTSRB at 32x32 RGB: whole pictures (not cropped to the region of interest), resized bilinearly.

    The order is that of the file names: training by class and track, test as published.
    """
    images, labels = {}, {}
    pattern = r"GTSRB/Final_Training/Images/(\d{5})/(?:(\d{5}_\d{5}\.ppm)|GT-\1\.csv)"
    quiet = {"unit": " files", "disable": not progress}
    for found, content in tqdm(members(training, pattern), "Preparing the training pictures", **quiet):
        folder, file = found.groups()
        if file:
            images[folder, file] = _resize(_picture(content, "PPM", "RGB"), 32)
        else:
            labels |= {(folder, name): label for name, label in _labels(content).items()}
    train = _stack(images, labels, training.name)
    images, labels = {}, {}
    pattern = r"GTSRB/Final_Test/Images/(\d{5}\.ppm)"
    for found, content in tqdm(members(test, pattern), "Preparing the test pictures", **quiet):
        images[found[1]] = _resize(_picture(content, "PPM", "RGB"), 32)
    for _, content in members(truth, r"(?:.*/)?GT-final_test\.csv"):
        labels |= _labels(content)
    return Dataset("gtsrb", *train, *_stack(images, labels, test.name), GTSRB_CLASSES)


def cifar10(archive: Path, progress: bool = True) -> Dataset:
    """CIFAR-10: 32x32 RGB, from records of 1 label byte and 3,072 bytes (red, green, blue planes)."""
    batches = {}
    pattern = r"cifar-10-batches-bin/(data_batch_[1-5]|test_batch)\.bin"
    found_batches = members(archive, pattern, member_limit=40 * MEGABYTE)
    for found, content in tqdm(found_batches, "Preparing", unit=" batches", disable=not progress):
        if not content or len(content) % 3073:
            raise ArchiveError(f"{found[0]}: expected records of 3,073 bytes; received {len(content):,} bytes")
        batches[found[1]] = np.frombuffer(content, np.uint8).reshape(-1, 3073)
    if len(batches) != 6:
        raise ArchiveError(f"{archive.name}: expected 5 training batches and a test batch; found {sorted(batches)}")
    test = batches.pop("test_batch")
    train = np.concatenate([batches[name] for name in sorted(batches)])

    def split(records: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        pixels = records[:, 1:].reshape(-1, 3, 32, 32).transpose(0, 2, 3, 1)
        return np.ascontiguousarray(pixels), records[:, 0].astype(np.int64)

    return Dataset("cifar10", *split(train), *split(test), CIFAR10_CLASSES)


def att_faces(archive: Path, progress: bool = True) -> Dataset:
    """AT&T faces: 112x92 grey; of each person pictures 1 to 5 are for training, 6 to 10 for testing."""
    images = {}
    found_pictures = members(archive, r"(?:.*/)?s(\d{1,2})/(\d{1,2})\.pgm")
    for found, content in tqdm(found_pictures, "Preparing", unit=" pictures", disable=not progress):
        picture = _picture(content, "PPM", "L")
        if picture.size != (92, 112):
            raise ArchiveError(f"{found[0]}: expected 92x112 pixels; received {picture.size}")
        images[int(found[1]), int(found[2])] = np.asarray(picture)[..., None]
    people = sorted({person for person, _ in images})
    labels = {key: people.index(key[0]) for key in images}

    def split(numbers: range) -> tuple[np.ndarray, np.ndarray]:
        chosen = {key: image for key, image in images.items() if key[1] in numbers}
        return _stack(chosen, {key: labels[key] for key in chosen}, archive.name)

    names = tuple(f"s{person}" for person in people)
    return Dataset("att_faces", *split(range(1, 6)), *split(range(6, 11)), names)


def lfw(archive: Path, progress: bool = True, *, seed: int = 0, fewest: int = 20) -> Dataset:
    """LFW (funneled) at 64x64 RGB: people with `fewest` or more pictures, a quarter of each for testing.

    The central 3/5 of the frame each way (150x150 of the published 250x250: the face with hair and chin,
    little background), resized bilinearly; a copy with reduced frames shows the same. Which pictures of a
    person are held out is drawn from `seed`.
    """
    people: dict[str, dict[str, bytes]] = {}
    for found, content in members(archive, r"(?:.*/)?lfw_funneled/([^/]+)/(\1_\d{4}\.jpg)"):
        people.setdefault(found[1], {})[found[2]] = content
    kept = {name: people[name] for name in sorted(people) if len(people[name]) >= fewest}
    generator = np.random.default_rng(seed)
    splits: dict[bool, tuple[list, list]] = {False: ([], []), True: ([], [])}
    for label, pictures in enumerate(tqdm(kept.values(), "Preparing", unit=" people", disable=not progress)):
        held_out = set(generator.permutation(sorted(pictures))[: round(len(pictures) / 4)].tolist())
        for name in sorted(pictures):
            picture = _picture(pictures[name], "JPEG", "RGB")
            side, edge = picture.width, picture.width // 5
            if picture.height != side or side < 125:
                raise ArchiveError(f"{name}: expected 250x250 pixels (or half); received {picture.size}")
            images, labels = splits[name in held_out]
            images.append(_resize(picture.crop((edge, edge, side - edge, side - edge)), 64))
            labels.append(label)
    if not kept:
        raise ArchiveError(f"{archive.name}: nobody with {fewest} or more pictures lfw_funneled/Name/Name_0001.jpg")
    arrays = [
        np.array(part, kind)
        for split in splits.values()
        for part, kind in zip(split, (np.uint8, np.int64), strict=True)
    ]
    return Dataset("lfw", *arrays, tuple(name.replace("_", " ") for name in kept))


PREPARE: dict[str, Callable[..., Dataset]] = {
    "gtsrb": gtsrb,
    "cifar10": cifar10,
    "att_faces": att_faces,
    "lfw": lfw,
}
