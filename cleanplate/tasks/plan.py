"""What a run would take, before anything is started: pieces, memory, disk and time.

forecast = plan("in.mp4", mask="mask.png")
"""

from __future__ import annotations

import tempfile
import time
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Unpack

from cleanplate.base.options import with_choices
from cleanplate.base.plan import Forecast
from cleanplate.base.report import Watch
from cleanplate.base.settings import Encode, Job
from cleanplate.base.when import parse_limits
from cleanplate.decode.reader import open_video
from cleanplate.forecast import forecast
from cleanplate.mask.stored import StoredMasks
from cleanplate.paint.engine import engine_options
from cleanplate.save.writer import encoder_for
from cleanplate.tasks.marks import Marks, mask_pass


def plan(
    video: str | Path,
    *,
    output: str | Path | None = None,
    engine: str = "flowfill",
    quality: str | None = None,
    invent: str | None = None,
    grow_px: int = 4,
    codec: str | None = None,
    preset: str | None = None,
    lossless: bool = False,
    start: str | None = None,
    stop: str | None = None,
    rate: Fraction | int | None = None,
    memory_bytes: int | None = None,
    workers: int = 1,
    watch: Watch | None = None,
    **marks: Unpack[Marks],
) -> Forecast:
    """The forecast for `remove` with the same arguments. The masks are made for it, in a temporary folder.

    `output`: where the result would go; None = a file like the input. Raises what `remove` raises.
    """
    video = Path(video)
    options = with_choices(None, quality=quality, invent=invent)
    engine_options(engine, options)
    exact = None if rate is None else Fraction(rate)
    begin = time.perf_counter()
    with open_video(video, exact) as reader, tempfile.TemporaryDirectory() as folder:
        masks = Path(folder)
        mask_pass(reader, masks, marks, watch=watch)
        spent_s = time.perf_counter() - begin
        job = Job(
            video=video,
            masks=masks,
            output=Path(output) if output is not None else video.with_suffix("" if video.is_dir() else ".mkv"),
            engine=engine,
            options=options,
            grow_px=grow_px,
            feather_px=0,
            encode=Encode(codec=codec, preset=preset, lossless=lossless),
            within=parse_limits(start, stop),
            rate=exact,
            memory_bytes=memory_bytes,
            workers=workers,
        )
        expected = forecast(job, reader.info, StoredMasks(masks), encoder_for(job.output, reader.info, job.encode))
    return replace(expected, seconds=round(expected.seconds + spent_s, 1)) if spent_s > 1 else expected
