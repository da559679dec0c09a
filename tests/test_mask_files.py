"""Masks from pictures, folders and videos: what counts as a hole, what is repaired, what is refused."""

from __future__ import annotations

import os
import struct
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
import pytest
from mask_files import blob, constant, video_info, write_png, write_video

from cleanplate.base.errors import MaskError
from cleanplate.mask.from_file import FileMaker
from cleanplate.mask.maker import combine
from cleanplate.mask.source import MaskSource


def drawn(*texts, count=1, invert=False, info=None, times=None) -> tuple[list[np.ndarray], list[str]]:
    warnings: list[str] = []
    sources = [MaskSource.parse_file(str(text)) for text in texts]
    frames = combine(sources, info or video_info(), times or constant(count), invert=invert, warn=warnings.append)
    return [labels for _, _, labels in frames], warnings


def left_edges(labels: list[np.ndarray]) -> list[int]:
    """Where the square of `blob` stands in each frame; -1 = nowhere."""
    return [int(np.flatnonzero(frame.any(axis=0))[0]) if frame.any() else -1 for frame in labels]


SHAPE = blob() > 0


# ---- one picture


@pytest.mark.parametrize(
    ("kind", "bits", "hole", "rest"),
    [
        ("gray", 8, 255, 0),
        ("gray", 8, 128, 127),
        ("gray", 8, 1, 0),
        ("gray", 1, 1, 0),
        ("gray", 4, 15, 7),
        ("gray", 16, 65535, 0),
        ("gray", 16, 32768, 32767),
        ("gray", 16, 1, 0),
        ("palette", 8, 1, 0),
        ("palette", 8, 200, 0),
        ("palette", 4, 3, 0),
        ("palette", 1, 1, 0),
        ("rgb", 8, (255, 255, 255), (0, 0, 0)),
        ("rgb", 8, (0, 0, 128), (127, 127, 127)),
        ("rgb", 8, (1, 1, 1), (0, 0, 0)),
        ("rgb", 16, (40000, 0, 0), (32767, 0, 0)),
        ("gray-alpha", 8, (0, 255), (255, 0)),
        ("rgba", 8, (9, 9, 9, 128), (255, 255, 255, 127)),
        ("rgba", 16, (9, 9, 9, 40000), (65535, 65535, 65535, 32767)),
        ("rgba", 8, (255, 255, 255, 255), (0, 0, 0, 255)),
    ],
)
def test_png_kinds(tmp_path, kind, bits, hole, rest):
    hole, rest = np.atleast_1d(hole), np.atleast_1d(rest)
    samples = np.where(SHAPE[..., None], hole, rest)
    path = write_png(tmp_path / "m.png", samples if len(hole) > 1 else samples[..., 0], kind, bits)
    labels, warnings = drawn(path, count=3)
    assert np.array_equal(labels[0] > 0, SHAPE)
    assert labels[0] is labels[2]
    assert labels[0].dtype == np.uint8
    assert not warnings


@pytest.mark.parametrize("suffix", [".jpg", ".bmp", ".tif", ".webp"])
def test_other_pictures(tmp_path, suffix):
    path = tmp_path / f"m{suffix}"
    cv2.imwrite(str(path), blob())
    (labels,), _ = drawn(path)
    assert np.array_equal(labels > 0, SHAPE)


def test_noise_in_a_jpeg_is_no_mask_of_ones(tmp_path):
    path = tmp_path / "m.jpg"
    cv2.imwrite(str(path), np.ones((48, 64), np.uint8))
    (labels,), _ = drawn(path)
    assert not labels.any()


def test_invert(tmp_path):
    for path in (
        write_png(tmp_path / "g.png", blob(), "gray"),
        write_png(tmp_path / "p.png", blob(value=3), "palette"),
        write_png(tmp_path / "one.png", blob(value=1), "gray"),
    ):
        (labels,), _ = drawn(path, invert=True)
        assert np.array_equal(labels > 0, ~SHAPE), path.name


def test_invert_leaves_boxes_alone():
    frames = combine([MaskSource.parse_box("0,0,4,4")], video_info(), constant(1), invert=True, warn=print)
    assert sum(np.count_nonzero(labels) for _, _, labels in frames) == 16


