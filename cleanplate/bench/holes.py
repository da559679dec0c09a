"""Holes to try an engine with: still boxes and ellipses, blobs that wander, strokes of a brush. All from a seed.

Each returns (T, H, W) bool, True = paint here. Every stack of them leaves some of every frame uncovered.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from cleanplate.base.types import Box

Bools = NDArray[np.bool_]


def still_box(frames: int, height_px: int, width_px: int, box_xyxy: Box) -> Bools:
    """The same half-open box in every frame, cropped to the picture."""
    x0, y0, x1, y1 = box_xyxy
    holes = np.zeros((frames, height_px, width_px), np.bool_)
    holes[:, max(y0, 0) : max(y1, 0), max(x0, 0) : max(x1, 0)] = True
    return holes


def still_ellipse(frames: int, height_px: int, width_px: int, box_xyxy: Box) -> Bools:
    """The ellipse that touches the half-open box's sides, in every frame."""
    x0, y0, x1, y1 = box_xyxy
    x = (np.arange(width_px) - (x0 + x1 - 1) / 2) / max((x1 - x0) / 2, 0.5)
    y = (np.arange(height_px) - (y0 + y1 - 1) / 2) / max((y1 - y0) / 2, 0.5)
    hole = x[None, :] ** 2 + y[:, None] ** 2 <= 1.0
    return np.repeat(hole[None], frames, axis=0)


def moving_blob(
    frames: int, height_px: int, width_px: int, *, share: float = 0.1, speed: float = 0.01, seed: int = 0
) -> Bools:
    """A lump that wanders, bounces off the picture's edges and changes its outline.

    `share`: of the picture it covers, about. `speed`: heights of the picture it moves a frame.
    """
    rng = np.random.default_rng(seed)
    radius = np.sqrt(share * height_px * width_px / np.pi)
    way = rng.random() * 2 * np.pi
    step = speed * height_px * np.array([np.cos(way), np.sin(way)])
    start = rng.random(2)
    waves = rng.normal(0, 1, (3, 2)) * 0.12 / np.arange(1, 4)[:, None]
    x, y = np.arange(width_px, dtype=np.float32)[None, :], np.arange(height_px, dtype=np.float32)[:, None]
    room = np.array([max(width_px - 1.4 * radius, 1.0), max(height_px - 1.4 * radius, 1.0)])
    holes = np.zeros((frames, height_px, width_px), np.bool_)
    for t in range(frames):
        # A triangle wave is a straight way with bounces.
        turns = (start + step * t / room) % 2.0
        cx, cy = 0.7 * radius + room * np.where(turns > 1, 2 - turns, turns)
        angle = np.arctan2(y - cy, x - cx)
        outline = np.ones_like(angle)
        for k, (a, b) in enumerate(waves, start=2):
            outline += a * np.cos(k * angle + 0.05 * t) + b * np.sin(k * angle - 0.04 * t)
        holes[t] = np.hypot(x - cx, y - cy) < radius * outline
    return holes


def strokes(
    frames: int, height_px: int, width_px: int, *, count: int = 4, width_share: float = 0.06, seed: int = 0
) -> Bools:
    """Brush strokes, the same in every frame. `width_share`: a stroke's width in heights of the picture."""
    rng = np.random.default_rng(seed)
    size = np.array([width_px, height_px])
    thickness = max(1, round(width_share * height_px))
    hole = np.zeros((height_px, width_px), np.uint8)
    for _ in range(count):
        at, way = rng.random(2) * size, rng.random() * 2 * np.pi
        for _ in range(6):
            way += rng.normal(0, 0.7)
            to = np.clip(at + 0.12 * height_px * np.array([np.cos(way), np.sin(way)]), 0, size - 1)
            ends = np.rint([at, to]).astype(int).tolist()
            cv2.line(hole, ends[0], ends[1], 255, thickness)
            at = to
    return np.repeat(hole[None] > 0, frames, axis=0)
