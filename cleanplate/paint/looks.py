"""What motion is looked for on: each frame gray, at the working scale, its hole filled smoothly."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from cleanplate.base.types import Box
from cleanplate.motion.complete import harmonic
from cleanplate.paint.sampling import DEEP, MID_GRAY

RING_PX = 1  # keeps every tap of the bicubic sampling out of the hole; wider rings judge no better and reveal less


def bounds(area: NDArray[np.bool_], grow_px: int) -> Box:
    """The box around what is True in (H, W), grown, within the picture. Something must be True."""
    x0, y0, wide, high = cv2.boundingRect(area.view(np.uint8))
    height, width = area.shape
    return (
        max(x0 - grow_px, 0),
        max(y0 - grow_px, 0),
        min(x0 + wide + grow_px, width),
        min(y0 + high + grow_px, height),
    )


def look(
    image: NDArray[Any], hole: NDArray[np.bool_], scale: int, rows: int, columns: int
) -> tuple[NDArray[np.uint8], NDArray[np.bool_]]:
    """One frame at the working scale: gray with its hole filled smoothly, and hole and ring."""
    gray, known, masked = shrink(image, hole, scale, rows, columns)
    if not known.all():
        x0, y0, x1, y1 = bounds(~known, 1)
        part = np.s_[y0:y1, x0:x1]
        gray[part] = harmonic(gray[part][..., None], known[part], default=MID_GRAY)[..., 0]
    if masked.any():
        x0, y0, x1, y1 = bounds(masked, RING_PX)
        part = np.s_[y0:y1, x0:x1]
        square = np.ones((2 * RING_PX + 1, 2 * RING_PX + 1), np.uint8)
        masked[part] = cv2.dilate(masked[part].astype(np.uint8), square) > 0
    return np.rint(gray).astype(np.uint8), masked


def shrink(
    image: NDArray[Any], hole: NDArray[np.bool_], scale: int, rows: int, columns: int
) -> tuple[NDArray[np.float32], NDArray[np.bool_], NDArray[np.bool_]]:
    """Averages over what is known of each scale x scale block (0-255), where anything is, and where anything is not."""
    gray = cv2.cvtColor(np.ascontiguousarray(image), cv2.COLOR_RGB2GRAY).astype(np.float32)
    if image.dtype == np.uint16:
        gray = np.rint(gray / np.float32(DEEP))  # so that the same picture moves the same at either depth
    gray[hole] = 0
    share = (~hole).astype(np.float32)
    if scale > 1:
        gray, share = _average(gray, scale, rows, columns), _average(share, scale, rows, columns)
    known = share > 0.5 / scale**2  # the smallest share there is, but for rounding, is one sample's
    gray[known] /= share[known]
    return gray, known, share < 1 - 0.5 / scale**2


def _average(plane: NDArray[np.float32], scale: int, rows: int, columns: int) -> NDArray[np.float32]:
    """Means of scale x scale blocks; the last ones are completed by repeating the edge."""
    below, right = rows * scale - plane.shape[0], columns * scale - plane.shape[1]
    whole = cv2.copyMakeBorder(plane, 0, below, 0, right, cv2.BORDER_REPLICATE)
    return np.asarray(cv2.resize(whole, (columns, rows), interpolation=cv2.INTER_AREA), np.float32)
