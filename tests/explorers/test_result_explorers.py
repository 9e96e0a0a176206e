"""The explorers of the results, without a browser: missing rates, samples needed, ascents on every data set."""

import numpy as np
import pytest

from ssviz import paper
from ssviz.attacks import Attacked, precision_reduction
from ssviz.effectiveness import METHODS, by_output, effectiveness, table, table_of_needed
from ssviz.explorers import GenerationResultsExplorer, MissingRateExplorer
from ssviz.figures.generation_results import CURSORS as RINGS
from ssviz.reproduction.published import published_effectiveness


def by_name(explorer):
    """Traces of an explorer's curves by name."""
    return {trace.name: trace for trace in reversed(explorer._curves.data) if trace.name}


def panels(explorer):
    """The traces of both panels of the missing-rate explorer, the left one's first."""
    return (*explorer._rates.data, *explorer._needed.data)


def cursors(explorer):
    """Where the lines at N_S and alpha begin and end."""
    return [(line.x0, line.x1) for figure in (explorer._rates, explorer._needed) for line in figure.layout.shapes]


def test_missing_rates_follow_attack_and_n_s(missing):
    assert missing.widget
    missing.update(attack="compression to 4 bits", n_s=4)
    rates = missing.results["here"].rates["compression to 4 bits"]
    curves = {trace.name: trace for trace in missing._rates.data}
    for method in METHODS:
        np.testing.assert_allclose(curves[method].y, np.maximum(rates[method].value, 1e-9), rtol=1e-6)
    assert cursors(missing) == [(4, 4), (1e-4, 1e-4)]
    assert "Missed with N_S = 4" in missing.status.value
    assert "1 compromised model;" in missing.status.value


def test_another_data_set_offers_its_attacks_and_keeps_the_attack_if_it_can(missing):
    missing.update(data="GTSRB, published", attack="compression to 4 bits")
    assert missing.controls["attack"].options[0] == "trojan"
    missing.update(data="here")
    assert missing.controls["attack"].value == "compression to 4 bits"
    missing.update(data="LFW faces, published")  # which has no such attack
    assert missing.controls["attack"].value == "trojan"
    (curve,) = (trace for trace in missing._rates.data if trace.name == "sensitive + MANC")
    np.testing.assert_allclose(curve.y, published_effectiveness("lfw").rates["trojan"]["sensitive + MANC"].value, 1e-6)
    with pytest.raises(ValueError, match="attack cannot be 'distillation'"):
        missing.update(attack="distillation")


def test_n_s_and_alpha_move_the_cursors_alone(missing):
    missing.update(data="GTSRB, published", attack="trojan")
    both = missing._rates, missing._needed
    before = [[(trace.x, trace.y) for trace in figure.data] for figure in both]
    missing.update(alpha=1e-8, n_s=1)
    for figure, was in zip(both, before, strict=True):
        now = [(trace.x, trace.y) for trace in figure.data]
        changed = [i for i, (a, b) in enumerate(zip(was, now, strict=True)) if not all(map(np.array_equal, a, b))]
        assert not changed
    assert cursors(missing) == [(1, 1), (1e-8, 1e-8)]
    needed = published_effectiveness("gtsrb").needed["trojan"]
    for method in METHODS:
        assert f"{method} <b>{needed[method].value[-1]:.0f}</b>" in missing.status.value
    plain, _, by_manc = (needed[method].value[-1] for method in METHODS)
    assert f"<b>{plain / by_manc:.0f}</b> times fewer" in missing.status.value


def test_what_no_number_of_samples_reaches_is_said_and_not_drawn(missing):
    missing.update(data="AT&T faces, published", attack="compression to 8 bits", alpha=1e-8)
    assert "non-sensitive <b>never enough</b>" in missing.status.value
    assert "times fewer" not in missing.status.value
    natural = next(trace for trace in missing._needed.data if trace.name == "non-sensitive")
    assert np.isnan(natural.y[-1])


def test_the_papers_points_stand_where_the_paper_measured(missing):
    missing.update(data="CIFAR-10, published", attack="compression to 8 bits")
    points = [trace for trace in panels(missing) if trace.name == "the paper (CIFAR-10)"]
    np.testing.assert_allclose(points[0].y, np.array(paper.TABLE_3["compression to 8 bits"]) / 100)
    counts = paper.TABLE_5["compression to 8 bits"]
    assert sorted(points[1].y) == sorted(n for method in METHODS for n in counts[method])
    missing.update(attack="arbitrary weights, 1000 of all")
    assert all(not trace.x for trace in panels(missing) if str(trace.name).startswith("the paper"))


def test_a_rate_that_the_paper_rounds_to_zero_is_marked_as_a_bound(missing):
    missing.update(data="LFW faces, published", attack="trojan")
    points = next(trace for trace in panels(missing) if trace.name == "the paper (VGG-Face)")
    assert points.marker.symbol == ("square-open",) * 2 + ("triangle-down-open",) * 4
    assert set(points.y[2:]) == {5e-5}


