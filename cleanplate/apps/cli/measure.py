"""The command that judges two videos by numbers: `score`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

import cleanplate
from cleanplate.apps.cli import flags, screen
from cleanplate.base.errors import UsageError
from cleanplate.bench.store import write_whole


def score(
    result: Annotated[Path, typer.Argument(help="A video or a folder of pictures.", show_default=False)],
    truth: Annotated[
        Path | None, typer.Argument(help="What it should look like: the clean plate.", show_default=False)
    ] = None,
    mask: Annotated[
        Path | None, typer.Option("--mask", "-m", help="What was painted: a picture, a folder or a video.")
    ] = None,
    source: Annotated[
        Path | None, typer.Option("--source", help="The input; its motion is used where there is no truth.")
    ] = None,
    metric: Annotated[
        str | None, typer.Option("--metric", help="Names with commas between.", show_default="all")
    ] = None,
    joint: Annotated[
        str | None, typer.Option("--joint", help="Frames that start a new piece of the result, commas between.")
    ] = None,
    align: Annotated[bool, typer.Option("--align", help="Resize and shift where sizes and lengths differ.")] = False,
    crf: flags.ScoreCrf = None,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Also write the report, as .json or .md.")
    ] = None,
    quiet: flags.Quiet = False,
    as_json: flags.AsJson = False,
) -> None:
    """Measure a result against the truth: every metric, of the whole frame and inside the hole."""
    if output is not None and output.suffix not in (".json", ".md"):
        raise UsageError(
            f"the report is written as .json or .md, but '{output}' ends otherwise; name it like scores.md"
        )
    if output is not None and not output.absolute().parent.is_dir():
        raise UsageError(f"the folder '{output.absolute().parent}' of the report does not exist; create it first")
    with screen.progress_line(not quiet and not as_json) as watch:
        scores = cleanplate.score(
            result,
            truth,
            mask,
            source=source,
            metrics=flags.parse_names(metric),
            joints=flags.parse_numbers("--joint", joint, int, "62,124") or (),
            align=align,
            crf=crf,
            watch=watch,
        )
    if all(row.value is None for row in scores.rows):
        raise UsageError(f"nothing could be scored; {'; '.join(scores.remarks())}")
    if output is not None:
        write_whole(output, scores.to_json() if output.suffix == ".json" else scores.to_markdown())
    if as_json:
        typer.echo(scores.to_json(), nl=False)
    elif not quiet:
        screen.show_scores(scores)
