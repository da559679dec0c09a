"""Segmenters: the door they share, and what the default one makes of clicks."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from segment_shots import SIZE, click, segment, shot

from cleanplate.base.errors import MaskError, UsageError
from cleanplate.base.types import Prompt
from cleanplate.bench.click import middle, next_click
from cleanplate.bench.metrics.regions import jaccard
from cleanplate.bench.synth import render
from cleanplate.mask.segment_evidence import look, movements
from cleanplate.mask.segment_region import Aim, find_region
from cleanplate.mask.segmenter import SEGMENTERS, make_segmenter

WITHOUT_WEIGHTS = [name for name, spec in SEGMENTERS.items() if not spec.models]
"the others, with drawn weights, find nothing: see test_sam.py"


@pytest.mark.parametrize("name", WITHOUT_WEIGHTS)
def test_every_segmenter_answers_in_shape_and_always_alike(name):
    image, near, truth = shot("pan")
    point, _ = middle(truth)
    before = image.copy()
    found = make_segmenter(name).segment(image, click(point), near)
    assert found.shape == truth.shape
    assert found.dtype == np.bool_
    assert found[round(point[1]), round(point[0])]
    assert jaccard(found, truth) > 0.8
    assert np.array_equal(found, make_segmenter(name).segment(image, click(point), near))
    assert np.array_equal(image, before)


@pytest.mark.parametrize("name", WITHOUT_WEIGHTS)
@pytest.mark.parametrize("shape", [(1, 1), (1, 40), (3, 2), (17, 9), (30, 300)])
def test_every_segmenter_answers_on_tiny_and_odd_pictures(name, shape):
    image = np.random.default_rng(0).integers(0, 255, (*shape, 3)).astype(np.uint8)
    at = (shape[1] - 1.0, shape[0] - 1.0)
    assert make_segmenter(name).segment(image, click(at), [image[::-1].copy()])[shape[0] - 1, shape[1] - 1]
    assert make_segmenter(name).segment(image, Prompt(index=0, box_xyxy=(0, 0, shape[1], shape[0]))).any()


def two_discs():
    """Two discs of one colour that touch: the picture, each disc."""
    y, x = np.mgrid[:120, :200]
    left, right = (np.hypot(x - cx, y - 60) <= 30 for cx in (70, 130))
    image = np.random.default_rng(0).normal((60, 110, 60), 6, (120, 200, 3))
    image[left | right] += (140, 30, 20)
    return np.clip(image, 0, 255).astype(np.uint8), left, right


def test_a_click_to_keep_out_takes_a_part_away_and_leaves_the_rest():
    image, left, right = two_discs()
    both = segment(image, click((70, 60)))
    assert jaccard(both, left | right) > 0.9
    kept = segment(image, click((70, 60), (130, 60), keep=[(130, 60)]))
    assert kept[60, 70]
    assert not kept[60, 130]
    assert jaccard(kept, left) > 0.8
    assert not (kept & ~both).any()


def test_a_click_to_keep_out_that_comes_first_is_kept_out():
    image, _, _ = two_discs()
    found = segment(image, click((130, 60), (70, 60), keep=[(130, 60)]))
    assert found[60, 70]
    assert not found[60, 130]


def test_an_earlier_answer_is_changed_only_around_the_click():
    image, near, truth = shot("pan", width_px=432, height_px=240)
    earlier = np.zeros_like(truth)
    earlier[5:30, 5:40] = True  # drawn by hand: nothing in the picture says so
    point, _ = middle(truth)
    found = segment(image, click(point, hole=earlier), near)
    assert jaccard(found & ~earlier, truth & ~earlier) > 0.8
    assert found[earlier].all()
    assert np.array_equal(segment(image, Prompt(index=0, hole=earlier)), earlier)
    assert np.array_equal(segment(image, click((20, 15), hole=earlier)), earlier)  # says nothing new


def test_several_clicks_are_the_same_as_one_after_the_other():
    image, near, truth = shot("walker")
    first = click(middle(truth)[0])
    once = segment(image, first, near)
    point, belongs = next_click(once, truth)
    both = Prompt(index=0, points_xy=(*first.points_xy, point), point_is_in=(True, belongs))
    again = Prompt(index=0, points_xy=(point,), point_is_in=(belongs,), hole=once)
    assert jaccard(segment(image, both), segment(image, Prompt(**{**vars(again), "hole": segment(image, first)}))) > 0.9


def test_sixteen_bits_are_answered_like_eight():
    image, near, truth = shot("pan")
    point, _ = middle(truth)
    deep = [picture.astype(np.uint16) * 257 for picture in (image, *near)]
    assert np.array_equal(segment(deep[0], click(point), deep[1:]), segment(image, click(point), near))


@pytest.mark.parametrize(
    ("prompt", "words"),
    [
        (click((72.0, 10)), "the click 72,10 lies outside the picture of 72x48"),
        (click((5, -1)), "the click 5,-1 lies outside"),
        (click((float("nan"), 1)), "lies outside"),
        (Prompt(index=0, box_xyxy=(4, 4, 80, 20)), "the box 4,4,80,20 does not lie in the picture of 72x48"),
        (Prompt(index=0, box_xyxy=(4, 4, 4, 20)), "draw it around the object"),
        (Prompt(index=0, hole=np.ones((48, 71), np.bool_)), "must be bool, as the picture of 72x48"),
        (click((5, 5), keep=[(5, 5)]), "nothing says where the object is"),
        (Prompt(index=0), "nothing says where the object is"),
        (Prompt(index=0, hole=np.zeros((48, 72), np.bool_)), "nothing says where the object is"),
    ],
)
def test_prompts_that_do_not_fit_are_refused_in_one_sentence(prompt, words):
    with pytest.raises(MaskError, match=words) as caught:
        segment(np.zeros((48, 72, 3), np.uint8), prompt)
    assert "\n" not in str(caught.value)


def test_unknown_names_and_neighbours_of_another_size_are_refused():
    image = np.zeros((48, 72, 3), np.uint8)
    with pytest.raises(UsageError, match="there is no segmenter 'x'; choose one of grabcut"):
        make_segmenter("x")
    with pytest.raises(UsageError, match="segmenter 'grabcut' has no option 'size'"):
        make_segmenter("grabcut", {"size": 1})
    with pytest.raises(UsageError, match="a neighbouring frame is of another size or type"):
        segment(image, click((5, 5)), [image[:-1]])


def test_motion_of_a_camera_is_no_motion_of_things():
    scene = render("logo-pan", frames=2, **SIZE)  # all but the logo moves with the camera
    gray = [cv2.cvtColor(image, cv2.COLOR_RGB2GRAY) for image in scene.images]
    logo = scene.labels[0] > 0
    (moved,) = movements(gray[0], gray[1:], ~logo)
    length = np.hypot(moved[..., 0], moved[..., 1])
    assert np.median(length[logo]) > 3 * np.median(length[~logo])


def test_a_region_stays_in_its_domain_and_off_what_is_barred():
    image, left, _ = two_discs()
    lab = cv2.cvtColor(image.astype(np.float32) / 255, cv2.COLOR_RGB2Lab)
    x = np.mgrid[:120, :200][1]
    barred = np.hypot(x - 70, np.mgrid[:120, :200][0] - 45) < 3
    aim = Aim(centre_xy=(70, 60), domain=x < 90, barred=barred)
    found = find_region(look(lab, ()), aim, (10, 15, 20, 25))
    assert not found[:, 90:].any()
    assert not found[barred].any()
    assert jaccard(found, left & (x < 90)) > 0.8


def test_the_bench_clicks_in_the_middle_of_the_largest_mistake():
    truth, found = np.zeros((2, 40, 60), np.bool_)
    truth[10:21, 10:31] = True
    assert next_click(found, truth)[1]
    assert middle(truth)[1] == 6
    found[5:30, 5:60] = True
    (x, y), belongs = next_click(found, truth)
    assert not belongs
    assert x > 35
    assert 10 < y < 25
