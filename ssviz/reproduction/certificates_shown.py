"""The certificate and the single-weight attack, for reading: sections of the report."""

import pandas as pd

from ssviz.reproduction.certificates import MILESTONES, OURS, RANDOM, RELATIVE, ROUNDING, SIZES, TRIED
from ssviz.reproduction.sections import Section, markdown

N_S = (1, 2, 4, 8, 16, 32, 64, 128, 256)


def section_certificate(dataset: str, rows: pd.DataFrame) -> Section:
    """How many samples certify 50% to 99% of the last layer's weights."""
    shown = []
    for (pool, choice), mine in rows[rows.of > 0].groupby(["pool", "choice"], sort=False):
        last = mine.iloc[-1]
        reach = {f"{m:.0%}": _first(mine, "both", m) for m in MILESTONES}
        reach |= {f"{m:.0%} of the reached": _first(mine, "both, reached", m) for m in MILESTONES[2:]}
        shown.append({
            "pool": pool, "samples": f"{last.of:.0f}", "choice": f"**{choice}**" if choice == OURS else choice, **reach,
            "all of them": f"{last.both:.1f}%", "of the reached": f"{last['both, reached']:.1f}%",
            "by the whole spread": f"{last.wider:.1f}%", "silent": f"{last.silent:.1f}%",
        })  # fmt: skip
    never = rows["never woken by images"].max()
    note = (
        f"A weight is certified if no change of it by more than {RELATIVE:.0%} of the layer's spread, up or down, can "
        "slip through: exact, by the linearity of the last layer. Numbers of samples N_S that certify so much of all "
        "its weights, or of those whose neuron some natural image of the data set wakes (the reached); –: the pool "
        f"does not. Choice: {OURS}, greedily for what is not yet certified; MANC; {RANDOM}, the mean of several draws. "
        "All of them: what the whole pool certifies; by the whole spread: the same for changes ten times as large. "
        "Silent: weights of neurons that fire for no sample of the pool. No natural image wakes the neurons of "
        f"{never:.1f}% of the weights: a change of these alters no answer to any of them."
    )
    return Section("certificate", "The certificate: which weights cannot be changed unnoticed", rows,
                   f"{note}\n\n{markdown(pd.DataFrame(shown))}")  # fmt: skip


def _first(mine: pd.DataFrame, column: str, share: float) -> str:
    there = mine[mine[column] >= 100 * share - 1e-9]
    return f"{there.n_s.iloc[0]:.0f}" if len(there) else "–"


def section_check(dataset: str, rows: pd.DataFrame) -> Section:
    """What the model itself says to the certificate."""
    named = rows.change.map({"factor": "of the smallest detected change", "size": "of the layer's spread"})
    shown = pd.DataFrame({
        "single weights changed by": [f"{value:g} times that {name}" if "smallest" in name else f"{value:.0%} {name}"
                                      for value, name in zip(rows.value, named, strict=True)],
        **{column: rows[column].map(lambda v: f"{v:.0f}") for column in rows.columns[2:]},
    })  # fmt: skip
    shown.iloc[:, 0] = shown.iloc[:, 0].str.replace("times that of the", "times the")
    note = (
        f"{TRIED} single weights of each kind were changed in a copy of the model, one at a time, and the model was "
        "asked. Disagreements: the certificate says detected and no label changed, or the other way round. Beyond "
        f"rounding: those where the change is further than {ROUNDING:g} in the logits from the certified one."
    )
    return Section("certificate-check", "The certificate against brute force", rows, f"{note}\n\n{markdown(shown)}")


def section_single_weight(dataset: str, rows: pd.DataFrame) -> Section:
    """Which fingerprint finds a single changed weight."""
    shown = []
    for size in SIZES:
        for fingerprint, mine in rows[rows["size"] == size].groupby("fingerprint", sort=False):
            found = mine.set_index("n_s")["found, reached"]
            cells = {f"N_S = {n}": f"{found[n]:.2g}" if n in found.index else "–" for n in N_S}
            shown.append({"change": f"{size:.0%} of the spread", "fingerprint": fingerprint, **cells})
    note = (
        "An attacker changes one weight of the last layer, up or down. Share (%) of all such changes that N_S queries "
        "find, top-1 labels only, among the weights whose neuron some natural image wakes; computed from the "
        "certificate, so exact. A change that tips one tie leaves most others alone: what counts is how many ties, of "
        "how many classes, with how many neurons awake."
    )
    return Section("single-weight", "The attack on a single weight", rows, f"{note}\n\n{markdown(pd.DataFrame(shown))}")
