"""How a video is divided into pieces: from its size, the engine's needs and the memory budget alone. Pure.

The grid follows from the video, the settings and the budget, never from free memory: so the same command makes the
same bytes on every machine, however busy.
"""

from __future__ import annotations

from dataclasses import dataclass

_PROGRAM_BYTES = 300 * 1024**2
"interpreter, libraries and compiled kernels, measured at 210-280 MiB"
_FRAMES_IN_CODECS = 48
"frames the decoder and the encoder's look-ahead (40 for x264's medium preset) hold together"
_QUEUE_BYTES = 100 * 1024**2
_QUEUE_FRAMES = 32
"longest queue: long enough that the encoder works on while a piece is painted (1080p: 5 % less time than with 8)"
_PLANNED_SHARE = 0.8
"of the budget: peaks came out up to 15 % a frame above the plan (1080p, moving hole), from the allocator's leftovers"
_JOINT_FRAMES = 4
"frames painted by both neighbours and cross-faded: enough to hide a step, 4 % of a full piece"
_FEWEST_CORE = 8
_FEWEST_MARGIN = 4


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
    "what a piece of this length is expected to take, the program included"


def plan_grid(
    *,
    core_frames: int,
    margin_frames: int,
    crop_px: int,
    crop_bytes_per_px: int,
    frame_bytes: int,
    budget_bytes: int,
) -> Grid:
    """The longest piece that the budget allows, up to what the engine asks for.

    crop_px: samples of the largest crop; crop_bytes_per_px: memory a crop sample takes in the engine, images and hole
    included; frame_bytes: one full frame in the file's own samples. Where even the shortest piece is over the budget,
    that one is returned: `memory_bytes` tells.
    """
    joint = min(_JOINT_FRAMES, margin_frames)
    queue = max(2, min(_QUEUE_FRAMES, _QUEUE_BYTES // max(frame_bytes, 1)))

    def needed(core: int, margin: int) -> int:
        clip = (core + joint + 2 * margin) * crop_px * crop_bytes_per_px
        held = (core + joint + 2 * margin + 2 * queue + _FRAMES_IN_CODECS) * frame_bytes
        return _PROGRAM_BYTES + clip + held

    core, margin = core_frames, margin_frames
    usable = _PLANNED_SHARE * budget_bytes
    while needed(core, margin) > usable and (core > _FEWEST_CORE or margin > min(_FEWEST_MARGIN, margin_frames)):
        # The margin is worth more than the core as long as the core is the longer one: it costs time, not quality.
        if core > max(margin, _FEWEST_CORE):
            core -= 1
        elif margin > min(_FEWEST_MARGIN, margin_frames):
            margin -= 1
        else:
            core -= 1
    return Grid(core=core, margin=margin, joint=min(joint, margin), queue=queue, memory_bytes=needed(core, margin))
