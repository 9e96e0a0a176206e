"""What samples are certain to detect: a map of the smallest detected changes."""

import numpy as np
import plotly.graph_objects as go

from ssviz.certificate import Certificate
from ssviz.figures.style import TEMPLATE

ROWS = 256  # more neurons than this are drawn in bins
FLOOR = 1e-9  # exact ties detect any change, which a logarithm cannot show
TOP = 1  # beyond ten spreads (10**1) one colour
UNREACHABLE = "#DDE1E6"


def heat_map(certificate: Certificate, n_s: int | None = None) -> go.Figure:
    """The smallest change of each weight that the first n_s samples (None: all) detect whichever way it goes.

    Rows are neurons, best covered at the top, columns classes; colour is the change relative to the layer's
    spread, logarithmic; grey where no change in one of the directions is detected. More than 256 neurons are
    drawn in bins of the sorted ones, by the medians. Raises ValueError unless 1 <= n_s <= len(certificate).

    Paper: beyond it (Section 4.3's W). Notebook: 13.
    """
    n_s = len(certificate) if n_s is None else n_s
    if not 1 <= n_s <= len(certificate):
        raise ValueError(f"n_s must lie in [1, {len(certificate)}], the samples of the certificate; received {n_s}.")
    relative, names = _rows(certificate[:n_s])
    figure, few = go.Figure(_traces(relative, names)), len(names) <= 40
    figure.update_xaxes(title_text="class", showgrid=False, dtick=1 if relative.shape[1] <= 12 else None)
    figure.update_yaxes(
        title_text="neurons, best covered at the top", type="category", autorange="reversed", showgrid=False,
        showticklabels=few, ticks="outside" if few else "", automargin=True,
    )  # fmt: skip
    title = {"text": f"N_S = {n_s}", "x": 1, "xanchor": "right", "font": {"size": 13}}
    return figure.update_layout(template=TEMPLATE, height=460, hovermode="closest", showlegend=True, title=title)


def _rows(certificate: Certificate) -> tuple[np.ndarray, list[str]]:
    """float32 (at most ROWS, r) smallest changes relative to the spread, best covered first, and the rows' names."""
    relative = (certificate.either / certificate.spread).astype(np.float32)
    names = [f"neuron {i}" for i in range(len(relative) - certificate.has_bias)] + ["bias"] * certificate.has_bias
    order = np.lexsort([np.min(relative, axis=1), -np.isfinite(relative).sum(axis=1)])
    relative = relative[order]
    if len(relative) <= ROWS:
        return relative, [names[i] for i in order]
    bins = np.array_split(np.arange(len(relative)), ROWS)
    medians = np.stack([np.median(relative[rows], axis=0) for rows in bins])
    return medians, [f"neurons ranked {rows[0] + 1} to {rows[-1] + 1}" for rows in bins]


def _traces(relative: np.ndarray, names: list[str]) -> list[go.Heatmap | go.Scatter]:
    """The reached cells on a logarithmic scale, the others in grey, and the legend's entry for these."""
    reached = np.isfinite(relative)
    z = np.log10(np.maximum(np.where(reached, relative, np.nan), FLOOR))
    low = np.min(z[reached], initial=0)
    ticks = np.arange(TOP, low, -max(1, (TOP - low) // 6))
    missed = "never detected in one direction or both"
    return [
        go.Heatmap(
            z=z, y=names, customdata=relative, colorscale="Cividis", zmin=low, zmax=TOP, hoverongaps=False,
            hovertemplate="%{y}, class %{x}<br>detected beyond %{customdata:.3g} of the spread<extra></extra>",
            colorbar={"title": {"text": "smallest detected<br>change / spread"}, "tickvals": ticks,
                      "ticktext": [f"≥ {10**TOP}", *(f"{10**t:g}" for t in ticks[1:])]},
        ),
        go.Heatmap(
            z=np.where(reached, np.nan, 0).astype(np.float32), y=names, hoverongaps=False, showscale=False,
            colorscale=[[0, UNREACHABLE], [1, UNREACHABLE]],
            hovertemplate="%{y}, class %{x}<br>" + missed + "<extra></extra>",
        ),
        go.Scatter(x=[None], y=[None], mode="markers", name=missed, hoverinfo="skip",
                   marker={"symbol": "square", "color": UNREACHABLE, "size": 12}),
    ]  # fmt: skip
