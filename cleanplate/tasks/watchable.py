"""Videos to look at, made of RGB pictures: what the encoder has to be told, and the pictures as it takes them."""

from __future__ import annotations

from dataclasses import replace

from cleanplate.base.color import from_rgb
from cleanplate.base.pixels import PIXEL_FORMATS, stored_layout, yuv_matrix
from cleanplate.base.types import Image, Planes, VideoInfo


def watchable(info: VideoInfo, across: int = 1) -> VideoInfo:
    """The description for so many of its pictures side by side: upright H.264, 4:2:0 where it can be, 8 or 10 bit."""
    depth = 8 if info.bit_depth == 8 else 10
    width_px = across * info.width_px
    chroma = "444" if info.height_px % 2 or width_px % 2 else "420"  # 4:2:0 cannot hold an odd size
    matrix = yuv_matrix(info.color, info.height_px)
    return replace(
        info,
        width_px=width_px,
        rotation_deg=0,
        is_flipped=False,
        bit_depth=depth,
        pixel_format=f"yuv{chroma}p" if depth == 8 else f"yuv{chroma}p10le",
        codec="h264",
        color=replace(info.color, matrix=matrix, full_range=False, chroma_location="left"),
    )


def planes_of(image: Image, info: VideoInfo) -> Planes:
    """An RGB picture (H, W, 3) of that size as planes of that description."""
    layout = stored_layout(PIXEL_FORMATS[info.pixel_format], info.color, info.height_px)
    box = (0, 0, info.width_px, info.height_px)
    return Planes(arrays=from_rgb(image, box, layout, info.width_px, info.height_px), layout=layout)
