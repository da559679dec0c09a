"""Small pictures, on which a whole video's camera motion is found at little cost."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from cleanplate.base.arrays import bounding_box, grow_box
from cleanplate.motion.complete import harmonic
from cleanplate.motion.dis import DisFlow
from cleanplate.motion.register import enlarging, in_view

LONGEST_PX = 192
"longer side, at most"
MID_GRAY = 127.5


class SmallView:
    """Makes frames of one size small. What holes hide is not looked at."""

    def __init__(self, width_px: int, height_px: int) -> None:
        shrink = max(1.0, max(width_px, height_px) / LONGEST_PX)
        self.size = max(round(width_px / shrink), 1), max(round(height_px / shrink), 1)
        "width and height of the small picture"
        sx, sy = width_px / self.size[0], height_px / self.size[1]
        self._enlarge = enlarging(sx, sy)

    def look(
        self, luma: NDArray[Any], bit_depth: int, hole: NDArray[np.bool_] | None
    ) -> tuple[NDArray[np.uint8], NDArray[np.bool_]]:
        """The small gray picture (h, w), its hole filled smoothly, and what of it is known (h, w).

        `luma`: (H, W) uint8, or with `bit_depth` bits in its low bits; `hole`: (H, W), None = no hole.
        """
        step = max(1, luma.shape[1] // (2 * self.size[0]))  # four samples of a block tell as much as all
        picked = np.ascontiguousarray(luma[::step, ::step]).astype(np.float32)
        level = np.float32(2.0 ** (8 - bit_depth))
        if hole is None or not hole.any():
            gray = cv2.resize(picked, self.size, interpolation=cv2.INTER_AREA) * level
            return np.rint(gray).astype(np.uint8), np.ones(gray.shape, np.bool_)
        seen = (~hole[::step, ::step]).astype(np.float32)
        share = cv2.resize(seen, self.size, interpolation=cv2.INTER_AREA)
        gray = cv2.resize(picked * seen, self.size, interpolation=cv2.INTER_AREA) * level / np.maximum(share, 0.01)
        known = share > 0.99
        box = bounding_box(~known)
        if box is not None:
            x0, y0, x1, y1 = grow_box(box, 1, *self.size)
            part = np.s_[y0:y1, x0:x1]
            gray[part] = harmonic(np.asarray(gray[part][..., None], np.float32), known[part], default=MID_GRAY)[..., 0]
        return np.rint(gray).astype(np.uint8), np.asarray(known)

    def at_full_size(self, planes: NDArray[np.float64]) -> NDArray[np.float64]:
        """Planes (..., 3, 3) between small pictures as planes between the frames."""
        return in_view(planes, self._enlarge)

    def at_small_size(self, planes: NDArray[np.float64]) -> NDArray[np.float64]:
        """The other way round."""
        return in_view(planes, np.linalg.inv(self._enlarge))


def view_flow() -> DisFlow:
    """The flow that small pictures are brought together with."""
    return DisFlow(finest_scale=0, patch_px=8, stride_px=4, refinements=0)
