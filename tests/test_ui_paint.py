"""The page in a real browser: a frame is painted over there, taken, and shows where nothing else does."""

from __future__ import annotations

import json
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from types import SimpleNamespace

import cv2
import numpy as np
import pytest
from ui_page import SLOW, Visitor, browsing, served

from cleanplate.apps.project import Project
from cleanplate.apps.ui.desk import Desk
from cleanplate.apps.ui.wishes import Wishes
from cleanplate.base.errors import MediaError, UsageError
from cleanplate.bench.synth import render
from cleanplate.bench.synth_video import write_clip
from cleanplate.decode.reader import open_video

FRAMES, AT = 30, 12
WIDTH, HEIGHT = 320, 180
RADIUS = 9
AWAY = 70  # px to the left: what is copied
PAINTING = "window.cleanplate.painter.painting"


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SimpleNamespace]:
    """A visitor with a still logo before a camera that never shows a part of what is behind it."""
    folder = tmp_path_factory.mktemp("paint")
    scene = render("logo-nudge", width_px=WIDTH, height_px=HEIGHT, frames=FRAMES, seed=0)
    write_clip(folder / "in.mp4", scene.images, codec="libx264", crf=10)
    cv2.imwrite(str(folder / "mask.png"), scene.holes[AT].astype(np.uint8) * 255)
    with open_video(folder / "in.mp4") as reader:
        frames = [np.array(frame.image) for frame in reader]
    with browsing() as browser, served(folder / "served") as address:
        visitor = Visitor(browser, address)
        visitor.load(folder / "in.mp4")
        yield SimpleNamespace(
            visitor=visitor, scene=scene, frames=frames, hole=scene.holes[AT], folder=folder, served=folder / "served",
            browser=browser, address=address,
        )  # fmt: skip


def begin(visitor: Visitor, frame: int = AT) -> None:
    """Paint over a frame, from the step that offers it."""
    visitor.go(frame)
    visitor.step("Fill")
    if not visitor.page.get_by_text("Paint over the frame shown").is_visible():
        visitor.page.get_by_text("A painted frame").click()
    visitor.page.get_by_text("Paint over the frame shown").click()
    visitor.wait(f"{PAINTING}?.frame === {frame}")


def draw(visitor: Visitor, *points: tuple[float, float]) -> None:
    """A stroke along pixels of the video."""
    visitor.page.mouse.move(*visitor.at(*points[0]))
    visitor.page.mouse.down()
    for point in points[1:]:
        visitor.page.mouse.move(*visitor.at(*point), steps=4)
    visitor.page.mouse.up()


def strokes(visitor: Visitor) -> int:
    return visitor.page.evaluate(f"{PAINTING}.strokes.length")


def layer(visitor: Visitor) -> np.ndarray:
    """What is painted as the browser holds it: (H, W, 4)."""
    found = visitor.page.evaluate(f"Array.from({PAINTING}.layer.data)")
    return np.array(found, np.uint8).reshape(HEIGHT, WIDTH, 4)


def near(points: list[tuple[float, float]], radius: float) -> np.ndarray:
    """(H, W) bool: within that distance of the straight line through the points."""
    y, x = np.mgrid[:HEIGHT, :WIDTH].astype(float)
    away = np.full((HEIGHT, WIDTH), np.inf)
    for (ax, ay), (bx, by) in pairwise(points):
        along = np.clip(((x - ax) * (bx - ax) + (y - ay) * (by - ay)) / ((bx - ax) ** 2 + (by - ay) ** 2), 0, 1)
        away = np.minimum(away, np.hypot(x - ax - along * (bx - ax), y - ay - along * (by - ay)))
    return away <= radius


def from_mask(place: SimpleNamespace) -> np.ndarray:
    """(H, W): how far each pixel is from what is marked."""
    return cv2.distanceTransform((~place.hole).astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE)


def settings(place: SimpleNamespace) -> dict:
    return json.loads((place.visitor.project(place.served).folder / "project.json").read_text())["settings"]


def taken(place: SimpleNamespace) -> np.ndarray:
    """The painted frame as it is stored: (H, W, 4) RGBA."""
    (text,) = settings(place)["reference"]
    stored = cv2.imread(str(place.visitor.project(place.served).folder / text.split("@")[0]), cv2.IMREAD_UNCHANGED)
    return cv2.cvtColor(stored, cv2.COLOR_BGRA2RGBA)


def take(visitor: Visitor, said: str) -> None:
    visitor.page.click("[data-take]")
    visitor.page.locator(".cp-note", has_text=said).wait_for()


