"""What each container can hold of a source's other streams: asked before any work, told with what to type instead."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import av
from av.container import InputContainer
from av.stream import Disposition

UNTIMED = {"avi", "mxf"}
"muxers whose files store no times: everything begins with the first picture"
_OTHERS = {"matroska": ".mkv", "mp4": ".mp4", "mov": ".mov", "mpegts": ".ts"}
"muxers by FFmpeg's name that may hold what another does not, the one that holds most first"
_MXF_CODECS = {"pcm_s16le", "pcm_s24le"}  # sound only: its muxer cannot be tried out without a picture
# The TS muxer takes anything, but what it has no number for comes back as unknown data.
_TS_CODECS = {
    *("mp1", "mp2", "mp3", "aac", "aac_latm", "ac3", "eac3", "dts", "truehd", "opus"),
    *("dvb_subtitle", "dvb_teletext", "hdmv_pgs_subtitle", "klv", "timed_id3"),
    *("h264", "hevc", "mpeg2video", "mpeg1video", "mpeg4"),
}
_TABLES = {"mpegts": _TS_CODECS, "mxf": _MXF_CODECS}


def open_source(path: Path) -> InputContainer:
    """The source once more, for what is copied; decoding has shown that it is a video."""
    return av.open(f"file:{path}", container_options={"protocol_whitelist": "file"}, metadata_errors="replace")


def codec_of(stream: Any) -> str:
    """FFmpeg's name of what a stream holds."""
    if stream.codec_context:
        return str(stream.codec_context.codec.canonical_name)
    return str(getattr(stream, "name", None) or "unknown")


def words_for(stream: Any) -> str:
    """A stream as sentences name it: number, kind and codec."""
    kind = "cover picture" if is_cover(stream) else stream.type
    return f"stream {stream.index} ({kind}, {codec_of(stream)})"


def is_cover(stream: Any) -> bool:
    """Whether a stream is one picture that stands for the whole file."""
    return bool(stream.disposition & Disposition.attached_pic)


def is_held(container: str, stream: Any) -> bool:
    """Whether a container holds such a stream; where no table says so it is tried out, as muxers refuse some late."""
    if stream.type == "attachment":
        return container == "matroska"
    if is_cover(stream):
        return container in ("matroska", "mp4")
    if stream.type == "data" and container != "mpegts":  # others take some, and read back something else
        is_telemetry = codec_of(stream) == "bin_data" and "mp4" in stream.container.format.name  # gpmd
        return is_telemetry and container in ("mp4", "mov")
    if container in _TABLES:
        return codec_of(stream) in _TABLES[container]
    trial = av.open(io.BytesIO(), "w", format=container)
    try:
        trial.add_stream_from_template(stream, opaque=True)
        trial.start_encoding()
        trial.close()
    except (ValueError, av.FFmpegError):
        return False
    return True


def advice(container: str, stream: Any) -> str:
    """What to type so that this stream is kept: the end of a sentence."""
    other = next((suffix for name, suffix in _OTHERS.items() if name != container and is_held(name, stream)), None)
    return f"; name the output {other}, which holds it" if other else ", as in any other kind of file written here"


def unheld_sound(path: Path, container: str) -> str | None:
    """The first audio stream of a file that a container cannot hold, and what to do about it: a sentence's end."""
    with open_source(path) as source:
        for stream in source.streams.audio:
            if not is_held(container, stream):
                return f"{words_for(stream)}{advice(container, stream)}"
    return None
