"""What a person has drawn on one frame, click by click and stroke by stroke; the last step can be taken back.

A click or a box asks the segmenter; what was found before is told to it, so that further clicks set it right. Brush and
eraser change the labels themselves, and clicks after them start from what they left.
"""

from __future__ import annotations

import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise

import cv2
import numpy as np
from numpy.typing import NDArray

from cleanplate.base.errors import UsageError
from cleanplate.base.types import Box, Image, Labels, Prompt
from cleanplate.mask.segmenter import Segmenter

Point = tuple[float, float]  # (x, y) px of the full picture

_MOST_STEPS = 64
"that can be taken back"
MOST_STROKE_POINTS = 20_000


@dataclass(frozen=True, kw_only=True)
class Said:
    """The clicks and the box for one object since it was last drawn by hand."""

    points_xy: tuple[Point, ...] = ()
    point_is_in: tuple[bool, ...] = ()
    box_xyxy: Box | None = None
    start: bytes | None = None
    "the object as it was before, packed labels; None = it was not there"


@dataclass(frozen=True, kw_only=True)
class _Step:
    """The drawing after one action."""

    packed: bytes
    "labels (H, W) uint8"
    said: Mapping[int, Said]
    "by object"


@dataclass(kw_only=True)
class Drawing:
    """The labels of one frame, and how they came to be."""

    frame: int
    shape: tuple[int, int]
    "(H, W)"
    _steps: list[_Step] = field(default_factory=list)

    @classmethod
    def of(cls, frame: int, labels: Labels) -> Drawing:
        """A drawing that starts from labels (H, W) which are there."""
        return cls(frame=frame, shape=labels.shape, _steps=[_Step(packed=_pack(labels), said={})])

    @property
    def labels(self) -> Labels:
        """(H, W) uint8 as they are now, read-only."""
        return self._unpack(self._steps[-1].packed)

    @property
    def said(self) -> Mapping[int, Said]:
        """The clicks and boxes that count, by object."""
        return self._steps[-1].said

    @property
    def is_touched(self) -> bool:
        """Whether anything was drawn that can be taken back."""
        return len(self._steps) > 1

    def click(self, number: int, point_xy: Point, is_in: bool, segmenter: Segmenter, near: Sequence[Image]) -> None:
        """A point that is, or is not, part of the object. `near`: this frame, then its neighbours.

        Raises what the segmenter raises; then nothing has changed.
        """
        said = self.said.get(number)
        if said is None:
            is_there = bool((self.labels == number).any())
            said = Said(start=self._steps[-1].packed if is_there else None)
        more = replace(said, points_xy=(*said.points_xy, point_xy), point_is_in=(*said.point_is_in, is_in))
        self._find(number, more, segmenter, near)

    def box(self, number: int, box_xyxy: Box, segmenter: Segmenter, near: Sequence[Image]) -> None:
        """A box around the object, in the place of what was said of it before."""
        self._find(number, Said(box_xyxy=box_xyxy), segmenter, near)

    def stroke(self, number: int, points_xy: Sequence[Point], radius_px: float, is_erasing: bool) -> None:
        """A stroke of a round brush, or of an eraser that takes away every object."""
        if not 0 < len(points_xy) <= MOST_STROKE_POINTS or not 0.5 <= radius_px <= 1000:
            raise UsageError("the stroke has no points or a brush of no size; draw it again")
        touched = np.zeros(self.shape, np.uint8)
        height, width = self.shape
        line = np.clip(np.rint(np.asarray(points_xy, np.float64)), (-width, -height), (2 * width, 2 * height))
        line = line.astype(np.int32).reshape(-1, 1, 2)
        cv2.polylines(touched, [line], isClosed=False, color=1, thickness=max(round(2 * radius_px), 1))
        for x, y in (line[0, 0], line[-1, 0]):
            cv2.circle(touched, (int(x), int(y)), max(round(radius_px), 1), 1, cv2.FILLED)
        labels = self.labels.copy()
        labels[touched > 0] = 0 if is_erasing else number
        changed = set(np.unique(self.labels[touched > 0]).tolist()) | {number}
        self._add(labels, {n: said for n, said in self.said.items() if n not in changed})

    def undo(self) -> bool:
        """Take back the last action; False if then nothing is left but what was there before."""
        if self.is_touched:
            self._steps.pop()
        return self.is_touched

    def without(self, number: int) -> Drawing | None:
        """The same drawing as if that object had never been marked, in all its steps; None if it was all there is."""
        steps = [self._step_without(step, number) for step in self._steps]
        told = [steps[0], *(step for before, step in pairwise(steps) if step != before)]
        less = replace(self, _steps=told)
        return less if less.labels.any() or not self.labels.any() else None

    def _find(self, number: int, said: Said, segmenter: Segmenter, near: Sequence[Image]) -> None:
        rivals = [
            point
            for other, those in self.said.items()
            if other != number
            for point, is_in in zip(those.points_xy, those.point_is_in, strict=True)
            if is_in
        ]
        prompt = Prompt(
            index=self.frame,
            object_id=number,
            points_xy=(*said.points_xy, *rivals),
            point_is_in=(*said.point_is_in, *(False for _ in rivals)),
            box_xyxy=said.box_xyxy,
            hole=None if said.start is None else self._unpack(said.start) == number,
        )
        hole = segmenter.segment(near[0], prompt, near[1:])
        drawn = self.labels.copy()
        drawn[drawn == number] = 0
        drawn[hole & (drawn == 0)] = number
        self._add(drawn, {**self.said, number: said})

    def _step_without(self, step: _Step, number: int) -> _Step:
        labels = self._unpack(step.packed)
        kept = np.where(labels == number, np.uint8(0), labels)
        return _Step(packed=_pack(kept), said={n: said for n, said in step.said.items() if n != number})

    def _add(self, labels: Labels, said: Mapping[int, Said]) -> None:
        self._steps.append(_Step(packed=_pack(labels), said=said))
        if len(self._steps) > _MOST_STEPS:
            del self._steps[1]

    def _unpack(self, packed: bytes) -> Labels:
        return np.frombuffer(zlib.decompress(packed), np.uint8).reshape(self.shape)


def tint(labels: Labels, colors: NDArray[np.uint8], size: tuple[int, int]) -> NDArray[np.uint8]:
    """Labels (H, W) as a picture to lay over the frame: (h, w, 4) of `size` (w, h), see-through, with firm borders.

    colors: (256, 3) uint8, of each label.
    """
    if size != labels.shape[1::-1]:
        labels = np.asarray(cv2.resize(labels, size, interpolation=cv2.INTER_NEAREST), np.uint8)
    inside = labels > 0
    shown = np.zeros((*labels.shape, 4), np.uint8)
    shown[inside, :3] = colors[labels[inside]]
    shown[inside, 3] = 115
    wide = np.ones((3, 3), np.uint8)
    edge = inside & (cv2.erode(labels, wide) != cv2.dilate(labels, wide))
    shown[edge, 3] = 255
    return shown


def _pack(labels: Labels) -> bytes:
    return zlib.compress(labels.tobytes(), 1)
