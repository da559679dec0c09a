"""Whether an MPEG transport stream (ISO/IEC 13818-1) ends within a packet: nothing else tells that it was cut."""

from __future__ import annotations

from pathlib import Path

_SYNC = 0x47
_SIZES = ((188, 0), (192, 4), (204, 0))
"of a packet, plain, with a time before it (M2TS) or a checksum behind; where its mark stands"
_TAIL = 2**20
"bytes from the end that are looked at: a packet of sound is spread over less"


def ends_within_packet(path: Path) -> bool:
    """Whether the last transport packet is not whole, or a packet of sound, data or pictures lacks its end.

    Pictures do not say how long they are; but each ends with a transport packet of its own, which is filled up, so that
    one which is full of picture is hardly ever (1 in 184) the last. Raises `OSError`.
    """
    size = path.stat().st_size
    with path.open("rb") as file:
        head = file.read(1024)
        form = next((each for each in _SIZES if _is_stream(head, *each)), None)
        if form is None:
            return False
        step, mark = form
        if size % step:
            return True
        file.seek(max(size - _TAIL // step * step, 0))
        tail = file.read()
    owed: dict[int, int] = {}  # bytes that each stream's newest packet still lacks, if it told its length
    is_open: dict[int, bool] = {}
    is_full: dict[int, bool] = {}
    for at in range(mark, len(tail), step):
        if (found := _payload(tail[at : at + 188])) is None:
            continue
        pid, is_start, is_filled_up, body = found
        if is_start:
            length = int.from_bytes(body[4:6], "big") if body[:3] == b"\0\0\1" else 0  # 0: not told, as for pictures
            owed[pid] = length + 6
            is_open[pid] = body[:3] == b"\0\0\1" and not length
        if pid in owed:
            owed[pid] -= len(body)
            is_full[pid] = not is_filled_up
    return any(left > 0 or (is_open[pid] and is_full[pid]) for pid, left in owed.items())


def _is_stream(head: bytes, step: int, mark: int) -> bool:
    marks = head[mark::step]
    return len(marks) >= 5 and all(each == _SYNC for each in marks)


def _payload(packet: bytes) -> tuple[int, bool, bool, bytes] | None:
    """(stream's number, whether a packet of it begins, whether it was filled up, its bytes); None if there are none."""
    if len(packet) < 188 or packet[0] != _SYNC or not packet[3] & 0x10:
        return None
    start, is_filled_up = 4, False
    if packet[3] & 0x20:  # the adaptation field: its length, flags, two clocks, a splice point, more, and the filling
        flags = packet[5] if packet[4] else 0
        used = 1 + 6 * bool(flags & 0x10) + 6 * bool(flags & 0x08) + bool(flags & 0x04)
        is_filled_up = packet[4] == 0 or (packet[4] > used and not flags & 0x03)
        start = 5 + packet[4]
    return (packet[1] & 0x1F) << 8 | packet[2], bool(packet[1] & 0x40), is_filled_up, packet[start:]
