"""All stages in one loop: decode -> mask -> motion -> paint -> paste -> save, and the proof.

    report = run(Job(video=Path("in.mp4"), masks=Path("masks"), output=Path("out.mp4")))

The masks were stored by the mask pass. Decoding, painting and encoding run in threads of their own, with bounded queues
between. Finished pieces go to the job folder; the same job goes on from there.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from contextlib import closing, nullcontext
from dataclasses import dataclass, field, replace
from fractions import Fraction
from importlib.metadata import version
from pathlib import Path

from cleanplate.base.errors import MaskError, MediaError, ProofError, UsageError
from cleanplate.base.heap import SMALL_PX, map_large_blocks, share_heap
from cleanplate.base.pixels import PIXEL_FORMATS, UNSAID_MATRICES, yuv_matrix
from cleanplate.base.plan import Forecast
from cleanplate.base.report import Progress, Report, StageClock, Watch, peak_memory_bytes, report_path
from cleanplate.base.settings import Job
from cleanplate.base.threads import Sink, prefetch
from cleanplate.base.types import Frame, VideoInfo
from cleanplate.decode.reader import VideoReader, open_video
from cleanplate.filling import Filling
from cleanplate.forecast import forecast
from cleanplate.inventing import invent_anchors
from cleanplate.journal.facts import content_hash, job_facts
from cleanplate.journal.folder import JobFolder
from cleanplate.mask.stored import StoredMasks
from cleanplate.paint.engine import engine_options
from cleanplate.paint.inventor import networks_of
from cleanplate.painted import read_painted
from cleanplate.references import make_references
from cleanplate.save.options import LARGE_PX
from cleanplate.save.origin import OriginMap, check_origin_map
from cleanplate.save.writer import VideoWriter, check_output, encoder_for, remove_leftovers


@dataclass(frozen=True, kw_only=True)
class MaskPass:
    """What the mask pass of the same run hands on, whose job was checked by `check_job`."""

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
        check_job(job, reader)
    with JobFolder(job.output, fresh=fresh) as folder:
        masks = {"the masks": content_hash(job.masks)}
        options = engine_options(job.engine, job.options)
        folder.claim(job_facts(job, options, masks, networks_of(job.engine, options)))
        return _Run(job, watch, None, folder).run()


def check_job(job: Job, reader: VideoReader) -> None:
    """Raises what `run` raises for files that cannot be written or read, before any work is done."""
    check_output(job.output, reader.info, job.encode)
    read_painted(job, reader)
    if job.origin_map is not None:
        check_origin_map(job.origin_map, job.output, reader.info)


class _Run:
    """One run's state, and the loop from the file that is read to the one that is written."""

    def __init__(self, job: Job, watch: Watch | None, mask_pass: MaskPass | None, folder: JobFolder) -> None:
        assert job.masks is not None
        self.job = job
        self.watch = watch
        self.mask_pass = mask_pass
        self.folder = folder
        self.masks = StoredMasks(job.masks)
        self.clock = mask_pass.clock if mask_pass else StageClock()
        self.times: list[Fraction] = []
        "when each frame was to be shown, in seconds"
        self.checksums: list[int] = []
        self.verified: str | None = None
        self.peak_before = peak_memory_bytes()
        "a process that held more before says nothing of this run"

    def run(self) -> Report:
        job = self.job
        share_heap()
        with open_video(job.video, job.rate) as reader, self.clock.time("total"):
            info = reader.info
            self.masks.check_video(info)
            expected = forecast(job, info, self.masks, encoder_for(job.output, info, job.encode))
            self.folder.reserve(expected.disk_bytes)
            if not SMALL_PX < (picture_px := info.width_px * info.height_px) <= LARGE_PX:
                map_large_blocks(is_small=picture_px <= SMALL_PX)
            remove_leftovers(job.output)
            origin_map = OriginMap(job.origin_map, info) if job.origin_map else None
            watch_origin = origin_map.write if origin_map else None
            references = make_references(job, reader, self.masks, expected.grid, self.folder, self.clock, self.watch)
            if references is not None:
                invent_anchors(job, reader, self.masks, expected.grid, references, self.clock, self.watch)
            filling = Filling(
                job, info, self.masks, expected.grid, self.folder, self.clock, self.watch, watch_origin, references
            )
            writer = VideoWriter(job.output, info, job.encode, check=self._verify if job.verify else None)
            try:
                with origin_map or nullcontext():
                    self._fill(reader, writer, filling)
            except ProofError as error:
                self.verified = str(error) if job.verify else None
                self._report(reader, expected, filling, writer).write(report_path(job.output))
                raise
            self.folder.finish()
        report = self._report(reader, expected, filling, writer)
        report.write(report_path(job.output))
        return report

    def _fill(self, reader: VideoReader, writer: VideoWriter, filling: Filling) -> None:
        """All frames, through to the written file, which is moved into place only if nothing is wrong with it."""
        job, info, queue, tally = self.job, reader.info, filling.grid.queue, filling.tally

        def write(frame: Frame) -> None:
            with self.clock.time("save"):
                writer.write(frame)

        with writer:
            with (
                Sink(write, queue, "save") as sink,
                closing(prefetch(self._decoded(reader), queue, "decode")) as decoded,
                closing(filling.frames(decoded)) as filled,
            ):
                for frame in filled:
                    if job.verify:
                        self.times.append(frame.pts * self.masks.time_base)
                        self.checksums.append(_checksum(frame))
                    sink.put(frame)
                    self._show("fill", tally.frames)
            if not tally.frames:
                raise MediaError(f"no frame of '{job.video}' can be decoded; check the file with a player")
            if tally.covered == tally.frames:
                raise MaskError(
                    f"grown by {job.grow_px} px the masks cover all {info.width_px}x{info.height_px} pixels of every "
                    "frame, so nothing is left to fill from; mark less, or give a smaller --grow"
                )
            if filling.untouched.changed:
                raise ProofError(
                    "a sample outside the hole was changed, so the result was not kept: "
                    f"{filling.untouched.verdict} (see {report_path(job.output)})"
                )

    def _show(self, stage: str, done: int) -> None:
        if self.watch is not None:
            self.watch(Progress(stage=stage, done=done, total=self.masks.frame_count))

    def _decoded(self, reader: VideoReader) -> Iterator[Frame]:
        frames = iter(reader)
        while True:
            with self.clock.time("decode"):
                frame = next(frames, None)
            if frame is None:
                return
            yield frame

    def _verify(self, written: Path, later_s: Fraction) -> None:
        """Decode the written file again. Raises `ProofError` where it does not hold what was sent to the encoder.

        `later_s`: by how much everything is shown later than in the source.
        """
        job, found = self.job, 0
        with open_video(written, job.rate if written.is_dir() else None) as reader, self.clock.time("verify"):
            for frame in reader:
                if found < len(self.times):
                    self._verify_frame(frame, reader.info, later_s)
                found += 1
                self._show("verify", found)
        if found != len(self.times):
            raise ProofError(f"the written file holds {found} frames, but {len(self.times)} were encoded")
        self.verified = f"{found} frames decode" + (", all samples identical" if job.encode.lossless else "")

    def _verify_frame(self, frame: Frame, info: VideoInfo, later_s: Fraction) -> None:
        late = abs(frame.pts * info.time_base - self.times[frame.index] - later_s)
        if not info.image_paths and late > Fraction(1, 1000):  # Matroska keeps times to the millisecond
            raise ProofError(f"frame {frame.index} of the written file is shown {float(late):.4f} s off its time")
        if self.job.encode.lossless and _checksum(frame) != self.checksums[frame.index]:
            raise ProofError(
                f"frame {frame.index} of the written file decodes to other samples than were encoded; "
                "choose another --codec"
            )

    def _report(self, reader: VideoReader, expected: Forecast, filling: Filling, writer: VideoWriter) -> Report:
        job, before, grid, tally = self.job, self.mask_pass, expected.grid, filling.tally
        warnings = [*(before.warnings if before else ()), *reader.warnings, *filling.warnings, *writer.warnings]
        if tally.covered:
            warnings.append(f"in {tally.covered} frames the grown masks cover the whole picture")
        if tally.frames != self.masks.frame_count and not reader.warnings:  # which say why
            warnings.append(f"the masks were made for {self.masks.frame_count} frames, but {tally.frames} were decoded")
        peak, ceiling = peak_memory_bytes(), expected.ceiling_bytes
        if peak is not None and peak > max(ceiling, self.peak_before or 0):
            warnings.append(
                f"the run held {peak / 1024**2:.0f} MiB at its peak, more than the {ceiling / 1024**2:.0f} MiB it was "
                f"to stay below ({expected.memory_bytes / 1024**2:.0f} MiB were foretold)"
            )
        return Report(
            job=replace(job, masks=None) if before else job,
            removed=before.removed if before else list(self.masks.sources),
            version=version("cleanplate"),
            codec=writer.codec_name,
            frames=tally.frames,
            frames_with_holes=tally.with_holes,
            by_field=filling.by_field,
            hole_samples=tally.hole_samples,
            seen_share=tally.seen / tally.hole_samples if tally.hole_samples else None,
            invented_share=tally.invented / tally.hole_samples if tally.hole_samples else None,
            looks=filling.looks,
            tracks=list(self.masks.tracks),
            shots=tally.shots,
            pieces=filling.pieces,
            pieces_taken_over=filling.pieces_taken_over,
            grid=grid,
            expected=expected,
            seconds=dict(self.clock.seconds),
            peak_memory_bytes=peak,
            untouched=filling.untouched.verdict,
            untouched_samples=filling.untouched.samples,
            changed_samples=filling.untouched.where,
            verified=self.verified,
            assumptions=[
                *_assumptions(reader.info),
                *(f"for the masks {note}" for note in self.masks.notes),
                *filling.notes,
            ],
            warnings=warnings,
        )


def _checksum(frame: Frame) -> int:
    """CRC-32 of all samples."""
    assert frame.native is not None
    found = 0
    for array in frame.native.arrays:
        found = zlib.crc32(array.tobytes(), found)
    return found


def _assumptions(info: VideoInfo) -> list[str]:
    """What the file leaves unsaid about its colours, and how it was read."""
    if PIXEL_FORMATS[info.pixel_format].model != "yuv" or info.color.matrix not in UNSAID_MATRICES:
        return []
    name = {6: "BT.601", 1: "BT.709"}[yuv_matrix(info.color, info.height_px)]
    return [f"the file names no colour matrix; its {info.height_px} lines were read as {name}"]
