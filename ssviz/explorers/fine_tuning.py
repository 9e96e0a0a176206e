"""The fine-tuning explorer: Table 6 alive."""

from collections.abc import Mapping
from html import escape

import ipywidgets as widgets
import numpy as np
import plotly.graph_objects as go

from ssviz.explorers.base import Explorer, dropdown, int_slider, live
from ssviz.figures import resistance as figures
from ssviz.resistance import METHODS, Resistance


class FineTuningExplorer(Explorer):
    """Can an adversary who has Sensitive-Samples of his own hide? Missing rates before and after he trains on them.

    results: name of the data -> what ``resistance`` measured, or ``Resistance.from_rows`` read; the first is shown
    first. Nothing is computed again. Raises ValueError if there are none.

    Paper: Section 5.4, Table 6. Notebook: 12.
    """

    question = "Can an adversary who has Sensitive-Samples of his own hide?"
    paper = "In the paper: Section 5.4, Table 6"

    def __init__(self, results: Mapping[str, Resistance], *, n_s: int = 1, static: bool = False) -> None:
        super().__init__(static=static)
        if not results:
            raise ValueError("results must hold the rates of at least one data set; received none.")
        self.results = dict(results)
        first = next(iter(self.results))
        last = min(len(result.n_s) for result in self.results.values())
        self.controls = {
            "data": dropdown("data set", list(self.results), first, "Whose models were attacked", width=260),
            "attack": dropdown("attack", list(self.results[first].attacks), self.results[first].attacks[0],
                               "What was done to the model before", width=260),
            "n_s": int_slider("N_S", 1, last, min(n_s, last), "How many samples are sent"),
        }  # fmt: skip
        self.controls["data"].observe(lambda _: self._offer_attacks(), "value")

    def layout(self) -> widgets.Widget:
        """Both panels."""
        self._drawn = self._chosen()
        figure = figures.fine_tuning(self.results[self._drawn[0]], self._drawn[1], self.controls["n_s"].value)
        self._figure = live(figure, height=410, width=836)
        return self._figure

    def draw(self) -> None:
        """Follow data set, attack and N_S."""
        chosen, n_s = self._chosen(), self.controls["n_s"].value
        result, attack = self.results[chosen[0]], chosen[1]
        with self._figure.batch_update():
            if chosen != self._drawn:
                for old, (new, _) in zip(self._figure.data, figures.traces(result, attack, n_s), strict=True):
                    old.update(x=new.x, y=new.y)
                self._drawn = chosen
            else:
                moving = figures.moving(result, attack, n_s)
                for trace, xy in zip(self._figure.data[-len(moving) :], moving, strict=True):
                    trace.update(xy)
        self.status.value = self._summary(result, attack, n_s)

    def static_figure(self) -> go.Figure:
        """The panels with a menu of data sets and attacks and a slider over N_S, for pages without a kernel."""
        return figures.fine_tuning_of_all(self.results, self.controls["n_s"].value)

    def _chosen(self) -> tuple[str, str]:
        return self.controls["data"].value, self.controls["attack"].value

    def _offer_attacks(self) -> None:
        """Data just chosen may know other attacks; the attack stays where it can."""
        menu, attacks = self.controls["attack"], self.results[self.controls["data"].value].attacks
        if menu.options != attacks:
            self._offer(menu, attacks, menu.value if menu.value in attacks else attacks[0])

    def _summary(self, result: Resistance, attack: str, n_s: int) -> str:
        parts = []
        for method in METHODS:
            before, after = (rates[attack][method][:, n_s - 1] for rates in (result.before, result.after))
            up = int(np.sum(after > before))
            parts.append(
                f"{escape(method)} <b>{before.mean():.2%}</b> → <b>{after.mean():.2%}</b> "
                f"(up for {up} of {len(before)} models)"
            )
        return f"Missed with N_S = {n_s}, before → after: " + " · ".join(parts)
