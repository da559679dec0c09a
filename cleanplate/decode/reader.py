"""Video in: a file or a folder of images becomes `VideoInfo` and `Frame`s, in the order they are shown.

with open_video("in.mp4") as video:
    for frame in video:
        frame.native  # read-only views of the decoder's own samples, upright
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import Self

from cleanplate.base.errors import UsageError
from cleanplate.base.types import Frame, Planes, VideoInfo


class VideoReader(ABC):
    """A video to iterate over, as often as wanted; iterations do not disturb each other."""

    info: VideoInfo
    warnings: list[str]
    "a sentence for each thing that was lost or mended, known once an iteration has run to its end"

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @abstractmethod
    def __iter__(self) -> Iterator[Frame]:
        """The frames in the order they are shown; what is damaged is left out, mended and told in `warnings`.

        Raises `MediaError` where the picture changes its form, or times fall and cannot be worked out.
        """

    @abstractmethod
    def timestamps(self) -> list[tuple[int, int]]:
        """(pts, duration) in ticks of every frame in the order shown, found without decoding where possible."""

    @abstractmethod
    def glimpses(self, times: Sequence[int], apart_frames: int) -> Iterator[tuple[Planes, Planes]]:
        """A picture not long before each of those times (ticks), and the one so many frames later, at little cost.

        What cannot be found quickly is left out.
        """

    @abstractmethod
    def frames_at(self, times: Mapping[int, int]) -> Iterator[Frame]:
        """The frames of those indices, each with its pts (ticks), without decoding all that lies between.

        One that cannot be found quickly, or does not come out whole, is left out.
        """

    def close(self) -> None:
        """Free what unfinished iterations hold."""
        return


def open_video(path: str | Path, rate: Fraction | None = None) -> VideoReader:
    """Open a video file, or a folder of images at `rate` frames a second (25 unless given).

    Raises `UsageError` for a path that is not there, a folder without images or a rate given for a file, `MediaError`
    for a file that cannot be read as video.
    """
    from cleanplate.decode.file import FileReader  # here, for both are kinds of what this file defines
    from cleanplate.decode.images import ImageReader

    path = Path(path)
    if not path.exists():
        raise UsageError(f"there is no file or folder '{path}'; check the path")
    if path.is_dir():
        return ImageReader(path, rate or Fraction(25))
    if rate is not None:
        raise UsageError(f"--rate is for a folder of images, but '{path}' is a file with its own timing; leave it out")
    return FileReader(path)
