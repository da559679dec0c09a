"""What a mask maker is, the table of those there are, and the union of several.

A maker says for each frame of one video which samples are holes: `step(frame) -> labels`. What the user gave is a list
of `MaskSource`s; each gets a maker from the table, and `combine` runs them side by side over the video.

Object ids: the first source draws 1, the second 2, and so on. Palette images and stored masks keep the ids they carry;
an id that two sources share means one object. Where sources overlap, the later one lies on top.
"""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from fractions import Fraction
from importlib import import_module
from pathlib import Path

import numpy as np

from cleanplate.base.errors import MaskError, UsageError
from cleanplate.base.types import Box, Frame, Labels, Prompt, VideoInfo
from cleanplate.base.when import Span, looks_like_span, parse_span
from cleanplate.mask.align import Timeline

Warn = Callable[[str], None]
Points = tuple[tuple[float, float], ...]  # (x, y) px
Timestamps = Sequence[tuple[int, int]]  # (pts, duration) in ticks, in order of showing

_NUMBER = re.compile(r"[-+]?\d{1,9}(?:\.\d{1,9})?", re.ASCII)


@dataclass(frozen=True, kw_only=True)
class MaskSource:
    """One mask the user gave: exactly one of a path, a box and a polygon. Raises `UsageError` otherwise."""

    path: Path | None = None
    "a picture for all frames, a folder of pictures, a video of masks, or stored masks"
    box_xyxy: Box | None = None
    points_xy: Points = ()
    "a polygon's corners, px"
    span: Span | None = None
    "when it holds; None = always"

    def __post_init__(self) -> None:
        if (self.path is not None) + (self.box_xyxy is not None) + bool(self.points_xy) != 1:
            raise UsageError("a mask is a file, a box or a polygon: give exactly one of the three")
        if self.points_xy and (len(self.points_xy) < 3 or not np.isfinite(self.points_xy).all()):
            raise UsageError(
                f"the polygon '{self}' has {len(self.points_xy)} corners; give at least 3, like 10,10 90,10 50,60"
            )

    @property
    def kind(self) -> str:
        """The row of MAKERS that draws it."""
        return "file" if self.path is not None else "box" if self.box_xyxy is not None else "polygon"

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

    def __str__(self) -> str:
        if self.path is not None:
            text = str(self.path)
        elif self.box_xyxy is not None:
            text = ",".join(map(str, self.box_xyxy))
        else:
            text = " ".join(f"{x:g},{y:g}" for x, y in self.points_xy)
        return text if self.span is None else f"{text}@{self.span}"


def _split_numbers(text: str) -> tuple[list[float], Span | None]:
    shape, at, span = text.partition("@")
    numbers = [number for number in re.split(r"[,;\s]+", shape.strip()) if number]
    if bad := [number for number in numbers if not _NUMBER.fullmatch(number)]:
        raise UsageError(f"'{bad[0]}' in '{text}' is not a number of pixels; write numbers with commas between")
    return [float(number) for number in numbers], parse_span(span.strip()) if at else None


@dataclass(frozen=True, kw_only=True)
class Scene:
    """What a maker is told of the video it works for."""

    info: VideoInfo
    timestamps: Timestamps
    warn: Warn
    invert: bool = False
    "masks from files mark what is to stay"
    timeline: Timeline = field(init=False)

    def __post_init__(self) -> None:
        if not self.timestamps:
            raise MaskError(f"{self.info.path} has no frames to put a mask on; give another video")
        object.__setattr__(self, "timeline", Timeline.of(self.timestamps, self.info.time_base))

    @property
    def size_px(self) -> tuple[int, int]:
        return self.info.width_px, self.info.height_px


class Maker(ABC):
    """Draws the labels of one source. Frames come in order; some may be left out."""

    def __init__(self, source: MaskSource, object_id: int, scene: Scene) -> None:
        self.source = source
        self.object_id = object_id
        self.scene = scene

    @abstractmethod
    def step(self, frame: Frame, prompts: Sequence[Prompt] = ()) -> Labels:
        """Labels (H, W) of the frame, read-only; the same array again while nothing changes."""

    @property
    def why_empty(self) -> str:
        """What may be the reason if nothing was covered, as part of a sentence."""
        return "it marks no sample"

    def close(self) -> None:
        """Lets go of open files."""
        return


