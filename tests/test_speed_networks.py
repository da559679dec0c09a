"""The speed bench's lines about networks: run in processes of their own, with drawn weights."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("psutil", reason="needs the extra [bench]")
pytest.importorskip("torch", reason="torch is not installed (extra 'neural')")

from cleanplate.bench.speed import networks
from cleanplate.bench.speed.network import shown
from cleanplate.bench.speed.networks import is_network, networks_table, time_networks, write_drawn_weights


def test_times_and_the_difference_of_the_procedures(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(networks, "HEIGHT_PX", 60)
    monkeypatch.setattr(networks, "FRAMES", 2)
    monkeypatch.setattr(networks, "choose_device", lambda _: ("cpu", None))
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    engines = ("opencv-telea", "e2fgvi-hq")
    environment = write_drawn_weights(engines, tmp_path / "weights")
    found, failed = time_networks(engines, tmp_path, environment, lambda _: None)
    assert not failed
    assert [(one.procedure, one.precision) for one in found] == [
        ("pieces", "bf16"),
        ("pieces", "fp32"),
        ("published", "fp32"),
    ]
    assert all(one.engine == "e2fgvi-hq" and one.seconds > 0 and one.peak_bytes > 2**28 for one in found)
    ours, theirs = (np.load(tmp_path / f"e2fgvi-hq-60-{name}-fp32.npy") for name in ("pieces", "published"))
    clip = shown(60, 2)
    assert np.array_equal(ours[~clip.holes], clip.images[~clip.holes])
    off = np.abs(ours[clip.holes].astype(float) - theirs[clip.holes]).mean()
    assert [one.off_levels for one in found] == [None, None, pytest.approx(off)]
    page = networks_table(found)
    assert f"differs from `published` by {off:.1f} levels" in page
    assert len(re.findall(r"^\| e2fgvi-hq \|", page, re.MULTILINE)) == 3


def test_a_network_that_does_not_run_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(networks, "_settings", lambda: iter([(60, {"procedure": "pieces", "precision": "fp4"})]))
    found, failed = time_networks(("e2fgvi-hq",), tmp_path, None, lambda _: None)
    assert not found
    assert "precision is fp4" in failed["e2fgvi-hq pieces fp4, 60 lines"]


def test_what_is_no_network_needs_no_weights(tmp_path: Path):
    assert not is_network("flowfill")
    assert write_drawn_weights(("flowfill", "smooth"), tmp_path / "weights") is None
    assert not (tmp_path / "weights").exists()
