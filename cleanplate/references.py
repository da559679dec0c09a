"""Frames from far away for the engine: the survey pass over a video, the frames it chooses, and each piece's share.

    references = make_references(job, reader, masks, grid, folder, clock)   # None: they cannot help here
    references.of_field(None)(window, owed, box)    # for one piece and one crop, holes blanked

Beside frames that show what holes hide there are painted ones: by a person, or by `inventing`. What the survey found
and all these frames lie in the job folder: a job that goes on goes by the same.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from cleanplate.base.arrays import cut, grow_box, shared_box, union_box
from cleanplate.base.fields import FIELDS
from cleanplate.base.plan import Grid
from cleanplate.base.report import StageClock, Watch
from cleanplate.base.settings import Job
from cleanplate.base.types import Box, Hole, Image, Reference
from cleanplate.decode.reader import VideoReader
from cleanplate.fetched import FrameShelf, fetch, shown_together
from cleanplate.journal.folder import JobFolder
from cleanplate.journal.surveys import (
    pack_survey,
    unpack_survey,
)
from cleanplate.mask.stored import StoredMasks
from cleanplate.motion.coverage import choose
from cleanplate.motion.register import Plane, through
from cleanplate.motion.survey import ShotSurvey, Survey
from cleanplate.paint.engine import engine_options, engine_spec
from cleanplate.paint.inventor import inventor_of
from cleanplate.painted import read_painted
from cleanplate.pieces import Held
from cleanplate.surveying import is_worth_it, survey_video

_SURVEY = "survey"
_WORTH_IT = 0.02
"of a frame's cells: a reference that reveals less of what is left is not looked at for that frame"
_CONTEXT_PX = 16
"around what a crop shows, for guesses are good to a few px"
_NEARER = 3
"times as far as the camera's path says may what lies in front have travelled"
_BEYOND_FRAMES = 12
"of those owed: an engine may paint some more, to compare with"


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

    Videos that a piece sees whole, or whose holes a glance shows to gain nothing, are not surveyed; those for which
    something is painted are.
    """
    if not engine_spec(job.engine).references:
        return None
    is_painted = bool(job.references) or (invents(job) and masks.frame_count > grid.core)
    if not is_painted and masks.frame_count <= grid.core + grid.margin:
        return None
    with clock.time("survey"):
        if not is_painted and not is_worth_it(reader, masks, grid.margin, job.grow_px):
            return None
        stored = folder.load(_SURVEY)
        survey = unpack_survey(stored) if stored is not None else None
        if survey is None:
            survey = survey_video(reader, masks, grid.margin, job.grow_px, watch)
            folder.store(_SURVEY, pack_survey(survey))
        fetch(survey, reader, masks, folder, job.grow_px)
    references = References(survey, job, masks, folder)
    for index, (image, hole) in read_painted(job, reader).items():
        references.add_painted(index, image, hole, is_trusted=job.trust_references)
    is_any = any(shot.coverage.references for shot in survey.shots)
    return references if is_any or is_painted else None


def invents(job: Job) -> bool:
    """Whether what no frame shows is to be painted with texture, which pieces have to agree about."""
    return inventor_of(engine_options(job.engine, job.options)).has_texture


