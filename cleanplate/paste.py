"""The only place where a sample of the video is replaced.

    regions = regions_of(hole, layout, grow_px=4, feather_px=2)    # once for each mask: what is replaced, and how far
    frame = paste(frame, regions, paints)                          # one paint a region: RGB of its box_xyxy

Around the given mask lie, from the inside out: the *core*, which takes the converted paint; the *feather*, where
`native + w * (convert(paint) - convert(seen))` blends without the conversion's own rounding showing; and the edge of
the grown hole, rounded outwards to whole chroma samples, beyond which no sample is touched.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from cleanplate.base.arrays import cut, grow_box, hole_groups, merge_boxes
from cleanplate.base.color import chroma_box, from_rgb, to_rgb, whole_chroma
from cleanplate.base.types import Box, Frame, Hole, Image, PlaneLayout, Planes


@dataclass(frozen=True, kw_only=True, eq=False)
class Region:
    """What one group of holes replaces, on the box around it. h, w: the box's size."""

    box_xyxy: Box
    "the grown hole and a rim of a few samples, in whole chroma samples"
    blank: Hole  # (h, w): what an engine may not see and must paint
    grown: Hole  # (h, w): luma samples that may change
    weight: NDArray[np.float16]  # (h, w): share of paint in luma, R, G and B; half precision, as each frame has its own
    chroma_weight: NDArray[np.float16]  # share of paint in the chroma samples of the box
    largest_px: int
    "longest side of the largest connected part"


def regions_of(
    hole: Hole, layout: PlaneLayout, *, grow_px: int, feather_px: int, line_px: int = 1
) -> tuple[Region, ...]:
    """The regions a given mask (H, W) replaces: one for each group of holes that lies apart, none for an empty mask.

    The hole is grown by a disc of `grow_px`, then outwards to whole chroma samples. Nothing of the feather lies inside
    the given mask, nor where a sample's colour is mixed from a chroma sample that the mask touches: so what the mask
    hides cannot leak through the blend. The regions' boxes do not overlap. `line_px`: from one line to the next, 2 in a
    field of interlaced video.
    """
    height, width = hole.shape
    rim = grow_px + 2 * max(layout.step_x, layout.step_y)
    boxes = (whole_chroma(layout, grow_box(box, rim, width, height), width, height) for box in hole_groups(hole))
    return tuple(_region(hole, box, layout, grow_px, feather_px, line_px) for box in merge_boxes(boxes))


def _region(hole: Hole, box: Box, layout: PlaneLayout, grow_px: int, feather_px: int, line_px: int) -> Region:
    height, width = hole.shape
    given = cut(hole, box)
    lines = np.ones((given.shape[0] * line_px, given.shape[1]), np.uint8)
    lines[::line_px] = ~given
    away = cv2.distanceTransform(lines, cv2.DIST_L2, cv2.DIST_MASK_PRECISE)[::line_px]
    blocks = _Blocks(layout, box, width, height)
    grown = blocks.spread(blocks.touched(away <= grow_px + 1e-3))
    tinted = blocks.mixed(blocks.touched(given))  # colour there depends on a chroma sample under the mask
    weight = np.clip((grow_px + 1 - away) / (feather_px + 1), 0, 1) if feather_px else np.ones_like(away)
    weight[tinted] = 1
    weight = np.where(grown, weight, 0).astype(np.float32)
    chroma = blocks.mean(weight)
    chroma[blocks.touched_widely(tinted)] = 1
    chroma[~blocks.touched(grown)] = 0
    _, _, stats, _ = cv2.connectedComponentsWithStats(grown.astype(np.uint8))
    return Region(
        box_xyxy=box,
        blank=grown | tinted,
        grown=grown,
        weight=weight.astype(np.float16),
        chroma_weight=chroma.astype(np.float16),
        largest_px=int(stats[1:, [cv2.CC_STAT_WIDTH, cv2.CC_STAT_HEIGHT]].max()),
    )


def paste(frame: Frame, regions: Sequence[Region], paints: Sequence[Image]) -> Frame:
    """The frame with its regions painted, opaque; every sample outside the grown holes is the source's own.

    `paints`: (h, w, 3) RGB of each region's box, in the frame's depth; only the region's `blank` part is used.
    """
    native = frame.native
    assert native is not None
    arrays = [plane.copy(order="K") for plane in native.arrays]
    for region, painted in zip(regions, paints, strict=True):
        _paste_region(native, arrays, region, painted)
    for plane in arrays:
        plane.flags.writeable = False
    return replace(frame, native=Planes(arrays=tuple(arrays), layout=native.layout))


