"""Make docs/formats.md: python -m cleanplate.bench.formats --output docs/formats.md"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Iterable, Sequence
from pathlib import Path

import av
import av.logging

from cleanplate.bench.formats.cases import CASES, CROSSINGS, Case
from cleanplate.bench.formats.judge import Verdict, judge
from cleanplate.bench.formats.page import page


def main(arguments: Sequence[str] | None = None) -> int:
    """Run all cases, write the page; 1 if one failed."""
    parser = argparse.ArgumentParser(prog="python -m cleanplate.bench.formats", description=__doc__)
    parser.add_argument("--output", type=Path, help="the page; printed if left out")
    parser.add_argument("--only", default="", help="cases whose name holds this text")
    given = parser.parse_args(arguments)
    av.logging.set_level(None)
    verdicts = list(_run([case for case in (*CASES, *CROSSINGS) if given.only in case.name]))
    text = page(verdicts)
    if given.output:
        given.output.write_text(text, encoding="utf-8")
    else:
        print(text)
    return int(any(verdict.outcome == "failed" for verdict in verdicts))


def _run(cases: Sequence[Case]) -> Iterable[Verdict]:
    for number, case in enumerate(cases, 1):
        with tempfile.TemporaryDirectory() as folder:
            start = time.perf_counter()
            try:
                verdict = judge(case, Path(folder))
            except (av.FFmpegError, ValueError) as error:  # FFmpeg itself cannot write or read that source
                verdict = Verdict(case=case, outcome="failed", facts=f"not tried: {error}")
        seconds = time.perf_counter() - start
        print(
            f"{number}/{len(cases)} {case.name}: {verdict.outcome}, {verdict.facts} ({seconds:.1f} s)",
            file=sys.stderr,
        )
        yield verdict


if __name__ == "__main__":
    sys.exit(main())
