"""Decoding, judged by PyAV used directly and by pictures whose samples are known."""

from __future__ import annotations

import os
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import av
import cv2
import numpy as np
import pytest
from media import Recipe, render

from cleanplate.base.errors import MediaError, UsageError
from cleanplate.base.pixels import PIXEL_FORMATS, stored_layout, turn, turn_back, turned_layout
from cleanplate.base.types import Color
from cleanplate.bench.synth import stream
from cleanplate.bench.synth_video import write_clip
from cleanplate.decode.reader import open_video

UNEVEN = (0, 512, 600, 1800, 1801, 4000, 4512, 9000, 9100, 9200)


def _decoded(path: Path) -> list[av.VideoFrame]:
    with av.open(str(path)) as file:
        return list(file.decode(video=0))


@pytest.mark.parametrize(
    ("codec", "pix_fmt", "bits"),
    [
        *(("libx264", name, 8) for name in ("yuv420p", "yuv422p", "yuv444p")),
        *(("libx265", name, 10) for name in ("yuv420p10le", "yuv422p10le", "yuv444p10le")),
        *(("ffv1", name, 8) for name in ("gray", "bgr0", "bgra", "yuva420p")),
        *(("ffv1", name, 16) for name in ("gray16le", "gbrp16le")),
        ("ffv1", "yuv444p12le", 12),
    ],
)
def test_planes_are_the_decoders_own_samples(tmp_path, codec, pix_fmt, bits):
    size = (62, 46) if codec != "ffv1" else (63, 45)
    recipe = Recipe(codec=codec, pix_fmt=pix_fmt, size=size, pts=range(0, 3 * 512, 512))
    source = render(tmp_path / "in.mkv", recipe)
    with open_video(source) as video:
        frames = list(video)
        assert (video.info.pixel_format, video.info.bit_depth) == (pix_fmt, bits)
    truth = _decoded(source)
    assert len(frames) == len(truth) == 3
    for frame, picture in zip(frames, truth, strict=True):
        native = frame.native
        # to_ndarray knows fewer formats; where both are planar, compare plane by plane
        if not pix_fmt.startswith(("bgr", "gbr")):
            for ours, plane in zip(native.arrays, picture.planes, strict=True):
                rows = np.frombuffer(plane, ours.dtype).reshape(plane.height, -1)
                assert np.array_equal(ours, rows[:, : plane.width])
        else:
            name = "rgb48le" if bits == 16 else "rgba" if native.layout.has_alpha else "rgb24"
            rgb = picture.reformat(format=name).to_ndarray()
            assert np.array_equal(np.dstack(native.arrays), rgb)
        assert (native.width_px, native.height_px) == size
        assert native.layout.has_alpha == ("a" in pix_fmt.replace("gray", ""))


def test_planes_are_read_only_views(tmp_path):
    source = render(tmp_path / "in.mp4", Recipe(pts=range(0, 1024, 512)))
    with open_video(source) as video:
        frame = next(iter(video))
    for plane in frame.native.arrays:
        assert not plane.flags.writeable
        assert not plane.flags.owndata
        with pytest.raises(ValueError, match="read-only"):
            plane[0, 0] = 1


@pytest.mark.parametrize("codec", ["libx264", "libx265"])
@pytest.mark.parametrize(("suffix", "start"), [(".mp4", 0), (".mov", 5000), (".mp4", 12800), (".mkv", 700)])
def test_times_are_exact_and_found_without_decoding(tmp_path, codec, suffix, start):
    base = Fraction(1, 1000) if suffix == ".mkv" else Fraction(1, 12800)
    pts = [start + tick for tick in UNEVEN]
    source = render(
        tmp_path / f"in{suffix}", Recipe(codec=codec, pts=pts, time_base=base, options={"preset": "medium"})
    )
    with open_video(source) as video:
        assert video.info.time_base == base
        assert video.info.start_pts == start
        times = [(frame.pts, frame.duration) for frame in video]
        assert [index for index, _ in enumerate(video)] == list(range(len(UNEVEN)))  # a second pass
        assert video.timestamps() == times
    assert [p for p, _ in times] == pts == [picture.pts for picture in _decoded(source)]
    assert [d for _, d in times[:-1]] == [b - a for a, b in pairwise(pts)]
    assert times[-1][1] > 0


