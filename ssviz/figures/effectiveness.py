"""Figure 5: missing rate against the number of samples, for three ways to choose them."""

import numpy as np
import plotly.graph_objects as go

from ssviz.effectiveness import METHODS, Effectiveness
from ssviz.figures.style import BLUE, GREEN, GREY, ORANGE, TEMPLATE

FLOOR = 1e-9  # a rate of zero cannot be drawn on a logarithmic axis: it is drawn here
_LOOK = dict(zip(METHODS, [(GREEN, "dot", "circle"), (ORANGE, "dash", "diamond"), (BLUE, "solid", "square")],
                 strict=True))  # fmt: skip


def missing_rates(result: Effectiveness, attack: str, n_s: int) -> go.Figure:
    """Missing rates against N_S (log axis) for one attack, with a cursor at n_s. Rates of zero lie on the floor.

    Paper: Figure 5. Notebook: 10.
    """
    return _labelled(go.Figure(_traces(result, attack, n_s)), result)


def missing_rates_of_all(result: Effectiveness, n_s: int = 3) -> go.Figure:
    """The same with a menu of the attacks, for pages without a kernel. Paper: Figure 5. Notebook: 10."""
    per_attack = [_traces(result, attack, n_s) for attack in result.attacks]
    width = len(per_attack[0])
    figure = go.Figure([trace for traces in per_attack for trace in traces])
    for i, trace in enumerate(figure.data):
        trace.visible = i < width
    buttons = [
        {"label": attack, "method": "update",
         "args": [{"visible": [i // width == number for i in range(width * len(per_attack))]}]}
        for number, attack in enumerate(result.attacks)
    ]  # fmt: skip
    menu = {"buttons": buttons, "x": 1, "xanchor": "right", "y": 1.02, "yanchor": "bottom", "font": {"color": "#333"},
            "bgcolor": "#f2f2f2"}  # fmt: skip
    return _labelled(figure, result).update_layout(updatemenus=[menu], height=430)


def cursor(result: Effectiveness, attack: str, n_s: int) -> dict:
    """x and y of the markers at n_s, one on each method's curve."""
    return {"x": [n_s] * len(METHODS), "y": [_drawn(result.rates[attack][m])[n_s - 1] for m in METHODS]}


def curves(result: Effectiveness, attack: str) -> list[np.ndarray]:
    """y of each method's curve, floored for the log axis."""
    return [_drawn(result.rates[attack][method]) for method in METHODS]


def _traces(result: Effectiveness, attack: str, n_s: int) -> list[go.Scatter]:
    traces = []
    for method, y in zip(METHODS, curves(result, attack), strict=True):
        colour, dash, symbol = _LOOK[method]
        rates = result.rates[attack][method]
        traces.append(
            go.Scatter(
                x=result.n_s, y=y, name=method, mode="lines+markers", customdata=rates,
                hovertemplate="%{customdata:.3g}",
                line={"color": colour, "dash": dash, "width": 2.5}, marker={"symbol": symbol, "size": 8},
            )
        )  # fmt: skip
    ring = {"size": 17, "color": "rgba(0,0,0,0)", "line": {"color": GREY, "width": 2}}
    traces.append(go.Scatter(**cursor(result, attack, n_s), mode="markers", marker=ring, showlegend=False,
                             hoverinfo="skip"))  # fmt: skip
    return traces


def _drawn(rates: np.ndarray) -> np.ndarray:
    return np.maximum(rates, FLOOR)


def _labelled(figure: go.Figure, result: Effectiveness) -> go.Figure:
    figure.update_xaxes(title_text="samples N_S", dtick=1)
    ticks = [10.0**-k for k in range(9, -1, -1)]
    names = ["0", *(f"10<sup>−{k}</sup>" for k in range(8, 0, -1)), "1"]
    figure.update_yaxes(title_text="missing rate", type="log", range=[-9.3, 0.3], tickvals=ticks, ticktext=names)
    return figure.update_layout(template=TEMPLATE, height=380)
