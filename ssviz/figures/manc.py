"""Figure 2: neurons covered, newly covered and uncovered, step by step; coverage against random choice."""

import numpy as np
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from ssviz.figures.style import BLUE, GREY, ORANGE, TEMPLATE, data_url, slider
from ssviz.manc import RandomCoverage, Selection

UNCOVERED, COVERED, NEW = "#B8BEC6", BLUE, ORANGE


def neuron_states(selection: Selection, n_s: int) -> np.ndarray:
    """State of every neuron after n_s picks: 0 uncovered, 1 covered before, 2 newly covered; (neurons,) int."""
    now = selection.covered[n_s - 1]
    before = selection.covered[n_s - 2] if n_s > 1 else np.zeros_like(now)
    return now.astype(int) + (now & ~before)


def neuron_grid(selection: Selection, n_s: int, *, cell: int | None = None) -> np.ndarray:
    """The neurons as a near-square grid of coloured cells, ``cell`` pixels each: uint8 RGBA (h, w, 4).

    cell: 10 by default, and fewer where there are many neurons.
    """
    states = neuron_states(selection, n_s)
    columns = int(np.ceil(np.sqrt(len(states))))
    cell = int(np.clip(640 // columns, 2, 10)) if cell is None else cell
    padded = np.full(-(-len(states) // columns) * columns, 3)
    padded[: len(states)] = states
    colours = np.array([_rgba(UNCOVERED), _rgba(COVERED), _rgba(NEW), (0, 0, 0, 0)], np.uint8)
    pixels = colours[padded.reshape(-1, columns)].repeat(cell, 0).repeat(cell, 1)
    pixels[::cell, :, 3] = 0  # gaps between the cells show the page
    pixels[:, ::cell, 3] = 0
    return pixels


def coverage(selection: Selection, random: RandomCoverage, n_s: int) -> go.Figure:
    """Share of neurons covered against N_S: MANC, random choice (mean, 5% to 95%) and the best random draw.

    Paper: Section 3.3. Notebook: 05.
    """
    figure = go.Figure(_coverage_traces(selection, random, n_s))
    _label(figure)
    return figure.update_layout(template=TEMPLATE, height=340)


def coverage_with_grid(selection: Selection, random: RandomCoverage) -> go.Figure:
    """The neuron grid beside the coverage curves, with a slider over N_S. Paper: Figure 2. Notebook: 05."""
    steps = range(1, len(selection) + 1)
    start = min(2, len(selection))
    figure = make_subplots(
        cols=2, column_widths=[0.42, 0.58], horizontal_spacing=0.12,
        subplot_titles=("<span style='color:#0072B2'>■ covered</span>  <span style='color:#E69F00'>■ new</span>  "
                        "<span style='color:#9aa1a9'>■ uncovered</span>", ""),
    )  # fmt: skip
    figure.add_trace(go.Image(source=_picture(selection, start), hoverinfo="skip"), row=1, col=1)
    for trace in _coverage_traces(selection, random, start):
        figure.add_trace(trace, row=1, col=2)
    last = len(figure.data) - 1
    figure.frames = [
        go.Frame(
            name=str(n),
            traces=[0, last],
            data=[go.Image(source=_picture(selection, n)), go.Scatter(x=[n], y=[selection.coverage[n - 1]])],
        )
        for n in steps
    ]
    figure.update_xaxes(visible=False, row=1, col=1)
    figure.update_yaxes(visible=False, row=1, col=1)
    _label(figure, row=1, col=2)
    names = [str(n) for n in steps]
    return figure.update_layout(
        template=TEMPLATE, height=460, hovermode="closest", legend={"x": 1, "xanchor": "right", "y": 1.02},
        sliders=[slider(names, names, "N_S = ", start - 1)],
    )  # fmt: skip


def _picture(selection: Selection, n_s: int) -> str:
    columns = int(np.ceil(np.sqrt(selection.n_neurons)))
    return data_url(neuron_grid(selection, n_s, cell=int(np.clip(400 // columns, 2, 6))))


def _coverage_traces(selection: Selection, random: RandomCoverage, n_s: int) -> list[go.Scatter]:
    x = np.arange(1, len(selection) + 1)
    low, high = random.quantile(0.05), random.quantile(0.95)
    return [
        go.Scatter(
            x=np.concatenate([x, x[::-1]]), y=np.concatenate([high, low[::-1]]), fill="toself", mode="none",
            fillcolor="rgba(128,128,128,0.25)", name="random, 5% to 95%", hoverinfo="skip",
        ),
        go.Scatter(x=x, y=random.mean, name="random, mean", line={"color": GREY, "dash": "dot", "width": 2}),
        go.Scatter(x=x, y=random.best, name="best random draw", line={"color": ORANGE, "dash": "dash", "width": 2}),
        go.Scatter(x=x, y=selection.coverage, name="MANC", line={"color": BLUE, "width": 3}, marker={"size": 7},
                   mode="lines+markers"),
        go.Scatter(x=[n_s], y=[selection.coverage[n_s - 1]], mode="markers", showlegend=False, hoverinfo="skip",
                   marker={"size": 16, "color": "rgba(0,0,0,0)", "line": {"color": BLUE, "width": 3}}),
    ]  # fmt: skip


def _label(figure: go.Figure, **where: int) -> None:
    figure.update_xaxes(title_text="samples N_S", dtick=1, **where)
    figure.update_yaxes(title_text="neurons covered", tickformat=".0%", **where)


def _rgba(colour: str) -> tuple[int, int, int, int]:
    return (*(int(colour[i : i + 2], 16) for i in (1, 3, 5)), 255)
