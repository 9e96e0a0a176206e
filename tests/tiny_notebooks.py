"""Throw-away notebooks for the tests that execute some: they import nothing heavy."""

from collections.abc import Iterable
from pathlib import Path

import nbformat
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

PARAMETERS = 'profile = "quick"\ndataset = "signs"\nstatic = False'


def write_notebook(path: Path, title: str, cells: Iterable[str], parameters: str | None = PARAMETERS) -> Path:
    """Write a notebook: a title, a cell tagged `parameters`, and code cells."""
    every = [new_markdown_cell(f"# {title}")]
    if parameters is not None:
        every.append(new_code_cell(parameters, metadata={"tags": ["parameters"]}))
    every += [new_code_cell(source) for source in cells]
    kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
    path.parent.mkdir(parents=True, exist_ok=True)
    nbformat.write(new_notebook(cells=every, metadata={"kernelspec": kernel}), path)
    return path
