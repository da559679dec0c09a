"""Single frames of a video, by number and quickly: what a person looks at while scrubbing.

    shop = FrameShop(Path("in.mp4"))
    shop.jpeg(120)                          # one decoded frame, as the browser takes it

The list of times is read once, without decoding. A frame is reached from the key frame before it; a decoder that has
just given a frame goes on to the next ones. What is held does not grow with the video.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Iterator, Sequence
from fractions import Fraction
from math import ceil, floor
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from cleanplate.base.errors import MediaError, UsageError
from cleanplate.base.types import Frame, Image
from cleanplate.base.when import Span, time_text
from cleanplate.decode.reader import open_video
from cleanplate.mask.segmenter import NEAR_FRAMES
from cleanplate.tasks.proxy import small

SHOWN_PX = 1920
"the widest picture that is sent to the browser"
_HELD_FRAMES = 2 * NEAR_FRAMES + 4
_HELD_PICTURES = 96
_AHEAD_FRAMES = 48
"so far a decoder is let run on rather than started anew at a key frame"
_RUN_FRAMES = 1000
_QUALITY = 90
_MICROSECONDS = 10**6
DEEP = 257
"16-bit levels for one of 8 bits"


class FrameShop:
    """The frames of one video. Safe to be asked from several threads; one decodes at a time."""

    def __init__(self, path: Path, rate: Fraction | None = None) -> None:
        """Raises what `open_video` raises, and `MediaError` for a video without frames."""
        self.reader = open_video(path, rate)
        self.info = self.reader.info
        self.times = self.reader.timestamps()
        if not self.times:
            raise MediaError(f"no frame of '{path.name}' can be decoded; check the file with a player")
        first = self.times[0][0]
        self.starts_s = [(pts - first) * self.info.time_base for pts, _ in self.times]
        "when each frame begins, from the first"
        self._lock = threading.Lock()
        self._frames: OrderedDict[int, Frame] = OrderedDict()
        self._pictures: OrderedDict[int, bytes] = OrderedDict()
        self._run: Iterator[Frame] | None = None
        self._next = 0

    def __len__(self) -> int:
        return len(self.times)

    def check(self, index: int) -> None:
        """Raises `UsageError` for a number that the video does not have."""
        if not 0 <= index < len(self):
            raise UsageError(f"there is no frame {index}; the video has frames 0 to {len(self) - 1}")

    def time_of(self, index: int) -> str:
        """A time at which that frame is shown, as it is typed: not before it, which rounding down would be."""
        return time_text(Fraction(ceil(self.starts_s[index] * _MICROSECONDS), _MICROSECONDS))

    def span(self, first: int | None, last: int | None) -> Span | None:
        """The time from the frame `first` to the frame `last`, both in it; None = open."""
        stop = None if last is None or last + 1 >= len(self) else self.starts_s[last + 1]
        start = self.starts_s[first] if first else None
        start, stop = (None if t is None else Fraction(floor(t * _MICROSECONDS), _MICROSECONDS) for t in (start, stop))
        return None if start is None and stop is None else Span(start=start, stop=stop)

    def frame(self, index: int) -> Frame:
        """Raises what `check` raises, and `MediaError` for a damaged frame."""
        self.check(index)
        with self._lock:
            if index not in self._frames:
                self._fetch(index)
            self._frames.move_to_end(index)
            return self._frames[index]

    def near(self, index: int) -> list[Image]:
        """The neighbouring frames that a segmenter looks at, the nearest first."""
        around = (index + step * side for step in range(1, NEAR_FRAMES + 1) for side in (-1, 1))
        return [self.frame(n).image for n in around if 0 <= n < len(self)]

    def jpeg(self, index: int) -> bytes:
        """The frame as a JPEG, made smaller if it is wider than `SHOWN_PX`."""
        with self._lock:
            if index in self._pictures:
                self._pictures.move_to_end(index)
                return self._pictures[index]
        found = _jpeg(self.frame(index).image)
        with self._lock:
            self._pictures[index] = found
            if len(self._pictures) > _HELD_PICTURES:
                self._pictures.popitem(last=False)
        return found

    def still(self, index: int, *, is_shallow: bool = False) -> bytes:
        """The frame as a PNG, whole and without loss of what was decoded; `is_shallow`: rounded to 8 bits a sample."""
        image = self.frame(index).image
        if is_shallow and image.dtype == np.uint16:
            image = np.rint(image / np.float32(DEEP)).astype(np.uint8)
        return _encoded(".png", cv2.cvtColor(image, cv2.COLOR_RGB2BGR), (cv2.IMWRITE_PNG_COMPRESSION, 3))

    def close(self) -> None:
        with self._lock:
            self._run = None
            self.reader.close()

    def _fetch(self, index: int) -> None:
        if self._run is None or not self._next <= index < self._next + _AHEAD_FRAMES:
            first = max(index - NEAR_FRAMES, 0)  # a segmenter wants those too, and a person steps back
            wanted = {n: self.times[n][0] for n in range(first, min(first + _RUN_FRAMES, len(self)))}
            self._run = self.reader.frames_at(wanted)
        for frame in self._run:
            self._next = frame.index + 1
            self._frames[frame.index] = frame
            if len(self._frames) > _HELD_FRAMES:
                self._frames.popitem(last=False)
            if frame.index >= index:
                break
        else:
            self._run = None
        if index not in self._frames:
            raise MediaError(f"frame {index} is damaged and cannot be shown; take one beside it")


def shown_size(width_px: int, height_px: int, widest_px: int = SHOWN_PX) -> tuple[int, int]:
    """(width, height) at which a picture is shown."""
    scale = min(1.0, widest_px / width_px)
    return max(round(width_px * scale), 1), max(round(height_px * scale), 1)


def _jpeg(image: Image) -> bytes:
    """(H, W, 3) RGB as a JPEG of at most `SHOWN_PX` width."""
    shown = small(image, shown_size(image.shape[1], image.shape[0]))
    return _encoded(".jpg", cv2.cvtColor(shown, cv2.COLOR_RGB2BGR), (cv2.IMWRITE_JPEG_QUALITY, _QUALITY))


def png(rgba: NDArray[np.uint8 | np.uint16]) -> bytes:
    """(H, W, 4) as a PNG of the same depth, quick rather than small."""
    return _encoded(".png", cv2.cvtColor(rgba, cv2.COLOR_RGBA2BGRA), (cv2.IMWRITE_PNG_COMPRESSION, 1))


def _encoded(suffix: str, picture: object, how: Sequence[int]) -> bytes:
    encode: Callable[..., tuple[bool, NDArray[np.uint8]]] = cv2.imencode
    is_done, data = encode(suffix, picture, how)
    if not is_done:
        raise MediaError(f"a picture cannot be written as {suffix}")
    return data.tobytes()
