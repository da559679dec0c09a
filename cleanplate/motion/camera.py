"""The motion of the camera between two frames, as far as one plane can tell it."""

from __future__ import annotations

import numba
import numpy as np
from numpy.typing import NDArray

from cleanplate.motion.kernels import KERNEL

ROUNDS = 10  # of reweighting, at most; the fit has settled to under 0.01 px after six on real flow
SETTLED = 1e-6  # of half the points' spread: a round that changes less was the last; it leaves 0.0001 px at most


def fit_plane(
    points_xy: NDArray[np.float32], moved_xy: NDArray[np.float32], sigma_px: float = 0.3
) -> NDArray[np.float64]:
    """The 3x3 matrix, last entry 1, that takes `points_xy` to `moved_xy`, both (N, 2) px, whatever a minority does.

    Eight parameters by reweighted least squares with Cauchy weights 1 / (1 + (r / scale)^2), where the scale shrinks
    to the residuals' median, but not below `sigma_px`. Fewer than eight points: their median translation;
    none: the identity.
    """
    if len(points_xy) < 8:
        plane = np.eye(3)
        if len(points_xy):
            plane[:2, 2] = np.median(moved_xy - points_xy, axis=0)
        return plane
    centre = points_xy.mean(0, dtype=np.float64)
    spread = max(float(np.abs(points_xy - centre).max()), 1.0)
    normal = np.array([[1 / spread, 0, -centre[0] / spread], [0, 1 / spread, -centre[1] / spread], [0, 0, 1]])
    source = np.ascontiguousarray((points_xy - centre).T / spread)
    target = np.ascontiguousarray((moved_xy - centre).T / spread)
    solved = _fit(source, target, sigma_px / spread, ROUNDS)
    plane = np.linalg.inv(normal) @ solved @ normal
    scaled: NDArray[np.float64] = plane / plane[2, 2]
    return scaled


def _fit(source: NDArray[np.float64], target: NDArray[np.float64], sigma: float, rounds: int) -> NDArray[np.float64]:
    weights = np.ones(source.shape[1])
    plane = np.eye(3)
    for _ in range(rounds):
        before = plane.copy()
        # Solving is numpy's: compiled here it would be half of what a first run compiles.
        plane.flat[:8] = np.linalg.solve(*_normal_equations(source, target, weights))
        if np.abs(plane - before).max() < SETTLED:
            break
        residuals = _residuals(source, target, plane)
        middle = float(np.partition(residuals, len(residuals) // 2)[len(residuals) // 2])
        weights = 1 / (1 + residuals / max(sigma * sigma, middle))
    return plane


@numba.njit(**KERNEL)
def _normal_equations(
    source: NDArray[np.float64], target: NDArray[np.float64], weights: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Of points (2, N) and where they went, with weights (N,): the left side (8, 8) and the right one (8,).

    A point gives two rows, (x, y, 1, 0, 0, 0, -ux, -uy) for u and (0, 0, 0, x, y, 1, -vx, -vy) for v. Summed by what
    their products have in common, in loops over one coordinate at a time: 3 us for 2,000 points, row by row it was 90.
    """
    count = len(weights)
    xs, ys = source
    left = np.zeros((8, 8))
    right = np.zeros(8)
    xx = xy = yy = x1 = y1 = one = 0.0
    for n in range(count):
        x, y = xs[n], ys[n]
        wx, wy = weights[n] * x, weights[n] * y
        xx += wx * x
        xy += wx * y
        yy += wy * y
        x1 += wx
        y1 += wy
        one += weights[n]
    for i in (0, 3):
        left[i, i], left[i, i + 1], left[i, i + 2] = xx, xy, x1
        left[i + 1, i + 1], left[i + 1, i + 2], left[i + 2, i + 2] = yy, y1, one
    for i in (0, 3):
        us = target[i // 3]
        xx = xy = yy = x1 = y1 = one = uxx = uxy = uyy = ux = uy = 0.0
        for n in range(count):
            x, y, u = xs[n], ys[n], us[n]
            w = weights[n] * u
            wx, wy = w * x, w * y
            xx += wx * x
            xy += wx * y
            yy += wy * y
            x1 += wx
            y1 += wy
            one += w
            uxx += u * wx * x
            uxy += u * wx * y
            uyy += u * wy * y
            ux += u * wx
            uy += u * wy
        left[i, 6], left[i, 7] = -xx, -xy
        left[i + 1, 6], left[i + 1, 7] = -xy, -yy
        left[i + 2, 6], left[i + 2, 7] = -x1, -y1
        left[6, 6] += uxx
        left[6, 7] += uxy
        left[7, 7] += uyy
        right[i], right[i + 1], right[i + 2] = x1, y1, one
        right[6] -= ux
        right[7] -= uy
    for i in range(8):
        left[i, i] += 1e-9 * count  # keeps points on one line solvable; far below any real evidence
        for j in range(i):
            left[i, j] = left[j, i]
    # towards the identity, so that what the points do not tell stays unmoved
    for i in (0, 4):
        right[i] += 1e-9 * count
    return left, right


@numba.njit(inline="always", **KERNEL)
def moved_by(plane, x, y):
    """Where a plane (3, 3), last entry 1, takes (x, y)."""
    depth = plane[2, 0] * x + plane[2, 1] * y + 1.0
    return (
        (plane[0, 0] * x + plane[0, 1] * y + plane[0, 2]) / depth,
        (plane[1, 0] * x + plane[1, 1] * y + plane[1, 2]) / depth,
    )


@numba.njit(**KERNEL)
def _residuals(
    source: NDArray[np.float64], target: NDArray[np.float64], plane: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Squared distances (N,) of points (2, N)."""
    residuals = np.zeros(source.shape[1])
    for n in range(len(residuals)):
        u, v = moved_by(plane, source[0, n], source[1, n])
        residuals[n] = (u - target[0, n]) ** 2 + (v - target[1, n]) ** 2
    return residuals
