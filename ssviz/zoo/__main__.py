"""``python -m ssviz.zoo NAME...``: train models of the zoo again and write their weights and provenance."""

import hashlib
import json
import time
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Annotated

import typer

from ssviz.backend import describe, keras
from ssviz.datasets import load_dataset
from ssviz.files import atomic_write
from ssviz.zoo import MODELS, WEIGHTS, cnn7


def train(name: str) -> dict:
    """Train one model from scratch, save it and return its provenance. Adam with a cosine schedule."""
    recipe = MODELS[name]
    data = load_dataset(recipe.dataset)
    (x, y), (x_test, y_test) = data.inputs("train"), data.inputs("test")
    keras.utils.set_random_seed(recipe.seed)
    model = cnn7(x.shape[1:], len(data.class_names), width=recipe.width)
    steps = recipe.epochs * -(-len(x) // recipe.batch_size)
    schedule = keras.optimizers.schedules.CosineDecay(recipe.learning_rate, steps, alpha=0.01)
    model.compile(keras.optimizers.Adam(schedule), "sparse_categorical_crossentropy", metrics=["accuracy"])
    start = time.perf_counter()
    model.fit(x, y, batch_size=recipe.batch_size, epochs=recipe.epochs, verbose=2)
    seconds = time.perf_counter() - start
    _, accuracy = model.evaluate(x_test, y_test, verbose=0)
    bare = cnn7(x.shape[1:], len(data.class_names), width=recipe.width)  # without the optimizer's state
    bare.set_weights(model.get_weights())
    with atomic_write(WEIGHTS / f"{name}.keras") as path:
        bare.save(path)
    card = {
        "model": name,
        "command": f"python -m ssviz.zoo {name}",
        "recipe": asdict(recipe),
        "test_accuracy": round(float(accuracy), 4),
        "test_images": len(x_test),
        "parameters": model.count_params(),
        "seconds": round(seconds),
        "date": datetime.now(UTC).date().isoformat(),
        **describe(),
        "sha256": hashlib.sha256((WEIGHTS / f"{name}.keras").read_bytes()).hexdigest(),
    }
    with atomic_write(WEIGHTS / f"{name}.json") as path:
        path.write_text(json.dumps(card, indent=2) + "\n")
    return card


def main(names: Annotated[list[str], typer.Argument(help=f"Any of {', '.join(MODELS)}.")]) -> None:
    """Train models of the zoo again."""
    for name in names:
        if name not in MODELS:
            raise typer.BadParameter(f"{name!r} is not one of {', '.join(MODELS)}.")
    for name in names:
        typer.echo(json.dumps(train(name), indent=2))


if __name__ == "__main__":
    typer.run(main)
