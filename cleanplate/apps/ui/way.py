"""Which way what is marked is followed from the frame shown, as a time."""

from __future__ import annotations

from typing import Literal

from cleanplate.apps.ui.desk import Desk
from cleanplate.base.errors import UsageError
from cleanplate.base.when import Span

Way = Literal["both", "forward", "backward", "between"]


def way_span(desk: Desk, frame: int, way: Way) -> Span | None:
    """The time to follow in; None = all. Raises `UsageError` where there are not two marks around the frame."""
    if way == "both":
        return None
    if way == "forward":
        return desk.shop.span(frame, None)
    if way == "backward":
        return desk.shop.span(None, frame)
    marks = sorted({*desk.drawn, *(at.frame for track in desk.tracks() for at in track.marked)})
    before = max((n for n in marks if n <= frame), default=None)
    after = min((n for n in marks if n > frame or (n == frame and before != n)), default=None)
    if before is None or after is None:
        raise UsageError("there are not two marks around this frame; mark the object before and after it")
    return desk.shop.span(before, after)
