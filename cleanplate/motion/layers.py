"""The motion of a second layer: what one plane leaves unexplained near a hole, looked for as a whole."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from cleanplate.base.arrays import bounding_box, grow_box
from cleanplate.motion.dis import DisFlow
from cleanplate.motion.register import FEWEST_POINTS, Plane, carried

# Lengths marked "of 240" are pixels of a frame 240 lines high and grow with it.
AROUND_PX = 48  # of 240: how much around the hole is looked at
REACH_PX = 48  # of 240: how far the second layer may lie from where the plane takes it
APART_LEVELS = 12.0  # mean difference in 5x5 from which the plane has not explained a place
LEAST_SHARE = 0.1  # of what both show: less unexplained is noise, or something small that passes
BETTER = 0.6  # of the plane's own error there: what a second layer must come down to
SETTLED_PX = 2.0


def second_layer(
    dis: DisFlow,
    gray: NDArray[np.uint8],
    known: NDArray[np.bool_],
    other: NDArray[np.uint8],
    other_known: NDArray[np.bool_],
    plane: Plane,
    unit: float,
) -> Plane | None:
    """The plane of what `plane` does not explain: the same, but shifted; None where nothing is left, or none is found.

    `gray` (h, w), `other` (h2, w2) and what is known of them: as for `register`; `unit`: frame height / 240. All that
    the plane does not explain near what is unknown is searched for as one template.
    """
    hole = bounding_box(~known)
    if hole is None:
        return None
    height, width = gray.shape
    x0, y0, x1, y1 = grow_box(hole, round(AROUND_PX * unit), width, height)
    window, reach = np.s_[y0:y1, x0:x1], round(REACH_PX * unit)
    here = plane @ np.array([[1.0, 0, x0 - reach], [0, 1, y0 - reach], [0, 0, 1]])
    size = x1 - x0 + 2 * reach, y1 - y0 + 2 * reach
    wide = carried(other, here, size)
    middle = np.s_[reach : reach + y1 - y0, reach : reach + x1 - x0]
    both = known[window] & (carried(other_known.view(np.uint8), here, size) > 0)[middle]
    if not both.any():
        return None
    differ = gray[window].astype(np.float32) - wide[middle]
    apart = cv2.blur(np.where(both, np.abs(differ - np.median(differ[both])), 0), (5, 5))
    odd = both & (apart > APART_LEVELS)
    if np.count_nonzero(odd) < max(LEAST_SHARE * np.count_nonzero(both), FEWEST_POINTS):
        return None
    errors = cv2.matchTemplate(wide, gray[window], cv2.TM_SQDIFF, mask=odd.astype(np.uint8))
    at_y, at_x = np.unravel_index(int(np.argmin(errors)), errors.shape)
    if errors[at_y, at_x] > BETTER**2 * errors[reach, reach]:
        return None
    shifted = plane @ np.array([[1.0, 0, at_x - reach], [0, 1, at_y - reach], [0, 0, 1]])
    flow = dis.pair(gray, carried(other, shifted, (width, height)))[window][odd]
    near = flow[np.hypot(flow[:, 0], flow[:, 1]) < SETTLED_PX]
    if len(near) < FEWEST_POINTS:
        return None
    dx, dy = np.median(near, axis=0)
    return np.asarray(shifted @ np.array([[1.0, 0, dx], [0, 1, dy], [0, 0, 1]]))
