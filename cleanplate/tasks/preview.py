"""A contact sheet before the long run: a few frames, their holes, and the result."""

from __future__ import annotations

import tempfile
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Unpack

import numpy as np

from cleanplate.base.arrays import cut
from cleanplate.base.errors import MediaError, UsageError
from cleanplate.base.names import refuse_inputs
from cleanplate.base.report import Progress, StageClock, Watch
from cleanplate.decode.reader import open_video
from cleanplate.mask.networks import networks_of as mask_networks
from cleanplate.mask.stored import StoredMasks
from cleanplate.paint.engine import engine_options, engine_spec, make_engine
from cleanplate.paint.inventor import networks_of
from cleanplate.paste import paste
from cleanplate.pieces import Held, hold, paint_piece
from cleanplate.tasks.choices import Given, job_of, split
from cleanplate.tasks.marks import mask_pass, sources_of
from cleanplate.tasks.sheet import check_picture, eight_bit, write_sheet

_HOLE_RGB = (255, 64, 64)


def preview(
    video: str | Path,
    *,
    output: str | Path,
    count: int = 4,
    warn: Callable[[str], None] | None = None,
    watch: Watch | None = None,
    **given: Unpack[Given],
) -> list[int]:
    """Write a PNG with a row for each of `count` frames: the frame, its hole, the result. Returns their indices.

    The frames are spread evenly over those with a hole; each is painted from the frames around it, as in a run.
    `given` and errors are those of `remove`, `reference` excepted; `warn` is called with a sentence for each thing that
    was repaired.
    """
    check_picture(Path(output))
    if not 1 <= count <= 64:
        raise UsageError(f"{count} frames were asked for; a sheet holds 1 to 64")
    marks, choices = split(given)
    job = job_of(video, output, choices)
    if job.references:
        raise UsageError("preview paints a frame from those around it and cannot show --reference; leave it out here")
    spec = engine_spec(job.engine)
    own = networks_of(job.engine, engine_options(job.engine, job.options))
    sources = sources_of(marks)
    is_for_masks = not own and any(map(mask_networks, sources))
    refuse_inputs(job.output, [job.video, *(path for source in sources for path in source.paths)])
    rows, names, chosen = [], [], []
    with open_video(job.video, job.rate) as reader, tempfile.TemporaryDirectory() as folder:
        mask_pass(reader, Path(folder), marks, device=job.device, warn=warn or (lambda _: None), watch=watch)
        stored = StoredMasks(Path(folder))
        holed = [pts for pts, _ in reader.timestamps() if not stored.is_empty(pts)]
        wanted = _spread([pts for pts in holed if job.within is None or stored.seconds(pts) in job.within], count)
        if not wanted:
            raise stored.no_hole_in(job.within, reader.info.rate)
        frames = hold(
            ((frame, stored.labels(frame.pts)) for frame in reader),
            grow_px=job.grow_px,
            feather_px=job.feather_px,
            clock=StageClock(),
        )
        ready = make_engine(job.engine, job.options, "cpu" if is_for_masks else job.device)
        for window, at in _windows(frames, wanted, spec.margin_frames):
            held = window[at]
            seen = eight_bit(held.frame.image)
            marked = seen.copy()
            (paints,) = paint_piece(window, (at, at + 1), ready, multiple_px=spec.multiple_px)
            result = paste(held.frame, held.regions, [paint.image for paint in paints])
            for region in held.regions:
                inside = cut(marked, region.box_xyxy)
                inside[region.grown] = inside[region.grown] // 2 + np.array(_HOLE_RGB, np.uint8) // 2
            rows.append([seen, marked, eight_bit(result.image)])
            names.append(f"frame {held.frame.index} at {float(held.frame.pts * reader.info.time_base):.3f} s")
            chosen.append(held.frame.index)
            if watch is not None:
                watch(Progress(stage="preview", done=len(chosen), total=len(wanted)))
    if not rows:
        raise MediaError(f"no frame of '{video}' with a hole can be decoded; check the file with a player")
    write_sheet(rows, ("frame", "hole", "result"), names, job.output)
    return chosen


def _spread(times: Sequence[int], count: int) -> list[int]:
    """`count` of them, evenly spread; the middle one for one."""
    count = min(count, len(times))
    return [times[(2 * n + 1) * len(times) // (2 * count)] for n in range(count)]


def _windows(frames: Iterable[Held], wanted: Sequence[int], margin: int) -> Iterator[tuple[list[Held], int]]:
    """(frames of its shot at most `margin` away, position among them) for the frame at each wanted pts.

    A time at which a damaged file gave no frame is left out.
    """
    recent: deque[tuple[int, Held]] = deque(maxlen=2 * margin + 1)
    left = deque(wanted)
    found: deque[int] = deque()  # indices of wanted frames that are still without their margin
    shot = 0

    def around(index: int) -> tuple[list[Held], int]:
        own = next(number for number, held in recent if held.frame.index == index)
        near = [held for number, held in recent if number == own and abs(held.frame.index - index) <= margin]
        return near, next(n for n, held in enumerate(near) if held.frame.index == index)

    for held in frames:
        shot += held.starts_shot
        recent.append((shot, held))
        while left and held.frame.pts >= left[0]:
            if held.frame.pts == left.popleft():
                found.append(held.frame.index)
        while found and held.frame.index >= found[0] + margin:
            yield around(found.popleft())
        if not left and not found:
            return
    while found:  # the video's last frames have less after them
        yield around(found.popleft())
