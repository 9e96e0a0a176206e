"""The boundary explorer: how a compromised model moves a tie, and why one sample flips half of the time."""

from collections import Counter
from collections.abc import Sequence
from html import escape
from typing import Any

import ipywidgets as widgets
import numpy as np
import plotly.graph_objects as go

from ssviz.backend import compiled, value_and_gradient
from ssviz.explorers.base import Explorer, dropdown, labelled_slider, live
from ssviz.figures import boundary as figures
from ssviz.figures import shifts as strip
from ssviz.models import Classifier, as_samples, in_batches, model_of

WIDEST = 0.65  # of the way from the original to the samples, both of which it shows
LEVELS = (4, 11)  # of zoom, fewest and most
STATIC_MODELS = 4
IN_PLANE = 0.02  # of the radius, off which a sample is not drawn
DIRECTIONS = {
    "gradient": "gradient of the tie",
    "random": "random direction",
    "sample": "pair's other side",
    "other": "another image",
}


class BoundaryExplorer(Explorer):
    """Why does one sample flip half of the time? Top-1 regions of two models around a tie, from far to very near.

    model: the intact Keras classifier. compromised: results of attacks, or models, of one kind or many; equal names
    are numbered. original: a natural image, the shape of one input, or (1, ...). samples: (n, ...), what was made of
    it: one Sensitive-Sample, or the two of a straddling pair, or more; or an object with ``.samples``. names: one a
    sample. other: an image for the direction "another image". class_names: one name a class. direction: what the menu
    starts with, of "random", "gradient", "sample" (with two samples or more: the plane holds the original and the
    first two) and "other". size: points of the grid along either side of a window, whose logits are interpolated.
    seed: of the random direction. Raises ValueError where the samples are the original or the names do not fit.

    The plane goes through the original, the mean of the samples and one more direction; all of a model's windows are
    computed when it is first chosen, and the slider only reads them. Pixels in the plane are not clipped. Markers
    show the samples where they lie in the plane; what flips is asked of the samples themselves.

    Paper: Section 5.2 (top-1 labels), Section 3.4. Notebook: 06 and 13.
    """

    question = "Why does one sample flip half of the time?"
    paper = "In the paper: Section 5.2, top-1 labels; Section 3.4"

    def __init__(
        self,
        model: Any,
        compromised: Any,
        original: np.ndarray,
        samples: Any,
        *,
        names: Sequence[str] | None = None,
        other: np.ndarray | None = None,
        class_names: Sequence[str] | None = None,
        direction: str | None = None,
        size: int = 25,
        seed: int = 0,
        static: bool = False,
    ) -> None:
        super().__init__(static=static)
        self.samples = as_samples(samples, name="samples")
        self.original, self.other = (None if x is None else self._one(x) for x in (original, other))
        suspects = list(compromised) if isinstance(compromised, list | tuple) else [compromised]
        if not suspects:
            raise ValueError("compromised must be one model or more; received none.")
        n, self.size, self.seed = len(self.samples), size, seed
        default = ["Sensitive-Sample"] if n == 1 else [f"sample {i + 1}" for i in range(n)]
        self.names = tuple(map(str, default if names is None else names))
        if len(self.names) != n:
            raise ValueError(f"names must be one a sample: {n}; received {len(self.names)}.")
        self._models = [model, *map(model_of, suspects)]
        self._classifiers = [Classifier.of(m, self.samples) for m in self._models]
        self.shifts = self._measure(_distinct(suspects), class_names)
        self._start_plane()
        directions = [key for key in DIRECTIONS if (key != "sample" or n > 1) and (key != "other" or other is not None)]
        direction = ("sample" if n > 1 else "gradient") if direction is None else direction
        if direction not in directions:
            raise ValueError(f"direction must be one of {', '.join(directions)}; received {direction!r}.")
        self._logits: dict[tuple[int, str], list[np.ndarray]] = {}
        self._windows: dict[tuple[int, str], list[figures.Window]] = {}
        self.controls = {
            "model": dropdown("attack", [(name, i) for i, name in enumerate(self.shifts.attacks)], 0,
                              "Who compromised the model whose boundary is dashed", width=250),
            "direction": dropdown("plane", [(DIRECTIONS[key], key) for key in directions], direction,
                                  "The plane's second direction; the first leads from the original to the sample",
                                  width=188),
            "zoom": labelled_slider(
                "window", [(f"{figures.wide(r)} wide", i) for i, r in enumerate(self.radii)],
                self._first_zoom(direction),
                "Width of the map, Euclidean, in units of the input: from the whole path to the tie itself", width=222,
            ),
        }  # fmt: skip

    def windows(self) -> list[figures.Window]:
        """The windows of the chosen model and plane, from wide to narrow: computed once, then remembered."""
        return self._windows_of(self.controls["model"].value, self.controls["direction"].value)

    def layout(self) -> widgets.Widget:
        """The map left, the shifts of all models right."""
        self._at = self._place()
        self._map = live(figures.boundaries(self.windows()[self._at[-1]]), height=456, width=400)
        self._strip = live(strip.tie_shifts(self.shifts), height=456, width=424)
        row = widgets.Layout(display="flex", flex_flow="row wrap", align_items="flex-start", grid_gap="12px")
        self._drawn: dict[tuple, list[dict]] = {}
        return widgets.Box([self._map, self._strip], layout=row)

    def draw(self) -> None:
        """Follow model, plane and zoom; only a model or plane not seen before is asked anything."""
        place = model, _, zoom = self._place()
        if place not in self._drawn:
            self._drawn[place] = figures.moved(self.windows()[zoom])
        if place != self._at:
            with self._map.batch_update():
                for trace, new in zip(self._map.data, self._drawn[place], strict=True):
                    trace.update(new)
        if model != self._at[0]:
            with self._strip.batch_update():
                self._strip.data[-1].update(strip.chosen(self.shifts, model))
        self._at = place
        self.status.value = self._summary(model)

    def _place(self) -> tuple[int, str, int]:
        """The chosen model, direction and zoom."""
        return tuple(self.controls[name].value for name in ("model", "direction", "zoom"))

    def _summary(self, model: int) -> str:
        found, total = self.shifts, len(self.shifts.attacks)
        shift = found.shifts[model].mean()
        gainer = escape(found.tie[0] if shift > 0 else found.tie[1])
        names, which = strip.outcomes(found)
        counts = " · ".join(
            f"<b>{flipped}</b> flip {escape(name)}"
            for name, flipped in zip(self.names, found.flips.sum(0), strict=True)
        )
        if len(self.names) > 1:
            counts += f" · <b>{found.flips.any(axis=1).sum()}</b> flip at least one"
        return (
            f"{escape(found.attacks[model])} moved the tie by <b>{shift:+.3g}</b> logits, {gainer} gains: "
            f"<b>{escape(names[which[model]])}</b>.<br>Of {total} compromised models {counts}."
        )

    def static_figure(self) -> go.Figure:
        """Map and shifts with a slider over the windows, and a menu over attacks, for pages without a kernel."""
        model, direction = self.controls["model"].value, self.controls["direction"].value
        kinds = strip.kinds(self.shifts.attacks)
        first = [kinds.index(kind) for kind in dict.fromkeys(kinds)] if self.static else []
        models = list(dict.fromkeys([model, *first]))[:STATIC_MODELS]
        windows = {self.shifts.attacks[i]: self._windows_of(i, direction) for i in models}
        return figures.boundaries_with_zoom(windows, self.shifts, self.controls["zoom"].value)

    def _one(self, x: np.ndarray) -> np.ndarray:
        """One image of the samples' shape, float64."""
        shape = self.samples.shape[1:]
        x = np.asarray(x)
        if x.shape not in (shape, (1, *shape)):
            raise ValueError(f"original and other must have the shape {shape} of a sample; received {x.shape}.")
        return as_samples(x.reshape(1, *shape))[0].astype(np.float64)

    def _ask(self, model: int, x: np.ndarray) -> np.ndarray:
        """Logits (n, r), float32."""
        classifier = self._classifiers[model]
        logits = compiled(self._models[model], ("logits",), lambda batch: classifier.logits_and_features(batch)[0])
        return in_batches(logits, x, -(-len(x) // -(-len(x) // 256)))

    def _measure(self, attacks: tuple[str, ...], class_names: Sequence[str] | None) -> strip.Shifts:
        z = np.stack([self._ask(i, self.samples) for i in range(len(self._models))]).astype(np.float64)
        r = z.shape[-1]
        self.class_names = (
            tuple(f"class {k}" for k in range(r)) if class_names is None else tuple(map(str, class_names))
        )
        if len(self.class_names) != r:
            raise ValueError(f"class_names must be one a class: {r}; received {len(self.class_names)}.")
        self.tie = a, b = [int(k) for k in np.argsort(-z[0, 0], kind="stable")[:2]]
        gaps, labels = z[..., a] - z[..., b], z.argmax(axis=-1)
        return strip.Shifts(attacks, self.names, gaps[0], gaps[1:] - gaps[0], labels[1:] != labels[0],
                              (self.class_names[a], self.class_names[b]))  # fmt: skip

    def _start_plane(self) -> None:
        """The middle of the plane, its first direction, and the radii of the windows."""
        self._middle = self.samples.mean(axis=0, dtype=np.float64)
        path = self._middle - self.original
        self._length = float(np.linalg.norm(path))
        if not self._length:
            raise ValueError("samples must differ from the original; received the original itself.")
        self._along, (a, b), classifier = path / self._length, self.tie, self._classifiers[0]

        def gap(batch: Any) -> Any:
            z = classifier.logits_and_features(batch)[0]
            return z[:, a] - z[:, b]

        slope = compiled(self._models[0], ("slope of a gap", a, b), lambda batch: value_and_gradient(gap, batch)[1])
        self._slope = in_batches(slope, self._middle[None].astype(np.float32), 1)[0].astype(np.float64)
        steepness = max(float(np.linalg.norm(self._slope)), 1e-9)
        apart = np.linalg.norm((self.samples - self._middle).reshape(len(self.samples), -1), axis=1).max()
        nearest = 2 * apart if len(self.samples) > 1 else 4 * abs(self.shifts.gaps[0]) / steepness
        widest = max(WIDEST * self._length, 2 * float(np.quantile(np.abs(self.shifts.shifts), 0.75)) / steepness)
        nearest = float(np.clip(nearest, 1e-5 * widest, widest / 10))
        self.radii = np.geomspace(widest, nearest, int(np.clip(round(2.5 * np.log10(widest / nearest)) + 1, *LEVELS)))

    def _first_zoom(self, direction: str) -> int:
        """The window in which the boundary of a typical compromised model is seen beside the intact one."""
        slope = np.hypot(*(np.sum(self._slope * axis) for axis in (self._along, self._across(direction))))
        moved = np.quantile(np.abs(self.shifts.shifts), 0.75) / max(slope, 1e-9)
        return max(0, int(np.sum(self.radii > 1.5 * moved)) - 1)

    def _across(self, direction: str) -> np.ndarray:
        """The plane's second direction, a unit vector perpendicular to the first."""
        if direction == "sample":
            towards = self.samples[1].astype(np.float64) - self.samples[0]
        elif direction == "other":
            towards = self.other - self._middle
        else:
            towards = self._slope
        anywhere = np.random.default_rng(self.seed).normal(size=towards.shape)
        for candidate in [anywhere] if direction == "random" else [towards, anywhere]:
            across = candidate - self._along * np.sum(candidate * self._along)
            if np.linalg.norm(across) > 1e-6 * np.linalg.norm(candidate):  # else it is the first direction again
                break
        return across / np.linalg.norm(across)

    def _windows_of(self, model: int, direction: str) -> list[figures.Window]:
        key = (model, direction)
        if key not in self._windows:
            self.status.value = "<i>Asking the models…</i>"
            across = self._across(direction)
            plane = self._along, across
            intact, compromised = (self._grids(i, direction, plane) for i in (0, model + 1))
            points = np.stack([self.original, *self.samples.astype(np.float64)]) - self._middle
            places = np.stack([np.tensordot(points, axis, axes=points.ndim - 1) for axis in plane], axis=1)
            off = points - sum(
                place.reshape(-1, *(1,) * self.original.ndim) * axis
                for place, axis in zip(places.T, plane, strict=True)
            )
            off = np.linalg.norm(off.reshape(len(off), -1), axis=1)
            seen = np.bincount(intact[0].argmax(axis=-1).ravel(), minlength=len(self.class_names))
            seen[self.tie] = 0
            classes = (*self.tie, *(int(k) for k in np.argsort(-seen, kind="stable")[: (seen > 0).sum()]))
            self._windows[key] = [
                figures.Window(
                    r,
                    z,
                    z2,
                    (places - self._centre(r)) / r,
                    off < IN_PLANE * r,
                    ("original", *self.names),
                    classes,
                    self.class_names,
                )
                for r, z, z2 in zip(map(float, self.radii), intact, compromised, strict=True)
            ]
        return self._windows[key]

    def _centre(self, radius: float) -> np.ndarray:
        """The window's middle in the plane: between original and sample in the widest, at the samples in the others."""
        return np.array([-0.5 * self._length * min(1.0, radius / (WIDEST * self._length)) ** 2, 0.0])

    def _grids(self, model: int, direction: str, plane: tuple[np.ndarray, np.ndarray]) -> list[np.ndarray]:
        """Logits (size, size, r) of a model in every window."""
        key, steps = (model, direction), np.linspace(-1, 1, self.size)
        if key not in self._logits:
            b, a = (grid.reshape(-1, *(1,) * self.original.ndim) for grid in np.meshgrid(steps, steps, indexing="ij"))
            self._logits[key] = [
                self._ask(
                    model, (self._middle + (x + r * a) * plane[0] + (y + r * b) * plane[1]).astype(np.float32)
                ).reshape(self.size, self.size, -1)
                for r, (x, y) in ((r, self._centre(r)) for r in self.radii)
            ]
        return self._logits[key]


def _distinct(suspects: Sequence[Any]) -> tuple[str, ...]:
    """The attack's or the model's name, numbered where several share it."""
    names = [str(getattr(s, "attack", None) or getattr(s, "name", type(s).__name__)) for s in suspects]
    count = Counter(names)
    return tuple(f"{n} ({names[: i + 1].count(n)})" if count[n] > 1 else n for i, n in enumerate(names))
