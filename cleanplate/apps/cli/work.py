"""The commands that make something: `remove` and its two passes `mask` and `fill`; and `plan`, what they take."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Annotated

import typer

from cleanplate.apps.cli import flags, screen
from cleanplate.apps.cli.choices import chosen
from cleanplate.apps.cli.marks import marked
from cleanplate.base.report import Report
from cleanplate.chain import run
from cleanplate.mask.stored import MaskSummary
from cleanplate.tasks import masks as masks_task
from cleanplate.tasks import plan as plan_task
from cleanplate.tasks import remove as remove_task
from cleanplate.tasks.choices import Choices, job_of
from cleanplate.tasks.marks import Marks, refuse_lost


@marked
@chosen
def remove(
    video: flags.Video,
    output: flags.Output,
    marks: Marks,
    choices: Choices,
    keep_masks: Annotated[
        Path | None, typer.Option("--keep-masks", help="A folder for the masks, to look at, mend and use again.")
    ] = None,
    fresh: flags.Fresh = False,
    strict: flags.Strict = False,
    quiet: flags.Quiet = False,
    as_json: flags.AsJson = False,
) -> None:
    """Take out what the masks cover; leave everything else as it is, and prove it."""
    with screen.progress_line(not quiet and not as_json) as watch:
        report = remove_task.remove(
            video,
            output=output,
            **marks,
            **choices,
            keep_masks=keep_masks,
            fresh=fresh,
            strict=strict,
            watch=watch,
        )
    show_report(report, quiet, as_json)


@chosen
def fill(
    video: flags.Video,
    output: flags.Output,
    masks: Annotated[
        Path, typer.Option("--masks", help="The folder that `cleanplate mask` wrote.", show_default=False)
    ],
    choices: Choices,
    fresh: flags.Fresh = False,
    quiet: flags.Quiet = False,
    as_json: flags.AsJson = False,
) -> None:
    """The second pass alone: paint the holes of stored masks."""
    job = job_of(video, output, choices, masks)
    with screen.progress_line(not quiet and not as_json) as watch:
        report = run(job, watch, fresh=fresh)
    show_report(report, quiet, as_json)


@marked
def mask(
    video: flags.Video,
    output: Annotated[
        Path,
        typer.Option("--output", "-o", help="The folder to write, or a label video, .mov.", show_default=False),
    ],
    marks: Marks,
    preview: Annotated[
        bool, typer.Option("--preview", help="Also write a video that shows the masks: NAME.preview.mp4.")
    ] = False,
    strict: flags.Strict = False,
    rate: flags.Rate = None,
    quiet: flags.Quiet = False,
    as_json: flags.AsJson = False,
) -> None:
    """The first pass alone: write what would be removed as stored masks, to look at, mend and fill later."""
    with screen.progress_line(not quiet and not as_json) as watch:
        summary, warnings = masks_task.make_masks(
            video,
            output=output,
            rate=flags.parse_rate(rate),
            preview=preview,
            watch=watch,
            **marks,
        )
    show_masks(summary, warnings, quiet, as_json, has_preview=preview)
    if strict:
        refuse_lost(summary.tracks)


@marked
@chosen
def plan(
    video: flags.Video,
    marks: Marks,
    choices: Choices,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Where the result would go.", show_default="like the video")
    ] = None,
    as_json: flags.AsJson = False,
) -> None:
    """Tell what `remove` would take, and start nothing: pieces, memory, disk, seconds."""
    with screen.progress_line(not as_json) as watch:
        expected = plan_task.plan(
            video,
            output=output,
            **marks,
            **choices,
            watch=watch,
        )
    if as_json:
        typer.echo(json.dumps(dataclasses.asdict(expected), indent=2))
    else:
        screen.show_forecast(expected)


def show_masks(
    summary: MaskSummary, warnings: list[str], quiet: bool, as_json: bool, *, has_preview: bool = False
) -> None:
    """What the mask pass made, as the flags want it told."""
    if as_json:
        typer.echo(json.dumps(masks_task.facts(summary, warnings), indent=2))
    elif not quiet:
        screen.say(
            f"{summary.folder}: {summary.holed_frames} of {summary.frame_count} frames have holes, "
            f"{summary.hole_share:.1%} of all samples"
        )
        for line in screen.lines_of(summary.tracks):
            screen.say(f"  {line}")
        for note in summary.notes:
            screen.say(f"  {note}")
        if has_preview:
            screen.say(f"  {masks_task.preview_path(summary.folder)}")
        screen.show_warnings(warnings)


def show_report(report: Report, quiet: bool, as_json: bool) -> None:
    """What a run did, as the flags want it told."""
    if as_json:
        typer.echo(report.to_json(), nl=False)
    elif not quiet:
        screen.show_report(report)
