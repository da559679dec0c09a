"""Runs the benches and writes docs/results.md: see the package."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from cleanplate.base.errors import CleanplateError
from cleanplate.base.report import Progress, Watch
from cleanplate.bench.machine import machine_facts, today, version_facts
from cleanplate.bench.results.page import TITLES, read_sections, stamp, write_page
from cleanplate.bench.results.parts import PARTS, Setup, memory_bytes
from cleanplate.bench.speed.cases import EXTENTS
from cleanplate.bench.speed.material import SEED

PAGE = Path("docs/results.md")


def main(words: Sequence[str] | None = None) -> int:
    """Measure the sections named, or all, each written into the page as soon as it is done. Returns the exit code."""
    parser = argparse.ArgumentParser(prog="scripts/bench", description=f"Runs the benches and writes {PAGE}.")
    parser.add_argument("sections", nargs="*", metavar="SECTION", help=f"{', '.join(TITLES)}; all if none is named")
    parser.add_argument("--extent", choices=EXTENTS, default="standard", help="how far speed is measured")
    parser.add_argument("--work", type=Path, default=Path("bench-out"), help="what is measured already is kept here")
    parser.add_argument("--page", type=Path, default=PAGE, help="the page; its pictures lie in pictures/ beside it")
    asked = parser.parse_args(words)
    if unknown := [name for name in asked.sections if name not in TITLES]:
        parser.error(f"there is no section '{unknown[0]}'; choose from {', '.join(TITLES)}")
    clips = os.environ.get("CLEANPLATE_CLIPS")
    setup = Setup(
        work=asked.work,
        pictures=asked.page.parent / "pictures",
        clips=Path(clips) if clips else None,
        extent=asked.extent,
        watch=_progress(),
    )
    for name in TITLES:
        if name in (asked.sections or TITLES):
            try:
                _measure(name, setup, asked.page)
            except CleanplateError as error:
                print(f"{name}: {error}", file=sys.stderr)
                return error.exit_code
    return 0


def _measure(name: str, setup: Setup, page: Path) -> None:
    """One section, measured and written; the page's other sections stay as they are."""
    body = PARTS[name](setup)
    facts = {
        "date": today(),
        "machine": machine_facts(),
        "versions": version_facts(),
        "memory_bytes": memory_bytes(),
        "seed": SEED,
    }
    command = f"scripts/bench {name}" + (f" --extent {setup.extent}" if name == "speed" else "")
    sections = read_sections(page.read_text(encoding="utf-8")) if page.exists() else {}
    page.parent.mkdir(parents=True, exist_ok=True)
    page.write_text(write_page({**sections, name: f"{stamp(command, facts)}\n\n{body}"}), encoding="utf-8")
    print(f"{name}: written to {page}")


def _progress() -> Watch:
    """A line that is written over on a terminal; elsewhere one line for each tenth."""
    is_terminal = sys.stderr.isatty()
    last: list[object] = [None]

    def watch(progress: Progress) -> None:
        total = progress.total or 1
        if is_terminal:
            end = "\n" if progress.done >= total else "\r"
            print(f"{progress.stage}: {progress.done} of {total} ", end=end, file=sys.stderr, flush=True)
        elif (now := (progress.stage, 10 * progress.done // total)) != last[0]:
            last[0] = now
            print(f"{progress.stage}: {progress.done} of {total}", file=sys.stderr, flush=True)

    return watch


if __name__ == "__main__":
    sys.exit(main())
