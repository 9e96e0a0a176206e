"""The faces of the 43 German traffic signs of GTSRB, drawn with Pillow; no image or font files."""

import math
from functools import lru_cache

import numpy as np
from PIL import Image

from ssviz.datasets import sign_pictograms as pictograms
from ssviz.datasets.sign_pen import BLACK, BLUE, GREY, RED, WHITE, YELLOW, Pen, Points, curve
from ssviz.datasets.sign_pictograms import Pictogram

SUPERSAMPLE = 4


# --- boards -----------------------------------------------------------------------------------------


def _ring(pen: Pen) -> None:
    pen.disk(0, 0, 0.96, WHITE)
    pen.disk(0, 0, 0.94, RED)
    pen.disk(0, 0, 0.71, WHITE)


def _blue(pen: Pen) -> None:
    pen.disk(0, 0, 0.96, WHITE)
    pen.disk(0, 0, 0.91, BLUE)


def _warning(pen: Pen) -> Pen:
    """Red triangle, apex up; the frame for the pictogram: at y = -1 / 0 / 1 it is 0.4 / 1.0 / 1.5 wide."""
    pen.shape([(0, -0.77), (0.86, 0.73), (-0.86, 0.73)], WHITE, 0.1)
    pen.shape([(0, -0.76), (0.85, 0.72), (-0.85, 0.72)], RED, 0.09)
    pen.shape([(0, -0.57), (0.69, 0.62), (-0.69, 0.62)], WHITE, 0.03)
    return pen.at(0, 0.14, 0.48)


def _end(pen: Pen, pictogram: Pictogram | None = None) -> None:
    """White disk, grey pictogram, a bundle of black stripes from lower left to upper right."""
    pen.disk(0, 0, 0.96, GREY)
    pen.disk(0, 0, 0.91, WHITE)
    if pictogram:
        pictogram(pen)
    for offset in (-0.17, -0.085, 0.0, 0.085, 0.17):
        reach = 0.9 * math.sqrt(0.5) - abs(offset) * 0.12
        pen.line([(offset - reach, reach + offset), (offset + reach, offset - reach)], 0.052, BLACK, caps=False)


# --- whole faces ------------------------------------------------------------------------------------


def _speed(digits: str) -> Pictogram:
    def draw(pen: Pen) -> None:
        _ring(pen)
        pen.text(digits, 0.96 if len(digits) == 2 else 1.14, 0.74, BLACK)

    return draw


def _prohibited(pictogram: Pictogram | None = None) -> Pictogram:
    def draw(pen: Pen) -> None:
        _ring(pen)
        if pictogram:
            pictogram(pen)

    return draw


def _danger(pictogram: Pictogram, flip: bool = False) -> Pictogram:
    return lambda pen: pictogram(_warning(pen).at(0, 0, 1, flip))


def _ended(pictogram: Pictogram | None = None) -> Pictogram:
    return lambda pen: _end(pen, pictogram)


def _mandatory(*arrows: Points, flip: bool = False) -> Pictogram:
    def draw(pen: Pen) -> None:
        _blue(pen)
        for points in arrows:
            pen.at(0, 0, 1, flip).arrow(points, 0.2, 0.36)

    return draw


def _priority(pen: Pen) -> None:
    for reach, colour in ((0.93, WHITE), (0.9, BLACK), (0.87, WHITE), (0.56, BLACK), (0.53, YELLOW)):
        pen.shape([(0, -reach), (reach, 0), (0, reach), (-reach, 0)], colour, 0.04)


def _yield(pen: Pen) -> None:
    pen.shape([(0, 0.78), (0.86, -0.72), (-0.86, -0.72)], WHITE, 0.1)
    pen.shape([(0, 0.77), (0.85, -0.71), (-0.85, -0.71)], RED, 0.09)
    pen.shape([(0, 0.49), (0.6, -0.57), (-0.6, -0.57)], WHITE, 0.03)


