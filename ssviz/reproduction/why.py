"""Experiments that separate the causes of what Tables 3 and 5 show: ties, feature norms, the choice by MANC.

Changes of the last layer alone are computed, not served: z = h W + b is linear in them, so the answers of all
samples to a change are one small matrix product.
"""

from collections.abc import Callable, Sequence

import numpy as np
import pandas as pd

from ssviz.backend import keras
from ssviz.evaluation import missing_rate
from ssviz.generation import generate
from ssviz.manc import manc
from ssviz.models import Classifier, logits_and_features
from ssviz.reproduction.laboratory import Laboratory, Measured

PICKS, HALVES, SHUFFLES, DRAWS = 10, 50, 99, 200
SCALES = (1e-5, 1e-4, 1e-3, 1e-2, 1e-1)
FORCED_GAP = 1e-3
SHUFFLED = "MANC, rows shuffled"


def coin(lab: Laboratory, results: Sequence[Measured]) -> pd.DataFrame:
    """A row per attack (%): how many samples of the bag it moves by more than their distance to the tie, how many
    of these it moves towards the runner-up, and how many change their label.

    The logit gap g of a sample is z_top - z_runner-up = log(p_top / p_runner-up); a change D of it flips the label
    if D < -g. So |D| > g for every sample and a flip for half of them is a coin, not a lack of sensitivity.
    """
    p = lab.reference("ours").astype(np.float64)
    top, second = np.argsort(-p, axis=1, kind="stable")[:, :2].T
    each = np.arange(len(p))
    gap = np.log(p[each, top] / p[each, second])
    rows = []
    for attack in dict.fromkeys(m.attack for m in results):
        q = np.stack([m.probabilities for m in results if m.attack == attack]).astype(np.float64)
        change = np.log(np.maximum(q[:, each, top], 1e-300) / np.maximum(q[:, each, second], 1e-300)) - gap
        enough = np.abs(change) > gap
        flipped = q.argmax(-1) != top
        rows.append(
            {"attack": attack, "median gap": np.median(gap), "median absolute change": np.median(np.abs(change)),
             "moved by more than the gap": 100 * enough.mean(),
             "of these, towards the runner-up": 100 * (change < 0)[enough].mean() if enough.any() else np.nan,
             "detect": 100 * flipped.mean()}
        )  # fmt: skip
    return pd.DataFrame(rows)


