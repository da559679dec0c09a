"""All stages in one loop: decode -> mask -> motion -> paint -> paste -> save, and the proof.

    report = run(Job(video=Path("in.mp4"), masks=Path("masks"), output=Path("out.mp4")))

The masks were stored by the mask pass. Decoding and encoding run in threads of their own, with bounded queues between.
"""

from __future__ import annotations

import zlib
from bisect import bisect_left, bisect_right
from collections.abc import Iterator
from importlib.metadata import version

import numpy as np

from cleanplate.base.errors import MediaError, ProofError
from cleanplate.base.pixels import PIXEL_FORMATS
from cleanplate.base.plan import Grid, plan_grid
from cleanplate.base.proof import Untouched
from cleanplate.base.report import Progress, Report, StageClock, Watch, peak_memory_bytes, report_path
from cleanplate.base.settings import Job
from cleanplate.base.threads import Sink, prefetch
from cleanplate.base.types import Frame, Planes, VideoInfo
from cleanplate.decode.reader import VideoReader, open_video
from cleanplate.mask.stored import StoredMasks
from cleanplate.paint.engine import EngineSpec, engine_spec, make_engine
from cleanplate.paste import paste
from cleanplate.pieces import Held, Painted, hold, largest_crop_px, paint_frames
from cleanplate.save.writer import VideoWriter, check_output

_AHEAD_FRAMES = 8
"length of the decoder's queue, and of the encoder's"


def run(job: Job, watch: Watch | None = None) -> Report:
    """Fill the stored masks' holes of one video and write it, with a report beside it.

    Raises `UsageError` for what cannot be asked for, `MediaError` for a file that cannot be read or written, and
    `ProofError`, leaving a report and no video, if a sample outside the holes changed.
    """
    return _Run(job, watch).run()


def plan(info: VideoInfo, masks: StoredMasks, spec: EngineSpec, *, grow_px: int, budget_bytes: int) -> Grid:
    """The grid of pieces for a video and its stored masks, from facts that are known before decoding."""
    form = PIXEL_FORMATS[info.pixel_format]
    sample_bytes = np.dtype(form.dtype).itemsize
    samples = info.width_px * info.height_px
    chroma = 2 / (form.step_x * form.step_y) if form.model == "yuv" else 2 if form.model == "rgb" else 0
    return plan_grid(
        core_frames=spec.core_frames,
        margin_frames=spec.margin_frames,
        crop_px=_largest_crop_px(info, masks, spec, grow_px),
        crop_bytes_per_px=3 * sample_bytes + 1 + spec.bytes_per_px,
        frame_bytes=int(samples * sample_bytes * (1 + chroma)),
        budget_bytes=budget_bytes,
    )


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


