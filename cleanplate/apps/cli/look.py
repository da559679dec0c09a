"""The commands to judge by eye: `preview` and `compare`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from cleanplate.apps.cli import flags, screen
from cleanplate.apps.cli.marks import marked
from cleanplate.paint.engine import engine_class
from cleanplate.tasks import compare as compare_task
from cleanplate.tasks import preview as preview_task
from cleanplate.tasks.marks import Marks


@marked
def preview(
    video: flags.Video,
    output: Annotated[Path, typer.Option("--output", "-o", help="The PNG to write.", show_default=False)],
    marks: Marks,
    engine: flags.Engine = "flowfill",
    quality: flags.Quality = None,
    invent: flags.Invent = None,
    flow: flags.Flow = None,
    engine_options: flags.EngineOptions = None,
    device: flags.Device = "auto",
    grow: flags.Grow = 4,
    feather: flags.Feather = None,
    frames: Annotated[int, typer.Option("--frames", help="How many frames to show.")] = 4,
    start: flags.Start = None,
    stop: flags.Stop = None,
    rate: flags.Rate = None,
    quiet: flags.Quiet = False,
) -> None:
    """A contact sheet of a few frames: as they are, what would be removed, and the result."""
    warnings: list[str] = []
    with screen.progress_line(not quiet) as watch:
        chosen = preview_task.preview(
            video,
            output=output,
            **marks,
            engine=engine,
            quality=quality,
            invent=invent,
            flow=flow,
            options=flags.parse_options(engine_options, engine_class(engine).Options),
            device=device,
            grow_px=grow,
            feather_px=feather,
            count=frames,
            start=start,
            stop=stop,
            rate=flags.parse_rate(rate),
            warn=warnings.append,
            watch=watch,
        )
    if not quiet:
        screen.say(f"{output}: frames {', '.join(map(str, chosen))}")
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