def norms(lab: Laboratory, count: int = 50) -> pd.DataFrame:
    """What a larger ||h|| changes: detections (%) of Gaussian changes of the last layer, by their relative size.

    Three sets from the same originals: natural, just tied (the first iterate with ||J||^2 > 0.2), and at the end of
    the ascent, where ||h|| has grown. A sample that lies nearer to its tie detects more too, whatever its ||h||: so
    every set is measured again with its gap forced to FORCED_GAP.
    """
    ascent = generate(lab.model, lab.originals(count), itr_max=100, record="samples", batch_size=25)
    iterates = ascent.trajectory
    each = np.arange(count)
    z, h = logits_and_features(lab.model, iterates.reshape(-1, *iterates.shape[2:]))
    z, h = (a.reshape(*iterates.shape[:2], -1) for a in (z, h))
    jacobian = ascent.sensitivity / (np.square(h, dtype=np.float64).sum(-1) + 1)
    tied = np.where((jacobian > 0.2).any(0), (jacobian > 0.2).argmax(0), len(jacobian) - 1)
    sets = {"natural": (z[0], h[0]), "just tied": (z[tied, each], h[tied, each]), "after the ascent": (z[-1], h[-1])}
    rng, rows = np.random.default_rng(0), []
    changes = [_gaussian(lab, rng) for _ in range(DRAWS // 4)]
    for name, (z, h) in sets.items():
        for forced in (False, True):
            logits = _with_gap(z, FORCED_GAP) if forced else z
            gap = np.diff(np.sort(logits, axis=1)[:, -2:], axis=1)[:, 0]
            for scale in SCALES:
                moved = [(logits + scale * (h @ dw + db)).argmax(1) != logits.argmax(1) for dw, db in changes]
                rows.append({"samples": name, "gap": f"{FORCED_GAP:g}" if forced else "its own",
                             "median gap": np.median(gap), "median norm of h": np.median(np.linalg.norm(h, axis=1)),
                             "scale": scale, "detect": 100 * np.mean(moved)})  # fmt: skip
    return pd.DataFrame(rows)


def choices(lab: Laboratory, results: Sequence[Measured]) -> pd.DataFrame:
    """Missing rates (%) of N_S = 1 ... 10 samples chosen in five ways from random halves of the bag, by change.

    Ways: random; MANC; MANC on neuron maps whose rows were shuffled once for all halves, so that it takes the same
    few samples again and again as MANC does, but knows nothing of them; the samples with most active neurons; one
    sample per pair of tied classes, then any. Changes: one weight of the last layer (by one spread of its kernel),
    all weights out of one hidden neuron, all weights of the layer (by a tenth of the spread), and the real attacks.
    Neurons that never fire are left out. Column "by luck": the share (%) of the shuffled maps that miss no more than
    this way does, the p-value of a permutation test of what the way knows.
    """
    z, h = logits_and_features(lab.model, lab.bag()[0].samples)
    active, label, rng = h > 0, z.argmax(1), np.random.default_rng(0)
    kernel = keras.ops.convert_to_numpy(_head(lab).kernel)
    spread, alive = kernel.std(), np.flatnonzero(active.any(0))

    def one_weight() -> np.ndarray:
        moved = z.copy()
        moved[:, rng.integers(z.shape[1])] += h[:, rng.choice(alive)] * spread * rng.choice([-1, 1])
        return moved

    def one_neuron() -> np.ndarray:
        return z + np.outer(h[:, rng.choice(alive)], rng.normal(0, spread, z.shape[1]))

    def whole_layer() -> np.ndarray:
        dw, db = _gaussian(lab, rng)
        return z + 0.1 * (h @ dw + db)

    changes: dict[str, np.ndarray] = {
        name: np.stack([draw().argmax(1) != label for _ in range(DRAWS)])
        for name, draw in {"one weight": one_weight, "one neuron": one_neuron, "the whole layer": whole_layer}.items()
    }
    for attack in dict.fromkeys(m.attack for m in results):
        changes[attack] = np.stack([m.bag[0] for m in results if m.attack == attack])
    picks = _picks(active, np.sort(np.argsort(-z, axis=1)[:, :2], axis=1), rng)
    rows = []
    for change, detected in changes.items():
        rates = {"random": missing_rate(detected, np.arange(1, PICKS + 1)).mean(0)[None]}
        for way, chosen in picks.items():  # (maps, halves, PICKS)
            rates[way] = 1 - np.logical_or.accumulate(detected[:, chosen], axis=-1).mean((0, 2))
        for way, curves in rates.items():
            luck = (rates[SHUFFLED] <= curves.mean(0) + 1e-12).mean(0) if way != SHUFFLED else np.full(PICKS, np.nan)
            rows += [{"change": change, "choice": way, "n_s": n, "missing": 100 * rate, "by luck": 100 * share}
                     for n, (rate, share) in enumerate(zip(curves.mean(0), luck, strict=True), start=1)]  # fmt: skip
    return pd.DataFrame(rows)


def _picks(active: np.ndarray, pairs: np.ndarray, rng: np.random.Generator) -> dict[str, np.ndarray]:
    """(maps, halves, PICKS) indices into the bag that each way of choosing takes from random halves of it."""
    shuffled = [active[rng.permutation(len(active))] for _ in range(SHUFFLES)]
    ways: dict[str, list[Callable[[np.ndarray], np.ndarray]]] = {
        "MANC": [lambda half: manc(active[half], PICKS).indices],
        SHUFFLED: [lambda half, map_=map_: manc(map_[half], PICKS).indices for map_ in shuffled],
        "most active neurons": [lambda half: np.argsort(-active[half].sum(1), kind="stable")[:PICKS]],
        "distinct class pairs": [lambda half: _distinct(pairs[half])],
    }
    halves = [np.sort(rng.permutation(len(active))[: len(active) // 2]) for _ in range(HALVES)]
    return {way: np.stack([[half[choose(half)] for half in halves] for choose in each]) for way, each in ways.items()}


def _distinct(pairs: np.ndarray) -> np.ndarray:
    """PICKS rows: the first sample of each pair of classes, in order of appearance, then the others."""
    _, first = np.unique(pairs, axis=0, return_index=True)
    first = np.sort(first)
    return np.concatenate([first, np.setdiff1d(np.arange(len(pairs)), first)])[:PICKS]


def _with_gap(z: np.ndarray, gap: float) -> np.ndarray:
    """Logits (n, r) with the runner-up's raised (or lowered) to lie ``gap`` below the top's."""
    top, second = np.argsort(-z, axis=1, kind="stable")[:, :2].T
    moved, each = z.copy(), np.arange(len(z))
    moved[each, second] = z[each, top] - gap
    return moved


def _head(lab: Laboratory) -> keras.layers.Dense:
    return Classifier.of(lab.model, lab.originals(2)).require_head()


def _gaussian(lab: Laboratory, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """A change (dW, db) of the last layer: Gaussian, as large as the spreads of its kernel and of its bias."""
    arrays = (keras.ops.convert_to_numpy(w) for w in (_head(lab).kernel, _head(lab).bias))
    dw, db = (rng.normal(0, a.std(), a.shape).astype(np.float32) for a in arrays)
    return dw, db
