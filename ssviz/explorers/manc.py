"""The MANC explorer: Algorithm 2 step by step, Figure 2 alive."""

from collections.abc import Mapping

import ipywidgets as widgets
import numpy as np
import plotly.graph_objects as go
from PIL import Image

from ssviz.explorers.base import Explorer, dropdown, int_slider, live, picture
from ssviz.figures import manc as figures
from ssviz.figures.style import as_uint8, png
from ssviz.manc import RandomCoverage, Selection, manc, random_coverage


class MancExplorer(Explorer):
    """Which sample next, and what does it add? The neuron grid, the picks and coverage against random choice.

    active: (n, neurons) bool, from ``active_neurons``, or several such maps by the names of their neurons of
    interest, as a menu offers them. images: (n, height, width, channels), the bag, in bounds. k: samples to select;
    one greedy run answers every N_S up to k. Raises ValueError as ``manc`` does.

    Paper: Section 3.3, Algorithm 2, Figure 2. Notebook: 05.
    """

    question = "Which sample next, and how many neurons does it add?"
    paper = "In the paper: Section 3.3, Algorithm 2, Figure 2"

    def __init__(
        self,
        active: np.ndarray | Mapping[str, np.ndarray],
        images: np.ndarray,
        *,
        k: int = 10,
        trials: int = 1000,
        bounds: tuple[float, float] = (0.0, 1.0),
        static: bool = False,
    ) -> None:
        super().__init__(static=static)
        maps = active if isinstance(active, Mapping) else {"those of the map": active}
        self._runs = {name: (manc(each, k), random_coverage(each, k, trials=trials)) for name, each in maps.items()}
        self._pictures: dict[str, list[tuple[bytes, bytes]]] = {}
        self.images, self.bounds = images, bounds
        self.controls = {"n_s": int_slider("N_S", 1, k, min(2, k), "How many samples are selected")}
        if len(maps) > 1:
            self.controls["neurons"] = dropdown("neurons of interest", list(maps), next(iter(maps)),
                                                "Which neurons are to be covered", width=360)  # fmt: skip

    @property
    def neurons(self) -> str:
        """Name of the neurons of interest."""
        return self.controls["neurons"].value if "neurons" in self.controls else next(iter(self._runs))

    @property
    def selection(self) -> Selection:
        """MANC's picks for the neurons chosen."""
        return self._runs[self.neurons][0]

    @property
    def random(self) -> RandomCoverage:
        """Random choice for the same neurons."""
        return self._runs[self.neurons][1]

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
        self._grid, grid = picture(legend, 290)
        self._drawn = self.selection
        self._curves = live(figures.coverage(self.selection, self.random, 1), height=350, width=520)
        self._picks, picks = picture("", 64 * min(len(self.selection), 10))
        row = widgets.Layout(display="flex", flex_flow="row wrap", align_items="center", grid_gap="16px")
        return widgets.VBox([widgets.Box([grid, self._curves], layout=row), picks])

    def draw(self) -> None:
        """Follow N_S and the neurons of interest: nothing is selected again."""
        selection, n_s = self.selection, self.controls["n_s"].value
        self._grid.value, self._picks.value = self._drawings()[n_s - 1]
        with self._curves.batch_update():
            if selection is not self._drawn:
                fresh = figures.coverage(selection, self.random, n_s).data
                for trace, new in zip(self._curves.data, fresh, strict=True):
                    trace.update(x=new.x, y=new.y)
                self._drawn = selection
            self._curves.data[-1].update(x=[n_s], y=[selection.coverage[n_s - 1]])
        self.status.value = (
            f"Sample <b>{selection.indices[n_s - 1]}</b> of the bag adds "
            f"<b>{selection.newly_covered[n_s - 1]}</b> neurons: {selection.covered[n_s - 1].sum()} of "
            f"{selection.n_neurons} covered, <b>{selection.coverage[n_s - 1]:.1%}</b> "
            f"(random choice: {self.random.mean[n_s - 1]:.1%})"
        )

    def _drawings(self) -> list[tuple[bytes, bytes]]:
        """Grid and row of picks for every N_S, as PNG: made once for each choice of neurons, since it takes longer
        than a slider may."""
        if self.neurons not in self._pictures:
            steps = range(1, len(self.selection) + 1)
            self._pictures[self.neurons] = [
                (png(figures.neuron_grid(self.selection, n)), png(self._selected(n))) for n in steps
            ]
        return self._pictures[self.neurons]

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
