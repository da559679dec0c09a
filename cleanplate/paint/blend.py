"""From candidate sources to one picture: the ring's verdict, the membrane, the weights and the sampling."""

# numba gives the kernels their types from the arrays they are called with
# ruff: noqa: ANN001, ANN202

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numba
import numpy as np
from numpy.typing import NDArray

from cleanplate.motion.complete import harmonic
from cleanplate.paint.trace import GRID_PX, Trail, locate

# Weight of a candidate as a logit, that of the smooth fill being 0: A - B ln(V + V0) - C ln(E + E0), V the mean square
# error the ring foretells (colours 0-255), E the forward-backward error of the way (px^2 at 240 lines).
LOGIT, LOGIT_V, LOGIT_E = 9.75, 1.42, 0.23
V_FLOOR, E_FLOOR_PX2 = 30.0, 0.01
V_UNPROVEN = 1000.0  # of a candidate that reaches no point of the ring
NEGLIGIBLE = 0.02  # a smaller share of the weight is not worth sampling for
DEEP = 257.0  # full-scale uint16 to the 0-255 scale
MID_GRAY = 127.5  # where no frame shows anything at all
SEEN, INVENTED = 1, 2  # of `Painting.origin`


@dataclass(kw_only=True, eq=False)
class Candidates:
    """All trails of one frame and what the ring said of them. Cells are GRID_PX working pixels square."""

    x0: int
    y0: int
    ways: NDArray[np.int64]  # (C,): 0 = source lies later, 1 = earlier
    frame: NDArray[np.int32]  # (C, rows, columns)
    xy: NDArray[np.float32]  # (C, rows, columns, 2)
    error: NDArray[np.float32]  # (C, rows, columns)
    verdict: NDArray[np.float32]  # (C, rows, columns, 4): offset to take off (RGB), mean square error


def judge(
    images: NDArray[Any],
    t: int,
    hole: NDArray[np.bool_],
    masked: NDArray[np.bool_],
    scale: int,
    trails: Sequence[Trail],
) -> Candidates:
    """Try each candidate on the ring around the hole of frame `t`, where the true colour is known.

    Its residual there and the mean square of it are spread harmonically into the hole. `hole` (H, W); `masked`
    (T, h, w) is hole and ring at the working scale, `scale` times smaller.
    """
    found = Candidates(
        x0=trails[0].x0,
        y0=trails[0].y0,
        ways=np.array([trail.way for trail in trails]),
        frame=np.stack([trail.frame for trail in trails]),
        xy=np.stack([trail.xy for trail in trails]),
        error=np.stack([trail.error for trail in trails]),
        verdict=np.zeros((len(trails), *trails[0].frame.shape, 4), np.float32),
    )
    for n in range(len(trails)):
        if (found.frame[n] < 0).all():
            continue
        told, hits = _ring(
            images,
            t,
            hole,
            masked,
            scale,
            found.ways[n],
            found.x0,
            found.y0,
            found.frame[n],
            found.xy[n],
            found.error[n],
        )
        known = hits > 0
        if known.any():
            found.verdict[n] = harmonic(told, known, sweeps=4)
        else:
            found.verdict[n, ..., 3] = V_UNPROVEN
    return found


def blend(
    images: NDArray[Any],
    hole: NDArray[np.bool_],
    masked: NDArray[np.bool_],
    scale: int,
    found: Candidates,
    error_unit_px2: float,
    corner_xy: tuple[int, int],
    out: NDArray[np.float32],
    origin: NDArray[np.uint8],
) -> None:
    """Mix the candidates into `out` (h, w, 3), 0-255, and write `origin` (H, W).

    `out` is the part of the frame from `corner_xy` on that contains the hole, filled smoothly. `error_unit_px2` brings
    errors to 240 lines.
    """
    _blend(
        images,
        hole,
        masked,
        scale,
        found.ways,
        found.x0,
        found.y0,
        found.frame,
        found.xy,
        found.error,
        found.verdict,
        error_unit_px2,
        corner_xy[0],
        corner_xy[1],
        out,
        origin,
    )


@numba.njit(cache=True, nogil=True, inline="always")
def _cubic(u):  # type: ignore[no-untyped-def]
    """Catmull-Rom: the weights of four neighbours for a point a fraction `u` past the second."""
    return (
        ((2 - u) * u - 1) * u * 0.5,
        ((3 * u - 5) * u * u + 2) * 0.5,
        ((4 - 3 * u) * u + 1) * u * 0.5,
        (u - 1) * u * u * 0.5,
    )


@numba.njit(cache=True, nogil=True)
def _sample(images, s, x, y):  # type: ignore[no-untyped-def]
    """The colour of frame `s` at (x, y), bicubic, in the images' own numbers."""
    height, width = images.shape[1:3]
    left, top = int(np.floor(x)), int(np.floor(y))
    wx, wy = _cubic(np.float32(x - left)), _cubic(np.float32(y - top))
    r = g = b = np.float32(0)
    for j in range(4):
        yy = min(max(top - 1 + j, 0), height - 1)
        for i in range(4):
            xx = min(max(left - 1 + i, 0), width - 1)
            w = np.float32(wx[i] * wy[j])
            r += w * np.float32(images[s, yy, xx, 0])
            g += w * np.float32(images[s, yy, xx, 1])
            b += w * np.float32(images[s, yy, xx, 2])
    return r, g, b


