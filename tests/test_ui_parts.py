"""What the page is made of, without a browser: drawing, frames by number, clips to play, controls, previews."""

from __future__ import annotations

from dataclasses import dataclass
from types import SimpleNamespace

import av
import cv2
import numpy as np
import pytest

pytest.importorskip("gradio", reason="gradio is not installed (extra 'ui')")

from cleanplate.apps.project import Project
from cleanplate.apps.ui.controls import CHOICES, knobs
from cleanplate.apps.ui.desk import Desk
from cleanplate.apps.ui.drawing import Drawing
from cleanplate.apps.ui.frames import FrameShop
from cleanplate.apps.ui.playable import CLIP_FRAMES, Playable
from cleanplate.apps.ui.studio import Studio
from cleanplate.apps.ui.wishes import Wishes
from cleanplate.base.errors import MaskError, MediaError, UsageError
from cleanplate.base.types import Image, Prompt
from cleanplate.bench.metrics.regions import jaccard
from cleanplate.bench.synth import render
from cleanplate.bench.synth_video import write_clip
from cleanplate.mask.segmenter import Segmenter
from cleanplate.paint.engine import ENGINES, engine_class
from cleanplate.paint.flowfill import FlowFillOptions
from cleanplate.tasks.masks import make_masks
from cleanplate.tasks.preview_clip import preview_clip

FRAMES = 60


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory):
    """A clip whose codec no browser plays, and its scene."""
    folder = tmp_path_factory.mktemp("parts")
    scene = render("pan", width_px=160, height_px=96, frames=FRAMES, seed=0)
    write_clip(folder / "in.mkv", scene.images, codec="ffv1", crf=None)
    return folder / "in.mkv", scene


class Disc(Segmenter):
    """Finds a disc of 10 px around the first click; the last one may cut it in half."""

    def __init__(self) -> None:
        self.asked: list[Prompt] = []

    def find(self, image: Image, prompt: Prompt, near: list[Image]) -> np.ndarray:
        self.asked.append(prompt)
        y, x = np.mgrid[: image.shape[0], : image.shape[1]]
        hole = np.zeros(image.shape[:2], bool) if prompt.hole is None else prompt.hole.copy()
        for (cx, cy), is_in in zip(prompt.points_xy, prompt.point_is_in, strict=True):
            hole[(x - cx) ** 2 + (y - cy) ** 2 < 100] = is_in
        return hole


IMAGES = [np.zeros((60, 80, 3), np.uint8)]


def empty() -> Drawing:
    return Drawing.of(3, np.zeros((60, 80), np.uint8))


def test_clicks_of_one_object_go_to_the_segmenter_together():
    drawing, segmenter = empty(), Disc()
    drawing.click(1, (30, 30), True, segmenter, IMAGES)
    drawing.click(1, (45, 30), True, segmenter, IMAGES)
    assert segmenter.asked[-1].points_xy == ((30, 30), (45, 30))
    assert segmenter.asked[-1].hole is None
    drawing.click(2, (60, 30), True, segmenter, IMAGES)
    assert segmenter.asked[-1].points_xy == ((60, 30), (30, 30), (45, 30))  # what is another object's is not this one's
    assert segmenter.asked[-1].point_is_in == (True, False, False)
    assert set(np.unique(drawing.labels)) == {0, 1, 2}


def test_a_click_sets_right_what_was_painted():
    drawing, segmenter = empty(), Disc()
    drawing.stroke(1, [(10, 50), (70, 50)], 4, False)
    painted = drawing.labels == 1
    drawing.click(1, (40, 50), False, segmenter, IMAGES)
    drawing.click(1, (20, 20), True, segmenter, IMAGES)
    assert np.array_equal(segmenter.asked[-1].hole, painted)
    assert segmenter.asked[-1].point_is_in == (False, True)
    assert drawing.labels[50, 40] == 0
    assert drawing.labels[50, 65] == drawing.labels[20, 20] == 1


