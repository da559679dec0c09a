"""Somebody stands still for 600 frames and then leaves: what is behind him comes from there, in every frame."""

from __future__ import annotations

from pathlib import Path

from far_shot import Shot

FRAMES = 600


def test_who_stands_for_600_frames_is_replaced_by_what_is_seen_after(tmp_path: Path):
    shot = Shot(tmp_path, "stay", FRAMES, 144, 80)
    report = shot.remove(tmp_path / "out.mkv")
    found = shot.db(tmp_path / "out.mkv")
    print(f"{len(found)} frames, least {found.min():.1f} dB, mean {found.mean():.1f} dB")
    assert found.min() > 33
    assert report.seen_share > 0.98
    assert report.untouched == "identical"
    assert report.seconds["survey"] > 0
