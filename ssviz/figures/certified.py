"""How a map of certified weights fills up, sample by sample, in several orders of the same samples."""

from dataclasses import dataclass

import numpy as np
import plotly.graph_objects as go
from plotly.colors import sample_colorscale
from plotly.subplots import make_subplots

from ssviz.figures.certificate import UNREACHABLE
from ssviz.figures.style import BLUE, GREEN, ORANGE, TEMPLATE, slider

ROWS = 128  # more neurons than this are drawn in bins
LOW, TOP = -3, 1  # powers of ten of the spread that the colours tell apart
LEVELS = 254
CERTIFIED = ["#08306B", "#2171B5", "#6BAED6", "#C6DBEF"]  # from the smallest change to the largest
TOO_LARGE = "#E8C48A"
_LOOKS = [(BLUE, "solid", 3), (ORANGE, "dash", 2.5), (GREEN, "dot", 2.5)]
FRAMES = 40


@dataclass(frozen=True, eq=False)
class Filling:
    """Which changes of single weights are certain to be detected after 1 ... k samples, in several orders.

    orders: their names. relatives: (m,) changes relative to the layer's spread. shares: (orders, m, k) share of the
    weights that cannot be changed by more, either way. maps: (orders, k, rows, r) uint8 levels of the smallest detected
    change, as `levels` makes them; rows: what each row shows.
    """

    orders: tuple[str, ...]
    relatives: np.ndarray
    shares: np.ndarray
    maps: np.ndarray
    rows: tuple[str, ...]

    def at(self, relative: float) -> int:
        """The index of the change nearest to ``relative``."""
        return int(np.argmin(np.abs(np.log(self.relatives / relative))))


def levels(relative: np.ndarray) -> np.ndarray:
    """Changes relative to the spread as uint8: 0 where infinite, else 1 to 254, logarithmic, 1e-3 to 10."""
    with np.errstate(divide="ignore"):
        share = (np.log10(relative) - LOW) / (TOP - LOW)
    return np.where(np.isfinite(relative), 1 + np.round((LEVELS - 1) * np.clip(share, 0, 1)), 0).astype(np.uint8)


def binned(either: np.ndarray, has_bias: bool) -> tuple[np.ndarray, tuple[str, ...]]:
    """(at most ROWS, members) rows of a map (rows, r), best covered first, that are drawn as one, by their median;
    and a name for each."""
    order = np.lexsort([either.min(axis=1), -np.isfinite(either).sum(axis=1)])
    bins = np.array_split(order, min(ROWS, len(order)))
    size = len(bins[0])
    if size == 1:
        names = tuple("bias" if has_bias and i == len(order) - 1 else f"neuron {i}" for i in order)
    else:
        ends = np.cumsum([len(rows) for rows in bins])
        names = tuple(f"neurons ranked {end - len(rows) + 1} to {end}" for end, rows in zip(ends, bins, strict=True))
    return np.stack([np.pad(rows, (0, size - len(rows)), mode="edge") for rows in bins]), names


def filling(result: Filling, order: int, relative: float, n_s: int) -> go.Figure:
    """The map after n_s samples beside the share of certified weights against N_S, a line for each order.

    Paper: beyond it (Section 4.3's W). Notebook: 13.
    """
    figure = make_subplots(cols=2, column_widths=[0.44, 0.56], horizontal_spacing=0.21)
    figure.add_trace(_map(result, order, relative, n_s), row=1, col=1)
    hover = "%{y:.1%}"
    for (colour, dash, width), name, y in zip(_LOOKS, result.orders, curves(result, relative), strict=False):
        line = {"color": colour, "dash": dash, "width": width}
        figure.add_scatter(x=np.arange(1, len(y) + 1), y=y, name=name, line=line, mode="lines", hovertemplate=hover,
                           row=1, col=2)  # fmt: skip
    figure.add_scatter(
        **cursor(result, order, relative, n_s), mode="markers", showlegend=False, hoverinfo="skip", row=1, col=2,
        marker={"size": 16, "color": "rgba(0,0,0,0)", "line": {"color": BLUE, "width": 3}},
    )  # fmt: skip
    figure.update_xaxes(title_text="class", showgrid=False, dtick=1 if result.maps.shape[-1] <= 12 else None, col=1)
    figure.update_yaxes(title_text="neurons, best covered at the top", type="category", autorange="reversed",
                        showgrid=False, showticklabels=False, ticks="", col=1)  # fmt: skip
    figure.update_xaxes(title_text="samples N_S", col=2)
    figure.update_yaxes(
        title_text="weights certified", tickformat=".0%", range=[0, 1.08 * max(result.shares.max(), 0.05)], col=2
    )
    return figure.update_layout(template=TEMPLATE, height=430, hovermode="closest", margin_r=16,
                                legend={"x": 1, "xanchor": "right"})  # fmt: skip


