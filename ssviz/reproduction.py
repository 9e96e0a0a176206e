"""``ssviz reproduce``: the paper's measurements on real data, written beside the paper's own numbers."""

import json
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from ssviz import attacks, zoo
from ssviz.attacks import Attacked
from ssviz.backend import describe
from ssviz.datasets import load_dataset
from ssviz.effectiveness import METHODS, Effectiveness, effectiveness, table
from ssviz.files import atomic_write
from ssviz.generation import generate
from ssviz.samples import SensitiveSamples

TITLE = "Table 3: missing rates (%) against N_S, top-1 labels only"


@dataclass(frozen=True, eq=False)
class Reproduction:
    """Table 3 on one data set: the effectiveness, the bag it rests on, and how both were made."""

    dataset: str
    result: Effectiveness
    bag: SensitiveSamples
    seconds_per_sample: float
    how: dict


def reproduce_table_3(
    dataset: str = "gtsrb", *, bag_size: int = 500, itr_max: int = 100, seeds: int = 3, progress: bool = True
) -> Reproduction:
    """Measure Table 3: a bag of Sensitive-Samples against poisoning and compression at 8, 6 and 4 bits.

    dataset: one for which the zoo has a ``cnn7``. bag_size: Sensitive-Samples in the bag (the paper: 500).
    itr_max: iterations on log S (the paper: 1000 on S). seeds: independent compromised models of each poisoning.
    Raises ValueError for a data set without a model, FileNotFoundError for one that was not fetched.

    Paper: Section 5.2, Figure 5, Table 3.
    """
    model, data = zoo.load_model(f"{dataset}-cnn7"), load_dataset(dataset)
    images, _ = data.inputs("test")
    originals, _ = data.inputs("test", limit=bag_size)
    start = time.perf_counter()
    bag = generate(model, originals, itr_max=itr_max, progress=progress)
    seconds = (time.perf_counter() - start) / len(bag)

    def compromised() -> Iterator[Attacked]:
        for attack in (attacks.error_generic_poisoning, attacks.error_specific_poisoning):
            for seed in range(seeds):
                yield attack(model, data, seed=seed, progress=progress)
        for bits in (8, 6, 4):
            yield attacks.precision_reduction(model, bits, data=data)

    result = effectiveness(model, list(compromised()), images, bag)
    how = {
        "date": datetime.now(UTC).date().isoformat(),
        "command": f"ssviz reproduce --dataset {dataset}",
        "model": f"{dataset}-cnn7",
        "sha256": zoo.provenance(f"{dataset}-cnn7")["sha256"],
        "bag": len(bag),
        "sub-bag of MANC": len(bag) // 2,
        "itr_max": itr_max,
        "lr": bag.settings["lr"],
        "objective": "log S",
        "seeds": seeds,
        **describe(),
    }
    return Reproduction(dataset, result, bag, seconds, how)


def write(reproduction: Reproduction, folder: Path) -> list[Path]:
    """Write table3-DATASET.json (every rate) and table3-DATASET.md (for reading); return both paths."""
    result = reproduction.result
    paths = [folder / f"table3-{reproduction.dataset}.{suffix}" for suffix in ("json", "md")]
    tidy = {
        "how": reproduction.how,
        "generation": _generation(reproduction),
        "attacks": {name: dict(result.summaries[name]) for name in result.attacks},
        "rows": [
            {"attack": attack, "samples": method, "n_s": int(n), "missing_rate": float(rate)}
            for attack in result.attacks
            for method in METHODS
            for n, rate in zip(result.n_s, result.rates[attack][method], strict=True)
        ],
    }
    for path, text in zip(paths, (json.dumps(tidy, indent=1, allow_nan=False), _markdown(reproduction)), strict=True):
        with atomic_write(path) as temporary:
            temporary.write_text(text + "\n", encoding="utf-8")
    return paths


def _generation(reproduction: Reproduction) -> dict[str, float]:
    bag = reproduction.bag
    return {
        "median S of the originals": float(f"{np.median(bag.sensitivity[0]):.3g}"),
        "median S of the samples": float(f"{np.median(bag.sensitivity[-1]):.3g}"),
        "median SNR (dB)": round(float(np.median(bag.snr[-1])), 1),
        "seconds a sample": round(reproduction.seconds_per_sample, 3),
    }


def _markdown(reproduction: Reproduction) -> str:
    result = reproduction.result

    def percent(share: float | None) -> str:
        return "–" if share is None else f"{100 * share:.1f}%"

    lines = [f"# {TITLE}: {reproduction.dataset}", ""]
    lines += ["| " + " | ".join(["attack", "samples", *(c for c in table(result).columns)]) + " |"]
    lines += ["|---|---|" + "---:|" * len(table(result).columns)]
    for (attack, method), row in table(result).iterrows():
        strong = "**" if method == METHODS[-1] else ""
        lines.append(f"| {attack} | {strong}{method}{strong} | " + " | ".join(f"{v:.2f}" for v in row) + " |")
    lines += ["", "| attack | models | accuracy before | after | success | natural images that detect | "
              "Sensitive-Samples that detect |", "|---|---:|---:|---:|---:|---:|---:|"]  # fmt: skip
    for attack in result.attacks:
        s, (plain, sensitive) = result.summaries[attack], result.detecting[attack]
        cells = (s["accuracy_before"], s["accuracy_after"], s["success"], plain, sensitive)
        lines.append(f"| {attack} | {s['models']} | " + " | ".join(percent(c) for c in cells) + " |")
    facts = {**_generation(reproduction), **reproduction.how}
    lines += ["", *(f"- {name}: {value}" for name, value in facts.items())]
    return "\n".join(lines)
