"""What a run would take, before anything is started: pieces, memory, disk and time.

forecast = plan("in.mp4", mask="mask.png")
"""

from __future__ import annotations

import tempfile
from fractions import Fraction
from pathlib import Path

from cleanplate.base.options import with_choices
from cleanplate.base.plan import Forecast
from cleanplate.base.report import Watch
from cleanplate.base.settings import Encode, Job
from cleanplate.base.when import parse_limits
from cleanplate.decode.reader import open_video
from cleanplate.forecast import forecast
from cleanplate.mask.stored import StoredMasks
from cleanplate.mask.stored import make_masks as store_masks
from cleanplate.paint.engine import engine_options
from cleanplate.save.writer import encoder_for
from cleanplate.tasks.remove import Boxes, Paths, Polygons, mask_sources


def plan(
    video: str | Path,
    *,
    output: str | Path | None = None,
    mask: Paths = (),
    box: Boxes = (),
    polygon: Polygons = (),
    invert: bool = False,
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
) -> Forecast:
    """The forecast for `remove` with the same arguments. The masks are made for it, in a temporary folder.

    `output`: where the result would go; None = a file like the input. Raises what `remove` raises.
    """
    video = Path(video)
    options = with_choices(None, quality=quality, invent=invent)
    engine_options(engine, options)
    exact = None if rate is None else Fraction(rate)
    sources = mask_sources(mask, box, polygon)
    with open_video(video, exact) as reader, tempfile.TemporaryDirectory() as folder:
        masks, times = Path(folder), reader.timestamps()
        store_masks(sources, reader.info, times, masks, invert=invert, video=reader, warn=lambda _: None, watch=watch)
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
        return forecast(job, reader.info, StoredMasks(masks), encoder_for(job.output, reader.info, job.encode))
