"""How light differs from frame to frame: exposure that drifts, a lamp that is switched, a fade, flicker.

What is copied from a frame twice as bright has twice the contrast, which no offset mends. So colours are copied times
the ratio of both frames' light, found where nothing is hidden, on small pictures matched along dense flow.
"""

from __future__ import annotations

import threading
from collections.abc import Collection, Sequence
from concurrent.futures import Executor
from itertools import pairwise
from typing import Any

import cv2
import numba
import numpy as np
from numpy.typing import NDArray

from cleanplate.motion.kernels import KERNEL
from cleanplate.motion.small_flow import LEAST_PX, between, small_flow
from cleanplate.motion.warp import warp
from cleanplate.paint.sampling import DEEP
from cleanplate.paint.trace import FLOW, PLANE, Tracks, move

Small = NDArray[np.float32]  # (3, h, w) on the 0-255 scale, NaN = hidden

SMALL_PX = 64  # longer side of the pictures it is found on, about
SHOWING = (8.0, 247.0)  # outside these, levels of 255, a sample is crushed or clipped and tells no ratio
LEAST_SHARE = 0.05  # of the small picture that must tell one
MOST = 8.0  # times brighter or darker from one frame to the next; beyond it nothing is believed
PROBES = 6000  # samples that tell whether light changes at all
SAME = 0.006  # of the light: less within `DRIFT_PAIRS` on both sides of a pair is noise, and slower than any drift seen
DRIFT_PAIRS = 5
MENDED = 0.96  # of the difference between two frames: the most a ratio may leave, or else it is chance


def find_light(
    images: NDArray[Any],
    holes: NDArray[np.bool_],
    frames: Sequence[int],
    constant: Collection[int],
    pool: Executor,
) -> NDArray[np.float32]:
    """The light of each frame of `images` (T, H, W, 3) by channel, (T, 3), relative to that of the first of `frames`.

    All 1 where it does not vary, and for frames not among `frames`, which ascend. `holes`: (T, H, W); `constant`: see
    `unchanging`.
    """
    light = np.ones((len(images), 3))
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


def unchanging(images: NDArray[Any], holes: NDArray[np.bool_], tracks: Tracks, scale: int, pool: Executor) -> set[int]:
    """The frames whose light is that of the next, as far as that is seen along motion that is known already.

    One pair alone tells little: what is noise takes itself back. `scale`: how many times smaller the tracks are.
    """
    pairs = np.flatnonzero(tracks.places[:, 3]).tolist()
    changes = pool.map(lambda n: _change(images, holes, n, tracks, scale), pairs)
    small = {n: change for n, change in zip(pairs, changes, strict=True) if (np.abs(change) <= SAME).all()}
    found = set()
    for n in small:
        start, stop = n, n + 1
        while start - 1 in small and n - start < DRIFT_PAIRS:
            start -= 1
        while stop in small and stop - n <= DRIFT_PAIRS:
            stop += 1
        path = np.cumsum([np.zeros(3), *(small[m] for m in range(start, stop))], axis=0)
        if (np.ptp(path, axis=0) <= SAME).all():
            found.add(n)
    return found


def _change(images: NDArray[Any], holes: NDArray[np.bool_], n: int, tracks: Tracks, scale: int) -> NDArray[np.float64]:
    """How the light around the holes changes from frame `n` to the next, along their motion: log, by channel."""
    x0, y0, columns, rows = (scale * int(side) for side in tracks.places[n, 1:])
    step = max(1, round((columns * rows / PROBES) ** 0.5))
    box = x0 + step // 2, y0 + step // 2, min(x0 + columns, holes.shape[2]), min(y0 + rows, holes.shape[1])
    hypothesis = PLANE if tracks.is_planar[n] else FLOW
    then, now, count = _sums(images, holes, n, tracks.arrays, hypothesis, scale, box, step)
    if count < LEAST_SHARE * PROBES or not (then.all() and now.all()):
        return np.full(3, np.nan)
    return np.asarray(np.log(now / then), np.float64)


@numba.njit(**KERNEL)
def _sums(images, holes, n, paths, hypothesis, scale, box, stride):
    """The sums by channel (3) over samples of frame `n` in the box and of where they are in the next; how many."""
    flows, places, planes = paths[1:]
    height, width = holes.shape[1:]
    then, now, count = np.zeros(3), np.zeros(3), 0
    for y in range(box[1], box[3], stride):
        for x in range(box[0], box[2], stride):
            if holes[n, y, x]:
                continue
            u, v = move(flows, places[n], planes[n], 0, hypothesis, (x + 0.5) / scale - 0.5, (y + 0.5) / scale - 0.5)
            u, v = (u + 0.5) * scale - 0.5, (v + 0.5) * scale - 0.5
            if not (u >= 0 and v >= 0 and u < width - 1 and v < height - 1):
                continue
            i, j = int(u), int(v)
            if holes[n + 1, j, i] or holes[n + 1, j, i + 1] or holes[n + 1, j + 1, i] or holes[n + 1, j + 1, i + 1]:
                continue
            u -= i
            v -= j
            for c in range(3):
                then[c] += images[n, y, x, c]
                upper = (1 - u) * images[n + 1, j, i, c] + u * images[n + 1, j, i + 1, c]
                lower = (1 - u) * images[n + 1, j + 1, i, c] + u * images[n + 1, j + 1, i + 1, c]
                now[c] += (1 - v) * upper + v * lower
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
