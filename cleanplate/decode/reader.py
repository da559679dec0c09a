"""Video in: a file or a folder of images becomes `VideoInfo` and `Frame`s, in the order they are shown.

with open_video("in.mp4") as video:
    for frame in video:
        frame.native  # read-only views of the decoder's own samples, upright
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import av
import cv2
import numpy as np
from av.container import InputContainer
from av.video.frame import VideoFrame
from av.video.stream import VideoStream
from numpy.typing import NDArray

from cleanplate.base.errors import MediaError, UsageError
from cleanplate.base.names import images_in
from cleanplate.base.pixels import PIXEL_FORMATS, stored_layout, turn
from cleanplate.base.types import Color, Frame, Planes, VideoInfo
from cleanplate.decode.info import describe, main_video, open_container, reason


class VideoReader(ABC):
    """A video to iterate over, as often as wanted; iterations do not disturb each other."""

    info: VideoInfo

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @abstractmethod
    def __iter__(self) -> Iterator[Frame]:
        """The frames in the order they are shown. Raises `MediaError` where the file is damaged."""

    @abstractmethod
    def timestamps(self) -> list[tuple[int, int]]:
        """(pts, duration) in ticks of every frame in the order shown, found without decoding where possible."""

    def close(self) -> None:
        """Free what unfinished iterations hold."""
        return


def open_video(path: str | Path, rate: Fraction | None = None) -> VideoReader:
    """Open a video file, or a folder of images at `rate` frames a second (25 unless given).

    Raises `UsageError` for a path that is not there, a folder without images or a rate given for a file, `MediaError`
    for a file that cannot be read as video.
    """
    path = Path(path)
    if not path.exists():
        raise UsageError(f"there is no file or folder '{path}'; check the path")
    if path.is_dir():
        return ImageReader(path, rate or Fraction(25))
    if rate is not None:
        raise UsageError(f"--rate is for a folder of images, but '{path}' is a file with its own timing; leave it out")
    return FileReader(path)


class FileReader(VideoReader):
    """A video file, decoded in software by FFmpeg."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._open: list[InputContainer] = []
        if path.stat().st_size == 0:
            raise MediaError(f"'{path}' is empty (0 bytes); give a video file")
        with open_container(path) as container:
            stream = main_video(container, path)
            self._stream_index = stream.index
            first = self._first_picture(container, stream)
            start, length = stream.start_time, stream.duration
            self._end_pts = None if start is None or length is None else start + length
            self.info, self._layout = describe(path, container, stream, first)
        self._step = round(1 / (self.info.rate * self.info.time_base)) if self.info.rate else 0
        self._stored = (first.width, first.height, first.format.name)

    def _first_picture(self, container: InputContainer, stream: VideoStream) -> VideoFrame:
        try:
            return next(container.decode(stream))
        except (av.FFmpegError, StopIteration) as error:
            raise MediaError(
                f"no picture of '{self._path}' can be decoded; the file is damaged or cut short"
            ) from error

    def close(self) -> None:
        while self._open:
            self._open.pop().close()

    def __iter__(self) -> Iterator[Frame]:
        # A picture lasts until the next one is shown, so each is handed out when the next one is known.
        held: Frame | None = None
        for index, picture in enumerate(self._pictures()):
            pts = picture.pts
            if pts is None:  # raw streams and old containers say only how fast pictures follow each other
                pts = held.pts + self._step if held else self.info.start_pts
            if held:
                if pts <= held.pts:
                    raise MediaError(
                        f"frame {index} of '{self._path}' is to be shown no later than the frame before it; "
                        "the file's timestamps are damaged"
                    )
                yield replace(held, duration=pts - held.pts)
            held = Frame(
                index=index, pts=pts, duration=picture.duration or self._step, native=self._planes(picture, index)
            )
        if held:
            yield replace(held, duration=self._last_duration(held.pts, held.duration))

    def _last_duration(self, pts: int, duration: int) -> int:
        """How long the last picture stays: its packet's word, unless the stream's length clearly says otherwise.

        In MP4 a packet's duration is the step to the next one decoded, which for reordered pictures of uneven timing is
        another picture's. Lengths are written in milliseconds, so less than one is no contradiction.
        """
        if self._end_pts is None or self._end_pts <= pts:
            return duration
        is_close = abs(self._end_pts - pts - duration) * self.info.time_base <= Fraction(1, 1000)
        return duration if is_close else self._end_pts - pts

    def _pictures(self) -> Iterator[VideoFrame]:
        container = open_container(self._path)
        self._open.append(container)
        try:
            stream = container.streams[self._stream_index]
            assert isinstance(stream, VideoStream)
            stream.thread_type = "AUTO"
            yield from container.decode(stream)
        except av.FFmpegError as error:
            raise MediaError(f"'{self._path}' is damaged and cannot be decoded further: {reason(error)}") from error
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
        width, height, name = self._stored
        pixels = PIXEL_FORMATS[name]
        views = pixels.views([_rows(plane, pixels.dtype) for plane in picture.planes], width, height)
        if pixels.shift:
            views = [view >> pixels.shift for view in views]
        upright = [turn(view, self.info.rotation_deg, self.info.is_flipped) for view in views]
        for view in upright:
            view.flags.writeable = False
        return Planes(arrays=tuple(upright), layout=self._layout)

    def timestamps(self) -> list[tuple[int, int]]:
        found: list[tuple[int, int]] = []
        with open_container(self._path) as container:
            for packet in container.demux(container.streams[self._stream_index]):
                if packet.size == 0 or packet.is_discard:
                    continue
                if packet.pts is None:
                    return [(frame.pts, frame.duration) for frame in self]
                if packet.pts >= self.info.start_pts:  # else cut off from what it needs: a stream copied from a cut on
                    found.append((packet.pts, packet.duration or 0))
        found.sort()
        if len({pts for pts, _ in found}) != len(found):
            return [(frame.pts, frame.duration) for frame in self]
        gaps = [after[0] - before[0] for before, after in pairwise(found)]
        gaps += [self._last_duration(*last) for last in found[-1:]]
        return [(pts, gap) for (pts, _), gap in zip(found, gaps, strict=True)]


