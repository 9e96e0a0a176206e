"""What goes beyond the paper, for reading: the report's section, and blocks of the page that compares data sets."""

from pathlib import Path

import pandas as pd

from ssviz import paper
from ssviz.reproduction.beyond import (
    ALPHAS,
    ATTACKS,
    COVER,
    MANC,
    NEAREST,
    QUERIES,
    RANDOM,
    WAYS,
    needed_at,
    needed_for,
)
from ssviz.reproduction.pools import AT_TIES, GAPS, ON_GRID, PLAIN
from ssviz.reproduction.sections import NAMES, Section, markdown, needed_words, power, short
from ssviz.reproduction.tables import on_the_paper

SHOWN = ((PLAIN, 1e-3), (PLAIN, 1e-4), (ON_GRID, 1e-3), (AT_TIES, 1e-3))


def section_beyond(dataset: str, rows: pd.DataFrame) -> Section:
    """Queries needed, what escapes, and what the samples cost."""
    shown = []
    for attack, mine in rows.groupby("attack", sort=False):
        theirs = paper.TABLE_5[attack][MANC]
        shown.append({
            "attack": attack, "samples": f"the paper ({paper.measured_on(attack)}): {MANC}", "gap": "–", "pool": "–",
            "SNR (dB)": "–", **{f"N_S = {q}": _theirs(paper.TABLE_3[attack][q - 1]) for q in QUERIES},
            **{power(a): str(theirs[paper.ALPHAS.index(a)]) for a in ALPHAS},
        })  # fmt: skip
        for row in mine.to_dict("records"):
            known = row["samples"] != COVER
            snr = f"{row['snr']:.1f} ({row['lowest snr']:.1f})" if known else "–"
            shown.append({
                "attack": attack, "samples": row["samples"], "gap": _gap(row["gap"]), "pool": f"{row['pool']:.0f}",
                "SNR (dB)": snr, **{f"N_S = {q}": chance(row[f"N_S = {q}"]) for q in QUERIES},
                **{power(a): needed_words(row[needed_at(a)]) if known else "–" for a in ALPHAS},
            })  # fmt: skip
    pairs = rows[rows.escaped.notna()]
    escapes = [{
        "attack": row["attack"], "pairs": row["samples"], "gap": _gap(row["gap"]),
        "escaped": f"{row['escaped']:.0f} of {row['asked']:.0f}", "at most": chance(row["bound"]),
        "expected": chance(row["expected"]), "of two pairs": chance(row["expected"] ** 2),
        **{needed_at(a): needed_words(n) for a, n in zip(ALPHAS, needed_for(row["expected"]), strict=True)},
        "median change": short(row["median change"]), "moved less (%)": short(row["moved less"]),
        "escaped, moved less": f"{row['escaped, moved less']:.0f}",
    } for row in pairs.to_dict("records")]  # fmt: skip
    text = (
        "N_S counts queries: a pair is two of them, N_S = 4 is two pairs. The rates are probabilities that no query "
        "shows the change, top-1 labels only, exact for random choice from the pool and averaged over the compromised "
        "models; after them N_S for a rate of 1e-2 ... 1e-8. A rate of 0: none of the pool escaped, which says no more "
        "than a pool of this size can; the second table says what to expect. SNR: median (lowest).\n\n"
        f"{markdown(pd.DataFrame(shown))}\n\n"
        "A pair escapes when a change moves its tie by less than the gap. Escaped: of all pairs and compromised "
        "models; at most: 95% bound on the share, from these counts alone. Expected: the share from the density of the "
        f"changes at 0, taken from the {NEAREST} smallest (without pairs that a third class gives away); after it N_S "
        "for independent pairs. Median change: of z_a - z_b at the tie; moved less: than the gap. Of the escaped, all "
        "but those in the last column lie at a tie that has become steeper.\n\n"
        f"{markdown(pd.DataFrame(escapes))}\n\n{_costs(rows)}"
    )
    return Section("beyond", "Beyond the paper: two queries", rows, text)


