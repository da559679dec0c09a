"""Where a new shot begins, found frame by frame, without ever looking under a hole.

    cuts = CutFinder()
    for luma, hole in frames:
        starts_shot = cuts.push(thumbnail(luma, 8, hole))

A frame continues the shot if it can be explained by motion: the frame before, matched in light and warped along dense
flow, shows the same structure, and the flow there and back agree. That holds through pans, zooms, shake, drifting
exposure and things that pass close by, where a plain difference or a colour histogram jumps; and it fails at a cut
between two pictures of the same person before the same wall, where those do not. The decision is causal: it needs no
later frame. What comes after black is compared with what came before it, so a fade to black and up again is one cut.
A dissolve is one cut too, past its middle (`dissolves`).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from cleanplate.base.types import Planes
from cleanplate.motion.dissolves import DissolveFinder
from cleanplate.motion.small_flow import LEAST_PX, between, small_flow
from cleanplate.motion.warp import warp

Small = NDArray[np.float32]  # (h, w) brightness on the 8-bit scale, NaN = hidden

SMALL_PX = 112
"the longer side of a thumbnail, about"
CONTRAST = 50.0
"standard deviation that pictures are brought to; the lengths and levels below are measured at it"
FLAT = 4.0
"deviation, as filmed, below which a picture shows nothing"
REPEATED = 0.5
"largest difference, as filmed, of a frame shown again: it tells nothing of how quiet the shot is"
CALM = 2.5
"mean difference below which no flow is needed to see that the shot goes on"
TEXTURE = (2.0, 25.0)
"local deviation from which structure counts, and up to which more counts more"
ALIKE = 0.8
"local correlation of the same structure"

SURE = 0.8
"share of structure found again that needs no second look"

# Measured on thumbnails of 19 real clips (2,500 pairs of neighbours): unrelated pictures score at most 0.18, cuts
# between like ones up to 0.34; pairs of one shot above 0.35, but for a race car's wheel that fills the picture, 0.23,
# and none below 0.75 in a shot whose last scores were above QUIET.
NEVER_ALIKE = 0.2
"score below which a frame starts a shot"
HARDLY_ALIKE = 0.45
"the same, if the shot was quiet until now"
QUIET = 0.85
"mean score of the last frames of a quiet shot"
MEMORY_FRAMES = 4


def bright(native: Planes) -> NDArray[Any]:
    """The samples (H, W) that are most of luma: of RGB the green ones."""
    return native.arrays[1 if native.layout.model == "rgb" else 0]


def thumbnail(luma: NDArray[Any], bit_depth: int, hole: NDArray[np.bool_] | None) -> Small:
    """A small picture of what is not hidden: (h, w) float32 on the 8-bit scale, about `SMALL_PX` on its longer side.

    `luma`: (H, W) uint8, or uint16 with `bit_depth` bits in its low bits; any strides. `hole`: (H, W) bool, None = no
    hole. Each value is the mean of up to 16 samples outside the hole; NaN where most of them are hidden.
    """
    step = max(1, round(max(luma.shape) / (4 * SMALL_PX)))
    # At most 16 of a block's samples: at 1080p the mean of all would cost ten times as much and tell no more.
    picked = luma[::step, ::step]
    rows, columns = max(picked.shape[0] // 4, 1), max(picked.shape[1] // 4, 1)
    picked = np.ascontiguousarray(picked[: rows * 4, : columns * 4])
    size, levels = (columns, rows), np.float32(2.0 ** (8 - bit_depth))
    if hole is None:
        return np.asarray(cv2.resize(picked, size, interpolation=cv2.INTER_AREA), dtype=np.float32) * levels
    seen = np.ascontiguousarray(~hole[::step, ::step][: rows * 4, : columns * 4]).astype(np.float32)
    share = cv2.resize(seen, size, interpolation=cv2.INTER_AREA)
    light = cv2.resize(picked * seen, size, interpolation=cv2.INTER_AREA) * levels
    return np.asarray(np.where(share >= 0.5, light / np.maximum(share, 0.01), np.nan), dtype=np.float32)


class CutFinder:
    """Tells, frame by frame, whether a new shot starts. Remembers two thumbnails and a few scores."""

    def __init__(self) -> None:
        self._dissolves = DissolveFinder()
        self._before: list[Small] = []  # the last frame, then the one before it
        self._scores: list[float] = []
        self._coarse, self._fine = small_flow(finest_scale=1), small_flow(finest_scale=0)
        self._coarse.setVariationalRefinementIterations(0)
        self._motion: NDArray[np.float32] | None = None  # that of the last pair: the next one's is often the same

    def push(self, small: Small) -> bool:
        """The next frame's thumbnail; True if it starts a new shot. The first frame does not."""
        if self._is_cut(small):
            self._dissolves.forget()
            return True
        return self._dissolves.push(_roomy(small))

    def _is_cut(self, small: Small) -> bool:
        if _says_nothing(small):
            return False
        small = _roomy(small)
        if not self._before:
            self._before = [small]
            return False
        score = self._likeness(small, self._before[0])
        if score is None:  # too little is in sight in both to say: go on from here
            self._before = [small]
            return False
        gap = np.abs(small - self._before[0])
        if (gap[np.isfinite(gap)] < REPEATED).all():
            return False
        is_new = self._is_new(score)
        if is_new and len(self._before) > 1:
            # The end of a flash looks like the frame before the flash.
            earlier = self._likeness(small, self._before[1])
            is_new = earlier is None or self._is_new(earlier)
        if is_new:
            self._before, self._scores = [small], []
        else:
            self._before = [small, self._before[0]]
            self._scores = [*self._scores, score][-MEMORY_FRAMES:]
        return is_new

    def _is_new(self, score: float) -> bool:
        was_quiet = bool(self._scores) and sum(self._scores) / len(self._scores) > QUIET
        return score < (HARDLY_ALIKE if was_quiet else NEVER_ALIKE)

    def _likeness(self, now: Small, then: Small) -> float | None:
        """How much of the structure of one frame is found in the other: 0 to 1; None = too little is in sight."""
        known = np.isfinite(now) & np.isfinite(then)
        if known.mean() < 0.1:
            return None
        a, b = _levelled(now, known), _levelled(then, known)
        if float(np.abs(a - b)[known].mean()) < CALM:
            return 1.0
        a8, b8 = (np.clip(p + 128, 0, 255).astype(np.uint8) for p in (a, b))
        for onward in self._motions(a8, b8):
            texture, correlation = _structure(a, warp(b, onward)[0])
            found = _share(texture, correlation > ALIKE)
            if found > SURE:
                self._motion = onward
                return found
        # Flow can mend much of what does not belong together; it does not find its way back then.
        home = warp(between(self._fine, b8, a8), onward)[0]
        size = (onward**2).sum(axis=-1) + (home**2).sum(axis=-1)
        agrees = ((onward + home) ** 2).sum(axis=-1) < 0.02 * size + 0.5
        return (found + _share(texture, agrees * np.clip(correlation, 0, 1))) / 2

    def _motions(self, now: NDArray[np.uint8], then: NDArray[np.uint8]) -> Iterator[NDArray[np.float32]]:
        """What may lead from one picture to the other, cheapest first."""
        if self._motion is not None and self._motion.shape[:2] == now.shape:
            yield self._motion
        for flow in (self._coarse, self._fine):  # the fine one takes ten times as long and is seldom needed
            yield between(flow, now, then)


