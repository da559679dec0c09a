"""One case, run through the program and judged: kept, converted or refused."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

from cleanplate.base.errors import CleanplateError
from cleanplate.base.report import Report
from cleanplate.bench.formats.cases import Case
from cleanplate.bench.formats.clip import render
from cleanplate.bench.formats.look import Look, look, psnr_db
from cleanplate.tasks.remove import remove

_PROFILED = ("prores", "dnxhd")
"codecs whose profiles are kinds of their own; those of others follow from the tools an encoder used"
_BOX = (32, 24, 72, 52)
_CLEAN_DB = 38.0
"over a second encode of a picture that was encoded once; less is called poor"
_CLOCK_S = Fraction(1, 100)
"the coarsest clock of a container, GIF's"
_LIGHT_ERROR = 2e-4
"share by which HDR10's numbers may differ: each codec stores other fractions"


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """What became of one case."""

    case: Case
    outcome: str
    "kept, converted, refused, or failed"
    facts: str
    "the result in words, or the sentence of the refusal"
    warnings: tuple[str, ...] = ()


def judge(case: Case, folder: Path) -> Verdict:
    """Render the case, run it, look at source and result."""
    source = render(folder / f"in{case.suffix}", case)
    output = folder / f"out{case.output or case.suffix}"
    try:
        report = remove(source, output=output, box=_BOX, codec=case.codec)
    except CleanplateError as error:
        text = str(error).replace(str(source), source.name).replace(str(output), output.name)
        return Verdict(case=case, outcome="refused", facts=text)
    before, after = look(source), look(output)
    differences = _differences(before, after)
    warnings = tuple(text.replace(str(source), source.name) for text in report.warnings)
    bad = _faults(before, after, report)
    outcome = "failed" if bad else "converted" if differences else "kept"
    facts = ", ".join([*bad, *differences, *_quality(before, after)])
    return Verdict(case=case, outcome=outcome, facts=facts, warnings=warnings)


def _differences(before: Look, after: Look) -> list[str]:
    """What is another thing than in the source."""
    found = []
    for what, one, two in (
        ("codec", before.codec, after.codec),
        ("profile", before.profile, after.profile),
        ("pixel format", before.pixel_format, after.pixel_format),
        ("fields", before.fields, after.fields),
    ):
        is_meant = what != "profile" or (before.codec == after.codec and before.codec in _PROFILED)
        if one != two and is_meant:
            found.append(f"{what} {one or 'unnamed'} -> {two or 'unnamed'}")
    if before.light and not _is_near(before.light, after.light):
        found.append("HDR10 metadata lost")
    if any(old not in (2, new) for old, new in zip(before.color, after.color, strict=True)):
        found.append(f"colours named {before.color} -> {after.color}")
    return found


def _is_near(one: list[float], two: list[float]) -> bool:
    return len(one) == len(two) and all(
        abs(a - b) <= _LIGHT_ERROR * max(abs(a), 1) for a, b in zip(one, two, strict=True)
    )


def _faults(before: Look, after: Look, report: Report) -> list[str]:
    """What may never happen."""
    found = []
    if report.changed_samples:
        found.append("samples outside the hole were changed")
    if len(before.times) != len(after.times):
        return [*found, f"{len(before.times)} pictures became {len(after.times)}"]
    if any(abs(a - b) > _CLOCK_S / 2 for a, b in zip(before.times, after.times, strict=True)):
        found.append("times differ")
    if psnr_db(before, after) < _CLEAN_DB and before.pixel_format == after.pixel_format:
        found.append("poor")
    return found


def _quality(before: Look, after: Look) -> list[str]:
    if len(before.times) != len(after.times):
        return []
    if before.samples == after.samples and before.pixel_format == after.pixel_format:
        return ["identical"]
    ratio = psnr_db(before, after)
    return ["same colours" if ratio == float("inf") else f"{ratio:.0f} dB"]
