"""Everything of a source that is not its picture: audio, subtitles, data, chapters, tags; copied packet by packet."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
from av.container import InputContainer, OutputContainer
from av.packet import Packet
from av.stream import Discard

from cleanplate.save.holds import UNTIMED, advice, codec_of, is_cover, is_held, open_source, words_for
from cleanplate.save.opening import Opening, delay, delayed_template, openings
from cleanplate.save.subtitles import add_text_stream, is_blank
from cleanplate.save.tags import file_tags, stream_tags
from cleanplate.save.untimed import aligned

_COVERS = {"png": ("cover.png", "image/png"), "mjpeg": ("cover.jpg", "image/jpeg")}
# FFmpeg's MP4 muxer refuses uncompressed sound whose channels have a number only, as AVI has them.
_USUAL_LAYOUTS = {"1 channels": "mono", "2 channels": "stereo", "6 channels": "5.1", "8 channels": "7.1"}
_MOST_ERRORS = 64
"reads that may fail before the rest of a damaged source is given up"


class CopiedStreams:
    """The source's other streams, added to the output in the source's order and copied as the video advances."""

    def __init__(self, path: Path, source: InputContainer, output: OutputContainer, main_index: int) -> None:
        """`main_index`: the stream that is not copied."""
        self._path = path
        self.warnings: list[str] = []
        self.places: dict[int, int] = {}
        "number of each copied stream in the source -> in the output"
        self._source = source
        self._output = output
        self._targets: dict[int, Any] = {}
        self._packets: Iterator[Packet[Any]] | None = None
        self._next: Packet[Any] | None = None
        self._shift = Fraction(0)
        self._begun: set[int] = set()
        self._refused: dict[int, int] = {}
        self._damaged: dict[int, int] = {}
        self._recode: dict[int, Callable[[bytes], bytes]] = {}
        self._container = output.format.name
        self._suffix = Path(output.name).suffix
        sounds = [stream.index for stream in source.streams.audio if stream.index != main_index]
        self.openings: dict[int, Opening] = openings(path, sounds) if sounds else {}

    def add(self, stream: Any) -> None:
        """Make a place for one stream; what this container cannot hold is left out, or if text converted, and told."""
        if self._is_rewritten(stream):
            return
        if is_held(self._container, stream) and self._container == "matroska" and self._attach(stream):
            return
        target = self._place_for(stream)
        if target is None:
            self.warnings.append(
                f"{words_for(stream)} was left out, for a {self._suffix} file cannot hold it"
                f"{advice(self._container, stream)}"
            )
            return
        target.metadata.update(stream_tags(stream.metadata, self._container))
        target.disposition = stream.disposition
        self._targets[stream.index] = target
        self.places[stream.index] = target.index

    def _place_for(self, stream: Any) -> Any:
        if is_held(self._container, stream):
            return self._copy_of(stream)
        made = add_text_stream(self._output, codec_of(stream)) if stream.type == "subtitle" else None
        if made is None:
            return None
        target, self._recode[stream.index] = made
        target.time_base = stream.time_base
        if target.codec_context is not None:
            target.codec_context.time_base = stream.time_base
        self.warnings.append(
            f"{words_for(stream)} was converted to plain text, as a {self._suffix} file needs it; its styling was "
            "left out"
        )
        return target

    def _copy_of(self, stream: Any) -> Any:
        """A stream of the same kind; in Matroska with the delay that an MP4 tells in its edit list only."""
        opening = self.openings.get(stream.index)
        if self._container in ("matroska", "webm") and opening and opening.hidden_s and not stream.codec_context.delay:
            template = delayed_template(stream, opening.hidden_s)
            if template is not None:
                target = self._output.add_stream_from_template(template, opaque=True)
                target.codec_context.extradata = stream.codec_context.extradata
                return target
            self.openings[stream.index] = Opening(first_s=opening.first_s, hidden_s=Fraction(0))
        target = self._output.add_stream_from_template(stream, opaque=True)
        if stream.type == "audio" and (usual := _USUAL_LAYOUTS.get(stream.codec_context.layout.name)):
            target.codec_context.layout = usual
        return target

    def _attach(self, stream: Any) -> bool:
        """Fonts and the like, and cover pictures, which Matroska keeps as attached files."""
        if stream.type == "attachment":
            self._output.add_attachment(stream.name or "attachment", stream.mimetype or "", bytes(stream.data))
            return True
        if not is_cover(stream):
            return False
        name, kind = _COVERS.get(codec_of(stream), ("cover", "application/octet-stream"))
        with open_source(self._path) as again:
            packet = next(again.demux(again.streams[stream.index]))
            name, kind = stream.metadata.get("filename", name), stream.metadata.get("mimetype", kind)
            self._output.add_attachment(name, kind, bytes(packet))
        return True

    def _is_rewritten(self, stream: Any) -> bool:
        """Whether the muxer makes this stream anew: the chapters' titles, and the timecode from the video's tag."""
        if stream.type != "data":
            return False
        is_titles = stream.discard == Discard.all and bool(self._source.chapters())  # as FFmpeg marks that track
        return is_titles or "timecode" in stream.metadata

    def _copy(self, packet: Packet[Any]) -> None:
        index = packet.stream_index
        if is_blank(codec_of(self._source.streams[index]), bytes(packet)[:2]):
            return
        if packet.is_corrupt:
            self._damaged[index] = self._damaged.get(index, 0) + 1
        if index in self._recode:
            packet = _like(packet, self._recode[index](bytes(packet)))
        if self._container in UNTIMED and packet.pts is not None:
            at_s, is_first = packet.pts * packet.time_base + self._shift, index not in self._begun
            data = aligned(packet, self._source.streams[index], at_s, is_first)
            if data is None:
                return
            self._begun.add(index)
            packet = _like(packet, data)
            packet.pts = packet.dts = 0 if is_first else max(round(at_s / packet.time_base), 0)
        else:
            delay(packet, self._shift)
        packet.stream = self._targets[index]
        try:
            self._output.mux(packet)
        except (av.ArgumentError, av.InvalidDataError):  # a time that falls, or what is no packet of this codec
            self._refused[index] = self._refused.get(index, 0) + 1

    def _read(self, wanted: Sequence[Any]) -> Iterator[Packet[Any]]:
        """The packets of those streams, also behind a damaged place; decoding has told of the damage."""
        for _ in range(_MOST_ERRORS):
            with suppress(av.FFmpegError):
                yield from self._source.demux(wanted)
                return

    def begin(self, shift_s: Fraction) -> None:
        """Chapters and tags of the whole file. `shift_s`: by how much all times are later than in the source."""
        self._shift = shift_s
        self._output.metadata.update(file_tags(self._source))
        if chapters := self._source.chapters():
            for each in chapters:
                later = round(shift_s / each["time_base"]) if each["time_base"] else 0
                each["start"] += later
                each["end"] += later
            self._output.set_chapters(chapters)

    def copy_until(self, seconds: Fraction | None) -> None:
        """Copy the packets due by then in the output, so that streams stay interleaved; None = all that remain."""
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
            if seconds is not None and due is not None and due * packet.time_base + self._shift > seconds:
                return
            if packet.size:
                self._copy(packet)
            self._next = next(self._packets, None)
        if seconds is None:
            self.warnings += [
                f"damaged packets of stream {index} ({self._source.streams[index].type}) were left out: {count}"
                for index, count in self._refused.items()
            ]
            self.warnings += [
                f"packets of stream {index} ({self._source.streams[index].type}) that came damaged were kept: {count}"
                for index, count in self._damaged.items()
            ]


def _like(packet: Packet[Any], data: bytes) -> Packet[Any]:
    """Other data at the same time."""
    made: Packet[Any] = Packet(data)
    made.pts, made.dts, made.duration, made.time_base = packet.pts, packet.dts, packet.duration, packet.time_base
    return made
