"""How far other numerics move an intact model's answers, and the gap between two logits that no one of them closes.

The paper's claim of no false alarms rests on inference being deterministic. It is, for one engine on one machine in
one batch. A cloud may compute in other batches, with other kernels, in half precision or after a conversion, and a
sample near a tie then changes its label though nobody touched the model. What matters to it is its lead, the logit of
its label less the highest other one: a sample whose lead is larger than what numerics move raises no alarm.
"""

import re
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass, replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np

from ssviz.backend import BACKEND, compiled, keras, without_native_stderr
from ssviz.models import Classifier, as_samples, in_batches, probabilities
from ssviz.outputs import Output, parse
from ssviz.pairs import straddle
from ssviz.runtimes import cast, converted
from ssviz.serving import serve

ops = keras.ops
TOLERANCES = ("float32", "float16", "bfloat16", "int8")
SAFETY = 2.0
LEAST, FIRST = 1e-4, 1e-3  # the smallest gap that gap_for returns, and the one that it begins with
CALIBRATION = 256  # samples from which an 8-bit runtime takes the ranges of activations
_COPIES: WeakKeyDictionary = WeakKeyDictionary()  # not in the model, which Keras would save with them
_OTHER = {"tensorflow": "jax", "jax": "tensorflow"}


@dataclass(frozen=True)
class Setting:
    """One way of serving a model. tolerance: of TOLERANCES, the coarsest numerics in it, or "none" that covers it.

    batch_size: samples at a time. dtype: to which the model is cast, "" for its own; last: its last layer too.
    runtime: of `runtimes.RUNTIMES`, "" for Keras. backend: "" for this process's, "other", or its name. threads: how
    many; None for the engine's choice.
    """

    tolerance: str
    batch_size: int = 256
    dtype: str = ""
    last: bool = True
    runtime: str = ""
    backend: str = ""
    threads: int | None = None

    @property
    def engine(self) -> str:
        """The Keras backend that it needs."""
        return _OTHER[BACKEND] if self.backend == "other" else self.backend or BACKEND

    @property
    def missing(self) -> tuple[str, ...]:
        """Packages that it needs and that are not installed."""
        needed = [self.engine, *(("onnxruntime", "tf2onnx") if self.runtime == "ONNX" else ())]
        return tuple(package for package in needed if not find_spec(package))


SETTINGS = {
    "batches of 1": Setting("float32", batch_size=1),
    "batches of 7": Setting("float32", batch_size=7),
    "one thread": Setting("float32", threads=1),
    "four threads": Setting("float32", threads=4),
    "other backend": Setting("float32", backend="other"),
    "TFLite": Setting("float32", runtime="TFLite", backend="tensorflow"),
    "ONNX": Setting("float32", runtime="ONNX", backend="tensorflow"),
    "float16": Setting("float16", dtype="float16"),
    "float16, last layer float32": Setting("float16", dtype="float16", last=False),
    "float16, other backend": Setting("float16", dtype="float16", backend="other"),
    "TFLite, float16 weights": Setting("float16", runtime="TFLite, float16 weights", backend="tensorflow"),
    "bfloat16": Setting("bfloat16", dtype="bfloat16"),
    "bfloat16, last layer float32": Setting("bfloat16", dtype="bfloat16", last=False),
    "bfloat16, other backend": Setting("bfloat16", dtype="bfloat16", backend="other"),
    "TFLite, int8 weights": Setting("int8", runtime="TFLite, int8 weights", backend="tensorflow"),
    "TFLite, int8": Setting("none", runtime="TFLite, int8", backend="tensorflow"),
}
"""Name -> how a model is served. The 8-bit ones change its weights: its owner has to say whether that is intact."""


def settings_of(tolerance: str) -> list[str]:
    """The names in SETTINGS that a tolerance covers and that can run here: its own, and those of all finer ones.

    "float32" covers other batches, threads, engines and converters. Raises ValueError for an unknown tolerance.
    Paper: beyond it (Section 5.2, "False Positives"). Notebook: 13.
    """
    covered = TOLERANCES[: TOLERANCES.index(_tolerance(tolerance)) + 1]
    return [name for name, setting in SETTINGS.items() if setting.tolerance in covered and not setting.missing]


