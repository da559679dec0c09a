"""What was found of pairs of frames, for the next piece, which shows half of them again. Pure."""

from __future__ import annotations

from collections.abc import Callable
from typing import Generic, TypeVar

from cleanplate.base.plan import JOINT_FRAMES
from cleanplate.base.types import Clip

_Found = TypeVar("_Found")


class PairMemory(Generic[_Found]):
    """The motion of pairs measured before, found again by what the pair looks like.

    Neighbouring pieces show an engine the same frames twice; measuring them once halves the price of the margins. The
    key is the content, so what comes out is what would be measured anew. Keeps what the next piece may show again.
    """

    def __init__(self) -> None:
        self._kept: list[tuple[int, dict[bytes, _Found]]] = [(0, {})]  # one a clip, with the frame it starts at
        self._again_from = 0

    def next_clip(self, clip: Clip) -> None:
        """A clip comes. What is older than the piece before it is forgotten."""
        first, stop = clip.core_range
        before = next((begun for begun, _ in reversed(self._kept) if begun != clip.start), clip.start)
        kept = [pairs for pairs in self._kept if pairs[0] in (before, clip.start)]
        self._kept = [*kept[-7:], (clip.start, {})]  # two pieces' worth of up to four crops
        self._again_from = stop - JOINT_FRAMES - max(first, len(clip.images) - stop)

    def take(self, key: bytes) -> _Found | None:
        """What was found of the pair, which is no longer kept; None if it is not known."""
        return next((pairs.pop(key) for _, pairs in self._kept if key in pairs), None)

    def keeps(self, pair: int) -> bool:
        """Whether the next piece may show this pair of the clip again."""
        return pair >= self._again_from

    def put(self, key: bytes, found: _Found) -> None:
        """Remember it. Arrays in it may be views of the clip's, until `own`."""
        self._kept[-1][1][key] = found

    def own(self, copied: Callable[[_Found], _Found]) -> None:
        """Make what was put for this clip the memory's own, as the clip's arrays go: not sooner, for that takes room
        twice while most is needed."""
        pairs = self._kept[-1][1]
        for key in pairs:
            pairs[key] = copied(pairs[key])
