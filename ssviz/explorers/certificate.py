"""The certificate explorer: which weights cannot be changed unnoticed, sample by sample."""

from typing import Any

import ipywidgets as widgets
import numpy as np
import plotly.graph_objects as go

from ssviz.certificate import certificate
from ssviz.explorers.base import Explorer, dropdown, int_slider, labelled_slider, live
from ssviz.figures import certified as figures
from ssviz.manc import manc

OURS, MANC, RANDOM = "the certificate's choice", "MANC", "random"
RELATIVES = (0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0)


class CertificateExplorer(Explorer):
    """Which weights cannot be changed unnoticed? The map of the last layer fills up, sample by sample.

    model: a Keras classifier that ends in Dense (+ softmax). samples: (n, ...) inputs to choose from, or an object with
    ``.samples`` (SensitiveSamples, StraddlingPairs). k: the largest N_S; None for 100, or n if that is less. relative:
    the change, relative to the layer's spread, that the certificate's choice is made for and that the slider starts
    with. draws: orders at random, whose mean share is drawn (the map shows the first). margin: as in ``certificate``.
    Everything is computed when the explorer is made; the sliders only read. Raises ValueError as ``certificate`` and
    ``Certificate.choose`` do.

    Paper: beyond it (Section 4.3's W). Notebook: 13.
    """

    question = "Which weights cannot be changed unnoticed?"
    paper = "In the paper: Section 4.3's W, the last layer; Section 3.3's choice of samples"

    def __init__(
        self,
        model: Any,
        samples: Any,
        *,
        k: int | None = None,
        relative: float = 0.1,
        draws: int = 8,
        margin: float = 0.0,
        seed: int = 0,
        static: bool = False,
    ) -> None:
        super().__init__(static=static)
        self.certificate = certificate(model, samples, margin=margin)
        n, rng = len(self.certificate), np.random.default_rng(seed)
        k = min(100, n) if k is None else k
        neurons = self.certificate.features[:, : -1 if self.certificate.has_bias else None] > 0
        self.orders = {
            OURS: self.certificate.choose(k, relative),
            MANC: manc(neurons, k).indices,
            RANDOM: rng.permutation(n)[:k],
        }
        others = [rng.permutation(n)[:k] for _ in range(draws - 1)]
        self.relatives = np.unique([*RELATIVES, relative])
        self.filling = self._fill(others)
        self.controls = {
            "n_s": int_slider("N_S", 1, k, min(10, k), "How many samples are sent", width=400),
            "order": dropdown("order", [(name, i) for i, name in enumerate(self.orders)], 0,
                              "Who chooses the samples, one after the other", width=270),
            "relative": labelled_slider(
                "change / spread", [(f"{100 * r:.3g}%", float(r)) for r in self.relatives],
                float(relative), "Weights that cannot be changed by more than this are certified", width=400,
            ),
        }  # fmt: skip

    def layout(self) -> widgets.Widget:
        """The map left, the curves right."""
        self._figure = live(figures.filling(self.filling, *self._chosen()), height=430, width=836)
        self._drawn = self._chosen()
        return self._figure

    def draw(self) -> None:
        """Follow the controls: nothing is computed again."""
        order, relative, n_s = chosen = self._chosen()
        (map_, *lines, ring), before = self._figure.data, self._drawn
        with self._figure.batch_update():
            if (order, n_s) != (before[0], before[2]):
                map_.z = self.filling.maps[order, n_s - 1]
            if relative != before[1]:
                map_.colorscale = figures.colours(relative)
                for line, y in zip(lines, figures.curves(self.filling, relative), strict=True):
                    line.y = y
            ring.update(figures.cursor(self.filling, order, relative, n_s))
        self._drawn = chosen
        self.status.value = self._summary(*chosen)

    def _chosen(self) -> tuple[int, float, int]:
        return tuple(self.controls[name].value for name in ("order", "relative", "n_s"))

    def _summary(self, order: int, relative: float, n_s: int) -> str:
        shares = self.filling.shares[:, self.filling.at(relative), n_s - 1]
        weights = self.certificate.features.shape[1] * self.certificate.logits.shape[1]
        others = " · ".join(
            f"{name} {share:.1%}" for i, (name, share) in enumerate(zip(self.orders, shares, strict=True)) if i != order
        )
        return (
            f"<b>{shares[order]:.1%}</b> of the last layer's {weights:,} weights, changed by more than "
            f"{100 * relative:.3g}% of the layer's spread in either direction, cannot slip through <b>{n_s}</b> "
            f"samples ({others}).<br>"
            f"{self.certificate.silent.mean():.1%} are out of reach of all {len(self.certificate)} samples: their "
            "neuron never fires."
        )

    def static_figure(self) -> go.Figure:
        """The same with a slider over N_S, for pages without a kernel."""
        return figures.filling_with_steps(self.filling, *self._chosen())

    def _fill(self, others: list[np.ndarray]) -> figures.Filling:
        """Walk through every order once."""
        found, k = self.certificate, len(self.orders[OURS])
        members, names = figures.binned(found.either, found.has_bias)
        maps = np.empty((len(self.orders), k, len(names), found.logits.shape[1]), np.uint8)
        walks = [*self.orders.values(), *others]
        shares = np.empty((len(walks), len(self.relatives), k))
        limits = self.relatives * found.spread
        for walk, order in enumerate(walks):
            for step, (up, down) in enumerate(found[order].after_each()):
                either = np.maximum(up, down)
                shares[walk, :, step] = [(either <= limit).mean() for limit in limits]
                if walk < len(maps):
                    maps[walk, step] = figures.levels(np.median(either[members], axis=1) / found.spread)
        shares[len(maps) - 1] = shares[len(maps) - 1 :].mean(axis=0)
        return figures.Filling(tuple(self.orders), self.relatives, shares[: len(maps)], maps, names)
