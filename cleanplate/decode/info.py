"""What a file says of its video before the frames are decoded: size, time, colour, orientation, other streams."""

from __future__ import annotations

import re
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import av.logging
import numpy as np
from av.container import InputContainer
from av.sidedata.sidedata import Type as SideDataType
from av.stream import Disposition
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from cleanplate.base.errors import MediaError
from cleanplate.base.pixels import PIXEL_FORMATS, stored_layout, turned_layout
from cleanplate.base.types import Color, PlaneLayout, Stream, VideoInfo

_FIELD_ORDERS = {0: "unknown", 1: "progressive", 2: "tt", 3: "bb", 4: "tb", 5: "bt"}
# What FFmpeg may take a file for. Playlists are missing on purpose: they name other files and addresses.
_KINDS = (
    "mov,matroska,avi,mpegts,mpeg,mpegvideo,m4v,flv,asf,ogg,mxf,mxf_opatom,nut,ivf,obu,av1,h264,hevc,vvc,dv,gif,apng,"
    "yuv4mpegpipe,rm,wtv,png_pipe,jpeg_pipe,tiff_pipe,bmp_pipe,webp_pipe,mp3,wav,aac,flac"
)


def open_container(path: Path) -> InputContainer:
    """The file, opened for reading; it cannot lead FFmpeg to other files or addresses. Raises `MediaError`."""
    options = {"protocol_whitelist": "file", "format_whitelist": _KINDS}
    try:
        return av.open(f"file:{path}", container_options=options, metadata_errors="replace")
    except av.ArgumentError as error:
        raise MediaError(f"'{path}' is not a video file of a kind that is read; give an MP4, MOV or MKV") from error
    except (av.FFmpegError, UnicodeDecodeError) as error:
        raise MediaError(f"'{path}' cannot be read as a video: {reason(error)}") from error


def main_video(container: InputContainer, path: Path) -> VideoStream:
    """The first video stream that is not a cover picture. Raises `MediaError` where there is none."""
    for stream in container.streams.video:
        if not stream.disposition & Disposition.attached_pic and stream.codec_context is not None:
            return stream
    kinds = sorted({stream.type for stream in container.streams} - {"video", "unknown"})
    others = f", only {' and '.join(kinds)}" if kinds else ""
    raise MediaError(f"'{path}' has no video that can be decoded{others}; check it with a player")


def reason(error: Exception) -> str:
    """FFmpeg's own words for what went wrong."""
    return str(getattr(error, "strerror", None) or error).rstrip(".")


def describe(
    path: Path, container: InputContainer, stream: VideoStream, first: VideoFrame
) -> tuple[VideoInfo, PlaneLayout]:
    """What is known of the video whose first picture this is, and how its planes lie upright. Raises `MediaError`."""
    form = PIXEL_FORMATS.get(first.format.name)
    if form is None:
        raise MediaError(
            f"'{path}' stores its pictures as {first.format.name}, which is not read yet; convert it first"
        )
    rotation_deg, is_flipped = _orientation(path, first)
    field_order, chroma_location = _read_dump(container, stream)
    color = Color(
        primaries=int(stream.codec_context.color_primaries),
        transfer=int(stream.codec_context.color_trc),
        matrix=int(stream.codec_context.colorspace),
        full_range={1: False, 2: True}.get(int(stream.codec_context.color_range)),
        chroma_location=chroma_location,
    )
    size = (first.height, first.width) if rotation_deg % 180 else (first.width, first.height)
    assert stream.time_base is not None
    info = VideoInfo(
        path=path,
        width_px=size[0],
        height_px=size[1],
        time_base=stream.time_base,
        rate=stream.average_rate or stream.guessed_rate,
        frame_count=stream.frames or None,
        bit_depth=form.bit_depth,
        pixel_format=form.name,
        codec=stream.codec_context.codec.canonical_name,
        container=container.format.name,
        color=color,
        field_order=field_order,
        pixel_aspect=stream.sample_aspect_ratio or Fraction(1),
        rotation_deg=rotation_deg,
        is_flipped=is_flipped,
        start_pts=first.pts or 0,
        streams=tuple(_other(other) for other in container.streams if other.index != stream.index),
    )
    layout = stored_layout(form, color, first.height)
    return info, turned_layout(layout, first.width, first.height, rotation_deg, is_flipped)


def _other(stream: Any) -> Stream:
    context = stream.codec_context
    return Stream(
        index=stream.index,
        kind=stream.type,
        codec=context.codec.canonical_name if context is not None else getattr(stream, "name", None) or "unknown",
        language=stream.language,
    )


def _orientation(path: Path, first: VideoFrame) -> tuple[int, bool]:
    """(clockwise turn, mirrored afterwards) from the display matrix: x' = a x + c y, y' = b x + d y."""
    data: Any = first.side_data.get(SideDataType.DISPLAYMATRIX)  # type: ignore[call-overload]  # PyAV's stub
    if data is None:
        return 0, False
    a, b, _, c, d = (int(v) for v in np.frombuffer(data, np.int32)[:5])
    is_flipped = a * d - b * c < 0
    if is_flipped:
        a = -a
    turns = {(1, 0): 0, (0, 1): 90, (-1, 0): 180, (0, -1): 270}
    limit = max(abs(a), abs(b)) / 100
    place = (int(np.sign(a)) * (abs(a) > limit), int(np.sign(b)) * (abs(b) > limit))
    if place not in turns:
        raise MediaError(f"'{path}' is to be shown turned by an odd angle, which is not handled; turn it upright first")
    return turns[place], is_flipped


def _read_dump(container: InputContainer, stream: VideoStream) -> tuple[str, str]:
    """(field order, chroma location). PyAV shows the latter only in FFmpeg's verbose description of the file."""
    level = av.logging.get_level()
    av.logging.set_level(av.logging.VERBOSE)
    av.logging.set_libav_level(av.logging.VERBOSE)
    try:
        dump = container.dumps_format()  # type: ignore[attr-defined]  # missing in PyAV's stubs
    finally:
        av.logging.set_libav_level(av.logging.INFO)
        av.logging.set_level(level)
    field_order = _FIELD_ORDERS.get(stream.codec_context.field_order, "unknown")
    line = re.search(rf"^  Stream #0:{stream.index}\b.*: Video: .*$", dump, re.MULTILINE)
    found = re.search(r"[(,] ?((?:top|bottom)?left|center|top|bottom)[,)]", line.group()) if line else None
    return field_order, found.group(1) if found else "unspecified"