def test_what_cannot_be_taken_is_refused_and_stays(place):
    visitor = place.visitor
    begin(visitor)
    take(visitor, f"nothing is painted on frame {AT}")
    visitor.page.click("[data-brush=color]")
    draw(visitor, (40, 40), (60, 40))
    take(visitor, f"nothing is marked on frame {AT}")
    assert strokes(visitor) == 1
    assert "reference" not in settings(place)
    visitor.page.click("[data-discard]")
    visitor.wait(f"{PAINTING} === null")


def test_marks_rest_while_painting_and_keys_paint(place):
    visitor = place.visitor
    visitor.step("Mark")
    with visitor.page.expect_file_chooser() as chooser:
        visitor.page.click("#mask")
    chooser.value.set_files(str(place.folder / "mask.png"))
    visitor.wait("window.cleanplate.facts.has_masks")
    begin(visitor)
    before = visitor.facts("versions")["mask"]
    for key in "bexc":
        visitor.page.keyboard.press(key)
    visitor.page.mouse.click(*visitor.at(30, 100))  # says where to copy from
    draw(visitor, (200, 120), (220, 120))
    assert strokes(visitor) == 1
    visitor.page.keyboard.press("p")
    assert visitor.page.locator("[data-brush=color]").get_attribute("aria-pressed") == "true"
    visitor.page.keyboard.press("Control+z")
    assert strokes(visitor) == 0
    visitor.page.keyboard.press("Escape")
    visitor.wait(f"{PAINTING} === null")
    assert (visitor.facts("versions")["mask"], visitor.facts("drawn")) == (before, [])
    assert visitor.page.evaluate("window.cleanplate.tools") | {"color": None} == {
        "tool": "click", "radius": 8, "takesAway": False, "color": None,
    }  # fmt: skip
    visitor.page.keyboard.press("b")
    assert visitor.page.locator("button[data-tool=box]").get_attribute("aria-pressed") == "true"
    visitor.page.keyboard.press("c")


def test_a_clone_and_a_colour_are_taken_and_all_else_is_the_frame(place):
    visitor, frame = place.visitor, place.frames[AT]
    y, x = (int(middle.mean()) for middle in np.nonzero(place.hole))
    begin(visitor)
    visitor.page.locator("[data-size]").fill(str(2 * RADIUS))
    visitor.page.click("[data-brush=clone]")
    visitor.page.mouse.click(*visitor.at(x - AWAY, y), button="right")
    copied = [(x - 25, y - 6), (x - 12, y - 6)]
    draw(visitor, *copied)
    visitor.page.click("[data-brush=color]")
    visitor.page.keyboard.down("Alt")
    visitor.page.mouse.click(*visitor.at(50, 100))
    visitor.page.keyboard.up("Alt")
    color = frame[100, 50]
    assert visitor.page.locator("[data-color]").input_value() == f"#{color.tobytes().hex()}"
    colored = [(x + 12, y), (x + 20, y + 30)]  # far beyond the border
    draw(visitor, *colored)
    take(visitor, f"Frame {AT} is taken.")
    visitor.wait(f"{PAINTING} === null")
    visitor.page.locator("#references", has_text=f"Frame {AT} was painted.").wait_for()

    found = taken(place)
    inner, outer = near(copied, RADIUS - 0.5), near(copied, RADIUS + 0.5)
    expected = np.roll(frame, (-6, AWAY - 25), (0, 1))
    away = from_mask(place)
    hole, beyond = away <= 4, away > 7  # as Grow says; to whole samples of chroma
    inner, flat, around = inner & hole, near(colored, RADIUS - 0.5) & hole, near(colored, RADIUS + 0.5)
    assert min(inner.sum(), flat.sum(), (around & beyond).sum()) > 200
    assert np.array_equal(found[inner, :3], expected[inner])
    assert (expected[inner] != frame[inner]).any(-1).mean() > 0.9  # what stood there would not do
    assert (found[flat, :3] == color).all()
    assert (found[inner | flat, 3] == 255).all()
    rest = beyond | (~outer & ~around)
    assert np.array_equal(found[rest, :3], frame[rest])
    assert (found[rest & hole, 3] == 0).all()  # what is to go is not taken for what is behind it
    assert (found[beyond, 3] == 255).all()


