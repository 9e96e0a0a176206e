"""The series: order, parameters, status of each notebook, and the pages, on throw-away notebooks."""

import json
import re
import signal
import subprocess
import sys
import time

import nbformat
import pytest
from tiny_notebooks import write_notebook

from ssviz import series
from ssviz.series import NotebookRun, SeriesRun

FIGURE = """import sys, plotly.graph_objects as go
from tqdm import tqdm
for _ in tqdm(range(2)): pass
print(profile, dataset, static, sys.executable)
go.Figure(go.Scatter(y=[1.0, 3.0, 2.0]))"""
FAILS = ["print('so far')", "def divide(x):\n    return 1 / x\ndivide(0)", "print('never')"]


@pytest.fixture(scope="module")
def mixed(tmp_path_factory):
    """A series of which one notebook runs, one fails and one lacks parameters: (output, result, reports)."""
    folder = tmp_path_factory.mktemp("mixed")
    notebooks = [
        write_notebook(folder / "notebooks" / "00-runs.ipynb", "Runs: $x^2$ & more", [FIGURE]),
        write_notebook(folder / "notebooks" / "01-fails.ipynb", "Fails <early>", FAILS),
        write_notebook(folder / "notebooks" / "02-lacks.ipynb", "Lacks", ["1"], 'profile = "quick"'),
    ]
    reports: list = []
    result = series.run_series(
        notebooks,
        folder / "new" / "output",
        profile="full",
        dataset="gtsrb",
        on_cell=lambda *cell: reports.append(cell),
        on_done=lambda run: reports.append(run.name),
    )
    return folder / "new" / "output", result, reports


def test_notebooks_are_found_in_order(tmp_path):
    for name in ("10-last", "02-second", "00-start"):
        write_notebook(tmp_path / f"{name}.ipynb", name, [])
    write_notebook(tmp_path / "scratch.ipynb", "not of the series", [])
    assert [path.stem for path in series.find_notebooks(tmp_path)] == ["00-start", "02-second", "10-last"]
    assert [path.stem for path in series.find_notebooks(tmp_path, "0*")] == ["00-start", "02-second"]
    with pytest.raises(ValueError, match=r"only='03\*' matches no notebook.*00-start, 02-second, 10-last"):
        series.find_notebooks(tmp_path, "03*")


@pytest.mark.notebook
def test_one_failure_does_not_stop_the_others(mixed):
    _, result, _ = mixed
    assert [run.status for run in result.runs] == ["ok", "failed", "failed"]
    assert result.exit_code == 1
    assert "ZeroDivisionError" in result.runs[1].error
    assert "divide" in result.runs[1].error
    assert "it lacks dataset, static" in result.runs[2].error
    assert [run.title for run in result.runs] == ["Runs: $x^2$ & more", "Fails <early>", "Lacks"]


@pytest.mark.notebook
def test_progress_is_reported(mixed):
    *_, reports = mixed
    assert [report for report in reports if isinstance(report, str)] == ["00-runs", "01-fails", "02-lacks"]
    assert ("00-runs", 1, 4) in reports


@pytest.mark.notebook
def test_parameters_are_injected_and_this_python_runs(mixed):
    output, result, _ = mixed
    notebook = nbformat.read(output / "00-runs.ipynb", as_version=4)
    printed = "".join(o.text for cell in notebook.cells for o in cell.get("outputs", []) if o.get("name") == "stdout")
    assert printed.split() == ["full", "gtsrb", "True", sys.executable]
    assert result.runs[0].facts["python"] == sys.version.split()[0]


@pytest.mark.notebook
def test_partial_output_is_kept(mixed):
    output, *_ = mixed
    outputs = [o for c in nbformat.read(output / "01-fails.ipynb", 4).cells for o in c.get("outputs", [])]
    assert [o.output_type for o in outputs] == ["stream", "error"]
    page = (output / "01-fails.html").read_text(encoding="utf-8")
    assert "so far" in page
    assert "ZeroDivisionError" in page


@pytest.mark.notebook
def test_the_notebooks_themselves_stay_as_they_are(mixed):
    output, *_ = mixed
    for path in (output.parent.parent / "notebooks").glob("*.ipynb"):
        assert not any(cell.get("outputs") for cell in nbformat.read(path, as_version=4).cells)


@pytest.mark.notebook
def test_figures_show_without_a_network(mixed):
    output, *_ = mixed
    page = (output / "00-runs.html").read_text(encoding="utf-8")
    assert "Plotly.newPlot" in page
    sources = re.findall(r'<(?:script|link|img)[^>]*(?:src|href)="([^"]+)"', page)
    assert sources == ["plotly.min.js"]
    assert (output / "plotly.min.js").stat().st_size > 1_000_000
    assert page.index("plotly.min.js") < page.index("Plotly.newPlot")
    assert "100%|" not in page  # progress bars


