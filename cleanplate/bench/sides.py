"""The videos of a comparison: arrays, files or folders of pictures behind one face, brought to one size and depth."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from fractions import Fraction
from itertools import islice
from pathlib import Path
from types import TracebackType
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from cleanplate.base.errors import UsageError
from cleanplate.base.types import Image, VideoInfo
from cleanplate.base.words import counted
from cleanplate.decode.reader import VideoReader, open_video

Video = str | Path | NDArray[Any]

_MOST_SHIFT = 30
"frames either way that an alignment looks for"
_ALIGNED_ON = 300
"frames from the start that an alignment looks at"
_THUMBNAIL = (64, 36)
_CLEARLY = 0.9
"an alignment must leave less than this share of the difference that no shift leaves"
_ALIKE = 0.5
"correlation of the brightness of small pictures, below which two videos hardly show the same"
_SAME_SHAPE = 0.01
"share that the aspect ratios of two sizes may differ by: sizes are rounded to whole, often even, samples"


class Side(AbstractContextManager["Side"]):
    """One video of a comparison, to be gone through frame by frame, as often as wanted."""

    def __init__(self, video: Video, role: str) -> None:
        """`role` is what sentences call it: result, truth or input.

        Raises `UsageError` for arrays of another kind and for paths that are not there, `MediaError` for files that
        cannot be read.
        """
        self.role = role
        self._array: NDArray[Any] | None = None
        self._reader: VideoReader | None = None
        self.skip = 0
        "frames left out at the start, by an alignment"
        self.size_px: tuple[int, int] | None = None
        "width and height its pictures are resized to, by an alignment; None = they stay"
        if isinstance(video, str | Path):
            self._reader = open_video(video)
            self.name = str(video)
            self.info = self._reader.info
            self.timestamps = self._reader.timestamps()
        else:
            self._array = np.asarray(video)
            self.name = "an array"
            self.info = _array_info(self._array, role)
            self.timestamps = [(n, 1) for n in range(len(self._array))]
        self.width_px, self.height_px = self.info.width_px, self.info.height_px

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._reader is not None:
            self._reader.close()

    def __len__(self) -> int:
        return len(self.timestamps) - self.skip

    @property
    def is_deep(self) -> bool:
        """Whether its pictures are 16-bit."""
        return self.info.bit_depth > 8

    def __iter__(self) -> Iterator[Image]:
        pictures: Iterator[Image]
        if self._reader is not None:
            pictures = (frame.image for frame in self._reader)
        else:
            assert self._array is not None
            pictures = iter(self._array)
        for picture in islice(pictures, self.skip, None):
            yield picture if self.size_px is None else _resized(picture, self.size_px)

    def __str__(self) -> str:
        return f"the {self.role} ({self.name})" if self._reader is not None else f"the {self.role}"


def _array_info(array: NDArray[Any], role: str) -> VideoInfo:
    if array.ndim != 4 or array.shape[-1] != 3 or array.dtype not in (np.uint8, np.uint16) or not array.size:
        raise UsageError(
            f"the {role} is {array.dtype} {array.shape}; give uint8 or uint16 of shape (T, H, W, 3), RGB, or a path"
        )
    deep = array.dtype == np.uint16
    return VideoInfo(
        path=Path(role),
        width_px=array.shape[2],
        height_px=array.shape[1],
        time_base=Fraction(1, 25),
        rate=Fraction(25),
        frame_count=len(array),
        bit_depth=16 if deep else 8,
        pixel_format="rgb48le" if deep else "rgb24",
        codec="images",
    )


def _resized(picture: Image, size_px: tuple[int, int]) -> Image:
    is_smaller = size_px[0] < picture.shape[1]
    # Averaging keeps detail from aliasing where the picture shrinks; it would leave steps where it grows.
    return np.asarray(cv2.resize(picture, size_px, interpolation=cv2.INTER_AREA if is_smaller else cv2.INTER_CUBIC))


@dataclass(frozen=True, kw_only=True)
class Fitted:
    """What had to be done so that two videos can be compared."""

    frames: int
    notes: tuple[str, ...]


def fit(sides: list[Side], *, align: bool) -> Fitted:
    """Bring all sides to the size and the frames of the last, which is the one compared with.

    Raises `UsageError` where they differ and `align` is False, naming both.
    """
    base = sides[-1]
    notes = []
    for side in sides[:-1]:
        size, base_size = (f"{one.width_px}x{one.height_px}" for one in (side, base))
        if size != base_size:
            if not align:
                raise UsageError(
                    f"{side} is {size}, but {base} is {base_size}; give videos of one size, or --align (align=True) to "
                    "resize"
                )
            side.size_px = (base.width_px, base.height_px)
            is_same_shape = abs(side.width_px * base.height_px / (side.height_px * base.width_px) - 1) < _SAME_SHAPE
            stretched = "" if is_same_shape else ", which stretches it: the two have different shapes"
            notes.append(f"{side} was resized from {size} to {base_size}{stretched}")
        if len(side) != len(base) and not align:
            raise UsageError(
                f"{side} has {len(side)} frames, but {base} has {len(base)}; give videos of one length, or --align "
                "(align=True) to find the shift and compare what both have"
            )
        if align:
            shift, likeness = _match(side, base)
            if shift:
                late, by = (side, shift) if shift > 0 else (base, -shift)
                late.skip += by
                notes.append(f"left out at the start of {late}: {counted(by, 'frame')}, after which the two agree best")
            if likeness < _ALIKE:
                notes.append(
                    f"{side} and {base} hardly look alike, whatever the shift (correlation {likeness:.2f}): check that "
                    "they show the same"
                )
    frames = min(len(side) for side in sides)
    for side in sides:
        if len(side) > frames:
            notes.append(f"left out at the end of {side}: {counted(len(side) - frames, 'frame')}, which no other has")
    return Fitted(frames=frames, notes=tuple(notes))


def _match(side: Side, base: Side) -> tuple[int, float]:
    """The best match: frames at the start of `side` (or, negative, of `base`) that the other lacks, and the likeness.

    Only a shift that is clearly better than none is taken, so that a still video stays as it is.
    """
    a, b = _thumbnails(side), _thumbnails(base)
    apart: dict[int, float] = {}
    for shift in range(-_MOST_SHIFT, _MOST_SHIFT + 1):
        one, other = a[max(shift, 0) :], b[max(-shift, 0) :]
        length = min(len(one), len(other))
        if length >= max(1, min(len(a), len(b)) // 2):
            # The median over samples leaves out what was painted in one of the two.
            apart[shift] = float(np.median(np.abs(one[:length] - other[:length]), axis=(1, 2)).mean())
    best = min(apart, key=lambda shift: (apart[shift], abs(shift)))
    shift = best if apart[best] < _CLEARLY * apart.get(0, np.inf) else 0
    return shift, _likeness(a[max(shift, 0) :], b[max(-shift, 0) :])


def _likeness(a: NDArray[np.float32], b: NDArray[np.float32]) -> float:
    """Correlation (-1 to 1) of the samples that both have; 1 where one is flat, which tells nothing."""
    length = min(len(a), len(b))
    one, other = a[:length].ravel(), b[:length].ravel()
    is_flat = min(one.std(), other.std()) < 1 / 255
    return 1.0 if is_flat else float(np.corrcoef(one, other)[0, 1])


def _thumbnails(side: Side) -> NDArray[np.float32]:
    small = []
    for picture in islice(side, _ALIGNED_ON):
        gray = picture.mean(axis=-1, dtype=np.float32)
        small.append(cv2.resize(gray, _THUMBNAIL, interpolation=cv2.INTER_AREA) / np.iinfo(picture.dtype).max)
    return np.stack(small)
