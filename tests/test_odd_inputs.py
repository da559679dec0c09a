"""Holes and pictures at the edge of what makes sense: no crash, no NaN, never a sample outside the hole."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

import cleanplate
from cleanplate.bench.synth import render
from cleanplate.bench.synth_video import write_clip

SIZE = {"width_px": 128, "height_px": 96}
Arrays = tuple[NDArray[np.uint8], NDArray[np.bool_]]


def walker(frames: int = 16) -> Arrays:
    scene = render("walker-pan", frames=frames, **SIZE)
    return scene.images.copy(), scene.holes.copy()


def whole_for_some_frames() -> Arrays:
    images, holes = walker()
    holes[5:8] = True
    return images, holes


def whole_first_and_last() -> Arrays:
    images, holes = walker()
    holes[[0, -1]] = True
    return images, holes


def whole_shot_among_others() -> Arrays:
    images, holes = walker()
    other, none = render("pan", frames=6, seed=7, **SIZE).images, np.ones((6, *holes.shape[1:]), bool)
    return np.concatenate([images, other[:, ::-1] // 2, images]), np.concatenate([holes, none, holes])


def shots_of_one_frame() -> Arrays:
    images = np.stack([render(name, frames=1, seed=3, **SIZE).images[0] for name in ("pan", "cloth", "water", "wet")])
    holes = np.zeros(images.shape[:3], bool)
    holes[:, 30:60, 40:80] = True
    return images, holes


def flat(level: int) -> Arrays:
    images, holes = walker()
    images[4:9] = level
    return images, holes


def duplicated() -> Arrays:
    images, holes = walker(6)
    return np.repeat(images, 4, axis=0), np.repeat(holes, 4, axis=0)


def one_sample() -> Arrays:
    images, holes = walker()
    holes[:] = False
    holes[:, 0, 0] = holes[:, -1, -1] = holes[:, 40, 50] = True
    return images, holes


def larger_than_the_rest() -> Arrays:
    images, holes = walker()
    holes[:] = True
    holes[:, :3] = holes[:, :, :3] = False
    return images, holes


def one_frame() -> Arrays:
    images, holes = walker(1)
    holes[0, 20:50, 30:60] = True
    return images, holes


def checkered() -> Arrays:
    images, holes = walker()
    holes[:] = np.indices(holes.shape).sum(0) % 2 == 0
    return images, holes


ODD = {
    "whole frames": whole_for_some_frames,
    "whole first and last": whole_first_and_last,
    "whole shot": whole_shot_among_others,
    "shots of one frame": shots_of_one_frame,
    "black": lambda: flat(0),
    "white": lambda: flat(255),
    "duplicated": duplicated,
    "1 px": one_sample,
    "larger than the rest": larger_than_the_rest,
    "one frame": one_frame,
    "checkered": checkered,
}


@pytest.mark.parametrize(
    ("quality", "deep"), [("fast", False), ("balanced", False), ("balanced", True), ("best", False), ("best", True)]
)
@pytest.mark.parametrize("name", ODD)
def test_odd_inputs_are_filled_and_nothing_else_is_touched(name: str, quality: str, deep: bool):
    images, holes = ODD[name]()
    if deep:
        images = images.astype(np.uint16) * 257
    painting = cleanplate.fill(images, holes, options={"quality": quality})
    assert painting.images.dtype == images.dtype
    assert np.array_equal(painting.images[~holes], images[~holes])
    assert np.array_equal(painting.origin > 0, holes)


@pytest.mark.parametrize("quality", ["fast", "balanced", "best"])
def test_frames_that_are_all_hole_are_filled_from_the_others(quality: str):
    images, holes = whole_for_some_frames()
    truth = render("walker-pan", frames=16, **SIZE).plate
    painting = cleanplate.fill(images, holes, options={"quality": quality})
    error = np.abs(painting.images[5:8].astype(int) - truth[5:8])
    blank = np.abs(truth[5:8].astype(int) - truth[5:8].mean((0, 1, 2)).astype(int))
    assert np.median(error) < 0.5 * np.median(blank)  # levels; a flat colour would be at 1
    assert (painting.origin[5:8] == 1).mean() > 0.5


def test_a_shot_that_is_all_hole_goes_on_as_the_one_before_and_the_report_says_so(tmp_path: Path):
    # Nobody may look under the hole, so where a shot begins that is never seen cannot be known.
    images, holes = whole_shot_among_others()
    write_clip(tmp_path / "in.mkv", images, codec="ffv1", crf=None)
    (tmp_path / "masks").mkdir()
    for index, hole in enumerate(holes):
        cv2.imwrite(str(tmp_path / "masks" / f"{index:03d}.png"), hole.astype(np.uint8) * 255)
    report = cleanplate.remove(tmp_path / "in.mkv", mask=tmp_path / "masks", output=tmp_path / "out.mkv", grow_px=0)
    assert any("in 6 frames the grown masks cover the whole picture" in words for words in report.warnings)
    assert report.untouched == "identical"
