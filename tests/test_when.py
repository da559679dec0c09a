"""Time spans behind masks, and how the texts of masks are taken apart."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cleanplate.base.errors import UsageError
from cleanplate.base.when import Span, parse_span
from cleanplate.mask.source import MaskSource

nanoseconds = st.integers(0, 10**15).map(lambda n: Fraction(n, 10**9))


@pytest.mark.parametrize(
    ("text", "start", "stop"),
    [
        ("00:03-00:07", 3, 7),
        ("3-7.5", 3, Fraction(15, 2)),
        ("3-", 3, None),
        ("-7", None, 7),
        ("1:02:03.25-2:00:00", Fraction(372325, 100), 7200),
        ("90:00-100:00", 5400, 6000),
        ("0.1-0.3", Fraction(1, 10), Fraction(3, 10)),
    ],
)
def test_forms(text, start, stop):
    span = parse_span(text)
    assert (span.start, span.stop) == (start, stop)


@pytest.mark.parametrize(
    "text",
    ["", "-", "3", "7-3", "3-3", "1:75-2:00", "1:60:00-2:00:00", "a-b", "3--4", "1e3-2e3", ":3-4", "3.-4", "٣-٤"],
)
def test_what_is_no_span(text):
    with pytest.raises(UsageError):
        parse_span(text)


@given(
    st.tuples(nanoseconds, nanoseconds).filter(lambda pair: pair[0] != pair[1]),
    st.sampled_from(["both", "start", "stop"]),
)
def test_round_trip(times, kept):
    first, last = sorted(times)
    span = Span(start=None if kept == "stop" else first, stop=None if kept == "start" else last)
    assert parse_span(str(span)) == span


@given(h=st.integers(0, 99), m=st.integers(0, 59), s=st.integers(0, 59), ms=st.integers(0, 999))
def test_clock_form_means_its_seconds(h, m, s, ms):
    assert parse_span(f"{h:02d}:{m:02d}:{s:02d}.{ms:03d}-").start == 3600 * h + 60 * m + s + Fraction(ms, 1000)


def test_half_open():
    span = parse_span("1-2")
    assert [t in span for t in (Fraction(999, 1000), Fraction(1), Fraction(1999, 1000), Fraction(2))] == [
        False,
        True,
        True,
        False,
    ]


def test_a_file_of_the_whole_name_wins(tmp_path):
    odd = tmp_path / "m@3-7.png@3-7"
    assert MaskSource.parse_file(str(odd)) == MaskSource(path=tmp_path / "m@3-7.png", span=parse_span("3-7"))
    odd.write_bytes(b"x")
    assert MaskSource.parse_file(str(odd)) == MaskSource(path=odd)


def test_only_a_span_is_cut_off(tmp_path):
    assert MaskSource.parse_file("me@home/mask.png").path.as_posix() == "me@home/mask.png"
    with pytest.raises(UsageError, match="ends before it begins"):
        MaskSource.parse_file("mask.png@7-3")


def test_boxes_and_polygons():
    assert MaskSource.parse_box("40,20,200,80@3-").box_xyxy == (40, 20, 200, 80)
    assert MaskSource.parse_box("-4, 0, 20, 80").box_xyxy == (-4, 0, 20, 80)
    corners = ((10.0, 10.0), (90.5, 10.0), (50.0, 60.0))
    assert MaskSource.parse_polygon("10,10 90.5,10 50,60@-7") == MaskSource(
        points_xy=corners, span=Span(stop=Fraction(7))
    )
    assert MaskSource.parse_polygon("10,10,90.5,10,50,60").points_xy == corners


@pytest.mark.parametrize("source", ["a.png", "a.png@3-7.5"])
def test_text_of_a_file(source):
    assert str(MaskSource.parse_file(source)) == source


def test_text_of_shapes():
    assert str(MaskSource.parse_box("1, 2,3,4@0:03-")) == "1,2,3,4@3-"
    assert str(MaskSource.parse_polygon("1,2 3.5,4 5,6")) == "1,2 3.5,4 5,6"


@pytest.mark.parametrize(
    ("parse", "text", "says"),
    [
        (MaskSource.parse_box, "1,2,3", "not four whole numbers"),
        (MaskSource.parse_box, "1,2,3,4.5", "not four whole numbers"),
        (MaskSource.parse_box, "1,2,x,4", "'x' in '1,2,x,4' is not a number"),
        (MaskSource.parse_box, "1,2,3,4@", "is not a time span|needs a start"),
        (MaskSource.parse_polygon, "1,2 3,4 5", "not pairs"),
        (MaskSource.parse_polygon, "1,2 3,4", "2 corners; give at least 3"),
        (MaskSource.parse_polygon, "", "not pairs"),
        (MaskSource.parse_polygon, "1,2 3,nan 4,5", "'nan'"),
    ],
)
def test_what_is_no_shape(parse, text, says):
    with pytest.raises(UsageError, match=says):
        parse(text)


def test_exactly_one_kind():
    with pytest.raises(UsageError, match="exactly one"):
        MaskSource()
    with pytest.raises(UsageError, match="exactly one"):
        MaskSource(box_xyxy=(0, 0, 1, 1), points_xy=((0, 0), (1, 0), (0, 1)))
