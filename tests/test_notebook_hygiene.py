"""Committed notebooks: what changes from run to run is gone, the rest stays."""

import base64

import nbformat
import numpy as np
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output
from tiny_notebooks import write_notebook

from ssviz.notebook_hygiene import DIGITS, WIDGET_TEXT, clean, clean_file, dumps, execute_file, main

WIDGET = "application/vnd.jupyter.widget-view+json"
PLOTLY = "application/vnd.plotly.v1+json"


def array(values, dtype):
    """An array as plotly writes it."""
    return {"dtype": dtype, "bdata": base64.b64encode(np.asarray(values, "<" + dtype).tobytes()).decode()}


def executed(seed: str):
    """A notebook as an execution leaves it; `seed`, one hexadecimal digit, stands for all that is random."""
    uuid = f"{seed * 8}-{seed * 4}-{seed * 4}-{seed * 4}-{seed * 12}"
    noise = int(seed, 16) * 1e-9
    figure = {
        "data": [
            {
                "type": "scatter",
                "uid": uuid,
                "x": array([0, 1, 2], "i1"),
                "y": array([1 + noise, np.nan, -0.5], "f8"),
            },
            {"type": "bar", "y": [0.1 + noise, 2, None]},
        ],
        "layout": {"title": {"text": "0.123456789"}, "width": 700},
    }
    outputs = [
        new_output("stream", name="stderr", text="a warning\n"),
        new_output("stream", name="stdout", text=f"one\n<object at 0x7f{seed * 10}>\n"),
        new_output(
            "stream",
            name="stdout",
            text="  0%|     | 0/2 [00:00<?, ?it/s]\r100%|##| 2/2 [00:01<00:00]\ntwo\n",
        ),
        new_output("display_data", {WIDGET: {"model_id": uuid}, "text/plain": "  0%|   | 0/2 [00:00<?, ?it/s]"}),
        new_output("display_data", {WIDGET: {"model_id": uuid}, "text/plain": f"VBox(id={uuid})"}),
        new_output("display_data", {PLOTLY: figure}),
        new_output("display_data", {"text/html": f"<div id='{uuid}'></div>#T_{seed * 5}_row0 T_{seed * 5}"}),
        new_output("execute_result", {"text/plain": "0.25"}, execution_count=int(seed, 16) + 1),
    ]
    count = int(seed, 16) + 1
    cells = [
        new_markdown_cell("# Title", id="title", metadata={"tags": []}),
        new_code_cell("profile = 1", id="p", metadata={"tags": ["parameters"]}, execution_count=count),
        new_code_cell("profile = 2", metadata={"tags": ["injected-parameters"]}, execution_count=count),
        new_code_cell(
            "work()",
            id="work",
            metadata={
                "tags": ["nbval-check-output"],
                "execution": {"iopub.status.busy": uuid},
                "papermill": {"x": 1},
            },
            outputs=outputs,
            execution_count=count + 1,
        ),
        new_code_cell("never_run()", id="never"),
    ]
    metadata = {
        "widgets": {"application/vnd.jupyter.widget-state+json": {"state": {uuid: {}}}},
        "papermill": {"duration": noise},
        "kernelspec": {"name": f"venv{seed}", "display_name": f"Kernel {seed}", "language": "python"},
        "language_info": {"name": "python", "version": f"3.{seed}"},
        "title": "kept",
    }
    return nbformat.from_dict(new_notebook(cells=cells, metadata=metadata))


def test_two_executions_are_the_same_text():
    assert dumps(clean(executed("1"))) == dumps(clean(executed("9")))


def test_cleaning_twice_changes_nothing():
    once = dumps(clean(executed("3")))
    assert dumps(clean(nbformat.reads(once, as_version=4))) == once
    assert once.endswith("}\n")