def _rows(plane: Any, dtype: type[np.generic]) -> NDArray[Any]:
    """A plane with its padding, (rows, samples a line); FFmpeg may store it bottom line first."""
    rows = np.frombuffer(plane, np.uint8).reshape(plane.height, abs(plane.line_size)).view(dtype)
    return rows[::-1] if plane.line_size < 0 else rows


class ImageReader(VideoReader):
    """A folder of images of one size: one a frame, in natural order of their names."""

    def __init__(self, path: Path, rate: Fraction) -> None:
        self._paths = images_in(path)
        if not self._paths:
            raise UsageError(f"the folder '{path}' holds no images (png, jpg, tif, bmp or webp); give one that does")
        first = self._read(0)
        self._layout = first.layout
        self.info = VideoInfo(
            path=path,
            width_px=first.width_px,
            height_px=first.height_px,
            time_base=1 / rate,
            rate=rate,
            frame_count=len(self._paths),
            bit_depth=first.layout.bit_depth,
            pixel_format=first.layout.pixel_format,
            codec="images",
            color=Color(matrix=0, full_range=True),
            image_paths=tuple(self._paths),
        )

    def __iter__(self) -> Iterator[Frame]:
        for index, path in enumerate(self._paths):
            native = self._read(index)
            got, owed = native.arrays[0].shape, (self.info.height_px, self.info.width_px)
            if got != owed:
                raise MediaError(f"'{path}' is {got[1]}x{got[0]}, but the first image is {owed[1]}x{owed[0]}")
            if native.layout != self._layout:
                raise MediaError(
                    f"'{path}' is stored as {native.layout.pixel_format}, but the first image as "
                    f"{self._layout.pixel_format}; convert them all to one kind"
                )
            yield Frame(index=index, pts=index, duration=1, native=native)

    def timestamps(self) -> list[tuple[int, int]]:
        return [(index, 1) for index in range(len(self._paths))]

    def _read(self, index: int) -> Planes:
        path = self._paths[index]
        # JPEG is read as shown (EXIF turn applied); for the others only UNCHANGED keeps alpha.
        is_jpeg = path.suffix.lower() in (".jpg", ".jpeg")
        image = cv2.imread(str(path), cv2.IMREAD_ANYCOLOR | cv2.IMREAD_ANYDEPTH if is_jpeg else cv2.IMREAD_UNCHANGED)
        if image is None:
            raise MediaError(f"the image '{path}' cannot be read; it is damaged or not an image")
        names = {
            (np.uint8, 1): "gray",
            (np.uint16, 1): "gray16le",
            (np.uint8, 3): "bgr24",
            (np.uint16, 3): "bgr48le",
            (np.uint8, 4): "bgra",
            (np.uint16, 4): "bgra64le",
        }
        height, width = image.shape[:2]
        stored = image.reshape(height, -1)  # (H, W x channels) BGR
        name = names.get((image.dtype.type, stored.shape[1] // width))
        if name is None:
            raise MediaError(f"the image '{path}' holds {image.dtype} samples; save it with 8 or 16 bits")
        views = PIXEL_FORMATS[name].views([stored], width, height)
        for view in views:
            view.flags.writeable = False
        layout = stored_layout(PIXEL_FORMATS[name], Color(matrix=0, full_range=True), height)
        return Planes(arrays=tuple(views), layout=layout)
