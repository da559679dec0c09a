"""What came out of a quality bench: candidates x clips x rows, and their means."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import chain
from typing import Any

import numpy as np

from cleanplate.base.errors import UsageError
from cleanplate.bench.metrics.metric import Features, Row, mean_of, metric_spec, row_named
from cleanplate.bench.quality.measure import Cell
from cleanplate.bench.quality.protocol import Protocol


@dataclass(frozen=True, kw_only=True, eq=False)
class Mean:
    """One candidate over all clips it was scored on."""

    clips: int
    frames: int
    rows: tuple[Row, ...]
    "`frames` and `infinite` are sums over the clips; `of_truth` is the mean over clips"
    encoded: tuple[Row, ...]
    wall_seconds: float | None
    "a frame, of the fill alone; None for another program's results"
    cpu_seconds: float | None
    "a frame, all threads of the fill together"

    def __getitem__(self, name: str) -> Row:
        return row_named(name, self.rows)


@dataclass(frozen=True, kw_only=True, eq=False)
class QualityReport:
    """The facts of one bench: `report.cells["flowfill", "camel"]`, `report.means["flowfill"]["psnr(hole)"].value`."""

    data: str
    "the data set's folder"
    layout: str
    protocol: str
    engines: dict[str, dict[str, Any]]
    "by name: its options, or the folder with another program's results"
    clips: tuple[str, ...]
    cells: dict[tuple[str, str], Cell]
    means: dict[str, Mean]
    "of the candidates that were scored on at least one clip"
    failed: dict[tuple[str, str], str]
    "a sentence for each candidate and clip that did not work"
    shown: tuple[str, ...]
    "names of the rows that pages show clip by clip"
    encoded_as: str | None
    facts: Mapping[str, Any]
    "versions, machine, date, seed"
    notes: tuple[str, ...] = ()
    reused: int = field(default=0)
    "how many cells were there from an earlier run"

    def to_json(self) -> str:
        """Everything, values of each frame included."""
        from cleanplate.bench.quality.pages import to_json

        return to_json(self)

    def to_markdown(self) -> str:
        """Means, clips, the published table where the protocol is the papers', and remarks."""
        from cleanplate.bench.quality.pages import to_markdown

        return to_markdown(self)


def mean_over(cells: Sequence[Cell], protocol: Protocol) -> Mean:
    """The means of one candidate, as the protocol has them."""
    frames = sum(cell.frames for cell in cells)
    return Mean(
        clips=len(cells),
        frames=frames,
        rows=tuple(_mean_rows([cell.rows for cell in cells], protocol, _distances([cell.features for cell in cells]))),
        encoded=tuple(
            _mean_rows(
                [cell.encoded for cell in cells], protocol, _distances([cell.encoded_features for cell in cells])
            )
        ),
        wall_seconds=_a_frame([cell.wall_seconds for cell in cells], frames),
        cpu_seconds=_a_frame([cell.cpu_seconds for cell in cells], frames),
    )


def _a_frame(spent: Sequence[float | None], frames: int) -> float | None:
    known = [seconds for seconds in spent if seconds is not None]
    return sum(known) / frames if len(known) == len(spent) else None


def _distances(
    clips: Sequence[Mapping[str, tuple[Features, Features]]],
) -> dict[str, tuple[float | None, str]]:
    """By metric: the distance over all clips, and how it came about."""
    names = dict.fromkeys(name for features in clips for name in features)
    return {name: _distance(name, [features[name] for features in clips if name in features]) for name in names}


def _distance(metric: str, features: Sequence[tuple[Features, Features]]) -> tuple[float | None, str]:
    """The distance between all clips of a candidate and all of the truth, and how it came about or why there is none.

    It is no mean of the clips' own distances: those know little or nothing of the spread.
    """
    from cleanplate.bench.metrics.frechet import frechet  # brings scipy's linear algebra

    results, truths = (np.concatenate(side) for side in zip(*features, strict=True))
    try:
        return frechet(results, truths), f"{metric_spec(metric).summary}; all clips together: {len(truths)} a side"
    except UsageError as error:
        return None, str(error)


def _mean_rows(
    clips: Sequence[Sequence[Row]], protocol: Protocol, distances: Mapping[str, tuple[float | None, str]]
) -> Iterable[Row]:
    """A row of the mean for each name that any clip has."""
    by_name: dict[str, list[Row]] = {}
    for row in chain.from_iterable(clips):
        by_name.setdefault(row.name, []).append(row)
    for rows in by_name.values():
        # A clip without holes, or of one frame, has no value but a reason: the others' method is what is to be said.
        model = next((row for row in rows if row.value is not None), rows[0])
        value, note = distances.get(model.metric, (None, _common_note(rows)))
        if model.metric in protocol.by_frame:
            value, _, _ = mean_of(chain.from_iterable(row.per_frame for row in rows))
        elif model.metric not in distances:
            value, _, _ = mean_of(row.value for row in rows)
        truths, _, _ = mean_of(row.of_truth for row in rows)
        yield replace(
            model,
            value=value,
            of_truth=truths,
            frames=sum(row.frames for row in rows),
            infinite=sum(row.infinite for row in rows),
            per_frame=(),
            note=note,
        )


def _common_note(rows: Sequence[Row]) -> str:
    """The parts (between semicolons) that all notes of clips with a value share: the rest is about one clip."""
    notes = [row.note for row in rows if row.value is not None] or [rows[0].note]
    return "; ".join(part for part in notes[0].split("; ") if all(part in note.split("; ") for note in notes))
