"""Clicks, boxes and first masks through the whole chain: followed, told, mended, given back, and refused clearly."""

from __future__ import annotations

import json
import shutil
from fractions import Fraction
from pathlib import Path
from types import SimpleNamespace

import av
import cv2
import numpy as np
import pytest
from mask_files import video_info
from media import Recipe
from media import render as write_media
from test_track_flow import hidden_disc

import cleanplate
import cleanplate.mask.from_hints
from cleanplate.base.types import Frame
from cleanplate.bench.metrics.regions import jaccard
from cleanplate.bench.synth import render
from cleanplate.bench.synth_video import write_clip
from cleanplate.mask.align import Timeline
from cleanplate.mask.hints import Hint
from cleanplate.mask.maker import combine
from cleanplate.mask.source import MaskSource
from cleanplate.mask.stored import StoredMasks
from cleanplate.mask.stored_format import label_png

FRAMES, MIDDLE = 24, 12


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> SimpleNamespace:
    """A clip of something that moves before a panning plane, its truth, and a mask of its middle frame."""
    folder = tmp_path_factory.mktemp("followed")
    scene = render("pan", width_px=216, height_px=120, frames=FRAMES, seed=0)
    write_clip(folder / "in.mkv", scene.images, codec="ffv1", crf=None)
    truth = scene.labels > 0
    cv2.imwrite(str(folder / "middle.png"), truth[MIDDLE].astype(np.uint8) * 255)
    cv2.imwrite(str(folder / "empty.png"), np.zeros((120, 216), np.uint8))
    cv2.imwrite(str(folder / "turned.png"), truth[MIDDLE].astype(np.uint8).T * 255)
    cleanplate.make_masks(folder / "in.mkv", mask=f"{folder}/middle.png@0.48", track=True, output=folder / "masks")
    return SimpleNamespace(folder=folder, video=folder / "in.mkv", truth=truth, masks=folder / "masks")


def labels_of(folder: Path, count: int = FRAMES) -> np.ndarray:
    """(T, H, W), of masks whose clock counts milliseconds and whose frames are 40 of them apart."""
    stored = StoredMasks(folder)
    assert stored.time_base == Fraction(1, 1000)
    return np.stack([stored.labels(40 * n) for n in range(count)])


def centre(hole: np.ndarray) -> str:
    """The point of the hole that is farthest from its border."""
    depth = cv2.distanceTransform(np.pad(hole, 1).astype(np.uint8), cv2.DIST_L2, 5)[1:-1, 1:-1]
    y, x = np.unravel_index(int(depth.argmax()), hole.shape)
    return f"{x},{y}"


