"""One plane found on the pictures themselves, and whether it explains all that moves around a hole.

Where a camera turns before something far away, or stands still, dense flow tells nothing that eight numbers do not
tell better, at a tenth of the time. They are found by Gauss-Newton steps on brightness, coarse to fine (Lucas and
Kanade 1981; Baker and Matthews, "Lucas-Kanade 20 years on", 2004), with a gain and an offset beside them, as light may
change. What they leave is then compared, place by place, with what a small slip and some noise would leave.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import cv2
import numba
import numpy as np
from numpy.typing import NDArray

from cleanplate.base.types import Box
from cleanplate.motion.camera import moved_by
from cleanplate.motion.kernels import KERNEL
from cleanplate.motion.register import Plane

LEAST_SIDE_PX = 12  # of the coarsest picture
MOST_POINTS = 1200  # looked at in one step
REACH_PX = 3  # of the coarsest picture: shifts tried before any step
ALL_FROM = 1000  # known samples from which on a level tells more than a shift
STEPS = 6  # at full size, at most
COARSE_STEPS = 3  # on smaller pictures: the next level goes on from there
SETTLED = 1e-4  # a step that moves no corner by more, in halves of the picture's longer side, is the last of its level
STILL_PX = 0.02  # a plane that moves no corner by more is noise: nothing moves
ODD_LEVELS = 3.0  # residuals count by 1 / (1 + (r / this)^2), or by their mean where that is larger
HOLD = 1e-6  # of a parameter's own evidence: keeps what no texture tells where it was
SLIP_PX = 0.15  # what is left may be as much as pictures so far out of place leave
NOISE_LEVELS = 1.2  # and as much as that where there is no texture
SOFT = (5, 5)  # px of the Gaussian that both pictures are blurred with
WINDOW = (7, 7)  # px of a place
EXPLAINED = 0.99  # of the places near the hole must be
HOPELESS = (0.7, 0.4)  # of the places in pictures half and a quarter as large: with fewer it is given up
GUESSED_LEVELS = 2  # finest pictures that a guess is improved on

_Level = tuple[NDArray[Any], NDArray[Any], NDArray[np.bool_]]
# both pictures, and what one of them hides


def find_plane(
    source: NDArray[np.uint8],
    target: NDArray[np.uint8],
    hidden: NDArray[np.bool_],
    near: Box,
    guess: Plane | None = None,
) -> Plane | None:
    """The plane that takes points of `source` to `target`, gray (H, W), if all that is `near` follows it; else None.

    `hidden` (H, W): samples that one of them does not show; both pictures must be filled there. `guess`: one that may
    be right to a few pixels; coarse pictures are then looked at only if it is not.
    """
    # Made softer, for fine patterns and grain differ from frame to frame wherever they are looked up between samples.
    spoilt = cv2.dilate(np.ascontiguousarray(hidden).view(np.uint8), np.ones(SOFT, np.uint8)) > 0
    levels: list[_Level] = [(cv2.GaussianBlur(source, SOFT, 0), cv2.GaussianBlur(target, SOFT, 0), spoilt)]
    while min(levels[-1][0].shape) >= 2 * LEAST_SIDE_PX:
        one, other, away = levels[-1]
        size = ((one.shape[1] + 1) // 2, (one.shape[0] + 1) // 2)
        shrunk = cv2.resize(
            cv2.dilate(away.view(np.uint8), np.ones((3, 3), np.uint8)), size, None, 0, 0, cv2.INTER_NEAREST
        )
        levels.append((cv2.pyrDown(one), cv2.pyrDown(other), shrunk > 0))
    height, width = source.shape
    spread = max(height, width) / 2
    grid = np.array([width / 2 - 0.5, height / 2 - 0.5, spread])
    normal = np.array([[1 / spread, 0, -grid[0] / spread], [0, 1 / spread, -grid[1] / spread], [0, 0, 1]])
    plane: Plane | None = None
    if guess is not None:
        start = normal @ guess @ np.linalg.inv(normal)
        plane = _improved(levels[:GUESSED_LEVELS], grid, start / start[2, 2], near)
    if plane is None:
        start = np.eye(3)
        start[:2, 2] = np.array(_nearest(*levels[-1])) * 2 ** (len(levels) - 1) / spread
        plane = _improved(levels, grid, start, near)
    if plane is None:
        return None
    found: Plane = np.linalg.inv(normal) @ plane @ normal
    found /= found[2, 2]
    corners = np.array([[0, 0, 1], [width - 1, 0, 1], [0, height - 1, 1], [width - 1, height - 1, 1]], np.float64).T
    moved = found @ corners
    is_still = np.abs(moved[:2] / moved[2] - corners[:2]).max() < STILL_PX
    return np.eye(3) if is_still else found


def _improved(levels: Sequence[_Level], grid: NDArray[np.float64], plane: Plane, near: Box) -> Plane | None:
    """The plane, in coordinates that span -1 to 1, fitted coarsest level first; None = it explains too little."""
    light = np.array([1.0, 0.0])
    for level in range(len(levels) - 1, -1, -1):
        _descend(*levels[level], level, grid, plane, light)
        if not (np.isfinite(plane).all() and np.isfinite(light).all()):
            return None
        if level <= 2:
            least = HOPELESS[level - 1] if level else EXPLAINED
            if _explained(*levels[level], level, grid, plane, light, near) < least:
                return None
    return plane


def plane_flow(plane: Plane, box: Box) -> NDArray[np.float32]:
    """The flow (rows, columns, 2) px of a plane at the samples within a box."""
    x = np.arange(box[0], box[2], dtype=np.float64)
    y = np.arange(box[1], box[3], dtype=np.float64)[:, None]
    depth = plane[2, 0] * x + plane[2, 1] * y + plane[2, 2]
    u = (plane[0, 0] * x + plane[0, 1] * y + plane[0, 2]) / depth - x
    v = (plane[1, 0] * x + plane[1, 1] * y + plane[1, 2]) / depth - y
    return np.stack([u, v], -1).astype(np.float32)


@numba.njit(**KERNEL)
def _nearest(source, target, hidden):
    """The whole shift (x, y) by which the pictures differ least, light apart."""
    height, width = source.shape
    best, best_x, best_y = np.inf, 0, 0
    for n in range(-1, (2 * REACH_PX + 1) ** 2):
        dy, dx = n // (2 * REACH_PX + 1) - REACH_PX, n % (2 * REACH_PX + 1) - REACH_PX
        if n < 0:  # no shift comes first: where nothing is told it stays
            dy, dx = 0, 0
        count, total, square = 0, 0.0, 0.0
        for y in range(max(0, -dy), min(height, height - dy)):
            for x in range(max(0, -dx), min(width, width - dx)):
                if not (hidden[y, x] or hidden[y + dy, x + dx]):
                    r = float(target[y + dy, x + dx]) - float(source[y, x])
                    count += 1
                    total += r
                    square += r * r
        if count > height * width // 4:
            error = (square - total * total / count) / count
            if error < best:
                best, best_x, best_y = error, dx, dy
    return best_x, best_y


def _descend(
    source: NDArray[np.uint8],
    target: NDArray[np.uint8],
    hidden: NDArray[np.bool_],
    level: int,
    grid: NDArray[np.float64],
    plane: NDArray[np.float64],
    light: NDArray[np.float64],
) -> None:
    """Improve `plane` (3, 3), in coordinates that span -1 to 1, and `light`, gain and offset, in place."""
    ys, xs = np.nonzero(~hidden)
    if not len(xs):
        return
    some = slice(None, None, -(-len(xs) // MOST_POINTS) | 1)  # odd, lest whole columns are left out
    told = np.arange(10) if len(xs) >= ALL_FROM else np.array([2, 5, 8, 9])  # shift, gain and offset
    steps = COARSE_STEPS if level else STEPS
    _steps(source, target, hidden, xs[some], ys[some], 2.0**level, grid, plane, light, told, steps)


@numba.njit(**KERNEL)
def _steps(source, target, hidden, xs, ys, scale, grid, plane, light, told, steps):
    count = len(told)
    odd = ODD_LEVELS
    for _ in range(steps):
        left, right, odd = _equations(source, target, hidden, xs, ys, scale, grid, plane, light, odd)
        rows = np.zeros((count, count + 1))
        for i in range(count):
            for j in range(count):
                rows[i, j] = left[told[i], told[j]]
            rows[i, i] += HOLD * rows[i, i] + 1e-3
            rows[i, count] = right[told[i]]
        most = 0.0
        for i in range(count):  # Gauss's elimination: the matrix is symmetric and positive
            for k in range(i + 1, count):
                share = rows[k, i] / rows[i, i]
                for j in range(i, count + 1):
                    rows[k, j] -= share * rows[i, j]
        for i in range(count - 1, -1, -1):
            for j in range(i + 1, count):
                rows[i, count] -= rows[i, j] * rows[j, count]
            rows[i, count] /= rows[i, i]
            if told[i] < 8:
                plane[told[i] // 3, told[i] % 3] -= rows[i, count]
                most = max(most, abs(rows[i, count]))
            else:
                light[told[i] - 8] -= rows[i, count]
        if most < SETTLED * scale:
            break


@numba.njit(inline="always", **KERNEL)
def _look(target, hidden, grid, scale, plane, x, y):
    """What `target` shows where the plane takes a sample (x, y) of this level: whether it is known, its value, its
    gradient a unit of the plane's coordinates, and where it lies in these, before and after."""
    height, width = target.shape
    px, py = ((x + 0.5) * scale - 0.5 - grid[0]) / grid[2], ((y + 0.5) * scale - 0.5 - grid[1]) / grid[2]
    u, v = moved_by(plane, px, py)
    tx, ty = (u * grid[2] + grid[0] + 0.5) / scale - 0.5, (v * grid[2] + grid[1] + 0.5) / scale - 0.5
    if not (tx >= 0 and ty >= 0 and tx <= width - 1 and ty <= height - 1):
        return False, 0.0, 0.0, 0.0, px, py, u, v
    i, j = min(int(tx), width - 2), min(int(ty), height - 2)
    if hidden[j, i] or hidden[j, i + 1] or hidden[j + 1, i] or hidden[j + 1, i + 1]:
        return False, 0.0, 0.0, 0.0, px, py, u, v
    fx, fy = tx - i, ty - j
    a, b, c, d = float(target[j, i]), float(target[j, i + 1]), float(target[j + 1, i]), float(target[j + 1, i + 1])
    gx, gy = (1 - fy) * (b - a) + fy * (d - c), (1 - fx) * (c - a) + fx * (d - b)
    value = (1 - fy) * (a + fx * (b - a)) + fy * (c + fx * (d - c))
    return True, value, gx * grid[2] / scale, gy * grid[2] / scale, px, py, u, v


