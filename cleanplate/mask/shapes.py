"""Masks drawn by numbers: boxes and polygons.

A sample belongs to a polygon if its centre lies inside by the even-odd rule; of centres on the outline those on left
and upper edges belong to it. So the polygon 0,0 4,0 4,3 0,3 is the half-open box 0,0,4,3.
"""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np

from cleanplate.base.arrays import shared_box
from cleanplate.base.errors import MaskError
from cleanplate.base.types import Frame, Labels
from cleanplate.mask.maker import Maker, Scene
from cleanplate.mask.source import MaskSource, Points


class _ShapeMaker(Maker):
    """The same labels on every frame."""

    _labels: Labels

    def step(self, frame: Frame) -> Labels:  # noqa: ARG002 - the same on every one
        return self._labels


class BoxMaker(_ShapeMaker):
    """A half-open box. Raises `MaskError` if it is empty or lies outside the picture; warns if it is clipped."""

    def __init__(self, source: MaskSource, ids: range, scene: Scene) -> None:
        super().__init__(source, ids, scene)
        assert source.box_xyxy is not None  # the table's row for boxes
        x0, y0, x1, y1 = source.box_xyxy
        width_px, height_px = scene.size_px
        if x0 >= x1 or y0 >= y1:
            raise MaskError(
                f"the box {x0},{y0},{x1},{y1} is {max(x1 - x0, 0)}x{max(y1 - y0, 0)} pixels large; write x0,y0,x1,y1 "
                f"with x0 < x1 and y0 < y1 inside the {width_px}x{height_px} picture"
            )
        box = shared_box((x0, y0, x1, y1), (0, 0, width_px, height_px))
        if box is None:
            raise MaskError(
                f"the box {x0},{y0},{x1},{y1} lies outside the {width_px}x{height_px} picture; "
                f"give x0,y0,x1,y1 between 0,0 and {width_px},{height_px}"
            )
        if box != (x0, y0, x1, y1):
            clipped = ",".join(map(str, box))
            scene.warn(
                f"the box {x0},{y0},{x1},{y1} reaches out of the {width_px}x{height_px} picture: cut to {clipped}"
            )
        self._labels = np.zeros((height_px, width_px), np.uint8)
        self._labels[box[1] : box[3], box[0] : box[2]] = self.object_id
        self._labels.flags.writeable = False


class PolygonMaker(_ShapeMaker):
    """A closed polygon. Raises `MaskError` if it holds no sample of the picture; warns if it is clipped."""

    def __init__(self, source: MaskSource, ids: range, scene: Scene) -> None:
        super().__init__(source, ids, scene)
        width_px, height_px = scene.size_px
        self._labels = polygon_labels(source.points_xy, width_px, height_px) * np.uint8(self.object_id)
        if not self._labels.any():
            raise MaskError(
                f"the polygon '{source}' holds no sample of the {width_px}x{height_px} picture; "
                f"give corners between 0,0 and {width_px},{height_px} that enclose an area"
            )
        if any(not (0 <= x <= width_px and 0 <= y <= height_px) for x, y in source.points_xy):
            scene.warn(f"the polygon '{source}' reaches out of the {width_px}x{height_px} picture: cut at its edge")
        self._labels.flags.writeable = False


def polygon_labels(points: Points, width_px: int, height_px: int) -> Labels:
    """(H, W) uint8, 1 inside: along a row, each edge crossed flips between outside and inside."""
    flips = np.zeros((height_px, width_px + 1), np.uint8)
    for (xa, ya), (xb, yb) in pairwise((*points, points[0])):
        if ya > yb:
            xa, ya, xb, yb = xb, yb, xa, ya
        rows = np.arange(max(math.ceil(ya), 0), min(math.ceil(yb), height_px))
        if len(rows):
            crossings = np.ceil(xa + (rows - ya) * (xb - xa) / (yb - ya))
            flips[rows, np.clip(crossings, 0, width_px).astype(np.intp)] ^= 1
    inside: Labels = np.bitwise_xor.accumulate(flips, axis=1)[:, :width_px]
    return inside