@numba.njit(cache=True, nogil=True)
def _ring(images, t, hole, masked, scale, way, x0, y0, frame, xy, error):  # type: ignore[no-untyped-def]
    """Residual (3) and mean square (1) of a candidate in the ring's cells (rows, columns, 4), and their samples."""
    rows, columns = frame.shape
    height, width = hole.shape
    unit = np.float32(1.0 / DEEP if images.itemsize == 2 else 1.0)
    told = np.zeros((rows, columns, 4), np.float32)
    hits = np.zeros((rows, columns), np.int32)
    cell = GRID_PX * scale
    for y in range(y0 * cell, min((y0 + rows) * cell, height)):
        j = y // cell - y0
        for x in range(x0 * cell, min((x0 + columns) * cell, width)):
            # at full size every second sample tells as much as all of them
            if hole[y, x] or not masked[t, y // scale, x // scale] or (scale > 1 and (x + y) % 2):
                continue
            s, sx, sy, _ = locate(
                masked, way, x0, y0, frame, xy, error, (x + 0.5) / scale - 0.5, (y + 0.5) / scale - 0.5
            )
            if s < 0:
                continue
            r, g, b = _sample(images, s, (sx + 0.5) * scale - 0.5, (sy + 0.5) * scale - 0.5)
            r = (r - images[t, y, x, 0]) * unit
            g = (g - images[t, y, x, 1]) * unit
            b = (b - images[t, y, x, 2]) * unit
            i = x // cell - x0
            told[j, i, 0] += r
            told[j, i, 1] += g
            told[j, i, 2] += b
            told[j, i, 3] += (r * r + g * g + b * b) / 3
            hits[j, i] += 1
    for j in range(rows):
        for i in range(columns):
            for c in range(4 * (hits[j, i] > 0)):
                told[j, i, c] /= hits[j, i]
    return told, hits


@numba.njit(cache=True, nogil=True)
def _blend(images, hole, masked, scale, ways, x0, y0, frame, xy, error, verdict, error_unit, out_x, out_y, out, origin):  # type: ignore[no-untyped-def]
    count, rows, columns = frame.shape
    height, width = hole.shape
    unit = np.float32(1.0 / DEEP if images.itemsize == 2 else 1.0)
    cell = GRID_PX * scale
    weights = np.zeros(count)
    where = np.zeros((count, 2))
    source = np.zeros(count, np.int64)
    offset = np.zeros((count, 3))
    for y in range(y0 * cell, min((y0 + rows) * cell, height)):
        v = min(max((y + 0.5) / cell - 0.5 - y0, 0.0), rows - 1.0)
        top = int(v)
        low = min(top + 1, rows - 1)
        v -= top
        for x in range(x0 * cell, min((x0 + columns) * cell, width)):
            if not hole[y, x]:
                continue
            u = min(max((x + 0.5) / cell - 0.5 - x0, 0.0), columns - 1.0)
            left = int(u)
            right = min(left + 1, columns - 1)
            u -= left
            p, q, k, m = (1 - u) * (1 - v), u * (1 - v), (1 - u) * v, u * v
            total = 1.0  # the smooth fill's
            for n in range(count):
                s, sx, sy, e = locate(
                    masked, ways[n], x0, y0, frame[n], xy[n], error[n], (x + 0.5) / scale - 0.5, (y + 0.5) / scale - 0.5
                )
                source[n] = s
                weights[n] = 0.0
                if s < 0:
                    continue
                where[n, 0], where[n, 1] = (sx + 0.5) * scale - 0.5, (sy + 0.5) * scale - 0.5
                a = verdict[n]
                for c in range(3):
                    offset[n, c] = (
                        p * a[top, left, c] + q * a[top, right, c] + k * a[low, left, c] + m * a[low, right, c]
                    )
                variance = p * a[top, left, 3] + q * a[top, right, 3] + k * a[low, left, 3] + m * a[low, right, 3]
                weights[n] = np.exp(
                    LOGIT
                    - LOGIT_V * np.log(max(variance, 0.0) + V_FLOOR)
                    - LOGIT_E * np.log(e * error_unit + E_FLOOR_PX2)
                )
                total += weights[n]
            smooth = 1.0 / total
            kept = 0.0
            r = g = b = 0.0
            for n in range(count):
                w = weights[n] / total
                if w < NEGLIGIBLE:
                    continue
                cr, cg, cb = _sample(images, source[n], where[n, 0], where[n, 1])
                r += w * (cr * unit - offset[n, 0])
                g += w * (cg * unit - offset[n, 1])
                b += w * (cb * unit - offset[n, 2])
                kept += w
            out[y - out_y, x - out_x, 0] = (r + smooth * out[y - out_y, x - out_x, 0]) / (kept + smooth)
            out[y - out_y, x - out_x, 1] = (g + smooth * out[y - out_y, x - out_x, 1]) / (kept + smooth)
            out[y - out_y, x - out_x, 2] = (b + smooth * out[y - out_y, x - out_x, 2]) / (kept + smooth)
            origin[y, x] = SEEN if kept >= smooth else INVENTED
