"""What a run will take, told before it starts: the grid of pieces, their number, memory, disk and time."""

from __future__ import annotations

import os
from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import groupby, pairwise
from math import ceil
from typing import Any

import numpy as np

from cleanplate.base.arrays import box_area, grow_box
from cleanplate.base.errors import UsageError
from cleanplate.base.pixels import PIXEL_FORMATS
from cleanplate.base.plan import Forecast, plan_grid
from cleanplate.base.settings import MEMORY_DEFAULT_BYTES, Job
from cleanplate.base.types import Box, VideoInfo
from cleanplate.base.when import Span
from cleanplate.crops import is_kept, largest_crop_px
from cleanplate.mask.stored import StoredMasks
from cleanplate.motion.coverage import most_references
from cleanplate.paint.engine import EngineSpec, engine_options, engine_spec
from cleanplate.paint.inventor import inventor_of
from cleanplate.paint.presets import PRESETS
from cleanplate.save.options import LARGE_PX

_CHROMA_PX = 2
"what a hole grows by at most when it is rounded to whole chroma samples and their neighbours"


_FRAMES_IN_CODECS = {
    "libx264": (132, 60),
    "libx265": (150, 54),
    "libsvtav1": (300, 300),
    "libvpx-vp9": (120, 120),
    "libvpx": (52, 52),
}
"frames' worth of memory in decoder and encoder, at peak; and for large pictures, where save shortens the look-ahead"
_FRAMES_IN_OTHER_CODECS = (40, 40)

# Core-seconds a megapixel of picture, measured on 1080p H.264 with a 2-core x86 machine of 2024.
_DECODE = 0.0056
_LOOK_AND_PROVE = 0.0035
"masks, shot cuts, paste, proof, copying"
_SURVEY = 1300.0
"millionths of a core-second a frame, whatever its size, beside decoding it"
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
_LARGE_MEMORY_BYTES = 3 * 1024**3
"the ceiling for large pictures where none is asked for"
_REGION_BYTES_PER_PX = 5
"of a frame's holes: what is blank, what may change, and the weights of paint"


