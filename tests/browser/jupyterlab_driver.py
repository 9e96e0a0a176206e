"""JupyterLab in a browser: start a server, open a notebook, run it, look for explorers and for errors."""

import json
import os
import secrets
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from playwright.sync_api import Locator, Page
from playwright.sync_api import TimeoutError as PlaywrightTimeout

CHROMIUM_ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]

# Console errors that are not about the notebooks: a part of the message, and why it is let pass.
ALLOWED_CONSOLE_ERRORS = {
    "favicon": "the server has no icon for the page",
    "extensions.jupyter": "JupyterLab's list of extensions lives on another host",
    "news": "JupyterLab asks another host for news",
    "net::ERR_": "the tests run without a network",
}

_KERNEL_ANSWERS = """() => {
    const context = window.jupyterapp?.shell.currentWidget?.sessionContext, kernel = context?.session?.kernel;
    return context?.isReady && kernel?.connectionStatus === 'connected' && kernel.status === 'idle';
}"""

_RUN_ALL = """() => {
    delete window.ssvizRan;
    window.jupyterapp.commands.execute('notebook:run-all-cells').finally(() => { window.ssvizRan = true; });
}"""

_DRAWN = "cell => [...cell.querySelectorAll('.js-plotly-plot')].every(plot => plot.data?.length)"

_TRACEBACKS = """() => window.jupyterapp.shell.currentWidget.content.model.toJSON().cells
    .flatMap(cell => cell.outputs || [])
    .filter(output => output.output_type === 'error')
    .map(output => [output.ename, output.evalue, ...output.traceback].join('\\n'))"""

# Cells with a widget in their output, marked so that a selector finds them; progress bars are no explorers.
_EXPLORERS = """() => {
    const notebook = window.jupyterapp.shell.currentWidget.content;
    return notebook.widgets.flatMap((cell, i) => {
        const outputs = cell.model.type === 'code' ? cell.model.outputs.toJSON() : [];
        const shown = outputs.map(o => o.data || {}).filter(
            data => 'application/vnd.jupyter.widget-view+json' in data && !/%\\|/.test(data['text/plain']));
        cell.node.dataset.cell = i;
        return shown.length ? [{cell: i, name: String(shown[0]['text/plain']).match(/^\\w*/)[0]}] : [];
    });
}"""

# The first explorer is there: brought into view, with its controls and a picture or a plot.
_FIRST_IS_DRAWN = (
    "() => { const found = ("
    + _EXPLORERS
    + """)()[0];
    if (!found) return false;
    const notebook = window.jupyterapp.shell.currentWidget.content;
    const node = notebook.widgets[found.cell].node;
    if (!node.querySelector('.jupyter-widgets')) notebook.scrollToItem(found.cell);
    return node.querySelector('.widget-slider, .widget-dropdown') && node.querySelector('.main-svg, .widget-image');
}"""
)


@dataclass(frozen=True)
class Lab:
    """A running JupyterLab: its address, its token, and the folder that it serves."""

    address: str
    token: str
    folder: Path


def find_chromium() -> str | None:
    """The system's Chromium or Chrome, or None."""
    names = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
    return next((path for path in map(shutil.which, names) if path), None)


