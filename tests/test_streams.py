"""What lies beside the picture: captions, data, timecode, covers, attachments, marks, tags; kept, or named as lost.

Judged by demuxing and decoding with PyAV alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from av.packet import Packet, PacketSideData, packet_sidedata_type_from_literal
from av.stream import Disposition

import cleanplate
from cleanplate.base.errors import UsageError
from cleanplate.base.settings import Encode
from cleanplate.decode.reader import open_video
from cleanplate.save.writer import VideoWriter, check_output

MS = Fraction(1, 1000)
SUFFIXES = [".mp4", ".mov", ".mkv", ".webm", ".avi", ".ts"]
MARKS = Disposition.comment | Disposition.hearing_impaired
FRAMES = 12


@dataclass(frozen=True, kw_only=True)
class Source:
    """What `render` puts beside twelve pictures of 40 ms."""

    video: str = "libx264"
    options: tuple[tuple[str, str], ...] = (("preset", "medium"),)
    pix_fmt: str = "yuv420p"
    captions: bool = False
    sounds: Sequence[str] = ()
    data: str | None = None
    cover: bool = False
    timecode: str | None = None
    texts: str | None = None
    chapters: bool = False
    tags: tuple[tuple[str, str], ...] = ()
    sound_tags: tuple[tuple[str, str], ...] = (("language", "eng"), ("title", "Director"))
    marks: Disposition = MARKS


def captions_of(n: int) -> bytes:
    """Two triplets of CTA-708, others at each picture."""
    return bytes([0xFC, 0x20 + n, 0x40 + n, 0xFD, 0x80, 0x80])


def captioned(picture: av.VideoFrame, n: int) -> av.VideoFrame:
    """PyAV attaches side data to packets only: raw samples with captions, decoded."""
    raw: Any = av.CodecContext.create("rawvideo", "r")
    raw.width, raw.height, raw.pix_fmt = picture.width, picture.height, picture.format.name
    packet: Any = Packet(picture.to_ndarray().tobytes())
    make: Any = PacketSideData
    data = make(packet_sidedata_type_from_literal("a53_cc"), len(captions_of(n)))
    memoryview(data)[:] = captions_of(n)
    data.to_packet(packet)
    made = raw.decode(packet)[0]
    made.pict_type = 0
    return made


def render(path: Path, source: Source) -> Path:
    with av.open(str(path), "w") as out:
        video: Any = out.add_stream(source.video, rate=25, options=dict(source.options))
        video.width, video.height, video.pix_fmt = 64, 48, source.pix_fmt
        video.metadata.update({"language": "fra", "title": "Picture"})
        if source.timecode:
            video.metadata["timecode"] = source.timecode
        sounds: list[Any] = [out.add_stream(codec, rate=48000) for codec in source.sounds]
        for sound in sounds:
            sound.metadata.update(dict(source.sound_tags))
            sound.disposition = source.marks
        data: Any = out.add_data_stream(source.data) if source.data else None
        if data:
            data.time_base = MS
        texts: Any = out.add_mux_stream(source.texts) if source.texts else None
        if texts:
            texts.time_base = MS
            texts.metadata["language"] = "spa"
            texts.disposition = Disposition.forced
        cover: Any = None
        if source.cover:
            cover = out.add_stream("mjpeg", rate=1)
            cover.width, cover.height, cover.pix_fmt = 32, 32, "yuvj420p"
            cover.disposition = Disposition.attached_pic
        out.metadata.update(dict(source.tags))
        if source.chapters:
            spans: Any = [
                {
                    "id": n + 1,
                    "start": n * 200,
                    "end": n * 200 + 200,
                    "time_base": MS,
                    "metadata": {"title": f"Part {n}"},
                }
                for n in range(2)
            ]
            out.set_chapters(spans)
        packets: list[Any] = []
        for n in range(FRAMES):
            y, x = np.mgrid[:72, :64]
            slope = 40 + x + y + 4 * n + np.random.default_rng(n).integers(0, 8, (72, 64))
            frame = av.VideoFrame.from_ndarray(slope.astype(np.uint8), format="yuv420p").reformat(format=source.pix_fmt)
            frame = captioned(frame, n) if source.captions else frame
            frame.pts, frame.time_base = n, Fraction(1, 25)
            packets += video.encode(frame)
        packets += video.encode(None)
        for sound in sounds:
            packets += _tone(sound)
        for n in range(4):
            if data:
                packets.append(_packet(data, b"KLV or GPMF %d" % n, n * 100))
            if texts:
                packets.append(_packet(texts, b"line %d" % n, n * 100))
        out.start_encoding()
        if cover:
            frame = av.VideoFrame.from_ndarray(np.full((48, 32), 99, np.uint8), format="yuv420p")
            for packet in cover.encode(frame.reformat(format="yuvj420p")) + cover.encode(None):
                out.mux(packet)
        for packet in sorted(packets, key=lambda packet: packet.dts * packet.time_base):
            out.mux(packet)
    return path


def _packet(stream: Any, body: bytes, time_ms: int) -> Any:
    packet: Any = Packet(body)
    packet.stream, packet.time_base = stream, MS
    packet.pts = packet.dts = time_ms
    packet.duration = 100
    return packet


def _tone(stream: Any) -> list[Any]:
    packets: list[Any] = []
    resampler = av.AudioResampler(format=stream.codec_context.format, layout="stereo", rate=48000)
    for start in range(0, 23040, 960):
        wave = (8000 * np.sin(np.arange(start, start + 960) * 0.05)).astype(np.int16)
        frame = av.AudioFrame.from_ndarray(np.repeat(wave, 2)[None], format="s16", layout="stereo")
        frame.sample_rate, frame.pts = 48000, start
        for part in resampler.resample(frame):
            part.pts = start
            packets += stream.encode(part)
    return [packet for packet in packets + stream.encode(None) if packet.dts is not None]


def copy(source: Path, output: Path, encode: Encode | None = None) -> list[str]:
    """Through the package's reader and writer; the sentences about what was lost."""
    with open_video(source) as video, VideoWriter(output, video.info, encode or Encode()) as writer:
        for frame in video:
            writer.write(frame)
    return writer.warnings


