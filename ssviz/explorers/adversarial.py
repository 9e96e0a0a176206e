"""The adversarial explorer: Table 1 alive, with an epsilon to move."""

from html import escape

import ipywidgets as widgets
import numpy as np
import plotly.graph_objects as go

from ssviz.adversarial_comparison import KINDS, Comparison
from ssviz.explorers.base import Explorer, dropdown, labelled_slider, live
from ssviz.figures import adversarial as figures
from ssviz.figures.style import data_url

WIDTH = 192  # of a column
PICTURE = 140


class AdversarialExplorer(Explorer):
    """Who errs, and who notices a change? A picture as it is, by FGSM, by PGD and as Sensitive-Sample, by epsilon.

    result: from ``ssviz.adversarial_comparison.compare``; the controls only select.

    Paper: Section 3.5, Table 1. Notebook: 07.
    """

    question = "Which small change fools a network, and which unmasks a changed one?"
    paper = "In the paper: Section 3.5, Table 1"

    def __init__(self, result: Comparison, *, grey_levels: float = 4, static: bool = False) -> None:
        super().__init__(static=static)
        self.result = result
        levels = [(f"{level:.3g}", i) for i, level in enumerate(result.grey_levels)]
        names = [f"{i + 1} · {result.class_names[label]}" for i, label in enumerate(result.labels)]
        start = int(np.argmin(np.abs(result.grey_levels - grey_levels)))
        self.controls = {
            "image": dropdown("image", [(name, i) for i, name in enumerate(names)], _middle(result),
                              "The natural picture", width=240),
            "attack": dropdown("attack", [(name, i) for i, name in enumerate(result.attacks)], 0,
                               "Who compromised the network that is asked as well", width=222),
            "epsilon": labelled_slider("epsilon", levels, start,
                                       "The largest change of a pixel, of 255 grey levels", width=198),
        }  # fmt: skip

    def layout(self) -> widgets.Widget:
        """The four pictures with what is said of them, and the curves."""
        self._drawn = self._chosen()
        self._curves = live(figures.by_epsilon(self.result, *self._drawn), height=330, width=830)
        self._columns = widgets.HTML()
        return widgets.VBox([self._columns, self._curves])

    def draw(self) -> None:
        """Follow image, compromised network and epsilon: nothing is computed."""
        image, attack, i = chosen = self._chosen()
        pictures, texts = figures.pictures(self.result, image, i), figures.said(self.result, *chosen)
        columns = map(_column, KINDS, pictures, texts)  # one widget: nine would each have their own message
        self._columns.value = (
            f"<div style='display:flex;flex-wrap:wrap;gap:12px;margin-top:10px'>{''.join(columns)}</div>"
        )
        with self._curves.batch_update():
            if chosen[:2] != self._drawn[:2]:
                moved = [part for parts in figures.curves(self.result, image, attack) for part in parts]
                for trace, values in zip(self._curves.data, moved, strict=True):
                    trace.update(values)
            for shape, values in zip(self._curves.layout.shapes, figures.cursors(self.result, i), strict=True):
                shape.update(values)
        self._drawn = chosen
        self.status.value = self._summary(attack, i)

    def _chosen(self) -> tuple[int, int, int]:
        return tuple(self.controls[name].value for name in ("image", "attack", "epsilon"))

    def _summary(self, attack: int, i: int) -> str:
        errs, told = self.result.wrong[:, i], self.result.detected[attack, :, i]
        parts = [f"{kind} <b>{e:.0%}</b>, <b>{t:.0%}</b>" for kind, e, t in zip(KINDS, errs, told, strict=True)]
        return f"Of all {len(self.result.labels)}, the intact network errs on, and are told apart: " + " · ".join(parts)

    def static_figure(self) -> go.Figure:
        """The same with a slider over epsilon, for pages without a kernel."""
        return figures.beside(self.result, *self._chosen())


def _middle(result: Comparison) -> int:
    """The picture whose S is the median of the natural ones': neither the surest nor the least sure."""
    return int(np.argsort(result.sensitivity[0, 0])[len(result.labels) // 2])


def _column(kind: str, pixels: np.ndarray, text: dict[str, str]) -> str:
    label, probability, s, snr, answer = (escape(text[row]) for row in figures.ROWS)
    noise = snr if snr == "no change" else f"SNR {snr}"
    told = "" if answer.startswith("=") else "font-weight:bold;border-bottom:3px double #D55E00"
    return (
        f"<div style='width:{WIDTH}px;line-height:1.45;text-align:center'><b style='color:#808080'>{kind}</b><br>"
        f"<img src='{data_url(pixels)}' alt='{kind}' width={PICTURE} style='image-rendering:pixelated;margin:4px'><br>"
        f"<b>{label}</b><br>{probability} · S = {s}<br>{noise}<br>"
        f"compromised: <span style='{told}'>{answer}</span></div>"
    )