def served(model: keras.Model, samples: Any, settings: Iterable[str]) -> dict[str, np.ndarray]:
    """Setting -> probabilities (n, r), float32, that the intact model gives to n samples when served in it.

    model: a Keras classifier. samples: (n, ...) float32, or an object with `.samples`. settings: of SETTINGS, also with
    a batch size, as "TFLite, batches of 9" or "batches of 9"; for each engine and number of threads other than this
    process's another one is started, which takes seconds. Raises ValueError for an unknown setting or a model that
    cannot be cast, ModuleNotFoundError for a missing package, RuntimeError if another process fails.

    Paper: beyond it (Section 5.2, "False Positives"). Notebook: 13.
    """
    x, names = as_samples(samples, name="samples"), list(settings)
    elsewhere: dict[tuple[str, int | None], list[str]] = {}
    for name in names:
        if missing := _setting(name).missing:
            raise ModuleNotFoundError(f"setting {name!r} needs {', '.join(missing)}: pip install 'ssviz[convert]'")
        where = (_setting(name).engine, _setting(name).threads)
        if where != (BACKEND, None):
            elsewhere.setdefault(where, []).append(name)
    found = {}
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "model.keras")
        if elsewhere:
            model.save(path)
        for (engine, threads), its in elsewhere.items():
            theirs, _ = serve(path, [x] * len(its), backend=engine, threads=threads, settings=its)
            found |= dict(zip(its, theirs, strict=True))
    return {name: found[name] if name in found else answers_here(model, x, name) for name in names}


def answers(model: keras.Model, samples: Any, setting: str) -> np.ndarray:
    """`served` in one setting: probabilities (n, r), float32."""
    return served(model, samples, [setting])[setting]


def answers_here(model: keras.Model, x: np.ndarray, setting: str) -> np.ndarray:
    """`answers` in this process, whatever its engine and threads are."""
    how, gives_logits = _setting(setting), Classifier.of(model, x).gives_logits
    if how.runtime:
        run = converted(model, how.runtime, x[:CALIBRATION])
        outputs = np.concatenate([run(x[i : i + how.batch_size]) for i in range(0, len(x), how.batch_size)])
        return ops.convert_to_numpy(ops.softmax(outputs)) if gives_logits else outputs
    if not how.dtype:
        return probabilities(model, x, batch_size=how.batch_size)
    copy = _copy(model, how)

    def forward(batch: Any) -> Any:
        y = copy(batch, training=False)
        return ops.cast(ops.softmax(y) if gives_logits else y, "float32")

    with without_native_stderr():
        return in_batches(compiled(copy, ("answers",), forward), x, how.batch_size)


