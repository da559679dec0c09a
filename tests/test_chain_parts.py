"""How the work of a run is divided: by shots, pieces, workers and threads, and only around the holes."""

from __future__ import annotations

import threading
from pathlib import Path

import cv2
import numpy as np
import pytest

import cleanplate
from cleanplate.base.measure import hole_psnr
from cleanplate.base.types import Frame
from cleanplate.bench.synth import render
from cleanplate.bench.synth_video import write_clip

ENGINES = ("flowfill", "opencv-telea")


def test_one_two_and_four_workers_write_the_same_bytes(tmp_path: Path):
    scene = render("pan", width_px=128, height_px=96, frames=60)
    there_and_back = [*range(60), *range(58, 0, -1)]
    pictures = (scene.images[there_and_back[n % 118]] for n in range(150))
    write_clip(tmp_path / "in.mkv", pictures, codec="ffv1", crf=None)
    found = {}
    for workers in (1, 2, 4):
        output = tmp_path / f"{workers}.mkv"
        report = cleanplate.remove(
            tmp_path / "in.mkv", box=["40,20,60,50@0-3.2", "80,40,100,60@4-"], output=output, workers=workers
        )
        assert report.grid.workers == workers
        assert report.pieces == 3
        found[workers] = output.read_bytes()
    assert found[1] == found[2] == found[4]


def test_a_piece_is_painted_while_the_one_before_is_encoded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    from cleanplate.paint.opencv import Telea
    from cleanplate.save.writer import VideoWriter

    scene = render("logo-still", width_px=128, height_px=96, frames=40)
    write_clip(tmp_path / "in.mkv", scene.images, codec="ffv1", crf=None)
    second = threading.Event()
    painted, fill, write = [], Telea.fill, VideoWriter.write
    was_painting = []

    def telling_fill(self: Telea, clip):
        painted.append(clip.start)
        if len(painted) == 2:
            second.set()
        return fill(self, clip)

    def waiting_write(self: VideoWriter, frame: Frame) -> None:
        if frame.index == 20:  # of the first piece, which has 32
            was_painting.append(second.wait(20))
        write(self, frame)

    monkeypatch.setattr(Telea, "fill", telling_fill)
    monkeypatch.setattr(VideoWriter, "write", waiting_write)
    cleanplate.remove(tmp_path / "in.mkv", box="40,20,60,50", output=tmp_path / "out.mkv", engine="opencv-telea")
    assert was_painting == [True]


def test_only_what_is_near_a_hole_is_converted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Neither frames without a hole nor what is far from it is ever turned into RGB, nor back."""
    import cleanplate.base.color
    import cleanplate.paste

    scene = render("logo-pan", width_px=192, height_px=112, frames=24)
    write_clip(tmp_path / "in.mkv", scene.images, codec="ffv1", crf=None)
    converted: list[tuple[int, int]] = []

    def counting(convert, where: int):
        def count(picture, *more):
            box = (picture, *more)[where]
            converted.append((box[2] - box[0], box[3] - box[1]))
            return convert(picture, *more)

        return count

    to_rgb, from_rgb = cleanplate.base.color.to_rgb, cleanplate.base.color.from_rgb
    monkeypatch.setattr(cleanplate.base.color, "to_rgb", counting(to_rgb, 1))
    monkeypatch.setattr(cleanplate.paste, "to_rgb", counting(to_rgb, 1))
    monkeypatch.setattr(cleanplate.paste, "from_rgb", counting(from_rgb, 1))
    cleanplate.remove(
        tmp_path / "in.mkv", box="20,20,30,30@0.2-0.4", output=tmp_path / "out.mkv", engine="opencv-telea"
    )
    # 5 frames with a hole: what the engine is shown, and what paste sees, there and back twice
    assert len([size for size in converted if size != (1, 1)]) == 5 * 4
    assert max(width for width, _ in converted) < 192 / 1.5
    assert sum(size == (1, 1) for size in converted) <= 1


def test_cuts_are_respected(tmp_path: Path):
    """Three shots of three places: what is painted comes from the shot it belongs to."""
    scene = render("cut", width_px=192, height_px=112, frames=36)
    write_clip(tmp_path / "in.mkv", scene.images, codec="ffv1", crf=None)
    (tmp_path / "masks").mkdir()
    for n, hole in enumerate(scene.holes):
        cv2.imwrite(str(tmp_path / "masks" / f"{n}.png"), hole.astype(np.uint8) * 255)
    report = cleanplate.remove(tmp_path / "in.mkv", mask=tmp_path / "masks", output=tmp_path / "out.mkv")
    assert report.shots == 3
    scores = {}
    for engine in ENGINES:
        painting = cleanplate.fill(scene.images, scene.holes, engine=engine)
        scores[engine] = hole_psnr(painting.images, scene.plate, scene.holes, data_range=255)
    assert scores["flowfill"] > scores["opencv-telea"] + 3  # dB


def test_far_corners_cost_no_more_than_their_holes(tmp_path: Path):
    """Two small holes in opposite corners: planned, and painted, as two small crops."""
    scene = render("pan", width_px=960, height_px=540, frames=10)
    write_clip(tmp_path / "in.mp4", scene.images)
    report = cleanplate.remove(
        tmp_path / "in.mp4", box=[(10, 10, 40, 40), (900, 480, 940, 520)], output=tmp_path / "out.mp4"
    )
    one = cleanplate.remove(tmp_path / "in.mp4", box=(10, 10, 40, 40), output=tmp_path / "one.mp4")
    assert report.grid.memory_bytes < 1.1 * one.grid.memory_bytes
    assert report.removed == ["10,10,40,40", "900,480,940,520"]
