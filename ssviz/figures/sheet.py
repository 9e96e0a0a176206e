"""Sheets of images: Figure 4's originals and Sensitive-Samples side by side."""

from collections.abc import Sequence

import numpy as np
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from ssviz.figures.style import TEMPLATE, amplified, as_uint8, data_url
from ssviz.samples import SensitiveSamples


def image_sheet(images: np.ndarray, captions: Sequence[str], *, columns: int = 8) -> go.Figure:
    """uint8 RGB images (n, height, width, 3) with a caption each, in rows of ``columns``."""
    columns = min(columns, len(images))
    rows = -(-len(images) // columns)
    figure = make_subplots(rows, columns, subplot_titles=list(captions), horizontal_spacing=0.01,
                           vertical_spacing=0.16 / rows)  # fmt: skip
    for i, image in enumerate(images):
        where = {"row": i // columns + 1, "col": i % columns + 1}
        figure.add_trace(go.Image(source=data_url(image), hoverinfo="skip"), **where)
    figure.update_xaxes(visible=False).update_yaxes(visible=False).update_annotations(font_size=12)
    margin = {"l": 8, "r": 8, "t": 28, "b": 8}
    return figure.update_layout(template=TEMPLATE, margin=margin, height=40 + 140 * rows, hovermode="closest")


def before_after(samples: SensitiveSamples, *, count: int = 6, amplification: float = 10) -> go.Figure:
    """Three rows of the first ``count`` samples: original, Sensitive-Sample, amplified difference.

    Paper: Figure 4. Notebook: 04.
    """
    bounds, count = samples.settings["bounds"], min(count, len(samples))
    v0, v = samples.originals[:count], samples.samples[:count]
    rows = [
        [as_uint8(image, bounds) for image in v0],
        [as_uint8(image, bounds) for image in v],
        [amplified(after, before, amplification, bounds) for before, after in zip(v0, v, strict=True)],
    ]
    captions = ["original"] * count + [f"{db:.0f} dB" for db in samples.snr[-1, :count]]
    captions += [f"difference × {amplification:g}"] * count
    return image_sheet(np.array([image for row in rows for image in row]), captions, columns=count)
