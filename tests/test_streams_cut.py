"""A transport stream that lost its end says so as far as that can be known; one that is whole says nothing."""

from __future__ import annotations

from pathlib import Path

import av
import numpy as np
import pytest

import cleanplate
from cleanplate.decode.reader import open_video
from cleanplate.decode.transport import ends_within_packet

SIZES = {".ts": 188, ".m2ts": 192}


def render(path: Path, audio: str = "mp2") -> Path:
    """A second of noise, each picture some transport packets long, with sound."""
    options = {"mpegts_m2ts_mode": "1"} if path.suffix == ".m2ts" else {}
    with av.open(str(path), "w", format="mpegts", options=options) as out:
        video = out.add_stream("libx264", rate=25, options={"preset": "ultrafast", "crf": "30"})
        video.width, video.height, video.pix_fmt = 64, 48, "yuv420p"
        sound = out.add_stream(audio, rate=48000)
        for n in range(25):
            noise = np.random.default_rng(n).integers(20, 230, (72, 64)).astype(np.uint8)
            out.mux(video.encode(av.VideoFrame.from_ndarray(noise, format="yuv420p")))
            for start in (n * 1920, n * 1920 + 960):
                wave = (9000 * np.sin(np.arange(start, start + 960) * 0.1)).astype(np.int16)
                frame = av.AudioFrame.from_ndarray(np.repeat(wave, 2)[None], format="s16", layout="stereo")
                frame.sample_rate, frame.pts = 48000, start
                out.mux(sound.encode(frame))
        out.mux(video.encode(None))
        out.mux(sound.encode(None))
    return path


def said(path: Path) -> list[str]:
    with open_video(path) as video:
        assert len(list(video)) > 5
        return [sentence for sentence in video.warnings if "end is missing" in sentence]


@pytest.mark.parametrize("suffix", SIZES)
def test_a_whole_stream_says_nothing(tmp_path, suffix):
    source = render(tmp_path / f"in{suffix}")
    assert source.stat().st_size % SIZES[suffix] == 0
    assert said(source) == []


@pytest.mark.parametrize("suffix", SIZES)
def test_a_cut_within_a_transport_packet_is_said(tmp_path, suffix):
    data = render(tmp_path / f"in{suffix}").read_bytes()
    short = tmp_path / f"short{suffix}"
    short.write_bytes(data[: len(data) // 2 // SIZES[suffix] * SIZES[suffix] + 100])
    assert len(said(short)) == 1


@pytest.mark.parametrize("suffix", SIZES)
def test_a_cut_between_transport_packets_is_said_where_a_picture_or_sound_lost_its_end(tmp_path, suffix):
    """By hand: a packet of the sound or the picture goes on where the next of its stream does not begin one."""
    data, step = render(tmp_path / f"in{suffix}").read_bytes(), SIZES[suffix]
    mark = step - 188
    short = tmp_path / f"short{suffix}"
    packets = [data[at + mark : at + step] for at in range(0, len(data), step)]
    streams = [(packet[1] & 0x1F) << 8 | packet[2] for packet in packets]
    begins = [bool(packet[1] & 0x40) for packet in packets]
    media = {".ts": [0x100, 0x101], ".m2ts": [0x1011, 0x1100]}[suffix]  # FFmpeg's numbers of picture and sound
    right = wrong = 0
    for count in range(len(packets) // 2, len(packets)):
        short.write_bytes(data[: count * step])
        is_cut = False
        for stream in media:
            following = next((n for n in range(count, len(packets)) if streams[n] == stream), None)
            is_cut |= following is not None and not begins[following]
        found = ends_within_packet(short)
        right += found == is_cut
        wrong += found != is_cut
    assert (right, wrong) == (len(packets) - len(packets) // 2, 0)


def test_the_report_says_it(tmp_path):
    data = render(tmp_path / "in.ts").read_bytes()
    short = tmp_path / "short.ts"
    short.write_bytes(data[:-300])
    report = cleanplate.remove(short, output=tmp_path / "out.mp4", box=(4, 4, 9, 9), engine="opencv-telea")
    assert any("seems to end within a packet" in sentence for sentence in report.warnings)


def test_other_files_are_no_transport_streams(tmp_path):
    other = tmp_path / "other"
    for body in (b"", b"G", b"G" * 5, bytes(5000), b"\x47" + bytes(5000)):
        other.write_bytes(body)
        assert not ends_within_packet(other)
