"""What stirs: has changed within about a second, more than the picture does anyway."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from cleanplate.base.types import Hole
from cleanplate.motion.register import Plane

STILL_SECONDS = 1.0
"what has not changed for so long does not stir"
_LEAST_LEVELS = 7.0  # beyond what 95 % of the background change by


class Stir:
    """The darkest and the brightest each sample was in this half of a second and in the one before."""

    def __init__(self, frames_per_second: float) -> None:
        self._half_frames = max(1, int(STILL_SECONDS * frames_per_second / 2))
        self._frames = 0
        self._bounds: list[NDArray[np.float32]] = []  # (h, w, 2): lowest and highest, the earlier half first

    def step(self, gray: NDArray[np.uint8], way: Plane, outside: Hole) -> Hole:
        """Where the next frame (h, w) stirs. `way` takes its points to the last one's; `outside`: the background."""
        smooth = cv2.blur(gray.astype(np.float32), (3, 3))
        here = np.asarray(np.dstack([smooth, smooth]), np.float32)
        if not np.array_equal(way, np.eye(3)):
            self._bounds = [seen_from(bounds, way, here) for bounds in self._bounds]
        if self._frames % self._half_frames == 0:
            self._bounds = [*self._bounds[-1:], here]
        self._frames += 1
        now = self._bounds[-1]
        np.minimum(now[..., 0], smooth, out=now[..., 0])
        np.maximum(now[..., 1], smooth, out=now[..., 1])
        change = np.maximum(self._bounds[0][..., 1], now[..., 1]) - np.minimum(self._bounds[0][..., 0], now[..., 0])
        usual = float(np.percentile(change[outside], 95)) if outside.any() else 0.0
        return np.asarray(change > usual + _LEAST_LEVELS)


def seen_from(
    values: NDArray[np.float32], way: Plane, beyond: NDArray[np.float32] | None = None
) -> NDArray[np.float32]:
    """Values (h, w) or (h, w, C) of the last frame, in the view of the next; `beyond` where that saw nothing, or 0."""
    moved = np.zeros_like(values) if beyond is None else beyond.copy()
    how = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    cv2.warpPerspective(values, way, values.shape[1::-1], dst=moved, flags=how, borderMode=cv2.BORDER_TRANSPARENT)
    return moved
