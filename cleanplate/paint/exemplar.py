"""Inventing the unseen part of one picture from patches of its seen part.

PatchMatch (Barnes et al. 2009) inside coarse-to-fine patch voting (Wexler et al. 2007), with averaged gradients beside
the colours so that texture is not taken for the flat colour it averages to (Newson et al. 2014). The coarsest level is
grown inward ring by ring, as a smooth start would collapse to flat patches; for the same reason what a level hands to
the next finer one is *where* patches come from, never the picture, and the last picture copies instead of mixing; its
joints are hidden by Poisson's equation (Perez et al. 2003).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from cleanplate.paint.patches import SIDE_PX, choose, enlarge, mend, search, vote
from cleanplate.paint.sampling import DEEP
from cleanplate.paint.smooth import put, smooth

TEXTURE_WEIGHT, TEXTURE_WINDOW_PX = 3.0, 5
TINT_FLOOR, TINT_WEIGHT, TINT_DEPTH_PX = (
    0.05,
    0.7,
    4.0,
)  # what mean colours count beside samples, deep inside and at the border
# The coarsest level: half the hole's width at most, the picture's side and the number of sources at least
DEEPEST_PX, LEAST_SIDE_PX, LEAST_SOURCES = 5, 24, 64
SEARCHED_LINES = 480  # finer levels take their patches from where the level below found them
RING_SWEEPS = 12  # of the search in each ring
ROUNDS = (10, 4, 2)  # of searching and voting: at the coarsest level, at those between, at the finest
SWEEPS = 3  # of the search in each round
SPREAD = 0.1  # of the voting weights, see `_spread`; 1 loses a fifth of the texture's energy
# A source so many picture heights away must be better by FAR_COST (mean square, levels of 255); without, a hole in
# coarse texture ends with half of its energy. Less far up and down, where pictures change most.
FAR_COST, FAR_X, FAR_Y = 900.0, 0.5, 0.25
MEND_SWEEPS = 5  # takes away steps, not slow changes: 20 would smear edges that do not meet


@dataclass(kw_only=True, eq=False)
class _Level:
    """One size of the picture. Features are whole numbers of 0-255, so sums of squares are exact in any order."""

    features: NDArray[np.float32]  # (h, w, 5): red, green, blue, |d/dx|, |d/dy|
    known: NDArray[np.bool_]  # (h, w)
    source: NDArray[np.bool_]  # (h, w): centres of patches that are known throughout
    wanted: NDArray[np.bool_]  # (h, w): centres of patches that are not
    tint: NDArray[np.float32]  # (h, w, 4): means of patches of about the right colours; how much these count


def exemplar(image: NDArray[Any], hole: NDArray[np.bool_], seed: int = 0, *, is_tinted: bool = False) -> NDArray[Any]:
    """A copy of `image` (H, W, 3), uint8 or uint16, whose hole (H, W) continues the texture around it.

    What is not in the hole stays as it is. `is_tinted`: the image has about the right colours in the hole; else those
    of a smooth fill serve. That is also what is returned where no patch is known throughout. The same arguments give
    the same bytes.
    """
    painted = np.array(image)
    if not hole.any():
        return painted
    if not is_tinted:
        filled, corner_xy = smooth(image, hole)
        put(filled, hole, corner_xy, painted)
    levels = _pyramid(painted, hole)
    if not levels:
        return painted
    random = np.array([2 * seed + 1], np.uint64)
    nearest, distance = _grow(levels[-1], random)
    for n in range(len(levels) - 1, -1, -1):
        level = levels[n]
        if n < len(levels) - 1:
            nearest, distance = enlarge(nearest, distance, level.source, level.wanted)
            vote(level.features, level.known, nearest, distance, _spread(distance))
        is_searched = n == len(levels) - 1 or level.known.shape[0] <= SEARCHED_LINES
        for _ in range(ROUNDS[0 if n == len(levels) - 1 else 1 if n else 2] if is_searched else 0):
            search(level.features, np.ones_like(level.known), level.source, level.wanted, level.tint, nearest, distance,
                    SWEEPS, *_costs(level), random)  # fmt: skip
            vote(level.features, level.known, nearest, distance, _spread(distance))
    known = levels[0].known
    origin = choose(known, nearest, distance)
    values = image[origin[..., 1], origin[..., 0]].astype(np.float32)
    mend(values, image, known, origin, MEND_SWEEPS)
    painted[hole] = np.clip(np.rint(values[hole]), 0, np.iinfo(image.dtype).max)
    return painted


def _pyramid(image: NDArray[Any], hole: NDArray[np.bool_]) -> list[_Level]:
    """The picture at full size, half of it, and so on, until the hole is small; nothing where it has no sources."""
    colour = image.astype(np.float32) / np.float32(DEEP if image.dtype == np.uint16 else 1)
    known = ~hole
    values = np.concatenate([colour, _texture(colour, known)], -1)
    rough = np.rint(colour)  # so that either depth is filled alike
    levels: list[_Level] = []
    while True:
        square = np.ones((SIDE_PX, SIDE_PX), np.uint8)
        whole = cv2.erode(known.astype(np.uint8), square, borderType=cv2.BORDER_CONSTANT, borderValue=0) > 0
        if whole.sum() < (LEAST_SOURCES if levels else 1):
            return levels
        wanted = cv2.dilate((~known).astype(np.uint8), square) > 0
        values[~known] = 0
        deep = cv2.distanceTransform((~known).astype(np.uint8), cv2.DIST_L2, 3)
        weight = SIDE_PX * SIDE_PX * (TINT_FLOOR + TINT_WEIGHT * np.exp(-deep / TINT_DEPTH_PX))
        tint = np.concatenate([cv2.blur(rough, (SIDE_PX, SIDE_PX)), weight[..., None]], -1)
        levels.append(_Level(features=np.rint(values), known=known, source=whole, wanted=wanted, tint=tint))
        if deep.max() <= DEEPEST_PX or min(known.shape) < 2 * LEAST_SIDE_PX:
            return levels
        values, rough = _halve(values), _halve(rough)
        known = _halve(known) == 1


def _texture(colour: NDArray[np.float32], known: NDArray[np.bool_]) -> NDArray[np.float32]:
    """Absolute differences of neighbouring samples, averaged: (H, W, 2). None across the hole's border."""
    gray = colour.mean(-1)
    out = np.zeros((*gray.shape, 2), np.float32)
    window = (TEXTURE_WINDOW_PX, TEXTURE_WINDOW_PX)
    for n, (dy, dx) in enumerate(((0, 1), (1, 0))):
        step = np.zeros_like(gray)
        counts = np.zeros_like(gray)
        one, two = np.s_[: gray.shape[0] - dy, : gray.shape[1] - dx], np.s_[dy:, dx:]
        counts[one] = known[one] & known[two]
        step[one] = np.abs(gray[two] - gray[one]) * counts[one]
        share = cv2.blur(counts, window, borderType=cv2.BORDER_CONSTANT)
        mean = cv2.blur(step, window, borderType=cv2.BORDER_CONSTANT) / np.maximum(share, 1e-6)
        out[..., n] = np.minimum(TEXTURE_WEIGHT * mean, 255)
    return out


