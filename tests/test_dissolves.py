"""Dissolves are found past their middle, nothing else is taken for one, and no shot's content shows in the other."""

from __future__ import annotations

from functools import cache

import cv2
import numpy as np
import pytest

import cleanplate
from cleanplate.base.measure import hole_psnr
from cleanplate.bench.synth import render
from cleanplate.motion.cuts import CutFinder, thumbnail

SIZE = {"width_px": 320, "height_px": 180}
SHOT_FRAMES = 36


@cache
def shot(name: str, seed: int = 0) -> np.ndarray:
    """(T, H, W, 3) float32: the plates, for nobody is to be taken out."""
    return render(name, frames=SHOT_FRAMES, seed=seed, **SIZE).plate.astype(np.float32)


def dissolve(first: str, second: str, frames: int) -> tuple[np.ndarray, int]:
    """Two scenes that overlap by so many frames, and where that begins."""
    one, two, begins = shot(first), shot(second, 1), SHOT_FRAMES - frames
    share = np.arange(1, frames + 1, dtype=np.float32)[:, None, None, None] / (frames + 1)
    mixed = one[begins:] + share * (two[:frames] - one[begins:])
    return np.rint(np.concatenate([one[:begins], mixed, two[frames:]])).astype(np.uint8), begins


def starts(images, holes=None) -> list[int]:
    finder = CutFinder()
    hidden = [None] * len(images) if holes is None else holes
    lumas = (cv2.cvtColor(image, cv2.COLOR_RGB2GRAY) for image in images)
    pairs = enumerate(zip(lumas, hidden, strict=True))
    return [t for t, (luma, hole) in pairs if finder.push(thumbnail(luma, 8, hole))]


@pytest.mark.parametrize("frames", [8, 12, 24])
@pytest.mark.parametrize("pair", [("pan", "zoom"), ("still", "walker"), ("walker-pan", "noise"), ("exposure", "cloth")])
def test_a_dissolve_is_one_cut_past_its_middle(pair, frames):
    images, begins = dissolve(*pair, frames)
    hole = np.zeros(images.shape[1:3], bool)
    hole[60:130, 110:220] = True
    for holes in (None, [hole] * len(images)):
        (found,) = starts(images, holes)
        assert begins + frames // 3 <= found <= begins + frames // 2 + 12


def test_a_dissolve_seen_only_inside_the_hole_is_not_seen():
    images, _ = dissolve("still", "walker", 12)
    hole = np.zeros(images.shape[1:3], bool)
    hole[10:170, 20:300] = True
    still = [np.where(hole[..., None], image, images[0]) for image in images]
    assert starts(still, [hole] * len(still)) == []
    assert len(starts(still)) == 1


def changed(change) -> list[np.ndarray]:
    pictures = (change(t, picture) for t, picture in enumerate(shot("walker-pan")))
    return [np.clip(picture, 0, 255).astype(np.uint8) for picture in pictures]


def swell(t: int) -> float:
    return float(np.exp(-(((t - 18) / 5) ** 2)))


def test_what_only_looks_like_a_dissolve_is_none():
    title = np.zeros((*shot("walker-pan").shape[1:3], 1), np.float32)
    cv2.putText(title, "A TITLE", (20, 110), cv2.FONT_HERSHEY_SIMPLEX, 1.6, 255.0, 6)

    def titled(t: int, picture: np.ndarray) -> np.ndarray:
        return picture + (title - picture) * (title > 0) * np.clip((t - 8) / 12, 0, 1)

    assert starts(changed(lambda t, picture: 128 + (picture - 128) * (1 - 0.7 * swell(t)))) == []  # haze
    assert starts(changed(lambda t, picture: cv2.GaussianBlur(picture, (0, 0), 0.1 + 5 * swell(t)))) == []  # focus
    assert starts(changed(titled)) == []


@pytest.mark.parametrize("frames", [12, 24])
def test_nothing_of_the_old_shot_shows_in_the_new_one(frames):
    # A still hole that the new shot never reveals: what the old one showed there must not be carried into it.
    images, begins = dissolve("pan", "zoom", frames)
    holes = np.zeros(images.shape[:3], bool)
    holes[:, 60:110, 130:200] = True
    after = slice(begins + frames, None)

    def painted_well(engine: str) -> float:
        images_ = cleanplate.fill(images, holes, engine=engine).images
        return hole_psnr(images_[after], images[after], holes[after], data_range=255)

    assert painted_well("flowfill") > painted_well("smooth") - 0.05
