"""The default tracker on rendered scenes, whose truth is known, and on real clips where they are at hand."""

from __future__ import annotations

import os
from pathlib import Path

import cv2
import numpy as np
import pytest

from cleanplate.base.types import Prompt
from cleanplate.bench.metrics.regions import jaccard
from cleanplate.bench.synth import render
from cleanplate.mask.appearance import COUNT, Appearance
from cleanplate.mask.background import likelihood, residual
from cleanplate.mask.edges import Guide, cut
from cleanplate.mask.tracker import make_tracker, track


def follow(images, first, index: int = 0, name: str = "flow"):
    """The holes (T, H, W) found from one mask, and the confidences."""
    found = list(track(make_tracker(name), enumerate(images), [Prompt(index=index, hole=first)]))
    return np.stack([tracked.labels == 1 for _, tracked in found]), [tracked.confidence for _, tracked in found]


def mean_j(found, truth) -> float:
    return float(np.mean([jaccard(a, b) for a, b in zip(found, truth, strict=True)]))


@pytest.mark.parametrize(("name", "least"), [("pan", 0.92), ("rotate", 0.9), ("cloth", 0.85), ("noise", 0.92)])
def test_things_that_move_and_bend_are_followed(name, least):
    scene = render(name, width_px=216, height_px=120, frames=24, seed=0)
    truth = scene.labels > 0
    found, _ = follow(scene.images, truth[0])
    assert mean_j(found[1:], truth[1:]) > least
    assert mean_j(found[1:], truth[1:]) > mean_j(follow(scene.images, truth[0], name="warp")[0][1:], truth[1:])


def test_borders_are_drawn_at_full_size():
    scene = render("pan", width_px=960, height_px=540, frames=5, seed=0)
    truth = scene.labels > 0
    found, _ = follow(scene.images, truth[0])
    blocks = cv2.resize(truth[4].astype(np.uint8), (412, 232), interpolation=cv2.INTER_AREA)
    coarse = cv2.resize(blocks, (960, 540), interpolation=cv2.INTER_NEAREST) > 0
    assert jaccard(found[4], truth[4]) > 0.95
    assert jaccard(coarse, truth[4]) < jaccard(found[4], truth[4]) + 0.05  # as good as the truth at working size


def hidden_disc(count: int = 30):
    """A disc that crosses a still, textured plane and is wholly hidden by a bar for some frames: images, truth."""
    random = np.random.default_rng(1)
    plane = cv2.resize(
        random.integers(60, 200, (20, 36, 3)).astype(np.uint8), (216, 120), interpolation=cv2.INTER_CUBIC
    )
    y, x = np.mgrid[:120, :216]
    images, truth = [], []
    for t in range(count):
        image = plane.copy()
        inside = (x - 20 - 6 * t) ** 2 + (y - 60) ** 2 < 14**2
        image[inside] = (220, 40, 40)
        bar = (x > 90) & (x < 130)
        image[bar] = (40, 60, 90)
        images.append(image)
        truth.append(inside & ~bar)
    return np.stack(images), np.stack(truth)


def test_what_was_wholly_hidden_is_found_again_and_said_to_be_lost_meanwhile():
    images, truth = hidden_disc()
    found, confidence = follow(images, truth[0])
    gone = [t for t in range(len(truth)) if not truth[t].any()]
    assert len(gone) >= 2
    assert all(not found[t].any() and confidence[t][1] == 0 for t in gone)
    back = [t for t in range(gone[-1] + 4, len(truth)) if truth[t].sum() > 500]
    assert len(back) >= 5
    assert min(jaccard(found[t], truth[t]) for t in back) > 0.8


def test_objects_do_not_eat_each_other():
    scene = render("three", width_px=216, height_px=120, frames=16, seed=0)
    ids = [int(number) for number in np.unique(scene.labels[0]) if number]
    prompts = [Prompt(index=0, object_id=number, hole=scene.labels[0] == number) for number in ids]
    last = [tracked.labels for _, tracked in track(make_tracker("flow"), enumerate(scene.images), prompts)][-1]
    assert len(ids) == 3
    for number in ids:
        assert jaccard(last == number, scene.labels[-1] == number) > 0.6


def test_the_background_motion_is_left_out():
    y, x = np.mgrid[:60, :100].astype(np.float32)
    flow = np.stack([0.02 * x + 0.0004 * x * y + 1, -0.03 * y + 2], -1).astype(np.float32)
    thing = (x > 40) & (x < 60) & (y > 20) & (y < 40)
    flow[thing] += 5
    left = residual(flow, np.ones_like(thing))
    assert left[~thing].max() < 0.1  # px
    assert np.abs(left[thing] - 5 * np.sqrt(2)).max() < 0.1
    assert (likelihood(left, thing)[thing] > 0.5).all()
    assert (likelihood(left, thing)[~thing] < -1.5).all()
    assert not likelihood(np.zeros_like(left), thing).any()


def test_looks_are_learned():
    random = np.random.default_rng(0)
    red, blue = (random.normal(mean, 0.3, (500, COUNT)).astype(np.float32) for mean in (0.5, -0.5))
    looks = Appearance()
    looks.learn(np.concatenate([red, blue]), np.arange(1000) < 500)
    assert looks.score(red).mean() > 0.8
    assert looks.score(blue).mean() < -0.8


def test_scores_follow_the_edges_of_the_picture():
    picture = np.zeros((40, 60, 3), np.float32)
    picture[:, 30:] = 50
    random = np.random.default_rng(0)
    score = np.where(np.arange(60) < 33, 2.0, -2.0) + random.normal(0, 2, (40, 60))  # the edge is 3 px off, and noise
    smooth = Guide(picture, 6, 2.0).filter(score.astype(np.float32))
    inside = cut(smooth, picture, 1.0) > 0.5
    assert jaccard(inside, picture[..., 0] < 25) > 0.97
    assert jaccard(score > 0, picture[..., 0] < 25) < 0.85


@pytest.mark.skipif("CLEANPLATE_CLIPS" not in os.environ, reason="CLEANPLATE_CLIPS names no folder of real clips")
@pytest.mark.parametrize(("name", "least"), [("dog", 0.75), ("car-shadow", 0.7)])
def test_real_clips(name, least):
    folder = Path(os.environ["CLEANPLATE_CLIPS"]) / "davis" / name
    images = np.stack([cv2.imread(str(path))[..., ::-1] for path in sorted((folder / "frames").iterdir())[:20]])
    truth = np.stack([cv2.imread(str(path), 0) > 0 for path in sorted((folder / "object").iterdir())[:20]])
    found, _ = follow(images, truth[0])
    assert mean_j(found[1:], truth[1:]) > least
