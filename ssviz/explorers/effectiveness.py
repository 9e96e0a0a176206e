"""The missing-rate explorer: Figure 5 alive."""

import ipywidgets as widgets
import plotly.graph_objects as go

from ssviz.effectiveness import METHODS, Effectiveness
from ssviz.explorers.base import Explorer, dropdown, int_slider, live
from ssviz.figures import effectiveness as figures


class MissingRateExplorer(Explorer):
    """How many samples until a compromised model cannot hide? Missing rate against N_S, attack by attack.

    result: from ``ssviz.effectiveness.effectiveness``; nothing is computed again.

    Paper: Section 5.2, Figure 5, Table 3. Notebook: 10.
    """

    question = "How many samples until a compromised model cannot hide?"
    paper = "In the paper: Section 5.2, Figure 5, Table 3"

    def __init__(self, result: Effectiveness, *, n_s: int = 3, static: bool = False) -> None:
        super().__init__(static=static)
        self.result = result
        last = int(result.n_s[-1])
        self.controls = {
            "attack": dropdown("attack", list(result.attacks), result.attacks[0], "Which compromised models"),
            "n_s": int_slider("N_S", 1, last, min(n_s, last), "How many samples are sent"),
        }

    def layout(self) -> widgets.Widget:
        """The curves."""
        self._curves = live(figures.missing_rates(self.result, self.result.attacks[0], 1), height=400, width=860)
        return self._curves

    def draw(self) -> None:
        """Follow attack and N_S."""
        attack, n_s = self.controls["attack"].value, self.controls["n_s"].value
        with self._curves.batch_update():
            for trace, y in zip(self._curves.data, figures.curves(self.result, attack), strict=False):
                trace.y = y
            self._curves.data[-1].update(figures.cursor(self.result, attack, n_s))
        parts = [f"{method} <b>{self.result.rates[attack][method][n_s - 1]:.2%}</b>" for method in METHODS]
        self.status.value = f"Missed with N_S = {n_s}: " + " · ".join(parts)

    def static_figure(self) -> go.Figure:
        """Figure 5 with a menu of the attacks, for pages without a kernel."""
        return figures.missing_rates_of_all(self.result, self.controls["n_s"].value)
