"""Whether surveying a whole video can pay at all, from a few pairs of frames. Pure.

For holes that never move: before a camera that stands still they reveal nothing, however long one looks; before one
that moves on they reveal all within moments. Only what lies between is worth a survey.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cleanplate.motion.coverage import Grid, reveals
from cleanplate.motion.register import register
from cleanplate.motion.small import SmallView, view_flow
from cleanplate.motion.survey import LEAST_AGREED, STEP_FRAMES

REVEALED = 0.98
"share of a hole's cells that must come to light nearby"


def needs_survey(
    pairs: Iterable[tuple[NDArray[Any], NDArray[Any]]],
    apart_frames: int,
    bit_depth: int,
    hole: NDArray[np.bool_],
    *,
    near_frames: int,
    grow_px: int,
) -> bool:
    """Whether frames far away may show what a still hole (H, W) hides and frames nearby do not.

    pairs: the luma (H, W) of a frame and of one `apart_frames` later, from several places of the video, in order;
    near_frames: how far away an engine sees by itself. What cannot be told is taken for yes.
    """
    height, width = hole.shape
    view, dis, grid = SmallView(width, height), view_flow(), Grid.of(width, height)
    hidden = grid.unpack(grid.hidden(hole, grow_px)[None])
    points = grid.middles(np.flatnonzero(hidden))
    steps = np.array([k for k in range(-near_frames, near_frames + 1, STEP_FRAMES) if k])
    moves: list[bool] = []
    last: tuple[NDArray[np.uint8], NDArray[np.bool_]] | None = None
    for first, second in pairs:
        one, other = (view.look(luma, bit_depth, hole) for luma in (first, second))
        match = register(dis, *one, *other, np.eye(3))
        if match.agreed < LEAST_AGREED:
            return True
        moves.append(not np.array_equal(match.plane, np.eye(3)))
        if moves[-1]:  # and goes on like that
            each = (view.at_full_size(match.plane) - np.eye(3)) / apart_frames
            planes = np.eye(3) + steps[:, None, None] * each
            if reveals(points, planes, np.repeat(hidden, len(steps), axis=0), grid).any(0).mean() < REVEALED:
                return True
        elif last is not None:
            since = register(dis, *last, *one, np.eye(3))  # not to be brought together: another shot
            if since.agreed >= LEAST_AGREED and not np.array_equal(since.plane, np.eye(3)):
                return True
        last = one
    return not moves or len(set(moves)) > 1
