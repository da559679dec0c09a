"""What a video says beside its pictures and colours: HDR10's static numbers, and in which order fields were taken."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
from av.container import InputContainer
from av.filter import Graph
from av.video.format import VideoFormat
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from cleanplate.base.types import VideoInfo
from cleanplate.save.encode import EncodePlan
from cleanplate.save.streams import open_source

_FIELD_MODES = {"tt": "tff", "bt": "tff", "bb": "bff", "tb": "bff"}  # named coded, then shown: what is shown counts
_DYNAMIC = {"DYNAMIC_HDR_PLUS": "HDR10+", "DOVI_METADATA": "Dolby Vision", "DYNAMIC_HDR_VIVID": "HDR Vivid"}


def signal_options(info: VideoInfo, plan: EncodePlan, source: VideoStream | None) -> tuple[dict[str, str], list[str]]:
    """Encoder options that keep these signals, and a sentence for each that is lost."""
    options, lost = dict(plan.options), []
    if mode := _FIELD_MODES.get(info.field_order):
        if plan.encoder == "libx264":
            options["flags"] += "+ilme+ildct"
            # without it x264 takes the first picture for top field first
            options["x264-params"] = ":".join(filter(None, [options.get("x264-params"), f"{mode}=1"]))
        elif plan.encoder != "ffv1":
            lost.append(f"{plan.encoder} codes interlaced pictures as whole frames; --codec h264 keeps the fields")
    if source is None:
        return options, lost
    params, dynamic = _hdr(info.path, source.index)
    if params and plan.encoder == "libx265":
        options["x265-params"] += ":" + ":".join(params)
    elif params:
        lost.append(f"{plan.encoder} does not hold the HDR10 metadata, which was left out; --codec hevc keeps it")
    if dynamic:
        lost.append(f"the {' and '.join(dynamic)} metadata was left out, for it describes the old pictures")
    return options, lost


def _hdr(path: Path, index: int) -> tuple[list[str], list[str]]:
    """x265's parameters for the first picture's static metadata (SMPTE ST 2086, CTA-861.3); dynamic kinds found."""
    with open_source(path) as container:
        found = _first_picture(container, container.streams[index]).side_data
    params = []
    if (display := found.get("MASTERING_DISPLAY_METADATA")) is not None:
        numbers = np.frombuffer(display, np.int32)  # 3 primaries (R, G, B), white, min, max: 10 fractions; 2 flags
        pairs = [Fraction(int(n), int(d)) if d else Fraction(0) for n, d in numbers[:20].reshape(10, 2)]
        red, green, blue, white = ([round(50000 * v) for v in pairs[i : i + 2]] for i in (0, 2, 4, 6))
        low, high = (round(10000 * v) for v in pairs[8:])
        places = "".join(f"{n}({x},{y})" for n, (x, y) in (("G", green), ("B", blue), ("R", red), ("WP", white)))
        params.append(f"master-display={places}L({high},{low})")
    if (light := found.get("CONTENT_LIGHT_LEVEL")) is not None:
        brightest, average = np.frombuffer(light, np.uint32)[:2]
        params.append(f"max-cll={brightest},{average}")
    return params, [name for kind, name in _DYNAMIC.items() if found.get(kind) is not None]


def _first_picture(container: InputContainer, stream: Any) -> Any:
    """The first picture that can be decoded; there is one, for the whole video has been opened before."""
    for packet in container.demux(stream):
        with suppress(av.FFmpegError):
            if pictures := packet.decode():
                return pictures[0]
    return VideoFrame()


def field_marker(info: VideoInfo, plan: EncodePlan, width: int, height: int) -> Callable[[VideoFrame], VideoFrame]:
    """What marks a picture as interlaced; the encoder takes the order of fields from the picture itself."""
    mode = _FIELD_MODES.get(info.field_order)
    if mode is None:
        return lambda picture: picture
    graph = Graph()
    start = graph.add_buffer(width=width, height=height, format=VideoFormat(plan.form.name), time_base=info.time_base)
    graph.link_nodes(start, graph.add("setfield", f"mode={mode}"), graph.add("buffersink")).configure()

    def mark(picture: VideoFrame) -> VideoFrame:
        graph.push(picture)
        marked = graph.pull()
        assert isinstance(marked, VideoFrame)
        return marked

    return mark
