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
    frames: int = 0
    samples: int = 0
    "samples compared outside the grown holes"
    changed: int = 0
    "of those, samples that differ from the source"
    where: list[str] = field(default_factory=list)
    "the first few, e.g. 'frame 3, plane Y, x 10, y 20: 17 became 18'"
    _last: tuple[Labels, NDArray[np.bool_]] | None = None

    @property
    def verdict(self) -> str:
        """`identical`, or how many samples changed and where the first one is."""
        if not self.changed:
            return "identical"
        return f"{self.changed} samples changed, the first at {self.where[0]}"

    def compare(self, index: int, before: Planes, after: Planes, labels: Labels) -> None:
        """Compare one frame's planes outside the grown hole. `labels`: (H, W), non-zero = hole."""
        self.frames += 1
        names = (*_PLANE_NAMES[before.layout.model], "A")
        allowed: NDArray[np.bool_] | None = None
        for n, (old, new) in enumerate(zip(before.arrays, after.arrays, strict=True)):
            if allowed is None and labels.any():
                allowed = self._allowed(before, labels)
            may = None if allowed is None else allowed
            if may is not None and old.shape != labels.shape:
                may = _on_chroma(may, before, old.shape)
            self.samples += old.size - (0 if may is None else int(np.count_nonzero(may)))
            if old is new:
                continue
            differs = old != new
            if may is not None:
                differs &= ~may
            for y, x in np.argwhere(differs)[: _MOST_NAMED - len(self.where)]:
                self.where.append(f"frame {index}, plane {names[n]}, x {x}, y {y}: {old[y, x]} became {new[y, x]}")
            self.changed += int(np.count_nonzero(differs))

    def _allowed(self, planes: Planes, labels: Labels) -> NDArray[np.bool_]:
        """(H, W) luma samples that may change: the mask grown by a disc, then to whole chroma samples."""
        if self._last is not None and self._last[0] is labels:
            return self._last[1]
        grown = _disc(labels != 0, self.grow_px)
        layout = planes.layout
        for axis, step, block in ((0, layout.step_y, layout.block_y), (1, layout.step_x, layout.block_x)):
            grown = _whole(grown, axis, step, -block)
        self._last = (labels, grown)
        return grown


def _disc(hole: NDArray[np.bool_], radius: int) -> NDArray[np.bool_]:
    """Samples within `radius` (Euclidean) of the hole, by runs along the rows."""
    rows = np.flatnonzero(hole.any(1))
    out = np.zeros_like(hole)
    if not len(rows):
        return out
    height, width = hole.shape
    for reach in sorted({int((radius**2 - dy**2) ** 0.5) for dy in range(radius + 1)}):
        run = np.zeros((len(rows), width + 1), np.int32)
        run[:, 1:] = np.cumsum(hole[rows], axis=1)
        x = np.arange(width)
        wide = run[:, np.minimum(x + reach, width - 1) + 1] > run[:, np.maximum(x - reach, 0)]
        for dy in range(-radius, radius + 1):
            if int((radius**2 - dy**2) ** 0.5) == reach:
                inside = (rows + dy >= 0) & (rows + dy < height)
                out[rows[inside] + dy] |= wide[inside]
    return out


def _whole(hole: NDArray[np.bool_], axis: int, step: int, lead: int) -> NDArray[np.bool_]:
    """Each run of `step` samples along the axis True where any is; the first run is `step - lead` samples long."""
    if step == 1:
        return hole
    length = hole.shape[axis]
    starts = np.concatenate([[0], np.arange(step - lead, length, step)]).astype(np.intp)
    lengths = np.diff(np.append(starts, length))
    return np.repeat(np.logical_or.reduceat(hole, starts, axis=axis), lengths, axis=axis)


def _on_chroma(allowed: NDArray[np.bool_], planes: Planes, shape: tuple[int, ...]) -> NDArray[np.bool_]:
    """The same on a chroma plane: every sample stands for the block that starts `step` samples after the last."""
    layout = planes.layout
    y = np.maximum(np.arange(shape[0]) * layout.step_y + layout.block_y, 0)
    x = np.maximum(np.arange(shape[1]) * layout.step_x + layout.block_x, 0)
    on_chroma: NDArray[np.bool_] = allowed[np.ix_(y, x)]
    return on_chroma
