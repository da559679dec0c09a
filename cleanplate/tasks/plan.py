"""What a run would take, before anything is started: pieces, memory, disk and time.

forecast = plan("in.mp4", mask="mask.png")
"""

from __future__ import annotations

import tempfile
import time
from dataclasses import replace
from pathlib import Path
from typing import Unpack

from cleanplate.base.plan import Forecast
from cleanplate.base.report import Watch
from cleanplate.decode.reader import open_video
from cleanplate.forecast import forecast
from cleanplate.mask.stored import StoredMasks
from cleanplate.paint.engine import engine_options
from cleanplate.save.writer import encoder_for
from cleanplate.tasks.choices import Given, job_of, split
from cleanplate.tasks.marks import mask_pass


def plan(
    video: str | Path,
    *,
    output: str | Path | None = None,
    watch: Watch | None = None,
    **given: Unpack[Given],
) -> Forecast:
    """The forecast for `remove` with the same arguments. The masks are made for it, in a temporary folder.

    `output`: where the result would go; None = a file like the input. Raises what `remove` raises.
    """
    video = Path(video)
    marks, choices = split(given)
    job = job_of(video, output or video.with_suffix("" if video.is_dir() else ".mkv"), choices)
    engine_options(job.engine, job.options)
    begin = time.perf_counter()
    with open_video(job.video, job.rate) as reader, tempfile.TemporaryDirectory() as folder:
        masks = Path(folder)
        mask_pass(reader, masks, marks, device=job.device, watch=watch)
        spent_s = time.perf_counter() - begin
        job = replace(job, masks=masks)
        expected = forecast(job, reader.info, StoredMasks(masks), encoder_for(job.output, reader.info, job.encode))
    return replace(expected, seconds=round(expected.seconds + spent_s, 1)) if spent_s > 1 else expected
