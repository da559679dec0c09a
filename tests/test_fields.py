"""Interlaced video is worked on field by field, judged against a plate rendered at twice the rate."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from interlaced import hole_db, luma_of, weave_rows, write_interlaced
from numpy.typing import NDArray

import cleanplate
import cleanplate.filling
from cleanplate.base.fields import can_split, field_of, is_interlaced, weave
from cleanplate.base.types import PlaneLayout, Planes
from cleanplate.bench.synth import render
from cleanplate.decode.reader import open_video

LAYOUT = PlaneLayout(pixel_format="yuv420p", model="yuv", bit_depth=8, step_x=2, step_y=2, site_y=0.5)
FRAMES = 16
BOTTOM_FIRST = "bff"


def planes(seed: int = 0) -> Planes:
    random = np.random.default_rng(seed)
    shapes = ((16, 12), (8, 6), (8, 6))
    return Planes(arrays=tuple(random.integers(0, 256, shape).astype(np.uint8) for shape in shapes), layout=LAYOUT)


def test_fields_lie_on_their_own_lines_and_their_chroma_nearer_to_them():
    whole = planes()
    top, bottom = field_of(whole, 0), field_of(whole, 1)
    assert np.array_equal(top.arrays[0][3], whole.arrays[0][6])
    assert np.array_equal(bottom.arrays[2][1], whole.arrays[2][3])
    assert (top.layout.site_y, bottom.layout.site_y) == (0.25, 0.75)  # luma lines of the field
    assert top.arrays[0].base is not None  # a view


def test_weaving_gives_the_picture_back_and_what_was_changed():
    whole = planes()
    fields = [field_of(whole, parity) for parity in (0, 1)]
    assert weave(whole, fields).arrays[0] is whole.arrays[0]  # nothing changed, nothing copied
    changed = fields[1].arrays[0].copy()
    changed[2, 5] ^= 1
    new = weave(whole, [fields[0], replace(fields[1], arrays=(changed, *fields[1].arrays[1:]))])
    assert [tuple(place) for place in np.argwhere(new.arrays[0] != whole.arrays[0])] == [(5, 5)]
    assert new.arrays[1] is whole.arrays[1]


@pytest.fixture(scope="module", params=["tff", BOTTOM_FIRST])
def film(request, tmp_path_factory) -> tuple[Path, Path, NDArray[np.uint8], NDArray[np.bool_]]:
    """An interlaced pan with an object, its masks, and the luma of its clean plate."""
    folder = tmp_path_factory.mktemp(request.param)
    scene = render("logo-pan", frames=2 * FRAMES, width_px=240, height_px=144)
    write_interlaced(folder / "in.mp4", weave_rows(scene.images, request.param), request.param)
    write_interlaced(folder / "plate.mp4", weave_rows(scene.plate, request.param), request.param)
    holes = weave_rows(scene.holes.astype(np.uint8), request.param)
    (folder / "masks").mkdir()
    for index, hole in enumerate(holes):
        cv2.imwrite(str(folder / "masks" / f"{index:04d}.png"), hole * 255)
    return folder / "in.mp4", folder / "masks", luma_of(folder / "plate.mp4"), holes.astype(bool)


def test_each_field_is_painted_by_itself(film, tmp_path, monkeypatch):
    source, masks, plate, holes = film
    with open_video(source) as video:
        assert is_interlaced(video.info)
    report = cleanplate.remove(source, mask=masks, output=tmp_path / "fields.mp4", lossless=True, preset="ultrafast")
    assert report.by_field
    assert report.untouched == "identical"
    assert report.frames_with_holes == int(holes.any((1, 2)).sum())
    monkeypatch.setattr(cleanplate.filling, "can_split", lambda info, layout: False)
    whole = cleanplate.remove(source, mask=masks, output=tmp_path / "whole.mp4", lossless=True, preset="ultrafast")
    assert not whole.by_field
    assert any("interlaced" in words for words in whole.warnings)
    by_field, by_frame = (hole_db(tmp_path / f"{name}.mp4", plate, holes) for name in ("fields", "whole"))
    print(f"hole PSNR of luma: by field {by_field:.2f} dB, by frame {by_frame:.2f} dB")
    assert by_field > by_frame + 3  # dB


def test_lines_outside_the_hole_are_the_sources_own(film, tmp_path):
    source, masks, _, holes = film
    cleanplate.remove(source, mask=masks, output=tmp_path / "out.mp4", lossless=True, preset="ultrafast", grow_px=2)
    near = np.stack([cv2.dilate(hole.astype(np.uint8), np.ones((17, 9), np.uint8)) for hole in holes]).astype(bool)
    assert np.array_equal(luma_of(tmp_path / "out.mp4")[~near], luma_of(source)[~near])


def test_a_stopped_run_takes_over_both_fields_pieces(film, tmp_path, monkeypatch):
    source, masks, _, _ = film
    calm = cleanplate.remove(source, mask=masks, output=tmp_path / "calm.mp4", lossless=True, preset="ultrafast")
    sink = cleanplate.save.writer.FileSink.finish

    def fails(self) -> None:
        raise OSError("the disk is gone")

    monkeypatch.setattr(cleanplate.save.writer.FileSink, "finish", fails)
    with pytest.raises(cleanplate.MediaError):
        cleanplate.remove(source, mask=masks, output=tmp_path / "out.mp4", lossless=True, preset="ultrafast")
    monkeypatch.setattr(cleanplate.save.writer.FileSink, "finish", sink)
    again = cleanplate.remove(source, mask=masks, output=tmp_path / "out.mp4", lossless=True, preset="ultrafast")
    assert again.pieces == again.pieces_taken_over == calm.pieces == 2
    assert (tmp_path / "out.mp4").read_bytes() == (tmp_path / "calm.mp4").read_bytes()


def test_odd_heights_and_turned_pictures_are_not_split():
    layout = LAYOUT
    with_height = {height: type("Info", (), {"rotation_deg": 0, "height_px": height})() for height in (480, 486)}
    assert can_split(with_height[480], layout)
    assert not can_split(with_height[486], layout)  # its fields share a line of chroma
    assert can_split(with_height[486], replace(layout, step_y=1))
    turned = type("Info", (), {"rotation_deg": 180, "height_px": 480})()
    assert not can_split(turned, layout)
