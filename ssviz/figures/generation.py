"""Figure 3: sensitivity against similarity while a Sensitive-Sample is made, and the images themselves."""

from collections.abc import Sequence

import numpy as np
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from ssviz.figures.style import BLUE, GREY, ORANGE, TEMPLATE, amplified, as_uint8, data_url, slider
from ssviz.samples import SensitiveSamples

CURVES = 5  # traces of an ascent: two curves, two dots, the cursor


def last_iteration(samples: SensitiveSamples, epsilon: float) -> int:
    """Iteration at which the first sample stops for ``epsilon``: the last before its distance exceeds it."""
    d = samples.distance[: samples.iterations[0] + 1, 0]
    if d.max() <= epsilon:
        return len(d) - 1
    return max(int(np.argmax(d > epsilon)) - 1, 0)


def triptych(samples: SensitiveSamples, t: int, amplification: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Original, iterate t and amplified difference of the first sample: uint8 RGB images."""
    bounds = samples.settings["bounds"]
    v0, v = samples.originals[0], samples.trajectory[t, 0]
    return as_uint8(v0, bounds), as_uint8(v, bounds), amplified(v, v0, amplification, bounds)


def cursor(samples: SensitiveSamples, t: int) -> list[dict]:
    """x and y of the traces that follow the iteration t: a dot on each curve and the line between."""
    s, snr = samples.sensitivity[t, 0], samples.snr[t, 0]
    low, high = _range(samples)
    return [
        {"x": [t], "y": [s]},
        {"x": [t], "y": [snr if np.isfinite(snr) else None]},
        {"x": [t, t], "y": [low, high]},
    ]


def ascent(samples: SensitiveSamples, t: int) -> go.Figure:
    """S (log axis, left) and SNR (right) of the first sample over the iterations, with a cursor at t.

    Paper: Figure 3, left. Notebook: 04.
    """
    figure = make_subplots(specs=[[{"secondary_y": True}]])
    for trace, secondary in _curves(samples, t):
        figure.add_trace(trace, secondary_y=secondary)
    _label(figure, samples)
    return figure.update_layout(template=TEMPLATE, height=340)


def ascent_with_images(samples: SensitiveSamples, epsilons: Sequence[float], *, amplification: float = 10) -> go.Figure:
    """The ascent beside original, Sensitive-Sample and amplified difference, with a slider over ``epsilons``.

    samples: generated with record="samples"; the first one is drawn. Paper: Figure 3. Notebook: 04.
    """
    stops = [last_iteration(samples, epsilon) for epsilon in epsilons]
    labels = ["no limit" if epsilon == np.inf else f"{epsilon:g}" for epsilon in epsilons]
    active = len(stops) - 1
    figure = make_subplots(
        cols=4, column_widths=[0.37, 0.21, 0.21, 0.21], horizontal_spacing=0.05,
        specs=[[{"secondary_y": True}, {}, {}, {}]],
        subplot_titles=("", "original", "Sensitive-Sample", f"difference × {amplification:g}"),
    )  # fmt: skip
    for trace, secondary in _curves(samples, stops[active]):
        figure.add_trace(trace, row=1, col=1, secondary_y=secondary)
    pictures = [[data_url(image) for image in triptych(samples, t, amplification)] for t in stops]
    for column, source in enumerate(pictures[active], start=2):
        figure.add_trace(go.Image(source=source, hoverinfo="skip"), row=1, col=column)
        figure.update_xaxes(visible=False, row=1, col=column)
        figure.update_yaxes(visible=False, row=1, col=column)
    moving = [2, 3, 4, CURVES + 1, CURVES + 2]
    figure.frames = [
        go.Frame(
            name=label,
            traces=moving,
            data=[*(go.Scatter(**c) for c in cursor(samples, t)), *(go.Image(source=s) for s in sources[1:])],
        )
        for label, t, sources in zip(labels, stops, pictures, strict=True)
    ]
    _label(figure, samples)
    figure.update_yaxes(title_text="", secondary_y=True, col=1)  # the legend says it
    return figure.update_layout(
        template=TEMPLATE, height=420, hovermode="closest", legend_y=1.1,
        sliders=[slider(labels, labels, "epsilon: ", active)],
    )  # fmt: skip


def _curves(samples: SensitiveSamples, t: int) -> list[tuple[go.Scatter, bool]]:
    """The traces of an ascent, and whether each belongs to the right axis."""
    steps = np.arange(samples.iterations[0] + 1)
    s = samples.sensitivity[: len(steps), 0].astype(np.float32)
    snr = samples.snr[1 : len(steps), 0].astype(np.float32)
    dot_s, dot_snr, line = cursor(samples, t)
    quiet = {"showlegend": False, "hoverinfo": "skip"}
    diamond = {"color": ORANGE, "size": 11, "symbol": "diamond"}
    return [
        (go.Scatter(x=steps, y=s, name="sensitivity S", line={"color": BLUE, "width": 2.5}), False),
        (go.Scatter(x=steps[1:], y=snr, name="SNR (dB)", line={"color": ORANGE, "width": 2.5, "dash": "dash"}), True),
        (go.Scatter(**dot_s, mode="markers", marker={"color": BLUE, "size": 11}, **quiet), False),
        (go.Scatter(**dot_snr, mode="markers", marker=diamond, **quiet), True),
        (go.Scatter(**line, mode="lines", line={"color": GREY, "width": 1, "dash": "dot"}, **quiet), False),
    ]  # fmt: skip


def _range(samples: SensitiveSamples) -> tuple[float, float]:
    """Powers of ten around the sensitivities: the ends of the left axis."""
    s = samples.sensitivity[:, 0]
    s = s[s > 0] if (s > 0).any() else np.array([1e-12, 1.0])
    return 10 ** np.floor(np.log10(s.min()) - 0.1), 10 ** np.ceil(np.log10(s.max()) + 0.1)


def left_axis(samples: SensitiveSamples) -> dict:
    """Range and ticks of the left axis, whole powers of ten, for the first sample."""
    low, high = np.log10(_range(samples))
    return {"range": [low, high], "dtick": max(1, round((high - low) / 6))}


def _label(figure: go.Figure, samples: SensitiveSamples) -> None:
    figure.update_xaxes(title_text="iteration", selector={"anchor": "y"})
    figure.update_yaxes(
        title_text="sensitivity S", type="log", exponentformat="power", tickfont_size=11, **left_axis(samples),
        secondary_y=False, col=1,
    )  # fmt: skip
    figure.update_yaxes(title_text="SNR (dB)", showgrid=False, tickmode="auto", nticks=7, secondary_y=True, col=1)
