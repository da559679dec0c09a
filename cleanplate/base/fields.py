"""Interlaced pictures: two fields, taken at two times, woven into one picture line by line.

Each field is a picture of half the height, so everything that works on pictures works on fields. Fields of the same
parity are half as dense in time as fields of both, but lie on the same lines: what stands still is copied exactly.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cleanplate.base.types import PlaneLayout, Planes, VideoInfo

FIELDS = (0, 1)
"the first line of the top and of the bottom field"
_INTERLACED = ("tt", "bb", "tb", "bt")


def is_interlaced(info: VideoInfo) -> bool:
    """Whether the file says that its pictures are two fields each."""
    return info.field_order in _INTERLACED


def can_split(info: VideoInfo, layout: PlaneLayout) -> bool:
    """Whether the fields are pictures of the same form: upright, and with whole lines of chroma of their own."""
    return info.rotation_deg == 0 and layout.block_y == 0 and info.height_px % (2 * layout.step_y) == 0


def field_of(planes: Planes, parity: int) -> Planes:
    """Every second line from `parity` on, as views."""
    return Planes(arrays=tuple(plane[parity::2] for plane in planes.arrays), layout=_layout(planes.layout, parity))


def weave(whole: Planes, fields: Sequence[Planes]) -> Planes:
    """The picture `whole` with its lines from the top and the bottom field; itself where both are its own views."""
    arrays = []
    for n, plane in enumerate(whole.arrays):
        lines = [field.arrays[n] for field in fields]
        is_own = all(np.may_share_memory(line, plane) for line in lines)
        arrays.append(plane if is_own else _woven(plane, lines))
    return replace(whole, arrays=tuple(arrays))


def _woven(plane: NDArray[Any], lines: Sequence[NDArray[Any]]) -> NDArray[Any]:
    out = np.empty_like(plane)
    for parity in FIELDS:
        out[parity::2] = lines[parity]
    out.flags.writeable = False
    return out


def _layout(layout: PlaneLayout, parity: int) -> PlaneLayout:
    """A field's chroma lines lie a quarter of their distance nearer to the other field's luma (ITU-T H.264, 6.2)."""
    if layout.step_y == 2 and layout.site_y == 0.5:
        return replace(layout, site_y=(0.25, 0.75)[parity])
    return layout
