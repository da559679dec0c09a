"""Where one shot dissolves into the next: recognised by frames that are the sum of what comes before and after.

    dissolves = DissolveFinder()
    for small in thumbnails:                # of `cuts.thumbnail`
        is_within = dissolves.push(small)

A frame in the middle of a dissolve has less contrast than the frames on both sides, as two unrelated pictures weaken
each other; neither of these explains it along dense flow, but both together do, and they do with the same shares all
over the picture. Nothing that moves, passes by, fades or flashes does all of that. The decision is causal: it comes
when about two thirds of the dissolve have passed, or as late as twelve frames after its middle.
"""

from __future__ import annotations

from collections import deque
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from cleanplate.motion.small_flow import between, small_flow
from cleanplate.motion.warp import warp

Field = NDArray[np.float32]  # (h, w)

GAPS_FRAMES = (4, 6, 8, 12)
"from the frame in question to those on both sides; dissolves of 6 to 32 frames are found"
WINDOW_SIGMA = 3.0
"of the neighbourhood that shares are fitted in"
NOISE = 1.0
"variance on the 8-bit scale below which nothing is told"

# Set on 40 clips, 15 of them real (7,900 triples of frames), on 70 dissolves of 8 to 32 frames between them and on 24
# titles that fade in: of the clips nothing was taken for a dissolve, of the titles one that fills most of the picture;
# of dissolves up to 16 frames 40 of 42 were found, of longer ones 17 of 28. The rest move too fast to be followed over
# so many frames, and are left to the ring's judgement of each source.
DIP = 0.8
"of the contrast (variance) on both sides: the most that the middle of a dissolve has; 0.5 where both are pure"
UNLIKE = 0.2
"share of the variance that neither side alone may explain"
UNLIKE_HERE = 0.1
"the same of one neighbourhood's variance"
TOGETHER = 0.7
"of what the better side leaves: the most that both together may"
EVEN = 0.35
"of a block's structure: where the shares are within `SPREAD` of their median, at least"
SPREAD = 0.2
BLOCKS = 4
"each way; a title that fades in fills some of them"
BARE = 0.1
"of the mean structure of a block: one with less says nothing"
WIDESPREAD = 0.7
"of the blocks must be even"
LEAST_SHARE = 0.2
"of each side in the middle"


class DissolveFinder:
    """Tells, frame by frame, whether a dissolve has just passed its middle. Remembers a few thumbnails."""

    def __init__(self) -> None:
        self._before: deque[tuple[Field, float]] = deque(maxlen=2 * max(GAPS_FRAMES) + 1)  # thumbnail, contrast
        self._flow = small_flow(finest_scale=0)

    def forget(self) -> None:
        """A shot has begun: what came before is of no interest."""
        self._before.clear()

    def push(self, small: Field) -> bool:
        """The next frame's thumbnail, (h, w) on the 8-bit scale, NaN = hidden; True once for each dissolve."""
        if self._before and self._before[-1][0].shape != small.shape:
            self.forget()
        self._before.append((small, _contrast(small)))
        if any(self._is_mixed(gap) for gap in GAPS_FRAMES if len(self._before) > 2 * gap):
            self.forget()
            return True
        return False

    def _is_mixed(self, gap: int) -> bool:
        (before, c0), (middle, c1), (after, c2) = (self._before[-1 - n * gap] for n in (2, 1, 0))
        if not NOISE < c1 < DIP * (c0 + c2) / 2:
            return False
        known = np.isfinite(before) & np.isfinite(middle) & np.isfinite(after)
        if known.mean() < 0.1:
            return False
        before, middle, after = (np.where(known, p, p[known].mean()) for p in (before, middle, after))
        return self._is_sum(before, middle, after, known)

    def _is_sum(self, before: Field, middle: Field, after: Field, known: NDArray[np.bool_]) -> bool:
        """Whether the middle is what the two others add up to, along its flow to each, and no less."""
        everything = np.stack([before, middle, after])
        low, span = everything.min(), max(float(np.ptp(everything)), 1.0)
        eight = [np.asarray((p - low) * (255 / span), np.uint8) for p in (before, middle, after)]
        a = warp(before, between(self._flow, eight[1], eight[0]))[0]
        c = warp(after, between(self._flow, eight[1], eight[2]))[0]
        near = _Near(known)
        aa, cc, mm = near.shared(a, a) + NOISE, near.shared(c, c) + NOISE, near.shared(middle, middle)
        am, cm, ac = near.shared(a, middle), near.shared(c, middle), near.shared(a, c)
        even = np.maximum(aa * cc - ac * ac, NOISE)
        share_a, share_c = (am * cc - cm * ac) / even, (cm * aa - am * ac) / even
        total = float(mm[known].sum())
        alone = min(float((mm - own * own / var)[known].sum()) for own, var in ((am, aa), (cm, cc))) / total
        left = float((mm - share_a * am - share_c * cm)[known].sum()) / total
        if alone < UNLIKE or left > TOGETHER * alone:
            return False
        weight = np.where(known, np.minimum(mm, np.percentile(mm[known], 90)), 0)  # lest a few edges decide
        # Where both sides show the same their shares mean nothing.
        is_even = np.minimum(mm - am * am / aa, mm - cm * cm / cc) > UNLIKE_HERE * mm
        for share in (share_a, share_c):
            middle_share = _median(share[known], weight[known])
            if middle_share < LEAST_SHARE:
                return False
            is_even &= abs(share - middle_share) < SPREAD
        size = (BLOCKS, BLOCKS)
        all_of, even_of = (cv2.resize(w, size, interpolation=cv2.INTER_AREA) for w in (weight, weight * is_even))
        has_structure = all_of > BARE * all_of.mean()
        return float((even_of > EVEN * all_of)[has_structure].mean()) > WIDESPREAD


class _Near:
    """Means over the neighbourhood of each sample, of what is known."""

    def __init__(self, known: NDArray[np.bool_]) -> None:
        self._known = known.astype(np.float32)
        self._count = np.maximum(_blur(self._known), 1e-3)

    def shared(self, a: Field, b: Field) -> Field:
        """Covariance of two pictures; not below 0 for a picture and itself."""
        found = self._mean(a * b) - self._mean(a) * self._mean(b)
        return np.maximum(found, 0) if a is b else found

    def _mean(self, picture: Field) -> Field:
        return np.asarray(_blur(picture * self._known) / self._count, np.float32)


def _blur(picture: Field) -> Field:
    return np.asarray(cv2.GaussianBlur(picture, (0, 0), WINDOW_SIGMA), np.float32)


def _contrast(small: Field) -> float:
    """Mean local variance of what is known; 0 if nothing is."""
    known = np.isfinite(small)
    if not known.any():
        return 0.0
    picture = np.where(known, small, small[known].mean()).astype(np.float32)
    return float(_Near(known).shared(picture, picture)[known].mean())


def _median(values: NDArray[Any], weight: NDArray[Any]) -> float:
    order = np.argsort(values)
    heaped = np.cumsum(weight[order])
    return float(values[order][np.searchsorted(heaped, heaped[-1] / 2)])
