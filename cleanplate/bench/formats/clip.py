"""Tiny clips in any codec, container and pixel format, written with PyAV alone."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
from av.filter import Graph
from av.video.format import VideoFormat
from av.video.frame import VideoFrame
from numpy.typing import NDArray

from cleanplate.bench.formats.cases import Case
from cleanplate.save.priority import keeping_priority

MUXERS = {".ts": "mpegts", ".m2ts": "mpegts", ".mpg": "vob", ".y4m": "yuv4mpegpipe"}
_FIELD_ORDERS = {None: 1, "tff": 2, "bff": 3}


def scene(index: int, width: int, height: int) -> NDArray[np.uint8]:
    """(H, W, 4) R, G, B and alpha: waves that move, in colours that differ from frame to frame; alpha is a ramp."""
    y, x = np.mgrid[:height, :width].astype(np.float32)
    waves = [np.sin((x + 3 * index) / (9 + 5 * k)) * np.cos((y - 2 * index) / (11 + 4 * k)) for k in range(3)]
    ramp = np.clip(x + 0 * y + 4 * index, 0, 255)
    return np.dstack([*(128 + 70 * wave for wave in waves), ramp]).astype(np.uint8)


def render(path: Path, case: Case) -> Path:
    """Write the case's clip."""
    muxer: dict[str, str] = {"strict": "-1"} if case.suffix == ".y4m" else {}
    if case.suffix == ".m2ts":
        muxer["mpegts_m2ts_mode"] = "1"
    with av.open(str(path), "w", format=MUXERS.get(case.suffix), container_options=muxer) as file:
        stream: Any = file.add_stream(case.encoder, rate=case.rate, options=dict(case.options))
        stream.width, stream.height = case.size
        context = stream.codec_context
        context.pix_fmt = case.pixel_format
        context.field_order = _FIELD_ORDERS[case.fields]
        is_jpeg = case.pixel_format.startswith("yuvj")
        context.color_primaries, context.color_trc, context.colorspace, context.color_range = case.color
        if is_jpeg or case.encoder in ("png", "apng", "qtrle", "gif"):
            context.color_range = 2
        if "rgb" in case.pixel_format or "bgr" in case.pixel_format or "gbr" in case.pixel_format:
            context.colorspace, context.color_range = 0, 2
        with keeping_priority():
            context.open(strict=False)
        for index in range(case.frames):
            picture = _picture(index, case)
            if case.fields:
                picture = _marked(picture, case.fields)
            picture.pts, picture.duration, picture.time_base = index, 1, 1 / case.rate
            file.mux(stream.encode(picture))
        file.mux(stream.encode(None))
    return path


def _picture(index: int, case: Case) -> VideoFrame:
    rgba = scene(index, *case.size)
    if case.pixel_format == "pal8":
        palette = np.zeros((256, 4), np.uint8)
        palette[:, 0] = 255
        palette[:, 1:] = np.arange(256)[:, None] * [1, 7, 3] % 256
        drawn: Any = (np.ascontiguousarray(rgba[..., 0]), palette)
        return VideoFrame.from_ndarray(drawn, format="pal8")
    picture = VideoFrame.from_ndarray(rgba, format="rgba")
    if case.pixel_format == "ya8":  # which FFmpeg's converter does not make
        made = VideoFrame(*case.size, "ya8")
        plane: Any = made.planes[0]
        rows = np.frombuffer(plane, np.uint8).reshape(plane.height, plane.line_size)
        rows[:, : 2 * case.size[0]] = rgba[..., [1, 3]].reshape(case.size[1], -1)
        return made
    is_full = case.pixel_format.startswith("yuvj")
    return picture.reformat(format=case.pixel_format, dst_colorspace="ITU709", dst_color_range=2 if is_full else 1)


def _marked(picture: VideoFrame, mode: str) -> VideoFrame:
    graph = Graph()
    start = graph.add_buffer(
        width=picture.width,
        height=picture.height,
        format=VideoFormat(picture.format.name),
        time_base=Fraction(1, 25),
    )
    graph.link_nodes(start, graph.add("setfield", f"mode={mode}"), graph.add("buffersink")).configure()
    picture.pts = 0
    graph.push(picture)
    marked = graph.pull()
    assert isinstance(marked, VideoFrame)
    return marked
