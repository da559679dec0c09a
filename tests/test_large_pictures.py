"""1080p and 2160p: motion is found small, but what is copied is as sharp as the truth."""

from __future__ import annotations

from functools import cache

import cv2
import numpy as np
import pytest

from cleanplate.base.types import Clip
from cleanplate.bench.synth import Film
from cleanplate.paint.engine import make_engine

FRAMES = 6
HIGH, WIDE = 270, 640


@cache
def crop(lines: int) -> np.ndarray:
    """A part (T, HIGH, WIDE, 3) of a panning camera's picture that many lines high."""
    film = Film("pan", width_px=lines * 16 // 9, height_px=lines, frames=FRAMES, seed=0, bit_depth=8)
    part = np.s_[lines // 3 : lines // 3 + HIGH, lines // 2 : lines // 2 + WIDE]
    return np.stack([film.sample(t).plate[part] for t in range(FRAMES)])


def energy(images: np.ndarray, area: np.ndarray) -> float:
    """Mean squared gradient of the brightness over the area (T, H, W)."""
    found = []
    for image, part in zip(images, area, strict=True):
        down, right = np.gradient(image.mean(-1, dtype=np.float32))
        found.append((down**2 + right**2)[part])
    return float(np.concatenate(found).mean())


@pytest.mark.parametrize(
    ("lines", "quality"), [(1080, "fast"), (1080, "balanced"), (1080, "best"), (2160, "balanced"), (2160, "best")]
)
def test_what_is_copied_is_as_sharp_as_the_truth(lines, quality):
    truth = crop(lines)
    holes = np.zeros(truth.shape[:3], bool)
    for t, hole in enumerate(holes):  # glides otherwise than the camera, so that all is revealed
        hole[80:190, 150 + 60 * t : 240 + 60 * t] = True
    shown = truth.copy()
    shown[holes] = 0
    painting = make_engine("flowfill", {"quality": quality}).fill(
        Clip(images=shown, holes=holes, frame_height_px=lines)
    )
    inner = np.stack([cv2.erode(hole.astype(np.uint8), np.ones((9, 9), np.uint8)) > 0 for hole in holes])
    seen = inner & (painting.origin == 1)
    assert seen.sum() > 0.6 * inner.sum()
    assert energy(painting.images, seen) == pytest.approx(energy(truth, seen), rel=0.1)
