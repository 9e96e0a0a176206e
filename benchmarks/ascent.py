"""Generation against the paper's own algorithm, and one of its iterations against the least it can cost."""

from collections.abc import Iterator
from typing import Any

import numpy as np

from benchmarks.timing import Row, human, taking_turns
from ssviz import generate, sensitivity
from ssviz.backend import BACKEND, compiled, keras, value_and_gradient
from ssviz.datasets import load_dataset
from ssviz.zoo import load_model

ops = keras.ops
MODEL, BATCH, LR = "gtsrb-cnn7", 64, 1e-3


def images(least: float = 0.0) -> np.ndarray:
    """BATCH natural samples with S of at least ``least``: GTSRB where it was fetched, else rendered signs."""
    try:
        data = load_dataset("gtsrb")
    except FileNotFoundError:
        data = load_dataset("signs")
    x, _ = data.inputs("test", limit=2000)
    return x[sensitivity(load_model(MODEL), x) >= least][:BATCH]


def against_algorithm_1(samples: int = 3, itr_max: int = 1000, cap: float = 60.0) -> Iterator[Row]:
    """To half the median sensitivity that generate() ends with, from any images and from those of some sensitivity.

    Algorithm 1 gets ``samples`` samples that start like the median one, and for each the paper's ``itr_max``
    iterations or ``cap`` seconds; where that is not enough, its time is a lower bound.
    """
    if BACKEND != "tensorflow":
        yield Row("Algorithm 1 to the letter", "", "", "", "not measured: it is written in TensorFlow")
        return
    yield _race("any images", images(), samples, itr_max, cap)
    yield _race("images with S > 1e-4", images(1e-4), samples, itr_max, cap)


def _race(which: str, x: np.ndarray, samples: int, itr_max: int, cap: float) -> Row:
    from benchmarks.literal import element_gradient, sensitive_sample_gen

    model = load_model(MODEL)
    record = generate(model, x, lr=LR, itr_max=200, progress=False)
    medians = np.median(record.sensitivity, axis=1)
    target = medians[-1] / 2
    steps = int((medians >= target).argmax())
    took = taking_turns({"ours": lambda: generate(model, x, lr=LR, itr_max=steps, progress=False)}, rounds=3)
    ours = np.median(took["ours"]) / len(x)

    of_element, outputs = element_gradient(model), model.output_shape[1]
    sensitive_sample_gen(of_element, outputs, x[:1], 1, LR, target=np.inf, cap=cap)  # compile
    like_the_median = np.argsort(np.abs(np.log(record.sensitivity[0] / medians[0])))[:samples]
    runs = [
        sensitive_sample_gen(of_element, outputs, x[[i]], itr_max, LR, target=target, cap=cap) for i in like_the_median
    ]
    theirs = np.median([seconds for seconds, _ in runs])
    their_steps, their_s = np.median([(len(s), s[-1]) for _, s in runs], axis=0)
    stopped = np.mean([s[-1] >= target for _, s in runs]) <= 0.5
    bound = "more than " if stopped else ""
    note = f"median S from {medians[0]:.2g} to {target:.2g}: {steps} iterations against {their_steps:.0f}"
    note += f", where it still had {their_s:.2g}" if stopped else ""
    return Row(
        f"generate(), batch of {len(x)}, against Algorithm 1 to the letter ({MODEL}, {which})",
        f"{human(ours)} a sample",
        f"{bound}{human(theirs)} a sample",
        f"{bound}{theirs / ours:,.0f}x",
        note,
    )


def against_a_bare_pass(few: int = 3, many: int = 13, rounds: int = 15) -> Iterator[Row]:
    """What an iteration adds to the forward and backward pass that it cannot do without."""
    model, x = load_model(MODEL), images()
    tensor, steps = ops.convert_to_tensor(x), many - few

    def certainty(v: Any) -> Any:
        return ops.max(model(v, training=False), axis=-1)

    bare_pass = compiled(model, "bare", lambda v: value_and_gradient(certainty, v))

    def passes() -> None:
        for _ in range(steps):
            for found in bare_pass(tensor):
                ops.convert_to_numpy(found)

    def ascend(iterations: int) -> None:
        generate(model, x, lr=LR, itr_max=iterations, progress=False)

    took = taking_turns({"few": lambda: ascend(few), "bare": passes, "many": lambda: ascend(many)}, rounds)
    iterations = took["many"] - took["few"]
    low, ratio, high = np.quantile(iterations / took["bare"], (0.25, 0.5, 0.75))
    yield Row(
        f"one iteration against one bare forward and backward pass ({MODEL}, batch of {BATCH})",
        human(np.median(iterations) / steps),
        human(np.median(took["bare"]) / steps),
        f"{ratio:.2f}",
        f"median of {rounds} rounds; the middle half lies in {low:.2f} to {high:.2f}",
    )
