"""What is typed of one frame: which frame it is, and how it is said again."""

from __future__ import annotations

from fractions import Fraction

import pytest

import cleanplate
from cleanplate.mask.align import Timeline
from cleanplate.mask.hints import Hint


def test_times_mean_the_frame_that_is_shown_then():
    uneven = Timeline.of([(0, 40), (40, 100), (140, 20), (160, 40)], Fraction(1, 1000))
    frames = [
        Hint.parse_click(f"1,2@{time}").frame_in(uneven) for time in ("0", "0.039", "0.04", "0.1", "0.15", "0.199")
    ]
    assert frames == [0, 0, 1, 1, 2, 3]
    assert Hint.parse_click("1,2").frame_in(uneven) == 0
    assert Hint.parse_fix("masks/000002.png").frame_in(uneven) == 2
    with pytest.raises(cleanplate.MaskError, match="past the end"):
        Hint.parse_click("1,2@0.2").frame_in(uneven)


def test_hints_say_again_what_was_typed():
    said = [
        "click 3,4",
        "click dog:3.5,4@1.25",
        "box a-b:1,2,3,4@60",
        "mask dog:some/first.png@3.5",
        "fix m/000012.png",
    ]
    read = [
        Hint.parse_click(" 3, 4"),
        Hint.parse_click("dog:3.5,4@00:01.25"),
        Hint.parse_box("a-b:1,2,3,4@01:00"),
        Hint.parse_mask("dog:some/first.png@3.5"),
        Hint.parse_fix("m/000012.png"),
    ]
    assert [str(hint) for hint in read] == said
