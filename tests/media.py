"""Small real videos for the tests, rendered with PyAV alone: nothing here uses the package's own reader or writer."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
from av.stream import Disposition

X265 = "lossless=1:log-level=none:bframes=2"
QUICK = {
    "libx264": {"preset": "ultrafast", "qp": "0", "bf": "2"},
    "libx265": {"preset": "ultrafast", "x265-params": X265},
}


@dataclass(kw_only=True)
class Recipe:
    """What `render` puts into a file."""

    codec: str = "libx264"
    pix_fmt: str = "yuv420p"
    size: tuple[int, int] = (64, 48)
    "width, height as stored"
    pts: Sequence[int] = tuple(range(0, 12 * 512, 512))
    time_base: Fraction = Fraction(1, 12800)
    last_duration: int = 512
    rotation: float | None = None
    "degrees counter-clockwise, as FFmpeg counts"
    hflip: bool = False
    pixel_aspect: Fraction | None = None
    color: tuple[int, int, int, int] = (2, 2, 2, 0)
    "primaries, transfer, matrix, range (1 limited, 2 full)"
    chroma: str | None = None
    audio: Sequence[str] = ()
    "encoders of audio tracks, one second each"
    audio_start: int = 0
    "samples at 48 kHz"
    subtitles: Sequence[tuple[float, float, str]] = ()
    "start and end in seconds, text"
    chapters: Sequence[tuple[float, float, str]] = ()
    tags: dict[str, str] = field(default_factory=dict)
    attachment: tuple[str, str, bytes] | None = None
    options: dict[str, str] = field(default_factory=dict)
    "of the encoder"
    muxer: dict[str, str] = field(default_factory=dict)


def picture(index: int, width: int, height: int, pix_fmt: str) -> av.VideoFrame:
    """A picture whose every plane is a gradient with noise, another one at each index and in each corner."""
    frame = av.VideoFrame(width, height, pix_fmt)
    random = np.random.default_rng(index)
    bits = max(component.bits for component in frame.format.components)
    for number, plane in enumerate(frame.planes):
        dtype = np.uint8 if bits == 8 else np.uint16
        rows = np.frombuffer(plane, np.uint8).reshape(plane.height, plane.line_size).view(dtype)
        y, x = np.mgrid[: plane.height, : rows.shape[1]]
        top = 2**bits - 1
        values = top * (0.2 + 0.3 * x / rows.shape[1] + 0.2 * y / plane.height + 0.02 * number)
        rows[...] = (values + index * top / 100 + random.integers(0, max(top // 32, 1), rows.shape)).astype(dtype)
    return frame


def render(path: Path, recipe: Recipe) -> Path:
    """Write the recipe's video; losslessly with x264, x265 and FFV1."""
    width, height = recipe.size
    ticks = str(recipe.time_base.denominator)
    clock = {"video_track_timescale": ticks, "movie_timescale": ticks} if path.suffix in (".mp4", ".mov") else {}
    with av.open(str(path), "w", options=clock | recipe.muxer) as out:
        # the rate says nothing of the last picture's duration, so that only the picture itself can
        step = recipe.pts[1] - recipe.pts[0] if len(recipe.pts) > 1 else recipe.last_duration
        rate = Fraction(1) / (recipe.time_base * max(step, 1))
        options = {**QUICK.get(recipe.codec, {}), **recipe.options}
        options["flags"] = options.get("flags", "") + "+frame_duration"
        video = out.add_stream(recipe.codec, rate=rate.limit_denominator(60000), options=options)
        video.width, video.height, video.pix_fmt = width, height, recipe.pix_fmt
        context = video.codec_context
        context.time_base = recipe.time_base
        if recipe.codec == "libx265" and path.suffix != ".mkv":
            context.codec_tag = "hvc1"
        context.color_primaries, context.color_trc, context.colorspace, context.color_range = recipe.color
        if recipe.chroma:
            context.options["chroma_sample_location"] = recipe.chroma
        if recipe.pixel_aspect:
            context.sample_aspect_ratio = recipe.pixel_aspect
        if recipe.rotation is not None:
            video.set_display_rotation(recipe.rotation, hflip=recipe.hflip)
        video.metadata["language"] = "fra"
        sounds = [out.add_stream(name, rate=48000) for name in recipe.audio]
        for number, sound in enumerate(sounds):
            sound.metadata["language"] = ("eng", "deu")[number % 2]
            sound.disposition = (Disposition.default, Disposition.hearing_impaired)[number % 2]
        texts = _add_subtitles(out, path) if recipe.subtitles else None
        if recipe.attachment:
            out.add_attachment(*recipe.attachment)
        if recipe.chapters:
            out.set_chapters([_chapter(number, *chapter) for number, chapter in enumerate(recipe.chapters)])
        out.metadata.update(recipe.tags)
        packets: list[Any] = []
        gaps = [b - a for a, b in zip(recipe.pts, recipe.pts[1:], strict=False)] + [recipe.last_duration]
        for index, (pts, gap) in enumerate(zip(recipe.pts, gaps, strict=True)):
            frame = picture(index, width, height, recipe.pix_fmt)
            frame.pts, frame.duration, frame.time_base = pts, gap, recipe.time_base
            packets += video.encode(frame)
        packets += video.encode(None)
        for sound in sounds:
            packets += _sound(sound, recipe.audio_start)
        if texts is not None:
            packets += _subtitles(texts, recipe.subtitles, path)
        out.start_encoding()
        packets.sort(key=lambda packet: packet.dts * packet.time_base)
        for packet in packets:
            out.mux(packet)
    return path


