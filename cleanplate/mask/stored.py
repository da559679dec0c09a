"""Stored masks: what the mask pass writes and the fill pass reads, frame by frame, by time.

    make_masks(sources, info, timestamps, Path("masks"), warn=print)
    labels = StoredMasks(Path("masks")).labels(frame.pts)

The form of the folder is told in `stored_format`.
"""

from __future__ import annotations

import tempfile
from bisect import bisect_right
from collections import OrderedDict
from collections.abc import Iterable, Sequence
from contextlib import closing
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import numpy as np

from cleanplate.base.arrays import hole_groups
from cleanplate.base.errors import FailedError, MaskError, UsageError
from cleanplate.base.report import Progress, Watch
from cleanplate.base.tracks import Track
from cleanplate.base.types import Frame, Labels, VideoInfo
from cleanplate.base.when import Span
from cleanplate.mask.maker import MAKERS, Part, Scene, Timestamps, Warn, close_parts, open_parts, union
from cleanplate.mask.networks import chosen_devices
from cleanplate.mask.shadow import shadowed
from cleanplate.mask.source import MaskSource
from cleanplate.mask.stored_format import (
    LabelSpan,
    read_index,
)
from cleanplate.mask.stored_pictures import Picture, read_picture
from cleanplate.mask.stored_writer import WORK_PREFIX, LabelWriter

_CACHED_SPANS = 8


