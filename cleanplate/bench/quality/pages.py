"""A quality bench as files people and programs read: scores.json and scores.md."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from cleanplate.base.words import counted
from cleanplate.bench.metrics.metric import Row
from cleanplate.bench.quality.measure import Cell
from cleanplate.bench.quality.protocol import PROTOCOLS
from cleanplate.bench.quality.published import PUBLISHED, TEST_SETS
from cleanplate.bench.quality.report import Mean, QualityReport
from cleanplate.bench.scores import markdown_table, number, row_facts, show, told_once


def to_json(report: QualityReport) -> str:
    """Everything in the report but the features of learned metrics."""
    facts = {
        "data": report.data,
        "layout": report.layout,
        "protocol": {"name": report.protocol, "summary": PROTOCOLS[report.protocol].summary},
        "encoded_as": report.encoded_as,
        **report.facts,
        "engines": report.engines,
        "means": {engine: _plain(mean) for engine, mean in report.means.items()},
        "clips": {
            clip: {engine: _plain(report.cells[engine, clip]) for engine in _scored(report, clip)}
            for clip in report.clips
        },
        "failed": [{"engine": engine, "clip": clip, "why": why} for (engine, clip), why in report.failed.items()],
        "notes": list(report.notes),
    }
    return json.dumps(facts, indent=1, ensure_ascii=False) + "\n"


def _plain(found: Mean | Cell) -> dict[str, Any]:
    facts: dict[str, Any] = {
        "frames": found.frames,
        "wall_seconds": found.wall_seconds,
        "cpu_seconds": found.cpu_seconds,
        "rows": [row_facts(row) for row in found.rows],
    }
    if found.encoded:
        facts["encoded"] = [row_facts(row) for row in found.encoded]
    return facts


def _scored(report: QualityReport, clip: str) -> list[str]:
    return [engine for engine in report.engines if (engine, clip) in report.cells]


def to_markdown(report: QualityReport) -> str:
    """Means, clips, what the papers say where the protocol is theirs, and remarks."""
    parts = [
        f"# Quality on {Path(report.data).name}",
        _about(report),
        "## Mean over all clips",
        _means(report),
        *_remarks(report),
        "## Clip by clip",
        *_clips(report),
        *(_published(report) if report.protocol == "papers" else ()),
        "## How it was measured",
        _facts(report),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def _about(report: QualityReport) -> str:
    frames = sum({clip: cell.frames for (_, clip), cell in report.cells.items()}.values())
    return (
        f"{counted(len(report.clips), 'clip')}, {counted(frames, 'frame')}. Protocol `{report.protocol}`: "
        f"{PROTOCOLS[report.protocol].summary}. Outside the hole every result is the truth itself, so scores of the "
        "whole frame rise with every sample that was never touched: compare those inside the hole."
    )


def _means(report: QualityReport) -> str:
    """One line a row of the score, one column a candidate (two where results were encoded too)."""
    by_frame = PROTOCOLS[report.protocol].by_frame
    means = list(report.means.values())
    heads = ["metric", *_columns(report), "the truth itself", "unit", "better", "mean over"]
    lines = []
    for name in _names(report):
        row = next(r for mean in means for r in mean.rows if r.name == name and r.value is not None)
        truth = "" if row.of_truth is None else number(row.of_truth)
        over = "frames" if row.metric in by_frame else "clips"
        lines.append([name, *_values(report, name, means), truth, row.unit, row.better, over])

    def once(title: str, cells: Sequence[str], unit: str, better: str, over: str) -> None:
        """A line about the candidates, which encoding does not change."""
        after = [] if report.encoded_as is None else [""]
        if any(cells):
            lines.append([title, *(cell for one in cells for cell in (one, *after)), "", unit, better, over])

    once("CPU time a frame", [_milliseconds(mean.cpu_seconds) for mean in means], "ms", "lower", "frames")
    once("wall time a frame", [_milliseconds(mean.wall_seconds) for mean in means], "ms", "lower", "frames")
    if any(mean.clips < len(report.clips) for mean in means):
        once("clips scored", [str(mean.clips) for mean in means], "", "", "")
    kept = [n for n in range(len(heads)) if any(line[n] for line in lines)]
    return markdown_table([heads[n] for n in kept], [[line[n] for n in kept] for line in lines])


def _milliseconds(seconds: float | None) -> str:
    return "" if seconds is None else f"{1000 * seconds:.1f}"


def _columns(report: QualityReport) -> list[str]:
    """Heads of the candidates' columns."""
    after = [] if report.encoded_as is None else [f", {report.encoded_as}"]
    return [f"{engine}{end}" for engine in report.means for end in ("", *after)]


def _values(report: QualityReport, name: str, found: Sequence[Mean | Cell | None]) -> list[str]:
    """The shown values of a row, in the order of `_columns`."""
    cells = []
    for one in found:
        sides = [() if one is None else one.rows]
        if report.encoded_as is not None:
            sides.append(() if one is None else one.encoded)
        cells += [next((show(row) for row in rows if row.name == name), "") for rows in sides]
    return cells


