"""J and F against the definition, written out slowly: loops over samples, a distance for every pair."""

from __future__ import annotations

import math

import cv2
import numpy as np
import pytest

from cleanplate.base.errors import UsageError
from cleanplate.bench.metrics.regions import Curve, boundary, boundary_f, jaccard, region_scores


def slow_jaccard(found, truth) -> float:
    both = either = 0
    for one, other in zip(found.ravel().tolist(), truth.ravel().tolist(), strict=True):
        both += one and other
        either += one or other
    return both / either if either else 1.0


def slow_boundary(mask) -> list[tuple[int, int]]:
    height, width = mask.shape
    found = []
    for y in range(height):
        for x in range(width):
            if y < height - 1 and x < width - 1:
                around = [(y, x + 1), (y + 1, x), (y + 1, x + 1)]
            elif y < height - 1:
                around = [(y + 1, x)]
            elif x < width - 1:
                around = [(y, x + 1)]
            else:
                around = []
            if any(mask[place] != mask[y, x] for place in around):
                found.append((y, x))
    return found


def slow_f(found, truth, radius: int) -> float:
    of_found, of_truth = slow_boundary(found), slow_boundary(truth)
    if not of_found and not of_truth:
        return 1.0
    if not of_found or not of_truth:
        return 0.0

    def share(points, others):
        near = sum(any((y - v) ** 2 + (x - u) ** 2 <= radius**2 for v, u in others) for y, x in points)
        return near / len(points)

    precision, recall = share(of_found, of_truth), share(of_truth, of_found)
    return 2 * precision * recall / (precision + recall) if precision + recall else 0.0


def blob(rng, height, width):
    noise = cv2.GaussianBlur(rng.standard_normal((height, width)), (0, 0), rng.uniform(1, 6))
    return noise > np.quantile(noise, rng.uniform(0.3, 0.97))


def line(rng, height, width):
    mask = np.zeros((height, width), np.uint8)
    ends = rng.integers(0, [width, height], (2, 2))
    cv2.line(mask, ends[0].tolist(), ends[1].tolist(), 1, int(rng.integers(1, 3)))
    return mask > 0


def box(rng, height, width):
    """Often cut off by an edge of the picture."""
    mask = np.zeros((height, width), bool)
    y, x = rng.integers(-8, height), rng.integers(-8, width)
    mask[max(y, 0) : y + rng.integers(1, 30), max(x, 0) : x + rng.integers(1, 30)] = True
    return mask


def full(rng, height, width):
    return np.ones((height, width), bool)


def empty(rng, height, width):
    return np.zeros((height, width), bool)


def dots(rng, height, width):
    return rng.random((height, width)) > 0.98


KINDS = (blob, line, box, full, empty, dots)
SIZES = ((37, 53), (64, 48), (1, 9), (9, 1), (1, 1), (2, 2))


@pytest.mark.parametrize("one", KINDS)
@pytest.mark.parametrize("other", KINDS)
def test_j_and_f_equal_the_definition(one, other):
    rng = np.random.default_rng([KINDS.index(one), KINDS.index(other)])
    for height, width in SIZES:
        found, truth = one(rng, height, width), other(rng, height, width)
        radius = int(rng.integers(0, 5))
        assert jaccard(found, truth) == pytest.approx(slow_jaccard(found, truth), abs=1e-6)
        assert boundary_f(found, truth, radius) == pytest.approx(slow_f(found, truth, radius), abs=1e-6)
        assert {tuple(p) for p in np.argwhere(boundary(found)).tolist()} == set(slow_boundary(found))


def test_moved_shapes_at_every_border_equal_the_definition():
    # what is nearly right is where tolerance, precision and recall differ
    rng = np.random.default_rng(3)
    for n in range(12):
        truth = blob(rng, 40, 50)
        found = np.roll(truth, rng.integers(-3, 4, 2), (0, 1)) ^ (rng.random(truth.shape) > 0.99)
        for radius in (0, 1, 2, 3):
            assert boundary_f(found, truth, radius) == pytest.approx(slow_f(found, truth, radius), abs=1e-6), n


def test_at_the_size_of_davis_clips():
    rng = np.random.default_rng(4)
    truth = cv2.GaussianBlur(rng.standard_normal((240, 432)), (0, 0), 25) > 0.03
    found = np.roll(truth, (3, -4), (0, 1))
    assert math.ceil(0.008 * math.hypot(240, 432)) == 4
    value = boundary_f(found, truth)
    assert 0.2 < value < 0.99
    assert value == pytest.approx(slow_f(found, truth, 4), abs=1e-6)


@pytest.mark.parametrize("radius", [1, 2, 5, 13, 18, 50])
def test_the_tolerance_is_a_disc_of_whole_distances(radius):
    found = np.zeros((radius + 5, radius + 5), bool)
    found[0, 0] = True  # its only boundary sample is itself
    for down in range(radius + 3):
        for right in range(radius + 3):
            truth = np.zeros_like(found)
            truth[down + 1, right + 1] = True  # the nearest of its boundary samples is (down, right)
            is_near = down**2 + right**2 <= radius**2
            assert (boundary_f(found, truth, radius) > 0) == is_near, (down, right)