def _chapter(number: int, start: float, end: float, title: str) -> Any:
    times = {"start": int(start * 1000), "end": int(end * 1000), "time_base": Fraction(1, 1000)}
    return {"id": number + 1, **times, "metadata": {"title": title}}


def _add_subtitles(out: Any, path: Path) -> Any:
    name = "subrip" if path.suffix == ".mkv" else "mov_text"
    if name == "subrip":
        stream = out.add_mux_stream(name)
    else:
        stream = out.add_stream(name)
        stream.codec_context.subtitle_header = (
            b"[Script Info]\r\nScriptType: v4.00+\r\nPlayResX: 384\r\nPlayResY: 288\r\n\r\n[V4+ Styles]\r\n"
            b"Format: Name, Fontname, Fontsize, PrimaryColour, SecondaryColour, OutlineColour, BackColour, Bold, "
            b"Italic, Underline, StrikeOut, ScaleX, ScaleY, Spacing, Angle, BorderStyle, Outline, Shadow, Alignment, "
            b"MarginL, MarginR, MarginV, Encoding\r\nStyle: Default,Arial,16,&Hffffff,&Hffffff,&H0,&H0,0,0,0,0,100,"
            b"100,0,0,1,1,0,2,10,10,10,1\r\n\r\n[Events]\r\n"
            b"Format: Layer, Start, End, Style, Name, MarginL, MarginR, MarginV, Effect, Text\r\n"
        )
        stream.codec_context.time_base = Fraction(1, 1000)
    stream.time_base = Fraction(1, 1000)
    stream.metadata["language"] = "spa"
    return stream


def _subtitles(stream: Any, texts: Sequence[tuple[float, float, str]], path: Path) -> list[Any]:
    packets = []
    for start, end, text in texts:
        body = text.encode()
        packet = av.Packet(body if path.suffix == ".mkv" else len(body).to_bytes(2, "big") + body)
        packet.stream = stream
        packet.time_base = Fraction(1, 1000)
        packet.pts = packet.dts = int(start * 1000)
        packet.duration = int((end - start) * 1000)
        packets.append(packet)
    return packets


