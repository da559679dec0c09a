"""A contact sheet before the long run: a few frames, their holes, and the result."""

from __future__ import annotations

import tempfile
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any, Unpack

import numpy as np

from cleanplate.base.arrays import cut
from cleanplate.base.errors import MaskError, MediaError, UsageError
from cleanplate.base.names import refuse_inputs
from cleanplate.base.options import with_choices
from cleanplate.base.report import Progress, StageClock, Watch
from cleanplate.base.settings import check_grow, feather_for
from cleanplate.base.when import parse_limits
from cleanplate.decode.reader import open_video
from cleanplate.mask.stored import StoredMasks
from cleanplate.paint.engine import engine_options, engine_spec, make_engine
from cleanplate.paste import paste
from cleanplate.pieces import Held, hold, paint_piece
from cleanplate.tasks.marks import Marks, mask_pass, sources_of
from cleanplate.tasks.sheet import check_picture, eight_bit, write_sheet

_HOLE_RGB = (255, 64, 64)


def preview(
    video: str | Path,
    *,
    output: str | Path,
    engine: str = "flowfill",
    quality: str | None = None,
    invent: str | None = None,
    flow: str | None = None,
    options: Mapping[str, Any] | None = None,
    device: str = "auto",
    grow_px: int = 4,
    feather_px: int | None = None,
    count: int = 4,
    start: str | None = None,
    stop: str | None = None,
    rate: Fraction | int | None = None,
    warn: Callable[[str], None] | None = None,
    watch: Watch | None = None,
    **marks: Unpack[Marks],
) -> list[int]:
    """Write a PNG with a row for each of `count` frames: the frame, its hole, the result. Returns their indices.

    The frames are spread evenly over those with a hole; each is painted from the frames around it, as in a run.
    Masks and errors are those of `remove`; `warn` is called with a sentence for each thing that was repaired.
    """
    check_picture(Path(output))
    if not 1 <= count <= 64:
        raise UsageError(f"{count} frames were asked for; a sheet holds 1 to 64")
    spec = engine_spec(engine)
    chosen_options = with_choices(options, quality=quality, invent=invent, flow=flow)
    engine_options(engine, chosen_options)
    feather_px = feather_for(feather_px, grow_px)
    check_grow(grow_px, feather_px)
    within = parse_limits(start, stop)
    sources = sources_of(marks)
    refuse_inputs(Path(output), [Path(video), *(path for source in sources for path in source.paths)])
    rows, names, chosen = [], [], []
    with open_video(video, None if rate is None else Fraction(rate)) as reader, tempfile.TemporaryDirectory() as folder:
        mask_pass(reader, Path(folder), marks, warn=warn or (lambda _: None), watch=watch)
        stored = StoredMasks(Path(folder))
        holed = [pts for pts, _ in reader.timestamps() if not stored.is_empty(pts)]
        wanted = _spread([pts for pts in holed if within is None or stored.seconds(pts) in within], count)
        if not wanted:
            raise MaskError(f"no frame with a hole lies in the time span {within}; change --start or --stop")
        frames = hold(
            ((frame, stored.labels(frame.pts)) for frame in reader),
            grow_px=grow_px,
            feather_px=feather_px,
            clock=StageClock(),
        )
        ready = make_engine(engine, chosen_options, device)
        for window, at in _windows(frames, wanted, spec.margin_frames):
            held = window[at]
            result, marked = held.frame, eight_bit(held.frame.image)
            (paints,) = paint_piece(window, (at, at + 1), ready, multiple_px=spec.multiple_px)
            result = paste(result, held.regions, [paint.image for paint in paints])
            for region in held.regions:
                inside = cut(marked, region.box_xyxy)
                inside[region.grown] = inside[region.grown] // 2 + np.array(_HOLE_RGB, np.uint8) // 2
            rows.append([eight_bit(held.frame.image), marked, eight_bit(result.image)])
            names.append(f"frame {held.frame.index} at {float(held.frame.pts * reader.info.time_base):.3f} s")
            chosen.append(held.frame.index)
            if watch is not None:
                watch(Progress(stage="preview", done=len(chosen), total=len(wanted)))
    if not rows:
        raise MediaError(f"no frame of '{video}' with a hole can be decoded; check the file with a player")
    write_sheet(rows, ("frame", "hole", "result"), names, Path(output))
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
