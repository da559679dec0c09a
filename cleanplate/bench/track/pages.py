"""A track bench as files people and programs read: scores.json and scores.md."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from cleanplate.base.words import counted
from cleanplate.bench.metrics.regions import Curve, ObjectScore
from cleanplate.bench.scores import markdown_table
from cleanplate.bench.track.measure import Cell
from cleanplate.bench.track.report import TrackReport

# What the papers say of themselves: (value, model).
DAVIS_2017 = (
    ("0.852", "R50-AOT-L"),
    ("0.852", "R50-DeAOT-L"),
    ("0.862", "XMem"),
    ("0.881", "Cutie-base+"),
    ("0.907-0.916", "SAM 2 Hiera-L"),
)
"J&F on the 30 clips of DAVIS-2017 val, learned trackers"
DAVIS_2016 = (("0.60", "bilateral space"), ("0.68", "joint flow and segmentation"))
"mean J on DAVIS-2016, methods without weights"


def to_json(report: TrackReport) -> str:
    """Everything in the report; values of six digits behind the point."""
    facts = {
        "data": report.data,
        "layout": report.layout,
        **report.facts,
        "counted": _counted(report),
        "trackers": report.trackers,
        "means": {name: _plain(dataclasses.asdict(mean)) for name, mean in report.means.items()},
        "clips": {
            clip: {name: _cell(report.cells[name, clip]) for name in report.trackers if (name, clip) in report.cells}
            for clip in report.clips
        },
        "failed": [{"tracker": name, "clip": clip, "why": why} for (name, clip), why in report.failed.items()],
    }
    return json.dumps(facts, indent=1, ensure_ascii=False) + "\n"


def _cell(cell: Cell) -> dict[str, Any]:
    objects = {
        str(one.object_id): {"jf": round(one.jf, 6), "j": _curve(one.j), "f": _curve(one.f)}
        for one in cell.scores.objects
    }
    return {
        "size_px": list(cell.size_px),
        "frames": cell.frames,
        "cpu_seconds": cell.cpu_seconds,
        "jf": round(cell.scores.jf, 6),
        "objects": objects,
    }


def _curve(curve: Curve) -> dict[str, Any]:
    facts = {"mean": curve.mean, "recall": curve.recall, "decay": curve.decay}
    return {**_plain(facts), "per_frame": _plain(list(curve.values))}


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _plain(item) for name, item in value.items()}
    if isinstance(value, list):
        return [_plain(item) for item in value]
    return round(value, 6) if isinstance(value, float) else value


def to_markdown(report: TrackReport) -> str:
    """Means, clips, objects where a clip has several, what the papers say, and how it was measured."""
    parts = [
        f"# Tracking on {Path(report.data).resolve().name}",
        f"{_extent(report)}. The labels of each clip's first frame were given, and {_counted(report)}.",
        "## Mean over all objects",
        _means(report),
        _problems(report),
        "## Clip by clip (J&F, J, F)",
        _clips(report),
        *_objects(report),
        "## What the papers say of themselves",
        *_published(report),
        "## How it was measured",
        _facts(report),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def _counted(report: TrackReport) -> str:
    if report.skips_last:
        return "neither that frame nor the last one counts, as in DAVIS 2017"
    return "all frames after it count, the last one too, which DAVIS 2017 leaves out"


def _extent(report: TrackReport) -> str:
    """`10 clips, 1 object, 612 frames of 432x240`."""
    cells = {clip: cell for (_, clip), cell in report.cells.items()}
    objects = sum(len(cell.scores.objects) for cell in cells.values())
    sizes = sorted({cell.size_px for cell in cells.values()})
    frames = sum(cell.frames for cell in cells.values())
    named = " and ".join(f"{width}x{height}" for width, height in sizes)
    return f"{counted(len(cells), 'clip')}, {counted(objects, 'object')}, {counted(frames, 'frame')} of {named}"


def _means(report: TrackReport) -> str:
    heads = ["tracker", "J&F", "J", "J recall", "J decay", "F", "F recall", "F decay", "CPU ms", "clips", "objects"]
    lines = []
    for name, mean in report.means.items():
        values = [mean.jf, *(v for s in (mean.j, mean.f) for v in (s.mean, s.recall, s.decay))]
        spent = "" if mean.cpu_seconds is None else f"{1000 * mean.cpu_seconds:.1f}"
        lines.append([f"**{name}**", *map(_three, values), spent, str(mean.clips), str(mean.objects)])
    lines += [[f"**{name}**", *[""] * 8, "0", "0"] for name in report.trackers if name not in report.means]
    return markdown_table(heads, lines)


def _three(value: float) -> str:
    return f"{value:.3f}"


def _problems(report: TrackReport) -> str:
    """What failed: once for each tracker where it is the same on several clips."""
    said: dict[tuple[str, str], list[str]] = {}
    for (name, clip), why in report.failed.items():
        said.setdefault((name, why), []).append(clip)
    lines = [f"- not measured: {name} on {', '.join(clips)}: {why}" for (name, why), clips in said.items()]
    if len({mean.clips for mean in report.means.values()}) > 1:
        lines.append("- the means are over different clips, so they do not compare")
    return "\n".join(lines)


def _clips(report: TrackReport) -> str:
    names = list(report.means)
    lines = []
    for clip in report.clips:
        cells = [report.cells.get((name, clip)) for name in names]
        if known := [cell for cell in cells if cell is not None]:
            facts = [str(known[0].frames), str(len(known[0].scores.objects))]
            lines.append([clip, *facts, *("" if cell is None else _triple(cell.scores.objects) for cell in cells)])
    return markdown_table(["clip", "frames", "objects", *names], lines)


def _triple(objects: tuple[ObjectScore, ...]) -> str:
    """J&F, J and F, means over objects."""
    sums = (sum(one.jf for one in objects), sum(one.j.mean for one in objects), sum(one.f.mean for one in objects))
    return " ".join(_three(value / len(objects)) for value in sums)


def _objects(report: TrackReport) -> Iterator[str]:
    names = list(report.means)
    lines = []
    for clip in report.clips:
        cells = [report.cells.get((name, clip)) for name in names]
        known = next((cell for cell in cells if cell is not None), None)
        if known is None or len(known.scores.objects) < 2:
            continue
        for n, one in enumerate(known.scores.objects):
            values = ["" if cell is None else _triple(cell.scores.objects[n : n + 1]) for cell in cells]
            lines.append([clip, str(one.object_id), *values])
    if lines:
        yield "## Object by object (J&F, J, F), in clips of several"
        yield markdown_table(["clip", "object", *names], lines)


def _published(report: TrackReport) -> Iterator[str]:
    lines = [[f"**{name}**", "here", _three(mean.jf), _three(mean.j.mean)] for name, mean in report.means.items()]
    lines += [[model, "DAVIS-2016, no weights", "", value] for value, model in DAVIS_2016]
    lines += [[model, "DAVIS-2017 val, learned", value, ""] for value, model in DAVIS_2017]
    yield markdown_table(["tracker", "data", "J&F", "J"], lines)
    objects = [len(cell.scores.objects) for cell in report.cells.values()]
    merged = (
        " Every clip here has one object: where several things were joined to one mask, that is easier than to keep "
        "them apart, as DAVIS-2017 asks."
        if max(objects) == 1
        else ""
    )
    yield (
        f"These compare only on the same clips, sizes and objects. Here: {_extent(report)}. DAVIS-2017 val is 30 clips "
        "with 61 objects at 480 lines; DAVIS-2016 has one mask a clip. Fewer lines hide fine detail and make the "
        f"tolerance of F, 0.8 % of the diagonal in whole pixels, coarser.{merged}"
    )


def _facts(report: TrackReport) -> str:
    machine, versions = report.facts["machine"], report.facts["versions"]
    lines = [
        f"date: {report.facts['date']}",
        f"machine: {machine['cpu']}, {machine['cores']} of {machine['cores_of_machine']} cores, {machine['system']}",
        f"versions: Python {machine['python']}, " + ", ".join(f"{name} {number}" for name, number in versions.items()),
        f"seed: {report.facts['seed']}",
        f"layout of the data: {report.layout}",
        "J: intersection over union, 1 where both are empty; F: harmonic mean of the shares of boundary samples within "
        "0.8 % of the diagonal (rounded up to whole pixels) of the other boundary; J&F: the mean of both",
        "mean over the frames of an object, then over objects; recall: share of frames above 0.5; decay: first quarter "
        "less last quarter; objects: those of the first frame; label 255 (void) is left out of all masks",
    ]
    if timed := report.facts["timed_on"]:
        lines.append(
            f"CPU ms: of the tracker alone, a frame, on {', '.join(timed)}, in one thread, while other workers ran on "
            "other cores"
        )
    for name, how in report.trackers.items():
        about = how.get("summary") or f"labels of another program in {how['folder']}"
        needs = f"; weights {', '.join(how['weights'])}, licence {how['licence']}" if how.get("weights") else ""
        lines.append(f"{name}: {about}{needs}")
    return "\n".join(f"- {line}" for line in lines)
