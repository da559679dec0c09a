"""Cuts are found at their frame, nothing else is taken for one, and what a hole hides plays no part."""

from __future__ import annotations

import os
from pathlib import Path

import av
import cv2
import numpy as np
import pytest

from cleanplate.bench.synth import SCENES, render
from cleanplate.motion.cuts import CutFinder, thumbnail

SIZE = {"width_px": 432, "height_px": 240}


def gray(images):
    return [cv2.cvtColor(image, cv2.COLOR_RGB2GRAY) for image in images]


def starts(lumas, holes=None, bit_depth=8):
    finder = CutFinder()
    hidden = [None] * len(lumas) if holes is None else holes
    pairs = enumerate(zip(lumas, hidden, strict=True))
    return [t for t, (luma, hole) in pairs if finder.push(thumbnail(luma, bit_depth, hole))]


@pytest.fixture(scope="module")
def cut_scene():
    return render("cut", frames=36, **SIZE)


@pytest.mark.parametrize("name", SCENES)
def test_rendered_scenes_have_the_cuts_they_say(name):
    scene = render(name, frames=36, **SIZE)
    found = starts(gray(scene.images))
    if scene.mixed:  # two dissolves of six frames; either is known once the next four have been seen
        late = [t - first for t, first in zip(found, scene.mixed[::6], strict=True)]
        assert all(3 <= t <= 10 for t in late)
    else:
        assert found == list(scene.cuts)


def test_cut_is_found_under_holes_noise_and_ten_bits(cut_scene):
    scene = cut_scene
    assert starts(gray(scene.images), scene.holes) == [12, 24]
    half = np.zeros_like(scene.holes)
    half[:, :, :216] = True
    assert starts(gray(scene.images), half) == [12, 24]
    deep = [luma.astype(np.uint16) * 4 + 1 for luma in gray(scene.images)]
    assert starts(deep, bit_depth=10) == [12, 24]


def test_hidden_pixels_change_nothing(cut_scene):
    scene = cut_scene
    rng = np.random.default_rng(0)
    for bit_depth, scale in ((8, 1), (10, 4)):
        plain, scrambled = CutFinder(), CutFinder()
        for image, hole in zip(gray(scene.images)[:16], scene.holes[:16], strict=True):
            luma = (image * np.uint16(scale)).astype(np.uint8 if scale == 1 else np.uint16)
            other = luma.copy()
            other[hole] = rng.integers(0, 256 * scale, hole.sum())
            first, second = thumbnail(luma, bit_depth, hole), thumbnail(other, bit_depth, hole)
            assert np.array_equal(first, second, equal_nan=True)
            assert plain.push(first) == scrambled.push(second)


def test_a_cut_seen_only_inside_the_hole_is_not_seen():
    luma = np.tile(np.arange(320, dtype=np.uint8) % 200, (180, 1))
    other = luma.copy()
    hole = np.zeros(luma.shape, bool)
    hole[20:160, 30:290] = True
    other[hole] = np.random.default_rng(1).integers(0, 255, hole.sum())
    assert starts([luma, other, other], [hole] * 3) == []


def test_thumbnail_is_the_mean_of_what_is_seen():
    rng = np.random.default_rng(2)
    luma = rng.integers(0, 256, (240, 432)).astype(np.uint8)
    hole = np.zeros(luma.shape, bool)
    hole[0:8, 0:6] = True
    small = thumbnail(luma, 8, hole)
    assert small.shape == (60, 108)
    assert np.isnan(small[0, 0])
    # Columns 4 and 5 of the block are hidden; the mean is that of columns 6 and 7.
    assert small[0, 1] == pytest.approx(luma[0:4, 6:8].mean(), abs=0.01)
    assert small[10, 10] == pytest.approx(luma[40:44, 40:44].mean(), abs=0.51)
    assert thumbnail(luma, 8, None)[10, 10] == pytest.approx(small[10, 10], abs=0.51)
    ten = thumbnail((luma.astype(np.uint16) << 2), 10, hole)
    assert np.nanmax(np.abs(ten - small)) < 0.51


@pytest.mark.parametrize("shape", [(1080, 1920), (1920, 1080), (7, 9), (2, 640), (33, 31)])
def test_thumbnail_sizes(shape):
    luma = np.zeros(shape, np.uint8)
    small = thumbnail(luma[::-1, ::-1], 8, np.zeros(shape, bool))
    assert 1 <= max(small.shape) <= 2 * 112
    assert not np.isnan(small).any()


