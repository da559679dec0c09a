"""How the C library gets large blocks of memory from the system, where that decides how much a run takes."""

from __future__ import annotations

import ctypes
import sys
from contextlib import suppress

_MMAP_THRESHOLD = -3
"glibc's M_MMAP_THRESHOLD (malloc.h)"
_LARGE_BYTES = 2**20


def map_large_blocks() -> None:
    """Have blocks of 1 MiB and more mapped one by one, and given back when they are freed; for the whole process.

    glibc takes the size of what is freed, up to 32 MiB, for a sign that such blocks had better come from its heaps.
    Each thread has one, and none shrinks below the last block in use: 0.5 GB at 2160p and 10 bit. Mapping costs time
    (11 % of a small job at 1080p), so it is for large pictures only. Nothing happens where the C library is another.
    """
    if sys.platform == "linux":
        with suppress(AttributeError):
            ctypes.CDLL(None).mallopt(_MMAP_THRESHOLD, _LARGE_BYTES)
