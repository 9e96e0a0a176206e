"""Where two models' top-1 labels change in a plane through an image and its Sensitive-Samples, and who moved what."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from textwrap import wrap

import numpy as np
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from ssviz.figures.isolines import isolines
from ssviz.figures.shifts import Shifts, chosen, shift_axes, shift_traces
from ssviz.figures.style import BLUE, TEMPLATE, data_url, slider

PIXELS = 400  # of the map, along either side
FILLS = np.array([[168, 212, 240], [246, 213, 146], [163, 219, 199], [232, 197, 219], [205, 205, 205]], np.uint8)
INK = "#111"  # on the fills, which are the same on light and dark pages
RUST = "#B34700"  # told from the fills and from BLUE by all eyes
MOVING = 8  # traces of the map, all of which follow the window
_KINDS = (go.Image, *[go.Scatter] * (MOVING - 1))


@dataclass(frozen=True, eq=False)
class Window:
    """A square of a plane in input space, and what two models answer there.

    radius: half of its side, Euclidean, in units of the input. intact, compromised: logits (m, m, r) on a grid that
    spans it, the first index along the plane's second direction. marks: (k, 2) places of the original and then of the
    samples, the window's middle at 0 and its sides at -1 and 1; there: (k,) bool, whether they lie in the plane, as
    near as can be seen. names: k names. classes: a and b, whose tie it is, then other classes, likeliest first;
    class_names: r.
    """

    radius: float
    intact: np.ndarray
    compromised: np.ndarray
    marks: np.ndarray
    there: np.ndarray
    names: tuple[str, ...]
    classes: tuple[int, ...]
    class_names: tuple[str, ...]

    @property
    def label(self) -> str:
        """The window's width, as a slider shows it."""
        return wide(self.radius)


def wide(radius: float) -> str:
    """The width of a window, two digits."""
    return _positional(2 * radius)


def boundaries(window: Window) -> go.Figure:
    """Top-1 regions of the intact model (fills), both models' boundaries, and hatched where their labels differ.

    Paper: Section 5.2 (top-1 labels). Notebook: 06 and 13.
    """
    return _look(go.Figure(_traces(window)))


def boundaries_with_zoom(windows: Mapping[str, Sequence[Window]], found: Shifts, start: int) -> go.Figure:
    """The map beside the shifts, a menu over models, a slider over the windows, for pages without a kernel.

    windows: name of a model of ``found`` -> its windows, from wide to narrow. start: the window shown first.
    Paper: Section 5.2 (top-1 labels). Notebook: 06 and 13.
    """
    figure = make_subplots(cols=2, column_widths=[0.56, 0.44], horizontal_spacing=0.18)
    *points, ring = shift_traces(found)
    for trace in points:
        figure.add_trace(trace.update(legend="legend2"), row=1, col=2)
    still, names = len(points), list(windows)
    for name, row in windows.items():
        model = found.attacks.index(name)
        for trace in _traces(row[start]):
            figure.add_trace(trace.update(visible=name == names[0]), row=1, col=1)
        figure.add_trace(go.Scatter(ring).update(visible=name == names[0], **chosen(found, model)), row=1, col=2)
    labels, each = [window.label for window in windows[names[0]]], MOVING + 1
    following = [still + each * i + j for i in range(len(names)) for j in range(MOVING)]
    figure.frames = [
        go.Frame(name=label, traces=following, data=[_KINDS[i](**new) for row in windows.values()
                                                     for i, new in enumerate(moved(row[j]))])
        for j, label in enumerate(labels)
    ]  # fmt: skip
    buttons = [
        {"label": name, "method": "restyle", "args": [{"visible": [True] * still + [k == i for k in range(len(names))
                                                                                   for _ in range(each)]}]}
        for i, name in enumerate(names)
    ]  # fmt: skip
    _look(figure, col=1)
    shift_axes(figure, found, col=2)
    menu = {
        "name": "attack",
        "buttons": buttons,
        "x": 0,
        "y": 1.22,
        "xanchor": "left",
        "yanchor": "top",
        "bgcolor": "rgba(0,0,0,0)",
    }
    steps = {**slider(labels, labels, "width of the window: ", start), "len": 0.92, "x": 0.04}  # room for the labels
    figure.update_layout(
        height=620,
        margin={"t": 120 if len(windows) > 1 else 68, "l": 10, "r": 10, "b": 52},
        sliders=[steps],
        legend2={"orientation": "h", "y": 1.01, "yanchor": "bottom", "x": 1, "xanchor": "right", "font": {"size": 12}},
    )
    return figure.update_layout(updatemenus=[menu] if len(windows) > 1 else [])


