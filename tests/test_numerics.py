"""Other numerics: what really computes in them, how little they move, and pairs that stand it."""

import json
import zipfile
from dataclasses import replace
from itertools import pairwise

import keras
import numpy as np
import pytest
import tiny_models

from ssviz import numerics, runtimes
from ssviz.backend import BACKEND
from ssviz.fingerprint import Fingerprint
from ssviz.models import probabilities, recorded_calls
from ssviz.numerics import SETTINGS, gap_for, lead, noise, served, settings_of, steady
from ssviz.pairs import straddle

pytestmark = pytest.mark.core
X = tiny_models.vectors(40)
HERE = {
    name: setting for name, setting in SETTINGS.items() if not (setting.runtime or setting.backend or setting.threads)
}


@pytest.fixture(scope="module")
def model():
    return tiny_models.fill(tiny_models.dense(), seed=1)  # seed 0 has one class for all


@pytest.fixture
def here(monkeypatch):
    """Only the settings that need no other process."""
    monkeypatch.setattr(numerics, "SETTINGS", HERE)


def dtypes(model, x):
    with recorded_calls() as calls:
        model(x[:2], training=False)
    return {call.layer.name: keras.backend.standardize_dtype(call.outputs.dtype) for call in calls if call.is_leaf}


@pytest.mark.parametrize(
    ("make", "x", "dtype"),
    [
        (tiny_models.nested, X, "float16"),
        (tiny_models.nested_head, X, "bfloat16"),
        (tiny_models.convolutional, tiny_models.images(), "bfloat16"),
    ],
)
def test_a_cast_copy_computes_in_the_dtype_with_the_same_weights(make, x, dtype):
    model = make()
    before = model.get_weights()
    copy = runtimes.cast(model, dtype)
    assert set(dtypes(copy, x).values()) == {dtype}
    assert set(dtypes(model, x).values()) == {"float32"}
    for mine, its, old in zip(model.get_weights(), copy.get_weights(), before, strict=True):
        np.testing.assert_array_equal(mine, old)
        np.testing.assert_array_equal(its, old.astype(its.dtype))


def test_the_last_layer_can_stay_in_float32_and_what_follows_it_too():
    layers = keras.layers
    model = tiny_models.dense(layers.Dense(4, name="head"), layers.Softmax(name="softmax"))
    found = dtypes(runtimes.cast(model, "float16", last=False), X)
    assert found == {"hidden": "float16", "head": "float32", "softmax": "float32"}


def test_a_model_that_cannot_be_cast_is_refused():
    model = tiny_models.subclassed()
    with pytest.raises(ValueError, match=f"'{model.name}' cannot be copied from its configuration"):
        runtimes.cast(model, "float16")
    with pytest.raises(ValueError, match='dtype must be "float16" or "bfloat16"; received \'int4\''):
        runtimes.cast(tiny_models.dense(), "int4")


def test_a_lead_is_a_difference_of_logits_where_it_is_known():
    z = np.array([[3.0, 1.0, 2.5], [0.0, 5.0, 1.0], [200.0, 0.0, 0.0]])
    p = tiny_models.softmax(z).astype(np.float32)
    np.testing.assert_allclose(lead(p, np.array([0, 0, 0])), [0.5, -5, np.nan], rtol=1e-5)


def test_coarser_numerics_move_a_lead_further(model):
    largest = [np.nanmax(noise(model, X, name)) for name in ("batches of 7", "float16", "bfloat16")]
    assert largest[0] < 1e-5 < 1e-4 < largest[1] < largest[2] < 0.1


def test_every_setting_can_be_had_in_other_batches(model, monkeypatch):
    sizes = []
    monkeypatch.setattr(numerics, "in_batches", lambda f, x, size: sizes.append(size) or probabilities(model, x))
    for name in ("float16", "float16, batches of 9", "bfloat16, last layer float32, batches of 1"):
        numerics.answers(model, X, name)
    assert sizes == [256, 9, 1]
    np.testing.assert_allclose(numerics.answers(model, X, "batches of 3"), probabilities(model, X), atol=1e-6)
    for name in ("batches of 0", "batches of many", "float8, batches of 3", "float16batches of 3"):
        with pytest.raises(ValueError, match="setting must be one of"):
            numerics.answers(model, X, name)


def test_weights_that_changed_since_are_served(model):
    before = numerics.answers(model, X, "float16")
    other = tiny_models.fill(tiny_models.dense(), seed=1)
    numerics.answers(other, X, "float16")
    other.get_layer("head").kernel.assign(-other.get_layer("head").kernel)
    assert np.abs(numerics.answers(other, X, "float16") - before).max() > 0.1
    np.testing.assert_allclose(numerics.answers(other, X, "float16"), probabilities(other, X), atol=1e-2)


def test_logits_get_their_softmax():
    model = tiny_models.dense(keras.layers.Dense(4))
    with pytest.warns(UserWarning, match="returns logits"):
        p = numerics.answers(model, X, "bfloat16")
    np.testing.assert_allclose(p.sum(1), 1, atol=2e-2)


