"""Which parts of the picture an engine is shown, and how: the holes, and around them what their size calls for."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from cleanplate.base.arrays import bounding_box, cut, grow_box, merge_boxes, shared_box
from cleanplate.base.types import Box, Image
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


def largest_crop_px(
    boxes: Iterable[Box], grow_px: int, width_px: int, height_px: int, filled_px: tuple[int, int] = (1, 1)
) -> int:
    """Samples of the largest crop for holes inside those boxes, grown: what a plan reckons with.

    filled_px: the height and width that the engine fills crops up to multiples of.
    """
    marks = _coarse_grid(width_px, height_px)
    largest_px = 0
    for box in boxes:
        x0, y0, x1, y1 = grow_box(box, grow_px, width_px, height_px)
        largest_px = max(largest_px, x1 - x0, y1 - y0)
        marks[y0 // _COARSE_PX : -(-y1 // _COARSE_PX), x0 // _COARSE_PX : -(-x1 // _COARSE_PX)] = 1
    down, right = filled_px
    crops = _crops_around(marks, largest_px, width_px, height_px)
    return max((-(-(y1 - y0) // down) * down * -(-(x1 - x0) // right) * right for x0, y0, x1, y1 in crops), default=0)


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


def is_kept(crop_px: int, frame_px: int) -> bool:
    """Whether crops of that size are kept between pieces, which saves making each twice: small ones are."""
    return 16 * crop_px <= frame_px


def blanked(
    crops: Iterable[Image], regions: Sequence[Iterable[Region]], box: Box, dtype: np.dtype[Any], multiple_px: int
) -> tuple[NDArray[Any], NDArray[np.bool_]]:
    """Crops `box` of so many frames as an engine takes them: (T, h, w, 3) without what each one's regions hide, and
    that, (T, h, w), both filled up to the engine's multiple by repeating the last row and column."""
    height, width = box[3] - box[1], box[2] - box[0]
    images = np.empty((len(regions), height + -height % multiple_px, width + -width % multiple_px, 3), dtype)
    holes = np.zeros(images.shape[:3], bool)
    for image, hole, seen, hidden in zip(images, holes, crops, regions, strict=True):
        image[:height, :width] = seen
        for region in hidden:
            if (shared := shared_box(region.box_xyxy, box)) is not None:
                blank = cut(region.blank, shared, region.box_xyxy[:2])
                cut(hole, shared, box[:2])[...] = blank
                cut(image, shared, box[:2])[blank] = 0
    for array in (images, holes):
        array[:, height:, :width] = array[:, height - 1 : height, :width]
        array[:, :, width:] = array[:, :, width - 1 : width]
    return images, holes
