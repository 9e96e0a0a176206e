"""An attack at several strengths: accuracy, success, detections, missing rates; and what a few images are taken for."""

from collections.abc import Sequence
from html import escape
from textwrap import wrap

import numpy as np
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from ssviz.attack_sweep import AttackSweep, Scene
from ssviz.figures.sheet import image_sheet
from ssviz.figures.style import BLUE, GREEN, GREY, ORANGE, PINK, RED, SKY, TEMPLATE, as_uint8, data_url, slider

FLOOR = 1e-6  # lower missing rates are drawn here: a logarithmic axis has no zero
_TITLES = ("the attack", "one query detects", "none of N<sub>S</sub> queries detects")
_LOOK = ((GREEN, "dot", "circle"), (ORANGE, "dash", "diamond"), (PINK, "longdash", "cross"), (SKY, "dashdot", "x"))


def sweep(result: AttackSweep, n_s: int, at: int) -> go.Figure:
    """Accuracy and success, share of inputs that detect, and missing rates of n_s queries, against strength.

    at: the strength, 0 ... k - 1, that a line marks. Paper: Sections 2.2 and 5.2. Notebook: 02.
    """
    figure = _panels()
    for trace, column in traces(result, n_s, at):
        figure.add_trace(trace, row=1, col=column)
    for name, values in axes(result).items():
        figure.layout[name].update(values)
    return figure


def sweeps(results: Sequence[AttackSweep], n_s: int) -> go.Figure:
    """The same with a menu of the attacks and a slider over N_S, for pages without a kernel.

    Paper: Sections 2.2 and 5.2. Notebook: 02.
    """
    figure, of, last = _panels(), [], min(rates.shape[1] for r in results for rates in r.missing.values())
    for number, result in enumerate(results):
        for trace, column in traces(result, n_s, None):
            trace.visible = number == 0 and trace.visible is not False
            figure.add_trace(trace, row=1, col=column)
            of.append((number, trace))
    for name, values in axes(results[0]).items():
        figure.layout[name].update(values)
    moving = [i for i, trace in enumerate(figure.data) if trace.xaxis == "x3"]
    figure.frames = [
        go.Frame(name=str(n), traces=moving, data=[go.Scatter(y=y) for r in results for y in missing(r, n)])
        for n in range(1, last + 1)
    ]
    menu = {"buttons": [_button(results, number, of) for number in range(len(results))], "x": 1, "xanchor": "right",
            "y": 1.33, "yanchor": "top", "name": "attack", "font": {"color": "#333"}, "bgcolor": "#f2f2f2"}  # fmt: skip
    steps = [str(n) for n in range(1, last + 1)]
    return figure.update_layout(
        height=486, margin_t=112, updatemenus=[menu], sliders=[slider(steps, steps, "N_S = ", min(n_s, last) - 1)]
    )


def traces(result: AttackSweep, n_s: int, at: int | None) -> list[tuple[go.Scatter, int]]:
    """The traces and the panel of each: always in one order, so that another result can take their places."""
    k = np.arange(len(result))
    line = {"mode": "lines+markers", "x": k, "text": result.labels}
    before = {"mode": "lines", "x": [-0.35, len(result) - 0.65], "y": [100 * result.accuracy_before] * 2}
    made = [
        (go.Scatter(**before, name="accuracy before", line=_line(GREY, "dot", 2),
                    hovertemplate="%{y:.1f}%"), 1),
        (go.Scatter(**line, y=_percent(result.accuracy), name="accuracy after", line=_line(BLUE, "solid"),
                    marker=_marker("square"), hovertemplate="%{y:.1f}%"), 1),
        (go.Scatter(**line, y=_percent(result.success), name="success", line=_line(RED, "dashdot"),
                    marker=_marker("triangle-up"), hovertemplate="%{y:.1f}%",
                    visible=bool(np.isfinite(result.success).any())), 1),
    ]  # fmt: skip
    looks = dict(zip(result.share, _LOOK, strict=False))
    for kind, (colour, dash, symbol) in looks.items():
        look = {"name": kind, "legendgroup": kind, "line": _line(colour, dash), "marker": _marker(symbol)}
        made.append((go.Scatter(**line, **look, y=_percent(result.share[kind]), hovertemplate="%{y:.1f}%"), 2))
    for (kind, (colour, dash, symbol)), y in zip(looks.items(), missing(result, n_s), strict=True):
        look = {"name": kind, "legendgroup": kind, "line": _line(colour, dash), "marker": _marker(symbol)}
        made.append((go.Scatter(**line, **look, y=y, showlegend=False, hovertemplate="%{y:.2g}"), 3))
    if at is not None:
        quiet = {"mode": "lines", "line": _line(GREY, "dot", 1.5), "showlegend": False, "hoverinfo": "skip"}
        made += [(go.Scatter(**xy, **quiet), column) for column, xy in enumerate(cursor(at), start=1)]
    return made


def missing(result: AttackSweep, n_s: int) -> list[np.ndarray]:
    """y of the lines in the third panel: (k,) for each kind of input, floored for the logarithmic axis."""
    return [np.maximum(rates[:, n_s - 1], FLOOR).astype(np.float32) for rates in result.missing.values()]