class Watched:
    """Writes down which frames trackers are shown."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.frames: list[int] = []
        track = cleanplate.mask.from_hints.track

        def watched(tracker, frames, prompts):
            def shown():
                for index, image in frames:
                    self.frames.append(index)
                    yield index, image

            return track(tracker, shown(), prompts)

        monkeypatch.setattr(cleanplate.mask.from_hints, "track", watched)


def test_a_mask_of_one_frame_is_followed_both_ways(place):
    found = labels_of(place.masks)
    assert np.array_equal(found[MIDDLE] > 0, place.truth[MIDDLE])
    scores = [jaccard(found[n] > 0, place.truth[n]) for n in range(FRAMES)]
    assert min(scores) > 0.8
    assert np.mean(scores) > 0.92
    (fact,) = StoredMasks(place.masks).tracks
    assert [at.frame for at in fact.marked] == [MIDDLE]
    assert len(fact.confidence) == FRAMES
    assert all(share is not None and share > 0.8 for share in fact.confidence)
    assert fact.lost == ()


def test_a_click_is_enough_and_the_run_tells_how_it_was_followed(place, tmp_path):
    click = f"thing:{centre(place.truth[3])}@0.12"
    report = cleanplate.remove(place.video, click=click, output=tmp_path / "out.mkv", engine="opencv-telea")
    assert report.untouched == "identical"
    (fact,) = report.tracks
    assert (fact.name, fact.marked[0].frame, fact.found_frames) == ("thing", 3, FRAMES)
    assert json.loads((tmp_path / "out.mkv.json").read_text())["tracks"][0]["confidence"] == list(fact.confidence)
    assert not (tmp_path / ".out.mkv.job").exists()


def test_preview_and_plan_take_the_same_marks(place, tmp_path):
    marks = {"click": centre(place.truth[0]), "tracker": "warp"}
    cleanplate.preview(place.video, output=tmp_path / "sheet.png", count=1, engine="opencv-telea", **marks)
    assert (tmp_path / "sheet.png").exists()
    assert cleanplate.plan(place.video, **marks).holed_frames == FRAMES


def test_objects_keep_apart(tmp_path):
    scene = render("three", width_px=216, height_px=120, frames=10, seed=0)
    write_clip(tmp_path / "in.mkv", scene.images, codec="ffv1", crf=None)
    ids = [int(n) for n in np.unique(scene.labels[4]) if n]
    for n in ids:
        cv2.imwrite(str(tmp_path / f"{n}.png"), (scene.labels[n] == n).astype(np.uint8) * 255)
    masks = [f"thing-{n}:{tmp_path}/{n}.png@{n / 25}" for n in ids]  # each on a frame of its own
    summary, _ = cleanplate.make_masks(tmp_path / "in.mkv", mask=masks, track=True, output=tmp_path / "m")
    assert [(fact.name, fact.marked[0].frame) for fact in summary.tracks] == [(f"thing-{n}", n) for n in ids]
    found = labels_of(tmp_path / "m", 10)
    for fact, n in zip(summary.tracks, ids, strict=True):
        assert min(jaccard(found[t] == fact.object_id, scene.labels[t] == n) for t in range(10)) > 0.6


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


def test_what_is_lost_is_told_and_refused_with_strict(tmp_path):
    images, holes = hidden_disc()
    write_clip(tmp_path / "in.mkv", images, codec="ffv1", crf=None)
    cv2.imwrite(str(tmp_path / "first.png"), holes[0].astype(np.uint8) * 255)
    marks = {"mask": f"disc:{tmp_path}/first.png", "track": True}
    gone = [n for n in range(len(holes)) if not holes[n].any()]
    summary, warnings = cleanplate.make_masks(tmp_path / "in.mkv", **marks, output=tmp_path / "m")
    (span,) = summary.tracks[0].lost
    assert span.first <= gone[0] <= gone[-1] < span.stop
    assert span.first >= gone[0] - 4
    assert span.stop <= gone[-1] + 6
    assert (span.start_s, span.stop_s) == (span.first / 25, span.stop / 25)
    assert len(warnings) == 1
    assert f"'disc' is lost from {span.start_s:.2f} s to {span.stop_s:.2f} s" in warnings[0]
    with pytest.raises(cleanplate.FailedError, match="'disc' is lost from") as raised:
        cleanplate.remove(tmp_path / "in.mkv", **marks, output=tmp_path / "out.mkv", strict=True)
    assert raised.value.exit_code == 1
    assert not (tmp_path / "out.mkv").exists()
    report = cleanplate.remove(tmp_path / "in.mkv", **marks, output=tmp_path / "out.mkv", engine="opencv-telea")
    assert any("'disc' is lost" in warning for warning in report.warnings)
    assert report.tracks[0].lost == summary.tracks[0].lost


def test_objects_are_followed_to_the_end_of_their_shot(tmp_path):
    one, two = (render(name, width_px=216, height_px=120, frames=10, seed=s) for name, s in (("pan", 0), ("zoom", 5)))
    write_clip(tmp_path / "in.mkv", [*one.images, *two.images], codec="ffv1", crf=None)
    click = centre(one.labels[0] > 0)
    summary, warnings = cleanplate.make_masks(tmp_path / "in.mkv", click=click, output=tmp_path / "m")
    assert any("within its shot, 0.00-0.40 s" in warning for warning in warnings)
    found = labels_of(tmp_path / "m", 20)
    assert found[9].any()
    assert not found[10:].any()
    assert summary.tracks[0].confidence[10:] == (None,) * 10


@pytest.mark.parametrize(
    ("marks", "sentence"),
    [
        ({"click": "216,10"}, "click 216,10 lies outside the picture of 216x120"),
        ({"click": "3,-1"}, "outside"),
        ({"click": "3,4@0.96"}, r"past the end of the video, which lasts 0.960 s"),
        ({"click": "3;x"}, "not a point"),
        ({"keep_click": (3, 4)}, "nothing on that frame says what is to go"),
        ({"click": "3,4", "keep_click": "9,9@0.5"}, "nothing on that frame"),
        ({"box": "3,4,217,60", "track": True}, "does not lie in the picture of 216x120"),
        ({"box": "3,4,50,60@0.5"}, "'0.5' is one time, not a time span.*--track"),
        ({"box": ["3,4,50,60", "9,9,20,20"], "track": True}, "mark the same object on one frame.*--object"),
        ({"mask": "{turned}", "track": True}, "120x216 but the video is 216x120.*lies on its side"),
        ({"mask": "{empty}", "track": True}, "empty.png marks nothing.*it is all black"),
        ({"mask": "{missing}", "track": True}, "missing.png does not exist"),
        ({"mask": "{masks}", "track": True}, "is no picture; an object is followed from one picture"),
        ({"mask": "{video}", "track": True}, "is no picture"),
        ({"mask": "{middle}", "click": "30,30", "track": True}, "either a mask or clicks"),
        ({"track": True}, "--track follows masks and boxes, but none was given"),
        ({"mask": "{masks}", "fix": "{masks}/000024.png"}, "for frame 24, but the video has frames 0 to 23"),
        ({"mask": "{masks}", "fix": "{masks}/000099.png"}, "for frame 99, but the video has frames 0 to 23"),
        ({"mask": "{masks}", "fix": "{missing}"}, "does not say for which frame it is"),
        ({"mask": "{masks}", "fix": "{turned}@0.4"}, "lies on its side"),
        ({"fix": "{masks}/000010.png"}, "--fix mends masks that are there"),
        ({"click": "3,4", "tracker": "magic"}, "no tracker 'magic'"),
        ({"click": "3,4", "segmenter": "magic"}, "no segmenter 'magic'"),
        ({"clicks": "3,4"}, "nothing can be marked by 'clicks'"),
    ],
)
def test_what_cannot_be_followed(place, tmp_path, marks, sentence):
    names = {name: place.folder / f"{name}.png" for name in ("turned", "empty", "missing", "middle")}
    names |= {"masks": place.masks, "video": place.video}
    given = {key: value.format(**names) if isinstance(value, str) else value for key, value in marks.items()}
    with pytest.raises(cleanplate.UsageError, match=sentence):
        cleanplate.make_masks(place.video, output=tmp_path / "m", **given)
    assert not (tmp_path / "m").exists()


def test_times_mean_the_frame_that_is_shown_then():
    uneven = Timeline.of([(0, 40), (40, 100), (140, 20), (160, 40)], Fraction(1, 1000))
    frames = [
        Hint.parse_click(f"1,2@{time}").frame_in(uneven) for time in ("0", "0.039", "0.04", "0.1", "0.15", "0.199")
    ]
    assert frames == [0, 0, 1, 1, 2, 3]
    assert Hint.parse_click("1,2").frame_in(uneven) == 0
    assert Hint.parse_fix("masks/000002.png").frame_in(uneven) == 2
    with pytest.raises(cleanplate.MaskError, match="past the end"):
        Hint.parse_click("1,2@0.2").frame_in(uneven)


def test_hints_say_again_what_was_typed():
    said = [
        "click 3,4",
        "click dog:3.5,4@1.25",
        "box a-b:1,2,3,4@60",
        "mask dog:some/first.png@3.5",
        "fix m/000012.png",
    ]
    read = [
        Hint.parse_click(" 3, 4"),
        Hint.parse_click("dog:3.5,4@00:01.25"),
        Hint.parse_box("a-b:1,2,3,4@01:00"),
        Hint.parse_mask("dog:some/first.png@3.5"),
        Hint.parse_fix("m/000012.png"),
    ]
    assert [str(hint) for hint in read] == said


def test_turned_and_uneven_videos_are_marked_as_they_are_shown(tmp_path):
    pts = [0, 512, 1024, 2560, 3072, 3584]
    write_media(tmp_path / "in.mp4", Recipe(size=(64, 48), rotation=90, pts=pts))
    first = np.zeros((64, 48), np.uint8)
    first[50:60, 5:20] = 255
    cv2.imwrite(str(tmp_path / "first.png"), first)
    summary, _ = cleanplate.make_masks(
        tmp_path / "in.mp4", mask=f"{tmp_path}/first.png@0.15", track=True, tracker="hold", output=tmp_path / "m"
    )
    assert [at.frame for at in summary.tracks[0].marked] == [2]  # shown until 0.2 s
    stored = StoredMasks(tmp_path / "m")
    assert all(np.array_equal(stored.labels(time) > 0, first > 0) for time in pts)


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


class Endless:
    """A video of one picture again and again; remembers how many frames are alive at a time."""

    def __init__(self, source: Path, count: int) -> None:
        from cleanplate.decode.reader import open_video

        with open_video(source) as reader:
            self.info = reader.info
            self.picture = next(iter(reader))
        self.count = count

    def __iter__(self):
        for n in range(self.count):
            yield Frame(index=n, pts=n, duration=1, native=self.picture.native)


def test_memory_does_not_grow_with_the_length(place, tmp_path):
    import tracemalloc

    peaks = []
    source = MaskSource(hints=(Hint.parse_mask(f"{place.folder}/middle.png@1"),), tracker="hold")
    for count in (30, 480):
        video = Endless(place.video, count)
        from cleanplate.mask.maker import Scene, close_parts, open_parts, union

        work = tmp_path / str(count)
        work.mkdir()
        times = [(n, 1) for n in range(count)]
        scene = Scene(info=video_info(216, 120), timestamps=times, video=video, work=work, warn=print)
        tracemalloc.start()
        parts = open_parts([source], scene)
        for frame, labels in union(parts, scene):
            assert labels.any(), frame.index
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
        close_parts(parts)
    assert peaks[1] - peaks[0] < 450 * 600  # bytes a frame: its time, where its pictures lie, and how sure it is


def test_pixels_that_are_not_there_are_asked_for():
    source = MaskSource(hints=(Hint.parse_click("3,4"),))
    with pytest.raises(cleanplate.UsageError, match="only its timing is here"):
        list(combine([source], video_info(), [(0, 1)], warn=print))
