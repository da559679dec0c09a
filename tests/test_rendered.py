"""The rendered data sets are what the benches read, and hold the scenes' truth sample by sample."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from cleanplate.base.errors import UsageError
from cleanplate.bench import rendered
from cleanplate.bench.holes import HOLES, make_holes
from cleanplate.bench.pictures import read_frame, read_labels
from cleanplate.bench.quality.data import find_clips as find_quality
from cleanplate.bench.quality.data import read_clip
from cleanplate.bench.rendered import QUALITY_CLIPS, TRACK_SCENES, first_in_sight, write_dataset
from cleanplate.bench.synth import SCENES, render
from cleanplate.bench.track.data import find_clips as find_track

SMALL = {"width_px": 96, "height_px": 64, "frames": 6}


def times(folder: Path) -> dict[str, int]:
    return {str(path): path.stat().st_mtime_ns for path in sorted(folder.rglob("*.png"))}


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*.png"))}


def test_quality_holds_the_plate_and_the_holes(tmp_path):
    names = write_dataset(
        tmp_path, purpose="quality", scenes=("walker", "pan", "tilt"), holes=("dust", "logo"), seed=3, **SMALL
    )
    assert names == ("walker-dust", "pan-logo", "tilt-dust")
    found = find_quality(tmp_path)
    assert sorted(names) == [clip.name for clip in found.clips]
    for number, (scene, hole) in enumerate((("walker", "dust"), ("pan", "logo"), ("tilt", "dust"))):
        clip = next(clip for clip in found.clips if clip.name == f"{scene}-{hole}")
        images, holes = read_clip(clip)
        assert np.array_equal(images, render(scene, seed=3, **SMALL).plate)
        assert np.array_equal(holes, make_holes(hole, 6, 64, 96, 3 + number))


def test_track_holds_what_the_camera_sees_and_who_is_where(tmp_path):
    size = {**SMALL, "frames": 24}
    assert write_dataset(tmp_path, purpose="track", scenes=("crowd", "pan"), **size) == ("crowd", "pan")
    for clip in find_track(tmp_path).clips:
        scene = render(clip.name, **size)
        images = np.stack([read_frame(path) for path in clip.frames])
        labels = np.stack([read_labels(path) for path in clip.labels if path is not None])
        start = 24 - len(images)
        assert np.array_equal(images, scene.images[start:])
        assert np.array_equal(labels, scene.labels[start:])
        # Trackers are given the first frame: everybody is in it, and most of him.
        for label in range(1, scene.labels.max() + 1):
            area = (scene.labels == label).sum(axis=(1, 2))
            assert area[start] >= 0.6 * area.max()
            assert start == 0 or (area[start - 1] < 0.6 * area.max()) or clip.name == "crowd"
    assert len(np.unique(labels)) == 2


def test_a_clip_begins_where_all_are_in_sight():
    def frame(*areas):
        labels = np.zeros((10, 10), np.uint8)
        for label, area in enumerate(areas, start=1):
            labels[label - 1, :area] = label
        return labels

    assert first_in_sight([frame(1, 10), frame(10, 5), frame(7, 6), frame(10, 10)]) == 2
    assert first_in_sight([frame(1, 10), frame(3, 5), frame(10, 1)]) == 1  # never: where the least one shows most
    assert first_in_sight([frame(), frame()]) == 0
    assert first_in_sight([frame(0, 8)]) == 0


def test_the_usual_clips_are_rows_of_the_tables(tmp_path):
    assert all(scene in SCENES and hole in HOLES for scene, hole in QUALITY_CLIPS)
    assert set(TRACK_SCENES) <= set(SCENES)
    short = {"width_px": 48, "height_px": 36, "frames": 2}
    written = write_dataset(tmp_path / "q", purpose="quality", **short)
    assert len(find_quality(tmp_path / "q").clips) == len(written) == len(QUALITY_CLIPS)
    assert write_dataset(tmp_path / "t", purpose="track", **short) == TRACK_SCENES
    assert len(find_track(tmp_path / "t").clips) == len(TRACK_SCENES)


def test_asking_again_writes_nothing_and_asking_for_another_writes_that(tmp_path):
    ask = {"purpose": "quality", "scenes": ("pan",), "holes": ("dust",), **SMALL}
    seen = []
    write_dataset(tmp_path, watch=seen.append, **ask)
    assert [(each.done, each.total) for each in seen] == [(0, 1), (1, 1)]
    first, bytes_first = times(tmp_path), contents(tmp_path)
    write_dataset(tmp_path, **ask)
    assert times(tmp_path) == first
    write_dataset(tmp_path, **{**ask, "seed": 1, "scenes": ("still",), "frames": 3})
    assert sorted(path.name for path in tmp_path.iterdir()) == ["rendered.json", "still-dust"]
    assert len(times(tmp_path)) == 6
    write_dataset(tmp_path, **ask)
    assert contents(tmp_path) == bytes_first


def test_what_an_interrupted_run_left_is_made_anew(tmp_path, monkeypatch):
    ask = {"purpose": "track", "scenes": ("pan", "still"), **SMALL}

    def stop(film, clip):
        if clip.name == "still":
            raise KeyboardInterrupt
        write(film, clip)

    write = rendered._write_track
    monkeypatch.setattr(rendered, "_write_track", stop)
    with pytest.raises(KeyboardInterrupt):
        write_dataset(tmp_path, **ask)
    monkeypatch.undo()
    (tmp_path / "pan" / "frames" / "00002.png").write_bytes(b"half")
    write_dataset(tmp_path, **ask)
    write_dataset(tmp_path / "new", **ask)
    left = {name: data for name, data in contents(tmp_path).items() if not name.startswith("new")}
    assert left == contents(tmp_path / "new")


def test_a_folder_of_somebody_else_is_left_alone(tmp_path):
    ask = {"purpose": "track", "scenes": ("pan",), **SMALL}
    (tmp_path / "pan").mkdir()
    (tmp_path / "pan" / "mine.txt").write_text("mine")
    with pytest.raises(UsageError, match="not empty"):
        write_dataset(tmp_path, **ask)
    assert (tmp_path / "pan" / "mine.txt").read_text() == "mine"
    (tmp_path / "rendered.json").write_text('{"is_whole": true, "made": {"clips": 5}}')
    with pytest.raises(UsageError, match="damaged"):
        write_dataset(tmp_path, **ask)
    inside = tmp_path / "set"
    inside.mkdir()
    (inside / "rendered.json").write_text('{"is_whole": true, "made": {"clips": [["../pan"], [".."]]}}')
    write_dataset(inside, **ask)
    assert (tmp_path / "pan" / "mine.txt").exists()


@pytest.mark.parametrize(
    ("ask", "said"),
    [
        ({"purpose": "track", "holes": ("dust",)}, "no holes"),
        ({"purpose": "quality", "holes": ()}, "no holes were named"),
        ({"purpose": "quality", "scenes": ("moon",)}, "'moon'"),
        ({"purpose": "quality", "scenes": ("pan",), "holes": ("moon",)}, "'moon'"),
        ({"purpose": "track", "scenes": ("pan", "pan")}, "each once"),
        ({"purpose": "track", "scenes": ()}, "0 scenes"),
        ({"purpose": "track", "height_px": 20}, "96x20"),
    ],
)
def test_what_cannot_be_written_is_said_before_anything_is(tmp_path, ask, said):
    with pytest.raises(UsageError, match=said):
        write_dataset(tmp_path / "set", **{**SMALL, **ask})
    assert not (tmp_path / "set").exists()
