"""Motion blur of the paint: the camera's speed changes, its shutter is open for a share of the time or an instant."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

import cleanplate.paint.flowfill as flowfill
from cleanplate.base.types import Clip
from cleanplate.bench.scenery.textures import WORLDS
from cleanplate.paint.engine import make_engine

FRAMES, HEIGHT, WIDTH = 26, 180, 324
SPEEDS = 2 + 9 * np.sin(np.arange(FRAMES) / 5) ** 2  # px a frame
HOLE = np.s_[:, 60:130, 130:190]


def shot(shutter: float) -> NDArray[np.uint8]:
    """A street that passes while the shutter is open for that share of the time: (T, H, W, 3)."""
    world = WORLDS["street"](HEIGHT, 620, HEIGHT, np.random.default_rng(3)).astype(np.float32)
    random = np.random.default_rng(1)
    out = []
    for x, speed in zip(np.cumsum(SPEEDS), SPEEDS, strict=True):
        moments = [20 + x + shutter * speed * share for share in (np.arange(12) + 0.5) / 12 - 0.5]
        views = [cv2.warpAffine(world, np.array([[1, 0, -at], [0, 1, 0.0]]), (WIDTH, HEIGHT)) for at in moments]
        out.append(np.mean(views, 0) + random.normal(0, 1, (HEIGHT, WIDTH, 3)))
    return np.clip(np.rint(out), 0, 255).astype(np.uint8)


def fill(images: NDArray[np.uint8]) -> NDArray[np.uint8]:
    holes = np.zeros(images.shape[:3], bool)
    holes[HOLE] = True
    shown = np.where(holes[..., None], np.uint8(0), images)
    return make_engine("flowfill", {"grain": "no"}).fill(Clip(images=shown, holes=holes)).images


def sharpness(images: NDArray[np.uint8]) -> NDArray[np.float64]:
    """Mean step from sample to sample, across, in the hole of each frame."""
    return np.abs(np.diff(images[HOLE].astype(float), axis=2)).mean((1, 2, 3))


def db(images: NDArray[np.uint8], truth: NDArray[np.uint8]) -> NDArray[np.float64]:
    return 10 * np.log10(255**2 / ((images[HOLE].astype(float) - truth[HOLE]) ** 2).mean((1, 2, 3)))


def test_what_is_copied_into_a_blurred_frame_is_blurred(monkeypatch: pytest.MonkeyPatch):
    truth = shot(0.6)
    painted = fill(truth)
    monkeypatch.setattr(flowfill, "find_blur", lambda *_: None)
    before = fill(truth)
    quick = SPEEDS > 10
    assert (sharpness(before) / sharpness(truth))[quick].mean() > 1.1
    assert abs((sharpness(painted) / sharpness(truth))[quick].mean() - 1) < 0.1
    gain = db(painted, truth) - db(before, truth)
    assert gain[quick].mean() > 2
    assert gain.min() > -0.5


def test_an_instant_blurs_nothing(monkeypatch: pytest.MonkeyPatch):
    truth = shot(0.0)
    painted = fill(truth)
    monkeypatch.setattr(flowfill, "find_blur", lambda *_: None)
    assert np.array_equal(painted, fill(truth))
