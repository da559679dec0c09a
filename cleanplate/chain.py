"""All stages in one loop: decode -> mask -> motion -> paint -> paste -> save, and the proof.

    report = run(Job(video=Path("in.mp4"), masks=Path("masks"), output=Path("out.mp4")))

The masks were stored by the mask pass. Decoding, painting and encoding run in threads of their own, with bounded queues
between. Finished pieces go to the job folder; the same job goes on from there.
"""

from __future__ import annotations

import zlib
from collections.abc import Generator, Iterator
from contextlib import ExitStack, closing
from dataclasses import dataclass, field, replace
from fractions import Fraction
from importlib.metadata import version
from pathlib import Path

import numpy as np

from cleanplate.base.errors import MaskError, MediaError, ProofError, UsageError
from cleanplate.base.pixels import PIXEL_FORMATS, UNSAID_MATRICES, yuv_matrix
from cleanplate.base.plan import Forecast, Grid
from cleanplate.base.proof import Untouched
from cleanplate.base.report import Progress, Report, StageClock, Watch, peak_memory_bytes, report_path
from cleanplate.base.settings import Job
from cleanplate.base.threads import Sink, prefetch
from cleanplate.base.types import Frame, Labels, Planes, VideoInfo
from cleanplate.decode.reader import VideoReader, open_video
from cleanplate.forecast import forecast
from cleanplate.journal.facts import content_hash, job_facts
from cleanplate.journal.folder import JobFolder
from cleanplate.journal.keeper import PieceKeeper
from cleanplate.mask.stored import StoredMasks
from cleanplate.paint.engine import engine_options, engine_spec, make_engine
from cleanplate.paste import paste
from cleanplate.pieces import Held, Paint, hold, paint_frames
from cleanplate.save.writer import VideoWriter, check_output, encoder_for, remove_leftovers


@dataclass(frozen=True, kw_only=True)
class MaskPass:
    """What the mask pass of the same run hands on."""

    clock: StageClock
    removed: list[str]
    "what was asked to be removed, as it was typed"
    folder: JobFolder
    "locked, and claimed for this job"
    warnings: list[str] = field(default_factory=list)


def run(job: Job, watch: Watch | None = None, mask_pass: MaskPass | None = None, *, fresh: bool = False) -> Report:
    """Fill the stored masks' holes of one video and write it, with a report beside it.

    What a run of the same job finished before it was stopped is taken over from the job folder beside the output;
    `fresh` throws it away instead.

    Raises `UsageError` for what cannot be asked for, `MediaError` for a file that cannot be read or written, and
    `ProofError`, leaving a report and no video, if a sample outside the holes changed or, with `verify`, the file does
    not hold what was encoded.
    """
    if mask_pass is not None:
        return _Run(job, watch, mask_pass, mask_pass.folder).run()
    if job.masks is None:
        raise UsageError("the job names no stored masks; make them with: cleanplate mask")
    StoredMasks(job.masks)  # before anything is made beside the output
    with open_video(job.video, job.rate) as reader:
        check_output(job.output, reader.info, job.encode)
    with JobFolder(job.output, fresh=fresh) as folder:
        masks = {"the masks": content_hash(job.masks)}
        folder.claim(job_facts(job, engine_options(job.engine, job.options), masks))
        return _Run(job, watch, None, folder).run()