def cursor(at: int) -> list[dict]:
    """x and y of the line through strength ``at``, in each panel."""
    return [{"x": [at, at], "y": y} for y in ([0, 103], [0, 103], [FLOOR / 3, 1.5])]


def axes(result: AttackSweep) -> dict[str, dict]:
    """What another attack changes of the three x axes: ticks and, in the middle, what its strength is."""
    ticks = {"tickvals": list(range(len(result))), "ticktext": list(result.labels)}
    ticks["range"] = [-0.35, len(result) - 0.65]
    titles = ("", result.knob, "")
    return {f"xaxis{n}": {**ticks, "title": {"text": text}} for n, text in zip(("", "2", "3"), titles, strict=True)}


def replace(figure: go.Figure, result: AttackSweep, n_s: int, at: int) -> None:
    """Draw another result in a figure made by `sweep`, in place."""
    for old, (new, _) in zip(figure.data, traces(result, n_s, at), strict=True):
        old.update(x=new.x, y=new.y, text=new.text, visible=new.visible is not False)
    for name, values in axes(result).items():
        figure.layout[name].update(values)


def scenes(pictures: Sequence[Scene], class_names: Sequence[str], rows: Sequence[str], *,
           count: int = 6, bounds: tuple[float, float] = (0.0, 1.0)) -> go.Figure:  # fmt: skip
    """A row of pictures for each scene, each under what the compromised model takes it for.

    rows: one name a scene. count: pictures in a row, at most. An answer that differs from the intact model's has an
    arrow before it. Paper: Figure 1. Notebook: 01.
    """
    count = min(count, *(len(scene.images) for scene in pictures))
    images = [as_uint8(image, bounds) for scene in pictures for image in scene.images[:count]]
    captions = [
        "<br>".join(wrap(_answer(scene, i, class_names), 20)) for scene in pictures for i in range(count)
    ]  # fmt: skip
    figure = image_sheet(np.array(images), captions, columns=count)
    for row, name in enumerate(rows):
        figure.add_annotation(text=name, x=-0.012, y=1 - (row + 0.5) / len(rows), xref="paper", yref="paper",
                              textangle=-90, showarrow=False, yanchor="middle", xanchor="right")  # fmt: skip
    return figure.update_layout(margin={"l": 36, "t": 64}, height=80 + 170 * len(rows))


def scene_html(scene: Scene, class_names: Sequence[str], *, bounds: tuple[float, float] = (0.0, 1.0)) -> str:
    """The pictures of a scene in a row, as HTML, each over what the compromised model takes it for."""
    cells = []
    for i, image in enumerate(scene.images):
        turned = scene.after[i] != scene.before[i]
        style = f"color:{RED};font-weight:bold" if turned else f"color:{GREY}"
        name, source = escape(class_names[scene.truth[i]]), data_url(as_uint8(image, bounds))
        cells.append(
            f'<div style="width:126px;text-align:center;line-height:1.25"><img src="{source}" alt="{name}" '
            f'width="88" height="88" style="image-rendering:pixelated"><br>'
            f'<span style="{style}">{escape(_answer(scene, i, class_names))}</span></div>'
        )
    return f'<div style="display:flex;flex-wrap:wrap;gap:10px 8px;align-items:flex-start">{"".join(cells)}</div>'


def _answer(scene: Scene, i: int, class_names: Sequence[str]) -> str:
    return ("→ " if scene.after[i] != scene.before[i] else "") + class_names[scene.after[i]]


def _button(results: Sequence[AttackSweep], number: int, of: list[tuple[int, go.Scatter]]) -> dict:
    """The menu's entry for one attack: its traces, and its ticks on the three x axes."""
    success = np.isfinite(results[number].success).any()
    visible = [mine == number and (trace.name != "success" or bool(success)) for mine, trace in of]
    ticks = {
        f"{axis}.{key}": value["text"] if key == "title" else value
        for axis, values in axes(results[number]).items()
        for key, value in values.items()
    }
    ticks = {name.replace(".title", ".title.text"): value for name, value in ticks.items()}
    return {"label": results[number].attack, "method": "update", "args": [{"visible": visible}, ticks]}


def _panels() -> go.Figure:
    figure = make_subplots(cols=3, horizontal_spacing=0.075, subplot_titles=_TITLES)
    figure.update_annotations(font_size=14)
    figure.update_yaxes(range=[-3, 104], ticksuffix="%", col=1)
    figure.update_yaxes(range=[-3, 104], ticksuffix="%", col=2)
    powers = range(-6, 1)
    names = ["≤ 10<sup>−6</sup>", *(f"10<sup>−{-p}</sup>" for p in powers if -6 < p < 0), "1"]
    figure.update_yaxes(type="log", range=[-6.25, 0.2], tickvals=[10.0**p for p in powers], ticktext=names, col=3)
    figure.update_xaxes(tickfont_size=11, title_standoff=10, title_font_size=13)
    return figure.update_layout(
        template=TEMPLATE, height=360, margin={"l": 52, "r": 12, "t": 78, "b": 54}, legend={"y": 1.13}
    )


def _line(colour: str, dash: str, width: float = 2.5) -> dict:
    return {"color": colour, "dash": dash, "width": width}


def _marker(symbol: str) -> dict:
    return {"symbol": symbol, "size": 9}


def _percent(values: np.ndarray) -> np.ndarray:
    return (100 * values).astype(np.float32)
