"""How the streams of a source begin: when each is first heard, and which samples only prepare the decoder.

A coder of sound needs samples before the first one that is meant to be heard (priming, encoder delay). MP4 hides them
behind an edit list, Matroska behind CodecDelay; either way they lie before zero.
"""

from __future__ import annotations

import io
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
from av.audio.frame import AudioFrame

from cleanplate.save.holds import UNTIMED, codec_of, open_source

_MOST_PACKETS = 2000
"of all streams: those that begin later than this do so far behind zero"
_PRIMING_CODERS = {"aac": "aac", "mp3": "libmp3lame", "ac3": "ac3", "mp2": "mp2"}
"codecs whose encoders here tell their own delay, so that a stream with any delay can be made from theirs"
_ROUNDING_S = Fraction(1, 1000)
_FINEST = 2**31
"ticks a second that FFmpeg counts at most"
_DELAY = b"\x56\xaa\x84"  # Matroska's CodecDelay, with a value of 4 bytes


@dataclass(frozen=True, kw_only=True)
class Opening:
    """The beginning of one stream, in seconds of the source's clock."""

    first_s: Fraction
    "time of the first packet"
    hidden_s: Fraction
    "how long after it nothing is heard: the samples there only prepare the decoder"

    @property
    def heard_s(self) -> Fraction:
        """When the first sample is heard; Matroska's rounding to milliseconds is taken out of what begins at zero."""
        heard = self.first_s + self.hidden_s
        return Fraction(0) if self.hidden_s and abs(heard) <= _ROUNDING_S else heard


def openings(path: Path, wanted: Iterable[int]) -> dict[int, Opening]:
    """How those streams of a file begin; one that begins far behind the others is left out, and so is a damaged one."""
    missing, found = set(wanted), dict[int, Opening]()
    with open_source(path) as source:
        try:
            for number, packet in enumerate(source.demux()):  # all, or an empty stream would be sought to the end
                if not missing or number >= _MOST_PACKETS:
                    break
                if packet.stream_index in missing and packet.size and packet.pts is not None:
                    missing.discard(packet.stream_index)
                    found[packet.stream_index] = _opening(packet)
        except av.FFmpegError:  # copying tells of the damage
            pass
    return found


def _opening(packet: Any) -> Opening:
    hidden = 0
    rate = packet.stream.codec_context.sample_rate if packet.stream.type == "audio" else 0
    if rate and packet.has_sidedata("skip_samples"):  # 4 bytes: samples left out at the start
        hidden = int.from_bytes(bytes(packet.get_sidedata("skip_samples"))[:4], "little")
    first = packet.pts * packet.time_base
    return Opening(first_s=first, hidden_s=Fraction(hidden, rate) if hidden else Fraction(0))


def shift_for(container: str, picture_s: Fraction, decoded_s: Fraction, streams: Mapping[int, Opening]) -> Fraction:
    """By how much everything has to start later (below zero: earlier) so that a container can hold it.

    `picture_s`: when the first picture is shown; `decoded_s`: its packet's own time, earlier where pictures are
    reordered. MP4 and Matroska hold no time before zero but that of hidden samples; TS not even that; AVI and MXF begin
    with the first picture.
    """
    if container in UNTIMED:
        return -picture_s
    if container in ("mpegts", "vob"):
        return max(-min([decoded_s, *(each.first_s for each in streams.values())]), Fraction(0))
    return max(-min([picture_s, *(each.heard_s for each in streams.values())]), Fraction(0))


def delay(packet: Any, seconds: Fraction) -> None:
    """Let a packet be due so much later; its clock is made finer where that takes parts of a tick."""
    if not seconds:
        return
    base: Fraction = packet.time_base
    finer = (seconds / base).denominator
    if (base / finer).denominator > _FINEST:
        finer = 1
    packet.time_base = base / finer
    later = round(seconds / packet.time_base)
    packet.pts = None if packet.pts is None else packet.pts * finer + later
    packet.dts = None if packet.dts is None else packet.dts * finer + later
    packet.duration = packet.duration and packet.duration * finer


def delayed_template(stream: Any, delay_s: Fraction) -> Any:
    """An audio stream like `stream` whose first `delay_s` seconds are marked as encoder delay; None where none is made.

    PyAV cannot set that number. FFmpeg reads it from Matroska files, so one of a single packet is written, its number
    changed, and opened.
    """
    context, encoder = stream.codec_context, _PRIMING_CODERS.get(codec_of(stream))
    nanoseconds = round(delay_s * 10**9)
    if encoder is None or not 0 < nanoseconds < 2**32:
        return None
    buffer = io.BytesIO()
    try:
        with av.open(buffer, "w", format="matroska", options={"fflags": "+bitexact"}) as file:
            sound: Any = file.add_stream(encoder, rate=context.sample_rate)
            sound.codec_context.layout = context.layout.name
            sound.codec_context.open()
            size = sound.codec_context.frame_size
            silence = AudioFrame(sound.codec_context.format.name, context.layout.name, size)
            silence.sample_rate, silence.pts = context.sample_rate, 0
            for plane in silence.planes:
                plane.update(bytes(plane.buffer_size))
            file.mux(sound.encode(silence))
            file.mux(sound.encode(None))
    except (ValueError, av.FFmpegError):  # a rate or layout this encoder does not know
        return None
    data = buffer.getvalue()
    at = data.find(_DELAY) + len(_DELAY)
    if at < len(_DELAY):
        return None
    changed = data[:at] + nanoseconds.to_bytes(4, "big") + data[at + 4 :]
    return av.open(io.BytesIO(changed)).streams.audio[0]
