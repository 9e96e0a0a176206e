"""The pictograms on the signs, each drawn around the origin of the frame of the pen that it gets.

Those on warning signs have a frame that is 0.4, 1.0 and 1.5 wide to either side at y = -1, 0 and 1.
"""

import math
from collections.abc import Callable

from ssviz.datasets.sign_pen import AMBER, BLACK, GREEN, RED, WHITE, Colour, Pen, curve

Pictogram = Callable[[Pen], None]


def car(pen: Pen, colour: Colour, glass: Colour = WHITE) -> None:
    """A car from behind: roof, window, body, two wheels."""
    pen.shape([(-0.5, -0.1), (-0.3, -0.62), (0.3, -0.62), (0.5, -0.1)], colour, 0.08)
    pen.shape([(-0.38, -0.1), (-0.25, -0.46), (0.25, -0.46), (0.38, -0.1)], glass)
    pen.box(-0.85, -0.12, 0.85, 0.45, colour, 0.12)
    pen.box(-0.75, 0.4, -0.42, 0.72, colour)
    pen.box(0.42, 0.4, 0.75, 0.72, colour)


def lorry_rear(pen: Pen, colour: Colour) -> None:
    pen.box(-0.8, -1.15, 0.8, 0.42, colour, 0.05)
    pen.box(-0.75, 0.4, -0.36, 0.72, colour)
    pen.box(0.36, 0.4, 0.75, 0.72, colour)


def two_cars(left: Colour, right: Colour) -> Pictogram:
    def draw(pen: Pen) -> None:
        car(pen.at(-0.32, 0.02, 0.33), left)
        car(pen.at(0.32, 0.02, 0.33), right)

    return draw


def lorry_and_car(left: Colour, right: Colour) -> Pictogram:
    def draw(pen: Pen) -> None:
        lorry_rear(pen.at(-0.27, 0.06, 0.36), left)
        car(pen.at(0.36, 0.1, 0.3), right)

    return draw


def lorry(pen: Pen) -> None:
    """A lorry from the side, driving to the left."""
    pen.box(-0.16, -0.3, 0.58, 0.16, BLACK)
    pen.shape([(-0.2, 0.16), (-0.58, 0.16), (-0.58, -0.02), (-0.46, -0.06), (-0.38, -0.2), (-0.2, -0.2)], BLACK)
    pen.shape([(-0.41, -0.05), (-0.35, -0.15), (-0.27, -0.15), (-0.27, -0.05)], WHITE)
    pen.box(-0.5, 0.14, 0.55, 0.2, BLACK)
    for x in (-0.4, 0.3):
        pen.disk(x, 0.2, 0.14, WHITE)
        pen.disk(x, 0.2, 0.11, BLACK)


def person(pen: Pen, stride: float = 0.42) -> None:
    """A person walking to the left."""
    pen.disk(-0.05, -0.8, 0.17, BLACK)
    pen.line([(0.0, -0.5), (0.05, 0.1)], 0.3)
    pen.line([(-0.02, -0.52), (-0.34, -0.3), (-0.4, -0.02)], 0.12)
    pen.line([(0.08, -0.5), (0.36, -0.2), (0.3, 0.05)], 0.12)
    pen.line([(0.0, 0.15), (-0.22, 0.48), (-stride, 0.95)], 0.16)
    pen.line([(0.1, 0.15), (0.22, 0.55), (stride, 0.95)], 0.16)


def crossroads(pen: Pen) -> None:
    pen.line([(-0.72, 0.3), (0.72, 0.3)], 0.24, caps=False)
    pen.line([(0, 1.0), (0, -0.3)], 0.44, caps=False)
    pen.shape([(-0.46, -0.15), (0.46, -0.15), (0, -0.98)], BLACK)


def exclamation(pen: Pen) -> None:
    pen.shape([(-0.16, -0.75), (0.16, -0.75), (0.08, 0.4), (-0.08, 0.4)], BLACK, 0.06)
    pen.disk(0, 0.76, 0.2, BLACK)


def bend(pen: Pen) -> None:
    """A bend to the left."""
    pen.arrow([(0.4, 1.0), (0.4, 0.3), *curve(-0.1, 0.3, 0.5, 0, -70), (-0.75, -0.3)], 0.3, 0.5, BLACK)


def double_bend(pen: Pen) -> None:
    pen.arrow([(0.3, 1.0), (0.3, 0.62), (-0.34, 0.3), (0.28, -0.1), (-0.12, -0.9)], 0.26, 0.5, BLACK)


def bumps(pen: Pen) -> None:
    for x in (-0.55, 0.55):
        pen.shape([*curve(x, 0.62, 0.46, -180, 0), (x + 0.6, 0.7), (x - 0.6, 0.7)], BLACK)
    pen.box(-1.15, 0.6, 1.15, 0.92, BLACK)


