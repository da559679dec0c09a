"""Boxes and polygons."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from mask_files import constant, video_info

from cleanplate.base.errors import MaskError
from cleanplate.mask.maker import combine
from cleanplate.mask.shapes import polygon_labels
from cleanplate.mask.source import MaskSource


def drawn(*sources: MaskSource, count: int = 1, size=(64, 48)) -> tuple[list[np.ndarray], list[str]]:
    warnings: list[str] = []
    frames = combine(sources, video_info(*size), constant(count), warn=warnings.append)
    return [labels for _, _, labels in frames], warnings


def test_box_is_half_open():
    (labels,), warnings = drawn(MaskSource.parse_box("3,5,10,7"))
    ys, xs = np.nonzero(labels)
    assert (xs.min(), ys.min(), xs.max() + 1, ys.max() + 1) == (3, 5, 10, 7)
    assert labels.sum() == 14
    assert not warnings


def test_box_partly_outside_is_cut():
    (labels,), warnings = drawn(MaskSource.parse_box("-5,40,10,60"))
    assert np.count_nonzero(labels) == 80
    assert warnings == ["the box -5,40,10,60 reaches out of the 64x48 picture: cut to 0,40,10,48"]


@pytest.mark.parametrize("box", ["64,0,70,10", "0,48,5,50", "-9,0,0,10"])
def test_box_outside(box):
    with pytest.raises(MaskError, match=f"the box {box} lies outside the 64x48 picture"):
        drawn(MaskSource.parse_box(box))


@pytest.mark.parametrize(("box", "size"), [("5,5,5,9", "0x4"), ("5,5,9,5", "4x0"), ("9,9,5,5", "0x0")])
def test_box_of_no_size(box, size):
    with pytest.raises(MaskError, match=f"is {size} pixels large.*inside the 64x48 picture"):
        drawn(MaskSource.parse_box(box))


def test_polygon_rectangle_is_the_box():
    (a,), _ = drawn(MaskSource.parse_polygon("3,5 10,5 10,7 3,7"))
    (b,), _ = drawn(MaskSource.parse_box("3,5,10,7"))
    assert np.array_equal(a, b)


def is_inside(x: int, y: int, points) -> bool:
    """Even-odd by a ray to the left, in exact numbers; of centres on an outline, left and upper edges count."""
    crossings = 0
    for (xa, ya), (xb, yb) in zip(points, [*points[1:], points[0]], strict=True):
        if min(ya, yb) <= y < max(ya, yb):
            at = Fraction(xa) + Fraction(y - ya) * (xb - xa) / (yb - ya)
            crossings += at <= x
    return crossings % 2 == 1


@settings(deadline=None, max_examples=60)
@given(st.lists(st.tuples(st.integers(-6, 20), st.integers(-6, 20)), min_size=3, max_size=7))
def test_polygon_against_exact_arithmetic(points):
    labels = polygon_labels(points, 13, 11)
    expected = [[is_inside(x, y, points) for x in range(13)] for y in range(11)]
    assert labels.tolist() == np.array(expected, int).tolist()


def test_star_crossing_itself_has_a_hole_inside():
    star = "32,2 44,40 10,16 54,16 20,40"
    (labels,), _ = drawn(MaskSource.parse_polygon(star))
    assert labels[24, 32] == 0
    assert labels[8, 32] == 1


def test_polygon_partly_outside_warns_and_wholly_outside_fails():
    (labels,), warnings = drawn(MaskSource.parse_polygon("50,10 90,10 50,30"))
    assert labels.any()
    assert "reaches out of the 64x48 picture" in warnings[0]
    with pytest.raises(MaskError, match="holds no sample of the 64x48 picture"):
        drawn(MaskSource.parse_polygon("70,10 90,10 80,30"))
    with pytest.raises(MaskError, match="holds no sample"):
        drawn(MaskSource.parse_polygon("5,5 20,20 40,40"))


def test_several_overlap_and_are_limited_in_time():
    labels, _ = drawn(MaskSource.parse_box("0,0,10,10"), MaskSource.parse_box("5,5,20,20@0.04-0.12"), count=5)
    assert [int(frame[7, 7]) for frame in labels] == [1, 2, 2, 1, 1]
    assert [int(frame[15, 15]) for frame in labels] == [0, 2, 2, 0, 0]
    assert labels[1] is labels[2], "nothing changed, so the same array"
    assert labels[3] is labels[4]
    assert not labels[0].flags.writeable


def test_times_count_from_the_first_frame():
    sources = [MaskSource.parse_box("0,0,9,9@0.04-0.08")]
    frames = combine(sources, video_info(), constant(4, start=1000), warn=print)
    assert [(index, pts, bool(labels.any())) for index, pts, labels in frames] == [
        (0, 1000, False),
        (1, 1001, True),
        (2, 1002, False),
        (3, 1003, False),
    ]


def test_span_behind_the_end():
    with pytest.raises(
        MaskError, match=r"no frame of the video lies in the time span of '0,0,9,9@8-9': it lasts 0.200 s"
    ):
        drawn(MaskSource.parse_box("0,0,9,9@8-9"), count=5)


def test_no_masks_at_all():
    with pytest.raises(ValueError, match="no mask was given"):
        drawn()
    with pytest.raises(ValueError, match="at most 255"):
        drawn(*[MaskSource.parse_box("0,0,9,9")] * 256)
