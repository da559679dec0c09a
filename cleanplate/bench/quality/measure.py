"""One engine on one clip: paint, put the truth back outside the hole, score. What a worker process does."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from cleanplate.bench.candidates import Candidate
from cleanplate.bench.machine import cpu_name
from cleanplate.bench.metrics.metric import Features, Row, row_named
from cleanplate.bench.quality.data import Clip, read_clip, read_result
from cleanplate.bench.quality.protocol import PROTOCOLS, Holes, Pictures, fit_result
from cleanplate.bench.score import score
from cleanplate.bench.store import Result
from cleanplate.paint.engine import engine_class
from cleanplate.tasks.arrays import fill

_WARM_UP_FRAMES = 4
_warm: set[str] = set()
"engines this process has run: what they compile when first used is not to be timed"


@dataclass(frozen=True, kw_only=True)
class Task:
    """One unit of work."""

    candidate: Candidate
    clip: Clip
    result: tuple[Path, ...]
    "files of another program's result; empty = the engine is run"
    protocol: str
    metrics: tuple[str, ...]
    crf: float | None


@dataclass(frozen=True, kw_only=True, eq=False)
class Cell:
    """One candidate on one clip."""

    frames: int
    holed_frames: int
    rows: tuple[Row, ...]
    encoded: tuple[Row, ...]
    "the same after encoding; empty where that was not asked for"
    wall_seconds: float | None
    "of the fill alone, with other workers beside it; None for another program's result"
    cpu_seconds: float | None
    "of all threads of the fill"
    cpu: str
    "the processor it was measured on"
    features: dict[str, tuple[Features, Features]] = field(default_factory=dict, repr=False)
    "by metric: those of the result and of the truth"
    encoded_features: dict[str, tuple[Features, Features]] = field(default_factory=dict, repr=False)
    "the same after encoding"

    def __getitem__(self, name: str) -> Row:
        return row_named(name, self.rows)


def measure(task: Task) -> Result:
    """The `Cell` of a task, as `cell_of` reads it."""
    protocol = PROTOCOLS[task.protocol]
    images, masks = read_clip(task.clip)
    truth, holes = protocol.frames(images), protocol.holes(masks)
    wall_seconds = cpu_seconds = None
    if task.result:
        painted = fit_result(read_result(task.result, task.clip), images, protocol, task.clip.name)
    else:
        painted, wall_seconds, cpu_seconds = _timed_fill(task.candidate, truth, holes)
    result = protocol.composite(painted, truth, holes)
    scores = score(result, truth, holes if holes.any() else None, metrics=task.metrics, crf=task.crf)
    return {
        "frames": scores.frames,
        "holed_frames": scores.holed_frames,
        "rows": [dataclasses.asdict(row) for row in scores.rows],
        "encoded": [dataclasses.asdict(row) for row in scores.encoded],
        "wall_seconds": wall_seconds,
        "cpu_seconds": cpu_seconds,
        "cpu": cpu_name(),
        "features": _listed(scores.features),
        "encoded_features": _listed(scores.encoded_features),
    }


def _timed_fill(candidate: Candidate, truth: Pictures, holes: Holes) -> tuple[Pictures, float, float]:
    """(painted pictures, wall seconds, CPU seconds). The pool has a worker a core, so engines use one thread each."""
    options = dict(candidate.options)
    if "threads" in {option.name for option in dataclasses.fields(engine_class(candidate.name).Options)}:
        options.setdefault("threads", 1)
    if candidate.name not in _warm:
        start = int(np.argmax(holes.any(axis=(1, 2))))
        few = slice(start, start + _WARM_UP_FRAMES)
        fill(truth[few], holes[few], engine=candidate.name, options=options)
        _warm.add(candidate.name)
    wall, cpu = time.perf_counter(), time.process_time()
    painting = fill(truth, holes, engine=candidate.name, options=options)
    return painting.images, time.perf_counter() - wall, time.process_time() - cpu


def cell_of(result: Result) -> Cell:
    """The cell that `measure` made, back from JSON."""
    rows, encoded = (
        tuple(Row(**{**facts, "per_frame": tuple(facts["per_frame"])}) for facts in result[name])
        for name in ("rows", "encoded")
    )
    features, encoded_features = (
        {
            name: (np.array(of_result, np.float64), np.array(of_truth, np.float64))
            for name, (of_result, of_truth) in result[which].items()
        }
        for which in ("features", "encoded_features")
    )
    found = {"rows": rows, "encoded": encoded, "features": features, "encoded_features": encoded_features}
    return Cell(**{**result, **found})


def _listed(features: Mapping[str, tuple[Features, Features]]) -> dict[str, list[list[list[float]]]]:
    return {name: [side.tolist() for side in both] for name, both in features.items()}
