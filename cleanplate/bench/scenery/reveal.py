"""Which hidden points a shot shows elsewhere, and how far away, followed on each surface's own texture."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from cleanplate.bench.scenery.layers import Bools
from cleanplate.bench.scenery.stage import Shot

NEVER = -1


def top_surface(shot: Shot, t: int) -> NDArray[np.intp]:
    """Which surface is in front at each sample: (H, W) positions in `shot.surfaces`."""
    owner = np.zeros(shot.surfaces[0].size, np.intp)
    for n, surface in enumerate(shot.surfaces):
        if n > 0:
            owner[surface.opaque(t)] = n
    return owner


def ages(shot: Shot, frames: Sequence[int], holes: Bools) -> NDArray[np.int32]:
    """How many frames away each hole sample's point of the world is nearest in plain sight: (len(frames), H, W).

    holes: (len(frames), H, W) of those frames, which are of this shot and in order. In plain sight: inside the picture,
    on the topmost surface, all four samples around it outside the hole. 0 outside the holes, `NEVER` where no frame
    shows it. Exact but for rounding to half a texel.
    """
    found = np.where(holes, np.iinfo(np.int32).max, 0).astype(np.int32)
    owners = [top_surface(shot, t) for t in frames]
    for order in (range(len(frames)), range(len(frames) - 1, -1, -1)):
        _sweep(shot, frames, holes, owners, order, found)
    found[found == np.iinfo(np.int32).max] = NEVER
    return found


def _sweep(
    shot: Shot,
    frames: Sequence[int],
    holes: Bools,
    owners: Sequence[NDArray[np.intp]],
    order: Iterable[int],
    found: NDArray[np.int32],
) -> None:
    # When each texel was last in sight, counted from 1 so that 0, which lies outside textures as well, is never.
    last = [np.zeros(surface.texture.shape[:2], np.float32) for surface in shot.surfaces]
    for k in order:
        for n, surface in enumerate(shot.surfaces):
            hidden = (owners[k] == n) & holes[k]
            if hidden.any():
                seen = surface.sample(frames[k], last[n], cv2.INTER_NEAREST)[hidden]
                away = np.where(seen > 0, np.abs(seen - (k + 1)), np.iinfo(np.int32).max)
                found[k][hidden] = np.minimum(found[k][hidden], away.astype(np.int64)).astype(np.int32)
            last[n][surface.to_texture(frames[k], (owners[k] == n) & ~holes[k])] = k + 1