def moved(window: Window) -> list[dict]:
    """What changes in the traces of `boundaries` when the window does."""
    order = _shown(window)
    before, after = (_labels(z, PIXELS) for z in (window.intact, window.compromised))
    low, high = (isolines(_margin(z, window.classes[0])) for z in (window.intact, window.compromised))
    (x0, y0), samples = window.marks[0], window.marks[1:]
    original = [x0, y0] if window.there[0] and np.abs(window.marks[0]).max() <= 1 else [None, None]
    drawn = window.there[1:] & (np.abs(samples).max(axis=1) <= 1)
    spots, texts = _places(window, before, after, order)
    towards = samples.mean(axis=0)
    bar = _round_below(window.radius / 2)
    end = -0.94 + bar / window.radius
    return [
        {"source": data_url(_painted(before, after, order))},
        _line(low, len(window.intact)),
        _line(high, len(window.compromised)),
        {"x": [x0, towards[0]], "y": [y0, towards[1]]},
        {"x": original[:1], "y": original[1:]},
        {"x": np.where(drawn, samples[:, 0], np.nan), "y": np.where(drawn, samples[:, 1], np.nan)},
        {"x": [x for x, _ in spots], "y": [y for _, y in spots], "text": texts},
        {
            "x": [-0.94, end, None, -0.97],
            "y": [0.94, 0.94, None, 0.91],
            "text": ["", "", "", _positional(bar)],
        },
    ]


def _traces(window: Window) -> list:
    step = 2 / PIXELS
    source, low, high, path, original, samples, texts, bar = moved(window)
    symbols = ["circle", "square", "triangle-up", "triangle-down"]
    k = len(window.marks) - 1
    mark = {"color": "#fff", "size": 13, "line": {"color": INK, "width": 2}}
    written = {"color": INK, "size": 12, "shadow": "0 0 3px #fff, 0 0 3px #fff, 0 0 3px #fff"}
    quiet = {"hoverinfo": "skip"}
    return [
        go.Image(**source, x0=-1 + step / 2, dx=step, y0=-1 + step / 2, dy=step, **quiet),
        go.Scatter(**low, name="boundary, intact", mode="lines", line={"color": BLUE, "width": 3}, **quiet),
        go.Scatter(**high, name="compromised", mode="lines", **quiet,
                   line={"color": RUST, "width": 3, "dash": "7px,4px"}),
        go.Scatter(**path, mode="lines", showlegend=False, line={"color": INK, "width": 1, "dash": "dot"}, **quiet),
        go.Scatter(**original, name=window.names[0], mode="markers", hovertemplate="%{fullData.name}<extra></extra>",
                   marker={**mark, "symbol": "diamond"}),
        go.Scatter(**samples, name=" / ".join(window.names[1:]), mode="markers", text=window.names[1:],
                   hovertemplate="%{text}<extra></extra>",
                   marker={**mark, "symbol": [symbols[i % 4] for i in range(k)]}),
        go.Scatter(**texts, mode="text", showlegend=False, textfont=written, **quiet),
        go.Scatter(**bar, mode="lines+text", showlegend=False, textposition="top right", **quiet,
                   line={"color": INK, "width": 4}, textfont=written),
    ]  # fmt: skip


def _look(figure: go.Figure, **panel: int) -> go.Figure:
    figure.update_xaxes(range=[-1, 1], visible=False, constrain="domain", fixedrange=True, **panel)
    figure.update_yaxes(range=[1, -1], visible=False, constrain="domain", fixedrange=True, scaleanchor="x", **panel)
    legend = {"y": 1.01, "x": 0, "font": {"size": 12}}
    return figure.update_layout(template=TEMPLATE, hovermode="closest", legend=legend,
                                margin={"l": 4, "r": 4, "b": 4, "t": 60})  # fmt: skip


