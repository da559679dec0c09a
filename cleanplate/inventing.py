"""Anchors for a whole video: what no frame shows is painted on a few frames, before the pieces, and shown to all.

Each piece by itself would invent a picture of its own. So where the survey says that something is never seen, frames
that lack most of it are painted first, each with the ones before it as references, and kept in the job folder. Pieces
carry them over as they do with frames that a person painted: along the camera's path; and where that does not hold,
along the motion, and then what is painted are the frames at the joints, so that the pieces on both sides agree there.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from cleanplate.base.arrays import cut
from cleanplate.base.fields import is_interlaced
from cleanplate.base.plan import Grid
from cleanplate.base.report import Progress, StageClock, Watch
from cleanplate.base.settings import Job
from cleanplate.base.types import Frame, Labels
from cleanplate.decode.reader import VideoReader
from cleanplate.mask.stored import StoredMasks
from cleanplate.motion.cuts import bright
from cleanplate.motion.keys import key_frames
from cleanplate.motion.register import register
from cleanplate.motion.small import SmallView, view_flow
from cleanplate.motion.survey import ShotSurvey
from cleanplate.paint.engine import engine_spec, make_engine
from cleanplate.pieces import hold, paint_piece
from cleanplate.references import References, invents

_WELL_AGREED = 0.9
"of the points of two small pictures that must follow the camera's path, for what is painted in one to fit the other"


def invent_anchors(
    job: Job,
    reader: VideoReader,
    masks: StoredMasks,
    grid: Grid,
    references: References,
    clock: StageClock,
    watch: Watch | None = None,
) -> None:
    """Paint the anchors of all shots that are longer than a piece, and add them to the references.

    Fields of interlaced video are left to their pieces: the two halves of a frame are worked on apart.
    """
    if not invents(job) or is_interlaced(reader.info):
        return
    with clock.time("invent"):
        painter = _Painter(job=job, reader=reader, masks=masks, grid=grid, references=references, clock=clock)
        shots = references.survey.shots
        for done, shot in enumerate(shots):
            if watch is not None:
                watch(Progress(stage="invent", done=done, total=len(shots)))
            if shot.stop - shot.start > grid.core:
                painter.paint(shot)


@dataclass(kw_only=True)
class _Painter:
    """Paints frames of one video before its pieces."""

    job: Job
    reader: VideoReader
    masks: StoredMasks
    grid: Grid
    references: References
    clock: StageClock

    def __post_init__(self) -> None:
        self._times = [pts for pts, _ in self.reader.timestamps()]
        self._dis = view_flow()

    def paint(self, shot: ShotSurvey) -> None:
        """The anchors of a shot."""
        info = self.reader.info
        keys = key_frames(shot, info.width_px, info.height_px, self.references.painted)
        if not keys:
            return
        joints = range(shot.start + self.grid.core + self.grid.joint // 2, shot.stop, self.grid.core)
        is_brought_together = all(self._fits(shot, keys[0], joint) for joint in joints)
        done: list[int] = []
        for index in keys if is_brought_together else joints:
            if index >= len(self._times) or not self._is_asked(index):
                continue
            if self.references.take_painted(index) or self._paint(shot, index, done):
                done.append(index)

    def _is_asked(self, index: int) -> bool:
        pts = self._times[index]
        within = self.job.within
        return not self.masks.is_empty(pts) and (within is None or self.masks.seconds(pts) in within)

    def _fits(self, shot: ShotSurvey, index: int, other: int) -> bool:
        """Whether the camera's path brings two frames of a shot together."""
        info = self.reader.info
        view = SmallView(info.width_px, info.height_px)
        wanted = {n: self._times[n] for n in (index, other)}
        looks = [
            view.look(bright(frame.native), info.bit_depth, self.masks.labels(frame.pts) != 0)
            for frame in self.reader.frames_at(wanted)
            if frame.native is not None
        ]
        if len(looks) < len(wanted):
            return False
        one, two = sorted(wanted)
        guess = view.at_small_size(shot.motion(one, two))
        return register(self._dis, *looks[0], *looks[1], guess).agreed >= _WELL_AGREED

    def _paint(self, shot: ShotSurvey, index: int, done: list[int]) -> bool:
        """One frame as its piece would paint it, from the frames around it in its shot; whether that could be done.

        What it sees reaches as far as the nearest anchor that a piece may see together with it.
        """
        margin = self.grid.margin
        near = min((abs(index - other) for other in done), default=0)
        back = forth = margin
        if margin < near <= self.grid.core:
            is_later = index - near in done
            back, forth = (near, margin) if is_later else (margin, near)
        first, stop = max(index - back, shot.start), min(index + forth + 1, shot.stop, len(self._times))
        job, masks = self.job, self.masks

        def labelled() -> Iterator[tuple[Frame, Labels]]:
            for frame in self.reader.frames_at({n: self._times[n] for n in range(first, stop)}):
                yield frame, masks.labels(frame.pts)

        window = tuple(hold(labelled(), grow_px=job.grow_px, feather_px=job.feather_px, clock=self.clock))
        at = next((n for n, held in enumerate(window) if held.frame.index == index and held.regions), None)
        if at is None:
            return False
        options = {**job.options, "grain": "no", "steady": 0.0}  # each frame gets those by itself
        engine = make_engine(job.engine, options, job.device)
        far, multiple_px = self.references.of_field(None), engine_spec(job.engine).multiple_px
        (paints,) = paint_piece(window, (at, at + 1), engine, multiple_px=multiple_px, far=far)
        image = np.array(window[at].frame.image)
        for region, paint in zip(window[at].regions, paints, strict=True):
            cut(image, region.box_xyxy)[region.blank] = paint.image[region.blank]
        self.references.add_painted(index, image, np.zeros(image.shape[:2], np.bool_))
        return True
