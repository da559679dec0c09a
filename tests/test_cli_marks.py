"""Marks on the command line: groups of objects, what the screen says of tracking, and exit codes."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest
from test_cli import call
from test_track_flow import hidden_disc

from cleanplate.apps.cli import screen
from cleanplate.apps.cli.marks import grouped
from cleanplate.base.errors import UsageError
from cleanplate.base.tracks import Track
from cleanplate.bench.synth_video import write_clip
from cleanplate.mask.stored import StoredMasks


def test_groups_name_the_marks_behind_them():
    typed = "mask --click 9,9 --object dog --click 1,2 --box=1,2,3,4@5 --engine x --object=cat -m a.png -o m"
    found = (
        "mask --click 9,9 --object dog --click dog:1,2 --box=dog:1,2,3,4@5 --engine x --object=cat -m cat:a.png -o m"
    )
    assert grouped(typed.split()) == found.split()
    plain = ["remove", "in.mp4", "--mask", "--object.png", "-o", "out.mp4"]
    assert grouped(plain) == plain


@pytest.mark.parametrize(
    ("typed", "sentence"),
    [
        ("--object dog", "--object dog has nothing behind it"),
        ("--object dog --object cat --click 1,2", "--object dog has nothing behind it"),
        ("--object 1,2 --click 1,2", "--object is '1,2', which is no name"),
    ],
)
def test_groups_that_say_nothing(typed, sentence):
    with pytest.raises(UsageError, match=sentence):
        grouped(typed.split())


def test_the_screen_says_what_was_followed_and_what_was_lost(tmp_path: Path, capsys):
    images, holes = hidden_disc()
    write_clip(tmp_path / "in.mkv", images, codec="ffv1", crf=None)
    cv2.imwrite(str(tmp_path / "first.png"), holes[0].astype(np.uint8) * 255)
    marks = [str(tmp_path / "in.mkv"), "--object", "disc", "--mask", str(tmp_path / "first.png"), "--track"]
    code, out, err = call(capsys, "mask", *marks, "-o", str(tmp_path / "m"))
    assert code == 0
    assert "'disc': in " in out
    assert "confidence" in out
    assert "lost" in out
    assert "warning: 'disc' is lost from" in err
    code, out, err = call(capsys, "mask", *marks, "-o", str(tmp_path / "strict"), "--strict")
    assert code == 1
    assert "error: 'disc' is lost from" in err
    assert len(StoredMasks(tmp_path / "strict").spans) > 10  # they are there to be looked at and mended
    code, out, err = call(capsys, "remove", *marks, "-o", str(tmp_path / "out.mkv"), "-e", "opencv-telea")
    assert code == 0
    assert "followed" in out
    assert "'disc': in" in out
    code, out, _ = call(capsys, "mask", *marks, "-o", str(tmp_path / "m"), "--json")
    (track,) = json.loads(out)["tracks"]
    assert track["name"] == "disc"
    assert len(track["confidence"]) == len(images)


def test_of_many_objects_the_screen_tells_of_those_that_are_seen_for_longest():
    tracks = [
        Track(object_id=n, name="", tracker="motion", marked=(), confidence=(0.5,) * n + (None,) * (20 - n), lost=())
        for n in range(1, 21)
    ]
    lines = screen.lines_of(tracks)
    assert len(lines) == 13
    assert lines[0] == "object 9: in 9 frames, confidence 0.50"
    assert lines[-1] == "and 8 more objects"
    assert screen.lines_of(tracks[:12])[-1] == "object 12: in 12 frames, confidence 0.50"
