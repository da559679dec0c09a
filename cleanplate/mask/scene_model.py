"""What a scene looks like where nothing moves, learned frame by frame from a still or a moving camera."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from cleanplate.base.types import Hole
from cleanplate.mask.looks import across, light_between
from cleanplate.motion.register import Plane, carried

_MEMORY_FRAMES = 30  # a sample's plate is the mean over about so many of its frames
_LEAST_SIGMA = 3.0  # levels
_TOLD_BY = 4.0  # sigmas by which what stands before the plate differs
_LEAST_LEVELS = 12.0
_DIMMED, _DIM_WORTH = 0.72, 0.4  # light a shadow leaves at least, and what such a difference is worth
_SURE_FRAMES = 3  # from so many frames a plate is believed


class SceneModel:
    """The plate, its noise, and how many frames each sample was learned from; all in the view of the last frame."""

    def __init__(self, picture: NDArray[np.float32]) -> None:
        """picture: (h, w, 3), the first frame."""
        self._plate = picture.copy()
        self._variance = np.full(picture.shape[:2], (2 * _LEAST_SIGMA) ** 2, np.float32)
        self._frames = np.ones(picture.shape[:2], np.float32)

    def follow(self, way: Plane) -> None:
        """The camera has moved: `way` takes points of the new frame to the last one's."""
        height, width = self._plate.shape[:2]
        self._plate = carried(self._plate, way, (width, height), cv2.INTER_CUBIC)
        for facts in (self._variance, self._frames):
            facts[:] = carried(facts, way, (width, height), cv2.INTER_NEAREST)
        rim = cv2.erode((self._frames > 0).astype(np.uint8), np.ones((3, 3), np.uint8), borderValue=1) == 0
        self._frames[rim] = 0

    @property
    def is_known(self) -> Hole:
        """Where (h, w) the plate is to be believed."""
        return np.asarray(self._frames >= _SURE_FRAMES)

    def lit(self, picture: NDArray[np.float32], outside: Hole) -> None:
        """Bring the plate to the light of a frame (h, w, 3), told where nothing stands before it."""
        self._plate *= light_between(self._plate, picture, outside & self.is_known)

    def evidence(self, picture: NDArray[np.float32]) -> NDArray[np.float32]:
        """How surely something stands before the plate: (h, w), -1 no, 0 cannot tell, and up to 3.

        What is only darkened, in all channels alike, counts less: that is a shadow rather than a thing.
        """
        difference = np.asarray(cv2.blur(picture - self._plate, (3, 3)), np.float32)
        light = np.maximum(across(np.asarray(cv2.blur(self._plate, (3, 3)), np.float32)), 1)
        common = across(difference)
        apart = across(np.abs(difference - common[..., None]))  # of the channels
        dimmed = (common < 0) & (common > (_DIMMED - 1) * light) & (apart < 0.06 * light + 2)
        size = across(np.abs(difference)) * np.where(dimmed, np.float32(_DIM_WORTH), np.float32(1))
        told = np.maximum(_TOLD_BY * np.sqrt(self._variance), _LEAST_LEVELS)
        return np.where(self.is_known, np.clip(size / told - 1, -1, 3), 0).astype(np.float32)

    def learn(self, picture: NDArray[np.float32], where: Hole, anew: Hole) -> None:
        """Take the frame (h, w, 3) for the plate where nothing moves; `anew`: forget there what was known."""
        self._frames[anew | (~where & ~self.is_known)] = 0  # what little was learned there was of what stands there
        rate = np.where(where | anew, 1 / (np.minimum(self._frames, _MEMORY_FRAMES) + 1), 0).astype(np.float32)
        difference = picture - self._plate
        squared = across(difference**2)
        first = self._frames < 1
        self._variance += rate * np.where(first, (2 * _LEAST_SIGMA) ** 2 - self._variance, squared - self._variance)
        np.maximum(self._variance, _LEAST_SIGMA**2, out=self._variance)
        self._plate += rate[..., None] * difference
        self._frames += rate > 0
