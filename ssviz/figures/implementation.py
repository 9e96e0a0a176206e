"""Section 4 drawn: what attacks do to the models of Table 2, and S with each layer as W."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from ssviz.figures.style import BLUE, GREY, ORANGE, TEMPLATE
from ssviz.implementation import ByLayer, Outcomes

TITLES = ("accuracy lost on clean images", "success of the attack")


def attack_outcomes(result: Outcomes) -> go.Figure:
    """Accuracy lost (percentage points) and success (%), an attack a row: mean, lowest to highest, the paper's.

    Paper: Table 2. Notebook: 08.
    """
    figure = make_subplots(cols=2, shared_yaxes=True, horizontal_spacing=0.06, subplot_titles=TITLES)
    for number, traces in enumerate(_traces(result), start=1):
        figure.add_traces(traces, rows=1, cols=number)
    return _label(figure).update_layout(height=height(result))


def attack_outcomes_of_all(results: Mapping[str, Outcomes], first: str) -> go.Figure:
    """The same with a menu of the data sets, for pages without a kernel. Paper: Table 2. Notebook: 08."""
    figure = make_subplots(cols=2, shared_yaxes=True, horizontal_spacing=0.06, subplot_titles=TITLES)
    owners = []
    for name, result in results.items():
        for number, traces in enumerate(_traces(result), start=1):
            figure.add_traces([trace.update(visible=name == first) for trace in traces], rows=1, cols=number)
            owners += [name] * len(traces)
    buttons = [
        {"label": name, "method": "update",
         "args": [{"visible": [owner == name for owner in owners]}, {"height": height(result) + 60}]}
        for name, result in results.items()
    ]  # fmt: skip
    menu = {"buttons": buttons, "active": list(results).index(first), "name": "data set", "x": 1, "xanchor": "right",
            "y": 1.07, "yanchor": "bottom", "font": {"color": "#333"}, "bgcolor": "#f2f2f2"}  # fmt: skip
    return _label(figure).update_layout(height=height(results[first]) + 60, updatemenus=[menu], margin_t=92)


def moved(result: Outcomes) -> list[dict[str, Any]]:
    """What changes of the four traces of `attack_outcomes` when another result is drawn."""
    found = []
    panels = ((result.lost, result.paper_lost), (result.success, result.paper_success))
    for (mean, low, high), papers in panels:
        text = [f"{m:.2f} ({a:.2f} to {b:.2f}), {n} models" for m, a, b, n in zip(mean, low, high, result.models,
                                                                                   strict=True)]  # fmt: skip
        bars = {"array": high - mean, "arrayminus": mean - low}
        found.append({"x": mean, "y": result.attacks, "error_x": bars, "customdata": text})
        found.append({"x": papers, "y": result.attacks, "customdata": result.paper_data})
    return found


def height(result: Outcomes) -> int:
    """Pixels for so many attacks."""
    return 150 + 34 * len(result.attacks)


def layers(result: ByLayer, groups: Sequence[str]) -> go.Figure:
    """S of every sample with each layer as W (log axis), a line a sample.

    groups: n names, what each sample is, of two kinds. Paper: Section 4.3. Notebook: 08.
    """
    figure, looks = go.Figure(), ((GREY, "circle"), (BLUE, "diamond"))
    places = np.arange(len(result.layers))
    for kind, (colour, symbol) in zip(dict.fromkeys(groups), looks, strict=False):
        s = result.sensitivity[:, [group == kind for group in groups]].T
        gaps = np.full((len(s), 1), np.nan)  # between one sample's line and the next
        figure.add_trace(go.Scatter(
            x=np.tile([*places, np.nan], len(s)), y=np.hstack([s, gaps]).ravel(), name=kind, mode="lines+markers",
            line={"color": colour, "width": 1}, marker={"color": colour, "symbol": symbol, "size": 9},
            hovertemplate="S = %{y:.2g}",
        ))  # fmt: skip
    names = [f"{name}<br>{count:,}" for name, count in zip(result.layers, result.weights, strict=True)]
    figure.update_xaxes(tickvals=places, ticktext=names, title_text="the layer taken for W, and its weights",
                        title_font_size=13, title_standoff=12)  # fmt: skip
    figure.update_yaxes(type="log", title_text="sensitivity S", title_font_size=13, exponentformat="power", nticks=8)
    return figure.update_layout(template=TEMPLATE, height=400, hovermode="closest", margin_b=76)


def _traces(result: Outcomes) -> tuple[list[go.Scatter], list[go.Scatter]]:
    parts = moved(result)
    made = []
    for number in (0, 2):
        ours, papers = parts[number : number + 2]
        look = {"mode": "markers", "showlegend": number == 0}
        bars = {**ours.pop("error_x"), "type": "data", "symmetric": False, "thickness": 2.5, "width": 6, "color": BLUE}
        made.append([
            go.Scatter(**ours, **look, error_x=bars, name="ours: mean, lowest to highest", legendgroup="ours",
                       marker={"color": BLUE, "size": 9}, hovertemplate="%{customdata}<extra></extra>"),
            go.Scatter(**papers, **look, name="the paper's, on its own data", legendgroup="paper",
                       marker={"color": ORANGE, "symbol": "diamond-open", "size": 13, "line": {"width": 2.5}},
                       hovertemplate="the paper, %{customdata}: %{x:.4g}<extra></extra>"),
        ])  # fmt: skip
    return tuple(made)


def _label(figure: go.Figure) -> go.Figure:
    figure.update_xaxes(
        title_text="percentage points", title_font_size=13, title_standoff=8, zeroline=True, zerolinecolor=GREY, col=1
    )
    figure.update_xaxes(
        title_text="percent of the attack's own test images",
        title_font_size=13,
        title_standoff=8,
        range=[-4, 104],
        col=2,
    )
    figure.update_yaxes(autorange="reversed", showgrid=True, ticks="", ticksuffix=" ", automargin=True)
    figure.update_annotations(font_size=13)
    return figure.update_layout(template=TEMPLATE, hovermode="closest", legend_y=1.0, legend_yref="container",
                                legend_yanchor="top", margin_t=76)  # fmt: skip
