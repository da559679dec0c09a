"""Every example runs as a user would run it, on a rendered clip, and says what it should."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

from cleanplate.bench.synth import render
from cleanplate.bench.synth_video import write_clip

EXAMPLES = Path(__file__).parent.parent / "examples"

# What each is called with (names in the folder below), and what it must print.
CALLS: dict[str, tuple[list[str], list[str]]] = {
    "remove": (["in.mp4", "mask.png", "out.mp4"], ["untouched: identical", "of the hole was seen elsewhere"]),
    "remove_for_a_while": (["in.mp4", "out.mp4"], ["verified: 16 frames decode, all samples identical"]),
    "two_passes": (["in.mp4", "mask.png", "out.mp4"], ["16 of 16 frames have holes", "untouched: identical"]),
    "follow": (["in.mp4", "mask.png", "followed"], ["'thing': found in 16 frames", "look at followed.preview.mp4"]),
    "fill_arrays": ([], ["seen elsewhere: 100%"]),
    "preview": (["in.mp4", "mask.png", "sheet.png"], ["sheet.png shows frames [2, 8, 13]"]),
    "compare": (["in.mp4", "in.mp4", "side.mp4"], ["side.mp4: 16 frames", "largest difference 0 of 255"]),
    "score": (["in.mp4", "truth.mp4", "mask.png"], ["| psnr |", "inside the hole: 9.", "dB over 16 frames"]),
    "bench_engines": (["bench"], ["flowfill: ", "opencv-telea: ", "dB inside the hole", "tables and plots: bench"]),
    "own_engine": ([], ["clean: True"]),
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("examples")
    scene = render("logo-pan", width_px=160, height_px=96, frames=16)
    write_clip(place / "in.mp4", scene.images, has_sound=True)
    write_clip(place / "truth.mp4", scene.plate)
    cv2.imwrite(str(place / "mask.png"), scene.holes[0].astype(np.uint8) * 255)
    return place


def test_each_example_is_listed_and_short():
    assert {path.stem for path in EXAMPLES.glob("*.py")} == set(CALLS)
    for path in EXAMPLES.glob("*.py"):
        assert len(path.read_text(encoding="utf-8").splitlines()) <= 40, path.name


@pytest.mark.parametrize("name", CALLS)
def test_example(name: str, folder: Path):
    words, expected = CALLS[name]
    command = [sys.executable, str(EXAMPLES / f"{name}.py"), *words]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False, env={**os.environ})
    assert done.returncode == 0, done.stderr
    for text in expected:
        assert text in done.stdout
