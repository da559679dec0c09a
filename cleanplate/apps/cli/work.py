"""The commands that make something: `remove` and its two passes `mask` and `fill`; and `plan`, what they take."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Annotated

import typer

from cleanplate.apps.cli import flags, screen
from cleanplate.apps.cli.marks import marked
from cleanplate.base.options import with_choices
from cleanplate.base.report import Report
from cleanplate.base.settings import Encode, Job, PaintedFrame, feather_for, parse_memory
from cleanplate.base.when import parse_limits
from cleanplate.chain import run
from cleanplate.paint.engine import engine_class
from cleanplate.tasks import masks as masks_task
from cleanplate.tasks import plan as plan_task
from cleanplate.tasks import remove as remove_task
from cleanplate.tasks.marks import Marks, refuse_lost


@marked
def remove(
    video: flags.Video,
    output: flags.Output,
    marks: Marks,
    engine: flags.Engine = "flowfill",
    quality: flags.Quality = None,
    invent: flags.Invent = None,
    flow: flags.Flow = None,
    engine_options: flags.EngineOptions = None,
    device: flags.Device = "auto",
    reference: flags.References = None,
    trust_reference: flags.TrustReference = False,
    grow: flags.Grow = 4,
    feather: flags.Feather = None,
    start: flags.Start = None,
    stop: flags.Stop = None,
    memory: flags.Memory = None,
    workers: flags.Workers = 1,
    fresh: flags.Fresh = False,
    codec: flags.Codec = None,
    crf: flags.Crf = None,
    preset: flags.Preset = None,
    lossless: flags.Lossless = False,
    rate: flags.Rate = None,
    verify: flags.Verify = False,
    origin_map: flags.OriginMap = None,
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
            engine=engine,
            quality=quality,
            invent=invent,
            flow=flow,
            options=flags.parse_options(engine_options, engine_class(engine).Options),
            device=device,
            grow_px=grow,
            feather_px=feather,
            codec=codec,
            crf=crf,
            preset=preset,
            lossless=lossless,
            start=start,
            stop=stop,
            rate=flags.parse_rate(rate),
            memory_bytes=parse_memory(memory),
            verify=verify,
            origin_map=origin_map,
            workers=workers,
            fresh=fresh,
            strict=strict,
            reference=reference or (),
            trust_reference=trust_reference,
            watch=watch,
        )
    _show(report, quiet, as_json)


def fill(
    video: flags.Video,
    output: flags.Output,
    masks: Annotated[
        Path, typer.Option("--masks", help="The folder that `cleanplate mask` wrote.", show_default=False)
    ],
    engine: flags.Engine = "flowfill",
    quality: flags.Quality = None,
    invent: flags.Invent = None,
    flow: flags.Flow = None,
    engine_options: flags.EngineOptions = None,
    device: flags.Device = "auto",
    reference: flags.References = None,
    trust_reference: flags.TrustReference = False,
    grow: flags.Grow = 4,
    feather: flags.Feather = None,
    start: flags.Start = None,
    stop: flags.Stop = None,
    memory: flags.Memory = None,
    workers: flags.Workers = 1,
    fresh: flags.Fresh = False,
    codec: flags.Codec = None,
    crf: flags.Crf = None,
    preset: flags.Preset = None,
    lossless: flags.Lossless = False,
    rate: flags.Rate = None,
    verify: flags.Verify = False,
    origin_map: flags.OriginMap = None,
    quiet: flags.Quiet = False,
    as_json: flags.AsJson = False,
) -> None:
    """The second pass alone: paint the holes of stored masks."""
    job = Job(
        video=video,
        masks=masks,
        output=output,
        engine=engine,
        options=with_choices(
            flags.parse_options(engine_options, engine_class(engine).Options), quality=quality, invent=invent, flow=flow
        ),
        device=device,
        grow_px=grow,
        feather_px=feather_for(feather, grow),
        encode=Encode(codec=codec, crf=crf, preset=preset, lossless=lossless),
        within=parse_limits(start, stop),
        rate=flags.parse_rate(rate),
        memory_bytes=parse_memory(memory),
        verify=verify,
        origin_map=origin_map,
        workers=workers,
        references=tuple(PaintedFrame.parse(text) for text in reference or ()),
        trust_references=trust_reference,
    )
    with screen.progress_line(not quiet and not as_json) as watch:
        report = run(job, watch, fresh=fresh)
    _show(report, quiet, as_json)


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
    if as_json:
        facts = {**dataclasses.asdict(summary), "folder": str(output), "warnings": warnings}
        typer.echo(json.dumps(facts, indent=2))
    elif not quiet:
        screen.say(
            f"{output}: {summary.holed_frames} of {summary.frame_count} frames have holes, "
            f"{summary.hole_share:.1%} of all samples"
        )
        for track in summary.tracks:
            screen.say(f"  {track.title}: {screen.how_followed(track)}")
        if preview:
            screen.say(f"  {masks_task.preview_path(output)}")
        screen.show_warnings(warnings)
    if strict:
        refuse_lost(summary.tracks)


@marked
def plan(
    video: flags.Video,
    marks: Marks,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Where the result would go.", show_default="like the video")
    ] = None,
    engine: flags.Engine = "flowfill",
    quality: flags.Quality = None,
    invent: flags.Invent = None,
    grow: flags.Grow = 4,
    start: flags.Start = None,
    stop: flags.Stop = None,
    memory: flags.Memory = None,
    workers: flags.Workers = 1,
    codec: flags.Codec = None,
    preset: flags.Preset = None,
    lossless: flags.Lossless = False,
    rate: flags.Rate = None,
    as_json: flags.AsJson = False,
) -> None:
    """Tell what `remove` would take, and start nothing: pieces, memory, disk, seconds."""
    with screen.progress_line(not as_json) as watch:
        expected = plan_task.plan(
            video,
            output=output,
            **marks,
            engine=engine,
            quality=quality,
            invent=invent,
            grow_px=grow,
            codec=codec,
            preset=preset,
            lossless=lossless,
            start=start,
            stop=stop,
            rate=flags.parse_rate(rate),
            memory_bytes=parse_memory(memory),
            workers=workers,
            watch=watch,
        )
    if as_json:
        typer.echo(json.dumps(dataclasses.asdict(expected), indent=2))
    else:
        screen.show_forecast(expected)


def _show(report: Report, quiet: bool, as_json: bool) -> None:
    if as_json:
        typer.echo(report.to_json(), nl=False)
    elif not quiet:
        screen.show_report(report)
