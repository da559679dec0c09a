"""The frames that pieces far away are shown: fetched into the job folder, and taken from there. Painted ones as well.

A reference by itself does not say which of its samples follow the camera's path and which pass before them. Where many
points of a shot do not follow the path, two more frames are fetched, some way off on either side: they tell what lies
in front, and show of that what the reference itself hides.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from threading import Lock
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from cleanplate.base.fields import FIELDS, field_of
from cleanplate.base.types import Frame, Hole, Image
from cleanplate.decode.reader import VideoReader
from cleanplate.journal.folder import JobFolder
from cleanplate.journal.surveys import (
    pack_frame,
    pack_front,
    pack_picture,
    unpack_frame,
    unpack_front,
    unpack_picture,
)
from cleanplate.mask.stored import StoredMasks
from cleanplate.motion.layers import tell_front
from cleanplate.motion.register import enlarging, in_view
from cleanplate.motion.small import view_flow
from cleanplate.motion.survey import ShotSurvey, Survey
from cleanplate.paint.engine import WORK_HEIGHT_PX
from cleanplate.paint.looks import look
from cleanplate.paste import Region, regions_of

APART_FRAMES = 40
"to the frames shown beside a reference: enough for what is in front to uncover what it hides"
LEAST_APART = 8
"frames: nearer to an end of the shot the other side is gone to twice as far"
MOSTLY_AGREED = 0.8
"of the points of a shot that follow the camera's path: nothing else is looked for there"
_HELD_FRAMES = 4


@dataclass(frozen=True, kw_only=True, eq=False)
class Fetched:
    """A frame from the job folder, or one field of it."""

    frame: Frame
    regions: tuple[Region, ...]
    "its holes"
    front: NDArray[np.bool_] | None
    "(H, W): what lies in front; None = nothing is known to"


def shown_together(shot: ShotSurvey, index: int) -> tuple[int, ...]:
    """A reference of a shot and the frames it is shown with: none where all follows the camera's path.

    Else one on each side, or two on the side that the shot has.
    """
    if shot.agreed >= MOSTLY_AGREED:
        return (index,)
    first, last = shot.start, shot.stop - 1
    before, after = max(index - APART_FRAMES, first), min(index + APART_FRAMES, last)
    if index - before < LEAST_APART:
        before = min(index + 2 * APART_FRAMES, last)
    if after - index < LEAST_APART:
        after = max(index - 2 * APART_FRAMES, first)
    return (index, *sorted({before, after} - {index}))


def _tell_fronts(
    shot: ShotSurvey, frames: Sequence[Frame], masks: StoredMasks, grow_px: int
) -> list[NDArray[np.bool_] | None]:
    """What is in front in each of the frames that are shown together, told by the others.

    Each (h, w), at the size at which motion is found; None = nothing is known to. `grow_px`: what holes grow by.
    """
    assert frames[0].native is not None
    width, height = frames[0].native.width_px, frames[0].native.height_px
    scale = max(1, round(height / WORK_HEIGHT_PX))
    shrink, dis = np.linalg.inv(enlarging(scale, scale)), view_flow()
    looks = [_look(frame, masks, grow_px, scale, width, height) for frame in frames]
    found = []
    for n, frame in enumerate(frames):
        others = [
            (*looks[m], in_view(shot.motion(frame.index, other.index), shrink))
            for m, other in enumerate(frames)
            if m != n
        ]
        found.append(tell_front(dis, *looks[n], others, height / scale / 240))
    return found


def _look(
    frame: Frame, masks: StoredMasks, grow_px: int, scale: int, width: int, height: int
) -> tuple[NDArray[np.uint8], NDArray[np.bool_]]:
    """The small gray picture of a frame, and what of it is known."""
    around = np.ones((2 * grow_px + 1, 2 * grow_px + 1), np.uint8)
    hole = cv2.dilate((masks.labels(frame.pts) != 0).view(np.uint8), around) > 0
    gray, masked = look(
        np.array(frame.crop((0, 0, width, height))), hole, scale, -(-height // scale), -(-width // scale)
    )
    return gray, ~masked


def fetch(survey: Survey, reader: VideoReader, masks: StoredMasks, folder: JobFolder, grow_px: int) -> None:
    """All frames that the survey chose and those they are shown with into the job folder, and what is in front there.

    They are sought, or else all frames are decoded as far as the last one. `grow_px`: what holes grow by.
    """
    together = [(shot, shown_together(shot, index)) for shot in survey.shots for index in shot.coverage.references]
    missing = {index for _, group in together for index in group if folder.load(_frame_name(index)) is None}
    if missing:
        times = [pts for pts, _ in reader.timestamps()]
        sought = reader.frames_at({index: times[index] for index in sorted(missing) if index < len(times)})
        for frame in chain(sought, reader):
            if frame.index in missing:
                folder.store(_frame_name(frame.index), pack_frame(frame))
                missing.remove(frame.index)
            if not missing:
                break
    for shot, group in together:
        if any(folder.load(_front_name(index)) is None for index in group):
            stored = {index: folder.load(_frame_name(index)) for index in group}
            frames = [unpack_frame(packed, index) for index, packed in stored.items() if packed is not None]
            for frame, front in zip(frames, _tell_fronts(shot, frames, masks, grow_px), strict=True):
                folder.store(_front_name(frame.index), pack_front(front))


class FrameShelf:
    """The frames in a job folder; the last few are kept unpacked. Several threads may ask at a time."""

    def __init__(self, folder: JobFolder, masks: StoredMasks, grow_px: int, feather_px: int) -> None:
        self._folder = folder
        self._masks = masks
        self._grow_px, self._feather_px = grow_px, feather_px
        self._kept: OrderedDict[str, Any] = OrderedDict()
        self._lock = Lock()

    def frame(self, index: int, parity: int | None) -> Fetched:
        """A frame that was fetched, or its field."""
        frame, front = self._unpacked(_frame_name(index), lambda stored: self._with_front(stored, index))
        with self._lock:
            hole: Hole = self._masks.labels(frame.pts) != 0
        native, line_px = frame.native, 1
        if parity is not None:
            native, hole, line_px = field_of(native, parity), hole[parity :: len(FIELDS)], len(FIELDS)
            front = None if front is None else front[parity :: len(FIELDS)]
        regions = regions_of(hole, native.layout, grow_px=self._grow_px, feather_px=self._feather_px, line_px=line_px)
        return Fetched(frame=replace(frame, native=native), regions=regions, front=front)

    def picture(self, index: int, parity: int | None) -> tuple[Image, Hole]:
        """A painted frame (H, W, 3), or its field, and what of it (H, W) is not painted."""
        image, hole = self._unpacked(_painted_name(index), unpack_picture)
        return (image, hole) if parity is None else (image[parity :: len(FIELDS)], hole[parity :: len(FIELDS)])

    def has_picture(self, index: int) -> bool:
        """Whether a painted frame of that index is there."""
        return self._folder.load(_painted_name(index)) is not None

    def add_picture(self, index: int, image: Image, hole: Hole) -> None:
        """Keep a painted frame (H, W, 3), of which `hole` (H, W) is not painted."""
        self._folder.store(_painted_name(index), pack_picture(image, hole))

    def _with_front(self, stored: bytes, index: int) -> tuple[Frame, NDArray[np.bool_] | None]:
        frame = unpack_frame(stored, index)
        packed = self._folder.load(_front_name(index))
        small = None if packed is None else unpack_front(packed)
        if small is None:
            return frame, None
        assert frame.native is not None
        width, height = frame.native.width_px, frame.native.height_px
        scale = -(-width // small.shape[1])
        whole = cv2.resize(small.view(np.uint8) * 255, None, fx=scale, fy=scale, interpolation=cv2.INTER_LINEAR)
        return frame, np.asarray(whole[:height, :width] > 127)

    def _unpacked(self, name: str, unpack: Callable[[bytes], Any]) -> Any:
        with self._lock:
            if name not in self._kept:
                stored = self._folder.load(name)
                assert stored is not None  # stored when the run began
                self._kept[name] = unpack(stored)
                while len(self._kept) > _HELD_FRAMES:
                    self._kept.popitem(last=False)
            return self._kept[name]


def _frame_name(index: int) -> str:
    return f"reference-{index:08d}"


def _front_name(index: int) -> str:
    return f"front-{index:08d}"


def _painted_name(index: int) -> str:
    return f"painted-{index:08d}"
