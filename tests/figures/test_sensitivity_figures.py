"""The sensitivity figures draw what is in an Anatomy, nothing else."""

import dataclasses
import json

import numpy as np
import pytest

from ssviz import figures
from ssviz.figures.sensitivity import (
    Anatomy,
    anatomy,
    anatomy_with_gaps,
    axis,
    cursor,
    factors,
    gap_label,
    replace,
    surroundings,
)


def made(scale=1.0):
    gaps = np.arange(-10, 12.5, 0.5)
    p = 1 / (1 + np.exp(-gaps))
    steps = np.linspace(-2, 2, 5)
    plane = scale * np.add.outer(steps, 3 * steps)
    return Anatomy(
        np.full((4, 4, 3), 0.5, np.float32), "a sign", ("stop", "yield"), gaps, scale * 4 * (p * (1 - p)) ** 2,
        np.stack([p, 1 - p], 1), 7.2, 1e-6 * scale, 300.0, steps, plane, plane + 1,
    )  # fmt: skip


def test_the_curves_are_s_and_its_two_factors():
    parts = made()
    s, jacobian, features, own, dots, line = anatomy(parts, 3.0).data[:6]
    np.testing.assert_allclose(s.y, parts.jacobian * 300, rtol=1e-6)
    np.testing.assert_allclose(jacobian.y, parts.jacobian, rtol=1e-6)
    assert set(features.y) == {300.0}
    assert own.x == (7.2, 7.2)
    assert own.y == pytest.approx((3e-4, 1e-6))
    assert dots.y == pytest.approx((300 * jacobian.y[26], jacobian.y[26]), rel=1e-6)
    assert len({trace.line.dash for trace in (s, jacobian, features)}) == 3
    low, high = axis(parts)["range"]
    assert low <= np.log10(parts.jacobian.min())
    assert high >= np.log10(300)
    assert line.y == pytest.approx((10**low, 10**high))


def test_the_plane_and_the_line_where_the_label_changes():
    parts = made()
    heat, line = anatomy(parts, 0).data[6:8]
    np.testing.assert_allclose(heat.z, parts.plane, rtol=1e-6)
    np.testing.assert_allclose(line.z, parts.margin, rtol=1e-6)
    assert (line.contours.start, line.contours.end) == (0, 0)
    assert heat.z.dtype == np.float32


def test_a_cursor_beside_the_gaps_goes_to_the_nearest():
    assert cursor(made(), 2.2)[0]["x"] == [2.0, 2.0]
    assert cursor(made(), 99)[0]["x"] == [12.0, 12.0]
    assert [gap_label(gap) for gap in (0.0, 2.5, -3.0)] == ["0 (a tie)", "+2.5", "-3"]


def test_another_image_replaces_everything_in_place():
    first, second = made(), made(1e-4)
    figure = anatomy(first, 0)
    replace(figure, anatomy(second, 1))
    for old, new in zip(figure.data, anatomy(second, 1).data, strict=True):
        assert old == new
    assert list(figure.layout.yaxis2.range) == list(axis(second)["range"])


def test_the_live_parts_draw_what_the_whole_figure_draws():
    parts = made()
    whole = anatomy(parts, 3.0)
    for part, traces in ((factors(parts, 3.0), whole.data[:6]), (surroundings(parts), whole.data[6:9])):
        for own, its in zip(part.data, traces, strict=True):
            for key in ("x", "y", "z"):
                if key in own:
                    np.testing.assert_array_equal(own[key], its[key])
    small = factors(made(), 0)
    replace(small, factors(made(1e-4), 0))
    assert list(small.layout.yaxis.range) == list(axis(made(1e-4))["range"])


def test_a_frame_for_every_gap():
    figure = anatomy_with_gaps(made(), (-5.0, 0.0, 5.0), 4.0)
    assert [frame.name for frame in figure.frames] == ["-5", "0 (a tie)", "+5"]
    assert figure.layout.sliders[0].active == 2
    assert figure.frames[0].traces == (4, 5)
    assert figure.frames[0].data[0].x == (-5, -5)
    assert len(json.dumps(json.loads(figure.to_json()))) < 60_000


def test_what_is_no_picture_is_a_grey_dot():
    parts = dataclasses.replace(made(), image=np.zeros(6, np.float32))
    assert len(anatomy(parts, 0).data[-1].source) < 200


def test_the_figures_are_exported():
    assert figures.anatomy is anatomy
    assert {"anatomy", "anatomy_with_gaps", "shares", "shares_with_table"} <= set(figures.__all__)
