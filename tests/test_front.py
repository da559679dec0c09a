"""What lies in front in frames from far away: told from the rest, and shown where it belongs."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
import pytest
from far_shot import Shot
from numpy.typing import NDArray

from cleanplate import fetched
from cleanplate.bench.synth import Film
from cleanplate.journal.surveys import pack_front, unpack_front
from cleanplate.motion.layers import tell_front
from cleanplate.motion.small import view_flow

SIZE = {"width_px": 256, "height_px": 144}
Looked = tuple[NDArray[np.uint8], NDArray[np.bool_]]


def looked(film: Film, t: int) -> tuple[Looked, NDArray[np.uint8]]:
    """A frame, gray, and what of it is known; and the same without whoever stands there."""
    sample = film.sample(t)
    known = ~(cv2.dilate((sample.hole | sample.shadow).astype(np.uint8), np.ones((5, 5))) > 0)
    gray = cv2.cvtColor(sample.image, cv2.COLOR_RGB2GRAY)
    return (np.where(known, gray, 0).astype(np.uint8), known), sample.plate


def told(name: str, at: int, beside: Sequence[int]) -> tuple[NDArray[np.bool_] | None, Looked, NDArray[np.uint8]]:
    film = Film(name, **SIZE, frames=300, seed=0, bit_depth=8)
    one, plate = looked(film, at)
    others = [(*looked(film, t)[0], np.linalg.inv(film.camera(t)) @ film.camera(at)) for t in beside]
    return tell_front(view_flow(), *one, others, SIZE["height_px"] / 240), one, plate


@pytest.mark.parametrize(("at", "beside"), [(276, (236, 299)), (236, (276, 299)), (120, (80, 160))])
def test_trunks_and_bushes_are_told_from_the_street(at: int, beside: tuple[int, ...]):
    found, (_, known), plate = told("stay-parallax", at, beside)
    street = Film("stay-pan", **SIZE, frames=300, seed=0, bit_depth=8).sample(at).plate
    truth = np.abs(plate.astype(int) - street).max(-1) > 8
    assert 0.1 < truth[known].mean() < 0.5  # the same street in both
    assert found is not None
    overlap = (found & truth & known).sum() / ((found | truth) & known).sum()
    print(f"frame {at}: IoU {overlap:.3f}")
    assert overlap > 0.75


def test_nothing_is_in_front_of_one_plane():
    found, _, _ = told("stay-pan", 200, (160, 240))
    assert found is None


def test_what_is_in_front_is_kept_as_it_is():
    front = np.random.default_rng(0).random((37, 53)) < 0.3
    assert np.array_equal(unpack_front(pack_front(front)), front)
    assert unpack_front(pack_front(None)) is None


def test_a_trunk_behind_somebody_comes_back_in_front_of_the_street(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """He hides a trunk, and the street beside it; frames from far away show the street where the trunk stands now."""
    shot = Shot(tmp_path, "stay-parallax", 200, 192, 108)
    shot.remove(tmp_path / "out.mkv")
    found = shot.db(tmp_path / "out.mkv")
    monkeypatch.setattr(fetched, "MOSTLY_AGREED", 0.0)  # nothing is looked for in front
    shot.remove(tmp_path / "without.mkv")
    without = shot.db(tmp_path / "without.mkv")
    print(f"mean {without.mean():.1f} -> {found.mean():.1f} dB, least {without.min():.1f} -> {found.min():.1f} dB")
    assert found.mean() > without.mean() + 2
    assert found.min() > without.min() + 4
