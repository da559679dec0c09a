"""From candidate sources to one picture: the ring's verdict, the membrane, the weights and the sampling."""

# numba gives the kernels their types from the arrays they are called with
# ruff: noqa: ANN001, ANN202

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import numba
import numpy as np
from numpy.typing import NDArray

from cleanplate.motion.complete import harmonic
from cleanplate.paint.trace import GRID_PX, NOWHERE, Tracks, Trail, is_visible, locate

# Weight of a candidate, that of the smooth fill being 1: exp(TRUST) (V + V0)^-a (E + E0)^-b (D + D0)^-c, V the mean
# square error the ring foretells (colours 0-255), E the forward-backward error (px^2) and D the doubt (px) of its way,
# in working pixels; TRUST is less for the camera's plane. Fitted on 48 clips, see docs/flowfill.md.
TRUST, TRUST_PLANAR = 5.7, 4.95
V_POWER, E_POWER, D_POWER = 0.84, 0.61, 0.58
V_FLOOR, E_FLOOR_PX2, D_FLOOR_PX = 10.0, 0.01, 0.3
FADE_CELLS = 1  # over how far a source's weight falls off where it ends
V_UNPROVEN = 1000.0  # of a candidate that reaches no point of the ring
NEGLIGIBLE = 0.02  # a smaller share of the weight is not worth sampling for
SAME_PX2 = 0.1  # two candidates that lie closer (squared working pixels) are one: sampled once, sharper and quicker
DEEP = 257.0  # full-scale uint16 to the 0-255 scale
MID_GRAY = 127.5  # where no frame shows anything at all
SEEN, INVENTED = 1, 2  # of `Painting.origin`


@dataclass(kw_only=True, eq=False)
class Candidates:
    """All trails of one frame and what the ring said of them. Cells are GRID_PX working pixels square."""

    x0: int
    y0: int
    ways: NDArray[np.int64]  # (C,): 0 = source lies later, 1 = earlier
    are_planar: NDArray[np.bool_]  # (C,)
    frame: NDArray[np.int32]  # (C, rows, columns)
    xy: NDArray[np.float32]  # (C, rows, columns, 2)
    risk: NDArray[np.float32]  # (C, rows, columns, 2)
    verdict: NDArray[np.float32]  # (C, rows, columns, 4): offset to take off (RGB), mean square error
    weight: NDArray[np.float32]  # (C, rows, columns), that of the smooth fill being 1


def judge(
    images: NDArray[Any],
    t: int,
    hole: NDArray[np.bool_],
    tracks: Tracks,
    scale: int,
    trails: Sequence[Trail],
) -> Candidates:
    """Try each candidate on the ring around the hole of frame `t`, where the true colour is known.

    Its residual there and the mean square of it are spread harmonically into the hole. `hole` (H, W); `scale`:
    how many times smaller the tracks are.
    """
    found = Candidates(
        x0=trails[0].x0,
        y0=trails[0].y0,
        ways=np.array([trail.way for trail in trails]),
        are_planar=np.array([trail.is_planar for trail in trails]),
        frame=np.stack([trail.frame for trail in trails]),
        xy=np.stack([trail.xy for trail in trails]),
        risk=np.stack([trail.risk for trail in trails]),
        verdict=np.zeros((len(trails), *trails[0].frame.shape, 4), np.float32),
        weight=np.zeros((len(trails), *trails[0].frame.shape), np.float32),
    )
    rows, columns = found.frame.shape[1:]
    needed = np.zeros((rows, columns), np.float32)
    part = tracks.masked[t, GRID_PX * found.y0 :: GRID_PX, GRID_PX * found.x0 :: GRID_PX][:rows, :columns]
    needed[: part.shape[0], : part.shape[1]] = part
    for n in range(len(trails)):
        if (found.frame[n] < 0).all():
            continue
        told, hits = _ring(
            images, t, hole, tracks.arrays, scale, found.ways[n], found.are_planar[n],
            found.x0, found.y0, found.frame, found.xy, found.risk, n,
        )  # fmt: skip
        known = hits > 0
        if known.any():
            found.verdict[n] = harmonic(told, known, sweeps=4)
        else:
            found.verdict[n, ..., 3] = V_UNPROVEN
        variance = np.maximum(found.verdict[n, ..., 3], 0) + V_FLOOR
        error = found.risk[n, ..., 0] + E_FLOOR_PX2
        doubt = found.risk[n, ..., 1] + D_FLOOR_PX
        trust = np.exp(TRUST_PLANAR if trails[n].is_planar else TRUST)
        weight = trust * variance**-V_POWER * error**-E_POWER * doubt**-D_POWER
        # so that the share against the smooth fill, not the weight, falls off evenly
        fade = _fade(found.frame[n] >= 0, needed)
        found.weight[n] = fade * weight / (1 + (1 - fade) * weight)
    return found


