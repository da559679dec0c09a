"""The benches: `cleanplate bench quality`, `track`, `click`, `speed`, `parity`. Each is loaded when used."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Annotated, Any, Protocol

import typer

import cleanplate
from cleanplate.apps.cli import flags, screen
from cleanplate.base.errors import UsageError
from cleanplate.base.report import Watch
from cleanplate.bench.speed.cases import EXTENTS
from cleanplate.mask.segmenter import SEGMENTERS
from cleanplate.mask.tracker import TRACKERS, tracker_class
from cleanplate.paint.engine import engine_class

Data = Annotated[Path, typer.Argument(help="A data set: see docs/evaluation.md for the layouts.", show_default=False)]
Output = Annotated[Path, typer.Option("--output", "-o", help="The folder for tables, plots and what is done already.")]
Metrics = Annotated[
    str | None, typer.Option("--metric", help="Names with commas between.", show_default="all that can be had")
]
Workers = Annotated[
    int | None, typer.Option("--workers", help="Processes, each with one thread.", show_default="one a core")
]
Fresh = Annotated[bool, typer.Option("--fresh", help="Measure anew what the folder holds already.")]


def quality(
    data: Data,
    output: Output = Path("bench-quality"),
    engine: Annotated[
        str, typer.Option("--engine", "-e", help="Names with commas between; NAME=FOLDER for other programs' results.")
    ] = "flowfill",
    engine_options: Annotated[
        list[str] | None, typer.Option("--set", help="An option of an engine, ENGINE.NAME=VALUE; several.")
    ] = None,
    protocol: Annotated[str, typer.Option("--protocol", help="papers or plain.")] = "plain",
    metric: Metrics = None,
    crf: flags.ScoreCrf = None,
    workers: Workers = None,
    fresh: Fresh = False,
    quiet: flags.Quiet = False,
    as_json: flags.AsJson = False,
) -> None:
    """Score engines on clips whose truth is known, by the papers' protocol or as the clips are."""
    bench = partial(
        cleanplate.bench_quality,
        data,
        engines=flags.parse_names(engine) or (),
        options=_options(engine_options, engine_class),
        protocol=protocol,
        metrics=flags.parse_names(metric),
        crf=crf,
        workers=workers,
        fresh=fresh,
    )
    _measure(bench, output, quiet, as_json)


def track(
    data: Data,
    output: Output = Path("bench-track"),
    tracker: Annotated[
        str, typer.Option("--tracker", help="Names with commas between; NAME=FOLDER for labels made elsewhere.")
    ] = ",".join(TRACKERS),
    tracker_options: Annotated[
        list[str] | None, typer.Option("--set", help="An option of a tracker, TRACKER.NAME=VALUE; several.")
    ] = None,
    count_last: Annotated[
        bool, typer.Option("--count-last", help="Count the last frame as well, which DAVIS does not.")
    ] = False,
    workers: Workers = None,
    fresh: Fresh = False,
    quiet: flags.Quiet = False,
    as_json: flags.AsJson = False,
) -> None:
    """J, F and J&F of trackers that are given each clip's first labels, as DAVIS defines them."""
    bench = partial(
        cleanplate.bench_track,
        data,
        trackers=flags.parse_names(tracker) or (),
        options=_options(tracker_options, tracker_class),
        skip_last=not count_last,
        workers=workers,
        fresh=fresh,
    )
    _measure(bench, output, quiet, as_json)


def click(
    data: Data,
    segmenter: Annotated[str, typer.Option("--segmenter", help=f"One of {', '.join(SEGMENTERS)}.")] = "grabcut",
    clicks: Annotated[int, typer.Option("--clicks", help="Clicks in each frame.")] = 5,
    every: Annotated[
        int | None, typer.Option("--every", help="Try each so many frames.", show_default="the first alone")
    ] = None,
    quiet: flags.Quiet = False,
    as_json: flags.AsJson = False,
) -> None:
    """IoU of a segmenter after one click, two, ..., each in the middle of the largest mistake."""
    with screen.progress_line(not quiet and not as_json) as watch:
        report = cleanplate.bench_click(data, segmenter=segmenter, clicks=clicks, every=every, watch=watch)
    if as_json:
        typer.echo(report.to_json(), nl=False)
    elif not quiet:
        screen.show_page(report.to_markdown())


