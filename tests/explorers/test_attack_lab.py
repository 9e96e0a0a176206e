"""The attack lab without a browser: lazily made attacks, sliders that only read, interruptions."""

import json
from typing import ClassVar

import numpy as np
import pytest

from ssviz.attacks import Trigger
from ssviz.datasets import Dataset
from ssviz.datasets.signs import render
from ssviz.explorers import AttackLab
from ssviz.explorers.attacks import NATURAL, SENSITIVE
from ssviz.explorers.base import PLOTLY_MIME
from ssviz.figures.attacks import FLOOR, scenes
from ssviz.reproduction.plan import CASES, plans
from ssviz.reproduction.strengths import strengths

CHEAP = ["arbitrary weights", "compression"]


class Workshop:
    """A laboratory in memory: the shipped network, a few rendered signs."""

    dataset = "signs"
    results: ClassVar[dict] = {}  # of all tests: each attack runs once

    def __init__(self, model, data):
        self.model, self.data, self.made, self.fail_at = model, data, [], None

    def attacked(self, plan, seed):
        if plan.name not in self.made:
            if len(self.made) == self.fail_at:
                self.fail_at = None
                raise KeyboardInterrupt
            self.made.append(plan.name)
        if plan.name not in self.results:
            options = {name: 0 if name == "epochs" else value for name, value in plan.options.items()}  # no retraining
            self.results[plan.name] = plan.attack(model=self.model, data=self.data, seed=seed, **options)
        return self.results[plan.name], {}


@pytest.fixture(scope="module")
def data():
    labels = np.repeat(np.arange(43), 2)
    names = tuple(f"class {i}" for i in range(43))
    return Dataset("signs", render(labels, seed=1), labels, render(labels, seed=2), labels, names)


@pytest.fixture(scope="module")
def shop(model, data):
    return Workshop(model, data)


@pytest.fixture
def explorer(shop, bag, images):
    return AttackLab(shop, bag, images, attacks=CHEAP)


def test_only_the_chosen_attack_is_made(model, data, bag, images):
    shop = Workshop(model, data)
    explorer = AttackLab(shop, bag, images, attacks=CHEAP)
    assert explorer.widget
    assert len(shop.made) == 5
    assert all("arbitrary" in name for name in shop.made)
    assert len(explorer.static_figure().layout.updatemenus[0].buttons) == 1  # nothing is made for a picture
    explorer.update(attack="compression")
    assert len(shop.made) == 9
    explorer.update(attack="arbitrary weights", strength=1)
    assert len(shop.made) == 9


def test_the_sliders_only_read(explorer, monkeypatch):
    assert explorer.widget
    result = explorer.sweep("arbitrary weights")
    monkeypatch.setattr("ssviz.explorers.attacks.attack_sweep", None)  # a call would raise
    explorer.update(strength=2, n_s=4)
    lines = explorer._figure.data
    assert [trace.x[0] for trace in lines[-3:]] == [2, 2, 2]
    np.testing.assert_allclose(lines[-4].y, np.maximum(result.missing[SENSITIVE][:, 3], FLOOR), rtol=1e-5)
    np.testing.assert_allclose(lines[-5].y, np.maximum(result.missing[NATURAL][:, 3], FLOOR), rtol=1e-5)
    assert f"<b>{result.labels[2]}</b>" in explorer.status.value
    assert f"<b>{result.accuracy[2]:.1%}</b>" in explorer.status.value
    assert "N_S = 4" in explorer.status.value


def test_another_attack_brings_its_own_strengths(explorer):
    assert explorer.widget
    explorer.controls["attack"].value = "compression"
    slider = explorer.controls["strength"]
    assert [label for label, _ in slider.options] == ["8", "6", "4", "2"]
    assert slider.value == 3
    assert explorer._figure.layout.xaxis.ticktext == ("8", "6", "4", "2")
    assert explorer._figure.layout.xaxis2.title.text == "bits for a weight"
    explorer.reset()
    assert (explorer.controls["attack"].value, slider.value) == ("arbitrary weights", 4)
    assert explorer._figure.layout.xaxis3.ticktext[-1] == "10,000"


def test_the_pictures_below_follow_the_strength(explorer):
    explorer.update(attack="compression", strength=0)
    weak = explorer._pictures.value
    explorer.update(strength=3)
    assert weak != explorer._pictures.value
    assert explorer._pictures.value.count("<img") == 6
    assert "→" in explorer._pictures.value  # 2 bits break the network