def test_numbers_worked_out_by_hand():
    truth = np.zeros((20, 20), bool)
    truth[5:10, 5:10] = True
    found = np.zeros_like(truth)
    found[5:10, 5:15] = True
    assert jaccard(found, truth) == 0.5
    assert boundary_f(found, found) == 1.0
    # The outlines are rings of samples: rows 4-9 and columns 4-9 of the truth, 20; columns 4-14 of what was found, 30.
    assert (boundary(truth).sum(), boundary(found).sum()) == (20, 30)
    # Within 1 px of the truth's ring: 7 each above and below, 4 at the left. Within 1 px of the found one: all but the
    # middle two at the right.
    precision, recall = 18 / 30, 18 / 20
    assert boundary_f(found, truth, 1) == pytest.approx(2 * precision * recall / (precision + recall), abs=1e-12)


def test_empty_sets():
    nothing, something, all_of_it = np.zeros((9, 9), bool), np.zeros((9, 9), bool), np.ones((9, 9), bool)
    something[3:5, 3:5] = True
    assert jaccard(nothing, nothing) == boundary_f(nothing, nothing) == 1.0
    assert jaccard(something, nothing) == boundary_f(something, nothing) == 0.0
    assert jaccard(nothing, something) == boundary_f(nothing, something) == 0.0
    assert jaccard(all_of_it, nothing) == 0.0
    assert boundary_f(all_of_it, nothing) == 1.0  # neither has a boundary


def test_recall_and_decay_by_hand():
    curve = Curve(values=(1.0, 0.9, 0.8, 0.7, 0.5, 0.4, 0.2, 0.1))
    assert curve.mean == pytest.approx(4.6 / 8)
    assert curve.recall == 0.5  # 0.5 itself is not above
    # quarters end at frames 0, 2, 4, 5, 7: linspace(1, 8, 5) = 1, 2.75, 4.5, 6.25, 8, rounded, less one
    assert curve.decay == pytest.approx(0.9 - (0.4 + 0.2 + 0.1) / 3)
    assert Curve(values=(0.3,)).decay == 0.0


def clip(count: int = 6) -> np.ndarray:
    """Two objects: 1 moves right, 2 stays, and from frame 3 on a newcomer, 7."""
    labels = np.zeros((count, 40, 60), np.uint8)
    for t in range(count):
        labels[t, 5:15, 5 + 3 * t : 20 + 3 * t] = 1
        labels[t, 25:35, 40:50] = 2
        if t >= 3:
            labels[t, 25:35, 5:15] = 7
    return labels


def test_scores_of_objects_and_frames():
    truth = clip()
    held = np.broadcast_to(truth[0], truth.shape)
    scores = region_scores(held, truth)
    assert [one.object_id for one in scores.objects] == [1, 2]  # the newcomer is not asked for
    assert scores.objects[1].jf == 1.0
    expected = [slow_jaccard(truth[0] == 1, truth[t] == 1) for t in range(1, 5)]
    assert scores.objects[0].j.values == pytest.approx(expected)
    assert scores.objects[0].f.values == pytest.approx([slow_f(truth[0] == 1, truth[t] == 1, 1) for t in range(1, 5)])
    assert scores.jf == pytest.approx((1 + scores.objects[0].jf) / 2)
    assert (scores.skips_first, scores.skips_last) == (True, True)
    whole = region_scores(held, truth, skip_first=False, skip_last=False)
    assert len(whole.objects[0].j.values) == 6
    assert whole.objects[0].j.values[0] == 1.0
    assert len(region_scores(held, truth, skip_last=False).objects[0].j.values) == 5
    assert [one.object_id for one in region_scores(held, truth, object_ids=(7, 1)).objects] == [7, 1]


def test_an_object_that_was_lost_counts_as_empty():
    truth = clip()
    lost = np.where(truth == 2, 0, truth).astype(np.uint8)
    scores = region_scores(lost, truth)
    assert scores.objects[0].jf == 1.0
    assert scores.objects[1].j.mean == scores.objects[1].f.mean == 0.0
    gone = truth.copy()
    gone[2:][gone[2:] == 2] = 0  # the truth loses it as well: agreement
    assert region_scores(gone, gone).objects[1].jf == 1.0


def test_void_belongs_to_no_object():
    truth = clip()
    truth[1:, 5:15, :12] = 255
    found = clip()
    assert region_scores(found, truth).jf == 1.0
    found[1:, 8:12, :5] = 2  # what is found there is not judged either
    assert region_scores(found, truth).jf == 1.0
    found[1:, :3, :5] = 2
    assert region_scores(found, truth).jf < 1.0
    truth[0, :3, :3] = 255
    assert [one.object_id for one in region_scores(found, truth).objects] == [1, 2]


def test_wrong_input_is_told():
    truth = clip()
    with pytest.raises(UsageError, match="number of frames"):
        region_scores(truth[:-1], truth)
    with pytest.raises(UsageError, match="number of frames"):
        region_scores(truth, truth[:-1])
    with pytest.raises(UsageError, match="one size"):
        region_scores(truth[:, :-1], truth)
    with pytest.raises(UsageError, match="uint8"):
        region_scores(truth.astype(int), truth)
    with pytest.raises(UsageError, match="no object"):
        region_scores(np.zeros_like(truth), np.zeros_like(truth))
    with pytest.raises(UsageError, match="leave none to count"):
        region_scores(truth[:2], truth[:2])
    with pytest.raises(UsageError, match="bool"):
        jaccard(truth[0], truth[0])
    with pytest.raises(UsageError, match="one size"):
        boundary_f(truth[0] > 0, truth[0][1:] > 0)
    with pytest.raises(UsageError, match="tolerance is -1"):
        boundary_f(truth[0] > 0, truth[0] > 0, -1)
