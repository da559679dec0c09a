"""From judged candidates to one picture: mixed with the smooth fill by their weights, sampled at full size."""

from __future__ import annotations

from typing import Any

import numba
import numpy as np
from numpy.typing import NDArray

from cleanplate.base.types import INVENTED, SEEN
from cleanplate.motion.kernels import KERNEL
from cleanplate.paint.judge import Candidates
from cleanplate.paint.sampling import DEEP, cubic, sample_by
from cleanplate.paint.trace import GRID_PX, Tracks, is_inside, locate

UNSEEN_FROM, UNSEEN_TO = 0.5, 0.8  # the smooth fill's share from which on, and at which wholly, a sample is unseen
NEW, UNCLEAR = -1, -2  # instead of a number of sources
NEGLIGIBLE = 0.05  # a smaller share of the weight is not worth sampling for
SAME_PX2 = 0.1  # two candidates that lie closer (squared working pixels) are one: sampled once, sharper and quicker


def blend(
    images: NDArray[Any],
    t: int,
    hole: NDArray[np.bool_],
    tracks: Tracks,
    scale: int,
    found: Candidates,
    light: NDArray[np.float32],
    corner_xy: tuple[int, int],
    out: NDArray[np.float32],
    before: NDArray[np.float32],
    invented: NDArray[np.float32],
    origin: NDArray[np.uint8],
    unseen: NDArray[np.uint8],
) -> None:
    """Mix the candidates for frame `t` into `out` (h, w, 3), 0-255, and write `origin` and how far each sample is
    `unseen`, both (H, W).

    `out` is the part of the frame from `corner_xy` on that contains the hole, filled by the smooth fill and whatever
    else was known `before` (h, w): its weight, that of the smooth fill alone being 1; `invented`: how much of it is.
    `light`: see `find_light`.
    """
    offset_and_weight = np.concatenate([found.verdict[..., :3], found.weight[..., None]], -1)
    _blend(
        images, t, hole, tracks.arrays, scale, found.ways, found.hypotheses, found.x0, found.y0, found.frame, found.xy,
        found.risk, offset_and_weight, found.weight, light, corner_xy[0], corner_xy[1], out, before, invented, origin,
        unseen,
    )  # fmt: skip


@numba.njit(inline="always", **KERNEL)
def _between(a, b, c, d, weight, n, top, low, left, right):
    """The weight of one candidate between four cells."""
    return a * weight[n, top, left] + b * weight[n, top, right] + c * weight[n, low, left] + d * weight[n, low, right]


@numba.njit(inline="always", **KERNEL)
def _cell(at, last):
    """The cell before a place, the one after it, and how far it is between them."""
    at = min(max(at, 0.0), last)
    before = int(at)
    return before, min(before + 1, int(last)), np.float32(at - before)


@numba.njit(inline="always", **KERNEL)
def _is_clear(masked, s, x, y, off):
    """Whether a place in frame `s` and what lies up to `off` px (half a sample) around it are known there."""
    height, width = masked.shape[1:]
    if not (is_inside(x - off, y - off, width, height) and is_inside(x + off, y + off, width, height)):
        return False
    hidden = False
    for j in range(int(y - off), min(int(y + off) + 2, height)):
        for i in range(int(x - off), min(int(x + off) + 2, width)):
            hidden |= masked[s, j, i]
    return not hidden


@numba.njit(forceinline=True, **KERNEL)
def _gather(
    paths, ways, hypotheses, x0, y0, frame, xy, risk, weight, x, y, off, before, weights, sources, groups, places
):
    """The sources of a working-scale point: how many different ones, their frames in `sources`, `places` in them.

    `off`: samples so far to its sides (px) look around the same places; `UNCLEAR` if one of them is hidden there.
    `before`: the weight of what is there already. `groups` says which of them each candidate belongs to; -1 = it is
    not worth sampling for.
    """
    count, rows, columns = frame.shape
    top, low, v = _cell((y + 0.5) / GRID_PX - 0.5 - y0, rows - 1.0)
    left, right, u = _cell((x + 0.5) / GRID_PX - 0.5 - x0, columns - 1.0)
    total = before
    for n in range(count):
        weights[n] = _between(
            (1 - u) * (1 - v), u * (1 - v), (1 - u) * v, u * v, weight, n, top, low, left, right
        )  # fmt: skip
        total += weights[n]
    found = 0
    sum_of_last = np.float32(0)
    for n in range(count):
        groups[n] = -1
        if weights[n] < NEGLIGIBLE * total:
            continue
        s, sx, sy, _, _ = locate(paths, ways[n], hypotheses[n], x0, y0, frame, xy, risk, n, x, y)
        if s < 0:
            continue
        if off > 0 and not _is_clear(paths[0], s, sx, sy, off):
            return UNCLEAR
        if found and s == sources[found - 1]:
            px, py = places[found - 1, 0], places[found - 1, 1]
            if (sx - px) ** 2 + (sy - py) ** 2 < SAME_PX2:
                share = weights[n] / (sum_of_last + weights[n])
                mx, my = px + share * (sx - px), py + share * (sy - py)
                if _is_clear(paths[0], s, mx, my, off):
                    places[found - 1, 0], places[found - 1, 1] = mx, my
                    sum_of_last += weights[n]
                    groups[n] = found - 1
                    continue
        sources[found], places[found, 0], places[found, 1] = s, sx, sy
        sum_of_last = weights[n]
        groups[n] = found
        found += 1
    return found


