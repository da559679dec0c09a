"""What moves otherwise than the background: the flow's smooth part outside the objects, and what is left of it."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

_STEP_PX = 4
_ROUNDS = 6
_LEAST_SIGMA_PX = 0.3
_SPREAD = 0.3  # of the residuals of one object, as a share of their median


def residual(flow: NDArray[np.float32], outside: NDArray[np.bool_]) -> NDArray[np.float32]:
    """How far each sample's flow (H, W, 2) px is from the background's: (H, W) px. See `against`."""
    left_over = against(flow, outside)
    return np.asarray(cv2.magnitude(left_over[..., 0], left_over[..., 1]), np.float32)


def against(flow: NDArray[np.float32], outside: NDArray[np.bool_]) -> NDArray[np.float32]:
    """Each sample's flow (H, W, 2) px less the background's; all 0 where too little of that is seen.

    The background's is a polynomial of second degree in place (a plane seen by a moving camera, to second order),
    fitted where `outside` (H, W) says, by reweighted least squares with Cauchy weights.
    """
    height, width = flow.shape[:2]
    y, x = np.mgrid[:height, :width].astype(np.float32)
    x, y = x / width - np.float32(0.5), y / height - np.float32(0.5)
    terms = np.stack([np.ones_like(x), x, y, x * x, x * y, y * y], -1)
    grid = np.s_[_STEP_PX // 2 :: _STEP_PX, _STEP_PX // 2 :: _STEP_PX]
    chosen = outside[grid]
    if chosen.sum() < 4 * terms.shape[-1]:
        return np.zeros_like(flow)
    rows, wanted = terms[grid][chosen], flow[grid][chosen]
    weights = np.ones(len(rows), np.float32)
    solved = np.zeros((terms.shape[-1], 2), np.float32)
    for _ in range(_ROUNDS):
        weighted = rows * weights[:, None]
        left = weighted.T @ rows + np.eye(rows.shape[1], dtype=np.float32) * np.float32(1e-3)
        solved = np.linalg.solve(left, weighted.T @ wanted)
        missed = ((rows @ solved - wanted) ** 2).sum(-1)
        scale = max(_LEAST_SIGMA_PX**2, float(np.median(missed)))
        weights = (1 / (1 + missed / scale)).astype(np.float32)
    return np.asarray(flow - terms @ solved, np.float32)


def likelihood(residual_px: NDArray[np.float32], inside: NDArray[np.bool_]) -> NDArray[np.float32]:
    """Log of how much likelier each sample's residual is for the object `inside` covers than for the background.

    Clipped to [-3, 1]: what stands still is a safe sign of the background, what moves may be something else. All is 0
    where the object moves with the background.
    """
    if not inside.any() or inside.all():
        return np.zeros(inside.shape, np.float32)
    typical, noise = float(np.median(residual_px[inside])), max(float(np.median(residual_px[~inside])), 0.2)
    of_object = 1 + ((residual_px - typical) / (_SPREAD * typical + noise)) ** 2
    of_background = 1 + (residual_px / noise) ** 2
    return np.asarray(np.clip(np.log(of_background / of_object), -3, 1), np.float32)
