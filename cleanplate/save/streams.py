"""Everything of a source that is not its picture: audio, subtitles, chapters, tags; copied packet by packet."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from fractions import Fraction
from math import lcm
from pathlib import Path
from typing import Any

import av
from av.container import InputContainer, OutputContainer
from av.packet import Packet
from av.stream import Discard, Disposition

from cleanplate.base.types import VideoInfo
from cleanplate.save.subtitles import add_text_stream, is_blank

# What a muxer writes about its own file: copied, it would describe the wrong one.
_OWN_TAGS = {"encoder", "duration"}
_MP4_BRANDS = {"major_brand", "minor_version", "compatible_brands"}
_COVERS = {"png": ("cover.png", "image/png"), "mjpeg": ("cover.jpg", "image/jpeg")}
_MOST_ERRORS = 64
"reads that may fail before the rest of a damaged source is given up"
_STATISTICS = ("bps", "number_of_", "_statistics")
# Tags an MP4 file has a place for. With any other, all are written as QuickTime keys, which lose none.
_MP4_TAGS = {
    *("title", "artist", "album_artist", "composer", "album", "date", "comment", "genre", "copyright", "grouping"),
    *("lyrics", "description", "synopsis", "show", "episode_id", "network", "keywords", "track", "disc", "timecode"),
    *("creation_time", "language"),
}


def muxer_options(container: str, info: VideoInfo, source: InputContainer | None) -> dict[str, str]:
    """Settings of the output container that keep times and tags exact and its bytes the same at each run."""
    options = {"fflags": "+bitexact"}
    if container == "matroska":
        return options
    flags = "+faststart"
    if source is not None and set(file_tags(source)) - _MP4_TAGS:
        flags += "+use_metadata_tags"
    ticks = [info.time_base.denominator]
    # Edit lists, which hold start offsets, count in the movie's own clock: 1/1000 s unless it is given.
    clock = 1
    for each in [*ticks, *(s.time_base.denominator for s in source.streams if s.time_base)] if source else ticks:
        clock = lcm(clock, each) if lcm(clock, each) < 2**31 else clock
    return options | {"movflags": flags, "video_track_timescale": str(ticks[0]), "movie_timescale": str(clock)}


def file_tags(source: InputContainer) -> dict[str, str]:
    """The tags of the whole file worth copying: not those a muxer writes by itself."""
    own = _OWN_TAGS | (_MP4_BRANDS if "mp4" in source.format.name else set())
    return {name: text for name, text in source.metadata.items() if name.lower() not in own}


def stream_tags(tags: Mapping[str, str]) -> dict[str, str]:
    """The tags of a stream without those that measure the old stream's bytes."""
    return {n: t for n, t in tags.items() if n.lower() not in _OWN_TAGS and not n.lower().startswith(_STATISTICS)}


