"""From judged candidates to one picture: mixed with the smooth fill by their weights, sampled at full size."""

# numba gives the kernels their types from the arrays they are called with
# ruff: noqa: ANN001, ANN202

from __future__ import annotations

from typing import Any

import numba
import numpy as np
from numpy.typing import NDArray

from cleanplate.paint.judge import Candidates
from cleanplate.paint.sampling import DEEP, sample
from cleanplate.paint.trace import GRID_PX, NOWHERE, Tracks, is_visible, locate

NEGLIGIBLE = 0.02  # a smaller share of the weight is not worth sampling for
SAME_PX2 = 0.1  # two candidates that lie closer (squared working pixels) are one: sampled once, sharper and quicker
SEEN, INVENTED = 1, 2  # of `Painting.origin`


def blend(
    images: NDArray[Any],
    hole: NDArray[np.bool_],
    tracks: Tracks,
    scale: int,
    found: Candidates,
    corner_xy: tuple[int, int],
    out: NDArray[np.float32],
    origin: NDArray[np.uint8],
) -> None:
    """Mix the candidates into `out` (h, w, 3), 0-255, and write `origin` (H, W).

    `out` is the part of the frame from `corner_xy` on that contains the hole, filled smoothly.
    """
    _blend(
        images, hole, tracks.arrays, scale, found.ways, found.hypotheses, found.x0, found.y0, found.frame, found.xy,
        found.risk, found.verdict, found.weight, corner_xy[0], corner_xy[1], out, origin,
    )  # fmt: skip


@numba.njit(cache=True, nogil=True, inline="always")
def _corners(a, b, c, d, field, n, top, low, left, right, channel):  # type: ignore[no-untyped-def]
    """A channel of one candidate's field between four cells."""
    return (
        a * field[n, top, left, channel]
        + b * field[n, top, right, channel]
        + c * field[n, low, left, channel]
        + d * field[n, low, right, channel]
    )


@numba.njit(cache=True, nogil=True)
def _blend(  # type: ignore[no-untyped-def]
    images, hole, paths, scale, ways, hypotheses, x0, y0, frame, xy, risk, verdict, weight, out_x, out_y, out, origin
):
    masked = paths[0]
    count, rows, columns = frame.shape
    height, width = hole.shape
    unit = np.float32(1.0 / DEEP if images.itemsize == 2 else 1.0)
    cell = GRID_PX * scale
    weights = np.zeros(count, np.float32)
    for y in range(y0 * cell, min((y0 + rows) * cell, height)):
        v = np.float32(min(max((y + 0.5) / cell - 0.5 - y0, 0.0), rows - 1.0))
        top = int(v)
        low = min(top + 1, rows - 1)
        v -= top
        for x in range(x0 * cell, min((x0 + columns) * cell, width)):
            if not hole[y, x]:
                continue
            u = np.float32(min(max((x + 0.5) / cell - 0.5 - x0, 0.0), columns - 1.0))
            left = int(u)
            right = min(left + 1, columns - 1)
            u -= left
            p, q, k, m = (1 - u) * (1 - v), u * (1 - v), (1 - u) * v, u * v
            total = np.float32(1)  # the smooth fill's weight
            for n in range(count):
                weights[n] = (
                    p * weight[n, top, left]
                    + q * weight[n, top, right]
                    + k * weight[n, low, left]
                    + m * weight[n, low, right]
                )
                total += weights[n]
            kept = np.float32(1)
            r, g, b = out[y - out_y, x - out_x]
            last_s, last_x, last_y, last_w = NOWHERE, 0.0, 0.0, np.float32(0)
            for n in range(count + 1):
                s, sx, sy, w = NOWHERE, 0.0, 0.0, np.float32(0)
                if n < count and weights[n] >= NEGLIGIBLE * total:
                    w = weights[n]
                    s, sx, sy, _, _ = locate(
                        paths,
                        ways[n],
                        hypotheses[n],
                        x0,
                        y0,
                        frame,
                        xy,
                        risk,
                        n,
                        (x + 0.5) / scale - 0.5,
                        (y + 0.5) / scale - 0.5,
                    )
                    if s < 0:
                        continue
                    r -= w * _corners(p, q, k, m, verdict, n, top, low, left, right, 0)
                    g -= w * _corners(p, q, k, m, verdict, n, top, low, left, right, 1)
                    b -= w * _corners(p, q, k, m, verdict, n, top, low, left, right, 2)
                    kept += w
                    if s == last_s and (sx - last_x) ** 2 + (sy - last_y) ** 2 < SAME_PX2:
                        share = w / (last_w + w)
                        mx, my = last_x + share * (sx - last_x), last_y + share * (sy - last_y)
                        if is_visible(masked, s, mx, my):
                            last_x, last_y, last_w = mx, my, last_w + w
                            continue
                elif n < count:
                    continue
                if last_w > 0:
                    colour = sample(images, last_s, (last_x + 0.5) * scale - 0.5, (last_y + 0.5) * scale - 0.5)
                    r += last_w * unit * colour[0]
                    g += last_w * unit * colour[1]
                    b += last_w * unit * colour[2]
                last_s, last_x, last_y, last_w = s, sx, sy, w
            out[y - out_y, x - out_x, 0] = r / kept
            out[y - out_y, x - out_x, 1] = g / kept
            out[y - out_y, x - out_x, 2] = b / kept
            origin[y, x] = SEEN if kept >= 2 else INVENTED
