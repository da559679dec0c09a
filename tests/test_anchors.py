"""What no frame shows, invented and carried: scenes whose motion is known, with a hole that sticks to the world."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from itertools import pairwise

import cv2
import numpy as np
import pytest

from cleanplate.base.measure import warping_error
from cleanplate.base.types import Clip, Painting
from cleanplate.bench.synth import Scene, render
from cleanplate.paint.anchors import Anchor, _turn
from cleanplate.paint.engine import make_engine
from cleanplate.paint.memory import PairMemory
from cleanplate.paint.paths import Way, carry, steady_light
from cleanplate.paint.presets import PRESETS
from cleanplate.paint.trace import FLOW, FLOW_STEP_PX, GRID_PX, Tracks
from cleanplate.paint.tracks import find_tracks

FRAMES = 14


def scene(name: str) -> tuple[Scene, np.ndarray]:
    """A scene, and a hole that hides the same part of its world in each frame."""
    shot = render(name, width_px=216, height_px=120, frames=FRAMES)
    first = np.zeros(shot.plate.shape[1:3], np.uint8)
    first[40:80, 85:135] = 1
    flags = cv2.INTER_NEAREST | cv2.WARP_INVERSE_MAP
    holes = [cv2.warpPerspective(first, camera, first.shape[::-1], flags=flags) > 0 for camera in shot.camera]
    return shot, np.stack(holes)


def fill(shot: Scene, holes: np.ndarray, **options) -> Painting:
    shown = shot.plate.copy()
    shown[holes] = 0
    return make_engine("flowfill", options).fill(Clip(images=shown, holes=holes))


def energy(picture: np.ndarray, where: np.ndarray) -> float:
    gray = picture.astype(np.float64).mean(-1)
    across, down = np.diff(gray, axis=1) ** 2, np.diff(gray, axis=0) ** 2
    return float(across[where[:, 1:] & where[:, :-1]].mean() + down[where[1:] & where[:-1]].mean())


def flicker(painting: Painting, shot: Scene, holes: np.ndarray) -> float:
    return warping_error(painting.images, holes, back=shot.back_flow, onward=shot.flow, data_range=255)


@pytest.mark.parametrize("name", ["pan", "zoom", "rotate"])
def test_texture_is_invented_and_neither_fades_nor_flickers(name):
    shot, holes = scene(name)
    assert shot.reveal(holes).sum() < 0.05 * holes.sum()  # its border, by rounding
    painting = fill(shot, holes, invent="exemplar")
    smooth = fill(shot, holes)
    assert np.array_equal(painting.images[~holes], shot.plate[~holes])
    assert (painting.origin[holes] == 2).mean() > 0.95
    ratios = []  # to the plate around the hole, as turning and zooming blur all of it
    for image, without, plate, hole in zip(painting.images, smooth.images, shot.plate, holes, strict=True):
        outside = energy(plate, (cv2.dilate(hole.astype(np.uint8), np.ones((41, 41))) > 0) & ~hole)
        ratios.append(energy(image, hole) / outside)
        assert energy(image, hole) > 3 * energy(without, hole)
    assert max(ratios) < 1.3 * min(ratios)
    # as steady as the plate itself, in which only sampling differs from frame to frame
    plate = Painting(images=shot.plate, origin=painting.origin)
    assert flicker(painting, shot, holes) < 1.5 * flicker(plate, shot, holes)


def test_the_number_of_threads_changes_nothing():
    shot, holes = scene("rotate")
    one, three = (fill(shot, holes, invent="exemplar", threads=n) for n in (1, 3))
    assert np.array_equal(one.images, three.images)
    assert np.array_equal(one.origin, three.origin)


def test_what_is_carried_follows_the_light():
    shot, holes = scene("exposure")
    painting, smooth = (fill(shot, holes, invent=name) for name in ("exemplar", "smooth"))
    light = [[image[hole].mean() for image, hole in zip(images, holes, strict=True)]
             for images in (painting.images, smooth.images, shot.plate)]  # fmt: skip
    assert np.ptp(light[2]) > 15  # levels: the light does change
    change = np.array(light) - np.array(light)[:, :1]
    assert np.abs(change[0] - change[1]).max() < 4


@pytest.mark.parametrize("anchor", [0, 6, 13])
def test_ways_are_those_of_the_camera(anchor):
    shot, holes = scene("zoom")
    shown = shot.plate.copy()
    shown[holes] = 0
    with ThreadPoolExecutor(1) as pool:
        tracks = find_tracks(
            shown, holes, range(FRAMES), 1, 0.5, 60, PRESETS["balanced"], pool, PairMemory()
        )  # fmt: skip
    found = {way.t: way for n, last in ((0, 0), (1, FRAMES - 1)) for way in carry(tracks, anchor, FLOW, n, last)}
    assert sorted(found) == list(range(FRAMES))
    for t, way in found.items():
        rows, columns = way.trust.shape
        y, x = GRID_PX * (way.y0 + np.mgrid[:rows, :columns][0]), GRID_PX * (way.x0 + np.mgrid[:rows, :columns][1])
        points = np.stack([x, y], -1).reshape(1, -1, 2).astype(np.float64)
        truth = cv2.perspectiveTransform(points, np.linalg.inv(shot.camera[anchor]) @ shot.camera[t]).reshape(
            *y.shape, 2
        )
        assert np.abs(way.shift + np.stack([x, y], -1) - truth).max() < 1.0  # px
        assert way.trust.min() == 1


def stretching(share: float, frames: int = 12) -> Tracks:
    """Motion that enlarges the picture across by a share in each frame, around its left edge."""
    height, width = 24, 40
    masked = np.zeros((frames, height, width), bool)
    masked[:, 4:20, 4:36] = True
    back = np.zeros((height, width, 2))
    back[..., 0] = np.arange(width) / (1 + share) - np.arange(width)
    pair = np.rint(np.stack([np.zeros_like(back), back]) / FLOW_STEP_PX).astype(np.int16).ravel()
    places = np.array([[n * pair.size, 0, 0, width, height] for n in range(frames - 1)])
    planes = np.tile(np.eye(3), (frames - 1, 2, 1, 1))
    gray = np.zeros(masked.shape, np.uint8)
    return Tracks(
        masked=masked,
        gray=gray,
        flows=np.tile(pair, frames - 1)[None],
        places=places,
        planes=planes,
        is_planar=np.zeros(frames - 1, np.bool_),
    )


def test_trust_is_lost_where_the_way_stretches_and_little_by_little():
    trusts = [way.trust.mean() for way in carry(stretching(0.08), 0, FLOW, 1, 11)]
    assert trusts[:5] == [1] * 5  # 1.08^4 is 1.36
    assert all(0 <= one - two < 0.11 for one, two in pairwise(trusts))
    assert trusts[11] < 0.9  # 1.08^11 is 2.3, more than twice as wide as high
    spoilt = [way.trust.min() for way in carry(stretching(0.3), 0, FLOW, 1, 11)]
    assert spoilt[9] == 0  # quicker: what is torn apart would be seen as streaks
    assert min(way.trust.min() for way in carry(stretching(0.0), 0, FLOW, 1, 11)) == 1


def moving(onward_px: float, back_px: float, frames: int = 6) -> Tracks:
    """Motion to the right by so much in each frame, and back by so much, where the two need not agree."""
    still = stretching(0, frames)
    pair = np.zeros((2, 24, 40, 2))
    pair[0, ..., 0], pair[1, ..., 0] = onward_px, -back_px
    flows = np.tile(np.rint(pair / FLOW_STEP_PX).astype(np.int16).ravel(), frames - 1)[None]
    return replace(still, flows=flows)


@pytest.mark.parametrize(("onward_px", "back_px", "wanted_px"), [(1.0, 1.25, 1.25), (1.0, 1.0, 1.0), (0.0, 3.0, 0.0)])
def test_both_ways_in_time_follow_one_motion_unless_the_two_part(onward_px, back_px, wanted_px):
    for way in carry(moving(onward_px, back_px), 5, FLOW, 0, 0):
        assert np.abs(way.shift[..., 0] - wanted_px * (5 - way.t)).max() < 0.02


def lit(lights: np.ndarray, tracks: Tracks) -> list[Way]:
    """The ways from the first frame, each with the light of its own, one number a frame."""
    ways = list(carry(tracks, 0, FLOW, 1, len(lights) - 1))
    for way, light in zip(ways, lights, strict=True):
        way.light[...] = light
    return ways


def test_light_is_steadied_along_the_motion_and_still_drifts():
    frames = 40
    tracks = moving(1.0, 1.0, frames)
    noise = np.random.default_rng(2).normal(0, 5, frames)
    for drift, is_noisy in ((0.0, True), (0.5, False)):
        own = drift * np.arange(frames) + is_noisy * noise
        ways = lit(own, tracks)
        steady_light(tracks, FLOW, 1, ways)
        told = np.array([way.light.mean() for way in ways])
        assert np.abs(told - drift * np.arange(frames))[10:30].max() < (4 if is_noisy else 0.2)  # levels
        if is_noisy:
            assert np.abs(np.diff(told)).mean() < 0.2 * np.abs(np.diff(own)).mean()


def test_light_does_not_pass_over_frames_that_lack_nothing():
    tracks = moving(1.0, 1.0, 20)
    ways = lit(np.where(np.arange(20) < 10, 0.0, 40.0), tracks)
    apart = [*ways[:8], *ways[12:]]
    steady_light(tracks, FLOW, 1, apart)
    assert max(way.light.max() for way in apart[:8]) == 0
    assert min(way.light.min() for way in apart[8:]) == pytest.approx(40)


def test_light_stays_where_it_is_in_the_world():
    frames = 24
    tracks = moving(1.0, 1.0, frames)
    ways = lit(np.zeros(frames), tracks)
    for way in ways:  # a spot that moves with the picture: 1 px a frame
        columns = GRID_PX * (way.x0 + np.arange(way.trust.shape[1]))
        way.light[...] = 20 * np.exp(-((columns - 8 - way.t) ** 2) / 50)[None, :, None]
    before = [way.light.copy() for way in ways]
    steady_light(tracks, FLOW, 1, ways)
    for way, own in list(zip(ways, before, strict=True))[6:18]:
        assert np.abs(way.light - own)[:, 2:-2].max() < 3.0  # of 20


def test_anchors_give_way_to_each_other_halfway():
    anchors = [Anchor(t=t, image=np.zeros((2, 2, 3), np.uint8)) for t in (10, 40, 100)]
    left, parts = 1.0, {}
    for t in range(130):
        taken, left = [], 1.0
        for n in range(3):
            taken.append(left * _turn(t, anchors[n:]))
            left -= taken[-1]
        parts[t] = taken
        assert left == pytest.approx(0)
    assert [int(np.argmax(parts[t])) for t in (0, 10, 20, 30, 60, 80, 129)] == [0, 0, 0, 1, 1, 2, 2]
    assert parts[25][0] == pytest.approx(0.5, abs=0.01)
    assert parts[40][2] < 1e-6  # so a piece that is not shown that anchor paints the same