def _costs(rows: pd.DataFrame) -> str:
    first = rows[rows.attack == rows.attack[0]].set_index("samples")
    pair, sample = first.seconds[PLAIN].dropna().iloc[0], first.seconds[RANDOM]
    cost = [
        {"samples": name, "gap": _gap(row.gap), "made": f"{row.pool:.0f}", "failed": f"{row.failed:.0f}",
         "passes, at most": f"{row.passes:.0f}"}
        for name, row in first[first.escaped.notna()].iterrows()
    ]  # fmt: skip
    return (
        f"{markdown(pd.DataFrame(cost))}\n\nA pair at gap {_gap(GAPS[0])} took {short(pair)} processor seconds, a "
        f"sample of 100 iterations of Algorithm 1 {short(sample)}, on the same originals in the same run: "
        f"{sample / pair:.1f} times as many. (Passes of pairs at ties come on top of the 200 that lead to the ties.)"
    )


def queries(folder: Path, found: list[str]) -> str:
    """N_S for ALPHAS: the paper, our MANC, ties of several classes, and pairs as their expected escapes say."""
    shown = []
    for attack in ATTACKS:
        theirs = [str(paper.TABLE_5[attack][MANC][paper.ALPHAS.index(alpha)]) for alpha in ALPHAS]
        for dataset in found:
            mine = _read(folder, dataset, attack)
            if not len(mine):
                continue
            own = on_the_paper(dataset, attack)
            row = {"attack": attack, "data": f"**{NAMES[dataset]}**" if own else NAMES[dataset],
                   "the paper, MANC": " / ".join(theirs) if own else "–"}  # fmt: skip
            for name in (MANC, WAYS[-1]):
                its = mine[mine.samples == name]
                row[f"ours, {name}"] = " / ".join(needed_words(its[needed_at(a)].iloc[0]) for a in ALPHAS)
            for kind, gap in SHOWN:
                its = mine[(mine.samples == kind) & (mine.gap == gap)]
                cell = " / ".join(map(needed_words, needed_for(its.expected.iloc[0]))) if len(its) else "–"
                row[f"{kind}, gap {_gap(gap)}"] = cell
            shown.append(row)
    return markdown(pd.DataFrame(shown))


def escapes(folder: Path, found: list[str]) -> str:
    """Pairs that escaped, of all pairs and models, by gap; and the share that should."""
    shown = []
    for attack in ATTACKS:
        for dataset in found:
            mine = _read(folder, dataset, attack)
            mine = mine[mine.escaped.notna()]
            if not len(mine):
                continue
            row = {"attack": attack, "data": NAMES[dataset], "median change": short(mine["median change"].iloc[0])}
            for kind, gap in [*((PLAIN, gap) for gap in GAPS), *SHOWN[-2:]]:
                its = mine[(mine.samples == kind) & (mine.gap == gap)]
                cell = f"{its.escaped.iloc[0]:.0f}; {chance(its.expected.iloc[0])}" if len(its) else "–"
                row[f"{'' if kind == PLAIN else kind + ', '}gap {_gap(gap)}"] = cell
            shown.append(row)
    return markdown(pd.DataFrame(shown))


def pairs(folder: Path, found: list[str]) -> str:
    """How many pairs could be made, their SNR, and what they cost beside Algorithm 1."""
    shown = []
    for dataset in found:
        rows = pd.read_csv(folder / dataset / "beyond.csv")
        first = rows[rows.attack == rows.attack[0]]
        sample = first[first.samples == RANDOM].iloc[0]
        for row in first[first.escaped.notna()].to_dict("records"):
            if (row["samples"], row["gap"]) in SHOWN:
                ratio = sample.seconds / row["seconds"]
                shown.append({
                    "data": NAMES[dataset], "samples": row["samples"], "gap": _gap(row["gap"]),
                    "made": f"{row['pool']:.0f} of {row['pool'] + row['failed']:.0f}",
                    "SNR (dB)": f"{row['snr']:.1f} ({row['lowest snr']:.1f})", "passes": f"{row['passes']:.0f}",
                    "times cheaper than 100 iterations": "–" if pd.isna(ratio) else f"{ratio:.1f}",
                })  # fmt: skip
    return markdown(pd.DataFrame(shown))


def _read(folder: Path, dataset: str, attack: str) -> pd.DataFrame:
    rows = pd.read_csv(folder / dataset / "beyond.csv")
    return rows[rows.attack == attack]


def _theirs(percent: float) -> str:
    return chance(percent / 100) if percent else "< 5e-5"  # 0.00 in the paper


def _gap(gap: float) -> str:
    return "–" if pd.isna(gap) else power(gap)


def chance(p: float) -> str:
    """A probability to two digits; small ones as 3.1e-4."""
    if pd.isna(p):
        return "–"
    return f"{p:.2f}" if p >= 0.01 else "0" if p == 0 else f"{p:.1e}".replace("e-0", "e-")
