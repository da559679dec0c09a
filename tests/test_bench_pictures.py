"""Folders of pictures as data sets leave them."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from cleanplate.base.errors import MaskError, MediaError, UsageError
from cleanplate.bench.pictures import folders_in, pictures_in, read_frame, read_labels, same_size
from cleanplate.mask.stored_format import label_png


def test_pictures_come_in_natural_order(tmp_path):
    for name in ("img10.png", "img2.png", "img1.jpg", ".hidden.png", "notes.txt"):
        (tmp_path / name).write_bytes(b"")
    (tmp_path / "img3.png").mkdir()
    assert [path.name for path in pictures_in(tmp_path)] == ["img1.jpg", "img2.png", "img10.png"]
    assert [path.name for path in folders_in(tmp_path)] == ["img3.png"]
    with pytest.raises(UsageError, match="has no pictures"):
        pictures_in(tmp_path / "img3.png")
    for listing in (pictures_in, folders_in):
        with pytest.raises(UsageError, match="cannot be read"):
            listing(tmp_path / "nowhere")


def test_frames_are_rgb(tmp_path):
    red = np.zeros((4, 6, 3), np.uint8)
    red[..., 2] = 200  # OpenCV writes blue, green, red
    cv2.imwrite(str(tmp_path / "a.png"), red)
    frame = read_frame(tmp_path / "a.png")
    assert frame.shape == (4, 6, 3)
    assert frame[0, 0].tolist() == [200, 0, 0]
    (tmp_path / "bad.jpg").write_bytes(b"\xff\xd8\xff\xe0 not a picture")
    for name in ("bad.jpg", "missing.jpg"):
        with pytest.raises(MediaError, match=name):
            read_frame(tmp_path / name)


def test_labels_of_palette_and_gray_pictures(tmp_path):
    labels = np.zeros((5, 7), np.uint8)
    labels[1, 1:4] = (1, 2, 255)
    (tmp_path / "palette.png").write_bytes(label_png(labels))
    cv2.imwrite(str(tmp_path / "gray.png"), labels)
    cv2.imwrite(str(tmp_path / "three-grays.png"), np.repeat(labels[..., None], 3, 2))
    for name in ("palette.png", "gray.png", "three-grays.png"):
        assert np.array_equal(read_labels(tmp_path / name), labels), name
    cv2.imwrite(str(tmp_path / "mask.png"), (labels == 2).astype(np.uint8) * 255)
    assert np.array_equal(read_labels(tmp_path / "mask.png"), (labels == 2).astype(np.uint8))
    cv2.imwrite(str(tmp_path / "black.png"), np.zeros_like(labels))
    assert not read_labels(tmp_path / "black.png").any()


def test_pictures_in_which_two_objects_look_alike_are_refused(tmp_path):
    colors = np.zeros((5, 7, 3), np.uint8)
    colors[1, 1], colors[2, 2] = (0, 0, 128), (0, 128, 0)  # the first two colours of the usual palette
    cv2.imwrite(str(tmp_path / "colors.png"), colors)
    cv2.imwrite(str(tmp_path / "deep.png"), np.full((5, 7), 300, np.uint16))
    cv2.imwrite(str(tmp_path / "lossy.jpg"), np.full((5, 7), 2, np.uint8))
    for name in ("colors.png", "deep.png", "lossy.jpg"):
        with pytest.raises(MaskError, match=f"{name}' is not a palette PNG"):
            read_labels(tmp_path / name)
    with pytest.raises(MaskError, match="cannot be read"):
        read_labels(tmp_path / "missing.png")


def test_pictures_of_two_sizes(tmp_path):
    for n, width in enumerate((6, 6, 8)):
        cv2.imwrite(str(tmp_path / f"{n}.png"), np.zeros((4, width, 3), np.uint8))
    reading = same_size(pictures_in(tmp_path), read_frame)
    assert next(reading).shape == next(reading).shape == (4, 6, 3)
    with pytest.raises(UsageError, match=r"2\.png' is 8x4 but '0\.png' is 6x4"):
        next(reading)