def _sound(stream: Any, start: int) -> list[Any]:
    """One second of a tone."""
    packets: list[Any] = []
    size = 960
    for number in range(48000 // size):
        wave = np.sin(np.arange(number * size, (number + 1) * size) * 0.05)
        frame = av.AudioFrame.from_ndarray(
            np.repeat((wave * 8000).astype(np.int16)[None], 2, 1), format="s16", layout="stereo"
        )
        frame.sample_rate, frame.pts, frame.time_base = 48000, start + number * size, Fraction(1, 48000)
        resampled = av.AudioResampler(format=stream.codec_context.format, layout="stereo", rate=48000).resample(frame)
        for part in resampled:
            part.pts = start + number * size
            packets += stream.encode(part)
    return packets + stream.encode(None)


@dataclass(frozen=True)
class Facts:
    """What an independent demux and decode finds in a file."""

    samples: list[bytes]
    "hash of each picture's visible samples, in the order shown"
    times: list[tuple[Fraction, Fraction]]
    "pts and end of each picture in seconds; a picture ends where the next begins"
    packets: dict[int, list[tuple[Any, ...]]]
    "of every stream but the main video: pts, duration in seconds and a hash of the bytes"
    streams: list[tuple[Any, ...]]
    color: tuple[int, int, int, int]
    pix_fmt: str
    pixel_aspect: Fraction | None
    matrix: bytes
    chapters: list[tuple[Any, ...]]
    tags: dict[str, str]
    chroma: str
    signals: tuple[list[bytes], list[bool]]
    "HDR10's metadata of the first picture; whether each picture is interlaced"


def facts(path: Path) -> Facts:
    """Look at a file with PyAV only."""
    samples, pictures, last, matrix = [], [], Fraction(0), b""
    static: list[bytes] = []
    fields = []
    with av.open(str(path)) as file:
        stream = file.streams.video[0]
        base = stream.time_base
        for frame in file.decode(stream):
            samples.append(samples_hash(frame))
            pictures.append(frame.pts * base)
            last = frame.pts * base + frame.duration * base
            fields.append(frame.interlaced_frame)
            if not static:
                kinds = ("MASTERING_DISPLAY_METADATA", "CONTENT_LIGHT_LEVEL")
                static = [bytes(each) for each in map(frame.side_data.get, kinds) if each is not None]
            found = frame.side_data.get("DISPLAYMATRIX")
            matrix = bytes(found) if found is not None else b""
        context = stream.codec_context
        color = (context.color_primaries, context.color_trc, context.colorspace, context.color_range)
        others = [
            (
                s.type,
                s.codec_context.codec.canonical_name if s.codec_context else s.name,
                s.language,
                int(s.disposition),
            )
            for s in file.streams
        ]
        chapters = [
            (c["start"] * c["time_base"], c["end"] * c["time_base"], c["metadata"].get("title"))
            for c in file.chapters()
        ]
        result = {
            "color": tuple(int(c) for c in color),
            "pix_fmt": context.pix_fmt,
            "pixel_aspect": stream.sample_aspect_ratio,
            "tags": dict(file.metadata),
        }
        main = stream.index
    packets: dict[int, list[tuple[Any, ...]]] = {}
    with av.open(str(path)) as file:
        for packet in file.demux():
            if packet.size and packet.stream_index != main:
                digest = hashlib.sha256(bytes(packet)).hexdigest()
                time = None if packet.pts is None else packet.pts * packet.time_base  # a cover picture has none
                entry = (time, packet.duration * packet.time_base, digest)
                packets.setdefault(packet.stream_index, []).append(entry)
    return Facts(
        samples=samples,
        times=list(zip(pictures, [*pictures[1:], last], strict=True)),
        packets=packets,
        streams=others,
        matrix=matrix,
        chapters=chapters,
        chroma=_chroma(path),
        signals=(static, fields),
        **result,
    )


def _codec(stream: Any) -> str:
    return stream.codec_context.codec.canonical_name if stream.codec_context else stream.name


def samples_hash(frame: av.VideoFrame) -> bytes:
    """A hash of the visible samples of a decoded picture."""
    digest = hashlib.sha256()
    width = max(component.bits for component in frame.format.components) > 8
    for plane in frame.planes:
        rows = np.frombuffer(plane, np.uint8).reshape(plane.height, plane.line_size)
        packed = 1 if frame.format.is_planar or len(frame.planes) > 1 else len(frame.format.components)
        digest.update(np.ascontiguousarray(rows[:, : plane.width * (2 if width else 1) * packed]))
    return digest.digest()


def _chroma(path: Path) -> str:
    """Chroma location as FFmpeg describes it."""
    import av.logging

    av.logging.set_level(av.logging.VERBOSE)
    av.logging.set_libav_level(av.logging.VERBOSE)
    with av.open(str(path)) as file:
        text = file.dumps_format()
    av.logging.set_level(None)
    av.logging.set_libav_level(av.logging.INFO)
    line = next(line for line in text.splitlines() if "Video:" in line)
    names = ("topleft", "bottomleft", "left", "center", "top", "bottom")
    return next((name for name in names if f", {name})" in line or f"({name})" in line or f", {name}," in line), "")
