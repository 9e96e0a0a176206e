"""The notebooks in JupyterLab: they run, they complain of nothing, and every control moves something, and soon."""

import os
import time
from pathlib import Path

import nbformat
import pytest

pytest.importorskip("playwright.sync_api")
from controls import move_all
from jupyterlab_driver import (
    bring_into_view,
    cell_errors,
    explorers,
    open_notebook,
    run_all,
    screenshot,
    scroll_through,
    shut_down,
)
from nbformat.v4 import new_code_cell, new_notebook

pytestmark = pytest.mark.browser

NOTEBOOKS = sorted((Path(__file__).resolve().parents[2] / "notebooks").glob("[0-9][0-9]-*.ipynb"))

LONGEST = {"slider": 5_000, "menu": 20_000}  # milliseconds; far more than is wanted, so that only what hangs fails

TINY = """import io, ipywidgets, numpy as np, plotly.graph_objects as go
from PIL import Image

def png(k):
    data = io.BytesIO()
    Image.new("L", (40, 40), 10 * k).save(data, "PNG")
    return data.getvalue()

slider = ipywidgets.IntSlider(description="power", min=0, max=20, value=3)
x = np.linspace(0, 1, 50)
curve = go.FigureWidget(go.Figure(go.Scatter(x=x, y=x**3)))
image = ipywidgets.Image(value=png(3))

def update(change):
    {change}

slider.observe(update, "value")
ipywidgets.VBox([slider, curve, image])"""


def write_notebook(path: Path, *sources: str) -> None:
    kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
    cells = [new_code_cell(source) for source in sources]
    nbformat.write(new_notebook(cells=cells, metadata={"kernelspec": kernel}), path)


def check(page, lab, name: str, latencies: list[dict], *, explorer: bool) -> None:
    start = time.monotonic()
    open_notebook(page, lab, name)
    opened = time.monotonic() - start
    first = opened + run_all(page, explorer=explorer)

    def note(what: str, kind: str, milliseconds: float, moves: int = 1) -> None:
        latencies.append(
            {"notebook": Path(name).stem, "what": what, "kind": kind, "milliseconds": milliseconds, "moves": moves}
        )

    try:
        scroll_through(page)
        assert cell_errors(page) == []
        if explorer:
            note("opened, run, first explorer there", "start", 1000 * first)
        moved = 0
        for title, cell in explorers(page):
            bring_into_view(page, cell)
            for control in move_all(page, cell):
                note(f"{title}: {control.label}", control.kind, control.median, control.moves)
                assert control.latencies, f"{title}: {control.label} moves nothing"
                assert control.median < LONGEST[control.kind], f"{title}: {control.label} takes too long"
                moved += 1
        assert bool(moved) == explorer, "no control in the notebook"
        assert cell_errors(page) == []
        assert page.console_errors == []
    finally:
        if folder := os.environ.get("SSVIZ_SCREENSHOTS"):
            screenshot(page, Path(folder) / f"{Path(name).stem}.png")
        shut_down(page)


@pytest.mark.parametrize("change", ["image.value = png(change.new)", "curve.data[0].y = x ** change.new"])
def test_a_tiny_notebook(page, lab, change):
    """The driver itself: a slider wired to a picture, and one wired to a curve."""
    write_notebook(lab.folder / "90-tiny.ipynb", TINY.format(change=change))
    rows = []
    check(page, lab, "90-tiny.ipynb", rows, explorer=True)
    (start, slider) = rows
    assert start["kind"] == "start"
    assert slider["what"] == "VBox: power"
    assert 0 < slider["milliseconds"] < 1000


def test_what_is_wrong_is_seen(page, lab):
    """The driver itself: an error in a cell, a slider wired to nothing, one that starts at its end, an error shown."""
    ends = TINY.replace("value=3", "value=20").format(change="image.value = png(change.new)")
    broken = """from ssviz.explorers.base import Explorer, int_slider
import ipywidgets

class Broken(Explorer):
    def __init__(self):
        super().__init__()
        self.controls = {"n": int_slider("n", 0, 5, 0, "")}
    def layout(self):
        return ipywidgets.Box()
    def static_figure(self):
        import plotly.graph_objects as go
        return go.Figure()
    def draw(self):
        1 / self.controls["n"].value

Broken()"""
    write_notebook(lab.folder / "91-wrong.ipynb", TINY.format(change="pass"), ends, broken, "[][1]")
    open_notebook(page, lab, "91-wrong.ipynb")
    run_all(page)
    scroll_through(page)
    cells = [cell for _, cell in explorers(page)]
    found = []
    for cell in cells[:2]:
        bring_into_view(page, cell)
        found += move_all(page, cell)
    assert [bool(control.latencies) for control in found] == [False, True]
    assert found[0].moves > 2
    bring_into_view(page, cells[2])
    traced, shown = cell_errors(page)
    assert "IndexError" in traced
    assert "ZeroDivisionError" in shown
    shut_down(page)


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_notebook(page, lab, path, latencies):
    source = "".join(cell.source for cell in nbformat.read(path, 4).cells if cell.cell_type == "code")
    check(page, lab, path.name, latencies, explorer="static=static" in source)
