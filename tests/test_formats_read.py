"""Reading: pixel formats against FFmpeg's own converter, the order of fields, alpha, changes in mid-stream."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from media import Recipe, render

from cleanplate.base.errors import MediaError
from cleanplate.base.pixels import PIXEL_FORMATS, PixelFormat
from cleanplate.bench.formats.cases import CASES, Case
from cleanplate.bench.formats.clip import render as render_case
from cleanplate.decode import pictures
from cleanplate.decode.reader import open_video

SIZE = (32, 16)
STEPS = {(2, 2): "420", (2, 1): "422", (1, 1): "444", (1, 2): "440", (4, 1): "411", (4, 4): "410"}
CONVERTED_BY_FFMPEG = 100


def _planar(form: PixelFormat) -> str:
    """FFmpeg's planar format of the same samples."""
    tail, alpha = ("" if form.bit_depth == 8 else f"{form.bit_depth}le"), "a" if form.has_alpha else ""
    if form.model == "yuv":
        return f"yuv{alpha}{STEPS[form.step_x, form.step_y]}p{tail}"
    if form.model == "rgb":
        return f"gbr{alpha}p{tail}"
    return ("ya8" if form.bit_depth == 8 else "ya16le") if form.has_alpha else f"gray{tail}"


def _rows(frame: av.VideoFrame, form: PixelFormat) -> list[np.ndarray]:
    return [
        np.frombuffer(plane, np.uint8).reshape(plane.height, abs(plane.line_size)).view(form.dtype)
        for plane in frame.planes
    ]


def _is_known(*names: str) -> bool:
    try:
        return bool([av.VideoFormat(name) for name in names])
    except ValueError:
        return False


def test_packed_formats_hold_what_ffmpeg_puts_there():
    tried = 0
    for name, form in PIXEL_FORMATS.items():
        planar = _planar(form)
        if planar == name or not _is_known(name, planar) or name.startswith("yuvj") or name in _UNMADE:
            continue
        dtype = np.uint8 if form.bit_depth == 8 else np.uint16
        frame = av.VideoFrame(*SIZE, planar)
        other, random = PIXEL_FORMATS[planar], np.random.default_rng(3)
        shapes = [view.shape for view in other.views(_rows(frame, other), *SIZE)]
        values = [random.integers(0, 2**form.bit_depth, shape).astype(dtype) for shape in shapes]
        other.store(values, _rows(frame, other), *SIZE)
        packed = frame.reformat(format=name)
        found = form.samples(_rows(packed, form), *SIZE)
        assert [part.dtype for part in found] == [dtype] * len(values), name
        assert all(map(np.array_equal, found, values)), name
        again = av.VideoFrame(*SIZE, name)
        form.store(found, _rows(again, form), *SIZE)
        back = again.reformat(format=planar)
        assert all(map(np.array_equal, other.samples(_rows(back, other), *SIZE), values)), name
        tried += 1
    assert tried >= CONVERTED_BY_FFMPEG


_UNMADE = ("y210be", "y212be", "y216be")
"formats FFmpeg's converter does not make"


def _palette_avi(path: Path, alphas: tuple[int, ...] = (255, 255)) -> tuple[Path, list[np.ndarray]]:
    """PNGs with a palette whose colour 7 has another alpha in each picture; and the pictures, (H, W, 4)."""
    random, truths = np.random.default_rng(0), []
    with av.open(str(path), "w") as file:
        stream: Any = file.add_stream("png", rate=25)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "pal8"
        for index, alpha in enumerate(alphas):
            places = random.integers(0, 256, (48, 64), np.uint8)
            palette = random.integers(0, 256, (256, 4), np.uint8)  # A, R, G, B
            palette[:, 0] = 255
            palette[7, 0] = alpha
            frame = av.VideoFrame.from_ndarray((places, palette), format="pal8")
            frame.pts, frame.time_base = index, Fraction(1, 25)
            file.mux(stream.encode(frame))
            truths.append(palette[places][..., [1, 2, 3, 0]])
        file.mux(stream.encode(None))
    return path, truths


