"""What two models answer through each output specification, and how often the answers differ."""

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

import numpy as np
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from ssviz.figures.style import BLUE, GREY, ORANGE, TEMPLATE, slider
from ssviz.outputs import Answer, Output, parse

DIGITS = range(8)  # what p-dec-n allows
BY_DIGITS = ("top-1-p-dec", "p-dec")  # the two outputs that the digits slider cuts
HEAD = ("output", "intact", "compromised", "told\N{NO-BREAK SPACE}apart?")
MARK = "border-bottom:3px double #D55E00;background:none;color:inherit;font-weight:bold"


@dataclass(frozen=True, eq=False)
class Answers:
    """What an intact model and compromised ones say of n samples, and where an output tells them apart.

    attacks: names, one a compromised model. class_names: names of the r classes. reference: (n, r) probabilities
    of the intact model; compromised: (models, n, r). outputs: names of the outputs compared; detected: name of an
    output -> (models, n) bool, for ``outputs`` and for BY_DIGITS with every number of DIGITS ("p-dec-0", ...).
    """

    attacks: tuple[str, ...]
    class_names: tuple[str, ...]
    outputs: tuple[str, ...]
    reference: np.ndarray
    compromised: np.ndarray
    detected: dict[str, np.ndarray]

    def shares(self, attack: int, outputs: Sequence[str]) -> np.ndarray:
        """Share of the samples that tell this compromised model from the intact one: one an output."""
        return np.array([self.detected[output][attack].mean() for output in outputs])

    def shown(self, digits: int) -> list[str]:
        """The outputs of the table: labels alone, BY_DIGITS with ``digits``, and all digits."""
        labels = [name for name in self.outputs if parse(name).shows == "none"]
        return [*labels, *(f"{name}-{digits}" for name in BY_DIGITS), "p"]


@dataclass(frozen=True)
class Row:
    """Both answers to one sample through one output: parts of text, each with whether it differs."""

    output: str
    intact: list[tuple[str, bool]]
    compromised: list[tuple[str, bool]]
    differs: bool


def rows(answers: Answers, attack: int, sample: int, digits: int) -> list[Row]:
    """The two models' answers to one sample, an output a row. Paper: Section 3.4. Notebook: 06."""
    both, table = np.stack([answers.reference[sample], answers.compromised[attack, sample]]), []
    for name in answers.shown(digits):
        output = parse(name)
        texts = _parts(output, output.answer(both), answers.class_names)
        marked = [[(text, a != b) for text, a, b in zip(own, *texts, strict=True)] for own in texts]
        table.append(Row(name, *marked, bool(answers.detected[name][attack, sample])))
    return table


def html_table(table: Sequence[Row], caption: str) -> str:
    """The rows as an accessible HTML table; what differs is underlined twice, bold, and said in the last column."""
    cell = "style='padding:3px 12px;text-align:left;vertical-align:top;line-height:1.4'"
    head = "".join(f"<th scope='col' {cell}>{name}</th>" for name in HEAD)
    body = "".join(
        f"<tr><th scope='row' {cell}>{row.output.replace('-', '&#8209;')}</th><td {cell}>{_marked(row.intact)}</td>"
        f"<td {cell}>{_marked(row.compromised)}</td><td {cell}>{_verdict(row)}</td></tr>"
        for row in table
    )
    caption = f"<caption style='text-align:left;padding:3px 12px'>{escape(caption)}</caption>"
    style = "border-collapse:collapse;color:inherit;font-size:inherit"
    return f"<table style='{style}'>{caption}<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


def shares(answers: Answers, attack: int, digits: int) -> go.Figure:
    """Share of the samples that tell two models apart: a bar an output, and against the digits, cursor at ``digits``.

    Paper: Section 3.4, Table 4. Notebook: 06.
    """
    figure = make_subplots(cols=2, column_widths=[0.5, 0.5], horizontal_spacing=0.1,
                           subplot_titles=("samples that tell the two apart", ""))  # fmt: skip
    return _label(_with_traces(figure, answers, attack, digits)).update_layout(height=340)


def shares_with_table(answers: Answers, attack: int, sample: int, digits: int) -> go.Figure:
    """The same above the two answers to one sample, with a slider over the attacks, for pages without a kernel.

    Paper: Section 3.4, Table 4. Notebook: 06.
    """
    tables = [rows(answers, i, sample, digits) for i in range(len(answers.attacks))]
    tall = max(map(_pixels, tables))
    figure = make_subplots(
        rows=2, cols=2, row_heights=[240, tall], horizontal_spacing=0.1, vertical_spacing=90 / (330 + tall),
        specs=[[{}, {}], [{"type": "table", "colspan": 2}, None]],
        subplot_titles=("samples that tell the two apart", "", f"the answers to sample {sample}, n = {digits}"),
    )  # fmt: skip
    _label(_with_traces(figure, answers, attack, digits))
    figure.add_trace(_table(tables[attack]), row=2, col=1)
    names = list(answers.attacks)
    for i, name in enumerate(names):
        moved = go.Bar(**bars(answers, i)), *(go.Scatter(**xy) for xy in curves(answers, i, digits)), _table(tables[i])
        figure.frames += (go.Frame(name=name, traces=[0, 1, 2, 3, 4], data=moved),)
    steps = {**slider(names, names, "compromised by: ", attack), "len": 0.9}  # room for the last label
    return figure.update_layout(height=520 + tall, sliders=[steps])