def _stop(pen: Pen) -> None:
    for radius, colour in ((1.0, WHITE), (0.94, RED)):
        pen.shape(curve(0, 0, radius, 22.5, 382.5, 8), colour)
    pen.text("STOP", 1.4, 0.58, WHITE, bold=0.05)


def _no_entry(pen: Pen) -> None:
    pen.disk(0, 0, 0.96, WHITE)
    pen.disk(0, 0, 0.93, RED)
    pen.box(-0.7, -0.17, 0.7, 0.17, WHITE)


def _roundabout(pen: Pen) -> None:
    _blue(pen)
    for start in (-80, 40, 160):
        arc = curve(0, 0, 0.5, start, start - 70, 12)
        angle = math.radians(start - 108)
        pen.arrow([*arc, (0.53 * math.cos(angle), 0.53 * math.sin(angle))], 0.17, 0.34)


_TURN = [(-0.26, 0.6), (-0.26, 0.1), *curve(0.04, 0.1, 0.3, 180, 270, 8), (0.62, -0.2)]
_UP, _SIDE = (
    [(-0.14, 0.66), (-0.14, -0.68)],
    [(-0.14, 0.42), *curve(0.1, 0.3, 0.24, 180, 270, 8), (0.6, 0.06)],
)
_KEEP = [(-0.44, -0.44), (0.5, 0.5)]

_DRAW: dict[int, Pictogram] = {
    **{c: _speed(d) for c, d in {0: "20", 1: "30", 2: "50", 3: "60", 4: "70", 5: "80", 7: "100", 8: "120"}.items()},
    6: _ended(lambda pen: pen.text("80", 1.1, 0.82, GREY)),
    9: _prohibited(pictograms.two_cars(RED, BLACK)),
    10: _prohibited(pictograms.lorry_and_car(RED, BLACK)),
    11: _danger(pictograms.crossroads),
    12: _priority,
    13: _yield,
    14: _stop,
    15: _prohibited(),
    16: _prohibited(pictograms.lorry),
    17: _no_entry,
    18: _danger(pictograms.exclamation),
    19: _danger(pictograms.bend),
    20: _danger(pictograms.bend, flip=True),
    21: _danger(pictograms.double_bend),
    22: _danger(pictograms.bumps),
    23: _danger(pictograms.skid),
    24: _danger(pictograms.narrows),
    25: _danger(pictograms.digger),
    26: _danger(pictograms.lights),
    27: _danger(pictograms.crossing),
    28: _danger(pictograms.children),
    29: _danger(pictograms.bicycle),
    30: _danger(pictograms.snowflake),
    31: _danger(pictograms.deer),
    32: _ended(),
    33: _mandatory(_TURN),
    34: _mandatory(_TURN, flip=True),
    35: _mandatory([(0, 0.7), (0, -0.7)]),
    36: _mandatory(_UP, _SIDE),
    37: _mandatory(_UP, _SIDE, flip=True),
    38: _mandatory(_KEEP),
    39: _mandatory(_KEEP, flip=True),
    40: _roundabout,
    41: _ended(pictograms.two_cars(GREY, GREY)),
    42: _ended(pictograms.lorry_and_car(GREY, GREY)),
}

FACES = len(_DRAW)
TRIANGLES = (11, 13, *range(18, 32))


@lru_cache(maxsize=256)
def draw_face(label: int, size: int) -> np.ndarray:
    """The clean face of one sign class, (size, size, 4) uint8 RGBA, sRGB, transparent outside the sign.

    `label` is GTSRB's class number, 0 to 42; `size` is in pixels, at least 8. Cached and read-only.
    Raises ValueError for a label or a size out of range.
    """
    if label not in _DRAW:
        raise ValueError(f"label must be a GTSRB class number from 0 to 42; received {label!r}.")
    if size < 8:
        raise ValueError(f"size must be at least 8 pixels; received {size!r}.")
    image = Image.new("RGBA", (SUPERSAMPLE * size, SUPERSAMPLE * size))
    _DRAW[label](Pen(image))
    face = np.array(image.reduce(SUPERSAMPLE))
    face.flags.writeable = False
    return face
