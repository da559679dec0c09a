"""Filling unknown parts of a field smoothly, known samples kept and guesses leant on: by a pyramid and over-relaxation.

Used for the flow inside a hole, for the smooth fill of pictures, and for spreading what the rim of a hole tells.
"""

from __future__ import annotations

import numba
import numpy as np
from numpy.typing import NDArray

from cleanplate.motion.kernels import KERNEL

OMEGA = 1.5  # over-relaxation; larger overshoots in the few sweeps each level gets
SWEEPS = 6  # per level: the level below has already settled everything longer than two samples
SETTLES = np.float32(1)  # a pull from which on a few sweeps settle a sample, wherever they start
KNOWN = np.float32(1e6)  # a pull no neighbour can resist


def harmonic(
    values: NDArray[np.float32], known: NDArray[np.bool_], sweeps: int = SWEEPS, default: float = 0.0
) -> NDArray[np.float32]:
    """Fill `values` (H, W, C) where not `known` (H, W) with the solution of Laplace's equation.

    Known samples are kept exactly; the edge of the array reflects. Where nothing is known all becomes `default`.
    Returns a new array.
    """
    if known.all():
        return np.array(values, np.float32, order="C")
    return lean(values, np.where(known, KNOWN, np.float32(0)), sweeps, default)


def lean(
    values: NDArray[np.float32], pull: NDArray[np.float32], sweeps: int = SWEEPS, default: float = 0.0
) -> NDArray[np.float32]:
    """The field (H, W, C) that is smooth and yet near to `values`: per sample minimal |gradient|^2 + pull * distance^2.

    `pull` (H, W): 0 = the value says nothing, `KNOWN` = it is kept exactly. The edge of the array reflects. Where no
    value says anything at all, all becomes `default`. Returns a new array. Source: the screened Laplace equation, by
    red-black successive over-relaxation, `sweeps` a level, started from a pyramid of means.
    """
    told = pull > 0
    out = np.where(told[..., None], values, np.float32(default))  # what says nothing is never read
    if not told.any():
        return out
    solved: NDArray[np.float32] = _solve(out, np.ascontiguousarray(pull, np.float32), sweeps)
    return solved


@numba.njit(forceinline=True, **KERNEL)
def _halve(values: NDArray[np.float32], pull: NDArray[np.float32]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Half as many samples each way. A level's gradients weigh the same as the finer one's, so pulls add up."""
    height, width, channels = values.shape
    out = np.zeros(((height + 1) // 2, (width + 1) // 2, channels), np.float32)
    out_pull = np.zeros(out.shape[:2], np.float32)
    for y in range(height):
        for x in range(width):
            out_pull[y // 2, x // 2] += pull[y, x]
            for c in range(channels):
                out[y // 2, x // 2, c] += pull[y, x] * values[y, x, c]
    for y in range(out.shape[0]):
        for x in range(out.shape[1]):
            if out_pull[y, x] > 0:
                for c in range(channels):
                    out[y, x, c] /= out_pull[y, x]
            out_pull[y, x] = min(out_pull[y, x], KNOWN)
    return out, out_pull


@numba.njit(forceinline=True, **KERNEL)
def _enlarge(coarse: NDArray[np.float32], fine: NDArray[np.float32], pull: NDArray[np.float32]) -> None:
    """Bilinear, from half as many samples each way into what is not `KNOWN` of `fine` (H, W, C)."""
    height, width, channels = fine.shape
    last_y, last_x = coarse.shape[0] - 1, coarse.shape[1] - 1
    for y in range(height):
        # sample centres: fine y lies at y / 2 - 1 / 4 of the coarse grid
        y0 = (y - 1) // 2
        wy = np.float32(0.25) if y % 2 else np.float32(0.75)
        ya, yb = max(y0, 0), min(y0 + 1, last_y)
        for x in range(width):
            if pull[y, x] >= KNOWN:
                continue
            x0 = (x - 1) // 2
            wx = np.float32(0.25) if x % 2 else np.float32(0.75)
            xa, xb = max(x0, 0), min(x0 + 1, last_x)
            for c in range(channels):
                top = coarse[ya, xa, c] + wx * (coarse[ya, xb, c] - coarse[ya, xa, c])
                low = coarse[yb, xa, c] + wx * (coarse[yb, xb, c] - coarse[yb, xa, c])
                fine[y, x, c] = top + wy * (low - top)


@numba.njit(forceinline=True, **KERNEL)
def _relax(
    values: NDArray[np.float32], wish: NDArray[np.float32], pull: NDArray[np.float32], sweeps: int, omega: float
) -> None:
    height, width, channels = values.shape
    step = np.float32(omega)
    for sweep in range(2 * sweeps):
        for y in range(height):
            up, down = max(y - 1, 0), min(y + 1, height - 1)
            for x in range((y + sweep) % 2, width, 2):
                strength = pull[y, x]
                if strength >= KNOWN:
                    continue
                left, right = max(x - 1, 0), min(x + 1, width - 1)
                share = step / (np.float32(4) + strength)
                for c in range(channels):
                    near = values[up, x, c] + values[down, x, c] + values[y, left, c] + values[y, right, c]
                    values[y, x, c] += share * (near + strength * wish[y, x, c]) - step * values[y, x, c]


@numba.njit(**KERNEL)
def _solve(wish, pull, sweeps):
    """One level of the pyramid, and all coarser ones before it."""
    solved = wish.copy()
    if max(pull.shape) > 1 and (pull < SETTLES).any():
        coarse_wish, coarse_pull = _halve(wish, pull)
        _enlarge(_solve(coarse_wish, coarse_pull, sweeps), solved, pull)
    _relax(solved, wish, pull, sweeps, OMEGA)
    return solved
