"""Masks from files: a picture for all frames, a folder of pictures, a video of masks, or stored masks.

What counts as a hole:

- a palette PNG holds labels: each index but 0 is a hole, and the index is the object's id (a black and white picture
  that some program saved with a palette of grays, black not first, is taken for what it looks like);
- else, if the file has alpha and its first picture is not opaque throughout: alpha above half;
- else the brightest of the colour channels above half: above 127, or 32767 of 16 bits;
- unless nothing in the whole source is above 1: then 1 is a hole (not for JPEG and most video, where 1 is noise).

With `invert` everything that is no hole by these rules becomes one.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Protocol

import numpy as np

from cleanplate.base.errors import MaskError
from cleanplate.base.names import images_in
from cleanplate.base.types import Frame, Labels
from cleanplate.mask.align import Timeline, align, by_number
from cleanplate.mask.fit import check_size, resize_labels
from cleanplate.mask.maker import Maker, Scene
from cleanplate.mask.source import MaskSource
from cleanplate.mask.stored import StoredMasks
from cleanplate.mask.stored_format import is_stored
from cleanplate.mask.stored_pictures import Picture, VideoPictures, is_image, read_picture


class _Pictures(Protocol):
    """The pictures of a source, and which of them each frame of the video takes."""

    def read(self, index: int) -> Picture:
        """The indices asked for never fall."""

    def __iter__(self) -> Iterator[Picture]: ...

    def close(self) -> None: ...


class FileMaker(Maker):
    """Labels from files. Raises `MaskError` for files that cannot be read or do not fit the video."""

    def __init__(self, source: MaskSource, ids: range, scene: Scene) -> None:
        super().__init__(source, ids, scene)
        assert source.path is not None  # the table's row for files
        self._pictures, self._picture_of, warning = _open(source.path, scene)
        if warning:
            scene.warn(warning)
        self._index = -1
        self._labels: Labels | None = None
        self._warned: set[str] = set()
        self._uses_alpha: bool | None = None
        self._is_scaled: bool | None = None
        self._largest = 0
        self._full = 0

    def step(self, frame: Frame) -> Labels:
        index = self._picture_of[frame.index]
        if self._labels is None or index != self._index:
            labels = self._fit(self._draw(self._pictures.read(index)))
            self._index = index
            if self._labels is None or not np.array_equal(labels, self._labels):
                labels.flags.writeable = False
                self._labels = labels
        return self._labels

    @property
    def drawn(self) -> frozenset[int]:
        """Looks through the whole source where palette pictures may bring ids of their own."""
        labels = (picture.labels for picture in self._pictures if picture.labels is not None and not self.scene.invert)
        return frozenset(int(n) for one in labels for n in np.unique(one) if n) | {self.object_id}

    @property
    def why_empty(self) -> str:
        if self.scene.invert:
            return "all of it is marked as staying; leave out --invert"
        if not self._full:
            return "it holds no label; mark what is to go with palette indices above 0"
        if not self._largest:
            return "it is all black; draw what is to go in white, or use --invert if black marks it"
        return (
            f"its largest value is {self._largest} and only values above {self._full // 2} count as a hole; "
            "draw what is to go in white"
        )

    def close(self) -> None:
        self._pictures.close()

    def _draw(self, picture: Picture) -> Labels:
        """Labels at the mask's own size."""
        if picture.labels is not None:
            if picture.labels.min() > 0:
                self._warn(
                    f"the palette picture {self.source.path} has no sample of index 0, so all of it counts as a hole; "
                    "if its colors are what counts, save it as a gray or RGB picture"
                )
            if not self.scene.invert:
                return picture.labels.copy()
            return self._as_labels(picture.labels == 0)
        levels = picture.levels
        assert levels is not None  # a picture has levels or labels
        full = np.iinfo(levels.dtype).max
        if self._uses_alpha is None:
            self._uses_alpha = picture.alpha is not None and int(picture.alpha.min()) < full
        if self._uses_alpha and picture.alpha is not None:
            levels = picture.alpha
        self._largest, self._full = max(self._largest, int(levels.max())), full
        is_hole = levels > (0 if self._counts_ones(picture, int(levels.max())) else full // 2)
        return self._as_labels(is_hole != self.scene.invert)

    def _as_labels(self, is_hole: np.ndarray[tuple[int, ...], np.dtype[np.bool_]]) -> Labels:
        return is_hole.astype(np.uint8) * np.uint8(self.object_id)

    def _counts_ones(self, picture: Picture, largest: int) -> bool:
        """Whether 1 is the largest value there is. The whole source is looked through, once, only if it may be."""
        if largest > 1:
            self._is_scaled = False
        elif self._is_scaled is None and largest == 1 and not self._uses_alpha:
            self._is_scaled = picture.is_exact and all(
                other.levels is None or int(other.levels.max()) <= 1 for other in self._pictures
            )
        return bool(self._is_scaled)

    def _fit(self, labels: Labels) -> Labels:
        height_px, width_px = labels.shape
        if warning := check_size((width_px, height_px), self.scene.size_px, str(self.source.path)):
            self._warn(warning)
            labels = resize_labels(labels, *self.scene.size_px)
        return labels

    def _warn(self, sentence: str) -> None:
        if sentence not in self._warned:
            self._warned.add(sentence)
            self.scene.warn(sentence)


def _open(path: Path, scene: Scene) -> tuple[_Pictures, Sequence[int], str | None]:
    """The source's pictures, the index of the one for each frame of the video, and a warning or None."""
    frame_count = len(scene.timestamps)
    if not path.exists():
        raise MaskError(f"the mask {path} does not exist; check the path")
    if path.is_dir() and is_stored(path):
        return _open_stored(path, scene)
    if path.is_dir():
        paths = images_in(path)
        if not paths:
            raise MaskError(f"the mask folder {path} holds no pictures; give a folder of PNGs, one for each frame")
        hint = f"to use one picture for all frames, give the file itself: --mask {paths[0]}" if len(paths) == 1 else ""
        return _Files(paths), *by_number(frame_count, len(paths), str(path), hint=hint)
    if is_image(path):
        return _Files([path]), [0] * frame_count, None
    video = VideoPictures(path)
    try:
        mask = Timeline.of(video.timestamps, video.time_base)
        return video, *align(scene.timeline, mask, str(path))
    except BaseException:
        video.close()
        raise


class _Files:
    """Pictures in files of their own."""

    def __init__(self, paths: Sequence[Path]) -> None:
        self._paths = paths

    def read(self, index: int) -> Picture:
        return read_picture(self._paths[index])

    def __iter__(self) -> Iterator[Picture]:
        return map(read_picture, self._paths)

    def close(self) -> None:
        return


class _Spans:
    """The pictures of stored masks."""

    def __init__(self, masks: StoredMasks) -> None:
        self._masks = masks

    def read(self, index: int) -> Picture:
        return Picture(labels=self._masks.read(self._masks.spans[index]))

    def __iter__(self) -> Iterator[Picture]:
        return map(self.read, range(len(self._masks.spans)))

    def close(self) -> None:
        return


def _open_stored(path: Path, scene: Scene) -> tuple[_Pictures, Sequence[int], str | None]:
    """Stored masks, also those made for a copy of the video with another clock: by time from the first frame."""
    masks = StoredMasks(path)
    _, warning = by_number(len(scene.timestamps), masks.frame_count, str(path))
    first = masks.spans[0].pts
    starts = [(span.pts - first) * masks.time_base for span in masks.spans]
    reach = scene.timeline.frame_s / 2  # containers round times to their own ticks
    return _Spans(masks), [bisect_right(starts, time + reach) - 1 for time in scene.timeline.starts], warning
