"""Small silent videos that any browser plays: a stretch of a source whose own codec it may not know, or a preview."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np

from cleanplate.base.settings import Encode
from cleanplate.base.types import Frame, Image, VideoInfo
from cleanplate.save.writer import VideoWriter
from cleanplate.tasks.sheet import eight_bit
from cleanplate.tasks.watchable import planes_of, watchable

TO_WATCH = Encode(codec="libx264", crf=23, preset="ultrafast")
_PLAYED = {"h264": (".mp4", ".m4v", ".mov"), "vp8": (".webm",), "vp9": (".webm", ".mp4"), "av1": (".webm", ".mp4")}
"codecs that current browsers play, and in what"
_PLAYED_PX = 1920 * 1088


def is_played(info: VideoInfo) -> bool:
    """Whether browsers play the file as it is: 8 bit 4:2:0, not too large, square pixels."""
    suffixes = _PLAYED.get(info.codec, ())
    is_plain = info.pixel_format in ("yuv420p", "yuvj420p") and info.pixel_aspect == 1
    is_small = info.width_px * info.height_px <= _PLAYED_PX
    return info.path.suffix.lower() in suffixes and is_plain and is_small


def fitting(width_px: int, height_px: int, most_px: int) -> tuple[int, int]:
    """(width, height), even, of about at most so many pixels; never enlarged."""
    scale = min(1.0, (most_px / (width_px * height_px)) ** 0.5)
    width, height = (max(round(edge * scale / 2) * 2, 2) for edge in (width_px, height_px))
    return width, height


def small(image: Image, size: tuple[int, int]) -> Image:
    """(h, w, 3) uint8 of `size` (w, h)."""
    image = eight_bit(image)
    if image.shape[1::-1] == size:
        return image
    return np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA), np.uint8)


def write_proxy(
    pictures: Iterable[tuple[int, int, Image]],
    info: VideoInfo,
    size: tuple[int, int],
    path: Path,
    encode: Encode = TO_WATCH,
) -> None:
    """Write (pts, duration, picture) as 8-bit H.264 of `size` (w, h), even, whose first picture is shown at 0.

    pictures: (H, W, 3) RGB of that size, uint8, times in the ticks of `info`, the source's. Raises `MediaError`.
    """
    plain = replace(
        info,
        width_px=size[0],
        height_px=size[1],
        bit_depth=8,
        start_pts=0,
        field_order="progressive",
        pixel_aspect=Fraction(1),
        streams=(),
        image_paths=(info.path,),  # as if made of pictures: the source's sound is as long as all of it
    )
    shown = watchable(plain)
    first: int | None = None
    with VideoWriter(path, shown, encode) as writer:
        for n, (pts, duration, image) in enumerate(pictures):
            first = pts if first is None else first
            native = planes_of(image, shown)
            writer.write(Frame(index=n, pts=pts - first, duration=duration, native=native))
