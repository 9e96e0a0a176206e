"""The command line. Nothing heavy is imported before it is needed: `ssviz --help` answers at once."""

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from ssviz.series import NotebookRun

app = typer.Typer(
    help="Sensitive-Sample fingerprinting of deep neural networks, as a series of notebooks.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)


@app.command()
def run(
    profile: Annotated[str, typer.Option(help="quick (minutes on a laptop) or full.")] = "quick",
    dataset: Annotated[str, typer.Option(help="Data set that the notebooks load.")] = "signs",
    kernel: Annotated[str | None, typer.Option(help="An installed kernel; default: this Python.")] = None,
    only: Annotated[str, typer.Option(help='Pattern for the notebooks\' names, as "03*".')] = "*",
    output: Annotated[Path, typer.Option(help="Folder for executed notebooks and pages.")] = Path("series-output"),
) -> None:
    """Run the numbered notebooks in order and write them, as notebooks and as pages, to a folder.

    A notebook that fails is reported and the others still run; the exit code is then 1.
    """
    from ssviz import series

    try:
        notebooks = series.find_notebooks(series.notebooks_dir(), only)
        width = max(len(path.stem) for path in notebooks)
        done = series.run_series(
            notebooks,
            output,
            profile=profile,
            dataset=dataset,
            kernel=kernel,
            on_cell=_show_cell if sys.stderr.isatty() else None,
            on_done=lambda result: _show_result(result, width),
        )
    except (ValueError, OSError) as error:
        raise _fail(error) from error
    passed = sum(result.status == "ok" for result in done.runs)
    typer.echo(f"{passed} of {len(done.runs)} ran through in {done.seconds:.1f} s: {output / 'index.html'}")
    raise typer.Exit(done.exit_code)


@app.command(context_settings={"allow_extra_args": True, "ignore_unknown_options": True})
def lab(
    context: typer.Context,
    port: Annotated[int | None, typer.Option(help="Port; default: JupyterLab's own choice.")] = None,
    browser: Annotated[bool, typer.Option(help="Open a browser window.")] = True,
) -> None:
    """Open JupyterLab on the notebooks; further options go to JupyterLab.

    An installed package's notebooks are copied to ./ssviz-notebooks first; no file there is overwritten.
    """
    from ssviz.series import notebooks_dir

    try:
        folder = working_copy(notebooks_dir(), Path("ssviz-notebooks"))
    except OSError as error:
        raise _fail(error) from error
    command = [sys.executable, "-m", "jupyterlab", str(folder)]
    command += [f"--port={port}"] if port is not None else []
    command += [] if browser else ["--no-browser"]
    # This environment's kernel before one of the same name in the user's folder.
    done = subprocess.run([*command, *context.args], env={**os.environ, "JUPYTER_PREFER_ENV_PATH": "1"})
    raise typer.Exit(done.returncode)


@app.command()
def kernel(
    name: Annotated[str, typer.Option(help="The kernel's name, for `ssviz run --kernel NAME`.")],
    backend: Annotated[str, typer.Option(help="jax or tensorflow.")],
    python: Annotated[str, typer.Option(help="Python of the environment; default: this one.")] = sys.executable,
) -> None:
    """Install a Jupyter kernel that runs Keras on a backend, from this environment or another one."""
    from ssviz.kernels import install_kernel

    try:
        folder, device = install_kernel(name, backend, python)
    except (ValueError, OSError) as error:
        raise _fail(error) from error
    typer.echo(f"Kernel {name} ({backend} on {device}) is installed in {folder}.")
    typer.echo(f"Use it: ssviz run --kernel {name}, or choose it in JupyterLab's Kernel menu.")


@app.command()
def reproduce(
    dataset: Annotated[str, typer.Option(help="signs, gtsrb, cifar10, att_faces, lfw, or all.")] = "signs",
    table: Annotated[list[str] | None, typer.Option(help="2 to 6, or one of the others; may be repeated.")] = None,
    figure: Annotated[list[str] | None, typer.Option(help="3 to 5; may be repeated.")] = None,
    out: Annotated[Path, typer.Option(help="Folder for the reports, one subfolder a data set.")] = Path("results"),
    workers: Annotated[int, typer.Option(help="Processes that make compromised models.", min=1)] = 1,
    seeds: Annotated[int, typer.Option(help="Compromised models of every attack.", min=1)] = 5,
    fresh: Annotated[bool, typer.Option(help="Forget what earlier runs on this data set finished.")] = False,
) -> None:
    """Measure the paper's tables and figures and write them, beside its numbers, to a folder.

    Without --table and --figure: all of them, what explains them (recipes, false-positives, ties, norms, choices), and
    what goes beyond them (beyond, certificate, certificate-check, single-weight, tolerance). Interrupted, it goes on
    where it stopped when started again.
    """
    from ssviz import reproduction
    from ssviz.reproduction.plan import CASES
    from ssviz.reproduction.report import write

    targets = [f"table{t}" if t.isdigit() else t for t in table or []] + [f"figure{f}" for f in figure or []]
    try:
        for name in CASES if dataset == "all" else [dataset]:
            lab, made = reproduction.reproduce(
                name, targets or reproduction.TARGETS, workers=workers, seeds=seeds, fresh=fresh
            )
            for path in write(lab, made, out, seeds=seeds, whole=not targets):
                typer.echo(path)
    except (ValueError, OSError) as error:
        raise _fail(error) from error


def working_copy(source: Path, target: Path) -> Path:
    """The folder to work in: `source` in a checkout; else `target`, with the files copied that it lacks.

    A file that `target` has already, a student's work, is never overwritten.
    """
    if source.name == "notebooks" and os.access(source, os.W_OK):
        return source
    ignore = shutil.ignore_patterns(".*", "__pycache__")

    def copy_missing(origin: str, destination: str) -> None:
        if not os.path.exists(destination):
            shutil.copyfile(origin, destination)

    shutil.copytree(source, target, copy_function=copy_missing, ignore=ignore, dirs_exist_ok=True)
    return target


def _show_cell(name: str, cell: int, cells: int) -> None:
    """A line that the next one overwrites."""
    typer.echo(f"\r\x1b[K{name}  cell {cell}/{cells}", err=True, nl=False)


def _show_result(result: "NotebookRun", width: int) -> None:
    if sys.stderr.isatty():
        typer.echo("\r\x1b[K", err=True, nl=False)
    colour = {"ok": "green", "failed": "red"}.get(result.status, "yellow")
    status = typer.style(f"{result.status:<11}", fg=colour)
    typer.echo(f"{result.name:<{width}}  {status}  {result.seconds:7.1f} s")
    if result.error:
        typer.echo(result.error)


def _fail(error: Exception) -> typer.Exit:
    typer.echo(f"Error: {error}", err=True)
    return typer.Exit(2)
