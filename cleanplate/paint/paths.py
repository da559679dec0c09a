"""Bringing a painted frame to the other frames of a clip: coordinates are carried along the motion, colours are not.

However far away a frame is, what it shows of the anchor is sampled once. Where the way there stretches or folds the
picture, and on all ways through there, trust is lost (the Jacobian gate): another anchor is painted for it. Trust
falls little by little, so that one anchor gives way to the next without a jump.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numba
import numpy as np
from numpy.typing import NDArray

from cleanplate.motion.kernels import KERNEL
from cleanplate.paint.sampling import sample
from cleanplate.paint.trace import GRID_PX, Tracks, move, nodes, step

TRUSTED_STRETCH, LOST_STRETCH = 1.6, 2.4  # the larger singular value of the way's Jacobian, or 1 over the smaller
TRUSTED_RATIO, LOST_RATIO = 1.5, 2.0  # of the two
TRUST_LOSS = 0.04  # from one frame to the next, at most; quicker, what takes over is seen to flicker
SPOILT_LOSS = 0.12  # beyond that where a way folds: slower, streaks are seen
SHARE_LOSS = 0.25  # the same; slower costs PSNR, as what is seen elsewhere is painted over

SETTLE_STEPS = 4  # to the point that comes from here, by the motion back in time
APART_PX2 = 1.0  # squared working pixels: motions so far apart are no longer brought together
LIGHT_MEMORY = 0.8  # of one frame's light in the next


@dataclass(kw_only=True, eq=False)
class Way:
    """Where the points around one frame's hole lie in the anchor. Nodes as in `trace.Trail`."""

    t: int
    x0: int
    y0: int
    told: NDArray[np.float32]  # (rows, columns, 6): see the properties

    @property
    def shift(self) -> NDArray[np.float32]:
        """How far away the points lie in the anchor, (rows, columns, 2), working px."""
        return self.told[..., :2]

    @property
    def trust(self) -> NDArray[np.float32]:
        """How well the way there keeps shapes, (rows, columns), 0-1."""
        return self.told[..., 2]

    @property
    def light(self) -> NDArray[np.float32]:
        """What to add to the anchor's colours, (rows, columns, 3), in its own numbers."""
        return self.told[..., 3:]


def carry(tracks: Tracks, anchor: int, hypothesis: int, way: int, last: int) -> Iterator[Way]:
    """The ways from frame `anchor` itself and those after it (`way` 1: they lead back in time), up to frame `last`.

    `way` 0: from those before it. Ends where there is no hole, hence no motion known.
    """
    found = _start(tracks, anchor)
    yield found
    onward = 1 if way else -1
    for t in range(anchor + onward, last + onward, onward):
        pair = t - way
        if not tracks.places[pair, 3] or not tracks.masked[t].any():
            return
        before, found = found, _start(tracks, t)
        _bring(
            tracks.arrays, pair, way, hypothesis, before.x0, before.y0, before.told,
            found.x0, found.y0, found.told, True,
        )  # fmt: skip
        allowed = _gate(found.shift)
        loss = np.where(allowed < 0, np.float32(TRUST_LOSS) - np.float32(SPOILT_LOSS) * allowed, np.float32(TRUST_LOSS))
        found.trust[...] = np.maximum(np.minimum(found.trust, np.maximum(allowed, 0)), found.trust - loss)
        yield found


def _start(tracks: Tracks, t: int) -> Way:
    x0, y0, columns, rows = nodes(tracks.masked[t])
    told = np.zeros((rows, columns, 6), np.float32)
    told[..., 2] = 1
    return Way(t=t, x0=x0, y0=y0, told=told)


def steady_light(tracks: Tracks, hypothesis: int, way: int, ways: Sequence[Way]) -> None:
    """Let the light of each of the `ways`, some that `carry` gave, in its order, be that of all around it in time.

    It follows the motion. Without, the anchor flickers with whatever moves along the hole's rim.
    """
    own = [found.light.copy() for found in ways]
    outward = _remember(tracks, hypothesis, way, ways, own)
    inward = _remember(tracks, hypothesis, 1 - way, ways[::-1], own[::-1])[::-1]
    for found, here, before, after in zip(ways, own, outward, inward, strict=True):
        found.light[...] = (before + after - np.float32(1 - LIGHT_MEMORY) * here) / np.float32(1 + LIGHT_MEMORY)


