"""The generation explorer: Algorithm 1 with its knobs, Figure 3 alive."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import ipywidgets as widgets
import numpy as np
import plotly.graph_objects as go

from ssviz.explorers.background import Ascent
from ssviz.explorers.base import Explorer, dropdown, int_slider, labelled_slider, live, picture
from ssviz.figures import generation as figures
from ssviz.figures.style import png
from ssviz.generation import distance, generate
from ssviz.samples import SensitiveSamples

EPSILONS = (0.1, 0.2, 0.35, 0.5, 0.75, 1.0, 1.5, 2.0, 3.0, np.inf)  # l2
LEVELS = (1, 2, 3, 4, 6, 8, 12, 16, 24, np.inf)  # linf, in grey levels
RATES = (1e-4, 2e-4, 5e-4, 1e-3, 2e-3, 5e-3, 1e-2)
ITERATIONS = (25, 50, 100, 200, 400)


class GenerationExplorer(Explorer):
    """How much sensitivity does a visible change buy? Curves of S and SNR, the images, epsilon and lr.

    model: a Keras classifier. images: (n, height, width, channels) in ``bounds``. names: one label an image.
    For an image, a learning rate and an objective the ascent runs once, in the notebook beside everything else and
    with a button that stops it. Epsilon, iteration and amplification only read its trajectory; of epsilon and
    iteration the one that was moved last says which iterate is shown.

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
        self.model, self.images, self.bounds = model, images, bounds
        self._ascents: dict[tuple, SensitiveSamples] = {}
        self._views: dict[tuple, SensitiveSamples] = {}
        self._running: tuple[Ascent, tuple] | None = None
        self._kept: tuple | None = None  # the ascent that was stopped, as long as it is shown
        self._shown_now: tuple = (None, None, None)  # which ascent, epsilon and iteration
        names = names if names is not None else [f"image {i}" for i in range(len(images))]
        lengths = sorted({*ITERATIONS, itr_max})
        self.controls = {
            "image": dropdown("image", [(name, i) for i, name in enumerate(names)], 0, "The natural image v0",
                              width=250),
            "objective": dropdown(
                "objective", [("log S (ours)", "log"), ("S (the paper's)", "paper")], "log",
                "What the ascent climbs; runs the ascent again", width=210,
            ),
            "itr_max": dropdown("itr_max", lengths, itr_max, "Most iterations; more of them run again", width=120),
            "norm": dropdown(
                "norm", [("l2, all pixels", "l2"), ("linf, the worst", "linf")], "l2",
                "How epsilon measures the distance: Euclidean, or the largest change of a pixel", width=170,
            ),
            "epsilon": labelled_slider(
                "epsilon", self._epsilons("l2"), np.inf, "Largest distance to the original, in the norm chosen",
                width=260,
            ),
            "iteration": int_slider("iteration", 0, itr_max, itr_max, "Which iterate is shown", width=260),
            "lr": labelled_slider(
                "learning rate", [(f"{rate:g}", rate) for rate in RATES], min(RATES, key=lambda r: abs(r - lr)),
                "Adam's learning rate, per iteration and pixel; runs the ascent again", continuous=False, width=260,
            ),
            "amplification": int_slider("amplify", 1, 50, 10, "Factor of the difference shown", width=260),
        }  # fmt: skip
        self.controls["norm"].observe(self._new_norm, "value")

    def ascent(self) -> SensitiveSamples:
        """The ascent of the controls' image, lr, objective and itr_max, distances in their norm; run once."""
        key = self._key()
        if not self._have(key):
            self._ascents[key[:3]] = self._generate(key, False)
        view = (*key, self.controls["norm"].value, len(self._ascents[key[:3]].distance))
        if view not in self._views:
            self._views[view] = _view(self._ascents[key[:3]], key[3], view[4])
        return self._views[view]

    def _key(self) -> tuple:
        return tuple(self.controls[name].value for name in ("image", "lr", "objective", "itr_max"))

    def _have(self, key: tuple) -> bool:
        """Whether the ascent is recorded as far as it is wanted: a longer one holds all shorter ones."""
        found = self._ascents.get(key[:3])
        return found is not None and (key == self._kept or len(found.distance) > key[3])

    def _generate(self, key: tuple, progress: Any) -> SensitiveSamples:
        image, lr, objective, itr_max = key
        return generate(
            self.model, self.images[image : image + 1], lr=lr, itr_max=itr_max, bounds=self.bounds,
            objective=objective, record="samples", progress=progress,
        )  # fmt: skip

    def _changed(self, change: Any) -> None:
        if not self._quiet:
            self._shown(self._answer)

    def _answer(self) -> None:
        """Draw what is recorded; what is not runs first, beside the kernel's event loop if there is one."""
        key = self._key()
        if self._running and self._running[1] == key:
            return  # its end will draw
        self._halt()
        if key != self._kept:
            self._kept = None
        try:
            asyncio.get_running_loop()
        except RuntimeError:
            self.draw()
            return
        if self._have(key):
            self.draw()
            return
        self._progress.max, self._progress.value, self._progress_text.value = key[3], 0, "preparing…"
        self._progress_row.layout.visibility = "visible"
        start = partial(self._generate, key)
        self._running = Ascent(start, partial(self._progressed, key), partial(self._finished, key)), key

    def _halt(self) -> None:
        """Stop the ascent that runs and forget it."""
        if self._running:
            self._running[0].stop()
            self._running = None
            self._progress_row.layout.visibility = "hidden"

    def _progressed(self, key: tuple, t: int, text: str) -> None:
        if self._running and self._running[1] == key:
            self._progress.value, self._progress_text.value = t, f"iteration {t} of {key[3]}: {text}"

    def _finished(self, key: tuple, samples: SensitiveSamples | None, error: Exception | None) -> None:
        if not (self._running and self._running[1] == key):
            return  # another one has taken its place
        self._running = None
        self._progress_row.layout.visibility = "hidden"
        if samples is not None:
            found = self._ascents.get(key[:3], samples)
            self._ascents[key[:3]] = max(samples, found, key=lambda ascent: len(ascent.distance))
            self._kept = key if samples.stopped[0] == "interrupted" else None
        self._shown(self.draw if error is None else partial(_raise, error))

    def layout(self) -> widgets.Widget:
        """Curves left, the three pictures right, below them the bar of an ascent that runs."""
        self._curves = live(figures.ascent(self.ascent(), 0), height=330, width=440)
        boxes, self._pictures = [], []
        for caption in ("original", "Sensitive-Sample", "difference"):
            image, box = picture(caption, 114)
            self._pictures.append(image)
            boxes.append(box)
        row = widgets.Layout(display="flex", flex_flow="row wrap", align_items="center", grid_gap="12px")
        pictures = widgets.HBox(boxes, layout=widgets.Layout(grid_gap="10px"))  # wrap together or not at all
        self._progress = widgets.IntProgress(layout=widgets.Layout(width="240px"))
        self._progress_text = widgets.HTML()
        stop = widgets.Button(description="Stop", icon="stop", layout=widgets.Layout(width="90px"),
                              tooltip="End the ascent here and show what it has reached")  # fmt: skip
        stop.on_click(lambda _: self._running and self._running[0].stop())
        self._progress_row = widgets.HBox([self._progress, stop, self._progress_text],
                                          layout=widgets.Layout(visibility="hidden", align_items="center"))  # fmt: skip
        return widgets.VBox([widgets.Box([self._curves, pictures], layout=row), self._progress_row])

    def draw(self) -> None:
        """Follow the controls; only an ascent that is not recorded computes anything."""
        self._halt()
        samples = self.ascent()
        before, t = self._shown_now, self._iteration(samples)
        self._shown_now = (self._key(), self.controls["epsilon"].value, t)
        with self._silence():
            slider = self.controls["iteration"]
            slider.max = max(int(samples.iterations[0]), 1)
            slider.value = t
        self._follow(samples, t)
        triptych = figures.triptych(samples, t, self.controls["amplification"].value)
        stays = (before[0] == self._shown_now[0], before[0] == self._shown_now[0] and before[2] == t, False)
        for widget, pixels, same in zip(self._pictures, triptych, stays, strict=True):
            if not same:
                widget.value = png(pixels, 228)
        self.status.value = self._summary(samples, t)

    def _iteration(self, samples: SensitiveSamples) -> int:
        """The iterate to show: the slider's if that was moved, else where epsilon stops."""
        key, epsilon, t = self._shown_now
        slider = self.controls["iteration"].value
        if t is not None and slider != t:
            return min(slider, int(samples.iterations[0]))
        if (key, epsilon) == (self._key(), self.controls["epsilon"].value):
            return t
        return figures.last_iteration(samples, self.controls["epsilon"].value)

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

    def _epsilons(self, norm: str) -> list[tuple[str, float]]:
        """Labels and values of the epsilon slider, in units of the input."""
        span = self.bounds[1] - self.bounds[0]
        if norm == "l2":
            return [("no limit" if e == np.inf else f"{e * span:g}", e * span) for e in EPSILONS]
        return [("no limit" if k == np.inf else f"{k} grey level{'s' * (k > 1)}", k * span / 255) for k in LEVELS]

    def _new_norm(self, change: Any) -> None:
        """Another norm measures in other units: its own epsilons, and no limit; the iterate shown stays."""
        key, _, t = self._shown_now
        self._offer(self.controls["epsilon"], self._epsilons(change.new), np.inf)
        self._shown_now = (key, np.inf, t)

    def _summary(self, samples: SensitiveSamples, t: int) -> str:
        s, s0 = samples.sensitivity[t, 0], samples.sensitivity[0, 0]
        levels = 255 / (self.bounds[1] - self.bounds[0])
        change = samples.trajectory[t, 0] - samples.originals[0]
        size = {"l2": f"distance {np.linalg.norm(change):.2f} (l2)",
                "linf": f"{levels * np.abs(change).max():.0f} grey levels at most (linf)"}  # fmt: skip
        norm, epsilon = self.controls["norm"].value, self.controls["epsilon"]
        size[norm] = f"<b>{size[norm]}</b>"  # what epsilon limits
        if samples.distance[t, 0] <= epsilon.value < np.inf:
            size[norm] += f" of {epsilon.label}"
        gain = "the original" if t == 0 else f"× {s / max(s0, 1e-300):,.3g}"
        snr = "∞" if t == 0 else f"{samples.snr[t, 0]:.1f} dB"
        stopped = " · stopped by hand" if samples.stopped[0] == "interrupted" else ""
        return (
            f"Iteration <b>{t}</b>: S = <b>{s:.3g}</b> ({gain}) · SNR <b>{snr}</b> · "
            f"{', '.join(size.values())}{stopped}"
        )

    def static_figure(self) -> go.Figure:
        """Figure 3 with a slider over the epsilons that stop the ascent, for pages without a kernel."""
        samples, amplification = self.ascent(), self.controls["amplification"].value
        farthest = samples.distance[:, 0].max()
        epsilons = [e for _, e in self._epsilons(self.controls["norm"].value) if e < farthest or e == np.inf]
        return figures.ascent_with_images(samples, epsilons, amplification=amplification)


def _view(samples: SensitiveSamples, itr_max: int, norm: str) -> SensitiveSamples:
    """The first itr_max iterations of one sample's ascent, distances in another norm: no iterate depends on it."""
    end = itr_max + 1
    moved = samples.trajectory[:end, 0]
    records = {name: getattr(samples, name)[:end] for name in ("sensitivity", "snr", "trajectory")}
    return replace(
        samples,
        **records,
        distance=np.asarray(distance(moved, samples.originals, norm))[:, None],
        samples=moved[-1:],
        iterations=np.minimum(samples.iterations, itr_max),
        stopped=samples.stopped if len(samples.distance) < end else np.array(["itr_max"]),
        settings={**samples.settings, "norm": norm, "itr_max": itr_max},
    )


def _raise(error: Exception) -> None:
    raise error
