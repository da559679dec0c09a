"""Frames in, filled frames out: mask -> motion -> paint -> paste over one video, and the proof.

    filling = Filling(job, info, masks, grid, folder, clock)
    with closing(filling.frames(reader)) as filled:
        for frame in filled:
            ...
    filling.untouched.verdict

Interlaced video is worked on field by field: the top fields are a video of half the height, the bottom fields another,
and at the end both are woven together again.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass, replace
from itertools import chain, tee

import numpy as np
from numpy.typing import NDArray

from cleanplate.base.arrays import cut
from cleanplate.base.fields import FIELDS, can_split, field_of, is_interlaced, weave
from cleanplate.base.looks import Look, Looks, Seam, surest
from cleanplate.base.plan import Grid
from cleanplate.base.proof import Untouched
from cleanplate.base.report import Progress, StageClock, Watch
from cleanplate.base.settings import Job
from cleanplate.base.types import INVENTED, SEEN, Frame, Labels, Planes, VideoInfo
from cleanplate.borders import Borders
from cleanplate.journal.folder import JobFolder
from cleanplate.journal.keeper import PieceKeeper
from cleanplate.mask.stored import StoredMasks
from cleanplate.paint.engine import Engine, engine_spec, make_engine
from cleanplate.paint.first_run import warm_up
from cleanplate.paste import paste
from cleanplate.pieces import Held, Paint, hold, paint_frames
from cleanplate.references import References

WatchOrigin = Callable[[Frame, NDArray[np.uint8]], None]


@dataclass(kw_only=True)
class Tally:
    """What was filled so far, over all frames."""

    frames: int = 0
    with_holes: int = 0
    covered: int = 0
    "frames of which the grown holes leave nothing"
    hole_samples: int = 0
    seen: int = 0
    invented: int = 0
    shots: int = 0


@dataclass(frozen=True, kw_only=True)
class _Filled:
    """A picture with its hole painted, and how."""

    frame: Frame
    samples: int = 0
    "painted"
    seen: int = 0
    invented: int = 0
    seam: Seam | None = None
    origin: NDArray[np.uint8] | None = None  # (H, W) as in `Painting.origin`; None where nobody asked


class Filling:
    """Fills the holes of one video's frames, keeps count, and proves that nothing else changed."""

    def __init__(
        self,
        job: Job,
        info: VideoInfo,
        masks: StoredMasks,
        grid: Grid,
        folder: JobFolder,
        clock: StageClock,
        watch: Watch | None = None,
        watch_origin: WatchOrigin | None = None,
        references: References | None = None,
    ) -> None:
        """`watch_origin` is called with each frame and where its samples came from, (H, W) as in `Painting.origin`."""
        self.job = job
        self.watch = watch
        self.watch_origin = watch_origin
        self.masks = masks
        self.grid = grid
        self.clock = clock
        self.tally = Tally()
        self.untouched = Untouched(grow_px=job.grow_px)
        self.by_field = False
        "known once the first frame is out"
        self.references = references
        self.notes: list[str] = []
        "what engines chose by themselves, a sentence each"
        self._info = info
        self._folder = folder
        self._keepers: list[PieceKeeper] = []
        self._looks = Looks()

    @property
    def pieces(self) -> int:
        """Painted by this run or one before it."""
        return sum(keeper.found + keeper.kept for keeper in self._keepers)

    @property
    def pieces_taken_over(self) -> int:
        """Of those, painted before."""
        return sum(keeper.found for keeper in self._keepers)

    @property
    def warnings(self) -> list[str]:
        """What had to be done otherwise than a user would expect, a sentence each."""
        if self.by_field or not is_interlaced(self._info):
            return []
        return ["the video is interlaced, but turned or of an odd size: it was worked on as whole frames, not by field"]

    def prepare(self, engine: Engine) -> None:
        """Have the engine load and compile, which takes long once, before the clock of painting runs."""
        with self.clock.time("prepare"):
            watch = self.watch or (lambda _: None)
            watch(Progress(stage="prepare", done=0, total=1))
            warm_up(engine, self._info.bit_depth, self.job.memory_bytes)
            watch(Progress(stage="prepare", done=1, total=1))

    @property
    def looks(self) -> list[Look]:
        """The frames most worth a look, of those that are out."""
        return self._looks.chosen()

    def frames(self, source: Iterable[Frame]) -> Generator[Frame]:
        """Every frame in order, its hole painted, pasted and proven; one without a hole as it came."""
        decoded = iter(source)
        first = next(decoded, None)
        if first is None:
            return
        self.by_field = is_interlaced(self._info) and can_split(self._info, _native(first).layout)
        decoded = chain([first], decoded)
        del first
        if not self.by_field:
            with closing(self._passed(decoded, None)) as passed:
                for filled in passed:
                    self._count(filled)
                    yield filled.frame
            return
        wholes, *copies = tee(decoded, 1 + len(FIELDS))
        del decoded
        with ExitStack() as stack:
            passes = [stack.enter_context(closing(self._passed(copies[n], n))) for n in FIELDS]
            for whole, *fields in zip(wholes, *passes, strict=True):
                filled = _joined(whole, fields)
                self._count(filled)
                yield filled.frame

    def _count(self, filled: _Filled) -> None:
        tally, frame = self.tally, filled.frame
        tally.frames += 1
        tally.with_holes += filled.samples > 0
        tally.hole_samples += filled.samples
        tally.seen += filled.seen
        tally.invented += filled.invented
        tally.covered += filled.samples == _native(frame).arrays[0].size
        if filled.samples:
            self._looks.add(
                frame=frame.index,
                seconds=float(self.masks.seconds(frame.pts)),
                samples=filled.samples,
                invented=filled.invented,
                seam=filled.seam,
            )
        if self.watch_origin is not None and filled.origin is not None:
            self.watch_origin(frame, filled.origin)

    def _passed(self, frames: Iterable[Frame], parity: int | None) -> Generator[_Filled]:
        keeper = PieceKeeper(self._folder, "" if parity is None else f"-{parity}")
        self._keepers.append(keeper)
        return _Pass(self, keeper, parity).frames(frames)


