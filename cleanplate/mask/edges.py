"""Scores that follow the picture's edges: a guided filter, and the cut that pays least for its border."""

from __future__ import annotations

from typing import Any

import cv2
import numba
import numpy as np
from numpy.typing import NDArray

from cleanplate.motion.kernels import KERNEL

_STEPS = 25


class Guide:
    """The guided filter (He, Sun and Tang 2013) with one colour picture as the guide, for any number of scores."""

    def __init__(self, picture: NDArray[np.float32], radius_px: int, eps: float) -> None:
        """picture: (H, W, 3) float32; eps: in the picture's units, squared."""
        self._size = (2 * radius_px + 1, 2 * radius_px + 1)
        self._picture = picture
        self._mean = self._box(picture)
        a, b, c = (np.ascontiguousarray(picture[..., n]) for n in range(3))
        products = self._box(np.stack([a * a, b * b, c * c], -1)), self._box(np.stack([a * b, a * c, b * c], -1))
        ma, mb, mc = (self._mean[..., n] for n in range(3))
        aa, bb, cc = (products[0][..., n] - m * m + np.float32(eps) for n, m in enumerate((ma, mb, mc)))
        ab, ac, bc = products[1][..., 0] - ma * mb, products[1][..., 1] - ma * mc, products[1][..., 2] - mb * mc
        # the inverse of a symmetric 3x3 matrix by its cofactors
        self._rows = (
            (bb * cc - bc * bc, ac * bc - ab * cc, ab * bc - ac * bb),
            (ac * bc - ab * cc, aa * cc - ac * ac, ab * ac - aa * bc),
            (ab * bc - ac * bb, ab * ac - aa * bc, aa * bb - ab * ab),
        )
        self._scale = 1 / (aa * self._rows[0][0] + ab * self._rows[0][1] + ac * self._rows[0][2])

    def filter(self, score: NDArray[np.float32]) -> NDArray[np.float32]:
        """The score (H, W) smoothed, except across the guide's edges."""
        slopes, offset = self.model(score)
        return dot(slopes, self._picture) + offset

    def model(self, score: NDArray[np.float32]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Slopes (H, W, 3) and offset (H, W) of the score over colour around each sample.

        They vary slowly, so that they can be enlarged and applied to the picture at a larger size.
        """
        mean = self._box(score)
        shared = self._box(self._picture * score[..., None]) - self._mean * mean[..., None]
        slopes = np.stack(
            [sum(row[n] * shared[..., n] for n in range(3)) * self._scale for row in self._rows], -1
        ).astype(np.float32)
        offset = mean - dot(slopes, self._mean)
        both = self._box(np.concatenate([slopes, offset[..., None]], -1))
        return both[..., :3], both[..., 3]

    def _box(self, values: NDArray[np.float32]) -> NDArray[np.float32]:
        return np.asarray(cv2.boxFilter(values, cv2.CV_32F, self._size, borderType=cv2.BORDER_REFLECT), np.float32)


def cut(score: NDArray[np.float32], picture: NDArray[np.float32], smoothness: float) -> NDArray[np.float32]:
    """The region of highest score whose border is short and lies on edges: its degree (H, W), 0-1.

    Least of `smoothness * sum of edge weights along the border - sum of score inside`, a minimal cut relaxed to total
    variation (Chan, Esedoglu and Nikolova 2006), by primal-dual steps (Chambolle and Pock 2011). score: positive
    inside. picture: (H, W, 3), whose colour steps make the border cheap.
    """
    right = np.zeros(score.shape, np.float32)
    down = np.zeros(score.shape, np.float32)
    across, along = picture[:, 1:] - picture[:, :-1], picture[1:] - picture[:-1]
    right[:, :-1] = dot(across, across)
    down[:-1] = dot(along, along)
    scale = 2 * max(float((right.sum() + down.sum()) / (2 * score.size)), 1e-6)
    right[:, :-1] = smoothness * np.exp(-right[:, :-1] / scale)
    down[:-1] = smoothness * np.exp(-down[:-1] / scale)
    start = 1 / (1 + np.exp(-np.clip(score, -30, 30)))
    return np.asarray(_relaxed(start.astype(np.float32), score, right, down, _STEPS), np.float32)


def dot(a: NDArray[Any], b: NDArray[Any]) -> NDArray[np.float32]:
    """The inner product of the last axis, of length 3; numpy's sum over so short an axis is ten times slower."""
    total: NDArray[np.float32] = a[..., 0] * b[..., 0] + a[..., 1] * b[..., 1] + a[..., 2] * b[..., 2]
    return total


@numba.njit(**KERNEL)
def _relaxed(
    inside: NDArray[np.float32],
    score: NDArray[np.float32],
    right: NDArray[np.float32],
    down: NDArray[np.float32],
    steps: int,
) -> NDArray[np.float32]:
    height, width = inside.shape
    ahead = inside.copy()
    px, py = np.zeros_like(inside), np.zeros_like(inside)
    step = np.float32(0.35)  # squared and times 8, the gradient's squared norm, under 1
    for _ in range(steps):
        for y in range(height):
            for x in range(width):
                if x < width - 1:
                    value = px[y, x] + step * (ahead[y, x + 1] - ahead[y, x])
                    px[y, x] = min(max(value, -right[y, x]), right[y, x])
                if y < height - 1:
                    value = py[y, x] + step * (ahead[y + 1, x] - ahead[y, x])
                    py[y, x] = min(max(value, -down[y, x]), down[y, x])
        for y in range(height):
            for x in range(width):
                flow = px[y, x] + py[y, x]
                if x:
                    flow -= px[y, x - 1]
                if y:
                    flow -= py[y - 1, x]
                before = inside[y, x]
                value = min(max(before + step * (flow + score[y, x]), np.float32(0)), np.float32(1))
                inside[y, x] = value
                ahead[y, x] = 2 * value - before
    return inside
