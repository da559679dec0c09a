"""What is revealed only far away, through the whole chain from file to file, judged against the clean plate."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from far_shot import Shot, break_off, rgb
from interlaced import hole_db, luma_of, weave_rows, write_interlaced

import cleanplate
from cleanplate.base.types import Clip, Reference
from cleanplate.bench.synth import render
from cleanplate.journal.folder import JobFolder
from cleanplate.paint.engine import make_engine

FRAMES = 140


@pytest.fixture(scope="module")
def short(tmp_path_factory: pytest.TempPathFactory) -> Shot:
    return Shot(tmp_path_factory.mktemp("short"), "stay-pan", FRAMES, 144, 80)


@pytest.fixture(scope="module")
def alone(short: Shot, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, cleanplate.Report]:
    """The result of an undisturbed run."""
    output = tmp_path_factory.mktemp("alone") / "out.mkv"
    return output, short.remove(output)


def test_under_a_slow_pan(short: Shot, alone: tuple[Path, cleanplate.Report]):
    found = short.db(alone[0])
    print(f"least {found.min():.1f} dB, mean {found.mean():.1f} dB")
    assert found.mean() > 31
    assert alone[1].seen_share > 0.97


def test_without_references_it_is_not_found(short: Shot, alone, tmp_path: Path, monkeypatch):
    spec = cleanplate.ENGINES["flowfill"]
    monkeypatch.setitem(cleanplate.ENGINES, "flowfill", replace(spec, references=0))
    report = short.remove(tmp_path / "out.mkv")
    assert "survey" not in report.seconds
    assert short.db(tmp_path / "out.mkv").mean() < short.db(alone[0]).mean() - 5


@pytest.mark.parametrize("workers", [2, 4])
def test_the_number_of_workers_changes_no_byte(workers: int, short: Shot, alone, tmp_path: Path):
    short.remove(tmp_path / "out.mkv", workers=workers)
    assert (tmp_path / "out.mkv").read_bytes() == alone[0].read_bytes()


def test_a_job_that_goes_on_goes_by_the_same_survey(short: Shot, alone, tmp_path: Path, monkeypatch):
    stored = break_off(lambda: short.remove(tmp_path / "out.mkv"), 2, monkeypatch)
    assert stored[0] == "survey"
    assert any(name.startswith("reference-") for name in stored)
    stored.clear()
    report = short.remove(tmp_path / "out.mkv")
    assert report.pieces_taken_over > 0
    assert stored == []
    assert (tmp_path / "out.mkv").read_bytes() == alone[0].read_bytes()


def test_a_damaged_survey_is_made_anew(short: Shot, alone, tmp_path: Path, monkeypatch):
    load = JobFolder.load
    monkeypatch.setattr(JobFolder, "load", lambda folder, name: None if name == "survey" else load(folder, name))
    short.remove(tmp_path / "out.mkv")
    assert (tmp_path / "out.mkv").read_bytes() == alone[0].read_bytes()


def test_frames_outside_the_time_to_work_in_are_references_too(short: Shot, tmp_path: Path):
    output = tmp_path / "out.mkv"
    report = short.remove(output, start="0", stop="1")
    assert report.frames_with_holes == 25
    assert short.db(output)[:25].mean() > 30  # revealed in the last frames, which pass through
    after = rgb(output)[60]
    assert np.array_equal(after, rgb(short.video)[60])


def test_a_reference_never_shows_what_it_hides():
    """By hand: a reference that shows half of the hole, and hides what it must not show under a hole of its own."""
    scene = render("still", width_px=160, height_px=90, frames=8)
    hole = np.zeros((90, 160), np.bool_)
    hole[30:60, 60:100] = True
    images, holes = scene.plate.copy(), np.repeat(hole[None], 8, axis=0)
    images[holes] = 0
    half = hole.copy()
    half[:, 80:] = False
    shown = scene.plate[0].copy()
    shown[half] = 0
    reference = Reference(
        index=500, image=shown, hole=half, planes=np.repeat(np.eye(3)[None], 8, axis=0), needed=np.ones(8, np.bool_)
    )
    painting = make_engine("flowfill").fill(Clip(images=images, holes=holes, references=(reference,)))
    inner = hole & ~(cv2.dilate(half.astype(np.uint8), np.ones((5, 5))) > 0)
    error = np.abs(painting.images.astype(float) - scene.plate)[:, inner]
    assert np.sqrt((error**2).mean()) < 4  # levels
    assert (painting.origin[:, inner] == 1).mean() > 0.98
    assert (painting.origin[:, half & (np.arange(160) < 78)] == 2).mean() > 0.98
    painted = make_engine("flowfill").fill(
        Clip(images=images, holes=holes, references=(replace(reference, is_painted=True),))
    )
    error = np.abs(painted.images.astype(float) - scene.plate)[:, inner]
    assert np.sqrt((error**2).mean()) < 4  # it takes the place of the smooth fill
    assert (painted.origin[holes] == 2).all()  # what was invented elsewhere is invented here


def test_fields_get_the_fields_of_references(tmp_path: Path, monkeypatch):
    frames = 104
    scene = render("stay-pan", frames=2 * frames, width_px=160, height_px=96)
    for name, pictures in (("in", scene.images), ("plate", scene.plate)):
        write_interlaced(tmp_path / f"{name}.mp4", weave_rows(pictures, "tff"), "tff")
    holes = weave_rows((scene.holes | scene.shadow).astype(np.uint8), "tff")
    (tmp_path / "masks").mkdir()
    for index, hole in enumerate(holes):
        cv2.imwrite(str(tmp_path / "masks" / f"{index:04d}.png"), hole * 255)
    found = []
    for references in (4, 0):
        spec = replace(cleanplate.ENGINES["flowfill"], references=references)
        monkeypatch.setitem(cleanplate.ENGINES, "flowfill", spec)
        output = tmp_path / f"out-{references}.mp4"
        report = cleanplate.remove(
            tmp_path / "in.mp4", mask=tmp_path / "masks", output=output, lossless=True, preset="ultrafast"
        )
        assert report.by_field
        found.append(hole_db(output, luma_of(tmp_path / "plate.mp4"), holes.astype(bool)))
    print(f"with references {found[0]:.1f} dB, without {found[1]:.1f} dB")
    assert found[0] > found[1] + 3
