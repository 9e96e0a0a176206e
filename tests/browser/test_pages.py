"""The pages that `ssviz run` writes, in a browser without a kernel: figures are drawn and their sliders move them."""

import json
from pathlib import Path

import nbformat
import numpy as np
import pytest
from nbformat.v4 import new_code_cell, new_notebook, new_output

from ssviz.figures import coverage_with_grid
from ssviz.manc import manc, random_coverage
from ssviz.series import NotebookRun
from ssviz.series_pages import write_page, write_plotlyjs

pytestmark = pytest.mark.browser

DRAWN = """() => {
    const all = selector => [...document.querySelectorAll('.js-plotly-plot ' + selector)];
    const pictures = all('image').map(i => i.getAttribute('href') || i.getAttribute('xlink:href'));
    return [...pictures, ...all('.point').map(p => p.getAttribute('transform'))].join();
}"""


@pytest.fixture
def exported(tmp_path) -> Path:
    """A page with the static figure of the MANC explorer."""
    active = np.random.default_rng(0).random((20, 64)) < 0.3
    figure = coverage_with_grid(manc(active, 4), random_coverage(active, 4, trials=20))
    data = {"application/vnd.plotly.v1+json": nbformat.from_dict(json.loads(figure.to_json()))}
    cell = new_code_cell("explorer", outputs=[new_output("display_data", data)])
    write_plotlyjs(tmp_path)
    write_page(new_notebook(cells=[cell]), tmp_path / "05.html", [NotebookRun("05-manc", "MANC")], 0)
    return tmp_path / "05.html"


def test_the_slider_of_an_exported_page_moves_its_figure(page, exported):
    page.goto(exported.as_uri())
    page.wait_for_selector(".slider-rail-touch-rect")
    page.wait_for_timeout(500)
    before = page.evaluate(DRAWN)
    assert "data:image/png" in before
    rail = page.locator(".slider-rail-touch-rect").bounding_box()
    page.mouse.click(rail["x"] + 0.98 * rail["width"], rail["y"] + rail["height"] / 2)
    page.wait_for_timeout(1000)
    assert page.evaluate(DRAWN) != before
    assert page.console_errors == []
