"""Notebooks as they are committed: with outputs, without what changes from one execution to the next.

    python -m ssviz.notebook_hygiene notebooks/*.ipynb              # clean them
    python -m ssviz.notebook_hygiene --check notebooks/*.ipynb      # exit code 1 if one is not clean
    python -m ssviz.notebook_hygiene --execute notebooks/*.ipynb    # run them from the top, then clean them

Kept: source, cell ids, tags, outputs, execution counts (as of a run from the top). Gone: widget state, times,
papermill's and editors' metadata, the kernel's version, what was printed to stderr, progress bars, addresses
in memory, random ids. Figures keep five significant digits.
"""

import argparse
import base64
import hashlib
import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import nbformat
import numpy as np
from nbformat import NotebookNode

from ssviz.files import atomic_write

DIGITS = 5
WIDGET_TEXT = "Interactive: run this cell to use it."

_WIDGET = "application/vnd.jupyter.widget-view+json"
_PLOTLY = "application/vnd.plotly.v1+json"
_KERNELSPEC = {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"}
_LANGUAGE = {
    "codemirror_mode": {"name": "ipython", "version": 3},
    "file_extension": ".py",
    "mimetype": "text/x-python",
    "name": "python",
    "nbconvert_exporter": "python",
    "pygments_lexer": "ipython3",
}
_VOLATILE = (
    "widgets",
    "papermill",
    "ssviz",
    "execution",
    "ExecuteTime",
    "vscode",
    "signature",
    "trusted",
    "collapsed",
)
_UUID = re.compile(r"\b[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}\b")
_STYLER = re.compile(r"\bT_[0-9a-f]{5}(?![0-9a-f])")  # pandas: the id of a styled table
_ADDRESS = re.compile(r"\b0x[0-9a-f]{6,}\b")
_PROGRESS = re.compile(r"^.*\d+%\|.*\|.*\[.*\]\s*$")  # tqdm


def clean(notebook: NotebookNode) -> NotebookNode:
    """Clean a notebook in place and return it. Cleaning twice changes nothing."""
    notebook.nbformat, notebook.nbformat_minor = 4, max(5, notebook.nbformat_minor)
    for name in _VOLATILE:
        notebook.metadata.pop(name, None)
    notebook.metadata["kernelspec"] = NotebookNode(_KERNELSPEC)
    notebook.metadata["language_info"] = nbformat.from_dict(_LANGUAGE)
    # papermill's own cells: injected parameters, and banners over an exception
    notebook.cells = [cell for cell in notebook.cells if not _from_papermill(cell)]
    count, ids = 0, set()
    for i, cell in enumerate(notebook.cells):
        if not cell.get("id") or cell.id in ids:
            cell["id"] = hashlib.sha256(f"{i}{cell.source}".encode()).hexdigest()[:8]
        ids.add(cell.id)
        for name in _VOLATILE:
            cell.metadata.pop(name, None)
        if not cell.metadata.get("tags", True):
            del cell.metadata["tags"]
        if cell.cell_type != "code":
            continue
        if cell.get("execution_count") is not None:
            count += 1
            cell.execution_count = count
        cell.outputs = _clean_outputs(cell.outputs, cell.execution_count)
    return notebook


def clean_file(path: Path, check: bool = False) -> bool:
    """Clean a notebook file; True if it was clean. With `check` it is left as it is."""
    before = path.read_text(encoding="utf-8")
    after = dumps(clean(nbformat.reads(before, as_version=4)))
    if before == after:
        return True
    if not check:
        _write(path, after)
    return False


def execute_file(path: Path) -> BaseException | None:
    """Run a notebook from the top on this Python and replace it by the clean result; return what stopped it.

    A notebook that fails is left as it was.
    """
    from ssviz.series import execute

    notebook, stopped = execute(path)
    if stopped is None:
        _write(path, dumps(clean(notebook)))
    return stopped


def dumps(notebook: NotebookNode) -> str:
    """A notebook as text: indented by one, sorted keys, not escaped, with a newline at the end."""
    return nbformat.writes(notebook).rstrip("\n") + "\n"


def without_progress(outputs: list[NotebookNode]) -> list[NotebookNode]:
    """Outputs without tqdm's bars, printed or widgets; other prints as a terminal shows them at the end."""
    kept = []
    for output in outputs:
        if output.output_type == "stream":
            lines = [line.rstrip("\r").rsplit("\r", 1)[-1] for line in output.text.split("\n")]
            output.text = "\n".join(line for line in lines if not _PROGRESS.match(line))
            if not output.text:
                continue
        data = output.get("data", {})
        if not (_WIDGET in data and _PROGRESS.match(data.get("text/plain", ""))):
            kept.append(output)
    return kept


def _write(path: Path, text: str) -> None:
    with atomic_write(path) as temporary:
        temporary.write_text(text, encoding="utf-8", newline="\n")


def _from_papermill(cell: NotebookNode) -> bool:
    tags = cell.metadata.get("tags", [])
    return "injected-parameters" in tags or any(tag.startswith("papermill-error-cell") for tag in tags)


def _clean_outputs(outputs: list[NotebookNode], count: int | None) -> list[NotebookNode]:
    """Outputs without stderr and progress bars; neighbouring prints are one output, however they arrived."""
    kept: list[NotebookNode] = []
    for output in without_progress(outputs):
        if output.output_type == "stream":
            if output.name == "stderr":
                continue
            if kept and kept[-1].output_type == "stream":
                kept[-1].text += output.text
                continue
        kept.append(output)
    for output in kept:
        if output.output_type == "stream":
            output.text = _ADDRESS.sub("0x0", output.text)
        if "execution_count" in output:
            output.execution_count = count
        if "data" in output:
            output.data = _clean_data(output.data)
    return kept


def _clean_data(data: NotebookNode) -> NotebookNode:
    """An output's representations; a widget, whose state is not kept, leaves its figure or a line of text."""
    if data.pop(_WIDGET, None) and set(data) <= {"text/plain"}:
        data["text/plain"] = WIDGET_TEXT
    if _PLOTLY in data:
        data[_PLOTLY] = nbformat.from_dict(_clean_figure(data[_PLOTLY]))
    if "text/plain" in data:
        data["text/plain"] = _ADDRESS.sub("0x0", data["text/plain"])
    if "text/html" in data:
        data["text/html"] = _stable_ids(data["text/html"])
    return data


def _stable_ids(text: str) -> str:
    """Number random ids in the order of their appearance."""
    numbers: dict[str, int] = {}

    def number(pattern: str) -> Callable[[re.Match], str]:
        return lambda found: pattern.format(numbers.setdefault(found[0], len(numbers)))

    text = _UUID.sub(number("00000000-0000-0000-0000-{:012d}"), text)
    return _STYLER.sub(number("T_{:05d}"), text)


def _clean_figure(value: Any) -> Any:
    """A plotly figure with rounded numbers, float32 arrays, and no random ids."""
    if isinstance(value, dict):
        if {"dtype", "bdata"} <= value.keys():
            return _round_array(value)
        return {key: _clean_figure(v) for key, v in value.items() if not (key == "uid" and isinstance(v, str))}
    if isinstance(value, list):
        return [_clean_figure(v) for v in value]
    return float(f"{value:.{DIGITS}g}") if isinstance(value, float) else value


def _round_array(value: dict[str, Any]) -> dict[str, Any]:
    """plotly's {dtype, bdata, shape}: floats rounded and, where they fit, float32; integers left alone."""
    if value["dtype"] not in ("f4", "f8"):
        return value
    array = np.frombuffer(base64.b64decode(value["bdata"]), dtype="<" + value["dtype"])
    array = np.array([float(f"{x:.{DIGITS}g}") for x in array]) + 0.0  # no negative zero
    size = np.abs(array[np.isfinite(array) & (array != 0)])
    dtype = "f4" if np.all((size > 1e-37) & (size < 1e38)) else "f8"
    return {**value, "dtype": dtype, "bdata": base64.b64encode(array.astype("<" + dtype).tobytes()).decode()}


def main(arguments: list[str] | None = None) -> int:
    """The command line; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m ssviz.notebook_hygiene", description=__doc__.split("\n")[0])
    parser.add_argument("notebooks", nargs="*", type=Path)
    mode = parser.add_mutually_exclusive_group()
    mode.add_argument("--check", action="store_true", help="change nothing; exit code 1 if one is not clean")
    mode.add_argument("--execute", action="store_true", help="run each from the top, then clean it")
    options = parser.parse_args(arguments)
    wrong = False
    for path in options.notebooks:
        if options.execute:
            stopped = execute_file(path)
            print(f"{path}: {'executed' if stopped is None else f'left as it was: {stopped}'}", flush=True)
            wrong |= stopped is not None
            if isinstance(stopped, KeyboardInterrupt):
                break
        elif not clean_file(path, options.check):
            print(f"{path}: {'not clean' if options.check else 'cleaned'}")
            wrong |= options.check
    return int(wrong)


if __name__ == "__main__":
    sys.exit(main())
