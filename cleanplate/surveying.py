"""The survey pass: the whole video decoded once and looked at small, where a glance says that this may pay."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing

from cleanplate.base.report import Progress, Watch
from cleanplate.base.threads import Sink, prefetch
from cleanplate.base.types import Frame, Hole
from cleanplate.decode.reader import VideoReader
from cleanplate.mask.stored import StoredMasks
from cleanplate.motion.cuts import CutFinder, bright, thumbnail
from cleanplate.motion.glance import needs_survey
from cleanplate.motion.survey import Survey, Surveyor

_QUEUE_FRAMES = 2
"decoded ahead"
_QUEUE_PLACED = 16
"small pictures, some 20 KB each, whose place on the camera's path is still to be found"
_GLIMPSES = 3
_GLIMPSE_FRAMES = 2
"between the two frames of a glimpse"


def is_worth_it(reader: VideoReader, masks: StoredMasks, near_frames: int, grow_px: int) -> bool:
    """Whether a survey may find anything that an engine does not see by itself. Decodes a few frames at most."""
    info = reader.info
    if len(masks.spans) > 1 or not info.rate:
        return True
    begin = masks.spans[0].pts
    each = masks.frame_count / info.rate / info.time_base / _GLIMPSES
    found = reader.glimpses([int(begin + (n + 0.5) * each) for n in range(_GLIMPSES)], _GLIMPSE_FRAMES)
    return needs_survey(
        ((bright(first), bright(second)) for first, second in found),
        _GLIMPSE_FRAMES,
        info.bit_depth,
        masks.labels(begin) != 0,
        near_frames=near_frames,
        grow_px=grow_px,
    )


def survey_video(
    reader: VideoReader, masks: StoredMasks, near_frames: int, grow_px: int, watch: Watch | None = None
) -> Survey:
    """Decode the whole video once, and look at it small. What the holes hide is not looked at.

    One thread decodes and reads the masks, one finds cuts and makes frames small, one finds the camera's path.
    """
    info = reader.info
    surveyor = Surveyor(info.width_px, info.height_px, near_frames=near_frames, grow_px=grow_px)
    cuts = CutFinder()
    count = 0
    with (
        Sink(surveyor.place, _QUEUE_PLACED, "path") as path,
        closing(prefetch(_with_holes(reader, masks), _QUEUE_FRAMES, "survey")) as frames,
    ):
        for frame, hole in frames:
            native = frame.native
            assert native is not None
            luma, bit_depth = bright(native), native.layout.bit_depth
            starts_shot = cuts.push(thumbnail(luma, bit_depth, hole))
            if surveyor.wants(frame.index, starts_shot):
                path.put(surveyor.look(frame.index, starts_shot, luma, bit_depth, hole))
            count = frame.index + 1
            if watch is not None:
                watch(Progress(stage="survey", done=count, total=masks.frame_count))
    return surveyor.finish(count)


def _with_holes(reader: VideoReader, masks: StoredMasks) -> Iterator[tuple[Frame, Hole | None]]:
    for frame in reader:
        yield frame, None if masks.is_empty(frame.pts) else masks.labels(frame.pts) != 0
