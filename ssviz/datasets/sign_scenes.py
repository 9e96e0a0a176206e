"""Street scenes without streets: sky, trees, walls and asphalt out of noise, to stand behind a sign."""

from functools import lru_cache

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

SCENES = 24

Rgb = tuple[int, int, int]


def fractal_noise(rng: np.random.Generator, side: int, cells: int, octaves: int = 4) -> np.ndarray:
    """Smooth noise, (side, side) float32, stretched to [0, 1]: each octave twice as fine, 0.6 as strong."""
    total = np.zeros((side, side), np.float32)
    for octave in range(octaves):
        n = min(side, cells << octave)
        grid = Image.fromarray(rng.standard_normal((n, n), dtype=np.float32))
        total += 0.6**octave * np.asarray(grid.resize((side, side), Image.Resampling.BICUBIC))
    low, high = np.quantile(total, (0.01, 0.99))
    return np.clip((total - low) / (high - low), 0, 1)


def _blend(low: Rgb, high: Rgb, amount: np.ndarray) -> Image.Image:
    """`low` where amount is 0, `high` where it is 1."""
    a = np.clip(amount, 0, 1)[..., None]
    return Image.fromarray(((1 - a) * np.float32(low) + a * np.float32(high)).astype(np.uint8))


def _sky(rng: np.random.Generator, side: int) -> Image.Image:
    top = [(120, 160, 215), (205, 212, 222), (160, 178, 205), (236, 238, 242)][rng.integers(4)]
    haze = np.linspace(0, 0.8, side, dtype=np.float32)[:, None]
    return _blend(top, (246, 246, 246), 0.6 * fractal_noise(rng, side, 3) ** 2 + haze)


def _foliage(rng: np.random.Generator, side: int) -> Image.Image:
    leaves = [(96, 118, 52), (70, 96, 58), (176, 134, 52), (138, 128, 84), (80, 104, 96)][rng.integers(5)]
    light = fractal_noise(rng, side, 24, 4) * (0.4 + 0.9 * fractal_noise(rng, side, 5))
    image = _blend((14, 18, 14), leaves, light**1.3)
    gaps = fractal_noise(rng, side, 16, 4) > rng.uniform(0.72, 1.0)
    image.paste((226, 232, 238), mask=Image.fromarray((255 * gaps).astype(np.uint8)))
    return image


def _branches(image: Image.Image, rng: np.random.Generator) -> None:
    """Bare trees over what is there."""
    draw, side = ImageDraw.Draw(image), image.width
    for _ in range(int(rng.integers(8, 20))):
        x, y, angle, width = (
            rng.uniform(0, side),
            float(side),
            rng.normal(-1.57, 0.25),
            side * rng.uniform(0.006, 0.03),
        )
        for _ in range(10):
            x1, y1 = x + side * 0.12 * np.cos(angle), y + side * 0.12 * np.sin(angle)
            draw.line((x, y, x1, y1), fill=(34, 30, 28), width=max(1, int(width)))
            for _ in range(3):
                a, r = angle + rng.normal(0, 0.9), side * rng.uniform(0.05, 0.2)
                draw.line(
                    (x1, y1, x1 + r * np.cos(a), y1 + r * np.sin(a)),
                    fill=(52, 46, 42),
                    width=max(1, int(width / 3)),
                )
            x, y, angle, width = x1, y1, angle + rng.normal(0, 0.25), 0.8 * width


def _wall(rng: np.random.Generator, side: int) -> Image.Image:
    colour = [(188, 176, 150), (142, 84, 66), (206, 204, 198), (118, 116, 112), (214, 178, 96)][rng.integers(5)]
    image = _blend(tuple(c // 2 for c in colour), colour, 0.55 + 0.5 * fractal_noise(rng, side, 4, 6))
    draw, pitch = ImageDraw.Draw(image), side * rng.uniform(0.16, 0.3)
    glass = [(34, 40, 50), (70, 86, 106), (200, 210, 220)][rng.integers(3)]
    for row in range(1, int(side / pitch) + 1):
        for column in range(int(side / pitch) + 1):
            x, y = column * pitch, row * pitch
            draw.rectangle((x, y, x + 0.5 * pitch, y + 0.62 * pitch), fill=(232, 230, 224))
            draw.rectangle((x + 0.05 * pitch, y + 0.05 * pitch, x + 0.45 * pitch, y + 0.57 * pitch), fill=glass)
    roof = [(120, 56, 44), (72, 66, 66)][rng.integers(2)]
    slope = side * rng.uniform(-0.3, 0.3)
    draw.polygon((0, 0, side, 0, side, 0.2 * side + slope, 0, 0.2 * side - slope), fill=roof)
    return image


def _road(rng: np.random.Generator, side: int) -> Image.Image:
    image = _blend((44, 44, 48), (124, 122, 122), fractal_noise(rng, side, 6, 7))
    draw = ImageDraw.Draw(image)
    for _ in range(3):
        x, w = rng.uniform(-0.2, 1.0) * side, side * rng.uniform(0.02, 0.05)
        lean = side * rng.uniform(-0.5, 0.5)
        draw.polygon((x, 0, x + w, 0, x + lean + 2 * w, side, x + lean, side), fill=(206, 206, 202))
    return image


def _street(rng: np.random.Generator, side: int) -> Image.Image:
    """From top to bottom: sky, trees or houses behind a ragged skyline, parked things, road."""
    image = _sky(rng, side)
    if rng.random() < 0.5:
        _branches(image, rng)
    skyline = (0.15 + 0.5 * fractal_noise(rng, side, 3, 5)[0]) * side
    rows = np.arange(side)[:, None]
    middle = (_foliage if rng.random() < 0.6 else _wall)(rng, side)
    image.paste(middle, mask=Image.fromarray((255 * (rows > skyline)).astype(np.uint8)))
    horizon = side * rng.uniform(0.7, 0.9)
    image.paste(_road(rng, side), (0, int(horizon) + 1))
    draw = ImageDraw.Draw(image)
    for _ in range(int(rng.integers(2, 7))):
        x, w, h = rng.uniform(0, side), side * rng.uniform(0.05, 0.25), side * rng.uniform(0.04, 0.16)
        colour = tuple(int(c) for c in rng.choice([(20, 20, 24), (150, 24, 30), (210, 210, 214), (30, 60, 120)]))
        draw.rounded_rectangle((x, horizon - h, x + w, horizon + 0.3 * h), h / 3, fill=colour)
    return image


@lru_cache(maxsize=2)
def scenes(side: int) -> tuple[Image.Image, ...]:
    """SCENES pictures of side x side pixels in sRGB, always the same; about a third are whole streets."""
    pictures = []
    for index in range(SCENES):
        rng = np.random.default_rng([43, index])
        kind = (_street, _foliage, _street, _wall, _street, _sky, _foliage, _road)[index % 8]
        image = kind(rng, side)
        if kind is _sky and index % 16 > 8:
            _branches(image, rng)
        pictures.append(image.filter(ImageFilter.GaussianBlur(side / 400 * rng.uniform(0.5, 3))))
    return tuple(pictures)
