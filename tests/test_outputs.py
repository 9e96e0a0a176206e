import itertools

import numpy as np
import pytest

from ssviz.outputs import Answer, Probabilities, Top1, TopK, TopKProbabilities, parse

pytestmark = pytest.mark.core


def random_pairs(n=4000, classes=8, seed=0):
    """Probabilities before and after a small change of the logits, many of them close to a tie."""
    rng = np.random.default_rng(seed)
    z = rng.normal(scale=1.0, size=(n, classes))
    change = rng.normal(size=(n, classes)) * 10.0 ** rng.uniform(-4, 0, size=(n, 1))
    return [np.exp(a) / np.exp(a).sum(axis=1, keepdims=True) for a in (z, z + change)]


def detected(output, pair):
    output = parse(output)
    return ~output.same(*map(output.answer, pair))


@pytest.mark.parametrize(
    ("output", "name"),
    [
        (Top1(), "top-1"),
        (TopK(3), "top-3"),
        (Probabilities(2), "p-dec-2"),
        (Probabilities(), "p"),
        (TopKProbabilities(1, 2), "top-1-p-dec-2"),
        (TopKProbabilities(5), "top-5-p"),
    ],
)
def test_names_are_the_papers_and_parse_back(output, name):
    assert output.name == str(output) == name
    assert parse(name) == parse(output) == output


def test_table_4_spellings():
    assert parse("top-1-p-dec2") == parse("Top-1-p-dec-2") == TopKProbabilities(1, 2)


@pytest.mark.parametrize("name", ["", "top", "top-", "top-k", "3", "p-dec-", "dec-2", "top-3-dec-2", "top-1p", 1])
def test_other_names_are_refused(name):
    with pytest.raises(ValueError, match="output must be a name like"):
        parse(name)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: TopK(1), "at least 2.*Top1"),
        (lambda: TopKProbabilities(0, 1), "k must be at least 1"),
        (lambda: Probabilities(8), r"decimals must lie in \[0, 7\].*8"),
        (lambda: TopKProbabilities(1, -1), "decimals"),
    ],
)
def test_bad_specifications(make, message):
    with pytest.raises(ValueError, match=message):
        make()


P = np.array([[0.10, 0.624, 0.276], [0.5, 0.0, 0.5]], np.float32)


def test_answers_show_what_the_name_says():
    assert Top1().answer(P).labels.tolist() == [[1], [0]]  # a tie shows the lowest label
    assert Top1().answer(P).probabilities is None
    assert TopK(3).answer(P).labels.tolist() == [[1, 2, 0], [0, 2, 1]]
    all_of_them = Probabilities(1).answer(P)
    assert all_of_them.labels.tolist() == [[1], [0]]
    assert all_of_them.probabilities.tolist() == [[0.1, 0.6, 0.3], [0.5, 0.0, 0.5]]
    top = TopKProbabilities(2, 2).answer(P)
    assert top.labels.tolist() == [[1, 2], [0, 2]]
    assert top.probabilities.tolist() == [[0.62, 0.28], [0.5, 0.5]]
    assert str(top[:1]) == "label 1, 2, p 0.62, 0.28"
    assert Probabilities().answer(P).probabilities.tobytes() == P.tobytes()


def test_many_equal_probabilities_rank_the_lowest_labels_first():
    p = np.random.default_rng(0).integers(0, 3, (5, 100)) / 100
    for row, labels in zip(p, TopK(60).answer(p).labels, strict=True):
        assert labels.tolist() == sorted(range(100), key=lambda label, row=row: (-row[label], label))[:60]


CHAINS = [
    ("top-1", "top-3", "top-5"),
    ("top-1", "top-1-p-dec-2", "p-dec-2", "p"),
    ("top-1", "p-dec-1", "p"),
    ("top-3", "top-3-p-dec-2", "top-5-p-dec-2"),
    ("top-1-p-dec-2", "top-3-p-dec-2", "top-3-p"),
    ("top-1-p", "p"),
]


@pytest.mark.parametrize("chain", CHAINS)
@pytest.mark.parametrize("seed", [0, 1])
def test_more_information_never_detects_less(chain, seed):
    pair = random_pairs(seed=seed)
    for less, more in itertools.pairwise(chain):
        fewer, all_those = detected(less, pair), detected(more, pair)
        assert fewer.any()
        assert not (fewer & ~all_those).any(), f"{less} detects what {more} does not"


def test_a_digit_more_detects_more_in_all_though_rounding_can_hide_a_single_change():
    pair = random_pairs()
    rates = [detected(name, pair).mean() for name in ("p-dec-1", "p-dec-2", "p-dec-3", "p")]
    assert rates == sorted(rates)
    # 0.05 to two digits, both; but 0.0 and 0.1 to one
    edge = np.array([[0.046, 0.954]]), np.array([[0.0540, 0.9460]])
    assert detected("p-dec-1", edge).tolist() == [True]
    assert detected("p-dec-2", edge).tolist() == [False]


@pytest.mark.parametrize("name", ["top-1", "top-3", "p-dec-2", "top-1-p-dec-2", "p", "top-3-p"])
def test_identical_models_are_always_the_same(name):
    p = random_pairs(seed=5)[0]
    assert not detected(name, (p, p)).any()


