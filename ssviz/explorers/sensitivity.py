"""The sensitivity explorer: Eq. 6 for the last layer taken apart into its two factors."""

from collections.abc import Sequence
from html import escape
from typing import Any

import ipywidgets as widgets
import numpy as np
import plotly.graph_objects as go

from ssviz.backend import compiled, keras, value_and_gradient
from ssviz.explorers.base import Explorer, dropdown, labelled_slider, live, picture
from ssviz.figures import sensitivity as figures
from ssviz.figures.style import png
from ssviz.models import Classifier, as_samples, in_batches
from ssviz.sensitivity import log_sensitivity, log_sensitivity_of, log_softmax_jacobian_norm2

ops = keras.ops
LARGEST_GAP = 30.0  # of the slider; the mark of a surer image lies beyond its end
STEP = 0.5
PICTURE = 100  # pixels of width: the three panels fill 836


class SensitivityExplorer(Explorer):
    """What makes an input sensitive? S = ||J||^2 (||h||^2 + 1), factor by factor, and S around an image.

    model: a Keras classifier that ends in Dense (+ softmax). images: (n, ...) as the model expects them, pictures
    in [0, 1]. names: one label an image, for the menu. class_names: one name a class. size: points along either
    side of the plane; radius: how far it reaches from the image, Euclidean, in units of the input; by default
    three times the distance at which the slope of log S would reach a tie. Pixels in the plane are not clipped.
    Raises ValueError where the model has no such end or the names are not one an image.

    The gap slider moves the logits of the two likeliest classes and keeps their sum, the other logits and h.

    Paper: Eq. 6, Section 3.2 (W the last layer: Section 4.3). Notebook: 03.
    """

    question = "What makes an input sensitive?"
    paper = "In the paper: Section 3.2, Eq. 6"

    def __init__(
        self,
        model: Any,
        images: np.ndarray,
        names: Sequence[str] | None = None,
        *,
        class_names: Sequence[str] | None = None,
        size: int = 25,
        radius: float | None = None,
        seed: int = 0,
        static: bool = False,
    ) -> None:
        super().__init__(static=static)
        self.images, self.size, self.radius, self.seed = as_samples(images), size, radius, seed
        self.names = [f"image {i}" for i in range(len(self.images))] if names is None else list(map(str, names))
        if len(self.names) != len(self.images):
            raise ValueError(f"names must be one an image: {len(self.images)}; received {len(self.names)}.")
        self.model, self.class_names = model, class_names
        classifier = self._classifier = Classifier.of(model, self.images)
        self._bias = classifier.require_head().use_bias
        log_s = log_sensitivity_of(classifier, self.images, None)

        def ends(batch: Any) -> Any:
            return ops.concatenate(classifier.logits_and_features(batch), axis=1)

        def gradient(batch: Any) -> Any:
            return value_and_gradient(log_s, batch)[1]

        self._logits_then_features = compiled(model, "logits and features", ends)
        self._gradient = compiled(model, "gradient of log S", gradient)
        self._z, self._h = self._ends(self.images)
        if class_names is not None and len(class_names) != self._z.shape[1]:
            raise ValueError(f"class_names must be one a class: {self._z.shape[1]}; received {len(class_names)}.")
        self._anatomies: dict[int, figures.Anatomy] = {}
        top = np.sort(self._z, axis=1)
        own = top[:, -1] - top[:, -2]
        limit = np.clip(np.ceil(own.max()), 10, LARGEST_GAP)
        self.gaps = np.arange(-10, limit + STEP / 2, STEP)
        self.controls = {
            "image": dropdown("image", [(name, i) for i, name in enumerate(self.names)], 0, "The image taken apart",
                              width=300),
            "gap": labelled_slider(
                "logit gap", [(figures.gap_label(g), float(g)) for g in self.gaps],
                float(self.gaps[np.argmin(np.abs(self.gaps - own[0]))]),
                "Logit of the likeliest class minus the runner-up's; 0 is a tie, below it they have changed places",
                width=378,
            ),
        }  # fmt: skip

    def anatomy(self) -> figures.Anatomy:
        """The chosen image taken apart: computed once, then remembered."""
        i = self.controls["image"].value
        if i not in self._anatomies:
            self._anatomies[i] = self._take_apart(i)
        return self._anatomies[i]

    def layout(self) -> widgets.Widget:
        """Image, curves and plane side by side, each on its own: the gap moves only the curves."""
        parts, gap = self._drawn = self.anatomy(), self.controls["gap"].value
        self._picture, box = picture("image", PICTURE)
        self._picture.value = png(figures.picture_of(parts), PICTURE)
        self._curves = live(figures.factors(parts, gap), height=360, width=376)
        self._plane_map = live(figures.surroundings(parts), height=360, width=340)
        row = widgets.Layout(display="flex", flex_flow="row wrap", align_items="center", grid_gap="6px")
        return widgets.Box([box, self._curves, self._plane_map], layout=row)

    def draw(self) -> None:
        """Follow image and gap; only an image not seen before computes anything."""
        parts, gap = self.anatomy(), self.controls["gap"].value
        if parts is not self._drawn[0]:
            self._picture.value = png(figures.picture_of(parts), PICTURE)
            for figure, fresh in ((self._curves, figures.factors(parts, gap)),
                                  (self._plane_map, figures.surroundings(parts))):  # fmt: skip
                with figure.batch_update():
                    figures.replace(figure, fresh)
        elif gap != self._drawn[1]:
            with self._curves.batch_update():
                for trace, xy in zip(self._curves.data[figures.CURVES - 2 :], figures.cursor(parts, gap), strict=True):
                    trace.update(xy)
        self._drawn = parts, gap
        self.status.value = self._summary(parts, parts.at(gap))

    def _summary(self, parts: figures.Anatomy, i: int) -> str:
        (first, second), (p, q) = parts.classes, parts.top2[i]
        norms = f"‖J‖² <b>{parts.jacobian[i]:.3g}</b> × ({parts.norm}) <b>{parts.features:.3g}</b>"
        return (
            f"Gap {figures.gap_label(parts.gaps[i])}: S = {norms} = <b>{parts.sensitivity[i]:.3g}</b> · "
            f"p({escape(first)}) = {p:.4g}, p({escape(second)}) = {q:.4g}<br>"
            f"The image itself: gap {parts.own_gap:+.2f}, S = {parts.own_jacobian * parts.features:.3g}. "
            f"A tie would have {parts.sensitivity[parts.at(0)]:.3g}."
        )

    def static_figure(self) -> go.Figure:
        """The same figure with a slider over the gap, for pages without a kernel."""
        return figures.anatomy_with_gaps(self.anatomy(), self.gaps[::2], self.controls["gap"].value)

    def _take_apart(self, i: int) -> figures.Anatomy:
        z, h = self._z[i], self._h[i]
        order = np.argsort(-z, kind="stable")[:2]
        own_gap = float(z[order[0]] - z[order[1]])
        moved = np.repeat(z[None], len(self.gaps), axis=0)
        moved[:, order] = z[order].mean() + np.outer(self.gaps, [0.5, -0.5])
        log_jacobian, (own,) = _log_jacobian_norm2(moved), _log_jacobian_norm2(z[None])
        rise = log_jacobian[np.argmin(np.abs(self.gaps))] - own  # of log S, from the image to the tie
        named = tuple(f"class {k}" if self.class_names is None else str(self.class_names[k]) for k in order)
        return figures.Anatomy(
            self.images[i], self.names[i], named, self.gaps, np.exp(log_jacobian), _softmax(moved)[:, order], own_gap,
            float(np.exp(own)), float(h @ h + (1.0 if self._bias else 0.0)), *self._plane(i, order[0], rise),
            bias=self._bias,
        )  # fmt: skip

    def _plane(self, i: int, label: int, rise: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Steps, log10 S and the margin of ``label`` in the plane of the gradient and a random direction."""
        x = self.images[i].astype(np.float64)
        slope = in_batches(self._gradient, self.images[i : i + 1], 1)[0].astype(np.float64)
        steepness = np.linalg.norm(slope)
        along = slope / steepness if steepness else np.full(x.shape, x.size**-0.5)
        across = np.random.default_rng(self.seed).normal(size=x.shape)
        across -= along * np.sum(along * across)
        across /= np.linalg.norm(across)
        radius = self.radius or (3 * max(rise, 1.0) / steepness if steepness else 1.0)
        steps = np.linspace(-radius, radius, self.size)
        a, b = (grid.reshape(-1, *(1,) * x.ndim) for grid in np.meshgrid(steps, steps))
        z, h = self._ends((x + a * along + b * across).astype(np.float32))
        log_s = ops.convert_to_numpy(log_sensitivity(z, h, bias=self._bias))
        margin = z[:, label] - np.delete(z, label, axis=1).max(axis=1)
        shape = (self.size, self.size)
        return steps, log_s.reshape(shape) / np.log(10), margin.reshape(shape)

    def _ends(self, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Logits (n, r) and features (n, d), float32, of x."""
        both = in_batches(self._logits_then_features, x, max(256, self.size**2))
        return np.split(both, [self._classifier.require_head().units], axis=1)


def _log_jacobian_norm2(z: np.ndarray) -> np.ndarray:
    return ops.convert_to_numpy(log_softmax_jacobian_norm2(z)).astype(np.float64)


def _softmax(z: np.ndarray) -> np.ndarray:
    return ops.convert_to_numpy(ops.softmax(z))