@numba.njit(forceinline=True, **KERNEL)
def _equations(source, target, hidden, xs, ys, scale, grid, plane, light, odd):
    """The normal equations of one step, and the mean residual (or `ODD_LEVELS`), for the weights of the next."""
    left, right, row = np.zeros((10, 10)), np.zeros(10), np.zeros(10)
    total, count = 0.0, 0
    for n in range(len(xs)):
        is_known, value, gx, gy, px, py, u, v = _look(target, hidden, grid, scale, plane, xs[n], ys[n])
        if not is_known:
            continue
        r = light[0] * value + light[1] - source[ys[n], xs[n]]
        depth = light[0] / (plane[2, 0] * px + plane[2, 1] * py + 1)
        gx *= depth
        gy *= depth
        row[0], row[1], row[2], row[3], row[4], row[5] = gx * px, gx * py, gx, gy * px, gy * py, gy
        slope = gx * u + gy * v
        row[6], row[7], row[8], row[9] = -slope * px, -slope * py, value, 1.0
        weight = 1 / (1 + (r / odd) ** 2)
        total += abs(r)
        count += 1
        for i in range(10):
            share = weight * row[i]
            right[i] += share * r
            for j in range(i + 1):
                left[i, j] += share * row[j]
    for i in range(10):
        for j in range(i):
            left[j, i] = left[i, j]
    return left, right, max(total / max(count, 1), ODD_LEVELS)


