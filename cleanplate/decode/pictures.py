"""A decoded picture's samples, whatever FFmpeg stores them as: palettes, one bit a pixel and packed words included.

reading = Reading(first_picture, "gif")
reading.form  # the pixel format whose samples come out
reading.samples(picture)  # one (h, w) array a component, as stored
"""

from __future__ import annotations

from typing import Any

import numpy as np
from av.codec import CodecContext
from av.video.codeccontext import VideoCodecContext
from av.video.frame import VideoFrame
from av.video.stream import VideoStream
from numpy.typing import NDArray

from cleanplate.base.errors import MediaError
from cleanplate.base.pixels import PIXEL_FORMATS

_ONE_BIT = {"monow": 255, "monob": 0}
"and what a cleared bit means"
# Less than eight bits a component: read as eight, which nothing writes back.
_FEW_BITS = {*(f"{order}{bits}{end}" for order in ("rgb", "bgr") for bits in (444, 555, 565) for end in ("le", "be"))}
_FEW_BITS |= {"rgb8", "bgr8", "rgb4_byte", "bgr4_byte"}
_ALPHA_DECODERS = {"vp8": "libvpx", "vp9": "libvpx-vp9"}


class Reading:
    """How the pictures of one stream are read: settled by its first one."""

    def __init__(self, first: VideoFrame, codec: str) -> None:
        """Raises `ValueError` for a pixel format that is not read."""
        self._stored = first.format.name
        # FFmpeg gives all GIFs and palettes an alpha, though hardly any uses it.
        self._is_opaque = (self._stored == "pal8" or codec == "gif") and _is_opaque(first)
        name = self._stored
        if name == "pal8":
            name = "bgr24" if self._is_opaque else "bgra"
        elif name in _ONE_BIT:
            name = "gray"
        elif name in _FEW_BITS:
            name = "rgb24"
        elif self._is_opaque:
            name = {"bgra": "bgr0", "rgba": "rgb0"}.get(name, name)
        if name not in PIXEL_FORMATS:
            raise ValueError(self._stored)
        self.form = PIXEL_FORMATS[name]
        self.warnings = []
        if self._stored in (*_FEW_BITS, *_ONE_BIT, "pal8"):
            self.warnings.append(f"the pictures are stored as {self._stored} and were converted to {name}")

    def samples(self, picture: VideoFrame) -> list[NDArray[Any]]:
        """Each component (h, w), as stored: views where the format allows.

        Raises `MediaError` for a picture that is see-through where the first one led to believe that none is.
        """
        if self._is_opaque and not _is_opaque(picture):
            raise MediaError(
                "pictures are opaque at first and see-through later, which is not handled; "
                "make a PNG folder of the file and give that"
            )
        if self._stored == "pal8":
            palette = _palette(picture)
            looked_up = palette[_rows(picture, 0)[:, : picture.width]]  # (h, w, 4)
            return [looked_up[..., place] for _, place, _ in self.form.parts]
        if self._stored in _ONE_BIT:
            bits = np.unpackbits(_rows(picture, 0), axis=1)[:, : picture.width]
            return [bits * np.uint8(255) ^ np.uint8(_ONE_BIT[self._stored])]
        if self._stored in _FEW_BITS:
            picture = picture.reformat(format=self.form.name)
        planes = [_rows(picture, n).view(self.form.dtype) for n in range(len(picture.planes))]
        return self.form.samples(planes, picture.width, picture.height)


def decoder_of(stream: VideoStream) -> VideoCodecContext:
    """The stream's own decoder, or for VP8 and VP9 with alpha one that decodes it, which FFmpeg's own do not.

    Raises `MediaError` where there is none.
    """
    context = stream.codec_context
    name = _ALPHA_DECODERS.get(context.codec.canonical_name)
    marks = {tag.lower(): text for tag, text in stream.metadata.items()}
    if name is None or marks.get("alpha_mode") != "1":
        return context
    try:
        decoder = CodecContext.create(name, "r")
        assert isinstance(decoder, VideoCodecContext)
        return decoder
    except ValueError as error:
        raise MediaError(
            f"the video is {context.codec.canonical_name} with alpha, which only the decoder {name} reads, and it is "
            "missing here; make a PNG folder of the file and give that"
        ) from error


def _is_opaque(picture: VideoFrame) -> bool:
    if picture.format.name == "pal8":
        alpha = _palette(picture)[:, 3]
        if alpha.min() == 255:
            return True
        return bool(alpha[_rows(picture, 0)[:, : picture.width]].min() == 255)
    return bool(_rows(picture, 0)[:, 3 : 4 * picture.width : 4].min() == 255)


def _palette(picture: VideoFrame) -> NDArray[np.uint8]:
    """(256, 4) B, G, R, A."""
    plane: Any = picture.planes[1]
    return np.frombuffer(plane, np.uint8).reshape(256, 4)


def _rows(picture: VideoFrame, number: int) -> NDArray[np.uint8]:
    """A plane with its padding, (rows, bytes a line); FFmpeg may store it bottom line first."""
    plane: Any = picture.planes[number]
    rows = np.frombuffer(plane, np.uint8).reshape(plane.height, abs(plane.line_size))
    return rows[::-1] if plane.line_size < 0 else rows
