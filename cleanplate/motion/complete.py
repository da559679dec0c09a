"""Filling unknown parts of a field smoothly: the harmonic solution, by a masked pyramid and over-relaxation.

Used for the flow inside a hole, for the smooth fill of pictures, and for spreading what the rim of a hole tells.
"""

# numba's types do not see through **KERNEL
# mypy: disable-error-code="untyped-decorator"

from __future__ import annotations

import numba
import numpy as np
from numpy.typing import NDArray

from cleanplate.motion.kernels import KERNEL

OMEGA = 1.5  # over-relaxation; larger overshoots in the few sweeps each level gets
SWEEPS = 6  # per level: the level below has already settled everything longer than two samples


def harmonic(
    values: NDArray[np.float32], known: NDArray[np.bool_], sweeps: int = SWEEPS, default: float = 0.0
) -> NDArray[np.float32]:
    """Fill `values` (H, W, C) where not `known` (H, W) with the solution of Laplace's equation.

    Known samples are kept exactly; the edge of the array reflects. Where nothing is known all becomes `default`.
    Returns a new array. Source: red-black successive over-relaxation, started from a masked-average pyramid.
    """
    out = np.array(values, np.float32, order="C")
    if known.all():
        return out
    if not known.any():
        out[...] = default
        return out
    pyramid = [(out, np.ascontiguousarray(known, np.bool_))]
    while not pyramid[-1][1].all():
        pyramid.append(_halve(*pyramid[-1]))
    for level in range(len(pyramid) - 2, -1, -1):
        fine, fine_known = pyramid[level]
        enlarge(pyramid[level + 1][0], fine, fine_known)
        _relax(fine, fine_known, sweeps, OMEGA)
    return out


@numba.njit(**KERNEL)
def _halve(values: NDArray[np.float32], known: NDArray[np.bool_]) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    height, width, channels = values.shape
    out = np.zeros(((height + 1) // 2, (width + 1) // 2, channels), np.float32)
    out_known = np.zeros(out.shape[:2], np.bool_)
    for y in range(out.shape[0]):
        for x in range(out.shape[1]):
            count = 0
            for yy in range(2 * y, min(2 * y + 2, height)):
                for xx in range(2 * x, min(2 * x + 2, width)):
                    if known[yy, xx]:
                        count += 1
                        for c in range(channels):
                            out[y, x, c] += values[yy, xx, c]
            if count:
                out_known[y, x] = True
                for c in range(channels):
                    out[y, x, c] /= count
    return out, out_known


@numba.njit(**KERNEL)
def enlarge(coarse: NDArray[np.float32], fine: NDArray[np.float32], known: NDArray[np.bool_]) -> None:
    """Bilinear, from half as many samples each way into what is not known of `fine` (H, W, C)."""
    height, width, channels = fine.shape
    last_y, last_x = coarse.shape[0] - 1, coarse.shape[1] - 1
    for y in range(height):
        # sample centres: fine y lies at y / 2 - 1 / 4 of the coarse grid
        y0 = (y - 1) // 2
        wy = np.float32(0.25) if y % 2 else np.float32(0.75)
        ya, yb = max(y0, 0), min(y0 + 1, last_y)
        for x in range(width):
            if known[y, x]:
                continue
            x0 = (x - 1) // 2
            wx = np.float32(0.25) if x % 2 else np.float32(0.75)
            xa, xb = max(x0, 0), min(x0 + 1, last_x)
            for c in range(channels):
                top = coarse[ya, xa, c] + wx * (coarse[ya, xb, c] - coarse[ya, xa, c])
                low = coarse[yb, xa, c] + wx * (coarse[yb, xb, c] - coarse[yb, xa, c])
                fine[y, x, c] = top + wy * (low - top)


@numba.njit(**KERNEL)
def _relax(values: NDArray[np.float32], known: NDArray[np.bool_], sweeps: int, omega: float) -> None:
    height, width, channels = values.shape
    step = np.float32(omega)
    for sweep in range(2 * sweeps):
        for y in range(height):
            up, down = max(y - 1, 0), min(y + 1, height - 1)
            for x in range((y + sweep) % 2, width, 2):
                if known[y, x]:
                    continue
                left, right = max(x - 1, 0), min(x + 1, width - 1)
                for c in range(channels):
                    mean = np.float32(0.25) * (
                        values[up, x, c] + values[down, x, c] + values[y, left, c] + values[y, right, c]
                    )
                    values[y, x, c] += step * (mean - values[y, x, c])