def test_pictures_an_edit_list_cuts_off_are_not_counted(tmp_path):
    source = render(tmp_path / "in.mp4", Recipe(pts=range(-3 * 512, 9 * 512, 512)))
    with av.open(str(source)) as file:
        assert sum(packet.is_discard for packet in file.demux(video=0)) == 3
    with open_video(source) as video:
        assert [pts for pts, _ in video.timestamps()] == [frame.pts for frame in video]
        assert [frame.pts for frame in video] == [picture.pts for picture in _decoded(source)]


def test_iterations_do_not_disturb_each_other(tmp_path):
    source = render(tmp_path / "in.mp4", Recipe())
    with open_video(source) as video:
        for (one, two), truth in zip(zip(video, video, strict=True), _decoded(source), strict=True):
            assert one.pts == two.pts == truth.pts
            assert np.array_equal(one.native.arrays[0], two.native.arrays[0])


def _upright(stored: np.ndarray, matrix: tuple[int, int, int, int]) -> np.ndarray:
    """A picture turned by applying the display matrix to the place of every sample, one by one."""
    a, b, c, d = matrix
    height, width = stored.shape
    places = {}
    for y in range(height):
        for x in range(width):
            places[(a * x + c * y, b * x + d * y)] = stored[y, x]
    left, top = min(x for x, _ in places), min(y for _, y in places)
    right, bottom = max(x for x, _ in places), max(y for _, y in places)
    return np.array([[places[(x, y)] for x in range(left, right + 1)] for y in range(top, bottom + 1)])


@pytest.mark.parametrize("hflip", [False, True])
@pytest.mark.parametrize("rotation", [0, 90, 180, 270])
def test_pictures_come_upright(tmp_path, rotation, hflip):
    recipe = Recipe(codec="ffv1", size=(23, 15), rotation=rotation, hflip=hflip, pts=(0, 40), last_duration=40)
    source = render(tmp_path / "in.mkv", recipe)
    picture = _decoded(source)[0]
    data = picture.side_data.get("DISPLAYMATRIX")
    matrix = (1, 0, 0, 1)
    if data is not None:
        values = np.sign(np.frombuffer(data, np.int32))
        matrix = tuple(int(values[i]) for i in (0, 1, 3, 4))
    rows = np.frombuffer(picture.planes[0], np.uint8).reshape(15, -1)[:, :23]
    with open_video(source) as video:
        frame = next(iter(video))
        assert np.array_equal(frame.native.arrays[0], _upright(rows, matrix))
        assert (video.info.width_px, video.info.height_px) == frame.native.arrays[0].shape[::-1]
        assert video.info.is_flipped == hflip
        again = turn_back(frame.native.arrays[0], video.info.rotation_deg, video.info.is_flipped)
        assert np.array_equal(again, rows)


