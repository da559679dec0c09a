"""Reads masks out of files: pictures and videos. With `stored`, the only part of the mask stage that decodes.

What is decoded is bounded first, checked for damage, and never a playlist that leads to other files. Every picture
comes out the same: its brightest colour channel, its alpha, or its palette indices.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
from av.error import FFmpegError
from numpy.typing import NDArray

from cleanplate.base.errors import MaskError
from cleanplate.base.types import Labels

MAX_PIXELS = 2**26
"8192x8192: twice the largest video there is"
_GRAY_SPREAD = 8
"how far the channels of a gray may lie apart"

# Files are known by how they begin, not by their names. TIFF's decoder takes each file for damaged in the strict mode.
_STRICT = {"err_detect": "crccheck+bitstream+buffer+explode"}
_IMAGES: tuple[tuple[bytes, str, dict[str, str]], ...] = (
    (b"\x89PNG\r\n\x1a\n", "png", _STRICT),
    (b"\xff\xd8\xff", "mjpeg", _STRICT),
    (b"BM", "bmp", _STRICT),
    (b"II*\0", "tiff", {}),
    (b"MM\0*", "tiff", {}),
    (b"RIFF", "webp", _STRICT),
)
_VIDEOS = (
    "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,avi,mpegts,mpeg,ivf,gif,apng,nut,ogg,flv,asf,mxf,yuv4mpegpipe,"
    "h264,hevc,mjpeg,obu"
)


@dataclass(frozen=True, kw_only=True, eq=False)
class Picture:
    """One decoded mask. Arrays are (H, W), in displayed orientation."""

    levels: NDArray[Any] | None = None
    "uint8 or uint16: the brightest of the colour channels; None where there are labels"
    alpha: NDArray[Any] | None = None
    "of the same type, where the file has one"
    labels: Labels | None = None
    "the indices of a palette PNG; None where its colors are what counts"
    is_exact: bool = True
    "False where a lossy codec may have left noise of small numbers"

    @property
    def size_px(self) -> tuple[int, int]:
        """(width, height)"""
        array = self.levels if self.levels is not None else self.labels
        assert array is not None  # one of the two is there
        return int(array.shape[1]), int(array.shape[0])


def is_image(path: Path) -> bool:
    """Whether the file begins like a picture (else it may be a video). Raises `MaskError` if it cannot be read."""
    return _image_codec(_bytes_of(path, 16)) is not None


def read_picture(path: Path) -> Picture:
    """Decodes one picture. Raises `MaskError` for a file that is missing, damaged, no picture or too large."""
    data = _bytes_of(path)
    codec = _image_codec(data)
    if codec is None:
        raise MaskError(f"the mask {path} is not a PNG, JPEG, BMP, TIFF or WebP picture; save it as PNG")
    context = av.CodecContext.create(codec[0], "r")
    context.options = {**codec[1], "max_pixels": str(MAX_PIXELS)}
    try:
        frames = [*context.decode(av.Packet(data)), *context.decode(None)]  # type: ignore[attr-defined]  # PyAV's stub
        if len(frames) != 1 or frames[0].is_corrupt:
            raise MaskError(f"the mask {path} is damaged; save it again as PNG")
        return _picture(frames[0], codec[0])
    except (FFmpegError, ValueError) as error:
        raise MaskError(
            f"the mask {path} is damaged or larger than {MAX_PIXELS // 2**20} million pixels; save it again as PNG"
        ) from error


class VideoPictures:
    """The pictures of a mask video, read forward."""

    def __init__(self, path: Path) -> None:
        """Reads the timing of all frames, decodes none. Raises `MaskError` for what is no readable video."""
        self.path = path
        self._container, self._stream = _open(path)
        self._frames: Iterator[av.VideoFrame] | None = None
        self._frame: av.VideoFrame | None = None
        try:
            self.timestamps = self._demux()
        except BaseException:
            self.close()
            raise

    @property
    def time_base(self) -> Fraction:
        """Seconds a tick of `timestamps`."""
        return Fraction(self._stream.time_base or 1)

    def __iter__(self) -> Iterator[Picture]:
        """All pictures from the first on, by a reader of their own."""
        container, _ = _open(self.path)
        with container:
            for frame in self._decode(container):
                yield self._as_picture(frame)

    def read(self, index: int) -> Picture:
        """The picture at `timestamps[index]`; the index may not fall from call to call."""
        if self._frames is None:
            self._frames = self._decode(self._container)
        wanted = self.timestamps[index][0]
        while self._frame is None or self._frame.pts is None or self._frame.pts < wanted:
            found = next(self._frames, None)
            if found is None:
                break
            self._frame = found
        if self._frame is None or self._frame.pts != wanted:
            raise MaskError(f"frame {index} of the mask video {self.path} cannot be decoded; write the mask video anew")
        return self._as_picture(self._frame)

    def close(self) -> None:
        self._container.close()

    def _demux(self) -> list[tuple[int, int]]:
        try:
            times = [
                (packet.pts, packet.duration or 0)
                for packet in self._container.demux(self._stream)
                if packet.pts is not None and not packet.is_discard
            ]
            self._container.seek(0)
        except (FFmpegError, ValueError) as error:
            raise self._broken() from error
        if not times:
            raise MaskError(f"the mask video {self.path} has no frames; give another file")
        return sorted(times)

    def _decode(self, container: av.container.InputContainer) -> Iterator[av.VideoFrame]:
        stream = container.streams.video[0]
        stream.thread_type = "AUTO"
        try:
            yield from container.decode(stream)
        except (FFmpegError, ValueError) as error:
            raise self._broken() from error

    def _as_picture(self, frame: av.VideoFrame) -> Picture:
        if frame.is_corrupt:
            raise self._broken()
        is_png = self._stream.codec_context.name == "png"  # a label video: its palette's indices are what counts
        return _picture(frame, "png" if is_png else "video")

    def _broken(self) -> MaskError:
        return MaskError(f"the mask video {self.path} is damaged; write the mask video anew")


def _open(path: Path) -> tuple[av.container.InputContainer, av.video.stream.VideoStream]:
    """Raises `MaskError` unless the file is a container with a video stream of a bounded size."""
    if not _bytes_of(path, 1):
        raise MaskError(f"the mask {path} is empty; give a picture, a folder of pictures or a mask video")
    try:
        # "file:" keeps a name with a colon from being taken for an address
        options = {"format_whitelist": _VIDEOS, "protocol_whitelist": "file"}
        container = av.open(f"file:{path}", options=options)
    except (FFmpegError, ValueError) as error:
        raise MaskError(
            f"the mask {path} is neither a picture nor a video that can be read; "
            "give a PNG, a folder of PNGs or a mask video"
        ) from error
    streams = container.streams.video
    has_decoder = bool(streams) and streams[0].codec_context is not None
    if not has_decoder or not 0 < streams[0].width * streams[0].height <= MAX_PIXELS:
        container.close()
        raise MaskError(
            f"the mask {path} has no video stream of at most {MAX_PIXELS // 2**20} million pixels; give another file"
        )
    is_png = streams[0].codec_context.name == "png"
    streams[0].codec_context.options = {"max_pixels": str(MAX_PIXELS), **(_STRICT if is_png else {})}
    return container, streams[0]


def _bytes_of(path: Path, count: int = -1) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(count)
    except OSError as error:
        raise MaskError(f"the mask {path} cannot be read ({error.strerror}); check the path") from error


def _image_codec(data: bytes) -> tuple[str, dict[str, str]] | None:
    for magic, codec, options in _IMAGES:
        if data.startswith(magic) and (magic != b"RIFF" or data[8:12] == b"WEBP"):
            return codec, options
    return None


def _picture(frame: av.VideoFrame, codec: str) -> Picture:
    quarters = round(frame.rotation / 90)  # counter-clockwise, brings the picture upright
    name, parts = frame.format.name, frame.format.components
    if codec == "png" and name == "pal8":
        return _palette_picture(*frame.to_ndarray())
    has_alpha = any(part.is_alpha for part in parts) or name == "pal8"
    is_gray = len(parts) - has_alpha == 1 and name != "pal8"
    is_exact = codec != "mjpeg" and (frame.format.is_rgb or is_gray)
    is_deep = any(part.bits > 8 for part in parts)
    if is_gray and not has_alpha:
        levels = np.rot90(frame.to_ndarray(format="gray16le" if is_deep else "gray"), quarters)
        return Picture(levels=levels, is_exact=is_exact)
    if has_alpha:
        pixels = frame.to_ndarray(format="rgba64le" if is_deep else "rgba")
    else:
        pixels = frame.to_ndarray(format="rgb48le" if is_deep else "rgb24")
    pixels = np.rot90(pixels, quarters)
    return Picture(
        levels=np.maximum(np.maximum(pixels[..., 0], pixels[..., 1]), pixels[..., 2]),
        alpha=pixels[..., 3] if has_alpha else None,
        is_exact=is_exact,
    )


def _palette_picture(indices: Labels, palette: NDArray[np.uint8]) -> Picture:
    """A palette PNG holds labels, unless it is plainly a black and white picture that was saved with a palette.

    Programs that save for the web order the colors as they please. So where all colors in use are grays, dark and
    bright ones, not each at the index of its own brightness, and the darkest is not at index 0, brightness counts.
    """
    used = np.flatnonzero(cv2.calcHist([indices], [0], None, [256], [0, 256]))  # bincount takes six times as long
    alpha, colors = palette[:, 0], palette[:, 1:]  # (256,), (256, 3)
    levels = colors.max(axis=1)
    is_gray = bool((np.ptp(colors[used], axis=1) <= _GRAY_SPREAD).all())
    darkest, brightest = int(levels[used].min()), int(levels[used].max())
    is_ramp = np.array_equal(levels[used], used)
    if not is_gray or is_ramp or not darkest <= 127 < brightest or (used[0] == 0 and levels[0] == darkest):
        return Picture(labels=indices)
    return Picture(levels=levels[indices], alpha=alpha[indices])
