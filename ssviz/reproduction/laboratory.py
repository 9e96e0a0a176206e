"""Making and measuring the parts of a reproduction: bags of samples, compromised models, what they answer."""

import hashlib
import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields, replace
from functools import cache, cached_property
from io import StringIO
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from ssviz import zoo
from ssviz.attacks import Attacked, Goal, Trigger
from ssviz.backend import keras
from ssviz.datasets import Dataset, cache_home, load_dataset
from ssviz.evaluation import manc_missing_rates, told_apart
from ssviz.false_positives import OUTPUTS
from ssviz.generation import generate
from ssviz.models import active_neurons, digest, probabilities
from ssviz.outputs import parse
from ssviz.reproduction.parts import Parts, code
from ssviz.reproduction.plan import BAG, BAGS, CASES, Plan, plans
from ssviz.samples import SensitiveSamples

N_S_MAX, SMALLEST = 40, 1e-8  # Table 5's
BAG_CODE = ("generation.py", "sensitivity.py", "samples.py")
MANC_CODE = ("coverage_odds.py", "manc.py", "models.py", "outputs.py", "evaluation.py")


@dataclass(frozen=True, eq=False)
class Measured:
    """What one compromised model answers, and what it did to accuracy.

    attack, seed: which one. facts: accuracy_before, accuracy_after, success, seconds, changed (text).
    natural: (outputs, n) bool, the natural test images that detect, by OUTPUTS.
    bag: (outputs, BAG) bool, the Sensitive-Samples that detect. probabilities: (BAG, r), its answers to them.
    manc: output -> (n_s,) missing rates of MANC on random halves of the bag.
    """

    attack: str
    seed: int
    facts: Mapping[str, Any]
    natural: np.ndarray
    bag: np.ndarray
    probabilities: np.ndarray
    manc: Mapping[str, np.ndarray]


