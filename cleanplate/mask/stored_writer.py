"""Writes stored masks; what is read again is told in `stored`."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np

from cleanplate.base.arrays import hole_groups
from cleanplate.base.errors import MediaError, UsageError
from cleanplate.base.tracks import Track
from cleanplate.base.types import Labels, VideoInfo
from cleanplate.mask.source import MaskSource
from cleanplate.mask.stored_format import INDEX_NAME, PICTURE_NAME, LabelSpan, StoredIndex, is_stored, label_png

WORK_PREFIX = ".masks-"
"how names of folders begin in which new masks are made"
_PART_NAME = f"{INDEX_NAME}.part"
"there while new masks take the place of old ones: says that the numbered PNGs are ours"


class LabelWriter:
    """Writes stored masks. In a `with` block a failure leaves nothing of them behind.

    Masks stored there before are replaced; other files are left alone. Raises `UsageError` for a folder with numbered
    PNGs that are not stored masks, `MediaError` where nothing can be written.
    """

    def __init__(self, folder: Path, info: VideoInfo, sources: Sequence[MaskSource | str]) -> None:
        self.folder = folder
        self._info = info
        self._sources = tuple(map(str, sources))
        self._spans: list[LabelSpan] = []
        self._objects: set[int] = set()
        self._last: Labels | None = None
        self._frame_count = 0
        self._has_made_folder = not folder.exists()
        try:
            folder.mkdir(parents=True, exist_ok=True)
            old = [path for path in folder.iterdir() if PICTURE_NAME.fullmatch(path.name)]
            if old and not is_stored(folder) and not (folder / _PART_NAME).exists():
                raise UsageError(
                    f"'{folder}' holds other pictures, like {old[0].name}; give a new folder for the masks"
                )
            self._work = Path(tempfile.mkdtemp(prefix=WORK_PREFIX, dir=folder))
        except OSError as error:
            raise _unwritable(folder, error) from error

    def add(self, index: int, pts: int, labels: Labels) -> LabelSpan:
        """The labels of the next frame; gives the span it belongs to. The same array again costs nothing."""
        self._frame_count = index + 1
        if self._last is not None and (labels is self._last or np.array_equal(labels, self._last)):
            self._last = labels
            return self._spans[-1]
        self._last = labels
        counts = np.bincount(labels.ravel(), minlength=256)[1:]
        hole_px = int(counts.sum())
        span = LabelSpan(
            index=index,
            pts=pts,
            file=f"{index:06d}.png" if hole_px else None,
            boxes_xyxy=hole_groups(labels != 0),
            hole_px=hole_px,
        )
        if span.file is not None:
            try:
                (self._work / span.file).write_bytes(label_png(labels))
            except OSError as error:
                raise _unwritable(self.folder, error) from error
        self._objects.update(int(label) for label in np.flatnonzero(counts) + 1)
        self._spans.append(span)
        return span

    def close(
        self, tracks: tuple[Track, ...] = (), notes: tuple[str, ...] = (), *, frame_count: int | None = None
    ) -> StoredIndex:
        """Puts everything in place, instead of masks stored there before; from now on the folder holds these.

        `frame_count`: of the video, where only frames with new labels were added; None = as many as were added.
        """
        index = StoredIndex(
            width_px=self._info.width_px,
            height_px=self._info.height_px,
            time_base=self._info.time_base,
            frame_count=frame_count or self._frame_count,
            objects=tuple(sorted(self._objects)),
            sources=self._sources,
            spans=tuple(self._spans),
            tracks=tracks,
            notes=notes,
        )
        try:
            part = self.folder / _PART_NAME
            part.write_text(index.to_json(), encoding="utf-8")
            (self.folder / INDEX_NAME).unlink(missing_ok=True)
            for old in self.folder.iterdir():
                if PICTURE_NAME.fullmatch(old.name):
                    old.unlink()
            for new in self._work.iterdir():
                new.replace(self.folder / new.name)
            for work in self.folder.glob(f"{WORK_PREFIX}*"):  # ours, and what killed runs left
                shutil.rmtree(work)
            part.replace(self.folder / INDEX_NAME)
        except OSError as error:
            raise _unwritable(self.folder, error) from error
        return index

    def discard(self) -> None:
        """Removes what was written; masks stored there before stay."""
        shutil.rmtree(self._work, ignore_errors=True)
        if self._has_made_folder and not any(self.folder.iterdir()):
            self.folder.rmdir()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is not None:
            self.discard()


def _unwritable(folder: Path, error: OSError) -> MediaError:
    return MediaError(f"masks cannot be written to '{folder}' ({error.strerror}); give another folder")
