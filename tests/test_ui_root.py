"""Which projects inside the root the page opens, without a browser: goes on from them, and no way leads out."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace

import cv2
import numpy as np
import pytest

pytest.importorskip("gradio", reason="gradio is not installed (extra 'ui')")

from cleanplate.apps.jobs.queue import Jobs
from cleanplate.apps.project import INDEX_NAME, Project
from cleanplate.apps.ui.workshop import Workshop
from cleanplate.base.errors import CleanplateError, UsageError
from cleanplate.bench.synth import render
from cleanplate.bench.synth_video import write_clip
from cleanplate.mask.stored_format import label_png
from cleanplate.tasks.masks import make_masks

FRAMES = 6
ME, OTHER = "m" * 32, "o" * 32


@pytest.fixture
def place(tmp_path: Path, clip: Path) -> Iterator[SimpleNamespace]:
    """A root with a video and a project of it that marks a picture beside it; outside of it the same once more."""
    for folder in (tmp_path / "root", tmp_path / "outside"):
        folder.mkdir()
        shutil.copy(clip, folder / "in.mkv")
        mask = np.zeros((48, 64), np.uint8)
        mask[10:20, 10:30] = 255
        cv2.imwrite(str(folder / "mask.png"), mask)
    project = Project.create(tmp_path / "root" / "dog", tmp_path / "root" / "in.mkv", marks={"mask": ["../mask.png"]})
    with Jobs(tmp_path / "served" / "jobs") as jobs:
        workshop = Workshop(tmp_path / "served", jobs, tmp_path / "root")
        yield SimpleNamespace(
            workshop=workshop, project=project, folder=tmp_path, root=tmp_path / "root", outside=tmp_path / "outside"
        )
        workshop.close()


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("clip") / "in.mkv"
    write_clip(path, render("pan", width_px=64, height_px=48, frames=FRAMES, seed=0).images, codec="ffv1", crf=None)
    return path


def files_of(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_a_project_goes_on_from_its_masks_and_names_and_the_folder_stays_as_it_is(place):
    make_masks(place.project.source, mask=place.root / "mask.png", output=place.project.masks / "stored")
    (place.project.masks / "drawn").mkdir()
    drawn = np.zeros((48, 64), np.uint8)
    drawn[30:40, 5:9] = 3
    (place.project.masks / "drawn" / "000002.png").write_bytes(label_png(drawn))
    place.project.marks = {"mask": ["masks/stored"], "with_shadow": True}
    place.project.settings = {"grow_px": 7}
    place.project.page = {"objects": {"1": "sign", "3": "dog"}, "run": {"job": "0" * 16}, "track": 7}
    place.project.save()
    before = files_of(place.root)
    studio = place.workshop.from_root(ME, "dog")
    desk = studio.desk
    assert [one["name"] for one in desk.objects()] == ["sign", "dog"]
    assert np.array_equal(desk.labels(2), drawn)
    assert np.array_equal(desk.labels(4) > 0, cv2.imread(str(place.root / "mask.png"), cv2.IMREAD_GRAYSCALE) > 0)
    assert (studio.project.settings["grow_px"], studio.project.marks["with_shadow"]) == (7, True)
    assert not studio.doing("track").is_going
    desk.stroke(4, 1, [(20, 30)], 3, False)
    desk.forget(3)
    assert files_of(place.root) == before
    assert place.workshop.studio(ME, studio.project.folder.name) is studio
    with pytest.raises(UsageError, match="no such project"):
        place.workshop.studio(OTHER, studio.project.folder.name)


def test_what_is_marked_otherwise_is_found_and_named_from_anywhere(place):
    said(place, marks={"mask": ["rex:../mask.png@0"], "track": True})
    studio = place.workshop.from_root(ME, "dog")
    assert studio.project.marks == {"mask": [f"rex:{place.root}/dog/../mask.png@0"], "track": True}
    for _ in studio._jobs.follow(studio.project.page["track"]["job"], ME):
        pass
    assert studio.doing("track").state == "done"
    assert studio.project.marks == {"mask": ["masks/stored"]}
    assert (studio.desk.labels(0) > 0).sum() == 200
    assert [one["name"] for one in studio.desk.objects()] == ["rex"]


def test_projects_are_offered_beside_videos_but_those_of_sessions_are_not(place):
    (place.root / "notes.txt").write_text("dear diary")
    with Jobs(place.root / "served" / "jobs") as jobs:
        workshop = Workshop(place.root / "served", jobs, place.root)
        name = workshop.from_root(OTHER, "in.mkv").project.folder.relative_to(place.root)
        assert workshop.choices() == [("dog (project)", "dog"), ("in.mkv", "in.mkv")]
        with pytest.raises(UsageError, match="what this server keeps"):
            workshop.from_root(ME, str(name))
        workshop.close()


def said(place: SimpleNamespace, **fields: object) -> None:
    path = place.project.folder / INDEX_NAME
    path.write_text(json.dumps({**json.loads(path.read_text()), **fields}))


def link(at: Path, to: Path) -> None:
    at.parent.mkdir(parents=True, exist_ok=True)
    if at.is_dir():
        shutil.rmtree(at)
    at.unlink(missing_ok=True)
    at.symlink_to(to)


WAYS: dict[str, Callable[[SimpleNamespace], object]] = {
    "source by dots": lambda p: said(p, source="../../outside/in.mkv"),
    "source in full": lambda p: said(p, source=str(p.outside / "in.mkv")),
    "source by link": lambda p: (link(p.root / "out.mkv", p.outside / "in.mkv"), said(p, source="../out.mkv")),
    "mask by dots": lambda p: said(p, marks={"mask": ["../../outside/mask.png"]}),
    "mask in full": lambda p: said(p, marks={"mask": [f"dog:{p.outside}/mask.png@0.04"], "track": True}),
    "mask by link": lambda p: link(p.project.masks / "a" / "b.png", p.outside / "mask.png"),
    "masks folder by link": lambda p: link(p.project.masks, p.outside),
    "fix": lambda p: said(p, marks={"mask": ["../mask.png"], "track": True, "fix": [f"{p.outside}/000002.png"]}),
    "reference": lambda p: said(p, settings={"reference": [f"{p.outside}/mask.png@0"]}),
    "index by link": lambda p: (
        shutil.move(p.project.folder / INDEX_NAME, p.outside),
        link(p.project.folder / INDEX_NAME, p.outside / INDEX_NAME),
    ),
    "folder by link": lambda p: (shutil.move(p.project.folder, p.outside), link(p.root / "dog", p.outside / "dog")),
    "another task": lambda p: said(p, task="mask"),
    "rate that is none": lambda p: said(p, settings={"rate": "much"}),
    "names that are none": lambda p: said(p, marks=[]),
    "masks of another size": lambda p: (
        write_clip(p.folder / "wide.mkv", np.zeros((6, 48, 80, 3), np.uint8), codec="ffv1", crf=None),
        make_masks(p.folder / "wide.mkv", box=(1, 1, 9, 9), output=p.project.masks / "stored"),
    ),
}


@pytest.mark.parametrize("way", WAYS)
def test_no_way_leads_out_and_nothing_is_left_of_what_is_refused(place, way):
    WAYS[way](place)
    with pytest.raises(CleanplateError) as error:
        place.workshop.from_root(ME, "dog")
    assert str(place.folder / "served") not in str(error.value)
    assert place.workshop.projects(ME) == []
    assert not list((place.folder / "served").rglob("*.png"))


@pytest.mark.parametrize("text", ["../outside/dog", "dog/../../outside/dog", "/", ".."])
def test_no_project_outside_is_there(place, text):
    shutil.copytree(place.project.folder, place.outside / "dog")
    for path in (text, str(place.outside / "dog")):
        with pytest.raises(UsageError, match="there is no '"):
            place.workshop.from_root(ME, path)