@dataclass(frozen=True)
class Laboratory:
    """One data set with its model, and the parts made so far. Raises what load_dataset and load_model raise."""

    dataset: str
    parts: Parts

    @classmethod
    def open(cls, dataset: str, folder: Path | None = None) -> "Laboratory":
        """The laboratory of a data set of CASES; parts are kept in ``folder``, by default in the cache."""
        if dataset not in CASES:
            raise ValueError(f"dataset must be one of {', '.join(CASES)}; received {dataset!r}.")
        return cls(dataset, Parts((folder or cache_home() / "reproduction") / dataset))

    @cached_property
    def data(self) -> Dataset:
        """The data set."""
        return load_dataset(self.dataset)

    @cached_property
    def model(self) -> keras.Model:
        """The intact model."""
        return zoo.load_model(CASES[self.dataset].model)

    @cached_property
    def outputs(self) -> tuple[str, ...]:
        """Those of OUTPUTS that a model of so many classes can show."""
        return tuple(o for o in OUTPUTS if parse(o).k <= len(self.data.class_names))

    @cached_property
    def presentable(self) -> np.ndarray:
        """bool (n,), which of the bag's samples that were test images a figure may show."""
        _, labels = self.data.inputs("test", limit=BAG)
        return ~np.isin(labels, CASES[self.dataset].undrawn)

    def kept(self, kind: str, modules: tuple[str, ...], make: Callable[[], pd.DataFrame]) -> pd.DataFrame:
        """A data frame that depends on this model, this data and the code of ``modules``, made once."""
        how = {**self.source, "code": code(*modules)}
        arrays = self.parts.get(kind, how, lambda: {"csv": np.array(make().to_csv(index=False))})
        return pd.read_csv(StringIO(str(arrays["csv"])))

    @cached_property
    def source(self) -> dict[str, str]:
        """Digests of the model and of the data, for the configuration of a part."""
        return {"model": digest(self.model), "data": _data_digest(self.data)}

    def originals(self, count: int, skip: int = 0) -> np.ndarray:
        """(count, ...) natural inputs: test images in random order, then training images, then both mirrored."""
        images = []
        for split in ("test", "train"):
            images.append(self.data.inputs(split, limit=count + skip)[0])
            if sum(map(len, images)) >= count + skip:
                break
        else:
            images += [part[:, :, ::-1] for part in images]
        return np.concatenate(images)[skip : skip + count]

    @cache  # noqa: B019 - a laboratory lives as long as its process
    def bag(self, name: str = "ours") -> tuple[SensitiveSamples, float]:
        """The Sensitive-Samples of a recipe of BAGS, and the seconds that each took."""
        return self._made(BAGS[name])

    def generated(self, count: int, **options: Any) -> SensitiveSamples:
        """The Sensitive-Samples of ``originals(count)``, made once and kept; options: of ``generate``."""
        return self._made({"count": count, **options})[0]

    def _made(self, recipe: Mapping[str, Any]) -> tuple[SensitiveSamples, float]:
        def make() -> dict[str, np.ndarray]:
            options = dict(recipe)
            x0 = self.originals(options.pop("count"), options.pop("skip", 0))
            start = time.perf_counter()
            bag = generate(self.model, x0, batch_size=100, **options)
            if (bag.stopped == "interrupted").any():
                raise KeyboardInterrupt
            kept = {f.name: getattr(bag, f.name) for f in fields(bag) if f.name not in ("trajectory", "settings")}
            return {**kept, "settings": json.dumps(dict(bag.settings)), "seconds": time.perf_counter() - start}

        arrays = self.parts.get("bag", self._how_bag(recipe), make)
        seconds, settings = float(arrays.pop("seconds")), json.loads(str(arrays.pop("settings")))
        bag = SensitiveSamples(**arrays, trajectory=None, settings=settings)
        return bag, seconds / len(bag)

    def attacked(self, plan: Plan, seed: int) -> tuple[Attacked, dict[str, Any]]:
        """The compromised model of a plan and seed, and its facts."""

        def make() -> dict[str, np.ndarray]:
            options = dict(plan.options)
            if plan.of is not None:
                options["compromised"] = self.attacked(plans(self.dataset)[plan.of], seed)[0]
                options |= {"reference": self.model, "samples": self.bag("adversary's")[0]}
            else:
                options["model"] = self.model
            start = time.perf_counter()
            return _arrays(plan.attack(data=self.data, seed=seed, **options), time.perf_counter() - start)

        arrays = self.parts.get("attack", self.how(plan, seed), make)
        attacked = _attacked(arrays)
        return replace(attacked, attack=plan.name), json.loads(str(arrays["facts"]))

    def compromised(self, *names: str, seed: int = 0) -> list[Attacked]:
        """The compromised models of these attacks, made once and kept. Raises ValueError for a name not of plans()."""
        known = plans(self.dataset)
        unknown = [name for name in names if name not in known]
        if unknown:
            raise ValueError(f"attacks on {self.dataset} are {', '.join(known)}; received {', '.join(unknown)}.")
        return [self.attacked(known[name], seed)[0] for name in names]

    def measured(self, plan: Plan, seed: int) -> Measured:
        """What the compromised model of a plan and seed answers."""
        bag, _ = self.bag()
        how = {**self.how(plan, seed), "bag": self._how_bag(BAGS["ours"]), "measured": code(*MANC_CODE)}
        how["outputs"] = self.outputs

        def make() -> dict[str, np.ndarray]:
            attacked, facts = self.attacked(plan, seed)
            natural, suspect = (probabilities(attacked.model, x) for x in (self.data.inputs("test")[0], bag))
            by_output = {"natural": self.detections(natural), "bag": self.detections(suspect, "ours")}
            active = active_neurons(self.model, bag)
            rates = {
                f"manc {output}": manc_missing_rates(
                    detected, active, N_S_MAX if output == "top-1" else 3, bag_size=BAG // 2, stop_below=SMALLEST / 10
                ).value
                for output, detected in zip(self.outputs, by_output["bag"], strict=True)
            }
            return {**by_output, **rates, "probabilities": suspect, "facts": json.dumps(facts)}

        arrays = self.parts.get("measured", how, make)
        manc = {name.removeprefix("manc "): arrays[name] for name in arrays if name.startswith("manc ")}
        rest = {name: arrays[name] for name in ("natural", "bag", "probabilities")}
        return Measured(plan.name, seed, json.loads(str(arrays["facts"])), **rest, manc=manc)

    def answers(self, plan: Plan, seed: int, bag: str) -> np.ndarray:
        """(outputs, n) bool: which samples of another bag detect the compromised model of a plan and seed."""
        how = {**self.how(plan, seed), "bag": self._how_bag(BAGS[bag]), "outputs": self.outputs}

        def make() -> dict[str, np.ndarray]:
            suspect = probabilities(self.attacked(plan, seed)[0].model, self.bag(bag)[0])
            return {"detected": self.detections(suspect, bag)}

        return self.parts.get("answers", how, make)["detected"]

    def detections(self, suspect: np.ndarray, bag: str | None = None) -> np.ndarray:
        """(outputs, n) bool: which of a bag's samples, or of the natural test images, tell suspect (n, r) apart."""
        return np.stack([told_apart(self.reference(bag), suspect, output) for output in self.outputs])

    @cache  # noqa: B019
    def reference(self, bag: str | None = None) -> np.ndarray:
        """(n, r) probabilities of the intact model for a bag, or for the natural test images."""
        return probabilities(self.model, self.data.inputs("test")[0] if bag is None else self.bag(bag)[0])

    def _how_bag(self, recipe: Mapping[str, Any]) -> dict[str, Any]:
        return {**self.source, **recipe, "code": code(*BAG_CODE)}

    def how(self, plan: Plan, seed: int) -> dict[str, Any]:
        """What the compromised model of a plan and seed depends on, for the configuration of a part."""
        how = {**self.source, "attack": plan.name, "options": dict(plan.options), "seed": seed, "of": plan.of}
        if plan.of is not None:
            how |= {
                "the attack before": self.how(plans(self.dataset)[plan.of], seed),
                "bag": self._how_bag(BAGS["adversary's"]),
            }
        return {**how, "code": code("attacks")}


