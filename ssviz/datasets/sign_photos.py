"""Photographing the sign faces, a batch at a time, in the order of nature.

A face is placed in front of a scene (perspective), light falls on both (linear intensities), the lens blurs,
the sensor adds noise, saturates and rounds. Everything varies: see _DRAWS.
"""

from functools import lru_cache

import numpy as np
from PIL import Image

from ssviz.datasets.sign_faces import FACES, TRIANGLES, draw_face
from ssviz.datasets.sign_scenes import SCENES, fractal_noise, scenes

# One uniform random number in [0, 1) for each image and name.
_DRAWS = (
    *("yaw", "pitch", "roll", "fill", "dx", "dy", "scene", "window", "left", "top", "mirror"),
    *("pole", "pole_x", "pole_tone", "neighbour", "neighbour_face"),
    *("exposure", "contrast", "fade", "warmth", "haze", "slope", "slope_angle"),
    *("shadow", "shadow_depth", "shadow_angle", "shadow_at", "shadow_soft", "dapple", "dapple_field"),
    *("dirt", "dirt_field", "glare", "glare_x", "glare_y", "glare_size"),
    *("focus", "defocus", "moving", "motion", "motion_angle", "fringe_x", "fringe_y", "gain"),
)
_FIELDS = 16


def photograph(labels: np.ndarray, start: int, size: int, seed: int) -> np.ndarray:
    """One chunk: images start, start + 1, ... of this seed. (n, size, size, 3) uint8."""
    margin = max(2, size // 16)  # what the blur's wrap-around may spoil; cut off at the end
    side = size + 2 * margin
    draws, noise = _random(len(labels), start, side, seed)
    light = _illuminate(*_place(labels, draws, size, side), draws, size)
    light = _expose(light, noise, draws, size, margin)
    return np.ascontiguousarray(light.transpose(0, 2, 3, 1))


def _random(n: int, start: int, side: int, seed: int) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """Every image's own random numbers: its draws by name, each (n,), and unit normal noise (n, 3, s, s)."""
    uniform = np.empty((n, len(_DRAWS)), np.float32)
    noise = np.empty((n, 3, side, side), np.float32)
    for i in range(n):
        generator = np.random.Generator(np.random.Philox(key=seed, counter=[0, 0, 0, start + i]))
        generator.random(dtype=np.float32, out=uniform[i])
        generator.standard_normal(dtype=np.float32, out=noise[i])
    return dict(zip(_DRAWS, uniform.T.copy(), strict=True)), noise


def _between(u: np.ndarray, low: float, high: float) -> np.ndarray:
    return low + (high - low) * u


def _column(u: np.ndarray) -> np.ndarray:
    return u[:, None, None, None]


def _bell(u: np.ndarray, width: float) -> np.ndarray:
    """Bell-shaped (logistic) around 0, standard deviation about `width`, within 3 of them."""
    return np.clip(width * 0.55 * np.log((u + 1e-6) / (1 - u + 1e-6)), -3 * width, 3 * width)


# --- geometry: where the sign stands ----------------------------------------------------------------


def _homographies(labels: np.ndarray, d: dict[str, np.ndarray], size: int, side: int) -> np.ndarray:
    """From face coordinates [-1, 1] to pixels of the canvas, (n, 3, 3): rotate in space, project, shift."""
    yaw, pitch = _bell(d["yaw"], 0.23), _bell(d["pitch"], 0.11)
    roll = _bell(d["roll"], 0.06)
    near = np.where(np.isin(labels, TRIANGLES), 1.1, 1.0)  # crops are tight around the sign
    radius, distance = _between(d["fill"], 0.36, 0.45) * size * near, 4.0
    cy, sy, cp, sp, cr, sr = (f(a) for a in (yaw, pitch, roll) for f in (np.cos, np.sin))
    zero, one = np.zeros_like(yaw), np.ones_like(yaw)

    def rows(*entries: np.ndarray) -> np.ndarray:
        return np.stack(entries, -1).reshape(-1, 3, 3).astype(np.float64)

    turn = rows(cr, -sr, zero, sr, cr, zero, zero, zero, one)
    turn = (
        turn @ rows(one, zero, zero, zero, cp, -sp, zero, sp, cp) @ rows(cy, zero, sy, zero, one, zero, -sy, zero, cy)
    )
    turn[:, :, 2] = (0, 0, distance)  # the face is flat: its third coordinate carries the distance instead
    mid_x, mid_y = (side / 2 + _bell(d[name], 0.022) * size for name in ("dx", "dy"))
    camera = rows(radius * distance, zero, mid_x, zero, radius * distance, mid_y, zero, zero, one)
    return camera @ turn


@lru_cache(maxsize=128)
def _texture(label: int, side: int) -> Image.Image:
    """A face as reflectance in linear light, premultiplied."""
    face = draw_face(label, side).astype(np.float32) / 255
    face[..., :3] = face[..., :3] ** 2
    return Image.fromarray((255 * face + 0.5).astype(np.uint8)).convert("RGBa")


def _place(
    labels: np.ndarray, d: dict[str, np.ndarray], size: int, side: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Reflectances, float32 in [0, 1]: signs (n, 3, s, s) times cover (n, 1, s, s), and what is behind."""
    n, fine = len(labels), 2  # faces are sampled at twice the resolution
    face_side = fine * size * 3 // 4
    pixel_to_face = np.array([[2 / face_side, 0, -1], [0, 2 / face_side, -1], [0, 0, 1]])
    to_fine = np.diag([fine, fine, 1.0])
    inverse = np.linalg.inv(to_fine @ _homographies(labels, d, size, side))
    inverse = np.linalg.inv(pixel_to_face) @ inverse
    beside = np.where(d["neighbour"] < 0.05, -1, 1) * 2.12 * face_side / 2
    signs, behind = np.empty((n, side, side, 4), np.uint8), np.empty((n, side, side, 3), np.uint8)
    world = int(np.clip(12 * size, 384, 1024))
    pictures = scenes(world)
    window = np.minimum(_between(d["window"], 1.2, 3.2) * side, 0.7 * world)
    left, top = d["left"] * (world - window), d["top"] * (world - window)
    for i, label in enumerate(labels.tolist()):

        def view(face: int, shift: float = 0.0, i: int = i) -> np.ndarray:
            m = inverse[i] + shift * np.outer([0, 1, 0], inverse[i, 2])
            m = (m / m[2, 2]).ravel()[:8]
            image = _texture(face, face_side).transform(
                (fine * side, fine * side), Image.Transform.PERSPECTIVE, m, Image.Resampling.BILINEAR
            )
            return np.asarray(image.reduce(fine))

        signs[i] = view(label)
        if d["neighbour"][i] < 0.15:
            signs[i] += view(int(d["neighbour_face"][i] * FACES), beside[i])
        box = (left[i], top[i], left[i] + window[i], top[i] + window[i])
        picture = pictures[int(d["scene"][i] * SCENES)]
        behind[i] = picture.resize((side, side), Image.Resampling.BILINEAR, box)
    behind[d["mirror"] < 0.5] = behind[d["mirror"] < 0.5, :, ::-1]
    planes = signs.transpose(0, 3, 1, 2).astype(np.float32) * np.float32(1 / 255)
    scene = behind.transpose(0, 3, 1, 2).astype(np.float32) * np.float32(1 / 255)
    return planes[:, :3], planes[:, 3:], _with_pole(scene * scene, d, size)


def _with_pole(scene: np.ndarray, d: dict[str, np.ndarray], size: int) -> np.ndarray:
    """A round grey pole behind the sign, in most of the images."""
    side = scene.shape[-1]
    x, y = np.arange(side, dtype=np.float32), np.arange(side, dtype=np.float32)[:, None]
    centre = side / 2 + _bell(_column(d["pole_x"]), 0.03) * size + 0.04 * (y - side / 2)
    across = (x - centre) / (0.055 * size)
    reach = (_column(d["pole"]) > 0.35) * np.float32(side / 2)  # some poles go on above the sign
    there = (y >= reach) & (_column(d["pole"]) < 0.8)
    mask = np.clip((1 - np.abs(across)) * 0.055 * size + 0.5, 0, 1) * there
    tone = _between(_column(d["pole_tone"]), 0.04, 0.4) * (1 - 0.6 * np.clip(across, -1, 1))
    return scene + mask * (tone - scene)


# --- light: what the lens sees ----------------------------------------------------------------------


@lru_cache(maxsize=4)
def _fields(side: int) -> np.ndarray:
    """Fixed noise fields for dapples and dirt, (_FIELDS, 1, side, side) float32 in [0, 1]."""
    fields = [fractal_noise(np.random.default_rng([7, i]), side, 3, 4) for i in range(_FIELDS)]
    return np.stack(fields)[:, None]


def _field(u: np.ndarray, side: int) -> np.ndarray:
    return _fields(side)[(u * _FIELDS).astype(int)]


def _illuminate(
    sign: np.ndarray, cover: np.ndarray, scene: np.ndarray, d: dict[str, np.ndarray], size: int
) -> np.ndarray:
    """Linear intensities (n, 3, s, s), 1 = the sensor's white. Overwrites `sign`."""
    side = scene.shape[-1]
    x = (np.arange(side, dtype=np.float32) - side / 2) / (size / 2)
    y = x[:, None]
    col = {name: _column(u) for name, u in d.items()}

    exposure = 10 ** _between(col["exposure"], -1.6, 0.37)
    behind = exposure**0.8 * 10 ** _bell(col["contrast"], 0.4)
    angle = 2 * np.pi * col["slope_angle"]
    light = 1 + _between(col["slope"], 0, 0.4) * (x * np.cos(angle) + y * np.sin(angle))

    angle = 2 * np.pi * col["shadow_angle"]
    edge = x * np.cos(angle) + y * np.sin(angle) - _between(col["shadow_at"], -0.6, 0.6)
    depth = np.where(col["shadow"] < 0.25, _between(col["shadow_depth"], 0.3, 0.8), 0)
    light *= 1 - depth * np.clip(edge / _between(col["shadow_soft"], 0.02, 0.3) + 0.5, 0, 1)
    some = d["dapple"] < 0.08
    light[some] *= 1 - 0.6 * np.clip(6 * _field(d["dapple_field"][some], side) - 2.5, 0, 1)

    fade = _between(col["fade"], 0.5, 1.0)  # old paint: towards grey, and a little lighter
    grey = sign.mean(1, keepdims=True)
    sign = fade * sign + ((1 - fade) * grey + 0.03 * (1 - fade) * cover)
    some = d["dirt"] < 0.25
    dirt = _column(1 - 4 * d["dirt"][some]) * 0.7 * _field(d["dirt_field"][some], side) ** 2
    sign[some] += dirt * (0.12 * cover[some] - sign[some])

    sign *= exposure * light
    sign += (behind * (1 - cover)) * scene
    warm = _bell(col["warmth"], 0.16) - 0.06
    sign *= np.concatenate([1 + warm, np.ones_like(warm), 1 - warm], 1)

    some = d["glare"] < 0.08
    at_x, at_y, spread, peak = (col[name][some] for name in ("glare_x", "glare_y", "glare_size", "glare"))
    far = (x - _between(at_x, -0.7, 0.7)) ** 2 + (y - _between(at_y, -0.7, 0.7)) ** 2
    peak = _between(peak / 0.08, 0.7, 0.1) * np.sqrt(exposure[some])
    sign[some] += peak * np.exp(-far / _between(spread, 0.03, 0.3)) * cover[some]
    veil = np.maximum(0, 0.25 - 1.5 * col["haze"])
    return sign * (1 - veil) + veil * 0.6 * np.sqrt(exposure)


# --- camera: what the sensor makes of it ------------------------------------------------------------


def _lens(d: dict[str, np.ndarray], size: int, side: int) -> np.ndarray:
    """The lens as a filter in the frequency domain, (n, 3, s, s // 2 + 1) complex64.

    A Gaussian (defocus) times a sinc (motion along a line) times phases: red and blue land slightly beside
    green, the coloured fringes of cheap lenses and Bayer sensors.
    """
    fy = np.fft.fftfreq(side).astype(np.float32)[:, None]
    fx = np.fft.rfftfreq(side).astype(np.float32)
    unit = (size / 32) ** 0.8
    soft = np.where(_column(d["focus"]) < 0.65, 0.25, 0.85)
    sigma = unit * _between(_column(d["defocus"]), 0.05, soft)
    moved = unit * np.where(_column(d["moving"]) < 0.2, _between(_column(d["motion"]), 1, 3.2), 0)
    angle = np.pi * _column(d["motion_angle"])
    blur = np.exp(-2 * np.pi**2 * sigma**2 * (fx**2 + fy**2))
    blur *= np.sinc(moved * (fx * np.cos(angle) + fy * np.sin(angle)))
    beside_x, beside_y = (_bell(_column(d[f"fringe_{axis}"]), 0.22) * unit for axis in "xy")
    fringe = np.exp(-2j * np.pi * fx * beside_x) * np.exp(-2j * np.pi * fy * beside_y)
    return np.concatenate([fringe, np.ones_like(fringe), fringe.conj()], 1).astype(np.complex64) * blur


def _expose(light: np.ndarray, noise: np.ndarray, d: dict[str, np.ndarray], size: int, margin: int) -> np.ndarray:
    """Blur, shot and read noise, saturation, gamma 2, rounding: (n, 3, size, size) uint8."""
    side = light.shape[-1]
    light = np.fft.irfft2(np.fft.rfft2(light) * _lens(d, size, side), s=(side, side))
    inside = slice(margin, margin + size)
    light, noise = light[..., inside, inside], noise[..., inside, inside]
    value = np.sqrt(np.clip(light, 0, 1))  # gamma 2: shot noise has the same strength at every level
    value += noise * (_between(_column(d["gain"]), 0.004, 0.016) * (0.35 + value))
    return (255 * np.clip(value, 0, 1) + 0.5).astype(np.uint8)
