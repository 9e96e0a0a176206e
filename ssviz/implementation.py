"""Section 4 in numbers: the models of the zoo, what attacks do to them, which layer to take for W."""

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from ssviz import paper, zoo
from ssviz.attacks import Attacked
from ssviz.backend import keras
from ssviz.datasets import Dataset
from ssviz.sensitivity import sensitivity


def models_table(names: Sequence[str] = tuple(zoo.MODELS)) -> pd.DataFrame:
    """A row a model of the zoo: its layers as Table 2 counts them, weights, test accuracy in percent, the paper's.

    Raises ValueError for a name that the zoo does not have. Paper: Table 2. Notebook: 08.
    """
    rows = []
    for name in names:
        model, facts = zoo.load_model(name), zoo.provenance(name)
        kinds = [type(layer).__name__ for layer in model.layers if layer.weights]
        dataset = facts["recipe"]["dataset"]
        rows.append({
            "model": name, "data set": dataset, "layers": len(kinds), "convolutions": kinds.count("Conv2D"),
            "fully connected": kinds.count("Dense"), "classes": model.output_shape[-1],
            "weights": model.count_params(), "test images": facts["test_images"],
            "accuracy (%)": f"{100 * facts['test_accuracy']:.2f}",
            "the paper's (%)": f"{paper.ACCURACY[dataset]:g}" if dataset in paper.ACCURACY else "–",
            "trained": f"{facts['date']}, {facts['seconds']} s",
        })  # fmt: skip
    return pd.DataFrame(rows).set_index("model")


def one_of_each(data: Dataset, limit: int, *, skip: Sequence[int] = ()) -> tuple[np.ndarray, list[str]]:
    """The first test image of each class, uint8 RGB (n, height, width, 3), and the classes' names, in lines.

    limit: at most so many, spread over the classes. skip: classes to leave out. Paper: Section 4.2. Notebook: 08.
    """
    classes, first = np.unique(data.y_test, return_index=True)
    kept = np.flatnonzero(~np.isin(classes, list(skip)))
    kept = kept[np.unique(np.linspace(0, len(kept) - 1, min(limit, len(kept))).round().astype(int))]
    images = data.x_test[first[kept]]
    names = [textwrap.shorten(data.class_names[k], 22, placeholder="…") for k in classes[kept]]
    return np.broadcast_to(images, (*images.shape[:3], 3)), names


@dataclass(frozen=True, eq=False, repr=False)
class Outcomes:
    """What attacks do to one model. Arrays (3, k): mean, lowest and highest over the compromised models of k attacks.

    dataset: its name. attacks: their names. models: how many compromised models of each. accuracy: of the intact
    model, in percent. lost: what the attack costs on clean test images, in percentage points. success: share of the
    attack's own test images, in percent; NaN where it has no such goal. paper_lost, paper_success: (k,), the paper's,
    NaN where it names none; paper_data: on what.

    Paper: Table 2. Notebook: 08.
    """

    dataset: str
    attacks: tuple[str, ...]
    models: tuple[int, ...]
    accuracy: float
    lost: np.ndarray
    success: np.ndarray
    paper_lost: np.ndarray
    paper_success: np.ndarray
    paper_data: tuple[str, ...]


def outcomes(dataset: str, rows: pd.DataFrame) -> Outcomes:
    """The rows of Table 2, one a compromised model, taken together by attack.

    rows: attack, accuracy_before, accuracy_after, success in percent: `attack_rows`, or what
    ``ssviz.reproduction.published`` gives. Raises ValueError where a column is missing or there is no row.
    Paper: Table 2. Notebook: 08.
    """
    missing = {"attack", "accuracy_before", "accuracy_after", "success"} - set(rows.columns)
    if missing or not len(rows):
        raise ValueError(f"rows must have {', '.join(sorted(missing)) or 'at least one row'}; received {rows.shape}.")
    lost = _spread(rows.accuracy_before - rows.accuracy_after, rows.attack)
    attacks = tuple(lost.index)
    paper_before = paper.ACCURACY["cifar10"]  # ACCURACY_AFTER is of compression, measured there
    return Outcomes(
        dataset=dataset,
        attacks=attacks,
        models=tuple(rows.groupby("attack", sort=False).size()),
        accuracy=float(rows.accuracy_before.iloc[0]),
        lost=lost.to_numpy().T,
        success=_spread(rows.success.astype(float), rows.attack).to_numpy().T,
        paper_lost=np.array([paper_before - paper.ACCURACY_AFTER.get(a, np.nan) for a in attacks]),
        paper_success=np.array([paper.SUCCESS.get(a, np.nan) for a in attacks]),
        paper_data=tuple(paper.measured_on(a) or "" for a in attacks),
    )