def filling_with_steps(result: Filling, order: int, relative: float, n_s: int) -> go.Figure:
    """The same with a slider over N_S, for pages without a kernel. Paper: beyond it. Notebook: 13."""
    k = result.maps.shape[1]
    steps = sorted({*np.unique(np.linspace(1, k, min(k, FRAMES)).round().astype(int)).tolist(), n_s})
    figure = filling(result, order, relative, n_s)
    last = len(figure.data) - 1
    figure.frames = [
        go.Frame(name=str(n), traces=[0, last], data=[go.Heatmap(z=result.maps[order, n - 1]),
                                                      go.Scatter(**cursor(result, order, relative, n))])
        for n in steps
    ]  # fmt: skip
    names = list(map(str, steps))
    title = f"order: {result.orders[order]}; certified: detected beyond {relative:.0%} of the spread"
    return figure.update_layout(
        height=520, margin_t=80, title={"text": title, "x": 0.01, "y": 0.97, "font": {"size": 14}},
        sliders=[slider(names, names, "N_S = ", steps.index(n_s))],
    )  # fmt: skip


def curves(result: Filling, relative: float) -> list[np.ndarray]:
    """The shares against N_S, one float32 (k,) for each order."""
    return list(result.shares[:, result.at(relative)].astype(np.float32))


def cursor(result: Filling, order: int, relative: float, n_s: int) -> dict:
    """x and y of the ring on the chosen order's curve."""
    return {"x": [n_s], "y": [float(result.shares[order, result.at(relative), n_s - 1])]}


def colours(relative: float) -> list[list]:
    """Grey where nothing is ever detected, blue up to the change ``relative``, sand beyond it."""
    certified = int(levels(np.array([relative]))[0])
    stops = np.linspace(1, certified, 24)
    inside = zip(stops, sample_colorscale(CERTIFIED, list((stops - 1) / LEVELS)), strict=True)
    edges = [(0, UNREACHABLE), (0.5, UNREACHABLE), (0.5, None), *inside, (certified + 0.5, None),
             (certified + 0.5, TOO_LARGE), (LEVELS, TOO_LARGE)]  # fmt: skip
    first, last = edges[3][1], edges[-4][1]
    scale = [[at / LEVELS, colour or (first if at == 0.5 else last)] for at, colour in edges]
    return [[min(at, 1.0), colour] for at, colour in scale]


def _map(result: Filling, order: int, relative: float, n_s: int) -> go.Heatmap:
    powers = np.arange(LOW + 1, TOP + 1)
    bar = {
        "title": {"text": "smallest<br>detected<br>change /<br>spread", "font": {"size": 12}},
        "tickvals": [0, *(1 + (LEVELS - 1) * (powers - LOW) / (TOP - LOW))],
        "ticktext": ["never", *(f"{10.0**power:.0%}" for power in powers[:-1]), f"≥ {10**TOP:.0%}"],
        "x": 0.36, "xanchor": "left", "thickness": 14, "outlinewidth": 0,
    }  # fmt: skip
    return go.Heatmap(
        z=result.maps[order, n_s - 1], y=result.rows, zmin=0, zmax=LEVELS, colorscale=colours(relative), colorbar=bar,
        hovertemplate="%{y}, class %{x}<extra></extra>",
    )  # fmt: skip
