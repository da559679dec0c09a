"""The origin map: a gray video that says of each sample of a result where it came from.

    with OriginMap(Path("origin.mkv"), info) as origin_map:
        origin_map.write(frame, origin)         # frame by frame

0 = untouched, 128 = seen elsewhere in the video, 255 = invented. FFV1 in Matroska: lossless, with the result's times.
"""

from __future__ import annotations

import secrets
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import Self

import av
import numpy as np
from numpy.typing import NDArray

from cleanplate.base.errors import MediaError, UsageError
from cleanplate.base.types import Frame, VideoInfo

LEVELS = np.array([0, 128, 255], np.uint8)
"of a map, by what `Painting.origin` says"


def check_origin_map(path: Path, output: Path, info: VideoInfo) -> None:
    """Raises `UsageError` for a name that the map cannot have."""
    if path.suffix.lower() != ".mkv":
        raise UsageError(f"the origin map '{path}' is written as lossless Matroska; give it a name that ends in .mkv")
    if path.absolute() in (output.absolute(), info.path.absolute()):
        raise UsageError(f"the origin map '{path}' would be written over another file of this run; give another name")
    if not path.absolute().parent.is_dir():
        raise UsageError(f"the folder '{path.absolute().parent}' of the origin map does not exist; create it first")


class OriginMap:
    """Writes one map, in displayed orientation; it appears under its name when it is whole.

    Raises `MediaError` where it cannot be written.
    """

    def __init__(self, path: Path, info: VideoInfo) -> None:
        self._path = path
        self._part = path.with_name(f".{path.name}.{secrets.token_hex(4)}.part.mkv")
        self._time_base = info.time_base
        try:
            self._file = av.open(f"file:{self._part}", "w", format="matroska")
        except (av.FFmpegError, OSError) as error:
            raise self._failed(error) from error
        rate = info.rate or 1 / max(info.time_base, Fraction(1, 1000))
        self._stream = self._file.add_stream("ffv1", rate=rate, options={"flags": "+bitexact"})
        self._stream.width, self._stream.height, self._stream.pix_fmt = info.width_px, info.height_px, "gray"
        self._stream.codec_context.time_base = info.time_base

    def write(self, frame: Frame, origin: NDArray[np.uint8]) -> None:
        """The map of one frame: (H, W) of 0, 1 and 2 as in `Painting.origin`."""
        picture = av.VideoFrame.from_ndarray(LEVELS[origin], format="gray")
        picture.pts, picture.time_base = frame.pts, self._time_base
        try:
            self._file.mux(self._stream.encode(picture))
        except (av.FFmpegError, OSError) as error:
            raise self._failed(error) from error

    def _failed(self, error: Exception) -> MediaError:
        return MediaError(f"the origin map '{self._path}' could not be written: {getattr(error, 'strerror', error)}")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if kind is None:
                try:
                    self._file.mux(self._stream.encode(None))
                    self._file.close()
                    self._part.replace(self._path)
                except (av.FFmpegError, OSError) as failure:
                    raise self._failed(failure) from failure
        finally:
            self._file.close()
            self._part.unlink(missing_ok=True)