def test_light_that_changes_is_no_cut():
    lumas = [luma.astype(float) for luma in gray(render("walker-pan", frames=30, **SIZE).images)]

    def at(change):
        return starts([np.clip(change(t, luma), 0, 255).astype(np.uint8) for t, luma in enumerate(lumas)])

    assert at(lambda t, luma: luma * (1.3 if t // 10 % 2 else 0.7)) == []
    assert at(lambda t, luma: luma * abs((t / 10) % 2 - 1)) == []  # fades to black and back
    assert at(lambda t, luma: luma * 0 + 255 if t == 15 else luma) == []  # a white flash
    assert at(lambda t, luma: luma * 0.1) == []


def test_black_between_two_shots_is_one_cut(cut_scene):
    lumas = gray(cut_scene.images)
    black = [np.zeros_like(lumas[0])] * 4
    assert starts([*lumas[4:12], *black, *lumas[12:20]]) == [12]
    assert starts([*lumas[4:12], *black, *lumas[8:12]]) == []


def test_frames_shown_again_do_not_make_a_shot_look_quiet():
    lumas = gray(render("parallax", frames=60, **SIZE).images)
    assert starts([lumas[t // 15 * 15] for t in range(60)]) == []


def test_nothing_in_sight_is_no_cut():
    lumas = gray(render("pan", frames=6, **SIZE).images)
    hidden = np.zeros((6, 240, 432), bool)
    hidden[2:4] = True
    assert starts(lumas, hidden) == []
    assert starts([lumas[0]] * 3, np.ones((3, 240, 432), bool)) == []
    left, right = np.zeros((2, 240, 432), bool)
    left[:, :230], right[:, 200:] = True, True
    assert starts(lumas[:3], [left, right, left]) == []


def test_a_hole_that_jumps_across_the_picture_does_not_stop_the_search(cut_scene):
    holes = np.zeros((30, 240, 432), bool)
    holes[:6, :, :230] = True
    holes[6:, :, 200:] = True
    assert starts(gray(cut_scene.images)[:30], holes) == [12, 24]


@pytest.mark.skipif(not os.environ.get("CLEANPLATE_CLIPS"), reason="CLEANPLATE_CLIPS names no folder of real clips")
def test_real_clips_glued_together():
    root = Path(os.environ["CLEANPLATE_CLIPS"])
    clips = [
        [cv2.imread(str(p), cv2.IMREAD_GRAYSCALE) for p in sorted((clip / "frames").iterdir())[:24]]
        for clip in sorted((root / "davis").iterdir())
    ]
    for path in sorted((root / "video").glob("*.mp4")):
        if path.name.startswith("subtitles"):
            continue  # has cuts of its own: see below
        with av.open(str(path)) as file:
            frames = [f.to_ndarray(format="gray") for f, _ in zip(file.decode(video=0), range(20), strict=False)]
        clips.append([cv2.resize(f, (432, 240), interpolation=cv2.INTER_AREA) for f in frames])
    rng = np.random.default_rng(3)
    lumas, truth, last = [], [], None
    for n in rng.permutation(len(clips) * 3) % len(clips):
        if n == last:
            continue
        if lumas:
            truth.append(len(lumas))
        lumas += clips[n][: int(rng.integers(4, len(clips[n]) + 1))]
        last = n
    found = starts(lumas)
    assert set(found) - set(truth) == set()
    assert len(set(truth) - set(found)) <= len(truth) // 20


@pytest.mark.skipif(not os.environ.get("CLEANPLATE_CLIPS"), reason="CLEANPLATE_CLIPS names no folder of real clips")
def test_real_cuts_between_pictures_of_one_person():
    path = Path(os.environ["CLEANPLATE_CLIPS"]) / "video" / "subtitles-720p-aac.mp4"
    with av.open(str(path)) as file:
        lumas = [f.to_ndarray(format="gray") for f in file.decode(video=0)]
    assert starts(lumas) == [20, 42, 90, 134, 151, 166, 178, 191, 229]


@pytest.mark.parametrize(
    ("height", "width"),
    [(1, 1), (16, 16), (16, 64), (100, 1920), (60, 1920), (40, 640), (32, 320), (47, 200), (150, 1920), (192, 1920)],
)
def test_small_and_thin_pictures_do_not_crash(height: int, width: int):
    rng = np.random.default_rng(0)
    cuts = CutFinder()
    for _ in range(6):
        cuts.push(thumbnail(rng.integers(0, 256, (height, width)).astype(np.uint8), 8, None))
        cuts.push(thumbnail(rng.integers(0, 256, (width, height)).astype(np.uint8).T, 8, None))