class CopiedStreams:
    """The source's other streams, added to the output in the source's order and copied as the video advances."""

    def __init__(self, path: Path, source: InputContainer, output: OutputContainer) -> None:
        self._path = path
        self.warnings: list[str] = []
        self._source = source
        self._output = output
        self._targets: dict[int, Any] = {}
        self._packets: Iterator[Packet[Any]] | None = None
        self._next: Packet[Any] | None = None
        self._early = Fraction(0)  # the earliest time before zero
        self._dropped: dict[int, int] = {}
        self._recode: dict[int, Callable[[bytes], bytes]] = {}
        self._container = output.format.name
        self._is_same_kind = self._container in source.format.name.split(",")

    def add(self, stream: Any) -> None:
        """Make a place for one stream; what this container cannot hold is left out, or if text converted, and told."""
        if stream.type == "attachment" and self._container == "matroska":
            self._output.add_attachment(stream.name or "attachment", stream.mimetype or "", bytes(stream.data))
            return
        if self._container == "matroska" and stream.disposition & Disposition.attached_pic:
            self._attach_cover(stream)
            return
        if self._is_rewritten(stream):
            return
        target = self._place_for(stream)
        if target is None:
            self.warnings.append(
                f"stream {stream.index} ({stream.type}, {_codec(stream)}) cannot be held by a {self._container} file "
                "and was left out"
            )
            return
        target.metadata.update(stream_tags(stream.metadata))
        target.disposition = stream.disposition
        self._targets[stream.index] = target

    def _place_for(self, stream: Any) -> Any:
        if _is_held(self._container, stream):
            return self._output.add_stream_from_template(stream, opaque=True)
        made = add_text_stream(self._output, _codec(stream)) if stream.type == "subtitle" else None
        if made is None:
            return None
        target, self._recode[stream.index] = made
        target.time_base = stream.time_base
        if target.codec_context is not None:
            target.codec_context.time_base = stream.time_base
        self.warnings.append(
            f"stream {stream.index} (subtitle, {_codec(stream)}) was converted to plain text, as a {self._container} "
            "file needs it; its styling was left out"
        )
        return target

    def _attach_cover(self, stream: Any) -> None:
        """Matroska keeps cover pictures as attached files."""
        name, kind = _COVERS.get(_codec(stream), ("cover", "application/octet-stream"))
        with open_source(self._path) as again:
            packet = next(again.demux(again.streams[stream.index]))
            name, kind = stream.metadata.get("filename", name), stream.metadata.get("mimetype", kind)
            self._output.add_attachment(name, kind, bytes(packet))

    def _is_rewritten(self, stream: Any) -> bool:
        """Whether the muxer makes this stream anew: the chapters' titles, in MP4 also the timecode from its tag."""
        if stream.type != "data":
            return False
        is_titles = stream.name == "bin_data" and bool(self._source.chapters())
        return is_titles or ("timecode" in stream.metadata and self._container != "matroska")

    def _copy(self, packet: Packet[Any]) -> None:
        index = packet.stream_index
        if is_blank(_codec(self._source.streams[index]), bytes(packet)[:2]):
            return
        if self._container == "matroska" and not self._is_same_kind and packet.pts is not None and packet.pts < 0:
            self._early = min(self._early, packet.pts * packet.time_base)
        if index in self._recode:
            text: Packet[Any] = Packet(self._recode[index](bytes(packet)))
            text.pts, text.dts, text.duration = packet.pts, packet.dts, packet.duration
            text.time_base = packet.time_base
            packet = text
        packet.stream = self._targets[index]
        try:
            self._output.mux(packet)
        except (av.ArgumentError, av.InvalidDataError):  # a time that falls, or what is no packet of this codec
            self._dropped[index] = self._dropped.get(index, 0) + 1

    def _read(self, wanted: Sequence[Any]) -> Iterator[Packet[Any]]:
        """The packets of those streams, also behind a damaged place; decoding has told of the damage."""
        for _ in range(_MOST_ERRORS):
            with suppress(av.FFmpegError):
                yield from self._source.demux(wanted)
                return

    def copy_tags(self) -> None:
        """Chapters and tags of the whole file."""
        self._output.metadata.update(file_tags(self._source))
        if chapters := self._source.chapters():
            self._output.set_chapters(chapters)

    def copy_until(self, seconds: Fraction | None) -> None:
        """Copy the packets that are due by then, so that streams stay interleaved; None = all that remain."""
        if self._packets is None:
            for stream in self._source.streams:
                if stream.index not in self._targets:
                    stream.discard = Discard.all
            wanted = [self._source.streams[index] for index in self._targets]
            self._packets = self._read(wanted) if wanted else iter(())
            self._next = next(self._packets, None)
        while self._next is not None:
            packet = self._next
            due = packet.dts if packet.dts is not None else packet.pts
            if seconds is not None and due is not None and due * packet.time_base > seconds:
                return
            if packet.size:
                self._copy(packet)
            self._next = next(self._packets, None)
        if seconds is None:
            self.warnings += [
                f"damaged packets of stream {index} ({self._source.streams[index].type}) were left out: {count}"
                for index, count in self._dropped.items()
            ]
        if seconds is None and self._early < 0:
            self.warnings.append(
                f"sound begins before zero, which Matroska cannot hold: everything starts "
                f"{round(-self._early * 1000)} ms later"
            )


def unheld_sound(path: Path, container: str) -> tuple[int, str] | None:
    """Index and codec of the first audio stream of a file that a container cannot hold."""
    with open_source(path) as source:
        for stream in source.streams.audio:
            if not _is_held(container, stream):
                return stream.index, _codec(stream)
    return None


def open_source(path: Path) -> InputContainer:
    """The source once more, for what is copied; decoding has shown that it is a video."""
    return av.open(f"file:{path}", container_options={"protocol_whitelist": "file"}, metadata_errors="replace")


def _is_held(container: str, stream: Any) -> bool:
    """Whether a container holds such a stream: tried out, for muxers refuse some only when they write the header."""
    trial = av.open(io.BytesIO(), "w", format=container)
    try:
        trial.add_stream_from_template(stream, opaque=True)
        trial.start_encoding()
        trial.close()
    except (ValueError, av.FFmpegError):
        return False
    return True


def _codec(stream: Any) -> str:
    return str(
        stream.codec_context.codec.canonical_name
        if stream.codec_context
        else getattr(stream, "name", None) or "unknown"
    )
