"""Data sets are found in every layout, and what does not fit is said in one sentence."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from quality_sets import rendered, write_pictures, write_set

from cleanplate.base.errors import MaskError, MediaError, UsageError
from cleanplate.bench.quality.data import (
    FRAME_FOLDERS,
    MASK_FOLDER,
    find_clips,
    find_result,
    read_clip,
    read_hole,
    read_result,
)
from cleanplate.bench.synth_video import write_clip
from cleanplate.bench.track import data as track


@pytest.fixture(scope="module")
def clips():
    return {"walk": rendered(3), "run": rendered(4, seed=1)}


@pytest.mark.parametrize(
    ("layout", "frames"),
    [
        ("ours", ""),
        ("papers", "JPEGImages_432_240"),
        ("papers", "JPEGImages/480p"),
        ("papers", "JPEGImages"),
    ],
)
def test_every_layout_gives_the_same_clips(tmp_path, clips, layout, frames):
    data = find_clips(write_set(tmp_path, clips, layout, frames))
    assert [clip.name for clip in data.clips] == ["run", "walk"]
    assert data.notes == ()
    assert (frames or "<clip>/frames") in data.layout
    for clip in data.clips:
        images, holes = read_clip(clip)
        assert np.array_equal(images, clips[clip.name][0])
        assert holes.dtype == bool
        assert np.array_equal(holes, clips[clip.name][1])
        assert clip.is_masked


def test_frames_of_the_papers_size_are_taken_first(tmp_path, clips):
    write_set(tmp_path, clips, "papers", "JPEGImages/480p")
    write_pictures(tmp_path / "JPEGImages_432_240" / "walk", clips["walk"][0] // 2)
    write_pictures(tmp_path / "JPEGImages_432_240" / "run", clips["run"][0] // 2)
    images, _ = read_clip(find_clips(tmp_path).clips[1])
    assert np.array_equal(images, clips["walk"][0] // 2)


def test_pictures_are_in_natural_order(tmp_path):
    images, holes = rendered(11)
    for n in range(11):
        for kind, picture in (("frames", images[n]), ("holes", holes[n])):
            write_pictures(tmp_path / "part", [picture])
            (tmp_path / "c" / kind).mkdir(parents=True, exist_ok=True)
            (tmp_path / "part" / "00000.png").rename(tmp_path / "c" / kind / f"f{n}.png")
    (tmp_path / "part").rmdir()
    found, _ = read_clip(find_clips(tmp_path).clips[0])
    assert np.array_equal(found, images)  # by name as text, f10 would come before f2


def test_clips_without_masks_are_left_out_and_named(tmp_path, clips):
    write_set(tmp_path, clips, "papers")
    write_pictures(tmp_path / "JPEGImages_432_240" / "spare", clips["walk"][0])
    data = find_clips(tmp_path)
    assert [clip.name for clip in data.clips] == ["run", "walk"]
    assert len(data.notes) == 1
    assert data.notes[0].startswith("1 of the 3 clips")


def test_an_empty_hole_is_named(tmp_path, clips):
    images, holes = clips["walk"]
    data = find_clips(write_set(tmp_path, {**clips, "walk": (images, np.zeros_like(holes))}))
    assert [clip.is_masked for clip in data.clips] == [True, False]
    assert "'walk' has an empty hole" in data.notes[0]


def test_clips_that_are_not_there(tmp_path, clips):
    with pytest.raises(UsageError, match="there is no folder"):
        find_clips(tmp_path / "nowhere")
    with pytest.raises(
        UsageError, match=r"no clips .* JPEGImages_432_240, .*test_masks.*<clip>/frames with <clip>/hol"
    ):
        find_clips(tmp_path)
    write_pictures(tmp_path / "JPEGImages" / "walk", clips["walk"][0])
    with pytest.raises(UsageError, match=r"no folder '.*test_masks'"):
        find_clips(tmp_path)
    write_pictures(tmp_path / "test_masks" / "moon", clips["walk"][1])
    with pytest.raises(UsageError, match=r"clip 'moon' has masks .* but no frames"):
        find_clips(tmp_path)


def test_masks_that_do_not_fit(tmp_path, clips):
    images, holes = clips["run"]
    with pytest.raises(UsageError, match="clip 'run' has 4 frames but 3 masks"):
        find_clips(write_set(tmp_path / "fewer", {"run": (images, holes[:3])}))
    halved = write_set(tmp_path / "halved", {"run": (images, holes[:, ::2, ::2])})
    with pytest.raises(UsageError, match="clip 'run' has frames of 96x64 but masks of 48x32"):
        find_clips(halved)
    assert len(find_clips(halved, is_resized=True).clips) == 1
    mixed = write_set(tmp_path / "mixed", {"run": (images, holes)})
    write_pictures(mixed / "run" / "frames", [images[0], images[1], images[2][:32]])
    with pytest.raises(UsageError, match=r"00002.png' is 96x32 but '00000.png' is 96x64"):
        read_clip(find_clips(mixed).clips[0])


def test_pictures_that_cannot_be_read(tmp_path, clips):
    write_set(tmp_path, clips)
    frame, mask = tmp_path / "run" / "frames" / "00000.png", tmp_path / "run" / "holes" / "00002.png"
    mask.write_bytes(mask.read_bytes()[:60])
    with pytest.raises(MaskError, match=r"00002.png is damaged"):
        read_clip(find_clips(tmp_path).clips[0])
    frame.write_bytes(b"not a picture")
    with pytest.raises(MediaError, match=r"00000.png' is missing, damaged"):
        find_clips(tmp_path)


def test_masks_count_above_zero_but_not_their_jpeg_noise(tmp_path):
    hole = np.zeros((64, 96), np.uint8)
    hole[20:44, 30:61] = 1
    cv2.imwrite(str(tmp_path / "one.png"), hole)
    assert np.array_equal(read_hole(tmp_path / "one.png"), hole > 0)
    cv2.imwrite(str(tmp_path / "lossy.jpg"), hole * 255, [cv2.IMWRITE_JPEG_QUALITY, 60])
    assert (cv2.imread(str(tmp_path / "lossy.jpg"), 0) > 0).sum() > (hole > 0).sum() + 100
    assert np.array_equal(read_hole(tmp_path / "lossy.jpg"), hole > 0)


def test_results_are_folders_or_videos(tmp_path, clips):
    data = find_clips(write_set(tmp_path / "data", clips))
    run, walk = data.clips
    write_pictures(tmp_path / "mine" / "run", clips["run"][0] // 2)
    write_clip(tmp_path / "mine" / "walk.mp4", clips["walk"][0], crf=4)
    assert np.array_equal(read_result(find_result(tmp_path / "mine", run), run), clips["run"][0] // 2)
    decoded = read_result(find_result(tmp_path / "mine", walk), walk)
    assert decoded.dtype == np.uint8
    assert np.abs(decoded.astype(float) - clips["walk"][0]).mean() < 3  # levels


def test_results_that_do_not_fit(tmp_path, clips):
    run = find_clips(write_set(tmp_path / "data", clips)).clips[0]
    mine = tmp_path / "mine"
    mine.mkdir()
    with pytest.raises(UsageError, match=r"no result for clip 'run'; put its pictures into 'run/'"):
        find_result(mine, run)
    write_clip(mine / "run.mp4", clips["walk"][0])
    with pytest.raises(UsageError, match=r"has 3 frames, but clip 'run' has 4"):
        read_result(find_result(mine, run), run)
    write_pictures(mine / "run", clips["walk"][0])
    with pytest.raises(UsageError, match=r"has 3 pictures, but clip 'run' has 4 frames"):
        find_result(mine, run)


def test_deep_results_are_truncated(tmp_path):
    deep = np.full((2, 32, 48, 3), 100 * 257 + 200, np.uint16)  # 100.78 of 255
    write_clip(tmp_path / "run.mkv", deep, codec="ffv1", crf=None, pixel_format="gbrp16le")
    run = find_clips(write_set(tmp_path / "data", {"run": (deep.astype(np.uint8), deep[..., 0] > 0)})).clips[0]
    assert np.array_equal(np.unique(read_result(find_result(tmp_path, run), run)), [100])


def test_the_layouts_of_both_benches_are_written_down():
    page = Path(__file__).parents[1].joinpath("docs/evaluation.md").read_text()
    quality, _, tracking = page.partition("## The protocols")[2].partition("## Trackers")
    for folder in (*(f"{name}/<clip>" for name in (*FRAME_FOLDERS, MASK_FOLDER)), "<clip>/frames", "<clip>/holes"):
        assert f"`{folder}/`" in quality
    davis = [f"{name}/{track.SIZE}/<clip>/" for name in (track.FRAMES, track.LABELS)]
    ours = [f"<clip>/{name}/" for name in (track.OUR_FRAMES, *track.OUR_LABELS)]
    for place in (*davis, *ours, track.LIST.as_posix()):
        assert f"`{place}`" in tracking
