"""The page in a real browser: a project of the root is opened, and its run cancelled and started again by the mouse."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from ui_page import Visitor, browsing, served

from cleanplate.apps.project import Project
from cleanplate.bench.synth import render
from cleanplate.bench.synth_video import write_clip

FRAMES, MIDDLE = 36, 18
BOX = (40, 30, 120, 90)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SimpleNamespace]:
    """A visitor of a root with a video in it, and a project made by hand that marks a box of it."""
    folder = tmp_path_factory.mktemp("projects")
    root = folder / "root"
    root.mkdir()
    scene = render("pan", width_px=320, height_px=180, frames=FRAMES, seed=0)
    write_clip(root / "in.mp4", scene.images, codec="libx264", crf=10)
    Project.create(root / "fence", root / "in.mp4", marks={"box": ["40,30,120,90"]}, settings={"grow_px": 7})
    with browsing() as browser, served(folder / "served", "--root", str(root)) as address:
        yield SimpleNamespace(visitor=Visitor(browser, address), folder=folder, root=root, scene=scene)


def job(visitor: Visitor) -> dict:
    """How the newest job of the visitor stands."""
    return visitor.page.request.get(visitor.page.evaluate("location.origin + '/jobs'")).json()[0]


def stand_still(folder: Path) -> None:
    """Stop the process of the job that runs in a server's folder, so that it does not end before it is cancelled."""
    end = time.monotonic() + 60
    while time.monotonic() < end:
        for path in Path("/proc").glob("[0-9]*/cmdline"):
            with suppress(OSError):
                words = path.read_text()
                if "cleanplate.apps.jobs.child" in words and str(folder) in words:
                    os.kill(int(path.parent.name), signal.SIGSTOP)
                    return
    raise AssertionError("no job runs")


def test_a_project_of_the_root_is_opened_and_its_marks_are_found(place):
    visitor = place.visitor
    visitor.page.get_by_label("Or a video or project from the server's folder").click()
    visitor.page.get_by_role("option", name="fence (project)").click()
    visitor.wait_for_frame()
    visitor.wait("window.cleanplate.facts.has_masks")
    box = np.zeros((180, 320), bool)
    box[BOX[1] : BOX[3], BOX[0] : BOX[2]] = True
    assert np.array_equal(visitor.hole(MIDDLE), box)
    visitor.step("Fill")
    assert visitor.page.get_by_label("Grow (pixels)").input_value() == "7"
    assert sorted(path.name for path in (place.root / "fence").rglob("*")) == ["masks", "project.json"]


def test_a_run_is_cancelled_and_started_again(place):
    visitor = place.visitor
    visitor.step("Run")
    visitor.page.click("#run")
    stand_still(place.folder)
    visitor.page.wait_for_selector("#run-line .cp-progress")
    visitor.page.click("#cancel")
    visitor.page.locator("#run-line", has_text="Stopped.").wait_for()
    assert job(visitor)["state"] == "cancelled"
    assert visitor.facts("has_result") is False
    assert visitor.page.locator("#links a").count() == 0
    visitor.step("Jobs")
    visitor.page.locator(".cp-jobs td", has_text="stopped").wait_for()
    visitor.step("Remove")
    visitor.step("Run")
    visitor.page.click("#run")
    visitor.page.wait_for_selector("#links a")
    assert job(visitor)["state"] == "done"
    assert visitor.facts("has_result") is True
    apart = np.abs(visitor.picture(f"result/{MIDDLE}.jpg?test").astype(int) - place.scene.images[MIDDLE])
    assert apart[BOX[1] : BOX[3], BOX[0] : BOX[2]].mean() > 3 > apart[120:].mean()


def test_nothing_failed_in_the_browser(place):
    assert place.visitor.faults == []
