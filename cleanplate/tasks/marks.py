"""What a person marks, by the same names in every function and on the command line, as the mask stage takes it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TypedDict

from cleanplate.base.errors import FailedError, UsageError
from cleanplate.base.report import Watch
from cleanplate.base.tracks import Track
from cleanplate.base.types import Box
from cleanplate.base.when import Span, parse_span
from cleanplate.decode.reader import VideoReader
from cleanplate.mask.hints import Hint
from cleanplate.mask.maker import MAKERS, Warn
from cleanplate.mask.phrases import cleaned
from cleanplate.mask.segmenter import segmenter_spec
from cleanplate.mask.source import MaskSource, Points
from cleanplate.mask.stored import MaskSummary, make_masks
from cleanplate.mask.stored_format import is_stored
from cleanplate.mask.tracker import tracker_spec

Paths = str | Path | Sequence[str | Path]
Boxes = str | Box | Sequence[str | Box]
Polygons = str | Points | Sequence[str | Points]
Clicks = str | tuple[float, float] | Sequence[str | tuple[float, float]]

FINDERS = {name: spec for name, spec in MAKERS.items() if spec.is_finder and not spec.needs_words}
"what `find` can name"


class Marks(TypedDict, total=False):
    """What is to be removed. Each one or several; as text also with the time it holds, like "mask.png@00:03-00:07".

    A click is followed from its frame through the shot, forward and backward, and so are masks and boxes with `track`;
    their time is a point then, like "320,180@00:03.5", and the first frame without. "dog:320,180" is a click of the
    object named dog; all without a name are of one object.
    """

    mask: Paths
    "pictures, folders or videos of masks; with `track`, pictures of one frame"
    box: Boxes
    "(x0, y0, x1, y1) px"
    polygon: Polygons
    "((x, y), ...) px"
    invert: bool
    "masks from files mark what is to stay"
    find: str | Sequence[str]
    "what is found without being pointed at: motion"
    with_shadow: bool
    "shadows and mirror images of all that go too"
    words: str | Sequence[str]
    "what that is called which is to be found and followed, in English"
    exclude_words: str | Sequence[str]
    "of what `words` name, what is to stay"
    word_options: Mapping[str, Any]
    "of finding by words, those that differ from their defaults: see `WordOptions`"
    click: Clicks
    "(x, y) px: a point of what is to go"
    keep_click: Clicks
    "(x, y) px: a point of what is to stay, on a frame with a click or a box"
    track: bool
    "masks and boxes are followed as well"
    fix: Paths
    "mended pictures of single frames, named by the frame's number; only what follows from them is tracked again"
    follow: str
    "when what is marked is followed, like 3-7.5; elsewhere it has no mask, or keeps the one it had; else all its shot"
    tracker: str
    "see TRACKERS"
    segmenter: str
    "see SEGMENTERS: what turns clicks and boxes into masks; sam2 with `words`, else grabcut, unless it is said"
    tracker_options: Mapping[str, Any]
    segmenter_options: Mapping[str, Any]
    "those that differ from their defaults, by name"


def sources_of(marks: Marks, output: Path | None = None, device: str = "auto") -> list[MaskSource]:
    """The marks as the mask stage takes them. Raises `UsageError` for text or numbers that are none.

    `output`: a folder whose stored masks are mended where `fix` is given and no others are. `device`: where networks
    that find or follow objects run.
    """
    check_names(marks, Marks)
    sources: list[MaskSource] = []
    hints: list[Hint] = []
    for text in texts(marks.get("mask", ()), 0):
        if marks.get("track"):
            hints.append(Hint.parse_mask(text))
        else:
            sources.append(MaskSource.parse_file(text))
    for text in texts(marks.get("box", ()), 1):
        if marks.get("track"):
            hints.append(Hint.parse_box(text))
        else:
            sources.append(MaskSource.parse_box(text))
    sources += [MaskSource.parse_polygon(text) for text in texts(marks.get("polygon", ()), 2)]
    hints += [Hint.parse_click(text) for text in texts(marks.get("click", ()), 1)]
    hints += [Hint.parse_click(text, is_in=False) for text in texts(marks.get("keep_click", ()), 1)]
    if marks.get("track") and not hints:
        raise UsageError("--track follows masks and boxes, but none was given; give --mask or --box")
    fixes = [Hint.parse_fix(text) for text in texts(marks.get("fix", ()), 0)]
    mended = _mended(sources, output) if fixes else None
    if fixes and mended is None and not hints:
        raise UsageError("--fix mends masks that are there; give the folder that holds them with --mask")
    if hints or fixes:
        sources = [source for source in sources if source.path != mended or mended is None]
        follow = None if (span := marks.get("follow")) is None else parse_span(span)
        given = _following(marks, "grabcut", device)
        sources.append(MaskSource(path=mended, hints=(*hints, *fixes), follow=follow, **given))
    words, excluded = texts(marks.get("words", ()), 0), texts(marks.get("exclude_words", ()), 0)
    if excluded and not words:
        raise UsageError("--exclude-words says what stays of that which --words names; give --words as well")
    if words:
        sources.append(
            MaskSource(
                words=cleaned(words, "--words"),
                exclude_words=cleaned(excluded, "--exclude-words"),
                word_options=marks.get("word_options", {}),
                **_following(marks, "sam2", device),
            )
        )
    for text in texts(marks.get("find", ()), 0):
        sources.append(MaskSource.parse_find(text))
        if sources[-1].find not in FINDERS:
            raise UsageError(f"--find {text}: nothing finds that; there is {', '.join(FINDERS)}")
    return sources


def _following(marks: Marks, segmenter: str, device: str) -> dict[str, Any]:
    """By which tracker and segmenter. Raises `UsageError` for those that there are not."""
    tracker, segmenter = marks.get("tracker", "flow"), marks.get("segmenter", segmenter)
    tracker_spec(tracker)
    segmenter_spec(segmenter)
    return {
        "tracker": tracker,
        "segmenter": segmenter,
        "tracker_options": marks.get("tracker_options", {}),
        "segmenter_options": marks.get("segmenter_options", {}),
        "device": device,
    }


def mask_pass(
    reader: VideoReader,
    folder: Path,
    marks: Marks,
    *,
    device: str = "auto",
    warn: Warn = lambda _: None,
    watch: Watch | None = None,
) -> MaskSummary:
    """Stored masks of the marks, in `folder`. Raises what `sources_of` and `mask.stored.make_masks` raise."""
    return make_masks(
        sources_of(marks, folder, device),
        reader.info,
        reader.timestamps(),
        folder,
        invert=marks.get("invert", False),
        with_shadow=marks.get("with_shadow", False),
        video=reader,
        warn=warn,
        watch=watch,
    )


def refuse_lost(tracks: Sequence[Track], within: Span | None = None) -> None:
    """Raises `FailedError` if an object was lost for a while, saying where; `within`: in that time alone."""
    lost = [sentence for track in tracks for sentence in track.sentences(within)]
    if lost:
        raise FailedError(f"{'; '.join(lost)} (without --strict this is a warning)")


def _mended(sources: Sequence[MaskSource], output: Path | None) -> Path | None:
    """The stored masks that fixes are for."""
    stored = [s.path for s in sources if s.path is not None and s.span is None and is_stored(s.path)]
    if len(stored) > 1:
        raise UsageError(f"'{stored[0]}' and '{stored[1]}' are both stored masks; give the ones that --fix mends alone")
    if stored:
        return stored[0]
    return output if output is not None and is_stored(output) else None


def check_names(given: Mapping[str, Any], known: type) -> None:
    """Raises `UsageError` for a name that the typed dictionary does not have."""
    if unknown := sorted(given.keys() - known.__annotations__.keys()):
        raise UsageError(f"there is no argument '{unknown[0]}'; there are {', '.join(known.__annotations__)}")


def texts(given: Any, depth: int) -> list[str]:
    """One shape or several as texts; a shape is text or a path, or numbers nested `depth` deep."""
    return [_text(one, depth) for one in _several(given, depth)]


def _text(one: Any, depth: int) -> str:
    if isinstance(one, str | Path):
        return str(one)
    return (" " if depth == 2 else ",").join(_text(part, depth - 1) for part in one) if depth else f"{one:g}"


def _several(given: Any, depth: int) -> list[Any]:
    if isinstance(given, str | Path):
        return [given]
    inner = given
    for _ in range(depth):
        if isinstance(inner, str) or not len(inner):
            return list(given)
        inner = inner[0]
    return [given] if isinstance(inner, int | float) else list(given)
