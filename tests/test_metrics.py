"""The metrics of `score` against scikit-image, against pictures whose answer is known, and under growing damage."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from cleanplate.base.measure import warping_error
from cleanplate.bench.metrics.metric import METRICS, mean_of
from cleanplate.bench.metrics.step import follower
from cleanplate.bench.score import score
from cleanplate.bench.synth import Scene, render

peers = pytest.importorskip("skimage.metrics", reason="scikit-image is not installed (extra 'bench')")

PLAIN = [name for name, spec in METRICS.items() if not spec.weights]
RNG = np.random.default_rng(1)


@pytest.fixture(scope="module")
def scene() -> Scene:
    return render("pan", width_px=160, height_px=96, frames=6)


@pytest.fixture(scope="module")
def noisy(scene: Scene) -> NDArray[np.uint8]:
    return damage(scene.plate, 8.0)


def damage(images: NDArray[np.uint8], levels: float) -> NDArray[np.uint8]:
    """The pictures with white noise of that deviation, the same however strong."""
    noise = np.random.default_rng(0).standard_normal(images.shape)
    return np.clip(np.rint(images + levels * noise), 0, 255).astype(np.uint8)


def test_psnr_and_ssim_equal_scikit_image(scene: Scene, noisy: NDArray[np.uint8]):
    scores = score(noisy, scene.plate, scene.holes, metrics=["psnr", "ssim65", "ssim", "ssim-gauss"])
    settings = {
        "ssim65": {"win_size": 65},
        "ssim": {},
        "ssim-gauss": {"gaussian_weights": True, "sigma": 1.5, "use_sample_covariance": False},
    }
    for t in range(len(noisy)):
        want = peers.peak_signal_noise_ratio(scene.plate[t], noisy[t], data_range=255)
        assert scores["psnr"].per_frame[t] == pytest.approx(want, abs=1e-6)
        for name, how in settings.items():
            want = peers.structural_similarity(scene.plate[t], noisy[t], channel_axis=-1, data_range=255, **how)
            assert scores[name].per_frame[t] == pytest.approx(want, abs=1e-6)


def test_ssim65_equals_windows_summed_one_by_one():
    # Wang et al. 2004 with sample covariances, each window on its own: no running sums.
    truth = gaussian_filter(RNG.normal(128, 60, (1, 70, 68, 3)), (0, 2, 2, 0)).clip(0, 255).astype(np.uint8)
    result = damage(truth, 12.0)
    c1, c2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2
    found = []
    for y in range(70 - 64):
        for x in range(68 - 64):
            for channel in range(3):
                a = truth[0, y : y + 65, x : x + 65, channel].astype(float).ravel()
                b = result[0, y : y + 65, x : x + 65, channel].astype(float).ravel()
                (va, vab), (_, vb) = np.cov(a, b)
                top = (2 * a.mean() * b.mean() + c1) * (2 * vab + c2)
                found.append(top / ((a.mean() ** 2 + b.mean() ** 2 + c1) * (va + vb + c2)))
    assert score(result, truth, metrics=["ssim65"])["ssim65"].value == pytest.approx(np.mean(found), abs=1e-6)


def test_the_hole_is_scored_by_its_own_samples(scene: Scene):
    outside = scene.plate.copy()
    outside[~scene.holes] = damage(scene.plate, 20.0)[~scene.holes]
    scores = score(outside, scene.plate, scene.holes, metrics=["psnr"])
    assert scores["psnr(hole)"].value == np.inf
    assert scores["psnr"].value < 30
    inside = scene.plate.copy()
    inside[scene.holes] ^= 1  # every hole sample off by one level
    assert score(inside, scene.plate, scene.holes, metrics=["psnr"])["psnr(hole)"].value == pytest.approx(
        20 * np.log10(255)
    )


def test_hole_ssim_by_hand(scene: Scene, noisy: NDArray[np.uint8]):
    hole = scene.holes[2]
    _, full = peers.structural_similarity(scene.plate[2], noisy[2], channel_axis=-1, data_range=255, full=True)
    scores = score(noisy, scene.plate, scene.holes, metrics=["ssim"])
    assert scores["ssim(hole)"].per_frame[2] == pytest.approx(full[hole].mean(), abs=1e-9)


def test_identical_frames_are_inf_left_out_of_the_mean_and_counted(scene: Scene):
    result = scene.plate.copy()
    result[1] ^= 1
    row = score(result, scene.plate, metrics=["psnr"])["psnr"]
    assert row.value == pytest.approx(20 * np.log10(255))
    assert (row.frames, row.infinite) == (1, 5)
    alike = score(scene.plate, scene.plate, metrics=["psnr"])
    assert alike["psnr"].value == np.inf
    assert "inf" in alike.to_markdown()
    assert '"inf"' in alike.to_json()
    assert mean_of([None, None]) == (None, 0, 0)


def test_warping_error_is_that_of_the_definition(scene: Scene, noisy: NDArray[np.uint8]):
    gray = [follower_gray(picture) for picture in scene.plate]
    dis = follower()
    back = np.stack([dis.pair(gray[t], gray[t - 1]) for t in range(1, 6)])
    onward = np.stack([dis.pair(gray[t - 1], gray[t]) for t in range(1, 6)])
    want = warping_error(noisy, scene.holes, back=back, onward=onward, data_range=255)
    row = score(noisy, scene.plate, scene.holes, metrics=["ewarp"])["ewarp(hole)"]
    assert row.value == pytest.approx(1000 * want, rel=1e-5)
    assert "DIS" in row.note
    assert "0.01" in row.note


def follower_gray(picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
    red, green, blue = (picture[..., k].astype(float) for k in range(3))
    return np.rint(0.299 * red + 0.587 * green + 0.114 * blue).astype(np.uint8)


def test_a_static_video_does_not_warp_and_flicker_is_ranked_by_all_steadiness_metrics():
    still = np.repeat(smooth_scene()[:1], 6, axis=0)
    holes = np.zeros(still.shape[:3], bool)
    holes[:, 30:60, 40:100] = True
    names = ["ewarp", "consistency", "flicker"]
    steady = score(still, still, holes, metrics=names)
    for name in names:
        assert steady[name].value == 0.0
        assert steady[f"{name}(hole)"].value == 0.0
    swing = np.array([1, -1, 1, -1, 1, -1])[:, None]
    found: dict[str, list[float]] = {f"{name}(hole)": [] for name in names}
    for strength in (1, 2, 4, 8, 16):
        result = still.astype(int)
        result[holes] += np.broadcast_to(strength * swing[:, :, None], (6, 30 * 60, 3)).reshape(-1, 3)
        scores = score(np.clip(result, 0, 255).astype(np.uint8), still, holes, metrics=names)
        for name, values in found.items():
            values.append(scores[name].value)
    for name, values in found.items():
        assert values == sorted(values), name
        assert len(set(values)) == 5, name
    # Levels swing by twice the strength from frame to frame; nothing saturates at strength 1.
    assert found["consistency(hole)"][0] == pytest.approx(2.0, abs=1e-3)
    assert found["ewarp(hole)"][0] == pytest.approx(1000 * (2 / 255) ** 2, rel=1e-3)


def test_steadiness_of_a_moving_truth_is_given_beside(scene: Scene, noisy: NDArray[np.uint8]):
    scores = score(noisy, scene.plate, scene.holes, metrics=["ewarp", "consistency", "flicker", "epe"])
    for name in ("ewarp", "consistency", "flicker"):
        row = scores[name]
        assert row.of_truth is not None
        assert row.value > 1.5 * row.of_truth
        assert score(scene.plate, scene.plate, metrics=[name])[name].value == pytest.approx(row.of_truth)
    assert scores["epe"].of_truth is None


def test_flow_error_measures_a_wrong_motion():
    # The result moves by 2 px a frame, the truth by 1: their motions differ by 1 px.
    ground = gaussian_filter(RNG.normal(128, 900, (96, 260)), 3).clip(0, 255).astype(np.uint8)
    pictures = np.repeat(ground[:, :, None], 3, axis=2)
    truth = np.stack([pictures[:, 10 + t : 190 + t] for t in range(4)])
    result = np.stack([pictures[:, 10 + 2 * t : 190 + 2 * t] for t in range(4)])
    assert score(result, truth, metrics=["epe"])["epe"].value == pytest.approx(1.0, abs=0.1)
    assert score(truth, truth, metrics=["epe"])["epe"].value == 0.0


def test_flicker_looks_at_flat_areas_only(scene: Scene):
    flat = np.full((4, 96, 160, 3), 90, np.uint8)
    flat[:, :, 80:] = (np.indices((96, 80)).sum(0) % 2 * 120)[None, :, :, None]  # a checkerboard on the right
    lively = flat.copy()
    lively[1::2, :, 84:] = 255 - lively[1::2, :, 84:]
    calm_left = score(lively, flat, metrics=["flicker"])["flicker"]
    assert calm_left.value == pytest.approx(0.0, abs=1e-3)
    pumping = flat.copy()
    pumping[1::2, :, :70] += 3
    assert score(pumping, flat, metrics=["flicker"])["flicker"].value > 2.0


def test_seam_finds_a_step_of_two_levels_round_the_hole():
    truth = smooth_scene()
    holes = np.zeros(truth.shape[:3], bool)
    holes[:, 30:66, 50:110] = True
    assert score(truth, truth, holes, metrics=["seam"])["seam(hole)"].value == pytest.approx(1.0)
    lifted = truth.copy()
    lifted[holes] += 2
    assert score(lifted, truth, holes, metrics=["seam"])["seam(hole)"].value > 2.0


def test_joint_finds_a_step_of_two_levels_in_time():
    truth = smooth_scene()
    holes = np.zeros(truth.shape[:3], bool)
    holes[:, 30:66, 50:110] = True
    result = truth.copy()
    result[3:][holes[3:]] += 2  # from frame 3 on, as two pieces that disagree
    known = score(result, truth, holes, metrics=["joint"], joints=[3])["joint(hole)"]
    assert known.value > 2.0
    elsewhere = score(result, truth, holes, metrics=["joint"], joints=[2])["joint(hole)"]
    assert elsewhere.value == pytest.approx(1.0, abs=0.02)
    searched = score(result, truth, holes, metrics=["joint"])["joint(hole)"]
    assert searched.value == known.value
    assert "frame 3" in searched.note


def smooth_scene() -> NDArray[np.uint8]:
    """A soft gradient that pans by 1 px a frame under noise of half a level."""
    x, y = np.meshgrid(np.arange(160), np.arange(96))
    rng = np.random.default_rng(3)
    frames = [110 + 40 * np.sin((x + t) / 40) + 25 * np.cos(y / 30) + rng.normal(0, 0.5, x.shape) for t in range(6)]
    return np.repeat(np.rint(np.stack(frames)).astype(np.uint8)[..., None], 3, axis=-1)


@pytest.mark.parametrize("name", PLAIN)
def test_sixteen_bits_score_like_eight(name: str):
    truth = smooth_scene()
    holes = np.zeros(truth.shape[:3], bool)
    holes[:, 10:70, 50:130] = True
    result = damage(truth, 6.0)
    eight = score(result, truth, holes, metrics=[name])
    wide = score(result * np.uint16(257), truth * np.uint16(257), holes, metrics=[name])
    mixed = score(result, truth * np.uint16(257), holes, metrics=[name])
    for one, two, three in zip(eight.rows, wide.rows, mixed.rows, strict=True):
        assert one.value == pytest.approx(two.value, rel=1e-4)
        assert two.value == three.value