class References:
    """The frames chosen, and what of them a piece is shown. Several threads may ask at a time."""

    def __init__(self, survey: Survey, job: Job, masks: StoredMasks, folder: JobFolder) -> None:
        self.survey = survey
        self._shelf = FrameShelf(folder, masks, job.grow_px, job.feather_px)
        self._most = engine_spec(job.engine).references
        self._painted: dict[int, bool] = {}
        "painted frames, and whether each is right"

    @property
    def painted(self) -> tuple[int, ...]:
        """Indices of the frames that are painted."""
        return tuple(self._painted)

    def add_painted(self, index: int, image: Image, hole: Hole, *, is_trusted: bool = False) -> None:
        """From now on pieces are shown this picture (H, W, 3) of a frame; only `hole` (H, W) of it is not painted."""
        self._shelf.add_picture(index, image, hole)
        self._painted[index] = is_trusted

    def take_painted(self, index: int) -> bool:
        """The same with one that a run before this one has painted; whether there is one."""
        if not self._shelf.has_picture(index):
            return False
        self._painted[index] = False
        return True

    def of_field(self, parity: int | None) -> Callable[[Sequence[Held], tuple[int, int], Box], tuple[Reference, ...]]:
        """What `pieces.paint_piece` asks for: of whole frames, or of the fields of one parity."""
        return lambda window, owed, box: self._of(window, owed, box, parity)

    def _of(self, window: Sequence[Held], owed: tuple[int, int], box: Box, parity: int | None) -> tuple[Reference, ...]:
        """References for the owed frames of a window of one shot, cropped to what the crop `box` may need of them."""
        indices = [held.frame.index for held in window]
        shot = self.survey.shot_of(indices[owed[0]])
        if shot is None:
            return ()
        near = range(max(owed[0] - _BEYOND_FRAMES, 0), min(owed[1] + _BEYOND_FRAMES, len(window)))
        asked = [n for n in near if window[n].regions and shot.start <= indices[n] < shot.stop]
        return (*self._far(shot, window, asked, box, parity), *self._painted_for(shot, window, asked, box, parity))

    def _far(
        self, shot: ShotSurvey, window: Sequence[Held], asked: Sequence[int], box: Box, parity: int | None
    ) -> Iterator[Reference]:
        """What frames from far away show of the `asked` frames of a window."""
        indices = [held.frame.index for held in window]
        chosen = self._chosen(shot, [indices[n] for n in asked])
        needed = np.zeros((len(chosen), len(window)), np.bool_)
        for n in asked:
            cells = shot.coverage.revealed[chosen][:, shot.coverage.of_frame(indices[n])]
            left = np.ones(cells.shape[1], np.bool_)
            for m, row in enumerate(cells):
                needed[m, n] = (row & left).sum() > _WORTH_IT * len(left)
                left &= ~row
        shown = 0
        for number, which in zip(chosen, needed, strict=True):
            together = shown_together(shot, shot.coverage.references[number]) if which.any() else ()
            if shown and shown + len(together) > self._most:
                break
            shown += len(together)
            for index in together:
                there = self._shelf.frame(index, parity)
                native = there.frame.native
                assert native is not None
                planes = _planes(shot, index, indices, box, parity)
                part = _part(planes[which], box, native.width_px, native.height_px)
                if part is not None:
                    hole = np.zeros((part[3] - part[1], part[2] - part[0]), np.bool_)
                    for region in there.regions:
                        if (shared := shared_box(region.box_xyxy, part)) is not None:
                            cut(hole, shared, part[:2])[...] = cut(region.blank, shared, region.box_xyxy[:2])
                    found = _reference(index, np.array(there.frame.crop(part)), hole, planes, which, part)
                    yield found if there.front is None else replace(found, front=cut(there.front, part))

    def _painted_for(
        self, shot: ShotSurvey, window: Sequence[Held], asked: Sequence[int], box: Box, parity: int | None
    ) -> Iterator[Reference]:
        """Painted frames of the shot for the `asked` frames of a window, for each those that lie nearest in time."""
        indices = [held.frame.index for held in window]
        there = [index for index in self._painted if shot.start <= index < shot.stop]
        for index in sorted(there, key=lambda index: min(abs(index - indices[n]) for n in asked))[: self._most]:
            planes = _planes(shot, index, indices, box, parity)
            which = np.zeros(len(window), np.bool_)
            which[list(asked)] = True
            image, hole = self._shelf.picture(index, parity)
            is_own = np.array(indices) == index
            part = _part(planes[which | is_own], box, hole.shape[1], hole.shape[0])
            if part is not None:
                image, hole = np.array(cut(image, part)), np.array(cut(hole, part))
                found = _reference(index, image, hole, planes, which, part)
                yield replace(found, is_painted=True, is_trusted=self._painted[index])

    def _chosen(self, shot: ShotSurvey, indices: Sequence[int]) -> list[int]:
        """Positions of the shot's references that tell most of those frames' holes."""
        coverage = shot.coverage
        cells = np.zeros(len(coverage.frame), np.bool_)
        for index in indices:
            cells |= coverage.of_frame(index)
        frames = np.array(coverage.references)
        return choose(coverage.revealed[:, cells], frames, coverage.frame[cells], self._most)


def _planes(shot: ShotSurvey, index: int, indices: Sequence[int], box: Box, parity: int | None) -> NDArray[np.float64]:
    """What takes points of a crop in each of the frames `indices` to the frame `index`: (N, 3, 3)."""
    return np.stack([_in_field(shot.motion(other, index), parity) @ _moved(box) for other in indices])


def _part(planes: NDArray[np.float64], box: Box, width: int, height: int) -> Box | None:
    """The part of a frame that a crop may need, for the frames that the planes (N, 3, 3) are of."""
    x0, y0, x1, y1 = box
    corners = np.array([[0, 0], [x1 - x0 - 1, 0], [0, y1 - y0 - 1], [x1 - x0 - 1, y1 - y0 - 1]], np.float64)
    boxes = []
    for plane in planes:
        there = through(plane, corners)
        nearer = there + (_NEARER - 1) * (there - corners - box[:2])  # what lies in front has travelled farther
        low, high = np.floor(np.minimum(there, nearer).min(0)), np.ceil(np.maximum(there, nearer).max(0)) + 1
        boxes.append((int(low[0]), int(low[1]), int(high[0]), int(high[1])))
    around = union_box(boxes)
    part = None if around is None else shared_box(around, (0, 0, width, height))
    return None if part is None else grow_box(part, _CONTEXT_PX, width, height)


def _reference(
    index: int, image: Image, hole: Hole, planes: NDArray[np.float64], needed: NDArray[np.bool_], part: Box
) -> Reference:
    """The part of a frame, as it is shown to a piece."""
    image[hole] = 0
    here = np.linalg.inv(_moved(part))
    return Reference(index=index, image=image, hole=hole, planes=here @ planes, needed=needed)


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
