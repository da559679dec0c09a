"""Completing a field that leans on guesses: the screened Laplace equation, by a pyramid and over-relaxation."""

# numba's types do not see through **KERNEL
# mypy: disable-error-code="untyped-decorator"

from __future__ import annotations

import numba
import numpy as np
from numpy.typing import NDArray

from cleanplate.motion.complete import OMEGA, enlarge
from cleanplate.motion.kernels import KERNEL

SWEEPS = 4  # per level: the level below has already settled everything longer than two samples
SETTLES = np.float32(1)  # a pull from which on a few sweeps settle a sample, wherever they start
KNOWN = np.float32(1e6)  # a pull no neighbour can resist


def lean(values: NDArray[np.float32], pull: NDArray[np.float32]) -> NDArray[np.float32]:
    """The field (H, W, C) that is smooth and yet near to `values`: per sample minimal |gradient|^2 + pull * distance^2.

    `pull` (H, W): 0 = the value says nothing, `KNOWN` = it is kept exactly. The edge of the array reflects. Where no
    value says anything at all, all becomes 0. Returns a new array.
    """
    out = np.array(values, np.float32, order="C")
    if not (pull > 0).any():
        out[...] = 0
        return out
    pyramid = [(out, np.ascontiguousarray(pull, np.float32))]
    while (pyramid[-1][1] < SETTLES).any() and max(pyramid[-1][1].shape) > 1:
        pyramid.append(_halve(*pyramid[-1]))
    solved = pyramid[-1][0].copy()
    _relax(solved, *pyramid[-1], SWEEPS, OMEGA)
    for wish, strength in pyramid[-2::-1]:
        finer = wish.copy()
        enlarge(solved, finer, strength >= KNOWN)
        _relax(finer, wish, strength, SWEEPS, OMEGA)
        solved = finer
    return solved


@numba.njit(**KERNEL)
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


@numba.njit(**KERNEL)
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
