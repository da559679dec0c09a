"""Brings a mask of another size to the video's, or says why it cannot be."""

from __future__ import annotations

import cv2
import numpy as np

from cleanplate.base.errors import MaskError
from cleanplate.base.types import Labels

_ASPECT_TOLERANCE = 0.005
"two shapes count as the same up to this, and one pixel of the mask for the rounding of its size"


def check_size(mask_px: tuple[int, int], video_px: tuple[int, int], name: str) -> str | None:
    """Sizes as (width, height). None if they are equal, a warning if the mask will be resized.

    Raises `MaskError` for a mask of another shape, and says so if it is the video's turned by a quarter.
    """
    if mask_px == video_px:
        return None
    sizes = f"the mask {name} is {mask_px[0]}x{mask_px[1]} but the video is {video_px[0]}x{video_px[1]}"
    if _same_shape(mask_px, video_px):
        return f"{sizes}: the mask was resized to the video's size"
    if _same_shape(mask_px[::-1], video_px):
        raise MaskError(
            f"{sizes} as it is displayed: the mask lies on its side; masks are drawn on the picture as players show "
            "it, so turn the mask by 90 degrees"
        )
    raise MaskError(f"{sizes}, which is another shape; draw the mask on a frame of the video")


def _same_shape(mask_px: tuple[int, int], video_px: tuple[int, int]) -> bool:
    stretch = (mask_px[0] * video_px[1]) / (mask_px[1] * video_px[0])
    return abs(stretch - 1) <= _ASPECT_TOLERANCE + 1 / min(mask_px)


def resize_labels(labels: Labels, width_px: int, height_px: int) -> Labels:
    """Labels at another size: the nearest sample's, and no hole is lost in shrinking.

    A pixel whose area touches a hole of the larger mask belongs to the hole, so that a wire one pixel wide survives.
    """
    size = (width_px, height_px)
    resized = cv2.resize(labels, size, interpolation=cv2.INTER_NEAREST_EXACT)
    if width_px < labels.shape[1] or height_px < labels.shape[0]:
        for label in np.flatnonzero(np.bincount(labels.ravel(), minlength=256)[1:]) + 1:
            share = cv2.resize((labels == label).astype(np.float32), size, interpolation=cv2.INTER_AREA)
            resized[(share > 0) & (resized == 0)] = label
    return np.asarray(resized, np.uint8)
