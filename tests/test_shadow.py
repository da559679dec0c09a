"""What objects cast, on rendered scenes whose shadows and mirror images are known to the sample."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import cleanplate
from cleanplate.apps.cli.main import main
from cleanplate.bench.metrics.regions import jaccard
from cleanplate.bench.synth import Scene, render, stream
from cleanplate.bench.synth_video import write_clip
from cleanplate.mask.looks import Looks
from cleanplate.mask.shadow import AHEAD_FRAMES, ShadowFinder, with_shadows
from cleanplate.mask.stored import StoredMasks
from cleanplate.mask.stored_format import label_png

SIZE = {"width_px": 216, "height_px": 120}


def joined(scene: Scene) -> np.ndarray:
    """The labels (T, H, W) with what the objects cast."""
    return np.stack(list(with_shadows(zip(scene.images, scene.labels, strict=True))))


def added_iou(scene: Scene, labels: np.ndarray) -> float:
    """Over all frames at once: of the region added and what is truly changed beside the objects."""
    return overall(labels > 0, scene.shadow | scene.mirror, scene.labels == 0)


def overall(found: np.ndarray, truth: np.ndarray, where: np.ndarray) -> float:
    """Intersection over union of two masks (T, H, W) where it counts, over all frames."""
    found, truth = found & where, truth & where
    return float((found & truth).sum() / (found | truth).sum())


@pytest.mark.parametrize("name", ["walker", "walker-pan", "wet", "longstand", "exposure"])
def test_shadows_and_mirror_images_are_found(name):
    scene = render(name, **SIZE, frames=60)
    labels = joined(scene)
    assert added_iou(scene, labels) > 0.6
    assert np.array_equal(labels[scene.labels > 0], scene.labels[scene.labels > 0])  # objects stay as they were given


@pytest.mark.parametrize("name", ["still", "pan", "zoom", "parallax", "cloth", "water", "noise", "logo-pan", "van"])
def test_nothing_is_added_where_there_is_no_shadow(name):
    scene = render(name, **SIZE, frames=40)
    assert np.array_equal(joined(scene), scene.labels)


def test_each_shadow_goes_to_the_object_that_casts_it():
    scene = render("crowd", **SIZE, frames=16)  # before they meet
    labels = joined(scene)
    for t in range(4, 16):
        for number in (1, 2):
            own = np.flatnonzero((scene.labels[t] == number).any(0))
            cast = np.flatnonzero(((labels[t] == number) & (scene.labels[t] == 0)).any(0))
            if len(own) and len(cast):
                assert own[0] - 15 < cast.min() < cast.max() < own[-1] + 52  # px; the two are farther apart


def test_another_thing_that_passes_close_by_is_no_shadow():
    scene = render("three", **SIZE, frames=40)
    large = np.where(scene.labels == 3, scene.labels, 0)  # what it passes is not in the mask
    others = (scene.labels > 0) & (large == 0)
    found = np.stack(list(with_shadows(zip(scene.images, large, strict=True)))) > 0
    assert (found & others).sum() < 0.15 * others.sum()


def test_deep_pictures_are_seen_alike():
    eight = render("walker", **SIZE, frames=30)
    deep = render("walker", **SIZE, frames=30, bit_depth=16)
    assert deep.images.dtype == np.uint16
    assert overall(joined(eight) > 0, joined(deep) > 0, eight.labels == 0) > 0.9


def test_damaged_frames_pass_as_they_are():
    scene = render("walker", **SIZE, frames=30)
    given = [
        (None if t in (0, 9, 10) else image, labels)
        for t, (image, labels) in enumerate(zip(scene.images, scene.labels, strict=True))
    ]
    found = np.stack(list(with_shadows(given)))
    assert len(found) == 30
    assert all(np.array_equal(found[t], scene.labels[t]) for t in (0, 9, 10))
    whole = [t for t in range(30) if t not in (0, 9, 10)]
    assert overall(found[whole] > 0, scene.shadow[whole], scene.labels[whole] == 0) > 0.6


def test_a_cut_tells_nothing_of_the_shot_before():
    scene = render("cut", **SIZE, frames=30)
    assert np.array_equal(joined(scene), scene.labels)


def test_memory_does_not_grow_with_the_video(monkeypatch):
    kept, waiting = [], []
    plate = Looks.plate
    monkeypatch.setattr(Looks, "plate", lambda self: (kept.append(len(self._looks)), plate(self))[1])
    step = ShadowFinder.step
    monkeypatch.setattr(ShadowFinder, "step", lambda self: (waiting.append(len(self)), step(self))[1])
    film = stream("walker", width_px=96, height_px=64, frames=260)
    assert sum(1 for _ in with_shadows((one.image, one.labels) for one in film)) == 260
    assert max(kept) <= 28
    assert max(waiting) <= AHEAD_FRAMES + 1


def stored(folder: Path, count: int) -> np.ndarray:
    masks = StoredMasks(folder)
    return np.stack([masks.labels(span_pts) for span_pts in range(0, 40 * count, 40)])


def test_the_command_line_joins_shadows_to_given_and_to_found_masks(tmp_path):
    scene = render("walker", **SIZE, frames=40)
    video, given = tmp_path / "in.mkv", tmp_path / "given"
    write_clip(video, scene.images, codec="ffv1", crf=None)
    given.mkdir()
    for t, labels in enumerate(scene.labels):
        (given / f"{t:05d}.png").write_bytes(label_png(labels))
    for name, words in (("a", ["--mask", str(given)]), ("b", ["--find", "motion"])):
        with pytest.raises(SystemExit) as left:
            main(["mask", str(video), *words, "--with-shadow", "-q", "-o", str(tmp_path / name)])
        assert not left.value.code
    both = scene.shadow | (scene.labels > 0)
    assert added_iou(scene, stored(tmp_path / "a", 40)) > 0.6
    assert np.mean([jaccard(a > 0, b) for a, b in zip(stored(tmp_path / "b", 40)[5:], both[5:], strict=True)]) > 0.7


def test_python_takes_the_same_words(tmp_path):
    scene = render("walker", width_px=160, height_px=96, frames=24)
    write_clip(tmp_path / "in.mkv", scene.images, codec="ffv1", crf=None)
    report = cleanplate.remove(
        tmp_path / "in.mkv", find="motion", with_shadow=True, output=tmp_path / "out.mkv", lossless=True
    )
    assert report.untouched == "identical"
    assert "what they cast" in " ".join(report.removed)
