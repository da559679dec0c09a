"""What a run will take, told before it starts: the grid of pieces, their number, memory, disk and time."""

from __future__ import annotations

import os
from bisect import bisect_left, bisect_right
from collections.abc import Iterator

import numpy as np

from cleanplate.base.arrays import box_area, grow_box
from cleanplate.base.pixels import PIXEL_FORMATS
from cleanplate.base.plan import Forecast, plan_grid
from cleanplate.base.settings import Job
from cleanplate.base.types import VideoInfo
from cleanplate.crops import largest_crop_px
from cleanplate.mask.stored import StoredMasks
from cleanplate.paint.engine import EngineSpec, engine_spec
from cleanplate.save.encode import LARGE_PX

_CHROMA_PX = 2
"what a hole grows by at most when it is rounded to whole chroma samples and their neighbours"


_FRAMES_IN_CODECS = {"libx264": (132, 72), "libx265": (150, 108)}
"frames' worth of memory in decoder and encoder, at peak; and for large pictures, where save shortens the look-ahead"
_FRAMES_IN_OTHER_CODECS = (40, 40)

# Core-seconds a megapixel of picture, measured on 1080p H.264 with a 2-core x86 machine of 2024.
_DECODE = 0.0056
_LOOK_AND_PROVE = 0.0035
"masks, shot cuts, paste, proof, copying"
_ENCODE = 0.0145
"x264's veryfast"
_PRESET_TIMES = {
    "ultrafast": 0.5,
    "superfast": 0.8,
    "veryfast": 1.0,
    "faster": 1.6,
    "fast": 2.0,
    "medium": 2.4,
    "slow": 4.0,
    "slower": 7.0,
    "veryslow": 12.0,
    "placebo": 25.0,
}
_X265_TIMES = 3.0
_FFV1_TIMES = 2.0
_START_S = 2.0


def forecast(job: Job, info: VideoInfo, masks: StoredMasks, encoder: str) -> Forecast:
    """The forecast for a job on that video, from facts that are known before decoding.

    `encoder`: FFmpeg's name of the one that is going to write the output.
    """
    spec = engine_spec(job.engine)
    form = PIXEL_FORMATS[info.pixel_format]
    sample_bytes = np.dtype(form.dtype).itemsize
    samples = info.width_px * info.height_px
    chroma = 2 / (form.step_x * form.step_y) if form.model == "yuv" else 2 if form.model == "rgb" else 0
    crop_px = _largest_crop_px(info, masks, spec, job.grow_px)
    grid = plan_grid(
        core_frames=spec.core_frames,
        margin_frames=spec.margin_frames,
        crop_px=crop_px,
        crop_bytes_per_px=3 * sample_bytes + 1 + spec.bytes_per_px,
        frame_bytes=int(samples * sample_bytes * (1 + chroma)),
        frames_in_codecs=_FRAMES_IN_CODECS.get(encoder, _FRAMES_IN_OTHER_CODECS)[samples > LARGE_PX],
        budget_bytes=job.memory_bytes,
        workers=job.workers,
    )
    runs = list(_holed_runs(masks))
    sources = info.image_paths or (info.path,)
    painted = _hole_samples(info, masks, job.grow_px) * (3 * sample_bytes + 1)
    work = masks.frame_count * samples * (_DECODE + _LOOK_AND_PROVE + _encode_cost(encoder, job.encode.preset))
    work += sum(runs) * (grid.core + grid.joint) / grid.core * crop_px * spec.core_seconds_per_mpx
    return Forecast(
        grid=grid,
        frames=masks.frame_count,
        holed_frames=sum(runs),
        pieces=sum(-(-frames // grid.core) for frames in runs),
        memory_bytes=grid.memory_bytes,
        seconds=round(_START_S + work / 1e6 / len(os.sched_getaffinity(0)), 1),
        disk_bytes=painted * (grid.core + grid.joint) // grid.core + sum(path.stat().st_size for path in sources),
    )


def _encode_cost(encoder: str, preset: str | None) -> float:
    """Core-seconds a megapixel."""
    if encoder == "ffv1":
        return _ENCODE * _FFV1_TIMES
    times = _PRESET_TIMES.get(preset or "medium", 1.0)
    return _ENCODE * times * (_X265_TIMES if encoder == "libx265" else 1)


def _largest_crop_px(info: VideoInfo, masks: StoredMasks, spec: EngineSpec, grow_px: int) -> int:
    """Samples of the largest crop that the holes of one piece can call for, wherever the piece begins."""
    spans = masks.spans
    starts = [span.index for span in spans]
    largest = 0
    for first in range(0, masks.frame_count, spec.core_frames):
        # Two cores' worth: a piece that begins anywhere in this stretch ends inside it.
        stop = bisect_left(starts, first + 2 * spec.core_frames)
        boxes = {box for span in spans[bisect_right(starts, first) - 1 : stop] for box in span.boxes_xyxy}
        largest = max(largest, largest_crop_px(boxes, grow_px, info.width_px, info.height_px))
    return largest


def _lengths(masks: StoredMasks) -> list[int]:
    """Frames of each span."""
    starts = [span.index for span in masks.spans]
    return [stop - start for start, stop in zip(starts, [*starts[1:], masks.frame_count], strict=True)]


def _holed_runs(masks: StoredMasks) -> Iterator[int]:
    """Lengths of the stretches of frames with holes."""
    run = 0
    for span, frames in zip(masks.spans, _lengths(masks), strict=True):
        if span.file is not None:
            run += frames
        elif run:
            yield run
            run = 0
    if run:
        yield run


def _hole_samples(info: VideoInfo, masks: StoredMasks, grow_px: int) -> int:
    """Picture positions to be painted, over all frames: holes grown as far as their boxes are."""
    total = 0
    for span, frames in zip(masks.spans, _lengths(masks), strict=True):
        grown = (grow_box(box, grow_px + _CHROMA_PX, info.width_px, info.height_px) for box in span.boxes_xyxy)
        border = sum(map(box_area, grown)) - sum(map(box_area, span.boxes_xyxy))
        total += frames * (span.hole_px + border)
    return total
