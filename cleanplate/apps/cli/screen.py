"""What the command line shows: one progress line while it works, a short table when it is done."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import groupby
from typing import TYPE_CHECKING

from rich.console import Console
from rich.markdown import Markdown
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    ProgressColumn,
    Task,
    TaskID,
    TextColumn,
    TimeRemainingColumn,
)
from rich.progress import Progress as Bar
from rich.table import Table
from rich.text import Text

from cleanplate.base.looks import Look
from cleanplate.base.plan import Forecast
from cleanplate.base.report import Progress, Report, Watch, report_path
from cleanplate.base.tracks import Track
from cleanplate.base.words import counted

if TYPE_CHECKING:
    from cleanplate.bench.parity.compare import Difference
    from cleanplate.bench.scores import Scores

out = Console()
err = Console(stderr=True)


_MOST_LOOKS = 4
_MOST_TRACKS = 12
_SAID = {"prepare": "prepare (the first run compiles the engine: about 10 s)"}


class _Rate(ProgressColumn):
    def render(self, task: Task) -> Text:
        speed = task.finished_speed or task.speed
        return Text("" if speed is None else f"{speed:.1f} frames/s")


@contextmanager
def progress_line(is_shown: bool) -> Iterator[Watch | None]:
    """A watcher that draws stage, frames, frames/s and time left on one line; None where nothing is to be shown."""
    if not is_shown or not err.is_terminal:  # elsewhere a bar would leave an empty line at most
        yield None
        return
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), _Rate(), TimeRemainingColumn())
    bar = Bar(*columns, console=err, transient=True)
    tasks: dict[str, TaskID] = {}

    def watch(progress: Progress) -> None:
        if progress.stage not in tasks:
            bar.start()  # not before: a request that is refused at once shows its sentence only
            tasks[progress.stage] = bar.add_task(_SAID.get(progress.stage, progress.stage), total=progress.total)
        bar.update(tasks[progress.stage], completed=progress.done)

    try:
        yield watch
    finally:
        if tasks:
            bar.stop()


def show_report(report: Report) -> None:
    """The report as a short table on standard output."""
    table = Table(show_header=False, box=None, padding=(0, 2, 0, 0))
    table.add_row("output", Text(str(report.job.output), overflow="fold"))
    by_field = ", each field by itself" if report.by_field else ""
    table.add_row(
        "frames", f"{report.frames}, {report.frames_with_holes} with holes, {counted(report.shots, 'shot')}{by_field}"
    )
    if report.seen_share is not None and report.invented_share is not None:
        table.add_row(
            "painted", f"{report.seen_share:.1%} seen elsewhere in the video, {report.invented_share:.1%} invented"
        )
    if report.looks:
        first = sorted(report.looks, key=lambda look: look.seam_levels is None)  # a border that shows is rare
        table.add_row("look at", ", ".join(map(_why_look, first[:_MOST_LOOKS])))
    for line in lines_of(report.tracks):
        table.add_row("followed", Text(line))
    is_identical = report.untouched == "identical"
    table.add_row("untouched", Text(report.untouched, style="green" if is_identical else "bold red"))
    if report.verified is not None:
        table.add_row("verified", report.verified)
    spent = [f"{stage} {seconds:.1f}" for stage, seconds in report.seconds.items() if stage not in ("total", "mask")]
    expected = report.expected
    mask = f", after {report.seconds['mask']:.1f} for the masks" if "mask" in report.seconds else ""
    table.add_row(
        "seconds", f"{report.seconds['total']:.1f}, foretold {expected.seconds:.0f} ({', '.join(spent)}){mask}"
    )
    if report.peak_memory_bytes is not None:
        table.add_row("peak memory", f"{_mib(report.peak_memory_bytes)}, foretold {_mib(expected.memory_bytes)}")
    for note in report.assumptions:
        table.add_row("assumed", Text(note))
    table.add_row("report", Text(str(report_path(report.job.output)), overflow="fold"))
    out.print(table)
    show_warnings(report.warnings)


def _why_look(look: Look) -> str:
    border = "" if look.seam_levels is None else f"border shows by {abs(look.seam_levels):.0f} levels, "
    return f"{look.seconds:.1f} s ({border}{look.invented_share:.0%} invented)"


def lines_of(tracks: Sequence[Track]) -> list[str]:
    """How objects were followed, a line for each; of many, those that are in sight for longest."""
    longest = sorted(range(len(tracks)), key=lambda n: -tracks[n].found_frames)[:_MOST_TRACKS]
    lines = [f"{tracks[n].title}: {_how_followed(tracks[n])}" for n in sorted(longest)]
    left = len(tracks) - len(lines)
    return [*lines, f"and {counted(left, 'more object')}"] if left else lines


def _how_followed(track: Track) -> str:
    """In how many frames an object was found, how surely, and when not."""
    lost = (f"{span.start_s:.2f}-{span.stop_s:.2f} s" for span in track.lost)
    said = f"in {counted(track.found_frames, 'frame')}, confidence {track.mean_confidence:.2f}"
    return said + (f", lost {', '.join(lost)}" if track.lost else "")


def show_forecast(expected: Forecast) -> None:
    """What a run would take, as a short table on standard output."""
    grid = expected.grid
    table = Table(show_header=False, box=None, padding=(0, 2, 0, 0))
    table.add_row("frames", f"{expected.frames}, {expected.holed_frames} with holes")
    table.add_row(
        "pieces",
        f"{expected.pieces} or more (shot cuts are not known yet), up to {grid.core} frames each with {grid.margin} "
        f"before and after, {grid.workers} at a time",
    )
    table.add_row("memory", _mib(expected.memory_bytes))
    table.add_row("disk", f"{_mib(expected.disk_bytes)} beside the output until it is done")
    table.add_row("seconds", f"about {expected.seconds:.0f}")
    out.print(table)


def _mib(size: int) -> str:
    return f"{size / 1024**2:.0f} MiB"


def show_scores(scores: Scores) -> None:
    """Scores as a table on standard output, and below it how they were measured."""
    heads, lines = scores.table()
    table = Table(box=None, padding=(0, 2, 0, 0))
    for n, head in enumerate(heads):
        table.add_column(head, justify="right" if 0 < n < len(heads) - 2 else "left")
    for line in lines:
        table.add_row(*line)
    out.print(table)
    holed = f", {scores.holed_frames} with holes" if scores.holed_frames else ""
    out.print(Text(f"{counted(scores.frames, 'frame')}{holed}"))
    for remark in scores.remarks():
        out.print(Text(f"  {remark}", style="dim"), soft_wrap=True)


def show_differences(differences: Sequence[Difference]) -> None:
    """How far networks are from their stored outputs, as a table on standard output."""
    table = Table("file", "output", "shape", "difference", "at most", "", "CPU s", box=None, padding=(0, 2, 0, 0))
    for one in differences:
        verdict = Text("good", style="green") if one.is_good else Text("TOO FAR", style="bold red")
        shape = "x".join(map(str, one.shape))
        figures = (f"{one.largest:.1e}", f"{one.tolerance:.0e}", verdict, f"{one.cpu_seconds:.1f}")
        table.add_row(Text(one.file, overflow="fold"), one.output, shape, *figures)
    out.print(table)


def show_page(markdown: str) -> None:
    """A page of Markdown on standard output; its source, tables lined up, where that is no terminal."""
    out.print(Markdown(markdown) if out.is_terminal else Text(_lined_up(markdown)), soft_wrap=not out.is_terminal)


def _lined_up(markdown: str) -> str:
    """The same page with the cells of each table's columns made equally wide."""
    shown: list[str] = []
    for is_table, lines in groupby(markdown.split("\n"), key=lambda line: line.startswith("| ")):
        if not is_table:
            shown += lines
            continue
        rows = [line.removeprefix("| ").removesuffix(" |").split(" | ") for line in lines]
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
        rows[1] = ["-" * width for width in widths]
        for row in rows:
            cells = (cell.ljust(width) for cell, width in zip(row, widths, strict=True))
            shown.append(f"| {' | '.join(cells)} |")
    return "\n".join(shown)


def say(sentence: str) -> None:
    """A line on standard output. Paths may hold brackets, which Rich would read as styles."""
    out.print(Text(sentence), soft_wrap=True)


def show_warnings(warnings: list[str]) -> None:
    for warning in warnings:
        err.print(Text(f"warning: {warning}", style="yellow"), soft_wrap=True)
