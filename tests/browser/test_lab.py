"""The notebooks in JupyterLab: they run, they complain of nothing, and their sliders move something."""

import os
from pathlib import Path

import nbformat
import pytest

pytest.importorskip("playwright.sync_api")
from jupyterlab_driver import (
    cell_errors,
    move_slider,
    open_notebook,
    picture,
    run_all,
    screenshot,
    scroll_through,
    sliders,
)
from nbformat.v4 import new_code_cell, new_notebook

pytestmark = pytest.mark.browser

NOTEBOOKS = sorted((Path(__file__).resolve().parents[2] / "notebooks").glob("[0-9][0-9]-*.ipynb"))

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


def check(page, lab, name: str, slider: bool) -> None:
    open_notebook(page, lab, name)
    run_all(page)
    try:
        assert cell_errors(page) == []
        handles = sliders(page)
        if slider:
            assert handles.count(), "no slider in the notebook"
            assert any(move_slider(page, handles.nth(i)) for i in range(handles.count())), "no slider moves anything"
        assert page.console_errors == []
    finally:
        if folder := os.environ.get("SSVIZ_SCREENSHOTS"):
            screenshot(page, Path(folder) / f"{Path(name).stem}.png")


@pytest.mark.parametrize("change", ["image.value = png(change.new)", "curve.data[0].y = x ** change.new"])
def test_a_tiny_notebook(page, lab, change):
    """The driver itself: a slider wired to a picture, and one wired to a curve."""
    write_notebook(lab.folder / "90-tiny.ipynb", TINY.format(change=change))
    check(page, lab, "90-tiny.ipynb", slider=True)


def test_what_is_wrong_is_seen(page, lab):
    """The driver itself: an error in a cell, and a slider wired to nothing."""
    write_notebook(lab.folder / "91-wrong.ipynb", TINY.format(change="pass"), "1 / 0")
    open_notebook(page, lab, "91-wrong.ipynb")
    run_all(page)
    (error,) = cell_errors(page)
    assert "ZeroDivisionError" in error
    scroll_through(page)
    assert picture(page) == picture(page)
    assert not move_slider(page, sliders(page).first)


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_notebook(page, lab, path):
    check(page, lab, path.name, slider=not path.name.startswith("00-"))
