"""Whether the border of a painted hole shows, told from the result alone.

    borders = Borders(feather_px=2)
    seam = borders.seam(regions, frame.native)    # the step of brightness along it, and how far to doubt that

A seam is a step that goes on along the border, always in the same direction; texture and noise go up and down. So short
stretches of the border tell the difference between the first sample that is wholly paint and the first one beyond,
along the normal, and of all of them a middle is taken. A stretch counts by how calm it is: by the same differences
farther in and farther out, with which the border has nothing to do. Those farther out have a middle too, which would be
zero if stretches differed by chance alone; what it is instead is added to the doubt.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from cleanplate.base.arrays import cut
from cleanplate.base.looks import Seam
from cleanplate.base.types import Planes
from cleanplate.paste import Region

_INNER, _OUTER = 2, 4
"differences looked at farther in and farther out"
_STRETCH_PX, _LINES = 4, 240
"length of a stretch in a picture of so many lines; longer in larger ones, as their texture is"
_LEAST_STRETCHES = 16
_LEAST_OUTLINE_PX = 16
_NOISE_LEVELS = 2.0
"a difference of one stretch is never taken for surer than that"
_OUTLIER = 1.0
"deviations from which on a stretch pulls no harder"
_OTHERS_DOUBT = 0.5
"share of the middles farther out that is added to the doubt"
_PARTS = 8
"of the border, which should agree"
_TURN_PX = 4
"the direction of the outline is told over so much to both sides"
_BRIGHT_PLANE = {"yuv": 0, "gray": 0, "rgb": 1}
"luma, or the nearest there is to it"


@dataclass(frozen=True, kw_only=True, eq=False)
class Border:
    """Places across the outline of a frame's holes, in R rows from the inside out; N points, S stretches of them."""

    row: NDArray[np.intp]  # (R, N)
    column: NDArray[np.intp]  # (R, N)
    is_good: NDArray[np.bool_]  # (R, N): in the picture, and on the side of the outline that it is meant to be on
    starts: NDArray[np.intp]  # (S,): the first point of each stretch
    count: NDArray[np.float32]  # (R, S): good points
    is_known: NDArray[np.bool_]  # (R-1, S): enough of them in this row and the next

    def seam(self, planes: Planes) -> Seam | None:
        """The step across it in a picture that was pasted; None where too little of the border can be looked at."""
        layout = planes.layout
        bright = planes.arrays[_BRIGHT_PLANE[layout.model]][self.row, self.column].astype(np.float32)
        bright *= 255 / (2**layout.bit_depth - 1)
        means = np.add.reduceat(np.where(self.is_good, bright, 0), self.starts, axis=1) / self.count
        steps = means[:-1] - means[1:]
        is_other = self.is_known.copy()
        is_other[_INNER] = False
        unrest = _with_neighbours(np.where(is_other, steps * steps, 0).sum(axis=0))
        others = _with_neighbours(is_other.sum(axis=0, dtype=np.float32))
        weight = np.where(others > 0, 1 / (_NOISE_LEVELS**2 + unrest / np.maximum(others, 1)), 0)
        weights = np.where(self.is_known[_INNER:], weight, 0)  # (1 + _OUTER, S)
        is_enough = np.count_nonzero(weights, axis=1) >= _LEAST_STRETCHES
        if not is_enough[0]:
            return None
        across, *farther = _middles(steps[_INNER:][is_enough], weights[is_enough])
        doubt = 1 / weights[0].sum() + _by_parts(steps[_INNER], weights[0], across)
        if farther:
            doubt += _OTHERS_DOUBT**2 * np.mean(np.square(farther))
        return Seam(levels=float(across), doubt_levels=float(np.sqrt(doubt)))


class Borders:
    """The seams of frames that come one after the other; what a still mask's border is, is found once."""

    def __init__(self, *, feather_px: int) -> None:
        self._feather_px = feather_px
        self._last: tuple[Sequence[Region], Border | None] | None = None

    def seam(self, regions: Sequence[Region], pasted: Planes) -> Seam | None:
        """Of a picture in which these regions were painted; None where too little of a border can be looked at."""
        if not regions:
            return None
        if self._last is None or self._last[0] is not regions:
            border = border_of(regions, pasted.height_px, pasted.width_px, feather_px=self._feather_px)
            self._last = regions, border
        border = self._last[1]
        return border.seam(pasted) if border is not None else None


