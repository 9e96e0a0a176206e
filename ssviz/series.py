"""Running the numbered notebooks: `ssviz run` without the command line.

Each notebook is executed by papermill into a temporary file, then written, with its HTML page, to an output
folder; the notebooks themselves are never touched. One that fails does not stop those that follow.
"""

import ast
import fnmatch
import os
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

import nbformat
import papermill
from ipykernel.kernelspec import get_kernel_dict
from jupyter_client.kernelspec import KernelSpec, KernelSpecManager
from jupyter_client.manager import KernelManager
from papermill.clientwrap import PapermillNotebookClient
from papermill.engines import Engine, papermill_engines
from papermill.exceptions import PapermillExecutionError
from traitlets import Bool

from ssviz.files import atomic_write

PARAMETERS = ("profile", "dataset", "static")
PROFILES = ("quick", "full")
GPU_MEMORY_ON_DEMAND = {"XLA_PYTHON_CLIENT_PREALLOCATE": "false", "TF_FORCE_GPU_ALLOW_GROWTH": "true"}

# Asked of the kernel after the last cell: it knows the environment that ran the notebook, which may not be
# this one. The question imports nothing: a notebook that never used ssviz.backend reports its Python only.
_FACTS = """(lambda sys: {"python": sys.version.split()[0]}
    | (sys.modules["ssviz.backend"].describe() if "ssviz.backend" in sys.modules else {})
)(__import__("sys"))"""


@dataclass(frozen=True)
class NotebookRun:
    """What became of one notebook: status is "ok", "failed", "interrupted" or "not run"."""

    name: str
    title: str
    status: str = "not run"
    seconds: float = 0.0
    error: str = ""
    facts: Mapping[str, Any] = field(default_factory=dict)

    @property
    def number(self) -> str:
        """The two digits that the name starts with."""
        return self.name[:2]


@dataclass(frozen=True)
class SeriesRun:
    """What became of the series: one `NotebookRun` each, in order, and how they were run."""

    runs: tuple[NotebookRun, ...]
    profile: str
    dataset: str
    kernel: str | None
    seconds: float = 0.0

    @property
    def exit_code(self) -> int:
        """0 if every notebook ran through, 130 after an interrupt, else 1."""
        statuses = {run.status for run in self.runs}
        return 0 if statuses == {"ok"} else 130 if "interrupted" in statuses else 1


def notebooks_dir() -> Path:
    """The folder of the numbered notebooks: beside the package in a checkout, inside it when installed."""
    package = Path(__file__).resolve().parent
    for folder in (package.parent / "notebooks", package / "_notebooks"):
        if any(folder.glob("[0-9][0-9]-*.ipynb")):
            return folder
    raise FileNotFoundError(f"No numbered notebooks beside or inside {package}. Reinstall ssviz?")


def find_notebooks(folder: Path, only: str = "*") -> list[Path]:
    """The notebooks `NN-name.ipynb` of a folder in order; `only` is a pattern for their names ("03*").

    Raises ValueError if the pattern matches none.
    """
    every = sorted(folder.glob("[0-9][0-9]-*.ipynb"))
    chosen = [path for path in every if fnmatch.fnmatch(path.stem, only) or fnmatch.fnmatch(path.name, only)]
    if not chosen:
        names = ", ".join(path.stem for path in every) or "none"
        raise ValueError(f"only={only!r} matches no notebook in {folder}; there are: {names}.")
    return chosen


def notebook_title(notebook: nbformat.NotebookNode) -> str:
    """The first top-level heading of a notebook, or an empty string."""
    lines = (line for cell in notebook.cells if cell.cell_type == "markdown" for line in cell.source.splitlines())
    return next((line.lstrip("# ").strip() for line in lines if line.startswith("# ")), "")


def check_parameters(path: Path, parameters: Mapping[str, Any]) -> None:
    """Raise ValueError if the cell tagged `parameters` does not define every name in `parameters`."""
    known = papermill.inspect_notebook(str(path))
    missing = [name for name in parameters if name not in known]
    if missing:
        raise ValueError(
            f"{path.name}: its cell tagged 'parameters' must define {', '.join(parameters)}; "
            f"it lacks {', '.join(missing)}."
        )


def check_kernel(kernel: str | None) -> None:
    """Raise ValueError unless `kernel` is None (this Python) or the name of an installed kernel."""
    installed = sorted(KernelSpecManager().find_kernel_specs())
    if kernel is not None and kernel not in installed:
        raise ValueError(
            f"kernel must name an installed kernel ({', '.join(installed)}); received {kernel!r}. "
            f"Install it with `ssviz kernel --name {kernel} --backend ...`?"
        )


class _ThisPython(KernelSpecManager):
    """Knows one kernel: the Python that runs ssviz, whatever `python3` is installed for the user."""

    def get_kernel_spec(self, kernel_name: str) -> KernelSpec:
        return KernelSpec(**get_kernel_dict())


class _Client(PapermillNotebookClient):
    """papermill's client, on this Python's kernel if asked, that asks the kernel for `_FACTS` at the end."""

    this_python = Bool(False)

    def create_kernel_manager(self) -> KernelManager:
        manager = super().create_kernel_manager()
        if self.this_python:
            manager.kernel_spec_manager = _ThisPython()
        return manager

    def papermill_execute_cells(self) -> None:
        super().papermill_execute_cells()
        request = self.kc.execute("", silent=True, store_history=False, user_expressions={"facts": _FACTS})
        answer = self.wait_for_reply(request)["content"].get("user_expressions", {}).get("facts", {})
        if answer.get("status") == "ok":
            self.nb.metadata["ssviz"] = ast.literal_eval(answer["data"]["text/plain"])


