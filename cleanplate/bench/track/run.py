"""Measures trackers, and labels that other programs made, on a data set: the whole bench in one call.

    report = bench_track("DAVIS", output="out", trackers=("flow", "other=results/other"))
    print(report.to_markdown())

A script that calls this needs `if __name__ == "__main__":`, as its worker processes import it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from cleanplate.base.errors import FailedError, UsageError
from cleanplate.base.report import Watch
from cleanplate.bench.candidates import Candidate, read_candidates, with_options
from cleanplate.bench.machine import machine_facts, today, version_facts
from cleanplate.bench.store import Unit, fingerprint, made_by, write_whole
from cleanplate.bench.track.data import DataSet, find_clips, find_result
from cleanplate.bench.track.measure import Cell, Task, cell_of, measure
from cleanplate.bench.track.report import TrackReport, mean_over
from cleanplate.bench.work import Finished, run_all
from cleanplate.mask.tracker import TRACKERS, tracker_options, tracker_spec

_SCORING = ("bench/metrics/regions", "bench/pictures", "bench/track/measure", "mask/stored_pictures")
_TRACKING = ("base/arrays", "mask", "motion")


def bench_track(
    data: Path | str,
    *,
    output: Path | str,
    trackers: str | Sequence[str] = ("flow", "warp"),
    options: Mapping[str, Mapping[str, Any]] | None = None,
    skip_last: bool = True,
    workers: int | None = None,
    fresh: bool = False,
    watch: Watch | None = None,
) -> TrackReport:
    """J, F and J&F of trackers on every clip of a data set; writes scores.json and scores.md into the folder `output`.

    Each clip's first labels are what the tracker is given. data: see `find_clips`. trackers: names of TRACKERS, or
    NAME=FOLDER for labels that another program made (`find_result`). options: of trackers, by name. skip_last: the last
    frame does not count, as in DAVIS 2017; the first, which is given, never does. workers: processes, each with one
    thread; None = one a core.

    Each tracker on each clip is kept in `output`/parts as soon as it is done, and not done again unless its inputs or
    code have changed or `fresh` is set. What fails is named in the report and does not stop the others.
    Raises `UsageError` for what cannot be asked, `FailedError` where nothing could be measured.
    """
    candidates = with_options(read_candidates(trackers, "tracker", TRACKERS), options, "tracker")
    for candidate in candidates:
        if candidate.options:
            tracker_options(candidate.name, candidate.options)  # said now, not by a worker
    dataset, output = find_clips(Path(data)), Path(output)
    units = [unit for candidate in candidates for unit in _units(candidate, dataset)]
    done = run_all(units, measure, store=output / "parts", stage="track", workers=workers, fresh=fresh, watch=watch)
    report = _report(dataset, candidates, done, skip_last=skip_last)
    if not report.cells:
        (name, clip), problem = next(iter(report.failed.items()))
        raise FailedError(f"nothing could be measured; {name} on clip '{clip}': {problem}")
    write_whole(output / "scores.json", report.to_json())
    write_whole(output / "scores.md", report.to_markdown())
    return report


def _units(candidate: Candidate, dataset: DataSet) -> Iterator[Unit]:
    made = made_by(*_SCORING, *(_TRACKING if candidate.folder is None else ()))
    for clip in dataset.clips:
        result = () if candidate.folder is None else find_result(candidate.folder, clip)
        identity = {
            "clip": fingerprint(clip.files),
            "result": fingerprint(path for path in result if path is not None),
            "made_by": made,
            "options": dict(candidate.options),
        }
        yield Unit(
            name=(candidate.name, clip.name),
            identity=identity,
            task=Task(candidate=candidate, clip=clip, result=result),
            cost=len(clip.frames),
        )


def _report(dataset: DataSet, candidates: Sequence[Candidate], done: Finished, *, skip_last: bool) -> TrackReport:
    cells: dict[tuple[str, str], Cell] = {}
    failed = {(name[0], name[1]): problem for name, problem in done.failed.items()}
    for (name, clip), result in done.results.items():
        try:
            cells[name, clip] = cell_of(result, skip_last=skip_last)
        except UsageError as error:
            failed[name, clip] = str(error)
    by_tracker = {one.name: [cell for (name, _), cell in cells.items() if name == one.name] for one in candidates}
    return TrackReport(
        data=str(dataset.folder),
        layout=dataset.layout,
        trackers={one.name: {"folder": str(one.folder)} if one.folder is not None else _row(one) for one in candidates},
        clips=tuple(clip.name for clip in dataset.clips),
        cells=cells,
        means={name: mean_over(mine) for name, mine in by_tracker.items() if mine},
        failed=failed,
        skips_last=skip_last,
        facts={
            "date": today(),
            "seed": "none: nothing is drawn at random",
            "versions": version_facts(),
            "machine": machine_facts(),
            "timed_on": sorted({cell.cpu for cell in cells.values() if cell.cpu_seconds is not None}),
        },
        reused=done.reused,
    )


def _row(candidate: Candidate) -> dict[str, object]:
    spec = tracker_spec(candidate.name)
    return {
        "options": dict(candidate.options),
        "summary": spec.summary,
        "weights": list(spec.weights),
        "licence": spec.licence,
    }
