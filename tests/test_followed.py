"""Clicks, boxes and first masks through the whole chain: followed, told, and refused clearly."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace

import cv2
import numpy as np
import pytest
from followed_clip import FRAMES, MIDDLE, panned
from mask_files import labels_of, video_info
from media import Recipe
from media import render as write_media
from test_track_flow import hidden_disc

import cleanplate
from cleanplate.base.types import Frame
from cleanplate.bench.metrics.regions import jaccard
from cleanplate.bench.synth import render
from cleanplate.bench.synth_video import write_clip
from cleanplate.mask.hints import Hint
from cleanplate.mask.maker import combine
from cleanplate.mask.source import MaskSource
from cleanplate.mask.stored import StoredMasks


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> SimpleNamespace:
    return panned(tmp_path_factory.mktemp("followed"))


def centre(hole: np.ndarray) -> str:
    """The point of the hole that is farthest from its border."""
    depth = cv2.distanceTransform(np.pad(hole, 1).astype(np.uint8), cv2.DIST_L2, 5)[1:-1, 1:-1]
    y, x = np.unravel_index(int(depth.argmax()), hole.shape)
    return f"{x},{y}"


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
    found = labels_of(tmp_path / "m")
    for fact, n in zip(summary.tracks, ids, strict=True):
        assert min(jaccard(found[t] == fact.object_id, scene.labels[t] == n) for t in range(10)) > 0.6


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
    # Where nothing is to be done, nothing is missed.
    early = {**marks, "output": tmp_path / "early.mkv", "engine": "opencv-telea", "strict": True}
    assert cleanplate.remove(tmp_path / "in.mkv", **early, stop=str(span.start_s)).warnings == []
    with pytest.raises(cleanplate.FailedError, match="'disc' is lost from"):
        cleanplate.remove(tmp_path / "in.mkv", **early, stop=str(span.start_s + 0.04), fresh=True)


def test_objects_are_followed_to_the_end_of_their_shot(tmp_path):
    one, two = (render(name, width_px=216, height_px=120, frames=10, seed=s) for name, s in (("pan", 0), ("zoom", 5)))
    write_clip(tmp_path / "in.mkv", [*one.images, *two.images], codec="ffv1", crf=None)
    click = centre(one.labels[0] > 0)
    summary, warnings = cleanplate.make_masks(tmp_path / "in.mkv", click=click, output=tmp_path / "m")
    assert any("within its shot, 0.00-0.40 s" in warning for warning in warnings)
    found = labels_of(tmp_path / "m")
    assert found[9].any()
    assert not found[10:].any()
    assert summary.tracks[0].confidence[10:] == (None,) * 10
    # A click on a frame that is not worked on tells as much of its shot, and nothing of the next one.
    again = {"click": click, "output": tmp_path / "out.mkv", "engine": "opencv-telea"}
    assert cleanplate.remove(tmp_path / "in.mkv", **again, start="0.1", stop="0.3").frames_with_holes == 5
    with pytest.raises(cleanplate.MaskError, match=r"no hole lies in the time span 0.5-"):
        cleanplate.remove(tmp_path / "in.mkv", **again, start="0.5", fresh=True)


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
        ({"click": [f"o{n}:{n % 200},{n // 200}" for n in range(256)]}, "more than 255 objects were named"),
        ({"clicks": "3,4"}, "there is no argument 'clicks'"),
    ],
)
def test_what_cannot_be_followed(place, tmp_path, marks, sentence):
    names = {name: place.folder / f"{name}.png" for name in ("turned", "empty", "missing", "middle")}
    names |= {"masks": place.masks, "video": place.video}
    given = {key: value.format(**names) if isinstance(value, str) else value for key, value in marks.items()}
    with pytest.raises(cleanplate.UsageError, match=sentence):
        cleanplate.make_masks(place.video, output=tmp_path / "m", **given)
    assert not (tmp_path / "m").exists()


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
