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

from collections.abc import Generator, Iterable, Iterator
from contextlib import ExitStack, closing
from dataclasses import dataclass, replace
from itertools import chain, tee

import numpy as np

from cleanplate.base.fields import FIELDS, can_split, field_of, is_interlaced, weave
from cleanplate.base.plan import Grid
from cleanplate.base.proof import Untouched
from cleanplate.base.report import StageClock
from cleanplate.base.settings import Job
from cleanplate.base.types import Frame, Labels, Planes, VideoInfo
from cleanplate.journal.folder import JobFolder
from cleanplate.journal.keeper import PieceKeeper
from cleanplate.mask.stored import StoredMasks
from cleanplate.paint.engine import engine_spec, make_engine
from cleanplate.paste import paste
from cleanplate.pieces import Held, Paint, hold, paint_frames


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


class Filling:
    """Fills the holes of one video's frames, keeps count, and proves that nothing else changed."""

    def __init__(
        self, job: Job, info: VideoInfo, masks: StoredMasks, grid: Grid, folder: JobFolder, clock: StageClock
    ) -> None:
        self.job = job
        self.masks = masks
        self.grid = grid
        self.clock = clock
        self.tally = Tally()
        self.untouched = Untouched(grow_px=job.grow_px)
        self.by_field = False
        "known once the first frame is out"
        self._info = info
        self._folder = folder
        self._keepers: list[PieceKeeper] = []

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
                for frame, samples in passed:
                    self._count(frame, samples)
                    yield frame
            return
        wholes, *copies = tee(decoded, 1 + len(FIELDS))
        del decoded
        with ExitStack() as stack:
            passes = [stack.enter_context(closing(self._passed(copies[n], n))) for n in FIELDS]
            for whole, *fields in zip(wholes, *passes, strict=True):
                self._count(whole, sum(samples for _, samples in fields))
                woven = weave(_native(whole), [_native(field) for field, _ in fields])
                yield replace(whole, native=woven)

    def _count(self, frame: Frame, samples: int) -> None:
        tally = self.tally
        tally.frames += 1
        tally.with_holes += samples > 0
        tally.hole_samples += samples
        tally.covered += samples == _native(frame).arrays[0].size

    def _passed(self, frames: Iterable[Frame], parity: int | None) -> Generator[tuple[Frame, int]]:
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

    def frames(self, source: Iterable[Frame]) -> Generator[tuple[Frame, int]]:
        """Each picture, filled and proven, with the number of samples painted in it."""
        filling, job = self._all, self._all.job
        with filling.clock.time("paint"):
            engines = [make_engine(job.engine, job.options, job.device) for _ in range(filling.grid.workers)]
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
        )
        with closing(painted_frames):
            for held, painted in painted_frames:
                yield self._pasted(held, painted)

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
            self._labels_seen = labels, labels[self._parity :: 2]
        return self._labels_seen[1]

    def _is_asked(self, frame: Frame) -> bool:
        within = self._all.job.within
        return within is None or self._all.masks.seconds(frame.pts) in within

    def _pasted(self, held: Held, paints: Paint) -> tuple[Frame, int]:
        filling, frame, samples = self._all, held.frame, 0
        if held.regions:
            with filling.clock.time("paste"):
                frame = paste(frame, held.regions, [paint.image for paint in paints])
            for region, paint in zip(held.regions, paints, strict=True):
                origin = paint.origin[region.grown]
                samples += origin.size
                filling.tally.seen += int(np.count_nonzero(origin == 1))
                filling.tally.invented += int(np.count_nonzero(origin == 2))
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
        return frame, samples


def _native(frame: Frame) -> Planes:
    assert frame.native is not None
    return frame.native
