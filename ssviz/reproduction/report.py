"""Writing a reproduction: tidy CSV, a Markdown report, figures as HTML pages that work offline."""

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from ssviz import figures, zoo
from ssviz.ascents import from_rows
from ssviz.backend import describe
from ssviz.figures.offline import SCRIPT, STYLE, embedded, plotly_script
from ssviz.files import atomic_write
from ssviz.reproduction.comparison import update
from ssviz.reproduction.laboratory import Laboratory
from ssviz.reproduction.plan import BAG, BAGS, CASES
from ssviz.reproduction.published import as_effectiveness
from ssviz.reproduction.sections import NAMES, Section

DIGITS = "%.6g"


def write(lab: Laboratory, made: Sequence[Section], out: Path, *, seeds: int, whole: bool) -> list[Path]:
    """Write OUT/DATASET/: NAME.csv for every section, how.json, figure pages, and the report; return the paths.

    whole: the report of all targets, report.md, and the page OUT/README.md that compares data sets
    is brought up to date, where there is one; otherwise a NAME.md for every section, so that a part of the work
    does not replace the whole report.
    """
    folder, how = out / lab.dataset, facts(lab, seeds)
    files = {f"{section.name}.csv": section.rows.to_csv(index=False, float_format=DIGITS) for section in made}
    files |= {"how.json": json.dumps(how, indent=1, default=repr) + "\n"}
    if whole:
        files["report.md"] = report(lab.dataset, made, how)
    else:
        files |= {f"{section.name}.md": report(lab.dataset, [section], how) for section in made}
    files |= pages(lab, made)
    for name, text in files.items():
        with atomic_write(folder / name) as temporary:
            temporary.write_text(text, encoding="utf-8")
    if any(name.endswith(".html") for name in files):
        with atomic_write(folder / "plotly.min.js") as temporary:
            temporary.write_bytes(plotly_script())
    page = update(out) if whole else None
    return [folder / name for name in files] + ([page] if page else [])


def facts(lab: Laboratory, seeds: int) -> dict[str, Any]:
    """How the numbers came about: date, command, model, recipes, device, versions."""
    model = CASES[lab.dataset].model
    return {
        "date": datetime.now(UTC).date().isoformat(),
        "command": f"ssviz reproduce --dataset {lab.dataset}",
        "model": model,
        "sha256": zoo.provenance(model)["sha256"],
        "test images": len(lab.data.x_test),
        "seeds of every attack": f"0 to {seeds - 1}",
        "bag": f"{BAG} Sensitive-Samples; MANC chooses from random halves",
        "recipes": {name: dict(recipe) for name, recipe in BAGS.items()},
        "options": {name: dict(options) for name, options in CASES[lab.dataset].options.items()},
        **describe(),
    }


def report(dataset: str, made: Sequence[Section], how: Mapping[str, Any]) -> str:
    """The Markdown text: a section per table and figure, and how they came about."""
    lines = [f"# {NAMES[dataset]}: the paper's experiments, measured", ""]
    lines += [f"Written by `{how['command']}`; the rows behind every table are in the CSV file of its name.", ""]
    for section in made:
        lines += [f"## {section.title}", "", section.markdown, ""]
    lines += ["## How", "", *(f"- {name}: {_flat(value)}" for name, value in how.items())]
    return "\n".join(lines) + "\n"


def _flat(value: Any) -> str:
    if not isinstance(value, Mapping):
        return str(value)
    return "; ".join(f"{name} ({_flat(v)})" if isinstance(v, Mapping) else f"{name} = {v}" for name, v in value.items())


def pages(lab: Laboratory, made: Sequence[Section]) -> dict[str, str]:
    """HTML pages of the figures among the sections, by file name; plotly.min.js must lie beside them."""
    drawn = {}
    for section in made:
        if section.name == "figure3":
            drawn[section] = figures.sensitivity_and_snr(from_rows(section.rows), iteration=100)
        elif section.name == "figure4":
            shown = np.flatnonzero(lab.presentable)[:6]
            drawn[section] = figures.before_after(lab.bag()[0][shown])
        elif section.name == "figure5":
            drawn[section] = figures.missing_rates_of_all({NAMES[lab.dataset]: as_effectiveness(section.rows)})
    return {f"{section.name}.html": _page(section.title, figure.to_plotly_json()) for section, figure in drawn.items()}


def _page(title: str, figure: Mapping[str, Any]) -> str:
    return (
        f'<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><title>{title}</title>\n'
        f'<style>{STYLE}</style><script src="plotly.min.js"></script><script>{SCRIPT}</script></head>\n'
        f'<body style="font-family: sans-serif; max-width: 1000px; margin: 2em auto"><h1>{title}</h1>\n'
        f"{embedded(figure, 'figure')}</body></html>\n"
    )