def test_palettes_are_read_as_their_colours(tmp_path):
    source, truths = _palette_avi(tmp_path / "in.mov")
    with open_video(source) as video:
        assert video.info.pixel_format == "bgr24"
        for frame, truth in zip(video, truths, strict=True):
            assert np.array_equal(np.dstack(frame.native.arrays), truth[..., :3])
    source, truths = _palette_avi(tmp_path / "clear.mov", (90, 255))
    with open_video(source) as video:
        assert video.info.pixel_format == "bgra"
        for frame, truth in zip(video, truths, strict=True):
            assert np.array_equal(np.dstack(frame.native.arrays), truth)


def test_a_palette_that_becomes_see_through_is_told(tmp_path):
    source, _ = _palette_avi(tmp_path / "in.mov", (255, 255, 0))
    with open_video(source) as video, pytest.raises(MediaError, match=r"frame 2 .*opaque at first") as caught:
        list(video)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", ["monow", "monob"])
def test_one_bit_a_pixel(name):
    random = np.random.default_rng(1)
    frame = av.VideoFrame(21, 5, name)
    rows = np.frombuffer(frame.planes[0], np.uint8).reshape(5, -1)
    bits = random.integers(0, 2, (5, 21), np.uint8)
    rows[:, :3] = np.packbits(bits, axis=1)
    reading = pictures.Reading(frame, "png")
    white = bits if name == "monob" else 1 - bits  # in monow a set bit is black
    assert np.array_equal(reading.samples(frame)[0], white * np.uint8(255))
    assert reading.form.name == "gray"
    assert name in reading.warnings[0]


FIELDS = [
    *[("mpeg2video", "yuv420p", ".ts"), ("mpeg2video", "yuv422p", ".mxf"), ("mpeg2video", "yuv420p", ".mkv")],
    *[("mpeg4", "yuv420p", ".avi"), ("prores_ks", "yuv422p10le", ".mov"), ("prores_ks", "yuv422p10le", ".mxf")],
    *[("ffv1", "yuv420p", ".mkv"), ("ffv1", "yuv420p", ".avi"), ("libx264", "yuv420p", ".avi")],
    *[("libx264", "yuv420p", ".ts"), ("wrapped_avframe", "yuv420p", ".y4m"), ("dnxhd", "yuv422p", ".mxf")],
    ("dnxhd", "yuv422p", ".mov"),
]


@pytest.mark.parametrize(("encoder", "form", "suffix"), FIELDS)
def test_the_order_of_fields_is_found(tmp_path, encoder, form, suffix):
    size, frames = ((1920, 1080), 1) if encoder == "dnxhd" else ((128, 96), 8)
    base = Case(encoder=encoder, pixel_format=form, suffix=suffix, size=size, frames=frames)
    rate = {"b": "120M"} if encoder == "dnxhd" else {}
    found = []
    for first in (None, "tff", "bff"):
        options = {"x264-params": f"{first}=1"} if encoder == "libx264" and first else {}
        flags = {"flags": "+ilme+ildct"} if first else {}
        case = replace(base, fields=first, options=options | rate | flags)
        with open_video(render_case(tmp_path / f"{first}{suffix}", case)) as video:
            found.append(video.info.field_order)
    assert found[0] in ("progressive", "unknown")
    assert found[1:] == ["tt", "bb"]


def test_the_order_of_fields_of_dv(tmp_path):
    """DV has one order by its standard, and its decoder calls every picture interlaced; a container may know better."""
    case = Case(encoder="dvvideo", pixel_format="yuv420p", suffix=".avi", size=(720, 576), frames=1, fields="bff")
    with open_video(render_case(tmp_path / "in.avi", case)) as video:
        assert video.info.field_order == "bb"
    with open_video(render_case(tmp_path / "in.mov", replace(case, suffix=".mov", fields=None))) as video:
        assert video.info.field_order == "progressive"


