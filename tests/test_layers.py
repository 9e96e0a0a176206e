"""The architecture: imports go down the layers, and only some layers know some packages."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]

# Top to bottom; names of one row may import each other. "__init__" is ssviz itself, the five calls.
LAYERS = [
    ("cli", "series", "series_pages", "notebook_hygiene", "kernels"),
    ("explorers", "reproduction"),
    ("lab",),
    ("figures",),
    ("__init__",),
    ("ascents", "attack_sweep", "effectiveness", "resistance", "trigger_sweep"),
    ("adversarial_comparison", "implementation"),
    ("evaluation", "coverage_odds", "false_positives", "certificate"),
    ("attacks",),
    ("fingerprint", "fingerprint_file", "endpoints", "numerics", "runtimes", "serving"),
    ("adversarial_examples",),
    ("generation", "samples", "manc", "outputs", "pairs", "pixel_grid", "tie_walk"),
    ("sensitivity",),
    ("zoo",),
    ("models",),
    ("backend",),
    ("datasets",),
    ("files", "paper"),
]
DEPTH = {name: depth for depth, row in enumerate(LAYERS) for name in row}
DISPLAY = {"plotly", "ipywidgets", "IPython", "anywidget", "matplotlib"}
ENGINES = {"tensorflow", "jax", "torch"}
FILES = sorted(path for package in ("ssviz", "data_fetch") for path in (ROOT / package).rglob("*.py"))

OURS = [path for path in FILES if path.is_relative_to(ROOT / "ssviz")]
THEIRS = [path for path in FILES if path.is_relative_to(ROOT / "data_fetch")]


def name_of(path):
    return str(path.relative_to(ROOT))


def part_of(path):
    """The name in LAYERS of a file of ssviz."""
    return path.relative_to(ROOT / "ssviz").parts[0].removesuffix(".py")


def imports_of(path):
    """Dotted names that a file imports, wherever in it: ``module`` or, from a module, ``module.name``."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{name_of(path)}: relative import; name the package"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def parts_imported(path):
    """The names in LAYERS that a file imports; ``from ssviz import generate`` is the facade, "__init__"."""
    for name in imports_of(path):
        package, _, rest = name.partition(".")
        if package == "ssviz":
            part = rest.partition(".")[0]
            yield part if part in {part_of(path) for path in OURS} else "__init__"


def test_every_file_has_a_layer():
    assert {part_of(path) for path in OURS} - set(DEPTH) == set()


def test_imports_go_down():
    upward = [
        f"{name_of(path)} imports ssviz.{other}"
        for path in OURS
        for other in parts_imported(path)
        if DEPTH[other] < DEPTH[part_of(path)]
    ]
    assert upward == []


def knows(packages, paths):
    return [
        f"{name_of(path)} imports {name}"
        for path in paths
        for name in imports_of(path)
        if name.partition(".")[0] in packages
    ]


def test_nothing_below_the_figures_draws():
    below = [path for path in OURS if DEPTH[part_of(path)] > DEPTH["figures"]] + THEIRS
    assert len(below) > 20
    assert knows(DISPLAY, below) == []


def test_figures_know_no_widgets():
    assert knows(DISPLAY - {"plotly"}, [path for path in FILES if "figures" in path.parts]) == []


def test_only_the_backend_knows_an_engine():
    backend = ROOT / "ssviz" / "backend.py"
    assert knows(ENGINES, [backend])
    assert knows(ENGINES, [path for path in FILES if path != backend]) == []


def test_ssviz_works_without_data_fetch_which_knows_only_where_the_cache_is():
    assert knows({"data_fetch"}, OURS) == []
    assert {part for path in THEIRS for part in parts_imported(path)} <= {"datasets", "files"}


@pytest.mark.parametrize("path", FILES, ids=name_of)
def test_a_file_can_be_read_in_one_sitting(path):
    assert len(path.read_text().splitlines()) < 300


def test_importing_ssviz_is_silent_and_loads_nothing_that_draws():
    drawing = DISPLAY - {"IPython", "matplotlib"}  # Keras itself looks for these
    script = f"import sys; from ssviz import *; print(*{drawing!r} & set(sys.modules), end='')"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, cwd=ROOT)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_plotting_compiles_no_grammar():
    """Two seconds of every notebook, for addresses that none has; nbformat still checks notebooks."""
    code = (
        "import sys, ssviz.figures, plotly.io; plotly.io.renderers\n"
        "import nbformat; nbformat.validate(nbformat.v4.new_notebook())\n"
        "raise SystemExit('nbformat' not in sys.modules or 'lark' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
