"""A folder of PNGs being written: 8 bit where the source has 8, else 16 bit at full scale."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from cleanplate.base.color import to_rgb
from cleanplate.base.types import Frame, Planes, VideoInfo


class FolderSink:
    """Writes each frame into the folder `part`, named like the source's image or numbered from 00000."""

    codec_name = "png"
    later_s = Fraction(0)

    def __init__(self, part: Path, info: VideoInfo) -> None:
        self._part = part
        self.warnings: list[str] = []
        if not info.image_paths:
            lost = sorted({"timestamps", *(stream.kind for stream in info.streams)})
            self.warnings.append(f"a folder of images holds pictures only: {', '.join(lost)} were left out")
        stems = [path.stem for path in info.image_paths]
        is_clear = len({stem.lower() for stem in stems}) == len(stems)
        self._names = stems if is_clear else [path.name for path in info.image_paths]
        part.mkdir()

    def write(self, frame: Frame) -> None:
        """Write one picture."""
        assert frame.native is not None
        name = self._names[frame.index] if self._names else f"{frame.index:05d}"
        path = self._part / f"{name}.png"
        if not cv2.imwrite(str(path), _bgr(frame.native)):
            raise OSError(f"the image {path.name} was refused")

    def finish(self) -> None:
        """Every image is whole already."""

    def close(self) -> None:
        """Nothing is held open."""


def _bgr(planes: Planes) -> NDArray[Any]:
    """(H, W), (H, W, 3) or (H, W, 4) in OpenCV's order: blue, green, red, alpha."""
    layout = planes.layout
    rgb = to_rgb(planes, (0, 0, planes.width_px, planes.height_px))
    if layout.has_alpha:
        alpha = planes.arrays[-1]
        if layout.bit_depth not in (8, 16):
            alpha = np.rint(alpha * (65535.0 / (2**layout.bit_depth - 1))).astype(np.uint16)
        return np.dstack([rgb[..., ::-1], alpha])
    return np.ascontiguousarray(rgb[..., 0] if layout.model == "gray" else rgb[..., ::-1])