@dataclass(frozen=True, kw_only=True)
class MakerSpec:
    """One row of the table."""

    where: str
    "module:class, imported when used"
    summary: str
    needs_pixels: bool
    "False = the timing of the frames is enough"


MAKERS: dict[str, MakerSpec] = {
    "file": MakerSpec(
        where="cleanplate.mask.from_file:FileMaker",
        summary="a picture, a folder of pictures, a video of masks, or stored masks",
        needs_pixels=False,
    ),
    "box": MakerSpec(where="cleanplate.mask.shapes:BoxMaker", summary="a rectangle", needs_pixels=False),
    "polygon": MakerSpec(where="cleanplate.mask.shapes:PolygonMaker", summary="a polygon", needs_pixels=False),
}


@dataclass
class Part:
    """A source, its maker, and whether it has marked anything yet."""

    source: MaskSource
    maker: Maker
    has_marked: bool = False


def open_parts(sources: Sequence[MaskSource], scene: Scene) -> list[Part]:
    """A maker for each source. Raises `UsageError` or `MaskError` for sources that do not fit the video."""
    if not sources:
        raise UsageError("no mask was given; say what to remove with --mask, --box or --polygon")
    if len(sources) > 255:
        raise UsageError(f"{len(sources)} masks were given, but at most 255 can be told apart; join some of them")
    parts: list[Part] = []
    try:
        for number, source in enumerate(sources, start=1):
            _check_span(source, scene.timeline)
            module, _, name = MAKERS[source.kind].where.partition(":")
            parts.append(Part(source, getattr(import_module(module), name)(source, number, scene)))
    except BaseException:
        close_parts(parts)
        raise
    return parts


def close_parts(parts: Sequence[Part]) -> None:
    for part in parts:
        part.maker.close()


def union(parts: Sequence[Part], scene: Scene) -> Iterator[tuple[int, int, Labels]]:
    """(index, pts, labels) of every frame; `labels` is the same read-only array while nothing changes."""
    nothing = np.zeros((scene.info.height_px, scene.info.width_px), np.uint8)
    nothing.flags.writeable = False
    before: list[Labels] | None = None
    labels = nothing
    for index, ((pts, duration), time) in enumerate(zip(scene.timestamps, scene.timeline.starts, strict=True)):
        frame = Frame(index=index, pts=pts, duration=duration, native=None)
        now = [_labels_at(part, frame, time, nothing) for part in parts]
        if before is None or any(a is not b for a, b in zip(now, before, strict=True)):
            for part, drawn in zip(parts, now, strict=True):
                part.has_marked = part.has_marked or (drawn is not nothing and bool(drawn.any()))
            labels = _overlay([drawn for drawn in now if drawn is not nothing] or [nothing])
            before = now
        yield index, pts, labels


def combine(
    sources: Sequence[MaskSource], info: VideoInfo, timestamps: Timestamps, *, invert: bool = False, warn: Warn
) -> Iterator[tuple[int, int, Labels]]:
    """The union of all sources over the video: (index, pts, labels (H, W)) of every frame.

    `invert` turns masks from files around. `warn` is called with each sentence about something that was repaired.
    Raises `MaskError` where a source does not fit the video.
    """
    scene = Scene(info=info, timestamps=timestamps, invert=invert, warn=warn)
    parts = open_parts(sources, scene)
    try:
        with closing(union(parts, scene)) as frames:  # type: ignore[type-var]
            yield from frames
    finally:
        close_parts(parts)


def _labels_at(part: Part, frame: Frame, time: Fraction, nothing: Labels) -> Labels:
    if part.source.span is not None and time not in part.source.span:
        return nothing
    return part.maker.step(frame)


def _overlay(layers: Sequence[Labels]) -> Labels:
    if len(layers) == 1:
        return layers[0]
    joined = layers[0].copy()
    for layer in layers[1:]:
        np.copyto(joined, layer, where=layer > 0)
    joined.flags.writeable = False
    return joined


def _check_span(source: MaskSource, timeline: Timeline) -> None:
    if source.span is not None and not any(time in source.span for time in timeline.starts):
        raise MaskError(
            f"no frame of the video lies in the time span of '{source}': it lasts {float(timeline.end):.3f} s; "
            "give a span inside it, or leave the span out"
        )
