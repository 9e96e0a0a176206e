import hashlib
import io
import json
import pickle
import zipfile

import keras
import numpy as np
import pytest

from ssviz.fingerprint import Fingerprint, FingerprintError
from ssviz.outputs import parse

pytestmark = pytest.mark.core

N, CLASSES = 6, 4
OUTPUTS = ["top-1", "top-3", "p-dec-2", "top-1-p-dec-2", "p", "top-2-p"]


def images(channels=3, n=N, seed=0):
    pixels = np.random.default_rng(seed).integers(0, 256, (n, 5, 4, channels), dtype=np.uint8)
    return pixels.astype(np.float32) / 255


def intact(x):
    """An endpoint: probabilities of a fixed linear classifier."""
    x = np.asarray(x, np.float32).reshape(len(x), -1)
    z = np.stack([row @ np.random.default_rng(1).normal(size=(x.shape[1], CLASSES)) for row in x])
    p = np.exp(z - z.max(1, keepdims=True))
    return (p / p.sum(1, keepdims=True)).astype(np.float32)


def fingerprint(samples=None, output="top-1", **fields):
    samples = images() if samples is None else samples
    output = parse(output)
    given = {
        "samples": samples,
        "expected": output.answer(intact(samples)),
        "output": output,
        "classes": CLASSES,
        "model_digest": "ab" * 32,
        "created": "2025-11-22",
    }
    return Fingerprint(**given | fields)


class Endpoint:
    """An intact endpoint, except for the samples (counted as they come) that `wrong` maps to a deed."""

    def __init__(self, wrong=None):
        self.wrong, self.sent = wrong or {}, 0

    def __call__(self, x):
        p = intact(x)
        for i in range(len(x)):
            deed = self.wrong.get(self.sent)
            self.sent += 1
            if isinstance(deed, BaseException):
                raise deed
            if deed is not None:
                p = deed(p, i)
        return p


def flip(p, i):
    p[i] = np.roll(p[i], 1)
    return p


# --- verdicts


@pytest.mark.parametrize("output", OUTPUTS)
@pytest.mark.parametrize("stop_at_first", [True, False])
def test_the_intact_endpoint_is_intact(output, stop_at_first):
    verdict = fingerprint(output=output).verify(Endpoint(), stop_at_first=stop_at_first)
    assert verdict
    assert (verdict.status, verdict.queries, verdict.n, verdict.mismatches) == ("intact", N, N, ())
    assert verdict.first is None
    assert str(verdict) == f"INTACT after {N} of {N} queries: every answer is the model's own"


@pytest.mark.parametrize("output", OUTPUTS)
def test_one_answer_that_differs_is_tampering_and_ends_the_queries(output):
    verdict = fingerprint(output=output).verify(endpoint := Endpoint({2: flip, 4: flip}))
    assert not verdict
    assert (verdict.status, verdict.queries, verdict.mismatches) == ("tampered", 3, (2,))
    assert endpoint.sent == 3
    assert verdict.first.index == 2
    assert parse(output).same(verdict.first.expected, verdict.first.received).tolist() == [False]
    assert "TAMPERED after 3 of 6 queries: sample 2: expected label" in str(verdict)


@pytest.mark.parametrize("output", OUTPUTS)
def test_the_mismatch_is_told_in_the_form_of_the_output(output):
    fg = fingerprint(output=output)
    first = fg.verify(Endpoint({0: flip})).first
    flipped = fg.output.answer(flip(intact(fg.samples[:1]), 0))
    assert str(first) == f"sample 0: expected {fg.expected[:1]}, received {flipped}"


def test_all_samples_are_sent_in_one_batch_if_not_stopping():
    batches = []

    def predict(x):
        batches.append(len(x))
        return flip(flip(intact(x), 1), 4)

    verdict = fingerprint().verify(predict, stop_at_first=False)
    assert batches == [N]
    assert (verdict.status, verdict.queries, verdict.mismatches) == ("tampered", N, (1, 4))
    assert verdict.first.index == 1


def test_batches_are_of_the_size_asked_for():
    batches = []
    fingerprint().verify(lambda x: batches.append(len(x)) or intact(x), batch_size=4)
    assert batches == [4, 2]
    with pytest.raises(ValueError, match="batch_size must be at least 1"):
        fingerprint().verify(intact, batch_size=0)


