"""Pictures put down on the disk, without loss, to be read again in any order: what lets a tracker go backward.

Nothing grows in memory with their number but where each begins (some 200 bytes).
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from cleanplate.base.errors import MediaError

_FAST = [cv2.IMWRITE_PNG_COMPRESSION, 1]


class Shelf:
    """A file of (H, W) or (H, W, 3) uint8 arrays by number."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file = path.open("w+b")
        self._places: dict[int, tuple[int, int]] = {}
        self._end = 0

    def put(self, number: int, array: NDArray[np.uint8]) -> None:
        """Another array for the same number takes its place. Raises `MediaError` where the disk is full."""
        _, packed = cv2.imencode(".png", array, _FAST)
        data = packed.tobytes()
        try:
            self._file.seek(self._end)
            self._file.write(data)
        except OSError as error:
            raise MediaError(
                f"small copies of the frames cannot be kept in '{self._path.parent}' ({error.strerror}); "
                "free some space, or write the output to another disk"
            ) from error
        self._places[number] = self._end, len(data)
        self._end += len(data)

    def get(self, number: int) -> NDArray[np.uint8] | None:
        """The array of that number; None if there is none."""
        if number not in self._places:
            return None
        start, size = self._places[number]
        self._file.seek(start)
        packed = np.frombuffer(self._file.read(size), np.uint8)
        found: Any = cv2.imdecode(packed, cv2.IMREAD_UNCHANGED)
        return np.asarray(found, np.uint8)

    def clear(self) -> None:
        """Forget all, and give the space back."""
        self._places.clear()
        self._end = 0
        self._file.truncate(0)

    def close(self) -> None:
        self._file.close()