def test_another_process_serves_in_a_setting_and_converters_change_next_to_nothing(model):
    """One other process for the other backend's settings; the converters run with TensorFlow."""
    names = [n for n in ("other backend", "float16, other backend", "TFLite", "ONNX") if not SETTINGS[n].missing]
    if not names:
        pytest.skip("no other engine is installed")
    found, intact = served(model, X, names), probabilities(model, X)
    assert list(found) == names
    moved = {name: np.abs(p - intact).max() for name, p in found.items()}
    assert all(0 < size < 1e-5 for name, size in moved.items() if "float16" not in name), moved
    assert all(1e-5 < size < 1e-2 for name, size in moved.items() if "float16" in name), moved


# --- pairs and fingerprints


def test_a_fingerprint_with_the_gap_of_its_tolerance_raises_no_alarm_and_one_without_does(model, here, tmp_path):
    gap = gap_for(model, X, tolerance="float16")
    pairs = straddle(model, X, gap=gap, progress=False)
    assert numerics.LEAST < gap < 0.1
    assert len(pairs) > 20
    print_ = Fingerprint.from_model(model, pairs, tolerance="float16")
    assert (print_.tolerance, print_.how["served as"]) == ("float16", settings_of("float16"))
    assert 0.8 * gap <= print_.gap <= gap
    print_.save(tmp_path / "f.zip")
    loaded = Fingerprint.load(tmp_path / "f.zip")
    assert (loaded.gap, loaded.tolerance, loaded.how["served as"]) == (print_.gap, "float16", print_.how["served as"])
    assert "for serving in float16" in repr(loaded)

    def half(x):
        return numerics.answers(model, x, "float16").argmax(axis=1)

    assert loaded.verify(half, stop_at_first=False).status == "intact"
    close = straddle(model, X, gap=1e-5, progress=False)
    assert Fingerprint.from_model(model, close).verify(half, stop_at_first=False).status == "tampered"
    with pytest.raises(ValueError, match=r"no alarm while the intact model is served in float16, but \d+ of .*gap_for"):
        Fingerprint.from_model(model, close, tolerance="float16")
    kept = close[steady(model, close, "float16").reshape(-1, 2).all(axis=1)]
    assert len(kept) < len(close)


def test_a_change_is_found_and_the_verdict_says_what_does_not_explain_it(model, here):
    pairs = straddle(model, X, gap=gap_for(model, X, tolerance="float16"), progress=False)
    print_ = Fingerprint.from_model(model, pairs, tolerance="float16")
    other = tiny_models.fill(tiny_models.dense(), seed=1)
    other.get_layer("head").bias.assign([0.5, -0.5, 0.3, -0.3])
    verdict = print_.verify(other)
    assert verdict.status == "tampered"
    assert "serving the model in float16 changes none" in verdict.reason


def test_a_file_from_before_there_was_a_tolerance_still_loads(model, tmp_path):
    Fingerprint.from_model(model, X).save(tmp_path / "new.zip")
    with zipfile.ZipFile(tmp_path / "new.zip") as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    manifest = json.loads(members["manifest.json"])
    assert manifest.pop("gap") > 0
    assert manifest.pop("tolerance") is None
    members["manifest.json"] = json.dumps(manifest).encode()
    with zipfile.ZipFile(tmp_path / "old.zip", "w") as archive:
        for name, blob in members.items():
            archive.writestr(name, blob)
    old = Fingerprint.load(tmp_path / "old.zip")
    assert (old.gap, old.tolerance) == (None, None)
    assert old.verify(model)


def test_a_gap_that_is_none_is_refused(model):
    print_ = Fingerprint.from_model(model, X)
    with pytest.raises(ValueError, match="gap must be finite and not negative, in logits, or None; received -1"):
        replace(print_, gap=-1)


# --- what does not fit


def test_what_is_not_installed_is_left_out_and_asking_for_it_is_refused(model, monkeypatch):
    monkeypatch.setattr(numerics, "find_spec", lambda name: name == BACKEND)
    assert "ONNX" not in settings_of("float32")
    assert "other backend" not in settings_of("int8")
    if BACKEND == "jax":
        with pytest.raises(ValueError, match="tolerance 'int8' has no setting that can run here"):
            gap_for(model, X, tolerance="int8")
    with pytest.raises(ModuleNotFoundError, match=r"'ONNX' needs .*onnxruntime.*ssviz\[convert\]"):
        served(model, X, ["ONNX"])


def test_what_a_tolerance_covers_grows():
    covered = [settings_of(tolerance) for tolerance in numerics.TOLERANCES]
    assert all(set(finer) < set(coarser) for finer, coarser in pairwise(covered))
    assert covered[0][:2] == ["batches of 1", "batches of 7"]
    assert "TFLite, int8" not in covered[-1]


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda m: noise(m, X, "float8"), "setting must be one of batches of 1; .*received 'float8'"),
        (lambda m: steady(m, X, "float64"), "tolerance must be one of float32, .*received 'float64'"),
        (lambda m: Fingerprint.from_model(m, X, tolerance="half"), "tolerance must be one of .*received 'half'"),
        (
            lambda m: gap_for(m, X, tolerance="float16", safety=0),
            "safety must be at least 1 and finite; received 0",
        ),
        (lambda m: gap_for(m, X, tolerance="bfloat16", safety=1e4), "would need a gap of .*pairs have at most 1"),
        (lambda m: runtimes.converted(m, "Core ML", X), "runtime must be one of TFLite, .*received 'Core ML'"),
    ],
)
def test_what_does_not_fit_is_refused(model, here, call, message):
    with pytest.raises(ValueError, match=message):
        call(model)