FAILURES = {
    "raises": ConnectionError("connection refused"),
    "NaN": lambda p, i: p * np.nan,
    "too many answers": lambda p, i: np.concatenate([p, p]),
    "no answer": lambda p, i: p[:0],
    "another number of classes": lambda p, i: p[:, :-1],
    "None": lambda p, i: None,
    "an error page": lambda p, i: "<html>",
    "logits": lambda p, i: p * 100,
    "a label out of range": lambda p, i: np.full(len(p), CLASSES),
}


@pytest.mark.parametrize("deed", FAILURES.values(), ids=FAILURES)
def test_a_failing_endpoint_is_neither_intact_nor_tampered(deed):
    verdict = fingerprint().verify(endpoint := Endpoint({3: deed}))
    assert (verdict.status, bool(verdict)) == ("inconclusive", False)
    assert (verdict.queries, endpoint.sent) == (4, 4)
    assert "query 4 of 6 failed" in verdict.reason
    assert verdict.mismatches == ()


@pytest.mark.parametrize("deed", FAILURES.values(), ids=FAILURES)
def test_tampering_seen_before_the_failure_stands(deed):
    endpoint = Endpoint({1: flip, 3: deed})
    verdict = fingerprint().verify(endpoint, stop_at_first=False, batch_size=1)
    assert (verdict.status, verdict.queries, verdict.mismatches) == ("tampered", 4, (1,))
    assert "query 4 of 6 failed" in verdict.reason


def test_interrupting_is_no_verdict():
    with pytest.raises(KeyboardInterrupt):
        fingerprint().verify(Endpoint({1: KeyboardInterrupt()}))


def test_an_endpoint_cannot_change_the_samples():
    fg = fingerprint()
    before = fg.samples.copy()

    def greedy(x):
        answer = intact(x)
        x[:] = 0
        return answer

    assert fg.verify(greedy, stop_at_first=False)
    np.testing.assert_array_equal(fg.samples, before)


def test_answers_that_agree_with_every_label_prove_nothing():
    verdict = fingerprint().verify(lambda x: np.full((len(x), CLASSES), 1 / CLASSES))
    assert verdict.status == "inconclusive"
    assert "tie" in verdict.reason


def test_one_tie_among_clear_answers_is_intact_and_said():
    def tie(p, i):
        p[i] = 1 / CLASSES
        return p

    verdict = fingerprint().verify(Endpoint({2: tie}))
    assert verdict.status == "intact"
    assert "1 of 6 are ties" in verdict.reason


# --- from a Keras model


@pytest.fixture(scope="module")
def model():
    keras.utils.set_random_seed(0)
    layers = [keras.layers.Input((5, 4, 3)), keras.layers.Flatten(), keras.layers.Dense(CLASSES)]
    return keras.Sequential([*layers, keras.layers.Softmax()])


@pytest.mark.parametrize("output", OUTPUTS)
def test_a_model_is_intact_until_a_weight_changes(model, output, tmp_path):
    Fingerprint.from_model(model, images(), output).save(tmp_path / "fg.zip")
    fg = Fingerprint.load(tmp_path / "fg.zip")
    assert fg.verify(model)
    assert fg.verify(lambda x: model(x))
    changed = keras.models.clone_model(model)
    kernel, bias = model.get_weights()
    changed.set_weights([-kernel, bias])
    assert fg.verify(changed).status == "tampered"


def test_from_model_takes_settings_along_and_says_what_it_is(model):
    class Samples:
        samples = images() * 2 - 1
        settings = {"bounds": (-1, 1), "lr": 1e-3}  # noqa: RUF012

    fg = Fingerprint.from_model(model, Samples())
    assert (fg.bounds, fg.how["lr"], fg.preprocessing) == ((-1.0, 1.0), 1e-3, "float32 in [-1, 1]")
    assert (len(fg), fg.classes, fg.output.name, len(fg.model_digest)) == (N, CLASSES, "top-1", 64)
    assert "6 samples of 5x4x3, output top-1, 4 classes" in repr(fg)
    assert Fingerprint.from_model(model, images(), how={"by": "hand"}).how == {"by": "hand"}


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"samples": images() * 255}, r"lie in \[0, 1\].*max=255.*Divide by 255"),
        ({"samples": images().astype(float)}, "float32.*float64"),
        ({"samples": images() * np.float32(np.nan)}, r"lie in \[0, 1\]"),
        ({"samples": images()[:3]}, "expected must hold 3 answers; received 6"),
    ],
)
def test_parts_that_do_not_fit(fields, message):
    with pytest.raises(ValueError, match=message):
        Fingerprint(**vars(fingerprint()) | fields)


