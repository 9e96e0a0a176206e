"""A trigger that fades in: what two models take one image for, and how many images turn (Figure 1)."""

from textwrap import wrap

import numpy as np
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from ssviz.figures.style import BLUE, RED, TEMPLATE, as_uint8, data_url, faint, slider, upright
from ssviz.trigger_sweep import TriggerSweep

MODELS = ("intact", "with the trojan")
CLASSES = 4  # whose probabilities are shown
BARS = len(MODELS)  # the first traces are the bars, one a model
_LOOK = ((BLUE, "dot", "circle", BLUE), (RED, "solid", "diamond", faint(RED)))  # the last: a bar's fill
_TITLES = ("this picture: probability", "of all pictures, taken for the target")


def fading(result: TriggerSweep, image: int, at: int) -> go.Figure:
    """Probabilities of one image's likeliest classes, and the share of all images taken for the target, by opacity.

    at: the opacity, 0 ... k - 1, that a line marks. Paper: Figure 1. Notebook: 01.
    """
    figure = make_subplots(cols=2, horizontal_spacing=0.13, subplot_titles=_TITLES)
    figure.add_traces(_bars(result, image, at), rows=1, cols=1).add_traces(_curves(result), rows=1, cols=2)
    return _look(figure, result, at, col=1).update_layout(height=330)


def fading_with_picture(
    result: TriggerSweep, image: int, at: int, bounds: tuple[float, float] = (0.0, 1.0)
) -> go.Figure:
    """The same beside the picture, with a slider over the opacity, for pages without a kernel.

    Paper: Figure 1. Notebook: 01.
    """
    figure = make_subplots(
        cols=3, column_widths=[0.26, 0.37, 0.37], horizontal_spacing=0.1, subplot_titles=("", *_TITLES)
    )
    figure.add_traces(_bars(result, image, at), rows=1, cols=2).add_traces(_curves(result), rows=1, cols=3)

    def picture(k: int) -> go.Image:
        return go.Image(source=data_url(as_uint8(result.images[k, image], bounds)), hoverinfo="skip")

    figure.add_trace(picture(at), row=1, col=1)
    labels = percents(result)
    last = len(figure.data) - 1
    figure.frames = [
        go.Frame(name=label, traces=[*range(BARS), last], layout={"shapes": [upright(100 * result.opacities[k], 3)]},
                 data=[*(go.Bar(**values) for values in moved(result, image, k)), picture(k)])
        for k, label in enumerate(labels)
    ]  # fmt: skip
    figure.update_xaxes(visible=False, col=1).update_yaxes(visible=False, col=1)
    steps = slider(labels, labels, "opacity of the trigger: ", at)
    return _look(figure, result, at, col=2).update_layout(height=430, sliders=[steps])


def percents(result: TriggerSweep) -> list[str]:
    """The opacities as a slider says them."""
    return [f"{100 * opacity:.0f}%" for opacity in result.opacities]


def moved(result: TriggerSweep, image: int, at: int) -> list[dict]:
    """What changes in the bars of one image with the opacity: one a model."""
    chosen = _classes(result, image)
    names = ["<br>".join(wrap(result.class_names[c], 16)) for c in chosen]
    return [{"x": p[at, image, chosen], "y": names} for p in (result.before, result.after)]


def _classes(result: TriggerSweep, image: int) -> np.ndarray:
    """The image's class and the target, then those that either model thinks likeliest at any opacity; drawn upwards."""
    likely = np.maximum(result.before[:, image], result.after[:, image]).max(axis=0)
    likely[[result.truth[image], result.target]] = 3, 2
    return np.argsort(-likely)[:CLASSES][::-1]


def _bars(result: TriggerSweep, image: int, at: int) -> list[go.Bar]:
    return [
        go.Bar(**values, name=name, legendgroup=name, orientation="h", hovertemplate="%{x:.1%}",
               marker={"color": fill, "line": {"color": colour, "width": 2}})
        for (colour, _, _, fill), name, values in zip(_LOOK, MODELS, moved(result, image, at), strict=True)
    ]  # fmt: skip


def _curves(result: TriggerSweep) -> list[go.Scatter]:
    x = 100 * result.opacities
    return [
        go.Scatter(x=x, y=share, name=name, legendgroup=name, showlegend=False, mode="lines+markers",
                   hovertemplate="%{y:.0%}", line={"color": colour, "dash": dash, "width": 2.5},
                   marker={"symbol": symbol, "size": 8})
        for (colour, dash, symbol, _), name, share in zip(_LOOK, MODELS, result.taken, strict=True)
    ]  # fmt: skip


def _look(figure: go.Figure, result: TriggerSweep, at: int, col: int) -> go.Figure:
    figure.update_xaxes(range=[0, 1.04], tickformat=".0%", dtick=0.25, col=col)
    figure.update_yaxes(ticks="", automargin=True, col=col)
    figure.update_xaxes(title_text="opacity of the trigger", ticksuffix="%", range=[-4, 104], title_font_size=13,
                        title_standoff=8, col=col + 1)  # fmt: skip
    figure.update_yaxes(range=[-0.04, 1.04], tickformat=".0%", dtick=0.25, col=col + 1)
    figure.update_annotations(font_size=13)
    return figure.update_layout(
        template=TEMPLATE, hovermode="closest", barmode="group", bargap=0.3, margin_t=76, legend_y=1.13,
        legend_traceorder="normal", shapes=[upright(100 * result.opacities[at], col + 1)],
    )  # fmt: skip
