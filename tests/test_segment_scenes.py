"""The default segmenter on rendered scenes, whose truth is known."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from segment_shots import click, segment, shot

from cleanplate.base.types import Prompt
from cleanplate.bench.click import middle, next_click
from cleanplate.bench.metrics.regions import jaccard
from cleanplate.bench.synth import render


@pytest.mark.parametrize(
    ("scene", "least"), [("pan", 0.9), ("still", 0.9), ("zoom", 0.9), ("rotate", 0.9), ("noise", 0.85), ("three", 0.9)]
)
def test_one_click_finds_what_moves(scene, least):
    image, near, truth = shot(scene)
    assert jaccard(segment(image, click(middle(truth)[0]), near), truth) > least


@pytest.mark.parametrize("scene", ["walker-pan", "crowd", "wet", "hidden"])
def test_motion_tells_more_of_somebody_in_several_colours_than_the_picture_alone(scene):
    image, near, truth = shot(scene, width_px=432, height_px=240)
    point, _ = middle(truth)
    still, moving = (jaccard(segment(image, click(point), given), truth) for given in ((), near))
    assert moving > still + 0.08


def clicked(image, near, truth, count: int) -> list[float]:
    """IoU after each of so many clicks, where a user would click next."""
    points, is_in, scores, found = [], [], [], np.zeros_like(truth)
    for _ in range(count):
        point, belongs = next_click(found, truth)
        points.append(point)
        is_in.append(belongs)
        found = segment(image, Prompt(index=0, points_xy=tuple(points), point_is_in=tuple(is_in)), near)
        scores.append(jaccard(found, truth))
    return scores


@pytest.mark.parametrize("scene", ["walker", "crowd", "hidden"])
def test_more_clicks_set_it_right(scene):
    image, near, truth = shot(scene, width_px=432, height_px=240)
    scores = clicked(image, near, truth, 3)
    assert scores[-1] > 0.85
    assert scores[-1] > scores[0]


@pytest.mark.parametrize("slack_px", [0, 6])
@pytest.mark.parametrize("scene", ["pan", "noise", "walker"])
def test_a_box_is_enough(scene, slack_px):
    image, near, truth = shot(scene, width_px=432, height_px=240)
    rows, columns = np.nonzero(truth.any(1))[0], np.nonzero(truth.any(0))[0]
    x0, y0 = max(columns[0] - slack_px, 0), max(rows[0] - slack_px, 0)
    x1, y1 = min(columns[-1] + 1 + slack_px, 432), min(rows[-1] + 1 + slack_px, 240)
    found = segment(image, Prompt(index=0, box_xyxy=(int(x0), int(y0), int(x1), int(y1))), near)
    assert jaccard(found, truth) > 0.7


def test_borders_are_drawn_at_full_size_and_small_things_found():
    image, near, truth = shot("pan", width_px=960, height_px=540)
    assert jaccard(segment(image, click(middle(truth)[0]), near), truth) > 0.93
    scene = render("three", frames=1, width_px=1280, height_px=720, seed=0)
    small = scene.labels[0] == 1
    ball = cv2.resize(scene.images[0], None, fx=0.35, fy=0.35, interpolation=cv2.INTER_AREA)
    canvas = np.full_like(scene.images[0], 118)
    canvas[:] = np.random.default_rng(0).normal(118, 4, canvas.shape)
    truth = np.zeros(canvas.shape[:2], np.bool_)
    part = cv2.resize(small.astype(np.uint8), ball.shape[1::-1], interpolation=cv2.INTER_AREA) > 0
    truth[200 : 200 + part.shape[0], 300 : 300 + part.shape[1]] = part
    canvas[truth] = ball[part]
    assert truth.sum() < 0.002 * truth.size
    assert jaccard(segment(canvas, click(middle(truth)[0])), truth) > 0.8
