"""The exemplar as an inventor: see `exemplar`."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from cleanplate.base.types import Clip
from cleanplate.paint.exemplar import exemplar
from cleanplate.paint.inventor import Inventor

SOFTNESS_PX = 0.6  # of a Gaussian
DETAIL_PX = 4.0  # the same: what is finer is detail
DETAIL_SHARE, MOST_GAIN = 0.82, 1.18  # of the detail around, and how much detail is raised at most
ALIKE, UNLIKE = 2.1, 2.4  # times as much detail around: it is of another kind, and says nothing of what is invented
AROUND = 0.1  # of the picture's height: how far around that is looked for


class ExemplarInventor(Inventor):
    """Continues the texture of the frame itself, in the colours that the smooth fill hints at."""

    def paint(self, clip: Clip) -> NDArray[Any]:
        """See `Inventor.paint`."""
        t, _ = clip.core_range
        image, hole = clip.images[t], np.asarray(clip.holes[t])
        painted = exemplar(image, hole, is_tinted=True)
        return _made_to_move(painted, hole) if hole.any() else painted


def _made_to_move(painted: NDArray[Any], hole: NDArray[np.bool_]) -> NDArray[Any]:
    """The picture (H, W, 3) with the hole's finest detail traded for coarser: as much as there is around it.

    Carried from frame to frame its samples land between those of the frame, each time elsewhere: what is as fine as the
    samples, the noise of the copied frame above all, would boil.
    """
    picture = painted.astype(np.float32)
    base, soft = (cv2.GaussianBlur(picture, (0, 0), size_px) for size_px in (DETAIL_PX, SOFTNESS_PX))
    side = 2 * max(round(AROUND * len(picture)), 1) + 1
    square = np.ones((side, side), np.uint8)
    around = (cv2.dilate(hole.astype(np.uint8), square) > 0) & ~hole
    ratio = _detail(picture, around) / max(_detail(soft, hole), 1e-6)
    is_alike = np.clip((UNLIKE - ratio) / (UNLIKE - ALIKE), 0, 1)
    gain = np.float32(1 + is_alike * (np.clip(DETAIL_SHARE * ratio, 1, MOST_GAIN) - 1))
    out = painted.copy()
    out[hole] = np.clip(np.rint(base + gain * (soft - base)), 0, np.iinfo(out.dtype).max)[hole]
    return out


def _detail(picture: NDArray[Any], where: NDArray[np.bool_]) -> float:
    """The mean step from sample to sample, in both directions, inside an area."""
    gray = picture.mean(-1)
    steps = []
    for axis in (0, 1):
        inside = where & np.roll(where, 1, axis)
        steps.append(np.abs(gray - np.roll(gray, 1, axis))[inside])
    found = np.concatenate(steps)
    return float(found.mean()) if found.size else 0.0
