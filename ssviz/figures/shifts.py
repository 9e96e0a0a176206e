"""By how much compromised models moved a tie of two classes, which way, and which samples that flips."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from textwrap import wrap

import numpy as np
import plotly.graph_objects as go

from ssviz.figures.style import BLUE, GREY, ORANGE, RED, TEMPLATE

LOOKS = ((GREY, "circle-open"), (RED, "x"), (BLUE, "diamond"), (ORANGE, "square"))
LINEAR = 1e-3  # below so many logits the axis is linear, above it logarithmic


@dataclass(frozen=True, eq=False)
class Shifts:
    """By how much compromised models moved a tie, z_a - z_b at each of n samples, and which samples they flip.

    attacks: names, one a model. samples: n names. gaps: (n,) of the intact model. shifts: (models, n), compromised
    minus intact, in logits. flips: (models, n) bool, another top-1 label. tie: the names of a and b.
    """

    attacks: tuple[str, ...]
    samples: tuple[str, ...]
    gaps: np.ndarray
    shifts: np.ndarray
    flips: np.ndarray
    tie: tuple[str, str]


def tie_shifts(found: Shifts) -> go.Figure:
    """Which way each compromised model moved the tie and how far, a row an attack, and which samples flip.

    Paper: Section 5.2 (top-1 labels). Notebook: 06 and 13.
    """
    figure = go.Figure(shift_traces(found))
    return shift_axes(figure, found).update_layout(
        template=TEMPLATE, hovermode="closest", margin={"l": 124, "r": 10, "t": 60}
    )


def chosen(found: Shifts, model: int) -> dict:
    """Where the ring around the chosen model is, in the last trace of `tie_shifts`."""
    x, y = _spots(found)
    return {"x": [x[model]], "y": [y[model]]}


def outcomes(found: Shifts) -> tuple[list[str], np.ndarray]:
    """What can happen to the samples, in words, and (models,) int, which of these did."""
    n, count = len(found.samples), found.flips.sum(axis=1)
    if n == 1:
        return ["keeps its label", "flips"], count
    names = ["no sample flips", *(f"{name} flips" for name in found.samples), "several flip"]
    return names, np.where(count > 1, n + 1, np.where(count == 1, 1 + found.flips.argmax(axis=1), 0))


def shift_traces(found: Shifts) -> list[go.Scatter]:
    x, y = _spots(found)
    names, which = outcomes(found)
    told = [f"{name}: {s:+.3g}" for name, s in zip(found.attacks, found.shifts.mean(axis=1), strict=True)]
    rows = len(_rows(found)[0])
    tips = [v for gap in found.gaps for v in (_signed_log(-gap), _signed_log(-gap), None)]
    traces = [
        go.Scatter(x=tips, y=[-0.6, rows - 0.4, None] * len(found.gaps), mode="lines", name="tipping point",
                   line={"color": GREY, "width": 1.5, "dash": "dot"}, hoverinfo="skip")
    ]  # fmt: skip
    for i, name in enumerate(names):
        colour, symbol = LOOKS[i % len(LOOKS)]
        mine = np.flatnonzero(which == i)
        traces.append(
            go.Scatter(x=x[mine], y=y[mine], name=name, mode="markers", text=[told[j] for j in mine],
                       hovertemplate="%{text}<extra></extra>",
                       marker={"symbol": symbol, "size": 10, "color": colour, "line": {"width": 2}})
        )  # fmt: skip
    ring = {"symbol": "circle-open", "size": 21, "color": GREY, "line": {"width": 2.5}}
    return [*traces, go.Scatter(**chosen(found, 0), mode="markers", showlegend=False, hoverinfo="skip", marker=ring)]


def shift_axes(figure: go.Figure, found: Shifts, **panel: int) -> go.Figure:
    rows, _ = _rows(found)
    far = float(np.abs(_spots(found)[0]).max()) + 0.4
    powers = [10.0**k for k in range(-2, 3) if _signed_log(10.0**k) < far]
    ticks = [*(-p for p in powers[::-1]), 0, *powers]
    a, b = ("<br>".join(wrap(name, 18)) for name in found.tie)
    figure.update_xaxes(
        range=[-far, far], tickvals=[_signed_log(t) for t in ticks], ticktext=[f"{t:+g}" if t else "0" for t in ticks],
        title={"text": "the tie moved by, logits", "standoff": 8, "font": {"size": 13}}, zeroline=True,
        zerolinecolor=GREY, **panel,
    )  # fmt: skip
    labels = ["<br>".join(wrap(name, 16)) for name in rows]
    figure.update_yaxes(range=[len(rows) - 0.4, -1.3], tickvals=list(range(len(rows))), ticktext=labels, ticks="",
                        showgrid=False, **panel)  # fmt: skip
    axis = "" if not panel else str(panel["col"])
    for side, text in ((-1, f"← {b} gains"), (1, f"{a} gains →")):
        figure.add_annotation(x=side * far, y=-1.25, xref=f"x{axis}", yref=f"y{axis}", text=text, showarrow=False,
                              xanchor="left" if side < 0 else "right", yanchor="top",
                              align="left" if side < 0 else "right")  # fmt: skip
    return figure


def kinds(attacks: Sequence[str]) -> list[str]:
    """What models are called without the numbers that tell those of a name apart: "trojan" of "trojan (2)"."""
    return [re.sub(r" \(\d+\)$", "", name) for name in attacks]


def _rows(found: Shifts) -> tuple[list[str], np.ndarray]:
    """The kinds of attack, and the row (models,) that each model is in."""
    names = kinds(found.attacks)
    rows = list(dict.fromkeys(names))
    return rows, np.array([rows.index(name) for name in names])


def _spots(found: Shifts) -> tuple[np.ndarray, np.ndarray]:
    """x and y of every model: its shift on the signed logarithmic axis, and its row, those of a kind side by side."""
    _, row = _rows(found)
    nth = np.array([np.sum(row[:i] == row[i]) for i in range(len(row))])
    count = np.bincount(row)[row]
    return _signed_log(found.shifts.mean(axis=1)), row + 0.6 * ((nth + 0.5) / count - 0.5)


def _signed_log(s: np.ndarray | float) -> np.ndarray | float:
    return np.sign(s) * np.log10(1 + np.abs(s) / LINEAR)
