"""The noise that paint lacks: measured around the hole, taken off what was copied, and made anew in each frame.

A smooth fill has none, a mean of several sources less than each, and what is copied from one frame to many stands still
while its surroundings boil. Noise is what differs between a frame and the next one, brought over by the camera's
motion, where the picture is flat. As film coders do, what was copied is freed from it first, by shrinking those of its
waves that noise could have made, and then paint of either kind gets what it lacks of the change, frequency by
frequency. Texture stands out of the noise and stays; noise that nobody sees is left alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from functools import cache, partial
from typing import Any, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from cleanplate.base.types import INVENTED, SEEN
from cleanplate.motion.register import carried, from_corner
from cleanplate.paint.looks import bounds
from cleanplate.paint.sampling import DEEP

BLOCK_PX, STRIDE_PX = 16, 8
AROUND_PX = 64  # how far from the hole its surroundings reach
FLATTEST = 0.25  # of the blocks are taken for flat
STILLEST = 0.1  # of the blocks change by noise alone, wherever the camera's motion is wrong
STILLEST_SHARE = 1.08  # of their deviation is that of all: they are the least noisy by chance as well
FEWEST_BLOCKS = 6
LOOKED_AT = 8  # frames, spread evenly: a camera's noise does not change within a shot
DARKEST, BRIGHTEST = 6.5, 248.5  # levels of 255: beyond, noise is cut off
KINDS = (SEEN, INVENTED)
NOWHERE = 255  # kind of a place outside the picture
UNNOTICED, NOTICED = 1.25, 1.75  # levels: noise of less deviation is not seen; from the other on all of it is made
SHRUNK = 1.5  # times its power noise may have by chance; what is stronger is content
TILE_PX = 512  # of noise, that frames take theirs from
CALM = np.ones((BLOCK_PX, BLOCK_PX))
CALM[np.ix_((-1, 0, 1), (-1, 0, 1))] = 0.4  # of the longest waves: what is mixed of many sources has some of its own
MEDIAN_SQUARE = 0.455  # of normal numbers of deviation 1
WINDOW = np.sin(np.pi * (np.arange(BLOCK_PX) + 0.5) / BLOCK_PX)  # its square and that of the next block make 1
COSINES = np.sqrt(2 / BLOCK_PX) * np.cos(np.pi / BLOCK_PX * np.outer(np.arange(BLOCK_PX), np.arange(BLOCK_PX) + 0.5))
COSINES[0] /= np.sqrt(2)
RAMP = np.linspace(-1, 1, BLOCK_PX)
LEVEL = np.ones(BLOCK_PX)
SLOPES = np.stack([np.outer(y, x).ravel() for y, x in ((LEVEL, LEVEL), (RAMP, LEVEL), (LEVEL, RAMP))], -1)
SLOPES = (SLOPES / np.linalg.norm(SLOPES, axis=0)).astype(np.float32)  # (BLOCK_PX**2, 3), at right angles


@dataclass(frozen=True, kw_only=True, eq=False)
class Noise:
    """The noise of an area: three directions of colour that vary independently, and the spectrum of each."""

    axes: NDArray[np.float64]  # (3, 3): a direction a column
    power: NDArray[np.float64]  # (3, BLOCK_PX, BLOCK_PX): squared levels of 255, their mean is the variance
    waves: NDArray[np.float32]  # (BLOCK_PX, BLOCK_PX, 3): mean square of the windowed cosine waves of a block


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
    """Give the holes (T, H, W) of the frames `owed` in `painted` (N, H, W, 3) the noise of what is around them.

    `painted` and `origin` (N, H, W) start at frame `first`. `planes` (T - 1, 3, 3): the camera's motion from each frame
    to the next, in pixels. Frame t gets the noise of `seed` + t.
    """
    pairs = [t for t in owed if t + 1 in set(owed)]
    chosen = [pairs[n] for n in sorted({round(n) for n in np.linspace(0, len(pairs) - 1, min(len(pairs), LOOKED_AT))})]

    def look(kinds: Sequence[int], t: int) -> list[_Blocks]:
        n = t - first
        return _changes(painted[n : n + 2], holes[t : t + 2], origin[n : n + 2], planes[t], kinds)

    around = _measure([found for (found,) in pool.map(partial(look, (0,)), chosen)])
    if around is None:
        return
    amount = float(np.clip((np.sqrt(around.power.mean()) - UNNOTICED) / (NOTICED - UNNOTICED), 0, 1))
    if amount == 0:
        return
    list(pool.map(partial(_shrink, painted, holes, first, around, np.float32(amount)), owed))
    grains = {}
    for kind, found in zip(KINDS, zip(*pool.map(partial(look, KINDS), chosen), strict=True), strict=True):
        own = np.concatenate([blocks.change for blocks in found])  # whatever it is that changes
        power = _spectra(own @ around.axes).mean(0) if len(own) >= FEWEST_BLOCKS else np.zeros(1)
        missing = CALM * np.maximum(around.power - np.moveaxis(power, -1, 0), 0)
        grains[kind] = make(around.axes, amount * np.sqrt(missing), _white())
    list(pool.map(partial(_add, painted, holes, origin, first, seed, grains), owed))


class _Blocks(NamedTuple):
    """Blocks of an area, without slope."""

    change: NDArray[np.float32]  # (n, BLOCK_PX, BLOCK_PX, 3): from one frame to the next, as large as the noise of one
    roughness: NDArray[np.float32]  # (n,), around the hole: power of the mean of both, where nothing changes


def _changes(
    images: NDArray[Any],
    holes: NDArray[np.bool_],
    origin: NDArray[np.uint8],
    plane: NDArray[np.float64],
    asked: Sequence[int],
) -> list[_Blocks]:
    """What changes between two frames where nothing is clipped, in areas of each kind `asked` for; 0 = around the hole.

    Those that are of another kind in the other frame are left out.
    """
    x0, y0, x1, y1 = bounds(holes[0], 0 if all(asked) else AROUND_PX)
    if min(y1 - y0, x1 - x0) < BLOCK_PX:
        nothing = _Blocks(np.zeros((0, BLOCK_PX, BLOCK_PX, 3), np.float32), np.zeros(0, np.float32))
        return [nothing for _ in asked]
    one = np.float32(DEEP if images.dtype == np.uint16 else 1)
    part, size = np.s_[y0:y1, x0:x1], (x1 - x0, y1 - y0)
    there = plane @ from_corner(x0, y0)
    kinds, kinds_after = (np.where(hole, kind, 0).astype(np.uint8) for hole, kind in zip(holes, origin, strict=True))
    picture = images[0][part].astype(np.float32) / one
    brought = carried(images[1], there, size, cv2.INTER_CUBIC).astype(np.float32) / one
    kinds_there = carried(kinds_after, there, size, cv2.INTER_NEAREST, NOWHERE)
    lit = cv2.inRange(picture, (DARKEST,) * 3, (BRIGHTEST,) * 3) > 0
    same = np.where(lit & (kinds[part] == kinds_there), kinds_there, NOWHERE).astype(np.uint8)
    all_kinds = _cut(same)
    change = _cut((picture - brought) / np.float32(np.sqrt(2)))
    found = []
    for kind in asked:
        mine = (all_kinds == kind).all((1, 2))
        if kind:
            found.append(_Blocks(_flat(change[mine]), np.zeros(0, np.float32)))
            continue
        rough = _flat(_cut((picture + brought) / 2)[mine])
        found.append(_Blocks(_flat(change[mine]), np.einsum("nijc,nijc->n", rough, rough)))
    return found


def _windows(picture: NDArray[Any], stride_px: int) -> NDArray[Any]:
    """Blocks (rows, columns, BLOCK_PX, BLOCK_PX, ...) of a picture (H, W, ...), one every so many samples. A view."""
    windows = np.lib.stride_tricks.sliding_window_view(picture, (BLOCK_PX, BLOCK_PX), (0, 1))[::stride_px, ::stride_px]
    return np.moveaxis(windows, (-2, -1), (2, 3))


def _cut(picture: NDArray[Any]) -> NDArray[Any]:
    """Blocks (n, BLOCK_PX, BLOCK_PX, ...) of a picture (H, W, ...), side by side."""
    blocks = _windows(picture, BLOCK_PX)
    return blocks.reshape(-1, *blocks.shape[2:])


def _flat(blocks: NDArray[np.float32]) -> NDArray[np.float32]:
    """The blocks (n, b, b, 3) without their mean and slope."""
    samples = blocks.reshape(len(blocks), BLOCK_PX**2, 3)
    return np.asarray((samples - SLOPES @ (SLOPES.T @ samples)).reshape(blocks.shape), np.float32)


def _measure(found: Sequence[_Blocks]) -> Noise | None:
    """What changes in the flattest blocks; None where there are too few.

    Medians, as some blocks change by more than noise, and not more than the stillest of all blocks tell.
    """
    count = int(FLATTEST * sum(len(blocks.change) for blocks in found))
    if count < FEWEST_BLOCKS:
        return None
    change, roughness = (np.concatenate(parts) for parts in zip(*found, strict=True))
    flattest = change[np.argsort(roughness, kind="stable")[:count]].astype(np.float64)
    samples = flattest.reshape(-1, 3)
    axes = np.linalg.eigh(samples.T @ samples)[1]
    turned = flattest @ axes
    # The squares of noise are spread exponentially in a spectrum, and like those of one normal number in real waves.
    power = np.median(_spectra(turned), axis=0) / np.log(2)
    waves = np.median(_waves(turned) ** 2, axis=0) / MEDIAN_SQUARE
    most = (STILLEST_SHARE**2) * float(np.quantile((change**2).mean((1, 2, 3)), STILLEST))
    kept = min(1.0, most / max(float(power.mean()), 1e-9))
    return Noise(axes=axes, power=kept * np.moveaxis(power, -1, 0), waves=(kept * waves).astype(np.float32))


def _spectra(blocks: NDArray[Any]) -> NDArray[np.float64]:
    """Power of each frequency of blocks (n, b, b, 3); its mean is the variance."""
    return np.asarray(np.abs(np.fft.fft2(blocks, axes=(1, 2))) ** 2 / BLOCK_PX**2)


def _waves(blocks: NDArray[Any]) -> NDArray[Any]:
    """The windowed cosine transform of blocks (n, b, b, 3)."""
    # Two products with a 16 x 16 matrix are quicker than fast transforms.
    seen = (WINDOW[:, None] * COSINES.T).astype(blocks.dtype)
    return np.asarray(np.einsum("nyxc,yj,xi->njic", blocks, seen, seen, optimize=True))


def _shrink(
    painted: NDArray[Any],
    holes: NDArray[np.bool_],
    first: int,
    noise: Noise,
    amount: np.float32,
    t: int,
) -> None:
    """Take from the hole of frame `t` what noise may have made."""
    height, width = holes.shape[1:]
    x0, y0, x1, y1 = bounds(holes[t], 0)
    hole, paint = holes[t, y0:y1, x0:x1], painted[t - first, y0:y1, x0:x1]
    # Whole blocks, with half of one beyond the hole on each side.
    across, down = (-(-(side) // STRIDE_PX) + 1 for side in (x1 - x0, y1 - y0))
    xs, ys = (
        np.clip(np.arange(start - STRIDE_PX, start + count * STRIDE_PX), 0, last - 1)
        for start, count, last in ((x0, across, width), (y0, down, height))
    )
    one = np.float32(DEEP if painted.dtype == np.uint16 else 1)
    axes = noise.axes.astype(np.float32)
    near = painted[t - first][np.ix_(ys, xs)].astype(np.float32) @ (axes / one)
    asked = np.zeros(near.shape[:2], np.bool_)
    asked[STRIDE_PX : STRIDE_PX + y1 - y0, STRIDE_PX : STRIDE_PX + x1 - x0] = hole
    corners = np.asarray(asked.reshape(down + 1, STRIDE_PX, across + 1, STRIDE_PX).any((1, 3)))
    which = corners[:-1, :-1] | corners[:-1, 1:] | corners[1:, :-1] | corners[1:, 1:]
    blocks = np.zeros((down, across, BLOCK_PX, BLOCK_PX, 3), np.float32)
    waves = _waves(_windows(near, STRIDE_PX)[which])
    square = np.maximum(waves**2, np.float32(1e-6))
    waves *= np.maximum(1 - np.float32(SHRUNK) * noise.waves / square, 0)
    seen = (COSINES * WINDOW).astype(np.float32)
    blocks[which] = np.einsum("njic,jy,ix->nyxc", waves, seen, seen, optimize=True)
    rows = blocks.swapaxes(1, 2)
    out = np.zeros_like(near)
    for j in range(0, BLOCK_PX, STRIDE_PX):
        for i in range(0, BLOCK_PX, STRIDE_PX):
            corner = rows[:, j : j + STRIDE_PX, :, i : i + STRIDE_PX]
            size = down * STRIDE_PX, across * STRIDE_PX
            out[j : j + size[0], i : i + size[1]] += corner.reshape(*size, 3)
    inner = out[STRIDE_PX : STRIDE_PX + y1 - y0, STRIDE_PX : STRIDE_PX + x1 - x0]
    _put(paint, paint + amount * (inner @ (one * axes.T) - paint), hole)


def _add(
    painted: NDArray[Any],
    holes: NDArray[np.bool_],
    origin: NDArray[np.uint8],
    first: int,
    seed: int,
    grains: dict[int, NDArray[np.float32]],
    t: int,
) -> None:
    """Add to the hole of frame `t` grain, of each kind of paint its own, from a place by chance."""
    x0, y0, x1, y1 = bounds(holes[t], 0)
    part = np.s_[t - first, y0:y1, x0:x1]
    kinds = np.where(holes[t, y0:y1, x0:x1], origin[part], 0)
    top, left = np.random.Generator(np.random.Philox(seed + t)).integers(0, TILE_PX, 2)
    place = np.ix_((np.arange(top, top + y1 - y0)) % TILE_PX, (np.arange(left, left + x1 - x0)) % TILE_PX)
    one = np.float32(DEEP if painted.dtype == np.uint16 else 1)
    for kind, grain in grains.items():
        where = kinds == kind
        if where.any():
            _put(painted[part], painted[part] + one * grain[place], where)


def _put(out: NDArray[Any], values: NDArray[np.float32], where: NDArray[np.bool_]) -> None:
    """Into `out` (h, w, 3) the `values` (h, w, 3), rounded, `where` (h, w) they are asked for."""
    top = np.iinfo(out.dtype).max
    np.copyto(out, np.clip(np.rint(values), 0, top).astype(out.dtype), where=where[..., None])


@cache
def _white() -> NDArray[np.float32]:
    """White noise of deviation 1: a tile, (TILE_PX, TILE_PX, 3)."""
    return np.random.Generator(np.random.Philox(0)).standard_normal((TILE_PX, TILE_PX, 3), dtype=np.float32)


def make(axes: NDArray[np.float64], spectrum: NDArray[np.float64], white: NDArray[np.float32]) -> NDArray[np.float32]:
    """Noise that can be laid side by side from such white noise of deviation 1, both (h, w, 3); levels of 255.

    `axes` as in `Noise`; `spectrum` (3, BLOCK_PX, BLOCK_PX): the root of such a power.
    """
    half = BLOCK_PX // 2
    around = cv2.copyMakeBorder(white, half, half, half, half, cv2.BORDER_WRAP)
    inner = np.s_[half:-half, half:-half]
    channels = []
    for n, one in enumerate(spectrum):
        kernel = np.fft.fftshift(np.fft.ifft2(one).real).astype(np.float32)
        channels.append(cv2.filter2D(around[..., n], -1, kernel)[inner])
    return np.asarray(np.stack(channels, -1) @ axes.T.astype(np.float32), np.float32)
