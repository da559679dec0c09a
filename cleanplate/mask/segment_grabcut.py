"""The default segmenter: each click is a region with a middle, which joins the object or leaves it.

The first click finds a region of the whole picture (`segment_region`), by colour, motion against the background
(`segment_evidence`) and edges; a small one is looked at once more from near. Each further click finds the region in
whose middle it lies, of what the object lacks or of what it has too much, and leaves the rest alone. Sizes are tried
on small pictures; each region's border is then drawn at full size. Measured in docs/segmenting.md.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from cleanplate.base.arrays import bounding_box, cut, grow_box, union_box
from cleanplate.base.types import Box, Hole, Image, Prompt
from cleanplate.mask.segment_evidence import look, movements
from cleanplate.mask.segment_region import Aim, find_region
from cleanplate.mask.segmenter import Segmenter
from cleanplate.mask.sight import gray_of, see, sharpen, shrink

Point = tuple[float, float]
Click = tuple[Point, bool]
"and whether it lies on the object"

_VIEW_AREA_PX = 216 * 120
_SIZES = (0.025, 0.037, 0.056, 0.08, 0.11, 0.155, 0.217, 0.3)  # of the root of the picture's area
_CLOSER_SIZES = (0.5, 0.7, 1.0, 1.4, 2.0)  # of the radius of a disc of the region's area
_BOX_SIZES = (0.5, 0.7, 0.9, 1.1)  # of the box
_MENDING_SIZES = (0.7, 1.0, 1.4, 2.0)  # of the distance to the border of what may change
_APART = 0.1  # of the root of the view's area: so far from the border it is another part, of any size
_LEAST_SIZE_PX = 1.5
_AWAY = 0.27  # of the root of the picture's area: so far from the middle the background's motion is learned
_MARGIN = 0.75  # of a region's longer side: what is looked at around it
_SMALL_PX = 200  # in a view of the whole picture: what is smaller is looked at again from near
_SLACK = 0.05  # of a box's sides: so far outside it the object may reach
_POINT_PX = 1.5


class GrabCut(Segmenter):
    """See the module. Where an earlier answer is given, a box says nothing more."""

    def find(self, image: Image, prompt: Prompt, near: Sequence[Image]) -> Hole:
        """See `Segmenter.find`."""
        motions = _motions(image, prompt, near)
        found = np.zeros(image.shape[:2], np.bool_)
        if prompt.hole is not None:
            found = prompt.hole.copy()
        elif prompt.box_xyxy is not None:
            found = _in_box(image, motions, prompt.box_xyxy)
        clicks: list[Click] = []
        for click in zip(prompt.points_xy, prompt.point_is_in, strict=True):
            clicks.append(click)
            for one in (click, *clicks[:-1]):  # what an answer to this one got wrong of those before is set right
                found = self._heed(one, image, motions, found, clicks)
        return found

    def _heed(
        self, click: Click, image: Image, motions: Sequence[NDArray[np.float32]], found: Hole, clicks: Sequence[Click]
    ) -> Hole:
        """The answer (H, W) set right by one of the clicks; as it is where it agrees."""
        xy, is_in = click
        others = [other for other, other_is_in in clicks if other_is_in != is_in]
        if found[round(xy[1]), round(xy[0])] == is_in or not (is_in or found.any()):
            return found
        return (
            found ^ _mistake(image, motions, xy, found, others) if found.any() else _first(image, motions, xy, others)
        )


class _View:
    """A part of a frame, at the size it is looked at."""

    def __init__(self, image: Image, motions: Sequence[NDArray[np.float32]], box_xyxy: Box) -> None:
        """motions: (h, w, 2) each, of the whole frame at any size."""
        self._box, self._shape = box_xyxy, image.shape[:2]
        self._part = cut(image, box_xyxy)
        self._sight = see(shrink(self._part, _VIEW_AREA_PX))
        self.shape = self._sight.gray.shape
        self.scale = np.array(self.shape[::-1]) / self._part.shape[1::-1]
        self._evidence = look(self._sight.lab, [self._sampled(motion) for motion in motions])

    @property
    def root_px(self) -> float:
        return float(np.sqrt(self.shape[0] * self.shape[1]))

    def place(self, xy: Point) -> Point:
        """A point of the frame, in the view."""
        x, y = (np.array(xy) - self._box[:2] + 0.5) * self.scale - 0.5
        return float(x), float(y)

    def shown(self, hole: Hole) -> Hole:
        """A hole (H, W) of the frame, in the view."""
        part = cut(hole, self._box).astype(np.float32)
        return np.asarray(cv2.resize(part, self.shape[::-1], interpolation=cv2.INTER_AREA) >= 0.5)

    def points(self, points_xy: Sequence[Point]) -> Hole:
        """What lies right at these points of the frame."""
        found = np.zeros(self.shape, np.bool_)
        y, x = np.mgrid[: self.shape[0], : self.shape[1]].astype(np.float32)
        for left, top in map(self.place, points_xy):
            found |= np.hypot(x - left, y - top) <= _POINT_PX
        return found

    def region(self, aim: Aim, sizes_px: Sequence[float]) -> Hole:
        """The region at which is aimed: (H, W) of the frame, its border drawn at full size."""
        region = find_region(self._evidence, aim, sizes_px)
        found = np.zeros(self._shape, np.bool_)
        cut(found, self._box)[:] = sharpen({1: region.astype(np.float32)}, self._part, self._sight) > 0
        return found

    def _sampled(self, motion: NDArray[np.float32]) -> NDArray[np.float32]:
        height, width = motion.shape[:2]
        grow = np.array([width, height]) / self._shape[::-1]
        step = grow / self.scale
        start = (np.array(self._box[:2]) + 0.5 / self.scale) * grow - 0.5
        back = np.array([[step[0], 0, start[0]], [0, step[1], start[1]]])
        how = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
        size = self.shape[1], self.shape[0]
        return np.asarray(cv2.warpAffine(motion, back, size, flags=how, borderMode=cv2.BORDER_REPLICATE), np.float32)


def _first(image: Image, motions: Sequence[NDArray[np.float32]], xy: Point, barred: Sequence[Point]) -> Hole:
    """The region (H, W) around the first click."""
    whole = 0, 0, image.shape[1], image.shape[0]

    def region(box: Box, sizes_px: Callable[[_View], list[float]]) -> Hole:
        view = _View(image, motions, box)
        aim = Aim(centre_xy=view.place(xy), domain=np.ones(view.shape, np.bool_), barred=view.points(barred))
        return view.region(aim, sizes_px(view))

    found = region(whole, lambda view: [share * view.root_px for share in _SIZES])
    if found.mean() * _VIEW_AREA_PX > _SMALL_PX:
        return found
    radius_px = float(np.sqrt(found.sum() / np.pi))
    return region(
        _around(found, xy), lambda view: [share * radius_px * float(view.scale[0]) for share in _CLOSER_SIZES]
    )


def _mistake(
    image: Image, motions: Sequence[NDArray[np.float32]], xy: Point, found: Hole, barred: Sequence[Point]
) -> Hole:
    """The region (H, W) around a click that the answer has too much, or lacks: mistakes lie at its border."""
    view = _View(image, motions, _around(found, xy))
    domain = view.shown(found) == found[round(xy[1]), round(xy[0])]
    aim = Aim(centre_xy=view.place(xy), domain=domain, barred=view.points(barred))
    depth = cv2.distanceTransform(domain.astype(np.uint8), cv2.DIST_L2, 3)[aim.middle]
    sizes_px = [max(float(depth), _LEAST_SIZE_PX) * share for share in _MENDING_SIZES]
    if depth > _APART * view.root_px:
        sizes_px = [share * view.root_px for share in _SIZES if share * view.root_px < sizes_px[-1]]
    region = view.region(aim, sizes_px)
    return np.asarray(region & (found == found[round(xy[1]), round(xy[0])]))


def _in_box(image: Image, motions: Sequence[NDArray[np.float32]], box_xyxy: Box) -> Hole:
    """The object (H, W) that a box was drawn around."""
    x0, y0, x1, y1 = box_xyxy
    height, width = image.shape[:2]
    view = _View(image, motions, grow_box(box_xyxy, round(_MARGIN * max(x1 - x0, y1 - y0)) + 1, width, height))
    axes = np.maximum(np.array([x1 - x0, y1 - y0]) * view.scale / 2, _LEAST_SIZE_PX)
    allowed = np.zeros((height, width), np.bool_)
    slack = round(_SLACK * (x1 - x0)), round(_SLACK * (y1 - y0))
    allowed[max(y0 - slack[1], 0) : y1 + slack[1], max(x0 - slack[0], 0) : x1 + slack[0]] = True
    aim = Aim(
        centre_xy=view.place(((x0 + x1 - 1) / 2, (y0 + y1 - 1) / 2)),
        axes_px=(float(axes[0]), float(axes[1])),
        domain=np.ones(view.shape, np.bool_),
        barred=~view.shown(allowed),
        is_box=True,
    )
    return view.region(aim, _BOX_SIZES) & allowed


def _around(found: Hole, xy: Point) -> Box:
    """The part of the frame around an answer (H, W) and a click that is worth looking at."""
    x, y = round(xy[0]), round(xy[1])
    box = union_box(one for one in (bounding_box(found), (x, y, x + 1, y + 1)) if one is not None)
    assert box is not None  # the click at least
    margin_px = round(_MARGIN * max(box[2] - box[0], box[3] - box[1])) + 1
    return grow_box(box, margin_px, found.shape[1], found.shape[0])


def _motions(image: Image, prompt: Prompt, near: Sequence[Image]) -> tuple[NDArray[np.float32], ...]:
    """See `movements`; the background is what lies away from the object, as far as that is known."""
    gray = gray_of(shrink(image))
    scale = np.array(gray.shape[::-1]) / image.shape[1::-1]
    covered: NDArray[Any] = np.zeros(gray.shape, np.uint8)
    away_px = _AWAY * float(np.sqrt(gray.size))
    if prompt.hole is not None:
        size = gray.shape[1], gray.shape[0]
        covered = np.asarray(cv2.resize(prompt.hole.astype(np.uint8), size, interpolation=cv2.INTER_AREA))
    elif prompt.box_xyxy is not None:
        x0, y0, x1, y1 = (round(float(edge)) for edge in np.array(prompt.box_xyxy) * np.tile(scale, 2))
        covered[y0:y1, x0:x1] = 1
    else:
        xy = prompt.points_xy[prompt.point_is_in.index(True)]
        x, y = (round(float(edge)) for edge in (np.array(xy) + 0.5) * scale - 0.5)
        cv2.circle(covered, (x, y), round(away_px), 1, -1)
    return movements(gray, [gray_of(shrink(other)) for other in near], covered == 0)