def test_ids(tmp_path):
    """First source 1, second 2; palettes keep their own; the later lies on top."""
    a = write_png(tmp_path / "a.png", blob(at=8), "gray")
    b = write_png(tmp_path / "b.png", blob(at=12), "gray")
    c = write_png(tmp_path / "c.png", blob(at=40, value=77), "palette")
    (labels,), _ = drawn(a, b, c)
    assert [int(labels[12, x]) for x in (8, 11, 12, 19, 20, 40)] == [1, 1, 2, 2, 0, 77]


@pytest.mark.parametrize(
    ("palette", "hole", "rest"),
    [
        ([(0, 0, 0), (255, 255, 255)], 1, 0),  # black and white in order
        ([(255, 255, 255), (255, 0, 0)], 1, 0),  # a red object on white paper
        ([(0, 0, 0)] * 4, 3, 0),  # no colors given at all
        ([(n, n, n) for n in range(256)], 200, 0),  # the gray ramp that some libraries write by default
        ([(n, n, n) for n in range(256)], 3, 0),
        ([(9, 9, 9), (0, 0, 0)], 1, 0),  # grays, but none of them bright
        ([(9, 9, 9), (128, 0, 0), (0, 128, 0), (128, 128, 128)], 3, 0),
    ],
)
def test_palettes_of_labels(tmp_path, palette, hole, rest):
    path = write_png(tmp_path / "m.png", np.where(SHAPE, hole, rest), "palette", palette=bytes(sum(palette, ())))
    (labels,), warnings = drawn(path)
    assert np.array_equal(labels, np.where(SHAPE, hole, 0))
    assert not warnings


@pytest.mark.parametrize(
    ("palette", "hole", "rest"),
    [
        ([(255, 255, 255), (0, 0, 0)], 0, 1),
        ([(0, 0, 0), (250, 251, 249), (128, 129, 127), (3, 3, 3)], 1, 3),
    ],
)
def test_black_and_white_saved_with_a_palette(tmp_path, palette, hole, rest):
    path = write_png(tmp_path / "m.png", np.where(SHAPE, hole, rest), "palette", palette=bytes(sum(palette, ())))
    (labels,), _ = drawn(path)
    assert np.array_equal(labels > 0, SHAPE)


def test_palette_without_background_is_pointed_out(tmp_path):
    ramp = bytes(np.repeat(np.arange(256), 3).tolist())
    path = write_png(tmp_path / "m.png", np.where(SHAPE, 200, 1), "palette", palette=ramp)
    (labels,), warnings = drawn(path)
    assert labels.all()
    assert "has no sample of index 0" in warnings[0]


# ---- sizes


def test_another_size_of_the_same_shape_is_resized(tmp_path):
    path = write_png(tmp_path / "m.png", blob(), "gray")
    (labels, _), warnings = drawn(path, count=2, info=video_info(128, 96))
    assert np.array_equal(labels > 0, np.kron(SHAPE, np.ones((2, 2), bool)))
    assert warnings == [f"the mask {path} is 64x48 but the video is 128x96: the mask was resized to the video's size"]


def test_rounded_sizes_are_the_same_shape(tmp_path):
    path = write_png(tmp_path / "m.png", np.full((480, 854), 255), "gray")
    (labels,), warnings = drawn(path, info=video_info(1920, 1080))
    assert labels.shape == (1080, 1920)
    assert labels.all()
    assert len(warnings) == 1


def test_shrinking_loses_no_wire_and_no_id(tmp_path):
    image = np.zeros((480, 640), np.uint8)
    image[:, 333] = 5
    image[111, :300] = 9
    path = write_png(tmp_path / "m.png", image, "palette")
    (labels,), _ = drawn(path, info=video_info(64, 48))
    assert (labels[:, 33] == 5).all()
    assert (labels[11, :30] == 9).all()
    assert np.count_nonzero(labels) == 48 + 30


def test_a_turned_mask_is_an_error(tmp_path):
    for shape in ((64, 48), (128, 96)):
        path = write_png(tmp_path / "m.png", np.full(shape, 255), "gray")
        with pytest.raises(MaskError, match=rf"is {shape[1]}x{shape[0]} but the video is 64x48 .*lies on its side"):
            drawn(path)


