"""What a person says of an object on one frame: a click, a box, a mask of it, or a mask that was mended by hand.

Hint.parse_click("320,180@00:03.5")      on the frame shown at that time; the first one without @
Hint.parse_click("dog:320,180")          the object has a name; all hints without one are of one object
Hint.parse_fix("masks/000123.png")       on frame 123
"""

from __future__ import annotations

import re
from bisect import bisect_right
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Literal

from cleanplate.base.errors import MaskError, UsageError
from cleanplate.base.types import Box
from cleanplate.base.when import looks_like_time, parse_time, time_text
from cleanplate.mask.align import Timeline

HintKind = Literal["click", "keep-click", "box", "mask", "fix"]

_NAMED = re.compile(r"([^\W\d][\w-]{0,39}):(.+)", re.DOTALL)
_NUMBERED = re.compile(r"\D*(\d{1,10})", re.ASCII)
_NUMBER = re.compile(r"[-+]?\d{1,9}(?:\.\d{1,9})?", re.ASCII)


@dataclass(frozen=True, kw_only=True)
class Hint:
    """One of a point, a box and a path, as the kind has it."""

    kind: HintKind
    name: str = ""
    "of the object; empty = the one without a name"
    point_xy: tuple[float, float] | None = None
    box_xyxy: Box | None = None
    path: Path | None = None
    at: Fraction | None = None
    "seconds from the first frame; None = the first frame, or the one whose number is a fix's name"

    @classmethod
    def parse_click(cls, text: str, *, is_in: bool = True) -> Hint:
        """`x,y`, `x,y@TIME`, `NAME:x,y@TIME`. `is_in`: False marks what is to stay. Raises `UsageError`."""
        kind: HintKind = "click" if is_in else "keep-click"
        name, shape, at = _parts(text)
        numbers = _numbers(shape, 2, f"the click '{text}' is not a point; write x,y or x,y@TIME like 320,180@00:03.5")
        return cls(kind=kind, name=name, point_xy=(numbers[0], numbers[1]), at=at)

    @classmethod
    def parse_box(cls, text: str) -> Hint:
        """`x0,y0,x1,y1@TIME`, with a name before it or none. Raises `UsageError`."""
        name, shape, at = _parts(text)
        wrong = (
            f"the box '{text}' is not four whole numbers and a time; with --track write x0,y0,x1,y1@TIME like "
            "40,20,200,80@00:03.5, and it is followed from there"
        )
        numbers = _numbers(shape, 4, wrong)
        if any(number % 1 for number in numbers):
            raise UsageError(wrong)
        x0, y0, x1, y1 = map(int, numbers)
        return cls(kind="box", name=name, box_xyxy=(x0, y0, x1, y1), at=at)

    @classmethod
    def parse_mask(cls, text: str) -> Hint:
        """`first.png@TIME`, with a name before it or none. A file of the whole name wins. Raises `UsageError`."""
        name, path, at = _path_parts(text)
        return cls(kind="mask", name=name, path=path, at=at)

    @classmethod
    def parse_fix(cls, text: str) -> Hint:
        """`masks/000123.png`, on the frame of its number, or `mended.png@TIME`. Raises `UsageError`."""
        _, path, at = _path_parts(text)
        if at is None and not _NUMBERED.fullmatch(path.stem):
            raise UsageError(
                f"the fix '{text}' does not say for which frame it is; name it by the frame's number like 000123.png, "
                "or write its time behind it like mended.png@00:03.5"
            )
        return cls(kind="fix", path=path, at=at)

    def frame_in(self, timeline: Timeline) -> int:
        """The frame it is on. Raises `MaskError` for one that the video does not have."""
        last = len(timeline) - 1
        if self.at is not None:
            if self.at >= timeline.end:
                raise MaskError(
                    f"the {self} lies past the end of the video, which lasts {float(timeline.end):.3f} s; "
                    "give an earlier time"
                )
            return bisect_right(timeline.starts, self.at) - 1
        if self.kind != "fix":
            return 0
        assert self.path is not None
        found = _NUMBERED.fullmatch(self.path.stem)
        number = int(found[1]) if found else 0
        if number > last:
            raise MaskError(
                f"the {self} is for frame {number}, but the video has frames 0 to {last}; name it by another frame"
            )
        return number

    def __str__(self) -> str:
        if self.point_xy is not None:
            shape = f"{self.point_xy[0]:g},{self.point_xy[1]:g}"
        elif self.box_xyxy is not None:
            shape = ",".join(map(str, self.box_xyxy))
        else:
            shape = str(self.path)
        name = f"{self.name}:" if self.name else ""
        return f"{self.kind} {name}{shape}" + ("" if self.at is None else f"@{time_text(self.at)}")


def placed(text: str, folder: Path) -> str:
    """A mask, a mended picture or a painted frame as it is typed, its path taken from that folder if it is relative."""
    name, rest = ("", text) if (folder / text).exists() else _name_and_rest(text)
    return f"{name}:{folder / rest}" if name else f"{folder / rest}"


def _name_and_rest(text: str) -> tuple[str, str]:
    named = _NAMED.fullmatch(text)
    return (named[1], named[2]) if named else ("", text)


def _parts(text: str) -> tuple[str, str, Fraction | None]:
    """Name, shape and time."""
    name, rest = _name_and_rest(text.strip())
    shape, sign, time = rest.partition("@")
    return name, shape, parse_time(time.strip(), f"'{text}'") if sign else None


def _path_parts(text: str) -> tuple[str, Path, Fraction | None]:
    name, rest = ("", text) if Path(text).exists() else _name_and_rest(text)
    path, sign, time = rest.rpartition("@")
    if not sign or Path(rest).exists() or not looks_like_time(time):
        return name, Path(rest), None
    return name, Path(path), parse_time(time, f"'{text}'")


def numbers_in(shape: str) -> list[str]:
    """What stands between commas, semicolons and spaces."""
    return [number for number in re.split(r"[,;\s]+", shape.strip()) if number]


def is_number(text: str) -> bool:
    """Whether it is a number of pixels, as people type it."""
    return _NUMBER.fullmatch(text) is not None


def _numbers(shape: str, count: int, wrong: str) -> list[float]:
    numbers = numbers_in(shape)
    if len(numbers) != count or not all(map(is_number, numbers)):
        raise UsageError(wrong)
    return [float(number) for number in numbers]
