"""Figure 5 and Table 5: missing rate against samples, samples needed against alpha, for three ways to choose them."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import plotly.graph_objects as go

from ssviz import paper
from ssviz.effectiveness import METHODS, Band, Effectiveness
from ssviz.figures.style import BLUE, GREEN, ORANGE, TEMPLATE, band, menu, slider, upright

FLOOR = 1e-9  # a rate of zero cannot be drawn on a logarithmic axis: it is drawn here
TOP = 5000  # the upper end of the samples that are drawn
ROUNDED = 0.005  # the paper's 0.00% says no more than: less than this
_LOOK = dict(zip(METHODS, [(GREEN, "dot", "circle"), (ORANGE, "dash", "diamond"), (BLUE, "solid", "square")],
                 strict=True))  # fmt: skip
_CURVES, THEIRS = (3, 4, 5), 6  # of one panel's traces: three bands, three curves, the paper's


def missing_rates(result: Effectiveness, attack: str, n_s: int) -> go.Figure:
    """Missing rates against N_S (log axis) for one attack, with a line at n_s.

    The bands reach from the lowest to the highest compromised model; the open markers are the paper's. Rates of zero
    lie on the floor. n_s: of the result's. Paper: Figure 5, Table 3. Notebooks: 10, 11.
    """
    figure = go.Figure(_rates(result, attack))
    _rate_axes(figure, result)
    return figure.update_layout(template=TEMPLATE, height=400, shapes=[upright(n_s)])


def samples_needed(result: Effectiveness, attack: str, alpha: float) -> go.Figure:
    """Samples needed against alpha (both axes log) for one attack, with a line at alpha; looks as `missing_rates`.

    Paper: Table 5. Notebooks: 10, 11.
    """
    figure = go.Figure(_needed(result, attack))
    _needed_axes(figure, result)
    return figure.update_layout(template=TEMPLATE, height=400, showlegend=False, shapes=[upright(alpha)])


def missing_rates_of_all(results: Mapping[str, Effectiveness], n_s: int = 3) -> go.Figure:
    """Missing rates of every attack: a menu of the results by name and their attacks, a slider over N_S.

    For pages without a kernel: the legend says the rates at N_S. Paper: Figure 5, Table 3. Notebook: 10.
    """
    steps = range(1, min(int(result.n_s[-1]) for result in results.values()) + 1)
    panel = _Panel(_rates, rate_words)
    figure = _with_menu(results, panel, {f"{n}": n for n in steps}, "N_S = ", steps.index(n_s))
    _rate_axes(figure, next(iter(results.values())))
    return figure


def samples_needed_of_all(results: Mapping[str, Effectiveness], alpha: float = 1e-4) -> go.Figure:
    """Samples needed for every attack: a menu of the results by name and their attacks, a slider over alpha.

    For pages without a kernel: the legend says the samples at alpha. Paper: Table 5. Notebook: 11.
    """
    first = next(iter(results.values()))
    panel = _Panel(_needed, needed_words)
    figure = _with_menu(results, panel, {power(a): a for a in first.alphas}, "alpha = ", _at(first, alpha))
    _needed_axes(figure, first)
    return figure


def rate_words(result: Effectiveness, attack: str, method: str, n_s: int) -> str:
    """A missing rate in percent."""
    return percent(result.rates[attack][method].value[n_s - 1])


def needed_words(result: Effectiveness, attack: str, method: str, alpha: float) -> str:
    """A number of samples, or that none is enough."""
    return _count(result.needed[attack][method].value[_at(result, alpha)])


def percent(rate: float) -> str:
    """A rate in percent, to two or three digits; a power of ten below 0.001%."""
    if 0 < rate < 1e-5:
        return f"{100 * rate:.0e}%".replace("e-0", "e-")
    if 0 < rate < 0.1:
        return f"{100 * rate:#.2g}%"
    return f"{100 * rate:.2f}%" if 0.99 < rate < 1 else f"{100 * rate:.3g}%"


def power(alpha: float) -> str:
    """A power of ten, as 1e-2."""
    return f"{alpha:.0e}".replace("e-0", "e-")


class _Panel(NamedTuple):
    """What a figure of all attacks is made of, and what its legend says where the cursor is."""

    traces: Callable[[Effectiveness, str], list[go.Scatter]]
    words: Callable[[Effectiveness, str, str, Any], str]


def _with_menu(
    results: Mapping[str, Effectiveness], panel: _Panel, steps: Mapping[str, Any], prefix: str, active: int
) -> go.Figure:
    """A panel for each result and attack, of which a menu shows one; a slider moves line and legend."""
    entries = [(name, result, attack) for name, result in results.items() for attack in result.attacks]

    def legend(result: Effectiveness, attack: str, at: Any) -> list[str]:
        return [f"{method}: {panel.words(result, attack, method, at)}" for method in METHODS]

    start = list(steps.values())[active]
    panels = [panel.traces(result, attack) for _, result, attack in entries]
    width = len(panels[0])
    figure = go.Figure([trace for traces in panels for trace in traces])
    for number, (_, result, attack) in enumerate(entries):
        for i, name in zip(_CURVES, legend(result, attack, start), strict=True):
            figure.data[number * width + i].name = name
    for i, trace in enumerate(figure.data):
        trace.visible = i < width
    figure.frames = [
        go.Frame(
            name=label,
            traces=[number * width + i for number in range(len(entries)) for i in _CURVES],
            data=[{"name": name} for _, result, attack in entries for name in legend(result, attack, at)],
            layout={"shapes": [upright(at)]},
        )
        for label, at in steps.items()
    ]
    labels = [f"{name} · {attack}" if len(results) > 1 else attack for name, _, attack in entries]
    shown = [{"visible": [i // width == number for i in range(len(figure.data))]} for number in range(len(entries))]
    return figure.update_layout(
        template=TEMPLATE, height=530, margin={"t": 88}, updatemenus=[menu("data, attack", labels, shown)],
        sliders=[slider(list(steps), list(steps), prefix, active)], shapes=[upright(start)],
    )  # fmt: skip


def _rates(result: Effectiveness, attack: str) -> list[go.Scatter]:
    """Three bands, three curves, the paper's points."""
    floored = {m: Band(*(np.maximum(part, FLOOR) for part in its)) for m, its in result.rates[attack].items()}
    traces = _bands_and_curves(result.n_s, floored, result.rates[attack], percent)
    theirs = [(n, rate) for n, rate in zip(paper.N_S, paper.TABLE_3.get(attack, ()), strict=False)
              if n <= result.n_s[-1]]  # fmt: skip
    look = {"color": BLUE, "symbol": ["square-open" if rate else "triangle-down-open" for _, rate in theirs]}
    words = [f"{rate:g}%" if rate else f"0.00%: below {ROUNDED}%" for _, rate in theirs]
    points = _theirs([n for n, _ in theirs], [max(rate, ROUNDED) / 100 for _, rate in theirs], look, words, attack)
    return [*traces, points]


