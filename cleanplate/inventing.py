"""Anchors for a whole video: what no frame shows is painted on a few frames, before the pieces, and shown to all.

Each piece by itself would invent a picture of its own. So where the survey says that something is never seen, frames
that lack most of it are painted first, one after the other, each with the ones before it as references, and kept in
the job folder. Pieces carry them over as they do with frames that a person painted.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from cleanplate.base.arrays import cut
from cleanplate.base.fields import is_interlaced
from cleanplate.base.plan import Grid
from cleanplate.base.report import Progress, StageClock, Watch
from cleanplate.base.settings import Job
from cleanplate.base.types import Frame, Labels
from cleanplate.decode.reader import VideoReader
from cleanplate.mask.stored import StoredMasks
from cleanplate.motion.keys import key_frames
from cleanplate.paint.engine import engine_spec, make_engine
from cleanplate.pieces import hold, paint_piece
from cleanplate.references import References, invents


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
        times = [pts for pts, _ in reader.timestamps()]
        chosen = [
            index
            for shot in references.survey.shots
            if shot.stop - shot.start > grid.core
            for index in key_frames(shot, reader.info.width_px, reader.info.height_px, references.painted)
            if index < len(times) and (job.within is None or masks.seconds(times[index]) in job.within)
        ]
        for done, index in enumerate(chosen):
            if watch is not None:
                watch(Progress(stage="invent", done=done, total=len(chosen)))
            if not references.take_painted(index):
                _paint(index, times, job, reader, masks, grid, references, clock)


def _paint(
    index: int,
    times: list[int],
    job: Job,
    reader: VideoReader,
    masks: StoredMasks,
    grid: Grid,
    references: References,
    clock: StageClock,
) -> None:
    """One frame as its piece would paint it, from the frames around it in its shot."""
    shot = references.survey.shot_of(index)
    assert shot is not None
    first, stop = max(index - grid.margin, shot.start), min(index + grid.margin + 1, shot.stop, len(times))

    def labelled() -> Iterator[tuple[Frame, Labels]]:
        for frame in reader.frames_at({n: times[n] for n in range(first, stop)}):
            yield frame, masks.labels(frame.pts)

    window = tuple(hold(labelled(), grow_px=job.grow_px, feather_px=job.feather_px, clock=clock))
    at = next((n for n, held in enumerate(window) if held.frame.index == index and held.regions), None)
    if at is None:
        return
    engine = make_engine(job.engine, {**job.options, "grain": False}, job.device)  # each frame gets its own
    far = references.of_field(None)
    (paints,) = paint_piece(
        window, (at, at + 1), engine, multiple_px=engine_spec(job.engine).multiple_px, far=far
    )  # fmt: skip
    image = np.array(window[at].frame.image)
    for region, paint in zip(window[at].regions, paints, strict=True):
        cut(image, region.box_xyxy)[region.blank] = paint.image[region.blank]
    references.add_painted(index, image, np.zeros(image.shape[:2], np.bool_))
