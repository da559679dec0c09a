"""The page in a real browser, with a slow server: answers that come late do not bring back how things stood before."""

from __future__ import annotations

import json
from collections.abc import Iterator
from types import SimpleNamespace

import pytest
from ui_page import SLOW, SWIFT, Visitor, browsing, middle_of, served

from cleanplate.bench.synth import render
from cleanplate.bench.synth_video import write_clip

FRAMES, MIDDLE = 12, 6


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SimpleNamespace]:
    """A visitor with a clip of three things before a wall."""
    folder = tmp_path_factory.mktemp("order")
    scene = render("three", width_px=320, height_px=180, frames=FRAMES, seed=0)
    write_clip(folder / "in.mp4", scene.images, codec="libx264", crf=10)
    with browsing() as browser, served(folder / "served") as address:
        visitor = Visitor(browser, address)
        visitor.load(folder / "in.mp4")
        visitor.go(MIDDLE)
        yield SimpleNamespace(visitor=visitor, scene=scene, served=folder / "served")


def test_an_object_is_added_while_a_look_at_how_things_stood_before_is_on_its_way(place):
    visitor = place.visitor
    visitor.page.evaluate(SLOW, ["/state", False, 9])
    visitor.page.evaluate("() => { window.cleanplate.refresh(); }")
    visitor.page.get_by_text("Add object").click()
    visitor.page.wait_for_selector("[data-object='2'][aria-current=true]")
    visitor.page.wait_for_timeout(2500)  # the late answer is there, and whatever asks because of it
    visitor.page.evaluate(SWIFT)
    assert [one["id"] for one in visitor.facts("objects")] == [1, 2]
    assert visitor.page.evaluate("window.cleanplate.objects.chosen") == 2


def test_tracking_waits_for_a_click_that_is_on_its_way(place):
    visitor = place.visitor
    visitor.step("Track")
    x, y = middle_of(place.scene.labels[MIDDLE] == 1)
    visitor.page.click("[data-tool=click]")
    visitor.page.evaluate(SLOW, ["/click", True, 9])
    visitor.page.mouse.click(*visitor.at(x, y))
    visitor.page.click("#track")
    visitor.page.locator("#track-line", has_text="found in").wait_for()
    visitor.page.evaluate(SWIFT)
    assert visitor.page.locator(".cp-note").is_hidden()


def test_of_changes_that_come_quickly_the_last_one_counts(place):
    visitor = place.visitor
    visitor.step("Fill")
    visitor.page.evaluate(SLOW, ["/run/predict", True, 9])
    field = visitor.page.locator("#grow input")
    field.fill("1")
    field.press_sequentially("2", delay=50)
    visitor.page.wait_for_timeout(4500)  # each change takes a second
    visitor.page.evaluate(SWIFT)
    visitor.reload()
    visitor.wait_for_frame()
    visitor.step("Fill")
    visitor.wait("document.querySelector('#grow input').value === '12'")


def test_a_run_has_the_setting_that_was_changed_just_before(place):
    visitor = place.visitor
    visitor.page.evaluate(SLOW, ["/run/predict", True, 1])
    visitor.page.locator("#grow input").fill("9")
    visitor.step("Run")
    visitor.page.click("#run")
    visitor.page.wait_for_selector("#links a")
    visitor.page.evaluate(SWIFT)
    (job,) = [path for path in (place.served / "jobs").glob("*/project.json") if '"remove"' in path.read_text()]
    assert json.loads(job.read_text())["settings"]["grow_px"] == 9


def test_nothing_failed_in_the_browser(place):
    assert place.visitor.faults == []
