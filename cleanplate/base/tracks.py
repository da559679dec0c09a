"""What is known of an object that was followed through a video: for masks.json, the report and the screen."""

from __future__ import annotations

from array import array
from collections.abc import Iterable
from dataclasses import dataclass
from math import isnan, nan

from cleanplate.base.when import Span


@dataclass(frozen=True, kw_only=True)
class Marked:
    """Where it was said what the object is."""

    frame: int
    said: str
    "as it was typed, e.g. click 320,180@3.5; or the words by which it was found, and how surely"


@dataclass(frozen=True, kw_only=True)
class Lost:
    """A stretch of frames in which the object was looked for and not found."""

    first: int
    stop: int
    "half-open"
    start_s: float
    stop_s: float
    "seconds from the first frame"


@dataclass(frozen=True, kw_only=True)
class Track:
    """One object, and how well it was followed."""

    object_id: int
    name: str
    "as the user calls it; empty = it has no name"
    tracker: str
    marked: tuple[Marked, ...]
    "in order of frames"
    confidence: tuple[float | None, ...]
    "for each frame of the video: 1 = sure, 0.5 = cannot tell, 0 = lost; None = not looked for"
    lost: tuple[Lost, ...]

    @property
    def title(self) -> str:
        """The object as a part of a sentence."""
        return f"'{self.name}'" if self.name else f"object {self.object_id}"

    @property
    def mean_confidence(self) -> float:
        """Over the frames in which it was found; 0 if there are none."""
        found = [share for share in self.confidence if share]
        return sum(found) / len(found) if found else 0.0

    @property
    def found_frames(self) -> int:
        return sum(bool(share) for share in self.confidence)

    def sentences(self, within: Span | None = None) -> list[str]:
        """One about each stretch in which it was lost; `within`: that has a part in this time."""
        return [
            f"{self.title} is lost from {span.start_s:.2f} s to {span.stop_s:.2f} s (frames {span.first} to "
            f"{span.stop - 1}); if it can be seen there, mark it once more, or mend a mask and give it with --fix"
            for span in self.lost
            if within is None or within.meets(span.start_s, span.stop_s)
        ]


def not_looked_for(frames: int) -> array[float]:
    """An object's confidence in each of so many frames, before it is looked for in any."""
    return array("f", [nan]) * frames


def shares_of(confidence: Iterable[float]) -> tuple[float | None, ...]:
    """Confidences as a track has them; nan = not looked for."""
    return tuple(None if isnan(share) else round(share, 2) for share in confidence)