def skid(pen: Pen) -> None:
    """A car from behind, tilted, over two crossing tracks."""
    pen.shape([(-0.5, -0.35), (-0.12, -0.78), (0.4, -0.6), (0.42, -0.1)], BLACK, 0.06)
    pen.shape([(-0.34, -0.38), (-0.08, -0.64), (0.28, -0.52), (0.3, -0.22)], WHITE)
    pen.shape([(-0.66, -0.32), (0.6, 0.05), (0.5, 0.34), (-0.74, -0.02)], BLACK, 0.06)
    pen.line([(-0.6, 0.0), (-0.66, 0.16)], 0.2)
    pen.line([(0.4, 0.3), (0.34, 0.46)], 0.2)
    for x in (-0.5, 0.25):
        wave = [(x + 0.16 * math.sin(t / 3), 0.5 + 0.055 * t) for t in range(10)]
        pen.line(wave, 0.13)


def narrows(pen: Pen) -> None:
    pen.line([(-0.4, 0.95), (-0.4, -0.45)], 0.22, caps=False)
    pen.line([(0.6, 0.95), (0.6, 0.5), (0.14, 0.08), (0.14, -0.5)], 0.22, caps=False)


def digger(pen: Pen) -> None:
    pen.disk(-0.02, -0.62, 0.19, BLACK)
    pen.line([(-0.12, -0.38), (-0.3, 0.18)], 0.32)
    pen.line([(-0.3, 0.2), (-0.1, 0.5), (-0.2, 0.92)], 0.17)
    pen.line([(-0.34, 0.2), (-0.55, 0.55), (-0.78, 0.92)], 0.17)
    pen.line([(-0.05, -0.3), (0.22, 0.05)], 0.13)
    pen.line([(-0.35, 0.02), (0.55, 0.5)], 0.09)
    pen.shape([(0.25, 0.95), (0.5, 0.5), (0.78, 0.45), (1.25, 0.95)], BLACK)


def lights(pen: Pen) -> None:
    pen.box(-0.36, -0.9, 0.36, 1.0, BLACK, 0.14)
    for y, colour in ((-0.54, RED), (0.05, AMBER), (0.64, GREEN)):
        pen.disk(0, y, 0.25, colour)


def crossing(pen: Pen) -> None:
    person(pen.at(0, -0.02, 0.94))
    for x in (-1.0, -0.62, 0.62, 1.0):
        pen.line([(x * 0.85, 0.7), (x * 1.05, 1.0)], 0.14, caps=False)


def children(pen: Pen) -> None:
    person(pen.at(-0.34, 0.1, 0.86), 0.5)
    person(pen.at(0.56, 0.36, 0.6), 0.5)
    pen.line([(-0.05, -0.1), (0.35, 0.2)], 0.12)


def bicycle(pen: Pen) -> None:
    for x in (-0.6, 0.6):
        pen.line(curve(x, 0.5, 0.38, 0, 360, 32), 0.11)
    pen.line([(-0.6, 0.5), (-0.32, -0.05), (0.36, -0.05), (0.0, 0.5), (-0.6, 0.5)], 0.1)
    pen.line([(-0.4, -0.25), (0.0, 0.5)], 0.1)
    pen.line([(0.6, 0.5), (0.3, -0.32), (0.5, -0.36)], 0.1)
    pen.line([(-0.54, -0.27), (-0.24, -0.27)], 0.13)


def snowflake(pen: Pen) -> None:
    for angle in range(30, 390, 60):
        a = math.radians(angle)
        c, s = math.cos(a), math.sin(a)
        pen.line([(0, 0.12), (0.78 * c, 0.12 + 0.78 * s)], 0.13)
        for side in (-0.24, 0.24):
            tip = (0.72 * c - side * s, 0.12 + 0.72 * s + side * c)
            pen.line([(0.44 * c, 0.12 + 0.44 * s), tip], 0.1)


def deer(pen: Pen) -> None:
    """A deer leaping to the left."""
    pen.shape([(-0.4, -0.06), (0.45, 0.18), (0.62, 0.4), (0.3, 0.46), (-0.36, 0.26)], BLACK, 0.07)
    pen.line([(-0.36, 0.05), (-0.52, -0.42)], 0.2)
    pen.line([(-0.52, -0.42), (-0.8, -0.3)], 0.16)
    pen.line([(-0.46, -0.48), (-0.3, -0.72), (-0.36, -0.9)], 0.08)
    pen.line([(-0.3, -0.72), (-0.08, -0.78)], 0.08)
    pen.line([(-0.36, 0.22), (-0.72, 0.36), (-0.92, 0.24)], 0.1)
    pen.line([(-0.3, 0.26), (-0.56, 0.56), (-0.8, 0.56)], 0.1)
    pen.line([(0.5, 0.4), (0.7, 0.68), (1.0, 0.9)], 0.12)
    pen.line([(0.4, 0.42), (0.46, 0.72), (0.7, 0.96)], 0.12)
    pen.line([(0.6, 0.26), (0.78, 0.16)], 0.09)
