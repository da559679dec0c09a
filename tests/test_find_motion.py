"""What moves, found on rendered scenes whose objects are known, before still and moving cameras."""

from __future__ import annotations

import numpy as np
import pytest
from mask_files import labels_of

from cleanplate.apps.cli.main import main
from cleanplate.bench.metrics.regions import jaccard
from cleanplate.bench.synth import render, stream
from cleanplate.bench.synth_video import write_clip
from cleanplate.mask.find_motion import MotionFinder
from cleanplate.mask.movers import Movers
from cleanplate.mask.stored import StoredMasks

SIZE = {"width_px": 432, "height_px": 240}


def found(images, rate: float = 25.0) -> np.ndarray:
    """Labels (T, H, W)."""
    finder = MotionFinder(rate)
    return np.stack([finder.step(image)[0] for image in images])


def number_of(labels: np.ndarray, thing: np.ndarray) -> int:
    """The number most of a thing (H, W) was given; 0 if not a third of it was found."""
    counts = np.bincount(labels[thing], minlength=2)
    counts[0] = 0
    return int(counts.argmax()) if counts.sum() > thing.sum() / 3 else 0


@pytest.mark.parametrize(
    ("name", "least"), [("still", 0.85), ("pan", 0.85), ("zoom", 0.8), ("rotate", 0.8), ("noise", 0.8)]
)
def test_what_moves_is_found_before_still_and_moving_cameras(name, least):
    scene = render(name, **SIZE, frames=16)
    labels = found(scene.images)
    assert np.mean([jaccard(a > 0, b > 0) for a, b in zip(labels[4:], scene.labels[4:], strict=True)]) > least
    assert len(np.unique(labels)) == 2  # one thing, one number


def test_who_enters_is_found_within_five_frames():
    scene = render("walker", **SIZE, frames=14)
    labels = found(scene.images)
    first = next(t for t in range(14) if (scene.labels[t] > 0).sum() > 200)
    assert any(number_of(labels[t], scene.labels[t] > 0) for t in range(first, first + 5))


def test_numbers_are_kept_where_two_cross():
    scene = render("crowd", **SIZE, frames=50)
    labels = found(scene.images)
    for number in (1, 2):
        seen = [t for t in range(8, 50) if (scene.labels[t] == number).sum() > 800]
        given = {number_of(labels[t], scene.labels[t] == number) for t in seen}
        assert len(given) == 1
        assert 0 not in given


def test_who_was_wholly_hidden_is_known_again():
    scene = render("hidden", **SIZE, frames=56)
    labels = found(scene.images)
    assert not (scene.labels[30] == 1).any()
    before, after = (number_of(labels[t], scene.labels[t] == 1) for t in (12, 54))
    assert before == after > 0


@pytest.mark.parametrize("name", ["logo-still", "logo-nudge"])
def test_nothing_is_found_where_nothing_moves(name):
    scene = render(name, width_px=288, height_px=160, frames=20)
    moving = name == "logo-nudge"  # there the logo stands and the world goes by: it is what moves otherwise
    labels = found(scene.images)
    assert not (labels[(scene.holes == 0)] > 0).mean() > (0.01 if moving else 0)


def test_the_place_that_is_left_is_no_thing_for_longer_than_a_second():
    scene = render("stay", **SIZE, frames=90)  # stands from the first frame on and leaves from frame 66 on
    labels = found(scene.images, rate=10.0)
    assert not labels[:60].any()
    away = [t for t in range(70, 90) if not (scene.labels[t][:, 150:230] > 0).any()]
    ghost = [t for t in away if (labels[t][:, 150:230] > 0).sum() > 100]
    assert len(away) > 12
    assert len(ghost) <= 10


def test_who_stands_is_kept_while_he_stirs():
    rng = np.random.default_rng(0)
    plane = np.kron(rng.integers(90, 170, (20, 36, 3)), np.ones((12, 12, 1))).astype(np.uint8)
    images = []
    for t in range(80):
        image = plane.copy()
        x = min(10 + 8 * t, 200)
        image[80:200, x : x + 50] = (40, 60, 160)
        image[100 : 104 + 3 * (t // 4 % 2), x + 10 : x + 40] = (230, 200, 60)  # stirs
        images.append(image)
    labels = found(images)
    assert all(number_of(labels[t], np.pad(np.ones((100, 40), bool), ((90, 50), (205, 187)))) for t in range(40, 80))


def test_deep_pictures_and_a_second_run_give_the_same():
    scene = render("pan", width_px=288, height_px=160, frames=10)
    deep = render("pan", width_px=288, height_px=160, frames=10, bit_depth=16)
    first = found(scene.images)
    assert np.array_equal(first, found(scene.images))
    assert min(jaccard(a > 0, b > 0) for a, b in zip(first[1:], found(deep.images)[1:], strict=True)) > 0.95


def test_a_cut_starts_anew():
    scene = render("cut", width_px=288, height_px=160, frames=30)
    labels = found(scene.images)
    for cut in scene.cuts:
        assert not labels[cut].any()
    assert np.mean([jaccard(a > 0, b > 0) for a, b in zip(labels[14:20], scene.labels[14:20], strict=True)]) > 0.6


def test_memory_does_not_grow_with_the_video(monkeypatch):
    kept = []
    step = Movers.step
    monkeypatch.setattr(Movers, "step", lambda self, *given: (kept.append(len(self.numbers)), step(self, *given))[1])
    finder = MotionFinder(25.0)
    for one in stream("walker", width_px=96, height_px=64, frames=300):
        finder.step(one.image)
    assert max(kept) < 12


def test_the_command_line_finds_motion_and_refuses_what_nothing_finds(tmp_path, capsys):
    scene = render("pan", width_px=288, height_px=160, frames=16)
    write_clip(tmp_path / "in.mkv", scene.images, codec="ffv1", crf=None)
    with pytest.raises(SystemExit) as left:
        main(["mask", str(tmp_path / "in.mkv"), "--find", "motion", "-q", "-o", str(tmp_path / "masks")])
    assert not left.value.code
    masks = StoredMasks(tmp_path / "masks")
    (track,) = masks.tracks
    assert (track.object_id, track.tracker, track.lost) == (masks.objects[0], "motion", ())
    assert all(share is not None and share > 0.5 for share in track.confidence)
    labels = labels_of(tmp_path / "masks")
    assert (
        np.mean([jaccard(a > 0, b > 0) for a, b in zip(labels, scene.labels, strict=True)]) > 0.8
    )  # the first as well
    with pytest.raises(SystemExit) as left:
        main(["mask", str(tmp_path / "in.mkv"), "--find", "magic", "-o", str(tmp_path / "none")])
    assert left.value.code == 2
    assert "nothing finds that; there is motion" in capsys.readouterr().err
