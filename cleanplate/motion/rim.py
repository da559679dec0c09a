"""Flow right up to the rim of a hole: Lucas-Kanade by patches that leave out what the hole hides.

Dense flow is found on pictures whose holes are filled, so near a hole it follows the fill. Here each patch near the
rim starts from a guess and descends by the samples alone that are known in both frames (Lucas and Kanade, "An
iterative image registration technique", 1981; patches averaged as in Kroeger et al., "Fast Optical Flow using Dense
Inverse Search", 2016).
"""

from __future__ import annotations

import numba
import numpy as np
from numpy.typing import NDArray

from cleanplate.motion.kernels import KERNEL

PATCH_PX = 10
STRIDE_PX = 4
LOOK_PX = 3  # every how many samples it is asked whether a patch is wanted: finer than the rim is wide
DESCENTS = 4
LEAST_SAMPLES = 30  # of the 100 of a patch; with fewer, noise decides
HOLD = 0.5  # pull towards the guess, in squared gray levels a px^2 and sample: keeps what has no texture where it was
FARTHEST_PX = 4.0  # from the guess: beyond it a patch has found something else


def rim_flow(
    source: NDArray[np.uint8],
    target: NDArray[np.uint8],
    source_hidden: NDArray[np.bool_],
    target_hidden: NDArray[np.bool_],
    guess: NDArray[np.float32],
    wanted: NDArray[np.bool_],
) -> NDArray[np.bool_]:
    """Improve the flow `guess` (H, W, 2) px from `source` to `target`, gray (H, W), in place where it is `wanted`.

    `source_hidden`, `target_hidden` (H, W): samples not to be read. Returns where flow was found (H, W): some of what
    is wanted and not hidden.
    """
    flow = np.zeros_like(guess)
    weight = np.zeros(guess.shape[:2], np.float32)
    # Parts of pictures and whole ones alike: the kernels are compiled for one kind of array.
    shown = (np.ascontiguousarray(part) for part in (source, target, source_hidden, target_hidden))
    _descend(*shown, guess, wanted, flow, weight)
    found: NDArray[np.bool_] = wanted & (weight > 0)
    guess[found] = flow[found] / weight[found][:, None]
    return found


@numba.njit(**KERNEL)
def _descend(source, target, source_hidden, target_hidden, guess, wanted, flow, weight):
    height, width = source.shape
    xs, ys = np.zeros(PATCH_PX**2, np.int64), np.zeros(PATCH_PX**2, np.int64)
    for top in range(0, height - PATCH_PX + 1, STRIDE_PX):
        for left in range(0, width - PATCH_PX + 1, STRIDE_PX):
            is_needed = False
            for y in range(top, top + PATCH_PX, LOOK_PX):
                for x in range(left, left + PATCH_PX, LOOK_PX):
                    is_needed |= wanted[y, x] and not source_hidden[y, x]
            if not is_needed:
                continue
            count = 0
            u0, v0 = np.float32(0), np.float32(0)
            for y in range(top, top + PATCH_PX):
                for x in range(left, left + PATCH_PX):
                    if not source_hidden[y, x]:
                        xs[count], ys[count] = x, y
                        u0 += guess[y, x, 0]
                        v0 += guess[y, x, 1]
                        count += 1
            if count < LEAST_SAMPLES:
                continue
            u0 /= count
            v0 /= count
            u, v, error = _descend_one(source, target, target_hidden, xs[:count], ys[:count], u0, v0)
            if error < 0 or (u - u0) ** 2 + (v - v0) ** 2 > FARTHEST_PX**2:
                continue
            share = np.float32(1) / max(error, np.float32(1))
            for n in range(count):
                y, x = ys[n], xs[n]
                flow[y, x, 0] += share * u
                flow[y, x, 1] += share * v
                weight[y, x] += share


@numba.njit(forceinline=True, **KERNEL)
def _descend_one(source, target, target_hidden, xs, ys, u0, v0):
    """Where a patch goes by its known samples, and the mean square of what remains, its mean taken off; -1 = lost."""
    height, width = source.shape
    u, v = u0, v0
    error = np.float32(-1)
    zero, hold = np.float32(0), np.float32(HOLD)
    for descent in range(DESCENTS + 1):
        n, sx, sy, sr, sxx, sxy, syy, sxr, syr, srr = 0, zero, zero, zero, zero, zero, zero, zero, zero, zero
        for k in range(len(xs)):
            x, y = xs[k], ys[k]
            px, py = x + u, y + v
            if not (px >= 0 and py >= 0 and px <= width - 1 and py <= height - 1):
                continue
            i, j = min(int(px), width - 2), min(int(py), height - 2)
            if target_hidden[j, i] or target_hidden[j, i + 1] or target_hidden[j + 1, i] or target_hidden[j + 1, i + 1]:
                continue
            fx, fy = px - i, py - j
            a, b = np.float32(target[j, i]), np.float32(target[j, i + 1])
            c, d = np.float32(target[j + 1, i]), np.float32(target[j + 1, i + 1])
            gx = (1 - fy) * (b - a) + fy * (d - c)
            gy = (1 - fx) * (c - a) + fx * (d - b)
            r = (1 - fy) * (a + fx * (b - a)) + fy * (c + fx * (d - c)) - np.float32(source[y, x])
            n += 1
            sx += gx
            sy += gy
            sr += r
            sxx += gx * gx
            sxy += gx * gy
            syy += gy * gy
            sxr += gx * r
            syr += gy * r
            srr += r * r
        if n < LEAST_SAMPLES:
            return u, v, np.float32(-1)
        error = (srr - sr * sr / n) / n
        if descent == DESCENTS:
            break
        # the mean of each is taken off, so that a change of light moves nothing
        xx, xy, yy = sxx - sx * sx / n + hold * n, sxy - sx * sy / n, syy - sy * sy / n + hold * n
        xr, yr = sxr - sx * sr / n + hold * n * (u - u0), syr - sy * sr / n + hold * n * (v - v0)
        scale = 1 / (xx * yy - xy * xy)
        du, dv = scale * (yy * xr - xy * yr), scale * (xx * yr - xy * xr)
        u -= du
        v -= dv
        if du * du + dv * dv < 1e-4:
            break
    return u, v, np.float32(error)
