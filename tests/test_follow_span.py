"""What is marked may be followed in a part of its shot only: forward, backward, or between two times."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from mask_files import labels_of

import cleanplate
from cleanplate.base.errors import UsageError
from cleanplate.bench.metrics.regions import jaccard
from cleanplate.bench.synth import render
from cleanplate.bench.synth_video import write_clip

FRAMES, MIDDLE = 24, 12


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, np.ndarray]:
    """A clip with a mask of its middle frame beside it, and where the object is, (T, H, W)."""
    folder = tmp_path_factory.mktemp("follow")
    scene = render("pan", width_px=216, height_px=120, frames=FRAMES, seed=0)
    write_clip(folder / "in.mkv", scene.images, codec="ffv1", crf=None)
    cv2.imwrite(str(folder / "middle.png"), (scene.labels[MIDDLE] > 0).astype(np.uint8) * 255)
    return folder, scene.labels > 0


def holes(folder: Path) -> np.ndarray:
    return labels_of(folder) > 0


@pytest.mark.parametrize(("follow", "first", "stop"), [("0.48-", 12, 24), ("-0.52", 0, 13), ("0.2-0.6", 5, 15)])
def test_it_is_followed_in_that_time_alone(place, tmp_path, follow, first, stop):
    folder, truth = place
    mark = f"{folder}/middle.png@0.48"
    cleanplate.make_masks(folder / "in.mkv", mask=mark, track=True, follow=follow, output=tmp_path / "m")
    found = holes(tmp_path / "m")
    assert [n for n in range(FRAMES) if found[n].any()] == list(range(first, stop))
    assert np.mean([jaccard(found[n], truth[n]) for n in range(first, stop)]) > 0.8


def test_masks_that_are_mended_stay_outside_of_it(place, tmp_path):
    folder, _ = place
    masks = tmp_path / "m"
    cleanplate.make_masks(folder / "in.mkv", mask=f"{folder}/middle.png@0.48", track=True, output=masks)
    before = holes(masks)
    fix = np.roll(before[16], 8, axis=0).astype(np.uint8) * 255
    cv2.imwrite(str(tmp_path / "000016.png"), fix)
    cleanplate.make_masks(folder / "in.mkv", fix=tmp_path / "000016.png", follow="0.64-0.8", output=masks)
    after = holes(masks)
    changed = [n for n in range(FRAMES) if (before[n] != after[n]).any()]
    assert np.array_equal(after[16], fix > 0)
    assert set(changed) <= set(range(16, 20))


def test_a_time_that_is_no_span_is_refused(place, tmp_path):
    folder, _ = place
    with pytest.raises(UsageError, match="not a time span"):
        cleanplate.make_masks(folder / "in.mkv", click="9,9", follow="3", output=tmp_path / "m")