@pytest.mark.parametrize(("encoder", "suffix"), [("libvpx", ".webm"), ("libvpx-vp9", ".webm"), ("libvpx-vp9", ".mkv")])
def test_alpha_of_vp8_and_vp9_is_not_dropped(tmp_path, monkeypatch, encoder, suffix):
    case = next(c for c in CASES if (c.encoder, c.suffix) == (encoder, ".webm") and c.pixel_format == "yuva420p")
    source = render_case(tmp_path / f"in{suffix}", replace(case, suffix=suffix))
    with av.open(str(source)) as file:  # FFmpeg's own decoder does drop it
        assert next(file.decode(video=0)).format.name == "yuv420p"
    with open_video(source) as video:
        assert video.info.pixel_format == "yuva420p"
        frames = list(video)
    ramp = np.clip(np.arange(case.size[0]) + 4 * 3, 0, 255)
    assert np.abs(frames[3].native.arrays[3].astype(int) - ramp).mean() < 4
    assert [frame.pts for frame in frames] == [40 * n for n in range(case.frames)]
    monkeypatch.setattr(pictures, "_ALPHA_DECODERS", {"vp8": "no-such", "vp9": "no-such"})
    with pytest.raises(MediaError, match="with alpha, which only the decoder no-such reads"):
        open_video(source)


@pytest.mark.parametrize(
    ("encoder", "suffix", "second", "words"),
    [
        ("libvpx-vp9", ".webm", (64, 48, "yuv420p"), "64x48 yuv420p, but the video began as 128x96 yuv420p"),
        ("mpeg2video", ".ts", (160, 96, "yuv420p"), "160x96 yuv420p, but the video began as 128x96 yuv420p"),
        ("libx264", ".ts", (160, 96, "yuv420p"), "160x96 yuv420p, but the video began as 128x96 yuv420p"),
        ("libx264", ".ts", (128, 96, "yuv422p"), "128x96 yuv422p, but the video began as 128x96 yuv420p"),
    ],
)
def test_a_change_in_the_middle_is_one_sentence(tmp_path, encoder, suffix, second, words):
    source, tick, packets = tmp_path / f"in{suffix}", Fraction(1, 25), []
    with av.open(str(source), "w") as file:
        outer: Any = file.add_stream(encoder, rate=25)
        outer.width, outer.height, outer.pix_fmt = 128, 96, "yuv420p"
        for start, (width, height, form) in ((0, (128, 96, "yuv420p")), (12, second)):
            context: Any = av.CodecContext.create(encoder, "w")
            context.width, context.height, context.pix_fmt, context.time_base = width, height, form, tick
            context.framerate, context.max_b_frames = 25, 0
            for index in range(12):
                frame = av.VideoFrame(width, height, form)
                for plane in frame.planes:
                    plane.update(np.random.default_rng(index).bytes(plane.buffer_size))
                frame.pts, frame.time_base = index, tick
                packets += [(start, packet) for packet in context.encode(frame)]
            packets += [(start, packet) for packet in context.encode(None)]
        for start, packet in packets:
            packet.stream, packet.time_base = outer, tick
            packet.pts = packet.dts = packet.pts + start
            file.mux(packet)
    with open_video(source) as video, pytest.raises(MediaError, match=words) as caught:
        list(video)
    assert str(caught.value).startswith(("frame 11 of ", "frame 12 of "))  # a decoder may drop the last one it held
    assert "\n" not in str(caught.value)


def test_the_container_names_colours_that_pictures_leave_unsaid(tmp_path):
    recipe = Recipe(codec="ffv1", color=(9, 16, 9, 1), pts=(0, 40), time_base=Fraction(1, 1000), last_duration=40)
    with open_video(render(tmp_path / "in.mkv", recipe)) as video:
        color = video.info.color
    assert (color.primaries, color.transfer, color.matrix, color.full_range) == (9, 16, 9, False)
    case = Case(encoder="prores_ks", pixel_format="yuv422p10le", suffix=".mov", color=(9, 18, 9, 1))
    with open_video(render_case(tmp_path / "in.mov", case)) as video:
        color = video.info.color
    assert (color.primaries, color.transfer) == (9, 18)
