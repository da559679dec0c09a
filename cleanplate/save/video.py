"""One video file being written: encoded pictures, with everything else of the source copied in between."""

from __future__ import annotations

from contextlib import suppress
from fractions import Fraction
from math import ceil
from pathlib import Path
from typing import Any, cast

import av
from av.container import InputContainer
from av.packet import Packet
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from cleanplate.base.errors import UsageError
from cleanplate.base.types import Frame, VideoInfo
from cleanplate.save.captions import takes_captions, with_captions
from cleanplate.save.changes import lost_aspect
from cleanplate.save.holds import open_source
from cleanplate.save.lost import lost_facts
from cleanplate.save.opening import delay, shift_for
from cleanplate.save.options import ENCODER_THREADS, RANGES
from cleanplate.save.pictures import PictureMaker, Timing, clock_of
from cleanplate.save.plan import EncodePlan
from cleanplate.save.priority import keeping_priority
from cleanplate.save.signal import field_marker, signal_options
from cleanplate.save.streams import CopiedStreams
from cleanplate.save.tags import muxer_options, stream_tags
from cleanplate.save.timecode import first_timecode

FIELD_ORDERS = {"progressive": 1, "tt": 2, "bb": 3, "tb": 4, "bt": 5}


class FileSink:
    """Encodes frames into `part`. FFmpeg's errors pass through; the caller reports them and removes the file."""

    def __init__(self, part: Path, info: VideoInfo, plan: EncodePlan) -> None:
        self._info = info
        self._plan = plan
        self.codec_name = plan.encoder
        self.warnings: list[str] = list(plan.warnings)
        self._source: InputContainer | None = None
        if not info.image_paths:
            self._source = open_source(info.path)
        options = muxer_options(plan.container, info, self._source) | dict(plan.kind.options)
        self._file = av.open(f"file:{part}", "w", format=plan.container, container_options=options)
        self._part = part
        self._copied: CopiedStreams | None = None
        self._pictures = PictureMaker(info, plan)
        self._timing = Timing(info, plan)
        self._stream = self._add_streams()
        context = self._stream.codec_context
        try:
            with keeping_priority():
                context.open(strict=False)
        except av.FFmpegError as error:
            given = ", ".join(f"{name} {value}" for name, value in plan.options.items() if name in ("crf", "preset"))
            raise UsageError(
                f"the encoder {plan.encoder} refuses its settings ({given or plan.form.name}); "
                "change or leave out --preset and --crf, or choose another --codec"
            ) from error
        self._mark = field_marker(info, plan, context.width, context.height)
        self._span: tuple[int, int] | None = None  # first pts and the latest end, in ticks
        self._count = 0
        self._first_dts = 0
        self._held: Packet[Any] | None = None  # the newest packet: the last one of all is finished differently
        self._is_rounded = False
        self._lost_captions = 0
        self.later_s = Fraction(0)
        "by how much everything is shown later than in the source, known once it is finished"

    def write(self, frame: Frame) -> None:
        """Encode one frame and write what is ready."""
        self._count += 1
        end = frame.pts + frame.duration
        self._span = (self._span[0], max(self._span[1], end)) if self._span else (frame.pts, end)
        clock = clock_of(self._plan)
        self._is_rounded |= clock is not None and (frame.pts * self._info.time_base * clock).denominator != 1
        for packet in self._stream.encode(self._picture(frame)):
            self._take(packet)

    def finish(self) -> None:
        """Write all that is left and close the file."""
        for packet in self._stream.encode(None):
            if self._count <= 2:  # nothing to reorder, and x265 leaves the dts of so few unset
                packet.dts = packet.pts
            self._take(packet)
        if self._held is not None:
            self._stretch(self._held)
            self._mux(self._held)
        if self._copied:
            self._copied.copy_until(None)
            self.warnings += self._copied.warnings
        if self._is_rounded and (clock := clock_of(self._plan)):
            step = "milliseconds" if clock == 1000 else f"1/{float(clock):g} s"
            self.warnings.append(f"a {self._plan.suffix} file counts time in {step}: the times of frames were rounded")
        if self._lost_captions:
            self.warnings.append(
                f"the closed captions of {self._lost_captions} frames were left out, for {self._plan.encoder} has no "
                "place for them; --codec h264 or hevc keeps them"
            )
        self._file.close()
        self.warnings += lost_aspect(self._info, self._part, self._plan)
        if self._copied and self._source:
            places = self._copied.places | {self._main_index: self._stream.index}
            self.warnings += lost_facts(self._source, self._part, places)

    def close(self) -> None:
        """Let go of the files, finished or not."""
        with suppress(av.FFmpegError):  # the trailer of a file given up may not be writable
            self._file.close()
        if self._source:
            self._source.close()

    def _take(self, packet: Packet[Any]) -> None:
        self._timing.put_back(packet)
        if self._held is None:
            self._first_dts = packet.dts or 0
            self._begin(self._first_dts * packet.time_base)
        else:
            self._mux(self._held)
        self._held = packet

    def _begin(self, first_dts_s: Fraction) -> None:
        """Settle by how much everything starts later, before the first packet is written."""
        if self._copied is None or self._span is None:
            return
        base = self._info.time_base
        shift = shift_for(self._plan.container, self._span[0] * base, first_dts_s, self._copied.openings)
        self.later_s = ceil(shift / base) * base
        if self.later_s > 0 and self._plan.container not in ("mpegts", "vob"):  # whose clocks begin anywhere
            self.warnings.append(
                f"picture or sound begins before zero, which a {self._part.suffix} file cannot hold: everything starts "
                f"{round(self.later_s * 1000)} ms later"
            )
        self._copied.begin(self.later_s)

    def _stretch(self, last: Packet[Any]) -> None:
        """Let the last packet reach the end of the last picture.

        MP4 stores steps from one dts to the next, so where pictures are reordered and unevenly timed their sum can fall
        short of the time shown, and players would cut the end.
        """
        is_told = self._plan.container in ("matroska", "webm") or self._plan.kind.is_by_rate
        if self._span and not is_told and last.dts is not None:
            owed = (self._span[1] - self._span[0]) - (last.dts - self._first_dts)
            last.duration = max(last.duration or 0, owed)

    def _mux(self, packet: Packet[Any]) -> None:
        if not self._plan.kind.is_by_rate:  # else they count from the first picture already
            delay(packet, self.later_s)
        if self._copied and packet.dts is not None:
            self._copied.copy_until(packet.dts * packet.time_base)
        self._file.mux(packet)

    def _add_streams(self) -> VideoStream:
        """All streams in the source's order, so that their numbers stay where the container allows."""
        if self._source is None:
            return self._add_video(None)
        known = {other.index for other in self._info.streams}
        self._main_index = next(stream.index for stream in self._source.streams if stream.index not in known)
        self._copied = CopiedStreams(self._info.path, self._source, self._file, self._main_index)
        added: VideoStream | None = None
        order = sorted(self._source.streams, key=lambda stream: stream.index)
        if self._plan.container == "mxf":  # whose picture comes first
            order.sort(key=lambda stream: stream.index in known)
        for stream in order:
            if stream.index in known:
                self._copied.add(stream)
            else:
                added = self._add_video(cast(VideoStream, stream))
        assert added is not None
        return added

    def _add_video(self, source: VideoStream | None) -> VideoStream:
        info, plan = self._info, self._plan
        options, lost = signal_options(info, plan, source)
        self.warnings += lost
        if takes_captions(plan.encoder):
            options["a53cc"] = "1"
        timecode = first_timecode(info.path, source.index) if source else None
        if timecode and plan.encoder == "mpeg2video":
            options["gop_timecode"] = timecode
        turned = info.rotation_deg % 180 == 90
        stream = cast(
            VideoStream,
            self._file.add_stream(
                plan.encoder,
                rate=self._plan.rate,
                options=options,
                width=info.height_px if turned else info.width_px,
                height=info.width_px if turned else info.height_px,
                time_base=self._timing.time_base,
            ),
        )
        context = stream.codec_context
        context.pix_fmt = plan.form.name
        context.field_order = FIELD_ORDERS.get(info.field_order, 0)
        context.thread_count = ENCODER_THREADS
        context.color_primaries = plan.color.primaries
        context.color_trc = plan.color.transfer
        context.colorspace = plan.color.matrix
        context.color_range = RANGES[plan.color.full_range]
        if plan.color.chroma_location != "unspecified":
            context.options["chroma_sample_location"] = plan.color.chroma_location
        if plan.encoder == "libx265" and plan.container != "matroska":
            context.codec_tag = "hvc1"  # Apple's players want the parameter sets in the header only
        if info.rotation_deg or info.is_flipped:
            stream.set_display_matrix(_display_matrix(info.rotation_deg, info.is_flipped))
        if source is not None:
            if source.sample_aspect_ratio:
                context.sample_aspect_ratio = source.sample_aspect_ratio
            stream.metadata.update(stream_tags(source.metadata, plan.container))
            if timecode:
                stream.metadata["timecode"] = timecode
            stream.disposition = source.disposition
        return stream

    def _picture(self, frame: Frame) -> VideoFrame:
        """The frame as the encoder takes it."""
        plan = self._plan
        picture = self._pictures.of(frame)
        if frame.captions and takes_captions(plan.encoder):
            picture = with_captions(picture, frame.captions)
        self._lost_captions += bool(frame.captions) and not takes_captions(plan.encoder)
        picture = self._mark(picture)
        self._timing.give(picture, frame)
        return picture


def _display_matrix(rotation_deg: int, is_flipped: bool) -> tuple[int, ...]:
    """FFmpeg's display matrix (16.16 and 2.30 fixed point) of a clockwise turn, then a mirroring left to right."""
    a, b = {0: (1, 0), 90: (0, 1), 180: (-1, 0), 270: (0, -1)}[rotation_deg]
    side = -1 if is_flipped else 1
    one = 1 << 16
    return (side * a * one, b * one, 0, -side * b * one, a * one, 0, 0, 0, 1 << 30)
