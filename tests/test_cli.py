"""The command line: exit codes, messages, the student's copy, kernels."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from jupyter_client.kernelspec import KernelSpecManager
from tiny_notebooks import write_notebook
from typer.testing import CliRunner

from ssviz import kernels, series
from ssviz.cli import app, working_copy


@pytest.fixture
def invoke(tmp_path, monkeypatch):
    """Run the command line on the notebooks of tmp_path/notebooks, with Jupyter's user folder in tmp_path."""
    monkeypatch.setattr(series, "notebooks_dir", lambda: tmp_path / "notebooks")
    monkeypatch.setenv("JUPYTER_DATA_DIR", str(tmp_path / "jupyter"))
    return lambda *arguments: CliRunner().invoke(app, [str(argument) for argument in arguments])


@pytest.mark.notebook
def test_run_reports_each_notebook(invoke, tmp_path):
    write_notebook(tmp_path / "notebooks" / "00-runs.ipynb", "Runs", ["print(1)"])
    write_notebook(tmp_path / "notebooks" / "01-fails.ipynb", "Fails", ["1 / 0"])
    result = invoke("run", "--output", tmp_path / "out")
    assert result.exit_code == 1
    assert "00-runs   ok" in result.stdout
    assert "01-fails  failed" in result.stdout
    assert "ZeroDivisionError" in result.stdout
    assert "1 of 2 ran through" in result.stdout
    result = invoke("run", "--output", tmp_path / "one", "--only", "00*")
    assert result.exit_code == 0, result.output
    assert sorted(path.name for path in (tmp_path / "one").iterdir()) == [
        "00-runs.html",
        "00-runs.ipynb",
        "index.html",
        "plotly.min.js",
    ]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--only", "77*"], "matches no notebook"),
        (["--profile", "fast"], "profile must be one of"),
        (["--kernel", "nosuch"], "ssviz kernel --name nosuch"),
    ],
)
def test_run_refuses_wrong_arguments(invoke, tmp_path, arguments, message):
    write_notebook(tmp_path / "notebooks" / "00-runs.ipynb", "Runs", [])
    result = invoke("run", "--output", tmp_path / "out", *arguments)
    assert result.exit_code == 2
    assert message in result.output


def test_lab_starts_on_the_notebooks(invoke, tmp_path, monkeypatch):
    write_notebook(tmp_path / "notebooks" / "00-runs.ipynb", "Runs", [])
    seen = {}

    def start(command: list[str], env: dict[str, str]) -> subprocess.CompletedProcess:
        seen.update(command=command, env=env)
        return subprocess.CompletedProcess(command, 0)

    monkeypatch.setattr(subprocess, "run", start)
    assert invoke("lab", "--port", 8899, "--no-browser", "--allow-root").exit_code == 0
    notebooks = str(tmp_path / "notebooks")
    assert seen["command"] == [
        *(sys.executable, "-m", "jupyterlab", notebooks),
        *("--port=8899", "--no-browser", "--allow-root"),
    ]
    assert seen["env"]["JUPYTER_PREFER_ENV_PATH"] == "1"


def test_a_students_file_is_never_overwritten(tmp_path):
    installed, mine = tmp_path / "site-packages" / "_notebooks", tmp_path / "ssviz-notebooks"
    for name in ("00-start", "01-next"):
        write_notebook(installed / f"{name}.ipynb", name, [])
    mine.mkdir()
    (mine / "00-start.ipynb").write_text("my work")
    assert working_copy(installed, mine) == mine
    assert (mine / "00-start.ipynb").read_text() == "my work"
    assert (mine / "01-next.ipynb").read_bytes() == (installed / "01-next.ipynb").read_bytes()
    (installed / "01-next.ipynb").chmod(0o444)
    (mine / "01-next.ipynb").unlink()
    working_copy(installed, mine)
    (mine / "01-next.ipynb").write_text("can be written")


def test_a_checkout_is_worked_in_directly(tmp_path):
    write_notebook(tmp_path / "notebooks" / "00-start.ipynb", "Start", [])
    assert working_copy(tmp_path / "notebooks", tmp_path / "copy") == tmp_path / "notebooks"
    assert not (tmp_path / "copy").exists()


def test_kernel_writes_a_spec_with_its_backend(invoke, monkeypatch):
    monkeypatch.setattr(kernels, "_probe", lambda python, backend, environment: "A GPU")
    result = invoke("kernel", "--name", "gpu-jax", "--backend", "jax")
    assert result.exit_code == 0, result.output
    assert "jax on A GPU" in result.stdout
    assert "ssviz run --kernel gpu-jax" in result.stdout
    spec = KernelSpecManager().get_kernel_spec("gpu-jax")
    assert spec.argv == [sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}"]
    assert spec.env["KERAS_BACKEND"] == "jax"
    assert spec.env["XLA_PYTHON_CLIENT_PREALLOCATE"] == "false"
    assert spec.display_name == "ssviz: gpu-jax (JAX)"
    assert invoke("kernel", "--name", "gpu-jax", "--backend", "tensorflow").exit_code == 0
    assert json.loads(Path(spec.resource_dir, "kernel.json").read_text())["env"]["KERAS_BACKEND"] == "tensorflow"


@pytest.mark.parametrize(
    ("name", "backend", "python", "message"),
    [
        ("k", "torch", sys.executable, "backend must be one of tensorflow, jax; received 'torch'"),
        ("My Kernel", "jax", sys.executable, "name must be made of"),
        ("python3", "jax", sys.executable, "is a kernel that ssviz did not install"),
        ("k", "jax", "/nowhere/python", "python must be a Python that starts; received '/nowhere/python'"),
    ],
)
def test_kernel_refuses(invoke, name, backend, python, message):
    result = invoke("kernel", "--name", name, "--backend", backend, "--python", python)
    assert result.exit_code == 2
    assert message in result.output


def test_kernel_names_the_missing_package(invoke, tmp_path):
    """A Python that sees no site-packages lacks everything."""
    bare = tmp_path / "python"
    bare.write_text(f'#!/bin/sh\nexec "{sys.executable}" -I -S "$@"\n')
    bare.chmod(0o755)
    result = invoke("kernel", "--name", "bare", "--backend", "jax", "--python", bare)
    assert result.exit_code == 2
    assert "lacks ipykernel, ssviz, keras, jax" in result.output
    assert "bare" not in KernelSpecManager().find_kernel_specs()


def test_kernel_of_this_python_names_its_device(invoke):
    result = invoke("kernel", "--name", "here", "--backend", "tensorflow")
    if "lacks tensorflow" in result.output:
        pytest.skip("TensorFlow is not installed here")
    assert result.exit_code == 0, result.output
    assert "(tensorflow on " in result.stdout


def test_help_imports_nothing_heavy():
    code = (
        "import sys\nfrom typer.testing import CliRunner\nfrom ssviz.cli import app\n"
        "assert CliRunner().invoke(app, ['--help']).exit_code == 0\n"
        "print([name for name in ('keras', 'plotly', 'papermill', 'nbconvert', 'jupyterlab') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
