"""What no frame shows is invented once for all pieces: rendered scenes, from file to file."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from far_shot import Shot, break_off, rgb

import cleanplate
from cleanplate.bench.synth import Film
from cleanplate.motion.keys import key_frames
from cleanplate.motion.survey import Surveyor

FRAMES = 150


@pytest.fixture(scope="module")
def still(tmp_path_factory: pytest.TempPathFactory) -> Shot:
    """A still logo before a still camera: nothing is ever revealed."""
    return Shot(tmp_path_factory.mktemp("still"), "logo-still", FRAMES, 144, 80)


@pytest.fixture(scope="module")
def once(still: Shot, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, cleanplate.Report]:
    output = tmp_path_factory.mktemp("once") / "out.mkv"
    return output, still.remove(output, invent="exemplar")


def changes(images: list[np.ndarray], holes: list[np.ndarray], apart: int) -> np.ndarray:
    """Root mean square of what changes inside the hole, levels, between frames so far apart."""
    inner = cv2.erode(holes[0].astype(np.uint8), np.ones((5, 5))) > 0
    pairs = zip(images, images[apart:], strict=False)
    return np.array([np.sqrt(((a[inner].astype(float) - b[inner]) ** 2).mean()) for a, b in pairs])


def test_all_pieces_show_the_same(still: Shot, once: tuple[Path, cleanplate.Report]):
    assert once[1].pieces > 2
    assert once[1].invented_share == 1
    images = rgb(once[0])
    steps, far = changes(images, still.holes, 1), changes(images, still.holes, 100)
    smooth = cv2.GaussianBlur(images[0], (0, 0), 5)
    texture = changes([images[0], smooth], still.holes, 1)[0]
    print(f"step {steps.max():.2f}, far {far.max():.2f}, texture {texture:.2f} levels")
    assert texture > 5  # there is something that could differ
    assert far.max() < 0.2 * texture
    assert steps.max() < 2 * np.median(steps) + 0.2  # no step at joints


@pytest.mark.parametrize("more", [{"workers": 2}, {"workers": 4}])
def test_the_number_of_workers_changes_no_byte(still: Shot, once, tmp_path: Path, more):
    still.remove(tmp_path / "out.mkv", invent="exemplar", **more)
    assert (tmp_path / "out.mkv").read_bytes() == once[0].read_bytes()


def test_a_job_that_goes_on_invents_nothing_anew(still: Shot, once, tmp_path: Path, monkeypatch):
    stored = break_off(lambda: still.remove(tmp_path / "out.mkv", invent="exemplar"), 4, monkeypatch)
    assert any(name.startswith("painted-") for name in stored)
    stored.clear()
    assert still.remove(tmp_path / "out.mkv", invent="exemplar").pieces_taken_over > 0
    assert stored == []
    assert (tmp_path / "out.mkv").read_bytes() == once[0].read_bytes()


def test_what_a_person_painted_is_not_invented_again(still: Shot, tmp_path: Path):
    cv2.imwrite(str(tmp_path / "frame.png"), still.plate[20][..., ::-1])
    still.remove(tmp_path / "out.mkv", invent="exemplar", reference=f"{tmp_path / 'frame.png'}@0.8")
    assert still.db(tmp_path / "out.mkv").min() > 33


def test_smooth_invents_no_anchors(still: Shot, tmp_path: Path):
    assert "invent" not in still.remove(tmp_path / "out.mkv").seconds


def test_key_frames_show_what_is_never_seen():
    """Of a camera that pans by half the logo's width: what is never revealed fits into one frame, or two."""
    film = Film("logo-nudge", width_px=256, height_px=144, frames=120, seed=0, bit_depth=8)
    surveyor = Surveyor(256, 144, near_frames=30)
    for t in range(film.frames):
        if surveyor.wants(t, starts_shot=False):
            sample = film.sample(t)
            gray = cv2.cvtColor(sample.image, cv2.COLOR_RGB2GRAY)
            surveyor.place(surveyor.look(t, False, gray, 8, sample.hole))
    (shot,) = surveyor.finish(film.frames).shots
    keys = key_frames(shot, 256, 144)
    assert 1 <= len(keys) <= 2
    assert key_frames(shot, 256, 144, painted=keys) == []