def payloads(path: Path, kind: str) -> list[tuple[Fraction, bytes]]:
    """Time and bytes of all packets of one kind of stream."""
    with av.open(str(path)) as file:
        streams = [s for s in file.streams if s.type == kind and "timecode" not in s.metadata]
        if not streams:
            return []
        packets = [packet for packet in file.demux(*streams) if packet.size]
        return [(packet.pts * packet.time_base, bytes(packet)) for packet in packets]


def captions_in(path: Path) -> dict[Fraction, bytes]:
    found = {}
    with av.open(str(path)) as file:
        for frame in file.decode(video=0):
            data: Any = frame.side_data.get("A53_CC")
            found[frame.pts * frame.time_base] = b"" if data is None else bytes(data)
    return found


# Closed captions


@pytest.mark.parametrize(
    ("name", "video", "codec", "output"),
    [
        ("in.mp4", "libx264", "h264", "out.mp4"),
        ("in.mp4", "libx264", "hevc", "out.mkv"),
        ("in.mkv", "libx265", "hevc", "out.mp4"),
        ("in.ts", "mpeg2video", "h264", "out.ts"),
        ("in.ts", "mpeg2video", "mpeg2", "out.ts"),
        ("in.mp4", "libx264", "h264", "out.avi"),
    ],
)
def test_captions_stay_with_their_pictures(tmp_path, name, video, codec, output):
    options = {"libx265": (("x265-params", "log-level=none"), ("a53cc", "1")), "mpeg2video": (("bf", "2"),)}
    source = render(tmp_path / name, Source(video=video, captions=True, options=options.get(video, ())))
    before = list(captions_in(source).values())
    assert before == [captions_of(n) for n in range(FRAMES)]
    report = cleanplate.remove(source, output=tmp_path / output, box=(4, 4, 9, 9), engine="opencv-telea", codec=codec)
    assert list(captions_in(tmp_path / output).values()) == before
    assert not any("captions" in sentence for sentence in report.warnings)
    if output != "out.avi":
        with av.open(str(tmp_path / output)) as file:
            order = [packet.pts for packet in file.demux(video=0) if packet.size]
        assert codec == "mpeg2" or order != sorted(order)  # pictures were reordered, else this shows less


