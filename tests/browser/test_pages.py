"""Pages in a browser without a kernel or a network: the keyboard reaches the controls, and they move the figures."""

import json
from pathlib import Path

import nbformat
import numpy as np
import plotly.graph_objects as go
import pytest
from nbformat.v4 import new_code_cell, new_notebook, new_output

from ssviz.explorers import MancExplorer
from ssviz.figures import coverage_with_grid
from ssviz.manc import manc, random_coverage
from ssviz.series import NotebookRun
from ssviz.series_pages import write_page, write_plotlyjs

pytestmark = pytest.mark.browser

DRAWN = """() => {
    const all = selector => [...document.querySelectorAll('.js-plotly-plot ' + selector)];
    const pictures = all('image').map(i => i.getAttribute('href') || i.getAttribute('xlink:href'));
    return [...pictures, ...all('.point').map(p => p.getAttribute('transform')), all('.js-line').length].join();
}"""

FOCUS = "() => [document.activeElement.tagName, document.activeElement.getAttribute('aria-label')].join(' ')"


@pytest.fixture
def active():
    return np.random.default_rng(0).random((20, 64)) < 0.3


@pytest.fixture
def exported(tmp_path, active) -> Path:
    """A page of a notebook: the static figure of the MANC explorer, and a figure with a menu."""
    lines = go.Figure([go.Scatter(y=[1, 2]), go.Scatter(y=[2, 1], visible=False)])
    buttons = [
        {"label": name, "method": "update", "args": [{"visible": [True, both]}]}
        for name, both in (("one", False), ("both", True))
    ]
    lines.update_layout(updatemenus=[{"name": "lines", "buttons": buttons}])
    cover = coverage_with_grid(manc(active, 4), random_coverage(active, 4, trials=20))
    outputs = [
        new_output("display_data", {"application/vnd.plotly.v1+json": nbformat.from_dict(json.loads(f.to_json()))})
        for f in (cover, lines)
    ]
    write_plotlyjs(tmp_path)
    notebook = new_notebook(cells=[new_code_cell("explorer", outputs=outputs)])
    write_page(notebook, tmp_path / "05.html", [NotebookRun("05-manc", "MANC")], 0)
    return tmp_path / "05.html"


def tab_to(page, wanted: str) -> None:
    """Press Tab until the focus is on a control, as a reader without a mouse does."""
    for _ in range(20):
        page.keyboard.press("Tab")
        if page.evaluate(FOCUS) == wanted:
            return
    raise AssertionError(f"Tab does not reach {wanted}")


def moved(page, key: str) -> bool:
    """Press a key; whether the figures change."""
    before = page.evaluate(DRAWN)
    page.keyboard.press(key)
    for _ in range(50):
        page.wait_for_timeout(100)
        if page.evaluate(DRAWN) != before:
            return True
    return False


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_keyboard_steers_the_figures_of_an_exported_page(page, exported, scheme):
    page.emulate_media(color_scheme=scheme)
    page.goto(exported.as_uri())
    page.wait_for_selector(".js-plotly-plot image")
    assert "data:image/png" in page.evaluate(DRAWN)
    tab_to(page, "INPUT N_S")
    slider = page.get_by_label("N_S")
    assert slider.get_attribute("aria-valuetext") == "2"
    assert moved(page, "ArrowRight")
    assert slider.get_attribute("aria-valuetext") == "3"
    assert page.locator("output").first.inner_text() == "3"
    assert moved(page, "Home")
    assert slider.get_attribute("aria-valuetext") == "1"
    tab_to(page, "SELECT lines")
    assert moved(page, "ArrowDown")
    assert page.get_by_label("lines").input_value() == "1"
    assert page.locator(".slider-container, .updatemenu-container").count() == 0
    assert page.console_errors == []


def test_moves_in_quick_succession_end_where_the_slider_stands(page, exported):
    """Moves faster than plotly draws cut each other short, which is no error."""
    page.goto(exported.as_uri())
    page.wait_for_selector(".js-plotly-plot image")
    slider = page.get_by_label("N_S")
    slider.focus()
    for key in ("End", "Home", "ArrowRight", "ArrowRight", "End", "Home") * 3:
        page.keyboard.press(key)
    page.wait_for_timeout(1000)
    first = page.evaluate(DRAWN)
    assert moved(page, "End")
    assert moved(page, "Home")
    page.wait_for_timeout(500)
    assert page.evaluate(DRAWN) == first
    assert page.console_errors == []


def test_an_explorers_page_stands_alone(page, tmp_path, active):
    MancExplorer(active, np.zeros((20, 8, 8, 3)), k=4, trials=20).to_html(tmp_path / "alone.html")
    asked = []
    page.on("request", lambda request: asked.append(request.url))
    page.goto((tmp_path / "alone.html").as_uri())
    page.wait_for_selector(".js-plotly-plot image")
    assert page.title() == MancExplorer.question
    tab_to(page, "INPUT N_S")
    assert moved(page, "ArrowRight")
    assert [url for url in asked if url.startswith("http")] == []
    assert page.console_errors == []
