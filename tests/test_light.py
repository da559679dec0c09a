"""Light that changes within a shot: what is copied from another frame is as bright there as it would be here."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

import cleanplate
from cleanplate.base.measure import hole_psnr
from cleanplate.bench.synth import SCENES, Scene, render
from cleanplate.paint.light import find_light

FRAMES = 24
SIZE = {"width_px": 216, "height_px": 120}
NEUTRAL = np.ones(3)

LIGHTS = {
    "lamp": lambda t: np.array([0.55, 0.5, 0.42]) if t >= FRAMES // 2 else NEUTRAL,
    "fade": lambda t: NEUTRAL * min(1.0, (t + 3) / 14),
    "white": lambda t: np.array([1 + 0.2 * np.sin(t / 6), 1, 1 - 0.2 * np.sin(t / 6)]),
    "flicker": lambda t: NEUTRAL * (0.88 + 0.12 * (-1) ** t),
}


@pytest.fixture(scope="module")
def pan() -> Scene:
    return render("pan", frames=FRAMES, **SIZE)


def lit(plate: np.ndarray, name: str) -> tuple[np.ndarray, np.ndarray]:
    """The plate in that light, and the light (T, 3)."""
    light = np.stack([LIGHTS[name](t) for t in range(FRAMES)])
    return np.clip(np.rint(plate * light[:, None, None]), 0, 255).astype(np.uint8), light


def box(images: np.ndarray) -> np.ndarray:
    holes = np.zeros(images.shape[:3], bool)
    holes[:, 40:64, 80:120] = True
    return holes


@pytest.mark.parametrize("name", LIGHTS)
def test_contrast_is_that_of_the_frame(pan, name):
    images, _ = lit(pan.plate, name)
    holes = box(images)
    seen = holes & pan.reveal(holes)

    def painted_well(pictures: np.ndarray) -> float:
        return hole_psnr(cleanplate.fill(pictures, holes).images, pictures, seen, data_range=255)

    # dB; 0.5 of them because in even light one plane explains the pictures, which serves better than flow
    assert painted_well(images) > painted_well(pan.plate) - 2


@pytest.mark.parametrize("name", LIGHTS)
def test_light_is_found_as_it_was_set(pan, name):
    images, light = lit(pan.plate, name)
    with ThreadPoolExecutor(2) as pool:
        found = find_light(images, box(images), range(FRAMES), (), pool)
        scrambled = images.copy()
        scrambled[box(images)] = np.random.default_rng(0).integers(0, 256, (box(images).sum(), 3))
        assert np.array_equal(found, find_light(scrambled, box(images), range(FRAMES), (), pool))
        deep = find_light(images.astype(np.uint16) * 257, box(images), range(FRAMES), (), pool)
    assert np.abs(np.log(found / (light / light[0]))).max() < 0.05
    assert np.abs(np.log(deep / found)).max() < 0.02


@pytest.mark.parametrize("name", [name for name in SCENES if name not in ("exposure", "white", "cut", "dissolve")])
def test_where_light_does_not_change_nothing_is_done(name):
    scene = render(name, frames=FRAMES, **SIZE)
    with ThreadPoolExecutor(2) as pool:
        assert (find_light(scene.images, scene.holes, range(FRAMES), (), pool) == 1).all()


def test_black_and_hidden_frames_tell_no_light(pan):
    images, holes = pan.plate.copy(), box(pan.plate)
    images[5:8], holes[12:14] = 0, True
    with ThreadPoolExecutor(2) as pool:
        assert (find_light(images, holes, range(FRAMES), (), pool) == 1).all()
