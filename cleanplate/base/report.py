"""What a run did, in facts: written beside the output as JSON and shown as a short table."""

from __future__ import annotations

import dataclasses
import json
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any

from cleanplate.base.looks import Look
from cleanplate.base.plan import Forecast, Grid
from cleanplate.base.settings import Job
from cleanplate.base.tracks import Track


@dataclass(frozen=True, kw_only=True)
class Progress:
    """How far a run is. `total` is None where the number of frames is not known."""

    stage: str
    done: int
    total: int | None


Watch = Callable[[Progress], None]


@dataclass(frozen=True, kw_only=True)
class Report:
    """The facts of one finished run."""

    job: Job
    removed: list[str]
    "what was asked to be removed, as it was typed; masks from files marked what is to stay where that says inverted"
    version: str
    codec: str
    "encoder that wrote the output"
    frames: int
    frames_with_holes: int
    "of those, the ones painted"
    by_field: bool
    "whether each field of interlaced frames was worked on by itself"
    hole_samples: int
    "picture positions inside the grown holes, over all frames"
    seen_share: float | None
    "of those, the share copied from where the video shows it; None where there are none"
    invented_share: float | None
    looks: list[Look]
    "the few frames where most was invented, and those where the border of a hole shows"
    tracks: list[Track]
    "of each object that was followed: how surely in each frame, and where it was lost"
    shots: int
    pieces: int
    "painted, by this run or one before it"
    pieces_taken_over: int
    "of those, the ones that a stopped run had finished"
    grid: Grid
    expected: Forecast
    "what was foretold; compare with `pieces`, `peak_memory_bytes` and `seconds['total']`"
    seconds: dict[str, float]
    "busy seconds by stage; stages overlap, so they may add up to more than `total`"
    peak_memory_bytes: int | None
    untouched: str
    "identical, or how many samples changed and where"
    untouched_samples: int
    "samples compared outside the grown holes"
    changed_samples: list[str]
    "the first few that differ, with frame, plane and position"
    verified: str | None
    "what decoding the written file again showed; None where that was not asked for"
    assumptions: list[str]
    "what the file does not say and was assumed; and what networks were run on, where that was left to us"
    warnings: list[str]

    def to_json(self) -> str:
        return json.dumps(_plain(dataclasses.asdict(self)), indent=2, ensure_ascii=False) + "\n"

    def write(self, path: Path) -> None:
        path.write_text(self.to_json(), encoding="utf-8")


def report_path(output: Path) -> Path:
    """Where the report of an output lies: `out.mp4.json`."""
    return output.with_name(output.name + ".json")


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, float):
        return round(value, 4)
    if isinstance(value, Path | Fraction):
        return str(value)
    return value


@dataclass
class StageClock:
    """Adds up busy seconds by stage; each stage is timed by one thread at a time."""

    seconds: dict[str, float] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @contextmanager
    def time(self, stage: str) -> Iterator[None]:
        start = time.perf_counter()
        try:
            yield
        finally:
            spent = time.perf_counter() - start
            with self._lock:
                self.seconds[stage] = self.seconds.get(stage, 0.0) + spent


def peak_memory_bytes() -> int | None:
    """The most memory this process has held (resident set); None where the system does not say."""
    status = Path("/proc/self/status")
    if status.exists():  # Linux: getrusage there begins with what the parent held when it started this process
        held = next((line for line in status.read_text().splitlines() if line.startswith("VmHWM:")), None)
        return int(held.split()[1]) * 1024 if held else None
    try:
        import resource
    except ImportError:  # Windows has no such module
        return None
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024  # bytes on macOS, KiB elsewhere
