"""What came out, frame by frame beside the source: of a preview, or of a finished run."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from cleanplate.apps.ui.frames import FrameShop, png
from cleanplate.base.types import INVENTED, SEEN
from cleanplate.save.origin import LEVELS

_COLORS = {SEEN: (43, 124, 255, 120), INVENTED: (255, 138, 30, 150)}
"blue: seen elsewhere in the video; orange: invented"


class Shown:
    """A result and the map of where its samples came from. Safe to be asked from several threads."""

    def __init__(self, after: Path, origin: Path | None, first: int = 0) -> None:
        """`first`: the frame of the source that it begins with. Raises what opening them raises."""
        self.after = FrameShop(after)
        self._origin = FrameShop(origin) if origin is not None and origin.exists() else None
        self._first = first
        self.stretch = first, first + len(self.after)
        "half-open, frames of the source"

    @property
    def has_origin(self) -> bool:
        return self._origin is not None

    def result(self, frame: int) -> bytes | None:
        """A JPEG of that frame of the source after the run; None outside of what was run."""
        return self.after.jpeg(frame - self._first) if self._holds(frame) else None

    def origin(self, frame: int) -> bytes | None:
        """A PNG to lie over it, blue for what was seen elsewhere, orange for what was invented."""
        if self._origin is None or not self._holds(frame):
            return None
        native = self._origin.frame(frame - self._first).native
        assert native is not None  # a frame that was decoded
        level = native.arrays[0]
        shown = np.zeros((*level.shape, 4), np.uint8)
        for origin, color in _COLORS.items():
            shown[level == LEVELS[origin]] = color
        return png(shown)

    def close(self) -> None:
        self.after.close()
        if self._origin is not None:
            self._origin.close()

    def _holds(self, frame: int) -> bool:
        return self.stretch[0] <= frame < self.stretch[1]