@numba.njit(inline="always", **KERNEL)
def _aim(places, found, at_x, at_y, scale, shifts, taps):
    """From places in sources, of the point (at_x, at_y), to whole shifts at full size and what the rest of them asks
    of the samples around: the same for all that lies around the point."""
    for n in range(found):
        dx, dy = (places[n, 0] - at_x) * scale, (places[n, 1] - at_y) * scale
        shifts[n, 0], shifts[n, 1] = int(np.floor(dx)), int(np.floor(dy))
        taps[n, 0], taps[n, 1], taps[n, 2], taps[n, 3] = cubic(np.float32(dx - shifts[n, 0]))
        taps[n, 4], taps[n, 5], taps[n, 6], taps[n, 7] = cubic(np.float32(dy - shifts[n, 1]))


@numba.njit(**KERNEL)
def _blend(
    images, t, hole, paths, scale, ways, hypotheses, x0, y0, frame, xy, risk, offset_and_weight, weight, light,
    out_x, out_y, out, before, invented, origin, unseen,
):  # fmt: skip
    """Places are found once for a block, a working sample or 2 x 2 of them: what it covers lies around it alike."""
    count, rows, columns = frame.shape
    height, width = hole.shape
    unit = np.float32(1.0 / DEEP if images.itemsize == 2 else 1.0)
    per = GRID_PX if scale == 1 else 1
    block, cell = per * scale, GRID_PX * scale
    off, at_x, at_y, is_single, is_new = 0.5 * (per - 1), 0.0, 0.0, False, False
    one = np.float32(1)
    weights, shares = np.zeros(count, np.float32), np.zeros(count, np.float32)
    sources, groups, places = np.zeros(count, np.int64), np.zeros(count, np.int64), np.zeros((count, 2))
    shifts, taps = np.zeros((count, 2), np.int64), np.zeros((count, 8), np.float32)
    gains = np.zeros((count, 3), np.float32)
    for j in range(GRID_PX // per * y0, GRID_PX // per * (y0 + rows)):
        for i in range(GRID_PX // per * x0, GRID_PX // per * (x0 + columns)):
            found = NEW
            for y in range(j * block, min((j + 1) * block, height)):
                top, low, v = _cell((y + 0.5) / cell - 0.5 - y0, rows - 1.0)
                for x in range(i * block, min((i + 1) * block, width)):
                    if not hole[y, x]:
                        continue
                    if found == NEW:
                        at_x, at_y = per * i + off, per * j + off
                        found = _gather(
                            paths, ways, hypotheses, x0, y0, frame, xy, risk, weight, at_x, at_y, off,
                            before[y - out_y, x - out_x], weights, sources, groups, places,
                        )  # fmt: skip
                        is_single, is_new = found == UNCLEAR, True
                    if is_single:
                        at_x, at_y = float(x), float(y)
                        found = _gather(
                            paths, ways, hypotheses, x0, y0, frame, xy, risk, weight, at_x, at_y, 0.0,
                            before[y - out_y, x - out_x], weights, sources, groups, places,
                        )  # fmt: skip
                    if is_new or is_single:
                        is_new = False
                        _aim(places, found, at_x, at_y, scale, shifts, taps)
                        for n in range(found):
                            for channel in range(3):
                                gains[n, channel] = unit * light[t, channel] / light[sources[n], channel]
                    left, right, u = _cell((x + 0.5) / cell - 0.5 - x0, columns - 1.0)
                    p, q, k, m = (one - u) * (one - v), u * (one - v), (one - u) * v, u * v
                    kept = before[y - out_y, x - out_x]
                    red = kept * out[y - out_y, x - out_x, 0]
                    green = kept * out[y - out_y, x - out_x, 1]
                    blue = kept * out[y - out_y, x - out_x, 2]
                    for n in range(found):
                        shares[n] = 0
                    for n in range(count):
                        if groups[n] < 0:
                            continue
                        one_cell = offset_and_weight[n]
                        a, b, c, d = (
                            one_cell[top, left],
                            one_cell[top, right],
                            one_cell[low, left],
                            one_cell[low, right],
                        )
                        w = p * a[3] + q * b[3] + k * c[3] + m * d[3]
                        red -= w * (p * a[0] + q * b[0] + k * c[0] + m * d[0])
                        green -= w * (p * a[1] + q * b[1] + k * c[1] + m * d[1])
                        blue -= w * (p * a[2] + q * b[2] + k * c[2] + m * d[2])
                        shares[groups[n]] += w
                        kept += w
                    for n in range(found):
                        colour = sample_by(
                            images, sources[n], x + shifts[n, 0], y + shifts[n, 1],
                            (taps[n, 0], taps[n, 1], taps[n, 2], taps[n, 3]),
                            (taps[n, 4], taps[n, 5], taps[n, 6], taps[n, 7]),
                        )  # fmt: skip
                        red += shares[n] * colour[0] * gains[n, 0]
                        green += shares[n] * colour[1] * gains[n, 1]
                        blue += shares[n] * colour[2] * gains[n, 2]
                    out[y - out_y, x - out_x, 0] = red / kept
                    out[y - out_y, x - out_x, 1] = green / kept
                    out[y - out_y, x - out_x, 2] = blue / kept
                    made = invented[y - out_y, x - out_x]
                    origin[y, x] = SEEN if kept >= 2 * made else INVENTED
                    lack = (made / kept - UNSEEN_FROM) / (UNSEEN_TO - UNSEEN_FROM)
                    unseen[y, x] = 0 if lack <= 0 else 255 if lack >= 1 else int(255 * lack)
