"""A stretch of time: the `@00:03-00:07` behind a mask, and what `--start` and `--stop` leave between them.

    SPAN  = [TIME] "-" [TIME]             at least one of the two
    TIME  = [[hh:]mm:]ss[.fff]            minutes and seconds below 60 behind a larger unit

Times count from the first frame of the video. A span is half-open: a frame belongs to it if it begins at or after the
start and before the stop.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from fractions import Fraction

from cleanplate.base.errors import UsageError

_TIME = re.compile(r"(?:(?:(\d{1,6}):)?(\d{1,6}):)?(\d{1,9})(?:\.(\d{1,9}))?", re.ASCII)
_LOOKS_LIKE_TIME = re.compile(r"[\d:.]+", re.ASCII)
_LOOKS_LIKE_SPAN = re.compile(r"[\d:.]*-[\d:.]*", re.ASCII)


@dataclass(frozen=True, kw_only=True)
class Span:
    """A stretch of time, in seconds from the first frame; None = open."""

    start: Fraction | None = None
    stop: Fraction | None = None

    def __post_init__(self) -> None:
        if self.start is None and self.stop is None:
            raise UsageError("a time span needs a start or an end, like 3-7.5, 3- or -7")
        if self.start is not None and self.stop is not None and self.start >= self.stop:
            raise UsageError(
                f"the time span {self} ends before it begins; write the earlier time first, "
                f"like {time_text(self.stop)}-{time_text(self.start + (self.start == self.stop))}"
            )

    def __contains__(self, time: Fraction) -> bool:
        return (self.start is None or self.start <= time) and (self.stop is None or time < self.stop)

    def meets(self, start_s: float, stop_s: float) -> bool:
        """Whether a part of that half-open stretch lies within; compared as rounded as the stretch is."""
        return (self.start is None or stop_s > float(self.start)) and (self.stop is None or start_s < float(self.stop))

    def __str__(self) -> str:
        return f"{time_text(self.start)}-{time_text(self.stop)}"


def looks_like_time(text: str) -> bool:
    """Whether this was meant as a time, well formed or not."""
    return _LOOKS_LIKE_TIME.fullmatch(text) is not None


def parse_time(time: str, where: str) -> Fraction:
    """`[[hh:]mm:]ss[.fff]` as seconds. Raises `UsageError` that names `where` it stands."""
    found = _TIME.fullmatch(time)
    if found is None:
        raise UsageError(f"'{time}' in {where} is not a time; write [[hh:]mm:]ss[.fff], like 00:03.5")
    hours, minutes, seconds, decimals = found.groups()
    if (minutes and int(seconds) >= 60) or (hours and int(minutes) >= 60):
        raise UsageError(f"'{time}' in {where} has 60 or more minutes or seconds behind a larger unit")
    whole_s = int(hours or 0) * 3600 + int(minutes or 0) * 60 + int(seconds)
    return whole_s + Fraction(int(decimals or 0), 10 ** len(decimals or ""))


def looks_like_span(text: str) -> bool:
    """Whether this was meant as a span, well formed or not."""
    return _LOOKS_LIKE_SPAN.fullmatch(text) is not None


def parse_span(text: str) -> Span:
    """`00:03-00:07`, `3-7.5`, `3-`, `-7`. Raises `UsageError` for anything else."""
    if looks_like_time(text):
        raise UsageError(
            f"'{text}' is one time, not a time span; write it like 00:03-00:07, 3-7.5, 3- or -7, or add --track to "
            "follow what is there from that time on"
        )
    if not looks_like_span(text):
        raise UsageError(f"'{text}' is not a time span; write it like 00:03-00:07, 3-7.5, 3- or -7")
    first, _, last = text.partition("-")
    where = f"the time span '{text}'"
    return Span(start=parse_time(first, where) if first else None, stop=parse_time(last, where) if last else None)


def parse_limits(start: str | None, stop: str | None) -> Span | None:
    """What `--start` and `--stop` leave between them; None where neither is given. Raises `UsageError`."""
    if start is None and stop is None:
        return None
    first = None if start is None else parse_time(start, "--start")
    last = None if stop is None else parse_time(stop, "--stop")
    if first is not None and last is not None and first >= last:
        raise UsageError(f"--start {start} does not lie before --stop {stop}; write the earlier time first")
    return Span(start=first, stop=last)


def time_text(time: Fraction | None) -> str:
    """Plain seconds; exact up to nine decimals, which is all that can be typed."""
    if time is None:
        return ""
    digits = f"{time.numerator * 10**9 // time.denominator:010d}"
    return f"{digits[:-9]}.{digits[-9:]}".rstrip("0").rstrip(".")
