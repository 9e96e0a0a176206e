"""The pages that `ssviz run` writes: one for each notebook and an index; they need no network.

Plotly figures are drawn by one plotly.min.js in the same folder and steered by HTML controls, which the keyboard
reaches; formulas are MathML, which browsers draw themselves; light or dark is the reader's own setting.
"""

import copy
import re
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import latex2mathml.converter
import nbformat
from jinja2 import Environment, FileSystemLoader, pass_context
from jinja2.runtime import Context
from nbconvert import HTMLExporter
from nbconvert.filters import strip_ansi
from nbconvert.filters.markdown_mistune import IPythonRenderer, MarkdownWithMath

from ssviz.figures.offline import SCRIPT, STYLE, embedded, plotly_script
from ssviz.files import atomic_write
from ssviz.notebook_hygiene import without_progress

if TYPE_CHECKING:
    from ssviz.series import NotebookRun, SeriesRun

_PLOTLY_MIME = "application/vnd.plotly.v1+json"

_MATHML = "http://www.w3.org/1998/Math/MathML"
_TEMPLATES = FileSystemLoader(Path(__file__).parent / "templates")


class _MathRenderer(IPythonRenderer):
    """nbconvert's Markdown renderer with formulas as MathML."""

    def block_math(self, body: str) -> str:
        return _mathml(body, "block")

    def inline_math(self, body: str) -> str:
        return _mathml(body, "inline")

    def latex_environment(self, name: str, body: str) -> str:
        return _mathml(rf"\begin{{{name}}}{body}\end{{{name}}}", "block")


class _PageExporter(HTMLExporter):
    """nbconvert's HTML with formulas as MathML, so that no page waits for another host."""

    @pass_context
    def markdown2html(self, context: Context, source: str) -> str:
        attachments = context.get("cell", {}).get("attachments", {})
        renderer = _MathRenderer(escape=False, attachments=attachments, anchor_link_text=self.anchor_link_text)
        return MarkdownWithMath(renderer=renderer).render(source)


def write_plotlyjs(folder: Path) -> None:
    """Write plotly.min.js, which every page of the folder loads, unless it is there."""
    path, source = folder / "plotly.min.js", plotly_script()
    if not path.exists() or path.stat().st_size != len(source):
        with atomic_write(path) as temporary:
            temporary.write_bytes(source)


def write_page(notebook: nbformat.NotebookNode, path: Path, runs: Sequence["NotebookRun"], i: int) -> None:
    """Write an executed notebook as a page that links to the index and to its neighbours in `runs`."""
    exporter = _PageExporter(extra_loaders=[_TEMPLATES], template_file="notebook.html.j2")
    dark, _, _ = exporter.environment.loader.get_source(exporter.environment, "static/theme-dark.css")
    resources = {
        "metadata": {"name": path.stem},
        "dark_css": dark,
        "controls_script": SCRIPT,
        "controls_style": STYLE,
        "before": runs[i - 1] if i else None,
        "after": runs[i + 1] if i + 1 < len(runs) else None,
    }
    page, _ = exporter.from_notebook_node(_figures_as_html(notebook), resources)
    with atomic_write(path) as temporary:
        temporary.write_text(page, encoding="utf-8")


def write_index(series: "SeriesRun", path: Path) -> None:
    """Write the table of the notebooks: status, seconds, device, tracebacks, and what they ran on."""
    environment = Environment(loader=_TEMPLATES, autoescape=True, trim_blocks=True)
    environment.filters["strip_ansi"] = strip_ansi
    facts = next((run.facts for run in series.runs if "device" in run.facts), None)
    facts = facts or next((run.facts for run in series.runs if run.facts), {})
    about = {
        "finished": datetime.now().astimezone().strftime("%Y-%m-%d %H:%M %Z"),
        "profile": series.profile,
        "data set": series.dataset,
        "kernel": series.kernel or "the Python of ssviz",
        **facts,
    }
    page = environment.get_template("index.html.j2").render(
        series=series,
        about=about,
        ok=sum(run.status == "ok" for run in series.runs),
        marks={"ok": "✓", "failed": "✗", "interrupted": "■", "not run": "·"},
    )
    with atomic_write(path) as temporary:
        temporary.write_text(page, encoding="utf-8")


def _figures_as_html(notebook: nbformat.NotebookNode) -> nbformat.NotebookNode:
    """A copy without progress bars, its plotly outputs as HTML for a page that has plotly.min.js."""
    notebook = copy.deepcopy(notebook)
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.outputs = without_progress(cell.outputs)
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", ())]
    figures = [output for output in outputs if _PLOTLY_MIME in output.get("data", {})]
    for number, output in enumerate(figures, start=1):
        figure = output.data.pop(_PLOTLY_MIME)
        output.data["text/html"] = embedded(figure, div_id=f"figure-{number}")
    return notebook


def _mathml(tex: str, display: str) -> str:
    """A formula as MathML; the few commands that latex2mathml does not know are written in those it knows."""
    tex = tex.replace(r"\operatorname*", r"\operatorname")
    tex = re.sub(r"\\begin\{(aligned|align\*?|split)\}", lambda _: r"\begin{array}{rl}", tex)
    tex = re.sub(r"\\end\{(aligned|align\*?|split)\}", lambda _: r"\end{array}", tex)
    # HTML knows <math> by its name; a namespace would get lost in nbconvert's headings.
    return latex2mathml.converter.convert(tex, display=display).replace(f' xmlns="{_MATHML}"', "")
