"""The page in a real browser: boxes, several objects, settings, a painted frame, a stopped job, what is refused."""

from __future__ import annotations

import json
from collections.abc import Iterator
from types import SimpleNamespace

import cv2
import numpy as np
import pytest
from ui_page import Visitor, browsing, served

from cleanplate.base.arrays import bounding_box
from cleanplate.bench.metrics.regions import jaccard
from cleanplate.bench.synth import render
from cleanplate.bench.synth_video import write_clip

FRAMES, MIDDLE = 30, 15


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SimpleNamespace]:
    """A visitor with a clip of three things before a wall."""
    folder = tmp_path_factory.mktemp("more")
    scene = render("three", width_px=320, height_px=180, frames=FRAMES, seed=0)
    write_clip(folder / "in.mp4", scene.images, codec="libx264", crf=10)
    with browsing() as browser, served(folder / "served", "--max-upload", "1M") as address:
        visitor = Visitor(browser, address)
        yield SimpleNamespace(visitor=visitor, scene=scene, folder=folder, served=folder / "served")


def settings(place: SimpleNamespace) -> dict:
    """What stands in the project's file."""
    return json.loads((place.visitor.project(place.served).folder / "project.json").read_text())


def wait_for_settings(place: SimpleNamespace, name: str, kind: str = "settings") -> dict:
    """The same, once it has that setting or, with "marks", that mark."""
    for _ in range(600):
        if name in (found := settings(place))[kind]:
            return found
        place.visitor.page.wait_for_timeout(100)
    raise AssertionError(f"{name} is not among {found}")


def test_what_is_no_video_is_refused_in_one_sentence(place):
    visitor = place.visitor
    (place.folder / "notes.mp4").write_text("dear diary\n" * 50)
    visitor.page.set_input_files("input[type=file]", str(place.folder / "notes.mp4"))
    visitor.page.get_by_text("'notes.mp4'").first.wait_for()
    (place.folder / "huge.mp4").write_bytes(bytes(1_500_000))
    visitor.reload()
    visitor.page.set_input_files("input[type=file]", str(place.folder / "huge.mp4"))
    visitor.page.wait_for_timeout(1500)
    assert visitor.page.locator(".cp-viewer").get_attribute("data-state") == "empty"
    visitor.reload()
    visitor.load(place.folder / "in.mp4")


def test_two_objects_by_boxes_keep_apart(place):
    visitor, labels = place.visitor, place.scene.labels[MIDDLE]
    sizes = sorted((int((labels == n).sum()), n) for n in range(1, labels.max() + 1))[-2:]
    visitor.go(MIDDLE)
    visitor.page.click("[data-tool=box]")
    for index, (_, number) in enumerate(sizes):
        if index:
            visitor.page.get_by_text("Add object").click()
            visitor.page.wait_for_selector("[data-object='2'][aria-current=true]")
        x0, y0, x1, y1 = bounding_box(labels == number)
        visitor.drag((max(x0 - 3, 0), max(y0 - 3, 0)), (x0 + 5, y0 + 5), (min(x1 + 2, 319), min(y1 + 2, 179)))
    shown = visitor.picture(f"overlay/{MIDDLE}.png?test")
    for (_, number), one in zip(sizes, visitor.facts("objects"), strict=True):
        color = np.array([int(one["color"][n : n + 2], 16) for n in (1, 3, 5)])
        assert jaccard((shown[..., :3] == color).all(axis=-1) & (shown[..., 3] > 0), labels == number) > 0.8


def test_an_object_can_be_renamed_taken_back_and_forgotten(place):
    visitor = place.visitor
    name = visitor.page.locator("[data-object='2'] input")
    name.fill("small ball")
    name.press("Enter")
    visitor.wait("window.cleanplate.facts.objects[1].name === 'small ball'")
    before = visitor.hole(MIDDLE).sum()
    with visitor.marked():
        visitor.page.click("[data-undo]")
    assert 0 < visitor.hole(MIDDLE).sum() < before
    visitor.page.get_by_label("Forget small ball").click()
    visitor.wait("window.cleanplate.facts.objects.length === 1")


def test_controls_of_the_engine_write_the_project(place):
    visitor = place.visitor
    visitor.step("Fill")
    visitor.page.get_by_text("All options of the engine").click()
    steady = visitor.page.get_by_label("Steady")
    steady.wait_for()
    assert visitor.page.get_by_text("How much the same point counts").is_visible()
    steady.fill("0.3")
    steady.press("Tab")
    assert wait_for_settings(place, "options")["settings"]["options"] == {"steady": 0.3}
    visitor.page.get_by_label("What no frame shows is filled by").click()
    visitor.page.get_by_role("option", name="exemplar").click()
    assert wait_for_settings(place, "invent")["settings"]["invent"] == "exemplar"
    visitor.page.get_by_label("Shadows and mirror images go too").check()
    assert wait_for_settings(place, "with_shadow", "marks")["marks"]["with_shadow"] is True


def test_a_painted_frame_is_taken_up(place):
    visitor = place.visitor
    visitor.page.get_by_text("A painted frame").click()
    picture = visitor.picture(f"still/{MIDDLE}.png")
    assert np.abs(picture.astype(int) - place.scene.images[MIDDLE]).mean() < 8
    cv2.imwrite(str(place.folder / "painted.png"), np.zeros_like(picture))
    with visitor.page.expect_file_chooser() as chooser:
        visitor.page.click("#reference")
    chooser.value.set_files(str(place.folder / "painted.png"))
    visitor.page.get_by_text(f"Frame {MIDDLE} was painted.").wait_for()
    assert wait_for_settings(place, "reference")["settings"]["reference"] == [f"masks/references/{MIDDLE:06d}.png@0.6"]


def test_a_job_can_be_stopped_and_the_page_goes_on(place):
    visitor = place.visitor
    visitor.step("Run")
    visitor.page.click("#run")
    visitor.page.get_by_text("there are no masks yet").or_(
        visitor.page.get_by_text("were marked but not tracked")
    ).wait_for()
    visitor.step("Track")
    visitor.page.click("#track")
    visitor.page.wait_for_selector("#track-line .cp-progress")
    visitor.page.click("#stop-track")
    ended = visitor.page.get_by_text("found in").or_(visitor.page.locator("#track-line", has_text="Stopped"))
    ended.first.wait_for()
    if "Stopped" in ended.first.text_content():  # else it was quicker
        assert visitor.facts("has_masks") is False
        assert visitor.facts("drawn") == [MIDDLE]


def test_nothing_failed_in_the_browser(place):
    assert place.visitor.faults == []
