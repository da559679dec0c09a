"""Sound stays with the picture: a clap's flash and click, measured in the source and in the result, from end to end."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from clap import RATE, Clap, offsets_ms, render

import cleanplate
from cleanplate.base.errors import UsageError
from cleanplate.decode.reader import open_video

NEAR_MS = 1.0
LONG = tuple(Fraction(n * 1001, 30000) for n in range(1800))  # a minute at 29.97 frames a second
UNEVEN = tuple(Fraction(n * n + 40 * n, 2500) for n in range(80))  # steps of 16 ms to 80 ms


def work(source: Path, output: Path, **more) -> cleanplate.Report:
    return cleanplate.remove(
        source, output=output, box=(4, 4, 9, 9), engine="opencv-telea", verify=True, crf=30, **more
    )


def check(source: Path, output: Path, claps: int) -> None:
    before, after = offsets_ms(source), offsets_ms(output)
    assert len(before) == len(after) == claps
    worst = max(abs(a - b) for a, b in zip(before, after, strict=True))
    assert worst <= NEAR_MS, f"sound moved against the picture by {worst:.2f} ms"


@pytest.mark.parametrize(
    ("name", "clap", "outputs"),
    [
        ("in.mp4", Clap(), ["out.mp4", "out.mov", "out.mkv", "out.ts", "out.avi", "out.m2ts"]),
        ("in.mp4", Clap(audio="libopus"), ["out.mp4", "out.mkv", "out.ts"]),
        ("in.mp4", Clap(audio="libmp3lame"), ["out.mp4", "out.mkv", "out.ts"]),
        ("in.mov", Clap(audio="pcm_s16le"), ["out.mov", "out.mkv", "out.avi", "out.mxf"]),
        ("in.mkv", Clap(), ["out.mp4", "out.mkv", "out.ts"]),
        ("in.mkv", Clap(audio="libopus"), ["out.mp4", "out.mkv", "out.webm"]),
        ("in.webm", Clap(audio="libopus", video="libvpx"), ["out.mp4", "out.webm"]),
        ("in.ts", Clap(), ["out.mp4", "out.mkv", "out.ts"]),
        ("in.ts", Clap(audio="mp2"), ["out.mp4", "out.mpg"]),
        ("in.avi", Clap(audio="pcm_s16le", video="mpeg4"), ["out.mp4", "out.mkv", "out.avi"]),
        ("in.avi", Clap(audio="libmp3lame"), ["out.mp4", "out.mkv", "out.ts"]),
    ],
    ids=lambda value: value if isinstance(value, str) else getattr(value, "audio", ""),
)
def test_a_clap_stays_a_clap(tmp_path, name, clap, outputs):
    source = render(tmp_path / name, clap)
    for output in outputs:
        codec = {".mpg": "mpeg2", ".webm": "libvpx"}.get(Path(output).suffix)
        if codec:
            cleanplate.remove(source, output=tmp_path / output, box=(4, 4, 9, 9), engine="opencv-telea", codec=codec)
        else:
            work(source, tmp_path / output, preset="veryfast", codec="h264")
        check(source, tmp_path / output, len(clap.claps))


@pytest.mark.parametrize(("name", "output"), [("in.mp4", "out.mkv"), ("in.mkv", "out.mp4")])
def test_it_does_not_drift(tmp_path, name, output):
    claps = (0, 211, 390, 600, 899, 1200, 1501, 1799)
    source = render(tmp_path / name, Clap(times=LONG, claps=claps))
    work(source, tmp_path / output, preset="veryfast")
    check(source, tmp_path / output, len(claps))


@pytest.mark.parametrize(("name", "output"), [("in.mp4", "out.mp4"), ("in.mp4", "out.mkv"), ("in.mkv", "out.mp4")])
def test_pictures_of_uneven_length(tmp_path, name, output):
    clap = Clap(times=UNEVEN, claps=(3, 20, 41, 60, 76))
    source = render(tmp_path / name, clap)
    work(source, tmp_path / output, preset="veryfast")
    check(source, tmp_path / output, len(clap.claps))


@pytest.mark.parametrize("reordered", ["0", "2"])
def test_the_first_picture_of_an_avi_is_shown_at_once(tmp_path, reordered):
    """AVI has no times; for H.264 FFmpeg makes up some that are a picture or more late."""
    source = tmp_path / "in.avi"
    with av.open(str(source), "w") as out:
        video = out.add_stream("libx264", rate=25, options={"bf": reordered, "b_strategy": "0"})
        video.width, video.height, video.pix_fmt = 64, 48, "yuv420p"
        for n in range(20):
            out.mux(video.encode(av.VideoFrame.from_ndarray(np.full((72, 64), 9 * n, np.uint8), format="yuv420p")))
        out.mux(video.encode(None))
    with open_video(source) as video:
        found = [frame.pts * video.info.time_base for frame in video]
        assert found == [Fraction(n, 25) for n in range(20)]
        assert [pts * video.info.time_base for pts, _ in video.timestamps()] == found


def test_sound_that_comes_first_in_a_file(tmp_path):
    """MXF wants the picture first, other files keep the order."""
    source = render(tmp_path / "in.mov", Clap(audio="pcm_s16le"))
    with av.open(str(source)) as file, av.open(str(tmp_path / "turned.mov"), "w") as out:
        places = {n: out.add_stream_from_template(file.streams[n], opaque=True) for n in (1, 0)}
        for packet in file.demux():
            if packet.size:
                packet.stream = places[packet.stream_index]
                out.mux(packet)
    for name, kinds in (("out.mxf", ["video", "audio"]), ("out.mov", ["audio", "video"])):
        work(tmp_path / "turned.mov", tmp_path / name, preset="veryfast")
        check(source, tmp_path / name, 5)
        with av.open(str(tmp_path / name)) as file:
            assert [stream.type for stream in file.streams][:2] == kinds


def later(seconds: Fraction) -> tuple[Fraction, ...]:
    return tuple(Fraction(n, 25) + seconds for n in range(100))


BEFORE_ZERO = (("avoid_negative_ts", "disabled"),)


@pytest.mark.parametrize(
    ("name", "clap", "outputs"),
    [
        ("picture-later.mp4", Clap(times=later(Fraction(1, 3))), [".mp4", ".mkv", ".ts"]),
        ("picture-later.mkv", Clap(times=later(Fraction(1, 3)), audio="libopus"), [".mp4", ".mkv"]),
        ("picture-later.mov", Clap(times=later(Fraction(1, 3)), audio="pcm_s16le"), [".mov", ".mkv", ".avi"]),
        ("sound-later.mp4", Clap(sound_start=9777), [".mp4", ".mkv", ".ts"]),
        ("sound-later.mkv", Clap(sound_start=9777, claps=(30, 95)), [".mp4", ".mkv"]),
        ("sound-later.mov", Clap(sound_start=9777, audio="pcm_s16le"), [".mov", ".mkv", ".avi"]),
        (
            "both-before-zero.ts",
            Clap(times=later(Fraction(-1, 5)), sound_start=-14400, muxer=BEFORE_ZERO),
            [".mp4", ".mkv", ".ts"],
        ),
        ("picture-before-zero.ts", Clap(times=later(Fraction(-1, 5)), muxer=BEFORE_ZERO), [".mp4", ".mkv", ".ts"]),
        ("sound-before-zero.ts", Clap(sound_start=-14400, muxer=BEFORE_ZERO), [".mp4", ".mkv"]),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_streams_that_do_not_begin_together(tmp_path, name, clap, outputs):
    source = render(tmp_path / name, clap)
    claps = len(offsets_ms(source))
    assert claps >= len(clap.claps) - 1  # the first may lie before the sound
    for suffix in outputs:
        output = tmp_path / f"out{suffix}"
        report = work(source, output, preset="veryfast", codec="h264")
        check(source, output, claps)
        assert report.frames == 100
        is_moved = "before-zero" in name and suffix != ".ts"
        assert any("begins before zero" in sentence for sentence in report.warnings) == is_moved


def cut_from(source: Path, output: Path, start: Fraction) -> Path:
    """As editors cut without coding anew: the packets from the key frame before on, hidden by an edit list."""
    with av.open(str(source)) as file, av.open(str(output), "w", options={"movie_timescale": "48000"}) as out:
        places = {stream.index: out.add_stream_from_template(stream, opaque=True) for stream in file.streams}
        for packet in file.demux():
            if packet.size:
                packet.stream = places[packet.stream_index]
                packet.pts -= round(start / packet.time_base)
                packet.dts -= round(start / packet.time_base)
                out.mux(packet)
    return output


@pytest.mark.parametrize("suffix", [".mp4", ".mkv", ".ts"])
def test_an_edit_list_that_begins_within_a_group_of_pictures(tmp_path, suffix):
    whole = render(tmp_path / "whole.mp4", Clap())
    source = cut_from(whole, tmp_path / "in.mp4", Fraction(64, 100))
    with av.open(str(source)) as file:
        times = [frame.pts * frame.time_base for frame in file.decode(video=0)]
    assert (len(times), times[0]) == (84, 0)  # else nothing is hidden
    output = tmp_path / f"out{suffix}"
    report = work(source, output, preset="veryfast")
    assert report.frames == 84
    check(source, output, 4)
    if suffix != ".ts":
        with av.open(str(output)) as file:
            after = [frame.pts * frame.time_base for frame in file.decode(video=0)]
        assert all(abs(a - b) <= Fraction(1, 2000) for a, b in zip(times, after, strict=True))


@pytest.mark.parametrize(("name", "frame_size"), [("in.mp4", 1024), ("in.mkv", 1024)])
def test_priming_is_hidden_again(tmp_path, name, frame_size):
    """What the coder needs before the first sample is there, and is not heard."""
    source = render(tmp_path / name, Clap())
    for output in (tmp_path / "out.mp4", tmp_path / "out.mkv"):
        assert work(source, output, preset="veryfast").warnings == []
        with av.open(str(output)) as file:
            first = next(packet for packet in file.demux(audio=0) if packet.size)
            assert abs(first.pts * first.time_base + Fraction(frame_size, RATE)) <= Fraction(1, 2000)
        with av.open(str(output)) as file:
            assert next(file.decode(audio=0)).pts == 0


@pytest.mark.parametrize(
    "clap", [Clap(sound_start=9777), Clap(times=later(Fraction(1, 3))), Clap(audio="libmp3lame", sound_start=480)]
)
def test_sound_that_avi_would_move_is_refused_early(tmp_path, clap):
    source = render(tmp_path / "in.mp4", clap)
    with pytest.raises(UsageError, match=r"stream 1 \(audio, .*\), does not begin with the picture.* output .mkv"):
        work(source, tmp_path / "out.avi", codec="h264")
    assert [path.name for path in tmp_path.iterdir()] == ["in.mp4"]
