"""Where the boxes, elements, chunks and packets of a container file lie: enough of four formats to take them apart."""

from __future__ import annotations

from collections.abc import Callable, Iterator

Span = tuple[int, int]  # first byte, byte behind the last
Walk = Callable[[bytes, Span], Iterator[tuple[Span, Span | None]]]

_BOXES = {b"moov", b"trak", b"mdia", b"minf", b"stbl", b"edts", b"udta", b"dinf", b"moof", b"traf"}
_MASTERS = {0x18538067, 0x1F43B675, 0x1654AE6B, 0xAE, 0xE0, 0xE1, 0x1549A966, 0x1C53BB6B, 0xBB, 0x114D9B74, 0x1254C367}
_TS_PACKET = 188


def elements(data: bytes) -> list[list[Span]]:
    """Groups of siblings, outermost first: MP4 boxes, EBML elements, RIFF chunks or TS packets; empty for others."""
    found: list[list[Span]] = []
    if data[4:8] == b"ftyp":
        _collect(data, (0, len(data)), _boxes, found)
    elif data[:4] == b"\x1a\x45\xdf\xa3":
        _collect(data, (0, len(data)), _ebml, found)
    elif data[:4] == b"RIFF":
        _collect(data, (12, len(data)), _chunks, found)
    elif data[:1] == b"G":
        found.append([(at, at + _TS_PACKET) for at in range(0, len(data) - _TS_PACKET + 1, _TS_PACKET)])
    return [group for group in found if group]


def _collect(data: bytes, span: Span, kind: Walk, found: list[list[Span]]) -> None:
    group: list[Span] = []
    found.append(group)
    for whole, inner in kind(data, span):
        group.append(whole)
        if inner is not None:
            _collect(data, inner, kind, found)


def _boxes(data: bytes, span: Span) -> Iterator[tuple[Span, Span | None]]:
    """ISO/IEC 14496-12: size and name, four bytes each."""
    at, stop = span
    while at + 8 <= stop:
        length = int.from_bytes(data[at : at + 4], "big")
        end = min(at + max(length, 8), stop)
        yield (at, end), (at + 8, end) if data[at + 4 : at + 8] in _BOXES else None
        at = end


def _ebml(data: bytes, span: Span) -> Iterator[tuple[Span, Span | None]]:
    """RFC 8794: name and size, both of variable length."""
    at, stop = span
    while at < stop and data[at]:
        wide = 9 - data[at].bit_length()
        name = int.from_bytes(data[at : at + wide], "big")
        place = at + wide
        if place >= stop or not data[place]:
            return
        more = 9 - data[place].bit_length()
        length = int.from_bytes(data[place : place + more], "big") & (2 ** (7 * more) - 1)
        end = min(place + more + length, stop)
        yield (at, end), (place + more, end) if name in _MASTERS else None
        at = end


def _chunks(data: bytes, span: Span) -> Iterator[tuple[Span, Span | None]]:
    """RIFF: name and size, four bytes each, padded to even lengths; lists hold chunks."""
    at, stop = span
    while at + 8 <= stop:
        length = int.from_bytes(data[at + 4 : at + 8], "little")
        end = min(at + 8 + length + length % 2, stop)
        yield (at, end), (at + 12, end) if data[at : at + 4] == b"LIST" else None
        at = end