def _names(report: QualityReport) -> list[str]:
    """Names of the rows that any candidate has a value for, in order."""
    return list(dict.fromkeys(row.name for mean in report.means.values() for row in mean.rows if row.value is not None))


def _remarks(report: QualityReport) -> Iterator[str]:
    """What is missing and why, once each."""
    have = set(_names(report))
    lines = [f"not scored: {engine} on clip '{clip}': {why}" for (engine, clip), why in report.failed.items()]
    rows = [row for mean in report.means.values() for row in mean.rows]
    lines += [f"{row.name}: {row.note}" for row in rows if row.name not in have]
    after = [row for mean in report.means.values() for row in mean.encoded]
    lines += [f"{row.name}: {row.note}" for row in after if row.value is None and row.name in have]
    if any(row.infinite for row in rows):
        lines.append("(+N inf): so many frames are identical to the truth; they are left out of the mean")
    if lines := list(dict.fromkeys([*lines, *report.notes])):
        yield "\n".join(f"- {line}" for line in lines)


def _clips(report: QualityReport) -> Iterator[str]:
    """A table for each row that is shown: one line a clip, then the mean."""
    names = [name for name in _names(report) if not report.shown or name in report.shown]
    heads = ["clip", "frames", *_columns(report)]
    for name in names:
        lines = []
        for clip in report.clips:
            if engines := _scored(report, clip):
                found = [report.cells.get((engine, clip)) for engine in report.means]
                frames = str(report.cells[engines[0], clip].frames)
                lines.append([clip, frames, *_values(report, name, found)])
        lines.append(["**mean**", "", *_values(report, name, list(report.means.values()))])
        yield f"### {name}"
        yield markdown_table(heads, lines)
    yield "The values of all metrics, and of each frame, are in scores.json; curves are in plots/."


def _published(report: QualityReport) -> Iterator[str]:
    """The papers' own figures with ours on top."""
    here = Path(report.data).name
    lines = []
    for engine, mean in report.means.items():
        rows = {row.name: row for row in mean.rows}
        cells = [_exact(rows.get("psnr"), 2), _exact(rows.get("ssim65"), 4), _exact(rows.get("vfid"), 3)]
        seconds = "" if mean.cpu_seconds is None else f"{mean.cpu_seconds:.3f}"
        lines.append([f"**{engine}**", f"here: {here}", *cells, _exact(rows.get("ewarp"), 3), "", seconds])
    for one in PUBLISHED:
        model = f"{one.model} (quoted by others)" if one.is_quoted else one.model
        vfid, ewarp, seconds = (
            "" if value is None else f"{value:.{digits}f}"
            for value, digits in ((one.vfid, 3), (one.ewarp, 4), (one.seconds, 3))
        )
        lines.append([model, one.data, f"{one.psnr:.2f}", f"{one.ssim:.4f}", vfid, "", ewarp, seconds])
    sizes = "; ".join(
        f"{name} has {size.clips} clips" + ("" if size.frames is None else f" and {size.frames:,} frames")
        for name, size in TEST_SETS.items()
    )
    ours = f"{counted(len(report.clips), 'clip')} and {counted(next(iter(report.means.values())).frames, 'frame')}"
    yield "## What the papers say of themselves"
    heads = ["model", "data", "PSNR", "SSIM", "VFID", "ewarp here, x1e-3", "E_warp in the papers", "s/frame"]
    yield markdown_table(heads, lines)
    yield (
        "Masks differ unless they are the same pack: the papers' figures compare with ours only where frames and masks "
        f"are the very files they used ({sizes}; here {ours}). E_warp does not compare across papers, whose flow "
        "networks and scales differ. Seconds are on each paper's own graphics card; ours are CPU time of one "
        "core of the machine below."
    )


def _exact(row: Row | None, digits: int) -> str:
    return "" if row is None or row.value is None else f"{row.value:.{digits}f}"


def _facts(report: QualityReport) -> str:
    machine, versions = report.facts["machine"], report.facts["versions"]
    timed = report.facts["fills_timed_on"]
    lines = [
        f"date: {report.facts['date']}",
        f"machine: {machine['cpu']}, {machine['cores']} of {machine['cores_of_machine']} cores, {machine['system']}",
        f"versions: Python {machine['python']}, " + ", ".join(f"{name} {number}" for name, number in versions.items()),
        f"seed: {report.facts['seed']}",
        f"layout of the data: {report.layout}",
    ]
    lines += [f"{engine}: {_made(how)}" for engine, how in report.engines.items()]
    if timed:
        lines.append(
            f"time: of the fill alone on {', '.join(timed)}, in one thread, while other workers ran on the other cores"
        )
    names = set(_names(report))
    rows = [row for mean in report.means.values() for row in mean.rows if row.name in names]
    lines += told_once((row.metric, row.note) for row in rows)
    return "\n".join(f"- {line}" for line in lines)


def _made(how: dict[str, Any]) -> str:
    if "folder" in how:
        return f"results of another program in {how['folder']}"
    options = how["options"]
    return ", ".join(f"{name}={value}" for name, value in options.items()) if options else "default options"
