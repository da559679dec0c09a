"""Text subtitles from one container's form to the other's: MP4 knows only mov_text, WebM only WebVTT."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from av.container import OutputContainer

# The encoder of mov_text takes its default style from an ASS header.
_FIELDS = "Format: Layer, Start, End, Style, Name, MarginL, MarginR, MarginV, Effect, Text"
_STYLE = {
    **{"Name": "Default", "Fontname": "Arial", "Fontsize": "16"},
    **dict.fromkeys(("PrimaryColour", "SecondaryColour"), "&Hffffff"),
    **dict.fromkeys(("OutlineColour", "BackColour"), "&H0"),
    **dict.fromkeys(("Bold", "Italic", "Underline", "StrikeOut"), "0"),
    **{"ScaleX": "100", "ScaleY": "100", "Spacing": "0", "Angle": "0", "BorderStyle": "1", "Outline": "1"},
    **{"Shadow": "0", "Alignment": "2", "MarginL": "10", "MarginR": "10", "MarginV": "10", "Encoding": "1"},
}
_ASS_HEADER = "\r\n".join(
    [
        *("[Script Info]", "ScriptType: v4.00+", "PlayResX: 384", "PlayResY: 288", "", "[V4+ Styles]"),
        *(f"Format: {', '.join(_STYLE)}", f"Style: {','.join(_STYLE.values())}", "", "[Events]", _FIELDS, ""),
    ]
)


def _from_mov_text(payload: bytes) -> str:
    """Two bytes of length, the text, then boxes of style."""
    body = payload[2 : 2 + int.from_bytes(payload[:2], "big")]
    return body.decode("utf-16" if body[:2] in (b"\xfe\xff", b"\xff\xfe") else "utf-8", "replace")


def _from_marked(payload: bytes) -> str:
    return re.sub(r"</?[A-Za-z][^<>]*>", "", payload.decode("utf-8", "replace"))


def _from_ass(payload: bytes) -> str:
    """ReadOrder, Layer, Style, Name, MarginL, MarginR, MarginV, Effect, Text."""
    text = payload.decode("utf-8", "replace").split(",", 8)[-1]
    return re.sub(r"\{[^}]*\}", "", text).replace(r"\N", "\n").replace(r"\n", "\n").replace(r"\h", " ")


_READERS: dict[str, Callable[[bytes], str]] = {
    "mov_text": _from_mov_text,
    "subrip": _from_marked,
    "webvtt": _from_marked,
    "ass": _from_ass,
}

_TEXT_FORMS = {"mp4": "mov_text", "mov": "mov_text", "matroska": "subrip", "webm": "webvtt"}


def is_blank(codec: str, payload: bytes) -> bool:
    """Whether this packet only fills the time between two texts, which the MP4 muxer does by itself."""
    return codec == "mov_text" and payload[:2] == b"\0\0"


def add_text_stream(output: OutputContainer, codec: str) -> tuple[Any, Callable[[bytes], bytes]] | None:
    """A stream of the container's own kind of text and what turns a packet of `codec` into one; None = not text."""
    read, form = _READERS.get(codec), _TEXT_FORMS.get(output.format.name)
    if read is None or form is None:
        return None
    if form != "mov_text":
        return output.add_mux_stream(form), lambda payload: read(payload).encode()
    stream: Any = output.add_stream("mov_text")
    stream.codec_context.subtitle_header = _ASS_HEADER.encode()

    def write(payload: bytes) -> bytes:
        body = read(payload).encode()[:65535]
        return len(body).to_bytes(2, "big") + body

    return stream, write
