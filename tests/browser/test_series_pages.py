"""The series as `ssviz run` runs it, with papermill, and its pages in a browser without a kernel or a network."""

import subprocess
import sys
from pathlib import Path

import pytest

from ssviz.datasets import prepared_path

pytestmark = pytest.mark.browser

NOTEBOOKS = sorted(path.stem for path in (Path(__file__).resolve().parents[2] / "notebooks").glob("[0-9][0-9]-*.ipynb"))
RUNS = [("quick", "signs")] + [("full", "gtsrb")] * prepared_path("gtsrb").exists()

_BLANK = """() => [...document.querySelectorAll('.js-plotly-plot')].filter(plot => {
    const box = plot.querySelector('.main-svg')?.getBoundingClientRect();
    return !(plot.data?.length && box?.width > 200 && box.height > 100);
}).length"""
_DRAWN = "() => [...document.querySelectorAll('.js-plotly-plot')].map(plot => plot.innerHTML).join()"


@pytest.fixture(scope="module", params=RUNS, ids="-".join)
def series(request, tmp_path_factory) -> Path:
    """The folder that `ssviz run` has written."""
    profile, dataset = request.param
    folder = tmp_path_factory.mktemp(profile)
    command = [Path(sys.executable).with_name("ssviz"), "run", "--profile", profile, "--dataset", dataset]
    done = subprocess.run([*command, "--output", folder], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout[-3000:]
    return folder


@pytest.fixture
def offline(page):
    page.context.set_offline(True)
    return page


@pytest.mark.parametrize("name", NOTEBOOKS)
def test_a_page_is_drawn_and_its_controls_move_it(offline, series, name):
    offline.goto((series / f"{name}.html").as_uri())
    plots = offline.locator(".js-plotly-plot")
    assert plots.count()
    offline.wait_for_function(f"() => ({_BLANK})() === 0")
    sliders, menus = offline.locator("input[type=range]"), offline.locator("select")
    assert sliders.count() + menus.count(), "nothing to move"
    for control in sliders.all():
        press(offline, control, "ArrowLeft" if control.get_attribute("max") == control.input_value() else "ArrowRight")
    for control in menus.all():
        press(offline, control, "ArrowDown")
    assert offline.console_errors == []


def press(page, control, key: str) -> None:
    """Press a key on a control and wait until a figure looks different. Raises TimeoutError if none does."""
    control.focus()
    before = page.evaluate(_DRAWN)
    page.keyboard.press(key)
    page.wait_for_function(f"before => ({_DRAWN})() !== before", arg=before, timeout=10_000)


def test_the_index_leads_to_every_notebook(offline, series):
    offline.goto((series / "index.html").as_uri())
    rows = offline.locator("tbody tr")
    assert rows.count() == len(NOTEBOOKS)
    assert all("ok" in text for text in rows.all_inner_texts())
    for name in NOTEBOOKS:
        assert offline.locator(f"a[href='{name}.html']").count() == 1
        assert (series / f"{name}.ipynb").exists()
