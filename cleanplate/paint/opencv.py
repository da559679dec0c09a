"""Each frame by itself: the two classic fills of OpenCV. Blind to time, and the yardstick for everything else."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import cv2
import numpy as np
from numpy.typing import NDArray

from cleanplate.base.errors import UsageError
from cleanplate.base.types import INVENTED, Clip, Painting
from cleanplate.paint.engine import Engine

MID_GRAY = 128 / 255  # where a frame shows nothing at all


@dataclass(frozen=True, kw_only=True)
class OpenCvOptions:
    """The knob of both fills."""

    radius_px: float = 3.0
    "how far around a point its known neighbours count, in frame pixels"

    def __post_init__(self) -> None:
        if not 1 <= self.radius_px <= 100:
            raise UsageError(f"radius_px is {self.radius_px:g}, but must lie between 1 and 100 pixels")


class _PerFrame(Engine):
    Options = OpenCvOptions
    method: ClassVar[int]

    def fill(self, clip: Clip) -> Painting:
        """Paint each frame of the core from its own surroundings. See `Engine.fill`."""
        first, stop = clip.core_range
        images = np.array(clip.images[first:stop])
        origin = np.zeros(images.shape[:3], np.uint8)
        for image, hole, mark in zip(images, clip.holes[first:stop], origin, strict=True):
            if hole.all():
                image[...] = round(MID_GRAY * np.iinfo(image.dtype).max)
            elif hole.any():
                self._paint(image, np.asarray(hole))
            mark[hole] = INVENTED
        return Painting(images=images, origin=origin)

    def _paint(self, image: NDArray[Any], hole: NDArray[np.bool_]) -> None:
        # OpenCV reads no farther than the radius and two pixels around the hole
        margin = int(np.ceil(self.options.radius_px)) + 2
        rows, columns = np.flatnonzero(hole.any(1)), np.flatnonzero(hole.any(0))
        part = np.s_[
            max(rows[0] - margin, 0) : rows[-1] + 1 + margin, max(columns[0] - margin, 0) : columns[-1] + 1 + margin
        ]
        inside = hole[part]
        known = np.where(inside[..., None], 0, image[part]).astype(image.dtype)
        mask = inside.astype(np.uint8)
        radius = self.options.radius_px
        if image.dtype == np.uint8:
            filled = cv2.inpaint(known, mask, radius, self.method)
        else:  # OpenCV takes deep pictures one channel at a time
            filled = np.stack(
                [cv2.inpaint(np.ascontiguousarray(known[..., c]), mask, radius, self.method) for c in range(3)], -1
            )
        image[part][inside] = filled[inside]


class Telea(_PerFrame):
    """Fast marching (Telea, "An image inpainting technique based on the fast marching method", 2004)."""

    method = cv2.INPAINT_TELEA


class NavierStokes(_PerFrame):
    """Fluid dynamics (Bertalmio et al., "Navier-Stokes, fluid dynamics, and image and video inpainting", 2001)."""

    method = cv2.INPAINT_NS
