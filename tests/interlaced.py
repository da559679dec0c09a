"""Interlaced video for tests: rendered at twice the rate, woven, written as H.264, and judged in luma."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from numpy.typing import NDArray


def weave_rows(pictures: NDArray[np.uint8], first: str) -> NDArray[np.uint8]:
    """(2T, H, W, ...) at twice the rate -> (T, H, W, ...) interlaced."""
    early, late = (0, 1) if first == "tff" else (1, 0)
    woven = pictures[0::2].copy()
    woven[:, early::2] = pictures[0::2, early::2]
    woven[:, late::2] = pictures[1::2, late::2]
    return woven


def write_interlaced(path: Path, images: NDArray[np.uint8], first: str) -> None:
    """(T, H, W, 3) RGB woven frames as H.264 4:2:0; chroma is made from each field by itself."""
    height, width = images.shape[1:3]
    with av.open(str(path), "w") as out:
        options = {"qp": "0", "preset": "ultrafast", "flags": "+ilme+ildct", "x264-params": f"{first}=1"}
        video = out.add_stream("libx264", rate=25, options=options)
        video.width, video.height, video.pix_fmt = width, height, "yuv420p"
        for index, image in enumerate(images):
            picture = av.VideoFrame(width, height, "yuv420p")
            for parity in (0, 1):
                field = av.VideoFrame.from_ndarray(np.ascontiguousarray(image[parity::2]), format="rgb24")
                field = field.reformat(format="yuv420p", dst_colorspace="ITU601", dst_color_range="MPEG")
                for whole, part in zip(picture.planes, field.planes, strict=True):
                    lines = np.frombuffer(part, np.uint8).reshape(part.height, part.line_size)
                    target = np.frombuffer(whole, np.uint8).reshape(whole.height, whole.line_size)
                    target[parity::2, : part.width] = lines[:, : part.width]
            picture.pts, picture.time_base = index, Fraction(1, 25)
            out.mux(video.encode(picture))
        out.mux(video.encode(None))


def luma_of(path: Path) -> NDArray[np.uint8]:
    with av.open(str(path)) as file:
        return np.stack([frame.to_ndarray()[: frame.height, : frame.width] for frame in file.decode(video=0)])


def hole_db(path: Path, plate: NDArray[np.uint8], holes: NDArray[np.bool_]) -> float:
    error = luma_of(path).astype(float) - plate
    return float(10 * np.log10(255**2 / np.mean(error[holes] ** 2)))
