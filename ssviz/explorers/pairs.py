"""The pair explorer: how wide the gap of a straddling pair should be."""

from collections.abc import Sequence
from typing import Any

import ipywidgets as widgets
import numpy as np
import plotly.graph_objects as go

from ssviz import numerics
from ssviz.explorers.base import Explorer, labelled_slider, live
from ssviz.figures import gaps as figures
from ssviz.models import probabilities
from ssviz.pairs import StraddlingPairs

GAPS = (*(float(f"{10**power:.1g}") for power in np.linspace(-6, -1, 16)), 0.2, 0.5)
SETTINGS = ("batches of 1", "float16", "bfloat16")


class PairExplorer(Explorer):
    """How wide should the gap of a pair be? Attacks that pairs detect against false alarms under other numerics.

    model: the intact Keras classifier. pairs: from ``straddle``. compromised: results of attacks, or models, at most
    four. settings: how else the intact model is served, at most four of ``ssviz.numerics.SETTINGS``.

    A pair detects at a gap g where z_a - z_b falls by more than g at plus or rises by more than g at minus. Both
    changes are measured once, on the pairs as they are, and hold for other small gaps, because the inputs of a pair
    lie so near to each other; the slider only reads them. A third class that takes the lead is not counted. Raises
    ValueError for another number of models or settings, or what ``ssviz.numerics.answers`` refuses.

    Paper: beyond it (Section 5.2's top-1 labels and false positives). Notebook: 13.
    """

    question = "How wide should the gap of a pair be?"
    paper = "In the paper: Section 5.2, top-1 labels and false positives"

    def __init__(
        self,
        model: Any,
        pairs: StraddlingPairs,
        compromised: Any,
        *,
        settings: Sequence[str] = SETTINGS,
        static: bool = False,
    ) -> None:
        super().__init__(static=static)
        suspects = list(compromised) if isinstance(compromised, list | tuple) else [compromised]
        if not 1 <= len(suspects) <= 4 or len(settings) > 4:
            raise ValueError(
                "compromised must be one model to four, and settings at most four; "
                f"received {len(suspects)} and {len(settings)}."
            )
        answers = {_name(s): probabilities(getattr(s, "model", s), pairs) for s in suspects}
        served = numerics.served(model, pairs, settings)
        self.reaches = figures.Reaches(
            *({name: reach(pairs, p) for name, p in each.items()} for each in (answers, served))
        )
        self.pairs, self.gaps = len(pairs), GAPS
        start = min(GAPS, key=lambda gap: abs(np.log(gap / float(pairs.settings["gap"]))))
        self.controls = {
            "gap": labelled_slider("gap", [(f"{gap:g}", gap) for gap in GAPS], start,
                                   "How far the two sides of a pair lie from the tie, in logits", width=420),
        }  # fmt: skip

    def layout(self) -> widgets.Widget:
        """Curves left, bars right."""
        self._figure = live(figures.detections_and_alarms(self.reaches, self.gap), height=400, width=836)
        return self._figure

    @property
    def gap(self) -> float:
        """The chosen gap."""
        return self.controls["gap"].value

    def draw(self) -> None:
        """Follow the gap: nothing is asked again."""
        with self._figure.batch_update():
            self._figure.data[-2].update(figures.cursor(self.gap))
            self._figure.data[-1].update(figures.bars(self.reaches, self.gap))
        attacks = len(self.reaches.attacks)
        shares = self.reaches.shares(self.gap)
        quiet = " · ".join(f"{name} <b>{self.reaches.quiet(name):.1g}</b>" for name in self.reaches.numerics)
        alarms = (
            f", and of the intact model up to <b>{shares[attacks:].max():.1%}</b> give a false alarm" if quiet else ""
        )
        self.status.value = (
            f"At a gap of {self.gap:g} each attack is detected by <b>{shares[:attacks].min():.1%}</b> or more of the "
            f"{self.pairs} pairs{alarms}." + (f"<br>No false alarm beyond a gap of: {quiet}" if quiet else "")
        )

    def static_figure(self) -> go.Figure:
        """The same with a slider over the gap, for pages without a kernel."""
        return figures.detections_and_alarms_with_gaps(self.reaches, GAPS, self.gap)


def reach(pairs: StraddlingPairs, p: np.ndarray) -> np.ndarray:
    """(n,) the gap below which each pair shows a change of the model, from its answers afterwards (2n, r).

    The larger of what z_a - z_b lost at plus and won at minus, as multiples of what there was to lose. Where a and b
    have become equal, the label is the first of the two, as argmax takes it.
    """
    tied = np.take_along_axis(p.astype(np.float64), pairs.classes.repeat(2, axis=0), axis=1)
    after = -np.diff(np.log(np.maximum(tied, 1e-300)), axis=1).reshape(-1, 2)
    after = np.where(after == 0, 1e-9 * np.sign(np.diff(pairs.classes, axis=1)), after)
    return pairs.settings["gap"] * (1 - after / pairs.gaps).max(axis=1)


def _name(suspect: Any) -> str:
    return str(getattr(suspect, "attack", None) or getattr(suspect, "name", type(suspect).__name__))