def test_an_interruption_keeps_what_is_made_and_choosing_again_goes_on(model, data, bag, images):
    shop = Workshop(model, data)
    explorer = AttackLab(shop, bag, images, attacks=CHEAP)
    assert explorer.widget
    shop.fail_at = 7  # two of the four strengths of compression
    explorer.controls["attack"].value = "compression"
    assert explorer.sweep("compression").labels == ("8", "6")
    assert "interrupted" in explorer.status.value
    explorer.controls["strength"].value = 0  # the slider does not go on by itself
    assert len(shop.made) == 7
    explorer.controls["attack"].value = "arbitrary weights"
    explorer.controls["attack"].value = "compression"
    assert explorer.sweep("compression").labels == ("8", "6", "4", "2")
    assert len(shop.made) == len(set(shop.made)) == 9


def test_an_interruption_before_the_first_strength_is_said(model, data, bag, images):
    shop = Workshop(model, data)
    explorer = AttackLab(shop, bag, images, attacks=CHEAP)
    assert explorer.widget
    shop.fail_at = 5
    explorer.controls["attack"].value = "compression"
    assert "InterruptedError: compression was interrupted" in explorer.status.value
    explorer.reset()
    assert "InterruptedError" not in explorer.status.value


def test_the_page_without_a_kernel_has_every_attack_and_a_slider(shop, bag, images):
    explorer = AttackLab(shop, bag, images, attacks=CHEAP, static=True)
    bundle = explorer._repr_mimebundle_()
    figure = bundle[PLOTLY_MIME]
    assert len(json.dumps(figure)) < 400_000
    assert "application/vnd.jupyter.widget-view+json" not in bundle
    (menu,), (slider,) = figure["layout"]["updatemenus"], figure["layout"]["sliders"]
    assert [button["label"] for button in menu["buttons"]] == CHEAP
    assert (len(slider["steps"]), slider["active"]) == (10, 2)
    per_attack = len(figure["data"]) // 2
    for number, button in enumerate(menu["buttons"]):
        visible = button["args"][0]["visible"]
        assert sum(visible) == per_attack - 1  # neither attack has a success to show
        assert not any(visible[i] for i in range(len(visible)) if i // per_attack != number)
    assert menu["buttons"][1]["args"][1]["xaxis2.title.text"] == "bits for a weight"
    assert all(len(frame["data"]) == len(frame["traces"]) == 4 for frame in figure["frames"])


def test_an_unknown_attack_is_refused(shop, bag):
    with pytest.raises(ValueError, match=r"attacks must be among trojan.*received flood"):
        AttackLab(shop, bag, attacks=["flood"])
    with pytest.raises(ValueError, match="attack must be one of compression; received 'trojan'"):
        AttackLab(shop, bag, attacks=["compression"], attack="trojan")


def test_the_attack_to_begin_with_is_the_only_one_made(shop, bag, images):
    explorer = AttackLab(shop, bag, images, attacks=["compression", "arbitrary weights"], attack="arbitrary weights")
    assert explorer._repr_mimebundle_()
    assert explorer.controls["attack"].value == "arbitrary weights"
    assert list(explorer._sweeps) == ["arbitrary weights"]


def test_every_control_has_a_label_and_a_tooltip(explorer):
    assert all(control.description and control.tooltip for control in explorer.controls.values())


@pytest.mark.parametrize("dataset", CASES)
def test_strengths_share_the_plans_of_the_other_notebooks(shop, dataset, monkeypatch):
    monkeypatch.setattr(shop, "dataset", dataset)
    known = plans(dataset)
    for profile in ("quick", "full"):
        found = strengths(shop, profile)
        assert {"error-generic poisoning", "compression", "arbitrary weights"} <= set(found)
        assert ("trojan" in found) == CASES[dataset].hidden
        for name, turned in found.items():
            keys = {(plan.name, repr(sorted(plan.options.items()))) for plan in turned.plans}
            assert len(keys) == len(turned.plans), name
            assert len(keys) >= 2, name
            shared = [p for p in turned.plans if p.name in known and dict(p.options) == dict(known[p.name].options)]
            assert shared, f"{name}: no strength is one that other notebooks use"


def test_strengths_grow(shop):
    full = strengths(shop, "full")
    sizes = [p.options["trigger"].mask.sum() for p in full["trojan"].plans if "trigger" in p.options]
    assert sizes == sorted(sizes)
    assert all(isinstance(p.options["trigger"], Trigger) for p in full["trojan"].plans if "trigger" in p.options)
    assert [p.options["bits"] for p in full["compression"].plans] == [8, 7, 6, 5, 4, 3, 2]
    with pytest.raises(ValueError, match="profile must be"):
        strengths(shop, "fast")


def test_a_sheet_of_scenes_names_every_answer(explorer, data):
    result = explorer.sweep("compression")
    figure = scenes([result.scenes[0], result.scenes[-1]], data.class_names, ["8 bits", "2 bits"], count=4)
    texts = [note.text for note in figure.layout.annotations]
    assert len(figure.data) == 8
    assert {"8 bits", "2 bits"} <= set(texts)
    assert any(text.startswith("→") for text in texts)
