"""--start and --stop: frames outside pass through as they are, and what the masks cover there is not copied from."""

from __future__ import annotations

from pathlib import Path

import av
import numpy as np
import pytest
from numpy.typing import NDArray

import cleanplate
from cleanplate.base.when import parse_limits
from cleanplate.bench.synth import Scene, render
from cleanplate.bench.synth_video import write_clip

FRAMES = 30
WITHIN = slice(10, 20)
"0.4 to 0.8 s at 25 frames a second"


@pytest.fixture(scope="module")
def scene() -> Scene:
    """A logo that stays in one place before a camera that stands still: nothing behind it is ever seen."""
    return render("logo-still", frames=FRAMES, width_px=160, height_px=96)


@pytest.fixture(scope="module")
def box(scene: Scene) -> tuple[int, int, int, int]:
    rows, columns = (np.flatnonzero(scene.holes[0].any(axis)) for axis in (1, 0))
    return int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1


@pytest.fixture(scope="module")
def source(scene: Scene, tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("limits") / "in.mkv"
    write_clip(path, scene.images, codec="ffv1", crf=None)
    return path


def luma_of(path: Path) -> NDArray[np.uint8]:
    with av.open(str(path)) as file:
        return np.stack([frame.to_ndarray()[: frame.height, : frame.width] for frame in file.decode(video=0)])


def test_only_frames_between_are_painted_and_none_from_the_logo_outside(source, box, tmp_path):
    output = tmp_path / "out.mkv"
    report = cleanplate.remove(source, box=box, output=output, start="0.4", stop="0.8", lossless=True)
    before, after = luma_of(source), luma_of(output)
    changed = (before != after).any((1, 2))
    assert np.flatnonzero(changed).tolist() == list(range(FRAMES))[WITHIN]
    assert report.frames_with_holes == report.expected.holed_frames == 10
    assert report.untouched == "identical"
    assert report.invented_share == 1.0  # the frames before and after show the logo, not what is behind it
    x0, y0, x1, y1 = box
    logo, painted = before[15, y0:y1, x0:x1].astype(float), after[15, y0:y1, x0:x1]
    assert np.abs(logo - painted).mean() > 20  # levels of 255


def test_a_limit_alone(source, box, tmp_path):
    early = cleanplate.remove(source, box=box, output=tmp_path / "a.mkv", stop="0.2", engine="opencv-telea")
    late = cleanplate.remove(source, box=box, output=tmp_path / "b.mkv", start="00:01.0", engine="opencv-telea")
    assert (early.frames_with_holes, late.frames_with_holes) == (5, 5)
    forecast = cleanplate.plan(source, box=box, start="00:01")
    assert forecast.holed_frames == 5


def test_preview_shows_frames_between(source, box, tmp_path):
    shown = cleanplate.preview(source, output=tmp_path / "p.png", box=box, start="0.4", stop="0.8", engine="opencv-ns")
    assert len(shown) == 4
    assert all(frame in range(FRAMES)[WITHIN] for frame in shown)


@pytest.mark.parametrize(
    ("limits", "message"),
    [
        (
            {"start": "9"},
            "no hole lies in the time span 9-, they lie between 0.00 and 1.20 s; change --start or --stop",
        ),
        ({"start": "3", "stop": "2"}, "--start 3 does not lie before --stop 2"),
        ({"start": "soon"}, "'soon' in --start is not a time"),
        ({"stop": ""}, "'' in --stop is not a time"),
        ({"stop": "1:75"}, "'1:75' in --stop has 60 or more"),
    ],
)
def test_limits_that_make_no_sense(limits, message, source, box, tmp_path):
    with pytest.raises(cleanplate.CleanplateError, match=message) as caught:
        cleanplate.remove(source, box=box, output=tmp_path / "o.mkv", **limits)
    assert caught.value.exit_code == 2
    assert list(tmp_path.iterdir()) == []


def test_no_limit_is_no_span():
    assert parse_limits(None, None) is None
