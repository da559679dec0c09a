"""Holes with the shape of things: somebody who walks, or the labels of one video laid over another."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from cleanplate.base.errors import UsageError
from cleanplate.bench.scenery.actors import Walker

Bools = NDArray[np.bool_]


def silhouette(frames: int, height_px: int, width_px: int, *, tall: float = 0.62, seed: int = 0) -> Bools:
    """Somebody who walks to and fro, `tall` heights of the picture, wholly inside it."""
    rng = np.random.default_rng(seed)
    unit = tall * height_px / 113
    start, speed = rng.random() * 2, rng.uniform(0.01, 0.018) * rng.choice([-1, 1])
    room = max(width_px - 62 * unit, 1.0)

    def way(t: int) -> float:
        turns = (start + speed * t) % 2.0
        return float(31 * unit + room * (turns if turns <= 1 else 2 - turns))

    feet = height_px * rng.uniform(tall + (1 - tall) * 0.3, 0.97)
    walker = Walker(unit=unit, x_px=way, feet_px=feet)
    blank = np.zeros((height_px, width_px, 3), np.float32)
    return np.stack([walker.draw(blank, t)[0] for t in range(frames)])


def transplanted(
    labels: NDArray[np.uint8], frames: int, height_px: int, width_px: int, *, ids: tuple[int, ...] = (), seed: int = 0
) -> Bools:
    """The objects of one video as the hole of another: the papers' object-shaped masks.

    labels: (T', H', W') of the other video; `ids` of the objects to take, all for none. They are brought to the size
    asked for at the nearest sample, turned left to right or not, moved by up to a fifth of the picture but never all
    out of sight, and played to and fro. Raises `UsageError` if there is none of them.
    """
    chosen = np.isin(labels, ids) if ids else labels > 0
    if not chosen.any():
        raise UsageError(f"the {len(labels)} label pictures show no object {ids or ''}; give labels with objects")
    rng = np.random.default_rng(seed)
    size = (width_px, height_px)
    small = np.stack([cv2.resize(hole.astype(np.uint8), size, interpolation=cv2.INTER_NEAREST) > 0 for hole in chosen])
    if rng.random() < 0.5:
        small = small[:, :, ::-1]
    down, right = (rng.uniform(-0.2, 0.2, 2) * (height_px, width_px)).astype(int).tolist()
    moved = _moved(small, down, right)
    moved = moved if moved.any() else small
    period = max(1, 2 * (len(moved) - 1))
    turns = [min(t % period, period - t % period) for t in range(frames)]
    return moved[turns]


def _moved(holes: Bools, down: int, right: int) -> Bools:
    """The stack moved by whole samples; what leaves the picture is gone."""
    moved = np.zeros(holes.shape, np.bool_)
    height_px, width_px = holes.shape[1:]
    to_rows, to_columns = slice(max(down, 0), height_px + min(down, 0)), slice(max(right, 0), width_px + min(right, 0))
    rows, columns = slice(max(-down, 0), height_px - max(down, 0)), slice(max(-right, 0), width_px - max(right, 0))
    moved[:, to_rows, to_columns] = holes[:, rows, columns]
    return moved
