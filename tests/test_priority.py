"""An encoder that asks for real time does not get it: see `save/priority.py`."""

from __future__ import annotations

from pathlib import Path

import pytest

import cleanplate
from cleanplate.bench.formats.cases import Case
from cleanplate.bench.formats.clip import render
from cleanplate.save.priority import schedules

pytestmark = pytest.mark.skipif(not Path("/proc/self/task").is_dir(), reason="threads are listed on Linux alone")


def policies() -> set[int]:
    """How the threads of this process are scheduled."""
    return set(schedules().values())


def test_av1_is_written_without_real_time(tmp_path):
    """Run by root this fails without `keeping_priority`; others cannot ask for real time."""
    before = policies()
    case = Case(encoder="libsvtav1", pixel_format="yuv420p", suffix=".mp4", options={"preset": "10"})
    clip = render(tmp_path / "in.mp4", case)
    assert policies() <= before
    seen = []
    cleanplate.remove(
        clip, box="8,8,24,24", output=tmp_path / "out.mp4", engine="opencv-telea",
        watch=lambda _: seen.append(policies()),
    )  # fmt: skip
    assert set().union(*seen) <= before
    assert policies() <= before
