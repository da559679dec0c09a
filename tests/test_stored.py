"""Stored masks: written, read by time, mended, hostile; and the mask pass that writes them."""

from __future__ import annotations

import json
from dataclasses import replace
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from mask_files import blob, constant, video_info, write_png

from cleanplate.base.arrays import hole_groups
from cleanplate.base.errors import MaskError, MediaError, UsageError
from cleanplate.mask import stored
from cleanplate.mask.maker import combine
from cleanplate.mask.source import MaskSource
from cleanplate.mask.stored import StoredMasks, make_masks
from cleanplate.mask.stored_writer import LabelWriter

BOX = MaskSource.parse_box("8,10,16,18@0.08-0.2")


def write(folder: Path, frames: list[np.ndarray], ticks: int = 1, start: int = 0) -> Path:
    with LabelWriter(folder, video_info(), []) as writer:
        for index, labels in enumerate(frames):
            writer.add(index, start + ticks * index, labels)
        writer.close()
    return folder


def make(folder: Path, *sources: MaskSource | str | Path, count: int = 10, invert: bool = False):
    warnings: list[str] = []
    given = [s if isinstance(s, MaskSource) else MaskSource.parse_file(str(s)) for s in sources]
    summary = make_masks(given, video_info(), constant(count), folder, invert=invert, warn=warnings.append)
    return summary, warnings


@settings(deadline=None, max_examples=40)
@given(st.lists(st.integers(0, 4), min_size=1, max_size=12), st.integers(-5000, 5000), st.integers(1, 700))
def test_round_trip(tmp_path_factory, kinds, start, ticks):
    pictures = [np.zeros((48, 64), np.uint8), *(blob(at=5 * n, value=60 * n + 3) for n in range(1, 5))]
    folder = write(tmp_path_factory.mktemp("m"), [pictures[k].copy() for k in kinds], ticks, start)
    masks = StoredMasks(folder)
    for n, k in enumerate(kinds):
        for pts in (start + n * ticks, start + n * ticks + ticks - 1):
            assert np.array_equal(masks.labels(pts), pictures[k])
            assert masks.is_empty(pts) == (k == 0)
    changes = 1 + sum(a != b for a, b in pairwise(kinds))
    assert len(masks.spans) == changes
    assert len(list(folder.glob("*.png"))) == sum(span.file is not None for span in masks.spans)
    assert masks.frame_count == len(kinds)
    assert masks.time_base == Fraction(1, 25)


def test_a_still_mask_is_one_file_that_other_programs_can_read(tmp_path):
    write(tmp_path / "m", [blob(value=7)] * 50)
    (file,) = (tmp_path / "m").glob("*.png")
    assert file.name == "000000.png"
    seen = cv2.imread(str(file))
    assert (seen.max(axis=2) > 0).tolist() == (blob() > 0).tolist(), "the hole can be seen in a viewer"


def test_same_span_same_array_and_a_bounded_cache(tmp_path, monkeypatch):
    masks = StoredMasks(write(tmp_path / "m", [blob(at=n) for n in range(30) for _ in range(2)]))
    read = []
    decode = stored.read_picture
    monkeypatch.setattr(stored, "read_picture", lambda path: (read.append(path.name), decode(path))[1])
    first = masks.labels(0)
    assert masks.labels(1) is first
    assert not first.flags.writeable
    assert read == ["000000.png"]
    for pts in range(60):
        masks.labels(pts)
    assert len(read) == 30
    masks.labels(0)
    assert len(read) == 31, "the first picture had been let go"
    assert len(read) == 31


def test_the_same_array_is_not_looked_at_again(tmp_path, monkeypatch):
    labels = blob()
    compared = []
    equal = np.array_equal
    monkeypatch.setattr(stored.np, "array_equal", lambda a, b: (compared.append(1), equal(a, b))[1])
    write(tmp_path / "m", [labels] * 20)
    assert not compared


