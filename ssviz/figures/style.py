"""One look for every figure: a small plotly template, colours that all eyes tell apart, images as PNG.

Background transparent, text mid-grey: readable on light and dark pages. Colours are Okabe and Ito's; every
series differs in dash or marker as well.
"""

import base64
import io

import numpy as np
import plotly.graph_objects as go
from PIL import Image

import ssviz.figures.quick_import  # noqa: F401

BLUE, ORANGE, GREEN, RED, SKY, PINK, GREY = (
    "#0072B2", "#E69F00", "#009E73", "#D55E00", "#56B4E9", "#CC79A7", "#808080"
)  # fmt: skip
GRID = "rgba(128,128,128,0.25)"

_axis = {"gridcolor": GRID, "zeroline": False, "linecolor": GREY, "ticks": "outside", "tickcolor": GREY}
TEMPLATE = go.layout.Template(
    layout={
        "paper_bgcolor": "rgba(0,0,0,0)",
        "plot_bgcolor": "rgba(0,0,0,0)",
        "font": {"color": GREY, "size": 13},
        "colorway": [BLUE, ORANGE, GREEN, RED, SKY, PINK],
        "margin": {"l": 64, "r": 24, "t": 40, "b": 52},
        "xaxis": _axis,
        "yaxis": _axis,
        "legend": {"orientation": "h", "y": 1.02, "yanchor": "bottom", "x": 0},
        "hovermode": "x unified",
        "hoverlabel": {"font": {"color": "#222"}, "bgcolor": "rgba(255,255,255,0.92)"},
    }
)


def as_uint8(image: np.ndarray, bounds: tuple[float, float] = (0.0, 1.0)) -> np.ndarray:
    """An image in bounds (height, width, 1 or 3) as RGB grey levels 0..255, uint8 (height, width, 3)."""
    low, high = bounds
    levels = np.round(255 * np.clip((image - low) / (high - low), 0, 1)).astype(np.uint8)
    return np.broadcast_to(levels, (*levels.shape[:2], 3)) if levels.shape[-1] == 1 else levels


def amplified(v: np.ndarray, v0: np.ndarray, times: float, bounds: tuple[float, float] = (0.0, 1.0)) -> np.ndarray:
    """The difference v - v0, ``times`` as large, around mid-grey: uint8 RGB (height, width, 3)."""
    middle = sum(bounds) / 2
    return as_uint8(middle + times * (v - v0), bounds)


def png(pixels: np.ndarray, size: int | None = None) -> bytes:
    """uint8 pixels (height, width, 3) as a PNG file, enlarged to ``size`` pixels of width, edges kept sharp."""
    image = Image.fromarray(np.ascontiguousarray(pixels))
    if size:
        image = image.resize((size, round(size * image.height / image.width)), Image.Resampling.NEAREST)
    file = io.BytesIO()
    image.save(file, "PNG")
    return file.getvalue()


def data_url(pixels: np.ndarray) -> str:
    """uint8 pixels as the address of an embedded PNG: what ``go.Image(source=...)`` and ``<img>`` take."""
    return "data:image/png;base64," + base64.b64encode(png(pixels)).decode()


def slider(labels: list[str], frames: list[str], prefix: str, active: int) -> dict:
    """A plotly slider that jumps between frames, for figures that live without a kernel."""
    steps = [
        {
            "label": label,
            "method": "animate",
            "args": [[frame], {"mode": "immediate", "frame": {"duration": 0}}],
        }
        for label, frame in zip(labels, frames, strict=True)
    ]
    return {
        "active": active, "steps": steps, "currentvalue": {"prefix": prefix}, "pad": {"t": 48}, "tickcolor": GREY,
        "bordercolor": GREY, "bgcolor": GRID, "activebgcolor": BLUE,
    }  # fmt: skip


def menu(name: str, labels: list[str], changes: list[dict], active: int = 0) -> dict:
    """A plotly menu above the right end of a figure: each entry changes the traces as ``Plotly.restyle`` takes it."""
    buttons = [{"label": label, "method": "restyle", "args": [new]} for label, new in zip(labels, changes, strict=True)]
    return {
        "name": name, "buttons": buttons, "active": active, "x": 1, "xanchor": "right", "y": 1.14, "yanchor": "bottom",
        "font": {"color": "#333"}, "bgcolor": "#f2f2f2",
    }  # fmt: skip


def band(x: np.ndarray, low: np.ndarray, high: np.ndarray, colour: str) -> go.Scatter:
    """What lies between low and high, all (k,), shaded; nothing where they are the same. Not in the legend."""
    around = {"x": np.append(x, x[::-1]), "y": np.append(high, low[::-1])} if (low < high).any() else {}
    return go.Scatter(**around, fill="toself", fillcolor=faint(colour), mode="lines", line_width=0, showlegend=False,
                      hoverinfo="skip")  # fmt: skip


def upright(x: float, axis: int = 1) -> dict:
    """A vertical line at x in the plot of that number: a shape, so that no trace changes when it moves."""
    number = "" if axis == 1 else axis
    return {
        "type": "line", "x0": x, "x1": x, "y0": 0, "y1": 1, "xref": f"x{number}", "yref": f"y{number} domain",
        "line": {"color": GREY, "width": 2, "dash": "dot"},
    }  # fmt: skip


def faint(colour: str, opacity: float = 0.28) -> str:
    """A colour "#rrggbb" that lets through what is behind it."""
    red, green, blue = (int(colour[i : i + 2], 16) for i in (1, 3, 5))
    return f"rgba({red},{green},{blue},{opacity:g})"
