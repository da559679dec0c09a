"""One tracker, or the labels of another program, on one clip. What a worker process does."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from cleanplate.base.errors import UsageError
from cleanplate.base.types import Image, Labels, Prompt
from cleanplate.bench.candidates import Candidate
from cleanplate.bench.machine import cpu_name
from cleanplate.bench.metrics.regions import RegionMeter, RegionScores, objects_in, scores_of
from cleanplate.bench.pictures import read_frame, read_labels, same_size, size_of
from cleanplate.bench.store import Result
from cleanplate.bench.track.data import Clip
from cleanplate.mask.tracker import make_tracker, track

_WARM_UP_FRAMES = 4
_warm: set[str] = set()
"trackers this process has run: what they compile when first used is not to be timed"


@dataclass(frozen=True, kw_only=True)
class Task:
    """One unit of work."""

    candidate: Candidate
    clip: Clip
    result: tuple[Path | None, ...] = ()
    "label pictures of another program, one for each frame; empty = the tracker is run"


@dataclass(frozen=True, kw_only=True)
class Cell:
    """One candidate on one clip."""

    scores: RegionScores
    size_px: tuple[int, int]
    "width, height"
    frames: int
    cpu_seconds: float | None
    "of the tracker alone, in one thread: what else the machine does stays out of it; None for another program's labels"
    cpu: str
    "the processor it was measured on"


def measure(task: Task) -> Result:
    """J and F of every object and labelled frame, the given one included, as `cell_of` reads them.

    Raises `UsageError`, `MaskError` or `MediaError` for pictures that do not fit or cannot be read.
    """
    clip, clock, meter = task.clip, _Clock(), RegionMeter()
    found: Iterator[Labels | None] = _given(task) if task.result else _tracked(task, clock)
    size_px = (0, 0)
    for path, labels in zip(clip.labels, found, strict=True):
        if path is None or labels is None:
            continue
        truth = read_labels(path)
        if truth.shape != labels.shape:
            raise UsageError(
                f"'{path}' is {size_of(truth)} but what was found is {size_of(labels)}; give frames, labels and "
                "results of one size"
            )
        meter.add(labels, truth)
        size_px = truth.shape[1], truth.shape[0]
    return {
        "size_px": size_px,
        "frames": len(clip.frames),
        "cpu_seconds": None if task.result else clock.seconds,
        "cpu": cpu_name(),
        "j": {str(number): values for number, values in meter.j.items()},
        "f": {str(number): values for number, values in meter.f.items()},
    }


def cell_of(result: Result, *, skip_last: bool) -> Cell:
    """What `measure` found. Raises `UsageError` where no frame is left to count."""
    j, f = ({int(number): values for number, values in result[name].items()} for name in ("j", "f"))
    return Cell(
        scores=scores_of(j, f, skip_last=skip_last),
        size_px=tuple(result["size_px"]),
        frames=result["frames"],
        cpu_seconds=result["cpu_seconds"],
        cpu=result["cpu"],
    )


class _Clock:
    """Adds up the CPU time of this process between `go` and `stop`."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self._since = 0.0

    def go(self) -> None:
        self._since = time.process_time()

    def stop(self) -> None:
        self.seconds += time.process_time() - self._since


def _tracked(task: Task, clock: _Clock) -> Iterator[Labels]:
    """What the tracker finds, frame by frame; the clock runs while it works, not while pictures are read."""
    clip = task.clip
    path = clip.labels[clip.first]
    assert path is not None  # as Clip.first has it
    given = read_labels(path)
    prompts = [Prompt(index=clip.first, object_id=n, hole=given == n) for n in objects_in(given)]
    if not prompts:
        raise UsageError(f"'{path}' shows no object, so there is nothing to track; label the clip's first frame")
    if task.candidate.name not in _warm:
        for _ in _run(task.candidate, clip.frames[: clip.first + _WARM_UP_FRAMES], prompts, _Clock()):
            pass
        _warm.add(task.candidate.name)
    yield from _run(task.candidate, clip.frames, prompts, clock)


def _run(candidate: Candidate, paths: Sequence[Path], prompts: Sequence[Prompt], clock: _Clock) -> Iterator[Labels]:
    tracker = make_tracker(candidate.name, candidate.options)

    def reading() -> Iterator[tuple[int, Image]]:
        for index, image in enumerate(same_size(paths, read_frame)):
            clock.go()
            yield index, image
            clock.stop()
        clock.go()

    for _, tracked in track(tracker, reading(), prompts):
        clock.stop()
        yield tracked.labels
        clock.go()
    clock.stop()


def _given(task: Task) -> Iterator[Labels | None]:
    """The labels that another program made; the truth's own on the first frame if it did not write those."""
    for index, (path, truth) in enumerate(zip(task.result, task.clip.labels, strict=True)):
        chosen = truth if path is None and index == task.clip.first else path
        yield None if chosen is None else read_labels(chosen)
