"""The stored masks of a project: what a run takes out."""

from __future__ import annotations

import shutil
from pathlib import Path

from cleanplate.base.types import VideoInfo
from cleanplate.mask.stored import StoredMasks
from cleanplate.mask.stored_format import INDEX_NAME, is_stored


class KeptMasks:
    """One folder of stored masks, read anew when others took their place."""

    def __init__(self, folder: Path, info: VideoInfo) -> None:
        """`info`: of the video they are for."""
        self.folder = folder
        self.version = 0
        "grows with each change"
        self._info = info
        self._now: tuple[int, StoredMasks] | None = None

    @property
    def now(self) -> StoredMasks | None:
        """The masks that were made, if they were. Raises `MaskError` for those of another video."""
        if not is_stored(self.folder):
            self._now = None
            return None
        changed = (self.folder / INDEX_NAME).stat().st_mtime_ns
        if self._now is None or self._now[0] != changed:
            found = StoredMasks(self.folder)
            found.check_video(self._info)
            self._now = changed, found
            self.version += 1
        return self._now[1]

    def replace(self, folder: Path | None, aside: Path | None = None) -> None:
        """The masks of `folder`, which is moved here, take the place of those before; None = there are none.

        `aside`: where those before are moved to; None = they are forgotten.
        """
        old = aside or self.folder.with_name("stored.old")
        shutil.rmtree(old, ignore_errors=True)
        if self.folder.exists():
            self.folder.rename(old)
        if folder is not None:
            folder.rename(self.folder)
        if aside is None:
            shutil.rmtree(old, ignore_errors=True)
        self._now = None
        self.version += 1