def test_an_eraser_takes_every_object_and_undo_brings_it_back():
    drawing = empty()
    drawing.stroke(1, [(20, 20)], 5, False)
    drawing.stroke(2, [(50, 20)], 5, False)
    both = drawing.labels
    drawing.stroke(1, [(0, 20), (79, 20)], 20, True)
    assert not drawing.labels.any()
    assert drawing.undo()
    assert np.array_equal(drawing.labels, both)
    assert drawing.undo()
    assert not drawing.undo()
    assert not drawing.labels.any()


def test_a_click_that_fails_changes_nothing():
    drawing = empty()
    with pytest.raises(MaskError, match="nothing says where"):
        drawing.click(1, (5, 5), False, Disc(), IMAGES)
    assert not drawing.is_touched
    with pytest.raises(UsageError, match="no points"):
        drawing.stroke(1, [], 5, False)


def nearest(images: np.ndarray, picture: np.ndarray) -> int:
    """Which of the pictures (T, H, W, 3) it is most like."""
    return int(np.argmin(np.abs(images.astype(int) - picture).mean(axis=(1, 2, 3))))


def test_frames_come_exact_in_any_order(place):
    video, scene = place
    shop = FrameShop(video)
    assert [float(start) for start in shop.starts_s[:3]] == [0, 0.04, 0.08]
    for n in (40, 41, 3, 59, 2, 0, 58):
        assert nearest(scene.images, shop.frame(n).image) == n
    with pytest.raises(UsageError, match="there is no frame 60"):
        shop.frame(FRAMES)


def test_clips_hold_the_frames_they_should(place, tmp_path):
    video, scene = place
    playable = Playable(FrameShop(video), tmp_path / "view")
    assert not playable.is_whole
    for number, first in ((1, CLIP_FRAMES), (0, 0)):
        with av.open(str(playable.clip(number))) as file:
            stream = file.streams.video[0]
            found = [
                (float(frame.pts * stream.time_base), frame.to_ndarray(format="rgb24")) for frame in file.decode(stream)
            ]
            assert stream.codec_context.name == "h264"
        assert len(found) == min(CLIP_FRAMES, FRAMES - first)
        for n, (time, picture) in enumerate(found):
            assert time == pytest.approx(n * 0.04, abs=1e-3)
            assert nearest(scene.images, picture) == first + n
    with pytest.raises(UsageError, match="no clip 2"):
        playable.clip(2)


def test_what_was_drawn_is_there_when_the_project_is_opened_again(place, tmp_path):
    video, _ = place
    desk = Desk(Project.create(tmp_path / "p", video))
    desk.name(2, "ball")
    desk.stroke(7, 2, [(30, 30), (50, 30)], 6, False)
    drawn = desk.labels(7)
    desk.close()
    again = Desk(Project.open(tmp_path / "p"))
    assert again.drawn == [7]
    assert np.array_equal(again.labels(7), drawn)
    assert [one["name"] for one in again.objects()] == ["object 1", "ball"]
    again.forget(2)
    assert again.drawn == []
    with pytest.raises(UsageError, match="no object 2"):
        again.stroke(7, 2, [(30, 30)], 6, False)


def test_a_forgotten_object_leaves_the_steps_of_a_drawing():
    drawing = empty()
    drawing.stroke(2, [(50, 20)], 5, False)
    drawing.stroke(1, [(20, 20)], 5, False)
    less = drawing.without(2)
    assert set(np.unique(less.labels)) == {0, 1}
    assert not less.undo()  # the stroke of the other is no step any more
    assert not less.labels.any()
    assert drawing.undo()  # which is as it was
    assert (drawing.labels == 2).any()
    assert drawing.without(2) is None


