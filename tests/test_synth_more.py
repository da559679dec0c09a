"""What single rendered scenes are for: dissolves, mirror images, water, crossings, long stays, the camera's path."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from cleanplate.bench.holes import still_box
from cleanplate.bench.synth import NEVER, Film, Scene, render, stream

SIZE = {"width_px": 216, "height_px": 120}


def follow(scene: Scene, t: int) -> np.ndarray:
    """Plate t brought to plate t+1's place along the truth, so that both can be compared sample by sample."""
    y, x = np.mgrid[:120, :216].astype(np.float32)
    flow = scene.back_flow[t]
    return cv2.remap(scene.plate[t].astype(np.float32), x + flow[..., 0], y + flow[..., 1], cv2.INTER_CUBIC)


def test_a_dissolve_mixes_the_two_shots_in_the_stated_share():
    s = render("dissolve", frames=36, **SIZE)
    cut = render("cut", frames=36, **SIZE)
    assert s.cuts == ()
    assert s.mixed == (*range(9, 15), *range(21, 27))
    # Both scenes are built alike, so the cut one shows the shots unmixed on either side.
    clear = sorted(set(range(36)) - set(s.mixed))
    assert np.abs(s.plate[clear].astype(int) - cut.plate[clear]).mean() < 2.0  # each has noise of its own
    film = Film("dissolve", frames=36, seed=0, bit_depth=8, **SIZE)
    for t in s.mixed:
        start = 12 if t < 18 else 24
        share = (t - (start - 3) + 1) / 7
        one, two = (film._light(film.shots[start // 12 - k], t).plate for k in (1, 0))
        assert np.abs((1 - share) * one + share * two - s.plate[t]).mean() < 1.5
        assert np.isnan(s.flow[t]).all()
        assert np.isnan(s.back_flow[t]).all()
        assert np.isnan(s.flow[t - 1]).all()
    assert not s.revealed[list(s.mixed)].any()
    assert (s.reveal_ages(s.holes)[list(s.mixed)][s.holes[list(s.mixed)]] == NEVER).all()


def test_a_mirror_image_is_the_walker_upside_down_and_fades():
    s = render("wet", frames=20, **SIZE)
    axis = 0.72 * 120
    for t in (6, 14):
        rows, columns = np.nonzero(s.mirror[t])
        assert rows.min() > axis - 2
        held = s.holes[t] & (np.arange(120) < axis)[:, None]
        # As wide as the walker, give or take ripples and blur.
        across = np.nonzero(held.any(axis=0))[0]
        assert columns.min() >= across.min() - 6
        assert columns.max() <= across.max() + 6
        # What it changes is at most half of what the walker himself changes at the mirrored place, and fades.
        y, x = rows, columns
        up = np.clip(np.rint(2 * axis - y).astype(int), 0, 119)
        walker = s.images[t, up, x].astype(float).mean(axis=-1)
        ground, seen = (p[t, y, x].astype(float).mean(axis=-1) for p in (s.plate, s.images))
        possible = np.abs(walker - ground) > 30
        share = ((seen - ground) / np.where(possible, walker - ground, 1))[possible]
        deep = (y[possible] - axis) / 0.5
        assert -0.1 < np.median(share) < 0.5
        assert np.median(share[deep < 20]) > np.median(share[deep > 40])


def test_water_ripples_and_its_light_runs_over_it():
    s = render("water", frames=8, **SIZE)
    pond = np.zeros((120, 216), bool)
    pond[86:116, 6:210] = True
    meadow = np.zeros_like(pond)
    meadow[5:60, 6:210] = True
    speed = np.hypot(s.flow[3, ..., 0], s.flow[3, ..., 1])
    assert speed[meadow].max() == 0
    assert 0.05 < speed[pond].mean() < 1.0
    gap = np.abs(follow(s, 3) - s.plate[4]).mean(axis=-1)
    still = np.abs(s.plate[3].astype(float) - s.plate[4]).mean(axis=-1)
    # Following the truth leaves the light and the noise; not following it leaves more.
    assert np.median(gap[pond]) < 0.9 * np.median(still[pond])


def test_people_cross_and_the_nearer_one_hides_the_other():
    s = render("crowd", frames=60, **SIZE)
    far, near = ((s.labels == label).sum(axis=(1, 2)) for label in (1, 2))
    assert far.min() < 0.5 * far.max()  # hidden in part when they meet
    assert near[10:50].min() > 0.6 * near[10:50].max()
    centres = [[np.nonzero(s.labels[t] == label)[1].mean() for label in (1, 2)] for t in (8, 50)]
    assert (centres[0][0] > centres[0][1]) != (centres[1][0] > centres[1][1])
    # An object has its own colours: red and blue jackets.
    t = 8
    red, blue = (s.images[t][s.labels[t] == label].astype(float).mean(axis=0) for label in (1, 2))
    assert red[0] > red[2]
    assert blue[2] > blue[0]


def test_what_stands_in_front_hides_people_wholly():
    s = render("behind", frames=60, **SIZE)
    film = Film("behind", frames=60, seed=0, bit_depth=8, **SIZE)
    front = film.shots[0].front[0]
    hidden = 0
    for t in range(0, 60, 5):
        solid = front.sample(t, front.opacity, cv2.INTER_CUBIC) >= 1
        assert not s.holes[t][solid].any()
        assert np.array_equal(s.images[t][solid], s.plate[t][solid])
        hidden += solid.sum()
    assert hidden > 0
    # In some frame a good part of somebody is behind a trunk.
    area = (s.labels == 1).sum(axis=(1, 2))
    assert area[5:].min() < 0.75 * np.median(area[5:])


def test_a_van_behind_a_still_logo_is_part_of_the_truth():
    s = render("van", frames=60, **SIZE)
    assert (s.holes == s.holes[0]).all()
    inside = s.plate[:, s.holes[0]].astype(float).mean(axis=(1, 2))
    assert np.ptp(inside) > 20  # levels: the van is brighter than the street
    moving = np.hypot(s.flow[..., 0], s.flow[..., 1]) > 1
    assert moving[:, s.holes[0]].any()
    # The van's own points come out on the logo's other side.
    passing = [t for t in range(59) if moving[t][s.holes[0]].mean() > 0.3]
    assert s.revealed[passing][:, s.holes[0]][moving[passing][:, s.holes[0]]].mean() > 0.9


@pytest.mark.parametrize("name", ["stay", "stay-pan"])
def test_whoever_stays_shows_what_he_hides_at_the_very_end(name: str):
    s = render(name, frames=90, **SIZE)
    ages = s.reveal_ages(s.holes)
    hidden = s.holes[10]
    assert hidden.sum() > 300
    assert s.revealed[10][hidden].mean() > 0.97
    middle = cv2.erode(hidden.astype(np.uint8), np.ones((7, 7))) > 0
    assert (ages[10][middle] > 50).all()
    assert not s.holes[89].any()
    assert np.array_equal(s.revealed, ages > 0)


def test_long_renders_are_streamed_with_the_action_at_their_end():
    last = [sample.hole.any() for n, sample in enumerate(stream("stay", frames=640, **SIZE)) if n in (0, 300, 600, 639)]
    assert last == [True, True, True, False]


def test_ages_agree_with_a_search_frame_by_frame():
    s = render("logo-nudge", frames=40, **SIZE)
    ages = s.reveal_ages(s.holes)
    t, count = 20, 40
    ys, xs = np.nonzero(s.holes[t])
    nearest = np.full(len(ys), 10**6)
    for other in range(count):
        if other == t:
            continue
        to = np.linalg.inv(s.camera[other]) @ s.camera[t]
        points = to @ np.stack([xs, ys, np.ones_like(xs)])
        x, y = points[0] / points[2], points[1] / points[2]
        inside = (x >= 0) & (y >= 0) & (x <= 215) & (y <= 119)
        seen = inside.copy()
        for cx in (np.floor(x + 1e-3), np.ceil(x - 1e-3)):
            for cy in (np.floor(y + 1e-3), np.ceil(y - 1e-3)):
                seen &= ~s.holes[other, np.clip(cy, 0, 119).astype(int), np.clip(cx, 0, 215).astype(int)]
        nearest[seen] = np.minimum(nearest[seen], abs(other - t))
    found = ages[t][ys, xs]
    both = (found > 0) & (nearest < 10**6)
    assert both.sum() > 100
    # Half a texel's rounding is one frame at this speed, along the border of what is shown.
    assert (np.abs(found[both] - nearest[both]) <= 2).mean() > 0.95
    assert ((found > 0) == (nearest < 10**6)).mean() > 0.95


@pytest.mark.parametrize("name", ["pan", "zoom", "rotate", "tilt"])
def test_the_camera_is_the_flow(name: str):
    s = render(name, frames=12, **SIZE)
    y, x = np.mgrid[:120, :216].astype(np.float64)
    ones = np.stack([x.ravel(), y.ravel(), np.ones(x.size)])
    np.testing.assert_allclose(s.camera[0], np.eye(3), atol=1e-12)
    to = np.linalg.inv(s.camera[7]) @ s.camera[6]
    points = to @ ones
    for axis, start in ((0, x), (1, y)):
        want = (points[axis] / points[2]).reshape(120, 216) - start
        assert np.abs(want - s.flow[6, ..., axis]).max() < 1e-3  # px


def test_white_drifts_while_brightness_hardly_does():
    s = render("white", frames=60, **SIZE)
    box = still_box(1, 120, 216, (5, 5, 60, 40))[0]
    means = np.stack([plate[box].astype(float).mean(axis=0) for plate in s.plate])
    warmth = means[:, 0] / means[:, 2]
    assert warmth[15] > 1.15 * warmth[0]
    assert warmth[45] < 0.85 * warmth[0]
