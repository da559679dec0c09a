"""From frames with holes to painted frames: which frames and which part of the picture an engine is shown, and joints.

A *piece* is a run of at most `grid.core` frames of one shot. Its engine sees `grid.margin` more frames on both sides
within the shot, cropped to the holes and their surroundings, blanked. Neighbouring pieces paint `grid.joint` frames
twice and cross-fade them. Frames come in and go out one by one: memory follows the piece, not the video.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from cleanplate.base.arrays import bounding_box, box_area, cut, grow_box, merge_boxes, shared_box
from cleanplate.base.plan import Grid
from cleanplate.base.report import StageClock
from cleanplate.base.types import Box, Clip, Frame, Image, Labels
from cleanplate.motion.cuts import CutFinder, thumbnail
from cleanplate.paint.engine import Engine
from cleanplate.paste import Region, regions_of

_COARSE_PX = 8
"grid on which neighbouring holes are grouped into one crop"


@dataclass(frozen=True, kw_only=True, eq=False)
class Held:
    """A frame on its way: what of it is to be painted, and whether a shot begins with it."""

    frame: Frame
    regions: tuple[Region, ...]
    "none = no hole"
    starts_shot: bool = False


@dataclass(frozen=True, kw_only=True, eq=False)
class Painted:
    """Paint for one region of one frame, on the region's box."""

    image: Image  # (h, w, 3)
    origin: NDArray[np.uint8]  # (h, w)


def hold(frames: Iterable[tuple[Frame, Labels]], *, grow_px: int, feather_px: int, clock: StageClock) -> Iterator[Held]:
    """Each frame with the regions its labels (H, W) ask to paint, and shots marked.

    Regions are made once for labels that do not change, at no price if these are the same array.
    """
    cuts = CutFinder()
    last: tuple[Labels, tuple[Region, ...]] | None = None
    for frame, labels in frames:
        native = frame.native
        assert native is not None
        hole = labels != 0
        with clock.time("mask"):
            if last is None or (last[0] is not labels and not np.array_equal(last[0], labels)):
                last = labels, regions_of(hole, native.layout, grow_px=grow_px, feather_px=feather_px)
        with clock.time("cuts"):
            bright = native.arrays[1 if native.layout.model == "rgb" else 0]  # green is most of luma
            small = thumbnail(bright, native.layout.bit_depth, hole if last[1] else None)
            starts = cuts.push(small)
        yield Held(frame=frame, regions=last[1], starts_shot=starts)


def paint_frames(
    frames: Iterable[Held], engine: Engine, grid: Grid, *, clock: StageClock, multiple_px: int = 1
) -> Iterator[tuple[Held, tuple[Painted, ...]]]:
    """Each frame in order, with its paint where it has a hole."""
    source = iter(frames)
    window: deque[Held] = deque()  # of one shot, never longer than a piece with its margins
    before = 0  # frames at the window's head that have gone out already and serve as margin
    waiting: list[tuple[Painted, ...]] = []  # the last piece's paint of the frames after its core
    following: Held | None = next(source, None)

    while following is not None or before < len(window):
        wanted = before + grid.core + grid.joint + grid.margin
        while following is not None and len(window) < wanted and not (window and following.starts_shot):
            window.append(following)
            following = next(source, None)
        is_whole_shot = len(window) < wanted
        if not window[before].regions:
            yield window[before], ()
            before, waiting = before + 1, waiting[1:]
        else:
            core = min(grid.core, len(window) - before)
            owed = min(core + grid.joint, len(window) - before)
            while core > 1 and not window[before + core - 1].regions:
                core -= 1  # frames without a hole at the end cost nothing; the next piece begins behind them
            owed = owed if core == grid.core else core
            with clock.time("paint"):
                paint = paint_piece(list(window), (before, before + owed), engine, multiple_px=multiple_px)
            for n in range(min(len(waiting), owed)):
                paint[n] = _cross_fade(waiting[n], paint[n], (n + 1) / (len(waiting) + 1))
            for n in range(core):
                yield window[before + n], paint[n]
            before, waiting = before + core, paint[core:]
        if before == len(window) and is_whole_shot:
            window.clear()
            before, waiting = 0, []
        while before > grid.margin:
            window.popleft()
            before -= 1


def paint_piece(
    window: Sequence[Held], core: tuple[int, int], engine: Engine, *, multiple_px: int = 1
) -> list[tuple[Painted, ...]]:
    """Paint of the window's frames in the half-open range `core`: one for each region.

    All frames of the window belong to one shot; those outside the core are there to be looked at.
    """
    first, stop = core
    regions = [region for held in window[first:stop] for region in held.regions]
    sheets = [tuple(_empty_sheet(held.frame, region) for region in held.regions) for held in window[first:stop]]
    if not regions:
        return sheets
    native = window[first].frame.native
    assert native is not None
    width, height = native.width_px, native.height_px
    for box in crop_boxes(regions, width, height):
        painting = engine.fill(_clip(window, core, box, height, multiple_px))
        for n, held in enumerate(window[first:stop]):
            for region, sheet in zip(held.regions, sheets[n], strict=True):
                if (shared := shared_box(region.box_xyxy, box)) is not None:
                    cut(sheet.image, shared, region.box_xyxy[:2])[...] = cut(painting.images[n], shared, box[:2])
                    cut(sheet.origin, shared, region.box_xyxy[:2])[...] = cut(painting.origin[n], shared, box[:2])
    return sheets


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


def _clip(window: Sequence[Held], core: tuple[int, int], box: Box, height_px: int, multiple_px: int) -> Clip:
    height, width = box[3] - box[1], box[2] - box[0]
    down, right = -height % multiple_px, -width % multiple_px
    first = window[0].frame.crop((0, 0, 1, 1))
    images = np.empty((len(window), height + down, width + right, 3), first.dtype)
    holes = np.zeros(images.shape[:3], bool)
    for n, held in enumerate(window):
        images[n, :height, :width] = held.frame.crop(box)
        for region in held.regions:
            if (shared := shared_box(region.box_xyxy, box)) is not None:
                cut(holes[n], shared, box[:2])[...] = cut(region.blank, shared, region.box_xyxy[:2])
        images[n][holes[n]] = 0
    for array in (images, holes):  # up to the engine's multiple by repeating the last row and column
        array[:, height:, :width] = array[:, height - 1 : height, :width]
        array[:, :, width:] = array[:, :, width - 1 : width]
    return Clip(
        images=images,
        holes=holes,
        start=window[0].frame.index,
        core=core,
        box_xyxy=box,
        frame_height_px=height_px,
    )


def _empty_sheet(frame: Frame, region: Region) -> Painted:
    image = frame.crop(region.box_xyxy)
    image[region.blank] = 0
    return Painted(image=image, origin=np.zeros(image.shape[:2], np.uint8))


def _cross_fade(old: tuple[Painted, ...], new: tuple[Painted, ...], share: float) -> tuple[Painted, ...]:
    """Two paintings of one frame: `share` of the new one; the origin of whichever weighs more."""
    return tuple(
        Painted(
            image=np.rint(a.image + share * (b.image.astype(np.float32) - a.image)).astype(b.image.dtype),
            origin=b.origin if share >= 0.5 else a.origin,
        )
        for a, b in zip(old, new, strict=True)
    )
