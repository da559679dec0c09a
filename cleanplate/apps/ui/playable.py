"""A video as the browser can play it: the file itself where it can, else short clips, made when they are asked for.

    playable = Playable(shop, Path("project/view/source"))
    playable.clip(3)        # the file of the fourth clip, a second or two of video; clip 0 where it is played whole

So a player starts at once anywhere in a long video, and nothing reads, makes or holds all of it.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

from cleanplate.apps.ui.frames import FrameShop
from cleanplate.base.errors import UsageError
from cleanplate.base.types import Image
from cleanplate.tasks.proxy import fitting, is_played, small, write_proxy

CLIP_FRAMES = 48
_CLIP_PX = 1280 * 720
_KEPT_CLIPS = 200
"on the disk; older ones are made again"


class Playable:
    """One video. Safe to be asked from several threads; one clip is made at a time."""

    def __init__(self, shop: FrameShop, folder: Path) -> None:
        """`folder`: where clips are kept."""
        self._shop = shop
        self._folder = folder
        self._lock = threading.Lock()
        self.is_whole = is_played(shop.info)
        "whether the browser plays the file itself"

    def clip(self, number: int) -> Path:
        """The file of a clip. Raises `UsageError` for one past the end, `MediaError` where nothing can be decoded."""
        if self.is_whole:
            return self._shop.info.path
        first = number * CLIP_FRAMES
        if not 0 <= first < len(self._shop):
            raise UsageError(f"there is no clip {number}; the video has {len(self._shop)} frames")
        path = self._folder / f"{number:06d}.mp4"
        with self._lock:
            if not path.exists():
                self._folder.mkdir(parents=True, exist_ok=True)
                kept = sorted(self._folder.glob("*.mp4"), key=lambda clip: clip.stat().st_mtime)
                for old in kept[: max(len(kept) - _KEPT_CLIPS + 1, 0)]:
                    old.unlink(missing_ok=True)
                info = self._shop.info
                size = fitting(info.width_px, info.height_px, _CLIP_PX)
                write_proxy(self._pictures(first, size), info, size, path)
        return path

    def _pictures(self, first: int, size: tuple[int, int]) -> Iterator[tuple[int, int, Image]]:
        times = self._shop.times
        wanted = {n: times[n][0] for n in range(first, min(first + CLIP_FRAMES, len(times)))}
        for frame in self._shop.reader.frames_at(wanted):
            yield frame.pts, times[frame.index][1], small(frame.image, size)
