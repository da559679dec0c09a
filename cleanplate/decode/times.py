"""Times of pictures that a file does not tell, or tells wrongly: worked out from their neighbours."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence

_MOST_WRONG = 10
"one time in so many may be wrong, and two of a short video; with more it cannot be told which are right"
_ROOM = 4
"a picture put between two others is shown for at least one part in so many of the usual time"


def mend(times: Sequence[int | None], step: int) -> list[int] | None:
    """Strictly rising times (ticks) for pictures in the order shown; None where there is no single way to have them.

    The longest rising run of known times is right (a longest increasing subsequence, by patience sorting); the others
    are spread evenly between their neighbours, and before the first and after the last are `step` ticks apart.
    """
    right = _longest_rising(times)
    wrong = sum(time is not None for time in times) - len(right)
    if wrong > max(2, len(times) // _MOST_WRONG):
        return None
    found = [0] * len(times)
    if not right:
        return [n * step for n in range(len(times))]
    first, last = right[0], right[-1]
    for n in range(len(times)):
        if n < first:
            found[n] = _known(times, first) - (first - n) * step
        elif n > last:
            found[n] = _known(times, last) + (n - last) * step
    for n, after in zip(right, [*right[1:], right[-1]], strict=True):
        start, length, count = _known(times, n), _known(times, after) - _known(times, n), after - n
        if count > 1 and length * _ROOM < max(step, _ROOM) * count:
            return None
        for k in range(max(count, 1)):
            found[n + k] = start + length * k // max(count, 1)
    return found


def _known(times: Sequence[int | None], n: int) -> int:
    time = times[n]
    assert time is not None
    return time


def _longest_rising(times: Sequence[int | None]) -> list[int]:
    """Positions of a longest strictly rising subsequence of the known times."""
    ends: list[int] = []  # the smallest last time of a rising run of each length
    places: list[int] = []  # where it stands
    before: dict[int, int | None] = {}
    for n, time in enumerate(times):
        if time is None:
            continue
        length = bisect_left(ends, time)
        if length < len(ends) and ends[length] == time:  # of two with the same time the first is right
            continue
        before[n] = places[length - 1] if length else None
        ends[length : length + 1] = [time]
        places[length : length + 1] = [n]
    found: list[int] = []
    n_or_none = places[-1] if places else None
    while n_or_none is not None:
        found.append(n_or_none)
        n_or_none = before[n_or_none]
    return found[::-1]
