"""What is finished is kept, and is made again only where something it depends on has changed."""

import numpy as np
import pytest
import tiny_models

from ssviz import attacks
from ssviz.attacks import Attacked, Goal, Trigger
from ssviz.reproduction import laboratory
from ssviz.reproduction.laboratory import Laboratory, _arrays, _attacked
from ssviz.reproduction.parts import Parts, code
from ssviz.reproduction.plan import CASES, plans


@pytest.fixture
def made(tmp_path):
    """Parts, and a function that counts how often it had to make them."""
    calls = []

    def make():
        calls.append(1)
        return {"x": np.arange(3), "words": np.array("a, b")}

    return Parts(tmp_path / "parts"), make, calls


def test_a_part_is_made_once(made):
    parts, make, calls = made
    first, second = (parts.get("bag", {"count": 3, "options": {"b": 1, "a": 2}}, make) for _ in range(2))
    assert len(calls) == 1
    assert sorted(first) == sorted(second) == ["words", "x"]
    np.testing.assert_array_equal(first["x"], second["x"])
    assert str(second["words"]) == "a, b"


@pytest.mark.parametrize("other", [("attack", {"count": 3}), ("bag", {"count": 4}), ("bag", {"count": 3, "k": None})])
def test_another_kind_or_configuration_is_another_part(made, other):
    parts, make, calls = made
    parts.get("bag", {"count": 3}, make)
    parts.get(*other, make)
    assert len(calls) == 2


@pytest.mark.parametrize("damage", [b"", b"not a zip file", None])
def test_a_damaged_part_is_made_again(made, damage):
    parts, make, calls = made
    parts.get("bag", {}, make)
    path = parts.path("bag", {})
    path.write_bytes(path.read_bytes()[:-40] if damage is None else damage)
    assert parts.get("bag", {}, make)["x"].tolist() == [0, 1, 2]
    assert len(calls) == 2


def test_an_interrupted_part_leaves_nothing(made):
    parts, _, _ = made

    def interrupted():
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        parts.get("bag", {}, interrupted)
    assert not parts.folder.exists() or not list(parts.folder.iterdir())


def test_the_key_follows_the_code():
    assert code("attacks") == code("attacks")
    assert code("attacks") != code("generation.py")


def test_a_compromised_model_comes_back_as_it_was():
    model, x = tiny_models.convolutional(), tiny_models.images()
    trigger = Trigger.sticker((6, 6, 2), 2)
    before = Attacked("trojan", model, 0.9, 0.8, 1.0, {"target": "a", "trigger": trigger}, Goal(None, 2, trigger))
    after = _attacked(_arrays(before, 1.25))
    np.testing.assert_array_equal(np.asarray(after.model(x)), np.asarray(model(x, training=False)))
    assert (after.accuracy_before, after.accuracy_after, after.success) == (0.9, 0.8, 1.0)
    assert (after.goal.source, after.goal.target) == (None, 2)
    np.testing.assert_array_equal(after.goal.trigger.mask, trigger.mask)
    np.testing.assert_array_equal(after.goal.trigger.pattern, trigger.pattern)


def test_samples_are_generated_once(tmp_path, monkeypatch):
    first = Laboratory.open("signs", tmp_path).generated(6, itr_max=3)
    np.testing.assert_array_equal(first.originals, Laboratory.open("signs").originals(6))
    monkeypatch.setattr(laboratory, "generate", None)  # a call would raise
    again = Laboratory.open("signs", tmp_path).generated(6, itr_max=3)
    for name in ("samples", "originals", "sensitivity", "snr"):
        np.testing.assert_array_equal(getattr(again, name), getattr(first, name))
    assert dict(again.settings) == dict(first.settings)
    with pytest.raises(TypeError):
        Laboratory.open("signs", tmp_path).generated(6, itr_max=4)  # others are made


@pytest.mark.parametrize("dataset", CASES)
def test_every_data_set_has_the_papers_attacks(dataset):
    listed = plans(dataset)
    wanted = {"error-generic poisoning", "error-specific poisoning", "compression to 8 bits"}
    wanted |= {"error-generic poisoning (fine-tuned)", "error-specific poisoning (fine-tuned)"}
    assert wanted <= set(listed)
    assert ("trojan" in listed) == CASES[dataset].hidden
    assert sum(name.startswith("arbitrary weights") for name in listed) == 2
    assert set(CASES[dataset].options) <= set(listed)
    for plan in listed.values():
        assert plan.attack in vars(attacks).values()
        assert plan.of is None or plan.of in listed
