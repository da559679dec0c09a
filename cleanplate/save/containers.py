"""The files results are written to: their muxers, what video they hold, and how finely they tell time."""

from __future__ import annotations

import io
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from fractions import Fraction
from itertools import pairwise

import av

from cleanplate.base.errors import UsageError
from cleanplate.base.types import VideoInfo
from cleanplate.save.holds import open_source


@dataclass(frozen=True, kw_only=True)
class Container:
    """One kind of file."""

    muxer: str
    "FFmpeg's name"
    holds: frozenset[str] | None = None
    "FFmpeg's names of the video codecs; None = FFmpeg's muxer knows"
    but: frozenset[str] = frozenset()
    "codecs the muxer would take and players would not"
    clock_hz: int | None = None
    "ticks a second, whatever the source's; None = the source's"
    is_by_rate: bool = False
    "stores pictures, no times: one picture every tick of the frame rate"
    has_gaps: bool = False
    "may leave out pictures at such ticks"
    pictures_only: bool = False
    holds_turns: bool = False
    "can say that pictures are to be shown turned or mirrored"
    options: Mapping[str, str] = field(default_factory=dict)
    "of the muxer"

    def codecs(self) -> frozenset[str]:
        """FFmpeg's names of the video codecs that can be written into it."""
        if self.holds is not None:
            return self.holds
        with av.open(io.BytesIO(), "w", format=self.muxer) as probe:
            names = probe.supported_codecs & av.codecs_available
        return frozenset(_canonical(name) for name in names) - self.but


_MP4 = Container(
    muxer="mp4",
    holds_turns=True,
    holds=frozenset(("h264", "hevc", "av1", "vp9", "mpeg1video", "mpeg2video", "mpeg4", "mjpeg", "png")),
)
_TS = frozenset(("h264", "hevc", "mpeg1video", "mpeg2video", "mpeg4"))
_PS = Container(muxer="vob", holds=frozenset(("mpeg1video", "mpeg2video")), clock_hz=90000)
_M2TS = Container(muxer="mpegts", holds=_TS, clock_hz=90000, options={"mpegts_m2ts_mode": "1"})

CONTAINERS: dict[str, Container] = {
    ".mp4": _MP4,
    ".m4v": _MP4,
    ".mov": Container(muxer="mov", holds_turns=True, but=frozenset(("ffv1",))),
    ".mkv": Container(muxer="matroska", clock_hz=1000, holds_turns=True),
    ".webm": Container(muxer="webm", holds=frozenset(("vp8", "vp9", "av1")), clock_hz=1000, holds_turns=True),
    ".avi": Container(muxer="avi", but=frozenset(("hevc", "av1", "vp9", "prores")), is_by_rate=True, has_gaps=True),
    ".ts": Container(muxer="mpegts", holds=_TS, clock_hz=90000),
    ".m2ts": _M2TS,
    ".mts": _M2TS,
    ".mpg": _PS,
    ".mpeg": _PS,
    ".vob": _PS,
    ".mxf": Container(
        muxer="mxf",
        holds=frozenset(("mpeg2video", "dnxhd", "prores", "h264", "dvvideo", "ffv1")),
        is_by_rate=True,
    ),
    ".y4m": Container(
        muxer="yuv4mpegpipe",
        holds=frozenset(("wrapped_avframe",)),
        is_by_rate=True,
        pictures_only=True,
        options={"strict": "-1"},
    ),
    ".gif": Container(muxer="gif", holds=frozenset(("gif",)), clock_hz=100, pictures_only=True, options={"loop": "0"}),
    ".apng": Container(muxer="apng", holds=frozenset(("apng",)), pictures_only=True, options={"plays": "0"}),
}

_RATES = [Fraction(n) for n in (24, 25, 30, 48, 50, 60, 100, 120)]
_RATES += [Fraction(n * 1000, 1001) for n in (24, 30, 48, 60, 120)]
_BROADCAST = [rate for rate in _RATES if rate <= 60 and rate.numerator not in (48, 48000)]


def frame_rate(info: VideoInfo, encoder: str) -> Fraction:
    """Frames a second to tell an encoder: the exact rate meant by an average, or the nearest it knows."""
    rate = info.rate or Fraction(25)
    if encoder in ("mpeg1video", "mpeg2video"):
        return min(_BROADCAST, key=lambda known: abs(known - rate))
    exact = [known for known in _RATES if abs(known / rate - 1) < Fraction(1, 5000)]
    if exact:
        return min(exact, key=lambda known: abs(known - rate))
    near = rate.limit_denominator(1001)
    return near if 0 < near.numerator < 2**16 else Fraction(max(round(rate), 1))


def check_times(output_suffix: str, container: Container, info: VideoInfo, rate: Fraction) -> None:
    """Whether every picture finds a tick of its own where a file tells time coarsely. Raises `UsageError`."""
    if info.image_paths or (not container.is_by_rate and container.clock_hz != 100):
        return
    ticks = rate if container.is_by_rate else Fraction(container.clock_hz or 1)
    times = _times(info)
    start = min(times, default=Fraction(0)) if container.is_by_rate else 0
    slots = sorted(round((time - start) * ticks) for time in times)
    gaps = [after - before for before, after in pairwise(slots)]
    is_even = all(gap == 1 for gap in gaps)
    if container.is_by_rate and not container.has_gaps and not is_even:
        raise UsageError(
            f"the pictures of '{info.path}' do not follow each other evenly, and a {output_suffix} file holds one "
            f"every 1/{float(rate):g} s; name the output .mkv or .mp4, which hold any times"
        )
    if 0 in gaps:
        raise UsageError(
            f"pictures of '{info.path}' follow each other faster than a {output_suffix} file can tell "
            f"({float(ticks):g} a second); name the output .mkv or .mp4"
        )


def _times(info: VideoInfo) -> list[Fraction]:
    """When the pictures are shown, in seconds, in stored order."""
    others = {stream.index for stream in info.streams}
    found = []
    with open_source(info.path) as source:
        stream = next(stream for stream in source.streams.video if stream.index not in others)
        with suppress(av.FFmpegError):  # decoding tells of the damage
            for packet in source.demux(stream):
                time = packet.pts if packet.pts is not None else packet.dts
                if packet.size and not packet.is_discard and time is not None:
                    found.append(time * info.time_base)
    return found


def _canonical(encoder: str) -> str:
    try:
        return av.Codec(encoder, "w").canonical_name
    except ValueError:
        return encoder
