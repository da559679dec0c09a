"""What a video says beside its pictures and colours: HDR10's static numbers, and in which order fields were taken."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import av.logging
import numpy as np
from av.container import InputContainer
from av.filter import Graph
from av.video.format import VideoFormat
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from cleanplate.base.types import VideoInfo
from cleanplate.save.holds import open_source
from cleanplate.save.plan import EncodePlan

_FIELD_MODES = {"tt": "tff", "bt": "tff", "bb": "bff", "tb": "bff"}  # named coded, then shown: what is shown counts
_DYNAMIC = {"DYNAMIC_HDR_PLUS": "HDR10+", "DOVI_METADATA": "Dolby Vision", "DYNAMIC_HDR_VIVID": "HDR Vivid"}
_DYNAMIC_STREAM = {"DOVI configuration record": "Dolby Vision"}
_FIELD_CONTAINERS = ("mov", "matroska", "mxf", "yuv4mpegpipe")
"muxers that write down the order of fields of any codec"


@dataclass(frozen=True, kw_only=True)
class _Light:
    """A mastering display (SMPTE ST 2086) in CIE xy and cd/m2, and the content's levels (CTA-861.3) in cd/m2."""

    display: tuple[Fraction, ...] | None
    "x and y of red, green, blue and white; least and greatest luminance"
    levels: tuple[int, int] | None
    "MaxCLL, MaxFALL"

    def params(self, encoder: str) -> str | None:
        """The parameters of x265, x264 or SVT-AV1; None where the encoder has none."""
        display, levels = {
            "libx265": ("master-display", "max-cll"),
            "libx264": ("mastering-display", "cll"),
            "libsvtav1": ("mastering-display", "content-light"),
        }.get(encoder, ("", ""))
        if not display:
            return None
        found = []
        if self.display is not None:
            number = _decimal if encoder == "libsvtav1" else _whole
            red, green, blue, white = (self.display[i : i + 2] for i in (0, 2, 4, 6))
            places = {"G": green, "B": blue, "R": red, "WP": white}
            text = "".join(f"{n}({number(x, 50000)},{number(y, 50000)})" for n, (x, y) in places.items())
            low, high = self.display[8:]
            found.append(f"{display}={text}L({number(high, 10000)},{number(low, 10000)})")
        if self.levels is not None:
            found.append(f"{levels}={self.levels[0]},{self.levels[1]}")
        return ":".join(found)


def _whole(value: Fraction, unit: int) -> str:
    return str(round(value * unit))


def _decimal(value: Fraction, _unit: int) -> str:
    return f"{float(value):.7f}"


def signal_options(info: VideoInfo, plan: EncodePlan, source: VideoStream | None) -> tuple[dict[str, str], list[str]]:
    """Encoder options that keep these signals, and a sentence for each that is lost."""
    options, lost = dict(plan.options), []
    if mode := _FIELD_MODES.get(info.field_order):
        if plan.spec.has_fields and not options.get("profile", "").startswith("dnxhr"):
            options["flags"] += "+ilme+ildct"
            if plan.encoder == "libx264":  # without it x264 takes the first picture for top field first
                options["x264-params"] = _joined(options.get("x264-params"), f"{mode}=1")
        elif plan.spec.lossless != {} or plan.container not in _FIELD_CONTAINERS:
            lost.append(
                f"{plan.encoder} codes interlaced pictures as whole frames in a {plan.suffix} file; "
                "--codec h264 in an .mp4, .mov, .mkv or .ts file keeps the fields"
            )
    if source is None:
        return options, lost
    light, dynamic = _hdr(info.path, source.index)
    if light is not None:
        if params := light.params(plan.encoder):
            name = {"libx264": "x264-params", "libx265": "x265-params"}.get(plan.encoder, "svtav1-params")
            options[name] = _joined(options.get(name), params)
        else:
            lost.append(f"{plan.encoder} does not hold the HDR10 metadata, which was left out; --codec hevc keeps it")
    if dynamic:
        lost.append(f"the {' and '.join(dynamic)} metadata was left out, for it describes the old pictures")
    return options, lost


def _joined(*params: str | None) -> str:
    return ":".join(filter(None, params))


def _hdr(path: Path, index: int) -> tuple[_Light | None, list[str]]:
    """The first picture's static metadata; and the kinds of dynamic metadata found there or in the container."""
    with open_source(path) as container:
        dump = _described(container)
        found = first_picture(container, container.streams[index]).side_data
    display = levels = None
    if (data := found.get("MASTERING_DISPLAY_METADATA")) is not None:
        numbers = np.frombuffer(data, np.int32)  # 3 primaries (R, G, B), white, min, max: 10 fractions; 2 flags
        display = tuple(Fraction(int(n), int(d)) if d else Fraction(0) for n, d in numbers[:20].reshape(10, 2))
    if (data := found.get("CONTENT_LIGHT_LEVEL")) is not None:
        brightest, average = np.frombuffer(data, np.uint32)[:2]
        levels = int(brightest), int(average)
    dynamic = [name for kind, name in _DYNAMIC.items() if found.get(kind) is not None]
    dynamic += [name for words, name in _DYNAMIC_STREAM.items() if words in dump and name not in dynamic]
    return (_Light(display=display, levels=levels) if display or levels else None), dynamic


def _described(container: InputContainer) -> str:
    """FFmpeg's description of a file, which goes through its log."""
    level = av.logging.get_level()
    av.logging.set_level(av.logging.INFO)
    try:
        return str(container.dumps_format())  # type: ignore[attr-defined]  # missing in PyAV's stubs
    finally:
        av.logging.set_level(level)


def first_picture(container: InputContainer, stream: Any) -> Any:
    """The first picture that can be decoded; there is one, for the whole video has been opened before."""
    for packet in container.demux(stream):
        with suppress(av.FFmpegError):
            if pictures := packet.decode():
                return pictures[0]
    return VideoFrame()


def field_marker(info: VideoInfo, plan: EncodePlan, width: int, height: int) -> Callable[[VideoFrame], VideoFrame]:
    """What marks a picture as interlaced; the encoder takes the order of fields from the picture itself."""
    mode = _FIELD_MODES.get(info.field_order)
    if mode is None or plan.makes_palette:
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