def bars(answers: Answers, attack: int) -> dict:
    """Lengths of the bars and the percentages written beside them."""
    share = answers.shares(attack, answers.outputs)
    return {"x": share, "y": answers.outputs, "text": [f"{s:.0%}" for s in share]}


def curves(answers: Answers, attack: int, digits: int) -> list[dict]:
    """x and y of the shares against the number of digits, one of BY_DIGITS each, and of the cursor on both."""
    y = [answers.shares(attack, [f"{name}-{n}" for n in DIGITS]) for name in BY_DIGITS]
    return [*({"x": list(DIGITS), "y": share} for share in y), {"x": [digits] * 2, "y": [s[digits] for s in y]}]


def _with_traces(figure: go.Figure, answers: Answers, attack: int, digits: int) -> go.Figure:
    *by_digits, cursor = curves(answers, attack, digits)
    looks = ((ORANGE, "solid", "diamond", 11), (BLUE, "dash", "circle", 7))  # the dashes show what lies below
    ring = {"size": 18, "color": "rgba(0,0,0,0)", "line": {"color": GREY, "width": 2}}
    figure.add_trace(go.Bar(**bars(answers, attack), orientation="h", marker_color=BLUE, showlegend=False,
                            textposition="outside", cliponaxis=False, hoverinfo="skip"), row=1, col=1)  # fmt: skip
    for name, xy, (colour, dash, symbol, size) in zip(BY_DIGITS, by_digits, looks, strict=True):
        figure.add_trace(
            go.Scatter(**xy, name=f"{name}-n", mode="lines+markers", hovertemplate="%{y:.1%} with %{x} digits",
                       line={"color": colour, "dash": dash, "width": 2.5}, marker={"symbol": symbol, "size": size}),
            row=1, col=2,
        )  # fmt: skip
    figure.add_trace(go.Scatter(**cursor, mode="markers", marker=ring, showlegend=False, hoverinfo="skip"), 1, 2)
    return figure


def _label(figure: go.Figure) -> go.Figure:
    figure.update_xaxes(
        title_text="share of the samples", title_standoff=8, range=[0, 1.12], tickformat=".0%", dtick=0.25, row=1, col=1
    )
    figure.update_yaxes(autorange="reversed", showgrid=False, ticks="", ticksuffix=" ", row=1, col=1)
    figure.update_xaxes(title_text="digits n after the point", title_standoff=8, dtick=1, row=1, col=2)
    figure.update_yaxes(range=[-0.05, 1.08], tickformat=".0%", dtick=0.25, row=1, col=2)
    return figure.update_layout(template=TEMPLATE, hovermode="closest", legend_x=0.56, margin_l=110)


def _table(table: Sequence[Row]) -> go.Table:
    columns = [[row.output for row in table], [_plain(row.intact) for row in table],
               [_plain(row.compromised) for row in table], [_verdict(row) for row in table]]  # fmt: skip
    look = {"align": "left", "fill_color": "rgba(0,0,0,0)", "line_color": GREY, "font": {"color": GREY, "size": 12}}
    cells = {"values": columns, "height": 22, **look}
    return go.Table(header={"values": HEAD, **look}, cells=cells, columnwidth=[13, 38, 38, 11])


def _pixels(table: Sequence[Row]) -> int:
    """How tall a table is drawn, about: 38 characters a line on a page 840 pixels wide, 16 pixels each."""
    longest = [max(sum(len(text) + 5 for text, _ in parts) for parts in (row.intact, row.compromised)) for row in table]
    return 40 + sum(16 + 16 * -(-length // 38) for length in longest)


def _verdict(row: Row) -> str:
    return "<b>≠ yes</b>" if row.differs else "= no"


def _marked(parts: Sequence[tuple[str, bool]]) -> str:
    return " · ".join(f"<mark style='{MARK}'>{escape(t)}</mark>" if d else escape(t) for t, d in parts)


def _plain(parts: Sequence[tuple[str, bool]]) -> str:
    return " · ".join(
        f"<b>≠\N{NO-BREAK SPACE}{escape(text)}</b>" if differs else escape(text) for text, differs in parts
    )


def _parts(output: Output, answer: Answer, names: Sequence[str]) -> list[list[str]]:
    """Both answers (two rows of one Answer) as parts that stand at the same places."""
    labels = [[names[k] for k in row] for row in answer.labels]
    if output.shows == "none":
        return labels

    def written(p: float) -> str:
        return f"{p:.9g}" if output.decimals is None else f"{p:.{output.decimals}f}"

    p = answer.probabilities
    if output.shows == "top":
        return [[part for pair in zip(row, map(written, q), strict=True) for part in pair]
                for row, q in zip(labels, p, strict=True)]  # fmt: skip
    likeliest = np.argsort(-p[0], kind="stable")[:3]
    moved = np.argsort(-np.abs(p[1] - p[0]), kind="stable")[:2]
    listed = [*likeliest, *(k for k in moved if k not in likeliest)]
    rest = np.setdiff1d(np.arange(p.shape[1]), listed)
    differ = int((p[0, rest] != p[1, rest]).sum())
    tails = [f"{len(rest)} more", f"{len(rest)} more, {differ} of them different" if differ else f"{len(rest)} more"]
    return [[f"label {row[0]}", *(f"{names[k]} {written(q[k])}" for k in listed), *([tail] if len(rest) else [])]
            for row, q, tail in zip(labels, p, tails, strict=True)]  # fmt: skip
