"""One frame as a tracker looks at it: smaller, in several sizes, and from there back to full size."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from cleanplate.base.arrays import bounding_box, grow_box
from cleanplate.base.types import Image, Labels
from cleanplate.mask.edges import Guide, dot

WORK_PX = 432 * 240
"samples of a frame at working size"
_RADII_PX, _EPS = (10, 7, 5, 3), 2.0  # of the guided filter: px at working size, Lab units squared
_WINDOWS = 25  # squared radii that an object must cover for that window
_EDGE_RADIUS_PX = 3  # of the one that draws borders at full size, px at working size

_NOTHING = np.zeros((0, 0), np.float32)


@dataclass(eq=False)
class Sight:
    """A frame at working size (h, w): as large as `shrink` made it, which is about 432x240 unless told otherwise."""

    lab: NDArray[np.float32]  # (h, w, 3), L 0-100
    gray: NDArray[np.uint8]  # (h, w)
    _guides: dict[int, Guide] = field(default_factory=dict)
    features: NDArray[np.float32] = field(default_factory=lambda: _NOTHING)  # (h/2, w/2, COUNT)
    residual: NDArray[np.float32] = field(default_factory=lambda: _NOTHING)  # (h/2, w/2) px

    def guide(self, area_px: float) -> Guide:
        """The filter for an object of that size: its window is not to be larger than the object."""
        radius_px = next((radius for radius in _RADII_PX if _WINDOWS * radius * radius < area_px), _RADII_PX[-1])
        if radius_px not in self._guides:
            self._guides[radius_px] = Guide(self.lab, radius_px, _EPS)
        return self._guides[radius_px]

    def half(self, values: NDArray[np.float32]) -> NDArray[np.float32]:
        """(h, w) or (h, w, C) at half of the working size."""
        height, width = self.gray.shape
        size = max(width // 2, 1), max(height // 2, 1)
        return np.asarray(cv2.resize(values, size, interpolation=cv2.INTER_AREA), np.float32)

    def whole(self, values: NDArray[np.float32]) -> NDArray[np.float32]:
        """Back from half."""
        return np.asarray(cv2.resize(values, self.gray.shape[::-1], interpolation=cv2.INTER_LINEAR), np.float32)


def see(small: NDArray[np.uint8]) -> Sight:
    """The sight of a frame that `shrink` made small."""
    return Sight(lab=_lab(small), gray=gray_of(small))


def gray_of(small: NDArray[np.uint8]) -> NDArray[np.uint8]:
    return np.asarray(cv2.cvtColor(small, cv2.COLOR_RGB2GRAY), np.uint8)


def shrink(image: Image, area_px: int = WORK_PX) -> NDArray[np.uint8]:
    """The frame (H, W, 3) at working size or one of about that area, 8 bit; never enlarged."""
    height, width = image.shape[:2]
    scale = min(1.0, (area_px / (height * width)) ** 0.5)
    size = max(round(width * scale), 1), max(round(height * scale), 1)
    small = np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA))
    return np.asarray(small // 257 if image.dtype == np.uint16 else small, np.uint8)


def sharpen(degrees: Mapping[int, NDArray[np.float32]], image: Image, sight: Sight) -> Labels:
    """Labels (H, W) at full size from the degree (h, w), 0-1, of each object at working size.

    The degree is taken for a function of colour that varies slowly in place (He and Sun 2015, "Fast Guided Filter"),
    so that borders follow edges which only the full picture shows.
    """
    height, width = image.shape[:2]
    labels, best = np.zeros((height, width), np.uint8), np.full((height, width), 0.5, np.float32)
    scale = height / sight.gray.shape[0]
    guide = Guide(sight.lab, _EDGE_RADIUS_PX, _EPS) if degrees and scale > 1 else None
    for number, degree in sorted(degrees.items()):
        if guide is None:
            box: Any = np.s_[:, :]
            full = degree
        else:
            found = bounding_box(degree > 0.1)
            if found is None:
                continue
            x0, y0, x1, y1 = grow_box(found, 4, degree.shape[1], degree.shape[0])
            model = np.dstack(guide.model(degree))[y0:y1, x0:x1]
            left, top, right, bottom = (round(edge * scale) for edge in (x0, y0, x1, y1))
            box = np.s_[top : min(bottom, height), left : min(right, width)]
            part = image[box]
            model = np.asarray(cv2.resize(model, part.shape[1::-1], interpolation=cv2.INTER_LINEAR), np.float32)
            lab = _lab(part if part.dtype == np.uint8 else (part // 257).astype(np.uint8))
            full = dot(model[..., :3], lab) + model[..., 3]
        wins = full > best[box]
        labels[box][wins] = number
        best[box][wins] = full[wins]
    return labels


def _lab(image: NDArray[np.uint8]) -> NDArray[np.float32]:
    return np.asarray(cv2.cvtColor(image.astype(np.float32) / 255, cv2.COLOR_RGB2Lab), np.float32)