def test_what_masks_json_says(tmp_path):
    make(tmp_path / "m", MaskSource.parse_box("0,0,4,4"), BOX)
    facts = json.loads((tmp_path / "m" / "masks.json").read_text())
    assert facts["version"] == 1
    assert facts["time_base"] == "1/25"
    assert facts["objects"] == [1, 2]
    assert facts["sources"] == ["0,0,4,4", "8,10,16,18@0.08-0.2"]
    assert facts["spans"] == [
        {"index": 0, "pts": 0, "file": "000000.png", "boxes_xyxy": [[0, 0, 4, 4]], "hole_px": 16},
        {"index": 2, "pts": 2, "file": "000002.png", "boxes_xyxy": [[0, 0, 16, 18]], "hole_px": 80},
        {"index": 5, "pts": 5, "file": "000005.png", "boxes_xyxy": [[0, 0, 4, 4]], "hole_px": 16},
    ]


def test_mask_pass(tmp_path):
    summary, warnings = make(tmp_path / "m", BOX)
    assert (summary.frame_count, summary.holed_frames, summary.objects, summary.span_count) == (10, 3, (1,), 3)
    assert summary.hole_share == pytest.approx(3 * 64 / (10 * 64 * 48))
    masks = StoredMasks(tmp_path / "m")
    assert [masks.is_empty(pts) for pts in range(10)] == [True] * 2 + [False] * 3 + [True] * 5
    assert not warnings


# ---- refused masks


@pytest.mark.parametrize(
    ("value", "invert", "says"),
    [
        (0, False, "cover nothing in any of the 10 frames.*it is all black.*--invert"),
        (90, False, "its largest value is 90 and only values above 127 count"),
    ],
)
def test_covers_nothing(tmp_path, value, invert, says):
    path = write_png(tmp_path / "m.png", blob(value=value), "gray")
    with pytest.raises(MaskError, match=says):
        make(tmp_path / "m", path, invert=invert)
    assert not (tmp_path / "m").exists()


def test_covers_nothing_for_other_reasons(tmp_path):
    white = write_png(tmp_path / "w.png", np.full((48, 64), 255), "gray")
    with pytest.raises(MaskError, match="leave out --invert"):
        make(tmp_path / "m", white, invert=True)
    blank = write_png(tmp_path / "p.png", np.zeros((48, 64)), "palette")
    with pytest.raises(MaskError, match="it holds no label"):
        make(tmp_path / "m", blank)
    deep = write_png(tmp_path / "d.png", blob(value=255).astype(int), "gray", 16)
    with pytest.raises(MaskError, match="largest value is 255 and only values above 32767"):
        make(tmp_path / "m", deep)


def test_covers_every_frame_wholly(tmp_path):
    path = write_png(tmp_path / "m.png", np.full((48, 64), 255), "gray")
    with pytest.raises(MaskError, match=r"cover every frame wholly, so nothing is left to fill from.*--invert"):
        make(tmp_path / "m", path)
    assert not (tmp_path / "m").exists()
    make(tmp_path / "m", f"{path}@-0.2")  # for a part of the time it may


def test_an_idle_mask_among_others_is_pointed_out(tmp_path):
    path = write_png(tmp_path / "m.png", blob(value=0), "gray")
    _, warnings = make(tmp_path / "m", BOX, path)
    assert warnings == [
        f"the mask '{path}' covers nothing in any frame: it is all black; draw what is to go in white, "
        "or use --invert if black marks it"
    ]


# ---- the folder


def test_a_failure_leaves_other_files_and_nothing_of_ours(tmp_path):
    folder = tmp_path / "m"
    folder.mkdir()
    (folder / "notes.txt").write_text("mine")
    for n in range(10):
        write_png(tmp_path / "in" / f"{n}.png", blob(at=n), "gray")
    (tmp_path / "in" / "7.png").write_bytes(b"\x89PNG\r\n\x1a\nbroken")
    with pytest.raises(MaskError, match=r"7\.png is damaged"):
        make(folder, tmp_path / "in")
    assert [path.name for path in folder.iterdir()] == ["notes.txt"]


def test_pictures_of_others_are_never_written_over(tmp_path):
    picture = write_png(tmp_path / "frames" / "000000.png", blob(), "gray")
    before = picture.read_bytes()
    with pytest.raises(UsageError, match=r"holds other pictures, like 000000\.png; give a new folder"):
        make(tmp_path / "frames", BOX)
    assert picture.read_bytes() == before
    assert len(list(picture.parent.iterdir())) == 1


