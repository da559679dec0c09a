"""A video file as a video: FFmpeg decodes it in software; what is damaged is left out, what is missing is told."""

from __future__ import annotations

from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import replace
from itertools import groupby, islice, pairwise
from pathlib import Path
from typing import Any

from av import FFmpegError
from av.container import InputContainer
from av.sidedata.sidedata import SideDataContainer
from av.sidedata.sidedata import Type as SideDataType
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from cleanplate.base.errors import MediaError
from cleanplate.base.pixels import turn
from cleanplate.base.types import Frame, Planes
from cleanplate.decode.claim import Claim
from cleanplate.decode.info import color_said, describe, main_video, open_container
from cleanplate.decode.packets import MAX_PIXELS, Losses, decoded, packets_of
from cleanplate.decode.reader import VideoReader
from cleanplate.decode.times import mend

_MOST_EARLY = 16
"packets before the first picture that may be for a clean cut: as many as H.264 reorders"


class FileReader(VideoReader):
    """A video file, decoded in software by FFmpeg. What is damaged is left out, what is missing is told."""

    def __init__(self, path: Path) -> None:
        self.warnings = []
        self._path = path
        self._open: list[InputContainer] = []
        self._has_wrong_times = False
        if path.stat().st_size == 0:
            raise MediaError(f"'{path}' is empty (0 bytes); give a video file")
        with open_container(path) as container:
            stream = main_video(container, path)
            self._stream_index = stream.index
            # AVI stores no times of showing. Those FFmpeg makes up are wrong for reordered pictures, and one picture
            # late for codecs that might reorder.
            is_reordered, codec = bool(stream.codec_context.has_b_frames), stream.codec_context.codec.canonical_name
            self._is_by_dts = container.format.name == "avi" and (is_reordered or codec in ("h264", "hevc"))
            said = color_said(stream)  # by the container; a decoder overwrites it
            first = self._first_picture(container, stream)
            self._dts_ahead = 0
            if is_reordered and self._is_by_dts and first.dts is not None:
                self._dts_ahead = first.dts - self._first_dts(first.dts)
            info, self._layout, self._reading = describe(path, container, stream, first, said)
            self.info = replace(info, start_pts=self._time_said(first) or 0)
            self._claim = Claim.of(path, container, stream)
        self._step = max(round(1 / (info.rate * info.time_base)), 1) if info.rate else 1
        self._stored = (first.width, first.height, first.format.name)

    def _first_picture(self, container: InputContainer, stream: VideoStream) -> VideoFrame:
        width, height = stream.codec_context.width, stream.codec_context.height
        if width * height > MAX_PIXELS:
            raise MediaError(
                f"'{self._path}' says its pictures are {width}x{height}, more than the {MAX_PIXELS // 2**20} million "
                "pixels that are read; make it smaller first"
            )
        first = next(decoded(container, stream, Losses()), None)
        if first is None:
            raise MediaError(f"no picture of '{self._path}' can be decoded; the file is damaged or cut short")
        return first

    def _first_dts(self, unknown: int) -> int:
        """The time of the first packet, when the first picture is to be shown where only packets have times."""
        with open_container(self._path) as container:
            dts = next(container.demux(container.streams[self._stream_index])).dts
        return unknown if dts is None else dts

    def close(self) -> None:
        while self._open:
            self._open.pop().close()

    def __iter__(self) -> Iterator[Frame]:
        # A picture lasts until the next one is shown, so each is handed out when the next one is known.
        held: Frame | None = None
        given: int | None = None
        mended: list[int] | None = None
        losses = Losses()
        for index, picture in enumerate(self._pictures(losses)):
            pts = self._time_said(picture) if mended is None else mended[index] if index < len(mended) else None
            if pts is None:  # raw streams and old containers say only how fast pictures follow each other
                pts = held.pts + self._step if held else self.info.start_pts
            if held:
                # A leap may be a wrong time as well, which shows only when later ones fall.
                if pts <= held.pts or (mended is None and self._claim.is_absurd(pts - held.pts, held.pts)):
                    mended = self._mended(index)
                    held, pts = replace(held, pts=mended[index - 1]), mended[index]
                if given is not None and held.pts <= given:
                    raise self._falling(index)
                given = held.pts
                yield replace(held, duration=pts - held.pts)
            held = Frame(
                index=index,
                pts=pts,
                duration=picture.duration or self._step,
                native=self._planes(picture, index),
                captions=_captions(picture),
            )
        if held:
            yield replace(held, duration=self._claim.last_duration(held.pts, held.duration, self.info, losses))
        self.warnings = [*self._reading.warnings, *self._claim.sentences(losses, self._step)]
        if self._has_wrong_times:
            self.warnings.append(
                f"some pictures of '{self._path}' came with a time no later than the one before: "
                "their times were worked out from those of their neighbours"
            )

    def _time_said(self, picture: VideoFrame) -> int | None:
        if self._is_by_dts:
            return None if picture.dts is None else picture.dts - self._dts_ahead
        return picture.pts

    def _mended(self, index: int) -> list[int]:
        """The times of all pictures in order, those that do not fit worked out. Raises `MediaError`."""
        said = [self._time_said(picture) for picture in self._pictures(Losses())]
        times = mend(said, self._step)
        if times is None or len(times) <= index:
            raise self._falling(index)
        self._has_wrong_times = said != times
        return times

    def _falling(self, index: int) -> MediaError:
        return MediaError(
            f"frame {index} of '{self._path}' is to be shown no later than the frame before it, and which times are "
            "right cannot be told; split the file there, or write it anew with a program that sets the times"
        )

    def _pictures(self, losses: Losses) -> Iterator[VideoFrame]:
        container = open_container(self._path)
        self._open.append(container)
        try:
            stream = container.streams[self._stream_index]
            assert isinstance(stream, VideoStream)
            yield from decoded(container, stream, losses)
        finally:
            container.close()
            if container in self._open:
                self._open.remove(container)

    def _planes(self, picture: VideoFrame, index: int) -> Planes:
        if (picture.width, picture.height, picture.format.name) != self._stored:
            width, height, form = self._stored
            raise MediaError(
                f"frame {index} of '{self._path}' is {picture.width}x{picture.height} {picture.format.name}, but the "
                f"video began as {width}x{height} {form}; split the file where it changes"
            )
        try:
            views = self._reading.samples(picture)
        except MediaError as error:
            raise MediaError(f"frame {index} of '{self._path}': {error}") from error
        upright = [turn(view, self.info.rotation_deg, self.info.is_flipped) for view in views]
        for view in upright:
            view.flags.writeable = False
        return Planes(arrays=tuple(upright), layout=self._layout)

    def timestamps(self) -> list[tuple[int, int]]:
        if self._is_by_dts:
            return self._decoded_times()
        found: list[tuple[int, int]] = []
        losses, early = Losses(), 0
        with open_container(self._path) as container:
            stream = main_video(container, self._path)
            is_reordered = bool(stream.codec_context.has_b_frames)
            for packet in packets_of(container, stream, losses):
                if packet.size == 0:
                    continue
                losses.send(packet)
                if packet.is_discard:
                    continue
                if packet.pts is None:
                    return self._decoded_times()
                if packet.pts < self.info.start_pts:  # cut off from what it needs: a stream copied from a cut on
                    early += 1
                elif found and not is_reordered and packet.pts <= found[-1][0]:
                    return self._decoded_times()
                else:
                    found.append((packet.pts, packet.duration or 0))
        found.sort()
        if early > (_MOST_EARLY if is_reordered else 0) or len({pts for pts, _ in found}) != len(found):
            return self._decoded_times()
        gaps = [after[0] - before[0] for before, after in pairwise(found)]
        gaps += [self._claim.last_duration(*last, self.info, losses) for last in found[-1:]]
        return [(pts, gap) for (pts, _), gap in zip(found, gaps, strict=True)]

    def glimpses(self, times: Sequence[int], apart_frames: int) -> Iterator[tuple[Planes, Planes]]:
        for time in times:
            with closing(self._sought(time)) as pictures:
                shown = list(islice(pictures, apart_frames + 1))
            if len(shown) > apart_frames:
                yield self._planes(shown[0], 0), self._planes(shown[-1], apart_frames)

    def frames_at(self, times: Mapping[int, int]) -> Iterator[Frame]:
        for _, run in groupby(enumerate(sorted(times)), key=lambda item: item[1] - item[0]):  # one after the other
            wanted = {times[index]: index for _, index in run}
            last = max(wanted)
            with closing(self._sought(min(wanted))) as pictures:
                for picture in pictures:
                    pts = self._time_said(picture)
                    if pts in wanted and not picture.is_corrupt:
                        index = wanted.pop(pts)
                        yield Frame(index=index, pts=pts, duration=self._step, native=self._planes(picture, index))
                    if pts is not None and pts >= last:
                        break

    def _sought(self, time: int) -> Generator[VideoFrame]:
        """The pictures from the last key frame before a time on; none where the file cannot be sought in."""
        try:
            with open_container(self._path) as container:
                stream = container.streams[self._stream_index]
                assert isinstance(stream, VideoStream)
                container.seek(time, stream=stream)
                yield from decoded(container, stream, Losses())
        except FFmpegError:
            return

    def _decoded_times(self) -> list[tuple[int, int]]:
        return [(frame.pts, frame.duration) for frame in self]


def _captions(picture: VideoFrame) -> bytes:
    # `picture.side_data` would keep the container in the picture and the picture in the container: a cycle that holds
    # the decoder's memory until a full collection, and so memory that grows with the length of the video.
    data: Any = SideDataContainer(picture).get(SideDataType.A53_CC)  # type: ignore[call-arg]  # PyAV's stub
    return b"" if data is None else bytes(data)
