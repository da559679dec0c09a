"""Which frames are tracked, from where and in which direction: worked out before anything is.

Within a shot an object is followed from the frames on which it was marked, away from the first of them:

    frames    0 . . . . . . p . . . . . . q . . . . . end of the shot
              <-------------|------------>|---------->

Marks that are there already (masks of an earlier run) keep what was found from them; a new one is followed up to the
next mark in that direction, and no further. Of a video mended at `f` the frames from `f` up to `q` are tracked again:

              <-------------p - - - f --->q - - - - - -
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Mark:
    """Where an object was marked."""

    frame: int
    object_id: int
    is_new: bool = True
    "False = what follows from it is stored already"


@dataclass(frozen=True, kw_only=True)
class Leg:
    """One run of a tracker, over neighbouring frames of one shot."""

    first: int
    stop: int
    "half-open, whatever the direction"
    is_backward: bool
    marks: tuple[Mark, ...]
    "what the tracker is told"
    owed: Mapping[int, tuple[tuple[int, int], ...]]
    "object -> half-open ranges of frames in which what is found of it counts"

    @property
    def frames(self) -> range:
        """In the order in which they are tracked."""
        return range(self.stop - 1, self.first - 1, -1) if self.is_backward else range(self.first, self.stop)

    def owes(self, object_id: int, frame: int) -> bool:
        return any(first <= frame < stop for first, stop in self.owed.get(object_id, ()))


def plan_legs(marks: Iterable[Mark], first: int, stop: int, held: frozenset[int] = frozenset()) -> list[Leg]:
    """The legs of one shot, `first` up to `stop`, for the marks in it: forward ones, then backward ones.

    `held`: objects that are stored without saying where they were marked; they are followed forward only.
    """
    of_object: dict[int, list[Mark]] = defaultdict(list)
    for mark in sorted(marks, key=lambda mark: mark.frame):
        if first <= mark.frame < stop:
            of_object[mark.object_id].append(mark)
    onward: dict[int, list[tuple[int, int]]] = defaultdict(list)
    back: dict[int, list[tuple[int, int]]] = defaultdict(list)
    for number, own in of_object.items():
        old = [mark.frame for mark in own if not mark.is_new]
        origin = old[0] if old else first if number in held else own[0].frame
        frames = sorted({mark.frame for mark in own})
        for frame in sorted({mark.frame for mark in own if mark.is_new}):
            if frame >= origin:
                onward[number].append((frame, min((n for n in frames if n > frame), default=stop)))
            before = max((n + 1 for n in frames if n < frame), default=first)
            is_origin = frame == origin and number not in held
            if frame < origin or (is_origin and before < frame):
                back[number].append((before, frame + 1))
    new = [mark for own in of_object.values() for mark in own if mark.is_new]
    return [*_legs(onward, new, is_backward=False), *_legs(back, new, is_backward=True)]


def _legs(owed: Mapping[int, Sequence[tuple[int, int]]], marks: Sequence[Mark], *, is_backward: bool) -> list[Leg]:
    """Ranges that touch or overlap, of one object or several, are one leg."""
    found: list[list[int]] = []
    for first, stop in sorted(span for spans in owed.values() for span in spans):
        if found and first <= found[-1][1] - is_backward:  # going back, a leg has to begin at a mark
            found[-1][1] = max(found[-1][1], stop)
        else:
            found.append([first, stop])
    return [
        Leg(
            first=first,
            stop=stop,
            is_backward=is_backward,
            marks=tuple(
                mark
                for mark in marks
                if any(
                    first <= begin <= mark.frame < end <= stop and mark.frame == (end - 1 if is_backward else begin)
                    for begin, end in owed.get(mark.object_id, ())
                )
            ),
            owed={
                number: tuple((begin, end) for begin, end in spans if first <= begin < stop)
                for number, spans in owed.items()
            },
        )
        for first, stop in found
    ]
