"""The origin map, the shares and the frames worth a look, judged by what a rendered scene reveals."""

from __future__ import annotations

from pathlib import Path

import av
import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

import cleanplate
from cleanplate.bench.synth import render
from cleanplate.bench.synth_video import write_clip

SIZE = {"width_px": 320, "height_px": 180}


def iou(a: NDArray[np.bool_], b: NDArray[np.bool_]) -> float:
    return float((a & b).sum() / (a | b).sum())


@pytest.mark.parametrize("name", ["walker", "pan", "zoom", "parallax", "exposure", "behind", "hidden"])
def test_origin_says_seen_where_the_scene_reveals(name: str):
    scene = render(name, frames=30, **SIZE)
    painting = cleanplate.fill(scene.images, scene.holes)
    assert iou((painting.origin == 1) & scene.holes, scene.revealed) > 0.9
    assert np.array_equal(painting.origin > 0, scene.holes)


def test_a_strip_that_is_revealed_is_seen_and_the_rest_invented():
    scene = render("logo-nudge", frames=60, width_px=640, height_px=360)
    assert 0.3 < scene.revealed.sum() / scene.holes.sum() < 0.7
    assert iou((cleanplate.fill(scene.images, scene.holes).origin == 1) & scene.holes, scene.revealed) > 0.9


def test_what_is_never_revealed_is_invented():
    scene = render("logo-still", frames=12, **SIZE)
    assert not scene.revealed.any()
    assert (cleanplate.fill(scene.images, scene.holes).origin[scene.holes] == 2).all()


@pytest.fixture(scope="module")
def job(tmp_path_factory) -> tuple[Path, Path]:
    """A logo that stays in place and of which the left half is shown in the end: half seen, half invented."""
    folder = tmp_path_factory.mktemp("origin")
    scene = render("logo-still", frames=40, **SIZE)
    write_clip(folder / "in.mkv", scene.images, codec="ffv1", crf=None)
    (folder / "masks").mkdir()
    for index, hole in enumerate(scene.holes):
        middle = int(np.median(np.flatnonzero(hole.any(0))))
        hole = hole.copy()
        hole[:, : middle if index >= 30 else 0] = False
        cv2.imwrite(str(folder / "masks" / f"{index:03d}.png"), hole.astype(np.uint8) * 255)
    return folder / "in.mkv", folder / "masks"


def test_the_map_has_the_reports_shares_and_the_videos_times(job, tmp_path):
    source, masks = job
    report = cleanplate.remove(source, mask=masks, output=tmp_path / "out.mkv", origin_map=tmp_path / "origin.mkv")
    with av.open(str(tmp_path / "origin.mkv")) as file, av.open(str(source)) as video:
        pictures = list(file.decode(video=0))
        levels = np.stack([picture.to_ndarray() for picture in pictures])
        assert [p.pts * p.time_base for p in pictures] == [p.pts * p.time_base for p in video.decode(video=0)]
    assert set(np.unique(levels)) <= {0, 128, 255}
    assert (levels > 0).sum() == report.hole_samples
    assert (levels == 128).sum() == round(report.seen_share * report.hole_samples)
    assert (levels == 255).sum() == round(report.invented_share * report.hole_samples)
    counts = (levels == 255).sum((1, 2))
    for look in report.looks:
        assert look.invented_samples == counts[look.frame]
    assert max(look.invented_samples for look in report.looks) == counts.max()
    gaps = np.diff([look.seconds for look in report.looks])
    assert (gaps >= 1).all()


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("map.mp4", "give it a name that ends in .mkv"),
        ("out.mkv", "would be written over another file of this run"),
        ("nowhere/map.mkv", "does not exist; create it first"),
    ],
)
def test_names_the_map_cannot_have(name, message, job, tmp_path):
    source, masks = job
    with pytest.raises(cleanplate.UsageError, match=message):
        cleanplate.remove(source, mask=masks, output=tmp_path / "out.mkv", origin_map=tmp_path / name)
    assert list(tmp_path.iterdir()) == []


def test_a_failed_run_leaves_no_map(job, tmp_path, monkeypatch):
    def fails(self, frame) -> None:
        raise OSError("the disk is gone")

    monkeypatch.setattr("cleanplate.save.video.FileSink.write", fails)
    source, masks = job
    with pytest.raises(cleanplate.MediaError):
        cleanplate.remove(source, mask=masks, output=tmp_path / "out.mkv", origin_map=tmp_path / "origin.mkv")
    assert [path.name for path in tmp_path.iterdir() if not path.name.endswith(".job")] == []