def test_masks_without_an_object_are_the_others_as_they_were(place, tmp_path):
    video, _ = place
    paths = [tmp_path / "left.png", tmp_path / "right.png"]
    for n, path in enumerate(paths):
        cv2.imwrite(
            str(path), cv2.rectangle(np.zeros((96, 160), np.uint8), (40 * n + 20, 20), (40 * n + 70, 60), 255, -1)
        )
    project = Project.create(tmp_path / "p", video)
    make_masks(video, mask=[f"{paths[0]}@0.4-1.2", f"{paths[1]}@0.8-2"], output=project.masks / "stored")
    desk = Desk(project)
    before = [desk.labels(n) for n in range(FRAMES)]
    assert {n for one in before if one is not None for n in np.unique(one)} == {0, 1, 2}
    desk.forget(1)
    for old, n in zip(before, range(FRAMES), strict=True):
        new = desk.labels(n)
        assert (new is None and (old is None or not (old == 2).any())) or np.array_equal(new == 2, old == 2)
        assert new is None or not (new == 1).any()
    assert desk.state()["masked"] == [(20, 50)]
    desk.settle()
    desk.undo(0)
    assert desk.labels(12) is None  # it does not come back once that is settled


def test_marks_are_written_as_on_the_command_line(place, tmp_path):
    video, _ = place
    desk = Desk(Project.create(tmp_path / "p", video))
    with pytest.raises(UsageError, match="nothing is marked"):
        desk.tracking_marks(0, None)
    desk.stroke(7, 1, [(30, 30)], 6, False)
    desk.stroke(20, 1, [(30, 30)], 6, False)
    marks = desk.tracking_marks(7, desk.shop.span(7, 12))
    assert marks == {"mask": [f"{desk.project.masks}/drawn/000007.png@0.28"], "track": True, "follow": "0.28-0.52"}
    desk.stroke(0, 1, [(30, 30)], 6, False)
    assert str(desk.shop.span(None, 0)) == "-0.04"
    assert desk.shop.span(0, FRAMES - 1) is None


def test_words_and_marks_go_to_the_tracker_that_was_chosen(place, tmp_path):
    sent: list[dict] = []

    def submit(project: Project, *_, **__) -> SimpleNamespace:
        sent.append(project.marks)
        return SimpleNamespace(id="job")

    jobs = SimpleNamespace(room=lambda: tmp_path / f"job{len(sent)}", submit=submit)
    studio = Studio(Project.create(tmp_path / "p", place[0]), "session", jobs, None)
    studio.desk.stroke(7, 1, [(30, 30)], 6, False)
    for tracker in (None, "warp"):
        studio.wishes.keep("tracker", tracker)
        for ask in (lambda: studio.find({"words": ["the red car"]}), lambda: studio.track(7, "both")):
            ask()
            studio.wishes.keep("track", None)
    studio.close()
    assert [marks.get("tracker") for marks in sent] == [None, None, "warp", "warp"]
    assert sent[2]["words"] == ["the red car"]


def test_settings_are_checked_when_they_are_made(place, tmp_path):
    video, _ = place
    project = Project.create(tmp_path / "p", video)
    wishes = Wishes(project, Desk(project))
    wishes.set_option("reach_frames", 20, 60)
    wishes.set("grow_px", 7)
    with pytest.raises(UsageError, match="reach_frames is 0"):
        wishes.set_option("reach_frames", 0, 60)
    with pytest.raises(UsageError, match="grow_px"):
        wishes.set("grow_px", "much")
    assert Project.open(tmp_path / "p").settings == {"options": {"reach_frames": 20}, "grow_px": 7}
    wishes.set_option("reach_frames", 60, 60)
    wishes.set_engine("opencv-telea")
    assert project.settings == {"grow_px": 7, "engine": "opencv-telea"}
    with pytest.raises(UsageError, match="has no option 'invent'"):
        wishes.set_style("exemplar")
    (tmp_path / "small.png").write_bytes(cv2.imencode(".png", np.zeros((9, 9, 3), np.uint8))[1].tobytes())
    with pytest.raises(UsageError, match="9x9, but the video is 160x96"):
        wishes.add_reference(4, tmp_path / "small.png")
    (tmp_path / "text.png").write_text("no picture")
    with pytest.raises(MediaError):
        wishes.add_reference(4, tmp_path / "text.png")


