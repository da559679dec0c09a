"""Fill holes of pictures in memory; no files: python examples/fill_arrays.py"""

import numpy as np

import cleanplate

rng = np.random.default_rng(0)
y, x = np.mgrid[0:96, 0:240]
wall = 128 + 60 * np.sin(x / 5)[..., None] * np.cos(y / 7)[..., None] + rng.normal(0, 12, (96, 240, 3))
wall = wall.clip(0, 255).astype(np.uint8)

truth = np.stack([wall[:, 4 * t : 4 * t + 128] for t in range(24)])  # (T, H, W, 3): a camera that pans
holes = np.zeros(truth.shape[:3], bool)  # (T, H, W), True = paint here
holes[:, 30:60, 40:80] = True

seen = truth.copy()
seen[holes] = 0  # a black logo
painting = cleanplate.fill(seen, holes)

error = np.abs(painting.images[holes].astype(int) - truth[holes])
print(f"mean error in the hole: {error.mean():.1f} of 255")
print(
    f"seen elsewhere: {(painting.origin[holes] == 1).mean():.0%}, invented: {(painting.origin[holes] == 2).mean():.0%}"
)
assert np.array_equal(painting.images[~holes], seen[~holes])