def test_captions_an_encoder_does_not_take_are_named(tmp_path):
    source = render(tmp_path / "in.mp4", Source(captions=True))
    warnings = copy(source, tmp_path / "out.mkv", Encode(codec="ffv1"))
    assert [w for w in warnings if "captions" in w] == [
        "the closed captions of 12 frames were left out, for ffv1 has no place for them; --codec h264 or hevc keeps "
        "them"
    ]


@pytest.mark.parametrize("pix_fmt", ["yuv420p10le", "yuv444p", "yuv422p"])
def test_captions_change_no_sample(tmp_path, pix_fmt):
    source = render(tmp_path / "in.mp4", Source(captions=True, pix_fmt=pix_fmt, options=(("qp", "0"),)))
    copy(source, tmp_path / "out.mp4", Encode(lossless=True))
    with av.open(str(source)) as one, av.open(str(tmp_path / "out.mp4")) as two:
        for a, b in zip(one.decode(video=0), two.decode(video=0), strict=True):
            assert np.array_equal(a.to_ndarray(), b.to_ndarray())
    assert list(captions_in(tmp_path / "out.mp4").values()) == [captions_of(n) for n in range(FRAMES)]


# Data


@pytest.mark.parametrize(("name", "data", "outputs"), [
    ("in.ts", "klv", [".ts"]),
    ("in.ts", "timed_id3", [".ts"]),
    ("in.mp4", "bin_data", [".mp4", ".mov"]),
])  # fmt: skip
def test_data_streams_are_copied(tmp_path, name, data, outputs):
    source = render(tmp_path / name, Source(data=data, sounds=["aac"]))
    for suffix in outputs:
        output = tmp_path / f"out{suffix}"
        copy(source, output)
        with av.open(str(output)) as file:
            assert [stream.name for stream in file.streams if stream.type == "data"] == [data]
        before, after = payloads(source, "data"), payloads(output, "data")
        assert [body for _, body in after] == [body for _, body in before]
        assert len(before) == 4
        starts = [packets[0][0] for packets in (before, after)]
        steps = [[time - start for time, _ in found] for found, start in zip((before, after), starts, strict=True)]
        assert steps[0] == steps[1]


@pytest.mark.parametrize(
    ("name", "data", "output", "advice"),
    [
        ("in.ts", "klv", "out.mp4", "name the output .ts"),
        ("in.ts", "klv", "out.mkv", "name the output .ts"),
        ("in.ts", "timed_id3", "out.avi", "name the output .ts"),
        ("in.mp4", "bin_data", "out.mkv", "name the output .mp4"),
        ("in.mp4", "bin_data", "out.ts", "name the output .mp4"),
        ("in.ts", "scte_35", "out.ts", "as in any other kind of file written here"),
    ],
)
def test_data_a_container_cannot_hold_is_named(tmp_path, name, data, output, advice):
    source = render(tmp_path / name, Source(data=data))
    warnings = copy(source, tmp_path / output)
    told = [sentence for sentence in warnings if "stream 1 (data" in sentence]
    assert len(told) == 1
    assert f"was left out, for a {Path(output).suffix} file cannot hold it" in told[0]
    assert advice in told[0]
    assert payloads(tmp_path / output, "data") == []


def test_caption_tracks_are_copied_where_quicktime_is_written(tmp_path):
    source = render(tmp_path / "in.mov", Source(texts="eia_608"))
    assert copy(source, tmp_path / "out.mov") == []
    assert payloads(tmp_path / "out.mov", "subtitle") == payloads(source, "subtitle")
    for suffix in (".mp4", ".mkv"):
        assert copy(source, tmp_path / f"out{suffix}") == [
            f"stream 1 (subtitle, eia_608) was left out, for a {suffix} file cannot hold it; name the output .mov, "
            "which holds it"
        ]


# Timecode


@pytest.mark.parametrize(
    ("name", "code"), [("in.mov", "01:02:03:04"), ("in.mp4", "10:00:00:02"), ("in.mkv", "01:02:03:04")]
)
@pytest.mark.parametrize("suffix", [".mov", ".mp4", ".mkv"])
def test_timecode_is_kept(tmp_path, name, code, suffix):
    source = render(tmp_path / name, Source(timecode=code))
    output = tmp_path / f"out{suffix}"
    assert copy(source, output) == []
    with av.open(str(output)) as file:
        assert {key.lower(): text for key, text in file.streams.video[0].metadata.items()}["timecode"] == code
        tracks = [stream for stream in file.streams if stream.type == "data" and "timecode" in stream.metadata]
        assert len(tracks) == (0 if suffix == ".mkv" else 1)


