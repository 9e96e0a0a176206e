"""The generation explorer: Algorithm 1 with its knobs, Figure 3 alive."""

from collections.abc import Sequence
from typing import Any

import ipywidgets as widgets
import numpy as np
import plotly.graph_objects as go

from ssviz.explorers.base import Explorer, dropdown, int_slider, labelled_slider, live, picture
from ssviz.figures import generation as figures
from ssviz.figures.style import png
from ssviz.generation import generate
from ssviz.samples import SensitiveSamples

EPSILONS = (0.1, 0.2, 0.35, 0.5, 0.75, 1.0, 1.5, 2.0, 3.0, np.inf)
RATES = (1e-4, 2e-4, 5e-4, 1e-3, 2e-3, 5e-3, 1e-2)


class GenerationExplorer(Explorer):
    """How much sensitivity does a visible change buy? Curves of S and SNR, the images, epsilon and lr.

    model: a Keras classifier. images: (n, height, width, channels) in ``bounds``. names: one label an image.
    For an image and a learning rate the ascent runs once; epsilon and amplification only read its trajectory.

    Paper: Eq. 7, Algorithm 1, Figure 3. Notebook: 04.
    """

    question = "How much sensitivity does a change that nobody sees buy?"
    paper = "In the paper: Section 3.2, Eq. 7, Algorithm 1; Figure 3"

    def __init__(
        self,
        model: Any,
        images: np.ndarray,
        names: Sequence[str] | None = None,
        *,
        bounds: tuple[float, float] = (0.0, 1.0),
        itr_max: int = 100,
        lr: float = 1e-3,
        static: bool = False,
    ) -> None:
        super().__init__(static=static)
        self.model, self.images, self.bounds, self.itr_max = model, images, bounds, itr_max
        self._ascents: dict[tuple, SensitiveSamples] = {}
        names = names if names is not None else [f"image {i}" for i in range(len(images))]
        self.controls = {
            "image": dropdown("image", [(name, i) for i, name in enumerate(names)], 0, "The natural image v0"),
            "epsilon": labelled_slider(
                "epsilon", [("no limit" if e == np.inf else f"{e:g}", e) for e in EPSILONS], np.inf,
                "Largest distance to the original, Euclidean, pixels in [0, 1]",
            ),
            "lr": labelled_slider(
                "learning rate", [(f"{rate:g}", rate) for rate in RATES], min(RATES, key=lambda r: abs(r - lr)),
                "Adam's learning rate, per iteration and pixel; runs the ascent again", continuous=False,
            ),
            "objective": dropdown(
                "objective", [("log S (ours)", "log"), ("S (the paper's)", "paper")], "log",
                "What the ascent climbs; runs the ascent again", width=220,
            ),
            "amplification": int_slider("amplify difference", 1, 50, 10, "Factor of the difference shown"),
        }  # fmt: skip

    def ascent(self) -> SensitiveSamples:
        """The ascent for the chosen image, learning rate and objective: run once, then remembered."""
        image, lr, objective = (self.controls[name].value for name in ("image", "lr", "objective"))
        key = (image, lr, objective)
        if key not in self._ascents:
            self.status.value = "<i>Ascending…</i>"
            self._ascents[key] = generate(
                self.model, self.images[image : image + 1], lr=lr, itr_max=self.itr_max, bounds=self.bounds,
                objective=objective, record="samples", progress=False,
            )  # fmt: skip
        return self._ascents[key]

    def layout(self) -> widgets.Widget:
        """Curves left, the three pictures right."""
        self._curves = live(figures.ascent(self.ascent(), 0), height=330, width=530)
        boxes, self._pictures = [], []
        for caption in ("original", "Sensitive-Sample", "difference, amplified"):
            image, box = picture(caption, 160)
            self._pictures.append(image)
            boxes.append(box)
        row = widgets.Layout(display="flex", flex_flow="row wrap", align_items="center", grid_gap="12px")
        pictures = widgets.HBox(boxes, layout=widgets.Layout(grid_gap="12px"))  # wrap together or not at all
        return widgets.Box([self._curves, pictures], layout=row)

    def draw(self) -> None:
        """Follow the controls; only a new image, learning rate or objective computes anything."""
        samples = self.ascent()
        epsilon = self.controls["epsilon"].value
        t = figures.last_iteration(samples, epsilon)
        self._follow(samples, t)
        triptych = figures.triptych(samples, t, self.controls["amplification"].value)
        for widget, pixels in zip(self._pictures, triptych, strict=True):
            widget.value = png(pixels, 320)
        self.status.value = self._summary(samples, t)

    def _follow(self, samples: SensitiveSamples, t: int) -> None:
        with self._curves.batch_update():
            if samples is not getattr(self, "_drawn", None):
                fresh = figures.ascent(samples, t)
                for old, new in zip(self._curves.data, fresh.data, strict=True):
                    old.update(x=new.x, y=new.y)
                self._curves.layout.yaxis.update(figures.left_axis(samples))
                self._drawn = samples
            else:
                for trace, xy in zip(self._curves.data[2:], figures.cursor(samples, t), strict=True):
                    trace.update(xy)

    def _summary(self, samples: SensitiveSamples, t: int) -> str:
        s, s0 = samples.sensitivity[t, 0], samples.sensitivity[0, 0]
        distance = samples.distance[t, 0]
        levels = 255 * distance / np.sqrt(samples.originals[0].size) / (self.bounds[1] - self.bounds[0])
        gain = "the original itself" if t == 0 else f"{s / max(s0, 1e-300):,.3g} times the original's"
        snr = "∞" if t == 0 else f"{samples.snr[t, 0]:.1f} dB"
        return (
            f"Stops at iteration <b>{t}</b>: S = <b>{s:.3g}</b> ({gain}) · SNR <b>{snr}</b> · "
            f"distance {distance:.2f}, {levels:.1f} grey levels a pixel (rms)"
        )

    def static_figure(self) -> go.Figure:
        """Figure 3 with a slider over epsilon, for pages without a kernel."""
        return figures.ascent_with_images(self.ascent(), EPSILONS, amplification=self.controls["amplification"].value)
