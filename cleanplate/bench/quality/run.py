"""Measures engines, and results of other programs, on a data set: the whole bench in one call.

    report = bench_quality("DAVIS", output="out", engines=("flowfill", "other=results/other"), protocol="papers")
    print(report.to_markdown())

A script that calls this needs `if __name__ == "__main__":`, as its worker processes import it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from cleanplate.base.errors import FailedError, MissingWeightsError, UsageError
from cleanplate.base.extras import require
from cleanplate.base.report import Watch
from cleanplate.base.weights import locate
from cleanplate.bench.candidates import Candidate, read_candidates, with_options
from cleanplate.bench.machine import machine_facts, today, version_facts
from cleanplate.bench.metrics.metric import MetricSpec, Setup, choose
from cleanplate.bench.quality.data import DataSet, find_clips, find_result
from cleanplate.bench.quality.measure import Cell, Task, cell_of, measure
from cleanplate.bench.quality.plots import draw_plots
from cleanplate.bench.quality.protocol import HEADLINE, protocol_named
from cleanplate.bench.quality.report import QualityReport, mean_over
from cleanplate.bench.score import check_crf, why_not
from cleanplate.bench.store import Unit, fingerprint, made_by, write_whole
from cleanplate.bench.work import Finished, run_all
from cleanplate.paint.engine import ENGINES, engine_options

# The code a result depends on: a change in these rooms makes it anew.
_SCORING = (
    *("base", "decode", "mask", "bench/metrics", "bench/nets", "bench/pictures", "bench/score", "bench/sides"),
    *("bench/synth_video", "bench/quality/data", "bench/quality/measure", "bench/quality/protocol"),
)
_PAINTING = ("motion", "paint", "pieces", "tasks/arrays")


def bench_quality(
    data: Path | str,
    *,
    output: Path | str,
    engines: str | Sequence[str] = ("flowfill",),
    options: Mapping[str, Mapping[str, Any]] | None = None,
    protocol: str = "plain",
    metrics: str | Sequence[str] | None = None,
    crf: float | None = None,
    workers: int | None = None,
    fresh: bool = False,
    watch: Watch | None = None,
) -> QualityReport:
    """Score engines on every clip of a data set; writes scores.json, scores.md and plots/ into the folder `output`.

    data: see `find_clips`. engines: names of ENGINES, or NAME=FOLDER for another program's results (`find_result`),
    scored the very same way. options: of engines, by name. protocol: a name of PROTOCOLS. metrics: names of METRICS,
    all for None. crf: score also after x264 at this quality. workers: processes, each with one thread; None = one a
    core.

    Each engine on each clip is kept in `output`/parts as soon as it is done, and not done again unless its inputs,
    options or code have changed or `fresh` is set. What fails is named in the report and does not stop the others.
    Raises `UsageError` for what cannot be asked, `FailedError` where nothing could be scored.
    """
    require("matplotlib", "bench")
    how, chosen, output = protocol_named(protocol), choose(metrics), Path(output)
    check_crf(crf)
    candidates = _candidates(engines, options)
    dataset = find_clips(data, is_resized=how.size_px is not None)
    _check_metrics(chosen, dataset)
    needed = {name: _weights_here(name) for spec in chosen.values() for name in spec.weights}
    asked = {"protocol": protocol, "metrics": list(chosen), "crf": crf, "weights": needed}
    units = [unit for candidate in candidates for unit in _units(candidate, dataset, asked)]
    done = run_all(units, measure, store=output / "parts", stage="quality", workers=workers, fresh=fresh, watch=watch)
    if not done.results:
        name, problem = next(iter(done.failed.items()))
        raise FailedError(f"nothing could be scored; {name[0]} on clip '{name[1]}': {problem}")
    shown = HEADLINE if metrics is None else ()
    report = _report(dataset, candidates, done, asked, shown)
    write_whole(output / "scores.json", report.to_json())
    write_whole(output / "scores.md", report.to_markdown())
    for file, png in draw_plots(report).items():
        write_whole(output / "plots" / file, png)
    return report


def _candidates(engines: str | Sequence[str], options: Mapping[str, Mapping[str, Any]] | None) -> list[Candidate]:
    """Raises `UsageError` for what `read_candidates` does not take, and for options that no engine among them has."""
    found = with_options(read_candidates(engines, "engine", ENGINES), options, "engine")
    for candidate in found:
        if candidate.options:
            engine_options(candidate.name, candidate.options)  # said now, not by a worker
    return found


def _check_metrics(chosen: Mapping[str, MetricSpec], dataset: DataSet) -> None:
    """Raises `UsageError` where none of the metrics can be had, so that nothing is painted for nothing."""
    setup = Setup(has_truth=True, has_holes=any(clip.is_masked for clip in dataset.clips))
    reasons = {name: why_not(spec, setup) for name, spec in chosen.items()}
    if all(reasons.values()):
        raise UsageError(f"nothing could be scored; {'; '.join(f'{name}: {why}' for name, why in reasons.items())}")


def _weights_here(name: str) -> str | None:
    """Which file a metric will find, if any: part of a result's identity, so that it is redone when weights come."""
    try:
        return fingerprint([locate(name, offline=True)])
    except (MissingWeightsError, UsageError):
        return None


def _units(candidate: Candidate, dataset: DataSet, asked: Mapping[str, Any]) -> Iterator[Unit]:
    made = made_by(*_SCORING, *(_PAINTING if candidate.folder is None else ()))
    for clip in dataset.clips:
        result = () if candidate.folder is None else find_result(candidate.folder, clip)
        identity = {
            **asked,
            "clip": fingerprint([*clip.frames, *clip.masks]),
            "options": dict(candidate.options),
            "result": fingerprint(result),
            "made_by": made,
        }
        task = Task(
            candidate=candidate,
            clip=clip,
            result=result,
            protocol=asked["protocol"],
            metrics=tuple(asked["metrics"]),
            crf=asked["crf"],
        )
        yield Unit(name=(candidate.name, clip.name), identity=identity, task=task, cost=len(clip.frames))


def _report(
    dataset: DataSet, candidates: Sequence[Candidate], done: Finished, asked: Mapping[str, Any], shown: Sequence[str]
) -> QualityReport:
    cells: dict[tuple[str, str], Cell] = {}
    for (name, clip), result in done.results.items():
        cells[name, clip] = cell_of(result)
    means = {}
    for candidate in candidates:
        if mine := [cell for (name, _), cell in cells.items() if name == candidate.name]:
            means[candidate.name] = mean_over(mine, protocol_named(asked["protocol"]))
    crf = asked["crf"]
    return QualityReport(
        data=str(dataset.folder),
        layout=dataset.layout,
        protocol=asked["protocol"],
        engines={
            one.name: {"options": dict(one.options)} if one.folder is None else {"folder": str(one.folder)}
            for one in candidates
        },
        clips=tuple(clip.name for clip in dataset.clips),
        cells=cells,
        means=means,
        failed={(name[0], name[1]): problem for name, problem in done.failed.items()},
        shown=tuple(shown),
        encoded_as=None if crf is None else f"x264 crf {crf:g}",
        facts={
            "date": today(),
            "seed": "none: holes are the data set's, and nothing else is drawn at random",
            "versions": version_facts(),
            "machine": machine_facts(),
            "fills_timed_on": sorted({cell.cpu for cell in cells.values() if cell.wall_seconds is not None}),
        },
        notes=dataset.notes,
        reused=done.reused,
    )