def test_older_stored_masks_are_replaced(tmp_path):
    write(tmp_path / "m", [blob(at=n) for n in range(10)])
    make(tmp_path / "m", BOX)
    assert sorted(path.name for path in (tmp_path / "m").iterdir()) == ["000002.png", "masks.json"]


def test_half_written_masks_are_replaced(tmp_path):
    writer = LabelWriter(tmp_path / "m", video_info(), [])
    writer.add(0, 0, blob())
    with pytest.raises(MaskError, match="holds no stored masks"):
        StoredMasks(tmp_path / "m")
    make(tmp_path / "m", BOX)
    assert sorted(path.name for path in (tmp_path / "m").iterdir()) == ["000002.png", "masks.json"]


def test_masks_are_not_written_over_their_source(tmp_path):
    write(tmp_path / "m", [blob()] * 10)
    with pytest.raises(UsageError, match="where they come from"):
        make(tmp_path / "m", tmp_path / "m")
    assert not StoredMasks(tmp_path / "m").is_empty(0)


def test_unwritable(tmp_path):
    (tmp_path / "file").write_text("x")
    with pytest.raises(MediaError, match="cannot be written"):
        make(tmp_path / "file" / "m", BOX)


# ---- stored masks as a source


def test_stored_masks_are_a_source_too(tmp_path):
    pictures = [blob(at=n // 3, value=n // 3) for n in range(10)]
    write(tmp_path / "a", pictures)
    make(tmp_path / "b", tmp_path / "a")
    masks = StoredMasks(tmp_path / "b")
    assert all(np.array_equal(masks.labels(n), pictures[n]) for n in range(10))


def test_stored_masks_for_a_copy_on_another_clock(tmp_path):
    """Matroska keeps milliseconds where MP4 kept exact times."""
    write(tmp_path / "m", [blob(at=n) for n in range(10)])
    times = [(700 + n * 40 - (n % 2), 0) for n in range(10)]  # now and then a tick early
    info = video_info(time_base=Fraction(1, 1000))
    frames = combine([MaskSource(path=tmp_path / "m")], info, times, warn=print)
    assert [int(np.flatnonzero(labels.any(axis=0))[0]) for _, _, labels in frames] == list(range(10))


def test_mended_masks(tmp_path):
    folder = write(tmp_path / "m", [blob(value=5)] * 10)
    write_png(folder / "000000.png", blob(at=30, value=5), "palette")
    with pytest.raises(MaskError, match=r"000000\.png' was changed since it was written; to use mended masks"):
        StoredMasks(folder).labels(0)
    make(tmp_path / "new", folder)
    assert np.array_equal(StoredMasks(tmp_path / "new").labels(0), blob(at=30, value=5))


# ---- hostile or damaged folders


def test_times_before_the_first_frame(tmp_path):
    masks = StoredMasks(write(tmp_path / "m", [blob()] * 3, start=100))
    with pytest.raises(MaskError, match="begin at tick 100, but the video has a frame at tick 99"):
        masks.labels(99)


def test_another_size(tmp_path):
    masks = StoredMasks(write(tmp_path / "m", [blob()]))
    info = video_info()
    masks.check_video(info)
    with pytest.raises(MaskError, match="are 64x48 but the video is 48x64"):
        masks.check_video(replace(info, width_px=48, height_px=64))
    with pytest.raises(MaskError, match="count time in 1/25 s but the video in 1/1000 s"):
        masks.check_video(replace(info, time_base=Fraction(1, 1000)))


def _set(facts, *path_and_value):
    *path, last, value = path_and_value
    for step in path:
        facts = facts[step]
    facts[last] = value


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (("format", "other"), "does not describe stored masks"),
        (("version", 2), "has version 2, but this program reads version 1"),
        (("width_px", 10**9), "is damaged"),
        (("height_px", 0), "is damaged"),
        (("width_px", True), "is damaged"),
        (("width_px", "64"), "is damaged"),
        (("time_base", "1/0"), "is damaged"),
        (("time_base", "-1/25"), "is damaged"),
        (("time_base", 25), "is damaged"),
        (("frame_count", 1), "is damaged"),
        (("spans", []), "is damaged"),
        (("spans", {"a": 1}), "is damaged"),
        (("spans", 0, "file", "../000000.png"), "is damaged"),
        (("spans", 0, "file", "/etc/passwd"), "is damaged"),
        (("spans", 0, "file", 7), "is damaged"),
        (("spans", 0, "file", None), "is damaged"),
        (("spans", 0, "boxes_xyxy", [[0, 0, 65, 4]]), "is damaged"),
        (("spans", 0, "boxes_xyxy", [[0, 0, 4]]), "is damaged"),
        (("spans", 0, "boxes_xyxy", [[4, 4, 4, 9]]), "is damaged"),
        (("spans", 0, "hole_px", 10**9), "is damaged"),
        (("spans", 1, "index", 0), "is damaged"),
        (("spans", 1, "index", True), "is damaged"),
        (("spans", 1, "pts", -4), "is damaged"),
        (("spans", 1, "pts", 1e400), "is damaged"),
        (("objects", [0]), "is damaged"),
    ],
)
def test_hostile_index(tmp_path, change, says):
    folder = write(tmp_path / "m", [blob(), blob(at=9)])
    facts = json.loads((folder / "masks.json").read_text())
    _set(facts, *change)
    (folder / "masks.json").write_text(json.dumps(facts))
    with pytest.raises(MaskError, match=says):
        StoredMasks(folder)


