"""Patches of one picture that are like each other: search, vote and copy, compiled. Used by `exemplar`.

`nearest` (h, w, 2) int32 holds, x then y, the centre of the patch that the patch at (x, y) is taken from, -1 = none;
`distance` (h, w) how unlike the two are. One thread; the same arguments give the same result.
"""

from __future__ import annotations

import numba
import numpy as np

from cleanplate.motion.kernels import KERNEL

REACH_PX = 3  # patches of 7 x 7
SIDE_PX = 2 * REACH_PX + 1
FEATURES = 5
OVER_STEP = 1.5  # over-relaxation


@numba.njit(forceinline=True, **KERNEL)
def _draw(random, count):
    """A whole number below `count` (xorshift64*, Vigna 2016)."""
    state = random[0]
    state ^= state >> np.uint64(12)
    state ^= state << np.uint64(25)
    state ^= state >> np.uint64(27)
    random[0] = state
    return np.int64((state * np.uint64(0x2545F4914F6CDD1D) >> np.uint64(33)) % np.uint64(count))


@numba.njit(forceinline=True, **KERNEL)
def _unlike(features, ready, is_whole, x, y, sx, sy, limit):
    """Sum of squared differences of two patches, over what is ready of the first, as if all were; inf over `limit`."""
    height, width = features.shape[:2]
    total = np.float32(0)
    if is_whole:
        for j in range(-REACH_PX, REACH_PX + 1):
            for i in range(-REACH_PX, REACH_PX + 1):
                for c in range(FEATURES):
                    d = features[y + j, x + i, c] - features[sy + j, sx + i, c]
                    total += d * d
            if total >= limit:
                return np.float32(np.inf)
        return total
    count = 0
    for j in range(max(-REACH_PX, -y), min(REACH_PX + 1, height - y)):
        for i in range(max(-REACH_PX, -x), min(REACH_PX + 1, width - x)):
            if ready[y + j, x + i]:
                count += 1
                for c in range(FEATURES):
                    d = features[y + j, x + i, c] - features[sy + j, sx + i, c]
                    total += d * d
    return total * np.float32(SIDE_PX * SIDE_PX) / np.float32(max(count, 1))


@numba.njit(forceinline=True, **KERNEL)
def _apart(tint, x, y, sx, sy, cost_x, cost_y):
    """What speaks against a source apart from its samples: its distance, and another mean colour."""
    far = np.float32((cost_x * (sx - x)) ** 2 + (cost_y * (sy - y)) ** 2)
    for c in range(3):
        far += tint[y, x, 3] * (tint[sy, sx, c] - tint[y, x, c]) ** 2
    return far


@numba.njit(**KERNEL)
def search(features, ready, source, wanted, tint, nearest, distance, sweeps, cost_x, cost_y, random):
    """Better sources for the patches around what is `wanted`, by those of their neighbours and at random."""
    height, width = source.shape
    whole = np.zeros(source.shape, np.bool_)
    places = np.argwhere(wanted)
    count = len(places)
    sources = np.argwhere(source)
    for n in range(count):
        y, x = places[n]
        inside = y >= REACH_PX and x >= REACH_PX and y < height - REACH_PX and x < width - REACH_PX
        if inside:
            for j in range(-REACH_PX, REACH_PX + 1):
                for i in range(-REACH_PX, REACH_PX + 1):
                    inside &= ready[y + j, x + i]
        whole[y, x] = inside
        if nearest[y, x, 0] < 0:
            sy, sx = sources[_draw(random, len(sources))]
            nearest[y, x, 0], nearest[y, x, 1] = sx, sy
        sx, sy = nearest[y, x]
        far = _apart(tint, x, y, sx, sy, cost_x, cost_y)
        distance[y, x] = far + _unlike(features, ready, inside, x, y, sx, sy, np.float32(np.inf))
    for sweep in range(sweeps):
        way = 1 - 2 * (sweep % 2)
        for m in range(count):
            y, x = places[m if way == 1 else count - 1 - m]
            best = distance[y, x]
            bx, by = nearest[y, x]
            radius_x, radius_y = width, height
            trial = 0
            while trial < 2 or radius_x >= 1 or radius_y >= 1:
                if trial < 2:
                    ny, nx = (y, x - way) if trial == 0 else (y - way, x)
                    trial += 1
                    if nx < 0 or ny < 0 or nx >= width or ny >= height or nearest[ny, nx, 0] < 0:
                        continue
                    sx, sy = nearest[ny, nx, 0] + x - nx, nearest[ny, nx, 1] + y - ny
                else:
                    sx = bx + _draw(random, 2 * radius_x + 1) - radius_x
                    sy = by + _draw(random, 2 * radius_y + 1) - radius_y
                    radius_x //= 2
                    radius_y //= 2
                if sx < 0 or sy < 0 or sx >= width or sy >= height or not source[sy, sx] or (sx == bx and sy == by):
                    continue
                far = _apart(tint, x, y, sx, sy, cost_x, cost_y)
                if far >= best:
                    continue
                found = far + _unlike(features, ready, whole[y, x], x, y, sx, sy, best - far)
                if found < best:
                    best, bx, by = found, sx, sy
            distance[y, x] = best
            nearest[y, x, 0], nearest[y, x, 1] = bx, by


