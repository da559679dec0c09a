"""What is wrong with old film and bad tape: scratches, dust, lost blocks and lines, a torn edge."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

Bools = NDArray[np.bool_]


def scratches(frames: int, height_px: int, width_px: int, *, count: float = 3.0, seed: int = 0) -> Bools:
    """Vertical scratches, 1 or 2 px wide, that tremble sideways: about `count` at a time, each 10 to 60 frames long.

    One of them is there in every frame.
    """
    rng = np.random.default_rng(seed)
    holes = np.zeros((frames, height_px, width_px), np.bool_)
    _scratch(holes, 0, frames, rng)
    for _ in range(rng.poisson(max(count - 1, 0) * (frames + 35) / 35)):
        first = int(rng.integers(-35, frames))
        _scratch(holes, max(first, 0), min(first + int(rng.integers(10, 61)), frames), rng)
    return holes


def _scratch(holes: Bools, first: int, stop: int, rng: np.random.Generator) -> None:
    height_px, width_px = holes.shape[1:]
    wide = int(rng.integers(1, 3))
    at, tilt = rng.uniform(0.05, 0.95) * width_px, rng.normal(0, 0.008)
    top, length = rng.uniform(-0.3, 0.3) * height_px, rng.uniform(0.6, 1.4) * height_px
    rows = np.arange(max(0, int(top)), min(height_px, int(top + length) + 1))
    for t in range(first, stop):
        at += rng.normal(0, 0.25)
        tremble = rng.normal(0, 0.7) + 0.5 * np.sin(rows / (0.13 * height_px) + rng.random() * 2 * np.pi)
        columns = np.rint(at + tilt * (rows - height_px / 2) + tremble).astype(int)
        for k in range(wide):
            inside = (columns + k >= 0) & (columns + k < width_px)
            holes[t, rows[inside], columns[inside] + k] = True


def dust(frames: int, height_px: int, width_px: int, *, count: float = 14.0, seed: int = 0) -> Bools:
    """Specks and hairs, others in every frame: about `count` a frame, at least one."""
    rng = np.random.default_rng(seed)
    unit = height_px / 240
    holes = np.zeros((frames, height_px, width_px), np.uint8)
    for hole in holes:
        for _ in range(max(1, rng.poisson(count))):
            at = rng.random(2) * (width_px - 1, height_px - 1)
            if rng.random() < 0.15:
                turns = np.cumsum(rng.normal(0, 0.5, 7)) + rng.random() * 2 * np.pi
                steps = rng.uniform(1.5, 3.5) * unit * np.stack([np.cos(turns), np.sin(turns)], axis=1)
                hair = np.rint(at + np.cumsum(steps, axis=0)).astype(np.int32)
                cv2.polylines(hole, [hair], False, 255, 1)
            else:
                size = np.rint(unit * rng.uniform(0.5, 2.2) ** 2 * rng.uniform(0.6, 1.0, 2)).astype(int)
                x, y = np.rint(at).astype(int).tolist()
                cv2.ellipse(hole, (x, y), (int(size[0]), int(size[1])), float(rng.random() * 180), 0, 360, 255, -1)
    return np.asarray(holes > 0)


def lost_blocks(frames: int, height_px: int, width_px: int, *, block_px: int = 16, seed: int = 0) -> Bools:
    """Runs of a decoder's blocks that did not arrive, until a later frame repairs them: 1 to 8 frames later.

    Blocks lie on the grid of `block_px`, smaller in pictures of under 8 blocks' height.
    """
    rng = np.random.default_rng(seed)
    side = max(2, min(block_px, height_px // 8))
    down, across = -(-height_px // side), -(-width_px // side)
    blocks = np.zeros((frames, down, across), np.bool_)
    for t in range(frames):
        for _ in range(max(int(t == 0), rng.poisson(0.5))):
            row, column = int(rng.integers(down)), int(rng.integers(across))
            stop, end = t + int(rng.integers(1, 9)), column + int(rng.integers(2, max(3, across // 3)))
            blocks[t:stop, row, column:end] = True
    return np.kron(blocks, np.ones((1, side, side), np.bool_))[:, :height_px, :width_px]


def lost_lines(frames: int, height_px: int, width_px: int, *, seed: int = 0) -> Bools:
    """Bands of dropped lines from a bad tape: one to three in every frame, others each time."""
    rng = np.random.default_rng(seed)
    holes = np.zeros((frames, height_px, width_px), np.bool_)
    for hole in holes:
        for _ in range(int(rng.integers(1, 4))):
            tall = max(1, round(height_px * rng.uniform(0.006, 0.03)))
            top = int(rng.integers(0, height_px - tall))
            hole[top : top + tall] = True
            if tall > 2:  # a dropout begins and ends within a line
                hole[top, : int(rng.integers(width_px))] = False
                hole[top + tall - 1, int(rng.integers(width_px)) :] = False
    return holes


def torn_edge(frames: int, height_px: int, width_px: int, *, depth: float = 0.12, seed: int = 0) -> Bools:
    """A ragged border that is torn off, trembling by a pixel as film in its gate.

    `depth`: how far the tear reaches in, in widths of the picture (in heights, where it is torn off above or below).
    """
    rng = np.random.default_rng(seed)
    side = int(rng.integers(4))
    long_px, deep_px = (height_px, width_px) if side < 2 else (width_px, height_px)
    profile = np.cumsum(rng.normal(0, 1, long_px))
    profile -= np.linspace(profile[0], profile[-1], long_px)
    profile = profile / max(float(np.abs(profile).max()), 1e-6)
    notch = np.clip(1 - np.abs(np.arange(long_px) / long_px - rng.uniform(0.2, 0.8)) / 0.15, 0, 1)
    reach = deep_px * depth * (0.45 + 0.25 * profile + 0.3 * notch) + rng.normal(0, 0.4, long_px)
    holes = np.zeros((frames, height_px, width_px), np.bool_)
    for t in range(frames):
        torn = np.arange(deep_px)[None, :] < np.maximum(reach + rng.normal(0, 0.7), 1)[:, None]  # (long, deep)
        torn = torn[:, ::-1] if side % 2 else torn
        holes[t] = torn if side < 2 else torn.T
    return holes
