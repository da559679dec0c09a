"""What stays and crosses a hole, before or behind what is taken out: against the clean plates of rendered scenes."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

import cleanplate.paint.flowfill as flowfill
from cleanplate.base.types import SEEN, Clip, Painting
from cleanplate.bench.synth import Scene, render
from cleanplate.motion.passing import find_passing
from cleanplate.paint.engine import make_engine

SIZE = {"width_px": 216, "height_px": 120}


def grown(scene: Scene, by_px: int) -> NDArray[np.bool_]:
    square = np.ones((2 * by_px + 1, 2 * by_px + 1), np.uint8)
    return np.stack([cv2.dilate(one.astype(np.uint8), square) > 0 for one in scene.holes | scene.shadow])


def fill(scene: Scene, holes: NDArray[np.bool_], threads: int = 1) -> Painting:
    shown = np.where(holes[..., None], np.uint8(0), scene.images)
    return make_engine("flowfill", {"threads": threads}).fill(Clip(images=shown, holes=holes))


def db(painting: Painting, scene: Scene, holes: NDArray[np.bool_]) -> NDArray[np.float64]:
    """PSNR inside the hole of each frame."""
    squares = (painting.images.astype(np.float64) - scene.plate) ** 2
    return np.array([10 * np.log10(255**2 / one[hole].mean()) for one, hole in zip(squares, holes, strict=True)])


@pytest.fixture
def one_layer(monkeypatch: pytest.MonkeyPatch):
    """The engine without layers, to compare with."""

    def fill_with_one(scene: Scene, holes: NDArray[np.bool_]) -> Painting:
        with monkeypatch.context() as patch:
            patch.setattr(flowfill, "find_crossings", lambda *_: [])
            return fill(scene, holes)

    return fill_with_one


def test_a_van_behind_a_logo_is_completed_by_its_own_motion(one_layer):
    scene = render("van", frames=60, **SIZE)
    painting, before = fill(scene, scene.holes), one_layer(scene, scene.holes)
    gain = db(painting, scene, scene.holes) - db(before, scene, scene.holes)
    through = scene.revealed.sum((1, 2)) > 0.9 * scene.holes.sum((1, 2))  # the van fills the hole
    assert through.sum() >= 5
    assert gain[through].min() > 10
    assert gain.mean() > 2.5
    assert gain.min() > -0.5
    shown = scene.revealed & (painting.origin == SEEN)
    assert shown.sum() > 0.85 * scene.revealed.sum()
    assert (painting.origin[~scene.holes] == 0).all()


def test_a_van_before_somebody_who_is_taken_out_keeps_its_outline(one_layer):
    scene = render("overtaken", frames=60, **SIZE)
    holes = grown(scene, 3)
    painting, before = fill(scene, holes), one_layer(scene, holes)
    found, single = db(painting, scene, holes), db(before, scene, holes)
    assert (found - single).mean() > 6
    assert np.median(found) > 33
    assert np.array_equal(painting.images[~holes], scene.images[~holes])


def test_what_bends_is_left_to_the_flow(one_layer):
    scene = render("crowd", frames=30, **SIZE)  # of two who walk one is taken out
    holes = scene.labels == 1
    holes[~holes.any((1, 2)), 40:60, 80:100] = True
    painting, before = fill(scene, holes), one_layer(scene, holes)
    assert np.array_equal(painting.images, before.images)


def test_threads_do_not_matter_and_what_is_hidden_neither():
    scene = render("van", frames=40, **SIZE)
    other = make_engine("flowfill", {"threads": 3}).fill(
        Clip(images=np.where(scene.holes[..., None], np.uint8(99), scene.images), holes=scene.holes)
    )
    assert np.array_equal(fill(scene, scene.holes).images, other.images)


def test_the_speed_of_what_passes():
    scene = render("van", frames=60, **SIZE)
    gray = np.stack([cv2.cvtColor(image, cv2.COLOR_RGB2GRAY) for image in scene.images])
    (passing,) = find_passing(gray, scene.holes, SIZE["height_px"] / 240)
    speed = 1.6 / 60 * SIZE["width_px"]
    shifts = np.array([plane[:2, 2] + (plane[:2, :2] - np.eye(2)) @ (108, 90) for plane in passing.own.values()])
    assert np.abs(np.median(shifts, 0) - (speed, 0)).max() < 0.15
    assert passing.first < 8
    assert passing.last > 50
    assert all(np.abs(plane - np.eye(3)).max() < 0.05 for plane in passing.camera.values())
