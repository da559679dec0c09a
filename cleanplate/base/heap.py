"""How the C library gets large blocks of memory from the system, where that decides how much a run takes."""

from __future__ import annotations

import ctypes
import sys
from contextlib import suppress

_MMAP_THRESHOLD = -3
"glibc's M_MMAP_THRESHOLD (malloc.h)"
_LARGE_BYTES, _SMALL_BYTES = 2**20, 2**17
"from which on blocks are mapped, of large and of small pictures"
_ARENA_MAX = -8
"glibc's M_ARENA_MAX"

SMALL_PX = 2**17
"240 lines"


def share_heap() -> None:
    """Have all threads get small blocks from one heap; for the whole process, and before its threads begin.

    glibc gives each thread a heap of its own, and each keeps what its busiest moment took: 60 of 560 MiB in a job of
    400 frames at 240 lines. No difference in time was found. Nothing happens where the C library is another.
    """
    _tell_malloc(_ARENA_MAX, 1)


def map_large_blocks(*, is_small: bool = False) -> None:
    """Have blocks of 1 MiB and more mapped one by one, and given back when they are freed; for the whole process.

    glibc takes the size of what is freed, up to 32 MiB, for a sign that such blocks had better come from its heaps.
    Each thread has one, and none shrinks below the last block in use: 0.5 GB at 2160p and 10 bit. Mapping costs time
    (11 % of a small job at 1080p), so it is for large pictures; and for small ones, from 128 KiB on (`is_small`), where
    it cost none, and a job of 1,600 frames held 475 MiB instead of 493 with 1 MiB. Nothing happens where the C library
    is another.
    """
    _tell_malloc(_MMAP_THRESHOLD, _SMALL_BYTES if is_small else _LARGE_BYTES)


def _tell_malloc(name: int, value: int) -> None:
    if sys.platform == "linux":
        with suppress(AttributeError):
            ctypes.CDLL(None).mallopt(name, value)
