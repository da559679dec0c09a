"""Moving pictures along flow, and judging flow by going there and back."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from cleanplate.motion.estimator import landing_inside


def warp(image: NDArray[Any], xy: NDArray[np.float32], cubic: bool = False) -> tuple[NDArray[Any], NDArray[np.bool_]]:
    """Look up `image` where the flow points: `out[y, x] = image(x + xy[y, x, 0], y + xy[y, x, 1])`.

    `image` (H, W) or (H, W, C) uint8, uint16 or float32; `xy` (H, W, 2) px. Returns the picture in the image's dtype
    and where the look-up lay inside, (H, W). Outside, the edge is repeated.
    """
    height, width = xy.shape[:2]
    x = np.arange(width, dtype=np.float32) + xy[..., 0]
    y = np.arange(height, dtype=np.float32)[:, None] + xy[..., 1]
    how = cv2.INTER_CUBIC if cubic else cv2.INTER_LINEAR
    return cv2.remap(np.ascontiguousarray(image), x, y, how, borderMode=cv2.BORDER_REPLICATE), landing_inside(xy)


def there_and_back(forward: NDArray[np.float32], backward: NDArray[np.float32]) -> NDArray[np.float32]:
    """Squared distance (px^2) by which each point misses itself after `forward` and then `backward`: (H, W)."""
    returned, _ = warp(backward, forward)
    missed: NDArray[np.float32] = ((forward + returned) ** 2).sum(-1)
    return missed


def consistent(
    forward: NDArray[np.float32],
    backward: NDArray[np.float32],
    absolute_px2: float = 0.5,
    relative: float = 0.01,
) -> NDArray[np.bool_]:
    """Where going there and back returns (Sundaram 2010): |f + b|^2 < absolute + relative (|f|^2 + |b|^2), and inside.

    Both flows (H, W, 2) px; returns (H, W).
    """
    returned, inside = warp(backward, forward)
    limit = absolute_px2 + relative * ((forward**2).sum(-1) + (returned**2).sum(-1))
    good: NDArray[np.bool_] = (((forward + returned) ** 2).sum(-1) < limit) & inside
    return good
