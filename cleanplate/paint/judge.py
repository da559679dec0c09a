"""Judging candidate sources by the ring around the hole: the membrane and the weights."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import numba
import numpy as np
from numpy.typing import NDArray

from cleanplate.motion.complete import harmonic
from cleanplate.motion.kernels import KERNEL
from cleanplate.paint.sampling import DEEP, sample
from cleanplate.paint.trace import CARRIED, CLOSE, FLOW, GRID_PX, PLANE, SECOND, Tracks, Trail, locate

# Weight of a candidate, that of the smooth fill being 1: exp(TRUST) (V + V0)^-a (E + E0)^-b (D + D0)^-c, V the mean
# square error the ring foretells (colours 0-255), E the forward-backward error (px^2) and D the doubt (px) of its way,
# in working pixels; TRUST is that of a hypothesis. Fitted on 48 clips, see docs/flowfill.md.
TRUST = {FLOW: 5.7, PLANE: 4.95, CARRIED: 4.9, SECOND: 4.9, CLOSE: 4.9}
V_POWER, E_POWER, D_POWER = 0.84, 0.61, 0.58
V_FLOOR, E_FLOOR_PX2, D_FLOOR_PX = 10.0, 0.01, 0.3
FADE_CELLS = 1  # over how far a source's weight falls off where it ends
V_UNPROVEN = 1000.0  # of a candidate that reaches no point of the ring


@dataclass(kw_only=True, eq=False)
class Candidates:
    """All trails of one frame and what the ring said of them. Cells are GRID_PX working pixels square."""

    x0: int
    y0: int
    ways: NDArray[np.int64]  # (C,): 0 = source lies later, 1 = earlier
    hypotheses: NDArray[np.int64]  # (C,)
    frame: NDArray[np.int32]  # (C, rows, columns)
    xy: NDArray[np.float32]  # (C, rows, columns, 2)
    risk: NDArray[np.float32]  # (C, rows, columns, 2)
    verdict: NDArray[np.float32]  # (C, rows, columns, 4): offset to take off (RGB), mean square error
    weight: NDArray[np.float32]  # (C, rows, columns), that of the smooth fill being 1
    least_weight: float = 0.0
    "of all candidates together, anywhere in hole and ring"


def judge(
    images: NDArray[Any],
    t: int,
    hole: NDArray[np.bool_],
    tracks: Tracks,
    scale: int,
    trails: Sequence[Trail],
    match_border: bool,
    light: NDArray[np.float32],
) -> Candidates:
    """Try each candidate on the ring around the hole of frame `t`, where the true colour is known.

    Its residual there and the mean square of it are spread harmonically into the hole. `hole` (H, W); `scale`:
    how many times smaller the tracks are; `match_border`: take the residual off; `light`: see `find_light`.
    """
    found = Candidates(
        x0=trails[0].x0,
        y0=trails[0].y0,
        ways=np.array([trail.way for trail in trails]),
        hypotheses=np.array([trail.hypothesis for trail in trails]),
        frame=np.stack([trail.frame for trail in trails]),
        xy=np.stack([trail.xy for trail in trails]),
        risk=np.stack([trail.risk for trail in trails]),
        verdict=np.zeros((len(trails), *trails[0].frame.shape, 4), np.float32),
        weight=np.zeros((len(trails), *trails[0].frame.shape), np.float32),
    )
    rows, columns = found.frame.shape[1:]
    needed = np.zeros((rows, columns), np.float32)
    part = tracks.masked[t, GRID_PX * found.y0 :: GRID_PX, GRID_PX * found.x0 :: GRID_PX][:rows, :columns]
    needed[: part.shape[0], : part.shape[1]] = part
    for n in range(len(trails)):
        if (found.frame[n] < 0).all():
            continue
        told, hits = _ring(
            images, t, hole, tracks.arrays, scale, found.ways[n], found.hypotheses[n],
            found.x0, found.y0, found.frame, found.xy, found.risk, n, light,
        )  # fmt: skip
        known = hits > 0
        if known.any():
            found.verdict[n] = harmonic(told, known, sweeps=4)
        else:
            found.verdict[n, ..., 3] = V_UNPROVEN
        if not match_border:
            found.verdict[n, ..., :3] = 0
        variance = np.maximum(found.verdict[n, ..., 3], 0) + V_FLOOR
        error = found.risk[n, ..., 0] + E_FLOOR_PX2
        doubt = found.risk[n, ..., 1] + D_FLOOR_PX
        trust = sum(np.exp(TRUST[one]) for one in {trails[n].hypothesis, *trails[n].stands_for})
        weight = trust * variance**-V_POWER * error**-E_POWER * doubt**-D_POWER
        # so that the share against the smooth fill, not the weight, falls off evenly
        fade = _fade(found.frame[n] >= 0, needed)
        found.weight[n] = fade * weight / (1 + (1 - fade) * weight)
    found.least_weight = float(found.weight.sum(0)[needed > 0].min(initial=np.inf))
    return found


def _fade(found: NDArray[np.bool_], needed: NDArray[np.float32]) -> NDArray[np.float32]:
    """1 well inside the area that was found, falling to 0 at its edge, so that no seam shows where a source ends.

    Both (rows, columns); beyond what is needed there is no edge.
    """
    size = (2 * FADE_CELLS + 1, 2 * FADE_CELLS + 1)
    near = cv2.blur(needed, size, borderType=cv2.BORDER_CONSTANT)
    share = cv2.blur(needed * found.astype(np.float32), size, borderType=cv2.BORDER_CONSTANT)
    faded = np.clip(2 * share / np.maximum(near, 1e-6) - 1, 0, 1) * found
    return np.asarray(faded, np.float32)


@numba.njit(**KERNEL)
def _ring(images, t, hole, paths, scale, way, hypothesis, x0, y0, frame, xy, risk, n, light):
    """Residual (3) and mean square (1) of a candidate in the ring's cells (rows, columns, 4), and their samples."""
    rows, columns = frame.shape[1:]
    height, width = hole.shape
    unit = np.float32(1.0 / DEEP if images.itemsize == 2 else 1.0)
    masked = paths[0]
    told = np.zeros((rows, columns, 4), np.float32)
    hits = np.zeros((rows, columns), np.int32)
    cell = GRID_PX * scale
    for y in range(y0 * cell, min((y0 + rows) * cell, height)):
        j = y // cell - y0
        for x in range(x0 * cell, min((x0 + columns) * cell, width)):
            # at full size one sample of `scale` tells as much as all of them
            if hole[y, x] or not masked[t, y // scale, x // scale] or (x + y) % scale:
                continue
            s, sx, sy, _, _ = locate(
                paths, way, hypothesis, x0, y0, frame, xy, risk, n, (x + 0.5) / scale - 0.5, (y + 0.5) / scale - 0.5
            )
            if s < 0:
                continue
            colour = sample(images, s, (sx + 0.5) * scale - 0.5, (sy + 0.5) * scale - 0.5)
            r = (colour[0] * light[t, 0] / light[s, 0] - np.float32(images[t, y, x, 0])) * unit
            g = (colour[1] * light[t, 1] / light[s, 1] - np.float32(images[t, y, x, 1])) * unit
            b = (colour[2] * light[t, 2] / light[s, 2] - np.float32(images[t, y, x, 2])) * unit
            i = x // cell - x0
            told[j, i, 0] += r
            told[j, i, 1] += g
            told[j, i, 2] += b
            told[j, i, 3] += (r * r + g * g + b * b) / 3
            hits[j, i] += 1
    for j in range(rows):
        for i in range(columns):
            for c in range(4 * (hits[j, i] > 0)):
                told[j, i, c] /= hits[j, i]
    return told, hits