def _fade(found: NDArray[np.bool_], needed: NDArray[np.float32]) -> NDArray[np.float32]:
    """1 well inside the area that was found, falling to 0 at its edge, so that no seam shows where a source ends.

    Both (rows, columns); beyond what is needed there is no edge.
    """
    size = (2 * FADE_CELLS + 1, 2 * FADE_CELLS + 1)
    near = cv2.blur(needed, size, borderType=cv2.BORDER_CONSTANT)
    share = cv2.blur(needed * found.astype(np.float32), size, borderType=cv2.BORDER_CONSTANT)
    faded = np.clip(2 * share / np.maximum(near, 1e-6) - 1, 0, 1) * found
    return np.asarray(faded, np.float32)


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
        images, hole, tracks.arrays, scale, found.ways, found.are_planar, found.x0, found.y0, found.frame, found.xy,
        found.risk, found.verdict, found.weight, corner_xy[0], corner_xy[1], out, origin,
    )  # fmt: skip


@numba.njit(cache=True, nogil=True, inline="always")
def _cubic(u):  # type: ignore[no-untyped-def]
    """Catmull-Rom: the weights of four neighbours for a point a fraction `u` past the second."""
    half, one, two, three = np.float32(0.5), np.float32(1), np.float32(2), np.float32(3)
    return (
        ((two - u) * u - one) * u * half,
        ((three * u - two - three) * u * u + two) * half,
        ((two + two - three * u) * u + one) * u * half,
        (u - one) * u * u * half,
    )


@numba.njit(cache=True, nogil=True)
def _sample(images, s, x, y):  # type: ignore[no-untyped-def]
    """The colour of frame `s` at (x, y), bicubic, in the images' own numbers. All in float32: half the time."""
    height, width = images.shape[1:3]
    left, top = int(np.floor(x)), int(np.floor(y))
    wx, wy = _cubic(np.float32(x - left)), _cubic(np.float32(y - top))
    x0, x1 = min(max(left - 1, 0), width - 1), min(max(left, 0), width - 1)
    x2, x3 = min(max(left + 1, 0), width - 1), min(max(left + 2, 0), width - 1)
    colour = (np.float32(0), np.float32(0), np.float32(0))
    for j in range(4):
        yy = min(max(top - 1 + j, 0), height - 1)
        a, b, c, d = wy[j] * wx[0], wy[j] * wx[1], wy[j] * wx[2], wy[j] * wx[3]
        colour = (
            colour[0] + _taps(a, b, c, d, images, s, yy, x0, x1, x2, x3, 0),
            colour[1] + _taps(a, b, c, d, images, s, yy, x0, x1, x2, x3, 1),
            colour[2] + _taps(a, b, c, d, images, s, yy, x0, x1, x2, x3, 2),
        )
    return colour


@numba.njit(cache=True, nogil=True, inline="always")
def _taps(a, b, c, d, images, s, y, x0, x1, x2, x3, channel):  # type: ignore[no-untyped-def]
    return (
        a * np.float32(images[s, y, x0, channel])
        + b * np.float32(images[s, y, x1, channel])
        + c * np.float32(images[s, y, x2, channel])
        + d * np.float32(images[s, y, x3, channel])
    )


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
def _ring(images, t, hole, paths, scale, way, is_planar, x0, y0, frame, xy, risk, n):  # type: ignore[no-untyped-def]
    """Residual (3) and mean square (1) of a candidate in the ring's cells (rows, columns, 4), and their samples."""
    rows, columns = frame.shape[1:]
    height, width = hole.shape
    unit = np.float32(1.0 / DEEP if images.itemsize == 2 else 1.0)
    masked = paths[0]
    told = np.zeros((rows, columns, 4), np.float32)
    hits = np.zeros((rows, columns), np.int32)
    cell = GRID_PX * scale
    for y in range(y0 * cell, min((y0 + rows) * cell, height)):
        j = y // cell - y0
        for x in range(x0 * cell, min((x0 + columns) * cell, width)):
            # at full size every second sample tells as much as all of them
            if hole[y, x] or not masked[t, y // scale, x // scale] or (scale > 1 and (x + y) % 2):
                continue
            s, sx, sy, _, _ = locate(
                paths, way, is_planar, x0, y0, frame, xy, risk, n, (x + 0.5) / scale - 0.5, (y + 0.5) / scale - 0.5
            )
            if s < 0:
                continue
            colour = _sample(images, s, (sx + 0.5) * scale - 0.5, (sy + 0.5) * scale - 0.5)
            r = (colour[0] - np.float32(images[t, y, x, 0])) * unit
            g = (colour[1] - np.float32(images[t, y, x, 1])) * unit
            b = (colour[2] - np.float32(images[t, y, x, 2])) * unit
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
def _blend(  # type: ignore[no-untyped-def]
    images, hole, paths, scale, ways, are_planar, x0, y0, frame, xy, risk, verdict, weight, out_x, out_y, out, origin
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
                        are_planar[n],
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
                    colour = _sample(images, last_s, (last_x + 0.5) * scale - 0.5, (last_y + 0.5) * scale - 0.5)
                    r += last_w * unit * colour[0]
                    g += last_w * unit * colour[1]
                    b += last_w * unit * colour[2]
                last_s, last_x, last_y, last_w = s, sx, sy, w
            out[y - out_y, x - out_x, 0] = r / kept
            out[y - out_y, x - out_x, 1] = g / kept
            out[y - out_y, x - out_x, 2] = b / kept
            origin[y, x] = SEEN if kept >= 2 else INVENTED