def test_another_shape_is_an_error(tmp_path):
    path = write_png(tmp_path / "m.png", np.full((1088, 1920), 255), "gray")
    with pytest.raises(MaskError, match="is 1920x1088 but the video is 1920x1080, which is another shape"):
        drawn(path, info=video_info(1920, 1080))


# ---- folders


def write_folder(folder: Path, edges: list[int], value: int = 255) -> Path:
    for n, at in enumerate(edges):
        write_png(folder / f"m{n}.png", blob(at=at, value=value), "gray")
    return folder


def test_folder_in_natural_order(tmp_path):
    edges = list(range(0, 24, 2))
    folder = write_folder(tmp_path / "masks", edges)
    (folder / "notes.txt").write_text("no picture")
    write_png(folder / ".hidden.png", blob(), "gray")
    labels, warnings = drawn(folder, count=12)
    assert left_edges(labels) == edges
    assert not warnings


def test_equal_pictures_are_the_same_array(tmp_path):
    labels, _ = drawn(write_folder(tmp_path / "masks", [4, 4, 9, 9, 9]), count=5)
    assert labels[0] is labels[1]
    assert labels[2] is labels[4]
    assert labels[1] is not labels[2]


def test_folder_one_short_and_one_long(tmp_path):
    folder = write_folder(tmp_path / "masks", [0, 2, 4, 6])
    labels, warnings = drawn(folder, count=5)
    assert left_edges(labels) == [0, 2, 4, 6, 6]
    assert "(4 against 5 frames): its last picture is used once more" in warnings[0]
    labels, warnings = drawn(folder, count=3)
    assert left_edges(labels) == [0, 2, 4]
    assert "(4 against 3 frames): its last picture is not used" in warnings[0]
    with pytest.raises(MaskError, match="has 4 pictures and the video 9 frames"):
        drawn(folder, count=9)


def test_folder_of_one_picture_says_how_to_use_it(tmp_path):
    folder = write_folder(tmp_path / "masks", [0])
    with pytest.raises(MaskError, match=r"1 pictures and the video 9 frames; to use one picture .*--mask .*m0\.png"):
        drawn(folder, count=9)


def test_ones_are_scaled_only_if_the_whole_folder_has_no_more(tmp_path):
    ones = write_folder(tmp_path / "ones", [0, 2, 4], value=1)
    assert left_edges(drawn(ones, count=3)[0]) == [0, 2, 4]
    soft = write_folder(tmp_path / "soft", [0, 2, 4])
    write_png(soft / "m0.png", blob(value=1), "gray")
    assert left_edges(drawn(soft, count=3)[0]) == [-1, 2, 4]


def test_alpha_is_decided_by_the_first_picture(tmp_path):
    clear = np.dstack([np.full((48, 64, 3), 255, np.uint8), blob()])
    write_png(tmp_path / "a" / "0.png", clear, "rgba")
    clear[..., 3] = 255
    write_png(tmp_path / "a" / "1.png", clear, "rgba")
    labels, _ = drawn(tmp_path / "a", count=2)
    assert [np.count_nonzero(frame) for frame in labels] == [64, 64 * 48]


# ---- videos

EDGES = [0, 3, 6, 9, 12, 15, 18, 21, 24, 27]


@pytest.mark.parametrize(
    ("name", "codec", "pixel_format"),
    [
        ("m.mkv", "ffv1", "gray"),
        ("m.mkv", "ffv1", "bgr0"),
        ("m.mkv", "ffv1", "gray16le"),
        ("m.mp4", "libx264", "yuv420p"),
        ("m.mp4", "libx264", "yuv420p10le"),
        ("m.gif", "gif", "gray"),
    ],
)
def test_mask_videos(tmp_path, name, codec, pixel_format):
    path = write_video(tmp_path / name, [blob(at=at) for at in EDGES], codec=codec, pixel_format=pixel_format)
    labels, warnings = drawn(path, count=10)
    assert left_edges(labels) == EDGES
    assert [np.count_nonzero(frame) for frame in labels] == [64] * 10
    assert not warnings


