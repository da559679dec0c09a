"""A filter in time along the motion: the same point in the neighbouring frames calms what is painted.

The errors of a point's paintings in three frames are partly its own, so their mean is nearer to the truth than each;
and what flickers is halved. Only holes are changed, and each frame reads its neighbours as they were before.
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Executor
from typing import Any

import numba
import numpy as np
from numpy.typing import NDArray

from cleanplate.motion.kernels import KERNEL
from cleanplate.paint.looks import bounds
from cleanplate.paint.sampling import cubic, sample_by
from cleanplate.paint.trace import GRID_PX, Tracks, is_inside, step

MISS_PX2 = 1.0  # of 240, squared: a neighbour counts by exp(-E / (2 * this)), E the forward-backward error of the way
LEAST_WEIGHT = 0.03  # a smaller one is not worth sampling for
BATCH_FRAMES = 16  # filtered before any is written


def steady(
    painted: NDArray[Any],
    holes: NDArray[np.bool_],
    owed: Sequence[int],
    first: int,
    tracks: Tracks,
    hypothesis: int,
    share: float,
    scale: int,
    unit: float,
    light: NDArray[np.float32],
    pool: Executor,
) -> None:
    """Filter the holes (T, H, W) of the frames `owed` in `painted` (T_core, H, W, 3), which starts at frame `first`.

    `share`: a neighbour's weight, that of the frame itself being 1; `light`: see `find_light`.
    """

    def one(t: int) -> NDArray[Any]:
        x0, y0, x1, y1 = bounds(holes[t], 0)
        out = painted[t - first, y0:y1, x0:x1].copy()
        _filter(
            painted, np.asarray(holes[t]), t, first, tracks.arrays, hypothesis, share, MISS_PX2 * unit**2, scale, light,
            x0, y0, out, float(np.iinfo(painted.dtype).max),
        )  # fmt: skip
        return out

    ready: list[tuple[int, NDArray[Any]]] = []  # one batch late, as the next one still reads the frame before it
    for n in range(0, len(owed) + BATCH_FRAMES, BATCH_FRAMES):
        batch = owed[n : n + BATCH_FRAMES]
        filtered = list(pool.map(one, batch))
        for t, out in ready:
            x0, y0, x1, y1 = bounds(holes[t], 0)
            painted[t - first, y0:y1, x0:x1] = out
        ready = list(zip(batch, filtered, strict=True))


@numba.njit(**KERNEL)
def _filter(painted, hole, t, first, paths, hypothesis, share, spread, scale, light, x0, y0, out, top):
    """Ways are found once for a block, as in `blend`."""
    flows, places, planes = paths[1:]
    height, width = hole.shape
    rows, columns = out.shape[:2]
    per = GRID_PX if scale == 1 else 1
    block = per * scale
    middle, off = 0.5 * (block - 1), 0.5 * (per - 1)
    far = np.zeros((2, 3))  # of each way: right and down by (full-size px), weight
    whole, taps = np.zeros((2, 2), np.int64), np.zeros((2, 8), np.float32)  # the same for a block
    for j in range(y0 // block, (y0 + rows - 1) // block + 1):
        for i in range(x0 // block, (x0 + columns - 1) // block + 1):
            is_found = False
            for y in range(max(j * block, y0), min((j + 1) * block, y0 + rows)):
                for x in range(max(i * block, x0), min((i + 1) * block, x0 + columns)):
                    if not hole[y, x]:
                        continue
                    for way in range(0 if is_found else 2):
                        pair, n = t - way, t + 1 - 2 * way
                        far[way, 2] = 0
                        if n >= first and n < first + len(painted) and places[pair, 3] > 0:
                            nx, ny, missed, _ = step(
                                flows, places[pair], planes[pair], way, hypothesis, per * i + off, per * j + off
                            )
                            far[way, 0] = (nx + 0.5) * scale - 0.5 - (i * block + middle)
                            far[way, 1] = (ny + 0.5) * scale - 0.5 - (j * block + middle)
                            far[way, 2] = share * np.exp(-missed / (2 * spread))
                            left, above = np.floor(far[way, 0]), np.floor(far[way, 1])
                            whole[way, 0], whole[way, 1] = int(left), int(above)
                            a = taps[way]
                            a[0], a[1], a[2], a[3] = cubic(np.float32(far[way, 0] - left))
                            a[4], a[5], a[6], a[7] = cubic(np.float32(far[way, 1] - above))
                    is_found = True
                    total = np.float32(1)
                    r, g, b = painted[t - first, y, x]
                    r, g, b = np.float32(r), np.float32(g), np.float32(b)
                    for way in range(2):
                        px, py, weight = x + far[way, 0], y + far[way, 1], np.float32(far[way, 2])
                        if weight < LEAST_WEIGHT or not is_inside(px, py, width, height):
                            continue
                        n = t + 1 - 2 * way
                        a = taps[way]
                        colour = sample_by(
                            painted, n - first, x + whole[way, 0], y + whole[way, 1],
                            (a[0], a[1], a[2], a[3]), (a[4], a[5], a[6], a[7]),
                        )  # fmt: skip
                        r += weight * colour[0] * light[t, 0] / light[n, 0]
                        g += weight * colour[1] * light[t, 1] / light[n, 1]
                        b += weight * colour[2] * light[t, 2] / light[n, 2]
                        total += weight
                    out[y - y0, x - x0, 0] = min(max(np.rint(r / total), 0.0), top)
                    out[y - y0, x - x0, 1] = min(max(np.rint(g / total), 0.0), top)
                    out[y - y0, x - x0, 2] = min(max(np.rint(b / total), 0.0), top)
