"""A pen for drawing signs with Pillow in coordinates [-1, 1] (x right, y down); no font files needed."""

import math
from collections.abc import Sequence
from itertools import pairwise

from PIL import Image, ImageDraw, ImageFont

RED, WHITE, BLACK, GREY = (178, 20, 32), (236, 236, 232), (18, 18, 20), (128, 130, 132)
BLUE, YELLOW, GREEN, AMBER = (12, 74, 166), (240, 172, 18), (20, 130, 70), (226, 150, 20)

Colour = tuple[int, int, int]
Points = Sequence[tuple[float, float]]


class Pen:
    """Draws on one RGBA image in coordinates [-1, 1]; `at` gives a pen for a shifted, scaled frame."""

    def __init__(self, image: Image.Image, frame: tuple[float, float, float, float] = (0, 0, 1, 1)) -> None:
        self.image, self.frame, self.draw = image, frame, ImageDraw.Draw(image)

    def at(self, x: float, y: float, scale: float, flip: bool = False) -> "Pen":
        x0, y0, sx, sy = self.frame
        return Pen(self.image, (x0 + sx * x, y0 + sy * y, sx * (-scale if flip else scale), sy * scale))

    def pixels(self, points: Points) -> list[tuple[float, float]]:
        x0, y0, sx, sy = self.frame
        half = self.image.width / 2
        return [(half * (1 + x0 + sx * x), half * (1 + y0 + sy * y)) for x, y in points]

    def disk(self, x: float, y: float, r: float, colour: Colour) -> None:
        a, b = self.pixels([(x, y)])[0]
        d = abs(self.frame[3]) * r * self.image.width / 2
        self.draw.ellipse((a - d, b - d, a + d, b + d), fill=colour)

    def shape(self, points: Points, colour: Colour, rounding: float = 0.0) -> None:
        """A filled polygon, grown by `rounding` with round corners."""
        self.draw.polygon(self.pixels(points), fill=colour)
        if rounding:
            self.line([*points, points[0]], 2 * rounding, colour)

    def box(self, x0: float, y0: float, x1: float, y1: float, colour: Colour, rounding: float = 0.0) -> None:
        r = rounding
        self.shape([(x0 + r, y0 + r), (x1 - r, y0 + r), (x1 - r, y1 - r), (x0 + r, y1 - r)], colour, rounding)

    def line(self, points: Points, width: float, colour: Colour = BLACK, caps: bool = True) -> None:
        """Straight pieces of the given width, round joints, round ends unless `caps` is False."""
        for (xa, ya), (xb, yb) in pairwise(points):
            length = math.hypot(xb - xa, yb - ya) or 1.0
            nx, ny = (ya - yb) / length * width / 2, (xb - xa) / length * width / 2
            corners = [(xa + nx, ya + ny), (xb + nx, yb + ny), (xb - nx, yb - ny), (xa - nx, ya - ny)]
            self.draw.polygon(self.pixels(corners), fill=colour)
        for x, y in points if caps else points[1:-1]:
            self.disk(x, y, width / 2, colour)

    def arrow(self, points: Points, width: float, head: float, colour: Colour = WHITE) -> None:
        """A line along `points` that ends in a triangular head, `head` long, 1.9 times as wide."""
        (xa, ya), (xb, yb) = points[-2:]
        angle = math.atan2(yb - ya, xb - xa)
        c, s = math.cos(angle), math.sin(angle)
        xe, ye = xb - head * c, yb - head * s
        self.line([*points[:-1], (xe + 0.02 * c, ye + 0.02 * s)], width, colour, caps=False)
        w = 0.95 * head
        self.shape([(xb, yb), (xe - w * s, ye + w * c), (xe + w * s, ye - w * c)], colour)

    def text(self, string: str, width: float, height: float, colour: Colour, bold: float = 0.035) -> None:
        """Text in Pillow's own font, stretched to `width` x `height` around the origin of the frame."""
        font = ImageFont.load_default(200)
        stroke = round(200 * bold)
        left, top, right, bottom = font.getbbox(string, stroke_width=stroke)
        mask = Image.new("L", (round(right - left), round(bottom - top)))
        ImageDraw.Draw(mask).text((-left, -top), string, 255, font, stroke_width=stroke)
        (x0, y0), (x1, y1) = self.pixels([(-width / 2, -height / 2), (width / 2, height / 2)])
        mask = mask.resize((max(1, round(x1 - x0)), max(1, round(y1 - y0))), Image.Resampling.BOX)
        self.image.paste(colour, (round(x0), round(y0)), mask)


def curve(x: float, y: float, r: float, start: float, stop: float, steps: int = 16) -> Points:
    """Points on a circle, angles in degrees from +x, clockwise as seen (y points down)."""
    angles = (math.radians(start + (stop - start) * i / steps) for i in range(steps + 1))
    return [(x + r * math.cos(a), y + r * math.sin(a)) for a in angles]
