"""The noise that paint lacks: measured around the hole and in the paint, and the difference made anew in each frame.

A smooth fill has none, a mean of several sources less than each, and what is copied from one frame to many stands still
while its surroundings boil. Noise is told from content as what is left of the flattest blocks without their slope;
blocks of the paint are judged by the same measure, so that only what they lack is added, frequency by frequency.
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from functools import partial
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from cleanplate.base.types import INVENTED, SEEN
from cleanplate.paint.looks import bounds
from cleanplate.paint.sampling import DEEP

BLOCK_PX, STRIDE_PX = 16, 8
AROUND_PX = 64  # how far from the hole its surroundings reach
FLATTEST = 0.25  # of the blocks are taken for flat
FEWEST_BLOCKS = 6
LOOKED_AT = 12  # frames, spread evenly: a camera's noise does not change within a shot
DARKEST, BRIGHTEST = 6.0, 249.0  # levels of 255: beyond, noise is cut off
LEAST_LEVELS = 0.5  # deviation: less is rounding


@dataclass(frozen=True, kw_only=True, eq=False)
class Noise:
    """The noise of an area: three directions of colour that vary independently, and the spectrum of each."""

    axes: NDArray[np.float64]  # (3, 3): a direction a column
    power: NDArray[np.float64]  # (3, BLOCK_PX, BLOCK_PX): squared levels of 255, their mean is the variance

    def lacking(self, other: Noise) -> Noise:
        """What is to be added to `other`, measured along the same axes, to have this noise."""
        return Noise(axes=self.axes, power=np.maximum(self.power - other.power, 0))


def add_grain(
    painted: NDArray[Any],
    holes: NDArray[np.bool_],
    origin: NDArray[np.uint8],
    owed: Sequence[int],
    first: int,
    seed: int,
    pool: Executor,
) -> None:
    """Add to the holes (T, H, W) of the frames `owed` in `painted` (N, H, W, 3) the noise that they lack.

    `painted` and `origin` (N, H, W) start at frame `first`. Frame t gets the noise of `seed` + t.
    """
    chosen = [owed[n] for n in sorted({round(n) for n in np.linspace(0, len(owed) - 1, min(len(owed), LOOKED_AT))})]
    blocks = list(pool.map(lambda t: _blocks(painted[t - first], holes[t], origin[t - first]), chosen))
    around = _measure(np.concatenate([found[0] for found in blocks]))
    if around is None or around.power.mean() < LEAST_LEVELS**2:
        return
    missing = {}
    for kind in (SEEN, INVENTED):
        inside = _measure(np.concatenate([found[kind] for found in blocks]), around.axes)
        if inside is None and kind == SEEN:
            continue  # too little of it, or all of it textured: nothing is seen to be missing
        missing[kind] = around if inside is None else around.lacking(inside)
    list(pool.map(partial(_add, painted, holes, origin, first, seed, missing), owed))


def _blocks(image: NDArray[Any], hole: NDArray[np.bool_], origin: NDArray[np.uint8]) -> list[NDArray[np.float32]]:
    """What is left of all blocks without their slope, (n, BLOCK_PX, BLOCK_PX, 3): around the hole, seen, invented."""
    x0, y0, x1, y1 = bounds(hole, AROUND_PX)
    part = np.s_[y0:y1, x0:x1]
    picture = image[part].astype(np.float32) / np.float32(DEEP if image.dtype == np.uint16 else 1)
    kinds = np.where(hole[part], origin[part], 0)
    if min(kinds.shape) < BLOCK_PX:
        return [np.zeros((0, BLOCK_PX, BLOCK_PX, 3), np.float32)] * 3
    window = (BLOCK_PX, BLOCK_PX)
    of_kind = np.lib.stride_tricks.sliding_window_view(kinds, window)[::STRIDE_PX, ::STRIDE_PX].reshape(-1, BLOCK_PX**2)
    all_blocks = np.lib.stride_tricks.sliding_window_view(picture, window, (0, 1))[::STRIDE_PX, ::STRIDE_PX]
    all_blocks = np.moveaxis(all_blocks.reshape(-1, 3, *window), 1, -1)
    lit = (all_blocks.min((1, 2, 3)) > DARKEST) & (all_blocks.max((1, 2, 3)) < BRIGHTEST)
    return [_flat(all_blocks[lit & (of_kind == kind).all(1)]) for kind in (0, SEEN, INVENTED)]


def _flat(blocks: NDArray[np.float32]) -> NDArray[np.float32]:
    """The blocks (n, b, b, 3) without their mean and slope."""
    ramp = np.linspace(-1, 1, BLOCK_PX, dtype=np.float32)
    steep = np.float32((ramp**2).mean())
    left = blocks - blocks.mean((1, 2), keepdims=True)
    for line in (ramp[None, :, None, None], ramp[None, None, :, None]):
        left = left - line * (left * line).mean((1, 2), keepdims=True) / steep
    return np.asarray(left, np.float32)


def _measure(blocks: NDArray[np.float32], axes: NDArray[np.float64] | None = None) -> Noise | None:
    """The noise of the flattest blocks, along the axes given or else its own; None where there are too few."""
    count = int(FLATTEST * len(blocks))
    if count < FEWEST_BLOCKS:
        return None
    flattest = blocks[np.argsort((blocks**2).mean((1, 2, 3)), kind="stable")[:count]].astype(np.float64)
    if axes is None:
        samples = flattest.reshape(-1, 3)
        axes = np.linalg.eigh(samples.T @ samples)[1]
    spectra = np.abs(np.fft.fft2(flattest @ axes, axes=(1, 2))) ** 2
    return Noise(axes=axes, power=np.moveaxis(spectra.mean(0), -1, 0) / BLOCK_PX**2)


def _add(
    painted: NDArray[Any],
    holes: NDArray[np.bool_],
    origin: NDArray[np.uint8],
    first: int,
    seed: int,
    missing: dict[int, Noise],
    t: int,
) -> None:
    x0, y0, x1, y1 = bounds(holes[t], 0)
    part = np.s_[t - first, y0:y1, x0:x1]
    kinds = np.where(holes[t, y0:y1, x0:x1], origin[part], 0)
    random = np.random.Generator(np.random.Philox(seed + t))
    white = random.standard_normal((*kinds.shape, 3), dtype=np.float32)
    one = np.float32(DEEP if painted.dtype == np.uint16 else 1)
    for kind, noise in missing.items():
        where = kinds == kind
        if where.any():
            grain = one * make(noise, white)
            noisy = np.rint(painted[part][where] + grain[where])
            painted[part][where] = np.clip(noisy, 0, np.iinfo(painted.dtype).max)


def make(noise: Noise, white: NDArray[np.float32]) -> NDArray[np.float32]:
    """Noise of that kind from white noise of deviation 1, both (h, w, 3); levels of 255."""
    channels = []
    for n, power in enumerate(noise.power):
        kernel = np.fft.fftshift(np.fft.ifft2(np.sqrt(power)).real)
        channels.append(cv2.filter2D(white[..., n], -1, kernel.astype(np.float32), borderType=cv2.BORDER_REFLECT_101))
    return np.asarray(np.stack(channels, -1) @ noise.axes.T.astype(np.float32), np.float32)
