"""One video file being written: encoded pictures, with everything else of the source copied in between."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import Any, cast

import av
import numpy as np
from av.container import InputContainer
from av.packet import Packet
from av.video.frame import VideoFrame
from av.video.stream import VideoStream
from numpy.typing import NDArray

from cleanplate.base.errors import UsageError
from cleanplate.base.pixels import PIXEL_FORMATS, PixelFormat, turn_back
from cleanplate.base.types import Frame, VideoInfo
from cleanplate.save.encode import ENCODER_THREADS, EncodePlan
from cleanplate.save.signal import field_marker, signal_options
from cleanplate.save.streams import CopiedStreams, muxer_options, open_source, stream_tags

FIELD_ORDERS = {"progressive": 1, "tt": 2, "bb": 3, "tb": 4, "bt": 5}
MATROSKA_CLOCK = 1000  # ticks a second, whatever the source's


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
        options = muxer_options(plan.container, info, self._source)
        self._file = av.open(f"file:{part}", "w", format=plan.container, container_options=options)
        self._copied = CopiedStreams(info.path, self._source, self._file) if self._source else None
        self._stream = self._add_streams()
        context = self._stream.codec_context
        try:
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

    def write(self, frame: Frame) -> None:
        """Encode one frame and write what is ready."""
        self._count += 1
        end = frame.pts + frame.duration
        self._span = (self._span[0], max(self._span[1], end)) if self._span else (frame.pts, end)
        self._is_rounded |= (frame.pts * self._info.time_base * MATROSKA_CLOCK).denominator != 1
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
        if self._plan.container == "matroska" and self._is_rounded:
            self.warnings.append("Matroska counts time in milliseconds: the times of frames were rounded to them")
        self._file.close()

    def close(self) -> None:
        """Let go of the files, finished or not."""
        with suppress(av.FFmpegError):  # the trailer of a file given up may not be writable
            self._file.close()
        if self._source:
            self._source.close()

    def _take(self, packet: Packet[Any]) -> None:
        if self._held is None:
            self._first_dts = packet.dts or 0
        else:
            self._mux(self._held)
        self._held = packet

    def _stretch(self, last: Packet[Any]) -> None:
        """Let the last packet reach the end of the last picture.

        MP4 stores steps from one dts to the next, so where pictures are reordered and unevenly timed their sum can fall
        short of the time shown, and players would cut the end.
        """
        if self._span and self._plan.container != "matroska" and last.dts is not None:
            owed = (self._span[1] - self._span[0]) - (last.dts - self._first_dts)
            last.duration = max(last.duration or 0, owed)

    def _mux(self, packet: Packet[Any]) -> None:
        if self._copied and packet.dts is not None:
            self._copied.copy_until(packet.dts * packet.time_base)
        self._file.mux(packet)

    def _add_streams(self) -> VideoStream:
        """All streams in the source's order, so that their numbers stay."""
        if self._source is None:
            return self._add_video(None)
        assert self._copied is not None
        known = {other.index for other in self._info.streams}
        added: VideoStream | None = None
        for stream in self._source.streams:
            if stream.index in known:
                self._copied.add(stream)
            else:
                added = self._add_video(cast(VideoStream, stream))
        self._copied.copy_tags()
        assert added is not None
        return added

    def _add_video(self, source: VideoStream | None) -> VideoStream:
        info, plan = self._info, self._plan
        options, lost = signal_options(info, plan, source)
        self.warnings += lost
        turned = info.rotation_deg % 180 == 90
        stream = cast(
            VideoStream,
            self._file.add_stream(
                plan.encoder,
                rate=info.rate,
                options=options,
                width=info.height_px if turned else info.width_px,
                height=info.width_px if turned else info.height_px,
                time_base=info.time_base,
            ),
        )
        context = stream.codec_context
        context.pix_fmt = plan.form.name
        context.field_order = FIELD_ORDERS.get(info.field_order, 0)
        context.thread_count = ENCODER_THREADS
        context.color_primaries = plan.color.primaries
        context.color_trc = plan.color.transfer
        context.colorspace = plan.color.matrix
        context.color_range = {None: 0, False: 1, True: 2}[plan.color.full_range]
        if plan.color.chroma_location != "unspecified":
            context.options["chroma_sample_location"] = plan.color.chroma_location
        if plan.encoder == "libx265" and plan.container != "matroska":
            context.codec_tag = "hvc1"  # Apple's players want the parameter sets in the header only
        if info.rotation_deg or info.is_flipped:
            stream.set_display_matrix(_display_matrix(info.rotation_deg, info.is_flipped))
        if source is not None:
            if source.sample_aspect_ratio:
                context.sample_aspect_ratio = source.sample_aspect_ratio
            stream.metadata.update(stream_tags(source.metadata))
            stream.disposition = source.disposition
        return stream

    def _picture(self, frame: Frame) -> VideoFrame:
        """The frame in its stored orientation, sample by sample; only images are ever converted."""
        assert frame.native is not None
        info, plan = self._info, self._plan
        form = PIXEL_FORMATS[info.pixel_format] if plan.converts(info) else plan.form
        picture = VideoFrame(self._stream.codec_context.width, self._stream.codec_context.height, form.name)
        targets = form.views([_rows(plane, form) for plane in picture.planes], picture.width, picture.height)
        for target, shown in zip(targets, frame.native.arrays, strict=True):
            stored = turn_back(shown, info.rotation_deg, info.is_flipped)
            np.copyto(target, stored << form.shift if form.shift else stored)
        if plan.converts(info):
            picture = picture.reformat(format=plan.form.name, dst_colorspace="ITU709", dst_color_range="MPEG")
        picture.pts = frame.pts
        picture.duration = frame.duration
        picture.time_base = info.time_base
        return self._mark(picture)


def _rows(plane: Any, form: PixelFormat) -> NDArray[Any]:
    """A plane to be filled, (rows, samples a line)."""
    return np.frombuffer(plane, np.uint8).reshape(plane.height, plane.line_size).view(form.dtype)


def _display_matrix(rotation_deg: int, is_flipped: bool) -> tuple[int, ...]:
    """FFmpeg's display matrix (16.16 and 2.30 fixed point) of a clockwise turn, then a mirroring left to right."""
    a, b = {0: (1, 0), 90: (0, 1), 180: (-1, 0), 270: (0, -1)}[rotation_deg]
    side = -1 if is_flipped else 1
    one = 1 << 16
    return (side * a * one, b * one, 0, -side * b * one, a * one, 0, 0, 0, 1 << 30)
