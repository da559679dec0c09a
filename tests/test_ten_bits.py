"""Ten bits from file to file: a sky that grows brighter by less than a level of 255 a line comes out without bands."""

from __future__ import annotations

from pathlib import Path

import av
import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

import cleanplate
from cleanplate.bench.synth import render
from cleanplate.bench.synth_video import write_clip

HEIGHT, WIDTH, FRAMES = 120, 192, 6
HOLE = np.s_[30:90, 50:130]


def sky(t: int) -> NDArray[np.uint16]:
    """Luma (H, W) of 10 bits: brighter by a third of a level downwards, less to the right, and drifting."""
    y, x = np.mgrid[:HEIGHT, :WIDTH]
    return np.rint(400 + y / 3 + 6 * np.sin((x + 2 * t) / 60)).astype(np.uint16)


def write(path: Path, pixel_format: str) -> None:
    with av.open(str(path), "w") as out:
        stream = out.add_stream("ffv1", rate=25)
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, pixel_format
        for t in range(FRAMES):
            frame = av.VideoFrame(WIDTH, HEIGHT, pixel_format)
            for plane, values in zip(frame.planes, (sky(t), 520, 490), strict=True):
                line = np.zeros((plane.height, plane.line_size // 2), np.uint16)
                line[:, : plane.width] = values
                plane.update(line)
            frame.pts = t
            out.mux(stream.encode(frame))
        out.mux(stream.encode(None))


def read(path: Path) -> list[list[NDArray[np.uint16]]]:
    """The planes of each frame."""
    with av.open(str(path)) as file:
        return [
            [np.frombuffer(p, np.uint16).reshape(p.height, -1)[:, : p.width] for p in frame.planes]
            for frame in file.decode(video=0)
        ]


@pytest.mark.parametrize("feather", [0, 4], ids=["hard", "feathered"])
@pytest.mark.parametrize("engine", ["flowfill", "smooth"])
@pytest.mark.parametrize("pixel_format", ["yuv420p10le", "yuv444p10le"])
def test_a_smooth_sky_keeps_all_its_levels(tmp_path: Path, pixel_format: str, engine: str, feather: int):
    write(tmp_path / "in.mkv", pixel_format)
    mask = np.zeros((HEIGHT, WIDTH), np.uint8)
    mask[HOLE] = 255
    cv2.imwrite(str(tmp_path / "mask.png"), mask)
    cleanplate.remove(
        tmp_path / "in.mkv",
        mask=tmp_path / "mask.png",
        output=tmp_path / "out.mkv",
        engine=engine,
        grow_px=4,
        feather_px=feather,
        lossless=True,
    )
    for before, after in zip(read(tmp_path / "in.mkv"), read(tmp_path / "out.mkv"), strict=True):
        truth, luma = before[0].astype(int), after[0].astype(int)
        assert not np.array_equal(truth, luma)  # it was painted
        area = np.s_[20:100, 40:140]  # the hole, its grown border and what lies around
        for axis in (0, 1):
            assert np.abs(np.diff(luma[area], axis=axis)).max() <= np.abs(np.diff(truth[area], axis=axis)).max() + 1
        # Painted with 8 bits three levels of four would be missing.
        levels = [len(np.unique(plane[HOLE])) for plane in (luma, truth)]
        assert levels[0] >= 0.9 * levels[1]
        for plane, same in zip(after[1:], before[1:], strict=True):
            assert np.abs(plane.astype(int) - same).max() <= 1


def test_ten_bits_stay_ten_bits(tmp_path: Path):
    scene = render("logo-pan", width_px=160, height_px=96, frames=12, bit_depth=16)
    write_clip(tmp_path / "in.mkv", scene.images, codec="ffv1", crf=None, pixel_format="yuv420p10le")
    x0, y0, x1, y1 = (110, 8, 140, 30)
    report = cleanplate.remove(
        tmp_path / "in.mkv", box=(x0, y0, x1, y1), output=tmp_path / "out.mkv", lossless=True, verify=True
    )
    assert (report.untouched, report.verified) == ("identical", "12 frames decode, all samples identical")
    with av.open(str(tmp_path / "out.mkv")) as container:
        assert container.streams.video[0].format.name == "yuv420p10le"
        (plane, *_) = next(container.decode(video=0)).planes
    painted = np.frombuffer(plane, np.uint16).reshape(plane.height, -1)[y0:y1, x0:x1]
    assert (painted % 4 != 0).mean() > 0.5  # more than 8-bit levels
