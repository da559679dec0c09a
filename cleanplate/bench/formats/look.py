"""What a file holds, found with PyAV alone: nothing here uses the package's own reader or writer."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
from av.filter import Graph
from av.video.codeccontext import VideoCodecContext
from av.video.frame import VideoFrame
from numpy.typing import NDArray

_ALPHA_DECODERS = {"vp8": "libvpx", "vp9": "libvpx-vp9"}
_LIGHT = ("MASTERING_DISPLAY_METADATA", "CONTENT_LIGHT_LEVEL")


@dataclass(frozen=True, kw_only=True, eq=False)
class Look:
    """One video file. Of its pictures only the lower half is looked at, where no hole is."""

    codec: str
    pixel_format: str
    profile: str
    times: list[Fraction]
    "seconds, from the first picture on"
    fields: str
    "tff, bff or none: what the first picture says of itself, else the stream"
    color: tuple[int, int, int]
    "primaries, transfer, matrix"
    light: list[float]
    "HDR10's numbers: a mastering display's, then the content's levels"
    samples: list[bytes]
    "hash of each picture's own samples"
    rgba: list[NDArray[np.uint16]]
    "(H / 2, W, 4) at full scale, by FFmpeg's converter"


def look(path: Path) -> Look:
    """Demux and decode the first video stream."""
    with av.open(str(path)) as file:
        stream = file.streams.video[0]
        context = stream.codec_context
        said = _color(context)  # the container's word
        alpha_decoder = _ALPHA_DECODERS.get(context.codec.canonical_name)
        if alpha_decoder and "1" in (stream.metadata.get("alpha_mode"), stream.metadata.get("ALPHA_MODE")):
            own: Any = av.CodecContext.create(alpha_decoder, "r")
            frames = [frame for packet in file.demux(stream) if packet.size for frame in own.decode(packet)]
            frames += own.decode(None)
        else:
            frames = list(file.decode(stream))
        base = stream.time_base or Fraction(1)
        shown = [(frame.pts if frame.pts is not None else n) * base for n, frame in enumerate(frames)]
        return Look(
            codec=context.codec.canonical_name,
            pixel_format=frames[0].format.name,
            profile=str(stream.profile or ""),
            times=[time - shown[0] for time in shown],
            fields=_fields(context, frames[0]),
            color=_color(context, said),
            light=[number for kind in _LIGHT for number in _numbers(frames[0], kind)],
            samples=[_hash(frame) for frame in frames],
            rgba=[_rgba(frame) for frame in frames],
        )


def _color(context: VideoCodecContext, said: tuple[int, int, int] = (2, 2, 2)) -> tuple[int, int, int]:
    seen = (int(context.color_primaries), int(context.color_trc), int(context.colorspace))
    one, two, three = (b if a == 2 else a for a, b in zip(seen, said, strict=True))
    return one, two, three


def psnr_db(one: Look, two: Look) -> float:
    """Of all pictures' lower halves, alpha included; infinite where they are the same."""
    errors = [np.mean(np.square(np.subtract(a, b, dtype=np.float64))) for a, b in zip(one.rgba, two.rgba, strict=True)]
    mean = float(np.mean(errors))
    return float(10 * np.log10(65535**2 / mean)) if mean else float("inf")


def _numbers(picture: VideoFrame, kind: str) -> list[float]:
    data: Any = picture.side_data.get(kind)
    if data is None:
        return []
    numbers = np.frombuffer(data, np.int32)
    if kind == "CONTENT_LIGHT_LEVEL":
        return [float(n) for n in numbers[:2]]
    return [float(n / d) for n, d in numbers[:20].reshape(10, 2)]


def _fields(context: VideoCodecContext, first: VideoFrame) -> str:
    if not first.interlaced_frame:
        return {2: "tff", 3: "bff", 4: "bff", 5: "tff"}.get(context.field_order, "none")
    graph = Graph()
    start = graph.add_buffer(width=first.width, height=first.height, format=first.format, time_base=Fraction(1, 25))
    select = graph.add("select", "expr='eq(interlace_type,TOPFIRST)'")
    graph.link_nodes(start, select, graph.add("buffersink")).configure()
    graph.push(first)
    try:
        graph.pull()
    except av.FFmpegError:
        return "bff"
    return "tff"


def _hash(frame: VideoFrame) -> bytes:
    digest = hashlib.sha256()
    for number, plane in enumerate(frame.planes):
        held: Any = plane
        if not plane.line_size:  # a palette
            continue
        parts = [part for part in frame.format.components if part.plane == number]
        used = sum(part.width * (1 + (part.bits > 8)) for part in parts)  # bytes a line, without padding
        rows = np.frombuffer(held, np.uint8).reshape(plane.height, abs(plane.line_size))
        upright = rows[::-1] if plane.line_size < 0 else rows
        digest.update(upright[plane.height // 2 :, :used].tobytes())
    return digest.digest()


def _rgba(frame: VideoFrame) -> NDArray[np.uint16]:
    """FFmpeg's converter is exact for RGB and palettes of 8 bits as long as it stays at 8."""
    name = frame.format.name
    is_short = max(part.bits for part in frame.format.components) <= 8 and "yuv" not in name
    target, dtype = ("rgba", np.uint8) if is_short else ("rgba64le", np.uint16)
    plane: Any = frame.reformat(format=target, src_colorspace="ITU709").planes[0]
    rows = np.frombuffer(plane, np.uint8).reshape(plane.height, plane.line_size).view(dtype)
    found = rows[:, : 4 * frame.width].reshape(frame.height, frame.width, 4)[frame.height // 2 :]
    return found.astype(np.uint16) * np.uint16(257 if is_short else 1)
