"""The measured results that come with ssviz: what ``ssviz reproduce`` wrote on each data set, as data frames."""

from pathlib import Path

import numpy as np
import pandas as pd

from ssviz.effectiveness import METHODS, Band, Effectiveness
from ssviz.reproduction.plan import CASES


def published(dataset: str, target: str) -> pd.DataFrame:
    """The rows behind one table or figure, as measured on a data set and shipped with ssviz; nothing is computed.

    dataset: "gtsrb", "cifar10", "att_faces" or "lfw". target: "table2" to "table6", "figure3" to "figure5", "recipes",
    "false-positives", "ties", "norms" or "choices". Columns and units as in ``ssviz.reproduction.tables``: missing
    rates and accuracies in percent, the SNR in dB, infinite where a number of samples is never enough.
    Raises ValueError for a data set or target that was not measured.

    Paper: Section 5. Notebook: 09.
    """
    folder = results_dir()
    if dataset not in (there := _datasets(folder)):
        raise ValueError(f"dataset must be one of {', '.join(there)}; received {dataset!r}.")
    if target not in (targets := sorted(path.stem for path in (folder / dataset).glob("*.csv"))):
        raise ValueError(f"target must be one of {', '.join(targets)}; received {target!r}.")
    return pd.read_csv(folder / dataset / f"{target}.csv")


def published_datasets(target: str) -> tuple[str, ...]:
    """The data sets on which a target of ``published`` was measured. Raises ValueError if it is on none.

    Paper: Section 5. Notebook: 09.
    """
    folder = results_dir()
    found = tuple(name for name in _datasets(folder) if (folder / name / f"{target}.csv").exists())
    if not found:
        targets = sorted({path.stem for path in folder.glob("*/*.csv")})
        raise ValueError(f"target must be one of {', '.join(targets)}; received {target!r}.")
    return found


def published_effectiveness(dataset: str) -> Effectiveness:
    """Tables 3 and 5 of ``published`` as the result that figures and explorers draw, with every attack.

    Raises ValueError for a data set that was not measured. Paper: Figure 5, Tables 3 and 5. Notebooks: 10, 11.
    """
    return as_effectiveness(published(dataset, "table3"), published(dataset, "table5"))


def as_effectiveness(rates: pd.DataFrame, needed: pd.DataFrame | None = None) -> Effectiveness:
    """Rows of Table 3, and of Table 5 if given, as an Effectiveness; without Table 5 its alphas are empty."""
    attacks = tuple(dict.fromkeys(rates.attack))
    missing = rates.groupby(["attack", "samples", "n_s"]).missing.agg(["mean", "min", "max"]) / 100
    samples, alphas = {}, np.empty(0)
    if needed is not None:
        needed = needed.sort_values("alpha", ascending=False).set_index(["attack", "samples"])
        samples = {a: {m: _band(needed.loc[(a, m), ["needed", "least", "most"]]) for m in METHODS} for a in attacks}
        alphas = needed.alpha.unique()
    return Effectiveness(
        attacks=attacks,
        n_s=np.sort(rates.n_s.unique()),
        rates={a: {m: _band(missing.loc[a, m]) for m in METHODS} for a in attacks},
        alphas=alphas,
        needed=samples,
        models=rates.groupby("attack").seed.nunique().to_dict(),
    )


def _band(columns: pd.DataFrame) -> Band:
    return Band(*columns.to_numpy(float).T)


def results_dir() -> Path:
    """The folder of the results: beside the package in a checkout, inside it when installed."""
    package = Path(__file__).resolve().parents[1]
    for folder in (package.parent / "results", package / "_results"):
        if _datasets(folder):
            return folder
    raise FileNotFoundError(f"No results beside or inside {package}. Reinstall ssviz?")


def _datasets(folder: Path) -> tuple[str, ...]:
    """Those of CASES with results in the folder, in that order."""
    return tuple(name for name in CASES if any((folder / name).glob("*.csv")))
