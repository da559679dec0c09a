"""A frame that was painted over in the browser: the frame itself, and only what was painted from there.

A browser's canvas has 8 bits a sample. So what comes from it is a layer, see-through wherever nothing was painted; it
is laid over the frame as it was decoded, whose own samples stay in their full depth.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from cleanplate.apps.ui.frames import DEEP
from cleanplate.base.arrays import cut
from cleanplate.base.color import to_rgb
from cleanplate.base.errors import UsageError
from cleanplate.base.types import Frame, Hole, Image, Labels, Planes
from cleanplate.paste import regions_of


def unpacked(layer: Planes) -> tuple[Image, Hole]:
    """The colours (H, W, 3) uint8 of a layer, and where it is painted (H, W). Raises `UsageError` for another kind."""
    if not layer.layout.has_alpha or layer.layout.bit_depth != 8:
        raise UsageError("what was painted has to be a PNG of 8 bits that is see-through where nothing was painted")
    return to_rgb(layer, (0, 0, layer.width_px, layer.height_px)), layer.arrays[-1] >= 128


def hole_of(frame: Frame, labels: Labels | None, grow_px: int, feather_px: int) -> Hole:
    """What a run paints of a frame that is marked so: (H, W)."""
    native = frame.native
    assert native is not None  # a frame that was decoded
    hole = np.zeros((native.height_px, native.width_px), np.bool_)
    if labels is not None:
        for region in regions_of(labels > 0, native.layout, grow_px=grow_px, feather_px=feather_px):
            cut(hole, region.box_xyxy)[...] = region.blank
    return hole


def painted_over(image: Image, colors: Image, painted: Hole, hole: Hole) -> NDArray[np.uint8 | np.uint16]:
    """The frame `image` (H, W, 3) with those colors where it is painted: (H, W, 4) RGBA of the frame's depth.

    It is see-through where the hole is not painted: what is to go must not be taken for what is behind it.
    """
    levels = DEEP if image.dtype == np.uint16 else 1
    over = np.empty((*painted.shape, 4), image.dtype)
    over[..., :3] = np.where(painted[..., None], colors.astype(image.dtype) * levels, image)
    over[..., 3] = np.where(hole & ~painted, 0, np.iinfo(image.dtype).max)
    return over
