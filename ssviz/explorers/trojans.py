"""The trojan explorer: Figure 1 alive, with a trigger to fade in."""

from html import escape

import ipywidgets as widgets
import numpy as np
import plotly.graph_objects as go

from ssviz.explorers.base import Explorer, dropdown, labelled_slider, live, picture
from ssviz.figures import triggers as figures
from ssviz.figures.style import as_uint8, png, upright
from ssviz.trigger_sweep import TriggerSweep

OFFERED = 12  # pictures in the menu
PICTURE = 176


class TrojanExplorer(Explorer):
    """When does the network say what the attacker wants? One picture, two networks, a trigger that fades in.

    result: from ``ssviz.trigger_sweep.trigger_sweep``; the controls only select. bounds: of the inputs.

    Paper: Section 1, Figure 1. Notebook: 01.
    """

    question = "When does the network say what the attacker wants?"
    paper = "In the paper: Section 1, Figure 1"

    def __init__(self, result: TriggerSweep, *, bounds: tuple[float, float] = (0.0, 1.0), static: bool = False) -> None:
        super().__init__(static=static)
        self.result, self.bounds = result, bounds
        _, firsts = np.unique(result.truth, return_index=True)
        names = [(f"{n} · {result.class_names[result.truth[i]]}", int(i)) for n, i in enumerate(firsts[:OFFERED], 1)]
        steps = [(label, k) for k, label in enumerate(figures.percents(result))]
        self.controls = {
            "image": dropdown("picture", names, names[0][1], "The picture that both networks see", width=300),
            "opacity": labelled_slider("trigger", steps, len(steps) - 1, "How opaque the trigger is", width=320),
        }

    def layout(self) -> widgets.Widget:
        """The picture, what both networks take it for, and how many pictures turn."""
        self._figure = live(figures.fading(self.result, *self._chosen()), height=330, width=640)
        self._picture, box = picture("<b>both networks see</b>", PICTURE)
        row = widgets.Layout(display="flex", flex_flow="row wrap", align_items="center", grid_gap="12px")
        return widgets.Box([box, self._figure], layout=row)

    def draw(self) -> None:
        """Follow picture and opacity: nothing is computed."""
        image, at = self._chosen()
        self._picture.value = png(as_uint8(self.result.images[at, image], self.bounds), PICTURE)
        with self._figure.batch_update():
            for trace, values in zip(self._figure.data, figures.moved(self.result, image, at), strict=False):
                trace.update(values)
            self._figure.layout.shapes[0].update(upright(100 * self.result.opacities[at], 2))
        self.status.value = self._summary(image, at)

    def static_figure(self) -> go.Figure:
        """The same with a slider over the opacity, for pages without a kernel."""
        return figures.fading_with_picture(self.result, *self._chosen(), self.bounds)

    def _chosen(self) -> tuple[int, int]:
        return self.controls["image"].value, self.controls["opacity"].value

    def _summary(self, image: int, at: int) -> str:
        result, says = self.result, []
        for name, p in zip(figures.MODELS, (result.before, result.after), strict=True):
            top = p[at, image].argmax()
            says.append(f"{name}: <b>{escape(result.class_names[top])}</b> ({p[at, image, top]:.1%})")
        intact, compromised = result.taken[:, at]
        return (
            f"The network, {' · '.join(says)}<br>Of {len(result.truth)} pictures, taken for "
            f"<i>{escape(result.class_names[result.target])}</i>: intact <b>{intact:.0%}</b>, "
            f"with the trojan <b>{compromised:.0%}</b>"
        )