@pytest.mark.parametrize("text", ["", "[]", "{", "[" * 100000, "\xff", "7"])
def test_no_index_at_all(tmp_path, text):
    (tmp_path / "masks.json").write_bytes(text.encode("latin-1"))
    with pytest.raises(MaskError):
        StoredMasks(tmp_path)


def test_pictures_that_do_not_fit(tmp_path):
    folder = write(tmp_path / "m", [blob()])
    write_png(folder / "000000.png", blob(32, 24), "palette")
    with pytest.raises(MaskError, match="not a palette PNG of 64x48"):
        StoredMasks(folder).labels(0)
    two = write(tmp_path / "two", [np.maximum(blob(), 2 * np.eye(48, 64, dtype=np.uint8))])
    write_png(two / "000000.png", blob(), "gray")  # of one object it would do: which of two is it?
    with pytest.raises(MaskError, match="not a palette PNG of 64x48"):
        StoredMasks(two).labels(0)
    (folder / "000000.png").unlink()
    with pytest.raises(MaskError, match="cannot be read"):
        StoredMasks(folder).labels(0)


def test_links_out_of_the_folder(tmp_path):
    folder = write(tmp_path / "m", [blob()])
    (folder / "000000.png").rename(tmp_path / "elsewhere.png")
    (folder / "000000.png").symlink_to(tmp_path / "elsewhere.png")
    with pytest.raises(MaskError, match="link to another folder"):
        StoredMasks(folder).labels(0)


def test_every_palette_index_survives(tmp_path):
    labels = (np.arange(48 * 64) % 256).astype(np.uint8).reshape(48, 64)
    assert np.array_equal(StoredMasks(write(tmp_path / "m", [labels])).labels(0), labels)


def test_holes_far_apart_get_boxes_of_their_own():
    hole = np.zeros((1080, 1920), bool)
    hole[50:130, 60:260] = True
    hole[120:140, 250:300] = True
    hole[900:980, 1600:1800] = True
    assert hole_groups(hole) == ((60, 50, 300, 140), (1600, 900, 1800, 980))
    assert hole_groups(hole[:800]) == ((60, 50, 300, 140),)
    assert hole_groups(hole[300:400]) == ()
    hole[::200, ::200] = True  # too many to tell apart
    assert hole_groups(hole) == ((0, 0, 1801, 1001),)


def test_a_failing_mask_pass_leaves_the_masks_before_it(tmp_path):
    folder = tmp_path / "m"
    make(folder, BOX)
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    empty = tmp_path / "empty.png"
    write_png(empty, np.zeros((48, 64), np.uint8), "gray")
    with pytest.raises(MaskError, match="cover nothing"):
        make(folder, MaskSource.parse_file(str(empty)))
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before
    make(folder, MaskSource.parse_box("0,0,4,4"))
    assert sorted(path.name for path in folder.iterdir()) == ["000000.png", "masks.json"]
