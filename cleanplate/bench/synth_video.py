"""Rendered frames as a video file, with or without a tone: material for the demo, the benches and the tests."""

from __future__ import annotations

from collections.abc import Iterable
from fractions import Fraction
from pathlib import Path
from typing import Any, cast

import av
import numpy as np
from av.video.stream import VideoStream
from numpy.typing import NDArray

SOUND_RATE = 48_000
TONE_HZ = 440.0


def write_clip(
    path: Path | str,
    images: Iterable[NDArray[Any]],
    *,
    rate: Fraction | int = 25,
    codec: str = "libx264",
    crf: float | None = 12,
    pixel_format: str = "yuv420p",
    has_sound: bool = False,
) -> None:
    """Encode (H, W, 3) RGB frames, uint8 or full-scale uint16, one by one; BT.709, limited range, tagged as such.

    `codec` is an encoder's name, `pixel_format` FFmpeg's; `crf` None is for encoders without one (ffv1). `has_sound`
    adds a mono AAC tone of the same length. Raises what PyAV raises.
    """
    rate = Fraction(rate)
    with av.open(str(path), "w") as out:
        options = {} if crf is None else {"crf": f"{crf:g}"}
        video = cast(VideoStream, out.add_stream(codec, rate=rate, options=options))
        sound = out.add_stream("aac", rate=SOUND_RATE, layout="mono") if has_sound else None
        frames = 0
        for image in images:
            if frames == 0:
                video.height, video.width = image.shape[:2]
                video.pix_fmt = pixel_format
                context = video.codec_context
                context.color_primaries = context.color_trc = context.colorspace = 1
                context.color_range = 1
            name = "rgb24" if image.dtype == np.uint8 else "rgb48le"
            picture = av.VideoFrame.from_ndarray(np.ascontiguousarray(image), format=name)
            picture = picture.reformat(format=pixel_format, dst_colorspace="ITU709", dst_color_range="MPEG")
            picture.pts, picture.time_base = frames, 1 / rate
            out.mux(video.encode(picture))
            frames += 1
        out.mux(video.encode(None))
        if sound is not None:
            for samples in _tone(round(SOUND_RATE * frames / rate)):
                out.mux(sound.encode(samples))
            out.mux(sound.encode(None))


def _tone(length: int, chunk: int = 1024) -> Iterable[av.AudioFrame]:
    for start in range(0, length, chunk):
        k = np.arange(start, min(start + chunk, length))
        wave = (0.2 * np.sin(2 * np.pi * TONE_HZ * k / SOUND_RATE)).astype(np.float32)
        samples = av.AudioFrame.from_ndarray(wave[None], format="fltp", layout="mono")
        samples.sample_rate, samples.pts, samples.time_base = SOUND_RATE, start, Fraction(1, SOUND_RATE)
        yield samples
