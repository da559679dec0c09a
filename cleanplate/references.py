"""Frames from far away for the engine: the survey pass over a video, the frames it chooses, and each piece's share.

    references = References.survey(job, reader, masks, grid, folder, clock)     # None: they cannot help here
    references.of(window, owed, box)        # for one piece and one crop, holes blanked

What the survey found and the frames it chose lie in the job folder: a job that goes on goes by the same.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import chain
from threading import Lock

import numpy as np
from numpy.typing import NDArray

from cleanplate.base.arrays import cut, grow_box, shared_box, union_box
from cleanplate.base.fields import FIELDS, field_of
from cleanplate.base.plan import Grid
from cleanplate.base.report import StageClock, Watch
from cleanplate.base.settings import Job
from cleanplate.base.types import Box, Frame, Hole, Reference
from cleanplate.decode.reader import VideoReader
from cleanplate.journal.folder import JobFolder
from cleanplate.journal.surveys import pack_frame, pack_survey, unpack_frame, unpack_survey
from cleanplate.mask.stored import StoredMasks
from cleanplate.motion.coverage import choose
from cleanplate.motion.register import Plane, through
from cleanplate.motion.survey import ShotSurvey, Survey
from cleanplate.paint.engine import engine_spec
from cleanplate.paste import Region, regions_of
from cleanplate.pieces import Held
from cleanplate.surveying import is_worth_it, survey_video

_SURVEY = "survey"
_WORTH_IT = 0.02
"of a frame's cells: a reference that reveals less of what is left is not looked at for that frame"
_CONTEXT_PX = 16
"around what a crop shows, for guesses are good to a few px"
_BEYOND_FRAMES = 12
"of those owed: an engine may paint some more, to compare with"
_HELD_FRAMES = 4


def make_references(
    job: Job,
    reader: VideoReader,
    masks: StoredMasks,
    grid: Grid,
    folder: JobFolder,
    clock: StageClock,
    watch: Watch | None = None,
) -> References | None:
    """Survey the video and fetch the frames that are worth showing to pieces far away; None where there are none.

    Videos that a piece sees whole, or whose holes a glance shows to gain nothing, are not surveyed.
    """
    if not engine_spec(job.engine).references or masks.frame_count <= grid.core + grid.margin:
        return None
    with clock.time("survey"):
        if not is_worth_it(reader, masks, grid.margin, job.grow_px):
            return None
        stored = folder.load(_SURVEY)
        survey = unpack_survey(stored) if stored is not None else None
        if survey is None:
            survey = survey_video(reader, masks, grid.margin, job.grow_px, watch)
            folder.store(_SURVEY, pack_survey(survey))
        chosen = {index for shot in survey.shots for index in shot.coverage.references}
        missing = {index for index in chosen if folder.load(_frame_name(index)) is None}
        if missing:
            _fetch(missing, reader, folder)
    return References(survey, job, masks, folder) if chosen else None


def _fetch(missing: set[int], reader: VideoReader, folder: JobFolder) -> None:
    """Frames into the job folder: sought, or else all frames are decoded as far as the last one."""
    times = [pts for pts, _ in reader.timestamps()]
    sought = reader.frames_at({index: times[index] for index in sorted(missing) if index < len(times)})
    for frame in chain(sought, reader):
        if frame.index in missing:
            folder.store(_frame_name(frame.index), pack_frame(frame))
            missing.remove(frame.index)
        if not missing:
            break


class References:
    """The frames chosen, and what of them a piece is shown. Several threads may ask at a time."""

    def __init__(self, survey: Survey, job: Job, masks: StoredMasks, folder: JobFolder) -> None:
        self.survey = survey
        self._job = job
        self._masks = masks
        self._folder = folder
        self._most = engine_spec(job.engine).references
        self._frames: OrderedDict[int, Frame] = OrderedDict()
        self._lock = Lock()

    def of_field(self, parity: int | None) -> Callable[[Sequence[Held], tuple[int, int], Box], tuple[Reference, ...]]:
        """What `pieces.paint_piece` asks for: of whole frames, or of the fields of one parity."""
        return lambda window, owed, box: self._of(window, owed, box, parity)

    def _of(self, window: Sequence[Held], owed: tuple[int, int], box: Box, parity: int | None) -> tuple[Reference, ...]:
        """References for the owed frames of a window of one shot, cropped to what the crop `box` may need of them."""
        indices = [held.frame.index for held in window]
        shot = self.survey.shot_of(indices[owed[0]])
        if shot is None or not shot.coverage.references:
            return ()
        near = range(max(owed[0] - _BEYOND_FRAMES, 0), min(owed[1] + _BEYOND_FRAMES, len(window)))
        asked = [n for n in near if window[n].regions and shot.start <= indices[n] < shot.stop]
        chosen = self._chosen(shot, [indices[n] for n in asked])
        needed = np.zeros((len(chosen), len(window)), np.bool_)
        for n in asked:
            cells = shot.coverage.revealed[chosen][:, shot.coverage.of_frame(indices[n])]
            left = np.ones(cells.shape[1], np.bool_)
            for m, row in enumerate(cells):
                needed[m, n] = (row & left).sum() > _WORTH_IT * len(left)
                left &= ~row
        found = [
            self._cropped(shot, shot.coverage.references[number], indices, box, which, parity)
            for number, which in zip(chosen, needed, strict=True)
            if which.any()
        ]
        return tuple(reference for reference in found if reference is not None)

    def _chosen(self, shot: ShotSurvey, indices: Sequence[int]) -> list[int]:
        """Positions of the shot's references that tell most of those frames' holes."""
        coverage = shot.coverage
        cells = np.zeros(len(coverage.frame), np.bool_)
        for index in indices:
            cells |= coverage.of_frame(index)
        frames = np.array(coverage.references)
        return choose(coverage.revealed[:, cells], frames, coverage.frame[cells], self._most)

    def _cropped(
        self,
        shot: ShotSurvey,
        index: int,
        indices: Sequence[int],
        box: Box,
        needed: NDArray[np.bool_],
        parity: int | None,
    ) -> Reference | None:
        frame, regions = self._frame(index, parity)
        assert frame.native is not None
        width, height = frame.native.width_px, frame.native.height_px
        planes = [_in_field(shot.motion(other, index), parity) @ _moved(box) for other in indices]
        x0, y0, x1, y1 = box
        corners = np.array([[0, 0], [x1 - x0 - 1, 0], [0, y1 - y0 - 1], [x1 - x0 - 1, y1 - y0 - 1]], np.float64)
        boxes = []
        for plane in (planes[n] for n in np.flatnonzero(needed)):
            low, high = np.floor(through(plane, corners).min(0)), np.ceil(through(plane, corners).max(0)) + 1
            boxes.append((int(low[0]), int(low[1]), int(high[0]), int(high[1])))
        around = union_box(boxes)
        assert around is not None  # it is needed somewhere
        part = shared_box(around, (0, 0, width, height))
        if part is None:
            return None
        part = grow_box(part, _CONTEXT_PX, width, height)
        image = np.array(frame.crop(part))
        hole = np.zeros(image.shape[:2], np.bool_)
        for region in regions:
            if (shared := shared_box(region.box_xyxy, part)) is not None:
                cut(hole, shared, part[:2])[...] = cut(region.blank, shared, region.box_xyxy[:2])
        image[hole] = 0
        here = np.linalg.inv(_moved(part))
        return Reference(
            index=index, image=image, hole=hole, planes=np.stack([here @ plane for plane in planes]), needed=needed
        )

    def _frame(self, index: int, parity: int | None) -> tuple[Frame, tuple[Region, ...]]:
        """A chosen frame, or its field, and its holes."""
        with self._lock:
            frame = self._frames.get(index)
            if frame is None:
                stored = self._folder.load(_frame_name(index))
                assert stored is not None  # fetched when the run began
                frame = unpack_frame(stored, index)
                self._frames[index] = frame
                while len(self._frames) > _HELD_FRAMES:
                    self._frames.popitem(last=False)
            hole: Hole = self._masks.labels(frame.pts) != 0
        native, line_px = frame.native, 1
        assert native is not None
        if parity is not None:
            native, hole, line_px = field_of(native, parity), hole[parity :: len(FIELDS)], len(FIELDS)
            frame = replace(frame, native=native)
        grow, feather = self._job.grow_px, self._job.feather_px
        return frame, regions_of(hole, native.layout, grow_px=grow, feather_px=feather, line_px=line_px)


def _frame_name(index: int) -> str:
    return f"reference-{index:08d}"


def _moved(box: Box) -> Plane:
    """Points of a crop to those of its frame."""
    return np.array([[1.0, 0, box[0]], [0, 1, box[1]], [0, 0, 1]])


def _in_field(plane: Plane, parity: int | None) -> Plane:
    """A plane between whole frames as one between their fields."""
    if parity is None:
        return plane
    whole = np.array([[1.0, 0, 0], [0, len(FIELDS), parity], [0, 0, 1]])
    found = np.linalg.inv(whole) @ plane @ whole
    return np.asarray(found / found[2, 2])
