"""Boxes, ellipses, lumps and brush strokes that stand still or wander: the holes papers measure completion with."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from cleanplate.base.types import Box

Bools = NDArray[np.bool_]
Points = NDArray[np.float64]  # (N, 2) x, y

_SHIFT = 4
"fractional bits of the points handed to OpenCV: 1/16 px"


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


def free_form(
    frames: int,
    height_px: int,
    width_px: int,
    *,
    share: float = 0.1,
    speed: float = 0.0,
    push: float = 0.15,
    seed: int = 0,
) -> Bools:
    """A lump with a brush stroke through it, as the papers' free-form masks: still, or wandering.

    `share`: of the picture it covers, as far as it fits inside. `speed`: heights of the picture it moves a frame at
    the start, and twice that at most; 0 = it stands. `push`: deviation of its change of speed a frame, in speeds. It
    bounces off the picture's edges and stays whole.
    """
    rng = np.random.default_rng(seed)
    shape = _FreeForm.drawn(rng).sized(share * height_px * width_px, np.array([width_px, height_px]) - 2.0)
    room = np.array([width_px - 1, height_px - 1]) - shape.size
    at, way = room * rng.random(2), rng.random() * 2 * np.pi
    pace = speed * height_px
    velocity = pace * np.array([np.cos(way), np.sin(way)])
    holes = np.zeros((frames, height_px, width_px), np.bool_)
    for t in range(frames):
        holes[t] = shape.painted(at, height_px, width_px)
        velocity += rng.normal(0, push * pace, 2)
        velocity *= min(1.0, 2 * pace / max(float(np.hypot(*velocity)), 1e-9))
        at = at + velocity
        beyond = (at < 0) | (at > room)
        velocity[beyond] *= -1
        at = np.clip(at, 0, room)
    return holes


@dataclass(frozen=True, kw_only=True)
class _FreeForm:
    """Outline (N, 2) and stroke (M, 2) in px from the upper left of both, and the stroke's thickness in px."""

    outline: Points
    stroke: Points
    thick: float

    @classmethod
    def drawn(cls, rng: np.random.Generator) -> _FreeForm:
        """One of radius about 100."""
        angle = np.linspace(0, 2 * np.pi, 96, endpoint=False)
        radius = np.full_like(angle, 100.0)
        for k in range(2, 7):
            radius += rng.normal(0, 34 / k) * np.cos(k * angle + rng.random() * 2 * np.pi)
        outline = np.clip(radius, 40, 170)[:, None] * np.stack([np.cos(angle), np.sin(angle)], axis=1)
        turns = np.cumsum(rng.normal(0, 0.7, 8)) + rng.random() * 2 * np.pi
        stroke = np.cumsum(55 * np.stack([np.cos(turns), np.sin(turns)], axis=1), axis=0)
        stroke -= stroke.mean(axis=0)
        return cls(outline=outline, stroke=stroke, thick=44.0)._cornered()

    @property
    def size(self) -> NDArray[np.float64]:
        """Width and height, px."""
        return np.asarray(np.maximum(self.outline.max(axis=0), self.stroke.max(axis=0) + self.thick / 2))

    def sized(self, area: float, most: NDArray[np.float64]) -> _FreeForm:
        """It enlarged to cover `area` samples, or as far as it fits into `most` (width, height)."""
        reach = np.ceil(self.size).astype(int) + 1
        covered = int(self.painted(np.zeros(2), int(reach[1]), int(reach[0])).sum())
        factor = min(float(np.sqrt(area / covered)), *(most / self.size).tolist())
        return _FreeForm(outline=self.outline * factor, stroke=self.stroke * factor, thick=self.thick * factor)

    def painted(self, at: NDArray[np.float64], height_px: int, width_px: int) -> Bools:
        """It with its upper left at a point: (H, W)."""
        hole = np.zeros((height_px, width_px), np.uint8)
        cv2.fillPoly(hole, [_fixed(self.outline + at)], 255, shift=_SHIFT)
        thickness = max(1, round(self.thick))
        cv2.polylines(hole, [_fixed(self.stroke + at)], False, 255, thickness, shift=_SHIFT)
        return np.asarray(hole > 0)

    def _cornered(self) -> _FreeForm:
        corner = np.minimum(self.outline.min(axis=0), self.stroke.min(axis=0) - self.thick / 2)
        return _FreeForm(outline=self.outline - corner, stroke=self.stroke - corner, thick=self.thick)


def _fixed(points: Points) -> NDArray[np.int32]:
    return np.rint(points * (1 << _SHIFT)).astype(np.int32)