def _spread(values: pd.Series, attacks: pd.Series) -> pd.DataFrame:
    return values.groupby(attacks, sort=False).agg(["mean", "min", "max"])


def attack_rows(attacked: Sequence[Attacked]) -> pd.DataFrame:
    """A row a compromised model: attack, accuracy_before, accuracy_after and success in percent, what was changed.

    Raises ValueError where an attack was made without a data set, so that nothing was measured.
    Paper: Table 2. Notebook: 08.
    """
    unmeasured = [a.attack for a in attacked if a.accuracy_before is None]
    if unmeasured:
        raise ValueError(f"attacked must be results of attacks with data=; {', '.join(unmeasured)} had none.")
    return pd.DataFrame({
        "attack": [a.attack for a in attacked],
        "accuracy_before": [100 * a.accuracy_before for a in attacked],
        "accuracy_after": [100 * a.accuracy_after for a in attacked],
        "success": [np.nan if a.success is None else 100 * a.success for a in attacked],
        "changed": ["; ".join(f"{name}: {value}" for name, value in a.changed.items()) for a in attacked],
    })  # fmt: skip


@dataclass(frozen=True, eq=False, repr=False)
class ByLayer:
    """The layers of a model as candidates for W.

    layers: their names. weights: (l,), how many each has. sensitivity: (l, n), S of n samples with W that layer.
    attacks: names of m compromised models. changed: (m, l), ||W' - W|| / ||W|| of each layer; NaN where the compromised
    model has layers of other shapes.

    Paper: Section 4.3. Notebook: 08.
    """

    layers: tuple[str, ...]
    weights: np.ndarray
    sensitivity: np.ndarray
    attacks: tuple[str, ...]
    changed: np.ndarray

    def table(self) -> pd.DataFrame:
        """A row a layer: its weights, median S, S per weight, and what each attack changes of it, in percent."""
        s = np.median(self.sensitivity, axis=1)
        columns = {"weights": self.weights, "S (median)": [f"{v:.3g}" for v in s]}
        columns["S per weight"] = [f"{v:.1e}" for v in s / self.weights]
        for attack, row in zip(self.attacks, self.changed, strict=True):
            columns[f"changed by {attack}"] = [f"{share:.1%}" for share in row]
        return pd.DataFrame(columns, index=pd.Index(self.layers, name="layer"))


def by_layer(
    model: keras.Model, x: Any, compromised: Sequence[Attacked] = (), *, layers: Sequence[str] | None = None
) -> ByLayer:
    """S of each sample of x (n, ...) with each layer as W, by automatic differentiation, and how attacks change it.

    layers: names; by default every layer with weights. A few samples are enough: each takes a Jacobian a layer.
    Raises ValueError for an unknown layer or one without weights. Paper: Eq. 6, Section 4.3. Notebook: 08.
    """
    names = [layer.name for layer in model.layers if layer.trainable_weights] if layers is None else list(layers)
    found = [sensitivity(model, x, layers=[name]) for name in names]
    flat = {name: _flat(model, name) for name in names}
    changed = [[_change(flat[name], _flat(a.model, name)) for name in names] for a in compromised]
    return ByLayer(
        layers=tuple(names),
        weights=np.array([len(flat[name]) for name in names]),
        sensitivity=np.stack(found),
        attacks=tuple(a.attack for a in compromised),
        changed=np.array(changed, float).reshape(-1, len(names)),
    )


def _flat(model: keras.Model, name: str) -> np.ndarray:
    known = {layer.name: layer for layer in model.layers}
    weights = known[name].get_weights() if name in known else []
    return np.concatenate([w.ravel() for w in weights]) if weights else np.empty(0)


def _change(before: np.ndarray, after: np.ndarray) -> float:
    return float(np.linalg.norm(after - before) / np.linalg.norm(before)) if len(before) == len(after) else np.nan
