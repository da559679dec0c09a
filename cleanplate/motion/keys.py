"""Which frames of a shot to paint so that, carried along the camera's path, they show what no frame shows. Pure."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from cleanplate.motion.coverage import LEAST_GAIN, NEVER, Grid, choose, most_references, reveals
from cleanplate.motion.survey import ShotSurvey

TRIED_FRAMES = 40
"of a shot, spread evenly: what choosing costs is bounded"


def key_frames(shot: ShotSurvey, width_px: int, height_px: int, painted: Sequence[int] = ()) -> list[int]:
    """Indices of frames, the one that shows most of what is never revealed first; none where that is next to nothing.

    painted: frames that are painted already.
    """
    coverage, grid = shot.coverage, Grid.of(width_px, height_px)
    never = np.flatnonzero(coverage.state == NEVER)
    tried = shot.frames[:: -(-len(shot.frames) // TRIED_FRAMES)]
    known = [index for index in painted if shot.start <= index < shot.stop]
    nothing = np.zeros((len(tried) + len(known), grid.rows, grid.columns), np.bool_)
    back = np.linalg.inv(np.stack([shot.plane(int(index)) for index in (*tried, *known)]))
    shows = np.zeros((len(nothing), len(never)), np.bool_)
    for index in np.unique(coverage.frame[never]):
        mine = coverage.frame[never] == index
        points = grid.middles(coverage.cell[never[mine]])
        shows[:, mine] = reveals(points, back @ shot.plane(int(index)), nothing, grid)
    left = ~shows[len(tried) :].any(0)
    if left.sum() <= LEAST_GAIN * len(coverage.state):
        return []
    most = most_references(shot.stop - shot.start)
    chosen = choose(shows[: len(tried), left], tried, coverage.frame[never[left]], most)
    return [int(tried[n]) for n in chosen]
