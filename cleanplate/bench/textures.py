"""Painted worlds for the rendered scenes: a park, a street, a brick wall, a thicket in front, a printed cloth.

Everything is drawn from a seed, at twice the size and averaged down, so that the textures are band-limited and can be
moved by fractions of a pixel. Spectra are those of natural pictures: 1/f noise for broad light and dark, occluding
shapes of many sizes for edges, strokes and mortar for fine detail.
Lengths are given in units of a 240 line picture; pictures are (H, W, 3) float32 RGB in 0-255.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

Picture = NDArray[np.float32]
Color3 = tuple[float, float, float]
Rng = np.random.Generator

SUPERSAMPLING = 2
LENS_PX = 0.55


def fractal(height_px: int, width_px: int, rng: Rng, slope: float = 1.0) -> NDArray[np.float32]:
    """Noise whose amplitude falls as 1/frequency**slope: (H, W) float32, mean 0, standard deviation 1.

    Natural pictures have a slope near 1 (Field 1987).
    """
    # Even sizes that FFTs like; cropped at the end.
    rows, columns = cv2.getOptimalDFTSize(height_px), cv2.getOptimalDFTSize(width_px)
    fy = np.fft.fftfreq(rows).astype(np.float32)[:, None]
    fx = np.fft.rfftfreq(columns).astype(np.float32)[None, :]
    radius = np.sqrt(fy * fy + fx * fx)
    radius[0, 0] = 1.0
    phases = rng.random(radius.shape, dtype=np.float32) * np.float32(2 * np.pi)
    spectrum = np.exp(1j * phases) * radius ** np.float32(-slope)
    spectrum[0, 0] = 0.0
    noise = np.fft.irfft2(spectrum, s=(rows, columns))[:height_px, :width_px]
    return np.asarray((noise - noise.mean()) / noise.std(), dtype=np.float32)


class Canvas:
    """A picture being drawn at `SUPERSAMPLING` times its size. Lengths in units; see `px`."""

    def __init__(self, height_px: int, width_px: int, view_height_px: int, rng: Rng) -> None:
        self.height_px, self.width_px = height_px, width_px
        self.unit = SUPERSAMPLING * view_height_px / 240.0
        self.rng = rng
        self.rows, self.columns = SUPERSAMPLING * height_px, SUPERSAMPLING * width_px
        self.image = np.zeros((self.rows, self.columns, 3), np.uint8)
        self.opacity = np.zeros((self.rows, self.columns), np.uint8)
        # A quarter-size noise enlarged is enough for broad light; the fine one is added when finishing.
        small = fractal(self.rows // 4 + 1, self.columns // 4 + 1, rng, 1.3)
        self.broad = cv2.resize(small, (self.columns, self.rows), interpolation=cv2.INTER_CUBIC)

    def px(self, units: float) -> int:
        """Canvas pixels of a length in units, at least 1."""
        return max(1, round(units * self.unit))

    def vary(self, color: Color3, amount: float) -> Color3:
        """A colour near the given one: brightness and tint jittered by `amount` levels."""
        shift = self.rng.normal(0, amount)
        tint = self.rng.normal(0, amount / 3, 3)
        return tuple(float(np.clip(c + shift + d, 0, 255)) for c, d in zip(color, tint, strict=True))  # type: ignore[return-value]

    def polygon(self, points: Sequence[tuple[float, float]], color: Color3) -> None:
        """A filled polygon of canvas pixels."""
        corners = np.round(np.asarray(points)).astype(np.int32)
        cv2.fillPoly(self.image, [corners], color)
        cv2.fillPoly(self.opacity, [corners], 255)

    def box(self, x: float, y: float, width: float, height: float, color: Color3) -> None:
        """A filled box of canvas pixels."""
        self.polygon([(x, y), (x + width, y), (x + width, y + height), (x, y + height)], color)

    def ellipse(self, x: float, y: float, radii: tuple[float, float], angle_deg: float, color: Color3) -> None:
        """A filled ellipse of canvas pixels."""
        center = (round(x), round(y))
        axes = (max(1, round(radii[0])), max(1, round(radii[1])))
        cv2.ellipse(self.image, center, axes, angle_deg, 0, 360, color, -1)
        cv2.ellipse(self.opacity, center, axes, angle_deg, 0, 360, 255, -1)

    def leaves(self, x: float, y: float, radius: float, color: Color3, count: int) -> None:
        """A lump of foliage: leaves of many sizes over one another, lit from the upper left."""
        rng = self.rng
        angle, spread = rng.random(count) * 2 * np.pi, np.sqrt(rng.random(count))
        for a, r in zip(angle, spread, strict=True):
            dx, dy = np.cos(a) * r, np.sin(a) * r * 0.85
            light = 1.0 - 0.45 * (dx + 2 * dy) / 2.2 + rng.normal(0, 0.16)
            size = radius * (0.05 + 0.11 * rng.random() ** 2)
            shade = tuple(float(np.clip(c * light, 0, 255)) for c in color)
            self.ellipse(x + dx * radius, y + dy * radius, (size, size * 0.55), float(rng.random() * 180), shade)  # type: ignore[arg-type]

    def finish(self, detail: float = 5.0, broad: float = 7.0) -> tuple[Picture, NDArray[np.float32]]:
        """The picture at its own size with light and fine detail added, and its opacity (H, W) in 0-1.

        The picture is premultiplied: where the opacity is below 1 the averaging has mixed in that much black.
        """
        light, fine = self._shrunk(self.broad), fractal(self.height_px, self.width_px, self.rng, 0.6)
        gain = 1.0 + (broad * light + detail * fine)[..., None] / 128.0
        picture = np.clip(self._shrunk(self.image) * gain, 0, 252).astype(np.float32)
        opacity = self._shrunk(self.opacity).astype(np.float32) / np.float32(255)
        # A lens passes about a sixth at the highest frequency; that much softness also bears moves of half a pixel.
        return tuple(cv2.GaussianBlur(layer, (0, 0), LENS_PX) for layer in (picture, opacity))  # type: ignore[return-value]

    def _shrunk(self, picture: NDArray[Any]) -> NDArray[Any]:
        return np.asarray(cv2.resize(picture, (self.width_px, self.height_px), interpolation=cv2.INTER_AREA))


def _sky(canvas: Canvas, horizon: int) -> None:
    ramp = np.linspace(0, 1, max(horizon, 1), dtype=np.float32)[:, None, None]
    blue = (1 - ramp) * np.array([96, 142, 205], np.float32) + ramp * np.array([190, 212, 230], np.float32)
    cloud = np.clip((canvas.broad[:horizon] - 0.1) * 0.8, 0, 1)[..., None]
    canvas.image[:horizon] = (blue * (1 - cloud) + np.array([244, 243, 240], np.float32) * cloud).astype(np.uint8)
    canvas.opacity[:horizon] = 255


def park(height_px: int, width_px: int, view_height_px: int, rng: Rng) -> Picture:
    """Sky, hills, trees, a path and a meadow with flowers: (H, W, 3)."""
    canvas = Canvas(height_px, width_px, view_height_px, rng)
    rows, columns, px = canvas.rows, canvas.columns, canvas.px
    horizon = int(rows * 0.42)
    _sky(canvas, horizon + px(10))
    for depth, tone in ((26.0, (120.0, 146.0, 160.0)), (12.0, (98.0, 130.0, 112.0))):
        ridge = np.interp(
            np.arange(0, columns + 8, 8), np.linspace(0, columns, 24), horizon - px(depth) * rng.random(24)
        )
        edge = [(float(8 * k), float(y)) for k, y in enumerate(ridge)]
        canvas.polygon([*edge, (columns, horizon + px(20)), (0, horizon + px(20))], tone)
    ground = np.linspace(0, 1, rows - horizon, dtype=np.float32)[:, None, None]
    canvas.image[horizon:] = (
        (1 - ground) * np.array([132, 150, 88], np.float32) + ground * np.array([84, 118, 52], np.float32)
    ).astype(np.uint8)
    canvas.opacity[:] = 255
    bend = rng.random() * columns
    path = [(bend + px(12), horizon), (bend + px(24), horizon), (bend + px(210), rows), (bend + px(70), rows)]
    canvas.polygon(path, (186, 168, 134))
    blades = int(columns * (rows - horizon) / canvas.unit**2 / 5)
    for y, x, tone in zip(np.sort(rng.random(blades)), rng.random(blades), rng.normal(0, 1, blades), strict=True):
        row, column = int(horizon + (rows - horizon) * y**0.8), int(columns * x)
        below = canvas.image[min(row, rows - 1), column].astype(float) * (1 + 0.14 * tone)
        length = canvas.unit * (1.0 + 6.0 * y)
        tip = (int(column + length * 0.4 * tone), int(row - length))
        cv2.line(canvas.image, (column, row), tip, np.clip(below, 0, 255).tolist(), max(1, px(0.25 + 0.6 * y)))
    for _ in range(int(columns / canvas.unit / 3)):
        y = rng.random()
        color = canvas.vary(((235, 225, 90), (225, 90, 80), (240, 240, 235))[rng.integers(3)], 12)
        size = canvas.unit * (0.6 + 1.6 * y)
        canvas.ellipse(rng.random() * columns, horizon + (rows - horizon) * (0.1 + 0.9 * y), (size, size), 0, color)
    for base in np.sort(rng.random(max(6, int(columns / px(42))))) * 0.28:
        x, y = rng.random() * columns, horizon + base * (rows - horizon)
        scale = canvas.unit * (0.55 + 2.0 * base)
        trunk, tall = 4 * scale, 52 * scale
        canvas.polygon(
            [(x - trunk, y), (x + trunk, y), (x + trunk / 2, y - tall), (x - trunk / 2, y - tall)],
            canvas.vary((88, 70, 52), 8),
        )
        green = canvas.vary((86, 118, 56), 14)
        for _ in range(6):
            lump = (x + rng.normal(0, 14) * scale, y - tall + rng.normal(-6, 10) * scale)
            canvas.leaves(*lump, radius=20 * scale, color=green, count=70)
    return canvas.finish(detail=4.0)[0]


def _house(canvas: Canvas, x: float, width: float, ground: float) -> None:
    rng, px = canvas.rng, canvas.px
    height = px(rng.uniform(95, 150))
    top = ground - height
    paint = ((188, 120, 92), (205, 186, 152), (150, 160, 168), (196, 160, 110), (222, 214, 204))[rng.integers(5)]
    wall = canvas.vary(paint, 8)
    canvas.box(x, top, width, height, wall)
    for course in range(int(top), int(ground), px(4)):  # courses of stone
        cv2.line(canvas.image, (int(x), course), (int(x + width), course), [c * 0.88 for c in wall], px(0.5))
    roof = canvas.vary((110, 70, 60), 12)
    canvas.polygon(
        [(x - px(4), top), (x + width + px(4), top), (x + width - px(8), top - px(26)), (x + px(8), top - px(26))], roof
    )
    for tile in range(6):
        y = int(top - px(26) * tile / 6)
        cv2.line(canvas.image, (int(x) + px(8), y), (int(x + width) - px(8), y), [c * 0.8 for c in roof], px(0.7))
    across, floors = max(2, int(width / px(28))), max(2, int(height / px(38)))
    pitch_x, pitch_y = width / across, (height - px(8)) / floors
    for floor in range(floors):
        for column in range(across):
            wx, wy = x + (column + 0.5) * pitch_x - px(8), top + px(8) + floor * pitch_y
            if floor == floors - 1 and column == 0:
                canvas.box(wx, ground - px(30), px(16), px(30), canvas.vary((96, 54, 44), 20))
                continue
            canvas.box(wx - px(1.5), wy - px(1.5), px(19), px(25), (236, 232, 224))
            canvas.box(wx, wy, px(16), px(22), canvas.vary((62, 74, 88), 14))
            canvas.polygon(
                [(wx, wy + px(22)), (wx + px(10), wy), (wx + px(14), wy), (wx + px(4), wy + px(22))], (118, 134, 148)
            )
            canvas.box(wx + px(7.3), wy, px(1.4), px(22), (236, 232, 224))
            canvas.box(wx - px(2), wy + px(23), px(20), px(2), [c * 0.7 for c in wall])  # type: ignore[arg-type]


def street(height_px: int, width_px: int, view_height_px: int, rng: Rng) -> Picture:
    """Houses with windows, signs, a pavement of slabs and a road: (H, W, 3)."""
    canvas = Canvas(height_px, width_px, view_height_px, rng)
    rows, columns, px = canvas.rows, canvas.columns, canvas.px
    ground = int(rows * 0.68)
    _sky(canvas, ground)
    x = -px(20)
    while x < columns:
        width = px(rng.uniform(64, 120))
        _house(canvas, x, width, ground)
        x += width
    canvas.box(0, ground, columns, rows - ground, (168, 164, 158))
    kerb = ground + (rows - ground) // 2
    for slab in range(-columns, 2 * columns, px(22)):  # slabs lie towards the middle
        far, near = slab, int(columns / 2 + (slab - columns / 2) * 1.25)
        cv2.line(canvas.image, (far, ground), (near, kerb), (134, 130, 124), px(0.7))
    for k in range(1, 4):
        y = int(ground + (kerb - ground) * (k / 4) ** 1.4)
        cv2.line(canvas.image, (0, y), (columns, y), (138, 134, 128), px(0.6))
    canvas.box(0, kerb, columns, rows - kerb, (92, 92, 96))
    canvas.box(0, kerb, columns, px(3), (196, 192, 186))
    for dash in range(0, columns, px(48)):
        canvas.box(dash, kerb + (rows - kerb) * 0.55, px(24), px(3), (226, 222, 206))
    for post in range(int(rng.integers(px(60))), columns, px(130)):
        canvas.box(post, ground - px(92), px(3), px(104), (52, 60, 58))
        canvas.ellipse(post + px(1.5), ground - px(95), (px(5), px(5)), 0, (238, 230, 190))
        canvas.box(post + px(14), ground - px(70), px(44), px(14), canvas.vary((44, 84, 140), 30))
        sign = "".join(rng.choice(list("ABEHKLMNORSTUVX"), 5))
        at = (post + px(17), ground - px(59.5))
        cv2.putText(
            canvas.image, sign, at, cv2.FONT_HERSHEY_DUPLEX, canvas.unit * 0.38, (246, 244, 236), px(0.7), cv2.LINE_AA
        )
    canvas.opacity[:] = 255
    return canvas.finish(detail=5.0)[0]


def wall(height_px: int, width_px: int, view_height_px: int, rng: Rng) -> Picture:
    """A brick wall with ivy and posters: (H, W, 3)."""
    canvas = Canvas(height_px, width_px, view_height_px, rng)
    rows, columns, px = canvas.rows, canvas.columns, canvas.px
    canvas.box(0, 0, columns, rows, (176, 168, 156))
    for course, y in enumerate(range(0, rows, px(9))):
        for x in range(-(course % 2) * px(11), columns, px(22)):
            canvas.box(x, y, px(20.6), px(7.6), canvas.vary((158, 92, 70), 13))
    for _ in range(max(2, int(columns / px(110)))):
        left, top = rng.random() * columns, rows * rng.uniform(0.1, 0.6)
        paper = canvas.vary((214, 200, 160), 22)
        canvas.box(left, top, px(46), px(60), paper)
        middle = (left + px(23), top + px(22))
        canvas.ellipse(*middle, (px(15), px(12)), float(rng.random() * 90), canvas.vary((170, 60, 60), 40))
        for line in range(4):
            size = (px(rng.uniform(20, 38)), px(2))
            canvas.box(left + px(4), top + px(40) + line * px(4.5), *size, color=(70, 62, 58))
    for _ in range(max(4, int(columns / px(40)))):
        at = (rng.random() * columns, rows * rng.random() ** 2)
        canvas.leaves(*at, px(rng.uniform(16, 34)), canvas.vary((70, 104, 52), 14), 110)
    return canvas.finish(detail=7.0, broad=12.0)[0]


def thicket(height_px: int, width_px: int, view_height_px: int, rng: Rng) -> tuple[Picture, NDArray[np.float32]]:
    """Trunks, bushes and railings close to the camera: (H, W, 3) and their opacity (H, W)."""
    canvas = Canvas(height_px, width_px, view_height_px, rng)
    rows, columns, px = canvas.rows, canvas.columns, canvas.px
    for x in np.arange(px(60), columns, px(210)) + rng.integers(0, px(60), len(np.arange(px(60), columns, px(210)))):
        wide = px(rng.uniform(9, 15))
        canvas.polygon([(x - wide, rows), (x - wide * 0.7, 0), (x + wide * 0.6, 0), (x + wide, rows)], (74, 58, 44))
        for _ in range(60):
            bx, by = x + rng.uniform(-0.8, 0.7) * wide, rng.random() * rows
            tone = canvas.vary((80, 64, 50), 22)
            canvas.ellipse(bx, by, (px(0.8), px(rng.uniform(3, 9))), float(rng.normal(0, 6)), tone)
    for x in range(0, columns, px(34)):
        tall = rows - px(rng.uniform(4, 26))
        canvas.leaves(x + rng.normal(0, 6) * canvas.unit, tall, px(26), canvas.vary((58, 88, 40), 12), 120)
    return canvas.finish(detail=6.0)


def cloth(height_px: int, width_px: int, view_height_px: int, rng: Rng) -> Picture:
    """A woven flag with stripes and small prints, without the logo: (H, W, 3)."""
    canvas = Canvas(height_px, width_px, view_height_px, rng)
    rows, columns, px = canvas.rows, canvas.columns, canvas.px
    bands: tuple[Color3, ...] = ((186, 58, 52), (232, 222, 204), (54, 84, 132))
    for k, y in enumerate(range(0, rows, rows // 3 + 1)):
        canvas.box(0, y, columns, rows // 3 + 1, bands[k])
    for y in range(px(9), rows, px(18)):
        for x in range(px(9), columns, px(18)):
            canvas.ellipse(x, y, (px(2.2), px(2.2)), 0, canvas.vary((206, 180, 96), 16))
    weave = (
        5 * np.sin(np.arange(columns) * 2 * np.pi / px(3.2))
        + 5 * np.sin(np.arange(rows) * 2 * np.pi / px(3.2))[:, None]
    )
    canvas.image = np.clip(canvas.image + weave[..., None], 0, 255).astype(np.uint8)
    return canvas.finish(detail=6.0, broad=4.0)[0]


WORLDS: dict[str, Callable[[int, int, int, Rng], Picture]] = {"park": park, "street": street, "wall": wall}
