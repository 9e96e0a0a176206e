"""The certificate's tables on a tiny laboratory: shares are the certificate's, the model agrees, sections read them."""

from types import MappingProxyType, SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import tiny_models as tiny
from keras import Sequential, layers

from ssviz.certificate import certificate
from ssviz.evaluation import missing_rate
from ssviz.models import logits_and_features
from ssviz.reproduction import TARGETS, certificates, certificates_shown
from ssviz.reproduction.waking import woken

X = tiny.vectors(60)


def classifier():
    """Vectors of 6 in [0, 1], with ties of all four classes among them."""
    hidden = [layers.Rescaling(8.0, -4.0), layers.Dense(16, "relu", name="hidden")]
    return tiny.fill(Sequential([layers.Input((6,)), *hidden, layers.Dense(4, "softmax", name="head")]))


def inputs(split, limit=None):
    return X[:limit], np.zeros(len(X), int)


class Lab:
    """What the functions use of a Laboratory."""

    dataset = "signs"
    model = classifier()
    source = MappingProxyType({})
    parts = SimpleNamespace(get=lambda kind, how, make: make())
    data = SimpleNamespace(class_names=list("abcd"), inputs=inputs)

    def bag(self, name="ours"):
        return SimpleNamespace(samples=X[:40]), 0.0

    def originals(self, count, skip=0):
        return np.resize(X, (count + skip, 6))[skip:]

    def kept(self, kind, modules, make):
        return make()


@pytest.fixture(scope="module", autouse=True)
def small():
    with pytest.MonkeyPatch.context() as patch:
        for name, value in {"NEAREST": 12, "PAIRS": 24, "ROUNDS": 2, "WOKEN": 4, "TRIED": 40, "QUERIED": 6}.items():
            patch.setattr(certificates, name, value)
        yield


@pytest.fixture(scope="module")
def lab():
    return Lab()


@pytest.fixture(scope="module")
def certified(lab):
    return certificates.certified(lab)


def test_every_pool_and_choice_is_there_and_shares_are_the_certificates(lab, certified):
    assert list(dict.fromkeys(certified.pool)) == [
        certificates.BAG, certificates.NEAR, certificates.FINE, certificates.EVERY, certificates.AWAKE
    ]  # fmt: skip
    found = certificate(lab.model, lab.bag()[0])
    order = found.choose(40, certificates.RELATIVE)
    mine = certified[(certified.pool == certificates.BAG) & (certified.choice == certificates.OURS)]
    covered, one_way = found[order].covered(0.1), found[order].found(0.1)
    np.testing.assert_allclose(mine.both, 100 * covered[mine.n_s - 1])
    np.testing.assert_allclose(mine["one way"], 100 * one_way[mine.n_s - 1])
    assert (certified.groupby(["pool", "choice"]).both.diff().dropna() >= -1e-9).all()
    last = certified.groupby(["pool", "choice"], sort=False).last()
    np.testing.assert_allclose(last.loc[certificates.BAG].both, last.loc[certificates.BAG].both.iloc[0])
    assert (last["one way"] >= last.both).all()
    assert (last.wider >= last.both - 1e-9).all()


def test_a_milestone_is_a_row(certified):
    for _, mine in certified.groupby(["pool", "choice"]):
        for share in certificates.MILESTONES:
            first = mine[mine.both >= 100 * share]
            before = mine[mine.n_s == (first.n_s.iloc[0] - 1 if len(first) else -1)]
            assert (before.both < 100 * share).all()


def test_the_model_agrees_with_the_certificate(lab):
    rows = certificates.brute_force(lab)
    assert rows["beyond rounding"].sum() == 0
    by = rows.set_index(["change", "value"]).detected
    assert by["factor", 0.9] == 0
    assert by["factor", 1.1] == certificates.TRIED
    assert by["size", 3.0] >= by["size", 0.1]


def test_a_certificate_that_is_wrong_is_caught(lab, monkeypatch):
    class Wrong(certificates.Certificate):
        @property
        def up(self):
            return 2 * super().up

    def wrong(model, samples):
        right = certificate(model, samples)
        return Wrong(right.features, right.logits, right.spread, right.has_bias, right.margin)

    monkeypatch.setattr(certificates, "certificate", wrong)
    assert certificates.brute_force(lab)["beyond rounding"].sum() > 20


def test_single_weights_are_found_as_often_as_random_samples_say(lab, monkeypatch):
    monkeypatch.setattr(certificates, "QUERIES", np.array([1, 2, 4, 8]))
    rows = certificates.single_weight(lab)
    found = certificate(lab.model, lab.bag()[0])
    mine = rows[(rows.fingerprint == "Sensitive-Samples, random") & (rows["size"] == 1.0)]
    each = np.stack([found[i].detected(1.0).ravel() for i in range(40)], axis=1)
    np.testing.assert_allclose(mine.found, 100 * (1 - missing_rate(each, np.array([1, 2, 4, 8])).mean(axis=0)))
    assert (rows["found, reached"] >= rows.found - 1e-9).all()
    pairs = rows[rows.fingerprint == "pairs, random"]
    assert (pairs.groupby("size").found.diff().dropna() >= 0).all()
    section = certificates_shown.section_single_weight("signs", rows)
    assert "| 300% of the spread | pairs, random |" in section.markdown


def test_sections_say_how_many_samples(certified):
    section = certificates_shown.section_certificate("signs", certified)
    assert section.markdown.count("| **certificate** |") == 5
    mine = certified[(certified.pool == certificates.NEAR) & (certified.choice == certificates.OURS)]
    reached = mine[mine.both >= 50]
    line = next(ln for ln in section.markdown.splitlines() if ln.startswith("| pairs |") and "certificate" in ln)
    assert f"| {reached.n_s.iloc[0]} |" in line if len(reached) else "| – |" in line
    gone = pd.DataFrame({"pool": ["x"], "of": [0], "choice": ["certificate"], "n_s": [0]})
    assert "| x |" not in certificates_shown.section_certificate("signs", pd.concat([certified, gone])).markdown
    check = pd.DataFrame([{"change": "factor", "value": 0.9, "tried": 5, "detected": 0, "disagreements": 0,
                           "beyond rounding": 0}])  # fmt: skip
    assert "| 0.9 times the smallest detected change | 5 |" in certificates_shown.section_check("signs", check).markdown
    assert {"certificate", "certificate-check", "single-weight"} <= set(TARGETS)


def test_woken_inputs_wake_more_neurons_inside_the_bounds():
    model, x0 = classifier(), X[:6]
    x = woken(model, x0, np.ones(16), itr_max=60, lr=0.02)
    before, after = ((logits_and_features(model, each)[1] > 0).sum() for each in (x0, x))
    assert after > before
    assert x.dtype == np.float32
    assert 0 <= x.min() < x.max() <= 1
    np.testing.assert_array_equal(model.layers[-2].activation.__name__, "relu")
    only = tiny.fill(Sequential([layers.Input((6,)), layers.Dense(4, "softmax")]))
    with pytest.raises(ValueError, match="model must have a hidden layer"):
        woken(only, x0, np.ones(6))
