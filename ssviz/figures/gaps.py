"""Straddling pairs: both sides, and detections against false alarms by their gap."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from ssviz.figures.sheet import image_sheet
from ssviz.figures.style import BLUE, GREEN, GREY, ORANGE, PINK, RED, SKY, TEMPLATE, as_uint8, slider
from ssviz.pairs import StraddlingPairs

GAPS = 10 ** np.linspace(-6, 0, 121)  # of the curves
_ATTACKS = [BLUE, GREEN, SKY, PINK]
_NUMERICS = [ORANGE, RED, GREY, PINK]
_DASHES = ["solid", "dash", "dashdot", "longdash"]
_ALARM_DASHES = ["dot", "5px,3px,1px,3px", "2px,6px", "8px,8px"]


@dataclass(frozen=True, eq=False)
class Reaches:
    """The largest gap at which each pair would still give a change away: one array (pairs,) for each change.

    attacks: by name of the attack. numerics: by name of the setting in which the intact model is served.
    """

    attacks: Mapping[str, np.ndarray]
    numerics: Mapping[str, np.ndarray]

    def shares(self, gap: float) -> np.ndarray:
        """(attacks and numerics,) share of pairs that show each change at this gap."""
        return np.array([(reach > gap).mean() for reach in (*self.attacks.values(), *self.numerics.values())])

    def quiet(self, setting: str) -> float:
        """The smallest gap at which no pair gives a false alarm in a setting; 0 where none ever does."""
        return max(0.0, float(self.numerics[setting].max()))


def detections_and_alarms(reaches: Reaches, gap: float) -> go.Figure:
    """Share of pairs that detect each attack, and that give a false alarm under each numerics, against the gap (log
    axis), and bars at ``gap``. Raises ValueError for more than four of either.

    Paper: beyond it (Section 5.2's false positives). Notebook: 13.
    """
    if max(len(reaches.attacks), len(reaches.numerics)) > len(_ATTACKS):
        raise ValueError(
            f"reaches must hold at most {len(_ATTACKS)} attacks and as many numerics; "
            f"received {len(reaches.attacks)} and {len(reaches.numerics)}."
        )
    figure = make_subplots(cols=2, column_widths=[0.62, 0.38], horizontal_spacing=0.2)
    attacks, names = len(reaches.attacks), [*reaches.attacks, *reaches.numerics]
    looks = [*zip(_ATTACKS, _DASHES, strict=True)][:attacks]
    looks += [*zip(_NUMERICS, _ALARM_DASHES, strict=True)][: len(reaches.numerics)]
    for y, name, (colour, dash) in zip(curves(reaches), names, looks, strict=True):
        figure.add_scatter(x=GAPS, y=y, name=name, mode="lines", hovertemplate="%{y:.0%}", row=1, col=1,
                           line={"color": colour, "dash": dash, "width": 2.5}, showlegend=False)  # fmt: skip
    figure.add_scatter(**cursor(gap), mode="lines", hoverinfo="skip", showlegend=False, row=1, col=1,
                       line={"color": GREY, "width": 1.5})  # fmt: skip
    figure.add_bar(
        **bars(reaches, gap), y=[_wrapped(name) for name in names], orientation="h", textposition="outside",
        row=1, col=2, marker={"color": [colour for colour, _ in looks],
                "pattern": {"shape": [""] * attacks + ["/"] * len(reaches.numerics), "fgcolor": "#fff", "size": 6}},
        hoverinfo="skip", cliponaxis=False, showlegend=False,
    )  # fmt: skip
    figure.update_xaxes(title_text="gap of the pairs (logits)", type="log", dtick=1, exponentformat="power", col=1,
                        tickfont_size=11, range=[np.log10(GAPS[0]), np.log10(GAPS[-1])])  # fmt: skip
    figure.update_yaxes(title_text="share of pairs", tickformat=".0%", range=[-0.03, 1.05], col=1)
    figure.update_xaxes(title_text="at the chosen gap", tickformat=".0%", range=[0, 1.2], tickvals=[0, 0.5, 1], col=2)
    figure.update_yaxes(autorange="reversed", col=2)
    figure.add_annotation(text="full: attacks detected · hatched: false alarms", x=1, y=1.09, xref="paper",
                          yref="paper", xanchor="right", showarrow=False, font_size=12)  # fmt: skip
    return figure.update_layout(template=TEMPLATE, height=400, hovermode="x unified")


def detections_and_alarms_with_gaps(reaches: Reaches, gaps: Sequence[float], start: float) -> go.Figure:
    """The same with a slider over ``gaps``, for pages without a kernel. Paper: beyond it. Notebook: 13."""
    gaps = list(gaps)
    active = int(np.argmin(np.abs(np.log(np.array(gaps) / start))))
    figure = detections_and_alarms(reaches, gaps[active])
    last = len(figure.data) - 1
    figure.frames = [
        go.Frame(name=f"{gap:.1g}", traces=[last - 1, last],
                 data=[go.Scatter(**cursor(gap)), go.Bar(**bars(reaches, gap))])
        for gap in gaps
    ]  # fmt: skip
    labels = [f"{gap:.1g}" for gap in gaps]
    return figure.update_layout(height=480, sliders=[slider(labels, labels, "gap: ", active)])


def both_sides(pairs: StraddlingPairs, *, count: int = 6) -> go.Figure:
    """Three rows of the first ``count`` pairs: original, plus, minus. Paper: Figure 4. Notebook: 13."""
    bounds, few = pairs.settings["bounds"], pairs[:count]
    images = [as_uint8(x, bounds) for x in (*few.originals, *few.plus, *few.minus)]
    captions = ["original"] * len(few)
    captions += [f"{side}, {db:.0f} dB" for side, snr in zip(("plus", "minus"), few.snr.T, strict=True) for db in snr]
    return image_sheet(np.array(images), captions, columns=len(few))


def curves(reaches: Reaches) -> np.ndarray:
    """float32 (attacks and numerics, gaps): the shares at every one of GAPS."""
    return np.stack([reaches.shares(gap) for gap in GAPS], axis=1).astype(np.float32)


def cursor(gap: float) -> dict:
    """x and y of the line at the chosen gap."""
    return {"x": [gap, gap], "y": [-0.03, 1.05]}


def bars(reaches: Reaches, gap: float) -> dict:
    """Lengths and labels of the bars at a gap."""
    shares = reaches.shares(gap)
    return {"x": shares, "text": [f"{share:.0%}" if share in (0, 1) else f"{share:.1%}" for share in shares]}


def _wrapped(name: str) -> str:
    """A long name on two lines."""
    return name if len(name) <= 18 else "<br>".join(name.rsplit(" ", 1))
