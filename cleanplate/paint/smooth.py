"""Each frame by itself, filled smoothly: what `flowfill` falls back to, and the yardstick for what it adds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import cv2
import numba
import numpy as np
from numpy.typing import NDArray

from cleanplate.base.types import INVENTED, Clip, Painting
from cleanplate.motion.complete import harmonic
from cleanplate.motion.kernels import KERNEL
from cleanplate.paint.engine import Engine
from cleanplate.paint.looks import bounds
from cleanplate.paint.sampling import DEEP, MID_GRAY

CONTEXT_PX = 8  # what the smooth fill sees around the hole; one is 0.1 dB worse, more the same


@dataclass(frozen=True, kw_only=True)
class SmoothOptions:
    """There is nothing to choose."""


class Smooth(Engine):
    """The harmonic solution: the smoothest surface that meets the hole's border (`motion/complete.py`)."""

    Options = SmoothOptions

    def fill(self, clip: Clip) -> Painting:
        """Paint each frame of the core from its own border. See `Engine.fill`."""
        first, stop = clip.core_range
        images = np.array(clip.images[first:stop])
        origin = np.zeros(images.shape[:3], np.uint8)
        for image, hole, mark in zip(images, np.asarray(clip.holes[first:stop]), origin, strict=True):
            if hole.any():
                filled, corner_xy = smooth(image, hole)
                put(filled, hole, corner_xy, image)
                mark[hole] = INVENTED
        return Painting(images=images, origin=origin)


def smooth(image: NDArray[Any], hole: NDArray[np.bool_], step: int = 1) -> tuple[NDArray[np.float32], tuple[int, int]]:
    """The part (h, w, 3) of a frame that contains the hole (H, W), filled, on the 0-255 scale, and its corner x, y.

    `step`: only every so many'th sample each way is worked on, for what is hardly going to be seen.
    """
    x0, y0, x1, y1 = bounds(hole, CONTEXT_PX)
    part = np.s_[y0:y1:step, x0:x1:step]
    one = np.float32(DEEP if image.dtype == np.uint16 else 1)
    filled = harmonic(image[part].astype(np.float32) / one, ~hole[part], default=MID_GRAY)
    if step > 1:
        filled = np.asarray(cv2.resize(filled, (x1 - x0, y1 - y0)), np.float32)
    return filled, (x0, y0)


def put(filled: NDArray[np.float32], hole: NDArray[np.bool_], corner_xy: tuple[int, int], image: NDArray[Any]) -> None:
    """Write what `smooth` returned, or what was made of it, into the hole of the frame `image` (H, W, 3)."""
    one = np.float32(DEEP if image.dtype == np.uint16 else 1)
    _write(filled, np.asarray(hole), *corner_xy, one, np.float32(np.iinfo(image.dtype).max), image)


@numba.njit(**KERNEL)
def _write(filled, hole, x0, y0, one, top, image):
    for y in range(filled.shape[0]):
        for x in range(filled.shape[1]):
            if hole[y0 + y, x0 + x]:
                for c in range(3):
                    image[y0 + y, x0 + x, c] = min(max(np.rint(filled[y, x, c] * one), np.float32(0)), top)