def test_a_painting_is_kept_until_it_is_thrown_away(place):
    visitor = place.visitor
    begin(visitor)
    assert strokes(visitor) == 2  # it can be gone on with
    visitor.page.click("[data-brush=color]")
    visitor.page.locator("[data-color]").fill("#ff00ff")
    before = layer(visitor)
    draw(visitor, (100, 100), (120, 110), (140, 100))
    mine = layer(visitor)
    assert (mine[..., :3] == (255, 0, 255)).all(-1).sum() > 20 * RADIUS
    visitor.page.keyboard.press("ArrowRight")
    visitor.wait(f"{PAINTING}?.frame === {AT + 1}")
    assert strokes(visitor) == 0
    visitor.page.keyboard.press("ArrowLeft")
    visitor.wait(f"{PAINTING}?.frame === {AT}")
    assert np.array_equal(layer(visitor), mine)
    visitor.page.click("[data-leave]")
    visitor.page.locator(".cp-note", has_text="is kept here").wait_for()
    visitor.reload()
    visitor.wait_for_frame()
    begin(visitor)
    assert np.array_equal(layer(visitor), mine)
    visitor.page.click("[data-undo]")
    assert np.array_equal(layer(visitor), before)
    visitor.page.click("[data-discard]")
    visitor.wait(f"{PAINTING} === null")
    begin(visitor)
    assert strokes(visitor) == 0
    assert not layer(visitor).any()
    visitor.page.click("[data-leave]")


def test_where_strokes_meet_the_later_one_is_mixed_in_softly(place):
    visitor = place.visitor
    begin(visitor, AT + 2)
    visitor.page.click("[data-brush=color]")
    visitor.page.locator("[data-size]").fill("60")
    found = []
    for color, x in (("#000000", 100), ("#ffffff", 130)):
        visitor.page.locator("[data-color]").fill(color)
        visitor.page.mouse.click(*visitor.at(x, 100))
        found.append(layer(visitor))
    across = layer(visitor)[100, 60:165]
    assert (across[11:41, 3] == 255).all()
    assert set(np.unique(layer(visitor)[..., 3])) == {0, 255}
    rise = across[40:75, 0].astype(int)
    assert (np.diff(rise) >= 0).all()
    assert (rise[0], rise[-1]) == (0, 255)
    assert np.diff(rise).max() < 40
    for kept in ("", f"{PAINTING}.stood.length = 0;"):  # with what stood there, and where there was no room to keep it
        visitor.page.mouse.click(*visitor.at(150, 110))
        visitor.page.evaluate(f"() => {{ {kept} }}")
        visitor.page.click("[data-undo]")
        assert np.array_equal(layer(visitor), found[1])
    visitor.page.click("[data-undo]")
    assert np.array_equal(layer(visitor), found[0])
    visitor.page.click("[data-discard]")


def test_what_is_painted_shows_where_nothing_else_does(place):
    visitor = place.visitor
    visitor.step("Fill")
    visitor.page.get_by_text("Forget painted frames").click()
    visitor.page.locator("#references", has_text="was painted").wait_for(state="detached")
    shown = []
    for is_painted in (False, True):
        if is_painted:
            begin(visitor)
            visitor.page.locator("[data-size]").fill("120")
            visitor.page.click("[data-brush=color]")
            visitor.page.locator("[data-color]").fill("#c81ed2")
            y, x = (int(middle.mean()) for middle in np.nonzero(place.hole))
            draw(visitor, (x - 40, y), (x + 40, y))
            visitor.page.evaluate(SLOW, [f"/paint/{AT}", True, 9])
            visitor.page.click("[data-take]")  # the preview waits for it
        before = visitor.facts("versions")["result"]
        visitor.step("Preview")
        visitor.page.click("#preview")
        visitor.wait(f"window.cleanplate.facts.versions.result > {before}")
        shown.append([picture(visitor, frame) for frame in (AT - 8, AT, AT + 8)])
    for (plain, origin), (painted, _) in zip(*shown, strict=True):
        never = (origin[..., 0] > 200) & (origin[..., 3] > 0)  # orange
        inner = cv2.erode(never.astype(np.uint8), np.ones((7, 7))) > 0
        assert inner.sum() > 100
        off = [np.abs(one[inner].astype(int) - (0xC8, 0x1E, 0xD2)).mean() for one in (plain, painted)]
        print(f"off by {off[0]:.1f} levels without, {off[1]:.1f} with it, on {inner.sum()} samples")
        assert off[1] < 8 < 40 < off[0]


def picture(visitor: Visitor, frame: int) -> tuple[np.ndarray, np.ndarray]:
    version = visitor.facts("versions")["result"]
    return tuple(visitor.picture(f"{kind}?test={version}") for kind in (f"result/{frame}.jpg", f"origin/{frame}.png"))


