"""The model explorer: Table 2 alive, data set by data set."""

from collections.abc import Mapping
from html import escape

import ipywidgets as widgets
import plotly.graph_objects as go

from ssviz.explorers.base import Explorer, dropdown, live
from ssviz.figures import implementation as figures
from ssviz.implementation import Outcomes


class ModelExplorer(Explorer):
    """What does an attack gain, and what does it cost? Success and accuracy lost, data set by data set.

    results: data set -> outcomes, from ``ssviz.implementation.outcomes``; nothing is attacked again.

    Paper: Section 4, Table 2. Notebook: 08.
    """

    question = "What does an attack gain, and what does it cost in accuracy?"
    paper = "In the paper: Section 4, Table 2"

    def __init__(self, results: Mapping[str, Outcomes], *, static: bool = False) -> None:
        super().__init__(static=static)
        if not results:
            raise ValueError("results must hold one data set or more; received none.")
        self.results = dict(results)
        self.controls = {
            "dataset": dropdown("data set", list(self.results), next(iter(self.results)),
                                "The data set and its model in the zoo"),
        }  # fmt: skip

    def layout(self) -> widgets.Widget:
        """Both panels."""
        self._drawn = result = self.results[self.controls["dataset"].value]
        self._figure = live(figures.attack_outcomes(result), height=figures.height(result), width=830)
        return self._figure

    def draw(self) -> None:
        """Follow the data set."""
        result = self.results[self.controls["dataset"].value]
        if result is not self._drawn:
            with self._figure.batch_update():
                for trace, part in zip(self._figure.data, figures.moved(result), strict=True):
                    trace.update(part)
                self._figure.layout.height = figures.height(result)
            self._drawn = result
        self.status.value = (
            f"{escape(result.dataset)}: the intact network has <b>{result.accuracy:.2f}%</b> of the test images right; "
            f"{len(result.attacks)} attacks, {sum(result.models)} compromised networks"
        )

    def static_figure(self) -> go.Figure:
        """The same with a menu of the data sets, for pages without a kernel."""
        return figures.attack_outcomes_of_all(self.results, self.controls["dataset"].value)