def test_the_slider_of_a_page_is_named(model):
    with pytest.raises(ValueError, match="slider must be one of n_s, alpha; received 'bits'"):
        MissingRateExplorer(slider="bits")
    figure = MissingRateExplorer(slider="alpha", alpha=1e-3).static_figure()
    (slider,) = figure.layout.sliders
    assert [step.label for step in slider.steps][:2] == ["1e-2", "1e-3"]
    assert slider.active == 1
    needed = published_effectiveness("gtsrb").needed["trojan"]["non-sensitive"].value
    assert figure.data[3].name == f"non-sensitive: {needed[1]:.0f}"
    last = dict(zip(figure.frames[-1].traces, figure.frames[-1].data, strict=True))
    assert last[3].name == f"non-sensitive: {needed[-1]:.0f}"


def test_iterations_move_the_rings_and_say_what_they_bought(results, bag):
    assert results.widget
    results.update(iteration=5)
    s, snr = (np.quantile(record[5], 0.5, method="inverted_cdf") for record in (bag.sensitivity, bag.snr))
    rings = [results._curves.data[i] for i in RINGS]
    assert [ring.x for ring in rings] == [(5,), (5,)]
    np.testing.assert_allclose([ring.y[0] for ring in rings], [s, snr])
    assert f"S = {s:.3g}, SNR = {snr:.1f} dB" in results.status.value
    results.update(iteration=1000)
    assert rings[0].x == (15,)
    assert "iteration 15 (its last)" in results.status.value


def test_generation_results_follow_the_data_set(results):
    results.update(data="LFW faces, published", iteration=100)
    names = {trace.name for trace in results._curves.data if trace.showlegend}
    assert names == {"ours", "the paper's recipe"}
    figure = results.static_figure()
    assert len(figure.frames) == len(figure.layout.sliders[0].steps)
    assert [b.label for b in figure.layout.updatemenus[0].buttons] == list(results.by_data)
    assert len(figure.to_json()) < 400_000
    with pytest.raises(ValueError, match="iteration must be one of"):
        GenerationResultsExplorer(iteration=11)


def test_attacks_of_one_name_are_averaged(model, images, bag):
    weak, strong = precision_reduction(model, 8), precision_reduction(model, 2)
    same_name = [Attacked("rounding", a.model, None, None, None, a.changed) for a in (weak, strong)]
    both = effectiveness(model, same_name, images, bag, n_s_max=2)
    each = effectiveness(model, [weak, strong], images, bag, n_s_max=2)
    assert both.attacks == ("rounding",)
    assert both.models == {"rounding": 2}
    singles = [each.rates[name][METHODS[1]].value for name in each.attacks]
    band = both.rates["rounding"][METHODS[1]]
    np.testing.assert_allclose(band.value, np.mean(singles, axis=0))
    np.testing.assert_allclose([band.low, band.high], [np.min(singles, axis=0), np.max(singles, axis=0)])
    needed = [each.needed[name][METHODS[1]].value for name in each.attacks]
    np.testing.assert_array_equal(both.needed["rounding"][METHODS[1]].high, np.max(needed, axis=0))


def test_tables_set_the_paper_beside_ours():
    result = published_effectiveness("lfw")
    rates, samples = table(result), table_of_needed(result)
    assert rates.loc[("trojan", "the paper: sensitive + MANC"), "N_S = 1"] == 5.93
    assert rates.loc[("trojan", "sensitive + MANC"), "N_S = 1"] == pytest.approx(14.36, abs=0.01)
    assert samples.loc[("trojan", "the paper: non-sensitive"), "1e-8"] == 74
    assert samples.loc[("trojan", "non-sensitive"), "1e-8"] == 221


def test_more_output_misses_less(model, bag):
    frame = by_output(model, [precision_reduction(model, 4)], bag, outputs=("top-1", "top-3", "p-dec-2"))
    assert list(frame.index) == ["top-1", "top-3", "p-dec-2"]
    ours = frame["ours"]
    assert (ours.loc["top-3"] <= ours.loc["top-1"] + 1e-9).all()
    assert (ours["N_S = 3"] <= ours["N_S = 1"]).all()
    assert frame["the paper"].loc["top-1"].tolist() == list(paper.TABLE_4["top-1"])


@pytest.mark.parametrize("name", ["missing", "results"])
def test_a_figure_is_built_as_it_stands_and_not_changed_before_it_is_shown(name, request, monkeypatch):
    explorer = request.getfixturevalue(name)
    monkeypatch.setattr(explorer, "_follow", None)  # a call would be an error in the status line
    assert explorer.widget
    assert "TypeError" not in explorer.status.value
    assert explorer.status.value
