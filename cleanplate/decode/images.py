"""A folder of images as a video."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np

from cleanplate.base.errors import MediaError, UsageError
from cleanplate.base.names import images_in
from cleanplate.base.pixels import PIXEL_FORMATS, stored_layout
from cleanplate.base.types import Color, Frame, Planes, VideoInfo
from cleanplate.decode.packets import MAX_PIXELS
from cleanplate.decode.reader import VideoReader
from cleanplate.decode.whole import is_damaged_png, picture_size


class ImageReader(VideoReader):
    """A folder of images of one size: one a frame, in natural order of their names."""

    def __init__(self, path: Path, rate: Fraction) -> None:
        self._paths = images_in(path)
        if not self._paths:
            raise UsageError(f"the folder '{path}' holds no images (png, jpg, tif, bmp or webp); give one that does")
        self.warnings = []
        self._check_headers()
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

    def glimpses(self, times: Sequence[int], apart_frames: int) -> Iterator[tuple[Planes, Planes]]:
        for index in times:
            if 0 <= index < len(self._paths) - apart_frames:
                yield self._read(index), self._read(index + apart_frames)

    def frames_at(self, times: Mapping[int, int]) -> Iterator[Frame]:
        for index in times:
            yield Frame(index=index, pts=index, duration=1, native=self._read(index))

    def _check_headers(self) -> None:
        """Whether all are whole and alike, before hours of work."""
        first = None
        for path in self._paths:
            size = _checked_size(path)
            first = first or size
            if sorted(size) != sorted(first):  # turned by its EXIF data, or not
                raise MediaError(
                    f"'{path}' is {size[0]}x{size[1]}, but the first image is {first[0]}x{first[1]}; "
                    "make them all one size"
                )

    def _read(self, index: int) -> Planes:
        return _read(self._paths[index])


def read_image(path: Path) -> Planes:
    """A picture's own samples. Raises `MediaError` for what is damaged, too large, no image, or of other samples."""
    _checked_size(path)
    return _read(path)


def _checked_size(path: Path) -> tuple[int, int]:
    """(width, height) as its header says. OpenCV reads half a JPEG without a word, and as many pixels as it is told."""
    size = picture_size(path)
    if size is None:
        raise MediaError(
            f"the image '{path}' is cut short or not an image, so it cannot be read; write it anew or take it out"
        )
    if not 0 < size[0] * size[1] <= MAX_PIXELS:
        raise MediaError(
            f"the image '{path}' says it is {size[0]}x{size[1]}, more than the {MAX_PIXELS // 2**20} million "
            "pixels that are read; make it smaller first"
        )
    return size


def _read(path: Path) -> Planes:
    # JPEG is read as shown (EXIF turn applied); for the others only UNCHANGED keeps alpha.
    is_jpeg = path.suffix.lower() in (".jpg", ".jpeg")
    flags = cv2.IMREAD_ANYCOLOR | cv2.IMREAD_ANYDEPTH if is_jpeg else cv2.IMREAD_UNCHANGED
    data = path.read_bytes()
    try:
        image = None if is_damaged_png(data) else cv2.imdecode(np.frombuffer(data, np.uint8), flags)
    except cv2.error:
        image = None
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
