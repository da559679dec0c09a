"""From a click to the finished video with networks on the way, whose weights are drawn: that all parts fit together."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from cleanplate.apps.cli.main import main
from cleanplate.base.types import Prompt
from cleanplate.bench.synth import render
from cleanplate.bench.synth_video import write_clip
from cleanplate.decode.reader import open_video
from cleanplate.mask.segmenter import make_segmenter
from cleanplate.mask.stored import StoredMasks

FRAMES = 8


@pytest.fixture(scope="module")
def video(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A waving cloth with a printed logo."""
    path = tmp_path_factory.mktemp("chain") / "in.mkv"
    write_clip(path, render("cloth", width_px=216, height_px=120, frames=FRAMES).images, codec="ffv1", crf=None)
    return path


def run(*words: object) -> int:
    with pytest.raises(SystemExit) as left:
        main([str(word) for word in words])
    return int(left.value.code or 0)


@pytest.mark.parametrize(("segmenter", "tracker"), [("sam", "deaot"), ("sam2", "sam2")])
def test_click_segment_track_and_paint(
    segmenter: str, tracker: str, video: Path, tiny_weights: Path, tiny_hub: Path, tmp_path: Path
):
    marks = ("--click", "100,60@0.12", "--segmenter", segmenter, "--tracker", tracker, "--candidate", 2)
    assert run("mask", video, *marks, "-o", tmp_path / "masks") == 0
    stored = StoredMasks(tmp_path / "masks")
    (told,) = stored.tracks
    assert told.tracker == tracker
    assert told.confidence[3] == 1
    with open_video(video) as reader:
        frame = next(frame for frame in reader if frame.index == 3)
    asked = Prompt(index=3, points_xy=((100, 60),), point_is_in=(True,))
    expected = make_segmenter(segmenter, {"candidate": 2}).segment(frame.image, asked)
    assert np.array_equal(stored.labels(frame.pts) > 0, expected)
    assert run("remove", video, *marks, "-o", tmp_path / "out.mkv") == 0
    report = json.loads((tmp_path / "out.mkv.json").read_text())
    assert report["untouched"] == "identical"
    assert report["frames_with_holes"] > 1


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--candidate", 1), "segmenter 'grabcut' has no option 'candidate'"),
        (("--memory-frames", 3), "tracker 'flow' has no option 'memory_frames'"),
        (
            ("--tracker", "deaot", "--tracker-set", "gap_frames=x"),
            "--tracker-set gap_frames=x: gap_frames takes a whole",
        ),
        (("--segmenter", "sam", "--segmenter-set", "model=vit"), "there is no model 'vit'"),
        (("--tracker", "deaot", "--memory-frames", -1), "memory_frames is -1"),
    ],
)
def test_options_that_do_not_fit(
    words, said: str, video: Path, tiny_weights: Path, tiny_hub: Path, tmp_path: Path, capsys
):
    assert run("mask", video, "--click", "100,60@0.12", *words, "-o", tmp_path / "masks") == 2
    assert said in " ".join(capsys.readouterr().err.split())


def test_models_of_the_hub_are_listed(tiny_hub: Path, capsys):
    assert run("weights", "list") == 0
    said = capsys.readouterr().out
    assert "2560 MB" in said  # sam-vit-huge
    assert said.count("898 MB") == 2  # the large ones of SAM 2 and 2.1