def lead(p: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """(n,) z_label - max z_other = log p_label - log max p_other, float64, of probabilities (n, r) and labels (n,).

    NaN where one of them is 0, too small for the dtype in which it was computed.
    """
    others, each = p.astype(np.float64), np.arange(len(p))
    own = others[each, labels]
    others[each, labels] = -np.inf
    best = others.max(axis=1)
    known = (own > 0) & (best > 0)
    return np.log(np.where(known, own, np.nan)) - np.log(np.where(known, best, np.nan))


def noise(model: keras.Model, samples: Any, setting: str) -> np.ndarray:
    """(n,) float64: by how much a setting changes each sample's lead, |change of z_label - max z_other|.

    For a straddling pair this is the change of its gap z_a - z_b, or of its lead over a third class that overtakes.
    NaN where a probability is too small for the setting's dtype, far from any tie. Arguments and errors: `served`.

    Paper: beyond it (Section 5.2, "False Positives"). Notebook: 13.
    """
    intact = probabilities(model, samples)
    return change_of_lead(intact, answers(model, samples, setting))


def change_of_lead(intact: np.ndarray, served: np.ndarray) -> np.ndarray:
    """`noise` from the intact model's probabilities (n, r) and those of a setting (n, r)."""
    labels = intact.argmax(axis=1)
    return np.abs(lead(served, labels) - lead(intact, labels))


def steady(model: keras.Model, samples: Any, tolerance: str, output: str | Output = "top-1") -> np.ndarray:
    """(n,) bool: samples to which the intact model gives the same answer in every setting of a tolerance.

    tolerance: of TOLERANCES; of the settings that it covers, those that can run here. output: what the API shows, as
    in `ssviz.outputs`; labels are the first of those that tie. Raises as `served` and `outputs.parse` do.

    Paper: beyond it (Section 5.2, "False Positives"). Notebook: 13.
    """
    output = parse(output)
    expected = output.answer(probabilities(model, samples, batch_size=1))
    ways = served(model, samples, settings_of(tolerance)).values()
    return np.logical_and.reduce([output.same(expected, output.answer(p)) for p in ways])


def gap_for(
    model: keras.Model, x0: Any, *, tolerance: str, safety: float = SAFETY, bounds: tuple[float, float] = (0.0, 1.0)
) -> float:
    """The gap of straddling pairs that a tolerance's numerics do not close: ``safety`` x the largest noise of pairs.

    Pairs are made from x0 (n, ...) at a gap, first FIRST, and their noise is measured in the tolerance's own settings
    that can run here; so again with pairs at the gap that follows from it, until that is enough for its own pairs.
    The largest noise of few pairs is less than that of many: a hundred pairs and a safety of 2 will do. Rounded up to
    one digit, and not below LEAST. Raises ValueError for arguments out of range, and where the gap would have to be
    larger than 1 or no pair can be made at it; otherwise as `served` does.

    Paper: beyond it (Section 5.2, "False Positives"). Notebook: 13.
    """
    if not 1 <= safety < np.inf:
        raise ValueError(f"safety must be at least 1 and finite; received {safety}.")
    own = [name for name in settings_of(tolerance) if SETTINGS[name].tolerance == tolerance]
    if not own:
        raise ValueError(f"tolerance {tolerance!r} has no setting that can run here, with {BACKEND} alone.")

    def needed(gap: float) -> float:
        pairs = straddle(model, x0, gap=gap, bounds=bounds, progress=False)
        if not len(pairs):
            raise ValueError(f"x0 leads to no straddling pair at a gap of {gap:g}; other or more samples may.")
        intact = probabilities(model, pairs)
        largest = max(np.nanmax(change_of_lead(intact, p)) for p in served(model, pairs, own).values())
        return _rounded_up(max(LEAST, safety * largest))

    gap, more = 0.0, needed(FIRST)
    while more > gap:
        gap = more
        if gap > 1:
            raise ValueError(
                f"tolerance {tolerance!r} would need a gap of {gap:g} on {model.name!r}, {safety:g} times its largest "
                "noise; pairs have at most 1. Choose a finer tolerance, or a smaller safety."
            )
        more = needed(gap)
    return gap


def _rounded_up(value: float) -> float:
    """The next number of one digit."""
    unit = 10.0 ** np.floor(np.log10(value))
    return float(f"{np.ceil(value / unit - 1e-9) * unit:.0e}")


def _setting(name: str) -> Setting:
    if name in SETTINGS:
        return SETTINGS[name]
    sized = re.fullmatch(r"(.+, )?batches of ([1-9]\d*)", name)
    base = sized and (sized[1] or "").removesuffix(", ")
    if not sized or base not in ("", *SETTINGS):
        raise ValueError(f"setting must be one of {'; '.join(SETTINGS)}; received {name!r}.")
    return replace(SETTINGS.get(base, Setting("float32")), batch_size=int(sized[2]))


def _tolerance(name: str) -> str:
    if name not in TOLERANCES:
        raise ValueError(f"tolerance must be one of {', '.join(TOLERANCES)}; received {name!r}.")
    return name


def _copy(model: keras.Model, how: Setting) -> keras.Model:
    """The model cast for a setting, made once; its weights are the model's present ones."""
    known = _COPIES.setdefault(model, {})
    key = (how.dtype, how.last, *map(id, model.variables))
    if key in known:
        known[key].set_weights(model.get_weights())
    else:
        with without_native_stderr():  # which kernels a processor lacks
            known[key] = cast(model, how.dtype, last=how.last)
    return known[key]