def _data_digest(data: Dataset) -> str:
    sha = hashlib.sha256()
    for array in (data.x_train, data.y_train, data.x_test, data.y_test):
        sha.update(np.ascontiguousarray(array))
    return sha.hexdigest()


def _arrays(attacked: Attacked, seconds: float) -> dict[str, np.ndarray]:
    """An attack's result as arrays; `_attacked` takes them back."""
    facts = {
        "accuracy_before": attacked.accuracy_before,
        "accuracy_after": attacked.accuracy_after,
        "success": attacked.success,
        "seconds": round(seconds, 1),
        "changed": {name: str(value) for name, value in attacked.changed.items()},
    }
    arrays = {f"weight {i:03d}": w for i, w in enumerate(attacked.model.get_weights())}
    arrays |= {"architecture": attacked.model.to_json(), "facts": json.dumps(facts)}
    if attacked.goal is not None:
        arrays["goal"] = json.dumps([attacked.goal.source, attacked.goal.target])
        if attacked.goal.trigger is not None:
            arrays |= {"mask": attacked.goal.trigger.mask, "pattern": attacked.goal.trigger.pattern}
    return arrays


def _attacked(arrays: Mapping[str, np.ndarray]) -> Attacked:
    model = keras.models.model_from_json(str(arrays["architecture"]))
    model.set_weights([arrays[name] for name in sorted(arrays) if name.startswith("weight ")])
    facts = json.loads(str(arrays["facts"]))
    trigger = Trigger(arrays["mask"], arrays["pattern"]) if "mask" in arrays else None
    goal = Goal(*json.loads(str(arrays["goal"])), trigger) if "goal" in arrays else None
    found = {name: facts[name] for name in ("accuracy_before", "accuracy_after", "success", "changed")}
    return Attacked("", model, **found, goal=goal)