@pytest.mark.parametrize(("suffix", "group"), [(".mov", "12"), (".mkv", "12"), (".mov", "1")])
def test_timecode_of_mpeg_2_becomes_a_track_or_a_tag(tmp_path, suffix, group):
    options = (("gop_timecode", "01:02:03:04"), ("g", group))
    source = render(tmp_path / "in.ts", Source(video="mpeg2video", options=options))
    copy(source, tmp_path / f"out{suffix}", Encode(codec="h264"))
    with av.open(str(tmp_path / f"out{suffix}")) as file:
        tags = {key.lower(): text for key, text in file.streams.video[0].metadata.items()}
    assert tags["timecode"] == "01:02:03:04"


def test_timecode_of_mpeg_2_stays_in_the_pictures(tmp_path):
    source = render(tmp_path / "in.ts", Source(video="mpeg2video", options=(("gop_timecode", "01:02:03:04"),)))
    copy(source, tmp_path / "out.ts", Encode(codec="mpeg2"))
    codes = []
    for path in (source, tmp_path / "out.ts"):
        with av.open(str(path)) as file:
            codes.append(bytes(next(file.decode(video=0)).side_data["GOP_TIMECODE"]))
    assert codes[0] == codes[1]


@pytest.mark.parametrize("suffix", [".avi", ".ts"])
def test_timecode_without_a_place_is_named(tmp_path, suffix):
    source = render(tmp_path / "in.mov", Source(timecode="01:02:03:04"))
    warnings = copy(source, tmp_path / f"out{suffix}")
    assert sum("timecode (01:02:03:04)" in sentence for sentence in warnings) == 1


# Covers, fonts, marks, tags


@pytest.mark.parametrize(
    ("name", "suffix"), [("in.mp4", ".mp4"), ("in.mp4", ".mkv"), ("between.mkv", ".mp4"), ("between.mkv", ".mkv")]
)
def test_covers_are_kept(tmp_path, name, suffix):
    source = render(tmp_path / "in.mp4", Source(cover=True, sounds=["aac"], marks=Disposition.default))
    if name != "in.mp4":
        copy(source, tmp_path / name)
    output = tmp_path / f"out{suffix}"
    assert copy(tmp_path / name, output) == []
    pictures = []
    for path in (source, output):
        with av.open(str(path)) as file:
            covers = [s for s in file.streams.video if s.disposition & Disposition.attached_pic]
            assert len(covers) == 1
            pictures.append(bytes(next(file.demux(covers[0]))))
    assert pictures[0] == pictures[1]


@pytest.mark.parametrize("suffix", [".mov", ".avi", ".ts"])
def test_covers_without_a_place_are_named(tmp_path, suffix):
    source = render(tmp_path / "in.mp4", Source(cover=True))
    warnings = copy(source, tmp_path / f"out{suffix}")
    assert (
        f"stream 1 (cover picture, mjpeg) was left out, for a {suffix} file cannot hold it; name the output .mkv, "
        "which holds it"
    ) in warnings
    with av.open(str(tmp_path / f"out{suffix}")) as file:
        assert len(file.streams.video) == 1


