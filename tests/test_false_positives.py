from importlib.util import find_spec

import keras
import numpy as np
import pytest
import tiny_models

from ssviz import false_positives as module
from ssviz.backend import BACKEND
from ssviz.false_positives import OUTPUTS, false_positives, table

pytestmark = pytest.mark.core

OTHER = {"tensorflow": "jax", "jax": "tensorflow"}[BACKEND]
HERE = {"threads": (), "backend": None}  # no other process
FOUR_CLASSES = [name for name in OUTPUTS if name != "top-5"]


@pytest.fixture(scope="module")
def samples():
    return {"some": tiny_models.vectors(20), "others": tiny_models.vectors(9, seed=2)}


@pytest.fixture(scope="module")
def rows(samples):
    """Every way to serve, once: two other processes."""
    return false_positives(tiny_models.dense(), samples, batch_sizes=(1, 7), threads=(1,), limit=10)


def test_every_way_kind_and_output_has_its_row(rows):
    ways = ["the same process again", "batches of 1", "batches of 7", "reloaded from its file", "one thread", OTHER]
    expected = [(way, kind, output) for way in ways for kind in ("some", "others") for output in FOUR_CLASSES]
    assert [(row.served, row.samples, row.output) for row in rows] == expected


def test_only_batches_of_one_are_limited(rows):
    asked = {(row.served, row.samples): row.queries for row in rows if row.note and row.alarms is not None}
    limited = {("batches of 1", "some"): 10}
    assert asked == {key: limited.get(key, {"some": 20, "others": 9}[key[1]]) for key in asked}


@pytest.mark.parametrize("output", FOUR_CLASSES)
@pytest.mark.parametrize("served", ["the same process again", "reloaded from its file"])
def test_the_same_engine_raises_no_alarm(rows, served, output):
    found = [row for row in rows if (row.served, row.output) == (served, output)]
    assert [(row.alarms, row.largest_difference) for row in found] == [(0, 0.0)] * 2


@pytest.mark.parametrize("served", ["batches of 1", "batches of 7", "one thread", OTHER])
def test_what_an_engine_rounds_differently_is_small(rows, served):
    measured = [row for row in rows if row.served == served and row.alarms is not None]
    assert bool(measured) == (served != OTHER or find_spec(OTHER) is not None)
    assert all(row.largest_difference < 1e-5 for row in measured)
    assert all(row.alarms == 0 for row in measured if row.output == "top-1")


def test_a_model_that_is_truly_different_raises_alarms(samples, monkeypatch):
    other = tiny_models.dense()
    other.get_layer("head").kernel.assign(-other.get_layer("head").kernel)
    monkeypatch.setattr(keras.saving, "load_model", lambda *_, **__: other)
    found = false_positives(tiny_models.dense(), samples, **HERE)
    alarms = {row.output: row.alarms for row in found if row.served.startswith("reloaded") and row.samples == "some"}
    assert alarms["top-1"] > 0
    assert alarms["p"] == 20
    assert alarms["p-dec-1"] <= alarms["p-dec-2"] <= alarms["p"]
    assert not any(row.alarms for row in found if row.served == "the same process again")


def test_a_missing_backend_is_not_measured_rather_than_silent(samples, monkeypatch):
    monkeypatch.setattr(module, "find_spec", lambda name: None)
    found = false_positives(tiny_models.dense(), samples, batch_sizes=(), threads=(), outputs=["top-1", "p"])
    found = [row for row in found if row.served == OTHER]
    assert [(row.queries, row.alarms, row.largest_difference) for row in found] == [(0, None, None)] * 4
    assert {row.note for row in found} == {f"not measured: {OTHER} is not installed"}
    assert table(found).isna().all(axis=None)


@keras.saving.register_keras_serializable(package="tests")
class OnlyHere(keras.layers.Layer):
    def call(self, x):
        return 2 * x


def test_a_process_that_fails_raises_with_its_message():
    model = tiny_models.dense(OnlyHere(), keras.layers.Dense(4, "softmax"))
    with pytest.raises(RuntimeError, match=r"(?s)could not serve.*OnlyHere"):
        false_positives(model, {"some": tiny_models.vectors()}, batch_sizes=(), threads=(2,), backend=None)


@pytest.mark.parametrize(
    ("changed", "error", "message"),
    [
        ({"samples": {}}, TypeError, "samples must map names"),
        ({"samples": tiny_models.vectors()}, TypeError, "samples must map names.*ndarray"),
        ({"samples": {"bad": np.full((2, 6), np.nan)}}, ValueError, r"samples\['bad'\] must be finite"),
        ({"batch_sizes": (0,)}, ValueError, "batch_sizes must be at least 1"),
        ({"threads": (0,)}, ValueError, "threads must be at least 1"),
        ({"limit": 0}, ValueError, "limit must be at least 1"),
        ({"backend": "torch"}, ValueError, "backend must be.*'torch'"),
        ({"outputs": ["best"]}, ValueError, "output must be a name"),
    ],
)
def test_what_does_not_fit_is_refused(changed, error, message):
    arguments = {"samples": {"some": tiny_models.vectors()}, **HERE, **changed}
    with pytest.raises(error, match=message):
        false_positives(tiny_models.dense(), **arguments)


def test_the_table_has_a_column_for_each_output(rows):
    frame = table(rows)
    assert list(frame.columns) == FOUR_CLASSES
    assert len(frame) == 12
    assert frame.loc["the same process again"].sum().sum() == 0