@dataclass(frozen=True)
class _Base:
    size_px: int = 3
    "how large"


@dataclass(frozen=True)
class _More(_Base):
    first: bool = True
    second: str = "a"
    """one text
    of two lines"""


def test_controls_tell_unit_and_help():
    found = {knob.name: knob for knob in knobs(_More)}
    assert [(knob.title, knob.help) for knob in found.values()] == [
        ("Size (pixels)", "how large"),
        ("First", ""),
        ("Second", "one text of two lines"),
    ]
    reach = next(knob for knob in knobs(FlowFillOptions) if knob.name == "reach_frames")
    assert (reach.title, reach.default) == ("Reach (frames)", 60)
    assert "sources are looked for" in reach.help


@pytest.mark.parametrize("name", ENGINES)
def test_every_engine_has_controls_that_offer_what_it_takes(name):
    if ENGINES[name].extra is not None:
        pytest.importorskip("torch", reason="torch is not installed (extra 'neural')")
    options = engine_class(name).Options
    found = {knob.name: knob.default for knob in knobs(options)}
    assert found == vars(options())
    for field, default in found.items():
        if isinstance(default, str):
            assert default in CHOICES[field]
            for choice in CHOICES[field]:
                options(**{field: choice})
            with pytest.raises(UsageError, match=CHOICES[field][-1]):  # which names those there are
                options(**{field: "no such"})


def test_a_preview_shows_what_is_hidden_there_and_no_more(place, tmp_path):
    video, scene = place
    holes = (scene.holes[..., None].repeat(3, axis=-1) * 255).astype(np.uint8)
    write_clip(tmp_path / "holes.mkv", holes, codec="ffv1", crf=None)
    make_masks(video, mask=tmp_path / "holes.mkv", output=tmp_path / "masks")
    made = preview_clip(video, masks=tmp_path / "masks", frame=50, folder=tmp_path / "preview")
    shop = FrameShop(made.after)
    assert (made.first, len(shop)) == (0, FRAMES)  # two seconds and some frames beyond
    hole = scene.holes[50]
    apart = np.abs(shop.frame(50).image.astype(int) - scene.plate[50])[hole].mean()
    assert 4 * apart < np.abs(scene.images[50].astype(int) - scene.plate[50])[hole].mean()
    origin = FrameShop(made.origin).frame(50).native.arrays[0]
    assert jaccard(origin > 0, hole) > 0.5  # grown a little
    with pytest.raises(UsageError, match="there is no frame 99"):
        preview_clip(video, masks=tmp_path / "masks", frame=99, folder=tmp_path / "preview")


def test_a_preview_takes_shadows_along(tmp_path):
    scene = render("walker-pan", width_px=240, height_px=136, frames=50, seed=0)
    write_clip(tmp_path / "in.mkv", scene.images, codec="ffv1", crf=None)
    holes = (scene.holes[..., None].repeat(3, axis=-1) * 255).astype(np.uint8)
    write_clip(tmp_path / "holes.mkv", holes, codec="ffv1", crf=None)
    make_masks(tmp_path / "in.mkv", mask=tmp_path / "holes.mkv", output=tmp_path / "masks")
    made = preview_clip(
        tmp_path / "in.mkv",
        masks=tmp_path / "masks",
        frame=25,
        folder=tmp_path / "preview",
        grow_px=0,
        with_shadow=True,
    )
    painted = FrameShop(made.origin).frame(25).native.arrays[0] > 0
    assert painted[scene.holes[25]].all()
    assert painted[scene.shadow[25]].mean() > 0.7
