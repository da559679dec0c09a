"""The commands to judge by eye: `preview` and `compare`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from cleanplate.apps.cli import flags, screen
from cleanplate.apps.cli.choices import chosen
from cleanplate.apps.cli.marks import marked
from cleanplate.tasks import compare as compare_task
from cleanplate.tasks import preview as preview_task
from cleanplate.tasks.choices import Choices
from cleanplate.tasks.marks import Marks


@marked
@chosen
def preview(
    video: flags.Video,
    output: Annotated[Path, typer.Option("--output", "-o", help="The PNG to write.", show_default=False)],
    marks: Marks,
    choices: Choices,
    frames: Annotated[int, typer.Option("--frames", help="How many frames to show.")] = 4,
    quiet: flags.Quiet = False,
) -> None:
    """A contact sheet of a few frames: as they are, what would be removed, and the result."""
    warnings: list[str] = []
    with screen.progress_line(not quiet) as watch:
        shown = preview_task.preview(
            video,
            output=output,
            **marks,
            **choices,
            count=frames,
            warn=warnings.append,
            watch=watch,
        )
    if not quiet:
        screen.say(f"{output}: frames {', '.join(map(str, shown))}")
        screen.show_warnings(warnings)


def compare(
    a: Annotated[Path, typer.Argument(help="A video, e.g. the source.", show_default=False)],
    b: Annotated[Path, typer.Argument(help="Another of the same size, e.g. the result.", show_default=False)],
    output: Annotated[Path, typer.Option("--output", "-o", help="The video to write; a PNG goes beside it.")] = Path(
        "compare.mp4"
    ),
    quiet: flags.Quiet = False,
) -> None:
    """Two videos side by side, as a video and as a sheet of frames with their difference."""
    with screen.progress_line(not quiet) as watch:
        done = compare_task.compare(a, b, output=output, watch=watch)
    if not quiet:
        screen.say(
            f"{done.video} ({done.frames} frames) and {done.sheet}; "
            f"largest difference on the sheet: {done.largest_difference} of 255"
        )
        screen.show_warnings(done.warnings)
