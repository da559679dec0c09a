"""Folders of source images that are cut short, of different sizes, or claim to be enormous."""

from __future__ import annotations

import struct
import zlib
from pathlib import Path

import cv2
import numpy as np
import pytest

from cleanplate.base.errors import MediaError
from cleanplate.decode.images import read_image
from cleanplate.decode.reader import open_video
from cleanplate.decode.whole import picture_size

KINDS = {
    "png": ("png", []),
    "jpg": ("jpg", []),
    "progressive": ("jpg", [cv2.IMWRITE_JPEG_PROGRESSIVE, 1]),
    "bmp": ("bmp", []),
    "tif": ("tif", []),
    "webp": ("webp", []),
    "lossless webp": ("webp", [cv2.IMWRITE_WEBP_QUALITY, 101]),
}


def picture(width: int = 150, height: int = 97) -> np.ndarray:
    noise = np.random.default_rng(1).integers(0, 256, (height, width, 3), np.uint8)
    return cv2.GaussianBlur(noise, (0, 0), 2)


def write(folder: Path, count: int, kind: str) -> list[Path]:
    suffix, options = KINDS[kind]
    paths = [folder / f"{number:03d}.{suffix}" for number in range(count)]
    for path in paths:
        cv2.imwrite(str(path), picture(), options)
    return paths


@pytest.mark.parametrize("kind", KINDS)
def test_sizes_are_read_from_whole_pictures(tmp_path, kind):
    paths = write(tmp_path, 2, kind)
    assert picture_size(paths[0]) == (150, 97)
    with open_video(tmp_path) as video:
        assert len(list(video)) == 2


@pytest.mark.parametrize("share", [0.02, 0.3, 0.9, 0.995])
@pytest.mark.parametrize("kind", KINDS)
def test_a_picture_cut_short_is_named_before_the_work_begins(tmp_path, kind, share):
    third = write(tmp_path, 4, kind)[2]
    data = third.read_bytes()
    third.write_bytes(data[: int(len(data) * share)])
    with (
        pytest.raises(MediaError, match=rf"{third.name}' (is cut short|cannot be read)"),
        open_video(tmp_path) as video,
    ):
        list(video)  # a TIFF's pixels may stand before or behind what names its size


def test_opencv_alone_would_take_half_a_jpeg(tmp_path):
    """Why this is looked at at all."""
    path = write(tmp_path, 1, "jpg")[0]
    data = path.read_bytes()
    path.write_bytes(data[: len(data) // 2])
    assert cv2.imread(str(path)) is not None
    assert picture_size(path) is None
    with pytest.raises(MediaError, match="is cut short"):
        read_image(path)


def test_a_flipped_bit_in_a_png_is_noticed(tmp_path):
    """OpenCV alone decodes most of these."""
    third = write(tmp_path, 4, "png")[2]
    whole = third.read_bytes()
    for at in np.random.default_rng(2).integers(8, len(whole), 12):
        third.write_bytes(whole[:at] + bytes([whole[at] ^ 4]) + whole[at + 1 :])
        with (
            pytest.raises(MediaError, match=r"002.png' (is cut short|cannot be read|is \d+x)"),
            open_video(tmp_path) as video,
        ):
            list(video)


def test_a_jpeg_is_turned_as_its_exif_data_say(tmp_path):
    path = write(tmp_path, 1, "jpg")[0]
    data = path.read_bytes()
    tags = b"II*\0\x08\0\0\0\x01\0" + struct.pack("<HHII", 0x112, 3, 1, 6) + bytes(4)  # 6: to be turned clockwise
    body = b"Exif\0\0" + tags
    path.write_bytes(data[:2] + b"\xff\xe1" + struct.pack(">H", len(body) + 2) + body + data[2:])
    with open_video(tmp_path) as video:
        (frame,) = video
    assert np.array_equal(frame.image, np.rot90(cv2.imdecode(np.frombuffer(data, np.uint8), 1)[..., ::-1], -1))


def test_notes_behind_a_jpegs_end_do_no_harm(tmp_path):
    path = write(tmp_path, 1, "jpg")[0]
    path.write_bytes(path.read_bytes() + b"\0" * 500 + b"a note")
    assert picture_size(path) == (150, 97)


def test_pictures_of_different_sizes_are_named_before_the_work_begins(tmp_path):
    write(tmp_path, 3, "png")
    cv2.imwrite(str(tmp_path / "100.png"), picture(152))
    with pytest.raises(MediaError, match=r"100.png' is 152x97, but the first image is 150x97"):
        open_video(tmp_path)


def _png(width: int, height: int) -> bytes:
    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(bytes(99))) + chunk(b"IEND", b"")


def _jpeg(folder: Path, width: int, height: int) -> bytes:
    data = write(folder, 1, "jpg")[0].read_bytes()
    at = data.index(b"\xff\xc0") + 5
    return data[:at] + struct.pack(">HH", height, width) + data[at + 4 :]


@pytest.mark.parametrize("kind", ["png", "jpg", "bmp", "tif"])
def test_a_size_is_bounded_before_anything_is_allocated(tmp_path, kind, monkeypatch):
    side = 60_000
    if kind == "png":
        data = _png(side, side)
    elif kind == "jpg":
        data = _jpeg(tmp_path, side, side)
    elif kind == "bmp":
        data = b"BM" + struct.pack("<IHHIIiiHHIIiiII", 54, 0, 0, 54, 40, side, -side, 1, 24, 0, 0, 0, 0, 0, 0)
    else:
        entries = [struct.pack("<HHII", tag, 4, 1, value) for tag, value in ((256, side), (257, side))]
        data = b"II*\0" + struct.pack("<IH", 8, 2) + b"".join(entries) + bytes(4)
    for path in tmp_path.iterdir():
        path.unlink()
    (tmp_path / f"a.{kind}").write_bytes(data)
    monkeypatch.setattr(cv2, "imdecode", lambda *_: pytest.fail("it was decoded"))
    with pytest.raises(MediaError, match="60000x60000, more than the 128 million pixels"):
        open_video(tmp_path)
    with pytest.raises(MediaError, match="60000x60000, more than the 128 million pixels"):
        read_image(tmp_path / f"a.{kind}")


@pytest.mark.parametrize("data", [b"", b"\x89PNG", b"BM", b"\xff\xd8\xff", b"RIFF\0\0\0\0WEBP", b"II*\0", bytes(5000)])
def test_what_is_no_picture_is_one_sentence(tmp_path, data):
    (tmp_path / "a.png").write_bytes(data)
    with pytest.raises(MediaError, match=r"a.png' is cut short or not an image"):
        open_video(tmp_path)
