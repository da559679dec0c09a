"""The page in a real browser: objects that were tracked are forgotten one by one, and come back."""

from __future__ import annotations

from collections.abc import Iterator
from types import SimpleNamespace

import numpy as np
import pytest
from ui_page import Visitor, browsing, served

from cleanplate.base.arrays import bounding_box
from cleanplate.bench.metrics.regions import jaccard
from cleanplate.bench.synth import render
from cleanplate.bench.synth_video import write_clip
from cleanplate.decode.reader import open_video
from cleanplate.mask.stored import StoredMasks

FRAMES, MIDDLE = 30, 15


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SimpleNamespace]:
    """A visitor with a clip in which the two largest of three things are tracked, called big and small."""
    folder = tmp_path_factory.mktemp("objects")
    scene = render("three", width_px=320, height_px=180, frames=FRAMES, seed=0)
    write_clip(folder / "in.mp4", scene.images, codec="libx264", crf=10)
    sizes = np.bincount(scene.labels[MIDDLE].ravel(), minlength=4)
    numbers = [n for n in np.argsort(-sizes) if n][:2]
    with browsing() as browser, served(folder / "served") as address:
        visitor = Visitor(browser, address)
        visitor.load(folder / "in.mp4")
        visitor.go(MIDDLE)
        for n, (number, name) in enumerate(zip(numbers, ("big", "small"), strict=True), start=1):
            if n > 1:
                visitor.page.get_by_text("Add object").click()
                visitor.page.wait_for_selector(f"[data-object='{n}'][aria-current=true]")
            x0, y0, x1, y1 = bounding_box(scene.labels[MIDDLE] == number)
            visitor.page.click("[data-tool=box]")
            visitor.drag((max(x0 - 3, 0), max(y0 - 3, 0)), (x0 + 5, y0 + 5), (min(x1 + 2, 319), min(y1 + 2, 179)))
            field = visitor.page.locator(f"[data-object='{n}'] input")
            field.fill(name)
            field.press("Enter")
        visitor.step("Track")
        visitor.page.click("#track")
        visitor.page.get_by_text("small: found in").wait_for()
        truth = np.stack([scene.labels == number for number in numbers])  # (2, T, H, W)
        yield SimpleNamespace(visitor=visitor, served=folder / "served", truth=truth, video=folder / "in.mp4")


def stored(place: SimpleNamespace) -> np.ndarray:
    """(T, H, W) labels of the project's masks."""
    masks = StoredMasks(place.visitor.project(place.served).masks)
    with open_video(place.video) as reader:
        return np.stack([masks.labels(pts) for pts, _ in reader.timestamps()])


def forget(visitor: Visitor, name: str) -> None:
    with visitor.marked():
        visitor.page.get_by_label(f"Forget {name}").click()


def undo(visitor: Visitor) -> None:
    with visitor.marked():
        visitor.page.click("[data-undo]")


def names(visitor: Visitor) -> list[str]:
    return [one["name"] for one in visitor.facts("objects")]


def test_a_tracked_object_goes_whole_and_the_other_stays_as_it_was(place):
    visitor, before = place.visitor, stored(place)
    for number in (1, 2):
        assert jaccard(before[MIDDLE] == number, place.truth[number - 1, MIDDLE]) > 0.8
        assert (before == number).any(axis=(1, 2)).sum() > FRAMES / 2
    forget(visitor, "small")
    visitor.page.get_by_text("small is forgotten").wait_for()
    after = stored(place)
    assert np.array_equal(after, np.where(before == 2, 0, before))
    assert np.array_equal(visitor.hole(3), before[3] == 1)
    assert names(visitor) == ["big"]
    visitor.page.locator("#track-line", has_text="small").wait_for(state="detached")
    assert "big: found in" in visitor.page.locator("#track-line").text_content()
    place.both = before


def test_undo_brings_it_back(place):
    visitor = place.visitor
    undo(visitor)
    assert np.array_equal(stored(place), place.both)
    assert np.array_equal(visitor.hole(3), place.both[3] > 0)
    assert names(visitor) == ["big", "small"]
    visitor.page.get_by_text("small: found in").wait_for()


def test_the_last_one_goes_too_and_both_come_back_one_after_the_other(place):
    visitor = place.visitor
    forget(visitor, "big")
    forget(visitor, "small")
    assert (visitor.facts("has_masks"), visitor.facts("masked"), names(visitor)) == (False, [], ["object 1"])
    undo(visitor)
    assert names(visitor) == ["small"]
    undo(visitor)
    assert names(visitor) == ["big", "small"]
    assert np.array_equal(stored(place), place.both)


def test_what_was_drawn_of_it_since_goes_with_it_and_what_is_drawn_later_makes_it_final(place):
    visitor = place.visitor
    visitor.go(5)
    visitor.page.click("[data-tool=brush]")
    visitor.page.locator("[data-object='2']").click()
    visitor.drag((20, 20), (40, 20))
    forget(visitor, "small")
    assert not visitor.hole(5)[20, 30]
    visitor.page.locator("[data-object='1']").click()
    visitor.drag((20, 150), (40, 150))
    assert visitor.hole(5)[150, 30]
    undo(visitor)
    assert (names(visitor), visitor.hole(5)[150, 30], visitor.hole(5)[20, 30]) == (["big"], False, False)


def test_nothing_failed_in_the_browser(place):
    assert place.visitor.faults == []