def _halve(values: NDArray[Any]) -> NDArray[np.float32]:
    """Means of 2 x 2 samples; an odd last line is repeated."""
    pad = [(0, size % 2) for size in values.shape[:2]] + [(0, 0)] * (values.ndim - 2)
    values = np.pad(values.astype(np.float32), pad, mode="edge")
    return np.asarray(sum(values[y::2, x::2] for y in (0, 1) for x in (0, 1)) / np.float32(4), np.float32)


def _costs(level: _Level) -> tuple[float, float]:
    """What a pixel of distance costs, across and down, to be squared."""
    height = level.known.shape[0]
    each = np.sqrt(FAR_COST * SIDE_PX * SIDE_PX)
    return float(each / (FAR_X * height)), float(each / (FAR_Y * height))


def _spread(distance: NDArray[np.float32]) -> float:
    """How unlike its source a patch may be and still have a say: little, as mixtures drift towards flat patches."""
    found = distance[np.isfinite(distance)]
    return max(SPREAD * float(np.quantile(found, 0.75)), 1.0) if found.size else 1.0


def _grow(level: _Level, random: NDArray[np.uint64]) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
    """Fill a level from the hole's border inward, ring by ring: where its patches come from, and how like they are."""
    nearest = np.full((*level.known.shape, 2), -1, np.int32)
    distance = np.full(level.known.shape, np.inf, np.float32)
    ready = level.known.copy()
    square = np.ones((3, 3), np.uint8)
    while not ready.all():
        ring = (cv2.dilate(ready.astype(np.uint8), square) > 0) & ~ready
        search(
            level.features,
            ready,
            level.source,
            ring,
            level.tint,
            nearest,
            distance,
            RING_SWEEPS,
            *_costs(level),
            random,
        )
        level.features[ring] = level.features[nearest[ring, 1], nearest[ring, 0]]
        ready |= ring
    return nearest, distance