# --- the file


def off_grid(seed=3):
    return np.random.default_rng(seed).random((N, 5, 4, 3), dtype=np.float32)


SAMPLES = {
    "colour": images(),
    "grey": images(1),
    "two channels": images(2),
    "off the grid": off_grid(),
    "vectors": off_grid().reshape(N, -1),
    "one sample off": np.concatenate([images(n=N - 1), off_grid()[:1]]),
    "minus zero": np.where(images() < 0.2, np.float32(-0.0), images()),
    "all grey levels": np.tile(np.arange(256, dtype=np.float32).reshape(1, 16, 16, 1) / 255, (2, 1, 1, 1)),
}


def saved(tmp_path, **fields):
    path = tmp_path / "fg.zip"
    fingerprint(**fields).save(path)
    return path


@pytest.mark.parametrize("samples", SAMPLES.values(), ids=SAMPLES)
@pytest.mark.parametrize("output", OUTPUTS)
def test_what_is_loaded_is_what_was_saved_to_the_bit(samples, output, tmp_path):
    fg = fingerprint(samples, output, how={"lr": np.float32(0.001), "layers": ["fc"]}, preprocessing={"scale": 255})
    fg.save(tmp_path / "fg.zip")
    back = Fingerprint.load(tmp_path / "fg.zip")
    for a, b in [
        (fg.samples, back.samples),
        (fg.expected.labels, back.expected.labels),
        (fg.expected.probabilities, back.expected.probabilities),
    ]:
        if a is None:
            assert b is None
        else:
            assert (a.dtype, a.shape, a.tobytes()) == (b.dtype, b.shape, b.tobytes())
    for name in ("output", "classes", "model_digest", "created", "bounds", "preprocessing"):
        assert getattr(back, name) == getattr(fg, name)
    assert back.how == {"lr": float(np.float32(0.001)), "layers": ["fc"]}
    assert back.verify(intact)


@pytest.mark.parametrize(("kind", "png"), [("colour", True), ("grey", True), ("two channels", False)])
def test_images_on_the_grid_are_png(kind, png, tmp_path):
    with zipfile.ZipFile(saved(tmp_path, samples=SAMPLES[kind])) as archive:
        assert ("samples/00000.png" in archive.namelist()) == png
        assert ("samples.npy" in archive.namelist()) != png


def test_equal_fingerprints_are_equal_files(tmp_path):
    first = saved(tmp_path).read_bytes()
    assert saved(tmp_path).read_bytes() == first


def test_what_is_no_json_is_refused_and_leaves_no_file(tmp_path):
    with pytest.raises(TypeError, match="how and preprocessing must be JSON; received a set"):
        fingerprint(how={"labels": {1, 2}}).save(tmp_path / "fg.zip")
    assert list(tmp_path.iterdir()) == []


def rewritten(path, change):
    """The zip at `path` after change(members), a dictionary name -> bytes."""
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    change(members)
    with zipfile.ZipFile(path, "w") as archive:
        for name, blob in members.items():
            archive.writestr(name, blob)
    return path


def with_manifest(path, **changes):
    def change(members):
        manifest = json.loads(members["manifest.json"])
        members["manifest.json"] = json.dumps(manifest | changes).encode()

    return rewritten(path, change)


def refused(path, message):
    with pytest.raises(FingerprintError, match=message) as caught:
        Fingerprint.load(path)
    assert str(path) in str(caught.value)
    return True


def test_every_flipped_byte_is_refused_or_harmless(tmp_path):
    path = saved(tmp_path, samples=images(1, n=2))
    whole, fg = path.read_bytes(), Fingerprint.load(path)
    refusals = 0
    for i in range(len(whole)):
        path.write_bytes(whole[:i] + bytes([whole[i] ^ 0x41]) + whole[i + 1 :])
        try:
            back = Fingerprint.load(path)
        except FingerprintError:
            refusals += 1
            continue
        assert back.samples.tobytes() == fg.samples.tobytes()
        assert back.expected.labels.tolist() == fg.expected.labels.tolist()
        assert (back.output, back.model_digest, back.how) == (fg.output, fg.model_digest, fg.how)
    assert refusals > 0.8 * len(whole)  # the rest are zip dates and attributes


def test_every_truncation_is_refused(tmp_path):
    path = saved(tmp_path, samples=images(1, n=2))
    whole = path.read_bytes()
    for length in [*range(0, len(whole), 37), len(whole) - 1]:
        path.write_bytes(whole[:length])
        assert refused(path, "no fingerprint|damaged")


