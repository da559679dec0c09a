"""Which frames a network is shown at a time, and which of them it paints. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

STEP = 8  # frames by which one window of ours follows the other
FADE = 1  # more frames on either side that are painted as well, and cross-faded
REACH = 1  # more frames on either side that are only looked at
REFERENCE_STRIDE = 10
MOST_REFERENCES = 6
PUBLISHED_STEP = PUBLISHED_REACH = 5


@dataclass(frozen=True, kw_only=True)
class Window:
    """Positions in a clip."""

    local: range
    "consecutive frames, along which features are carried"
    painted: range
    "those of them whose paint is used"
    references: tuple[int, ...]
    "frames from farther away that are shown as well"

    def weight(self, position: int) -> int:
        """How much the paint of this window counts where windows overlap: less towards its ends."""
        return min(position - self.painted.start + 1, self.painted.stop - position)


def in_pieces(length: int, first: int, stop: int) -> Iterator[Window]:
    """Windows that paint the frames from `first` to `stop` of so many, each about once."""
    count = -(-(stop - first) // STEP)
    for n in range(count):
        begin, end = (first + (stop - first) * k // count for k in (n, n + 1))
        painted = range(max(begin - FADE, first), min(end + FADE, stop))
        local = range(max(painted.start - REACH, 0), min(painted.stop + REACH, length))
        far = [t for t in range(0, length, REFERENCE_STRIDE) if t not in local]
        kept = min(len(far), MOST_REFERENCES)
        yield Window(local=local, painted=painted, references=tuple(far[k * len(far) // kept] for k in range(kept)))


def published(length: int) -> Iterator[Window]:
    """The windows of E2FGVI's authors: eleven frames, every five frames, and every tenth of all others."""
    for middle in range(0, length, PUBLISHED_STEP):
        local = range(max(middle - PUBLISHED_REACH, 0), min(middle + PUBLISHED_REACH + 1, length))
        far = (t for t in range(0, length, REFERENCE_STRIDE) if t not in local)
        yield Window(local=local, painted=local, references=tuple(far))
