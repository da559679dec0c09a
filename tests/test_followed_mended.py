"""Masks of what was followed, mended and given back: what is tracked again, and what stays as it was."""

from __future__ import annotations

import json
import shutil
from types import SimpleNamespace

import av
import cv2
import numpy as np
import pytest
from followed_clip import FRAMES, MIDDLE, panned
from mask_files import labels_of

import cleanplate
import cleanplate.mask.follower
from cleanplate.mask.stored import StoredMasks
from cleanplate.mask.stored_format import label_png


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> SimpleNamespace:
    return panned(tmp_path_factory.mktemp("followed"))


class Watched:
    """Writes down which frames trackers are shown."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.frames: list[int] = []
        track = cleanplate.mask.follower.track

        def watched(tracker, frames, prompts):
            def shown():
                for index, image in frames:
                    self.frames.append(index)
                    yield index, image

            return track(tracker, shown(), prompts)

        monkeypatch.setattr(cleanplate.mask.follower, "track", watched)


def test_a_fix_changes_what_follows_up_to_the_next_mark_and_nothing_else(place, tmp_path, monkeypatch):
    masks = tmp_path / "masks"
    shutil.copytree(place.masks, masks)
    before = {path.name: path.read_bytes() for path in masks.glob("*.png")}
    other = np.zeros((120, 216), np.uint8)
    other[50:80, 90:130] = 1
    for frame in (16, 20):
        (masks / f"{frame:06d}.png").write_bytes(label_png(other))
    watched = Watched(monkeypatch)
    cleanplate.make_masks(place.video, fix=[masks / "000016.png", masks / "000020.png"], output=masks)
    assert watched.frames == [*range(16, FRAMES)]
    after = {path.name: path.read_bytes() for path in masks.glob("*.png")}
    assert {name for name in before if int(name[:6]) < 16 and before[name] != after[name]} == set()
    found = labels_of(masks)
    assert np.array_equal(found[16], other)
    assert np.array_equal(found[20], other)
    mended = {n: (masks / f"{n:06d}.png").read_bytes() for n in range(FRAMES)}
    (fact,) = StoredMasks(masks).tracks
    assert [at.frame for at in fact.marked] == [MIDDLE, 16, 20]
    # again, between the two: what comes after the second and before the first stays, and is not looked at
    watched.frames.clear()
    (masks / "000017.png").write_bytes(label_png(np.roll(other, 2, 1)))
    cleanplate.make_masks(place.video, fix=masks / "000017.png", output=masks)
    assert watched.frames == [17, 18, 19]
    kept = [n for n in range(FRAMES) if n not in (17, 18, 19)]
    assert [n for n in kept if (masks / f"{n:06d}.png").read_bytes() != mended[n]] == []
    # before the first mark it goes the other way
    watched.frames.clear()
    (tmp_path / "000003.png").write_bytes(label_png(other))
    cleanplate.make_masks(place.video, mask=masks, fix=tmp_path / "000003.png", output=tmp_path / "new")
    assert watched.frames == [3, 2, 1, 0]
    assert [n for n in range(4, 24) if not np.array_equal(labels_of(tmp_path / "new")[n], labels_of(masks)[n])] == []
    assert labels_of(tmp_path / "new")[2].any()


def test_a_fix_may_be_saved_in_colours(place, tmp_path):
    masks = tmp_path / "masks"
    shutil.copytree(place.masks, masks)
    other = np.zeros((120, 216), np.uint8)
    other[50:80, 90:130] = 1
    cv2.imwrite(str(masks / "000016.png"), np.uint8([(0, 0, 0), (90, 255, 0)])[other])
    cleanplate.make_masks(place.video, fix=masks / "000016.png", output=masks)
    assert np.array_equal(labels_of(masks)[16], other)


def test_a_fix_can_say_that_the_object_is_gone(place, tmp_path, monkeypatch):
    watched = Watched(monkeypatch)
    summary, _ = cleanplate.make_masks(
        place.video, mask=place.masks, fix=f"{place.folder}/empty.png@0.64", output=tmp_path / "m"
    )
    assert watched.frames == []
    found = labels_of(tmp_path / "m")
    assert not found[16:].any()
    assert np.array_equal(found[:16], labels_of(place.masks)[:16])
    assert summary.tracks[0].confidence[16:] == (None,) * 8
    assert summary.tracks[0].lost == ()


def test_mended_masks_can_be_filled_at_once(place, tmp_path):
    (tmp_path / "000020.png").write_bytes(label_png(np.roll(labels_of(place.masks)[20], 3, 1)))
    report = cleanplate.remove(
        place.video,
        mask=place.masks,
        fix=tmp_path / "000020.png",
        output=tmp_path / "out.mkv",
        engine="opencv-telea",
    )
    assert [at.frame for at in report.tracks[0].marked] == [MIDDLE, 20]


@pytest.mark.parametrize("name", ["labels.mov", "labels"])
def test_masks_come_back_as_they_were(place, tmp_path, name):
    labels = labels_of(place.masks)
    three = tmp_path / "three"
    three.mkdir()
    for n, one in enumerate(labels):
        both = one.copy()
        both[:9, :9] = 3
        (three / f"{n:03d}.png").write_bytes(label_png(both))
    cleanplate.make_masks(place.video, mask=three, output=tmp_path / name, preview=True)
    cleanplate.make_masks(place.video, mask=tmp_path / name, output=tmp_path / "again")
    again = labels_of(tmp_path / "again")
    assert np.array_equal(again == 3, np.broadcast_to(again[0] == 3, again.shape))
    assert np.array_equal(again == 1, (labels == 1) & (again != 3))
    with av.open(str(tmp_path / f"{name}.preview.mp4")) as shown:
        assert sum(1 for _ in shown.decode(video=0)) == FRAMES
    if name == "labels.mov":
        assert json.loads((tmp_path / "labels.mov.json").read_text())["objects"] == [1, 3]


def test_a_corrupt_label_video_is_refused(place, tmp_path):
    cleanplate.make_masks(place.video, mask=place.masks, output=tmp_path / "labels.mov")
    whole = (tmp_path / "labels.mov").read_bytes()
    for name, bad in (("cut.mov", whole[: len(whole) // 2]), ("flipped.mov", bytearray(whole))):
        if name == "flipped.mov":
            bad[len(whole) // 2] ^= 0xFF
        (tmp_path / name).write_bytes(bytes(bad))
        with pytest.raises(cleanplate.MaskError, match=f"{name}"):
            cleanplate.make_masks(place.video, mask=tmp_path / name, output=tmp_path / "m")
    assert not (tmp_path / "m").exists()


def test_another_prompt_is_not_taken_for_the_same_run(place, tmp_path, monkeypatch):
    from cleanplate.paint.opencv import Telea

    fill, calls = Telea.fill, []

    def failing(engine, clip):
        calls.append(clip)
        if clip.box_xyxy is not None and len(calls) > 1:
            raise KeyboardInterrupt
        return fill(engine, clip)

    job = {"output": tmp_path / "out.mkv", "engine": "opencv-telea", "track": True, "tracker": "hold"}
    mask = f"{place.folder}/middle.png@0.48"
    with monkeypatch.context() as patched:
        patched.setattr(Telea, "fill", failing)
        with pytest.raises(KeyboardInterrupt):
            cleanplate.remove(place.video, mask=mask, **job)
    with pytest.raises(cleanplate.UsageError, match=r"what is to be removed.*--fresh"):
        cleanplate.remove(place.video, mask=f"{place.folder}/middle.png@0.52", **job)
    with pytest.raises(cleanplate.UsageError, match=r"--tracker \(was hold, now warp\)"):
        cleanplate.remove(place.video, mask=mask, **{**job, "tracker": "warp"})
    watched = Watched(monkeypatch)
    cleanplate.remove(place.video, mask=mask, **job)
    assert watched.frames == []  # the masks were there
