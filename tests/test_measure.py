"""Measures against other people's formulas: scikit-like ones written out, scipy's interpolation, numbers by hand."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.ndimage import map_coordinates

from cleanplate.base.errors import UsageError
from cleanplate.base.measure import hole_psnr, psnr, sample_bilinear, seam, warping_error
from cleanplate.bench.synth import render

RNG = np.random.default_rng(0)


def test_psnr_by_hand():
    truth = np.zeros((1, 4, 4, 3), np.uint8)
    # Every sample off by 5: 10 log10(255^2 / 25) = 20 log10(51).
    assert psnr(truth + 5, truth, data_range=255) == pytest.approx(20 * np.log10(51))
    # uint8 must not wrap around: 0 - 250 is -250.
    assert psnr(truth, truth + 250, data_range=255) == pytest.approx(20 * np.log10(255 / 250))
    half = truth / 255.0
    half[0, 0] = 0.5  # a quarter of the samples
    assert psnr(half, truth / 255.0, data_range=1) == pytest.approx(-10 * np.log10(0.25 / 4))


def test_identical_pictures_are_infinitely_good():
    truth = RNG.integers(0, 256, (1, 8, 8, 3)).astype(np.uint8)
    assert psnr(truth, truth, data_range=255) == np.inf
    holes = np.ones((2, 8, 8), bool)
    pair = np.concatenate([truth, truth])
    worse = pair.copy()
    worse[1] ^= 1  # every sample off by one level
    assert hole_psnr(pair, pair, holes, data_range=255) == np.inf
    # The identical frame has no part in the mean.
    assert hole_psnr(worse, pair, holes, data_range=255) == pytest.approx(20 * np.log10(255))


def test_sixteen_bits_score_like_eight():
    truth = RNG.integers(0, 256, (2, 16, 16, 3)).astype(np.uint8)
    result = RNG.integers(0, 256, truth.shape).astype(np.uint8)
    eight = psnr(result, truth, data_range=255)
    assert psnr(result * np.uint16(257), truth * np.uint16(257), data_range=65535) == pytest.approx(eight)


def test_hole_psnr_is_the_mean_over_frames_with_a_hole():
    truth = np.full((3, 4, 6, 3), 100, np.uint8)
    result = truth.copy()
    holes = np.zeros((3, 4, 6), bool)
    holes[0, 1, 1] = holes[2, 2:4, :] = True
    result[0, 1, 1] += 10
    result[2, 2:4] += 1
    result[1] = 0  # outside every hole: must not matter
    result[0, 3] = 0
    want = (20 * np.log10(25.5) + 20 * np.log10(255)) / 2
    assert hole_psnr(result, truth, holes, data_range=255) == pytest.approx(want)
    with pytest.raises(UsageError, match="no frame has a hole"):
        hole_psnr(result, truth, np.zeros_like(holes), data_range=255)


def test_bilinear_sampling_agrees_with_scipy():
    for shape in ((7, 9), (7, 9, 3), (1, 5), (4, 1, 2)):
        image = RNG.normal(0, 50, shape)
        x, y = RNG.random(200) * (shape[1] - 1), RNG.random(200) * (shape[0] - 1)
        x[:2], y[:2] = (0, shape[1] - 1), (0, shape[0] - 1)  # the corners themselves
        layers = image.reshape(*shape[:2], -1).transpose(2, 0, 1)
        want = np.stack([map_coordinates(layer, [y, x], order=1, mode="nearest") for layer in layers], axis=-1)
        assert np.allclose(sample_bilinear(image, x, y).reshape(200, -1), want, atol=1e-9)


def reference_warping_error(result, holes, back, onward, data_range):
    """The definition, sample by sample."""
    frames = []
    height, width = holes.shape[1:]
    for t in range(1, len(result)):
        squares = []
        for y in range(height):
            for x in range(width):
                b = back[t - 1, y, x].astype(float)
                at = [[y + b[1]], [x + b[0]]]
                if not holes[t, y, x] or not (0 <= at[0][0] <= height - 1 and 0 <= at[1][0] <= width - 1):
                    continue
                f = np.array([map_coordinates(onward[t - 1, ..., k].astype(float), at, order=1)[0] for k in (0, 1)])
                if ((b + f) ** 2).sum() >= 0.5 + 0.01 * ((b**2).sum() + (f**2).sum()):
                    continue
                for c in range(3):
                    before = map_coordinates(result[t - 1, ..., c].astype(float), at, order=1)[0]
                    squares.append(((result[t, y, x, c] - before) / data_range) ** 2)
        if squares:
            frames.append(np.mean(squares))
    return np.mean(frames)


def test_warping_error_agrees_with_its_definition():
    result = RNG.integers(0, 256, (4, 12, 15, 3)).astype(np.uint8)
    holes = RNG.random((4, 12, 15)) < 0.4
    back = RNG.normal(0, 1.5, (3, 12, 15, 2)).astype(np.float32)
    onward = (-back + RNG.normal(0, 0.3, back.shape)).astype(np.float32)
    got = warping_error(result, holes, back=back, onward=onward, data_range=255)
    assert got == pytest.approx(reference_warping_error(result, holes, back, onward, 255.0), rel=1e-9)


def test_warping_error_by_hand():
    # A ramp that moves one pixel to the right a frame; frame 2 is 25.5 levels too bright inside the hole.
    ramp = np.arange(20, dtype=float)
    result = np.stack([np.tile((ramp - t)[None, :, None] * 5, (6, 1, 3)) for t in range(3)])
    holes = np.zeros((3, 6, 20), bool)
    holes[:, 2:4, 5:9] = True
    result[2][holes[2]] += 25.5
    onward = np.zeros((2, 6, 20, 2), np.float32)
    onward[..., 0] = 1
    got = warping_error(result, holes, back=-onward, onward=onward, data_range=255)
    assert got == pytest.approx((0.0 + 0.01) / 2)
    # Motion that does not lead back counts nothing.
    with pytest.raises(UsageError, match="no hole sample"):
        warping_error(result, holes, back=onward, onward=onward, data_range=255)


def test_warping_error_of_a_clean_plate_is_its_noise_and_freezing_is_worse():
    scene = render("pan", frames=6, width_px=216, height_px=120)
    motion = {"back": scene.back_flow, "onward": scene.flow, "data_range": 255.0}
    clean = warping_error(scene.plate, scene.holes, **motion)
    frozen = scene.plate.copy()
    frozen[:] = scene.plate[0]
    assert clean < 1e-3  # noise of 1 level and what bilinear sampling blurs
    assert warping_error(frozen, scene.holes, **motion) > 4 * clean


def test_warping_error_does_not_count_across_a_cut():
    scene = render("cut", frames=6, width_px=216, height_px=120)
    assert np.isnan(scene.flow).any()
    got = warping_error(scene.plate, scene.holes, back=scene.back_flow, onward=scene.flow, data_range=255.0)
    assert 0 < got < 1e-3


def test_seam_by_hand():
    truth = np.tile((np.arange(10) * 2.0)[None, None, :, None], (1, 8, 1, 1))
    holes = np.zeros((1, 8, 10), bool)
    holes[0, 2:5, 4:6] = True
    assert seam(truth, truth, holes) == 1.0
    result = truth.copy()
    result[holes] += 3
    # Truth: 3 rows x 2 sides jump by 2, 2 columns x 2 ends by 0. Result: left 5, right 1, ends 3.
    assert seam(result, truth, holes) == pytest.approx((3 * 5 + 3 * 1 + 4 * 3) / (6 * 2))


def test_seam_of_flat_truth_and_of_nothing():
    flat = np.full((1, 5, 5, 3), 9, np.uint8)
    holes = np.zeros((1, 5, 5), bool)
    holes[0, 2, 2] = True
    assert seam(flat, flat, holes) == 1.0
    painted = flat.copy()
    painted[0, 2, 2] = 8  # 8 - 9 in uint8 would be 255
    assert seam(painted, flat, holes) == float("inf")
    for nothing in (np.zeros_like(holes), np.ones_like(holes)):
        with pytest.raises(UsageError, match="no seam"):
            seam(flat, flat, nothing)


def test_seam_sees_an_edge_and_a_blur():
    scene = render("still", frames=4, width_px=216, height_px=120)
    shifted, blurred = scene.plate.copy(), scene.plate.copy()
    shifted[scene.holes] = np.clip(shifted[scene.holes].astype(int) + 30, 0, 255)
    assert seam(shifted, scene.plate, scene.holes) > 1.5
    blurred[:] = blurred.mean(axis=(1, 2), keepdims=True)
    assert seam(blurred, scene.plate, scene.holes) < 0.1


def test_shapes_that_do_not_fit():
    image = np.zeros((2, 4, 5, 3), np.uint8)
    holes = np.ones((2, 4, 5), bool)
    with pytest.raises(UsageError, match="one shape"):
        psnr(image, image[:1], data_range=255)
    with pytest.raises(UsageError, match="one shape"):
        psnr(image[:0], image[:0], data_range=255)
    with pytest.raises(UsageError, match="holes are"):
        hole_psnr(image, image, holes[:, :3], data_range=255)
    with pytest.raises(UsageError, match="holes are uint8"):
        seam(image, image, holes.astype(np.uint8))
    with pytest.raises(UsageError, match="flow of shape"):
        warping_error(image, holes, back=np.zeros((2, 4, 5, 2)), onward=np.zeros((1, 4, 5, 2)), data_range=255)
