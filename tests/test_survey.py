"""The survey of a shot against rendered scenes: the camera's path, what is revealed where, and what a glance tells."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from cleanplate.bench.synth import Film, Scene, render
from cleanplate.motion.coverage import FAR, NEAR, NEVER, Coverage, Grid
from cleanplate.motion.glance import needs_survey
from cleanplate.motion.layers import second_layer
from cleanplate.motion.register import register, through
from cleanplate.motion.small import view_flow
from cleanplate.motion.survey import ShotSurvey, Survey, Surveyor

SIZE = {"width_px": 256, "height_px": 144}
NEAR_FRAMES = 20
POINTS = np.array([[x, y] for x in (20, 128, 236) for y in (20, 72, 124)], np.float64)


def luma(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    return cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)


def surveyed(film: Film, cuts: tuple[int, ...] = ()) -> Survey:
    surveyor = Surveyor(*SIZE.values(), near_frames=NEAR_FRAMES)
    for t in range(film.frames):
        if surveyor.wants(t, t in cuts):
            sample = film.sample(t)
            shown = np.where(sample.hole, 0, luma(sample.image))  # what is hidden must not matter
            surveyor.place(surveyor.look(t, t in cuts, shown, 8, sample.hole))
    return surveyor.finish(film.frames)


def film(name: str, frames: int) -> Film:
    return Film(name, **SIZE, frames=frames, seed=0, bit_depth=8)


def drift_px(shot: ShotSurvey, truth: Film) -> float:
    """The largest distance by which the path misses, over all surveyed frames and points of the picture."""
    base = np.linalg.inv(truth.camera(shot.start))
    return max(
        float(np.hypot(*(through(shot.plane(t), POINTS) - through(base @ truth.camera(t), POINTS)).T).max())
        for t in shot.frames
    )


@pytest.mark.parametrize(
    ("name", "most_px"),
    [("stay", 0.01), ("stay-pan", 0.3), ("pan", 0.6), ("zoom", 0.5), ("rotate", 0.3), ("tilt", 0.3), ("exposure", 0.6)],
)
def test_the_cameras_path_does_not_drift(name: str, most_px: float):
    truth = film(name, 130)
    (shot,) = surveyed(truth).shots
    found = drift_px(shot, truth)
    print(f"{name}: {found:.2f} px")
    assert found < most_px


def test_motion_between_any_two_frames_follows_from_the_path():
    truth = film("stay-pan", 60)
    (shot,) = surveyed(truth).shots
    exact = np.linalg.inv(truth.camera(50)) @ truth.camera(7)
    assert np.abs(through(shot.motion(7, 50), POINTS) - through(exact, POINTS)).max() < 0.4  # px; 7 was not surveyed


def test_a_new_shot_begins_a_new_path():
    truth = film("cut", 90)
    shots = surveyed(truth, truth.cuts).shots
    assert [(shot.start, shot.stop) for shot in shots] == [(0, 30), (30, 60), (60, 90)]
    assert all(drift_px(shot, truth) < 0.5 for shot in shots)


def states(coverage: Coverage, ages: NDArray[np.int32]) -> list[tuple[int, NDArray[np.int32]]]:
    """For each cell looked at its state and the true ages of its samples."""
    grid = Grid.of(*SIZE.values())
    rows, columns = np.divmod(coverage.cell, grid.columns)
    high, wide = SIZE["height_px"] / grid.rows, SIZE["width_px"] / grid.columns
    return [
        (int(state), ages[t, round(j * high) : round((j + 1) * high), round(i * wide) : round((i + 1) * wide)])
        for t, state, j, i in zip(coverage.frame, coverage.state, rows, columns, strict=True)
    ]


@pytest.mark.parametrize(("name", "frames"), [("stay", 90), ("stay-pan", 90), ("logo-nudge", 90), ("walker", 60)])
def test_what_is_revealed_near_far_and_never(name: str, frames: int):
    truth: Scene = render(name, **SIZE, frames=frames)
    (shot,) = surveyed(film(name, frames)).shots
    ages = truth.reveal_ages(truth.holes)
    right = total = 0
    for state, true in states(shot.coverage, ages):
        inside = true[true != 0]
        if inside.size < 3:  # the hole's edge crosses the cell
            continue
        near, never = ((inside > 0) & (inside <= NEAR_FRAMES)).mean(), (inside < 0).mean()
        right += {NEAR: near, NEVER: never, FAR: 1 - near - never}[state] > 0.5
        total += 1
    print(f"{name}: {right} of {total} cells right, states {np.bincount(shot.coverage.state, minlength=3)}")
    assert total > 100
    assert right > 0.95 * total


def test_few_references_show_all_that_is_revealed_far_away():
    (shot,) = surveyed(film("logo-nudge", 130)).shots
    coverage = shot.coverage
    assert 1 <= len(coverage.references) <= 4
    assert coverage.revealed[:, coverage.state == FAR].any(0).mean() > 0.97
    assert not coverage.revealed[:, coverage.state != FAR].any()


def test_nothing_is_looked_for_where_all_is_seen_nearby():
    (shot,) = surveyed(film("still", 90)).shots
    assert shot.coverage.references == ()


def test_pictures_that_have_nothing_in_common_are_not_brought_together():
    one, other = (luma(film(name, 1).sample(0).image) for name in ("pan", "zoom"))
    known = np.ones(one.shape, np.bool_)
    assert register(view_flow(), one, known, other, known, np.eye(3)).agreed < 0.3
    assert np.array_equal(register(view_flow(), one, known, one, known, np.eye(3)).plane, np.eye(3))


@pytest.mark.parametrize(("name", "expected"), [("logo-still", False), ("logo-pan", False), ("logo-nudge", True)])
def test_a_glance_tells_whether_a_still_hole_is_worth_a_survey(name: str, expected: bool):
    shown = film(name, 120)
    hole = shown.sample(0).hole
    pairs = [tuple(luma(shown.sample(t + n).image) for n in (0, 4)) for t in (10, 40, 70, 100)]
    assert needs_survey(pairs, 4, 8, hole, near_frames=30, grow_px=0) == expected


def test_a_glance_at_nothing_means_look():
    hole = np.zeros((144, 256), np.bool_)
    hole[10:20, 10:20] = True
    assert needs_survey([], 4, 8, hole, near_frames=30, grow_px=0)


def far_apart(name: str, one: int, other: int) -> tuple[list[tuple[NDArray[np.uint8], NDArray[np.bool_]]], NDArray]:
    """Two frames, gray, with what of them is known; and the true plane between them."""
    shown = film(name, 300)
    pictures = []
    for sample in (shown.sample(one), shown.sample(other)):
        known = ~(cv2.dilate((sample.hole | sample.shadow).astype(np.uint8), np.ones((5, 5))) > 0)
        pictures.append((np.where(known, luma(sample.image), 0).astype(np.uint8), known))
    return pictures, np.linalg.inv(shown.camera(other)) @ shown.camera(one)


@pytest.mark.parametrize("one", [90, 120, 150, 240])
def test_what_passes_in_front_does_not_move_the_plane(one: int):
    pictures, truth = far_apart("stay-parallax", one, 276)
    ys, xs = np.nonzero(~pictures[0][1])
    hidden = np.stack([xs, ys], -1).astype(np.float64)
    guess = truth @ np.array([[1, 0, 1.2], [0, 1, -0.9], [0, 0, 1]])
    found = register(view_flow(), *pictures[0], *pictures[1], guess)
    missed = np.hypot(*(through(found.plane, hidden) - through(truth, hidden)).T)
    print(f"frame {one}: {missed.max():.2f} px")
    assert missed.max() < 0.3


@pytest.mark.parametrize(("one", "other"), [(100, 140), (80, 276), (40, 276)])
def test_a_second_layer_is_found_where_one_plane_leaves_something(one: int, other: int):
    pictures, plane = far_apart("stay-parallax", one, other)
    found = second_layer(view_flow(), *pictures[0], *pictures[1], plane, SIZE["height_px"] / 240)
    assert found is not None
    middle = np.array([[128, 72]], np.float64)
    street = through(plane, middle)[0, 0] - 128
    near = through(found, middle)[0, 0] - 128
    assert abs(near - 2.6 * street) < 0.7  # px; the trunks pass 2.6 times as fast


def test_where_one_plane_explains_all_there_is_no_second_layer():
    pictures, plane = far_apart("stay-pan", 100, 140)
    assert second_layer(view_flow(), *pictures[0], *pictures[1], plane, SIZE["height_px"] / 240) is None
