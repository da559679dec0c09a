"""Sound in files that store no times (AVI, MXF): it begins with the first picture, so what comes before is cut off.

Uncompressed sound is cut, or filled with silence, to the sample; of other codecs whole packets can be left out.
"""

from __future__ import annotations

import re
from fractions import Fraction
from typing import Any

from av.packet import Packet

from cleanplate.base.types import VideoInfo
from cleanplate.save.holds import codec_of, open_source, words_for
from cleanplate.save.opening import openings

_NEAR_S = Fraction(1, 1000)
"by which sound may be off the picture"


def untold_start(info: VideoInfo, suffix: str) -> str | None:
    """A sentence about the first audio stream that would come off the picture in such a file; None if none does."""
    start = info.start_pts * info.time_base
    with open_source(info.path) as source:
        found = openings(info.path, [stream.index for stream in source.streams.audio])
        for index, opening in found.items():
            stream: Any = source.streams[index]
            if _bytes_a_sample(stream):
                continue
            step = Fraction(stream.codec_context.frame_size or 1, stream.codec_context.sample_rate)
            late = opening.first_s - start
            late += -late // step * step if late < 0 else 0  # packets that are left out
            if min(abs(late), abs(late + step)) > _NEAR_S:
                return (
                    f"the sound of '{info.path}', {words_for(stream)}, does not begin with the picture, and a {suffix} "
                    "file has no place to say so; name the output .mkv, which has"
                )
    return None


def aligned(packet: Packet[Any], stream: Any, at_s: Fraction, is_first: bool) -> bytes | None:
    """What of a packet is written: cut at time zero, and filled up from there; None = nothing.

    `at_s`: when it is heard, counted from the first picture.
    """
    data, unit = bytes(packet), _bytes_a_sample(stream)
    if not unit:
        return None if (at_s + (packet.duration or 0) * packet.time_base) <= _NEAR_S else data
    samples = round(at_s * stream.codec_context.sample_rate)
    if samples < 0:
        return data[-samples * unit :] or None
    silence = b"\x80" if codec_of(stream) == "pcm_u8" else b"\0"
    return silence * (samples * unit) + data if is_first else data


def _bytes_a_sample(stream: Any) -> int:
    """Of all channels of uncompressed sound together; 0 for other codecs."""
    bits = re.fullmatch(r"pcm_[suf](\d+)(?:le|be)?", codec_of(stream))
    return int(bits[1]) // 8 * len(stream.codec_context.layout.channels) if bits else 0
