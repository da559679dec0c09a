"""How light differs from frame to frame: exposure that drifts, a lamp that is switched, a fade, flicker.

What is copied from a frame twice as bright has twice the contrast, which no offset mends. So colours are copied times
the ratio of both frames' light, found where nothing is hidden, on small pictures matched along dense flow.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from concurrent.futures import Executor
from itertools import pairwise
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from cleanplate.motion.small_flow import LEAST_PX, between, small_flow
from cleanplate.motion.warp import warp
from cleanplate.paint.sampling import DEEP

Small = NDArray[np.float32]  # (3, h, w) on the 0-255 scale, NaN = hidden

SMALL_PX = 64  # longer side of the pictures it is found on, about
SHOWING = (8.0, 247.0)  # outside these, levels of 255, a sample is crushed or clipped and tells no ratio
LEAST_SHARE = 0.05  # of the small picture that must tell one
MOST = 8.0  # times brighter or darker from one frame to the next; beyond it nothing is believed
MENDED = 0.96  # of the difference between two frames: the most a ratio may leave, or else it is chance


def find_light(
    images: NDArray[Any], holes: NDArray[np.bool_], frames: Sequence[int], pool: Executor
) -> NDArray[np.float32]:
    """The light of each frame of `images` (T, H, W, 3) by channel, (T, 3), relative to that of the first of `frames`.

    All 1 where it does not vary, and for frames not among `frames`, which ascend. `holes`: (T, H, W).
    """
    light = np.ones((len(images), 3), np.float32)
    smalls = dict(zip(frames, pool.map(lambda t: _small(images[t], np.asarray(holes[t])), frames), strict=True))
    telling = [t for t in frames if _tells(smalls[t]).mean() > LEAST_SHARE]
    local = threading.local()  # DIS keeps buffers: one a thread

    def between_frames(pair: tuple[int, int]) -> NDArray[np.float64]:
        if not hasattr(local, "flow"):
            local.flow = small_flow(finest_scale=1)
        return _ratio(smalls[pair[0]], smalls[pair[1]], local.flow)

    steps = list(pool.map(between_frames, pairwise(telling)))
    if steps:
        light[telling[1:]] = np.cumprod(steps, axis=0)
    return light


def _small(image: NDArray[Any], hole: NDArray[np.bool_]) -> Small:
    step = max(1, max(hole.shape) // (8 * SMALL_PX))  # fewer samples would alias: bricks in a zoom grew 20 % darker
    seen = np.ascontiguousarray(~hole[::step, ::step]).view(np.uint8)
    size = tuple(max(round(n * SMALL_PX / max(seen.shape)), 1) for n in seen.shape[::-1])
    share = cv2.resize(seen.astype(np.float32), size, interpolation=cv2.INTER_AREA)
    blank = cv2.copyTo(np.ascontiguousarray(image[::step, ::step]), seen)
    light = cv2.resize(blank, size, interpolation=cv2.INTER_AREA)
    mean = light.transpose(2, 0, 1) / (np.maximum(share, 0.01) * np.float32(DEEP if image.dtype == np.uint16 else 1))
    return np.where(share > 0.5, mean, np.float32(np.nan))


def _tells(small: Small) -> NDArray[np.bool_]:
    """Samples (h, w) that are in sight, and neither crushed nor clipped."""
    return np.asarray(((small > SHOWING[0]) & (small < SHOWING[1])).all(0))  # NaN is neither


def _ratio(first: Small, second: Small, flow: cv2.DISOpticalFlow) -> NDArray[np.float64]:
    """How much brighter the second picture is, by channel (3): the median over samples matched along their motion."""
    ratio = _median_ratio(first, second)
    if min(first.shape[1:]) < LEAST_PX:
        return ratio
    gray = []
    for bright in ((first * ratio[:, None, None]).mean(0), second.mean(0)):
        known = np.isfinite(bright)
        gray.append(np.clip(np.where(known, bright, bright[known].mean()), 0, 255).astype(np.uint8))
    motion = between(flow, *gray)
    return _median_ratio(first, np.stack([warp(channel, motion)[0] for channel in second]))


def _median_ratio(first: Small, second: Small) -> NDArray[np.float64]:
    known = _tells(first) & _tells(second)
    if known.mean() < LEAST_SHARE:
        return np.ones(3)
    then, now = first[:, known], second[:, known]
    found: NDArray[np.float64] = np.median(now / then, axis=1).astype(np.float64)
    left = np.abs(now - then * found[:, None]).sum()
    if not (np.abs(np.log(found)) < np.log(MOST)).all() or left > MENDED * np.abs(now - then).sum():
        return np.ones(3)
    return found
