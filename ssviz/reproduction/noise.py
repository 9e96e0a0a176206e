"""How far other numerics than the owner's move an intact model's answers, and the false alarms that follow."""

import numpy as np
import pandas as pd

from ssviz.models import probabilities
from ssviz.numerics import SETTINGS, TOLERANCES, change_of_lead, gap_for, served
from ssviz.pairs import StraddlingPairs, straddle
from ssviz.reproduction.laboratory import Laboratory

FOR_GAP, COUNTED, SHOWN = 200, 1250, 500  # images from which a gap is derived; pairs that count alarms; and others
BATCHES = (250, 50, 10, 1)  # sizes in which every sample is asked
PLAIN_GAP, LARGEST_GAP = 1e-3, 1.0
PLAIN, NONE = "plain", "none"  # no tolerance asked for; the settings that no gap tolerates
COLUMNS = ["tolerance", "gap", "setting", "samples", "queries", "alarms", "median noise", "largest noise"]
LEVELS = (*TOLERANCES, NONE, PLAIN)
_CODE = ("numerics.py", "runtimes.py", "serving.py", "pairs.py", "tie_walk.py", "reproduction/noise.py")


def false_alarms(lab: Laboratory, level: str) -> pd.DataFrame:
    """A row per setting of a level, made once and kept: noise and false alarms of pairs with the level's gap.

    level: of LEVELS; PLAIN means all settings, and NONE those of no tolerance. tolerance: the level. queries: samples
    asked of the intact model, each in batches of every size of BATCHES. alarms: labels that changed.
    """
    return lab.kept(f"tolerance {level}", _CODE, lambda: _false_alarms(lab, level))


def pairs_at(lab: Laboratory, gap: float, count: int) -> StraddlingPairs:
    """Up to ``count`` pairs from images of which no gap was derived; from each image several, where images are few."""
    wanted = count + count // 10  # for those that fail
    x0, classes = lab.originals(wanted, skip=FOR_GAP), None
    if len(x0) < count:
        x0, classes = x0[: 2 * count // (len(lab.data.class_names) - 1) + 1], "all"
    return straddle(lab.model, x0, gap=gap, classes=classes)[:count]


def _false_alarms(lab: Laboratory, level: str) -> pd.DataFrame:
    ways = {name: [f"{name}, batches of {size}" for size in BATCHES] for name, s in SETTINGS.items()
            if level in (s.tolerance, PLAIN) and not s.missing and not name.startswith("batches")}  # fmt: skip
    if level in ("float32", PLAIN):
        ways = {"other batches": [f"batches of {size}" for size in BATCHES], **ways}
    if not ways:
        return pd.DataFrame(columns=COLUMNS)
    gap = {PLAIN: PLAIN_GAP, NONE: LARGEST_GAP}.get(level) or _gap(lab, level)
    pairs = pairs_at(lab, gap, SHOWN if level == PLAIN else COUNTED)
    intact = probabilities(lab.model, pairs)
    found = served(lab.model, pairs, [name for names in ways.values() for name in names])
    rows = []
    for way, names in ways.items():
        noise = np.stack([change_of_lead(intact, found[name]) for name in names])
        alarms = np.stack([found[name].argmax(1) != intact.argmax(1) for name in names])
        sizes = np.nanmedian(noise), np.nanmax(noise)
        rows.append((level, gap, way, len(intact), alarms.size, alarms.sum(), *sizes))
    return pd.DataFrame(rows, columns=COLUMNS)


def _gap(lab: Laboratory, tolerance: str) -> float:
    try:
        return gap_for(lab.model, lab.originals(FOR_GAP), tolerance=tolerance)
    except ValueError:  # it would have to be larger than a pair's can be
        return LARGEST_GAP
