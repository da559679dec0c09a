"""Pictures out of a file that may be damaged: decoding goes on after an error, and what was lost is counted.

losses = Losses()
for picture in decoded(container, stream, losses):
    ...
print(losses.undecoded, losses.flawed)
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Literal

import av
from av.container import InputContainer
from av.packet import Packet
from av.video.codeccontext import VideoCodecContext
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from cleanplate.decode.pictures import decoder_of

MAX_PIXELS = 2**27
"16384 x 8192, four times 8K: a header may claim any size, and beyond this nothing is allocated"
# Frame threads mend a damaged H.264 picture differently at each run, and the last pictures are lost with one that
# fails at the end of a stream. Slice threads do neither, but mend H.264 and HEVC worse or not at all. One thread
# decodes faster than the encoder's threads encode.
_THREADS: dict[str, Literal["NONE"]] = {"h264": "NONE", "hevc": "NONE"}
_MOST_ERRORS = 64
"after so many failed reads with nothing between them there is nothing more to come"


@dataclass
class Losses:
    """What decoding one stream from its start to its end met with."""

    packets: int = 0
    "with data, as stored"
    end_pts: int | None = None
    "ticks: the latest end of a packet that is to be shown"
    refused: int = 0
    "times the decoder gave up on a packet"
    unread: int = 0
    "times the file could not be read on"
    pictures: int = 0
    flawed: int = 0
    "pictures the decoder marked as damaged and mended"
    _owed: int = 0
    "packets that are to be shown, those before the first picture left out"
    _first_pts: int | None = None
    _lead: list[int] = field(default_factory=list)
    "times of packets sent before any picture came"

    @property
    def undecoded(self) -> int:
        """Packets that gave no picture; 0 for a sound stream, as some codecs keep pictures that nobody sees."""
        missing = self._owed - self.pictures
        is_by_field = missing > self._owed // 3 and not self.refused  # two packets a picture
        return max(missing, 0) if (self.refused or self.unread or self.flawed) and not is_by_field else 0

    def send(self, packet: Packet[Any]) -> None:
        """Count a packet that goes to the decoder."""
        self.packets += 1
        if packet.is_discard:
            return
        if packet.pts is not None:
            end = packet.pts + (packet.duration or 0)
            self.end_pts = end if self.end_pts is None else max(self.end_pts, end)
            if not self.pictures:
                self._lead.append(packet.pts)
            elif self._first_pts is not None and packet.pts < self._first_pts:
                return
        self._owed += 1

    def show(self, picture: VideoFrame) -> None:
        """Count a picture that came out."""
        if not self.pictures:
            self._first_pts = picture.pts
            if picture.pts is not None and not self.refused:  # pictures whose references lie before a clean cut
                self._owed -= sum(pts < picture.pts for pts in self._lead)
            self._lead.clear()
        self.pictures += 1
        self.flawed += picture.is_corrupt


def packets_of(container: InputContainer, stream: VideoStream, losses: Losses) -> Iterator[Packet[Any]]:
    """The stream's packets in stored order, and one without data at the end; reads on after an error."""
    errors = 0
    while True:
        try:
            for packet in container.demux(stream):
                errors = 0 if packet.size else errors
                yield packet
            return
        except av.FFmpegError:
            losses.unread += 1
            errors += 1
            if errors >= _MOST_ERRORS:
                return


def decoded(container: InputContainer, stream: VideoStream, losses: Losses) -> Iterator[VideoFrame]:
    """The stream's pictures in the order shown; packets that cannot be decoded are counted and left out."""
    context = decoder_of(stream)
    context.options = {"max_pixels": str(MAX_PIXELS)}
    context.thread_type = _THREADS.get(context.codec.canonical_name, "SLICE")
    for packet in packets_of(container, stream, losses):
        if packet.size:  # one without data would end the decoding
            losses.send(packet)
            yield from _pictures(context, packet, losses)
    yield from _pictures(context, None, losses)


def _pictures(context: VideoCodecContext, packet: Packet[Any] | None, losses: Losses) -> Iterator[VideoFrame]:
    try:
        pictures = context.decode(packet)
    except av.FFmpegError:
        losses.refused += 1
        return
    for picture in pictures:
        losses.show(picture)
        yield picture
