"""Pure helpers on boxes and holes: half-open (x0, y0, x1, y1), True = hole."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cleanplate.base.types import Box, Hole


def bounding_box(hole: Hole) -> Box | None:
    """The smallest box around the True samples of (H, W); None where there are none."""
    rows = np.flatnonzero(hole.any(axis=1))
    if not len(rows):
        return None
    columns = np.flatnonzero(hole[rows[0] : rows[-1] + 1].any(axis=0))
    return int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1


_GROUP_PX = 32
"holes whose cells of this size touch are one group"
_MOST_GROUPS = 16


def hole_groups(hole: Hole) -> tuple[Box, ...]:
    """Boxes around groups of holes (H, W) that lie apart, sorted; one around all where there are more than 16."""
    whole = bounding_box(hole)
    if whole is None:
        return ()
    x0, y0, x1, y1 = whole
    part = hole[y0:y1, x0:x1]
    rows = np.logical_or.reduceat(part, np.arange(0, y1 - y0, _GROUP_PX), axis=0)
    cells = np.logical_or.reduceat(rows, np.arange(0, x1 - x0, _GROUP_PX), axis=1)
    groups = _touching(cells)
    if len(groups) > _MOST_GROUPS:
        return (whole,)
    boxes = []
    for cx0, cy0, cx1, cy1 in groups:
        gx0, gy0 = cx0 * _GROUP_PX, cy0 * _GROUP_PX
        tight = bounding_box(part[gy0 : cy1 * _GROUP_PX, gx0 : cx1 * _GROUP_PX])
        assert tight is not None  # a group has a cell with a hole
        boxes.append((x0 + gx0 + tight[0], y0 + gy0 + tight[1], x0 + gx0 + tight[2], y0 + gy0 + tight[3]))
    return tuple(merge_boxes(boxes))


def _touching(cells: Hole) -> list[Box]:
    """The box of each group of True cells that touch, corners included."""
    left = {(int(y), int(x)) for y, x in np.argwhere(cells)}
    boxes = []
    while left:
        ends = [left.pop()]
        group = []
        while ends:
            y, x = ends.pop()
            group.append((x, y, x + 1, y + 1))
            near = {(y + dy, x + dx) for dy in (-1, 0, 1) for dx in (-1, 0, 1)} & left
            left -= near
            ends.extend(near)
        boxes.append(union_box(group) or (0, 0, 0, 0))
    return boxes


def grow_box(box_xyxy: Box, by_px: int, width_px: int, height_px: int) -> Box:
    """The box larger by so much on each side, inside the picture."""
    x0, y0, x1, y1 = box_xyxy
    return max(x0 - by_px, 0), max(y0 - by_px, 0), min(x1 + by_px, width_px), min(y1 + by_px, height_px)


def union_box(boxes: Iterable[Box]) -> Box | None:
    """The smallest box around all of them; None for none."""
    found = list(boxes)
    if not found:
        return None
    x0, y0, x1, y1 = zip(*found, strict=True)
    return min(x0), min(y0), max(x1), max(y1)


def shared_box(a: Box, b: Box) -> Box | None:
    """What two boxes have in common; None for nothing."""
    box = max(a[0], b[0]), max(a[1], b[1]), min(a[2], b[2]), min(a[3], b[3])
    return box if box[0] < box[2] and box[1] < box[3] else None


def merge_boxes(boxes: Iterable[Box]) -> list[Box]:
    """Boxes that overlap made one, until none overlap; sorted."""
    left = sorted(boxes)
    merged: list[Box] = []
    while left:
        box = left.pop(0)
        hit = next((other for other in left if shared_box(box, other)), None)
        if hit is None:
            merged.append(box)
        else:
            left.remove(hit)
            left.append(_around(box, hit))
    return sorted(merged)


def _around(a: Box, b: Box) -> Box:
    return min(a[0], b[0]), min(a[1], b[1]), max(a[2], b[2]), max(a[3], b[3])


def box_area(box_xyxy: Box) -> int:
    return (box_xyxy[2] - box_xyxy[0]) * (box_xyxy[3] - box_xyxy[1])


def cut(array: NDArray[Any], box_xyxy: Box, origin_xy: tuple[int, int] = (0, 0)) -> NDArray[Any]:
    """View of the box in an array of shape (H, W, ...) whose first sample lies at `origin_xy`."""
    x0, y0, x1, y1 = box_xyxy
    ox, oy = origin_xy
    return array[y0 - oy : y1 - oy, x0 - ox : x1 - ox]
