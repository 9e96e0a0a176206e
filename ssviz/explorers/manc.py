"""The MANC explorer: Algorithm 2 step by step, Figure 2 alive."""

import ipywidgets as widgets
import numpy as np
import plotly.graph_objects as go
from PIL import Image

from ssviz.explorers.base import Explorer, int_slider, live, picture
from ssviz.figures import manc as figures
from ssviz.figures.style import as_uint8, png
from ssviz.manc import manc, random_coverage


class MancExplorer(Explorer):
    """Which sample next, and what does it add? The neuron grid, the picks and coverage against random choice.

    active: (n, neurons) bool, from ``active_neurons``. images: (n, height, width, channels), the bag, in bounds.
    k: samples to select; one greedy run answers every N_S up to k.

    Paper: Section 3.3, Algorithm 2, Figure 2. Notebook: 05.
    """

    question = "Which sample next, and how many neurons does it add?"
    paper = "In the paper: Section 3.3, Algorithm 2, Figure 2"

    def __init__(self, active: np.ndarray, images: np.ndarray, *, k: int = 10, trials: int = 1000,
                 bounds: tuple[float, float] = (0.0, 1.0), static: bool = False) -> None:  # fmt: skip
        super().__init__(static=static)
        self.selection = manc(active, k)
        self.random = random_coverage(active, k, trials=trials)
        self.images, self.bounds = images, bounds
        self.controls = {"n_s": int_slider("N_S", 1, k, min(2, k), "How many samples are selected")}

    def layout(self) -> widgets.Widget:
        """Grid left, curves right, the selected samples below."""
        legend = " &nbsp; ".join(
            f"<span style='color:{colour}'>■</span> {name}"
            for colour, name in (
                (figures.COVERED, "covered"),
                (figures.NEW, "new"),
                (figures.UNCOVERED, "uncovered"),
            )
        )
        self._grid, grid = picture(legend, 320)
        self._curves = live(figures.coverage(self.selection, self.random, 1), height=350, width=600)
        self._picks, picks = picture("", 64 * min(len(self.selection), 10))
        row = widgets.Layout(display="flex", flex_flow="row wrap", align_items="center", grid_gap="20px")
        return widgets.VBox([widgets.Box([grid, self._curves], layout=row), picks])

    def draw(self) -> None:
        """Follow N_S: nothing is selected again."""
        n_s = self.controls["n_s"].value
        pixels = figures.neuron_grid(self.selection, n_s)
        self._grid.value = png(pixels)
        self._picks.value = png(self._selected(n_s))
        with self._curves.batch_update():
            self._curves.data[-1].update(x=[n_s], y=[self.selection.coverage[n_s - 1]])
        self.status.value = (
            f"Sample <b>{self.selection.indices[n_s - 1]}</b> of the bag adds "
            f"<b>{self.selection.newly_covered[n_s - 1]}</b> neurons: {self.selection.covered[n_s - 1].sum()} of "
            f"{self.selection.n_neurons} covered, <b>{self.selection.coverage[n_s - 1]:.1%}</b> "
            f"(random choice: {self.random.mean[n_s - 1]:.1%})"
        )

    def _selected(self, n_s: int) -> np.ndarray:
        """The picks in a row, those to come faded: uint8 RGBA."""
        tiles = []
        for i, index in enumerate(self.selection.indices[:10]):
            tile = Image.fromarray(np.ascontiguousarray(as_uint8(self.images[index], self.bounds)))
            rgb = np.asarray(tile.resize((122, 122), Image.Resampling.NEAREST))
            alpha = np.full((122, 122, 1), 255 if i < n_s else 40, np.uint8)
            tiles.append(np.pad(np.concatenate([rgb, alpha], axis=2), ((3, 3), (3, 3), (0, 0))))
        return np.concatenate(tiles, axis=1)

    def static_figure(self) -> go.Figure:
        """Figure 2 with a slider over N_S, for pages without a kernel."""
        return figures.coverage_with_grid(self.selection, self.random)