def _explained(
    source: NDArray[np.uint8],
    target: NDArray[np.uint8],
    hidden: NDArray[np.bool_],
    level: int,
    grid: NDArray[np.float64],
    plane: NDArray[np.float64],
    light: NDArray[np.float64],
    near: Box,
) -> float:
    """The share of the places in `near`, a box at full size, at which no more is left than a small slip leaves."""
    x0, y0, x1, y1 = (side >> level for side in near)
    left, allowed, known = _leave(source, target, hidden, x0, y0, x1, y1, 2.0**level, grid, plane, light)
    if not known.any():
        return 0.0
    share = cv2.blur(known, WINDOW)
    places = (known > 0) & (share > 0.3)
    return float((cv2.blur(left, WINDOW) <= cv2.blur(allowed, WINDOW))[places].mean()) if places.any() else 0.0


@numba.njit(**KERNEL)
def _leave(source, target, hidden, x0, y0, x1, y1, scale, grid, plane, light):
    """Of each sample in the box: the squared residual, how large it may be, and whether it is known at all."""
    left, allowed = np.zeros((y1 - y0, x1 - x0), np.float32), np.zeros((y1 - y0, x1 - x0), np.float32)
    known = np.zeros((y1 - y0, x1 - x0), np.float32)
    slip, noise = SLIP_PX * scale / grid[2], NOISE_LEVELS * scale  # a coarse level is not in place yet
    for y in range(y0, y1):
        for x in range(x0, x1):
            if hidden[y, x]:
                continue
            is_known, value, gx, gy, _, _, _, _ = _look(target, hidden, grid, scale, plane, x, y)
            if is_known:
                left[y - y0, x - x0] = (light[0] * value + light[1] - source[y, x]) ** 2
                allowed[y - y0, x - x0] = noise * noise + slip * slip * (gx * gx + gy * gy)
                known[y - y0, x - x0] = 1
    return left, allowed, known
