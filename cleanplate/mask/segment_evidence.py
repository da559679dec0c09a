"""What tells an object from what is around it in one frame: histograms of colour, and of motion against the background.

Histograms and not a mixture of Gaussians, as GrabCut has them: they take one pass over the samples and no rounds of
their own, so that an object can be tried at many sizes.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import correlate1d

from cleanplate.base.types import Hole
from cleanplate.mask.background import against
from cleanplate.mask.edges import Guide
from cleanplate.motion.dis import DisFlow

_COLOR_BINS = 16
_LOWEST, _SPAN = np.array([0, -40, -40], np.float32), np.array([100, 100, 110], np.float32)  # of L, a and b
_MOTION_BINS = 24
_STILL_PX = 0.3  # background's flow is not trusted to be better than this
_MOTION_SPAN = 4.0  # in asinh of half the motion over its noise: 55 times the noise
_COLOR_FLOOR, _MOTION_FLOOR = 2e-4, 1e-3  # share of what was never met
_MOST_COLOR, _MOST_MOTION = 2.5, 3.0  # logits
_GUIDE_RADIUS_PX, _GUIDE_EPS = 4, 1.0


@dataclass(frozen=True, kw_only=True, eq=False)
class Evidence:
    """A frame, or a part of it, at the size it is looked at."""

    lab: NDArray[np.float32]  # (h, w, 3), L 0-100
    guide: Guide
    colors: NDArray[np.intp]  # (h, w): bin of each sample
    motions: tuple[NDArray[np.intp], ...]  # (h, w) each: bin of its motion to each neighbouring frame

    def odds(self, inside: NDArray[np.float32], outside: NDArray[np.float32]) -> NDArray[np.float32]:
        """How much likelier each sample is the object, a logit (h, w), learned from these weights (h, w) of samples."""
        total = _odds(self.colors, (_COLOR_BINS,) * 3, inside, outside, _COLOR_FLOOR, _MOST_COLOR)
        for motion in self.motions:
            odds = _odds(motion, (_MOTION_BINS,) * 2, inside, outside, _MOTION_FLOOR, _MOST_MOTION)
            total += odds / np.float32(len(self.motions))
        return total


def look(lab: NDArray[np.float32], motions: Sequence[NDArray[np.float32]]) -> Evidence:
    """The evidence of a picture (h, w, 3) and its `movements`, (h, w, 2) each."""
    return Evidence(
        lab=lab,
        guide=Guide(lab, _GUIDE_RADIUS_PX, _GUIDE_EPS),
        colors=_bins((lab - _LOWEST) / _SPAN, _COLOR_BINS),
        motions=tuple(_bins(motion / (2 * _MOTION_SPAN) + np.float32(0.5), _MOTION_BINS) for motion in motions),
    )


def movements(
    gray: NDArray[np.uint8], near: Sequence[NDArray[np.uint8]], outside: Hole
) -> tuple[NDArray[np.float32], ...]:
    """Motion (h, w, 2) to each neighbour, the background's taken away: asinh of half of it over its noise.

    gray, near: (h, w). outside: (h, w), where the background is learned. What moves little is told apart finely, what
    moves far coarsely.
    """
    dis, found = DisFlow(), []
    for other in near:
        moved = against(dis.pair(gray, other), outside)
        length = cv2.magnitude(moved[..., 0], moved[..., 1])
        noise = max(float(np.median(length[outside])) if outside.any() else 0.0, _STILL_PX)
        found.append(np.arcsinh(moved / np.float32(2 * noise)))
    return tuple(found)


def _bins(values: NDArray[np.float32], count: int) -> NDArray[np.intp]:
    """One number for the bins of all channels (h, w, C), values 0-1."""
    each = np.rint(np.clip(values, 0, 1) * (count - 1)).astype(np.intp)
    total = each[..., 0]
    for n in range(1, each.shape[-1]):
        total = total * count + each[..., n]
    return total


def _odds(
    bins: NDArray[np.intp],
    shape: tuple[int, ...],
    inside: NDArray[np.float32],
    outside: NDArray[np.float32],
    floor: float,
    most: float,
) -> NDArray[np.float32]:
    shares = []
    for weights in (inside, outside):
        counts = _soften(np.bincount(bins.ravel(), weights.ravel(), math.prod(shape)).astype(np.float64).reshape(shape))
        shares.append(counts / max(float(counts.sum()), 1e-6) + floor)
    odds = np.clip(np.log(shares[0] / shares[1]), -most, most).astype(np.float32)
    return np.asarray(odds.ravel()[bins])


def _soften(counts: NDArray[np.float64]) -> NDArray[np.float64]:
    """Each bin shared with its neighbours: 1 2 1 along each axis."""
    for axis in range(counts.ndim):
        counts = correlate1d(counts, (0.25, 0.5, 0.25), axis, mode="nearest")
    return counts