def _says_nothing(small: Small) -> bool:
    """A black or white frame, as within a fade or a flash, or one that is all hidden: the next one is compared with
    the frame before it."""
    values = small[np.isfinite(small)]
    return values.size < 0.1 * small.size or float(values.std()) < FLAT


def _roomy(small: Small) -> Small:
    """At least `LEAST_PX` samples each way, by repeating the last."""
    below, right = (max(LEAST_PX - size, 0) for size in small.shape)
    return np.pad(small, ((0, below), (0, right)), mode="edge") if below or right else small


def _levelled(small: Small, known: NDArray[np.bool_]) -> Small:
    """Mean 0 and deviation `CONTRAST` over what is known, 0 elsewhere; noise in a flat picture is not blown up."""
    values = small[known]
    gain = CONTRAST / max(float(values.std()), CONTRAST / 4)
    return np.where(known, (small - values.mean()) * gain, 0).astype(np.float32)


def _structure(a: Small, b: Small) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """How much local structure counts (the stronger of the two), and its correlation: (h, w) each."""

    def near(picture: NDArray[Any]) -> NDArray[Any]:
        return np.asarray(cv2.GaussianBlur(picture, (0, 0), 2.0))

    mean_a, mean_b = near(a), near(b)
    var_a = np.maximum(near(a * a) - mean_a * mean_a, 0)
    var_b = np.maximum(near(b * b) - mean_b * mean_b, 0)
    correlation = (near(a * b) - mean_a * mean_b) / np.sqrt((var_a + 9) * (var_b + 9))
    strength = np.sqrt(np.maximum(var_a, var_b))
    return np.where(strength > TEXTURE[0], np.minimum(strength, TEXTURE[1]), 0), correlation


def _share(weight: NDArray[np.float32], value: NDArray[Any]) -> float:
    total = float(weight.sum())
    # Nothing but flat colour on both sides: no sign of a cut.
    return float((weight * value).sum()) / total if total > weight.size * 0.01 else 1.0