class StoredMasks:
    """The masks of one video, read by time. Pictures are read when asked for; the last few are kept."""

    def __init__(self, folder: Path, *, may_be_mended: bool = False) -> None:
        """Reads the index. Raises `MaskError` for a folder without sound stored masks.

        `may_be_mended`: pictures that were edited since are taken as they are now.
        """
        self.folder = folder
        self._may_be_mended = may_be_mended
        self._index = read_index(folder)
        self._times = [span.pts for span in self._index.spans]
        self._cache: OrderedDict[int, Labels] = OrderedDict()

    @property
    def width_px(self) -> int:
        return self._index.width_px

    @property
    def height_px(self) -> int:
        return self._index.height_px

    @property
    def time_base(self) -> Fraction:
        """Seconds a tick."""
        return self._index.time_base

    @property
    def frame_count(self) -> int:
        return self._index.frame_count

    @property
    def spans(self) -> tuple[LabelSpan, ...]:
        return self._index.spans

    @property
    def sources(self) -> tuple[str, ...]:
        """Who marked what, as it was typed."""
        return self._index.sources

    @property
    def objects(self) -> tuple[int, ...]:
        """The labels in use."""
        return self._index.objects

    @property
    def tracks(self) -> tuple[Track, ...]:
        """Of the objects that were followed."""
        return self._index.tracks

    @property
    def notes(self) -> tuple[str, ...]:
        """What the mask pass chose by itself, a sentence each."""
        return self._index.notes

    def check_video(self, info: VideoInfo) -> None:
        """Raises `MaskError` if the masks were made for a picture of another size, or by another clock."""
        again = "make them for this video with: cleanplate mask"
        if (self.width_px, self.height_px) != (info.width_px, info.height_px):
            raise MaskError(
                f"the stored masks in '{self.folder}' are {self.width_px}x{self.height_px} but the video is "
                f"{info.width_px}x{info.height_px}; {again}"
            )
        if self.time_base != info.time_base:
            raise MaskError(
                f"the stored masks in '{self.folder}' count time in {self.time_base} s but the video in "
                f"{info.time_base} s, so they are of another file; {again}"
            )

    def labels(self, pts: int) -> Labels:
        """Labels (H, W) uint8 at that time, read-only; the same array for all times of one span.

        Raises `MaskError` for a time before the first frame, and for pictures that are missing or were changed.
        """
        n = self._span_at(pts)
        if n in self._cache:
            self._cache.move_to_end(n)
            return self._cache[n]
        span = self.spans[n]
        labels = self.read(span)
        is_same = hole_groups(labels != 0) == span.boxes_xyxy and int(np.count_nonzero(labels)) == span.hole_px
        if span.file is not None and not is_same and not self._may_be_mended:
            raise MaskError(
                f"'{self.folder / span.file}' was changed since it was written; to use mended masks, "
                f"make stored masks of them: cleanplate mask VIDEO --mask '{self.folder}' -o NEW_FOLDER"
            )
        self._cache[n] = labels
        if len(self._cache) > _CACHED_SPANS:
            self._cache.popitem(last=False)
        return labels

    def seconds(self, pts: int) -> Fraction:
        """Time since the first frame."""
        return (pts - self._times[0]) * self.time_base

    def bounds(self, rate: Fraction | None) -> list[Fraction]:
        """Seconds at which each span begins, and at which the last one ends, its last frame shown for 1 / rate."""
        tick = 1 / rate if rate else self.time_base
        begun = [self.seconds(pts) for pts in self._times]
        return [*begun, begun[-1] + (self.frame_count - self.spans[-1].index) * tick]

    def no_hole_in(self, within: Span | None, rate: Fraction | None) -> MaskError:
        """What to raise where no hole lies in that time, or in any: it says where they lie."""
        holed = [n for n, span in enumerate(self.spans) if span.file is not None]
        if within is None or not holed:
            return MaskError(f"the masks in '{self.folder}' have no hole in any frame; mark what is to go")
        bounds = self.bounds(rate)
        where = f"between {float(bounds[holed[0]]):.2f} and {float(bounds[holed[-1] + 1]):.2f} s"
        return MaskError(f"no hole lies in the time span {within}, they lie {where}; change --start or --stop")

    def is_empty(self, pts: int) -> bool:
        """Whether there is no hole at that time. Reads no picture."""
        return self.spans[self._span_at(pts)].file is None

    def read(self, span: LabelSpan) -> Labels:
        """The labels of a span as its picture shows them now, read-only. Raises `MaskError`."""
        if span.file is None:
            labels = np.zeros((self.height_px, self.width_px), np.uint8)
        else:
            path = self.folder / span.file
            if path.is_symlink() and path.resolve().parent != self.folder.resolve():  # its name has no folder in it
                raise MaskError(f"'{path}' is a link to another folder; put the picture itself there")
            drawn = self._labels_of(read_picture(path))
            if drawn is None or drawn.shape != (self.height_px, self.width_px):
                raise MaskError(
                    f"'{path}' is not a palette PNG of {self.width_px}x{self.height_px}; "
                    "save it as an indexed PNG of that size"
                )
            labels = drawn
        labels.flags.writeable = False
        return labels

    def _labels_of(self, picture: Picture) -> Labels | None:
        """Programs for pictures may save the colours they show, not the indices: with one object bright means that."""
        if picture.levels is None or len(self.objects) != 1:
            return picture.labels
        return np.where(picture.levels > np.iinfo(picture.levels.dtype).max // 2, self.objects[0], 0).astype(np.uint8)

    def _span_at(self, pts: int) -> int:
        n = bisect_right(self._times, pts) - 1
        if n < 0:
            raise MaskError(
                f"the stored masks in '{self.folder}' begin at tick {self._times[0]}, but the video has a frame at "
                f"tick {pts}; make them for this video with: cleanplate mask"
            )
        return n


@dataclass(frozen=True, kw_only=True)
class MaskSummary:
    """What the mask pass found."""

    folder: Path
    frame_count: int
    holed_frames: int
    "frames with a hole"
    hole_share: float
    "of all samples of all frames, 0-1"
    objects: tuple[int, ...]
    span_count: int
    "times the labels changed, and the start"
    tracks: tuple[Track, ...] = ()
    "of the objects that were followed"
    notes: tuple[str, ...] = ()
    "what was chosen by itself, a sentence each"


def make_masks(
    sources: Sequence[MaskSource],
    info: VideoInfo,
    timestamps: Timestamps,
    folder: Path,
    *,
    invert: bool = False,
    with_shadow: bool = False,
    video: Iterable[Frame] | None = None,
    warn: Warn,
    watch: Watch | None = None,
) -> MaskSummary:
    """The mask pass: the union of all sources over the video, stored in `folder`.

    `timestamps`: (pts, duration) of each frame in order of showing. `with_shadow`: what the objects cast joins them.
    `video`: the frames with their pictures, to go through several times, for those who look at them. `warn` is
    called with a sentence for each thing that was repaired. Raises `MaskError` for masks that do not fit, cover
    nothing, or leave nothing to fill from, `FailedError` where what was to be found is not there; then nothing is left
    in the folder.
    """
    for source in sources:
        is_mended = bool(source.hints)  # what is mended may take the place of what it was
        if source.path is not None and source.path.resolve() == folder.resolve() and not is_mended:
            raise UsageError(f"the masks would be written over '{folder}', where they come from; give a new folder")
    with (
        LabelWriter(folder, info, sources) as writer,
        tempfile.TemporaryDirectory(prefix=WORK_PREFIX, dir=folder) as work,
    ):
        scene = Scene(
            info=info, timestamps=timestamps, invert=invert, video=video, work=Path(work), warn=warn, watch=watch
        )
        parts = open_parts(sources, scene)
        try:
            holes = []
            with closing(union(parts, scene, has_pixels=with_shadow)) as drawn:
                for frame, labels in shadowed(drawn) if with_shadow else drawn:
                    holes.append(writer.add(frame.index, frame.pts, labels).hole_px)
                    if watch is not None:
                        watch(Progress(stage="mask", done=frame.index + 1, total=len(timestamps)))
            _check_cover(parts, holes, info, warn)
            tracks = tuple(track for part in parts for track in part.maker.tracks())
            index = writer.close(tracks, chosen_devices(sources))
        finally:
            close_parts(parts)
    return MaskSummary(
        folder=folder,
        frame_count=len(holes),
        holed_frames=sum(hole_px > 0 for hole_px in holes),
        hole_share=sum(holes) / (len(holes) * info.width_px * info.height_px),
        objects=index.objects,
        span_count=len(index.spans),
        tracks=index.tracks,
        notes=index.notes,
    )


def _check_cover(parts: Sequence[Part], holes: Sequence[int], info: VideoInfo, warn: Warn) -> None:
    idle = [part for part in parts if not part.has_marked]
    if not any(holes):
        reasons = "; ".join(f"'{part.source}': {part.maker.why_empty}" for part in idle)
        nothing = FailedError if all(MAKERS[part.source.kind].is_finder for part in parts) else MaskError
        raise nothing(
            f"the masks cover nothing in any of the {len(holes)} frames, so there is nothing to do ({reasons})"
        )
    if all(hole_px == info.width_px * info.height_px for hole_px in holes):
        raise MaskError(
            "the masks cover every frame wholly, so nothing is left to fill from; mark only what is to go, "
            "and if the masks mark what is to stay, turn them around with --invert"
        )
    for part in idle:
        warn(f"the mask '{part.source}' covers nothing in any frame: {part.maker.why_empty}")
