"""The motion of the camera between two frames, as far as one plane can tell it."""

from __future__ import annotations

import numba
import numpy as np
from numpy.typing import NDArray

from cleanplate.motion.kernels import KERNEL

ROUNDS = 10  # of reweighting; the fit has settled to under 0.01 px after six on real flow


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
    source = (points_xy - centre) / spread
    target = (moved_xy - centre) / spread
    solved = _fit(source, target, sigma_px / spread, ROUNDS)
    plane = np.linalg.inv(normal) @ solved @ normal
    scaled: NDArray[np.float64] = plane / plane[2, 2]
    return scaled


def _fit(source: NDArray[np.float64], target: NDArray[np.float64], sigma: float, rounds: int) -> NDArray[np.float64]:
    weights = np.ones(len(source))
    plane = np.eye(3)
    for _ in range(rounds):
        # Solving is numpy's: compiled here it would be half of what a first run compiles.
        plane.flat[:8] = np.linalg.solve(*_normal_equations(source, target, weights))
        residuals = _residuals(source, target, plane)
        middle = float(np.partition(residuals, len(residuals) // 2)[len(residuals) // 2])
        weights = 1 / (1 + residuals / max(sigma * sigma, middle))
    return plane


@numba.njit(**KERNEL)
def _normal_equations(
    source: NDArray[np.float64], target: NDArray[np.float64], weights: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    count = source.shape[0]
    row = np.zeros(8)
    other = np.zeros(8)
    left = np.zeros((8, 8))
    right = np.zeros(8)
    for n in range(count):
        x, y = source[n]
        u, v = target[n]
        row[0], row[1], row[2], row[6], row[7] = x, y, 1.0, -u * x, -u * y
        other[3], other[4], other[5], other[6], other[7] = x, y, 1.0, -v * x, -v * y
        for i in range(8):
            right[i] += weights[n] * (row[i] * u + other[i] * v)
            for j in range(i, 8):
                left[i, j] += weights[n] * (row[i] * row[j] + other[i] * other[j])
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
    """Squared distances (N,)."""
    residuals = np.zeros(source.shape[0])
    for n in range(source.shape[0]):
        u, v = moved_by(plane, source[n, 0], source[n, 1])
        residuals[n] = (u - target[n, 0]) ** 2 + (v - target[n, 1]) ** 2
    return residuals
