"""Smaller surfaces of rendered scenes: what stands near, waves, ripples or drives through."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from cleanplate.bench.scenery.canvas import Canvas, Color3, Picture, Rng


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


def van(height_px: int, width_px: int, view_height_px: int, rng: Rng) -> tuple[Picture, NDArray[np.float32]]:
    """A delivery van seen from the side, driving to the right: (H, W, 3) and its opacity (H, W)."""
    canvas = Canvas(height_px, width_px, view_height_px, rng)
    rows, columns, px = canvas.rows, canvas.columns, canvas.px
    body, floor = canvas.vary((226, 222, 210), 6), rows - px(13)
    cab = columns - px(52)
    canvas.box(px(4), px(6), cab, floor - px(6), body)
    front = [(cab, px(16)), (columns - px(30), px(18)), (columns - px(12), px(44)), (columns - px(5), px(50))]
    canvas.polygon([*front, (columns - px(5), floor), (cab, floor)], canvas.vary((206, 202, 192), 5))
    window = [(cab + px(6), px(22)), (columns - px(33), px(23)), (columns - px(19), px(43)), (cab + px(6), px(43))]
    canvas.polygon(window, (66, 84, 98))
    canvas.box(px(4), floor - px(22), columns - px(10), px(7), (188, 62, 44))
    for k in range(5):  # a row of squares as its owner's sign
        canvas.box(px(18 + 20 * k), px(18), px(13), px(13), canvas.vary((60 + 30 * k, 110, 150 - 20 * k), 10))
    for x in (px(34), columns - px(38)):
        canvas.ellipse(x, rows - px(14), (px(13), px(13)), 0, (34, 34, 36))
        canvas.ellipse(x, rows - px(14), (px(6), px(6)), 0, (150, 150, 152))
    return canvas.finish(detail=4.0)


def pond(height_px: int, width_px: int, view_height_px: int, rng: Rng) -> tuple[Picture, NDArray[np.float32]]:
    """What a pond shows: sky and trees upside down, leaves afloat, a soft bank: (H, W, 3) and its opacity (H, W)."""
    canvas = Canvas(height_px, width_px, view_height_px, rng)
    rows, columns, px = canvas.rows, canvas.columns, canvas.px
    marks = range(0, columns + 1, px(9))
    bank = [(mark, px(7) + 0.5 * px(5) * np.sin(mark / px(37)) + rng.normal(0, px(0.8))) for mark in marks]
    canvas.polygon([*bank, (columns, rows), (0, rows)], (104, 126, 132))
    for y in range(px(14), rows, px(5)):
        share = y / rows
        tone = (70 + 42 * share, 92 + 44 * share, 74 + 76 * share)
        for _ in range(5):
            along = rng.random() * columns
            canvas.ellipse(along, y, (px(rng.uniform(18, 60)), px(3)), 0, canvas.vary(tone, 9))
    for _ in range(90):
        along, down = rng.random() * columns, px(14) + rng.random() * (rows - px(14))
        canvas.ellipse(along, down, (px(3.4), px(1.5)), float(rng.normal(0, 20)), canvas.vary((150, 132, 70), 20))
    return canvas.finish(detail=5.0, broad=8.0)
