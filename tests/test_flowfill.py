"""The default engine against rendered scenes whose clean plate, motion and visibility are known."""

from __future__ import annotations

import os
from pathlib import Path

import cv2
import numpy as np
import pytest

from cleanplate.base.errors import UsageError
from cleanplate.base.measure import hole_psnr, warping_error
from cleanplate.base.types import Clip, Painting
from cleanplate.bench.synth import Scene, render
from cleanplate.paint.engine import make_engine
from cleanplate.paint.presets import PRESETS

FRAMES = 14


def scene(name: str, bit_depth: int = 8, height_px: int = 120, frames: int = FRAMES) -> Scene:
    return render(name, width_px=height_px * 9 // 5, height_px=height_px, frames=frames, bit_depth=bit_depth)


def box_hole(images: np.ndarray) -> np.ndarray:
    """A still hole of a twentieth of the picture, such as a logo leaves."""
    count, height, width = images.shape[:3]
    holes = np.zeros((count, height, width), bool)
    holes[:, height // 3 : height // 3 + height // 5, width // 3 : width // 3 + width // 4] = True
    return holes


def grown(areas: np.ndarray, by_px: int) -> np.ndarray:
    square = np.ones((2 * by_px + 1, 2 * by_px + 1), np.uint8)
    return np.stack([cv2.dilate(area.astype(np.uint8), square) > 0 for area in areas])


def fill(images: np.ndarray, holes: np.ndarray, engine: str = "flowfill", clip: dict | None = None, **options):
    shown = images.copy()
    shown[holes] = 0
    return make_engine(engine, options).fill(Clip(images=shown, holes=holes, **(clip or {})))


def score(painting: Painting, truth: np.ndarray, holes: np.ndarray) -> float:
    return hole_psnr(painting.images, truth, holes, data_range=float(np.iinfo(truth.dtype).max))


@pytest.fixture(scope="module")
def pan() -> Scene:
    return scene("pan")


@pytest.fixture(scope="module")
def cloth() -> tuple[Scene, np.ndarray]:
    """A waving flag, and a hole that moves otherwise than it: under a print nothing would ever be revealed."""
    shot = scene("cloth", frames=20)
    holes = np.zeros(shot.plate.shape[:3], bool)
    for t, hole in enumerate(holes):
        hole[46:70, 30 + 4 * t : 60 + 4 * t] = True
    return shot, holes


@pytest.mark.parametrize(("name", "least_db"), [("pan", 27), ("zoom", 27), ("rotate", 27), ("exposure", 23)])
def test_what_the_camera_reveals_is_copied(name, least_db):
    shot = scene(name)
    holes = box_hole(shot.plate) & shot.reveal(box_hole(shot.plate))
    got = score(fill(shot.plate, holes), shot.plate, holes)
    assert got > least_db
    assert got > score(fill(shot.plate, holes, "opencv-telea"), shot.plate, holes) + 6


def test_a_still_camera_and_a_passing_object_give_the_plate_back():
    shot = scene("still")
    painting = fill(shot.images, shot.holes)
    seen = shot.holes & shot.reveal(shot.holes)
    assert seen.any()
    assert score(painting, shot.plate, seen) > 30
    assert (painting.origin[seen] == 1).mean() > 0.9


@pytest.mark.parametrize("quality", list(PRESETS))
@pytest.mark.parametrize(
    "name", ["logo-still", "walker", "water", "wet", "stay", "hidden", "longstand", "van", "still"]
)
def test_a_still_hole_before_a_still_camera_is_nowhere_worse_than_the_smooth_fill(name, quality):
    shot = scene(name)
    holes = box_hole(shot.plate)
    painting = fill(shot.plate, holes, quality=quality)
    smooth = fill(shot.plate, holes, "smooth")
    for t in range(FRAMES):
        one = slice(t, t + 1)
        bound = hole_psnr(smooth.images[one], shot.plate[one], holes[one], data_range=255)
        assert hole_psnr(painting.images[one], shot.plate[one], holes[one], data_range=255) > bound - 0.05
    assert (painting.origin[holes] == 2).mean() > 0.95


@pytest.mark.parametrize("clip", ["breakdance"])
def test_the_same_on_a_real_shot(clip):
    clips = os.environ.get("CLEANPLATE_CLIPS")
    if not clips:
        pytest.skip("CLEANPLATE_CLIPS names no folder of clips")
    folder = Path(clips) / "davis" / clip
    frames, masks = (sorted((folder / part).iterdir())[:12] for part in ("frames", "holes"))
    images = np.stack([cv2.cvtColor(cv2.imread(str(file)), cv2.COLOR_BGR2RGB) for file in frames])
    holes = np.stack([cv2.imread(str(file), cv2.IMREAD_GRAYSCALE) > 127 for file in masks])
    assert score(fill(images, holes), images, holes) > score(fill(images, holes, "smooth"), images, holes) - 0.02


@pytest.mark.parametrize("quality", ["balanced", "best"])
def test_a_hole_that_glides_over_a_waving_cloth(quality, cloth):
    shot, holes = cloth
    smooth = score(fill(shot.plate, holes, "smooth"), shot.plate, holes)
    assert score(fill(shot.plate, holes, quality=quality), shot.plate, holes) > smooth + 5


def test_a_second_look_follows_what_the_camera_does_not(cloth):
    shot, holes = cloth
    first, second = (score(fill(shot.plate, holes, quality=q), shot.plate, holes) for q in ("balanced", "best"))
    assert second > first + 0.05


def test_colours_meet_the_border_when_the_exposure_drifts():
    shot = scene("exposure")
    holes = box_hole(shot.plate) & shot.reveal(box_hole(shot.plate))
    matched, as_found = (score(fill(shot.plate, holes, match_border=on), shot.plate, holes) for on in (True, False))
    assert matched > as_found + 1


def test_the_filter_in_time_calms_what_is_noisy():
    shot = scene("noise")
    holes = box_hole(shot.plate) & shot.reveal(box_hole(shot.plate))
    raw, calm = (fill(shot.plate, holes, steady=share, grain="no") for share in (0.0, 0.6))
    assert score(calm, shot.plate, holes) > score(raw, shot.plate, holes) + 0.2
    assert flicker(calm, shot, holes) < 0.8 * flicker(raw, shot, holes)


def flicker(painting: Painting, shot: Scene, holes: np.ndarray) -> float:
    return warping_error(painting.images, holes, back=shot.back_flow, onward=shot.flow, data_range=255)


def test_origin_tells_what_was_seen(pan):
    holes = box_hole(pan.plate)
    revealed = holes & pan.reveal(holes)
    painting = fill(pan.plate, holes)
    assert 0.3 < revealed.sum() / holes.sum() < 0.8
    assert (painting.origin[revealed] == 1).mean() > 0.85
    far = holes & ~grown(revealed, 3)
    assert far.any()
    assert (painting.origin[far] == 2).mean() > 0.95


def test_sixteen_bits_agree_with_eight(pan):
    holes = box_hole(pan.plate)
    coarse = fill(pan.plate, holes).images.astype(float)
    fine = fill(pan.plate.astype(np.uint16) * 257, holes).images.astype(float) / 257
    assert np.abs(coarse - fine)[holes].max() <= 1


def test_sixteen_bits_keep_their_depth():
    shot = scene("pan", bit_depth=16)
    holes = box_hole(shot.plate)
    levels = np.unique(fill(shot.plate, holes).images[holes] % 257)
    assert len(levels) > 100  # painted at 8 bits all would be multiples of 257


def test_the_number_of_threads_changes_nothing(pan):
    holes = box_hole(pan.plate)
    one, three = (fill(pan.plate, holes, threads=n, quality="best") for n in (1, 3))
    assert np.array_equal(one.images, three.images)
    assert np.array_equal(one.origin, three.origin)


def test_opencv_keeps_its_own_thread_setting(pan):
    before = cv2.getNumThreads()
    cv2.setNumThreads(2)
    try:
        fill(pan.plate, box_hole(pan.plate))
        assert cv2.getNumThreads() == 2
    finally:
        cv2.setNumThreads(before)


def test_the_margin_is_looked_at_but_not_painted(pan):
    holes = box_hole(pan.plate)
    alone = fill(pan.plate[6:8], holes[6:8])
    inside = fill(pan.plate, holes, clip={"core": (6, 8)})
    assert inside.images.shape == alone.images.shape
    assert score(inside, pan.plate[6:8], holes[6:8]) > score(alone, pan.plate[6:8], holes[6:8]) + 2
    assert (inside.origin == 1).sum() > 2 * (alone.origin == 1).sum()


def test_a_source_beyond_the_reach_is_not_used():
    shot = scene("still")
    holes = np.ones(shot.plate.shape[:3], bool)
    holes[:, :, :150] = box_hole(shot.plate)[:, :, :150]
    holes[-1] = False  # only the last frame shows it
    near, far = (fill(shot.plate, holes, clip={"core": (0, 1)}, reach_frames=n) for n in (3, FRAMES))
    hole = box_hole(shot.plate)[0]
    hole[:, 150:] = False
    assert (near.origin[0][hole] == 2).all()
    assert (far.origin[0][hole] == 1).mean() > 0.5


@pytest.mark.parametrize("scale", [2, 3])
def test_large_frames_are_followed_small_and_painted_at_full_size(scale):
    shot = scene("pan", height_px=240)
    holes = box_hole(shot.plate)
    seen = holes & shot.reveal(holes)
    got = score(fill(shot.plate, holes, work_height_px=240 // scale), shot.plate, seen)
    assert got > score(fill(shot.plate, holes, "opencv-telea"), shot.plate, seen) + 8


@pytest.mark.parametrize(
    ("option", "value"),
    [("reach_frames", 0), ("work_height_px", 10), ("threads", -1), ("quality", "good"), ("steady", -1), ("invent", "")],
)
def test_options_out_of_range_are_refused(option, value):
    with pytest.raises(UsageError, match=option):
        make_engine("flowfill", {option: value})


def test_no_array_of_a_whole_clip_outlives_it(pan):
    """What is remembered for the next piece is a part of the motion: a view of it would keep all of it in memory."""
    engine = make_engine("flowfill")
    holes = box_hole(pan.images)
    images = np.where(holes[..., None], 0, pan.images)
    for start in (0, 4):  # the second one finds pairs again
        engine.fill(Clip(images=images[start : start + 12], holes=holes[start : start + 12], start=start, core=(0, 8)))
    kept = [measured for _, pairs in engine._memory._kept for measured in pairs.values()]
    assert kept
    assert all(measured.flow.base is None for measured in kept)
