"""A project on disk: opened as it was saved, run to the command line's bytes, refused in one sentence when spoilt."""

from __future__ import annotations

import json
import shutil
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
import pytest
from test_cli import call

from cleanplate.apps.project import Project
from cleanplate.apps.table import TASKS
from cleanplate.base.errors import UsageError
from cleanplate.bench.synth import render
from cleanplate.bench.synth_video import write_clip
from cleanplate.mask.hints import placed
from cleanplate.mask.stored_format import is_stored

BOX = "110,8,140,30"


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A clip, and a mask of its logo."""
    folder = tmp_path_factory.mktemp("project")
    scene = render("logo-pan", width_px=160, height_px=96, frames=12)
    write_clip(folder / "in.mp4", scene.images, has_sound=True)
    cv2.imwrite(str(folder / "mask.png"), scene.holes[0].astype(np.uint8) * 255)
    return folder


def pictures(path: Path) -> np.ndarray:
    with av.open(str(path)) as container:
        return np.stack([frame.to_ndarray(format="gray") for frame in container.decode(video=0)])


def test_it_is_opened_as_it_was_saved(place: Path, tmp_path: Path):
    made = Project.create(
        tmp_path / "dog", place / "in.mp4", marks={"click": ["dog:3,4@0:01"]}, settings={"grow_px": 6}, suffix=".mkv"
    )
    made.page["playhead"] = 17
    made.save()
    assert Project.open(tmp_path / "dog") == made
    assert sorted(path.name for path in (tmp_path / "dog").iterdir()) == ["masks", "project.json"]


def test_it_makes_the_command_lines_bytes(place: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    project = Project.create(
        tmp_path / "logo",
        place / "in.mp4",
        marks={"mask": "masks/logo.png"},
        settings={"engine": "opencv-telea", "options": {"radius_px": 7}, "grow_px": 6, "origin_map": True, "crf": 20},
    )
    shutil.copy(place / "mask.png", project.masks / "logo.png")
    words = ["remove", str(place / "in.mp4"), "--mask", str(place / "mask.png"), "-e", "opencv-telea", "--crf", "20"]
    words += ["--set", "radius_px=7", "--grow", "6", "--origin-map", str(tmp_path / "origin.mkv")]
    assert call(capsys, *words, "--keep-masks", str(tmp_path / "kept"), "-o", str(tmp_path / "out.mp4"), "-q")[0] == 0
    assert call(capsys, "run", str(project.folder), "--quiet") == (0, "", "")
    assert project.output.read_bytes() == (tmp_path / "out.mp4").read_bytes()
    assert np.array_equal(pictures(project.origin_map), pictures(tmp_path / "origin.mkv"))
    kept = {path.name: path.read_bytes() for path in project.kept_masks.glob("*.png")}
    assert kept
    assert kept == {path.name: path.read_bytes() for path in (tmp_path / "kept").glob("*.png")}
    assert json.loads((project.folder / "result.mp4.json").read_text())["untouched"] == "identical"


def test_masks_alone(place: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    project = Project.create(tmp_path / "masks only", place / "in.mp4", task="mask", marks={"box": f"{BOX}@0.2-"})
    code, out, _ = call(capsys, "run", str(project.folder))
    assert (code, "7 of 12 frames have holes" in out) == (0, True)
    assert is_stored(project.kept_masks)
    assert json.loads((project.folder / "result.masks.json").read_text())["holed_frames"] == 7


def test_pictures_as_a_source_and_a_painted_frame(place: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    (tmp_path / "pictures").mkdir()
    for n, gray in enumerate(pictures(place / "in.mp4")[:4]):
        cv2.imwrite(str(tmp_path / "pictures" / f"{n}.png"), cv2.cvtColor(gray, cv2.COLOR_GRAY2BGR))
    settings = {"rate": "24000/1001", "reference": ["masks/painted.png@0"]}
    project = Project.create(
        tmp_path / "p", tmp_path / "pictures", marks={"box": BOX}, settings=settings, suffix=".mp4"
    )
    shutil.copy(tmp_path / "pictures" / "0.png", project.masks / "painted.png")
    assert project.paths() == [tmp_path / "pictures", project.masks / "painted.png"]
    assert call(capsys, "run", str(project.folder), "-q") == (0, "", "")
    with av.open(str(project.output)) as container:
        assert container.streams.video[0].average_rate == Fraction(24000, 1001)
    assert json.loads((project.folder / "result.mp4.json").read_text())["job"]["references"]


def test_a_project_beside_its_video_moves_with_it(place: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    (tmp_path / "here").mkdir()
    shutil.copy(place / "in.mp4", tmp_path / "here" / "in.mp4")
    Project.create(tmp_path / "here" / "logo", tmp_path / "here" / "in.mp4", marks={"box": BOX})
    (tmp_path / "here").rename(tmp_path / "there")
    assert call(capsys, "run", str(tmp_path / "there" / "logo"), "-q") == (0, "", "")
    shutil.move(tmp_path / "there" / "logo", tmp_path / "logo")
    code, _, err = call(capsys, "run", str(tmp_path / "logo"))
    assert (code, len(err.strip().splitlines())) == (2, 1)
    assert f"'{tmp_path / 'in.mp4'}', is not there" in err
    assert "--source VIDEO" in err
    assert call(capsys, "run", str(tmp_path / "logo"), "--source", "nowhere.mp4")[0] == 2
    assert call(capsys, "run", str(tmp_path / "logo"), "--source", str(tmp_path / "there" / "in.mp4"), "-q")[0] == 0
    assert Project.open(tmp_path / "logo").source == tmp_path / "there" / "in.mp4"


def test_a_project_that_is_moved_still_finds_its_source(place: Path, tmp_path: Path):
    (tmp_path / "a" / "b").mkdir(parents=True)
    beside = Project.create(tmp_path / "a" / "b" / "p", tmp_path / "a" / "in.mp4").move_to(tmp_path / "p")
    assert Project.open(tmp_path / "p").source == beside.source == tmp_path / "a" / "in.mp4"
    shutil.copy(place / "in.mp4", beside.masks / "in.mp4")
    beside.source = beside.masks / "in.mp4"
    within = beside.move_to(tmp_path / "q")
    assert Project.open(tmp_path / "q") == within
    assert within.source.is_file()


def test_a_far_source_is_named_in_full(place: Path, tmp_path: Path):
    (tmp_path / "a" / "b" / "c").mkdir(parents=True)
    project = Project.create(tmp_path / "a" / "b" / "c" / "p", tmp_path / "in.mp4")
    assert project.to_json()["source"] == str(tmp_path / "in.mp4")
    assert Project.open(project.folder).source == tmp_path / "in.mp4"


# What somebody wrote into project.json, and what the sentence has to hold.
SPOILT: dict[str, tuple[Any, str]] = {
    "no object": ([1, 2], "format 'list'"),
    "another format": ({"format": 2, "source": "in.mp4"}, "reads format 1"),
    "no source": ({"format": 1}, "names no source"),
    "a null character": ({"format": 1, "source": "in\0.mp4"}, "names no source"),
    "half a character": ({"format": 1, "source": "in\udc80.mp4"}, "names no source"),
    "a source that is a number": ({"format": 1, "source": 3}, "says source is 3"),
    "an unknown field": ({"format": 1, "source": "in.mp4", "output": "/etc/passwd"}, "'output', which is unknown"),
    "an unknown task": ({"format": 1, "source": "in.mp4", "task": "format-disk"}, "remove, mask"),
    "an unknown setting": ({"format": 1, "source": "in.mp4", "settings": {"output": "/x"}}, "'output'"),
    "a path to write": ({"format": 1, "source": "in.mp4", "settings": {"origin_map": "/x.mkv"}}, "true or false"),
    "a setting of another type": ({"format": 1, "source": "in.mp4", "settings": {"grow_px": "4"}}, "a whole number"),
    "true for a number": ({"format": 1, "source": "in.mp4", "settings": {"grow_px": True}}, "a whole number"),
    "an unknown mark": ({"format": 1, "source": "in.mp4", "marks": {"clicks": []}}, "'clicks'"),
    "a click of numbers": ({"format": 1, "source": "in.mp4", "marks": {"click": [3, 4]}}, "text or a list of text"),
    "an unknown kind of result": ({"format": 1, "source": "in.mp4", "suffix": ".exe"}, ".mp4"),
    "marks in a list": ({"format": 1, "source": "in.mp4", "marks": []}, "says marks is []"),
}


@pytest.mark.parametrize("case", SPOILT)
def test_a_spoilt_project_gets_one_sentence(case: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    said, says = SPOILT[case]
    (tmp_path / "project.json").write_text(json.dumps(said))
    code, out, err = call(capsys, "run", str(tmp_path))
    assert (code, out) == (2, "")
    assert says in err
    assert len(err.strip().splitlines()) == 1
    assert "fault in cleanplate" not in err
    assert [path.name for path in tmp_path.iterdir()] == ["project.json"]


@pytest.mark.parametrize("text", ["", "{", "[" * 100_000, "\xff\xfe"], ids=["empty", "cut", "deep", "no UTF-8"])
def test_what_is_no_json_gets_one_sentence(text: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    (tmp_path / "project.json").write_bytes(text.encode("latin-1"))
    code, _, err = call(capsys, "run", str(tmp_path))
    assert (code, "cannot be read as a project" in err, len(err.strip().splitlines())) == (2, True, 1)


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({"settings": {"engine": "magic"}}, "no engine 'magic'"),
        ({"settings": {"options": {"magic": 1}}}, "has no option 'magic'"),
        ({"settings": {"grow_px": 2, "feather_px": 3}}, "--feather is 3"),
        ({"settings": {"rate": "fast"}}, "rate is 'fast'"),
        ({"settings": {"start": "soon"}}, "soon"),
        ({"settings": {"workers": 1000}}, "--workers is 1000"),
        ({"marks": {"click": ["here"]}}, "not a point"),
        ({"marks": {}}, "marks nothing"),
    ],
)
def test_what_a_run_would_refuse_is_refused_before(fields: dict[str, Any], says: str, place: Path, tmp_path: Path):
    project = Project.create(tmp_path / "p", place / "in.mp4", **{"marks": {"box": BOX}, **fields})
    with pytest.raises(UsageError, match=says):
        project.check()


def test_no_project_and_no_empty_folder(place: Path, tmp_path: Path):
    with pytest.raises(UsageError, match="is no project"):
        Project.open(tmp_path)
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(UsageError, match="not empty"):
        Project.create(tmp_path, place / "in.mp4")


def test_a_failed_save_leaves_what_was_there(place: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    project = Project.create(tmp_path / "p", place / "in.mp4", marks={"box": BOX})
    before = (project.folder / "project.json").read_text()
    project.settings["grow_px"] = "wide"
    with pytest.raises(UsageError, match="grow_px"):
        project.save()
    assert (project.folder / "project.json").read_text() == before


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("masks/a.png", "/p/masks/a.png"),
        ("masks/a.png@00:03-00:07", "/p/masks/a.png@00:03-00:07"),
        ("dog:masks/a.png@00:03.5", "dog:/p/masks/a.png@00:03.5"),
        ("/elsewhere/a.png@3", "/elsewhere/a.png@3"),
        ("dog:/elsewhere/a.png", "dog:/elsewhere/a.png"),
    ],
)
def test_paths_in_marks_begin_at_the_project(text: str, found: str):
    assert placed(text, Path("/p")) == found


def test_a_file_of_the_whole_name_wins(tmp_path: Path):
    (tmp_path / "dog:a.png").touch()
    assert placed("dog:a.png", tmp_path) == str(tmp_path / "dog:a.png")


@pytest.mark.parametrize("name", TASKS)
def test_each_task_tells_what_can_be_set(name: str):
    spec = TASKS[name]
    settings = spec.settings()
    assert callable(spec.load())
    assert not {"output", "watch", "fresh", "keep_masks", "click", "mask"} & settings.keys()
    assert all(one.said for one in settings.values())
    assert all(one.default is None or one.takes(one.default) for one in settings.values())
