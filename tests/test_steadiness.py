"""Joints between pieces that nobody sees, and flat areas that flicker no more than they did."""

from __future__ import annotations

import numpy as np
import pytest

import cleanplate
from cleanplate.bench.synth import render

FRAMES = 24
SMALLEST = 1  # bytes: the shortest pieces there are, cores of 8 frames


@pytest.mark.parametrize("name", ["pan", "walker-pan", "exposure", "noise", "zoom", "still", "walker"])
def test_pieces_are_joined_without_a_step(name: str):
    scene = render(name, frames=FRAMES, width_px=216, height_px=120)
    joints = [t for begins in (8, 16) for t in range(begins, begins + 5)]  # four frames are cross-faded

    def steps(memory_bytes: int) -> tuple[float, float]:
        painting = cleanplate.fill(scene.images, scene.holes, memory_bytes=memory_bytes)
        scores = cleanplate.score(painting.images, scene.plate, scene.holes, metrics=("joint", "seam"), joints=joints)
        step, seam = scores["joint(hole)"].value, scores["seam(hole)"].value
        assert step is not None
        assert seam is not None
        return step, seam

    (step, seam), (step_whole, seam_whole) = steps(SMALLEST), steps(2 * 1024**3)
    assert step < 1.05 * max(step_whole, 1)
    assert seam < 1.05 * max(seam_whole, 1)


def sky(noise: float, drift_px: int) -> np.ndarray:
    """(T, H, W, 3): a flat sky, with noise of that deviation (levels), under a camera that pans by so much a frame."""
    random = np.random.default_rng(0)
    t, y, x = np.mgrid[:16, :120, :216]
    bright = 120 + 0.3 * y + 0.1 * (x + drift_px * t) + 8 * np.sin((x + drift_px * t) / 50)
    images = bright[..., None] + np.array([0, 10, 20])
    return np.clip(np.rint(images + random.normal(size=images.shape) * noise), 0, 255).astype(np.uint8)


@pytest.mark.parametrize("quality", ["fast", "balanced", "best"])
@pytest.mark.parametrize("speed_px", [0, 9])
@pytest.mark.parametrize("noise", [0, 1, 3])
def test_a_flat_sky_flickers_no_more_than_it_did(noise: float, speed_px: int, quality: str):
    for drift_px in (0, 2):
        images = sky(noise, drift_px)
        holes = np.zeros(images.shape[:3], bool)
        for t, hole in enumerate(holes):
            hole[40:80, 20 + speed_px * t : 65 + speed_px * t] = True
        painting = cleanplate.fill(images, holes, options={"quality": quality})
        row = cleanplate.score(painting.images, images, holes, metrics="flicker")["flicker(hole)"]
        assert row.value is not None
        assert row.of_truth is not None
        assert row.value < 1.15 * row.of_truth + 0.03  # levels of 255
