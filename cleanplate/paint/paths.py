"""Bringing a painted frame to the other frames of a clip: coordinates are carried along the motion, colours are not.

However far away a frame is, what it shows of the anchor is sampled once. Where the way there stretches or folds the
picture, and on all ways through there, trust is lost (the Jacobian gate): another anchor is painted for it. Trust
falls little by little, so that one anchor gives way to the next without a jump.
"""

# numba gives the kernels their types from the arrays they are called with
# ruff: noqa: ANN001, ANN202

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numba
import numpy as np
from numpy.typing import NDArray

from cleanplate.motion.kernels import KERNEL
from cleanplate.paint.sampling import sample
from cleanplate.paint.trace import GRID_PX, Tracks, nodes, step

TRUSTED_STRETCH, LOST_STRETCH = 1.6, 2.4  # the larger singular value of the way's Jacobian, or 1 over the smaller
TRUSTED_RATIO, LOST_RATIO = 1.5, 2.0  # of the two
TRUST_LOSS = 0.1  # from one frame to the next, at most; quicker, what takes over is seen to flicker
SHARE_LOSS = 0.25  # the same; slower costs PSNR, as what is seen elsewhere is painted over


@dataclass(kw_only=True, eq=False)
class Way:
    """Where the points around one frame's hole lie in the anchor. Nodes as in `trace.Trail`."""

    t: int
    x0: int
    y0: int
    shift: NDArray[np.float32]  # (rows, columns, 2): how far away the point lies in the anchor, working px
    trust: NDArray[np.float32]  # (rows, columns), 0-1: how well the way there keeps shapes


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
        _follow(
            tracks.arrays, pair, way, hypothesis, before.x0, before.y0, before.shift, before.trust,
            found.x0, found.y0, found.shift, found.trust,
        )  # fmt: skip
        found.trust[...] = np.maximum(np.minimum(found.trust, _gate(found.shift)), found.trust - np.float32(TRUST_LOSS))
        yield found


def _start(tracks: Tracks, t: int) -> Way:
    x0, y0, columns, rows = nodes(tracks.masked[t])
    return Way(
        t=t, x0=x0, y0=y0, shift=np.zeros((rows, columns, 2), np.float32), trust=np.ones((rows, columns), np.float32)
    )


def render(
    way: Way, image: NDArray[Any], scale: int, wanted: NDArray[np.bool_], corner_xy: tuple[int, int]
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """What the anchor `image` (H, W, 3) shows at the `wanted` samples (h, w) from `corner_xy` on in the way's frame.

    Returns the picture (h, w, 3) in the image's own numbers, and how far it is to be trusted (h, w); -1 = no way.
    """
    out = np.zeros((*wanted.shape, 3), np.float32)
    trust = np.full(wanted.shape, -1, np.float32)
    _render(image[None], scale, way.x0, way.y0, way.shift, way.trust, wanted, *corner_xy, out, trust)
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
def _linger(share, other, hole, paths, pair, way, hypothesis, scale):  # type: ignore[no-untyped-def]
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


@numba.njit(**KERNEL)
def _between(x0, y0, shift, trust, x, y):  # type: ignore[no-untyped-def]
    """Shift and trust of a working-scale point, between nodes; outside they are those of the nearest."""
    rows, columns = trust.shape
    u, v = min(max(x / GRID_PX - x0, 0.0), columns - 1.0), min(max(y / GRID_PX - y0, 0.0), rows - 1.0)
    left, top = int(u), int(v)
    right, low = min(left + 1, columns - 1), min(top + 1, rows - 1)
    u -= left
    v -= top
    a, b, c, d = (1 - u) * (1 - v), u * (1 - v), (1 - u) * v, u * v
    return (
        a * shift[top, left, 0] + b * shift[top, right, 0] + c * shift[low, left, 0] + d * shift[low, right, 0],
        a * shift[top, left, 1] + b * shift[top, right, 1] + c * shift[low, left, 1] + d * shift[low, right, 1],
        a * trust[top, left] + b * trust[top, right] + c * trust[low, left] + d * trust[low, right],
    )


@numba.njit(**KERNEL)
def _follow(  # type: ignore[no-untyped-def]
    paths, pair, way, hypothesis, before_x0, before_y0, before, before_trust, x0, y0, shift, trust
):
    """One frame on: where a node lies in the frame before, and where that lies in the anchor."""
    flows, places, planes = paths[1:]
    for j in range(shift.shape[0]):
        for i in range(shift.shape[1]):
            x, y = GRID_PX * (x0 + i), GRID_PX * (y0 + j)
            nx, ny, _, _ = step(flows, places[pair], planes[pair], way, hypothesis, x, y)
            dx, dy, trust[j, i] = _between(before_x0, before_y0, before, before_trust, nx, ny)
            shift[j, i, 0], shift[j, i, 1] = nx + dx - x, ny + dy - y


@numba.njit(**KERNEL)
def _gate(shift):  # type: ignore[no-untyped-def]
    """How far (rows, columns) the singular values of the Jacobian allow to trust a way."""
    rows, columns = shift.shape[:2]
    trust = np.zeros((rows, columns), np.float32)
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
            trust[j, i] = min(max(min(stretch, uneven), 0.0), 1.0)
    return trust


@numba.njit(**KERNEL)
def _render(  # type: ignore[no-untyped-def]
    images, scale, x0, y0, shift, trusts, wanted, left, top, out, trust
):
    height, width = images.shape[1:3]
    for y in range(wanted.shape[0]):
        for x in range(wanted.shape[1]):
            if not wanted[y, x]:
                continue
            wx, wy = (x + left + 0.5) / scale - 0.5, (y + top + 0.5) / scale - 0.5
            dx, dy, told = _between(x0, y0, shift, trusts, wx, wy)
            px, py = x + left + scale * dx, y + top + scale * dy
            if px >= 0 and py >= 0 and px <= width - 1 and py <= height - 1:
                out[y, x, 0], out[y, x, 1], out[y, x, 2] = sample(images, 0, px, py)
                trust[y, x] = told
