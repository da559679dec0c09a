"""The command `run`: a project of the page, or of another machine, done here."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from cleanplate.apps.cli import flags, screen
from cleanplate.apps.cli.work import show_masks, show_report
from cleanplate.apps.project import Project
from cleanplate.base.report import Report


def run(
    project: Annotated[Path, typer.Argument(help="The project's folder.", show_default=False)],
    source: Annotated[
        Path | None, typer.Option("--source", help="Where its video is now; kept in the project.", show_default=False)
    ] = None,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Where the result goes.", show_default="into the project")
    ] = None,
    fresh: flags.Fresh = False,
    quiet: flags.Quiet = False,
    as_json: flags.AsJson = False,
) -> None:
    """Do what a project says, as its page would: the same functions, the same bytes."""
    opened = Project.open(project)
    if source is not None:
        opened.source = source.absolute()
        opened.check()  # a mistyped one is not kept
        opened.save()
    with screen.progress_line(not quiet and not as_json) as watch:
        found = opened.run(watch, output=output, fresh=fresh)
    if isinstance(found, Report):
        show_report(found, quiet, as_json)
    else:
        show_masks(*found, quiet, as_json)