def _remember(
    tracks: Tracks, hypothesis: int, way: int, ways: Sequence[Way], own: Sequence[NDArray[np.float32]]
) -> list[NDArray[np.float32]]:
    """The lights of neighbouring frames, `own`, each mixed with what is remembered of those before it in the list."""
    kept = [own[0]]
    for last, found, light in zip(ways, ways[1:], own[1:], strict=False):
        if abs(found.t - last.t) > 1:
            kept.append(light)
            continue
        pair, brought = min(last.t, found.t), np.zeros_like(light)
        _bring(tracks.arrays, pair, way, hypothesis, last.x0, last.y0, kept[-1], found.x0, found.y0, brought, False)
        kept.append(light + np.float32(LIGHT_MEMORY) * (brought - light))
    return kept


def render(
    way: Way, image: NDArray[Any], scale: int, wanted: NDArray[np.bool_], corner_xy: tuple[int, int]
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """What the anchor `image` (H, W, 3) shows at the `wanted` samples (h, w) from `corner_xy` on in the way's frame, in
    the way's light.

    Returns the picture (h, w, 3) in the image's own numbers, and how far it is to be trusted (h, w); -1 = no way.
    """
    out = np.zeros((*wanted.shape, 3), np.float32)
    trust = np.full(wanted.shape, -1, np.float32)
    _render(image[None], scale, way.x0, way.y0, way.told, wanted, *corner_xy, out, trust)
    return out, trust


def linger(
    share: NDArray[np.uint8],
    holes: NDArray[np.bool_],
    frames: Sequence[int],
    begin: int,
    tracks: Tracks,
    hypothesis: int,
    scale: int,
) -> None:
    """Let `share` (N, H, W), which starts at frame `begin`, come and go little by little along the motion.

    `frames`, in order, are changed, inside their `holes` (T, H, W): none falls faster than `SHARE_LOSS` a frame, nor
    rises faster.
    """
    done = set(frames)
    for way, order in ((1, frames), (0, frames[::-1])):
        for t in order:
            if (other := t + 1 - 2 * way) in done and tracks.places[t - way, 3]:
                _linger(
                    share[t - begin], share[other - begin], holes[t], tracks.arrays, t - way, way, hypothesis, scale
                )


@numba.njit(**KERNEL)
def _linger(share, other, hole, paths, pair, way, hypothesis, scale):
    flows, places, planes = paths[1:]
    height, width = hole.shape
    rows, columns = paths[0].shape[1:]
    loss = int(255 * SHARE_LOSS)
    for j in range(rows):
        for i in range(columns):
            is_found = False
            right, down = 0, 0
            for y in range(j * scale, min((j + 1) * scale, height)):
                for x in range(i * scale, min((i + 1) * scale, width)):
                    if not hole[y, x] or share[y, x] == 255:
                        continue
                    if not is_found:
                        nx, ny, _, _ = step(flows, places[pair], planes[pair], way, hypothesis, i, j)
                        right, down = int(np.rint(scale * (nx - i))), int(np.rint(scale * (ny - j)))
                        is_found = True
                    if 0 <= x + right < width and 0 <= y + down < height:
                        share[y, x] = max(int(share[y, x]), int(other[y + down, x + right]) - loss)


@numba.njit(forceinline=True, **KERNEL)
def _between(x0, y0, rows, columns, x, y):
    """The four nodes around a working-scale point and what each counts; outside they are those nearest."""
    u, v = min(max(x / GRID_PX - x0, 0.0), columns - 1.0), min(max(y / GRID_PX - y0, 0.0), rows - 1.0)
    left, top = int(u), int(v)
    right, low = min(left + 1, columns - 1), min(top + 1, rows - 1)
    u -= left
    v -= top
    return left, top, right, low, (1 - u) * (1 - v), u * (1 - v), (1 - u) * v, u * v


@numba.njit(forceinline=True, **KERNEL)
def _onward(paths, pair, way, hypothesis, x, y):
    """Where a point lies one frame on. Both ways in time by one motion, that back in time, so that they agree."""
    flows, places, planes = paths[1:]
    nx, ny = move(flows, places[pair], planes[pair], way, hypothesis, x, y)
    right, down = 0.0, 0.0
    for _ in range(SETTLE_STEPS if way == 0 else 0):
        bx, by = move(flows, places[pair], planes[pair], 1, hypothesis, nx + right, ny + down)
        right, down = right + x - bx, down + y - by
    # where the two part there may be no such point, and neighbours would jump apart
    settled = min(max(2 - 2 * (right * right + down * down) / APART_PX2, 0.0), 1.0)
    return nx + settled * right, ny + settled * down


@numba.njit(**KERNEL)
def _bring(paths, pair, way, hypothesis, before_x0, before_y0, before, x0, y0, out, is_way):
    """One frame on: what is told (rows, columns, n) of where a node lies in the frame before.

    `is_way`: the first two say by how much it lies away, to which the step between the two is added.
    """
    rows, columns, channels = before.shape
    for j in range(out.shape[0]):
        for i in range(out.shape[1]):
            x, y = GRID_PX * (x0 + i), GRID_PX * (y0 + j)
            nx, ny = _onward(paths, pair, way, hypothesis, x, y)
            left, top, right, low, a, b, c, d = _between(before_x0, before_y0, rows, columns, nx, ny)
            for n in range(channels):
                out[j, i, n] = a * before[top, left, n] + b * before[top, right, n]
                out[j, i, n] += c * before[low, left, n] + d * before[low, right, n]
            if is_way:
                out[j, i, 0] += nx - x
                out[j, i, 1] += ny - y


@numba.njit(**KERNEL)
def _gate(shift):
    """How far (rows, columns) the singular values of the Jacobian allow to trust a way; below 0, it is spoilt."""
    rows, columns = shift.shape[:2]
    trust = np.full((rows, columns), -1, np.float32)
    for j in range(rows):
        top, low = max(j - 1, 0), min(j + 1, rows - 1)
        for i in range(columns):
            left, right = max(i - 1, 0), min(i + 1, columns - 1)
            across, down = np.float32(GRID_PX * max(right - left, 1)), np.float32(GRID_PX * max(low - top, 1))
            a = 1 + (shift[j, right, 0] - shift[j, left, 0]) / across
            b = (shift[low, i, 0] - shift[top, i, 0]) / down
            c = (shift[j, right, 1] - shift[j, left, 1]) / across
            d = 1 + (shift[low, i, 1] - shift[top, i, 1]) / down
            area = a * d - b * c
            if area <= 0:
                continue
            half = 0.5 * (a * a + b * b + c * c + d * d)
            root = np.sqrt(max(half * half - area * area, 0.0))
            large, small = np.sqrt(half + root), np.sqrt(max(half - root, 1e-6))
            stretch = (LOST_STRETCH - max(large, 1 / small)) / (LOST_STRETCH - TRUSTED_STRETCH)
            uneven = (LOST_RATIO - large / small) / (LOST_RATIO - TRUSTED_RATIO)
            trust[j, i] = min(max(min(stretch, uneven), -1.0), 1.0)
    return trust


@numba.njit(**KERNEL)
def _render(images, scale, x0, y0, told, wanted, out_x, out_y, out, trust):
    height, width = images.shape[1:3]
    rows, columns, channels = told.shape
    here = np.zeros(channels, np.float32)
    for y in range(wanted.shape[0]):
        for x in range(wanted.shape[1]):
            if not wanted[y, x]:
                continue
            wx, wy = (x + out_x + 0.5) / scale - 0.5, (y + out_y + 0.5) / scale - 0.5
            left, top, right, low, a, b, c, d = _between(x0, y0, rows, columns, wx, wy)
            for n in range(channels):
                here[n] = a * told[top, left, n] + b * told[top, right, n]
                here[n] += c * told[low, left, n] + d * told[low, right, n]
            px, py = x + out_x + scale * here[0], y + out_y + scale * here[1]
            if px >= 0 and py >= 0 and px <= width - 1 and py <= height - 1:
                red, green, blue = sample(images, 0, px, py)
                out[y, x, 0], out[y, x, 1], out[y, x, 2] = red + here[3], green + here[4], blue + here[5]
                trust[y, x] = here[2]
