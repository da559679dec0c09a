"""What a segmenter is, and the table of those there are: from a few clicks or a box to one frame's mask.

    segmenter = make_segmenter("grabcut")
    hole = segmenter.segment(image, Prompt(index=0, points_xy=((320, 180),), point_is_in=(True,)), near=neighbours)

A segmenter answers for one frame; a tracker (`tracker.py`) carries the answer on. It may look at up to four
neighbouring frames, for what moves against the background is seldom part of it.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import numpy as np

from cleanplate.base.errors import MaskError, UsageError
from cleanplate.base.hub import SAM, SAM2, models_of
from cleanplate.base.options import fill_options
from cleanplate.base.table import Row, choose
from cleanplate.base.types import Box, Hole, Image, Prompt
from cleanplate.mask.tracker import NoOptions

NEAR_FRAMES = 2
"neighbours on each side that are worth giving"


class Segmenter(ABC):
    """Finds the object that a prompt means in one frame. Keeps nothing between calls."""

    Options: ClassVar[type] = NoOptions
    "a frozen dataclass: every knob, its default and its unit"

    def __init__(self, options: Any, device: str = "cpu") -> None:
        self.options = options
        self.device = device

    def segment(self, image: Image, prompt: Prompt, near: Sequence[Image] = ()) -> Hole:
        """The object: (H, W) bool, never empty; the same for the same input.

        image: (H, W, 3) RGB uint8 or uint16. prompt: points that lie on the object or, where `point_is_in` is False,
        do not; the first one best in its middle, each next one in the middle of what the answer to those before got
        wrong. A box around it, with some slack or none. `hole`: an earlier answer that the points set right. near:
        neighbouring frames of the same size and type, up to two before and two after, the nearest first. Where there
        are none, or others than these, motion tells nothing or less.

        Raises `MaskError` for a point or box outside the picture, and for a prompt that marks nothing; `UsageError`
        for neighbours of another size.
        """
        _check(image, prompt, near)
        return self.find(image, prompt, near)

    def in_boxes(self, image: Image, boxes_xyxy: Sequence[Box]) -> list[Hole | None]:
        """The object in each box, as `segment` finds it; None where that finds nothing."""
        holes: list[Hole | None] = []
        for box in boxes_xyxy:
            try:
                holes.append(self.segment(image, Prompt(index=0, box_xyxy=box)))
            except MaskError:
                holes.append(None)
        return holes

    @abstractmethod
    def find(self, image: Image, prompt: Prompt, near: Sequence[Image]) -> Hole:
        """`segment` of what has been checked."""


SEGMENTERS: dict[str, Row] = {
    "grabcut": Row(
        where="cleanplate.mask.segment_grabcut:GrabCut",
        summary="colour, edges and motion against the background, tried at many sizes around the click; no weights",
    ),
    "sam": Row(
        where="cleanplate.mask.segment_sam:Sam",
        summary="SAM: a network trained on a billion masks; knows the edges of things, and of their parts",
        extra="neural",
        models=models_of(SAM),
    ),
    "sam2": Row(
        where="cleanplate.mask.segment_sam:Sam2",
        summary="SAM 2 and 2.1: smaller and faster than SAM, trained on video too",
        extra="neural",
        models=models_of(SAM2),
    ),
}


def segmenter_spec(name: str) -> Row:
    """The table's row of that name. Raises `UsageError` naming those there are."""
    return choose(SEGMENTERS, name, "segmenter")


def segmenter_class(name: str) -> type[Segmenter]:
    """The segmenter itself, imported now. Raises what `make_segmenter` raises."""
    found: type[Segmenter] = segmenter_spec(name).load()
    return found


def segmenter_options(name: str, given: Mapping[str, Any]) -> Any:
    """A segmenter's options, the given ones in place of their defaults. Raises `UsageError` for one it has not."""
    return fill_options(segmenter_class(name).Options, given, f"segmenter '{name}'")


def make_segmenter(name: str, options: Mapping[str, Any] | None = None, device: str = "cpu") -> Segmenter:
    """A segmenter ready for its first frame.

    Raises `UsageError` for an unknown segmenter or option, `MissingExtraError` or `MissingWeightsError` for what is
    not installed.
    """
    return segmenter_class(name)(segmenter_options(name, options or {}), device)


def _check(image: Image, prompt: Prompt, near: Sequence[Image]) -> None:
    height, width = image.shape[:2]
    size = f"the picture of {width}x{height}"
    if len(prompt.point_is_in) != len(prompt.points_xy):
        raise ValueError(f"{len(prompt.points_xy)} points but {len(prompt.point_is_in)} say whether they are in")
    for x, y in prompt.points_xy:
        if not (math.isfinite(x) and math.isfinite(y) and -0.5 <= x < width - 0.5 and -0.5 <= y < height - 0.5):
            raise MaskError(f"the click {x:g},{y:g} lies outside {size}; click on the object")
    if prompt.box_xyxy is not None:
        x0, y0, x1, y1 = prompt.box_xyxy
        if not (0 <= x0 < x1 <= width and 0 <= y0 < y1 <= height):
            raise MaskError(f"the box {x0},{y0},{x1},{y1} does not lie in {size}; draw it around the object")
    if prompt.hole is not None and (prompt.hole.shape != (height, width) or prompt.hole.dtype != np.bool_):
        raise MaskError(f"the earlier mask is {prompt.hole.dtype} {prompt.hole.shape}, but must be bool, as {size}")
    if prompt.box_xyxy is None and not any(prompt.point_is_in) and (prompt.hole is None or not prompt.hole.any()):
        raise MaskError("nothing says where the object is; click on it, or draw a box around it")
    if any(other.shape != image.shape or other.dtype != image.dtype for other in near):
        raise UsageError(f"a neighbouring frame is of another size or type than {size}; give frames of one video")
