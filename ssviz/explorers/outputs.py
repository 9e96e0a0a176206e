"""The output explorer: what an API's answer leaves to be seen of a changed model, Table 4 alive."""

from collections.abc import Sequence
from html import escape
from typing import Any

import ipywidgets as widgets
import numpy as np
import plotly.graph_objects as go

from ssviz.explorers.base import Explorer, dropdown, int_slider, live, picture
from ssviz.figures import outputs as figures
from ssviz.figures.style import as_uint8, png
from ssviz.models import as_samples, model_of, probabilities
from ssviz.outputs import parse

OUTPUTS = ("top-1", "top-3", "top-5", "top-1-p-dec-2", "p-dec-1", "p-dec-2", "p-dec-3", "p")


class OutputExplorer(Explorer):
    """How much must an API show for a changed model to be seen? Both models' answers, output by output.

    reference: the intact Keras classifier. compromised: results of attacks, or models, or one of them. samples:
    (n, ...) inputs, pictures in [0, 1], or an object with ``.samples``. class_names: one name a class. Outputs
    that list more labels than there are classes are left out. Every model answers every sample once, when the
    explorer is made; the controls only select.

    Paper: Section 3.4, Table 4. Notebook: 06.
    """

    question = "How much must an API show for a changed model to be seen?"
    paper = "In the paper: Section 3.4, Table 4"

    def __init__(
        self,
        reference: Any,
        compromised: Any,
        samples: Any,
        *,
        class_names: Sequence[str] | None = None,
        static: bool = False,
    ) -> None:
        super().__init__(static=static)
        self.samples = as_samples(samples, name="samples")
        suspects = list(compromised) if isinstance(compromised, list | tuple) else [compromised]
        if not suspects:
            raise ValueError("compromised must be one model or more; received none.")
        self.answers = _answers(reference, suspects, self.samples, class_names)
        self._drawable = self.samples.ndim == 4 and self.samples.shape[-1] in (1, 3)
        last = len(self.samples) - 1
        self.controls = {
            "attack": dropdown("attack", [(name, i) for i, name in enumerate(self.answers.attacks)], 0,
                               "Which compromised model answers", width=240),
            "sample": int_slider("sample", 0, last, 0, "Which sample both models are asked", width=230),
            "digits": int_slider("digits", 0, figures.DIGITS[-1], 2,
                                 "Digits n after the decimal point in top-1-p-dec-n and p-dec-n", width=190),
        }  # fmt: skip

    def layout(self) -> widgets.Widget:
        """Shares above, the sample and the table of its answers below."""
        self._drawn = self.controls["attack"].value, self.controls["digits"].value
        self._figure = live(figures.shares(self.answers, *self._drawn), height=340, width=836)
        self._picture, box = picture("the sample", 110)
        self._table = widgets.HTML(layout=widgets.Layout(flex="1 1 600px"))
        row = widgets.Layout(display="flex", flex_flow="row wrap", align_items="flex-start", grid_gap="16px")
        below = widgets.Box([box, self._table] if self._drawable else [self._table], layout=row)
        return widgets.VBox([self._figure, below])

    def draw(self) -> None:
        """Follow attack, sample and digits: nothing is asked again."""
        attack, sample, digits = (self.controls[name].value for name in ("attack", "sample", "digits"))
        if (attack, digits) != self._drawn:
            data = figures.bars(self.answers, attack), *figures.curves(self.answers, attack, digits)
            with self._figure.batch_update():
                for trace, new in zip(self._figure.data, data, strict=True):
                    trace.update(new)
            self._drawn = attack, digits
        table = figures.rows(self.answers, attack, sample, digits)
        name, p_dec = self.answers.attacks[attack], f"p-dec-{digits}"
        self._table.value = figures.html_table(table, f"Sample {sample}, the intact model and {name}")
        if self._drawable:
            self._picture.value = png(as_uint8(self.samples[sample]), 110)
        telling = ", ".join(row.output for row in table if row.differs) or "no output"
        shares = zip(("top-1", p_dec), self.answers.shares(attack, ("top-1", p_dec)), strict=True)
        self.status.value = (
            f"Sample {sample} tells {escape(name)} from the intact model through <b>{telling}</b> · "
            f"of all {len(self.samples)} samples: " + ", ".join(f"{out} <b>{share:.1%}</b>" for out, share in shares)
        )

    def static_figure(self) -> go.Figure:
        """The same with a slider over the attacks, for pages without a kernel."""
        return figures.shares_with_table(self.answers, *(control.value for control in self.controls.values()))


def _answers(
    reference: Any, suspects: Sequence[Any], samples: np.ndarray, class_names: Sequence[str] | None
) -> figures.Answers:
    """Ask every model once and compare the answers through every output."""
    intact = probabilities(reference, samples)
    changed = np.stack([probabilities(model_of(s), samples) for s in suspects])
    classes = intact.shape[1]
    names = tuple(f"class {k}" for k in range(classes)) if class_names is None else tuple(map(str, class_names))
    if len(names) != classes:
        raise ValueError(f"class_names must be one a class: {classes}; received {len(names)}.")
    outputs = tuple(name for name in OUTPUTS if parse(name).k <= classes)
    detected = {}
    for name in dict.fromkeys([*outputs, *(f"{name}-{n}" for name in figures.BY_DIGITS for n in figures.DIGITS)]):
        output = parse(name)
        expected = output.answer(intact)
        detected[name] = np.stack([~output.same(expected, output.answer(p)) for p in changed])
    return figures.Answers(_distinct(suspects), names, outputs, intact, changed, detected)


def _distinct(suspects: Sequence[Any]) -> tuple[str, ...]:
    """A name for each: the attack's or the model's, numbered where several share it."""
    names = [str(getattr(s, "attack", None) or getattr(s, "name", type(s).__name__)) for s in suspects]
    return tuple(
        f"{name} ({names[: i + 1].count(name)})" if names.count(name) > 1 else name for i, name in enumerate(names)
    )
