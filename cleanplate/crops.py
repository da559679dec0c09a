"""Which parts of the picture an engine is shown: the holes, and around them what their size calls for."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from cleanplate.base.arrays import bounding_box, box_area, grow_box, merge_boxes
from cleanplate.base.types import Box
from cleanplate.paste import Region

_COARSE_PX = 8
"grid on which neighbouring holes are grouped into one crop"


def crop_boxes(regions: Sequence[Region], width_px: int, height_px: int) -> list[Box]:
    """The crops that one piece's engine is shown: holes near each other share one; each with its surroundings."""
    marks = _coarse_grid(width_px, height_px)
    for region in dict.fromkeys(regions):  # a still mask is one region for all its frames
        x0, y0 = region.box_xyxy[:2]
        ys, xs = np.nonzero(region.blank)
        marks[(ys + y0) // _COARSE_PX, (xs + x0) // _COARSE_PX] = 1
    return _crops_around(marks, max(region.largest_px for region in regions), width_px, height_px)


def largest_crop_px(boxes: Iterable[Box], grow_px: int, width_px: int, height_px: int) -> int:
    """Samples of the largest crop for holes inside those boxes, grown: what a plan reckons with."""
    marks = _coarse_grid(width_px, height_px)
    largest_px = 0
    for box in boxes:
        x0, y0, x1, y1 = grow_box(box, grow_px, width_px, height_px)
        largest_px = max(largest_px, x1 - x0, y1 - y0)
        marks[y0 // _COARSE_PX : -(-y1 // _COARSE_PX), x0 // _COARSE_PX : -(-x1 // _COARSE_PX)] = 1
    return max((box_area(box) for box in _crops_around(marks, largest_px, width_px, height_px)), default=0)


def _coarse_grid(width_px: int, height_px: int) -> NDArray[np.uint8]:
    return np.zeros((-(-height_px // _COARSE_PX), -(-width_px // _COARSE_PX)), np.uint8)


def _crops_around(marks: NDArray[np.uint8], hole_px: int, width_px: int, height_px: int) -> list[Box]:
    """Crops around the marked cells of a coarse grid, with the surroundings that a hole of that size calls for."""
    context = context_px(hole_px, height_px)
    reach = -(-context // _COARSE_PX)
    near = cv2.dilate(marks, np.ones((2 * reach + 1, 2 * reach + 1), np.uint8))
    count, groups = cv2.connectedComponents(near)
    boxes = []
    for group in range(1, count):
        box = bounding_box((groups == group) & (marks > 0))
        if box is not None:
            x0, y0, x1, y1 = (side * _COARSE_PX for side in box)
            boxes.append(grow_box((x0, y0, x1, y1), context, width_px, height_px))
    return merge_boxes(boxes)


def context_px(hole_px: int, height_px: int) -> int:
    """How much of the surroundings an engine is shown on each side of a hole of that longest side.

    Half the hole's size, so that camera motion can be told from its surroundings, and at least the band in which
    motion next to a hole is not to be trusted (about 50 px at 240 lines, growing slower than the picture).
    """
    return int(max(40 + 0.05 * height_px, 0.5 * hole_px))