def test_fingers_paint_too_on_a_narrow_screen(place):
    visitor = Visitor(
        place.browser, place.address, viewport={"width": 390, "height": 844}, has_touch=True,
        storage_state=place.visitor.context.storage_state(),
    )  # fmt: skip
    visitor.wait_for_frame()
    begin(visitor, 3)
    assert visitor.page.locator("[data-take]").is_visible()
    assert visitor.page.evaluate("document.documentElement.scrollWidth") <= 390
    visitor.page.click("[data-pick]")  # off; yet nothing was picked, so the first one says where to copy from
    visitor.page.touchscreen.tap(*visitor.at(60, 100))
    visitor.page.touchscreen.tap(*visitor.at(200, 100))
    assert strokes(visitor) == 1
    point, offset = visitor.page.evaluate(f"[{PAINTING}.strokes[0].points[0], {PAINTING}.strokes[0].offset]")
    assert np.abs(np.add(point, offset) - (60, 100)).max() < 1.5
    visitor.page.click("[data-pick]")
    visitor.page.touchscreen.tap(*visitor.at(90, 120))
    assert strokes(visitor) == 1
    visitor.page.click("[data-discard]")
    assert visitor.faults == []


def test_nothing_failed_in_the_browser(place):
    assert place.visitor.faults == []


def test_of_a_deep_video_only_what_is_painted_has_eight_bits(tmp_path: Path):
    scene = render("logo-nudge", width_px=96, height_px=54, frames=4, seed=0, bit_depth=16)
    write_clip(tmp_path / "in.mkv", scene.images, codec="ffv1", crf=None, pixel_format="yuv420p10le")
    project = Project.create(tmp_path / "p", tmp_path / "in.mkv")
    desk = Desk(project)
    wishes = Wishes(project, desk)
    frame = desk.shop.frame(2).image
    assert frame.dtype == np.uint16
    shown = cv2.imdecode(np.frombuffer(desk.shop.still(2, is_shallow=True), np.uint8), cv2.IMREAD_UNCHANGED)
    assert shown.dtype == np.uint8
    assert np.abs(shown[..., ::-1].astype(int) * 257 - frame).max() <= 128
    painted = np.zeros((54, 96, 4), np.uint8)
    painted[10:30, 20:50] = (10, 20, 30, 255)
    desk.stroke(2, 1, [(30.0, 20.0), (60.0, 20.0)], 14, False)

    def send(picture: np.ndarray) -> str:
        return wishes.add_painting(2, cv2.imencode(".png", picture)[1].tobytes())

    assert "of its hole is not painted" in send(cv2.cvtColor(painted, cv2.COLOR_RGBA2BGRA))
    (text,) = project.settings["reference"]
    found = cv2.imread(str(project.folder / text.split("@")[0]), cv2.IMREAD_UNCHANGED)
    assert found.dtype == np.uint16
    inside = painted[..., 3] > 0
    assert (found[inside] == np.array((30, 20, 10, 255)) * 257).all()
    assert np.array_equal(found[~inside, 2::-1], frame[~inside])
    assert (found[20, 51:60, 3] == 0).all()
    for wrong, why in ((painted[..., :3], "see-through"), (painted.astype(np.uint16) * 257, "8 bits")):
        with pytest.raises(UsageError, match=why):
            send(wrong)
    with pytest.raises(UsageError, match="48x54, but the video is 96x54"):
        send(painted[:, ::2])
    with pytest.raises(UsageError, match="nothing is painted on frame 2"):
        send(np.zeros_like(painted))
    aside = np.zeros_like(painted)
    aside[50:] = 255
    with pytest.raises(UsageError, match="what is marked on frame 2 is not painted over"):
        send(aside)
    project.marks["with_shadow"] = True
    with pytest.raises(UsageError, match="is not painted over"):
        send(aside)
    send(cv2.cvtColor(painted, cv2.COLOR_RGBA2BGRA) | aside)
    (text,) = project.settings["reference"]
    assert (cv2.imread(str(project.folder / text.split("@")[0]), cv2.IMREAD_UNCHANGED)[50:] == 65535).all()
    with pytest.raises(MediaError):
        wishes.add_painting(2, b"no picture")
    with pytest.raises(UsageError, match="there is no frame 9"):
        wishes.add_painting(9, b"")
    desk.close()
    assert sorted(path.name for path in project.folder.iterdir()) == ["masks", "project.json"]