def test_mask_video_of_ones(tmp_path):
    path = write_video(tmp_path / "m.mkv", [blob(at=at, value=1) for at in EDGES])
    assert left_edges(drawn(path, count=10)[0]) == EDGES


def test_mask_video_by_time_at_half_the_rate(tmp_path):
    path = write_video(tmp_path / "m.mkv", [blob(at=at) for at in EDGES], time_base=Fraction(1, 12))
    labels, _ = drawn(path, times=constant(20), info=video_info(time_base=Fraction(1, 24)))
    assert left_edges(labels) == [at for at in EDGES for _ in range(2)]


def test_mask_video_for_a_variable_rate_with_an_offset(tmp_path):
    """The video drops frames and begins late; the mask keeps all of them."""
    kept = [0, 1, 4, 5, 9]
    path = write_video(tmp_path / "m.mp4", [blob(at=at) for at in EDGES], codec="libx264", pixel_format="yuv420p")
    times = [(90000 + 3600 * n, 3600) for n in kept]
    labels, warnings = drawn(path, times=times, info=video_info(time_base=Fraction(1, 90000)))
    assert left_edges(labels) == [EDGES[n] for n in kept]
    assert not warnings


def test_mask_video_with_a_variable_rate_of_its_own(tmp_path):
    times = [0, 100, 233, 400, 401, 700, 800, 950, 1000, 1200]
    base = Fraction(1, 1000)
    path = write_video(tmp_path / "m.mkv", [blob(at=at) for at in EDGES], times=times, time_base=base)
    labels, _ = drawn(path, times=[(t, 0) for t in times], info=video_info(time_base=base))
    assert left_edges(labels) == EDGES


def test_mask_video_in_ntsc_time(tmp_path):
    path = write_video(
        tmp_path / "m.mp4",
        [blob(at=at) for at in EDGES],
        time_base=Fraction(1001, 30000),
        codec="libx264",
        pixel_format="yuv420p",
    )
    labels, warnings = drawn(path, times=constant(10, 33), info=video_info(time_base=Fraction(1, 1000)))
    assert left_edges(labels) == EDGES
    assert not warnings


def test_mask_video_of_another_length(tmp_path):
    path = write_video(tmp_path / "m.mkv", [blob(at=at) for at in EDGES])
    labels, warnings = drawn(path, count=11)
    assert left_edges(labels) == [*EDGES, EDGES[-1]]
    assert len(warnings) == 1
    with pytest.raises(MaskError, match=r"has 10 frames \(0.400 s\) and the video 20 \(0.800 s\)"):
        drawn(path, count=20)


def test_mask_video_in_a_span_is_not_read_outside(tmp_path):
    path = write_video(tmp_path / "m.mkv", [blob(at=at) for at in EDGES])
    assert left_edges(drawn(f"{path}@0.2-0.28", count=10)[0]) == [-1, -1, -1, -1, -1, 15, 18, -1, -1, -1]


def test_mask_video_with_a_turn_in_its_header(tmp_path):
    """The display matrix of an MP4 set to a quarter clockwise: the mask is used as a player shows it."""
    image = blob(48, 64, at=30)
    path = write_video(
        tmp_path / "m.mp4", [np.ascontiguousarray(np.rot90(image))] * 3, codec="libx264", pixel_format="yuv420p"
    )
    data = path.read_bytes()
    upright = struct.pack(">9i", 1 << 16, 0, 0, 0, 1 << 16, 0, 0, 0, 1 << 30)
    turned = struct.pack(">9i", 0, 1 << 16, 0, -(1 << 16), 0, 0, 64 << 16, 0, 1 << 30)
    track = data.index(b"tkhd")
    at = data.index(upright, track)
    path.write_bytes(data[:at] + turned + data[at + len(turned) :])
    labels, _ = drawn(path, count=3, info=video_info(48, 64))
    assert np.array_equal(labels[0] > 0, image > 0)


# ---- broken files


def test_missing(tmp_path):
    with pytest.raises(MaskError, match="does not exist"):
        drawn(tmp_path / "no.png")


