"""The fingerprint's file: a zip of the samples and manifest.json. Read in memory, nothing in it is run.

Samples are PNG images where all of them lie on the uint8 grid, k/255 in float32, and have 1 or 3 channels;
otherwise samples.npy. The manifest holds the schema's version, every file's SHA-256, and the rest.
"""

import hashlib
import importlib.metadata
import io
import json
import math
import os
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from PIL import Image

from ssviz.files import atomic_write
from ssviz.outputs import Answer, Output, parse

FORMAT, SCHEMA = "ssviz-fingerprint", 1
MAX_BYTES = 512 * 2**20  # of the file, and of all that it unpacks to
_MODES = {1: "L", 3: "RGB"}
_GRID = np.arange(256, dtype=np.float32) / np.float32(255)

T = TypeVar("T")


class FingerprintError(ValueError):
    """A fingerprint file that is damaged, foreign, or newer than this package."""


def write(
    path: str | os.PathLike[str],
    *,
    samples: np.ndarray,
    expected: Answer,
    output: Output,
    **fields: Any,
) -> None:
    """Write a fingerprint's fields to `path`, whole or not at all; equal fields give equal bytes.

    fields: everything else in a `Fingerprint`, any JSON. Raises TypeError if it is not, OSError.
    """
    images = _as_uint8(samples)
    if images is None:
        encoding, blobs = "npy", [_npy(samples)]
    else:
        encoding, blobs = "png", [_png(image) for image in images]
    members = dict(zip(_names(encoding, len(samples)), blobs, strict=True))
    manifest = {
        "format": FORMAT,
        "schema": SCHEMA,
        "ssviz": importlib.metadata.version("ssviz"),
        **fields,
        "output": output.name,
        "expected": {"labels": expected.labels, "probabilities": expected.probabilities},
        "samples": {"encoding": encoding, "shape": samples.shape},
        "sha256": {name: hashlib.sha256(blob).hexdigest() for name, blob in members.items()},
    }
    text = json.dumps(manifest, indent=1, allow_nan=False, default=_plain).encode()
    with atomic_write(path) as temporary, zipfile.ZipFile(temporary, "w") as archive:
        for name, blob in {"manifest.json": text, **members}.items():
            info = zipfile.ZipInfo(name)  # dated 1980, so that bytes repeat
            info.compress_type = zipfile.ZIP_STORED if encoding == "png" else zipfile.ZIP_DEFLATED
            archive.writestr(info, blob)


def read(path: str | os.PathLike[str], make: Callable[..., T]) -> T:
    """Read what `write` wrote and return make(samples=..., expected=..., output=..., **fields).

    Raises FingerprintError that names the file and what is wrong with it, OSError if it cannot be opened.
    """
    path = Path(path)
    if path.stat().st_size > MAX_BYTES:
        raise FingerprintError(f"{path} is no fingerprint: larger than {MAX_BYTES >> 20} MiB.")
    blob = path.read_bytes()
    try:
        return make(**_parse(blob))
    except FingerprintError as error:
        raise FingerprintError(f"{path} {error}") from None
    except Exception as error:  # whatever the parsers stumble over, the file is at fault
        raise FingerprintError(f"{path} is damaged: {type(error).__name__}: {error}") from error


