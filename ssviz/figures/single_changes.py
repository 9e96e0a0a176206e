"""The attack on a single weight: how many of all such changes each fingerprint finds, against N_S."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import plotly.graph_objects as go

from ssviz.figures.style import BLUE, GREEN, GREY, ORANGE, PINK, RED, SKY, TEMPLATE, menu

FLOOR = 1e-7  # a share of zero cannot be drawn on a logarithmic axis
_LOOKS = [(GREY, "dot", "circle-open"), (ORANGE, "dot", "diamond"), (ORANGE, "dash", "diamond-open"),
          (ORANGE, "solid", "x"), (GREEN, "solid", "square"), (BLUE, "dot", "circle"), (SKY, "dash", "triangle-up"),
          (BLUE, "solid", "cross"), (RED, "longdash", "star"), (PINK, "longdashdot", "hexagon")]  # fmt: skip


def found_curve(curves: Mapping[str, np.ndarray]) -> go.Figure:
    """Share of all changes of a single weight that are found against N_S, both axes logarithmic: a line a fingerprint.

    curves: name -> (n,) shares after 1 ... n samples, as `Certificate.found` returns them. Raises ValueError if there
    are none, or more than ten.

    Paper: beyond it (Section 4.1's arbitrary modification of weights). Notebook: 13.
    """
    lines = {name: (np.arange(1, len(share) + 1), np.asarray(share)) for name, share in curves.items()}
    return _figure(lines)


def single_weight(rows: Any, size: float = 1.0) -> go.Figure:
    """The same for the rows of ``ssviz reproduce --table single-weight``, with a menu of the sizes of the change.

    rows: a data frame with columns fingerprint, size (relative to the layer's spread), n_s and "found, reached" (%).
    Raises ValueError if no row has this size.

    Paper: beyond it (Section 4.1's arbitrary modification of weights). Notebook: 13.
    """
    sizes = sorted(set(rows["size"]))
    if size not in sizes:
        raise ValueError(f"size must be one of {', '.join(f'{s:g}' for s in sizes)}; received {size!r}.")
    lines = {each: _lines(rows[rows["size"] == each]) for each in sizes}
    figure = _figure(lines[size])
    labels = [f"change: {each:.0%} of the spread" for each in sizes]
    ys = [{"y": [_shown(share).tolist() for _, share in lines[each].values()]} for each in sizes]
    figure.update_layout(
        updatemenus=[menu("size", labels, ys, sizes.index(size))], margin={"t": 96, "l": 80}, height=480
    )
    return figure


def _lines(rows: Any) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Fingerprint -> N_S and shares."""
    return {
        name: (mine.n_s.to_numpy(), mine["found, reached"].to_numpy() / 100)
        for name, mine in rows.groupby("fingerprint", sort=False)
    }


def _shown(share: np.ndarray) -> np.ndarray:
    return np.maximum(share, FLOOR).astype(np.float32)


def _figure(lines: Mapping[str, tuple[np.ndarray, np.ndarray]]) -> go.Figure:
    if not 1 <= len(lines) <= len(_LOOKS):
        raise ValueError(f"curves must hold 1 to {len(_LOOKS)} curves; received {len(lines)}.")
    figure = go.Figure()
    for (name, (n_s, share)), (colour, dash, symbol) in zip(lines.items(), _LOOKS, strict=False):
        figure.add_scatter(
            x=n_s, y=_shown(share), name=name, line={"color": colour, "dash": dash, "width": 2.5},
            mode="lines+markers" if len(n_s) <= 12 else "lines", marker={"symbol": symbol, "size": 8},
            hovertemplate="%{y:.3%}",
        )  # fmt: skip
    ticks = 2 ** np.arange(11)
    figure.update_xaxes(title_text="samples N_S", type="log", tickvals=ticks, ticktext=[str(t) for t in ticks])
    figure.update_yaxes(title_text="single changes found", type="log", dtick=1, tickformat=".4~%")
    return figure.update_layout(
        template=TEMPLATE, height=420, legend={"orientation": "v", "x": 1.02, "y": 1, "yanchor": "top"}
    )
