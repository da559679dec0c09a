"""Frames of the video that a person painted in another program, checked at the door and read.

for index, (image, hole) in read_painted(job, reader).items():
    ...
"""

from __future__ import annotations

from bisect import bisect_left

import numpy as np

from cleanplate.base.color import to_rgb
from cleanplate.base.errors import MediaError, UsageError
from cleanplate.base.settings import Job, PaintedFrame
from cleanplate.base.types import Hole, Image, VideoInfo
from cleanplate.decode.images import read_image
from cleanplate.decode.reader import VideoReader
from cleanplate.paint.engine import engine_spec

_DEEP = 257
"16-bit levels for one of 8 bits"


def read_painted(job: Job, reader: VideoReader) -> dict[int, tuple[Image, Hole]]:
    """Each painted frame of the job by its index: (H, W, 3) in the depth of the video, and what is see-through of it.

    Raises `UsageError` for one that is missing, of another size, or outside the video, and where the engine has no use
    for any; `MediaError` for one that cannot be read.
    """
    if not job.references:
        return {}
    if not engine_spec(job.engine).references:
        raise UsageError(f"the engine '{job.engine}' makes no use of --reference; leave it out, or take flowfill")
    stamps = reader.timestamps()
    if not stamps:
        raise MediaError(f"no frame of '{job.video}' can be decoded; check the file with a player")
    times = [(pts - stamps[0][0]) * reader.info.time_base for pts, _ in stamps]
    found: dict[int, tuple[Image, Hole]] = {}
    for painted in job.references:
        after = bisect_left(times, painted.time_s)
        if after == len(times) and painted.time_s > times[-1] + 1 / (reader.info.rate or 1):
            raise UsageError(
                f"--reference '{painted}' lies outside the video, whose last frame begins at {float(times[-1]):.3f} s; "
                "give the time of the frame it was painted from"
            )
        near = [n for n in (after - 1, after) if 0 <= n < len(times)]
        index = min(near, key=lambda n: abs(times[n] - painted.time_s))
        if index in found:
            raise UsageError(f"two --reference are of frame {index}, '{painted}' the second; leave one out")
        found[index] = _read(painted, reader.info)
    return found


def _read(painted: PaintedFrame, info: VideoInfo) -> tuple[Image, Hole]:
    if not painted.path.is_file():
        raise UsageError(f"there is no file '{painted.path}'; check the path behind --reference")
    try:
        planes = read_image(painted.path)
    except (MediaError, OSError) as error:
        raise MediaError(f"--reference: {error}; save the painted frame as PNG") from error
    width, height = planes.width_px, planes.height_px
    if (width, height) != (info.width_px, info.height_px):
        raise UsageError(
            f"--reference '{painted.path}' is {width}x{height}, but the video is {info.width_px}x{info.height_px}; "
            "paint on a frame of the video itself, at its full size"
        )
    bits = planes.layout.bit_depth
    image = to_rgb(planes, (0, 0, width, height))
    if bits == 8 and info.bit_depth > 8:
        image = image.astype(np.uint16) * np.uint16(_DEEP)
    elif bits == 16 and info.bit_depth == 8:
        image = np.rint(image / np.float32(_DEEP)).astype(np.uint8)
    hole = np.zeros((height, width), np.bool_)
    if planes.layout.has_alpha:
        hole = planes.arrays[-1] < 1 << (bits - 1)
        image[hole] = 0
    return image, hole
