"""Table 6: missing rates before and after adversarial fine-tuning, beside the paper's."""

from collections.abc import Mapping

import numpy as np
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from ssviz import paper
from ssviz.figures.style import BLUE, GREY, ORANGE, TEMPLATE, slider
from ssviz.resistance import MANC, RANDOM, Resistance

FLOOR = 1e-5  # lower rates are drawn here: a logarithmic axis has no zero
WHEN = ("before", "after")
_COLOURS = {RANDOM: ORANGE, MANC: BLUE}
_THEIRS = "the paper"


def fine_tuning(result: Resistance, attack: str, n_s: int) -> go.Figure:
    """Missing rates against N_S before and after, and for n_s samples each model's way from before to after.

    Rates below the floor lie on it; rates that the paper rounds to 0.00% are left out.

    Paper: Section 5.4, Table 6. Notebook: 12.
    """
    figure = _panels(len(result.n_s))
    for trace, column in traces(result, attack, n_s):
        figure.add_trace(trace, row=1, col=column)
    return figure


def fine_tuning_of_all(results: Mapping[str, Resistance], n_s: int) -> go.Figure:
    """The same with a menu of data sets and attacks, and a slider over N_S, for pages without a kernel.

    results: name of the data -> its rates. Paper: Section 5.4, Table 6. Notebook: 12.
    """
    chosen = [(name, result, attack) for name, result in results.items() for attack in result.attacks]
    last = min(len(result.n_s) for result in results.values())
    figure, owner = _panels(max(len(result.n_s) for result in results.values())), []
    for number, (_, result, attack) in enumerate(chosen):
        for trace, column in traces(result, attack, n_s):
            trace.visible = number == 0
            figure.add_trace(trace, row=1, col=column)
            owner.append(number)
    moves = len(moving(chosen[0][1], chosen[0][2], n_s))
    at = [i for i, mine in enumerate(owner) if i + moves >= len(owner) or owner[i + moves] != mine]
    figure.frames = [
        go.Frame(
            name=str(n), traces=at, data=[go.Scatter(**xy) for _, r, attack in chosen for xy in moving(r, attack, n)]
        )
        for n in range(1, last + 1)
    ]
    buttons = [
        {"label": f"{name}: {attack}", "method": "update", "args": [{"visible": [mine == number for mine in owner]}]}
        for number, (name, _, attack) in enumerate(chosen)
    ]
    menu = {"buttons": buttons, "x": 1, "xanchor": "right", "y": 1.36, "yanchor": "top", "name": "data and attack",
            "font": {"color": "#333"}, "bgcolor": "#f2f2f2"}  # fmt: skip
    steps = [str(n) for n in range(1, last + 1)]
    return figure.update_layout(
        height=510, margin_t=116, updatemenus=[menu], sliders=[slider(steps, steps, "N_S = ", min(n_s, last) - 1)]
    )


def traces(result: Resistance, attack: str, n_s: int) -> list[tuple[go.Scatter, int]]:
    """The traces and the panel of each, the last four following N_S."""
    made = []
    for method, colour in _COLOURS.items():
        for when, rates in zip(WHEN, (result.before, result.after), strict=True):
            mean = rates[attack][method].mean(axis=0)
            made.append(
                (_curve(result.n_s, _drawn(mean), f"{method.removeprefix('sensitive + ')}, {when}", colour, when), 1)
            )
    for when, percent in zip(WHEN, _paper(attack), strict=True):
        made.append((_curve(np.arange(1, len(percent) + 1), percent, f"{_THEIRS}, {when}", GREY, when), 1))
    looks = [{"line": {"color": colour, "width": 1.5}, "marker": {"size": 9}} for colour in _COLOURS.values()]
    looks += [{"line": {"color": GREY, "width": 1.5, "dash": "dot"}, "marker": {"size": 9, "symbol": "square"}}]
    looks[1]["marker"]["symbol"] = "diamond"
    *ways, line = moving(result, attack, n_s)
    quiet = {"mode": "lines", "line": {"color": GREY, "dash": "dot", "width": 1.5}, "hoverinfo": "skip"}
    for way, look in zip(ways, looks, strict=True):
        hover = "%{x}: %{y:.2g}<extra></extra>"
        made.append((go.Scatter(**way, **look, mode="lines+markers", showlegend=False, hovertemplate=hover), 2))
    return [*made, (go.Scatter(**line, **quiet, showlegend=False), 1)]


def moving(result: Resistance, attack: str, n_s: int) -> list[dict]:
    """x and y of the traces that follow N_S: each model's way by random choice, by MANC, the paper's, and the line."""
    ways = []
    for method in _COLOURS:
        pairs = zip(*(rates[attack][method][:, n_s - 1] for rates in (result.before, result.after)), strict=True)
        ways.append([None if way is None else _drawn(way) for pair in pairs for way in (*pair, None)])
    theirs = [values[n_s - 1] if n_s <= len(values) else np.nan for values in _paper(attack)]
    ways.append([*theirs, None] if np.isfinite(theirs).all() else [None] * 3)
    made = [{"x": [*WHEN, None] * (len(y) // 3), "y": y} for y in ways]
    return [*made, {"x": [n_s, n_s], "y": [FLOOR / 3, 1.5]}]


def _curve(x: np.ndarray, y: np.ndarray, name: str, colour: str, when: str) -> go.Scatter:
    before = when == "before"
    symbol, size = ("circle", 8) if before else ("diamond-open", 10)
    return go.Scatter(
        x=x, y=y, name=name, mode="lines+markers", hovertemplate="%{y:.2g}",
        line={"color": colour, "dash": "solid" if before else "dash", "width": 2.5},
        marker={"symbol": symbol, "size": size, "line": {"width": 2, "color": colour}},
    )  # fmt: skip


def _paper(attack: str) -> tuple[np.ndarray, np.ndarray]:
    """The paper's rates before and after, NaN where it rounds them to 0 or has none."""
    percent = np.array(paper.TABLE_6.get(attack, ((0.0,), (0.0,))), float)
    rates = np.where(percent > 0, percent / 100, np.nan)
    return rates[0], rates[1]


def _drawn(rates: np.ndarray) -> np.ndarray:
    return np.maximum(rates, FLOOR)


def _panels(last: int) -> go.Figure:
    titles = ("missing rate, mean of the models", "each model, N<sub>S</sub> at the line")
    figure = make_subplots(cols=2, column_widths=[0.62, 0.38], horizontal_spacing=0.09, subplot_titles=titles)
    figure.update_annotations(font_size=14)
    powers = range(-5, 1)
    names = ["≤ 10<sup>−5</sup>", *(f"10<sup>−{-p}</sup>" for p in powers if -5 < p < 0), "1"]
    figure.update_yaxes(type="log", range=[-5.25, 0.2], tickvals=[10.0**p for p in powers], ticktext=names)
    figure.update_xaxes(title_text="samples N<sub>S</sub>", dtick=1, range=[0.7, last + 0.3], col=1)
    figure.update_xaxes(title_font_size=13, title_standoff=10)
    figure.update_xaxes(title_text="adversarial fine-tuning", type="category", categoryarray=WHEN,
                        categoryorder="array", range=[-0.35, 1.35], col=2)  # fmt: skip
    return figure.update_layout(
        template=TEMPLATE, height=400, hovermode="closest", legend={"y": 1.12},
        margin={"l": 60, "r": 12, "t": 84, "b": 54},
    )  # fmt: skip
