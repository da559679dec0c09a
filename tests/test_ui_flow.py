"""The page in a real browser: load a clip, click, see the mask, track, fix a frame, and only what follows changes."""

from __future__ import annotations

from collections.abc import Iterator
from types import SimpleNamespace

import numpy as np
import pytest
from ui_page import Visitor, browsing, middle_of, served

from cleanplate.bench.metrics.regions import jaccard
from cleanplate.bench.synth import render
from cleanplate.bench.synth_video import write_clip
from cleanplate.decode.reader import open_video
from cleanplate.mask.stored import StoredMasks

FRAMES, MIDDLE, FIXED = 24, 8, 16


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SimpleNamespace]:
    """A visitor with a clip of something before a panning plane, and its truth."""
    folder = tmp_path_factory.mktemp("page")
    scene = render("pan", width_px=320, height_px=180, frames=FRAMES, seed=0)
    write_clip(folder / "in.mp4", scene.images, codec="libx264", crf=10)
    with browsing() as browser, served(folder / "served") as address:
        visitor = Visitor(browser, address)
        visitor.load(folder / "in.mp4")
        yield SimpleNamespace(
            visitor=visitor, served=folder / "served", truth=scene.labels > 0, images=scene.images, browser=browser,
            address=address, video=folder / "in.mp4",
        )  # fmt: skip


def stored(place: SimpleNamespace) -> np.ndarray:
    """(T, H, W) of the project's masks."""
    masks = StoredMasks(place.visitor.project(place.served).masks)
    with open_video(place.video) as reader:
        return np.stack([masks.labels(pts) for pts, _ in reader.timestamps()])


def test_frames_are_exact_and_keys_step(place):
    visitor = place.visitor
    for frame in (0, 13, 5, 23):
        visitor.go(frame)
        apart = np.abs(visitor.picture(f"frame/{frame}.jpg").astype(int) - place.images[frame]).mean()
        others = [
            np.abs(place.images[n].astype(int) - place.images[frame]).mean() for n in (frame - 1, (frame + 1) % 24)
        ]
        assert apart < 4 < min(others)
    visitor.page.locator(".cp-stage canvas").focus()
    for key, frame in (("ArrowLeft", 22), ("ArrowRight", 23), ("Home", 0), ("Shift+ArrowRight", 10)):
        visitor.page.keyboard.press(key)
        visitor.page.wait_for_selector(f".cp-viewer[data-shown='{frame}']")
    assert visitor.page.locator("[data-time]").text_content() == "0:00.400"


def test_a_click_shows_the_mask(place):
    visitor = place.visitor
    visitor.go(MIDDLE)
    visitor.click(*middle_of(place.truth[MIDDLE]))
    assert jaccard(visitor.hole(MIDDLE), place.truth[MIDDLE]) > 0.9
    assert visitor.facts("drawn") == [MIDDLE]


def test_it_is_tracked_both_ways(place):
    visitor = place.visitor
    visitor.step("Track")
    visitor.page.click("#track")
    visitor.wait("window.cleanplate.facts.has_masks")
    found = stored(place)
    assert visitor.facts("masked") == [[0, FRAMES]]
    assert np.mean([jaccard(found[n] > 0, place.truth[n]) for n in range(FRAMES)]) > 0.85
    assert visitor.facts("drawn") == []


def test_a_fix_changes_what_follows_and_nothing_before(place):
    visitor, before = place.visitor, stored(place)
    visitor.go(FIXED)
    x, y = middle_of(before[FIXED] > 0)
    visitor.page.click("[data-tool=brush]")
    visitor.drag((x + 40, y - 30), (x + 60, y - 30))
    painted = visitor.hole(FIXED)
    assert painted[y - 30, x + 50]
    visitor.step("Track")
    visitor.page.get_by_text("On from here").click()
    visitor.page.click("#track")
    visitor.wait("window.cleanplate.facts.drawn.length === 0")
    after = stored(place)
    assert np.array_equal(after[:FIXED], before[:FIXED])
    assert np.array_equal(after[FIXED] > 0, painted)
    assert (after[FIXED:] != before[FIXED:]).any()


def test_what_another_session_opened_is_not_there(place):
    stranger = Visitor(place.browser, place.address)
    answer = stranger.page.request.get(f"{place.address}page/{place.visitor.facts('project')}/state")
    assert answer.status == 404
    assert "project" in answer.text()


def test_nothing_failed_in_the_browser(place):
    assert place.visitor.faults == []
