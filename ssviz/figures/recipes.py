"""Figure 3 for a whole bag: sensitivity and similarity along the ascent, by recipe."""

import numpy as np
import pandas as pd
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from ssviz.figures.style import BLUE, ORANGE, TEMPLATE

_LOOK = ((BLUE, "solid"), (ORANGE, "dash"))


def ascents(rows: pd.DataFrame) -> go.Figure:
    """Median and quartiles of S (log axis) and of the SNR (dB) against iterations, a colour per recipe.

    rows: columns recipe (at most two), quantity ("S" or "snr"), iteration, low, median, high. Paper: Figure 3, left.
    """
    figure = make_subplots(cols=2, subplot_titles=("sensitivity S", "SNR (dB)"), horizontal_spacing=0.09)
    for (recipe, its), (colour, dash) in zip(rows.groupby("recipe", sort=False), _LOOK, strict=False):
        for column, quantity in enumerate(("S", "snr"), start=1):
            mine = its[its.quantity == quantity]
            where = {"row": 1, "col": column}
            band = {"mode": "lines", "line": {"width": 0}, "showlegend": False, "hoverinfo": "skip"}
            figure.add_trace(go.Scatter(x=mine.iteration, y=mine.low, **band), **where)
            figure.add_trace(
                go.Scatter(x=mine.iteration, y=mine.high, fill="tonexty", fillcolor=_faint(colour), **band),
                **where,
            )
            line = {"color": colour, "dash": dash, "width": 2.5}
            figure.add_trace(go.Scatter(x=mine.iteration, y=mine["median"], name=recipe, line=line,
                                        legendgroup=recipe, showlegend=column == 1), **where)  # fmt: skip
    figure.update_yaxes(type="log", exponentformat="power", dtick=_decades(rows), col=1).update_xaxes(
        title_text="iteration"
    )
    return figure.update_layout(template=TEMPLATE, height=420, legend_y=1.14, margin_t=80)


def _decades(rows: pd.DataFrame) -> int:
    """Powers of ten from one tick to the next, for about six ticks."""
    s = rows[(rows.quantity == "S") & (rows.low > 0)]
    return max(1, round(np.log10(s.high.max() / s.low.min()) / 6))


def _faint(colour: str) -> str:
    red, green, blue = (int(colour[i : i + 2], 16) for i in (1, 3, 5))
    return f"rgba({red},{green},{blue},0.2)"
