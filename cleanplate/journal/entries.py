"""The form of a journal entry: the paint of one piece, packed without loss, with a checksum over all of it.

    bytes 0-15    magic
    bytes 16-47   BLAKE2b of all that follows
    then, frame by frame:
      17 bytes    bytes a sample, number of samples, bytes of packed paint; 8 bytes: bytes of packed origins
      ...         packed paint, packed origins

Paint is smooth along the rows, so each sample is stored as its difference from the last one, and those are Huffman
coded: three times as fast as full deflate, for a tenth more bytes.
"""

from __future__ import annotations

import hashlib
import struct
import zlib
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

_MAGIC = b"cleanplate 1    "
_HEADER = struct.Struct("<BQQQ")
_BODY = len(_MAGIC) + 32

FramePaint = tuple[NDArray[Any], NDArray[np.uint8]]
"what was painted in one frame's holes: (n, 3) uint8 or uint16, and where it came from (n,)"


def pack(frames: Iterable[FramePaint]) -> bytes:
    """The entry for a piece's frames, in order."""
    parts = []
    for samples, origin in frames:
        steps = np.diff(samples, axis=0, prepend=samples.dtype.type(0))  # wraps around, and so does the sum
        planes = np.ascontiguousarray(steps.view(np.uint8).reshape(-1, samples.itemsize).T)
        packer = zlib.compressobj(1, strategy=zlib.Z_HUFFMAN_ONLY)
        paint = packer.compress(planes.data) + packer.flush()
        sources = zlib.compress(origin.data, 1)
        parts += [_HEADER.pack(samples.itemsize, len(samples), len(paint), len(sources)), paint, sources]
    return seal(b"".join(parts))


def seal(body: bytes) -> bytes:
    """The content of an entry with its checksum."""
    return _MAGIC + hashlib.blake2b(body, digest_size=32).digest() + body


def unseal(entry: bytes) -> memoryview | None:
    """What `seal` was given; None for a damaged entry or anything else."""
    body = memoryview(entry)[_BODY:]
    return body if entry[:_BODY] == _MAGIC + hashlib.blake2b(body, digest_size=32).digest() else None


def unpack(entry: bytes, counts: Sequence[int], dtype: np.dtype[Any]) -> list[FramePaint] | None:
    """The paint of frames with so many samples of that type; None for an entry of anything else, or a damaged one."""
    body = unseal(entry)
    if body is None:
        return None
    frames: list[FramePaint] = []
    for count in counts:
        if len(body) < _HEADER.size:
            return None
        itemsize, stored, paint_bytes, origin_bytes = _HEADER.unpack_from(body)
        if (itemsize, stored) != (dtype.itemsize, count):
            return None
        paint, body = body[_HEADER.size : _HEADER.size + paint_bytes], body[_HEADER.size + paint_bytes :]
        planes = np.frombuffer(zlib.decompress(paint), np.uint8).reshape(itemsize, -1)
        steps = np.ascontiguousarray(planes.T).view(dtype).reshape(-1, 3)
        origin = np.frombuffer(zlib.decompress(body[:origin_bytes]), np.uint8)
        frames.append((np.cumsum(steps, axis=0, dtype=dtype), origin))
        body = body[origin_bytes:]
    return frames if not len(body) else None
