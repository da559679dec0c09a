"""The default segmenter on real clips, by the bench that prints its figures."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from cleanplate.bench.click import bench_click


def test_on_real_clips_one_click_and_two_are_good_enough():
    clips = os.environ.get("CLEANPLATE_CLIPS")
    if not clips or not (Path(clips) / "davis").is_dir():
        pytest.skip("CLEANPLATE_CLIPS names no folder with davis/")
    report = bench_click(Path(clips) / "davis", clicks=2)
    assert report.mean[0] > 0.68
    assert report.mean[1] > 0.75
