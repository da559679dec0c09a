"""The noise that paint lacks: measured around the hole and in the paint, and the difference made anew in each frame.

A smooth fill has none, a mean of several sources less than each, and what is copied from one frame to many stands still
while its surroundings boil. Noise is told from content in two ways: as what is left of the flattest blocks without
their slope, and as what is left of a block when the same block of the next frame, brought over by the camera's motion,
is taken off. The paint is judged by the same measures, and gets what it lacks by both, frequency by frequency: texture
is not taken for noise, and what is noisy enough gets no more for standing still.
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
NOWHERE = 255  # kind of a place outside the picture
LEAST_LEVELS = 0.5  # deviation: less is rounding


@dataclass(frozen=True, kw_only=True, eq=False)
class Noise:
    """The noise of an area: three directions of colour that vary independently, and the spectrum of each."""

    axes: NDArray[np.float64]  # (3, 3): a direction a column
    power: NDArray[np.float64]  # (3, BLOCK_PX, BLOCK_PX): squared levels of 255, their mean is the variance


def add_grain(
    painted: NDArray[Any],
    holes: NDArray[np.bool_],
    origin: NDArray[np.uint8],
    owed: Sequence[int],
    first: int,
    planes: NDArray[np.float64],
    seed: int,
    pool: Executor,
) -> None:
    """Add to the holes (T, H, W) of the frames `owed` in `painted` (N, H, W, 3) the noise that they lack.

    `painted` and `origin` (N, H, W) start at frame `first`. `planes` (T - 1, 3, 3): the camera's motion from each frame
    to the next, in pixels. Frame t gets the noise of `seed` + t.
    """
    pairs = [t for t in owed if t + 1 in set(owed)]
    chosen = [pairs[n] for n in sorted({round(n) for n in np.linspace(0, len(pairs) - 1, min(len(pairs), LOOKED_AT))})]

    def look(t: int) -> list[NDArray[np.float32]]:
        n = t - first
        return _blocks(painted[n : n + 2], holes[t : t + 2], origin[n : n + 2], planes[t])

    blocks = [np.concatenate(found) for found in zip(*pool.map(look, chosen), strict=True)]
    if not blocks or (around := _measure(blocks[0])) is None:
        return
    changing = _measure(blocks[3], around.axes) or around
    if min(around.power.mean(), changing.power.mean()) < LEAST_LEVELS**2:
        return
    missing = {}
    for kind in (SEEN, INVENTED):
        inside, inside_changing = (_measure(blocks[n], around.axes) for n in (kind, 3 + kind))
        if inside is None and kind == SEEN:
            continue  # too little of it to say that it lacks anything
        lacking = around.power - (0 if inside is None else inside.power)
        lacking_change = changing.power - (0 if inside_changing is None else inside_changing.power)
        missing[kind] = Noise(axes=around.axes, power=np.maximum(np.minimum(lacking, lacking_change), 0))
    list(pool.map(partial(_add, painted, holes, origin, first, seed, missing), owed))


def _blocks(
    images: NDArray[Any], holes: NDArray[np.bool_], origin: NDArray[np.uint8], plane: NDArray[np.float64]
) -> list[NDArray[np.float32]]:
    """Blocks (n, BLOCK_PX, BLOCK_PX, 3) of the first of two frames, without slope: around the hole, seen, invented.

    Then the same three of its difference from the second, made as large as the noise of one.
    """
    x0, y0, x1, y1 = bounds(holes[0], AROUND_PX)
    if min(y1 - y0, x1 - x0) < BLOCK_PX:
        return [np.zeros((0, BLOCK_PX, BLOCK_PX, 3), np.float32)] * 6
    one = np.float32(DEEP if images.dtype == np.uint16 else 1)
    picture, following = (image.astype(np.float32) / one for image in images)
    kinds, kinds_after = (np.where(hole, kind, 0).astype(np.uint8) for hole, kind in zip(holes, origin, strict=True))
    size, back = kinds.shape[::-1], cv2.WARP_INVERSE_MAP
    brought = cv2.warpPerspective(following, plane, size, flags=cv2.INTER_CUBIC | back)
    kinds_there = cv2.warpPerspective(kinds_after, plane, size, flags=cv2.INTER_NEAREST | back, borderValue=NOWHERE)
    difference = (picture - brought) / np.float32(np.sqrt(2))
    part = np.s_[y0:y1, x0:x1]
    lit = (picture[part].min(-1) > DARKEST) & (picture[part].max(-1) < BRIGHTEST)
    spatial, temporal, is_lit = _cut(picture[part]), _cut(difference[part]), _cut(lit).all((1, 2))
    all_kinds, all_there = _cut(kinds[part]), _cut(kinds_there[part])
    mine = [is_lit & (all_kinds == kind).all((1, 2)) for kind in (0, SEEN, INVENTED)]
    same = [which & (all_there == kind).all((1, 2)) for which, kind in zip(mine, (0, SEEN, INVENTED), strict=True)]
    return [_flat(spatial[which]) for which in mine] + [_flat(temporal[which]) for which in same]


def _cut(picture: NDArray[Any]) -> NDArray[Any]:
    """All blocks (n, BLOCK_PX, BLOCK_PX, ...) of a picture (H, W, ...)."""
    windows = np.lib.stride_tricks.sliding_window_view(picture, (BLOCK_PX, BLOCK_PX), (0, 1))[::STRIDE_PX, ::STRIDE_PX]
    blocks = np.moveaxis(windows, (-2, -1), (2, 3))
    return blocks.reshape(-1, *blocks.shape[2:])


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