@numba.njit(**KERNEL)
def vote(features, known, nearest, distance, spread):
    """Each unknown sample becomes the mean of what the patches over it say, the likelier ones counting more."""
    height, width, channels = features.shape
    weights = np.zeros(known.shape, np.float32)
    for y in range(height):
        for x in range(width):
            if nearest[y, x, 0] >= 0:
                weights[y, x] = np.exp(-distance[y, x] / np.float32(2 * spread)) + np.float32(1e-6)
    told = np.zeros(channels, np.float32)
    for y in range(height):
        for x in range(width):
            if known[y, x]:
                continue
            total = np.float32(0)
            told[:] = 0
            for ny in range(max(y - REACH_PX, 0), min(y + REACH_PX + 1, height)):
                for nx in range(max(x - REACH_PX, 0), min(x + REACH_PX + 1, width)):
                    weight = weights[ny, nx]
                    if weight > 0:
                        sx, sy = nearest[ny, nx, 0] + x - nx, nearest[ny, nx, 1] + y - ny
                        total += weight
                        for c in range(channels):
                            told[c] += weight * features[sy, sx, c]
            for c in range(channels):
                features[y, x, c] = np.rint(told[c] / total)


@numba.njit(**KERNEL)
def enlarge(nearest, distance, source, wanted):
    """Where patches come from at twice the size; those that would not be known there have none yet."""
    height, width = source.shape
    out = np.full((height, width, 2), -1, np.int32)
    out_distance = np.full((height, width), np.inf, np.float32)
    for y in range(height):
        for x in range(width):
            if wanted[y, x] and nearest[y // 2, x // 2, 0] >= 0:
                sx, sy = 2 * nearest[y // 2, x // 2, 0] + x % 2, 2 * nearest[y // 2, x // 2, 1] + y % 2
                if sx < width and sy < height and source[sy, sx]:
                    out[y, x, 0], out[y, x, 1] = sx, sy
                    out_distance[y, x] = distance[y // 2, x // 2]
    return out, out_distance


@numba.njit(**KERNEL)
def choose(known, nearest, distance):
    """Where each unknown sample comes from, (H, W, 2) x and y: by the likeliest of the patches over it."""
    height, width = known.shape
    origin = np.zeros((height, width, 2), np.int32)
    for y in range(height):
        for x in range(width):
            origin[y, x, 0], origin[y, x, 1] = x, y
            if known[y, x]:
                continue
            best = np.float32(np.inf)
            for ny in range(max(y - REACH_PX, 0), min(y + REACH_PX + 1, height)):
                for nx in range(max(x - REACH_PX, 0), min(x + REACH_PX + 1, width)):
                    if nearest[ny, nx, 0] >= 0 and distance[ny, nx] < best:
                        best = distance[ny, nx]
                        origin[y, x, 0], origin[y, x, 1] = nearest[ny, nx, 0] + x - nx, nearest[ny, nx, 1] + y - ny
    return origin


@numba.njit(**KERNEL)
def mend(values, image, known, origin, sweeps):
    """Hides the joints of what was copied: samples settle so that steps between them are those of their sources.

    `values` (H, W, 3) float32, changed where not known. Red-black relaxation towards Poisson's equation.
    """
    height, width = known.shape
    for sweep in range(2 * sweeps):
        for y in range(height):
            for x in range((y + sweep) % 2, width, 2):
                if known[y, x]:
                    continue
                sx, sy = origin[y, x]
                for c in range(3):
                    told, count = np.float32(0), 0
                    for way in range(4):
                        dx, dy = (1, 0, -1, 0)[way], (0, 1, 0, -1)[way]
                        nx, ny = x + dx, y + dy
                        if nx < 0 or ny < 0 or nx >= width or ny >= height:
                            continue
                        step, tellers = np.float32(0), 0
                        if 0 <= sx + dx < width and 0 <= sy + dy < height and known[sy + dy, sx + dx]:
                            step += np.float32(image[sy, sx, c]) - np.float32(image[sy + dy, sx + dx, c])
                            tellers += 1
                        bx, by = origin[ny, nx, 0] - dx, origin[ny, nx, 1] - dy
                        if 0 <= bx < width and 0 <= by < height and known[by, bx]:
                            step += np.float32(image[by, bx, c]) - np.float32(image[by + dy, bx + dx, c])
                            tellers += 1
                        if tellers:
                            told += values[ny, nx, c] + step / tellers
                            count += 1
                    if count:
                        values[y, x, c] += np.float32(OVER_STEP) * (told / count - values[y, x, c])