@contextmanager
def jupyterlab(folder: Path, scratch: Path) -> Iterator[Lab]:
    """Serve a folder with JupyterLab on the loopback interface; its settings live and die in `scratch`."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port = listener.getsockname()[1]
    token = secrets.token_hex(16)
    no_news = scratch / "settings" / "@jupyterlab" / "apputils-extension" / "notification.jupyterlab-settings"
    no_news.parent.mkdir(parents=True)
    no_news.write_text(json.dumps({"fetchNews": "false", "checkForUpdates": False}))
    environment = dict(os.environ, JUPYTER_PREFER_ENV_PATH="1", IPYTHONDIR=str(scratch / "ipython"))
    for name in ("CONFIG", "RUNTIME", "DATA"):
        environment[f"JUPYTER_{name}_DIR"] = str(scratch / name.lower())
    for name in ("SETTINGS", "WORKSPACES"):
        environment[f"JUPYTERLAB_{name}_DIR"] = str(scratch / name.lower())
    options = [
        "--no-browser",
        "--allow-root",
        "--ServerApp.ip=127.0.0.1",
        f"--ServerApp.port={port}",
        "--ServerApp.port_retries=0",
        f"--IdentityProvider.token={token}",
        "--LabApp.expose_app_in_browser=True",
        f"--ServerApp.root_dir={folder}",
    ]
    command = [sys.executable, "-m", "jupyterlab", *options]
    with open(scratch / "server.log", "wb") as log:
        server = subprocess.Popen(command, env=environment, stdout=log, stderr=subprocess.STDOUT)
    lab = Lab(f"http://127.0.0.1:{port}", token, folder)
    try:
        _wait_until_up(lab, server, scratch / "server.log")
        yield lab
    finally:
        server.terminate()
        try:
            server.wait(15)
        except subprocess.TimeoutExpired:
            server.kill()


def _wait_until_up(lab: Lab, server: subprocess.Popen, log: Path, seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline and server.poll() is None:
        try:
            with urllib.request.urlopen(f"{lab.address}/api/status?token={lab.token}", timeout=5) as answer:
                json.load(answer)
                return
        except (urllib.error.URLError, TimeoutError, ConnectionError):
            time.sleep(0.2)
    raise RuntimeError(f"JupyterLab did not start:\n{log.read_text(errors='replace')[-2000:]}")


def open_notebook(page: Page, lab: Lab, name: str) -> None:
    """Open a notebook of the folder alone in JupyterLab and wait until its kernel answers."""
    page.goto(f"{lab.address}/lab/tree/{name}?token={lab.token}&reset", wait_until="domcontentloaded")
    page.wait_for_selector(".jp-Notebook .jp-Cell", timeout=60_000)
    page.wait_for_function(_KERNEL_ANSWERS, timeout=60_000)


def run_all(page: Page, seconds: float = 180, *, explorer: bool = False) -> float:
    """Run every cell and return when all have run, or one has failed; the seconds until an explorer was there.

    explorer: whether one is to be waited for. Raises TimeoutError after `seconds`.
    """
    start = time.monotonic()
    page.evaluate(_RUN_ALL)
    try:
        if explorer:
            page.wait_for_function(f"() => ({_FIRST_IS_DRAWN})() || window.ssvizRan", timeout=1000 * seconds)
        first = time.monotonic() - start
        page.wait_for_function("() => window.ssvizRan !== undefined", timeout=1000 * seconds)
        page.wait_for_function(_KERNEL_ANSWERS, timeout=30_000)
    except PlaywrightTimeout as error:
        dialog = page.locator(".jp-Dialog").all_inner_texts()
        raise TimeoutError(f"cells still run after {seconds} s; open dialogs: {dialog}") from error
    page.wait_for_timeout(500)  # widgets draw a little later
    return first


def shut_down(page: Page) -> None:
    """End every kernel: a browser that leaves does not, and fourteen of them fill the memory."""
    page.evaluate("() => window.jupyterapp?.serviceManager.sessions.shutdownAll()")


def cell_errors(page: Page) -> list[str]:
    """Tracebacks of the open notebook's cells and of its widgets, and of widgets that could not be drawn."""
    errors = page.evaluate(_TRACEBACKS)
    for wrong in (".jp-OutputArea-output:has-text('Error displaying widget')", ".widget-html:has-text('Traceback')"):
        errors += page.locator(wrong).all_inner_texts()
    return errors


def scroll_through(page: Page) -> None:
    """Bring every cell into view once: JupyterLab draws only those that are."""
    cells = page.evaluate("() => window.jupyterapp.shell.currentWidget.content.widgets.length")
    for i in range(cells):
        page.evaluate("i => window.jupyterapp.shell.currentWidget.content.scrollToItem(i)", i)
        page.wait_for_timeout(30)


def explorers(page: Page) -> list[tuple[str, Locator]]:
    """Name and cell of every explorer (or other widget) of the notebook that has run."""
    found = page.evaluate(_EXPLORERS)
    return [(each["name"], page.locator(f"[data-cell='{each['cell']}']")) for each in found]


def bring_into_view(page: Page, cell: Locator) -> None:
    """Scroll to a cell and wait until its widgets are there. Raises AssertionError if a plot of it stays blank."""
    i = int(cell.get_attribute("data-cell"))
    page.evaluate("i => window.jupyterapp.shell.currentWidget.content.scrollToItem(i)", i)
    cell.locator(".jupyter-widgets").first.wait_for(timeout=20_000)
    page.wait_for_function(_KERNEL_ANSWERS, timeout=30_000)
    try:
        page.wait_for_function(_DRAWN, arg=cell.element_handle(), timeout=20_000)
    except PlaywrightTimeout:
        raise AssertionError(f"a plot in cell {i} stays blank") from None


def screenshot(page: Page, path: Path) -> None:
    """Save a picture of the notebook as the browser's window shows it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    page.screenshot(path=path)
