"""The proof that nothing outside the hole was touched.

Judged from the stored masks by code that paste does not use: its own growing (integer distances, no image library) and
its own rounding to chroma samples, on the planes as they go to the encoder.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from cleanplate.base.types import Labels, Planes

_MOST_NAMED = 8
_PLANE_NAMES = {"yuv": ("Y", "Cb", "Cr"), "rgb": ("R", "G", "B"), "gray": ("Y",)}


@dataclass(kw_only=True)
class Untouched:
    """What the comparison found, over all frames so far."""

    grow_px: int
    samples: int = 0
    "samples compared outside the grown holes"
    changed: int = 0
    "of those, samples that differ from the source"
    where: list[str] = field(default_factory=list)
    "the first few, e.g. 'frame 3, plane Y, x 10, y 20: 17 became 18'"
    _last: dict[int, tuple[Labels, list[tuple[NDArray[np.bool_], int]]]] = field(default_factory=dict)

    @property
    def verdict(self) -> str:
        """`identical`, or how many samples changed and where the first one is."""
        if not self.changed:
            return "identical"
        return f"{self.changed} samples changed, the first at {self.where[0]}"

    def compare(
        self, index: int, before: Planes, after: Planes, labels: Labels, *, first_row: int = 0, line_px: int = 1
    ) -> None:
        """Compare one picture's planes outside the grown hole. `labels`: (H, W), non-zero = hole.

        `first_row`, `line_px`: where the picture's lines lie in the frame, if it is a field of it.
        """
        names = (*_PLANE_NAMES[before.layout.model], "A")
        allowed = self._allowed(before, labels, first_row, line_px)
        for n, (old, new) in enumerate(zip(before.arrays, after.arrays, strict=True)):
            may, may_count = allowed[old.shape != labels.shape]
            self.samples += old.size - may_count
            if old is new:
                continue
            differs = old != new
            np.greater(differs, may, out=differs)
            if not differs.any():
                continue
            self.changed += int(np.count_nonzero(differs))
            for y, x in np.argwhere(differs)[: _MOST_NAMED - len(self.where)]:
                row = first_row + line_px * y
                self.where.append(f"frame {index}, plane {names[n]}, x {x}, y {row}: {old[y, x]} became {new[y, x]}")

    def _allowed(
        self, planes: Planes, labels: Labels, first_row: int, line_px: int
    ) -> list[tuple[NDArray[np.bool_], int]]:
        """Samples that may change, and how many: in planes of full size, then in chroma planes.

        The mask grown by a disc, then to whole chroma samples. Kept, for each field, while the labels are the same
        array.
        """
        if first_row not in self._last or self._last[first_row][0] is not labels:
            layout = planes.layout
            hole = labels != 0
            grown = np.zeros_like(hole)
            rows = _reach(hole.any(1), self.grow_px, layout.step_y, layout.block_y)
            columns = _reach(hole.any(0), self.grow_px, layout.step_x, layout.block_x)
            near = _disc(hole[rows, columns], self.grow_px, line_px)
            near = _whole(near, 0, layout.step_y, 0 if rows.start else -layout.block_y)
            near = _whole(near, 1, layout.step_x, 0 if columns.start else -layout.block_x)
            grown[rows, columns] = near
            has_chroma = any(plane.shape != labels.shape for plane in planes.arrays)
            both = [grown, _on_chroma(grown, planes)] if has_chroma else [grown]
            self._last[first_row] = labels, [(may, int(np.count_nonzero(may))) for may in both]
        return self._last[first_row][1]


def _reach(line: NDArray[np.bool_], radius: int, step: int, block: int) -> slice:
    """The part of an axis that samples marked on `line` reach when grown, beginning where a block of chroma does."""
    marked = np.flatnonzero(line)
    if not len(marked):
        return slice(0, 0)
    start = (int(marked[0]) - radius - block) // step * step + block
    return slice(max(start, 0), int(marked[-1]) + radius + step + 1)


def _disc(hole: NDArray[np.bool_], radius: int, line_px: int) -> NDArray[np.bool_]:
    """Samples within `radius` (Euclidean, px) of the hole, by runs along the rows."""
    height, width = hole.shape
    out = np.zeros_like(hole)
    rows = np.flatnonzero(hole.any(1))
    if not len(rows):
        return out
    x = np.arange(width)
    run = np.zeros((len(rows), width + 1), np.int32)
    run[:, 1:] = np.cumsum(hole[rows], axis=1)
    reaches = [int((radius**2 - (dy * line_px) ** 2) ** 0.5) for dy in range(radius // line_px + 1)]
    for reach in sorted(set(reaches)):
        wide = run[:, np.minimum(x + reach, width - 1) + 1] > run[:, np.maximum(x - reach, 0)]
        for dy in range(1 - len(reaches), len(reaches)):
            if reaches[abs(dy)] == reach:
                inside = (rows + dy >= 0) & (rows + dy < height)
                out[rows[inside] + dy] |= wide[inside]
    return out


def _whole(hole: NDArray[np.bool_], axis: int, step: int, lead: int) -> NDArray[np.bool_]:
    """Each run of `step` samples along the axis True where any is; the first run is `step - lead` samples long."""
    if step == 1 or not hole.size:
        return hole
    length = hole.shape[axis]
    starts = np.concatenate([[0], np.arange(step - lead, length, step)]).astype(np.intp)
    lengths = np.diff(np.append(starts, length))
    return np.repeat(np.logical_or.reduceat(hole, starts, axis=axis), lengths, axis=axis)


def _on_chroma(allowed: NDArray[np.bool_], planes: Planes) -> NDArray[np.bool_]:
    """The same on a chroma plane: each sample stands for the block that starts `step` samples after the last."""
    layout = planes.layout
    rows, columns = planes.arrays[1].shape
    y = np.maximum(np.arange(rows) * layout.step_y + layout.block_y, 0)
    x = np.maximum(np.arange(columns) * layout.step_x + layout.block_x, 0)
    on_chroma: NDArray[np.bool_] = allowed[np.ix_(y, x)]
    return on_chroma
