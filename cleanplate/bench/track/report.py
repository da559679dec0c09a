"""What came out of a track bench: candidates x clips x objects, and their means."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from cleanplate.bench.metrics.regions import Curve, ObjectScore
from cleanplate.bench.track.measure import Cell


@dataclass(frozen=True, kw_only=True)
class Summary:
    """A measure over objects: the mean of their means, recalls and decays."""

    mean: float
    recall: float
    decay: float


@dataclass(frozen=True, kw_only=True)
class Mean:
    """One candidate over all objects of the clips it was measured on: each object weighs the same, as in DAVIS."""

    clips: int
    objects: int
    jf: float
    j: Summary
    f: Summary
    cpu_seconds: float | None
    "a frame, of the tracker alone; None for another program's labels"


@dataclass(frozen=True, kw_only=True, eq=False)
class TrackReport:
    """The facts of one bench: `report.cells["warp", "camel"].scores`, `report.means["warp"].jf`."""

    data: str
    "the data set's folder"
    layout: str
    trackers: dict[str, dict[str, Any]]
    "by name: its row of the table, or the folder with another program's labels"
    clips: tuple[str, ...]
    cells: dict[tuple[str, str], Cell]
    means: dict[str, Mean]
    "of the candidates that were measured on at least one clip"
    failed: dict[tuple[str, str], str]
    "a sentence for each candidate and clip that did not work"
    skips_last: bool
    "whether the last frame counts as little as the first, as in DAVIS 2017"
    facts: Mapping[str, Any]
    "versions, machine, date"
    reused: int = 0
    "how many cells were there from an earlier run"

    def to_json(self) -> str:
        """Everything, values of each frame included."""
        from cleanplate.bench.track.pages import to_json

        return to_json(self)

    def to_markdown(self) -> str:
        """Means, clips, objects, the published table, and how it was measured."""
        from cleanplate.bench.track.pages import to_markdown

        return to_markdown(self)


def mean_over(cells: Sequence[Cell]) -> Mean:
    """The means of one candidate."""
    objects = [one for cell in cells for one in cell.scores.objects]
    known = [cell.cpu_seconds for cell in cells if cell.cpu_seconds is not None]
    frames = sum(cell.frames for cell in cells)
    return Mean(
        clips=len(cells),
        objects=len(objects),
        jf=_mean([one.jf for one in objects]),
        j=_summary(objects, lambda one: one.j),
        f=_summary(objects, lambda one: one.f),
        cpu_seconds=sum(known) / frames if len(known) == len(cells) else None,
    )


def _summary(objects: Sequence[ObjectScore], curve: Callable[[ObjectScore], Curve]) -> Summary:
    curves = [curve(one) for one in objects]
    return Summary(
        mean=_mean([one.mean for one in curves]),
        recall=_mean([one.recall for one in curves]),
        decay=_mean([one.decay for one in curves]),
    )


def _mean(values: Sequence[float]) -> float:
    return math.fsum(values) / len(values)
