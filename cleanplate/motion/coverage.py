"""Which parts of the holes of a shot are revealed nearby, which far away and which never; and by which frames. Pure.

Holes are looked at in cells of a coarse grid, on frames spread over the shot. A cell's middle is carried along the
camera's path: where it lies inside another frame's picture, outside its hole, that frame reveals it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import cv2
import numba
import numpy as np
from numpy.typing import NDArray

from cleanplate.motion.kernels import KERNEL

GRID_CELLS = 128
"along the longer side of the picture, about"
NEVER, NEAR, FAR = 0, 1, 2
"states of a cell"
MOST_FRAMES = 160
"frames of a shot whose holes are looked at, and frames tried as references: what a long shot costs is bounded"
MOST_CELLS = 200_000
"cells looked at in a shot"
LEAST_GAIN = 0.01
"of all cells: a reference that reveals less of what is left is not worth fetching"
ALIKE_GAIN = 0.97
"of the best: among references that reveal so much the nearest in time is taken, for light changes"
FRAMES_A_REFERENCE = 120
"a shot has at most 3 references, and one more for so many frames"


@dataclass(frozen=True, kw_only=True)
class Grid:
    """Cells of a picture."""

    width_px: int
    height_px: int
    columns: int
    rows: int

    @classmethod
    def of(cls, width_px: int, height_px: int) -> Self:
        cell_px = max(max(width_px, height_px) / GRID_CELLS, 1)
        columns, rows = (max(round(side / cell_px), 1) for side in (width_px, height_px))
        return cls(width_px=width_px, height_px=height_px, columns=columns, rows=rows)

    def hidden(self, hole: NDArray[np.bool_] | None, grow_px: int) -> NDArray[np.uint8]:
        """The cells of which a hole (H, W) covers more than a third, grown, packed: eight in a byte."""
        if hole is None:
            return np.packbits(np.zeros(self.rows * self.columns, np.bool_))
        share = cv2.resize(hole.view(np.uint8) * np.uint8(255), (self.columns, self.rows), interpolation=cv2.INTER_AREA)
        side = 2 * round(grow_px * self.columns / self.width_px) + 1
        return np.packbits(cv2.dilate(share, np.ones((side, side), np.uint8)) > 85)

    def unpack(self, hidden: NDArray[np.uint8]) -> NDArray[np.bool_]:
        """(N, bytes) -> (N, rows, columns)."""
        bits = np.unpackbits(hidden, axis=-1, count=self.rows * self.columns).view(np.bool_)
        return bits.reshape(-1, self.rows, self.columns)

    def middles(self, cells: NDArray[np.int64]) -> NDArray[np.float64]:
        """Points (N, 2) px in the middle of cells, counted row by row."""
        ys, xs = np.divmod(cells, self.columns)
        x = (xs + 0.5) * self.width_px / self.columns - 0.5
        y = (ys + 0.5) * self.height_px / self.rows - 0.5
        return np.stack([x, y], -1)


@dataclass(frozen=True, kw_only=True, eq=False)
class Coverage:
    """The cells of a shot's holes that were looked at, and the references chosen for them."""

    frame: NDArray[np.int64]  # (E,): index of the frame the cell is of, rising
    cell: NDArray[np.int64]  # (E,): counted row by row
    state: NDArray[np.uint8]  # (E,): NEVER, NEAR or FAR
    references: tuple[int, ...] = ()
    "frame indices, the most telling first"
    revealed: NDArray[np.bool_]  # (R, E): which cells a reference reveals, of those that nothing near does

    def of_frame(self, index: int) -> NDArray[np.bool_]:
        """(E,): the cells of the frame that was looked at nearest to `index`."""
        if not len(self.frame):
            return np.zeros(0, np.bool_)
        at = int(np.searchsorted(self.frame, index))
        near = [int(self.frame[n]) for n in (at - 1, at) if 0 <= n < len(self.frame)]
        return np.asarray(self.frame == min(near, key=lambda frame: abs(frame - index)))


