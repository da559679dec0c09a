"""Fitting what a frame from far away shows to the frame it is shown in: its light, and what the rim says of it."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from cleanplate.motion.complete import harmonic

BAND_PX = 3  # of 240: the rim that judges
LIGHT_LEVELS = 20.0  # a difference of so many levels of 255 at the rim is half believed to be one of light
GAIN_LIMITS = (0.5, 2.0)


def relit(shown: NDArray[np.float32], given: NDArray[np.float32], both: NDArray[np.bool_]) -> NDArray[np.float32]:
    """`shown` with the gain and offset of each channel by which it comes nearest to `given` where both are known."""
    step = max(1, int(np.count_nonzero(both)) // 4000)
    a, b = shown[both][::step].astype(np.float64), given[both][::step].astype(np.float64)
    out = np.empty_like(shown)
    for c in range(3):
        gain, offset = 1.0, float(np.median(b[:, c] - a[:, c]))
        for _ in range(3):
            left = np.abs(gain * a[:, c] + offset - b[:, c])
            good = left <= max(2.5 * float(np.median(left)), 1.0)
            x, y = a[good, c], b[good, c]
            spread = float(((x - x.mean()) ** 2).sum())
            gain = float(((x - x.mean()) * (y - y.mean())).sum()) / spread if spread > 25 * len(x) else 1.0
            if not GAIN_LIMITS[0] <= gain <= GAIN_LIMITS[1]:
                gain = 1.0
            offset = float(np.median(y - gain * x))
        out[..., c] = gain * shown[..., c] + offset
    return out


def judged(
    residual: NDArray[np.float32], both: NDArray[np.bool_], inside: NDArray[np.bool_], scale: int, unit: float
) -> NDArray[np.float32]:
    """Mean residual (3) and mean square (1) at the rim of a hole, spread harmonically over all: (h, w, 4).

    `residual` (h, w, 3): levels of 255; `both` (h, w): where it is known; `inside`: the hole. `scale`: how many times
    smaller the working pictures are; `unit`: their full frame's height / 240.
    """
    cell = 2 * scale
    band = round(BAND_PX * unit * scale)
    side = 2 * max(band, 1) + 1
    rim = both & (cv2.dilate(inside.view(np.uint8), np.ones((side, side), np.uint8)) > 0)
    square = (residual**2).mean(-1, keepdims=True)
    # What differs much is another thing, not other light: it says nothing of by how much to correct.
    told = np.concatenate([residual / (1 + square / LIGHT_LEVELS**2), square], -1) * rim[..., None]
    height, width = inside.shape
    size = max(width // cell, 1), max(height // cell, 1)
    hits = cv2.resize(rim.astype(np.float32), size, interpolation=cv2.INTER_AREA)
    mean = cv2.resize(told, size, interpolation=cv2.INTER_AREA) / np.maximum(hits, 1e-6)[..., None]
    spread = harmonic(np.asarray(mean, np.float32), hits > 0.01, default=0)
    return np.asarray(cv2.resize(spread, (width, height), interpolation=cv2.INTER_LINEAR), np.float32)
