"""What single changes of the last layer are certain to be detected, by how many samples; checked by brute force."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cache

import numpy as np
import pandas as pd

from ssviz.backend import compiled, keras
from ssviz.certificate import Certificate, certificate
from ssviz.evaluation import missing_rate
from ssviz.manc import manc
from ssviz.models import Classifier, active_neurons
from ssviz.pairs import StraddlingPairs, TooFineError, select_pairs, straddle
from ssviz.reproduction.laboratory import BAG_CODE, Laboratory, Measured
from ssviz.reproduction.plan import CASES
from ssviz.reproduction.waking import woken

RELATIVE, SIZES = 0.1, (0.1, 0.3, 1.0, 3.0)  # changes of a weight, relative to the layer's spread
GAP, SMALL_GAP = 1e-3, 1e-4
NEAREST, PAIRS, ROUNDS, WOKEN = 500, 2000, 6, 16  # originals, pairs of every class, and rounds and originals woken
DRAWS = 5
MILESTONES = (0.5, 0.8, 0.9, 0.95, 0.99)
GRID = np.unique(np.outer(10 ** np.arange(5), (1, 2, 3, 5, 7)))
QUERIES = 2 ** np.arange(9)
FACTORS = (0.9, 0.99, 0.999, 1.001, 1.01, 1.1)
ROUNDING = 1e-4  # logits; float32 has less
TRIED, QUERIED = 500, 16  # changes of each kind that are tried on the model, and samples that are asked
BAG, NEAR, FINE, EVERY, AWAKE = ("Sensitive-Samples", "pairs", "pairs, gap 1e-4", "pairs of all classes, gap 1e-4",
                                 "the same, neurons woken")  # fmt: skip
OURS, MANC, RANDOM = "certificate", "MANC", "random"
CODE = ("reproduction/certificates.py", "certificate.py", "pairs.py", "tie_walk.py",
        "manc.py", *BAG_CODE)  # fmt: skip


def certified(lab: Laboratory, results: Sequence[Measured] = ()) -> pd.DataFrame:
    """Share of weights (%) that cannot be changed by more than RELATIVE of the spread, by pool, choice and N_S.

    "both": in neither direction; "one way": of all increases and decreases. "... reached": of the neurons that some
    natural image of the data set wakes. N_S: GRID, and where a share of MILESTONES is first reached. "wider": both,
    for a change by the whole spread.
    """
    frames = []
    for i, (name, make) in enumerate(_pools(lab).items()):
        modules = (*CODE, "reproduction/waking.py") if name == AWAKE else CODE
        frames.append(lab.kept(f"certified-{i}", modules, lambda name=name, make=make: _curves(lab, name, make)))
    return pd.concat(frames, ignore_index=True)


def _pools(lab: Laboratory) -> dict[str, Callable[[], Certificate | None]]:
    """Samples to choose from. None where there are none: float32 has no such gap, for one."""
    others, hidden = len(lab.data.class_names) - 1, CASES[lab.dataset].hidden
    some = lab.originals(max(2, PAIRS // others))
    return {
        BAG: lambda: certificate(lab.model, lab.bag()[0]),
        NEAR: lambda: _of(lab, lab.originals(NEAREST), GAP),
        FINE: lambda: _of(lab, lab.originals(NEAREST), SMALL_GAP),
        EVERY: lambda: _of(lab, some, SMALL_GAP, "all"),
        **({AWAKE: lambda: _woken(lab)} if hidden else {}),
    }


def _of(lab: Laboratory, x0: np.ndarray, gap: float, classes: str | None = None) -> Certificate | None:
    pairs = _straddling(lab, x0, gap, classes)
    return None if pairs is None else certificate(lab.model, pairs)


def _straddling(lab: Laboratory, x0: np.ndarray, gap: float, classes: str | None = None) -> StraddlingPairs | None:
    try:
        pairs = straddle(lab.model, x0, gap=gap, classes=classes, progress=False)
    except TooFineError:
        return None
    if any(f.reason == "interrupted" for f in pairs.failed):
        raise KeyboardInterrupt
    return pairs if len(pairs) else None


def _woken(lab: Laboratory) -> Certificate | None:
    """Pairs from inputs that wake neurons, in each round those whose weights the rounds before have not certified."""
    all_, wanted = None, np.ones(len(_awake(lab)))
    for turn in range(ROUNDS):
        x = woken(lab.model, lab.originals(WOKEN, skip=WOKEN * turn), wanted)
        new = _of(lab, x, SMALL_GAP, "all")
        if new is None:
            return None
        all_ = new if all_ is None else replace(
            all_, features=np.vstack([all_.features, new.features]), logits=np.vstack([all_.logits, new.logits])
        )  # fmt: skip
        wanted = 0.02 + 1 - all_.detected(RELATIVE).all(axis=0)[: len(wanted)].mean(axis=1)
    return all_


@cache
def _awake(lab: Laboratory) -> np.ndarray:
    """bool (neurons,): which some natural image, of the tests or of the training, wakes."""

    def make() -> Mapping[str, np.ndarray]:
        each = [active_neurons(lab.model, lab.data.inputs(split)[0]).any(axis=0) for split in ("test", "train")]
        return {"awake": np.logical_or(*each)}

    return lab.parts.get("awake", {**lab.source}, make)["awake"]


def _reached(lab: Laboratory, found: Certificate) -> np.ndarray:
    """bool (rows,), the bias among them."""
    return np.append(_awake(lab), [True] * found.has_bias)


def _orders(found: Certificate, rng: np.random.Generator) -> Iterator[tuple[str, list[np.ndarray]]]:
    """Name of each way to choose, and one order of all samples, or several whose mean counts."""
    n = len(found)
    yield OURS, [found.choose(n, RELATIVE)]
    yield MANC, [manc(found.features[:, : -1 if found.has_bias else None] > 0, n).indices]
    yield RANDOM, [rng.permutation(n) for _ in range(DRAWS)]


def _curves(lab: Laboratory, name: str, make: Callable[[], Certificate | None]) -> pd.DataFrame:
    """The rows of one pool."""
    found, rows = make(), []
    if found is None:
        return pd.DataFrame({"pool": [name], "of": [0], "choice": [OURS], "n_s": [0]})
    wider = 100 * found.detected(1.0).all(axis=0).mean()
    reached, silent = _reached(lab, found), 100 * found.silent.mean()
    for choice, orders in _orders(found, np.random.default_rng(0)):
        shares = 100 * np.mean([_shares(found[order], reached) for order in orders], axis=0)
        first = [np.searchsorted(shares[:, column], 100 * m) + 1 for m in MILESTONES for column in (0, 2)]
        n_s = np.unique([n for n in (*GRID, *first, len(found)) if n <= len(found)])
        for n in n_s:
            both, one_way, both_reached, one_way_reached = shares[n - 1]
            rows.append({
                "pool": name, "of": len(found), "choice": choice, "n_s": n, "both": both, "one way": one_way,
                "both, reached": both_reached, "one way, reached": one_way_reached, "silent": silent, "wider": wider,
                "never woken by images": 100 * (1 - reached.mean()),
            })  # fmt: skip
    return pd.DataFrame(rows)


def _shares(found: Certificate, reached: np.ndarray) -> np.ndarray:
    """(n, 4) shares that the first 1 ... n samples certify: both ways, one way; the same of the reached rows."""
    limit, shares = RELATIVE * found.spread, []
    for up, down in found.after_each():
        seen = np.stack([up <= limit, down <= limit])
        both, one_way = seen.all(axis=0), seen.mean(axis=0)
        shares.append([both.mean(), one_way.mean(), both[reached].mean(), one_way[reached].mean()])
    return np.array(shares)


def single_weight(lab: Laboratory, results: Sequence[Measured] = ()) -> pd.DataFrame:
    """Share (%) of attackers who change one weight of the last layer, by SIZES of its spread, that N_S queries find.

    All weights, up and down, computed from the certificate. "found, reached": of those that leave a neuron which some
    natural image wakes. Random choice is exact, but for pairs, which stay together: the mean of DRAWS orders.
    """
    return lab.kept("single-weight", CODE, lambda: _single_weight(lab))


def _single_weight(lab: Laboratory) -> pd.DataFrame:
    rows = []
    for fingerprint, found, orders in _fingerprints(lab):
        reached = _reached(lab, found)
        n_s = QUERIES[len(found) >= QUERIES]
        some = replace(found, features=found.features[:, reached])
        for size in SIZES:
            if orders is None:
                each = [1 - _missed(c.counts(size), len(c), n_s) for c in (found, some)]
            else:
                each = [np.mean([c[order[: n_s[-1]]].found(size) for order in orders], axis=0)[n_s - 1]
                        for c in (found, some)]  # fmt: skip
            rows += [{"fingerprint": fingerprint, "of": len(found), "size": size, "n_s": n, "found": 100 * share,
                      "found, reached": 100 * its} for n, share, its in zip(n_s, *each, strict=True)]  # fmt: skip
    return pd.DataFrame(rows)


def _missed(counts: np.ndarray, n: int, n_s: np.ndarray) -> np.ndarray:
    """Mean missing rate of n_s samples chosen at random of n, over changes that ``counts`` of them detect."""
    values, times = np.unique(counts, return_counts=True)
    return np.average(missing_rate(np.arange(n) < values[:, None], n_s), axis=0, weights=times)


def _fingerprints(lab: Laboratory) -> Iterator[tuple[str, Certificate, list[np.ndarray] | None]]:
    """Name, samples, and the orders in which they are sent; None for any order."""
    natural, _ = lab.data.inputs("test", limit=2000)
    yield "natural images, random", certificate(lab.model, natural), None
    bag = certificate(lab.model, lab.bag()[0])
    yield "Sensitive-Samples, random", bag, None
    orders = dict(_orders(bag, np.random.default_rng(0)))
    yield "Sensitive-Samples, MANC", bag, orders[MANC]
    yield "Sensitive-Samples, certificate", bag, orders[OURS]
    if len(lab.data.class_names) >= 10:
        yield "10-way ties, random", certificate(lab.model, lab.bag("10-way ties")[0]), None
    pairs = _straddling(lab, lab.originals(NEAREST), GAP)
    if pairs is None:
        return
    found, rng = certificate(lab.model, pairs), np.random.default_rng(0)
    both = np.arange(2 * len(pairs)).reshape(-1, 2)
    yield "pairs, random", found, [both[rng.permutation(len(pairs))].ravel() for _ in range(DRAWS)]
    yield "pairs, select_pairs", found, [both[select_pairs(lab.model, pairs, len(pairs)).indices].ravel()]
    yield "pairs, certificate", found, [found.choose(int(QUERIES[-1]), RELATIVE)]


def brute_force(lab: Laboratory, results: Sequence[Measured] = ()) -> pd.DataFrame:
    """The certificate against the model itself: single weights changed, the model asked, disagreements counted.

    A change by a factor of FACTORS of the smallest detected one must be detected if the factor is above 1, and not
    otherwise; a change by a size of SIZES x spread where the certificate says so. TRIED weights of each kind.
    """
    return lab.kept("certificate-check", CODE, lambda: _brute_force(lab))


def _brute_force(lab: Laboratory) -> pd.DataFrame:
    bag, rng, rows = lab.bag()[0], np.random.default_rng(0), []
    whole = certificate(lab.model, bag)
    chosen = whole.choose(QUERIED, RELATIVE)
    found, x = whole[chosen], bag.samples[chosen]
    smallest = np.stack([found.up, -found.down])
    finite = np.argwhere(np.isfinite(smallest))
    kinds = [("factor", f, finite) for f in FACTORS] + [("size", s, np.argwhere(smallest)) for s in SIZES]
    detects, loudest = _asking(lab.model, x), np.abs(found.features).max(axis=0)
    for kind, value, which in kinds:
        tried = which[rng.choice(len(which), TRIED, replace=len(which) < TRIED)]
        certain = smallest[tuple(tried.T)]
        size = value * (certain if kind == "factor" else np.sign(certain) * found.spread)
        says = np.abs(size) > np.abs(certain)
        does = np.array([detects(row, column, d) for (_, row, column), d in zip(tried, size, strict=True)])
        near = np.isfinite(certain) & (np.abs(size - certain) * loudest[tried[:, 1]] <= ROUNDING)
        rows.append({"change": kind, "value": value, "tried": TRIED, "detected": int(does.sum()),
                     "disagreements": int((says != does).sum()),
                     "beyond rounding": int(((says != does) & ~near).sum())})  # fmt: skip
    return pd.DataFrame(rows)


def _asking(model: keras.Model, x: np.ndarray) -> Callable[[int, int, float], bool]:
    """A function (row, column, d): whether w_row,column, or the bias of the column, changed by d in a copy of the
    model, changes one of its labels of x."""
    copy = keras.models.clone_model(model)
    copy.set_weights(model.get_weights())
    head, batch = Classifier.of(copy, x).require_head(), keras.ops.convert_to_tensor(x)
    ask = compiled(copy, "labels", lambda b: keras.ops.argmax(copy(b, training=False), axis=-1))
    label = keras.ops.convert_to_numpy(ask(batch))

    def detects(row: int, column: int, d: float) -> bool:
        weight, at = (head.kernel, (row, column)) if row < head.kernel.shape[0] else (head.bias, column)
        before = keras.ops.convert_to_numpy(weight.value).copy()
        changed = before.copy()
        changed[at] += d
        weight.assign(changed)
        answer = keras.ops.convert_to_numpy(ask(batch))
        weight.assign(before)
        return bool((answer != label).any())

    return detects