class _Run:
    """One run's state: what it counts, and the generators that make up the loop."""

    def __init__(self, job: Job, watch: Watch | None, mask_pass: MaskPass | None, folder: JobFolder) -> None:
        assert job.masks is not None
        self.job = job
        self.watch = watch
        self.mask_pass = mask_pass
        self.folder = folder
        self.keeper = PieceKeeper(folder)
        self.spec = engine_spec(job.engine)
        self.masks = StoredMasks(job.masks)
        self.clock = mask_pass.clock if mask_pass else StageClock()
        self.untouched = Untouched(grow_px=job.grow_px)
        self.frames = self.with_holes = self.covered = self.hole_samples = self.seen = self.invented = self.shots = 0
        self.times: list[Fraction] = []
        "when each frame was to be shown, in seconds"
        self.checksums: list[int] = []
        self.verified: str | None = None

    def run(self) -> Report:
        job = self.job
        with open_video(job.video, job.rate) as reader, self.clock.time("total"):
            info = reader.info
            check_output(job.output, info, job.encode)
            self.masks.check_video(info)
            expected = forecast(job, info, self.masks, encoder_for(job.output, info, job.encode))
            self.folder.reserve(expected.disk_bytes)
            remove_leftovers(job.output)
            writer = VideoWriter(job.output, info, job.encode, check=self._verify if job.verify else None)
            try:
                self._fill(reader, writer, expected.grid)
            except ProofError as error:
                self.verified = str(error) if job.verify else None
                self._report(reader, expected, writer).write(report_path(job.output))
                raise
            self.folder.finish()
        report = self._report(reader, expected, writer)
        report.write(report_path(job.output))
        return report

    def _fill(self, reader: VideoReader, writer: VideoWriter, grid: Grid) -> None:
        """All frames, through to the written file, which is moved into place only if nothing is wrong with it."""
        job, info = self.job, reader.info

        def write(frame: Frame) -> None:
            with self.clock.time("save"):
                writer.write(frame)

        with writer:
            with (
                Sink(write, grid.queue, "save") as sink,
                closing(self._finished(reader, grid)) as finished,
            ):
                for frame in finished:
                    sink.put(frame)
                    self._show("fill", self.frames)
            if not self.frames:
                raise MediaError(f"no frame of '{job.video}' can be decoded; check the file with a player")
            if self.covered == self.frames:
                raise MaskError(
                    f"grown by {job.grow_px} px the masks cover all {info.width_px}x{info.height_px} pixels of every "
                    "frame, so nothing is left to fill from; mark less, or give a smaller --grow"
                )
            if self.untouched.changed:
                raise ProofError(
                    f"a sample outside the hole was changed, so the result was not kept: {self.untouched.verdict} "
                    f"(see {report_path(job.output)})"
                )

    def _show(self, stage: str, done: int) -> None:
        if self.watch is not None:
            self.watch(Progress(stage=stage, done=done, total=self.masks.frame_count))

    def _finished(self, reader: VideoReader, grid: Grid) -> Generator[Frame]:
        """Every frame of the video in order, its hole painted, pasted and proven."""
        job = self.job
        with self.clock.time("paint"):
            engines = [make_engine(job.engine, job.options, job.device) for _ in range(grid.workers)]
        with ExitStack() as threads:
            frames = threads.enter_context(closing(prefetch(self._decoded(reader), grid.queue, "decode")))
            held_frames = hold(
                ((frame, self._labels(frame)) for frame in frames),
                grow_px=job.grow_px,
                feather_px=job.feather_px,
                clock=self.clock,
            )
            painted_frames = paint_frames(
                held_frames,
                engines,
                grid,
                clock=self.clock,
                multiple_px=self.spec.multiple_px,
                keeper=self.keeper,
            )
            for held, painted in threads.enter_context(closing(painted_frames)):
                self.shots += held.starts_shot or not self.frames
                yield self._pasted(held, painted)

    def _decoded(self, reader: VideoReader) -> Iterator[Frame]:
        frames = iter(reader)
        while True:
            with self.clock.time("decode"):
                frame = next(frames, None)
            if frame is None:
                return
            yield frame

    def _labels(self, frame: Frame) -> Labels:
        with self.clock.time("mask"):
            return self.masks.labels(frame.pts)

    def _pasted(self, held: Held, paints: Paint) -> Frame:
        frame = held.frame
        if held.regions:
            with self.clock.time("paste"):
                frame = paste(frame, held.regions, [paint.image for paint in paints])
            self.with_holes += 1
            samples = 0
            for region, paint in zip(held.regions, paints, strict=True):
                origin = paint.origin[region.grown]
                samples += origin.size
                self.seen += int(np.count_nonzero(origin == 1))
                self.invented += int(np.count_nonzero(origin == 2))
            self.hole_samples += samples
            self.covered += samples == _native(frame).arrays[0].size
        with self.clock.time("prove"):
            self.untouched.compare(frame.index, _native(held.frame), _native(frame), self.masks.labels(frame.pts))
            if self.job.verify:
                self.times.append(frame.pts * self.masks.time_base)
                self.checksums.append(_checksum(_native(frame)))
        self.frames += 1
        return frame

    def _verify(self, written: Path) -> None:
        """Decode the written file again. Raises `ProofError` where it does not hold what was sent to the encoder."""
        job, found = self.job, 0
        with open_video(written, job.rate if written.is_dir() else None) as reader, self.clock.time("verify"):
            for frame in reader:
                if found < self.frames:
                    self._verify_frame(frame, reader.info)
                found += 1
                self._show("verify", found)
        if found != self.frames:
            raise ProofError(f"the written file holds {found} frames, but {self.frames} were encoded")
        self.verified = f"{found} frames decode" + (", all samples identical" if job.encode.lossless else "")

    def _verify_frame(self, frame: Frame, info: VideoInfo) -> None:
        late = abs(frame.pts * info.time_base - self.times[frame.index])
        if not info.image_paths and late > Fraction(1, 1000):  # Matroska keeps times to the millisecond
            raise ProofError(f"frame {frame.index} of the written file is shown {float(late):.4f} s off its time")
        if self.job.encode.lossless and _checksum(_native(frame)) != self.checksums[frame.index]:
            raise ProofError(
                f"frame {frame.index} of the written file decodes to other samples than were encoded; "
                "choose another --codec"
            )

    def _report(self, reader: VideoReader, expected: Forecast, writer: VideoWriter) -> Report:
        job, before, grid = self.job, self.mask_pass, expected.grid
        warnings = [*(before.warnings if before else ()), *reader.warnings, *writer.warnings]
        if self.covered:
            warnings.append(f"in {self.covered} frames the grown masks cover the whole picture")
        if self.frames != self.masks.frame_count and not reader.warnings:  # which say why
            warnings.append(f"the masks were made for {self.masks.frame_count} frames, but {self.frames} were decoded")
        if grid.memory_bytes > job.memory_bytes:
            warnings.append(
                f"the memory budget of {job.memory_bytes / 1024**2:.0f} MiB is too small for pictures of this size; "
                f"expect about {grid.memory_bytes / 1024**2:.0f} MiB"
            )
        return Report(
            job=replace(job, masks=None) if before else job,
            removed=before.removed if before else list(self.masks.sources),
            version=version("cleanplate"),
            codec=writer.codec_name,
            frames=self.frames,
            frames_with_holes=self.with_holes,
            hole_samples=self.hole_samples,
            seen_share=self.seen / self.hole_samples if self.hole_samples else None,
            invented_share=self.invented / self.hole_samples if self.hole_samples else None,
            shots=self.shots,
            pieces=self.keeper.found + self.keeper.kept,
            pieces_taken_over=self.keeper.found,
            grid=grid,
            expected=expected,
            seconds=dict(self.clock.seconds),
            peak_memory_bytes=peak_memory_bytes(),
            untouched=self.untouched.verdict,
            untouched_samples=self.untouched.samples,
            changed_samples=self.untouched.where,
            verified=self.verified,
            assumptions=_assumptions(reader.info),
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
    if PIXEL_FORMATS[info.pixel_format].model != "yuv" or info.color.matrix not in UNSAID_MATRICES:
        return []
    name = {6: "BT.601", 1: "BT.709"}[yuv_matrix(info.color, info.height_px)]
    return [f"the file names no colour matrix; its {info.height_px} lines were read as {name}"]
