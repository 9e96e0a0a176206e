"""``python -m ssviz.zoo NAME...``: train models of the zoo again and write their weights and provenance."""

import hashlib
import json
import time
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Annotated

import numpy as np
import typer

from ssviz.backend import describe, keras
from ssviz.datasets import load_dataset
from ssviz.files import atomic_write
from ssviz.zoo import MODELS, WEIGHTS
from ssviz.zoo.architectures import fold


def train(name: str) -> dict:
    """Train one model from scratch, save it and return its provenance. Adam with a cosine schedule."""
    recipe = MODELS[name]
    data = load_dataset(recipe.dataset)
    (x, y), (x_test, y_test) = data.inputs("train"), data.inputs("test")
    keras.utils.set_random_seed(recipe.seed)
    normalised = {"normalised": True} if recipe.normalised else {}
    usual = keras.config.dtype_policy()
    keras.config.set_dtype_policy(recipe.precision)
    model = recipe.build(x.shape[1:], len(data.class_names), **recipe.options, **normalised)
    keras.config.set_dtype_policy(usual)
    steps = recipe.epochs * -(-len(x) // recipe.batch_size)
    schedule = keras.optimizers.schedules.CosineDecay(recipe.learning_rate, steps, alpha=0.01)
    model.compile(keras.optimizers.Adam(schedule), "sparse_categorical_crossentropy", metrics=["accuracy"])
    start = time.perf_counter()
    if recipe.shift:
        rng = np.random.default_rng(recipe.seed)
        for epoch in range(recipe.epochs):
            images = mirrored_and_shifted(x, recipe.shift, rng)
            model.fit(images, y, batch_size=recipe.batch_size, initial_epoch=epoch, epochs=epoch + 1, verbose=2)
    else:
        model.fit(x, y, batch_size=recipe.batch_size, epochs=recipe.epochs, verbose=2)
    seconds = time.perf_counter() - start
    bare = recipe.build(x.shape[1:], len(data.class_names), **recipe.options)  # without the optimizer's state
    fold(model, bare)
    accuracy = np.mean(bare.predict(x_test, verbose=0).argmax(1) == y_test)
    with atomic_write(WEIGHTS / f"{name}.keras") as path:
        bare.save(path)
    card = {
        "model": name,
        "command": f"python -m ssviz.zoo {name}",
        "recipe": asdict(recipe) | {"build": recipe.build.__name__},
        "test_accuracy": round(float(accuracy), 4),
        "test_images": len(x_test),
        "parameters": bare.count_params(),
        "seconds": round(seconds),
        "date": datetime.now(UTC).date().isoformat(),
        **describe(),
        "sha256": hashlib.sha256((WEIGHTS / f"{name}.keras").read_bytes()).hexdigest(),
    }
    if note := card["recipe"].pop("note"):
        card["note"] = note
    with atomic_write(WEIGHTS / f"{name}.json") as path:
        path.write_text(json.dumps(card, indent=2) + "\n")
    return card


def mirrored_and_shifted(x: np.ndarray, shift: float, rng: np.random.Generator) -> np.ndarray:
    """Images x (n, h, w, c), each mirrored with odds 1/2 and moved by up to shift h and shift w (edges repeat)."""
    n, h, w, _ = x.shape
    down, right = int(shift * h), int(shift * w)
    rows = np.clip(np.arange(h) + rng.integers(-down, down + 1, (n, 1)), 0, h - 1)
    columns = np.clip(np.arange(w) + rng.integers(-right, right + 1, (n, 1)), 0, w - 1)
    mirror = rng.random(n) < 0.5
    columns[mirror] = columns[mirror, ::-1]
    return x[np.arange(n)[:, None, None], rows[:, :, None], columns[:, None, :]]


def main(names: Annotated[list[str], typer.Argument(help=f"Any of {', '.join(MODELS)}.")]) -> None:
    """Train models of the zoo again."""
    for name in names:
        if name not in MODELS:
            raise typer.BadParameter(f"{name!r} is not one of {', '.join(MODELS)}.")
    for name in names:
        typer.echo(json.dumps(train(name), indent=2))


if __name__ == "__main__":
    typer.run(main)
