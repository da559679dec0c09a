"""Closed captions (CTA-708, carried as ATSC A/53 user data) travel inside pictures: decoded, painted, encoded."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

from av.codec.context import CodecContext
from av.packet import PacketSideData, packet_sidedata_type_from_literal
from av.video.frame import PictureType, VideoFrame

_TAKES = {"libx264", "libx264rgb", "libx265", "mpeg2video"}


def takes_captions(encoder: str) -> bool:
    """Whether an encoder writes the captions of a picture into its stream."""
    return encoder in _TAKES


def with_captions(picture: VideoFrame, captions: bytes) -> VideoFrame:
    """The same samples in a picture that carries captions.

    PyAV attaches such data to packets only. FFmpeg's decoders hand it on to what they decode, so the samples go
    through a raw packet.
    """
    encoder, decoder = (CodecContext.create("rawvideo", mode) for mode in ("w", "r"))
    for context in (encoder, decoder):
        context.width, context.height, context.pix_fmt = picture.width, picture.height, picture.format.name
    encoder.time_base = Fraction(1, 25)  # asked for, and of no effect
    packet = encoder.encode(picture)[0]
    new_data: Any = PacketSideData  # its constructor is missing in PyAV's stubs
    data = new_data(packet_sidedata_type_from_literal("a53_cc"), len(captions))
    memoryview(data)[:] = captions
    data.to_packet(packet)
    made = decoder.decode(packet)[0]
    made.pict_type = PictureType.NONE  # raw pictures are key frames, which would ask the encoder for another
    return made