@pytest.mark.notebook
def test_the_index_tells_what_ran(mixed):
    output, *_ = mixed
    page = (output / "index.html").read_text(encoding="utf-8")
    assert "1 of 3 notebooks ran through" in page
    assert "profile full, data set gtsrb" in page
    for text in (
        'href="00-runs.html"',
        'href="01-fails.ipynb"',
        "Fails &lt;early&gt;",
        "divide(0)",
        "python",
    ):
        assert text in page
    assert "\x1b" not in page
    assert "http" not in page
    assert not list(output.glob(".*"))  # no temporary files


@pytest.mark.notebook
def test_interrupted_series(tmp_path):
    """Ctrl-C: what is done stays, the index says where it stopped, and the exit code is 130."""
    notebooks, output = tmp_path / "notebooks", tmp_path / "out"
    wait = "import pathlib, time; pathlib.Path('waiting').touch(); time.sleep(60)"
    write_notebook(notebooks / "00-waits.ipynb", "Waits", ["print('before')", wait])
    write_notebook(notebooks / "01-after.ipynb", "After", ["1"])
    code = (
        "import signal; from pathlib import Path; import ssviz.series; from ssviz.cli import app\n"
        "signal.signal(signal.SIGINT, signal.default_int_handler)\n"  # a shell's background job ignores it
        f"ssviz.series.notebooks_dir = lambda: Path({str(notebooks)!r})\n"
        f"app(['run', '--output', {str(output)!r}])"
    )
    process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    try:
        deadline = time.monotonic() + 40
        while not (output / "waiting").exists():
            assert time.monotonic() < deadline, "the notebook did not start"
            time.sleep(0.1)
        process.send_signal(signal.SIGINT)
        printed, _ = process.communicate(timeout=30)
    finally:
        process.kill()
    assert process.returncode == 130, printed
    page = (output / "index.html").read_text(encoding="utf-8")
    assert "interrupted" in page
    assert "not run" in page
    assert "before" in (output / "00-waits.html").read_text(encoding="utf-8")


@pytest.mark.notebook
def test_only_a_named_kernel_replaces_this_python(tmp_path, monkeypatch):
    """A `python3` kernel in the user's folder that points nowhere is not used, and none is by mistake."""
    folder = tmp_path / "kernels" / "python3"
    folder.mkdir(parents=True)
    spec = {"argv": ["/nowhere/python", "{connection_file}"], "display_name": "x", "language": "python"}
    (folder / "kernel.json").write_text(json.dumps(spec))
    monkeypatch.setenv("JUPYTER_PATH", str(tmp_path))
    path = write_notebook(tmp_path / "00-runs.ipynb", "Runs", ["1 + 1"])
    notebook, stopped = series.execute(path)
    assert stopped is None
    assert notebook.cells[-1].outputs[0].data["text/plain"] == "2"
    _, stopped = series.execute(path, kernel="python3")
    assert isinstance(stopped, FileNotFoundError)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"profile": "fast"}, "profile must be one of quick, full; received 'fast'"),
        ({"kernel": "nosuch"}, "kernel must name an installed kernel .* received 'nosuch'"),
        ({"output": "notebooks"}, "output must not be the folder of the notebooks"),
    ],
)
def test_wrong_arguments(tmp_path, arguments, message):
    path = write_notebook(tmp_path / "notebooks" / "00-runs.ipynb", "Runs", [])
    output = tmp_path / arguments.pop("output", "out")
    with pytest.raises(ValueError, match=message):
        series.run_series([path], output, **arguments)


def test_pages_have_formulas_without_a_network(tmp_path):
    from ssviz.series_pages import write_page

    text = "# The norm $x^2$\n\nEq. 6: $S = \\lVert J \\rVert_F^2$\n\n$$\\begin{aligned}a &= b\\end{aligned}$$"
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_markdown_cell(text)])
    write_page(notebook, tmp_path / "00-a.html", [NotebookRun("00-a", "A"), NotebookRun("01-b", "B & C")], 0)
    page = (tmp_path / "00-a.html").read_text(encoding="utf-8")
    assert page.count("<math ") == 3
    assert "aligned" not in page
    assert 'href="01-b.html">B &amp; C' in page


def test_index_names_the_device_that_ran(tmp_path):
    from ssviz.series_pages import write_index

    facts = {"device": "A GPU", "backend": "jax", "jax": "0.9"}
    runs = (NotebookRun("00-a", "A", "ok", 1.25, facts=facts), NotebookRun("01-b", "B"))
    write_index(SeriesRun(runs, "quick", "signs", "gpu", 2.0), tmp_path / "index.html")
    page = (tmp_path / "index.html").read_text(encoding="utf-8")
    for text in ("A GPU", "<dt>jax</dt><dd>0.9</dd>", "<dt>kernel</dt><dd>gpu</dd>", "not run"):
        assert text in page


def test_notebooks_dir_holds_the_series():
    assert series.find_notebooks(series.notebooks_dir())[0].name.startswith("00-")
