"""Flow, completion, warping and the camera's plane against motion that is known by construction."""

from __future__ import annotations

import numpy as np
import pytest

from cleanplate.base.errors import UsageError
from cleanplate.bench.synth import render
from cleanplate.motion.camera import fit_plane
from cleanplate.motion.complete import harmonic
from cleanplate.motion.dis import DisFlow
from cleanplate.motion.estimator import ESTIMATORS, landing_inside, make_estimator
from cleanplate.motion.warp import consistent, there_and_back, warp


@pytest.fixture(scope="module")
def pan():
    return render("pan", width_px=216, height_px=120, frames=3)


@pytest.mark.parametrize("name", [name for name, spec in ESTIMATORS.items() if not spec.weights])
@pytest.mark.parametrize("is_deep", [False, True])
def test_estimators_find_the_known_motion(name, is_deep, pan):
    images = pan.plate.astype(np.uint16) * 257 if is_deep else pan.plate
    flow = make_estimator(name).between(images, (0, 1), (1, 0))
    assert flow.xy.shape == (2, 120, 216, 2)
    assert flow.xy.dtype == np.float32
    assert (flow.source, flow.target) == ((0, 1), (1, 0))
    for got, valid, truth in zip(flow.xy, flow.valid, (pan.flow[0], pan.back_flow[0]), strict=True):
        assert valid.mean() > 0.9
        assert np.median(np.linalg.norm(got - truth, axis=-1)[valid]) < 0.2


def test_estimators_refuse_unequal_lists_and_unknown_names(pan):
    with pytest.raises(ValueError, match="2 sources but 1"):
        make_estimator("dis").between(pan.plate, (0, 1), (1,))
    with pytest.raises(UsageError, match="choose one of dis"):
        make_estimator("farneback")


@pytest.mark.parametrize(("height", "width"), [(1, 1), (5, 90), (90, 5), (63, 65)])
def test_tiny_pictures_have_a_flow_of_their_own_size(height, width):
    picture = np.random.default_rng(0).integers(0, 256, (height, width), np.uint8)
    flow = DisFlow(finest_scale=0, stride_px=5, refinements=0).pair(picture, picture)
    assert flow.shape == (height, width, 2)
    assert np.isfinite(flow).all()
    assert np.abs(flow).max() < 0.5


def test_landing_inside_counts_the_last_sample_in():
    xy = np.zeros((4, 5, 2), np.float32)
    xy[0, 4] = (0.25, 0)
    xy[3, 0] = (4, 0)
    xy[0, 0] = (0, -0.5)
    inside = landing_inside(xy)
    assert not inside[0, 4]
    assert inside[3, 0]
    assert not inside[0, 0]
    assert inside.sum() == 18


def test_warp_looks_up_where_the_flow_points():
    y, x = np.mgrid[:12, :16].astype(np.float32)
    plane = 3 * x + 5 * y
    xy = np.broadcast_to(np.float32([1.5, -0.25]), (12, 16, 2)).copy()
    warped, inside = warp(plane, xy)
    assert np.allclose(warped[inside], (plane + 3 * 1.5 - 5 * 0.25)[inside], atol=1e-3)
    assert np.array_equal(inside, (x + 1.5 <= 15) & (y - 0.25 >= 0))


def test_there_and_back_misses_by_what_the_ways_differ():
    forward = np.broadcast_to(np.float32([2, 1]), (20, 30, 2)).copy()
    backward = np.broadcast_to(np.float32([-2, -1]), (20, 30, 2)).copy()
    backward[:, 15:] += np.float32([3, 4])
    missed = there_and_back(forward, backward)
    assert np.allclose(missed[:, :13], 0)
    assert np.allclose(missed[:, 13:], 25)
    good = consistent(forward, backward)
    assert good[:19, :13].all()
    assert not good[:, 13:].any()
    assert not good[19].any()  # leaves the picture below


def test_harmonic_keeps_what_is_known_and_solves_laplace():
    y, x = np.mgrid[:40, :50].astype(float)
    truth = np.stack([x * x - y * y, x * y], -1).astype(np.float32)  # harmonic functions
    known = np.ones((40, 50), bool)
    known[8:30, 12:41] = False
    given = np.where(known[..., None], truth, 1e6).astype(np.float32)
    solved = harmonic(given, known, sweeps=30)
    assert np.array_equal(solved[known], truth[known])
    assert np.abs(solved - truth).max() < 0.01 * np.ptp(truth)
    assert np.abs(harmonic(given, known) - truth).max() < 0.03 * np.ptp(truth)


def test_harmonic_of_nothing_and_of_everything():
    values = np.arange(24, dtype=np.float32).reshape(4, 3, 2)
    assert np.array_equal(harmonic(values, np.ones((4, 3), bool)), values)
    assert (harmonic(values, np.zeros((4, 3), bool), default=7) == 7).all()


def test_harmonic_does_not_read_the_unknown():
    rng = np.random.default_rng(0)
    values = rng.random((33, 21, 3)).astype(np.float32)
    known = rng.random((33, 21)) < 0.3
    scrambled = np.where(known[..., None], values, np.float32(np.nan))
    assert np.array_equal(harmonic(values, known), harmonic(scrambled, known))


def test_fit_plane_finds_the_camera_behind_what_moves_otherwise():
    rng = np.random.default_rng(0)
    points = (rng.random((900, 2)) * (432, 240)).astype(np.float32)
    truth = np.array([[1.01, 0.02, 3], [-0.02, 0.99, -2], [1e-5, -2e-5, 1]])
    moved = apply(truth, points)
    moved[:300] += rng.normal(6, 2, (300, 2))
    found = fit_plane(points, moved.astype(np.float32))
    corners = np.array([[0, 0], [432, 0], [0, 240], [432, 240]], float)
    assert np.abs(apply(found, corners) - apply(truth, corners)).max() < 0.1


def test_fit_plane_with_few_points_or_none():
    points = np.array([[1, 2], [5, 6], [9, 1]], np.float32)
    assert np.array_equal(fit_plane(points[:0], points[:0]), np.eye(3))
    shifted = fit_plane(points, points + np.float32([3, -1]))
    assert np.allclose(apply(shifted, points), points + np.float32([3, -1]))


def test_fit_plane_on_a_line_stays_finite():
    points = np.stack([np.arange(50), np.zeros(50)], -1).astype(np.float32)
    found = fit_plane(points, points + np.float32([2, 0]))
    assert np.abs(apply(found, points) - points - [2, 0]).max() < 0.05


def apply(plane: np.ndarray, points: np.ndarray) -> np.ndarray:
    moved = np.c_[points, np.ones(len(points))] @ plane.T
    return moved[:, :2] / moved[:, 2:]