class _Run:
    """One run's state: what it counts, and the generators that make up the loop."""

    def __init__(self, job: Job, watch: Watch | None) -> None:
        self.job = job
        self.watch = watch
        self.spec = engine_spec(job.engine)
        self.clock = StageClock()
        self.untouched = Untouched(grow_px=job.grow_px)
        self.frames = self.with_holes = self.hole_samples = self.seen = self.invented = self.shots = 0
        self.checksums: list[int] = []

    def run(self) -> Report:
        job = self.job
        with self.clock.time("total"):
            masks = StoredMasks(job.masks)
            with open_video(job.video, job.rate) as reader:
                info = reader.info
                check_output(job.output, info, job.encode)
                masks.check_size(info.width_px, info.height_px)
                grid = plan(info, masks, self.spec, grow_px=job.grow_px, budget_bytes=job.memory_bytes)
                with VideoWriter(job.output, info, job.encode) as writer:

                    def write(frame: Frame) -> None:
                        with self.clock.time("save"):
                            writer.write(frame)

                    with Sink(write, _AHEAD_FRAMES, "save") as sink:
                        for frame in self._finished(reader, masks, grid):
                            sink.put(frame)
                            self._show("fill", masks.frame_count)
                    if not self.frames:
                        raise MediaError(f"no frame of '{job.video}' can be decoded; check the file with a player")
                    if self.untouched.changed:
                        self._report(info, grid, writer, None).write(report_path(job.output))
                        raise ProofError(
                            f"a sample outside the hole was changed, so the result was not kept: "
                            f"{self.untouched.verdict} (see {report_path(job.output)})"
                        )
            verified = self._verify() if job.verify else None
        report = self._report(info, grid, writer, verified)
        report.write(report_path(job.output))
        return report

    def _show(self, stage: str, total: int | None) -> None:
        if self.watch is not None:
            self.watch(Progress(stage=stage, done=self.frames, total=total))

    def _finished(self, reader: VideoReader, masks: StoredMasks, grid: Grid) -> Iterator[Frame]:
        """Every frame of the video in order, its hole painted, pasted and proven."""
        job = self.job
        with self.clock.time("paint"):
            engine = make_engine(job.engine, job.options, job.device)
        frames = prefetch(self._decoded(reader), _AHEAD_FRAMES, "decode")
        held_frames = hold(
            ((frame, masks.labels(frame.pts)) for frame in frames),
            grow_px=job.grow_px,
            feather_px=job.feather_px,
            clock=self.clock,
        )
        painted_frames = paint_frames(held_frames, engine, grid, clock=self.clock, multiple_px=self.spec.multiple_px)
        for held, painted in painted_frames:
            self.shots += held.starts_shot or not self.frames
            yield self._pasted(held, painted, masks)

    def _decoded(self, reader: VideoReader) -> Iterator[Frame]:
        frames = iter(reader)
        while True:
            with self.clock.time("decode"):
                frame = next(frames, None)
            if frame is None:
                return
            yield frame

    def _pasted(self, held: Held, painted: Painted | None, masks: StoredMasks) -> Frame:
        frame = held.frame
        if held.region is not None and painted is not None:
            with self.clock.time("paste"):
                frame = paste(frame, held.region, painted.image)
            grown = held.region.grown
            self.with_holes += 1
            self.hole_samples += int(np.count_nonzero(grown))
            self.seen += int(np.count_nonzero(painted.origin[grown] == 1))
            self.invented += int(np.count_nonzero(painted.origin[grown] == 2))
        with self.clock.time("prove"):
            self.untouched.compare(frame.index, _native(held.frame), _native(frame), masks.labels(frame.pts))
            if self.job.verify:
                self.checksums.append(_checksum(_native(frame)))
        self.frames += 1
        return frame

    def _verify(self) -> str:
        """Decode the written file again. Raises `ProofError` where it does not hold what was sent to the encoder."""
        job = self.job
        found = 0
        with open_video(job.output, job.rate if job.output.is_dir() else None) as reader, self.clock.time("verify"):
            for frame in reader:
                found += 1
                if not job.encode.lossless or found > len(self.checksums):
                    continue
                if _checksum(_native(frame)) != self.checksums[frame.index]:
                    raise ProofError(
                        f"frame {frame.index} of '{job.output}' decodes to other samples than were encoded; "
                        "choose another --codec"
                    )
        if found != self.frames:
            raise ProofError(f"'{job.output}' holds {found} frames, but {self.frames} were encoded")
        return f"{found} frames decode" + (", all samples identical" if job.encode.lossless else "")

    def _report(self, info: VideoInfo, grid: Grid, writer: VideoWriter, verified: str | None) -> Report:
        job = self.job
        warnings = list(writer.warnings)
        if grid.memory_bytes > job.memory_bytes:
            warnings.append(
                f"the memory budget of {job.memory_bytes / 1024**2:.0f} MiB is too small for pictures of this size; "
                f"expect about {grid.memory_bytes / 1024**2:.0f} MiB"
            )
        return Report(
            job=job,
            version=version("cleanplate"),
            codec=writer.codec_name,
            frames=self.frames,
            frames_with_holes=self.with_holes,
            hole_samples=self.hole_samples,
            seen_share=self.seen / self.hole_samples if self.hole_samples else None,
            invented_share=self.invented / self.hole_samples if self.hole_samples else None,
            shots=self.shots,
            grid=grid,
            seconds=dict(self.clock.seconds),
            peak_memory_bytes=peak_memory_bytes(),
            untouched=self.untouched.verdict,
            untouched_samples=self.untouched.samples,
            changed_samples=self.untouched.where,
            verified=verified,
            assumptions=_assumptions(info),
            warnings=warnings,
        )


def _native(frame: Frame) -> Planes:
    assert frame.native is not None
    return frame.native


def _checksum(planes: Planes) -> int:
    """CRC-32 of all samples."""
    found = 0
    for array in planes.arrays:
        found = zlib.crc32(array.tobytes(), found)
    return found


def _assumptions(info: VideoInfo) -> list[str]:
    """What the file leaves unsaid about its colours, and how it was read."""
    if PIXEL_FORMATS[info.pixel_format].model != "yuv" or info.color.matrix not in (0, 2, 3):
        return []
    name = "BT.601" if info.height_px <= 576 else "BT.709"
    return [f"the file names no colour matrix; its {info.height_px} lines were read as {name}"]