def _paste_region(native: Planes, arrays: Sequence[NDArray[Any]], region: Region, painted: Image) -> None:
    layout, box = native.layout, region.box_xyxy
    seen = to_rgb(native, box)
    meant = cv2.copyTo(painted, region.blank.view(np.uint8), seen.copy())
    size = native.width_px, native.height_px
    new = from_rgb(meant, box, layout, *size)
    old = from_rgb(seen, box, layout, *size)
    chroma = chroma_box(layout, box, *size)
    top = 2**layout.bit_depth - 1
    for n, (to, at) in enumerate(zip(new, old, strict=True)):
        is_chroma = layout.model == "yuv" and n > 0
        place, weight = (chroma, region.chroma_weight) if is_chroma else (box, region.weight)
        target = cut(arrays[n], place)
        target[...] = _blend(target, to, at, weight, top=top)
    if layout.has_alpha:
        target = cut(arrays[-1], box)
        target[...] = _blend(target, np.full_like(target, top), target, region.weight, top=top)


def _blend(
    native: NDArray[Any], new: NDArray[Any], old: NDArray[Any], weight: NDArray[np.float16], top: int
) -> NDArray[Any]:
    share = weight.astype(np.float32)  # half precision is slow to reckon with
    mixed = np.clip(np.rint(native + share * (new.astype(np.float32) - old)), 0, top).astype(native.dtype)
    return np.where(share >= 1, new, np.where(share > 0, mixed, native))


class _Blocks:
    """The blocks of luma samples that share a chroma sample, on a box made of whole blocks."""

    def __init__(self, layout: PlaneLayout, box_xyxy: Box, width_px: int, height_px: int) -> None:
        x0, y0, x1, y1 = box_xyxy
        cx0, cy0, cx1, cy1 = chroma_box(layout, box_xyxy, width_px, height_px)
        self._column = (np.arange(x0, x1) - layout.block_x) // layout.step_x - cx0  # block of each luma column
        self._row = (np.arange(y0, y1) - layout.block_y) // layout.step_y - cy0
        self._column_starts = np.flatnonzero(np.diff(self._column, prepend=-1))
        self._row_starts = np.flatnonzero(np.diff(self._row, prepend=-1))
        self._is_whole = layout.step_x == 1 and layout.step_y == 1
        self._taps_x = self._neighbours(np.arange(x0, x1), layout.step_x, layout.site_x, cx0, cx1 - cx0)
        self._taps_y = self._neighbours(np.arange(y0, y1), layout.step_y, layout.site_y, cy0, cy1 - cy0)

    @staticmethod
    def _neighbours(place: NDArray[np.int64], step: int, site: float, first: int, count: int) -> NDArray[np.int64]:
        """(2, n): the chroma samples that a luma sample's colour is mixed from."""
        low = np.floor((place - site) / step).astype(np.int64) - first
        high = np.ceil((place - site) / step).astype(np.int64) - first
        return np.clip(np.stack([low, high]), 0, count - 1)

    def touched(self, hole: Hole) -> Hole:
        """Chroma samples with any luma sample of their block in the hole."""
        if self._is_whole:
            return hole
        rows = np.logical_or.reduceat(hole, self._row_starts, axis=0)
        return np.logical_or.reduceat(rows, self._column_starts, axis=1)

    def spread(self, chroma: Hole) -> Hole:
        """All luma samples of those chroma samples' blocks."""
        return chroma if self._is_whole else np.asarray(chroma[self._row][:, self._column])

    def mixed(self, chroma: Hole) -> Hole:
        """Luma samples whose colour is mixed from any of those chroma samples."""
        if self._is_whole:
            return chroma
        rows = chroma[self._taps_y[0]] | chroma[self._taps_y[1]]
        return np.asarray(rows[:, self._taps_x[0]] | rows[:, self._taps_x[1]])

    def touched_widely(self, hole: Hole) -> Hole:
        """Chroma samples made from any of those luma samples: their block and the neighbours it overlaps."""
        if self._is_whole:
            return hole
        near = cv2.dilate(hole.astype(np.uint8), np.ones((3, 3), np.uint8)).astype(bool)
        return self.touched(near)

    def mean(self, weight: NDArray[np.float32]) -> NDArray[np.float32]:
        """Mean weight of each chroma sample's block."""
        if self._is_whole:
            return weight.copy()
        rows = np.add.reduceat(weight, self._row_starts, axis=0)
        total = np.add.reduceat(rows, self._column_starts, axis=1)
        return (total / np.outer(np.bincount(self._row), np.bincount(self._column))).astype(np.float32)