@pytest.mark.parametrize("output", SUFFIXES)
@pytest.mark.parametrize("name", SUFFIXES)
def test_every_pair_keeps_or_names_everything(tmp_path, name, output):
    """What is in the source and not in the result stands in a warning; sound is there or the run is refused."""
    everything = Source(
        video="libvpx" if name == ".webm" else "libx264",
        sounds=["libopus" if name == ".webm" else "mp2" if name in (".ts", ".avi") else "aac"] * 2,
        chapters=True,
        texts={".mkv": "subrip", ".webm": "webvtt"}.get(name),
        tags=(("title", "A title"), ("comment", "Words"), ("creation_time", "2020-01-02T03:04:05.000000Z")),
    )
    source = render(tmp_path / f"in{name}", everything)
    path = tmp_path / f"out{output}"
    encode = Encode(codec="libvpx" if output == ".webm" else "h264", crf=30)
    with open_video(source) as video:
        try:
            check_output(path, video.info, encode)
        except UsageError as error:
            refusal = str(error)
        else:
            refusal = ""
    if refusal:
        assert "stream 1 (audio, " in refusal
        assert "name the output .mkv" in refusal
        assert [each.name for each in tmp_path.iterdir()] == [source.name]
        return
    said = "\n".join(copy(source, path, encode))
    with av.open(str(source)) as one, av.open(str(path)) as two:
        kept = [stream for stream in two.streams if stream.type in ("video", "audio", "subtitle")]
        place = 0
        for before in one.streams:
            if before.type == "data":  # chapters' titles
                continue
            line = " ".join(row for row in said.splitlines() if f"stream {before.index} (" in row)
            if "was left out, for" in line:
                continue
            after = kept[place]
            place += 1
            assert after.type == before.type
            for mark in Disposition:
                if before.disposition & mark & ~after.disposition and mark != Disposition.default:
                    assert mark.name.replace("_", " ") in line
            if before.language not in (None, "und", after.language):
                assert f"language ({before.language})" in line
            title = before.metadata.get("title", before.metadata.get("name"))
            if title not in (after.metadata.get("title"), after.metadata.get("name")):
                assert f"({title})" in line
        assert place == len(kept)
        if len(two.chapters()) < len(one.chapters()):
            assert "2 chapters" in said
        else:
            assert [c["metadata"] for c in one.chapters()] == [c["metadata"] for c in two.chapters()]
        there = set(two.metadata.values())
        for key, text in one.metadata.items():
            if key.lower() in ("title", "comment", "creation_time") and text not in there:
                assert f"{key} ({text})" in said
    sounds = [[body for _, body in payloads(each, "audio")] for each in (source, path)]
    if ".ts" not in (name, output) and ".avi" not in (name, output):  # which wrap or split packets anew
        assert sounds[0] == sounds[1]
    assert len(sounds[1]) >= 40


def test_a_track_made_at_another_time_is_named(tmp_path):
    """Several programs date each track; FFmpeg's muxer writes the file's date into all."""
    source = render(
        tmp_path / "in.mp4", Source(sounds=["aac"], tags=(("creation_time", "2020-01-02T03:04:05.000000Z"),))
    )
    data = bytearray(source.read_bytes())
    at = data.index(b"mdhd", data.index(b"mdhd") + 4) + 8  # of the sound: version and flags, then the time
    data[at : at + 4] = (int.from_bytes(data[at : at + 4], "big") + 3600).to_bytes(4, "big")
    source.write_bytes(data)
    warnings = copy(source, tmp_path / "out.mp4")
    assert len(warnings) == 1
    assert "stream 1 (audio, aac)" in warnings[0]
    assert "creation_time (2020-01-02T04:04:05.000000Z)" in warnings[0]


def test_languages_quicktime_knows_by_another_code(tmp_path):
    source = render(
        tmp_path / "in.mkv", Source(sounds=["aac"], sound_tags=(("language", "deu"),), marks=Disposition.default)
    )
    assert copy(source, tmp_path / "out.mov") == []
    with av.open(str(tmp_path / "out.mov")) as file:
        assert file.streams.audio[0].language == "ger"


def test_the_sound_of_a_container_decides_before_any_work(tmp_path):
    source = render(tmp_path / "in.mp4", Source(sounds=["aac"]))
    with pytest.raises(UsageError) as caught:
        cleanplate.remove(source, output=tmp_path / "out.webm", box=(4, 4, 9, 9), engine="opencv-telea")
    assert str(caught.value) == (
        "a .webm file cannot hold the sound of the source, stream 1 (audio, aac); name the output .mkv, which holds it"
    )
    assert [path.name for path in tmp_path.iterdir()] == ["in.mp4"]


def test_a_gif_holds_pictures_only_and_says_so(tmp_path):
    source = render(tmp_path / "in.mp4", Source(sounds=["aac"]))
    warnings = copy(source, tmp_path / "out.gif")
    assert any("stream 1 (audio, aac) was left out, for a .gif file cannot hold it" in each for each in warnings)
