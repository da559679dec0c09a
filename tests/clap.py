"""A clap as film crews use it: a white flash and a click at the same moments, rendered, and measured in any file."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np

RATE = 48000
_CLICK = np.exp(-np.arange(200) / 30) * np.sin(np.arange(200) * 0.8)  # 4 ms, loudest within the first samples
_CLOCKS = {".mkv": 1000, ".webm": 1000, ".ts": 90000, ".avi": 25}


@dataclass(frozen=True, kw_only=True)
class Clap:
    """What `render` puts into a file."""

    audio: str = "aac"
    video: str = "libx264"
    times: Sequence[Fraction] = tuple(Fraction(n, 25) for n in range(100))
    "of the pictures, in seconds"
    claps: Sequence[int] = (5, 30, 55, 80, 95)
    "which pictures are white"
    sound_start: int = 0
    "samples: when the sound begins"
    muxer: tuple[tuple[str, str], ...] = ()


def render(path: Path, clap: Clap) -> Path:
    """Write the clip, with two B-frames between others where the codec and the container have them."""
    base = Fraction(1, _CLOCKS.get(path.suffix, 12800))
    clocks = {"movie_timescale": str(RATE), "video_track_timescale": "12800"} if path.suffix in (".mp4", ".mov") else {}
    with av.open(str(path), "w", options=clocks | dict(clap.muxer)) as out:
        reorders = clap.video == "libx264" and path.suffix != ".avi"
        options = {"bf": "2" if reorders else "0"} | ({"preset": "veryfast"} if clap.video == "libx264" else {})
        video: Any = out.add_stream(clap.video, rate=25, options=options | {"flags": "+frame_duration"})
        video.width, video.height, video.pix_fmt = 64, 48, "yuv420p"
        video.codec_context.time_base = base
        sound: Any = out.add_stream(clap.audio, rate=RATE)
        sound.codec_context.layout = "stereo"
        packets = _pictures(video, clap, base) + _sound(sound, clap)
        out.start_encoding()
        packets = [packet for packet in packets if packet.dts is not None]
        for packet in sorted(packets, key=lambda packet: packet.dts * packet.time_base):
            out.mux(packet)
    return path


def _pictures(stream: Any, clap: Clap, base: Fraction) -> list[Any]:
    packets: list[Any] = []
    after = [*clap.times[1:], clap.times[-1] + Fraction(1, 25)]
    for n, (time, end) in enumerate(zip(clap.times, after, strict=True)):
        level = 235 if n in clap.claps else 40
        frame = av.VideoFrame.from_ndarray(np.full((72, 64), level, np.uint8), format="yuv420p")
        frame.pts, frame.time_base, frame.duration = round(time / base), base, round((end - time) / base)
        packets += stream.encode(frame)
    return packets + stream.encode(None)


def _sound(stream: Any, clap: Clap) -> list[Any]:
    wave = np.zeros(round(float(clap.times[-1]) * RATE) - clap.sound_start + RATE // 5)
    for n in clap.claps:
        at = round(clap.times[n] * RATE) - clap.sound_start
        if 0 <= at < len(wave) - len(_CLICK):
            wave[at : at + len(_CLICK)] = _CLICK
    coded = np.repeat((wave * 20000).astype(np.int16), 2)  # left and right
    resampler = av.AudioResampler(format=stream.codec_context.format, layout="stereo", rate=RATE)
    packets: list[Any] = []
    for start in range(0, len(wave) - 959, 960):
        frame = av.AudioFrame.from_ndarray(coded[None, 2 * start : 2 * start + 1920], format="s16", layout="stereo")
        frame.sample_rate, frame.pts = RATE, clap.sound_start + start
        for part in resampler.resample(frame):
            part.pts = clap.sound_start + start
            packets += stream.encode(part)
    return packets + stream.encode(None)


def offsets_ms(path: Path) -> list[float]:
    """How much later than its flash each click is heard, by decoding with PyAV alone.

    A flash without a click within 0.2 s is left out.
    """
    flashes, was_white = [], False
    with av.open(str(path)) as file:
        by_dts = file.format.name == "avi" and file.streams.video[0].codec_context.name == "h264"
        for frame in file.decode(video=0):
            rows = np.frombuffer(frame.planes[0], np.uint8).reshape(frame.height, -1)
            is_white = rows[:, : frame.width].mean() > 140
            if is_white and not was_white:
                # AVI tells no times; FFmpeg makes up one picture too much for H.264, as if it were reordered
                flashes.append(float((frame.dts if by_dts else frame.pts) * frame.time_base))
            was_white = is_white
    times, samples = [], []
    with av.open(str(path)) as file:
        resampler = av.AudioResampler(format="fltp", layout="mono", rate=RATE)
        for frame in file.decode(audio=0):
            start = float(frame.pts * frame.time_base)
            for part in resampler.resample(frame):
                samples.append(part.to_ndarray()[0])
                times.append(start + np.arange(part.samples) / RATE)
    time, sample = np.concatenate(times), np.abs(np.concatenate(samples))
    found = []
    for flash in flashes:
        near = np.abs(time - flash) < 0.2
        if near.any() and sample[near].max() > 0.1:
            found.append(1000 * float(time[near][np.argmax(sample[near])] - flash))
    return found