def test_empty_text_and_folder(tmp_path):
    (tmp_path / "empty.png").write_bytes(b"")
    with pytest.raises(MaskError, match="is empty"):
        drawn(tmp_path / "empty.png")
    (tmp_path / "text.mp4").write_text("I am no video\n" * 50)
    with pytest.raises(MaskError, match="neither a picture nor a video"):
        drawn(tmp_path / "text.mp4")
    (tmp_path / "folder").mkdir()
    with pytest.raises(MaskError, match="holds no pictures"):
        drawn(tmp_path / "folder")


@pytest.mark.parametrize(("suffix", "damage"), [(".png", "cut"), (".png", "flip"), (".jpg", "cut"), (".tif", "cut")])
def test_damaged_pictures(tmp_path, suffix, damage):
    path = tmp_path / f"m{suffix}"
    cv2.imwrite(str(path), np.random.default_rng(0).integers(0, 255, (48, 64), dtype=np.uint8))
    data = bytearray(path.read_bytes())
    if damage == "cut":
        data = data[: len(data) // 2]
    else:
        data[len(data) // 2] ^= 255
    path.write_bytes(data)
    with pytest.raises(MaskError, match="is damaged"):
        drawn(path)


def test_a_picture_that_claims_to_be_huge(tmp_path):
    path = write_png(tmp_path / "m.png", blob(), "gray")
    data = bytearray(path.read_bytes())
    data[16:24] = struct.pack(">II", 60000, 60000)
    path.write_bytes(data)
    with pytest.raises(MaskError, match="million pixels"):
        drawn(path)


def test_a_sound_picture_that_is_too_large(tmp_path):
    path = write_png(tmp_path / "m.png", np.ones((8200, 8200), np.uint8), "gray", 1)
    with pytest.raises(MaskError, match="larger than 64 million pixels"):
        drawn(path)


def test_damaged_video(tmp_path):
    path = write_video(tmp_path / "m.mkv", [blob(at=at) for at in EDGES])
    data = path.read_bytes()
    path.write_bytes(data[: len(data) // 3])
    with pytest.raises(MaskError):
        drawn(path, count=10)


def test_playlists_open_no_other_file(tmp_path):
    real = write_video(tmp_path / "m.mp4", [blob()] * 3, codec="libx264", pixel_format="yuv420p")
    for name, text in (
        ("m.m3u8", f"#EXTM3U\n#EXT-X-TARGETDURATION:10\n#EXTINF:10,\n{real}\n#EXT-X-ENDLIST\n"),
        ("m.ffconcat", f"ffconcat version 1.0\nfile {real.name}\n"),
    ):
        (tmp_path / name).write_text(text)
        with pytest.raises(MaskError, match="neither a picture nor a video"):
            drawn(tmp_path / name, count=3)


def test_sound_is_no_mask(tmp_path):
    path = tmp_path / "m.mka"
    with av.open(str(path), "w", format="matroska") as out:
        stream = out.add_stream("pcm_s16le", rate=8000)
        sound = av.AudioFrame.from_ndarray(np.zeros((1, 800), np.int16), format="s16", layout="mono")
        sound.sample_rate = 8000
        out.mux(stream.encode(sound))
    with pytest.raises(MaskError, match="no video stream"):
        drawn(path)


def test_files_are_let_go(tmp_path, monkeypatch):
    path = write_video(tmp_path / "m.mkv", [blob(at=at) for at in EDGES])
    closed = []
    close = FileMaker.close
    monkeypatch.setattr(FileMaker, "close", lambda maker: (closed.append(1), close(maker)))
    frames = combine([MaskSource(path=path)], video_info(), constant(10), warn=print)
    next(frames)
    frames.close()
    assert closed == [1]
    with pytest.raises(MaskError, match="does not exist"):
        drawn(path, tmp_path / "no.png", count=10)
    assert closed == [1, 1]


def test_real_watermark_mask():
    clips = os.environ.get("CLEANPLATE_CLIPS")
    if not clips:
        pytest.skip("CLEANPLATE_CLIPS is not set: no real mask to read")
    path = Path(clips) / "video" / "watermark-596x336.mask.png"
    (labels,), warnings = drawn(path, info=video_info(596, 336))
    assert np.array_equal(labels > 0, cv2.imread(str(path), cv2.IMREAD_GRAYSCALE) > 127)
    assert not warnings