def cover(
    frames: NDArray[np.int64],
    planes: NDArray[np.float64],
    hidden: NDArray[np.uint8],
    grid: Grid,
    near_frames: int,
) -> Coverage:
    """Tell the cells of a shot apart and choose references by greedy coverage of what nothing near reveals.

    frames (N,): indices, rising; planes (N, 3, 3): points of each to those of the first, px; hidden (N, bytes): as of
    `Grid.hidden`; near_frames: how far away an engine sees by itself.
    """
    holed = np.flatnonzero(hidden.any(1))
    if not len(holed) or frames[-1] - frames[0] <= near_frames:
        return _nothing()
    looked = holed[:: -(-len(holed) // MOST_FRAMES)]
    tried = np.arange(0, len(frames), -(-len(frames) // MOST_FRAMES))
    tried_hidden, back = grid.unpack(hidden[tried]), np.linalg.inv(planes)
    counts = grid.unpack(hidden[looked]).sum((1, 2))
    thin = max(1, -(-int(counts.sum()) // MOST_CELLS))
    parts: list[tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.bool_], NDArray[np.bool_]]] = []
    for n in looked:
        cells = np.flatnonzero(grid.unpack(hidden[n : n + 1]))[::thin]
        points = grid.middles(cells)
        near = np.flatnonzero(np.abs(frames - frames[n]) <= near_frames)
        is_near = np.asarray(reveals(points, back[near] @ planes[n], grid.unpack(hidden[near]), grid).any(0))
        by = reveals(points, back[tried] @ planes[n], tried_hidden, grid) & ~is_near
        parts.append((np.full(len(cells), frames[n]), cells, is_near, by))
    frame, cell, is_near = (np.concatenate(part) for part in list(zip(*parts, strict=True))[:3])
    by = np.concatenate([part[3] for part in parts], 1)
    state = np.where(is_near, NEAR, np.where(by.any(0), FAR, NEVER)).astype(np.uint8)
    chosen = choose(by, frames[tried], frame, most_references(int(frames[-1] - frames[0])))
    return Coverage(
        frame=frame,
        cell=cell,
        state=state,
        references=tuple(int(frames[tried[n]]) for n in chosen),
        revealed=by[chosen],
    )


def most_references(frame_count: int) -> int:
    """How many references a shot of that length has at most."""
    return 3 + frame_count // FRAMES_A_REFERENCE


def choose(by: NDArray[np.bool_], frames: NDArray[np.int64], frame: NDArray[np.int64], most: int) -> list[int]:
    """Rows of `by` (C, E) that together reveal most, the best first.

    frames (C,): index of each row's frame; frame (E,): of each cell's.
    """
    left = np.ones(by.shape[1], np.bool_)
    chosen: list[int] = []
    while len(chosen) < most:
        gains = by[:, left].sum(1)
        if not gains.size or gains.max() < max(LEAST_GAIN * by.shape[1], 1):
            break
        good = np.flatnonzero(gains >= ALIKE_GAIN * gains.max())
        away = [np.abs(frames[n] - frame[left & by[n]]).mean() for n in good]
        best = int(good[int(np.argmin(away))])
        chosen.append(best)
        left &= ~by[best]
    return chosen


def _nothing() -> Coverage:
    none = np.zeros(0, np.int64)
    return Coverage(frame=none, cell=none, state=none.astype(np.uint8), revealed=np.zeros((0, 0), np.bool_))


def reveals(
    points: NDArray[np.float64], planes: NDArray[np.float64], hidden: NDArray[np.bool_], grid: Grid
) -> NDArray[np.bool_]:
    """Whether each of M frames shows each of P points: (M, P).

    points (P, 2) px; planes (M, 3, 3): take them to those frames; hidden (M, rows, columns).
    """
    return np.asarray(_lookup(points, planes, hidden, float(grid.width_px), float(grid.height_px)))


@numba.njit(**KERNEL)
def _lookup(
    points: NDArray[np.float64],
    planes: NDArray[np.float64],
    hidden: NDArray[np.bool_],
    width: float,
    height: float,
) -> NDArray[np.bool_]:
    count, rows, columns = hidden.shape
    seen = np.zeros((count, len(points)), np.bool_)
    for m in range(count):
        plane = planes[m]
        for p in range(len(points)):
            x, y = points[p]
            depth = plane[2, 0] * x + plane[2, 1] * y + plane[2, 2]
            if depth <= 0:
                continue
            u = (plane[0, 0] * x + plane[0, 1] * y + plane[0, 2]) / depth + 0.5
            v = (plane[1, 0] * x + plane[1, 1] * y + plane[1, 2]) / depth + 0.5
            if u < 0 or v < 0 or u >= width or v >= height:
                continue
            seen[m, p] = not hidden[
                m, min(int(v * rows / height), rows - 1), min(int(u * columns / width), columns - 1)
            ]
    return seen