def speed(
    output: Output = Path("bench-speed"),
    engine: Annotated[str, typer.Option("--engine", "-e", help="Names with commas between.")] = "flowfill",
    extent: Annotated[str, typer.Option("--extent", help=f"How much is measured: {', '.join(EXTENTS)}.")] = "standard",
    height: Annotated[
        str | None, typer.Option("--height", help="Lines of the pictures, commas between.", show_default="by extent")
    ] = None,
    share: Annotated[
        str | None, typer.Option("--share", help="Shares of the hole in percent.", show_default="by extent")
    ] = None,
    length: Annotated[
        str | None, typer.Option("--length", help="Multiples of the length.", show_default="by extent")
    ] = None,
    repeats: Annotated[int, typer.Option("--repeats", help="Runs of each side; the fastest counts.")] = 3,
    fresh: Fresh = False,
    quiet: flags.Quiet = False,
    as_json: flags.AsJson = False,
) -> None:
    """Time whole jobs on rendered clips, as ratios to a plain decode and encode and to OpenCV's Telea."""
    percents = flags.parse_numbers("--share", share, float, "2,5,10")
    bench = partial(
        cleanplate.bench_speed,
        engines=flags.parse_names(engine) or (),
        extent=extent,
        heights=flags.parse_numbers("--height", height, int, "480,1080"),
        shares=None if percents is None else [percent / 100 for percent in percents],
        lengths=flags.parse_numbers("--length", length, int, "1,2,4"),
        repeats=repeats,
        fresh=fresh,
    )
    _measure(bench, output, quiet, as_json)


def parity(
    files: Annotated[
        list[Path], typer.Argument(help="Stored inputs and outputs (.npz), named after a network.", show_default=False)
    ],
) -> None:
    """Run networks with weights that anyone can make, and compare with what the published code made of them."""
    differences = cleanplate.bench_parity(files)
    screen.show_differences(differences)
    if not all(difference.is_good for difference in differences):
        raise typer.Exit(1)


class _Report(Protocol):
    @property
    def failed(self) -> Mapping[Any, str]: ...

    def to_json(self) -> str: ...

    def to_markdown(self) -> str: ...


def _measure(bench: Callable[..., _Report], output: Path, quiet: bool, as_json: bool) -> None:
    """The bench's report on the screen; exit code 1 if a part of it failed, which it names.

    bench: takes `output`, and `watch`, which draws a progress line.
    """
    with _watched(output, not quiet and not as_json) as watch:
        report = bench(output=output, watch=watch)
    if as_json:
        typer.echo(report.to_json(), nl=False)
    elif not quiet:
        screen.show_page(report.to_markdown())
        screen.say(f"tables and plots: {output}")
    if report.failed:
        raise typer.Exit(1)


@contextmanager
def _watched(output: Path, is_shown: bool) -> Iterator[Watch | None]:
    """A progress line; Ctrl-C says what stays."""
    try:
        with screen.progress_line(is_shown) as watch:
            yield watch
    except KeyboardInterrupt as stop:
        is_any_kept = any((output / "parts").glob("*.json"))
        kept = f"what is measured already is kept in {output}; the same command goes on from there"
        stop.add_note(kept if is_any_kept else "nothing was measured yet")
        raise


def _options(given: list[str] | None, found: Callable[[str], Any]) -> dict[str, dict[str, Any]]:
    """`ENGINE.NAME=VALUE` pairs, or those of trackers, by whose they are. Raises `UsageError` for what does not fit.

    found: name -> the class that has the options.
    """
    by_owner: dict[str, list[str]] = {}
    for pair in given or ():
        owner, dot, rest = pair.partition(".")
        if not dot:
            raise UsageError(f"--set {pair} is not OWNER.NAME=VALUE, like flowfill.quality=best")
        by_owner.setdefault(owner, []).append(rest)
    return {owner: flags.parse_options(pairs, found(owner).Options) for owner, pairs in by_owner.items()}


COMMANDS = (quality, track, click, speed, parity)
