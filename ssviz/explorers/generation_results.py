"""The explorer of the generation results: Figure 3 on every data set."""

from collections.abc import Sequence

import ipywidgets as widgets
import numpy as np
import plotly.graph_objects as go

from ssviz.ascents import Ascent, from_rows
from ssviz.explorers.base import Explorer, dropdown, labelled_slider, live
from ssviz.figures import generation_results as figures
from ssviz.reproduction.published import published, published_datasets
from ssviz.reproduction.sections import NAMES


class GenerationResultsExplorer(Explorer):
    """How many iterations does a Sensitive-Sample need, and what do they cost? Figure 3 on every data set.

    ascents: of one or two recipes, from ``ssviz.ascents.ascent``, or None; the menu of data sets shows them first, as
    ``name``, and then the published results of every data set (``ssviz.reproduction.published``).
    Raises ValueError for an iteration that is not on the slider.

    Paper: Section 5.1, Figure 3. Notebook: 09.
    """

    question = "How many iterations does a Sensitive-Sample need, and what do they cost?"
    paper = "In the paper: Section 5.1, Figure 3"

    def __init__(
        self,
        ascents: Sequence[Ascent] | None = None,
        *,
        name: str = "made here",
        iteration: int = 50,
        static: bool = False,
    ) -> None:
        super().__init__(static=static)
        if iteration not in figures.ITERATIONS:
            raise ValueError(f"iteration must be one of {figures.ITERATIONS}; received {iteration!r}.")
        self.by_data = {} if ascents is None else {name: tuple(ascents)}
        self.by_data |= {
            f"{NAMES[d]}, published": from_rows(published(d, "figure3")) for d in published_datasets("figure3")
        }
        self.controls = {
            "data": dropdown("data", list(self.by_data), next(iter(self.by_data)), "Where they were made"),
            "iteration": labelled_slider(
                "iteration", [(f"{t}", t) for t in figures.ITERATIONS], iteration, "Steps of the ascent so far"
            ),
        }

    def layout(self) -> widgets.Widget:
        """Sensitivity left, SNR right."""
        self._drawn = self._chosen()
        self._curves = live(figures.sensitivity_and_snr(*self._drawn), height=380, width=840)
        return self._curves

    def _chosen(self) -> tuple[tuple[Ascent, ...], int]:
        return self.by_data[self.controls["data"].value], self.controls["iteration"].value

    def draw(self) -> None:
        """Follow the controls: another data set changes the curves, the iteration only the rings."""
        chosen = ascents, iteration = self._chosen()
        if chosen != self._drawn:  # a figure that is changed before it is shown may stay empty
            self._follow(chosen)
        self.status.value = "<br>".join(self._summary(one, iteration) for one in ascents)

    def _follow(self, chosen: tuple[tuple[Ascent, ...], int]) -> None:
        with self._curves.batch_update():
            if chosen[0] is not self._drawn[0]:
                for old, new in zip(self._curves.data, figures.sensitivity_and_snr(*chosen).data, strict=True):
                    old.update(x=new.x, y=new.y, customdata=new.customdata, name=new.name, showlegend=new.showlegend)
            for trace, at in zip(figures.CURSORS, figures.cursors(*chosen), strict=True):
                self._curves.data[trace].update(at)
        self._drawn = chosen

    def _summary(self, one: Ascent, iteration: int) -> str:
        t, _, _ = one.at(iteration)
        median = one.s[1]
        half = int(np.argmax(median >= median[-1] / 2))
        return (
            f"{one.recipe}, iteration {t}{' (its last)' if t < iteration else ''}: "
            f"<b>{figures.in_words(one, iteration)}</b>; half of its last S at iteration {half}"
        )

    def static_figure(self) -> go.Figure:
        """Figure 3 with a menu of the data sets and a slider over iterations, for pages without a kernel."""
        return figures.sensitivity_and_snr_of_all(self.by_data, self.controls["iteration"].value)
