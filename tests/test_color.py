"""Colour conversion, against FFmpeg's own converter and against arithmetic done by hand."""

from __future__ import annotations

from dataclasses import replace

import av
import numpy as np
import pytest

from cleanplate.base.color import chroma_box, from_rgb, to_rgb, whole_chroma
from cleanplate.base.pixels import PIXEL_FORMATS, stored_layout
from cleanplate.base.types import Color, PlaneLayout, Planes


def smooth_rgb(height: int, width: int, top: int) -> np.ndarray:
    """Colours that vary slowly, so that how chroma is enlarged matters little."""
    y, x = np.mgrid[0:height, 0:width]
    waves = [np.sin(x / 37 + k) * np.cos(y / 29 - k) for k in range(3)]
    return np.rint((np.stack(waves, -1) * 0.4 + 0.5) * top).astype(np.uint8 if top == 255 else np.uint16)


def layout_of(name: str, matrix: int = 1, full: bool = False, place: str = "left") -> PlaneLayout:
    return stored_layout(PIXEL_FORMATS[name], Color(matrix=matrix, full_range=full, chroma_location=place), 1080)


@pytest.mark.parametrize(("matrix", "name"), [(1, "ITU709"), (5, "ITU601"), (9, "BT2020")])
@pytest.mark.parametrize("full", [False, True])
def test_agrees_with_swscale(matrix: int, name: str, full: bool):
    rgb = smooth_rgb(64, 96, 255)
    spaces = {"ITU709": 1, "ITU601": 5, "BT2020": 9}
    picture = av.VideoFrame.from_ndarray(rgb, format="rgb24").reformat(
        format="yuv444p", dst_colorspace=spaces[name], dst_color_range=2 if full else 1
    )
    arrays = tuple(np.frombuffer(p, np.uint8).reshape(-1, p.line_size)[:64, :96] for p in picture.planes)
    planes = Planes(arrays=arrays, layout=layout_of("yuv444p", matrix, full))
    assert np.abs(to_rgb(planes, (0, 0, 96, 64)).astype(int) - rgb).max() <= 2  # levels: both round twice


@pytest.mark.parametrize("name", ["yuv444p", "yuv420p", "yuv422p", "yuv420p10le", "yuv444p12le", "gbrp10le"])
@pytest.mark.parametrize("place", ["left", "center", "topleft"])
def test_there_and_back(name: str, place: str):
    depth = PIXEL_FORMATS[name].bit_depth
    rgb = smooth_rgb(60, 90, 255 if depth == 8 else 65535)
    layout = layout_of(name, place=place)
    box = (0, 0, 90, 60)
    planes = Planes(arrays=from_rgb(rgb, box, layout, 90, 60), layout=layout)
    apart = np.abs(to_rgb(planes, box).astype(int) - rgb)[2:-2, 2:-2] / (255 if depth == 8 else 65535)
    # One level of the source's depth, times the matrix's largest gain of 1.86; slow chroma costs another 1/255.
    limit = (2.0 if layout.step_x == 1 else 3.5) / (2**depth - 1) * (1 if depth == 8 or layout.step_x == 1 else 3)
    assert apart.max() <= limit + 1e-6


def test_white_black_and_gray_by_hand():
    layout = layout_of("yuv420p10le")
    luma = np.array([[64, 940], [502, 1023]], np.uint16)
    half = np.array([[512]], np.uint16)
    image = to_rgb(Planes(arrays=(luma, half, half), layout=layout), (0, 0, 2, 2))
    assert image[0, 0].tolist() == [0, 0, 0]
    assert image[0, 1].tolist() == [65535] * 3
    assert image[1, 0].tolist() == [round((502 - 64) / 876 * 65535)] * 3
    assert image[1, 1].tolist() == [65535] * 3  # brighter than white is clipped in RGB, not in the file


def test_ten_bit_rgb_is_full_scale():
    plane = np.array([[0, 1, 512, 1023]], np.uint16)
    image = to_rgb(Planes(arrays=(plane,) * 3, layout=layout_of("gbrp10le")), (0, 0, 4, 1))
    assert image[0, :, 0].tolist() == [round(v * 65535 / 1023) for v in (0, 1, 512, 1023)]


@pytest.mark.parametrize(("place", "expected"), [("left", 96), ("center", 94), ("right", 92)])
def test_chroma_sits_where_the_file_says(place: str, expected: float):
    """A chroma ramp of 8 levels a sample, read at luma column 8: left siting gives sample 4, centred 3.75."""
    layout = layout_of("yuv420p", full=True, place=place.replace("right", "left"))
    if place == "right":  # left siting turned over
        layout = replace(layout, site_x=1.0)
    blue = np.tile(np.arange(64, 192, 8, dtype=np.uint8), (4, 1))
    planes = Planes(arrays=(np.full((8, 32), 128, np.uint8), blue, np.full((4, 16), 128, np.uint8)), layout=layout)
    found = (float(to_rgb(planes, (8, 2, 9, 3))[0, 0, 2]) - 128) / 1.8556 + 128  # B = Y + 1.8556 (Cb - 128)
    assert found == pytest.approx(expected, abs=0.6)  # levels: B is rounded


def test_a_crop_equals_the_same_part_of_the_whole():
    rng = np.random.default_rng(0)
    layout = layout_of("yuv420p")
    arrays = tuple(rng.integers(0, 256, shape).astype(np.uint8) for shape in ((33, 47), (17, 24), (17, 24)))
    planes = Planes(arrays=arrays, layout=layout)
    whole = to_rgb(planes, (0, 0, 47, 33))
    assert np.array_equal(to_rgb(planes, (5, 3, 40, 30)), whole[3:30, 5:40])


def test_boxes_of_chroma():
    layout = PlaneLayout(pixel_format="x", model="yuv", bit_depth=8, step_x=2, step_y=2, block_x=-1)
    # Turned over at odd width 9: blocks of columns are [0], [1, 2], ..., [7, 8].
    assert chroma_box(layout, (0, 0, 1, 2), 9, 4) == (0, 0, 1, 1)
    assert chroma_box(layout, (1, 0, 4, 1), 9, 4) == (1, 0, 3, 1)
    assert whole_chroma(layout, (2, 1, 3, 2), 9, 4) == (1, 0, 3, 2)
    assert whole_chroma(layout, (8, 3, 9, 4), 9, 4) == (7, 2, 9, 4)