def test_same_is_symmetric_and_needs_the_same_samples():
    p, q = random_pairs(n=200)
    for name in ("top-3", "p-dec-1", "top-2-p-dec-1"):
        output = parse(name)
        a, b = output.answer(p), output.answer(q)
        np.testing.assert_array_equal(output.same(a, b), output.same(b, a))
    with pytest.raises(ValueError, match="received 200 and 3"):
        Top1().same(Top1().answer(p), Top1().answer(q[:3]))
    with pytest.raises(ValueError, match="must hold labels"):
        Top1().same(Answer(None, p), Answer(None, q))


# What an intact endpoint may return, for each output, from the probabilities that it computed.
RESPONSES = [
    ("top-1", lambda p: p.argmax(1)),
    ("top-1", lambda p: p.argmax(1)[:, None].tolist()),
    ("top-1", lambda p: p),
    ("top-1", lambda p: p.astype(float).tolist()),
    ("top-1", lambda p: (p.argmax(1), p)),
    ("top-3", lambda p: np.argsort(-p, axis=1, kind="stable")[:, :3]),
    ("top-3", lambda p: p),
    ("p-dec-2", lambda p: p),
    ("p-dec-2", lambda p: np.round(p, 2)),
    ("p-dec-2", lambda p: (p.argmax(1), np.round(p, 2))),
    ("p", lambda p: p.astype(float).tolist()),
    ("top-1-p-dec-2", lambda p: (p.argmax(1), np.round(p.max(1), 2))),
    ("top-1-p-dec-2", lambda p: (p.argmax(1)[:, None], np.round(p.max(1)[:, None], 2))),
    ("top-1-p-dec-2", lambda p: (p.argmax(1), p)),
    ("top-3-p", lambda p: p),
    ("top-3-p-dec-1", lambda p: (np.argsort(-p, kind="stable")[:, :3], -np.sort(-p)[:, :3])),
]


@pytest.mark.parametrize(("name", "respond"), RESPONSES)
def test_an_intact_endpoint_is_the_same_in_every_form_that_it_may_answer(name, respond):
    output, p = parse(name), random_pairs(n=300)[0].astype(np.float32)
    received = output.receive(respond(p), 300, 8)
    assert output.same(output.answer(p), received).all()


@pytest.mark.parametrize(("name", "respond"), RESPONSES)
def test_and_another_label_on_top_is_seen_in_every_form(name, respond):
    output, p = parse(name), random_pairs(n=300)[0].astype(np.float32)
    received = output.receive(respond(np.roll(p, 1, axis=1)), 300, 8)
    assert not output.same(output.answer(p), received).any()


@pytest.mark.parametrize("name", ["top-1", "top-2", "p-dec-1", "top-1-p-dec-1", "top-2-p-dec-1"])
def test_rounding_to_a_tie_is_no_false_alarm(name):
    output, p = parse(name), np.array([[0.49, 0.51, 0.0], [0.2, 0.38, 0.42]], np.float32)
    received = output.receive(np.round(p, 1), 2, 3)
    assert output.same(output.answer(p), received).all()


def test_a_tie_agrees_with_the_tied_labels_only_and_is_ambiguous():
    expected = Top1().answer(np.array([[0.1, 0.2, 0.7]] * 3))
    received = Top1().receive([[0.2, 0.4, 0.4], [0.4, 0.4, 0.2], [0.2, 0.2, 0.6]], 3, 3)
    assert Top1().same(expected, received).tolist() == [True, False, True]
    assert Top1().ambiguous(received).tolist() == [True, True, False]
    assert TopK(2).ambiguous(received).tolist() == [True, True, True]
    assert not Top1().ambiguous(expected).any()


@pytest.mark.parametrize(
    ("name", "response", "message"),
    [
        ("top-1", [1, 2, 0], r"must be \(2, 1\)|have shape \(2, 1\)"),
        ("top-1", [1, 3], r"labels must lie in \[0, 2\]; received 1 to 3"),
        ("top-1", [-1, 0], "received -1 to 0"),
        ("top-1", 1, "labels of top-1"),
        ("top-1", [0.2, 0.8], "probabilities must have shape"),
        ("top-1", [[0.2, 0.8], [0.5, 0.5]], r"\(2, 3\); received \(2, 2\)"),
        ("top-1", [[np.nan, 0.5, 0.5], [0.2, 0.3, 0.5]], "NaN"),
        ("top-1", [[-3.0, 8.5, 1.0], [0.2, 0.3, 0.5]], "Logits"),
        ("top-1", ["stop", "go"], "integer labels or float probabilities"),
        ("top-1", None, "integer labels or float probabilities"),
        ("top-1", [[0.1], [0.1, 0.2]], "ragged"),
        ("top-2", [1, 2], "labels of top-2"),
        ("top-2", [[1, 1], [0, 1]], "twice"),
        ("p-dec-2", [1, 2], "labels alone"),
        ("top-1-p-dec-2", [1, 2], "labels alone"),
        ("top-2-p-dec-2", (np.array([[1, 0], [0, 1]]), np.ones(2)), "probabilities must have shape"),
        ("top-4", [[0, 1, 2, 0]] * 2, "at least 4 classes; the model has 3"),
    ],
)
def test_what_is_no_answer_is_refused(name, response, message):
    with pytest.raises(ValueError, match=message):
        parse(name).receive(response, 2, 3)


@pytest.mark.parametrize("p", [np.ones(3), np.array([[np.inf, 0]]), np.array([[-5.0, 7.0]])])
def test_answers_are_made_of_probabilities_only(p):
    with pytest.raises(ValueError, match="probabilities must"):
        Top1().answer(p)
