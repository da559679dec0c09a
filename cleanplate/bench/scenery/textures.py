"""Painted worlds for the rendered scenes: a park, a street, a brick wall.

Everything is drawn from a seed, at twice the size and averaged down, so that the textures are band-limited and can be
moved by fractions of a pixel. Spectra are those of natural pictures: 1/f noise for broad light and dark, occluding
shapes of many sizes for edges, strokes and mortar for fine detail.
Lengths are given in units of a 240 line picture; pictures are (H, W, 3) float32 RGB in 0-255.
"""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np

from cleanplate.bench.scenery.canvas import Canvas, Picture, Rng


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
            canvas.box(wx - px(2), wy + px(23), px(20), px(2), (0.7 * wall[0], 0.7 * wall[1], 0.7 * wall[2]))


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


WORLDS: dict[str, Callable[[int, int, int, Rng], Picture]] = {"park": park, "street": street, "wall": wall}
