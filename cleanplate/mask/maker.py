"""What a mask maker is, the table of those there are, and the union of several.

A maker says for each frame of one video which samples are holes: `step(frame) -> labels`. What the user gave is a list
of `MaskSource`s; each gets a maker from the table, and `combine` runs them side by side over the video.

Most makers need the timing of the frames only, and nothing is decoded for them. One that needs pictures says so in its
row (`needs_pixels`) and then finds them in `step`: `frame.image`, or `frame.crop(box)` for a part; `native` is None
where a damaged file gives no picture. One that has to see the whole video before it can answer for the first frame goes
through `scene.frames()` in `survey`, as often as it likes; what it keeps for long goes to files in `scene.work`.

Object ids: the first source draws 1, the second 2, and so on. Palette images and stored masks keep the ids they carry;
an id that two sources share means one object. What finds objects by itself gets ids that no other source has. Where
sources overlap, the later one lies on top.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path

import numpy as np

from cleanplate.base.errors import MaskError, UsageError
from cleanplate.base.hub import GROUNDING_DINO, models_of
from cleanplate.base.report import Watch
from cleanplate.base.table import Row
from cleanplate.base.threads import prefetch
from cleanplate.base.tracks import Track
from cleanplate.base.types import Frame, Labels, VideoInfo
from cleanplate.mask.align import Timeline
from cleanplate.mask.source import MaskSource

Warn = Callable[[str], None]
Timestamps = Sequence[tuple[int, int]]  # (pts, duration) in ticks, in order of showing

MOST_OBJECTS = 255
_AHEAD_FRAMES = 2
"decoded while a maker looks at the one before"


@dataclass(frozen=True, kw_only=True)
class Scene:
    """What a maker is told of the video it works for."""

    info: VideoInfo
    timestamps: Timestamps
    warn: Warn
    invert: bool = False
    "masks from files mark what is to stay"
    video: Iterable[Frame] | None = None
    "the frames with their pictures, to go through as often as wanted; None = only timing is at hand"
    work: Path | None = None
    "a folder for what a maker wants to keep between its passes; it goes when the mask pass ends"
    watch: Watch | None = None
    timeline: Timeline = field(init=False)

    def __post_init__(self) -> None:
        if not self.timestamps:
            raise MaskError(f"{self.info.path} has no frames to put a mask on; give another video")
        object.__setattr__(self, "timeline", Timeline.of(self.timestamps, self.info.time_base))

    @property
    def size_px(self) -> tuple[int, int]:
        return self.info.width_px, self.info.height_px

    def frames(self, has_pixels: bool = True) -> Generator[Frame]:
        """One frame for each timestamp, in order; `native` is None for those that a damaged file does not give.

        Without `has_pixels` nothing is decoded, and `native` is None throughout.
        """
        times = enumerate(self.timestamps)
        if not has_pixels or self.video is None:
            yield from (Frame(index=n, pts=pts, duration=duration, native=None) for n, (pts, duration) in times)
            return
        with closing(prefetch(self.video, _AHEAD_FRAMES, "mask")) as decoded:
            ahead = next(decoded, None)
            for n, (pts, duration) in times:
                while ahead is not None and ahead.pts < pts:
                    ahead = next(decoded, None)
                native = ahead.native if ahead is not None and ahead.pts == pts else None
                yield Frame(index=n, pts=pts, duration=duration, native=native)


class Maker(ABC):
    """Draws the labels of one source. Frames come in order; some may be left out."""

    def __init__(self, source: MaskSource, ids: range, scene: Scene) -> None:
        """`ids`: those that it may draw; the first one if it draws one object."""
        self.source = source
        self.ids = ids
        self.scene = scene

    @property
    def object_id(self) -> int:
        return self.ids.start

    @property
    def drawn(self) -> frozenset[int]:
        """The ids that it may draw, as far as is known before `survey`."""
        return frozenset([self.object_id])

    def survey(self) -> None:
        """Called once before the first step: the time to go through `scene.frames()`."""
        return

    @abstractmethod
    def step(self, frame: Frame) -> Labels:
        """Labels (H, W) of the frame, read-only; the same array again while nothing changes."""

    def tracks(self) -> tuple[Track, ...]:
        """What it knows of each object that it followed, after `survey`."""
        return ()

    @property
    def why_empty(self) -> str:
        """What may be the reason if nothing was covered, as part of a sentence."""
        return "it marks no sample"

    def close(self) -> None:
        """Lets go of open files."""
        return


@dataclass(frozen=True, kw_only=True)
class MakerSpec(Row):
    """One row of the table."""

    needs_pixels: bool
    "whether `step` is given frames with their pictures; False = their timing is enough"
    is_finder: bool = False
    "whether it finds by itself what is to go: --find NAME"
    needs_words: bool = False
    "whether a finder has to be told what: --words instead"


MAKERS: dict[str, MakerSpec] = {
    "file": MakerSpec(
        where="cleanplate.mask.from_file:FileMaker",
        summary="a picture, a folder of pictures, a video of masks, or stored masks",
        needs_pixels=False,
    ),
    "box": MakerSpec(where="cleanplate.mask.shapes:BoxMaker", summary="a rectangle", needs_pixels=False),
    "polygon": MakerSpec(where="cleanplate.mask.shapes:PolygonMaker", summary="a polygon", needs_pixels=False),
    "hints": MakerSpec(
        where="cleanplate.mask.from_hints:HintMaker",
        summary="objects that were clicked at, boxed, or masked on one frame, followed from there",
        needs_pixels=True,
    ),
    "motion": MakerSpec(
        where="cleanplate.mask.from_motion:MotionMaker",
        summary="what moves before a still or a moving camera",
        needs_pixels=True,
        is_finder=True,
    ),
    "words": MakerSpec(
        where="cleanplate.mask.from_words:WordsMaker",
        summary="what goes by a name, found by a network again and again, and followed",
        extra="neural",
        needs_pixels=True,
        is_finder=True,
        needs_words=True,
        models=models_of(GROUNDING_DINO),
    ),
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
        raise UsageError(
            "no mask was given; say what to remove with --mask, --box, --polygon, --click, --words or --find"
        )
    if len(sources) > MOST_OBJECTS:
        raise UsageError(
            f"{len(sources)} masks were given, but at most {MOST_OBJECTS} can be told apart; join some of them"
        )
    for source in sources:
        _check_span(source, scene.timeline)
        if source.kind not in MAKERS:
            raise UsageError(f"there is nothing that finds '{source.kind}'; see cleanplate mask --help")
        if MAKERS[source.kind].needs_pixels and (scene.video is None or scene.work is None):
            raise UsageError(f"'{source}' is found by looking at the video's pictures, but only its timing is here")
    parts: dict[int, Part] = {}
    finders = [n for n, source in enumerate(sources) if MAKERS[source.kind].is_finder]
    try:
        for n, source in enumerate(sources):
            if n not in finders:
                parts[n] = _part(source, range(n + 1, MOST_OBJECTS + 1), scene)
        if finders:
            free = _shared_out(parts.values(), len(finders))
            parts |= {n: _part(sources[n], ids, scene) for n, ids in zip(finders, free, strict=True)}
    except BaseException:
        close_parts(list(parts.values()))
        raise
    return [parts[n] for n in range(len(sources))]


def _part(source: MaskSource, ids: range, scene: Scene) -> Part:
    return Part(source, MAKERS[source.kind].load()(source, ids, scene))


def _shared_out(others: Iterable[Part], count: int) -> list[range]:
    """Ids above those of the other sources, as many for each of `count` finders."""
    first = 1 + max((n for part in others for n in part.maker.drawn), default=0)
    share = (MOST_OBJECTS + 1 - first) // count
    if share < 1:
        raise UsageError(
            f"the masks given have ids up to {first - 1} of {MOST_OBJECTS}, so too few are left for what is to be "
            "found; number their objects anew, or find the rest in a second run"
        )
    return [range(first + n * share, first + (n + 1) * share) for n in range(count)]


def close_parts(parts: Sequence[Part]) -> None:
    for part in parts:
        part.maker.close()


def union(parts: Sequence[Part], scene: Scene, *, has_pixels: bool = False) -> Generator[tuple[Frame, Labels]]:
    """Every frame and its labels (H, W), the same read-only array while nothing changes.

    `has_pixels`: what comes after looks at the frames' pictures, even if no maker does.
    """
    nothing = np.zeros((scene.info.height_px, scene.info.width_px), np.uint8)
    nothing.flags.writeable = False
    before: list[Labels] | None = None
    labels = nothing
    for part in parts:
        part.maker.survey()
    needs_pixels = has_pixels or any(MAKERS[part.source.kind].needs_pixels for part in parts)
    with closing(scene.frames(needs_pixels)) as frames:
        for frame, time in zip(frames, scene.timeline.starts, strict=True):
            now = [_labels_at(part, frame, time, nothing) for part in parts]
            if before is None or any(a is not b for a, b in zip(now, before, strict=True)):
                for part, drawn in zip(parts, now, strict=True):
                    part.has_marked = part.has_marked or (drawn is not nothing and bool(drawn.any()))
                labels = _overlay([drawn for drawn in now if drawn is not nothing] or [nothing])
                before = now
            yield frame, labels


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
        with closing(union(parts, scene)) as frames:
            for frame, labels in frames:
                yield frame.index, frame.pts, labels
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
