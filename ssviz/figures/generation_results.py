"""Figure 3 on every data set: sensitivity and similarity against iterations, with a cursor at one of them."""

from collections.abc import Mapping, Sequence

import numpy as np
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from ssviz.ascents import Ascent
from ssviz.figures.style import BLUE, GREY, ORANGE, TEMPLATE, band, menu, slider

ITERATIONS = (1, 2, 3, 4, 5, 7, 10, 14, 20, 25, 30, 40, 50, 60, 70, 80, 100, 140, 200, 300, 500, 700, 1000)
SMALLEST, NOT_MOVED = 1e-24, 75.0  # ends of the axes: of S, and of the SNR (dB), infinite for a sample that stays
CURSORS = (4, 9)  # the rings, among the traces: two bands, two curves and a ring for each quantity
_CURVES, _WIDTH = (2, 3), 10
_LOOK = ((BLUE, "solid", "circle"), (ORANGE, "dash", "diamond"))


def sensitivity_and_snr(ascents: Sequence[Ascent], iteration: int) -> go.Figure:
    """Median and quartiles of S (left) and of the SNR in dB (right) against iterations, with rings at one of them.

    ascents: of one or two recipes, drawn at ITERATIONS. Paper: Figure 3, left. Notebook: 09.
    """
    return _labelled(_traces(ascents, iteration)).update_layout(height=380)


def sensitivity_and_snr_of_all(by_data: Mapping[str, Sequence[Ascent]], iteration: int = 50) -> go.Figure:
    """The same with a menu of the data sets by name and a slider over iterations, for pages without a kernel.

    The legend says median S and SNR at the iteration. Paper: Figure 3, left. Notebook: 09.
    """
    figure = _labelled([trace for ascents in by_data.values() for trace in _traces(ascents, iteration)])
    for i, trace in enumerate(figure.data):
        trace.visible = i < _WIDTH
    for start, ascents in zip(range(0, len(figure.data), _WIDTH), by_data.values(), strict=True):
        for i, name in zip(_CURVES, _names(ascents, iteration), strict=True):
            figure.data[start + i].name = name
    changing = [start + i for start in range(0, len(figure.data), _WIDTH) for i in (*_CURVES, *CURSORS)]
    figure.frames = [
        go.Frame(name=f"{t}", traces=changing, data=[
            data for ascents in by_data.values()
            for data in (*({"name": name} for name in _names(ascents, t)), *cursors(ascents, t))
        ])
        for t in ITERATIONS
    ]  # fmt: skip
    shown = [{"visible": [i // _WIDTH == number for i in range(len(figure.data))]} for number in range(len(by_data))]
    steps = [f"{t}" for t in ITERATIONS]
    return figure.update_layout(
        height=500, margin={"t": 88}, updatemenus=[menu("data", list(by_data), shown)],
        sliders=[slider(steps, steps, "iteration ", ITERATIONS.index(iteration))],
    )  # fmt: skip


def cursors(ascents: Sequence[Ascent], iteration: int) -> list[dict]:
    """x and y of the traces CURSORS: a ring on each recipe's curve, at the iteration or at its last."""
    at = [one.at(iteration) for one in ascents]
    x = [t for t, _, _ in at]
    return [{"x": x, "y": [max(s, SMALLEST) for _, s, _ in at]}, {"x": x, "y": [min(db, NOT_MOVED) for *_, db in at]}]


def in_words(one: Ascent, iteration: int) -> str:
    """Median S and SNR at an iteration."""
    _, s, snr = one.at(iteration)
    return f"S = {s:.3g}, SNR = {'∞' if np.isinf(snr) else f'{snr:.1f} dB'}"


def _names(ascents: Sequence[Ascent], iteration: int) -> list[str]:
    names = [f"{one.recipe}: {in_words(one, iteration)}" for one in ascents]
    return names + [""] * (len(_CURVES) - len(names))


def _traces(ascents: Sequence[Ascent], iteration: int) -> list[go.Scatter]:
    """Two bands, two curves and the rings of S, then of the SNR; empty where there is only one recipe."""
    traces = []
    rings = cursors(ascents, iteration)
    for axis, (quantity, ring) in enumerate(zip(("s", "snr"), rings, strict=True), start=1):
        bands, curves = [go.Scatter(showlegend=False)] * 2, [go.Scatter(showlegend=False)] * 2
        for i, (one, (colour, dash, symbol)) in enumerate(zip(ascents, _LOOK, strict=False)):
            steps = np.array([t for t in ITERATIONS if t < one.s.shape[1]])
            values = getattr(one, quantity)[:, steps]
            low, median, high = np.clip(values, SMALLEST, np.inf if quantity == "s" else NOT_MOVED).astype(np.float32)
            bands[i] = band(steps, low, high, colour)
            curves[i] = go.Scatter(
                x=steps, y=median, name=one.recipe, showlegend=axis == 1, mode="lines+markers", legendgroup=one.recipe,
                line={"color": colour, "dash": dash, "width": 2.5}, marker={"symbol": symbol, "size": 6},
                customdata=[f"{v:.3g}" for v in values[1]], hovertemplate="%{customdata}",
            )  # fmt: skip
        look = {"size": 17, "color": "rgba(0,0,0,0)", "line": {"color": GREY, "width": 2}}
        both = [*bands, *curves, go.Scatter(**ring, mode="markers", marker=look, showlegend=False, hoverinfo="skip")]
        traces += [trace.update(xaxis=f"x{axis}", yaxis=f"y{axis}") for trace in both]
    return traces


def _labelled(traces: list[go.Scatter]) -> go.Figure:
    figure = make_subplots(cols=2, horizontal_spacing=0.11)
    figure.add_traces(traces)
    figure.update_xaxes(title_text="iteration", type="log", range=[-0.1, 3.1], tickvals=[1, 10, 100, 1000],
                        ticktext=["1", "10", "100", "1000"])  # fmt: skip
    powers = range(-24, 5, 4)
    figure.update_yaxes(title_text="sensitivity S", type="log", range=[-24.5, 5], tickvals=[10.0**k for k in powers],
                        ticktext=[f"10<sup>{k}</sup>".replace("-", "−") for k in powers], col=1)  # fmt: skip
    figure.update_yaxes(title_text="SNR (dB)", range=[0, NOT_MOVED + 3], tickvals=[0, 20, 40, 60, NOT_MOVED],
                        ticktext=["0", "20", "40", "60", "∞"], col=2)  # fmt: skip
    return figure.update_layout(template=TEMPLATE)
