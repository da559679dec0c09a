"""The default segmenter: each click is a region with a middle, which joins the object or leaves it.

The first click finds a region of the whole picture (`segment_region`), by colour, motion against the background
(`segment_evidence`) and edges. Each further one finds the region in whose middle it lies, of what the object lacks or
of what it has too much, and leaves the rest alone. Sizes are tried on a small picture; the border is then drawn at
full size. Measured in docs/segmenting.md.
"""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from cleanplate.base.types import Hole, Image, Prompt
from cleanplate.mask.segment_evidence import look, movements
from cleanplate.mask.segment_region import Aim, find_region
from cleanplate.mask.segmenter import Segmenter
from cleanplate.mask.sight import gray_of, see, sharpen, shrink

_SIZES = (0.025, 0.037, 0.056, 0.08, 0.11, 0.155, 0.217, 0.3)  # of the root of the picture's area
_BOX_SIZES = (0.5, 0.7, 0.9, 1.1)  # of the box
_MENDING_SIZES = (0.7, 1.0, 1.4, 2.0)  # of the distance to the border of what may change
_AWAY = 0.27  # of the root of the picture's area: so far from the middle the background's motion is learned
_POINT_PX = 1.5


class GrabCut(Segmenter):
    """See the module."""

    def find(self, image: Image, prompt: Prompt, near: Sequence[Image]) -> Hole:
        """See `Segmenter.find`."""
        sight = see(shrink(image))
        half = sight.half(sight.lab).shape[:2]
        scale = np.array([half[1] / image.shape[1], half[0] / image.shape[0]])
        root = float(np.sqrt(half[0] * half[1]))
        points = [_moved(xy, scale) for xy in prompt.points_xy]
        middle = _middle(prompt, points, scale)
        away = _disc(half, middle, _AWAY * root)
        outside = cv2.resize((~away).astype(np.uint8), sight.gray.shape[::-1], interpolation=cv2.INTER_NEAREST) > 0
        motions = movements(sight.gray, [gray_of(shrink(other)) for other in near], outside)
        evidence = look(sight.half(sight.lab), [sight.half(motion) for motion in motions])
        sizes = [share * root for share in _SIZES]
        found = np.zeros(half, np.bool_)
        known = {True: found.copy(), False: found.copy()}
        for xy, is_in in zip(points, prompt.point_is_in, strict=True):
            aim = Aim(centre_xy=xy, domain=found ^ is_in, barred=known[not is_in])
            known[is_in] |= _disc(half, xy, _POINT_PX)
            if aim.domain[aim.middle] and (is_in or found.any()):
                found ^= find_region(evidence, aim, sizes if aim.domain.all() else _fitting(aim))
        degree = cv2.resize(found.astype(np.float32), sight.gray.shape[::-1])
        return np.asarray(sharpen({1: degree}, image, sight) > 0)


def _fitting(aim: Aim) -> list[float]:
    """Sizes of what is wrong with an answer: mistakes lie at its border."""
    depth = cv2.distanceTransform(aim.domain.astype(np.uint8), cv2.DIST_L2, 3)[aim.middle]
    return [max(float(depth), 1.5) * share for share in _MENDING_SIZES]


def _middle(prompt: Prompt, points: Sequence[tuple[float, float]], scale: NDArray[np.float64]) -> tuple[float, float]:
    """Of what is known of the object."""
    inside = [xy for xy, is_in in zip(points, prompt.point_is_in, strict=True) if is_in]
    if inside:
        return inside[0]
    if prompt.box_xyxy is not None:
        x0, y0, x1, y1 = prompt.box_xyxy
        return _moved(((x0 + x1 - 1) / 2, (y0 + y1 - 1) / 2), scale)
    assert prompt.hole is not None  # or nothing would be marked
    y, x = np.nonzero(prompt.hole)
    return _moved((float(x.mean()), float(y.mean())), scale)


def _moved(xy: tuple[float, float], scale: NDArray[np.float64]) -> tuple[float, float]:
    x, y = (np.array(xy) + 0.5) * scale - 0.5
    return float(x), float(y)


def _disc(shape: tuple[int, ...], centre_xy: tuple[float, float], radius_px: float) -> Hole:
    y, x = np.mgrid[: shape[0], : shape[1]].astype(np.float32)
    return np.asarray(np.hypot(x - centre_xy[0], y - centre_xy[1]) <= radius_px)
