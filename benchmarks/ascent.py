"""Generation against the paper's own algorithm, and one of its iterations against the least it can cost."""

from collections.abc import Iterator
from typing import Any

import numpy as np

from benchmarks.timing import Row, human, taking_turns
from ssviz import generate
from ssviz.backend import BACKEND, compiled, keras, value_and_gradient
from ssviz.datasets import load_dataset
from ssviz.zoo import load_model

ops = keras.ops
MODEL, BATCH, LR = "gtsrb-cnn7", 64, 1e-3


def images() -> np.ndarray:
    """Natural samples: photographs of GTSRB where they were fetched, else rendered signs."""
    try:
        data = load_dataset("gtsrb")
    except FileNotFoundError:
        data = load_dataset("signs")
    return data.inputs("test", limit=BATCH)[0]


def against_algorithm_1(samples: int = 3, itr_max: int = 1000, cap: float = 120.0) -> Iterator[Row]:
    """One iteration of one sample, and the way to half the median sensitivity that generate() ends with.

    Algorithm 1 gets ``samples`` samples that start like the median one, and for each the paper's ``itr_max``
    iterations or ``cap`` seconds; where that is not enough, its time is a lower bound.
    """
    what = f"Algorithm 1 to the letter, sample by sample ({MODEL}, batch of {BATCH})"
    if BACKEND != "tensorflow":
        yield Row(what, "", "", "", "not measured: it is written in TensorFlow")
        return
    from benchmarks.literal import element_gradient, sensitive_sample_gen

    model, x = load_model(MODEL), images()
    record = generate(model, x, lr=LR, itr_max=200, progress=False)
    medians = np.median(record.sensitivity, axis=1)
    target = medians[-1] / 2
    steps = int((medians >= target).argmax())
    took = taking_turns({"ours": lambda: generate(model, x, lr=LR, itr_max=steps, progress=False)}, rounds=3)
    ours = np.median(took["ours"]) / BATCH

    of_element, outputs = element_gradient(model), model.output_shape[1]
    sensitive_sample_gen(of_element, outputs, x[:1], 1, LR, target=np.inf, cap=cap)  # compile
    like_the_median = np.argsort(np.abs(np.log(record.sensitivity[0] / medians[0])))[:samples]
    runs = [
        sensitive_sample_gen(of_element, outputs, x[[i]], itr_max, LR, target=target, cap=cap) for i in like_the_median
    ]
    theirs = np.median([seconds for seconds, _ in runs])
    each = np.median([seconds / len(s) for seconds, s in runs])
    their_steps, their_s = np.median([(len(s), s[-1]) for _, s in runs], axis=0)
    yield Row(
        f"{what}: one iteration of one sample",
        human(ours / steps),
        human(each),
        f"{each * steps / ours:,.0f}x",
        f"{outputs} double backward passes against one pass",
    )
    bound, note = (
        "",
        f"S from {medians[0]:.2g} to {target:.2g} in {steps} iterations against {their_steps:.0f}",
    )
    if np.mean([s[-1] >= target for _, s in runs]) <= 0.5:
        bound, note = "at least ", f"{note}, where it was stopped at {their_s:.2g}"
    yield Row(
        f"{what}: to the same median sensitivity",
        f"{human(ours)} a sample",
        f"{bound}{human(theirs)}",
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