class _Pass:
    """The stages from mask to paste over all frames, or over the fields of one parity."""

    def __init__(self, filling: Filling, keeper: PieceKeeper, parity: int | None) -> None:
        self._all = filling
        self._keeper = keeper
        self._parity = parity
        self._line_px = 1 if parity is None else len(FIELDS)
        self._labels_seen: tuple[Labels, Labels] | None = None
        self._nothing: Labels | None = None
        self._borders = Borders(feather_px=filling.job.feather_px)

    def frames(self, source: Iterable[Frame]) -> Generator[_Filled]:
        """Each picture, filled and proven."""
        filling, job = self._all, self._all.job
        engines = [make_engine(job.engine, job.options, job.device) for _ in range(filling.grid.workers)]
        filling.prepare(engines[0])
        held_frames = hold(
            self._pictures(source),
            grow_px=job.grow_px,
            feather_px=job.feather_px,
            clock=filling.clock,
            line_px=self._line_px,
            is_asked=self._is_asked,
        )
        painted_frames = paint_frames(
            held_frames,
            engines,
            filling.grid,
            clock=filling.clock,
            multiple_px=engine_spec(job.engine).multiple_px,
            keeper=self._keeper,
            far=filling.references.of_field(self._parity) if filling.references is not None else None,
        )
        with closing(painted_frames):
            for held, painted in painted_frames:
                yield self._pasted(held, painted)
        filling.notes += dict.fromkeys(note for engine in engines for note in engine.notes if note not in filling.notes)

    def _pictures(self, source: Iterable[Frame]) -> Iterator[tuple[Frame, Labels]]:
        for n, frame in enumerate(source):
            labels = self._labels(frame)
            if self._parity is not None:
                frame = replace(frame, native=field_of(_native(frame), self._parity))
            if n == 0:
                self._nothing = np.zeros(labels.shape, np.uint8)
            yield frame, labels

    def _labels(self, frame: Frame) -> Labels:
        """The same array for the same labels, for these are compared by identity."""
        with self._all.clock.time("mask"):
            labels = self._all.masks.labels(frame.pts)
        if self._parity is None:
            return labels
        if self._labels_seen is None or self._labels_seen[0] is not labels:
            self._labels_seen = labels, labels[self._parity :: len(FIELDS)]
        return self._labels_seen[1]

    def _is_asked(self, frame: Frame) -> bool:
        within = self._all.job.within
        return within is None or self._all.masks.seconds(frame.pts) in within

    def _pasted(self, held: Held, paints: Paint) -> _Filled:
        filling, frame = self._all, held.frame
        if held.regions:
            with filling.clock.time("paste"):
                frame = paste(frame, held.regions, [paint.image for paint in paints])
        filling.tally.shots += not self._parity and (held.starts_shot or not filling.tally.frames)
        with filling.clock.time("prove"):
            labels = self._labels(frame) if self._is_asked(frame) else self._nothing
            assert labels is not None
            filling.untouched.compare(
                frame.index,
                _native(held.frame),
                _native(frame),
                labels,
                first_row=self._parity or 0,
                line_px=self._line_px,
            )
            seam = self._borders.seam(held.regions, _native(frame))
        origins = [paint.origin[region.grown] for region, paint in zip(held.regions, paints, strict=True)]
        plane = None
        if filling.watch_origin is not None:
            plane = np.zeros(labels.shape, np.uint8)
            for region, origin in zip(held.regions, origins, strict=True):
                cut(plane, region.box_xyxy)[region.grown] = origin
        return _Filled(
            frame=frame,
            samples=sum(origin.size for origin in origins),
            seen=sum(int(np.count_nonzero(origin == SEEN)) for origin in origins),
            invented=sum(int(np.count_nonzero(origin == INVENTED)) for origin in origins),
            seam=seam,
            origin=plane,
        )


def _joined(whole: Frame, fields: Sequence[_Filled]) -> _Filled:
    """One frame of its two fields."""
    woven = weave(_native(whole), [_native(field.frame) for field in fields])
    origins = [field.origin for field in fields if field.origin is not None]
    plane = None
    if origins:
        plane = np.empty((woven.height_px, woven.width_px), np.uint8)
        for parity, origin in enumerate(origins):
            plane[parity :: len(FIELDS)] = origin
    return _Filled(
        frame=replace(whole, native=woven),
        samples=sum(field.samples for field in fields),
        seen=sum(field.seen for field in fields),
        invented=sum(field.invented for field in fields),
        seam=surest(field.seam for field in fields),
        origin=plane,
    )


def _native(frame: Frame) -> Planes:
    assert frame.native is not None
    return frame.native