def _needed(result: Effectiveness, attack: str) -> list[go.Scatter]:
    """Three bands, three curves, the paper's points."""
    bands = result.needed[attack]
    drawn = {
        m: Band(np.where(np.isfinite(b.value), b.value, np.nan), np.minimum(b.low, TOP), np.minimum(b.high, TOP))
        for m, b in bands.items()
    }
    traces = _bands_and_curves(result.alphas, drawn, bands, _count)
    table = paper.TABLE_5.get(attack, {})
    theirs = [(a, n, m) for m, counts in table.items() for a, n in zip(paper.ALPHAS, counts, strict=True)]
    each = [_LOOK[m] for m in METHODS for _ in paper.ALPHAS]  # the same where the paper has no points: only they change
    look = {"color": [colour for colour, *_ in each], "symbol": [f"{symbol}-open" for *_, symbol in each]}
    points = _theirs([a for a, *_ in theirs], [n for _, n, _ in theirs], look, [f"{n}" for _, n, _ in theirs], attack)
    return [*traces, points]


def _bands_and_curves(
    x: np.ndarray, drawn: Mapping[str, Band], true: Mapping[str, Band], words: Callable[[float], str]
) -> list[go.Scatter]:
    bands, curves = [], []
    for method in METHODS:
        colour, dash, symbol = _LOOK[method]
        value, low, high = (part.astype(np.float32) for part in drawn[method])
        bands.append(band(x, low, high, colour))
        told = [words(v) if a == b else f"{words(v)} ({words(a)} to {words(b)})"
                for v, a, b in zip(*true[method], strict=True)]  # fmt: skip
        curves.append(
            go.Scatter(
                x=x, y=value, name=method, mode="lines+markers", customdata=told, hovertemplate="%{customdata}",
                line={"color": colour, "dash": dash, "width": 2.5}, marker={"symbol": symbol, "size": 7},
            )
        )  # fmt: skip
    return [*bands, *curves]


def _theirs(x: Sequence, y: Sequence, look: dict, words: list[str], attack: str) -> go.Scatter:
    where = paper.measured_on(attack)
    return go.Scatter(
        x=x, y=y, name=f"the paper ({where})" if len(x) else "the paper: –", mode="markers", customdata=words,
        hovertemplate="%{customdata}", marker={"size": 12, "line": {"width": 2}, **look},
    )  # fmt: skip


def _at(result: Effectiveness, alpha: float) -> int:
    return int(np.argmin(np.abs(np.log(result.alphas) - np.log(alpha))))


def _count(needed: float) -> str:
    return f"{needed:.0f}" if np.isfinite(needed) else "never enough"


def _rate_axes(figure: go.Figure, result: Effectiveness) -> None:
    figure.update_xaxes(title_text="samples N_S", dtick=1, range=[0.6, result.n_s[-1] + 0.4])
    ticks = [10.0**-k for k in range(9, -1, -1)]
    names = ["0", *(f"10<sup>−{k}</sup>" for k in range(8, 0, -1)), "1"]
    figure.update_yaxes(title_text="missing rate", type="log", range=[-9.3, 0.3], tickvals=ticks, ticktext=names)


def _needed_axes(figure: go.Figure, result: Effectiveness) -> None:
    names = [f"10<sup>−{-round(np.log10(a))}</sup>" for a in result.alphas]
    first, *_, last = np.log10(result.alphas)
    figure.update_xaxes(title_text="missing rate alpha", type="log", range=[first + 0.3, last - 0.3],
                        tickvals=list(result.alphas), ticktext=names)  # fmt: skip
    ticks = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000]
    figure.update_yaxes(title_text="samples needed", type="log", range=[-0.1, np.log10(TOP)], tickvals=ticks)