def _shown(window: Window) -> list[int]:
    """Classes by fill: a, b, and others in their order."""
    return list(window.classes[: len(FILLS) - 1])


def _fine(z: np.ndarray, pixels: int) -> np.ndarray:
    """Grid (m, m, r) to pixels (p, p, r), bilinear."""
    at = np.clip((np.arange(pixels) + 0.5) / pixels * (len(z) - 1), 0, len(z) - 1)
    low = np.minimum(at.astype(int), len(z) - 2)
    share = (at - low).astype(np.float32)
    rows = z[low] + (z[low + 1] - z[low]) * share[:, None, None]
    return rows[:, low] + (rows[:, low + 1] - rows[:, low]) * share[None, :, None]


def _labels(z: np.ndarray, pixels: int) -> np.ndarray:
    """Top-1 labels (p, p) of a grid of logits, which are interpolated; of the labels that occur on the grid."""
    there = np.unique(z.argmax(axis=-1))
    return there[_fine(z[..., there], pixels).argmax(axis=-1)]


def _margin(z: np.ndarray, a: int) -> np.ndarray:
    return z[..., a] - np.delete(z, a, axis=-1).max(axis=-1)


def _painted(before: np.ndarray, after: np.ndarray, order: Sequence[int]) -> np.ndarray:
    fill = np.full(max(before.max(), *order) + 1, len(FILLS) - 1)
    fill[list(order)] = np.arange(len(order))
    pixels = FILLS[fill[before]]
    rows, columns = np.indices(before.shape)
    hatch = ((rows + columns) % 11 < 2) & (before != after)
    pixels[hatch] = pixels[hatch] // 2
    return pixels


def _line(line: np.ndarray, m: int) -> dict:
    line = line if len(line) else np.full((1, 2), np.nan)  # plotly drops empty traces from the legend
    y, x = (2 * line / (m - 1) - 1).astype(np.float32).T
    return {"x": x, "y": y}


def _positional(number: float) -> str:
    return np.format_float_positional(number, precision=2, fractional=False, trim="-")


def _round_below(length: float) -> float:
    """The largest of 1, 2, 5 times a power of ten that is not above a length."""
    power = 10.0 ** np.floor(np.log10(length))
    return float(f"{max(k for k in (1, 2, 5) if k * power <= length * 1.0001) * power:.1g}")


def _places(
    window: Window, before: np.ndarray, after: np.ndarray, order: Sequence[int]
) -> tuple[list[tuple[float, float]], list[str]]:
    """Where the names of the intact model's regions are written: inside, far from borders and marks."""
    coarse, same = before[5::10, 5::10], (before == after)[5::10, 5::10]
    middle = np.linspace(-1, 1, len(coarse) + 1)[:-1] + 1 / len(coarse)
    x, y = np.meshgrid(middle, middle)
    free = (y < 0.78) & (np.abs(y) < 0.97)
    for mark_x, mark_y in window.marks:
        free &= (np.abs(x - mark_x) > 0.12) | (np.abs(y - mark_y) > 0.12)
    spots, texts = [], []
    for k in order:
        mine = free & (coarse == k)
        inside, rest = None, _eroded(_eroded(mine & same)) | _eroded(_eroded(mine & ~same))
        rest = rest if rest.any() else _eroded(_eroded(mine))
        while rest.any():  # what is left last is farthest from the borders
            inside, rest = rest, _eroded(rest)
        if inside is not None:
            i = np.flatnonzero(inside)[inside.sum() // 2]
            spots.append((float(x.ravel()[i]), float(y.ravel()[i])))
            texts.append("<br>".join(wrap(window.class_names[k], 16)))
    return spots, texts


def _eroded(mask: np.ndarray) -> np.ndarray:
    """Without its outermost points: one above and below, three left and right, as text is wide."""
    up = np.pad(mask, ((1, 1), (0, 0)))
    mask = mask & up[:-2] & up[2:]
    side = np.pad(mask, ((0, 0), (3, 3)))
    return np.logical_and.reduce([side[:, i : i + mask.shape[1]] for i in range(7)])