class _Engine(Engine):
    """papermill engine "ssviz": `_Client`, without widget state, figures as plotly's own mime type."""

    @classmethod
    def execute_managed_notebook(
        cls,
        nb_man: Any,
        kernel_name: str,
        this_python: bool = True,
        on_cell: Callable[[int, int], None] | None = None,
        **_: Any,
    ) -> None:
        total = len(nb_man.nb.cells)
        hook = None if on_cell is None else lambda cell, cell_index: on_cell(cell_index + 1, total)
        client = _Client(
            nb_man,
            kernel_name=kernel_name,
            this_python=this_python,
            timeout=None,
            store_widget_state=False,
            on_cell_start=hook,
            extra_arguments=["--IPKernelApp.log_level=CRITICAL"],  # nothing on loopback, nor on being stopped
        )
        client.execute(env={**GPU_MEMORY_ON_DEMAND, **os.environ, "PLOTLY_RENDERER": "plotly_mimetype"})


papermill_engines.register("ssviz", _Engine)


def execute(
    path: Path,
    parameters: Mapping[str, Any] | None = None,
    kernel: str | None = None,
    cwd: Path | None = None,
    on_cell: Callable[[int, int], None] | None = None,
) -> tuple[nbformat.NotebookNode, BaseException | None]:
    """Execute a copy of a notebook; return the copy as far as it came, and what stopped it, or None.

    parameters: injected after the cell tagged `parameters`, which must define each of them.
    kernel: the name of an installed kernel; None is the Python that runs this.
    cwd: the folder that the notebook runs in; a temporary one by default.
    on_cell: called with the number of the cell that starts and the number of cells.
    """
    with tempfile.TemporaryDirectory(prefix="ssviz-") as temporary:
        copy = Path(temporary) / path.name
        stopped: BaseException | None = None
        try:
            check_parameters(path, parameters or {})
            papermill.execute_notebook(
                str(path),
                str(copy),
                dict(parameters or {}),
                engine_name="ssviz",
                kernel_name=kernel or "python3",
                language="python",
                progress_bar=False,
                cwd=str(cwd or temporary),
                this_python=kernel is None,
                on_cell=on_cell,
            )
        except (Exception, KeyboardInterrupt) as error:
            stopped = error
        notebook = nbformat.read(copy if copy.exists() else path, as_version=4)
    notebook.metadata.pop("widgets", None)
    return notebook, stopped


def run_series(
    notebooks: list[Path],
    output: Path,
    *,
    profile: str = "quick",
    dataset: str = "signs",
    kernel: str | None = None,
    on_cell: Callable[[str, int, int], None] | None = None,
    on_done: Callable[[NotebookRun], None] | None = None,
) -> SeriesRun:
    """Execute notebooks in order; write NN-name.ipynb, NN-name.html and index.html to `output`.

    The index is written again after every notebook. Ctrl-C ends the run: the notebook at work is marked
    "interrupted", those after it "not run". `on_cell(name, cell, cells)` and `on_done(run)` report progress.
    Raises ValueError for an unknown profile or kernel, or if `output` is the notebooks' own folder.
    """
    from ssviz import series_pages  # nbconvert and plotly: only a run needs them

    if profile not in PROFILES:
        raise ValueError(f"profile must be one of {', '.join(PROFILES)}; received {profile!r}.")
    if any(path.parent.resolve() == output.resolve() for path in notebooks):
        raise ValueError(f"output must not be the folder of the notebooks themselves; received {output}.")
    check_kernel(kernel)
    output.mkdir(parents=True, exist_ok=True)
    series_pages.write_plotlyjs(output)

    began = time.monotonic()
    parameters = {"profile": profile, "dataset": dataset, "static": True}
    runs = [
        NotebookRun(path.stem, notebook_title(nbformat.read(path, as_version=4)) or path.stem) for path in notebooks
    ]
    for i, path in enumerate(notebooks):
        start = time.monotonic()
        progress = partial(on_cell, path.stem) if on_cell else None
        notebook, stopped = execute(path, parameters, kernel, cwd=output, on_cell=progress)
        runs[i] = replace(
            runs[i],
            status=_status(stopped),
            seconds=time.monotonic() - start,
            error=_traceback(stopped),
            facts=dict(notebook.metadata.get("ssviz", {})),
        )
        with atomic_write(output / path.name) as temporary:
            nbformat.write(notebook, temporary)
        series_pages.write_page(notebook, output / f"{path.stem}.html", runs, i)
        series = SeriesRun(tuple(runs), profile, dataset, kernel, time.monotonic() - began)
        series_pages.write_index(series, output / "index.html")
        if on_done:
            on_done(runs[i])
        if runs[i].status == "interrupted":
            break
    return series


def _status(stopped: BaseException | None) -> str:
    if stopped is None:
        return "ok"
    return "interrupted" if isinstance(stopped, KeyboardInterrupt) else "failed"


def _traceback(stopped: BaseException | None) -> str:
    """The notebook's own traceback if a cell raised (it may hold colour codes), else the error's message."""
    if isinstance(stopped, PapermillExecutionError):
        return "\n".join(stopped.traceback)
    return "" if stopped is None or isinstance(stopped, KeyboardInterrupt) else f"{type(stopped).__name__}: {stopped}"
