"""The missing-rate explorer: Figure 5 and Table 5 alive."""

from dataclasses import replace

import ipywidgets as widgets
import numpy as np
import plotly.graph_objects as go

from ssviz import paper
from ssviz.effectiveness import METHODS, Effectiveness
from ssviz.explorers.base import Explorer, dropdown, int_slider, labelled_slider, live
from ssviz.figures import effectiveness as figures
from ssviz.figures.style import upright
from ssviz.reproduction.published import published_datasets, published_effectiveness
from ssviz.reproduction.sections import NAMES

SLIDERS = ("n_s", "alpha")


class MissingRateExplorer(Explorer):
    """How many samples until a compromised model cannot hide? Missing rates and samples needed, attack by attack.

    result: from ``ssviz.effectiveness.effectiveness``, or None; the menu of data sets shows it first, as ``name``, and
    then the published results of every data set (``ssviz.reproduction.published``). Nothing is computed again.
    slider: "n_s" or "alpha", what the figure of a page without a kernel is about: Figure 5 or Table 5.
    Raises ValueError for another slider, or for n_s or alpha that no result has.

    Paper: Sections 5.2 and 5.3, Figure 5, Tables 3 and 5. Notebooks: 10, 11.
    """

    question = "How many samples until a compromised model cannot hide?"
    paper = "In the paper: Sections 5.2 and 5.3; Figure 5, Tables 3 and 5"

    def __init__(
        self,
        result: Effectiveness | None = None,
        *,
        name: str = "measured here",
        n_s: int = 3,
        alpha: float = 1e-4,
        slider: str = "n_s",
        static: bool = False,
    ) -> None:
        super().__init__(static=static)
        if slider not in SLIDERS:
            raise ValueError(f"slider must be one of {', '.join(SLIDERS)}; received {slider!r}.")
        self.slider = slider
        self.results = {} if result is None else {name: result}
        known = {f"{NAMES[d]}, published": published_effectiveness(d) for d in published_datasets("table5")}
        self._in_brief = self.results | {
            where: replace(r, attacks=tuple(a for a in r.attacks if a in paper.TABLE_3)) for where, r in known.items()
        }
        self.results |= known
        first, last = next(iter(self.results.values())), min(int(r.n_s[-1]) for r in self.results.values())
        self.controls = {
            "data": dropdown("data", list(self.results), next(iter(self.results)), "Where it was measured", width=260),
            "attack": dropdown("attack", list(first.attacks), first.attacks[0], "Which compromised models", width=340),
            "n_s": int_slider("N_S", 1, last, min(n_s, last), "How many samples are sent", width=270),
            "alpha": labelled_slider(
                "alpha", [(figures.power(a), float(a)) for a in paper.ALPHAS], alpha,
                "The missing rate that is to be reached: how many samples does it take?", width=270,
            ),
        }  # fmt: skip
        self.controls["data"].observe(self._other_data, "value")  # before the drawing does

    def _other_data(self, change: dict) -> None:
        """Offer the attacks of the chosen data set, and stay with the attack where it has it."""
        attacks, menu = self.results[change["new"]].attacks, self.controls["attack"]
        self._offer(menu, list(attacks), menu.value if menu.value in attacks else attacks[0])

    def layout(self) -> widgets.Widget:
        """Missing rates left, samples needed right: two figures, so that a cursor redraws only its own."""
        self._drawn = result, attack, n_s, alpha = self._chosen()
        rates, needed = figures.missing_rates(result, attack, n_s), figures.samples_needed(result, attack, alpha)
        rates.update_layout(legend={"entrywidth": 122, "font": {"size": 12}}, margin_t=72)  # two entries a row
        self._rates, self._needed = live(rates, 420, 424), live(needed.update_layout(margin_t=72), 420, 412)
        return widgets.HBox([self._rates, self._needed], layout=widgets.Layout(overflow="visible"))

    def _chosen(self) -> tuple[Effectiveness, str, int, float]:
        values = (self.controls[name].value for name in ("attack", "n_s", "alpha"))
        return self.results[self.controls["data"].value], *values

    def draw(self) -> None:
        """Follow the controls: another data set or attack changes the curves, N_S and alpha only the cursors."""
        chosen = self._chosen()
        if chosen != self._drawn:  # a figure that is changed before it is shown may stay empty
            self._follow(chosen)
        self.status.value = self._summary(*chosen)

    def _follow(self, chosen: tuple[Effectiveness, str, int, float]) -> None:
        (result, attack, n_s, alpha), (*before, n_s_before, alpha_before) = chosen, self._drawn
        if [result, attack] != before:
            _replace(self._rates, figures.missing_rates(result, attack, n_s))
            _replace(self._needed, figures.samples_needed(result, attack, alpha))
        for figure, x, x_before in ((self._rates, n_s, n_s_before), (self._needed, alpha, alpha_before)):
            if x != x_before:
                with figure.batch_update():
                    figure.layout.shapes[0].update(upright(x))
        self._drawn = chosen

    def _summary(self, result: Effectiveness, attack: str, n_s: int, alpha: float) -> str:
        missed = [f"{m} <b>{figures.rate_words(result, attack, m, n_s)}</b>" for m in METHODS]
        samples = [f"{m} <b>{figures.needed_words(result, attack, m, alpha)}</b>" for m in METHODS]
        at = [figures.power(a) for a in paper.ALPHAS].index(figures.power(alpha))
        plain, _, by_manc = (result.needed[attack][m].value[at] for m in METHODS)
        fewer = f", <b>{plain / by_manc:.0f}</b> times fewer" if np.isfinite([plain, by_manc]).all() else ""
        models = result.models[attack]
        return (
            f"Missed with N_S = {n_s}: {' · '.join(missed)}<br>"
            f"Needed for alpha = {figures.power(alpha)}: {' · '.join(samples)}{fewer}<br>"
            f"<span style='color:#808080'>{models} compromised model{'s' * (models > 1)}; "
            "bands: from the easiest to the hardest; open markers: the paper's</span>"
        )

    def static_figure(self) -> go.Figure:
        """Figure 5 or Table 5, a menu of data sets and the paper's attacks, a slider, for pages without a kernel."""
        if self.slider == "alpha":
            return figures.samples_needed_of_all(self._in_brief, self.controls["alpha"].value)
        return figures.missing_rates_of_all(self._in_brief, self.controls["n_s"].value)


def _replace(shown: go.FigureWidget, fresh: go.Figure) -> None:
    """Draw another result or attack in a figure of the same traces."""
    with shown.batch_update():
        for old, new in zip(shown.data, fresh.data, strict=True):
            old.update(x=new.x, y=new.y, customdata=new.customdata, name=new.name)
        shown.data[figures.THEIRS].marker.symbol = fresh.data[figures.THEIRS].marker.symbol
