"""Masks by time: exact fractions, other rates, other clocks, one frame too few or too many."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st
from mask_files import constant

from cleanplate.base.errors import MaskError
from cleanplate.mask.align import Timeline, align, by_number

NTSC = Fraction(1001, 24000)


def timeline(count: int, tick: Fraction) -> Timeline:
    return Timeline.of(constant(count), tick)


def test_same_clock():
    assert align(timeline(50, NTSC), timeline(50, NTSC), "m") == (list(range(50)), None)


@given(
    count=st.integers(1, 300),
    rate=st.sampled_from([Fraction(24000, 1001), Fraction(25), Fraction(30000, 1001), Fraction(60)]),
    clock=st.sampled_from([1000, 15360, 90000]),
    offset=st.integers(0, 90000),
)
def test_rounded_to_ticks_is_still_frame_by_frame(count, rate, clock, offset):
    """Matroska rounds to milliseconds: no frame may slip by that."""
    ticks = [offset + int(n * clock / rate + Fraction(1, 2)) for n in range(count)]
    mask = Timeline.of([(pts, 0) for pts in ticks], Fraction(1, clock))
    assert align(timeline(count, 1 / rate), mask, "m") == (list(range(count)), None)


def test_29_97_written_as_a_float():
    mask = timeline(20000, Fraction(100, 2997))
    assert align(timeline(20000, Fraction(1001, 30000)), mask, "m") == (list(range(20000)), None)


def test_24_for_24000_1001_short():
    assert align(timeline(100, NTSC), timeline(100, Fraction(1, 24)), "m") == (list(range(100)), None)


def test_24_for_24000_1001_long_drifts_and_is_taken_frame_by_frame():
    found, warning = align(timeline(3000, NTSC), timeline(3000, Fraction(1, 24)), "m.mp4")
    assert found == list(range(3000))
    assert "m.mp4" in warning
    assert "3000" in warning
    assert "frame k" in warning


def test_half_and_double_rate():
    video = timeline(40, Fraction(1, 24))
    assert align(video, timeline(20, Fraction(1, 12)), "m") == ([n // 2 for n in range(40)], None)
    assert align(video, timeline(80, Fraction(1, 48)), "m") == ([2 * n for n in range(40)], None)


def test_three_to_two():
    """30 against 20 frames/s: the mask shown while the frame is."""
    found, _ = align(timeline(60, Fraction(1, 30)), timeline(40, Fraction(1, 20)), "m")
    for n, j in enumerate(found):
        middle = Fraction(2 * n + 1, 60)
        assert Fraction(j, 20) <= middle < Fraction(j + 1, 20)


def test_variable_rate_video_on_a_constant_mask():
    kept = [0, 1, 2, 5, 6, 9, 10, 11, 12, 19]
    video = Timeline.of([(pts, 1) for pts in kept], Fraction(1, 25))
    assert align(video, timeline(20, Fraction(1, 25)), "m") == (kept, None)


def test_variable_rate_video_with_as_many_mask_frames_at_a_constant_rate():
    kept = [0, 1, 2, 5, 6, 9, 10, 11, 12, 19]
    video = Timeline.of([(pts, 1) for pts in kept], Fraction(1, 25))
    found, warning = align(video, timeline(10, Fraction(1, 25)), "m")
    assert found == list(range(10))
    assert "clock runs differently" in warning


def test_one_frame_missing_in_the_middle():
    mask = Timeline.of([(n, 1) for n in range(20) if n != 7], Fraction(1, 25))
    found, warning = align(timeline(20, Fraction(1, 25)), mask, "m")
    assert found == [0, 1, 2, 3, 4, 5, 6, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18]
    assert "lacks one frame (19 against 20 frames)" in warning


def test_one_frame_missing_in_the_video():
    video = Timeline.of([(n, 1) for n in range(20) if n != 7], Fraction(1, 25))
    found, warning = align(video, timeline(20, Fraction(1, 25)), "m")
    assert found == [n for n in range(20) if n != 7]
    assert warning is None


def test_one_shorter_and_one_longer():
    video = timeline(20, NTSC)
    found, warning = align(video, timeline(19, NTSC), "m")
    assert found == [*range(19), 18]
    assert "one frame before the video (19 against 20 frames): its last picture is used once more" in warning
    found, warning = align(video, timeline(21, NTSC), "m")
    assert found == list(range(20))
    assert "one frame after the video (21 against 20 frames): its last picture is not used" in warning


def test_one_shorter_on_a_drifting_clock():
    found, warning = align(timeline(3000, NTSC), timeline(2999, Fraction(1, 24)), "m")
    assert found == [*range(2999), 2998]
    assert "2999 against 3000" in warning
    assert "frame k" in warning


@pytest.mark.parametrize("count", [1, 18, 22, 40])
def test_more_than_one_says_both_counts(count):
    with pytest.raises(MaskError, match=rf"has {count} frames .* and the video 20 "):
        align(timeline(20, NTSC), timeline(count, NTSC), "m")


def test_by_number():
    assert by_number(3, 3, "m") == ([0, 1, 2], None)
    assert by_number(3, 2, "m")[0] == [0, 1, 1]
    assert by_number(3, 4, "m")[0] == [0, 1, 2]
    with pytest.raises(MaskError, match="has 5 pictures and the video 3 frames"):
        by_number(3, 5, "m")


@given(st.lists(st.integers(1, 9), min_size=2, max_size=60), st.lists(st.integers(1, 9), min_size=2, max_size=60))
def test_any_two_clocks_give_a_rising_choice_inside_the_mask(video_steps, mask_steps):
    def of(steps):
        return Timeline.of([(sum(steps[:n]), step) for n, step in enumerate(steps)], Fraction(1, 50))

    try:
        found, _ = align(of(video_steps), of(mask_steps), "m")
    except MaskError:
        assert abs(len(video_steps) - len(mask_steps)) > 1
        return
    assert len(found) == len(video_steps)
    assert found == sorted(found)
    assert 0 <= found[0] <= found[-1] < len(mask_steps)
