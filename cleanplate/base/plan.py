"""How a video is divided into pieces: from its size, the engine's needs and the memory budget alone. Pure.

The grid follows from the video, the settings and the budget, never from free memory: so the same command makes the
same bytes on every machine, however busy.
"""

from __future__ import annotations

from dataclasses import dataclass

_PROGRAM_BYTES = 300 * 1024**2
"interpreter, libraries and compiled kernels, measured at 210-280 MiB"
_QUEUE_BYTES = 100 * 1024**2
_QUEUE_FRAMES = 32
"longest queue: long enough that the encoder works on while a piece is painted (1080p: 5 % less time than with 8)"
_PLANNED_SHARE = 0.92
"of the budget; the rest is for the allocator's leftovers"
JOINT_FRAMES = 4
"frames painted by both neighbours and cross-faded: enough to hide a step, 4 % of a full piece"
_FEWEST_QUEUED = 3
_FEWEST_CORE = 4
_FEWEST_MARGIN = 4


@dataclass(frozen=True, kw_only=True)
class Forecast:
    """What a run is expected to take, from the headers and the masks alone: shot cuts are not known yet."""

    grid: Grid
    frames: int
    holed_frames: int
    pieces: int
    "at least: each shot cut between frames with holes adds up to one"
    memory_bytes: int
    "at the peak, the program included"
    ceiling_bytes: int
    "what it is to stay below: as asked for, or the default for pictures of this size"
    disk_bytes: int
    "beside the output until the run is done: finished pieces, not packed, and a result as large as the input"
    seconds: float
    "on cores like those it was measured on (see forecast.py), with nothing else to do"


@dataclass(frozen=True, kw_only=True)
class Grid:
    """Lengths of a piece, in frames."""

    core: int
    "painted and kept"
    margin: int
    "seen before and after the core"
    joint: int
    "painted again by the next piece and cross-faded"
    queue: int
    "decoded ahead, and as many waiting for the encoder"
    memory_bytes: int
    "what pieces of this length are expected to take, the program included"
    workers: int = 1
    "pieces painted at a time: as many as were asked for and fit into the budget; changes no byte of the result"


def plan_grid(
    *,
    core_frames: int,
    margin_frames: int,
    crop_px: int,
    crop_bytes_per_px: int,
    frame_bytes: int,
    frames_in_codecs: int,
    budget_bytes: int,
    region_bytes: int = 0,
    workers: int = 1,
    references: int = 0,
) -> Grid:
    """The longest piece that the budget allows, up to what the engine asks for, and then the workers it allows.

    crop_px: samples of the largest crop; crop_bytes_per_px: memory a crop sample takes in the engine, images and hole
    included; frame_bytes: one full frame in the file's own samples; region_bytes: what is kept of its holes;
    frames_in_codecs: how many frames' worth decoder and encoder hold together; references: frames from far away that a
    piece may be shown. Where even the shortest piece is over the budget, that one is returned: `memory_bytes` tells.
    """
    queue = max(2, min(_QUEUE_FRAMES, _QUEUE_BYTES // max(frame_bytes, 1)))

    def needed(core: int, margin: int, workers: int = 1) -> int:
        around = _joint(core, margin) + 2 * margin + references
        clip = (core + around) * crop_px * crop_bytes_per_px
        held = (workers * core + around + 2 * queue) * (frame_bytes + region_bytes)
        return _PROGRAM_BYTES + workers * clip + held + frames_in_codecs * frame_bytes

    core, margin = core_frames, margin_frames
    usable = _PLANNED_SHARE * budget_bytes
    while needed(core, margin) > usable and (core > _FEWEST_CORE or margin > min(_FEWEST_MARGIN, margin_frames)):
        # Queues cost a little time, the core some more (its margins are looked at again), the margin quality.
        if queue > _FEWEST_QUEUED:
            queue -= 1
        elif core > max(margin, _FEWEST_CORE):
            core -= 1
        elif margin > min(_FEWEST_MARGIN, margin_frames):
            margin -= 1
        else:
            core -= 1
    while workers > 1 and needed(core, margin, workers) > usable:
        workers -= 1
    return Grid(
        core=core,
        margin=margin,
        joint=_joint(core, margin),
        queue=queue,
        memory_bytes=needed(core, margin, workers),
        workers=workers,
    )


def _joint(core: int, margin: int) -> int:
    """A joint no longer than half a piece, for its frames are painted twice."""
    return min(JOINT_FRAMES, margin, core // 2)