@pytest.mark.parametrize("flip", [False, True])
@pytest.mark.parametrize("rotation", [0, 90, 180, 270])
@pytest.mark.parametrize("chroma", ["left", "center", "topleft", "bottom"])
@pytest.mark.parametrize(("pix_fmt", "width", "height"), [("yuv420p", 23, 15), ("yuv422p", 24, 16), ("yuv411p", 30, 9)])
def test_chroma_lies_where_the_turned_layout_says(pix_fmt, width, height, chroma, rotation, flip):
    """Chroma that holds its own luma place, turned, must hold the place the turned layout computes."""
    form = PIXEL_FORMATS[pix_fmt]
    layout = stored_layout(form, Color(chroma_location=chroma), height)
    columns, rows = -(-width // layout.step_x), -(-height // layout.step_y)
    place_x = np.tile(layout.step_x * np.arange(columns) + layout.site_x, (rows, 1))
    place_y = np.tile((layout.step_y * np.arange(rows) + layout.site_y)[:, None], (1, columns))
    luma_y, luma_x = np.mgrid[:height, :width]
    upright = turned_layout(layout, width, height, rotation, flip)
    seen_x, seen_y = turn(place_x, rotation, flip), turn(place_y, rotation, flip)
    block_x, block_y = turn(luma_x // layout.step_x, rotation, flip), turn(luma_y // layout.step_y, rotation, flip)
    luma_x, luma_y = turn(luma_x, rotation, flip), turn(luma_y, rotation, flip)
    # where a stored luma place appears upright: an affine map, read off the corners
    step = np.array([[seen[0, 1] - seen[0, 0], seen[1, 0] - seen[0, 0]] for seen in (luma_x, luma_y)])
    for j in range(seen_x.shape[0]):
        for i in range(seen_x.shape[1]):
            shown = np.linalg.solve(step, [seen_x[j, i] - luma_x[0, 0], seen_y[j, i] - luma_y[0, 0]])
            expected = (upright.step_x * i + upright.site_x, upright.step_y * j + upright.site_y)
            assert np.allclose(shown, expected)
    owner_x = (np.arange(luma_x.shape[1]) - upright.block_x) // upright.step_x
    owner_y = (np.arange(luma_x.shape[0]) - upright.block_y) // upright.step_y
    whole = turn(np.arange(rows)[:, None] * columns + np.arange(columns), rotation, flip)
    assert np.array_equal(whole[owner_y[:, None], owner_x[None]], block_y * columns + block_x)


@pytest.mark.parametrize(
    ("color", "chroma", "layout"),
    [
        ((2, 2, 2, 0), None, (6, False, 0.0, 0.5)),
        ((9, 16, 9, 1), "topleft", (9, False, 0.0, 0.0)),
        ((1, 1, 1, 2), "center", (1, True, 0.5, 0.5)),
    ],
)
def test_color_is_read_and_completed(tmp_path, color, chroma, layout):
    codec = "libx265" if chroma else "libx264"
    source = render(tmp_path / "in.mp4", Recipe(codec=codec, color=color, chroma=chroma))
    with open_video(source) as video:
        found = video.info.color
        native = next(iter(video)).native
    assert (found.primaries, found.transfer, found.matrix) == color[:3]
    assert found.full_range == {0: None, 1: False, 2: True}[color[3]]
    assert (native.layout.matrix, native.layout.full_range, native.layout.site_x, native.layout.site_y) == layout


def test_what_the_header_says(tmp_path):
    recipe = Recipe(pixel_aspect=Fraction(16, 11), audio=["aac", "flac"], chapters=[(0, 0.2, "One")])
    with open_video(render(tmp_path / "in.mp4", recipe)) as video:
        info = video.info
    assert (info.codec, info.frame_count, info.pixel_aspect, info.rate) == ("h264", 12, Fraction(16, 11), 25)
    assert [(s.kind, s.codec, s.language) for s in info.streams[:2]] == [
        ("audio", "aac", "eng"),
        ("audio", "flac", "deu"),
    ]


@pytest.mark.parametrize(
    ("shape", "dtype", "pix_fmt"),
    [
        ((20, 31, 3), np.uint8, "bgr24"),
        ((20, 31, 3), np.uint16, "bgr48le"),
        ((20, 31, 4), np.uint8, "bgra"),
        ((20, 31), np.uint8, "gray"),
        ((20, 31), np.uint16, "gray16le"),
    ],
)
def test_a_folder_of_images_is_a_video(tmp_path, shape, dtype, pix_fmt):
    random = np.random.default_rng(5)
    images = {n: random.integers(0, np.iinfo(dtype).max, shape, dtype, endpoint=True) for n in (10, 2, 1)}
    for number, image in images.items():
        cv2.imwrite(str(tmp_path / f"img{number}.png"), image)
    (tmp_path / "notes.txt").write_text("not an image")
    with open_video(tmp_path, Fraction(30000, 1001)) as video:
        frames = list(video)
        assert video.timestamps() == [(0, 1), (1, 1), (2, 1)] == [(f.pts, f.duration) for f in frames]
        assert video.info.time_base == Fraction(1001, 30000)
        assert [path.name for path in video.info.image_paths] == ["img1.png", "img2.png", "img10.png"]
        assert video.info.pixel_format == pix_fmt
    for number, frame in zip((1, 2, 10), frames, strict=True):
        planes = np.dstack(frame.native.arrays)
        truth = images[number].reshape(*shape[:2], -1)
        if truth.shape[2] > 1:
            truth = truth[..., [2, 1, 0, 3][: truth.shape[2]]]
        assert np.array_equal(planes, truth)


def test_palette_and_jpeg_images(tmp_path):
    picture = np.zeros((16, 16, 3), np.uint8)
    picture[:, 8:] = (30, 60, 200)
    cv2.imwrite(str(tmp_path / "a.jpg"), picture, [cv2.IMWRITE_JPEG_QUALITY, 100])
    with open_video(tmp_path) as video:
        frame = next(iter(video))
    assert np.array_equal(np.dstack(frame.native.arrays[::-1]), cv2.imread(str(tmp_path / "a.jpg")))


def test_images_must_match(tmp_path):
    cv2.imwrite(str(tmp_path / "1.png"), np.zeros((8, 8, 3), np.uint8))
    cv2.imwrite(str(tmp_path / "2.png"), np.zeros((8, 9, 3), np.uint8))
    with pytest.raises(MediaError, match=r"2.png' is 9x8, but the first image is 8x8"), open_video(tmp_path) as video:
        list(video)


def _bad(folder: Path, kind: str) -> Path:
    path = folder / f"{kind}.mp4"
    if kind == "empty":
        path.touch()
    elif kind == "text":
        path.write_text("Dear diary, " * 50)
    elif kind == "noise":
        path.write_bytes(np.random.default_rng(0).bytes(4000))
    elif kind == "folder":
        path.mkdir()
    elif kind == "list":
        path.write_text("ffconcat version 1.0\nfile other.mp4\n")
    elif kind == "cut":
        whole = render(folder / "whole.mp4", Recipe()).read_bytes()
        path.write_bytes(whole[: len(whole) // 2])
    elif kind == "sound":
        render(path, Recipe(audio=["aac"]))
        with av.open(str(path)) as source, av.open(str(folder / "s.m4a"), "w") as out:
            stream = out.add_stream_from_template(source.streams.audio[0], opaque=True)
            for packet in source.demux(source.streams.audio[0]):
                if packet.size:
                    packet.stream = stream
                    out.mux(packet)
        (folder / "s.m4a").replace(path)
    return path


@pytest.mark.parametrize(
    ("kind", "error", "words"),
    [
        ("missing", UsageError, "there is no file or folder"),
        ("folder", UsageError, "holds no images"),
        ("empty", MediaError, "is empty"),
        ("text", MediaError, "cannot be read as a video"),
        ("noise", MediaError, "cannot be read as a video"),
        ("cut", MediaError, "cannot be read as a video"),
        ("list", MediaError, "is not a video file of a kind that is read"),
        ("sound", MediaError, "has no video that can be decoded, only audio"),
    ],
)
def test_bad_input_is_one_sentence(tmp_path, kind, error, words):
    with pytest.raises(error, match=words) as caught:
        open_video(_bad(tmp_path, kind))
    assert "\n" not in str(caught.value)


def test_a_change_of_size_in_the_middle_is_told(tmp_path):
    small = render(tmp_path / "small.h264", Recipe())
    large = render(tmp_path / "large.h264", Recipe(size=(96, 64)))
    source = tmp_path / "in.h264"
    source.write_bytes(small.read_bytes() + large.read_bytes())
    with open_video(source) as video, pytest.raises(MediaError, match=r"frame 12 .* is 96x64 yuv420p, but .* 64x48"):
        list(video)


def test_a_rate_is_for_folders(tmp_path):
    source = render(tmp_path / "in.mp4", Recipe(pts=(0, 512)))
    with pytest.raises(UsageError, match="--rate is for a folder of images"):
        open_video(source, Fraction(30))


def test_real_files(capsys):
    root = os.environ.get("CLEANPLATE_CLIPS")
    if not root:
        pytest.skip("CLEANPLATE_CLIPS is not set: no real clips to read")
    for name in ("pancake-426x240-opus.mkv", "watermark-596x336.mp4"):
        source = Path(root) / "video" / name
        with av.open(str(source)) as file:
            truth = [frame.pts for frame in file.decode(video=0)]
        with open_video(source) as video:
            assert [pts for pts, _ in video.timestamps()] == truth
            assert [frame.pts for frame in video] == truth


@pytest.mark.parametrize(("codec", "container"), [("libx264", "mp4"), ("libx265", "mkv"), ("ffv1", "mkv")])
def test_frames_that_are_sought_are_those_that_are_decoded(codec, container, tmp_path):
    path = tmp_path / f"in.{container}"
    shown = stream("pan", width_px=96, height_px=64, frames=70)
    write_clip(path, (sample.image for sample in shown), codec=codec, crf=None if codec == "ffv1" else 20)
    with open_video(path) as video:
        frames = {frame.index: frame for frame in video}
        wanted = {index: frames[index].pts for index in (3, 41, 42, 43, 69)}
        sought = list(video.frames_at(wanted))
        assert [frame.index for frame in sought] == [3, 41, 42, 43, 69]
        for frame in sought:
            pairs = zip(frame.native.arrays, frames[frame.index].native.arrays, strict=True)
            assert all(np.array_equal(one, other) for one, other in pairs)
        assert list(video.frames_at({5: frames[5].pts + 1})) == []  # there is none at that time
        pairs = list(video.glimpses([frames[40].pts], 4))
        assert len(pairs) == 1