def _parse(blob: bytes) -> dict[str, Any]:
    try:
        archive = zipfile.ZipFile(io.BytesIO(blob))
    except zipfile.BadZipFile as error:
        raise FingerprintError(f"is no fingerprint, or cut short: {error}") from None
    infos = archive.infolist()
    if sum(info.file_size for info in infos) > MAX_BYTES:
        raise FingerprintError(f"is no fingerprint: unpacks to more than {MAX_BYTES >> 20} MiB.")
    names = [info.filename for info in infos]
    if "manifest.json" not in names:
        raise FingerprintError("is no fingerprint: a zip without manifest.json.")
    manifest = json.loads(archive.read("manifest.json"))
    if not isinstance(manifest, dict) or manifest.get("format") != FORMAT:
        raise FingerprintError(f'is no fingerprint: its manifest lacks "format": "{FORMAT}".')
    if manifest["schema"] != SCHEMA:
        raise FingerprintError(
            f"has schema {manifest['schema']}; this ssviz reads {SCHEMA}. A newer ssviz may read it."
        )
    shape, encoding = tuple(manifest["samples"]["shape"]), manifest["samples"]["encoding"]
    if min(shape) < 1 or len(shape) < 2 or 4 * math.prod(shape) > MAX_BYTES:
        raise FingerprintError(f"is damaged: samples of shape {shape}.")
    expected_names = _names(encoding, shape[0])
    if sorted(names) != sorted(["manifest.json", *expected_names]):
        raise FingerprintError(f"is damaged: it must hold manifest.json and {len(expected_names)} samples files.")
    blobs = [archive.read(name) for name in expected_names]
    for name, member in zip(expected_names, blobs, strict=True):
        if hashlib.sha256(member).hexdigest() != manifest["sha256"][name]:
            raise FingerprintError(f"is damaged: the SHA-256 of {name} is not the manifest's.")
    output = parse(manifest["output"])
    return {
        "samples": _samples(encoding, shape, blobs),
        "expected": _expected(manifest["expected"], output, shape[0], manifest["classes"]),
        "output": output,
        "classes": manifest["classes"],
        "model_digest": manifest["model_digest"],
        "created": manifest["created"],
        "bounds": tuple(manifest["bounds"]),
        "preprocessing": manifest["preprocessing"],
        "how": manifest["how"],
        "gap": manifest.get("gap"),  # absent from the first files
        "tolerance": manifest.get("tolerance"),
    }


def _expected(fields: dict[str, Any], output: Output, n: int, classes: int) -> Answer:
    labels = np.array(fields["labels"])
    if fields["probabilities"] is None:
        return output.receive(labels, n, classes)
    return output.receive((labels, np.array(fields["probabilities"], np.float64)), n, classes)


def _samples(encoding: str, shape: tuple[int, ...], blobs: list[bytes]) -> np.ndarray:
    if encoding == "npy":
        samples = np.load(io.BytesIO(blobs[0]), allow_pickle=False)
        if samples.shape != shape or samples.dtype != np.float32:
            raise FingerprintError(f"is damaged: samples.npy holds {samples.dtype} of shape {samples.shape}.")
        return samples
    samples = np.empty(shape, np.float32)
    for i, blob in enumerate(blobs):
        with Image.open(io.BytesIO(blob), formats=["PNG"]) as image:  # reads the header only
            if image.size != (shape[2], shape[1]) or image.mode != _MODES[shape[3]]:
                raise FingerprintError(f"is damaged: image {i} is {image.mode} {image.size}, not {shape[1:]}.")
            samples[i] = _GRID[np.asarray(image).reshape(shape[1:])]
    return samples


def _as_uint8(samples: np.ndarray) -> np.ndarray | None:
    """The samples as uint8 if that loses not a bit, else None."""
    if samples.ndim != 4 or samples.shape[3] not in _MODES or not (0 <= samples.min() <= samples.max() <= 1):
        return None
    images = np.rint(samples * 255).astype(np.uint8)
    return images if _GRID[images].tobytes() == samples.tobytes() else None  # bytes: -0.0 is not 0.0


def _names(encoding: str, n: int) -> list[str]:
    return {"npy": ["samples.npy"], "png": [f"samples/{i:05d}.png" for i in range(n)]}[encoding]


def _png(image: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(image[..., 0] if image.shape[2] == 1 else image).save(buffer, "PNG")
    return buffer.getvalue()


def _npy(samples: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, samples, allow_pickle=False)
    return buffer.getvalue()


def _plain(value: Any) -> Any:
    """NumPy values as JSON; a float32 becomes the float64 of the same value, so it comes back exactly."""
    if isinstance(value, np.ndarray | np.generic):
        return value.tolist()
    raise TypeError(f"how and preprocessing must be JSON; received a {type(value).__name__}.")
