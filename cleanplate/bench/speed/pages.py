"""A speed bench as files people and programs read: speed.json and speed.md."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterable, Sequence

from cleanplate.bench.scores import markdown_table
from cleanplate.bench.speed.cases import EXTENTS
from cleanplate.bench.speed.networks import networks_table
from cleanplate.bench.speed.report import PLAIN, RUN, TELEA, WHOLE, CaseResult, SpeedReport

SWEEPS = {
    "size": "size of the picture",
    "share": "share of the picture that the hole covers",
    "length": "length of the clip",
}
STAGES = ("start", "mask", "decode", "cuts", "paint", "paste", "prove", "save", RUN)
"in the order of the work; stages that a report names beside these are shown after them"

_OVER = {"size": "samples of the picture", "share": "samples of the hole", "length": "frames"}


def to_json(report: SpeedReport) -> str:
    """Everything: seconds of each run, stages of the fastest, peaks, fits."""
    facts = {
        "extent": report.extent,
        "repeats": report.repeats,
        **report.facts,
        "sweeps": {sweep: [result.case.name for result in report.of(sweep)] for sweep in SWEEPS},
        "cases": {
            result.case.name: {
                **dataclasses.asdict(result.case),
                "width_px": result.case.width_px,
                "hole_share": result.share,
                "sides": {
                    name: {
                        "seconds": list(side.seconds),
                        "stages": dict(side.stages),
                        "peak_bytes": side.peak_bytes,
                        "over_plain": result.ratio(name, PLAIN),
                        "over_telea": result.ratio(name, TELEA),
                    }
                    for name, side in result.sides.items()
                },
            }
            for result in report.results.values()
        },
        "networks": [dataclasses.asdict(one) for one in report.networks],
        "growth": [dataclasses.asdict(growth) for growth in report.growths()],
        "failed": [{"case": case.name, "side": side, "why": why} for (case, side), why in report.failed.items()],
    }
    return json.dumps(facts, indent=1, ensure_ascii=False) + "\n"


def to_markdown(report: SpeedReport) -> str:
    """Ratios of the whole job and of its stages, exponents, memory, and how they were measured."""
    parts = [
        "# Speed and memory",
        _about(report),
        "## Whole job",
        "Time of the whole process over that of another in the same run; memory is the most its process tree held.",
        *(part for sweep, title in SWEEPS.items() for part in (f"By {title}:", _whole(report, sweep))),
        "## How time grows",
        _growth(report),
        "## Stages",
        "Busy seconds of a stage over the plain decode and encode of the same clip (without the start of its process). "
        "Stages overlap, so that they may add up to more than `total`, the run as the program itself counts it. "
        "`start` is what lies outside: interpreter, libraries, compiled code. `mask` holds the mask pass.",
        _stages(report, PLAIN, report.painters, RUN),
        *_over_telea(report),
        *(["## Networks", networks_table(report.networks)] if report.networks else []),
        *_failed(report),
        "## How it was measured",
        _method(report),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def _about(report: SpeedReport) -> str:
    base = report.plan.base
    times = "once" if report.repeats == 1 else f"{report.repeats} times"
    return (
        f"Extent `{report.extent}` ({EXTENTS[report.extent].summary}): one thing is varied at a time around "
        f"{base.name}. Each side ran {times}, in turn with the others; the fastest run counts, as what else a machine "
        "does can only add to it. Machines differ and are noisy: only ratios are given."
    )


def _whole(report: SpeedReport, sweep: str) -> str:
    others = [name for name in report.painters if name != TELEA]
    heads = ["clip", "hole drawn", *(f"{name} / plain" for name in report.painters)]
    heads += [*(f"{name} / {TELEA}" for name in others), "slowest run"]
    heads += [f"MiB, {name}" for name in (PLAIN, *report.painters)]
    lines = []
    for result in report.of(sweep):
        spread = max((side.spread for side in result.sides.values()), default=0.0)
        line = [result.case.name, f"{result.share:.1%}"]
        line += [_ratio(result.ratio(name, PLAIN)) for name in report.painters]
        line += [_ratio(result.ratio(name, TELEA)) for name in others]
        lines.append([*line, f"+{spread:.0%}", *(_memory(result, name) for name in (PLAIN, *report.painters))])
    return markdown_table(heads, lines)


def _memory(result: CaseResult, side: str) -> str:
    return f"{result.sides[side].peak_bytes / 1024**2:.0f}" if side in result.sides else ""


def _growth(report: SpeedReport) -> str:
    growths = list(report.growths())
    if not growths:
        return "No sweep has two cases, so there is nothing to fit."
    heads = ["over", "side", "what", "exponent", "of the last step", "off by", "cases"]
    names = {WHOLE: WHOLE, RUN: "run without start", "paint": "painting"}
    lines = [
        [
            _OVER[growth.sweep],
            growth.side,
            names[growth.part],
            f"{growth.fit.exponent:.2f}",
            f"{growth.fit.last:.2f}",
            f"{growth.fit.residual:.0%}" if growth.fit.points > 2 else "",
            str(growth.fit.points),
        ]
        for growth in growths
    ]
    text = (
        "Least squares of `ln seconds` over `ln` of what is varied: 1 is in proportion, 0 is no growth. `off by` is "
        "the root mean square of what the fit misses; `of the last step` is the exponent between the two largest cases "
        "alone, where fixed costs weigh least."
    )
    return text + "\n\n" + markdown_table(heads, lines)


def _stages(report: SpeedReport, over: str, sides: Sequence[str], over_what: str | None = None) -> str:
    """A line for each case and side, a column for each stage."""
    there = {stage for result in report.results.values() for name in sides for stage in _named(result, name)}
    stages = [*(stage for stage in STAGES if stage in there), *sorted(there - set(STAGES))]
    lines = [
        [result.case.name, name, *(_ratio(result.ratio(name, over, stage, over_what)) for stage in stages)]
        for result in report.results.values()
        for name in sides
        if name in result.sides and over in result.sides
    ]
    return markdown_table(["clip", "side", *stages], lines)


def _named(result: CaseResult, side: str) -> Iterable[str]:
    return result.sides[side].stages if side in result.sides else ()


def _over_telea(report: SpeedReport) -> list[str]:
    others = [name for name in report.painters if name != TELEA]
    if not others:
        return []
    return [f"The same stages over those of the job with `{TELEA}`:", _stages(report, TELEA, others)]


def _failed(report: SpeedReport) -> list[str]:
    if not report.failed and not report.failed_networks:
        return []
    lines = [f"- {case.name}, {side}: {why}" for (case, side), why in report.failed.items()]
    lines += [f"- {setting}: {why}" for setting, why in report.failed_networks.items()]
    return ["## What did not work", "\n".join(lines)]


def _method(report: SpeedReport) -> str:
    machine, versions = report.facts["machine"], report.facts["versions"]
    lines = [f"- {side}: `{words}`" for side, words in report.facts["commands"].items()]
    lines += [
        f"- clips: rendered, H.264, 25 frames/s, seed {report.facts['seed']}; the hole wanders. Clips, compiled code "
        "and libraries are made ready before the clock runs.",
        f"- memory: looked at every {report.facts['interval_seconds']:g} s, the sum over the processes alive then of "
        "the most each has held (an upper bound where there are several)",
        f"- machine: {machine['cpu']}, {machine['cores']} cores, {machine['system']}, Python {machine['python']}",
        "- versions: " + ", ".join(f"{name} {number}" for name, number in versions.items()),
        f"- date: {report.facts['date']}",
    ]
    return "\n".join(lines)


def _ratio(value: float | None) -> str:
    return "" if value is None else f"{value:.2f}"
