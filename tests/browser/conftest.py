"""One Chromium and one JupyterLab for the session; a fresh page for each test; a table of latencies at the end."""

import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

HOW_TO_INSTALL = "no Chromium: `playwright install chromium`, or your system's package, as `apt-get install chromium`"


LATENCIES: list[dict] = []


def _missing(reason: str) -> None:
    """Skip on a laptop; fail where the browser is promised."""
    if os.environ.get("CI"):
        pytest.fail(reason)
    pytest.skip(reason)


@pytest.fixture(scope="session")
def chromium() -> Iterator:
    """A headless Chromium: Playwright's own, or the system's."""
    try:
        from jupyterlab_driver import CHROMIUM_ARGUMENTS, find_chromium
        from playwright.sync_api import sync_playwright
    except ImportError as error:
        _missing(f"{error}: install the extra `dev`")
    with sync_playwright() as playwright:
        own = playwright.chromium.executable_path
        path = own if os.path.exists(own) else find_chromium()
        if path is None:
            _missing(HOW_TO_INSTALL)
        browser = playwright.chromium.launch(executable_path=path, args=CHROMIUM_ARGUMENTS)
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator:
    """JupyterLab on a copy of the notebooks."""
    from jupyterlab_driver import jupyterlab

    folder = tmp_path_factory.mktemp("lab")
    shutil.copytree(Path(__file__).resolve().parents[2] / "notebooks", folder / "notebooks")
    (folder / "scratch").mkdir()
    with jupyterlab(folder / "notebooks", folder / "scratch") as running:
        yield running


@pytest.fixture
def page(chromium) -> Iterator:
    """A page of its own; `page.console_errors` collects what the browser's console calls an error."""
    from jupyterlab_driver import ALLOWED_CONSOLE_ERRORS

    context = chromium.new_context(viewport={"width": 1280, "height": 1400})
    page = context.new_page()
    page.console_errors = []

    def note(text: str) -> None:
        if not any(part in text for part in ALLOWED_CONSOLE_ERRORS):
            page.console_errors.append(text)

    page.on("console", lambda message: note(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: note(str(error)))
    yield page
    context.close()


@pytest.fixture
def latencies() -> list[dict]:
    """Rows (notebook, what, kind, milliseconds, moves) of the table that the session ends with."""
    return LATENCIES


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """From a key to the drawn plot, in the page, control by control; as JSON too where SSVIZ_LATENCIES names a file."""
    if not LATENCIES:
        return
    terminalreporter.section("latencies: median milliseconds from the key to the frame that shows all that follows")
    for row in LATENCIES:
        terminalreporter.write_line(
            f"{row['notebook']:34} {row['what']:44} {row['kind']:8} {row['milliseconds']:>9,.0f}  of {row['moves']}"
        )
    if path := os.environ.get("SSVIZ_LATENCIES"):
        Path(path).write_text(json.dumps(LATENCIES, indent=1) + "\n")
