"""The adversarial explorer: Table 1 alive, with an epsilon to move."""

from html import escape

import ipywidgets as widgets
import numpy as np
import plotly.graph_objects as go

from ssviz.adversarial_comparison import KINDS, Comparison
from ssviz.explorers.base import Explorer, dropdown, labelled_slider, live, picture
from ssviz.figures import adversarial as figures
from ssviz.figures.style import png

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
        boxes, self._pictures, self._texts = [], [], []
        for kind in KINDS:
            image, box = picture(f"<b>{kind}</b>", PICTURE)
            text = widgets.HTML(layout=widgets.Layout(width=f"{WIDTH}px"))
            self._pictures.append(image)
            self._texts.append(text)
            boxes.append(widgets.VBox([box, text], layout=widgets.Layout(align_items="center")))
        row = widgets.Layout(display="flex", flex_flow="row wrap", align_items="flex-start", grid_gap="12px")
        return widgets.VBox([widgets.Box(boxes, layout=row), self._curves])

    def draw(self) -> None:
        """Follow image, compromised network and epsilon: nothing is computed."""
        image, attack, i = chosen = self._chosen()
        for widget, pixels in zip(self._pictures, figures.pictures(self.result, image, i), strict=True):
            widget.value = png(pixels, PICTURE)
        for widget, text in zip(self._texts, figures.said(self.result, *chosen), strict=True):
            widget.value = _html(text)
        moved = [part for parts in figures.curves(self.result, *chosen) for part in parts]
        stays = {len(KINDS), 2 * len(KINDS) + 1} if chosen[:2] == self._drawn[:2] else range(len(moved))
        with self._curves.batch_update():
            for number in stays:
                self._curves.data[number].update(moved[number])
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


def _html(text: dict[str, str]) -> str:
    label, probability, s, snr, answer = (escape(text[row]) for row in figures.ROWS)
    style = "line-height:1.45;text-align:center"
    noise = snr if snr == "no change" else f"SNR {snr}"
    told = "" if answer.startswith("=") else "font-weight:bold;border-bottom:3px double #D55E00"
    return (
        f"<div style='{style}'><b>{label}</b><br>{probability} · S = {s}<br>{noise}"
        f"<br>compromised: <span style='{told}'>{answer}</span></div>"
    )
