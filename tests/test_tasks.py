"""The calls from Python: filling arrays, the ways to give a mask, and which frames a preview shows."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
import pytest

import cleanplate
from cleanplate.base.measure import hole_psnr
from cleanplate.bench.synth import render
from cleanplate.bench.synth_video import write_clip
from cleanplate.tasks.marks import sources_of


def test_fill_paints_holes_and_nothing_else():
    scene = render("logo-pan", width_px=160, height_px=96, frames=40)
    given = scene.images.copy()
    painting = cleanplate.fill(scene.images, scene.holes)
    assert np.array_equal(scene.images, given)
    assert np.array_equal(painting.images[~scene.holes], given[~scene.holes])
    assert not painting.origin[~scene.holes].any()
    assert set(np.unique(painting.origin[scene.holes])) <= {1, 2}
    telea = cleanplate.fill(scene.images, scene.holes, engine="opencv-telea")
    scores = [hole_psnr(one.images, scene.plate, scene.holes, data_range=255) for one in (painting, telea)]
    assert scores[0] > scores[1] + 6  # dB


def test_fill_takes_sixteen_bits():
    deep = render("logo-pan", width_px=128, height_px=96, frames=30, bit_depth=16)
    painting = cleanplate.fill(deep.images, deep.holes)
    assert painting.images.dtype == np.uint16
    shallow = cleanplate.fill((deep.images >> 8).astype(np.uint8), deep.holes)
    scores = [
        hole_psnr(painting.images, deep.plate, deep.holes, data_range=65535),
        hole_psnr(shallow.images, (deep.plate >> 8).astype(np.uint8), deep.holes, data_range=255),
    ]
    assert scores[0] == pytest.approx(scores[1], abs=0.5)  # dB
    assert (painting.images[deep.holes] % 256 != 0).mean() > 0.9  # not 8-bit levels in a wider type


def test_less_memory_means_shorter_pieces_not_another_kind_of_result():
    scene = render("pan", width_px=192, height_px=112, frames=50)
    scores = []
    for budget in (2 * 1024**3, 340 * 1024**2):  # the second leaves some 12 MiB for pieces
        painting = cleanplate.fill(scene.images, scene.holes, memory_bytes=budget)
        scores.append(hole_psnr(painting.images, scene.plate, scene.holes, data_range=255))
    assert scores[1] > scores[0] - 1.5  # dB


@pytest.mark.parametrize(
    ("images", "holes", "says"),
    [
        (np.zeros((2, 8, 8, 3), np.float32), np.zeros((2, 8, 8), bool), "images are float32"),
        (np.zeros((8, 8, 3), np.uint8), np.zeros((8, 8), bool), r"\(T, H, W, 3\)"),
        (np.zeros((2, 8, 8, 3), np.uint8), np.zeros((2, 8, 9), bool), "holes are bool"),
        (np.zeros((2, 8, 8, 3), np.uint8), np.zeros((2, 8, 8), np.uint8), "holes are uint8"),
        (np.zeros((0, 8, 8, 3), np.uint8), np.zeros((0, 8, 8), bool), "at least one frame"),
    ],
)
def test_fill_says_what_is_wrong_with_arrays(images: np.ndarray, holes: np.ndarray, says: str):
    with pytest.raises(cleanplate.UsageError, match=says):
        cleanplate.fill(images, holes)


def test_masks_may_be_given_in_many_ways():
    def given(**masks) -> list[str]:
        return [str(source) for source in sources_of(masks)]

    assert given(mask="a.png") == ["a.png"]
    assert given(mask=[Path("a.png"), "b.mkv"]) == ["a.png", "b.mkv"]
    assert given(box=(1, 2, 3, 4)) == ["1,2,3,4"]
    assert given(box=[(1, 2, 3, 4), "5,6,7,8@1-2"]) == ["1,2,3,4", "5,6,7,8@1-2"]
    assert given(box=np.array([1, 2, 3, 4]).tolist()) == ["1,2,3,4"]
    corners = ((1, 2), (3, 4), (5.5, 6))
    assert given(polygon=corners) == ["1,2 3,4 5.5,6"]
    assert given(polygon=[corners, "1,1 9,1 5,9"]) == ["1,2 3,4 5.5,6", "1,1 9,1 5,9"]
    assert given() == []


def test_preview_spreads_over_the_frames_with_holes(tmp_path: Path):
    scene = render("cut", width_px=96, height_px=64, frames=30)
    write_clip(tmp_path / "in.mp4", scene.images)
    chosen = cleanplate.preview(
        tmp_path / "in.mp4", box="10,10,30,30@0.4-0.8", output=tmp_path / "sheet.png", count=3, engine="opencv-ns"
    )
    assert chosen == [11, 15, 18]  # of frames 10-19
    assert cleanplate.preview(tmp_path / "in.mp4", box=(10, 10, 30, 30), output=tmp_path / "s.png", count=1) == [15]


def test_preview_shows_what_a_run_paints(tmp_path: Path):
    scene = render("logo-pan", width_px=160, height_px=96, frames=16)
    write_clip(tmp_path / "in.mkv", scene.images, codec="ffv1", crf=None)
    mask = tmp_path / "mask.png"
    cv2.imwrite(str(mask), scene.holes[0].astype(np.uint8) * 255)
    cleanplate.preview(tmp_path / "in.mkv", mask=mask, output=tmp_path / "sheet.png", count=1)
    cleanplate.remove(tmp_path / "in.mkv", mask=mask, output=tmp_path / "out.mkv", lossless=True)
    with cleanplate.chain.open_video(tmp_path / "out.mkv") as video:
        run = next(frame.image for frame in video if frame.index == 8)
    sheet = cv2.imread(str(tmp_path / "sheet.png"))[..., ::-1]
    cell = sheet[-96 - 4 : -4, -160 - 4 : -4]
    assert np.array_equal(cell, run)


def test_rates_of_image_folders_are_exact(tmp_path: Path):
    (tmp_path / "frames").mkdir()
    for n in range(5):
        cv2.imwrite(str(tmp_path / "frames" / f"{n}.png"), np.full((32, 32, 3), 40 * n, np.uint8))
    cleanplate.remove(
        tmp_path / "frames",
        box=(4, 4, 12, 12),
        output=tmp_path / "out.mkv",
        rate=Fraction(24000, 1001),
        lossless=True,
        codec="ffv1",
    )
    with cleanplate.chain.open_video(tmp_path / "out.mkv") as video:
        times = [float(pts * video.info.time_base) for pts, _ in video.timestamps()]
    assert times == pytest.approx([n * 1001 / 24000 for n in range(5)], abs=0.0006)  # Matroska's clock ticks in ms


def test_compare_brings_both_to_one_depth_and_takes_odd_heights_and_folders(tmp_path: Path):
    scene = render("still", width_px=96, height_px=63, frames=4, bit_depth=16)
    write_clip(tmp_path / "deep.mkv", scene.images, codec="ffv1", crf=None, pixel_format="yuv444p10le")
    shallow = (scene.images >> 8).astype(np.uint8)
    (tmp_path / "frames").mkdir()
    for n, image in enumerate(shallow):
        cv2.imwrite(str(tmp_path / "frames" / f"{n}.png"), image[..., ::-1])
    for a, b in (("deep.mkv", "frames"), ("frames", "deep.mkv")):
        done = cleanplate.compare(tmp_path / a, tmp_path / b, output=tmp_path / "side.mp4")
        assert done.frames == 4
        assert done.largest_difference <= 6  # of 255: one side has 10 bits and went through YUV
        with cleanplate.chain.open_video(tmp_path / "side.mp4") as video:
            image = next(iter(video)).image
        left, right = image[:, :96].mean(), image[:, 96:].mean()
        assert left == pytest.approx(right, rel=0.02)
