"""The certificate and the pair explorer without a browser: they show what the certificate and real queries say."""

import json

import numpy as np
import plotly.graph_objects as go
import pytest
import tiny_models as tiny

import ssviz
from ssviz.attacks import precision_reduction
from ssviz.certificate import Certificate
from ssviz.evaluation import detection_matrix
from ssviz.explorers import CertificateExplorer, PairExplorer
from ssviz.explorers.base import PLOTLY_MIME
from ssviz.explorers.certificate import MANC, OURS, RANDOM
from ssviz.explorers.pairs import reach
from ssviz.figures.certified import LEVELS, binned, colours, levels
from ssviz.figures.gaps import Reaches, detections_and_alarms

WIDGET_MIME = "application/vnd.jupyter.widget-view+json"


@pytest.fixture(scope="module")
def tiny_explorer():
    return CertificateExplorer(tiny.dense(hidden=20), 8 * tiny.vectors(30) - 4, k=12, relative=0.5, draws=3)


@pytest.fixture(scope="module")
def pairs(model, images):
    return ssviz.straddle(model, images, progress=False)


@pytest.fixture(scope="module")
def compromised(model):
    return [precision_reduction(model, bits) for bits in (8, 6)]


@pytest.fixture(scope="module")
def pair_explorer(model, pairs, compromised):
    return PairExplorer(model, pairs, compromised)


def test_the_shares_are_the_certificates(tiny_explorer):
    found, filling = tiny_explorer.certificate, tiny_explorer.filling
    assert filling.orders == (OURS, MANC, RANDOM)
    np.testing.assert_array_equal(tiny_explorer.orders[OURS], found.choose(12, 0.5))
    for i, name in enumerate((OURS, MANC)):
        for relative in (0.01, 0.5, 1.0):
            expected = found[tiny_explorer.orders[name]].covered(relative)
            np.testing.assert_allclose(filling.shares[i, filling.at(relative)], expected)
    assert (np.diff(filling.shares, axis=2) >= -1e-12).all()


def test_the_map_fills_up_and_holds_the_smallest_changes(tiny_explorer):
    found, filling = tiny_explorer.certificate, tiny_explorer.filling
    members, names = binned(found.either, found.has_bias)
    assert names == filling.rows
    assert "bias" in names
    assert sorted(members.ravel()) == list(range(21))
    for n_s in (1, 7, 12):
        either = found[tiny_explorer.orders[OURS][:n_s]].either[members[:, 0]] / found.spread
        np.testing.assert_array_equal(filling.maps[0, n_s - 1], levels(either))
        assert ((filling.maps[0, n_s - 1] > 0) == np.isfinite(either)).all()
    reached = (filling.maps > 0).sum(axis=(2, 3))
    assert (np.diff(reached, axis=1) >= 0).all()


def test_levels_are_logarithmic_and_wide_layers_are_binned():
    np.testing.assert_array_equal(levels(np.array([np.inf, 0, 1e-3, 0.1, 10, 1e9])), [0, 1, 1, 127, LEVELS, LEVELS])
    either = np.random.default_rng(0).random((2049, 3))
    members, names = binned(either, True)
    assert len(members) == len(names) == 128
    assert set(members.ravel()) == set(range(2049))
    for relative in (0.01, 0.1, 1.0):
        stops = [at for at, _ in colours(relative)]
        assert stops == sorted(stops)
        assert (stops[0], stops[-1]) == (0, 1)


def test_the_controls_move_map_colours_and_ring_and_compute_nothing(tiny_explorer, monkeypatch):
    assert tiny_explorer.widget
    monkeypatch.setattr(Certificate, "after_each", None)  # a call would raise
    map_, *lines, ring = tiny_explorer._figure.data
    before, colours_before = np.array(map_.z), map_.colorscale
    tiny_explorer.update(n_s=3)
    assert (np.array(map_.z) != before).any()
    np.testing.assert_array_equal(map_.z, tiny_explorer.filling.maps[0, 2])
    line = np.array(lines[0].y)
    tiny_explorer.update(order=1, relative=1.0)
    assert map_.colorscale != colours_before
    assert (np.array(lines[0].y) >= line - 1e-6).all()
    np.testing.assert_allclose(lines[1].y, tiny_explorer.filling.shares[1, -1], rtol=1e-6)
    assert (ring.x[0], ring.y[0]) == (3, pytest.approx(lines[1].y[2]))
    assert f"{lines[1].y[2]:.1%}" in tiny_explorer.status.value
    assert "cannot slip through <b>3</b> samples" in tiny_explorer.status.value
    tiny_explorer.reset()
    np.testing.assert_array_equal(map_.z, before)