@pytest.mark.parametrize(
    ("blob", "message"),
    [(b"", "no fingerprint"), (b"\x89PNG\r\n", "no fingerprint"), (pickle.dumps({"a": 1}), "no fingerprint")],
)
def test_foreign_files_are_refused(blob, message, tmp_path):
    path = tmp_path / "fg.zip"
    path.write_bytes(blob)
    assert refused(path, message)


def test_foreign_zips_are_refused(tmp_path):
    path = tmp_path / "fg.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("config.json", "{}")
    assert refused(path, "without manifest.json")
    for manifest in ("{}", "[1]", '{"format": "something-else", "schema": 1}'):
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("manifest.json", manifest)
        assert refused(path, "no fingerprint: its manifest lacks")


def test_a_newer_schema_is_refused_by_its_number(tmp_path):
    assert refused(with_manifest(saved(tmp_path), schema=2), "has schema 2; this ssviz reads 1")


@pytest.mark.parametrize(
    "changes",
    [
        {"expected": {"labels": [[0]] * (N - 1), "probabilities": None}},
        {"expected": {"labels": [[CLASSES]] * N, "probabilities": None}},
        {"expected": {"labels": "all", "probabilities": None}},
        {"expected": None},
        {"output": "top-9"},
        {"output": "anything"},
        {"classes": "four"},
        {"samples": {"shape": [10**9, 5, 4, 3], "encoding": "png"}},
        {"samples": {"shape": [N, 4, 5, 3], "encoding": "png"}},
        {"samples": {"shape": [N, 5, 4, 3], "encoding": "npy"}},
        {"samples": {"shape": [N, 5, 4, 3], "encoding": "../../etc/passwd"}},
        {"samples": {"shape": [], "encoding": "png"}},
        {"sha256": {}},
        {"bounds": [0.4, 0.5]},
        {"bounds": None},
    ],
)
def test_a_manifest_that_does_not_fit_is_refused(changes, tmp_path):
    assert refused(with_manifest(saved(tmp_path), **changes), "is damaged")


def test_another_or_a_missing_or_a_strange_member_is_refused(tmp_path):
    other = io.BytesIO()
    with zipfile.ZipFile(saved(tmp_path)) as archive:
        other.write(archive.read("samples/00001.png"))
    name = "samples/00000.png"
    assert refused(rewritten(saved(tmp_path), lambda m: m.update({name: other.getvalue()})), "SHA-256 of samples/00000")
    assert refused(rewritten(saved(tmp_path), lambda m: m.pop(name)), "damaged")
    assert refused(rewritten(saved(tmp_path), lambda m: m.update({"../evil.py": b"x"})), "damaged")


@pytest.mark.parametrize("other", [off_grid().astype(float), off_grid()[:2], off_grid().reshape(N, -1)])
def test_an_array_of_another_kind_is_refused(other, tmp_path):
    buffer = io.BytesIO()
    np.save(buffer, other)
    path = rewritten(saved(tmp_path, samples=off_grid()), lambda m: m.update({"samples.npy": buffer.getvalue()}))
    digest = hashlib.sha256(buffer.getvalue()).hexdigest()
    assert refused(with_manifest(path, sha256={"samples.npy": digest}), "samples.npy holds")


def test_a_pickled_array_is_never_unpickled(tmp_path):
    class Bomb:
        def __reduce__(self):
            return (open, (str(tmp_path / "exploded"), "w"))

    buffer = io.BytesIO()
    np.save(buffer, np.array([Bomb()], dtype=object), allow_pickle=True)
    path = saved(tmp_path, samples=off_grid())
    rewritten(path, lambda m: m.update({"samples.npy": buffer.getvalue()}))
    assert refused(
        with_manifest(path, sha256={"samples.npy": hashlib.sha256(buffer.getvalue()).hexdigest()}), "damaged"
    )
    assert not (tmp_path / "exploded").exists()


def test_a_file_that_unpacks_to_too_much_is_refused(tmp_path, monkeypatch):
    path = saved(tmp_path, samples=np.zeros((N, 32, 32, 3), np.float32) + np.float32(0.3))
    monkeypatch.setattr("ssviz.fingerprint_file.MAX_BYTES", 2**15)
    assert path.stat().st_size < 2**15
    assert refused(path, "unpacks to more")


def test_a_missing_file_is_an_os_error(tmp_path):
    with pytest.raises(FileNotFoundError):
        Fingerprint.load(tmp_path / "nowhere.zip")
