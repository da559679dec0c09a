"""Looking up colours between samples, and the two scales colours come in."""

from __future__ import annotations

import numba
import numpy as np

from cleanplate.motion.kernels import KERNEL

DEEP = 257.0  # full-scale uint16 to the 0-255 scale
SHARPNESS = -0.7  # slope of the cubic at its first zero; -0.5 (Catmull-Rom) loses 0.1 dB, as mixing blurs
MID_GRAY = 127.5  # where no frame shows anything at all


@numba.njit(inline="always", **KERNEL)
def cubic(u):
    """The weights of four neighbours for a point a fraction `u` past the second."""
    a, v = np.float32(SHARPNESS), np.float32(1) - u
    two, three = np.float32(2), np.float32(3)
    return (
        a * u * v * v,
        ((a + two) * u - (a + three)) * u * u + np.float32(1),
        ((a + two) * v - (a + three)) * v * v + np.float32(1),
        a * v * u * u,
    )


@numba.njit(forceinline=True, **KERNEL)
def sample(images, s, x, y):
    """The colour of frame `s` at (x, y), bicubic, in the images' own numbers. All in float32: half the time."""
    left, top = int(np.floor(x)), int(np.floor(y))
    return sample_by(images, s, left, top, cubic(np.float32(x - left)), cubic(np.float32(y - top)))


@numba.njit(inline="always", **KERNEL)
def sample_by(images, s, left, top, wx, wy):
    """The same with the weights known: the second of four neighbours each way lies at (left, top)."""
    if not (1 <= left < images.shape[2] - 2 and 1 <= top < images.shape[1] - 2):
        return _at_edge(images, s, left, top, wx, wy)
    r = g = b = np.float32(0)
    for j in range(4):
        row = images[s, top - 1 + j]
        r += wy[j] * _taps(wx, row, left - 1, left, left + 1, left + 2, 0)
        g += wy[j] * _taps(wx, row, left - 1, left, left + 1, left + 2, 1)
        b += wy[j] * _taps(wx, row, left - 1, left, left + 1, left + 2, 2)
    return r, g, b


@numba.njit(forceinline=True, **KERNEL)
def _at_edge(images, s, left, top, wx, wy):
    """The same where a neighbour may lie outside: the nearest sample stands for it."""
    height, width = images.shape[1:3]
    x0, x1 = min(max(left - 1, 0), width - 1), min(max(left, 0), width - 1)
    x2, x3 = min(max(left + 1, 0), width - 1), min(max(left + 2, 0), width - 1)
    r = g = b = np.float32(0)
    for j in range(4):
        row = images[s, min(max(top - 1 + j, 0), height - 1)]
        r += wy[j] * _taps(wx, row, x0, x1, x2, x3, 0)
        g += wy[j] * _taps(wx, row, x0, x1, x2, x3, 1)
        b += wy[j] * _taps(wx, row, x0, x1, x2, x3, 2)
    return r, g, b


@numba.njit(inline="always", **KERNEL)
def _taps(weights, row, x0, x1, x2, x3, channel):
    a, b, c, d = weights
    return (
        a * np.float32(row[x0, channel])
        + b * np.float32(row[x1, channel])
        + c * np.float32(row[x2, channel])
        + d * np.float32(row[x3, channel])
    )
