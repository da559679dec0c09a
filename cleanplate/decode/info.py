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
from av.filter import Graph
from av.sidedata.sidedata import Type as SideDataType
from av.stream import Disposition
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from cleanplate.base.errors import MediaError
from cleanplate.base.pixels import stored_layout, turned_layout
from cleanplate.base.types import Color, PlaneLayout, Stream, VideoInfo
from cleanplate.decode.pictures import Reading

_FIELD_ORDERS = {0: "unknown", 1: "progressive", 2: "tt", 3: "bb", 4: "tb", 5: "bt"}
_UNSAID = 2
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
        raise MediaError(f"'{path}' cannot be read as a video: {reason(error)}; check it with a player") from error


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
    path: Path, container: InputContainer, stream: VideoStream, first: VideoFrame, said: Color
) -> tuple[VideoInfo, PlaneLayout, Reading]:
    """What is known of the video whose first picture this is, how its planes lie upright, and how they are read.

    `said`: the container's word on its colours, for what the pictures themselves leave unsaid. Raises `MediaError`.
    """
    try:
        reading = Reading(first, stream.codec_context.codec.canonical_name)
    except ValueError as error:
        raise MediaError(
            f"'{path}' stores its pictures as {first.format.name}, which is not read; convert it first"
        ) from error
    form = reading.form
    rotation_deg, is_flipped = _orientation(path, first)
    seen = color_said(stream)
    color = Color(
        primaries=said.primaries if seen.primaries == _UNSAID else seen.primaries,
        transfer=said.transfer if seen.transfer == _UNSAID else seen.transfer,
        matrix=said.matrix if seen.matrix == _UNSAID else seen.matrix,
        full_range=said.full_range if seen.full_range is None else seen.full_range,
        chroma_location=_chroma_location(container, stream),
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
        field_order=_field_order(container, stream, first),
        pixel_aspect=stream.sample_aspect_ratio or Fraction(1),
        rotation_deg=rotation_deg,
        is_flipped=is_flipped,
        start_pts=first.pts or 0,
        streams=tuple(_other(other) for other in container.streams if other.index != stream.index),
    )
    layout = stored_layout(form, color, first.height)
    return info, turned_layout(layout, first.width, first.height, rotation_deg, is_flipped), reading


def color_said(stream: VideoStream) -> Color:
    """What is known of a stream's colours: by its container before anything is decoded, by its pictures afterwards."""
    context = stream.codec_context
    return Color(
        primaries=int(context.color_primaries),
        transfer=int(context.color_trc),
        matrix=int(context.colorspace),
        full_range={1: False, 2: True}.get(int(context.color_range)),
    )


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


def _field_order(container: InputContainer, stream: VideoStream, first: VideoFrame) -> str:
    """The stream's word, or the first picture's where the stream says nothing or the container is known to err.

    FFmpeg writes MXF headers that call interlaced ProRes progressive and every DNxHD top field first; DV's decoder
    calls every picture interlaced.
    """
    said = _FIELD_ORDERS.get(stream.codec_context.field_order, "unknown")
    is_dv = stream.codec_context.codec.canonical_name == "dvvideo"
    if not first.interlaced_frame or (is_dv and said != "unknown"):
        return said
    is_doubtful = said in ("unknown", "progressive") or container.format.name == "mxf"
    return ("tt" if _is_top_first(first) else "bb") if is_doubtful else said


def _is_top_first(picture: VideoFrame) -> bool:
    """PyAV does not show this flag of an interlaced picture; FFmpeg's filter `select` lets pass where it is set."""
    graph = Graph()
    start = graph.add_buffer(
        width=picture.width, height=picture.height, format=picture.format, time_base=Fraction(1, 25)
    )
    select = graph.add("select", "expr='eq(interlace_type,TOPFIRST)'")
    graph.link_nodes(start, select, graph.add("buffersink")).configure()
    graph.push(picture)
    try:
        graph.pull()
    except (av.BlockingIOError, av.EOFError):
        return False
    return True


def _chroma_location(container: InputContainer, stream: VideoStream) -> str:
    """PyAV shows it only in FFmpeg's verbose description of the file."""
    level = av.logging.get_level()
    av.logging.set_level(av.logging.VERBOSE)
    av.logging.set_libav_level(av.logging.VERBOSE)
    try:
        dump = container.dumps_format()  # type: ignore[attr-defined]  # missing in PyAV's stubs
    finally:
        av.logging.set_libav_level(av.logging.INFO)
        av.logging.set_level(level)
    line = re.search(rf"^  Stream #0:{stream.index}\b.*: Video: .*$", dump, re.MULTILINE)
    found = re.search(r"[(,] ?((?:top|bottom)?left|center|top|bottom)[,)]", line.group()) if line else None
    return found.group(1) if found else "unspecified"
