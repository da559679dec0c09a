"""A border that shows is told without the truth: judged by rendered scenes, painted well, and with faults put in."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from pathlib import Path

import cv2
import numpy as np
import pytest
from interlaced import weave_rows, write_interlaced
from numpy.typing import NDArray

import cleanplate
from cleanplate.apps.cli import screen
from cleanplate.apps.ui.doing import Facts
from cleanplate.base.arrays import cut
from cleanplate.base.looks import Look, Looks, Seam
from cleanplate.base.measure import seam as seam_of_truth
from cleanplate.base.types import Frame, Hole, PlaneLayout, Planes
from cleanplate.bench.holes import make_holes
from cleanplate.bench.synth import render
from cleanplate.bench.synth_video import write_clip
from cleanplate.borders import Borders
from cleanplate.paint.flowfill import FlowFill
from cleanplate.paste import Region, paste, regions_of
from cleanplate.save.video import FileSink

RGB = PlaneLayout(pixel_format="rgb", model="rgb", bit_depth=8, matrix=0, full_range=True)
FRAMES = 10
CALM = (("walker-pan", "blob-moving"), ("still", "blob-moving"), ("water", "object"))
"the park: trees and grass, but no rows of windows along which a border may lie by chance"
ROUGH = (("pan", "blob-still"), ("zoom", "object"), ("tilt", "blocks"), ("rotate", "logo"))


class Shot:
    """A rendered clip, painted by the default engine as a job would: masks grown by 4 px, feathered by 2."""

    def __init__(self, scene: str, hole: str) -> None:
        self.plate = render(scene, width_px=432, height_px=240, frames=FRAMES, seed=3).plate
        masks = make_holes(hole, FRAMES, 240, 432, seed=5)
        self.regions = [regions_of(mask, RGB, grow_px=4, feather_px=2) for mask in masks]
        self.blank = np.zeros(masks.shape, bool)
        for blank, regions in zip(self.blank, self.regions, strict=True):
            for region in regions:
                cut(blank, region.box_xyxy)[...] |= region.blank
        self.paint = cleanplate.fill(self.plate, self.blank).images

    def pasted(self, paint: NDArray[np.uint8]) -> list[Planes]:
        """Each frame with that paint in its holes."""
        return [_pasted(*each) for each in zip(self.plate, paint, self.regions, strict=True)]

    def looks(self, paint: NDArray[np.uint8]) -> list[Look]:
        """What is told of each frame as a job does, a second apart so that each may be chosen."""
        borders, looks = Borders(feather_px=2), Looks()
        for n, (planes, regions) in enumerate(zip(self.pasted(paint), self.regions, strict=True)):
            looks.add(frame=n, seconds=n, samples=100, invented=0, seam=borders.seam(regions, planes))
        return looks.chosen()


def _pasted(image: NDArray[np.uint8], paint: NDArray[np.uint8], regions: tuple[Region, ...]) -> Planes:
    planes = Planes(arrays=tuple(image[..., channel] for channel in range(3)), layout=RGB)
    frame = Frame(index=0, pts=0, duration=1, native=planes)
    native = paste(frame, regions, [cut(paint, region.box_xyxy) for region in regions]).native
    assert native is not None
    return native


@cache
def shot(scene: str, hole: str) -> Shot:
    return Shot(scene, hole)


def shows(looks: list[Look]) -> dict[int, float]:
    return {look.frame: look.seam_levels for look in looks if look.seam_levels is not None}


def lifted(paint: NDArray[np.uint8], levels: int) -> NDArray[np.uint8]:
    return np.clip(paint.astype(int) + levels, 0, 255).astype(np.uint8)


@pytest.mark.parametrize("clip", [*CALM, *ROUGH], ids="-".join)
def test_a_border_that_does_not_show_is_not_named(clip):
    one = shot(*clip)
    painted = np.stack([np.stack(planes.arrays, axis=-1) for planes in one.pasted(one.paint)])
    assert seam_of_truth(painted, one.plate, one.blank) < 1.05  # else the scene would not tell anything
    assert shows(one.looks(one.paint)) == {}
    assert shows(one.looks(one.plate)) == {}


@pytest.mark.parametrize("levels", [-8, -6, 6, 8])
@pytest.mark.parametrize("clip", CALM, ids="-".join)
def test_a_step_of_light_is_named_with_its_height(clip, levels):
    one = shot(*clip)
    found = shows(one.looks(lifted(one.paint, levels)))
    assert len(found) == 4  # as many as are ever told
    assert all(abs(told - levels) < 2.5 for told in found.values())


@pytest.mark.parametrize("clip", ROUGH, ids="-".join)
def test_among_windows_and_bricks_the_step_has_to_be_higher(clip):
    one = shot(*clip)
    assert len(shows(one.looks(lifted(one.paint, 16)))) == 4


@pytest.mark.parametrize("clip", CALM, ids="-".join)
def test_a_frame_alone_is_named_where_its_step_is_high(clip):
    one = shot(*clip)
    paint = one.paint.copy()
    paint[6] = lifted(paint[6], -12)
    assert shows(one.looks(paint)).keys() == {6}


def test_a_gradient_of_the_picture_is_no_seam():
    y, x = np.mgrid[:240, :432]
    noise = np.random.default_rng(0).normal(size=(240, 432))
    for slope in (0.05, 0.5):
        picture = np.clip(20 + slope * x + 0.3 * slope * y + noise, 0, 255).astype(np.uint8)
        regions = regions_of((x - 200) ** 2 + (y - 100) ** 2 < 50**2, RGB, grow_px=4, feather_px=2)
        image = np.repeat(picture[..., None], 3, axis=2)
        found = Borders(feather_px=2).seam(regions, _pasted(image, image, regions))
        assert found is not None
        assert abs(found.levels) < 0.5
        found = Borders(feather_px=2).seam(regions, _pasted(image, lifted(image, 5), regions))
        assert found is not None
        assert found.levels == pytest.approx(5, abs=0.5)


def test_windows_that_pass_along_the_sides_of_a_logo_are_no_seam():
    scene = render("logo-pan", width_px=432, height_px=240, frames=34)
    regions = regions_of(scene.holes[0], RGB, grow_px=4, feather_px=2)
    borders, looks, darker = Borders(feather_px=2), Looks(), Looks()
    for n, image in enumerate(scene.plate[28:]):
        for found, paint in ((looks, image), (darker, lifted(image, -20))):
            seam = borders.seam(regions, _pasted(image, paint, regions))
            assert seam is not None
            found.add(frame=n, seconds=n, samples=100, invented=0, seam=seam)
    assert shows(looks.chosen()) == {}
    assert shows(darker.chosen())


@pytest.mark.parametrize("feather_px", [0, 2, 6])
@pytest.mark.parametrize("bits", [8, 10])
@pytest.mark.parametrize("model", ["yuv", "gray"])
def test_levels_are_of_255_whatever_the_depth_and_the_feather(model, bits, feather_px):
    step = 2 if model == "yuv" else 1
    layout = PlaneLayout(pixel_format="", model=model, bit_depth=bits, step_x=step, step_y=step, full_range=True)
    hole = np.zeros((120, 160), bool)
    hole[40:80, 50:110] = True
    regions = regions_of(hole, layout, grow_px=8, feather_px=feather_px)
    flat = np.full((120, 160), 100.0)
    for region in regions:
        cut(flat, region.box_xyxy)[...] -= 7 * region.weight.astype(float)
    bright = np.rint(flat * (2**bits - 1) / 255).astype(np.uint8 if bits == 8 else np.uint16)
    arrays = (bright, *(np.zeros((60, 80), bright.dtype),) * 2) if model == "yuv" else (bright,)
    found = Borders(feather_px=feather_px).seam(regions, Planes(arrays=arrays, layout=layout))
    assert found is not None
    assert found.levels == pytest.approx(-7, abs=0.3)


def test_of_too_short_a_border_nothing_is_told():
    borders = Borders(feather_px=0)
    image = np.zeros((64, 64, 3), np.uint8)

    def seam(hole: Hole) -> Seam | None:
        regions = regions_of(hole, RGB, grow_px=0, feather_px=0)
        return borders.seam(regions, _pasted(image, image, regions))

    hole = np.zeros((64, 64), bool)
    assert seam(hole) is None
    hole[30:33, 30:33] = True
    assert seam(hole) is None
    assert seam(np.ones((64, 64), bool)) is None  # all of its outline is the picture's edge
    hole[10:50, 10:50] = True
    assert seam(hole) == Seam(levels=0.0, doubt_levels=pytest.approx(0.32, abs=0.1))


# The choice


def chosen(*seams: tuple[float, float] | None, apart_s: float = 1.0, invented: int = 0) -> list[Look]:
    looks = Looks()
    for n, seam in enumerate(seams):
        found = None if seam is None else Seam(levels=seam[0], doubt_levels=seam[1])
        looks.add(frame=n, seconds=n * apart_s, samples=100, invented=invented, seam=found)
    return looks.chosen()


def test_frames_in_a_row_are_believed_more_than_one_alone():
    assert shows(chosen((0, 1), (0, 1), (3.9, 1), (0, 1), (0, 1))) == {}
    assert shows(chosen((0, 1), (0, 1), (4.1, 1), (0, 1), (0, 1))) == {2: 4.1}
    assert shows(chosen(*[(-3.1, 1)] * 4)) == dict.fromkeys(range(4), -3.1)
    assert shows(chosen((3.1, 1), (-3.1, 1), (3.1, 1), (-3.1, 1))) == {}  # up and down is no seam
    assert shows(chosen((3.1, 1), (3.1, 1))) == {}
    assert shows(chosen((3.1, 1), None, None, None, None, (3.1, 1), None, None, None, None, (3.1, 1))) == {}
    assert shows(chosen(*[(2.9, 0.1)] * 4)) == {}  # however sure: nobody sees it


def test_the_highest_seams_are_told_a_second_apart_beside_what_is_invented():
    found = chosen(*[(9.0 + n, 0.5) for n in range(10)], apart_s=0.5, invented=3)
    assert [look.frame for look in found] == [0, 2, 3, 4, 5, 6, 7, 8, 9]  # even: invented; 3, 5, 7, 9: the highest
    assert shows(found) == {look.frame: 9.0 + look.frame for look in found}
    assert all(look.invented_share == 0.03 for look in found)
    assert len(chosen(*[None] * 30, invented=3)) == 8
    assert chosen(*[None] * 30) == []


# A whole job


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("borders")
    scene = render("walker-pan", width_px=432, height_px=240, frames=96)
    write_clip(folder / "in.mkv", scene.plate, codec="ffv1", crf=None)
    cv2.imwrite(str(folder / "mask.png"), make_holes("logo", 1, 240, 432)[0].astype(np.uint8) * 255)
    return folder


@pytest.fixture
def too_dark(monkeypatch) -> None:
    """The engine paints 24 levels too dark in the frames from 20 on."""
    fill = FlowFill.fill

    def wrong(engine, clip):
        painting = fill(engine, clip)
        if clip.core is None:  # no piece: the small clip that an engine is warmed up on
            return painting
        first = max(20 - clip.start - clip.core[0], 0)
        images = painting.images.copy()
        images[first:] = lifted(images[first:], -24)
        return replace(painting, images=images)

    monkeypatch.setattr(FlowFill, "fill", wrong)


def remove(place: Path, output: Path, **more) -> cleanplate.Report:
    return cleanplate.remove(place / "in.mkv", mask=place / "mask.png", output=output, **more)


def test_a_job_painted_well_has_no_seam(place, tmp_path):
    assert shows(remove(place, tmp_path / "out.mkv").looks) == {}


def test_a_job_names_the_frames_painted_wrong_whatever_the_workers(place, tmp_path, too_dark, capsys):
    reports = [remove(place, tmp_path / f"out{workers}.mkv", workers=workers) for workers in (1, 2, 4)]
    assert all(report.pieces > 1 for report in reports)
    first, *others = [report.looks for report in reports]
    assert all(looks == first for looks in others)
    assert shows(first)
    assert all(frame >= 20 and levels < -12 for frame, levels in shows(first).items())
    facts = Facts.of(reports[0], first=100)
    frame, levels = next(iter(shows(first).items()))
    assert facts.looks[0].frame == frame + 100
    assert facts.looks[0].why == f"the border of the hole shows: {-levels:.0f} levels darker inside"
    screen.show_report(reports[0])
    assert f"border shows by {-levels:.0f} levels" in " ".join(capsys.readouterr().out.split())


def test_a_job_that_goes_on_names_the_same_frames(place, tmp_path, too_dark, monkeypatch):
    whole = remove(place, tmp_path / "whole.mkv")
    write, written = FileSink.write, []

    def stops(sink, frame) -> None:
        written.append(frame)
        if len(written) > 70:
            raise OSError("the disk is full")
        write(sink, frame)

    with monkeypatch.context() as patch:
        patch.setattr(FileSink, "write", stops)
        with pytest.raises(cleanplate.CleanplateError):
            remove(place, tmp_path / "out.mkv")
    report = remove(place, tmp_path / "out.mkv")
    assert report.pieces_taken_over
    assert report.looks == whole.looks


def test_fields_are_looked_at_each_by_itself(tmp_path, too_dark):
    scene = render("walker-pan", width_px=432, height_px=240, frames=64)
    write_interlaced(tmp_path / "in.mkv", weave_rows(scene.plate, "tff"), "tff")
    cv2.imwrite(str(tmp_path / "mask.png"), make_holes("logo", 1, 240, 432)[0].astype(np.uint8) * 255)
    report = remove(tmp_path, tmp_path / "out.mkv")
    assert report.by_field
    assert shows(report.looks)
    assert all(frame >= 20 and levels < -12 for frame, levels in shows(report.looks).items())


def test_a_report_from_before_borders_were_looked_at_is_read(tmp_path):
    (tmp_path / "old.json").write_text('{"seen_share": 0.5, "looks": [{"frame": 3, "invented_share": 0.25}]}')
    facts = Facts.read(tmp_path / "old.json")
    assert [(hint.frame, hint.why) for hint in facts.looks] == [(3, "25% of the hole is invented")]
