"""The page in a real browser: preview, run, reload in the middle, download, and what is in the file that comes."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Iterator
from types import SimpleNamespace

import av
import cv2
import numpy as np
import pytest
from ui_page import Visitor, browsing, served

from cleanplate.bench.synth import render
from cleanplate.bench.synth_video import write_clip

FRAMES, MIDDLE = 24, 12


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SimpleNamespace]:
    """A visitor with a lossless clip, which no browser plays, and with its true masks sent as a video of them."""
    folder = tmp_path_factory.mktemp("run")
    scene = render("pan", width_px=320, height_px=180, frames=FRAMES, seed=0)
    (folder / "root").mkdir()
    write_clip(folder / "root" / "in.mkv", scene.images, codec="ffv1", crf=None)
    holes = scene.holes.astype(np.uint8)[..., None].repeat(3, axis=-1) * 255
    write_clip(folder / "holes.mkv", holes, codec="ffv1", crf=None)
    with browsing() as browser, served(folder / "served", "--root", str(folder / "root")) as address:
        visitor = Visitor(browser, address)
        visitor.page.get_by_label("Or a video or project from the server's folder").click()
        visitor.page.get_by_role("option", name="in.mkv").click()
        visitor.wait_for_frame()
        yield SimpleNamespace(visitor=visitor, scene=scene, folder=folder)


def test_a_mask_that_is_sent_is_shown(place):
    visitor = place.visitor
    visitor.step("Mark")
    with visitor.page.expect_file_chooser() as chooser:
        visitor.page.click("#mask")
    chooser.value.set_files(str(place.folder / "holes.mkv"))
    visitor.wait("window.cleanplate.facts.has_masks")
    visitor.go(MIDDLE)
    assert np.array_equal(visitor.hole(MIDDLE), place.scene.holes[MIDDLE])


def test_a_codec_that_no_browser_knows_is_played(place):
    visitor = place.visitor
    assert visitor.facts("whole") == {"source": False}
    visitor.go(2)
    visitor.page.click("[data-play]")
    visitor.wait("window.cleanplate.frame > 6")
    visitor.page.click("[data-play]")
    visitor.wait(
        "!window.cleanplate.player.isPlaying && +window.cleanplate.root.dataset.shown === window.cleanplate.frame"
    )


def test_a_preview_shows_what_is_behind(place):
    visitor = place.visitor
    visitor.go(MIDDLE)
    visitor.step("Preview")
    visitor.page.click("#preview")
    visitor.wait("window.cleanplate.facts.has_result")
    assert visitor.facts("has_origin")
    seen = visitor.picture(f"result/{MIDDLE}.jpg?test").astype(int)
    hole = place.scene.holes[MIDDLE]
    assert (
        np.abs(seen - place.scene.plate[MIDDLE])[hole].mean()
        < 8
        < np.abs(seen - place.scene.images[MIDDLE])[hole].mean()
    )
    origin = visitor.picture(f"origin/{MIDDLE}.png?test")
    assert (origin[hole][:, 3] > 0).all()
    visitor.page.click("[data-show=result]")
    visitor.page.click("[data-show=beside]")
    assert visitor.page.locator("[data-show=result]").get_attribute("aria-pressed") == "false"
    assert "hidden is seen elsewhere" in visitor.page.locator("#preview-line").text_content()


def test_a_run_goes_on_while_the_page_is_loaded_anew(place):
    visitor = place.visitor
    visitor.step("Fill")
    visitor.page.get_by_label("Grow (pixels)").fill("6")
    visitor.page.get_by_label("Grow (pixels)").press("Tab")
    visitor.step("Run")
    visitor.page.click("#run")
    visitor.page.wait_for_selector("#run-line p")
    project = visitor.facts("project")
    visitor.reload()
    visitor.wait_for_frame()
    assert visitor.facts("project") == project
    visitor.step("Run")
    visitor.page.wait_for_selector("#links a")


def test_the_file_that_comes_is_the_clean_plate(place, tmp_path):
    visitor, scene = place.visitor, place.scene
    with visitor.page.expect_download() as download:
        visitor.page.locator("#links a").first.click()
    path = tmp_path / download.value.suggested_filename
    download.value.save_as(path)
    with av.open(str(path)) as file:
        found = np.stack([frame.to_ndarray(format="rgb24") for frame in file.decode(video=0)])
    with av.open(str(place.folder / "root" / "in.mkv")) as file:
        source = np.stack([frame.to_ndarray(format="rgb24") for frame in file.decode(video=0)])
    assert found.shape == source.shape
    for n in range(FRAMES):
        far = cv2.dilate(scene.holes[n].astype(np.uint8), np.ones((17, 17), np.uint8)) == 0  # grown by 6, and chroma
        assert np.array_equal(found[n][far], source[n][far])
    wrong = (found.astype(int) - scene.plate)[scene.holes] ** 2
    assert 10 * np.log10(255**2 / wrong.mean()) > 30  # dB inside the hole, against the plate that is known


def test_masks_and_report_come_too(place):
    visitor = place.visitor
    files = {
        link.text_content(): visitor.page.request.get(link.evaluate("link => link.href")).body()
        for link in visitor.page.locator("#links a").all()
    }
    assert list(files) == ["Video", "Masks", "Report"]
    assert "masks.json" in zipfile.ZipFile(io.BytesIO(files["Masks"])).namelist()
    report = json.loads(files["Report"])
    assert (report["job"]["grow_px"], report["frames"], report["untouched"]) == (6, FRAMES, "identical")


def test_jobs_are_listed_with_their_state(place):
    visitor = place.visitor
    visitor.step("Jobs")
    visitor.page.wait_for_selector(".cp-jobs td")
    assert visitor.page.locator(".cp-jobs td").nth(1).text_content() == "done"
    visitor.step("Remove")


def test_nothing_failed_in_the_browser(place):
    assert place.visitor.faults == []
