"""One plane for all that moves around a hole: found where it is true, and only there."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from cleanplate.base.types import Box, Clip
from cleanplate.bench.synth import Scene, render
from cleanplate.motion.direct import find_plane, plane_flow
from cleanplate.paint.engine import make_engine

WIDE, HIGH = 432, 240
HOLE: Box = (160, 80, 270, 150)
NEAR: Box = (144, 64, 286, 166)


def gray(scene: Scene, t: int) -> np.ndarray:
    """A frame's plate with the hole filled by what lies around it, as the engine would."""
    shown = cv2.cvtColor(scene.plate[t], cv2.COLOR_RGB2GRAY)
    return cv2.inpaint(shown, hidden().view(np.uint8), 3, cv2.INPAINT_NS)


def hidden() -> np.ndarray:
    hole = np.zeros((HIGH, WIDE), np.bool_)
    hole[HOLE[1] : HOLE[3], HOLE[0] : HOLE[2]] = True
    return hole


@pytest.mark.parametrize("name", ["still", "pan", "zoom", "rotate", "tilt"])
def test_the_camera_is_found_to_a_tenth_of_a_pixel(name: str) -> None:
    scene = render(name, width_px=WIDE, height_px=HIGH, frames=5, seed=0)
    for t in range(4):
        found = find_plane(gray(scene, t), gray(scene, t + 1), hidden(), NEAR)
        assert found is not None
        x0, y0, x1, y1 = NEAR
        missed = plane_flow(found, NEAR) - scene.flow[t, y0:y1, x0:x1]
        assert np.hypot(missed[..., 0], missed[..., 1]).max() < 0.1


def test_light_that_changes_moves_nothing() -> None:
    scene = render("pan", width_px=WIDE, height_px=HIGH, frames=2, seed=0)
    brighter = np.clip(0.85 * gray(scene, 1).astype(np.float32) + 12, 0, 255).astype(np.uint8)
    found = find_plane(gray(scene, 0), brighter, hidden(), NEAR)
    assert found is not None
    x0, y0, x1, y1 = NEAR
    assert np.abs(plane_flow(found, NEAR) - scene.flow[0, y0:y1, x0:x1]).max() < 0.1


def test_two_layers_are_not_taken_for_one() -> None:
    scene = render("parallax", width_px=WIDE, height_px=HIGH, frames=4, seed=0)
    assert all(find_plane(gray(scene, t), gray(scene, t + 1), hidden(), NEAR) is None for t in range(3))


def test_something_small_that_moves_beside_the_hole_is_noticed() -> None:
    scene = render("pan", width_px=WIDE, height_px=HIGH, frames=2, seed=0)
    first, second = gray(scene, 0), gray(scene, 1)
    thing = np.random.default_rng(0).integers(0, 256, (12, 12), np.uint8)
    first[66:78, 200:212] = thing
    second[66:78, 202:214] = thing
    assert find_plane(first, second, hidden(), NEAR) is None
    far = gray(scene, 0), gray(scene, 1)
    for picture in far:
        picture[200:212, 30:42] = thing
    assert find_plane(*far, hidden(), NEAR) is not None, "what is far from the hole is of no interest"


def test_what_cannot_be_told_is_no_plane() -> None:
    dark, noise = np.zeros((HIGH, WIDE), np.uint8), np.random.default_rng(0).integers(0, 256, (2, HIGH, WIDE), np.uint8)
    assert find_plane(*noise, hidden(), NEAR) is None
    assert find_plane(dark, dark, np.ones_like(hidden()), NEAR) is None
    assert np.array_equal(find_plane(dark, dark, hidden(), NEAR), np.eye(3))


def test_the_engine_fills_behind_a_plane_as_well_as_by_flow(monkeypatch: pytest.MonkeyPatch) -> None:
    scene = render("pan", width_px=WIDE, height_px=HIGH, frames=16, seed=0)
    holes = np.repeat(hidden()[None], 16, 0)
    blank = np.where(holes[..., None], 0, scene.plate).astype(np.uint8)

    def error() -> float:
        painted = make_engine("flowfill", {"threads": 1}).fill(Clip(images=blank, holes=holes)).images
        return float(np.mean((painted[holes].astype(float) - scene.plate[holes]) ** 2))

    by_plane = error()
    monkeypatch.setattr("cleanplate.paint.tracks.find_plane", lambda *_: None)
    assert by_plane < 1.1 * error()
