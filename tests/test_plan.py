"""The grid of pieces: as long as the engine asks for where memory allows, shorter where it does not."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from cleanplate import chain
from cleanplate.base.errors import UsageError
from cleanplate.base.plan import plan_grid
from cleanplate.base.settings import parse_memory
from cleanplate.bench.synth import render
from cleanplate.bench.synth_video import write_clip
from cleanplate.tasks.plan import plan
from cleanplate.tasks.remove import remove

GIB = 1024**3


def grid(crop_px: int, budget: int, frame_bytes: int = 3 * 1024**2, margin: int = 30):
    return plan_grid(
        core_frames=96,
        margin_frames=margin,
        crop_px=crop_px,
        crop_bytes_per_px=20,
        frame_bytes=frame_bytes,
        frames_in_codecs=48,
        budget_bytes=budget,
    )


def test_small_crops_get_what_the_engine_asks_for():
    found = grid(100_000, 2 * GIB)
    assert (found.core, found.margin, found.joint) == (96, 30, 4)
    assert found.memory_bytes <= 2 * GIB


def test_large_crops_stay_within_the_budget():
    found = grid(600_000, 2 * GIB)
    assert found.memory_bytes <= 2 * GIB
    assert 8 <= found.core < 96
    assert found.margin >= min(found.core - 1, 30)  # the core is given up first, then both in turn


def test_the_shortest_piece_is_returned_where_nothing_fits():
    found = grid(8_000_000, GIB, frame_bytes=25 * 1024**2)
    assert (found.core, found.margin, found.joint) == (4, 4, 2)
    assert found.memory_bytes > GIB


def test_an_engine_without_margin_has_no_joint():
    found = grid(100_000, 2 * GIB, margin=0)
    assert (found.core, found.margin, found.joint) == (96, 0, 0)


def test_queues_are_bounded_in_bytes():
    assert grid(100_000, 2 * GIB, frame_bytes=3 * 1024**2).queue == 32
    assert grid(100_000, 16 * GIB, frame_bytes=25 * 1024**2).queue == 4
    assert grid(100_000, 2 * GIB, frame_bytes=25 * 1024**2).queue == 3  # they are given up before the pieces are
    assert grid(100_000, 2 * GIB, frame_bytes=0).queue == 32


def test_workers_are_as_many_as_fit_and_change_no_length():
    def with_workers(workers: int, budget: int):
        return plan_grid(
            core_frames=64,
            margin_frames=30,
            crop_px=150_000,
            crop_bytes_per_px=20,
            frame_bytes=3 * 1024**2,
            frames_in_codecs=132,
            budget_bytes=budget,
            workers=workers,
        )

    one, four, roomy = with_workers(1, 2 * GIB), with_workers(4, 2 * GIB), with_workers(4, 8 * GIB)
    assert (one.core, one.margin, one.workers) == (four.core, four.margin, 1)
    assert 1 <= four.workers < 4
    assert four.memory_bytes <= 2 * GIB
    assert roomy.workers == 4
    assert roomy.memory_bytes > one.memory_bytes + 3 * 64 * 3 * 1024**2  # their frames, at the least


def test_pieces_of_2160p_fit_into_3_gb():
    found = plan_grid(
        core_frames=64,
        margin_frames=30,
        crop_px=500_000,
        crop_bytes_per_px=12,
        frame_bytes=3840 * 2160 * 3 // 2,
        frames_in_codecs=72,
        budget_bytes=3 * 10**9,
    )
    assert found.memory_bytes <= 3 * 10**9
    assert found.core >= 20
    assert found.margin >= 20


@pytest.mark.parametrize(
    ("text", "mib"), [("2G", 2048), ("1500M", 1500), ("2048", 2048), ("1.5g", 1536), ("2GiB", 2048), ("512 MB", 512)]
)
def test_memory_is_read_as_people_write_it(text: str, mib: int):
    assert parse_memory(text) == mib * 1024**2


@pytest.mark.parametrize("text", ["", "much", "-2G", "2T", "2G3", "G"])
def test_other_words_are_no_memory(text: str):
    with pytest.raises(UsageError, match="like 2G or 1500M"):
        parse_memory(text)


def test_the_forecast_counts_frames_holes_and_pieces(tmp_path: Path):
    scene = render("logo-pan", width_px=128, height_px=96, frames=20)
    write_clip(tmp_path / "in.mkv", (scene.images[n % 20] for n in range(100)), codec="ffv1", crf=None)
    found = plan(tmp_path / "in.mkv", box="40,20,60,50@0-1.98", engine="opencv-telea")
    assert (found.frames, found.holed_frames, found.pieces) == (100, 50, 2)  # 32 and 18 frames
    assert found.memory_bytes == found.grid.memory_bytes
    raw = 50 * (20 + 2 * 6) * (30 + 2 * 6) * 4  # grown by 4 and 2; RGB and origin
    assert found.disk_bytes == raw + (tmp_path / "in.mkv").stat().st_size
    assert found.seconds > 0
    assert [path.name for path in tmp_path.iterdir()] == ["in.mkv"]


def test_a_run_is_what_was_foretold(tmp_path: Path):
    scene = render("pan", width_px=128, height_px=96, frames=60)
    write_clip(tmp_path / "in.mkv", scene.images, codec="ffv1", crf=None)
    words = {"box": "40,20,60,50", "engine": "opencv-telea"}
    expected = plan(tmp_path / "in.mkv", **words)
    report = remove(tmp_path / "in.mkv", output=tmp_path / "out.mkv", **words)
    assert report.expected == expected
    assert report.pieces == expected.pieces == 2


def test_a_network_is_reckoned_with(tmp_path: Path):
    """As an inventor on top of the engine, as an engine by the size of the crop that it is asked to paint."""
    write_clip(tmp_path / "in.mkv", render("pan", width_px=432, height_px=240, frames=4).images, codec="ffv1", crf=None)

    def foretold(**words):
        return plan(tmp_path / "in.mkv", box="80,40,300,160", memory_bytes=8 * GIB, **words)

    plain, texture, network = (foretold(invent=name) for name in ("smooth", "exemplar", "e2fgvi-hq"))
    assert plain.memory_bytes <= texture.memory_bytes < network.memory_bytes - GIB // 2
    assert plain.seconds < texture.seconds < network.seconds - 5
    pytest.importorskip("torch", reason="torch is not installed (extra 'neural')")
    large = foretold(engine="e2fgvi-hq")
    small = foretold(engine="e2fgvi-hq", options={"largest_mpx": 0.05})
    assert large.grid.core == small.grid.core
    assert large.memory_bytes - small.memory_bytes > 3000 * 0.04e6  # of 0.1 megapixels
    assert large.seconds > small.seconds + 2


def test_a_ceiling_that_cannot_be_kept_is_refused_with_one_that_can(tmp_path: Path):
    write_clip(tmp_path / "in.mkv", render("pan", width_px=128, height_px=96, frames=8).images, codec="ffv1", crf=None)
    words = {"box": "40,20,60,50", "engine": "opencv-telea"}
    with pytest.raises(UsageError, match=r"--memory is 256 MiB.* need about \d+ MiB.*give --memory 0\.\dG") as refused:
        remove(tmp_path / "in.mkv", output=tmp_path / "out.mkv", memory_bytes=256 * 1024**2, **words)
    assert [path.name for path in tmp_path.iterdir()] == ["in.mkv"]
    enough = parse_memory(str(refused.value).split()[-3])
    report = remove(tmp_path / "in.mkv", output=tmp_path / "out.mkv", memory_bytes=enough, **words)
    assert report.expected.memory_bytes <= report.expected.ceiling_bytes == enough


def test_where_none_is_asked_for_the_ceiling_follows_the_picture(tmp_path: Path):
    """Ordinary jobs are never refused."""
    for name, width, height, least, most in (
        ("a", 128, 96, 2, 2),
        ("b", 3840, 2160, 3, 3),
        ("c", 7680, 4320, 3.01, 64),
    ):
        write_clip(tmp_path / f"{name}.mkv", np.zeros((1, height, width, 3), np.uint8), codec="ffv1", crf=None)
        box = f"{width // 4},{height // 4},{width // 2},{height // 2}"
        found = plan(tmp_path / f"{name}.mkv", box=box)
        assert least * GIB <= found.ceiling_bytes <= most * GIB
        assert found.memory_bytes <= found.ceiling_bytes


def test_a_ceiling_passed_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    write_clip(tmp_path / "in.mkv", render("pan", width_px=128, height_px=96, frames=8).images, codec="ffv1", crf=None)
    peaks = iter((10**9, 3 * 2**30))
    monkeypatch.setattr(chain, "peak_memory_bytes", lambda: next(peaks))
    words = {"box": "40,20,60,50", "engine": "opencv-telea"}
    report = remove(tmp_path / "in.mkv", output=tmp_path / "out.mkv", **words)
    assert any("3072 MiB at its peak, more than the 2048 MiB" in warning for warning in report.warnings)