def forecast(job: Job, info: VideoInfo, masks: StoredMasks, encoder: str) -> Forecast:
    """The forecast for a job on that video, from facts that are known before decoding.

    `encoder`: FFmpeg's name of the one that is going to write the output. Raises `MaskError` where no hole lies in the
    time to work in, `UsageError` where even the shortest pieces would take more memory than was asked for.
    """
    stretches = _stretches(info, masks, job.within)
    if not any(stretch.has_holes for stretch in stretches):
        raise masks.no_hole_in(job.within, info.rate)
    spec = _as_asked(engine_spec(job.engine), job)
    form = PIXEL_FORMATS[info.pixel_format]
    sample_bytes = np.dtype(form.dtype).itemsize
    samples = info.width_px * info.height_px
    chroma = 2 / (form.step_x * form.step_y) if form.model == "yuv" else 2 if form.model == "rgb" else 0
    frame_bytes = int(samples * sample_bytes * (1 + chroma))
    crop_px = _largest_crop_px(info, stretches, spec, job.grow_px)
    is_large = samples > LARGE_PX
    options = engine_options(job.engine, job.options)
    inventor = inventor_of(options)
    window_bytes = spec.window_bytes(crop_px) + inventor.window_bytes(crop_px)
    # What a network takes whatever the piece's length comes on top of the default, else it would leave no frames.
    ceiling_bytes = job.memory_bytes or (_LARGE_MEMORY_BYTES if is_large else MEMORY_DEFAULT_BYTES) + window_bytes
    grid = plan_grid(
        core_frames=spec.core_frames,
        margin_frames=spec.margin_frames,
        crop_px=crop_px,
        crop_bytes_per_px=spec.clip_bytes_per_px(crop_px, info.height_px, sample_bytes),
        window_bytes=window_bytes,
        frame_bytes=frame_bytes,
        frames_in_codecs=_FRAMES_IN_CODECS.get(encoder, _FRAMES_IN_OTHER_CODECS)[is_large],
        region_bytes=_REGION_BYTES_PER_PX * max(_hole_box_px(stretch) for stretch in stretches)
        + (3 * sample_bytes * crop_px if is_kept(crop_px, samples) else 0),
        budget_bytes=ceiling_bytes,
        workers=job.workers,
        references=spec.references * (2 if inventor.has_texture or job.references else 1),  # as many that were painted
    )
    if grid.memory_bytes > ceiling_bytes:
        if job.memory_bytes is not None:
            raise UsageError(
                f"--memory is {ceiling_bytes / 1024**2:.0f} MiB, but pictures of {info.width_px}x{info.height_px} with "
                f"holes of this size need about {grid.memory_bytes / 1024**2:.0f} MiB, painted in the shortest pieces; "
                f"give --memory {ceil(10 * grid.memory_bytes / 1024**3) / 10:.1f}G or more"
            )
        ceiling_bytes = grid.memory_bytes
    runs = list(_holed_runs(stretches))
    sources = info.image_paths or (info.path,)
    painted = _hole_samples(info, stretches, job.grow_px) * (3 * sample_bytes + 1)
    kept = painted * (grid.core + grid.joint) // grid.core
    work = masks.frame_count * samples * (_DECODE + _LOOK_AND_PROVE + _encode_cost(encoder, job.encode.preset))
    has_anchors = inventor.has_texture and masks.frame_count > grid.core
    is_seen_whole = masks.frame_count <= grid.core + grid.margin or len(masks.spans) == 1
    if job.references or has_anchors or (spec.references > 0 and not is_seen_whole):
        work += masks.frame_count * (samples * _DECODE + _SURVEY)
        kept += most_references(masks.frame_count) * frame_bytes
    anchors = masks.frame_count // grid.core + most_references(masks.frame_count) if has_anchors else 0
    kept += (len(job.references) + anchors) * samples * 3 * sample_bytes
    pieces = sum(-(-frames // grid.core) for frames in runs)
    painted_frames = sum(runs) + (pieces - len(runs)) * grid.joint
    each = spec.work_px(crop_px) * spec.core_seconds_per_mpx + 1e6 * spec.core_seconds_a_frame
    work += painted_frames * each * inventor.paint_times * _quality_times(options)
    work += 1e6 * (anchors or 1) * inventor.anchor_seconds(crop_px)
    return Forecast(
        grid=grid,
        frames=masks.frame_count,
        holed_frames=sum(runs),
        pieces=pieces,
        memory_bytes=grid.memory_bytes,
        ceiling_bytes=ceiling_bytes,
        seconds=round(_START_S + work / 1e6 / len(os.sched_getaffinity(0)), 1),
        disk_bytes=kept + sum(path.stat().st_size for path in sources),
    )


def _as_asked(spec: EngineSpec, job: Job) -> EngineSpec:
    """The engine's row, with the size of crops that the job asks for."""
    largest_mpx = job.options.get("largest_mpx")
    if spec.most_work_px is None or largest_mpx is None:
        return spec
    return replace(spec, most_work_px=round(float(largest_mpx) * 1e6))


def _quality_times(options: Any) -> float:
    """The price of the quality asked for, that of the default being 1; for engines without qualities too."""
    return PRESETS[options.quality].paint_times if hasattr(options, "quality") else 1.0


def _encode_cost(encoder: str, preset: str | None) -> float:
    """Core-seconds a megapixel."""
    if encoder == "ffv1":
        return _ENCODE * _FFV1_TIMES
    times = _PRESET_TIMES.get(preset or "medium", 1.0)
    return _ENCODE * times * (_X265_TIMES if encoder == "libx265" else 1)


@dataclass(frozen=True, kw_only=True)
class _Stretch:
    """Frames with the same labels, as far as they are to be worked on."""

    start: int
    "its first frame"
    frames: int
    boxes_xyxy: tuple[Box, ...]
    hole_px: int

    @property
    def has_holes(self) -> bool:
        return self.hole_px > 0


def _stretches(info: VideoInfo, masks: StoredMasks, within: Span | None) -> list[_Stretch]:
    """The stored masks' spans, those outside `within` without their holes, cut where it begins and ends.

    Where in a span a frame lies is worked out from the average rate.
    """
    found: list[_Stretch] = []
    starts = list(zip([*(span.index for span in masks.spans), masks.frame_count], masks.bounds(info.rate), strict=True))
    for span, (first, begin), (stop, end) in zip(masks.spans, starts, starts[1:], strict=False):
        cuts = [first, stop]
        if within is not None and end > begin:
            edges = [edge for edge in (within.start, within.stop) if edge is not None and begin < edge < end]
            cuts[1:1] = [first + ceil((stop - first) * (edge - begin) / (end - begin)) for edge in edges]
        for start, after in pairwise(cuts):
            time = begin + (end - begin) * Fraction(start - first, stop - first)
            is_asked = within is None or time in within
            if after > start:
                found.append(
                    _Stretch(
                        start=start,
                        frames=after - start,
                        boxes_xyxy=span.boxes_xyxy if is_asked else (),
                        hole_px=span.hole_px if is_asked else 0,
                    )
                )
    return found


def _largest_crop_px(info: VideoInfo, stretches: Sequence[_Stretch], spec: EngineSpec, grow_px: int) -> int:
    """Samples of the largest crop that the holes of one piece can call for, wherever the piece begins."""
    starts = [stretch.start for stretch in stretches]
    largest = 0
    for first in range(0, stretches[-1].start + stretches[-1].frames, spec.core_frames):
        # Two cores' worth: a piece that begins anywhere in this stretch ends inside it.
        stop = bisect_left(starts, first + 2 * spec.core_frames)
        boxes = {box for stretch in stretches[bisect_right(starts, first) - 1 : stop] for box in stretch.boxes_xyxy}
        largest = max(largest, largest_crop_px(boxes, grow_px, info.width_px, info.height_px, spec.filled_px))
    return largest


def _hole_box_px(stretch: _Stretch) -> int:
    return sum(map(box_area, stretch.boxes_xyxy))


def _holed_runs(stretches: Sequence[_Stretch]) -> Iterator[int]:
    """Lengths of the runs of frames with holes."""
    for has_holes, run in groupby(stretches, key=lambda stretch: stretch.has_holes):
        if has_holes:
            yield sum(stretch.frames for stretch in run)


def _hole_samples(info: VideoInfo, stretches: Sequence[_Stretch], grow_px: int) -> int:
    """Picture positions to be painted, over all frames: holes grown as far as their boxes are."""
    total = 0
    for stretch in stretches:
        boxes = stretch.boxes_xyxy
        grown = (grow_box(box, grow_px + _CHROMA_PX, info.width_px, info.height_px) for box in boxes)
        border = sum(map(box_area, grown)) - sum(map(box_area, boxes))
        total += stretch.frames * (stretch.hole_px + border)
    return total
