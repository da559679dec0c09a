"""The page docs/formats.md, from what was found."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import av

from cleanplate.bench.formats.cases import Case
from cleanplate.bench.formats.judge import Verdict

_INTRODUCTION = """\
# Formats

Made by `python -m cleanplate.bench.formats --output docs/formats.md`, which renders each of these files, runs it
through the program with a small box to be painted and the default settings, and looks at the result with FFmpeg alone.
Nothing on this page is written by hand.

- **kept**: same codec, pixel format, times, order of fields, names of colours and HDR10 metadata; same profile of
  ProRes and DNxHD. `identical`: every sample of the lower half of the pictures, far from the hole, is the source's own;
  a number of dB: the codec is a lossy one, and this is what encoding once more costs (above 45 dB nothing is seen).
  Samples outside the hole are identical before encoding in every row; a run where they are not ends with an error.
- **converted**: what became what. The report of such a run has a sentence for each, shown here.
- **refused**: nothing was painted, and this sentence was printed.

Written with FFmpeg {version} as PyAV {pyav} brings it.
"""


def page(verdicts: Sequence[Verdict]) -> str:
    """The whole page in Markdown."""
    counts = {name: sum(v.outcome == name for v in verdicts) for name in ("kept", "converted", "refused", "failed")}
    version = ".".join(map(str, av.library_versions["libavcodec"]))
    parts = [
        _INTRODUCTION.format(version=f"(libavcodec {version})", pyav=av.__version__),
        f"{len(verdicts)} files: " + ", ".join(f"{count} {name}" for name, count in counts.items() if count) + ".\n",
        "## To a file of the same kind\n",
        _table((v for v in verdicts if v.case.output is None and v.case.codec is None), is_crossing=False),
        "## To a file of another kind, or with `--codec`\n",
        _table((v for v in verdicts if v.case.output or v.case.codec), is_crossing=True),
    ]
    return "\n".join(parts)


def _table(verdicts: Iterable[Verdict], *, is_crossing: bool) -> str:
    if is_crossing:
        lines = ["| source | output | outcome | what was found |", "|---|---|---|---|"]
    else:
        lines = ["| codec | pixel format | file | outcome | what was found |", "|---|---|---|---|---|"]
    for verdict in verdicts:
        case = verdict.case
        note = f" ({case.note})" if case.note else ""
        told = "; ".join([verdict.facts, *(f"*{text}*" for text in verdict.warnings)]).replace("|", "\\|")
        if is_crossing:
            source = f"{_codec(case)} {case.pixel_format}{note} {case.suffix}"
            first = f"{source} | {_output(case)}"
        else:
            first = f"{_codec(case)}{note} | {case.pixel_format} | {case.suffix}"
        lines.append(f"| {first} | {verdict.outcome} | {told} |")
    return "\n".join(lines) + "\n"


def _codec(case: Case) -> str:
    """FFmpeg's name of what the encoder makes."""
    return av.Codec(case.encoder, "w").canonical_name.replace("wrapped_avframe", "rawvideo")


def _output(case: Case) -> str:
    return f"{case.output or case.suffix}{f' --codec {case.codec}' if case.codec else ''}"
