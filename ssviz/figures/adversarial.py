"""Sensitive-Samples beside adversarial examples: the pictures, what the networks say, S and detection by epsilon."""

import numpy as np
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from ssviz.adversarial_comparison import KINDS, Comparison
from ssviz.figures.style import BLUE, GREY, ORANGE, RED, TEMPLATE, as_uint8, data_url, slider, upright

ROWS = ("label", "probability", "sensitivity S", "SNR", "compromised says")
TITLES = ("S of this picture (open: wrong label)", "share of all pictures that tells apart")
_LOOK = dict(zip(KINDS, [(GREY, "dot", "circle"), (ORANGE, "dash", "diamond"), (RED, "dashdot", "square"),
                         (BLUE, "solid", "circle")], strict=True))  # fmt: skip


def by_epsilon(result: Comparison, image: int, attack: int, i: int) -> go.Figure:
    """Left S of one picture, right the share of all pictures that tell a compromised model apart, both by epsilon.

    One curve a kind; a line at epsilon number i. Open markers: the intact model gives a wrong label.
    Paper: Section 3.5, Table 1. Notebook: 07.
    """
    figure = make_subplots(cols=2, horizontal_spacing=0.09, subplot_titles=TITLES)
    for column, traces in enumerate(_traces(result, image, attack), start=1):
        figure.add_traces(traces, rows=1, cols=column)
    return _label(figure, result, i, row=1).update_layout(height=360, margin_t=76, legend_y=1.13)


def pictures(result: Comparison, image: int, i: int) -> list[np.ndarray]:
    """One picture as every kind of KINDS at epsilon number i: uint8 RGB."""
    return [as_uint8(sample, result.bounds) for sample in result.samples[:, i, image]]


def said(result: Comparison, image: int, attack: int, i: int) -> list[dict[str, str]]:
    """What is to be said of one picture at epsilon number i: for every kind, a text by each name of ROWS."""
    texts = []
    for kind in range(len(KINDS)):
        label, answer = result.predicted[kind, i, image], result.answers[attack, kind, i, image]
        snr, wrong = result.snr[kind, i, image], label != result.labels[image]
        values = (
            result.class_names[label] + (" (wrong)" if wrong else ""),
            f"{result.confidence[kind, i, image]:.1%}",
            f"{result.sensitivity[kind, i, image]:.1e}",
            f"{snr:.0f} dB" if np.isfinite(snr) else "no change",
            "= the same" if answer == label else f"≠ {result.class_names[answer]}",
        )
        texts.append(dict(zip(ROWS, values, strict=True)))
    return texts


def curves(result: Comparison, image: int, attack: int) -> tuple[list[dict], list[dict]]:
    """What changes of the traces with picture and attack: left and right, one a kind."""
    wrong = result.predicted[:, :, image] != result.labels[image]
    symbols = [[_LOOK[kind][2] + ("-open" if w else "") for w in row] for kind, row in zip(KINDS, wrong, strict=True)]
    s = result.sensitivity[:, :, image]
    left = [{"y": row, "marker.symbol": symbol} for row, symbol in zip(s, symbols, strict=True)]
    return left, [{"y": row} for row in result.detected[attack]]


def cursors(result: Comparison, i: int, subplots: tuple[int, int] = (1, 2)) -> list[dict]:
    """The lines at epsilon number i, as shapes of a layout."""
    return [upright(result.grey_levels[i], number) for number in subplots]


def beside(result: Comparison, image: int, attack: int, i: int) -> go.Figure:
    """The four kinds of one picture, what the networks say, and the curves, with a slider over epsilon.

    For pages without a kernel. Paper: Section 3.5, Table 1. Notebook: 07.
    """
    figure = make_subplots(
        rows=3, cols=4, row_heights=[200, 208, 260], vertical_spacing=0.06, horizontal_spacing=0.06,
        specs=[[{}] * 4, [{"type": "table", "colspan": 4}, *[None] * 3], [{"colspan": 2}, None, {"colspan": 2}, None]],
        subplot_titles=(*KINDS, "", *TITLES),
    )  # fmt: skip
    for column, pixels in enumerate(pictures(result, image, i), start=1):
        figure.add_trace(_image(pixels), row=1, col=column)
    figure.add_trace(_table(result, image, attack, i), row=2, col=1)
    for column, traces in zip((1, 3), _traces(result, image, attack), strict=True):
        figure.add_traces(traces, rows=3, cols=column)
    moving = [*range(1, len(KINDS) + 1)]
    labels = [f"{level:.3g}" for level in result.grey_levels]
    frames = []
    for j, name in enumerate(labels):
        data = [*map(_image, pictures(result, image, j)[1:]), _table(result, image, attack, j)]
        frames.append(go.Frame(name=name, traces=moving, data=data, layout={"shapes": cursors(result, j, (5, 6))}))
    figure.frames = frames
    _label(figure, result, i, row=3)
    figure.update_xaxes(visible=False, row=1).update_yaxes(visible=False, row=1)
    title = {"text": f"compromised by {result.attacks[attack]}", "x": 0.01, "font": {"size": 14}}
    steps = slider(labels, labels, "epsilon in grey levels: ", i)
    return figure.update_layout(height=990, title=title, margin_t=76, legend_y=0.375, sliders=[steps])


def _traces(result: Comparison, image: int, attack: int) -> tuple[list[go.Scatter], list[go.Scatter]]:
    x, parts = result.grey_levels.astype(np.float32), curves(result, image, attack)
    hovers = ("S = %{y:.2g}", "%{y:.0%} tell apart")
    made = []
    for number, (hover, lines) in enumerate(zip(hovers, parts, strict=True)):
        traces = []
        for kind, line in zip(KINDS, lines, strict=True):
            colour, dash, symbol = _LOOK[kind]
            trace = go.Scatter(
                x=x, name=kind, legendgroup=kind, showlegend=number == 0, mode="lines+markers", hovertemplate=hover,
                line={"color": colour, "dash": dash, "width": 2.5}, marker={"symbol": symbol, "size": 8},
            )  # fmt: skip
            traces.append(trace.update(line))
        made.append(traces)
    return tuple(made)


def _label(figure: go.Figure, result: Comparison, i: int, row: int) -> go.Figure:
    left, right = {"row": row, "col": 1}, {"row": row, "col": 2 if row == 1 else 3}
    for where in (left, right):
        figure.update_xaxes(
            title_text="epsilon in grey levels",
            title_font_size=13,
            title_standoff=8,
            **where,
            range=[0, 1.04 * result.grey_levels[-1]],
        )
    figure.update_yaxes(type="log", exponentformat="power", nticks=7, tickfont_size=11, **left)
    figure.update_yaxes(range=[-0.04, 1.04], tickformat=".0%", dtick=0.25, **right)
    figure.update_annotations(font_size=13)
    shapes = cursors(result, i, (1, 2) if row == 1 else (5, 6))
    return figure.update_layout(template=TEMPLATE, hovermode="closest", shapes=shapes)


def _table(result: Comparison, image: int, attack: int, i: int) -> go.Table:
    texts = said(result, image, attack, i)
    columns = [list(ROWS), *([text[row] for row in ROWS] for text in texts)]
    look = {"align": "left", "fill_color": "rgba(0,0,0,0)", "line_color": GREY, "font": {"color": GREY, "size": 12}}
    return go.Table(header={"values": ["", *KINDS], **look}, cells={"values": columns, "height": 24, **look},
                    columnwidth=[20, 20, 20, 20, 20])  # fmt: skip


def _image(pixels: np.ndarray) -> go.Image:
    return go.Image(source=data_url(pixels), hoverinfo="skip")
