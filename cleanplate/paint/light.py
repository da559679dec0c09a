"""How light differs from frame to frame: exposure that drifts, a lamp that is switched, a fade, flicker.

What is copied from a frame twice as bright has twice the contrast, which no offset mends. So colours are copied times
the ratio of both frames' light, found where nothing is hidden, on small pictures matched along dense flow.
"""

# numba gives the kernels their types from the arrays they are called with
# ruff: noqa: ANN001, ANN202

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from concurrent.futures import Executor
from itertools import pairwise
from typing import Any

import cv2
import numba
import numpy as np
from numpy.typing import NDArray

from cleanplate.motion.camera import moved_by
from cleanplate.motion.kernels import KERNEL
from cleanplate.motion.small_flow import LEAST_PX, between, small_flow
from cleanplate.motion.warp import warp
from cleanplate.paint.sampling import DEEP

Small = NDArray[np.float32]  # (3, h, w) on the 0-255 scale, NaN = hidden

SMALL_PX = 64  # longer side of the pictures it is found on, about
SHOWING = (8.0, 247.0)  # outside these, levels of 255, a sample is crushed or clipped and tells no ratio
LEAST_SHARE = 0.05  # of the small picture that must tell one
MOST = 8.0  # times brighter or darker from one frame to the next; beyond it nothing is believed
PROBES = 6000  # samples that tell whether light changes at all where the motion is one plane
SAME = 0.002  # of the light: less is noise
MENDED = 0.96  # of the difference between two frames: the most a ratio may leave, or else it is chance


def find_light(
    images: NDArray[Any],
    holes: NDArray[np.bool_],
    frames: Sequence[int],
    known_planes: Mapping[int, NDArray[np.float64]],
    pool: Executor,
) -> NDArray[np.float32]:
    """The light of each frame of `images` (T, H, W, 3) by channel, (T, 3), relative to that of the first of `frames`.

    All 1 where it does not vary, and for frames not among `frames`, which ascend. `holes`: (T, H, W). `known_planes`:
    for frames to the next of which everything moves as one plane, that plane (3, 3), in pixels.
    """
    light = np.ones((len(images), 3))
    constant = set(pool.map(lambda n: n if _is_same(images, holes, n, known_planes[n]) else -1, known_planes))
    asked = [t for t in frames if t not in constant or t - 1 not in constant]
    smalls = dict(zip(asked, pool.map(lambda t: _small(images[t], np.asarray(holes[t])), asked), strict=True))
    telling = [t for t in asked if _tells(smalls[t]).mean() > LEAST_SHARE]
    local = threading.local()  # DIS keeps buffers: one a thread

    def between_frames(pair: tuple[int, int]) -> NDArray[np.float64]:
        if all(n in constant for n in range(*pair)):
            return np.ones(3)
        if not hasattr(local, "flow"):
            local.flow = small_flow(finest_scale=1)
        return _ratio(smalls[pair[0]], smalls[pair[1]], local.flow)

    steps = list(pool.map(between_frames, pairwise(telling)))
    for (_, t), step in zip(pairwise(telling), steps, strict=True):
        light[t:] *= step
    light[[t for t in range(len(images)) if t not in frames]] = 1
    return light.astype(np.float32)


def _is_same(images: NDArray[Any], holes: NDArray[np.bool_], n: int, plane: NDArray[np.float64]) -> bool:
    """Whether the light of frame `n` is that of the next, to which its samples are taken by a plane."""
    step = max(1, round((holes.shape[1] * holes.shape[2] / PROBES) ** 0.5))
    then, now, count = _sums(images, holes, n, plane, step)
    return bool(count >= LEAST_SHARE * PROBES and (np.abs(now - then) <= SAME * then).all())


@numba.njit(**KERNEL)
def _sums(images, holes, n, plane, step):  # type: ignore[no-untyped-def]
    """The sums by channel (3) over samples of frame `n` and the nearest to where they are in the next; how many."""
    height, width = holes.shape[1:]
    then, now, count = np.zeros(3), np.zeros(3), 0
    for y in range(step // 2, height, step):
        for x in range(step // 2, width, step):
            u, v = moved_by(plane, x, y)
            if holes[n, y, x] or not (u >= 0 and v >= 0 and u <= width - 1 and v <= height - 1):
                continue
            i, j = int(u + 0.5), int(v + 0.5)
            if holes[n + 1, j, i]:
                continue
            for c in range(3):
                then[c] += images[n, y, x, c]
                now[c] += images[n + 1, j, i, c]
            count += 1
    return then, now, count


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
