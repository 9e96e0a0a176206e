"""The committed notebooks: small, clean, parametrised, with outputs that nbval compares."""

import re
from pathlib import Path

import nbformat
import pytest

from ssviz.notebook_hygiene import clean_file
from ssviz.series import PARAMETERS, notebook_title

FOLDER = Path(__file__).resolve().parents[2] / "notebooks"
NOTEBOOKS = sorted(FOLDER.glob("[0-9][0-9]-*.ipynb"))
every_notebook = pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)


def code_cells(path: Path):
    return [cell for cell in nbformat.read(path, as_version=4).cells if cell.cell_type == "code"]


def tagged(path: Path, tag: str):
    return [cell for cell in code_cells(path) if tag in cell.metadata.get("tags", [])]


def test_the_series_is_there():
    assert len(NOTEBOOKS) >= 4
    numbers = [path.name[:2] for path in NOTEBOOKS]
    assert len(set(numbers)) == len(numbers)
    strays = {path.name for path in FOLDER.glob("*.ipynb")} - {path.name for path in NOTEBOOKS}
    assert not strays, "only numbered notebooks are run"


@every_notebook
def test_size_is_below_one_megabyte(path):
    assert path.stat().st_size < 1_000_000


@every_notebook
def test_is_clean(path):
    assert clean_file(path, check=True), "run `make format`"


@every_notebook
def test_no_widget_state(path):
    notebook = nbformat.read(path, as_version=4)
    assert "widgets" not in notebook.metadata
    assert "application/vnd.jupyter.widget" not in path.read_text(encoding="utf-8")


@every_notebook
def test_one_parameters_cell(path):
    (cell,) = tagged(path, "parameters")
    scope: dict = {}
    exec(cell.source, scope)
    parameters = {name: value for name, value in scope.items() if not name.startswith("__")}
    assert parameters == dict(zip(PARAMETERS, ("quick", "signs", False), strict=True))


@every_notebook
def test_outputs_are_compared(path):
    compared = tagged(path, "nbval-check-output")
    assert len(compared) >= 3
    assert all(cell.outputs for cell in compared), "a compared cell without output shows nothing"


@every_notebook
def test_ran_from_the_top_without_errors(path):
    cells = [cell for cell in code_cells(path) if cell.source.strip()]
    assert [cell.execution_count for cell in cells] == list(range(1, len(cells) + 1))
    assert not [output for cell in cells for output in cell.outputs if output.output_type == "error"]


@every_notebook
def test_title_names_a_section_of_the_paper(path):
    title = notebook_title(nbformat.read(path, as_version=4))
    assert re.search(r"Section \d|§ ?\d", title) or path.name.startswith("00-"), title


@every_notebook
def test_is_prose_and_calls(path):
    lines = [line for cell in code_cells(path) for line in cell.source.splitlines() if line.strip()]
    assert len([line for line in lines if not line.lstrip().startswith("#")]) <= 80