def test_the_static_figure_is_small_and_has_a_slider_over_n_s(model, pairs):
    explorer = CertificateExplorer(model, pairs, static=True, draws=2)
    figure = explorer.static_figure()
    assert type(figure) is go.Figure
    assert len(figure.to_json()) < 400_000
    assert len(figure.frames) == len(figure.layout.sliders[0].steps) <= 41
    assert figure.layout.sliders[0].active == [frame.name for frame in figure.frames].index("10")
    np.testing.assert_array_equal(figure.frames[-1].data[0].z, explorer.filling.maps[0, -1])
    assert WIDGET_MIME not in explorer._repr_mimebundle_()


def test_a_pair_that_reaches_the_gap_flips(model, pairs, compromised, pair_explorer):
    flips = pairs.detected(detection_matrix(model, compromised, pairs))
    reached = np.stack(list(pair_explorer.reaches.attacks.values())) > pairs.settings["gap"]
    assert flips.any()
    assert (flips == reached).mean() >= 0.95  # a third class may lead as well
    assert (flips >= reached).all()
    np.testing.assert_allclose(reach(pairs, ssviz.probabilities(model, pairs)), 0, atol=2e-5)


def test_reaches_hold_for_pairs_of_another_gap(model, images, compromised, pair_explorer):
    other = ssviz.straddle(model, images, gap=1e-2, progress=False)
    flips = other.detected(detection_matrix(model, compromised, other)).mean(axis=1)
    np.testing.assert_allclose(pair_explorer.reaches.shares(1e-2)[:2], flips, atol=0.1)


def test_equal_probabilities_are_decided_as_argmax_does(pairs):
    tied = np.zeros((2 * len(pairs), 43), np.float32)
    np.put_along_axis(tied, pairs.classes.repeat(2, axis=0), 0.5, axis=1)
    flips = pairs.detected(tied.argmax(axis=1) != pairs.classes.ravel())
    np.testing.assert_array_equal(reach(pairs, tied) > pairs.settings["gap"], flips)
    assert flips.all()


def test_the_gap_moves_line_and_bars(pair_explorer, monkeypatch):
    assert pair_explorer.widget
    monkeypatch.setattr("ssviz.explorers.pairs.probabilities", None)
    monkeypatch.setattr("ssviz.explorers.pairs.numerics", None)
    line, bars = pair_explorer._figure.data[-2:]
    pair_explorer.update(gap=pair_explorer.gaps[0])
    near = np.array(bars.x)
    pair_explorer.update(gap=0.1)
    assert tuple(line.x) == (0.1, 0.1)
    np.testing.assert_allclose(bars.x, pair_explorer.reaches.shares(0.1))
    assert (near >= np.array(bars.x)).all()
    assert "No false alarm beyond a gap of: batches of 1" in pair_explorer.status.value
    quiet = [pair_explorer.reaches.quiet(name) for name in ("batches of 1", "float16", "bfloat16")]
    assert 0 <= quiet[0] < quiet[1] < quiet[2]
    pair_explorer.reset()
    assert pair_explorer.gap == 1e-3


def test_the_pairs_static_figure_has_a_frame_for_every_gap(pair_explorer):
    figure = pair_explorer.static_figure()
    assert len(figure.frames) == len(pair_explorer.gaps)
    assert len(figure.to_json()) < 100_000


@pytest.mark.parametrize("name", ["tiny_explorer", "pair_explorer"])
def test_displays_a_widget_and_every_control_is_named(name, request):
    explorer = request.getfixturevalue(name)
    bundle = explorer._repr_mimebundle_()
    assert {WIDGET_MIME, PLOTLY_MIME} <= bundle.keys()
    assert json.dumps(bundle[PLOTLY_MIME])
    assert all(control.description and control.tooltip for control in explorer.controls.values())
    with pytest.raises(ValueError, match="nonsense"):
        explorer.update(nonsense=1)


def test_errors_name_the_argument(model, pairs):
    with pytest.raises(ValueError, match=r"k must lie in \[1, 24\].*received 25"):
        CertificateExplorer(model, pairs, k=25)
    with pytest.raises(ValueError, match=r"compromised must be one model to four.*received 5 and 0"):
        PairExplorer(model, pairs, [model] * 5, settings=())
    five = {str(i): np.zeros(3) for i in range(5)}
    with pytest.raises(ValueError, match="at most 4 attacks"):
        detections_and_alarms(Reaches(five, {}), 1e-3)
