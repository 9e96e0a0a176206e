"""The attack lab: any attack of Section 2.2, at any strength, and what shows it."""

from collections.abc import Sequence
from html import escape
from typing import Any

import ipywidgets as widgets
import numpy as np
import plotly.graph_objects as go
from tqdm import tqdm

from ssviz.attack_sweep import AttackSweep, attack_sweep
from ssviz.explorers.base import Explorer, dropdown, int_slider, labelled_slider, live
from ssviz.figures import attacks as figures
from ssviz.reproduction.laboratory import Laboratory
from ssviz.reproduction.plan import CASES
from ssviz.reproduction.strengths import strengths

NATURAL, SENSITIVE, PAIRS = "natural images", "Sensitive-Samples", "pairs"


class AttackLab(Explorer):
    """How strong can an attack be and stay unseen? Accuracy, success and detection against its strength.

    laboratory: a ``Laboratory``, which makes every compromised model once and keeps it on disk. bag: Sensitive-Samples
    of its model. images: natural images, by default 500 test images. pairs: from ``ssviz.straddle``, or None. profile:
    "quick" or "full", how many strengths. attacks: names of ``strengths(laboratory)``, by default all of them. attack:
    the one to begin with.

    An attack is made when it is chosen, strength by strength; then the sliders only read. Interrupting the kernel loses
    nothing: choose the attack again and it goes on. Static, all attacks are made first. Raises ValueError for an attack
    that is none of them.

    Paper: Sections 2.2 and 5.2. Notebook: 02.
    """

    question = "How strong can an attack be and stay unseen?"
    paper = "In the paper: Section 2.2, Table 2; Section 5.2"

    def __init__(
        self,
        laboratory: Laboratory,
        bag: Any,
        images: np.ndarray | None = None,
        *,
        pairs: Any = None,
        profile: str = "quick",
        attacks: Sequence[str] | None = None,
        attack: str | None = None,
        n_s: int = 3,
        seed: int = 0,
        static: bool = False,
    ) -> None:
        super().__init__(static=static)
        self.laboratory, self.seed = laboratory, seed
        known = strengths(laboratory, profile)
        unknown = [name for name in attacks or () if name not in known]
        if unknown:
            raise ValueError(f"attacks must be among {', '.join(known)}; received {', '.join(unknown)}.")
        self.strengths = {name: known[name] for name in attacks or known}
        if attack not in (None, *self.strengths):
            raise ValueError(f"attack must be one of {', '.join(self.strengths)}; received {attack!r}.")
        images = laboratory.data.inputs("test", limit=500)[0] if images is None else images
        self.inputs = {NATURAL: images, SENSITIVE: bag} | ({} if pairs is None else {PAIRS: pairs})
        self._sweeps: dict[str, AttackSweep] = {}
        self._scenes: dict[str, list[str]] = {}
        first = attack or next(iter(self.strengths))
        self.controls = {
            "attack": dropdown("attack", list(self.strengths), first, "What is done to the model", width=225),
            "strength": labelled_slider("strength", [("", 0)], 0, "How far the attack goes", width=235),
            "n_s": int_slider("N_S", 1, 10, n_s, "How many queries are sent", width=200),
        }
        self._number_strengths()
        self.controls["attack"].observe(lambda _: self._number_strengths(), "value")

    def sweep(self, attack: str) -> AttackSweep:
        """An attack at all of its strengths: made when first asked for, then remembered.

        Raises InterruptedError if it was interrupted before the first of them was there.
        """
        if attack not in self._sweeps:
            self._sweeps[attack] = self._swept(attack)
        return self._sweeps[attack]

    def reset(self) -> None:
        """Every control back to where it started; an attack that was interrupted goes on."""
        self._number_strengths()
        super().reset()

    def layout(self) -> widgets.Widget:
        """The three panels, and below them what a few images are taken for."""
        self._drawn = self._chosen()
        at = min(self.controls["strength"].value, len(self._drawn) - 1)
        self._figure = live(figures.sweep(self._drawn, self.controls["n_s"].value, at), height=360, width=836)
        self._pictures = widgets.HTML()
        return widgets.VBox([self._figure, self._pictures])

    def draw(self) -> None:
        """Follow the controls; only an attack not chosen before makes anything."""
        result = self._chosen()
        n_s, at = self.controls["n_s"].value, self.controls["strength"].value
        with self._figure.batch_update():
            if result is not self._drawn:
                figures.replace(self._figure, result, n_s, at)
                self._drawn = result
            else:
                kinds, lines = len(result.share), figures.cursor(at)
                for trace, y in zip(self._figure.data[-3 - kinds : -3], figures.missing(result, n_s), strict=True):
                    trace.y = y
                for trace, xy in zip(self._figure.data[-3:], lines, strict=True):
                    trace.update(xy)
        self._pictures.value = self._scenes[result.attack][at]
        self.status.value = self._summary(result, at, n_s)

    def static_figure(self) -> go.Figure:
        """The panels with a menu of the attacks (static: all; else those made so far) and a slider over N_S."""
        chosen = self.controls["attack"].value
        names = [name for name in self.strengths if self.static or name in self._sweeps or name == chosen]
        return figures.sweeps([self.sweep(name) for name in names], self.controls["n_s"].value)

    def _chosen(self) -> AttackSweep:
        """The sweep of the chosen attack, and the strength slider in its words."""
        result = self.sweep(self.controls["attack"].value)
        self._set_strengths(result.labels)
        return result

    def _swept(self, attack: str) -> AttackSweep:
        chosen, made, short = self.strengths[attack], {}, ""
        bar = tqdm(chosen.plans, desc=attack, disable=not self.static, leave=False)
        try:
            for number, plan in enumerate(bar, start=1):
                self.status.value = (
                    f"<i>Making compromised models: {escape(attack)}, strength {number} of {len(chosen.plans)}. "
                    "They are kept on disk; interrupting the kernel loses none.</i>"
                )
                result, _ = self.laboratory.attacked(plan, self.seed)
                made[chosen.label(result)] = result
        except KeyboardInterrupt:
            if not made or self.static:
                raise InterruptedError(f"{attack} was interrupted. Choose it again to go on.") from None
            short = " (interrupted: choose it again to go on)"
        finally:
            self.status.value = ""
        laboratory = self.laboratory
        measured = attack_sweep(
            laboratory.model, laboratory.data, made, self.inputs, attack=attack, knob=chosen.knob + short,
            hidden=CASES[laboratory.dataset].undrawn,
        )  # fmt: skip
        self._scenes[attack] = [
            figures.scene_html(scene, laboratory.data.class_names, bounds=laboratory.data.bounds)
            for scene in measured.scenes
        ]
        return measured

    def _number_strengths(self) -> None:
        """The strengths of an attack just chosen, numbered until they are made. What was interrupted may go on."""
        attack = self.controls["attack"].value
        if attack in self._sweeps and len(self._sweeps[attack]) < len(self.strengths[attack].plans):
            del self._sweeps[attack]
        count = len(self.strengths[attack].plans)
        labels = self._sweeps[attack].labels if attack in self._sweeps else [str(i + 1) for i in range(count)]
        self._set_strengths(labels, count - 1)

    def _set_strengths(self, labels: Sequence[str], value: int | None = None) -> None:
        slider, options = self.controls["strength"], tuple((label, i) for i, label in enumerate(labels))
        if tuple(slider.options) == options and value is None:
            return
        self._offer(slider, options, min(slider.value if value is None else value, len(options) - 1))

    def _summary(self, result: AttackSweep, at: int, n_s: int) -> str:
        success = "" if np.isnan(result.success[at]) else f", success <b>{result.success[at]:.1%}</b>"
        one = ", ".join(f"{kind} <b>{share[at]:.1%}</b>" for kind, share in result.share.items())
        missed = ", ".join(f"{kind} <b>{rates[at, n_s - 1]:.2%}</b>" for kind, rates in result.missing.items())
        return (
            f"{escape(result.knob)} <b>{escape(result.labels[at])}</b>: accuracy {result.accuracy_before:.1%} → "
            f"<b>{result.accuracy[at]:.1%}</b>{success}<br>One query detects: {one}<br>"
            f"N_S = {n_s} queries all miss: {missed}"
        )
