"""From a click to the finished video with networks on the way, whose weights are drawn: that all parts fit together."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest

pytest.importorskip("torch", reason="torch is not installed (extra 'neural')")

from cleanplate.apps.cli.main import main
from cleanplate.base.device import choose_device
from cleanplate.base.types import Prompt
from cleanplate.bench.parity.drawn import store
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
    (chosen,) = stored.notes
    assert f"for the masks {chosen}" in report["assumptions"]
    assert chosen == choose_device("auto")[1]


def test_a_click_and_three_networks_in_one_command(
    video: Path, tiny_weights: Path, tiny_hub: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    store(tiny_weights, "e2fgvi-hq")
    marks = ("--click", "100,60@0.12", "--segmenter", "sam", "--tracker", "deaot", "--candidate", 2)
    engine = ("--engine", "e2fgvi-hq", "--set", "largest_mpx=0.02")
    assert run("remove", video, *marks, *engine, "-o", tmp_path / "out.mkv", "--lossless") == 0
    report = json.loads((tmp_path / "out.mkv.json").read_text())
    assert report["job"]["engine"] == "e2fgvi-hq"
    assert report["untouched"] == "identical"
    (told,) = report["tracks"]
    assert told["tracker"] == "deaot"
    assert told["confidence"][3] == 1
    # The two passes by themselves give the same, and paint nothing but what the masks say.
    assert run("mask", video, *marks, "-o", tmp_path / "masks") == 0
    filled = tmp_path / "filled.mkv"
    assert run("fill", video, "--masks", tmp_path / "masks", *engine, "--lossless", "-o", filled) == 0
    stored = StoredMasks(tmp_path / "masks")
    with open_video(video) as old, open_video(tmp_path / "out.mkv") as new, open_video(filled) as apart:
        for before, after, same in zip(old, new, apart, strict=True):
            assert np.array_equal(after.image, same.image)
            hole = stored.labels(before.pts) > 0
            near = cv2.dilate(hole.astype(np.uint8), np.ones((15, 15), np.uint8)) > 0
            changed = (after.image != before.image).any(-1)
            assert not changed[~near].any()
            assert not hole.any() or changed[hole].mean() > 0.5  # drawn weights paint something else


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
