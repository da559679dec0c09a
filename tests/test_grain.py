"""Noise of the paint: against surroundings whose noise is made here, and so known."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from cleanplate.base.types import Clip, Painting
from cleanplate.bench.synth import Scene, render
from cleanplate.paint.engine import make_engine

FRAMES, HEIGHT, WIDTH = 14, 120, 160
MIX = np.array([[1.0, 0.1, 0.0], [0.9, 0.3, 0.1], [0.8, 0.0, 0.4]])  # how channels vary together


def noise(blur_px: float, deviation: float, seed: int = 0) -> np.ndarray:
    """(T, H, W, 3) levels, of that deviation in the mean of all channels, new in each frame."""
    random = np.random.default_rng(seed)
    out = random.standard_normal((FRAMES, HEIGHT, WIDTH, 3)) @ MIX.T
    if blur_px:
        out = np.stack([cv2.GaussianBlur(frame, (0, 0), blur_px) for frame in out])
    return out * (deviation / out.std())


def shot() -> np.ndarray:
    """A soft picture without noise that stands still: (T, H, W, 3) levels."""
    gray = 120 + 25 * np.sin(np.arange(WIDTH) / 45)[None, :] + 0.3 * np.arange(HEIGHT)[:, None]
    return np.stack([np.stack([gray, 0.9 * gray + 10, 0.8 * gray + 20], -1)] * FRAMES)


def holes(step_px: int) -> np.ndarray:
    out = np.zeros((FRAMES, HEIGHT, WIDTH), bool)
    for t, hole in enumerate(out):
        hole[35:85, 30 + step_px * t : 80 + step_px * t] = True
    return out


def fill(clean: np.ndarray, noisy: np.ndarray, hole: np.ndarray, deep: bool = False, **options) -> Painting:
    scale, dtype = (257, np.uint16) if deep else (1, np.uint8)
    shown = np.rint(scale * np.clip(clean + noisy, 0, 255)).astype(dtype)
    shown[hole] = 0
    return make_engine("flowfill", options).fill(Clip(images=shown, holes=hole))


def inner(picture: np.ndarray, hole: np.ndarray) -> np.ndarray:
    """What lies well inside the hole of a frame, which is a rectangle."""
    y, x = np.flatnonzero(hole.any(1)), np.flatnonzero(hole.any(0))
    return picture[y[0] + 4 : y[-1] - 3, x[0] + 4 : x[-1] - 3]


def statistics(left: np.ndarray, hole: np.ndarray) -> dict[str, float]:
    """Deviation of noise (T, H, W, 3), how far it goes with its neighbours and from channel to channel, in holes."""
    parts = [inner(frame, mask) for frame, mask in zip(left, hole, strict=True)]
    parts = [part - cv2.GaussianBlur(part, (0, 0), 8) for part in parts]  # colours that are off are no noise
    whole = np.stack(parts)
    power = (whole**2).mean()
    return {
        "deviation": float(np.sqrt(power)),
        "beside": float((whole[:, :, 1:] * whole[:, :, :-1]).mean() / power),
        "below": float((whole[:, 1:] * whole[:, :-1]).mean() / power),
        "channels": float((whole[..., 0] * whole[..., 2]).mean() / power),
        "frames": float((whole[1:] * whole[:-1]).mean() / power),
    }


@pytest.mark.parametrize("blur_px", [0, 0.6, 1.0])
@pytest.mark.parametrize("deep", [False, True])
def test_what_is_invented_has_the_noise_around_it(blur_px, deep):
    clean, grain, hole = shot(), noise(blur_px, 4.0), holes(0)
    painting = fill(clean, grain, hole, deep, grain="yes")
    got = statistics(painting.images / (257 if deep else 1) - clean, hole)
    want = statistics(grain, hole)
    assert 0.85 < got["deviation"] / want["deviation"] < 1.15
    for name in ("beside", "below", "channels", "frames"):
        assert abs(got[name] - want[name]) < 0.12, name


def test_what_is_copied_and_averaged_gets_what_it_lacks():
    clean, grain, hole = shot(), noise(0.5, 4.0), holes(4)
    without, painting = (fill(clean, grain, hole, grain=on) for on in ("no", "yes"))
    assert (painting.origin[hole] == 1).mean() > 0.4
    want, got, bare = (statistics(left, hole) for left in (grain, painting.images - clean, without.images - clean))
    assert bare["deviation"] < 0.8 * want["deviation"]
    assert 0.85 < got["deviation"] / want["deviation"] < 1.15
    assert abs(got["beside"] - want["beside"]) < 0.15
    assert got["frames"] < 0.3


def test_a_panning_camera_s_noise_is_not_frozen():
    scene = render("noise", width_px=324, height_px=180, frames=14)
    shown = np.where(scene.holes[..., None], np.uint8(0), scene.images)
    painting, still = (
        make_engine("flowfill", {"grain": on}).fill(Clip(images=shown, holes=scene.holes)).images
        for on in ("yes", "no")
    )
    detail, change = ratios(painting, scene)
    assert 0.85 < detail < 1.15
    assert 0.85 < change < 1.15
    assert ratios(still, scene)[1] < 0.4


def ratios(images: np.ndarray, scene: Scene) -> tuple[float, float]:
    """Fine detail inside the holes, and how it changes along the motion, over those of the clean plate."""
    power = np.zeros((2, 2))
    for t in range(1, len(images)):
        plane = np.linalg.inv(scene.camera[t - 1]) @ scene.camera[t]  # from this frame's points to those before
        flags = cv2.WARP_INVERSE_MAP | cv2.INTER_CUBIC
        size = scene.holes.shape[:0:-1]
        before = cv2.warpPerspective(scene.holes[t - 1].astype(np.uint8), plane, size, flags=cv2.WARP_INVERSE_MAP) > 0
        inside = cv2.erode((scene.holes[t] & before).astype(np.uint8), np.ones((7, 7), np.uint8)) > 0
        for n, film in enumerate((images, scene.plate)):
            here, last = film[t].astype(np.float32), film[t - 1].astype(np.float32)
            moved = here - cv2.warpPerspective(last, plane, size, flags=flags)
            for k, left in enumerate((here, moved)):
                power[k, n] += ((left - cv2.GaussianBlur(left, (0, 0), 2))[inside] ** 2).sum()
    detail, change = np.sqrt(power[:, 0] / power[:, 1])
    return float(detail), float(change)


def test_noise_that_nobody_sees_is_left_alone():
    clean, grain, hole = shot(), noise(0.5, 0.8), holes(4)
    without, painting = (fill(clean, grain, hole, grain=on) for on in ("no", "yes"))
    assert np.array_equal(without.images, painting.images)


def test_without_noise_nothing_is_added():
    clean, hole = shot(), holes(0)
    without, painting = (fill(clean, np.zeros(1), hole, grain=on) for on in ("no", "yes"))
    assert np.array_equal(without.images, painting.images)


def test_what_is_known_stays_and_each_run_is_the_same():
    clean, grain, hole = shot(), noise(0.6, 4.0), holes(0)
    painting, again = (fill(clean, grain, hole, grain="yes", threads=n) for n in (1, 3))
    assert np.array_equal(painting.images, again.images)
    known = ~hole
    assert np.array_equal(painting.images[known], np.rint(np.clip(clean + grain, 0, 255)).astype(np.uint8)[known])


def test_a_picture_smaller_than_a_block():
    clean, grain = shot()[:, :12, :14], noise(0, 4.0)[:, :12, :14]
    hole = np.zeros(clean.shape[:3], bool)
    hole[:, 4:8, 4:8] = True
    fill(clean, grain, hole, grain="yes")


def test_texture_is_not_taken_for_noise():
    clean, hole = shot(), holes(0)
    texture = np.repeat(noise(1.0, 12.0)[:1], FRAMES, axis=0)
    without, painting = (fill(clean, texture, hole, grain=on) for on in ("no", "yes"))
    assert np.array_equal(without.images, painting.images)
