"""Timecode: what a file says of its first picture's hour, minute, second and frame, wherever it keeps it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from cleanplate.save.holds import codec_of, open_source
from cleanplate.save.signal import first_picture


def first_timecode(path: Path, index: int) -> str | None:
    """The timecode of a file's video stream, `01:00:00:00` or with a semicolon if it drops numbers; None: it has none.

    Taken from the tags of the file or of any stream, else from the first picture: MPEG-2's group of pictures
    (ISO/IEC 13818-2, 6.3.8) or H.264's and HEVC's clock (SMPTE ST 12-1).
    """
    with open_source(path) as source:
        for tags in (source.streams[index].metadata, source.metadata, *(stream.metadata for stream in source.streams)):
            if found := next((text for name, text in tags.items() if name.lower() == "timecode"), None):
                return found
        stream: Any = source.streams[index]
        if codec_of(stream) in ("mpeg1video", "mpeg2video"):
            return _of_group(bytes(next(source.demux(stream))))
        return _of_picture(first_picture(source, stream).side_data)


def _of_group(packet: bytes) -> str | None:
    """From the header of the first group; FFmpeg tells the second's where each picture is a group of its own."""
    at = packet.find(b"\0\0\1\xb8")
    if at < 0:
        return None
    bits = int.from_bytes(packet[at + 4 : at + 8], "big") >> 7
    parts = bits >> 19 & 31, bits >> 13 & 63, bits >> 6 & 63, bits & 63
    return _text(parts, is_dropping=bool(bits >> 24 & 1))


def _of_picture(side_data: Any) -> str | None:
    if (clock := side_data.get("S12M_TIMECODE")) is not None:
        bits = int.from_bytes(bytes(clock)[4:8], "little")
        coded = bits & 0x3F, bits >> 8 & 0x7F, bits >> 16 & 0x7F, bits >> 24 & 0x3F
        return _text([(part >> 4) * 10 + (part & 15) for part in coded], is_dropping=bool(bits >> 30 & 1))
    return None


def _text(parts: Sequence[int], *, is_dropping: bool) -> str | None:
    """None for zero, which encoders write that know no timecode."""
    hours, minutes, seconds, frames = parts
    return f"{hours:02}:{minutes:02}:{seconds:02}{';' if is_dropping else ':'}{frames:02}" if any(parts) else None
