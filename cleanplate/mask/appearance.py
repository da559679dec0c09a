"""What an object looks like, learned while it is followed: ridge regression on random features of colour and motion."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

_LIGHT_SHARE = 0.6  # of L beside a and b: shadows change L most
_BLURS_PX = (3.0, 9.0)  # at half of the working size
_MOTION_PX = 3.0  # a residual of so many px counts as much as a whole unit of colour
_RIDGE = 3.0
_DECAY = 0.95
_FIRST_SHARE = 0.5

COUNT = 7 + 3 * len(_BLURS_PX)
"features of a sample"


def features(lab: NDArray[np.float32], residual_px: NDArray[np.float32]) -> NDArray[np.float32]:
    """(H, W, COUNT) features of each sample: colour, blurred colour, gradients, and motion against the background.

    lab: (H, W, 3) in OpenCV's float Lab (L 0-100). residual_px: (H, W, 2), see `background`.
    """
    color = lab * (np.array([_LIGHT_SHARE, 1, 1], np.float32) / 25)
    parts = [color - color.reshape(-1, 3).mean(0)]
    parts += [cv2.GaussianBlur(parts[0], (0, 0), sigma) for sigma in _BLURS_PX]
    light = np.ascontiguousarray(color[..., 0])
    slopes = np.stack([cv2.Sobel(light, cv2.CV_32F, 1, 0), cv2.Sobel(light, cv2.CV_32F, 0, 1)], -1)
    parts += [np.sign(slopes) * np.sqrt(np.abs(slopes)), np.minimum(residual_px, 10) / np.float32(_MOTION_PX)]
    return np.concatenate(parts, -1)


class Appearance:
    """Tells one object from what is around it: `learn` samples of both, `score` others, from -1 to about 1.

    Random ReLU features (Rahimi and Recht 2008) of the samples' features and a ridge regression to +-1 on them, whose
    sums are kept: old ones fade, those learned first stay with a share of their own.
    """

    def __init__(self, count: int = 128, seed: int = 0) -> None:
        random = np.random.default_rng(seed)
        self._slopes = random.standard_normal((COUNT, count)).astype(np.float32)
        self._offsets = random.standard_normal(count).astype(np.float32)
        self._first: NDArray[np.float64] | None = None
        self._sums = np.zeros((count + 1, count + 2))
        self._weights = np.zeros(count + 1, np.float32)

    def learn(self, samples: NDArray[np.float32], is_object: NDArray[np.bool_]) -> None:
        """Add samples (N, COUNT) of one frame, known to be of the object or not (N,)."""
        lifted = self._lift(samples)
        wanted = np.where(is_object, np.float32(1), np.float32(-1))[:, None]
        sums = np.asarray(lifted.T @ np.concatenate([lifted, wanted], 1), np.float64) / max(len(samples), 1)
        self._sums = sums if self._first is None else _DECAY * self._sums + (1 - _DECAY) * sums
        self._first = sums if self._first is None else self._first
        mixed = _FIRST_SHARE * self._first + (1 - _FIRST_SHARE) * self._sums
        left = mixed[:, :-1] + np.eye(len(mixed)) * (_RIDGE / 1000)
        self._weights = np.linalg.solve(left, mixed[:, -1]).astype(np.float32)

    @property
    def is_taught(self) -> bool:
        """Whether it has learned anything; an object that fills the picture leaves nothing to tell it from."""
        return self._first is not None

    def score(self, samples: NDArray[np.float32]) -> NDArray[np.float32]:
        """How much each sample (..., COUNT) looks like the object: about -1 to 1, (...)."""
        return np.asarray(self._lift(samples) @ self._weights, np.float32)

    def _lift(self, samples: NDArray[np.float32]) -> NDArray[np.float32]:
        lifted = np.maximum(samples @ self._slopes + self._offsets, 0)
        return np.concatenate([lifted, np.ones((*lifted.shape[:-1], 1), np.float32)], -1)
