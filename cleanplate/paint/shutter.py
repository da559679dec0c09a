"""Motion blur: paint copied from a sharp frame is blurred as the frame it is pasted into.

While the shutter is open the camera moves on: what stands still is smeared along the camera's motion, over a share of
the way to the next frame that is the same for the whole shot. That share is found on what two frames show that the
camera moved differently in: the sharper one, blurred by the difference, must come nearest to the other.
"""

from __future__ import annotations

from concurrent.futures import Executor
from functools import partial
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from cleanplate.motion.register import carried, from_corner
from cleanplate.paint.judge import Candidates
from cleanplate.paint.looks import bounds
from cleanplate.paint.trace import Tracks

# Lengths marked "of 240" are pixels of a frame 240 lines high and grow with it; the others are working pixels.
AROUND_PX = 64  # of 240: how far from the hole frames are compared
STEP_FRAMES = 4  # from one of the frames that are compared to the other
LEAST_PX = 2.0  # by so much the ways of two frames must differ in length
MOST_PAIRS = 8  # those that differ most are compared
SHARES = (0.25, 0.5, 0.75, 1.0)  # of the time from frame to frame that the shutter may be open
LEAST_GAIN = 0.2  # of the difference of two frames that it must explain
FLAT_PX = 9  # what is broader is light, not sharpness
LEAST_DEVIATION = 0.35  # samples of full size: a narrower blur is not seen
SPREAD = 1 / 12  # variance of what is spread evenly over a length of 1

Covariance = NDArray[np.float64]  # (2, 2) px^2: how a point is spread


def find_blur(tracks: Tracks, scale: int, unit: float, pool: Executor) -> NDArray[np.float64] | None:
    """How the camera's motion spreads the points of each frame, (T, 2, 2) squared samples of full size; None: not.

    `scale`, `unit`: see `find_tracks`.
    """
    if len(tracks.masked) <= STEP_FRAMES:
        return None
    ways = _ways(tracks)
    length = np.hypot(ways[:, 0], ways[:, 1])
    apart = np.abs(length[STEP_FRAMES:] - length[:-STEP_FRAMES])
    is_linked = np.convolve(tracks.places[:, 3] > 0, np.ones(STEP_FRAMES), "valid") == STEP_FRAMES
    apart[~is_linked[: len(apart)]] = 0
    pairs = [n for n in np.argsort(-apart, kind="stable")[:MOST_PAIRS].tolist() if apart[n] > LEAST_PX]
    if not pairs:
        return None
    spread = SPREAD * ways[:, :, None] * ways[:, None, :]
    missed = np.sum(list(pool.map(partial(_missed, tracks, spread, round(AROUND_PX * unit)), pairs)), axis=0)
    best = int(np.argmin(missed))
    if missed[best] > (1 - LEAST_GAIN) * missed[0]:
        return None
    return np.asarray((scale * (0.0, *SHARES)[best]) ** 2 * spread)


def lacking(blur: NDArray[np.float64], found: Candidates, t: int) -> Covariance | None:
    """By how much what the candidates for frame `t` show is sharper than the frame; None where that is not seen."""
    weight = np.where(found.frame >= 0, found.weight, 0).astype(np.float64)
    share = weight / (1 + weight.sum(0))  # of the smooth fill 1
    told = np.bincount(np.maximum(found.frame, 0).ravel(), share.ravel(), len(blur))
    if told.sum() <= 0:
        return None
    values, axes = np.linalg.eigh(blur[t] - np.tensordot(told / told.sum(), blur, 1))
    values = np.maximum(values, 0)
    return None if values.max() < LEAST_DEVIATION**2 else np.asarray((axes * values) @ axes.T)


def blurred(picture: NDArray[Any], spread: Covariance) -> NDArray[np.float32]:
    """A picture (h, w, ...) whose points are spread so, normally."""
    values, axes = np.linalg.eigh(spread)
    radius = int(np.ceil(3 * np.sqrt(values.max())))
    y, x = np.mgrid[-radius : radius + 1, -radius : radius + 1]
    along = np.stack([x, y], -1) @ axes
    kernel = np.exp(-0.5 * (along**2 / np.maximum(values, 0.01)).sum(-1))
    out = cv2.filter2D(picture.astype(np.float32), -1, kernel / kernel.sum(), borderType=cv2.BORDER_REPLICATE)
    return np.asarray(out, np.float32)


def _ways(tracks: Tracks) -> NDArray[np.float64]:
    """How far (T, 2) px the camera takes what lies at the holes from a frame to the next, on the mean of both sides."""
    count = len(tracks.masked)
    ways, sides = np.zeros((count, 2)), np.zeros(count)
    for t in range(count):
        if not tracks.masked[t].any():
            continue
        x0, y0, x1, y1 = bounds(tracks.masked[t], 0)
        point = np.array([[[(x0 + x1 - 1) / 2, (y0 + y1 - 1) / 2]]])
        for pair, way, sign in ((t, 0, 1), (t - 1, 1, -1)):
            if 0 <= pair < len(tracks.places) and tracks.places[pair, 3]:
                moved = cv2.perspectiveTransform(point, tracks.planes[pair, way])
                ways[t] += sign * (moved - point)[0, 0]
                sides[t] += 1
    return ways / np.maximum(sides, 1)[:, None]


def _missed(tracks: Tracks, spread: NDArray[np.float64], around_px: int, n: int) -> NDArray[np.float64]:
    """Squared difference of frame `n` and the one a few on for each share, that of none first."""
    dull, sharp = sorted((n, n + STEP_FRAMES), key=lambda t: -float(np.trace(spread[t])))
    plane = np.eye(3)
    for pair in range(n, n + STEP_FRAMES) if dull == n else range(n + STEP_FRAMES - 1, n - 1, -1):
        plane = tracks.planes[pair, 0 if dull == n else 1] @ plane
    x0, y0, x1, y1 = bounds(tracks.masked[dull], around_px)
    there, size = plane @ from_corner(x0, y0), (x1 - x0, y1 - y0)
    shown = carried(tracks.gray[sharp], there, size, cv2.INTER_CUBIC).astype(np.float32)
    known = carried((~tracks.masked[sharp]).astype(np.float32), there, size, cv2.INTER_NEAREST) > 0.999
    # As far from what is not known as its blur may reach.
    known = cv2.erode((known & ~tracks.masked[dull, y0:y1, x0:x1]).astype(np.uint8), np.ones((15, 15), np.uint8)) > 0
    given = tracks.gray[dull, y0:y1, x0:x1].astype(np.float32)
    values, axes = np.linalg.eigh(spread[dull] - spread[sharp])
    more = (axes * np.maximum(values, 0)) @ axes.T
    missed = []
    for share in (0.0, *SHARES):
        left = given - (blurred(shown, share**2 * more) if share else shown)
        left -= cv2.blur(left, (FLAT_PX, FLAT_PX))
        missed.append(float((left[known] ** 2).sum()))
    return np.array(missed)
