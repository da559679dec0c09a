"""What the user marked, as a maker takes it: a file, a box, a polygon, or the name of what is to be found."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from cleanplate.base.errors import UsageError
from cleanplate.base.types import Box
from cleanplate.base.when import Span, looks_like_span, parse_span
from cleanplate.mask.hints import Hint, is_number, numbers_in

Points = tuple[tuple[float, float], ...]  # (x, y) px


@dataclass(frozen=True, kw_only=True)
class MaskSource:
    """One mask the user gave: exactly one of a path, a box, a polygon, something to find, words, and hints to follow.

    Only with hints the path may be there too: masks of an earlier run, to be mended by them. Raises `UsageError`.
    """

    path: Path | None = None
    "a picture for all frames, a folder of pictures, a video of masks, or stored masks"
    box_xyxy: Box | None = None
    points_xy: Points = ()
    "a polygon's corners, px"
    find: str | None = None
    "the row of MAKERS that finds it by itself, e.g. motion"
    words: tuple[str, ...] = ()
    "what it is called that is to be found, and followed"
    exclude_words: tuple[str, ...] = ()
    "of what words name, what is to stay"
    word_options: Mapping[str, Any] = field(default_factory=dict)
    hints: tuple[Hint, ...] = ()
    "of the objects to follow, of all of them together: they know of each other"
    tracker: str = "flow"
    segmenter: str = "grabcut"
    "what turns clicks and boxes into the first mask"
    tracker_options: Mapping[str, Any] = field(default_factory=dict)
    segmenter_options: Mapping[str, Any] = field(default_factory=dict)
    "those that differ from their defaults"
    device: str = "auto"
    "where tracker and segmenter run, if they are networks"
    follow: Span | None = None
    "when what the hints mark is followed; None = through their shots"
    span: Span | None = None
    "when it holds; None = always"

    def __post_init__(self) -> None:
        is_file = self.path is not None and not self.hints
        is_box, is_found = self.box_xyxy is not None, self.find is not None
        if sum(map(bool, (is_file, is_box, self.points_xy, is_found, self.words, self.hints))) != 1:
            raise UsageError(
                "a mask is a file, a box, a polygon, something to find, words or hints: give exactly one of these"
            )
        if self.points_xy and (len(self.points_xy) < 3 or not np.isfinite(self.points_xy).all()):
            raise UsageError(
                f"the polygon '{self}' has {len(self.points_xy)} corners; give at least 3, like 10,10 90,10 50,60"
            )

    @property
    def kind(self) -> str:
        """The row of MAKERS that draws it."""
        if self.find is not None:
            return self.find
        if self.hints or self.words:
            return "hints" if self.hints else "words"
        return "file" if self.path is not None else "box" if self.box_xyxy is not None else "polygon"

    @property
    def paths(self) -> list[Path]:
        """All files and folders that are read for it."""
        return [path for path in (self.path, *(hint.path for hint in self.hints)) if path is not None]

    @classmethod
    def parse_file(cls, text: str) -> MaskSource:
        """`mask.png` or `mask.mp4@3-7.5`. A file of the whole name wins over a time span."""
        whole, (name, at, span) = Path(text), text.rpartition("@")
        if not at or whole.exists() or not looks_like_span(span):
            return cls(path=whole)
        return cls(path=Path(name), span=parse_span(span))

    @classmethod
    def parse_box(cls, text: str) -> MaskSource:
        """`x0,y0,x1,y1` or `x0,y0,x1,y1@3-7.5`. Raises `UsageError` for anything else."""
        numbers, span = _split_numbers(text)
        if len(numbers) != 4 or any(number % 1 for number in numbers):
            raise UsageError(f"the box '{text}' is not four whole numbers; write x0,y0,x1,y1 like 40,20,200,80")
        x0, y0, x1, y1 = map(int, numbers)
        return cls(box_xyxy=(x0, y0, x1, y1), span=span)

    @classmethod
    def parse_polygon(cls, text: str) -> MaskSource:
        """`x0,y0 x1,y1 x2,y2 ...` (any mix of commas and spaces), or with `@3-7.5` behind. Raises `UsageError`."""
        numbers, span = _split_numbers(text)
        if len(numbers) % 2 or not numbers:
            raise UsageError(f"the polygon '{text}' is not pairs of numbers; write its corners like 10,10 90,10 50,60")
        return cls(points_xy=tuple(zip(numbers[::2], numbers[1::2], strict=True)), span=span)

    @classmethod
    def parse_find(cls, text: str) -> MaskSource:
        """`motion` or `motion@3-7.5`. Raises `UsageError` for a time that is none."""
        name, at, span = text.partition("@")
        return cls(find=name.strip(), span=parse_span(span.strip()) if at else None)

    def __str__(self) -> str:
        if self.hints:
            what = ", ".join(map(str, self.hints))
            text = f"{what}, followed by {self.tracker}" if self.path is None else f"{self.path} with {what}"
        elif self.words:
            text = ", ".join(self.words) + "".join(f", but not {words}" for words in self.exclude_words)
        elif self.path is not None:
            text = str(self.path)
        elif self.box_xyxy is not None:
            text = ",".join(map(str, self.box_xyxy))
        elif self.find is not None:
            text = self.find
        else:
            text = " ".join(f"{x:g},{y:g}" for x, y in self.points_xy)
        return text if self.span is None else f"{text}@{self.span}"


def _split_numbers(text: str) -> tuple[list[float], Span | None]:
    shape, at, span = text.partition("@")
    numbers = numbers_in(shape)
    if bad := [number for number in numbers if not is_number(number)]:
        raise UsageError(f"'{bad[0]}' in '{text}' is not a number of pixels; write numbers with commas between")
    return [float(number) for number in numbers], parse_span(span.strip()) if at else None
