"""Thin things in front of the camera: wires that sag, and a fence. One to three pixels wide, and as many again apart.

They hang in the world: `camera` (T, 3, 3) carries the points of each frame to the world's, as `Scene.camera` does.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

Bools = NDArray[np.bool_]
Camera = NDArray[np.float64]  # (T, 3, 3)
Field = NDArray[np.float64]  # (H, W)

MOST_THICK_PX = 3.0


def wires(
    frames: int, height_px: int, width_px: int, *, count: int = 3, camera: Camera | None = None, seed: int = 0
) -> Bools:
    """`count` wires right across the picture, sagging, each 1 to 3 px thick, none crossing another.

    Without a `camera` they hang still in the picture.
    """
    rng = np.random.default_rng(seed)
    # Each has a lane of its own, which neither its slope nor its sag leaves within a picture's width to either side.
    lane = height_px / count
    heights = lane * (np.arange(count) + 0.3)
    slopes = rng.uniform(-0.1, 0.1, count) * lane / width_px
    sags = rng.uniform(0.1, 0.35, count) * lane
    thick = rng.uniform(1.0, MOST_THICK_PX, count)
    holes = np.zeros((frames, height_px, width_px), np.bool_)
    for t, (x, y) in enumerate(_world(camera, frames, height_px, width_px)):
        along = x / width_px
        for height, slope, sag, width in zip(heights, slopes, sags, thick, strict=True):
            # A wire between poles one width apart is a parabola to well under a pixel.
            hung = 4 * sag * (along % 1.0) * (1 - along % 1.0)
            away = y - height - slope * x - hung
            holes[t] |= np.abs(away) < width / 2 * _steepness(away)
    return holes


def grid(
    frames: int, height_px: int, width_px: int, *, pitch: float = 0.13, camera: Camera | None = None, seed: int = 0
) -> Bools:
    """A fence of slanted bars, 1 to 3 px thick, `pitch` heights of the picture apart (at least 12 px)."""
    rng = np.random.default_rng(seed)
    step = max(12.0, pitch * height_px)
    slant = rng.uniform(0.15, 1.4)
    thick = rng.uniform(1.2, MOST_THICK_PX)
    phase = rng.random(2) * step
    holes = np.zeros((frames, height_px, width_px), np.bool_)
    for t, (x, y) in enumerate(_world(camera, frames, height_px, width_px)):
        for angle, start in zip((slant, slant + np.pi / 2), phase, strict=True):
            across = x * np.cos(angle) + y * np.sin(angle) + start
            away = (across + step / 2) % step - step / 2
            holes[t] |= np.abs(away) < thick / 2 * _steepness(across)
    return holes


def slow_pan(frames: int, height_px: int, width_px: int) -> Camera:
    """A camera (T, 3, 3) that drifts by half a picture in 100 frames and bobs a little, as a hand does."""
    t = np.arange(frames)
    camera = np.repeat(np.eye(3)[None], frames, axis=0)
    camera[:, 0, 2] = 0.005 * width_px * t
    camera[:, 1, 2] = 0.02 * height_px * np.sin(t / 9.0)
    return camera


def _world(camera: Camera | None, frames: int, height_px: int, width_px: int) -> Iterator[tuple[Field, Field]]:
    """The world's x and y (H, W) at every sample of each frame."""
    y, x = np.mgrid[:height_px, :width_px].astype(np.float64)
    for t in range(frames):
        if camera is None:
            yield x, y
            continue
        m = camera[t]
        depth = m[2, 0] * x + m[2, 1] * y + m[2, 2]
        yield (m[0, 0] * x + m[0, 1] * y + m[0, 2]) / depth, (m[1, 0] * x + m[1, 1] * y + m[1, 2]) / depth


def _steepness(field: Field) -> Field:
    """How much a field changes a px: a line where it is 0 is about `|field| / steepness` px away."""
    return np.asarray(np.hypot(*np.gradient(field)))
