"""Filling holes of arrays in memory: the same windows, crops, shots and joints as for a file."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cleanplate.base.arrays import bounding_box, cut, union_box
from cleanplate.base.errors import UsageError
from cleanplate.base.plan import plan_grid
from cleanplate.base.report import StageClock
from cleanplate.base.settings import MEMORY_DEFAULT_BYTES
from cleanplate.base.types import Frame, Labels, Painting, PlaneLayout, Planes
from cleanplate.crops import largest_crop_px
from cleanplate.paint.engine import engine_spec, make_engine
from cleanplate.pieces import hold, paint_frames


def fill(
    images: NDArray[Any],
    holes: NDArray[np.bool_],
    *,
    engine: str = "flowfill",
    options: Mapping[str, Any] | None = None,
    device: str = "auto",
    memory_bytes: int = MEMORY_DEFAULT_BYTES,
) -> Painting:
    """Paint the holes of pictures in memory.

    images: (T, H, W, 3) RGB, uint8 or full-scale uint16; holes: (T, H, W) bool, True = paint here. What the holes hide
    is never looked at, and everything else comes back unchanged. Raises `UsageError` for arrays of another kind, an
    unknown engine or an unknown option, or a device that is not here or that the engine cannot use.
    """
    images, holes = np.asarray(images), np.asarray(holes)
    if images.ndim != 4 or images.shape[-1] != 3 or images.dtype not in (np.uint8, np.uint16):
        raise UsageError(f"images are {images.dtype} {images.shape}; give uint8 or uint16 of shape (T, H, W, 3), RGB")
    if holes.shape != images.shape[:3] or holes.dtype != bool:
        raise UsageError(f"holes are {holes.dtype} {holes.shape}; give bool of shape {images.shape[:3]}, True = paint")
    if not images.size:
        raise UsageError(f"images have the shape {images.shape}, so there is nothing to paint; give at least one frame")
    spec = engine_spec(engine)
    layout = PlaneLayout(
        pixel_format="rgb", model="rgb", bit_depth=8 * images.dtype.itemsize, matrix=0, full_range=True
    )

    def frames() -> Iterator[tuple[Frame, Labels]]:
        for index, (image, hole) in enumerate(zip(images, holes, strict=True)):
            planes = Planes(arrays=tuple(image[..., channel] for channel in range(3)), layout=layout)
            yield Frame(index=index, pts=index, duration=1, native=planes), hole.view(np.uint8)

    height, width = images.shape[1:3]
    whole = union_box(box for hole in holes if (box := bounding_box(hole)) is not None) or (0, 0, 1, 1)
    crop_px = largest_crop_px([whole], 0, width, height, spec.filled_px)
    grid = plan_grid(
        core_frames=spec.core_frames,
        margin_frames=spec.margin_frames,
        crop_px=crop_px,
        crop_bytes_per_px=spec.clip_bytes_per_px(crop_px, height, images.dtype.itemsize),
        window_bytes=spec.window_bytes(crop_px),
        frame_bytes=0,  # the caller holds the frames already
        frames_in_codecs=0,
        budget_bytes=memory_bytes,
    )
    clock = StageClock()
    filled = images.copy()
    origin = np.zeros(holes.shape, np.uint8)
    held_frames = hold(frames(), grow_px=0, feather_px=0, clock=clock)
    ready = make_engine(engine, options, device)
    for held, painted in paint_frames(held_frames, [ready], grid, clock=clock, multiple_px=spec.multiple_px):
        index = held.frame.index
        for region, paint in zip(held.regions, painted, strict=True):
            cut(filled[index], region.box_xyxy)[region.blank] = paint.image[region.blank]
            cut(origin[index], region.box_xyxy)[region.blank] = paint.origin[region.blank]
    return Painting(images=filled, origin=origin)
