"""Whether a file ends where its own numbers say, and how large a picture is: read from a few bytes, nothing decoded."""

from __future__ import annotations

import struct
import zlib
from pathlib import Path
from typing import BinaryIO

_EBML, _SEGMENT = 0x1A45DFA3, 0x18538067
_TAIL = 2**16
"bytes from the end in which a JPEG's end mark is looked for: some programs write notes behind it"


_MOST_PARTS = 2**18
"boxes, chunks or segments that are walked through: whoever writes a file of nothing else is not waited for"


def missing_bytes(path: Path) -> int:
    """How many bytes a video file is shorter than it says; 0 for one that says nothing. Raises `OSError`."""
    size = path.stat().st_size
    with path.open("rb") as file:
        head = file.read(12)
        if head[4:8] in (b"ftyp", b"moov", b"mdat", b"wide", b"free", b"skip"):
            end = _end_of_boxes(file, size)
        elif head[:4] == b"RIFF":
            end = 8 + int.from_bytes(head[4:8], "little")
        elif head[:4] == _EBML.to_bytes(4, "big"):
            end = _end_of_segment(file)
        else:
            end = size
    return max(end - size, 0)


def _end_of_boxes(file: BinaryIO, size: int) -> int:
    """Where the last box on the outermost level ends (ISO/IEC 14496-12)."""
    at = 0
    for _ in range(_MOST_PARTS):
        if at + 8 > size:
            return at
        file.seek(at)
        head = file.read(16)
        length = int.from_bytes(head[:4], "big")
        if length == 1:
            length = int.from_bytes(head[8:16], "big")
        if length < 8:  # 0: up to the end of the file
            return size
        at += length
    return size


def _end_of_segment(file: BinaryIO) -> int:
    """Where Matroska's one segment ends (RFC 8794: a name and a size, both of variable length)."""
    file.seek(4)
    header = _vint(file)
    file.seek(header or 0, 1)
    if file.read(4) != _SEGMENT.to_bytes(4, "big"):
        return 0
    length = _vint(file)
    return 0 if length is None else file.tell() + length


def _vint(file: BinaryIO) -> int | None:
    """A size; None where it is left open."""
    lead = file.read(1)
    if not lead or not lead[0]:
        return None
    more = 8 - lead[0].bit_length()
    value = int.from_bytes(bytes([lead[0] & (0x7F >> more)]) + file.read(more), "big")
    return None if value == 2 ** (7 * (more + 1)) - 1 else value


def picture_size(path: Path) -> tuple[int, int] | None:
    """(width, height) that a PNG, JPEG, BMP, TIFF or WebP claims; None for what is none, or is cut short.

    Raises `OSError`.
    """
    with path.open("rb") as file:
        head = file.read(32)
        try:
            if head.startswith(b"\x89PNG"):
                return _png(file)
            if head.startswith(b"\xff\xd8"):
                return _jpeg(file)
            if head.startswith(b"BM"):
                return _bmp(file, head)
            if head[:4] in (b"II*\0", b"MM\0*"):
                return _tiff(file, head)
            if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
                return _webp(file, head)
        except (struct.error, IndexError):  # fewer bytes than the file's own numbers ask for
            return None
    return None


def _length(file: BinaryIO) -> int:
    return file.seek(0, 2)


def _png(file: BinaryIO) -> tuple[int, int] | None:
    """From chunk to chunk up to the end mark."""
    file.seek(16)
    size = struct.unpack(">II", file.read(8))
    at = 8
    for _ in range(_MOST_PARTS):
        file.seek(at)
        length, kind = struct.unpack(">I4s", file.read(8))
        at += length + 12
        if kind == b"IEND":
            return (size[0], size[1]) if at <= _length(file) else None
    return None


def is_damaged_png(data: bytes) -> bool:
    """Whether a checksum of a whole PNG's chunks is wrong; False for what is no PNG. OpenCV does not look at all."""
    at = 8
    while data.startswith(b"\x89PNG") and at + 12 <= len(data):
        end = at + 8 + int.from_bytes(data[at : at + 4], "big")
        if zlib.crc32(memoryview(data)[at + 4 : end]) != int.from_bytes(data[end : end + 4], "big"):
            return True
        if data[at + 4 : at + 8] == b"IEND":
            break
        at = end + 4
    return False


def _jpeg(file: BinaryIO) -> tuple[int, int] | None:
    """From segment to segment up to the coded data; then the end mark must follow."""
    size, whole = None, _length(file)
    at = 2
    for _ in range(_MOST_PARTS):
        file.seek(at)
        mark, kind, length = struct.unpack(">BBH", file.read(4))
        if mark != 0xFF:
            return None
        if kind == 0xFF:  # padding
            at += 1
            continue
        if 0xC0 <= kind <= 0xCF and kind not in (0xC4, 0xC8, 0xCC):
            _, height, width = struct.unpack(">BHH", file.read(5))
            size = width, height
        at += 2 + length
        if kind == 0xDA:
            file.seek(max(at, whole - _TAIL))
            return size if b"\xff\xd9" in file.read() else None
    return None


def _bmp(file: BinaryIO, head: bytes) -> tuple[int, int] | None:
    end, header = int.from_bytes(head[2:6], "little"), int.from_bytes(head[14:18], "little")
    width, height = struct.unpack("<HH" if header == 12 else "<ii", head[18 : 22 if header == 12 else 26])
    return (abs(width), abs(height)) if end <= _length(file) else None


def _webp(file: BinaryIO, head: bytes) -> tuple[int, int] | None:
    if int.from_bytes(head[4:8], "little") + 8 > _length(file):
        return None
    if head[12:16] == b"VP8X":
        return 1 + int.from_bytes(head[24:27], "little"), 1 + int.from_bytes(head[27:30], "little")
    if head[12:16] == b"VP8L":
        bits = int.from_bytes(head[21:25], "little")
        return 1 + (bits & 0x3FFF), 1 + (bits >> 14 & 0x3FFF)
    width, height = struct.unpack("<HH", head[26:30])
    return width & 0x3FFF, height & 0x3FFF


def _tiff(file: BinaryIO, head: bytes) -> tuple[int, int] | None:
    """The first directory's entries 256 and 257."""
    order = "<" if head[:2] == b"II" else ">"
    (at,) = struct.unpack(order + "I", head[4:8])
    file.seek(at)
    (count,) = struct.unpack(order + "H", file.read(2))
    sizes = {}
    for _ in range(count):
        tag, kind, _, value = struct.unpack(order + "HHI4s", file.read(12))
        if tag in (256, 257):
            sizes[tag] = struct.unpack(order + ("H" if kind == 3 else "I"), value[: 2 if kind == 3 else 4])[0]
    return (sizes[256], sizes[257]) if len(sizes) == 2 else None
