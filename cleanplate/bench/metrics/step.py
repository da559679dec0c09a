"""One frame of a comparison, with the one before it and the motion between the two, found once for all metrics."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from cleanplate.base.measure import Followed, follow, sample_bilinear
from cleanplate.base.types import Hole, Image
from cleanplate.motion.dis import DisFlow

Pair = NDArray[np.float32]  # (H, W, 2) px

ESTIMATOR = "OpenCV DIS, preset MEDIUM"
"what the metrics follow motion with, as reports name it"


def follower() -> DisFlow:
    """The estimator of all motion metrics: OpenCV's dense inverse search at its preset MEDIUM.

    It is the preset as it stands and not what the engines use, so that a score does not move when they do.
    """
    return DisFlow(finest_scale=1, patch_px=8, stride_px=3, descents=25, refinements=5)


@dataclass(eq=False)
class Step:
    """One frame. Pictures (H, W, 3) RGB, uint8 or full-scale uint16, all of one dtype; the hole (H, W) bool."""

    index: int
    result: Image
    truth: Image | None
    "the clean plate; None where there is none"
    guide: Image | None
    "what motion is measured on: the truth, or the input where there is no truth; None where there is neither"
    hole: Hole | None
    "what was painted; None = not known, so that only the whole frame is scored"
    before: Step | None
    "the step of the frame before, without its own `before`; None for the first"
    motion: DisFlow

    @property
    def data_range(self) -> float:
        """The largest value a sample can have: 255 or 65535."""
        return float(np.iinfo(self.result.dtype).max)

    def area(self, where: str) -> NDArray[np.bool_] | None:
        """The samples (H, W) of an area: all for `frame`, the hole for `hole`; None where that is unknown or empty."""
        if where == "frame":
            return np.ones(self.result.shape[:2], np.bool_)
        return self.hole if self.hole is not None and self.hole.any() else None

    @cached_property
    def result_gray(self) -> NDArray[np.uint8]:
        return _gray(self.result)

    @cached_property
    def guide_gray(self) -> NDArray[np.uint8] | None:
        return None if self.guide is None else _gray(self.guide)

    @cached_property
    def back(self) -> Pair | None:
        """The guide's motion from this frame to the one before."""
        return self._between(of_guide=True)

    @cached_property
    def result_back(self) -> Pair | None:
        """The result's own motion from this frame to the one before."""
        return self._between(of_guide=False)

    @cached_property
    def followed(self) -> Followed | None:
        """Where this frame's samples lie in the frame before, and which are in plain sight there; None without."""
        if self.before is None or self.back is None:
            return None
        assert self.before.guide_gray is not None
        assert self.guide_gray is not None
        return follow(self.back, self.motion.pair(self.before.guide_gray, self.guide_gray))

    @cached_property
    def result_before(self) -> NDArray[np.float32] | None:
        """The result's frame before, brought over along the guide's motion: (H, W, 3) in the result's levels."""
        return self._brought(self.before.result if self.before is not None else None)

    @cached_property
    def guide_before(self) -> NDArray[np.float32] | None:
        """The guide's frame before, brought over alike."""
        return self._brought(self.before.guide if self.before is not None else None)

    def _between(self, *, of_guide: bool) -> Pair | None:
        if self.before is None:
            return None
        here = self.guide_gray if of_guide else self.result_gray
        there = self.before.guide_gray if of_guide else self.before.result_gray
        return None if here is None or there is None else self.motion.pair(here, there)

    def _brought(self, picture: NDArray[Any] | None) -> NDArray[np.float32] | None:
        if picture is None or self.followed is None:
            return None
        brought = sample_bilinear(picture, self.followed.x.ravel(), self.followed.y.ravel())
        return brought.reshape(picture.shape).astype(np.float32)


def _gray(image: Image) -> NDArray[np.uint8]:
    eight = (image // 257).astype(np.uint8) if image.dtype == np.uint16 else image
    return np.asarray(cv2.cvtColor(np.ascontiguousarray(eight), cv2.COLOR_RGB2GRAY), np.uint8)
