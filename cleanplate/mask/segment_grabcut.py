"""The default segmenter: GrabCut at several sizes around the click; the size of most border contrast is taken."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from cleanplate.base.types import Hole, Image, Prompt
from cleanplate.mask.segmenter import Segmenter
from cleanplate.mask.sight import see, sharpen, shrink

_RADII = (0.06, 0.1, 0.16, 0.25, 0.4)  # of the picture's height
_SEED_SHARE = 0.25
_ROUNDS = 3


class GrabCut(Segmenter):
    """See the module."""

    def find(self, image: Image, prompt: Prompt, near: Sequence[Image]) -> Hole:  # noqa: ARG002 - motion to come
        """See `Segmenter.find`."""
        small = shrink(image)
        sight = see(small)
        height, width = sight.gray.shape
        scale = np.array([width / image.shape[1], height / image.shape[0]])
        points = [(np.array(xy) + 0.5) * scale - 0.5 for xy in prompt.points_xy]
        inside = [xy for xy, is_in in zip(points, prompt.point_is_in, strict=True) if is_in]
        centre = np.mean(inside, axis=0) if inside else _middle(prompt, scale)
        y, x = np.mgrid[:height, :width].astype(np.float32)
        best, most = np.zeros((height, width), np.bool_), -1.0
        for radius in _RADII:
            far = np.hypot(x - centre[0], y - centre[1]) / (radius * height)
            marks = np.where(far < 1, cv2.GC_PR_FGD, np.where(far < 3, cv2.GC_PR_BGD, cv2.GC_BGD)).astype(np.uint8)
            if prompt.hole is not None:
                marks[:] = np.where(_shrunk(prompt.hole, marks.shape), cv2.GC_PR_FGD, cv2.GC_PR_BGD)
            if prompt.box_xyxy is not None:
                x0, y0, x1, y1 = (round(float(v)) for v in np.array(prompt.box_xyxy) * np.tile(scale, 2))
                boxed = np.zeros(marks.shape, np.bool_)
                boxed[y0 : max(y1, y0 + 1), x0 : max(x1, x0 + 1)] = True
                marks[:] = np.where(boxed, cv2.GC_PR_FGD, cv2.GC_BGD)
            for xy, is_in in zip(points, prompt.point_is_in, strict=True):
                seed = np.hypot(x - xy[0], y - xy[1]) <= max(_SEED_SHARE * radius * height, 1)
                marks[seed] = cv2.GC_FGD if is_in else cv2.GC_BGD
            found = _cut(small, marks)
            contrast = _contrast(found, sight.lab)
            if contrast > most:
                best, most = found, contrast
        return np.asarray(sharpen({1: best.astype(np.float32)}, image, sight) > 0)


def _middle(prompt: Prompt, scale: NDArray[np.float64]) -> NDArray[np.float64]:
    if prompt.box_xyxy is not None:
        x0, y0, x1, y1 = prompt.box_xyxy
        return np.array([(x0 + x1) / 2, (y0 + y1) / 2]) * scale
    assert prompt.hole is not None  # or nothing would be marked
    y, x = np.nonzero(prompt.hole)
    return np.array([x.mean(), y.mean()]) * scale


def _shrunk(hole: Hole, shape: tuple[int, ...]) -> Hole:
    part = cv2.resize(hole.astype(np.float32), (shape[1], shape[0]), interpolation=cv2.INTER_AREA)
    return np.asarray(part >= 0.5)


def _cut(small: NDArray[np.uint8], marks: NDArray[np.uint8]) -> Hole:
    is_in = (marks == cv2.GC_FGD) | (marks == cv2.GC_PR_FGD)
    if not is_in.any() or is_in.all():
        return np.asarray(is_in)
    cv2.setRNGSeed(0)
    models = np.zeros((1, 65)), np.zeros((1, 65))
    marks = marks.copy()
    cv2.grabCut(small, marks, (0, 0, 0, 0), *models, _ROUNDS, cv2.GC_INIT_WITH_MASK)
    return np.asarray((marks == cv2.GC_FGD) | (marks == cv2.GC_PR_FGD))


def _contrast(found: Hole, lab: NDArray[np.float32]) -> float:
    """The mean colour step across the border, Lab units."""
    steps, count = 0.0, 0
    for axis in (0, 1):
        crossed = np.diff(found, axis=axis)
        steps += float(np.linalg.norm(np.diff(lab, axis=axis)[crossed], axis=-1).sum())
        count += int(crossed.sum())
    return steps / count if count else 0.0
