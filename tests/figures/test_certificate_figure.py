"""The certificate's figures draw what is in it, nothing else."""

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from ssviz.certificate import Certificate
from ssviz.figures.certificate import ROWS, heat_map
from ssviz.figures.gaps import both_sides
from ssviz.figures.single_changes import FLOOR, found_curve, single_weight


def made(n=6, d=8, classes=3, seed=0):
    """A certificate of d features, the first one silent, and a bias."""
    rng = np.random.default_rng(seed)
    h = np.maximum(rng.normal(size=(n, d + 1)), 0).astype(np.float32)
    h[:, 0], h[:, -1] = 0, 1
    return Certificate(h, rng.normal(size=(n, classes)).astype(np.float32), 0.5, True)


def test_the_map_shows_every_reached_weight_on_a_logarithmic_scale():
    certificate = made()
    reached, missed, legend = heat_map(certificate).data
    expected = certificate.either / certificate.spread
    rows = [8 if name == "bias" else int(name.split()[1]) for name in reached.y]
    assert sorted(rows) == list(range(9))
    finite = np.isfinite(expected[rows])
    np.testing.assert_array_equal(np.isfinite(reached.z), finite)
    np.testing.assert_allclose(reached.z[finite], np.log10(expected[rows][finite]), rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(reached.customdata, expected[rows], rtol=1e-6)
    np.testing.assert_array_equal(np.isnan(missed.z), finite)  # and only these are grey
    assert np.all(np.diff(finite.sum(1)) <= 0)
    assert not finite[rows.index(0)].any()  # the silent one
    assert (legend.name, legend.marker.color) == ("never detected in one direction or both", missed.colorscale[0][1])


def test_the_map_of_a_prefix():
    certificate = made()
    few, all_ = (np.isfinite(heat_map(certificate, n_s).data[0].z).sum() for n_s in (3, None))
    assert few < all_
    assert few == np.isfinite(certificate[:3].either).sum()
    assert heat_map(certificate, 3).layout.title.text == "N_S = 3"
    for n_s in (0, 7):
        with pytest.raises(ValueError, match=rf"n_s must lie in \[1, 6\].*received {n_s}"):
            heat_map(certificate, n_s)


def test_many_neurons_are_binned_and_the_figure_is_small():
    figure = heat_map(made(n=40, d=2048, classes=43))
    assert figure.data[0].z.shape == (ROWS, 43)
    assert figure.data[0].z.dtype == np.float32
    assert figure.data[0].y[0] == "neurons ranked 1 to 9"
    assert len(figure.to_json()) < 300_000


def test_nothing_reached_and_exact_ties_can_be_drawn():
    nothing = Certificate(np.zeros((1, 4), np.float32), np.ones((1, 3), np.float32), 1.0, False)
    assert np.isnan(heat_map(nothing).data[0].z).all()
    tied = Certificate(np.array([[1.0], [-1.0]], np.float32), np.ones((2, 2), np.float32), 1.0, False)
    assert heat_map(tied).data[0].z.min() == pytest.approx(-9)


def test_single_changes_found_are_drawn_on_a_logarithmic_scale():
    figure = found_curve({"natural": np.array([0, 0.5]), "pairs": np.array([0.1, 0.2, 0.4])})
    assert figure.data[1].x.tolist() == [1, 2, 3]
    np.testing.assert_allclose(figure.data[0].y, [FLOOR, 0.5], rtol=1e-6)
    with pytest.raises(ValueError, match=r"curves must hold 1 to 10 curves; received 0"):
        found_curve({})


def test_the_menu_of_sizes_changes_every_line():
    rows = pd.DataFrame([{"fingerprint": name, "size": size, "n_s": n, "found, reached": 10 * size * n + i}
                         for size in (0.1, 1.0) for i, name in enumerate("ab") for n in (1, 2)])  # fmt: skip
    figure = single_weight(rows)
    (menu,) = figure.layout.updatemenus
    assert menu.active == 1
    for button, size in zip(menu.buttons, (0.1, 1.0), strict=True):
        (change,) = button.args
        np.testing.assert_allclose(change["y"], [[(10 * size * n + i) / 100 for n in (1, 2)] for i in (0, 1)])
    np.testing.assert_allclose(figure.data[1].y, [0.11, 0.21], rtol=1e-6)
    with pytest.raises(ValueError, match=r"size must be one of 0\.1, 1; received 2"):
        single_weight(rows, 2)


def test_both_sides_of_pairs_are_shown_below_their_originals():
    x = np.random.default_rng(0).random((3, 2, 4, 4, 3))

    class Pairs(SimpleNamespace):
        def __getitem__(self, indices):
            return self

        def __len__(self):
            return 2

    pairs = Pairs(originals=x[0], plus=x[1], minus=x[2], snr=np.array([[30.0, 31.0], [40.0, 41.0]]),
                  settings={"bounds": (0, 1)})  # fmt: skip
    figure = both_sides(pairs)
    assert len(figure.data) == 6
    texts = [annotation.text for annotation in figure.layout.annotations]
    assert texts == ["original", "original", "plus, 30 dB", "plus, 40 dB", "minus, 31 dB", "minus, 41 dB"]