def border_of(regions: Sequence[Region], height_px: int, width_px: int, *, feather_px: int) -> Border | None:
    """The border of all regions of a frame; None where there is none long enough to tell anything of it."""
    changed = np.zeros((height_px, width_px), np.bool_)
    for region in regions:
        cut(changed, region.box_xyxy)[...] |= _changed(region)
    stretch_px = max(_STRETCH_PX, round(_STRETCH_PX * height_px / _LINES))
    points, normals, starts, total = [], [], [], 0
    for region in regions:
        outlines, _ = cv2.findContours(_changed(region).view(np.uint8), cv2.RETR_LIST, cv2.CHAIN_APPROX_NONE)
        for outline in outlines:
            if (length := len(outline)) < max(_LEAST_OUTLINE_PX, stretch_px):
                continue
            xy = outline[:, 0].astype(np.float32)
            points.append(xy + np.array(region.box_xyxy[:2], np.float32))
            normals.append(_normals(xy))
            stretches = length // stretch_px
            starts.append(total + np.arange(stretches) * length // stretches)
            total += length
    if not points:
        return None
    from_px = feather_px + 1  # of the last sample that is wholly paint from the first that is none
    inward = -feather_px - from_px * np.arange(_INNER, -1, -1)
    outward = 1 + from_px * np.arange(_OUTER + 1)
    away = np.concatenate([inward, outward])[:, None].astype(np.float32)
    xy, normal = np.concatenate(points), np.concatenate(normals)
    column = np.rint(xy[:, 0] + away * normal[:, 0]).astype(np.intp)
    row = np.rint(xy[:, 1] + away * normal[:, 1]).astype(np.intp)
    is_good = (column >= 0) & (column < width_px) & (row >= 0) & (row < height_px)
    np.clip(column, 0, width_px - 1, out=column)
    np.clip(row, 0, height_px - 1, out=row)
    is_good &= changed[row, column] == (away <= 0)
    at = np.concatenate(starts)
    count = np.add.reduceat(is_good, at, axis=1, dtype=np.float32)
    is_enough = count >= stretch_px / 2
    return Border(
        row=row,
        column=column,
        is_good=is_good,
        starts=at,
        count=np.maximum(count, 1),
        is_known=is_enough[:-1] & is_enough[1:],
    )


def _changed(region: Region) -> NDArray[np.bool_]:
    """(h, w): luma samples that take anything of the paint."""
    return np.asarray(region.weight.view(np.uint16) != 0)  # many times as fast as comparing half precision


def _normals(outline_xy: NDArray[np.float32]) -> NDArray[np.float32]:
    """(n, 2), outward: OpenCV goes round with the inside always on the same hand."""
    along = np.roll(outline_xy, -_TURN_PX, axis=0) - np.roll(outline_xy, _TURN_PX, axis=0)
    along = sum((np.roll(along, k, axis=0) for k in (-2, -1, 1, 2)), start=along)
    along /= np.maximum(np.hypot(along[:, 0], along[:, 1]), 1e-3)[:, None]
    return np.stack([-along[:, 1], along[:, 0]], axis=1)


def _with_neighbours(stretches: NDArray[Any]) -> NDArray[Any]:
    return np.asarray(stretches + np.roll(stretches, 1) + np.roll(stretches, -1))


def _middles(steps: NDArray[np.float32], weights: NDArray[np.float32]) -> NDArray[np.float32]:
    """Of each row (k, S) the mean by weight in which outliers pull no harder than others (Huber 1964)."""
    order = np.argsort(steps, axis=1, kind="stable")
    upto = np.cumsum(np.take_along_axis(weights, order, axis=1), axis=1)
    half = (upto < upto[:, -1:] / 2).sum(axis=1, keepdims=True)
    middles = np.take_along_axis(steps, np.take_along_axis(order, half, axis=1), axis=1)
    stiffness = np.sqrt(weights)
    for _ in range(4):
        off = np.abs(steps - middles) * stiffness
        pull = weights * np.minimum(1, _OUTLIER / np.maximum(off, 1e-6))
        middles = (pull * steps).sum(axis=1, keepdims=True) / pull.sum(axis=1, keepdims=True)
    return np.asarray(middles[:, 0])


def _by_parts(steps: NDArray[np.float32], weights: NDArray[np.float32], middle: float) -> float:
    """The variance of the middle, told by how far parts of the border, of many stretches each, differ from it.

    Neighbouring stretches are not independent: where a wall ends along one side of the hole, all of that side is off.
    This is the variance of an M-estimate with clustered errors (Liang and Zeger 1986).
    """
    off = (steps - middle) * np.sqrt(weights)
    pull = np.sqrt(weights) * np.clip(off, -_OUTLIER, _OUTLIER)
    parts = np.add.reduceat(pull, np.arange(_PARTS) * len(steps) // _PARTS)
    upright = weights[np.abs(off) <= _OUTLIER].sum()
    return float(np.square(parts).sum() / max(upright, 1e-6) ** 2)
