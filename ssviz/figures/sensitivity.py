"""What the sensitivity of one image is made of: its two factors against a gap of logits, and S around the image."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from ssviz.figures.style import BLUE, GREEN, GREY, ORANGE, TEMPLATE, as_uint8, data_url, slider

CURVES = 6  # traces of the left panel: three curves, the image's own dots, the cursor's dots and line


@dataclass(frozen=True, eq=False)
class Anatomy:
    """S = jacobian * features of one image (Eq. 6 for the last layer), and log10 S in a plane through the image.

    image: (height, width, 1 or 3), or any other shape, which is not drawn. classes: names of its two likeliest.
    gaps: (g,) gaps between their two logits, the sum of the two and the other logits kept; jacobian: (g,) values
    of ||J||_F^2 there; top2: (g, 2) the two probabilities there. own_gap, own_jacobian: at the image itself.
    features: ||h||^2 + 1, without a bias ||h||^2. steps: (m,) Euclidean distances from the image along either
    axis of the plane, in units of the input; plane: (m, m) log10 S, a row for each step in the random direction,
    a column for each along the gradient; margin: (m, m) logit of the likeliest class minus the largest other.
    """

    image: np.ndarray
    name: str
    classes: tuple[str, str]
    gaps: np.ndarray
    jacobian: np.ndarray
    top2: np.ndarray
    own_gap: float
    own_jacobian: float
    features: float
    steps: np.ndarray
    plane: np.ndarray
    margin: np.ndarray
    bias: bool = True

    @property
    def norm(self) -> str:
        """The factor ``features`` as it is written."""
        return "‖h‖² + 1" if self.bias else "‖h‖²"

    @property
    def sensitivity(self) -> np.ndarray:
        """S at every gap: (g,)."""
        return self.jacobian * self.features

    def at(self, gap: float) -> int:
        """The index of the gap nearest to ``gap``."""
        return int(np.argmin(np.abs(self.gaps - gap)))


def anatomy(parts: Anatomy, gap: float) -> go.Figure:
    """The image, S and its factors against the gap (log axis) with a cursor at ``gap``, and the plane of log10 S.

    Paper: Eq. 6 with W the last layer (Section 4.3). Notebook: 03.
    """
    figure = make_subplots(
        cols=3, column_widths=[0.13, 0.47, 0.4], horizontal_spacing=0.085,
        subplot_titles=("image", "", "log<sub>10</sub> S around the image; dashed: a tie"),
    )  # fmt: skip
    for trace in _curves(parts, gap):
        figure.add_trace(trace, row=1, col=2)
    for trace in _plane(parts):
        figure.add_trace(trace, row=1, col=3)
    figure.add_trace(go.Image(source=data_url(picture_of(parts)), hoverinfo="skip"), row=1, col=1)
    figure.update_xaxes(visible=False, col=1)
    figure.update_yaxes(visible=False, col=1)
    _curve_axes(figure, parts, col=2)
    _plane_axes(figure, col=3)
    return figure.update_layout(template=TEMPLATE, height=400, hovermode="closest", margin_r=10, margin_t=70,
                                legend={"x": 0.16, "y": 1.03})  # fmt: skip


def factors(parts: Anatomy, gap: float) -> go.Figure:
    """S and its factors against the gap alone: small, so that a cursor moves fast. Paper: Eq. 6. Notebook: 03."""
    figure = _curve_axes(go.Figure(_curves(parts, gap)), parts)
    return figure.update_layout(template=TEMPLATE, hovermode="closest", margin={"l": 56, "r": 8, "t": 64, "b": 48})


def surroundings(parts: Anatomy) -> go.Figure:
    """log10 S in the plane through the image alone. Paper: Eq. 6. Notebook: 03."""
    figure = _plane_axes(go.Figure(_plane(parts)))
    title = {"text": "log<sub>10</sub> S around the image; dashed: a tie", "x": 0.5, "xref": "paper", "font_size": 14}
    return figure.update_layout(template=TEMPLATE, hovermode="closest", title=title,
                                margin={"l": 56, "r": 8, "t": 64, "b": 48})  # fmt: skip


def anatomy_with_gaps(parts: Anatomy, gaps: Sequence[float], start: float) -> go.Figure:
    """The same with a slider over ``gaps``, for pages without a kernel. Paper: Eq. 6. Notebook: 03."""
    gaps = list(gaps)
    active = int(np.argmin(np.abs(np.asarray(gaps) - start)))
    figure = anatomy(parts, gaps[active])
    figure.frames = [
        go.Frame(
            name=gap_label(gap), traces=[CURVES - 2, CURVES - 1], data=[go.Scatter(**c) for c in cursor(parts, gap)]
        )
        for gap in gaps
    ]
    labels = [gap_label(gap) for gap in gaps]
    title = {"text": f"{parts.name}: {parts.classes[0]} against {parts.classes[1]}", "x": 0.01, "font": {"size": 15}}
    return figure.update_layout(height=484, margin_t=84, title=title, sliders=[slider(labels, labels, "gap: ", active)])


def cursor(parts: Anatomy, gap: float) -> list[dict]:
    """x and y of the traces that follow the gap: a dot on the curves of S and ||J||^2, and the line through them."""
    i = parts.at(gap)
    x = float(parts.gaps[i])
    low, high = (10.0**power for power in axis(parts)["range"])
    return [{"x": [x, x], "y": [parts.sensitivity[i], parts.jacobian[i]]}, {"x": [x, x], "y": [low, high]}]


def axis(parts: Anatomy) -> dict:
    """Range and ticks of the axis of S, whole powers of ten."""
    low = np.floor(np.log10(max(min(parts.jacobian.min(), parts.own_jacobian), 1e-30)))
    high = np.ceil(np.log10(max(parts.sensitivity.max(), parts.features)) + 0.1)
    return {"range": [low, high], "dtick": max(1, round((high - low) / 7))}


def replace(figure: go.Figure, fresh: go.Figure) -> None:
    """Draw another image in a figure of this module, in place: what ``fresh``, of the same function, shows."""
    for old, new in zip(figure.data, fresh.data, strict=True):
        old.update({key: new[key] for key in ("x", "y", "z", "source") if key in new})
    log = {"type": "log"}
    for old, new in zip(figure.select_yaxes(log), fresh.select_yaxes(log), strict=True):
        old.update(range=new.range, dtick=new.dtick)


def picture_of(parts: Anatomy) -> np.ndarray:
    """The image as pixels, uint8 RGB; a grey dot where it is no picture."""
    drawable = parts.image.ndim == 3 and parts.image.shape[-1] in (1, 3)
    return as_uint8(parts.image) if drawable else np.full((1, 1, 3), 128, np.uint8)


def gap_label(gap: float) -> str:
    """A gap in words that a slider shows and a screen reader reads."""
    return "0 (a tie)" if gap == 0 else f"{gap:+g}"


def _curves(parts: Anatomy, gap: float) -> list[go.Scatter]:
    x, s, j = (values.astype(np.float32) for values in (parts.gaps, parts.sensitivity, parts.jacobian))
    dots, line = cursor(parts, gap)
    own = {"x": [parts.own_gap] * 2, "y": [parts.own_jacobian * parts.features, parts.own_jacobian]}
    hover = "%{y:.3g} at gap %{x:.1f}"
    return [
        go.Scatter(x=x, y=s, name="S", line={"color": BLUE, "width": 3}, hovertemplate=hover),
        go.Scatter(x=x, y=j, name="‖J‖²", line={"color": ORANGE, "width": 2.5, "dash": "dash"}, hovertemplate=hover),
        go.Scatter(x=x[[0, -1]], y=[parts.features] * 2, name=parts.norm, mode="lines", hovertemplate="%{y:.3g}",
                   line={"color": GREEN, "width": 2.5, "dash": "dot"}),
        go.Scatter(**own, name="this image", mode="markers", hovertemplate=hover,
                   marker={"symbol": "diamond-open", "size": 13, "color": GREY, "line": {"width": 2.5}}),
        go.Scatter(**dots, mode="markers", showlegend=False, hoverinfo="skip",
                   marker={"size": 12, "color": [BLUE, ORANGE]}),
        go.Scatter(**line, mode="lines", showlegend=False, hoverinfo="skip",
                   line={"color": GREY, "width": 1, "dash": "dot"}),
    ]  # fmt: skip


def _plane(parts: Anatomy) -> list[go.Heatmap | go.Contour | go.Scatter]:
    steps = parts.steps.astype(np.float32)
    bar = {"title": "", "thickness": 14, "outlinewidth": 0, "x": 1.0}
    return [
        go.Heatmap(x=steps, y=steps, z=parts.plane.astype(np.float32), colorscale="Cividis", colorbar=bar,
                   hovertemplate="S = 10^%{z:.2f}<extra></extra>"),
        go.Contour(x=steps, y=steps, z=parts.margin.astype(np.float32), showscale=False, hoverinfo="skip",
                   contours={"start": 0, "end": 0, "size": 1, "coloring": "none"}, showlegend=False,
                   line={"color": "#000", "width": 2, "dash": "dash"}),
        go.Scatter(x=[0], y=[0], mode="markers", showlegend=False, hoverinfo="skip",
                   marker={"symbol": "diamond-open", "size": 13, "color": "#fff", "line": {"width": 2.5}}),
    ]  # fmt: skip


def _curve_axes(figure: go.Figure, parts: Anatomy, **panel: int) -> go.Figure:
    figure.update_xaxes(
        title_text="gap of the two top logits", zeroline=True, zerolinecolor=GREY, title_standoff=8, **panel
    )
    return figure.update_yaxes(type="log", exponentformat="power", tickfont_size=11, **panel, **axis(parts))


def _plane_axes(figure: go.Figure, **panel: int) -> go.Figure:
    figure.update_xaxes(title_text="distance along the gradient of log S", title_standoff=8, **panel)
    return figure.update_yaxes(title_text="along a random direction", title_standoff=4, **panel)