def test_what_is_kept_and_what_goes():
    notebook = clean(executed("1"))
    assert set(notebook.metadata) == {"kernelspec", "language_info", "title"}
    assert notebook.metadata.kernelspec.name == "python3"
    assert [cell.id for cell in notebook.cells] == ["title", "p", "work", "never"]
    assert [cell.get("execution_count") for cell in notebook.cells] == [None, 1, 2, None]
    work = notebook.cells[2]
    assert work.metadata == {"tags": ["nbval-check-output"]}
    printed, widget, figure, table, result = work.outputs
    assert printed.text == "one\n<object at 0x0>\ntwo\n"
    assert widget.data == {"text/plain": WIDGET_TEXT}
    assert "uid" not in figure.data[PLOTLY]["data"][0]
    assert "11111" not in table.data["text/html"]
    assert result.execution_count == 2
    nbformat.validate(notebook)


def test_numbers_of_figures_keep_five_digits():
    values = np.array([np.pi * 1e-20, -12345678.0, 0.0, -0.0, np.inf, np.nan, 1 / 3])
    figure = clean(_with_figure({"y": array(values, "f8"), "text": "3.14159265", "n": 3})).cells[0].outputs[0]
    y = figure.data[PLOTLY]["data"][0]["y"]
    assert y["dtype"] == "f4"
    rounded = np.frombuffer(base64.b64decode(y["bdata"]), "<f4")
    np.testing.assert_allclose(rounded, values, rtol=10.0 ** (1 - DIGITS))
    assert figure.data[PLOTLY]["data"][0]["text"] == "3.14159265"


def test_numbers_too_small_for_float32_stay():
    figure = clean(_with_figure({"y": array([1e-60, 1.0], "f8")})).cells[0].outputs[0]
    y = figure.data[PLOTLY]["data"][0]["y"]
    assert np.frombuffer(base64.b64decode(y["bdata"]), "<" + y["dtype"])[0] == pytest.approx(1e-60)


def _with_figure(trace):
    output = new_output("display_data", {PLOTLY: {"data": [trace], "layout": {}}})
    return nbformat.from_dict(new_notebook(cells=[new_code_cell("figure", outputs=[output])]))


def test_a_widget_that_has_a_figure_leaves_the_figure():
    data = {WIDGET: {"model_id": "1"}, PLOTLY: {"data": [], "layout": {}}, "text/plain": "Explorer: which?"}
    notebook = new_notebook(cells=[new_code_cell("explorer", outputs=[new_output("display_data", data)])])
    output = clean(nbformat.from_dict(notebook)).cells[0].outputs[0]
    assert output.data == {PLOTLY: {"data": [], "layout": {}}, "text/plain": "Explorer: which?"}


def test_check_changes_nothing(tmp_path, capsys):
    path = tmp_path / "00-a.ipynb"
    nbformat.write(executed("1"), path)
    before = path.read_bytes()
    assert main(["--check", str(path)]) == 1
    assert "not clean" in capsys.readouterr().out
    assert path.read_bytes() == before
    assert main([str(path)]) == 0
    assert main(["--check", str(path)]) == 0
    assert clean_file(path)
    assert WIDGET.encode() not in path.read_bytes()


@pytest.mark.notebook
def test_execute_replaces_a_notebook_by_its_clean_result(tmp_path):
    code = "import ipywidgets\nprint(static)\nipywidgets.IntSlider()"
    path = write_notebook(tmp_path / "00-a.ipynb", "A", [code])
    assert execute_file(path) is None
    notebook = nbformat.read(path, as_version=4)
    assert [o.get("text") or o.data["text/plain"] for o in notebook.cells[2].outputs] == [
        "False\n",
        WIDGET_TEXT,
    ]
    assert clean_file(path, check=True)
    first = path.read_bytes()
    assert execute_file(path) is None
    assert path.read_bytes() == first


@pytest.mark.notebook
def test_execute_leaves_a_notebook_that_fails(tmp_path, capsys):
    path = write_notebook(tmp_path / "00-a.ipynb", "A", ["1 / 0"])
    before = path.read_bytes()
    assert main(["--execute", str(path)]) == 1
    assert "ZeroDivisionError" in capsys.readouterr().out
    assert path.read_bytes() == before
