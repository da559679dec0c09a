"""Writes the mask files that the tests read, by means of their own."""

from __future__ import annotations

import struct
import zlib
from fractions import Fraction
from pathlib import Path

import av
import numpy as np

from cleanplate.base.types import VideoInfo
from cleanplate.mask.stored import StoredMasks


def video_info(width_px: int = 64, height_px: int = 48, time_base: Fraction = Fraction(1, 25)) -> VideoInfo:
    return VideoInfo(
        path=Path("in.mp4"),
        width_px=width_px,
        height_px=height_px,
        time_base=time_base,
        rate=None,
        frame_count=None,
        bit_depth=8,
        pixel_format="yuv420p",
        codec="h264",
    )


def constant(count: int, ticks: int = 1, start: int = 0) -> list[tuple[int, int]]:
    """(pts, duration) of so many frames at a constant rate."""
    return [(start + ticks * n, ticks) for n in range(count)]


def labels_of(folder: Path) -> np.ndarray:
    """(T, H, W), of masks whose clock counts milliseconds and whose frames are 40 of them apart."""
    stored = StoredMasks(folder)
    assert stored.time_base == Fraction(1, 1000)
    return np.stack([stored.labels(40 * n) for n in range(stored.frame_count)])


_COLOR_TYPES = {"gray": 0, "rgb": 2, "palette": 3, "gray-alpha": 4, "rgba": 6}


def write_png(path: Path, samples: np.ndarray, kind: str, bits: int = 8, palette: bytes | None = None) -> Path:
    """A PNG of any kind and depth: samples (H, W) or (H, W, C) of integers."""
    height, width = samples.shape[:2]
    if bits == 16:
        rows = [row.astype(">u2").tobytes() for row in samples]
    elif bits == 8:
        rows = [row.astype(np.uint8).tobytes() for row in samples]
    else:
        spread = (samples[..., None].astype(np.uint8) >> np.arange(bits - 1, -1, -1, dtype=np.uint8)) & 1
        rows = [np.packbits(row.ravel()).tobytes() for row in spread]
    chunks = [(b"IHDR", struct.pack(">IIBBBBB", width, height, bits, _COLOR_TYPES[kind], 0, 0, 0))]
    if kind == "palette":
        default = bytes(3) + bytes([255, 0, 0]) * (2**bits - 1)
        chunks.append((b"PLTE", palette or default))
    chunks += [(b"IDAT", zlib.compress(b"".join(b"\0" + row for row in rows))), (b"IEND", b"")]
    body = b"".join(
        struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data)) for name, data in chunks
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + body)
    return path


def write_video(
    path: Path,
    images: list[np.ndarray],
    *,
    times: list[int] | None = None,
    time_base: Fraction = Fraction(1, 25),
    codec: str = "ffv1",
    pixel_format: str = "gray",
) -> Path:
    """A video of gray (H, W) uint8 images, each shown at its time in ticks."""
    with av.open(str(path), "w") as out:
        stream = out.add_stream(codec, rate=round(1 / time_base) if time_base > Fraction(1, 1000) else 25)
        stream.height, stream.width = images[0].shape
        stream.pix_fmt = pixel_format
        stream.time_base = stream.codec_context.time_base = time_base
        if codec == "libx264":
            stream.options = {"crf": "10", "preset": "veryfast"}
        for n, image in enumerate(images):
            frame = av.VideoFrame.from_ndarray(image, format="gray")
            frame.pts = times[n] if times else n
            frame.time_base = time_base
            out.mux(stream.encode(frame))
        out.mux(stream.encode(None))
    return path


def blob(width_px: int = 64, height_px: int = 48, at: int = 8, value: int = 255) -> np.ndarray:
    """(H, W) uint8: a square of 8 pixels whose left edge is `at`."""
    image = np.zeros((height_px, width_px), np.uint8)
    image[10:18, at : at + 8] = value
    return image
