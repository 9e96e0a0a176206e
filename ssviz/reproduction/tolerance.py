"""The target ``tolerance``: the gap that other numerics do not close, the false alarms, and what is still detected."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from ssviz.models import probabilities
from ssviz.numerics import SAFETY
from ssviz.reproduction.laboratory import Laboratory, Measured
from ssviz.reproduction.noise import (
    BATCHES,
    FOR_GAP,
    LARGEST_GAP,
    LEVELS,
    NONE,
    PLAIN,
    PLAIN_GAP,
    SHOWN,
    false_alarms,
    pairs_at,
)
from ssviz.reproduction.plan import EIGHT_BITS, GENERIC, SPECIFIC, TROJAN, Plan, plans
from ssviz.reproduction.sections import NAMES, Section, markdown, short, spread

ATTACKS = (TROJAN, GENERIC, SPECIFIC, EIGHT_BITS)


def uses(plan: Plan) -> bool:
    """Whether the target needs compromised models of this plan."""
    return plan.name in ATTACKS


def rows(lab: Laboratory, results: Sequence[Measured]) -> pd.DataFrame:
    """A row per setting (see `noise.false_alarms`), and a row per gap and compromised model with its detections.

    detected: the share (%) of pairs of which one or both samples change their label, the compromised model served in
    float32.
    """
    found = [frame for frame in (false_alarms(lab, level) for level in LEVELS) if len(frame)]
    gaps = {frame.tolerance[0]: frame.gap[0] for frame in found}
    pairs = {gap: pairs_at(lab, gap, SHOWN) for gap in gaps.values()}
    samples = np.concatenate([its.samples for its in pairs.values()])
    ends = np.cumsum([2 * len(its) for its in pairs.values()])[:-1]
    label, known, made = probabilities(lab.model, samples).argmax(1), plans(lab.dataset), []
    for m in results:
        suspect, _ = lab.attacked(known[m.attack], m.seed)
        flipped = np.split(probabilities(suspect.model, samples).argmax(1) != label, ends)
        share = {gap: 100 * its.detected(f).mean() for (gap, its), f in zip(pairs.items(), flipped, strict=True)}
        made += [{"tolerance": level, "gap": gap, "attack": m.attack, "seed": m.seed, "pairs": len(pairs[gap]),
                  "detected": share[gap]} for level, gap in gaps.items()]  # fmt: skip
    return pd.concat([*found, pd.DataFrame(made)], ignore_index=True)


def section_tolerance(dataset: str, rows: pd.DataFrame) -> Section:
    """Noise, gap and alarms of every setting; detections at every gap."""
    served, attacked = rows[rows.setting.notna()], rows[rows.attack.notna()]
    plain = served[served.tolerance == PLAIN].set_index("setting")
    shown = [
        {"tolerance": row["tolerance"], "served as": row["setting"], "median noise": f"{row['median noise']:.1e}",
         "largest noise": f"{row['largest noise']:.1e}", "gap": f"{row['gap']:g}", "alarms at the gap": _alarms(row),
         f"alarms at {PLAIN_GAP:g}": _alarms(plain.loc[row["setting"]])}
        for _, row in served[served.tolerance != PLAIN].iterrows()
    ]  # fmt: skip
    note = (
        "Straddling pairs, made on the intact model in float32 in batches of 256, and asked of it in other settings. "
        "Noise: by how much a setting moves a sample's lead, the logit of its label less the highest other one. Gap: "
        f"{SAFETY:g} times the largest noise of pairs from {FOR_GAP} other images, rounded up to one digit, at least "
        f"1e-4; {LARGEST_GAP:g} where it would have to be larger than a pair's can be. Alarms: labels of the intact "
        f"model that changed, of so many queries: every sample in batches of {', '.join(map(str, BATCHES))}. "
        "The 8-bit runtimes change the weights: whether that is still the intact model is for its owner to say."
    )
    words = {PLAIN: f"any, at {PLAIN_GAP:g}", NONE: f"none, at {LARGEST_GAP:g}"}
    wide = [
        {"tolerance": words.get(level, level), "gap": f"{gap:g}", "pairs": f"{mine.pairs.iloc[0]:.0f}"}
        | {attack: spread(mine[mine.attack == attack].detected) for attack in dict.fromkeys(attacked.attack)}
        for (level, gap), mine in attacked.groupby(["tolerance", "gap"], sort=False)
    ]
    then = (
        "Pairs (%) of which one or both samples change their label on a compromised model, served in float32: two "
        "queries. Mean (lowest to highest) of the compromised models of each attack."
    )
    text = f"{note}\n\n{markdown(pd.DataFrame(shown))}\n\n{then}\n\n{markdown(pd.DataFrame(wide))}"
    return Section("tolerance", "Beyond the paper: no false alarms under other numerics", rows, text)


def tolerances(folder: Path, found: list[str]) -> str:
    """By data set and tolerance: largest noise, gap, alarms, and the pairs (%) that detect each attack at that gap."""
    shown = []
    for dataset in found:
        path = folder / dataset / "tolerance.csv"
        if not path.exists():
            continue
        rows = pd.read_csv(path)
        for (level, gap), mine in rows.groupby(["tolerance", "gap"], sort=False):
            served = mine[mine.setting.notna()]
            detected = {attack: spread(mine[mine.attack == attack].detected) for attack in ATTACKS}
            shown.append({
                "data": NAMES[dataset], "tolerance": {PLAIN: "not asked for", NONE: "full int8"}.get(level, level),
                "largest noise": short(served["largest noise"].max()), "gap": f"{gap:g}",
                "false alarms": _of(served.alarms.sum(), served.queries.sum()), **detected,
            })  # fmt: skip
    return markdown(pd.DataFrame(shown))


def _alarms(row: pd.Series) -> str:
    return _of(row["alarms"], row["queries"])


def _of(alarms: float, queries: float) -> str:
    return f"{alarms:.0f} of {queries:,.0f}"
