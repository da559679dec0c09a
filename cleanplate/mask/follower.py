"""Makers that follow objects: what those have in common who track on small pictures, shot by shot.

The video is read twice. The first time each frame is put down small (`shelf`), until its shot ends; then the shot's
objects are tracked on the small pictures, and what was found is put down small as well. The second time, in `step`, it
is drawn at full size along the picture's own edges. At no time more than a few frames are held, and on the disk no more
pictures than the longest shot has.
"""

from __future__ import annotations

from abc import abstractmethod
from array import array
from collections.abc import Generator, Iterable, Sequence
from contextlib import closing

import cv2
import numpy as np
from numpy.typing import NDArray

from cleanplate.base.report import Progress
from cleanplate.base.tracks import Lost, Marked, Track, shares_of
from cleanplate.base.types import Frame, Hole, Labels, Prompt
from cleanplate.mask.maker import Maker, Scene
from cleanplate.mask.shelf import Shelf
from cleanplate.mask.sight import see, sharpen, shrink
from cleanplate.mask.source import MaskSource
from cleanplate.mask.tracker import Tracked, Tracker, make_tracker, track, tracker_class
from cleanplate.motion.cuts import CutFinder, bright, thumbnail


class Follower(Maker):
    """See the module."""

    def __init__(self, source: MaskSource, ids: range, scene: Scene) -> None:
        super().__init__(source, ids, scene)
        assert scene.work is not None  # as the row needs pixels
        work = scene.work / str(self.object_id)
        work.mkdir()
        self._pictures = Shelf(work / "pictures")
        "of the shot at hand, small"
        self._found = Shelf(work / "found")
        "labels of all frames, small"
        self._given = Shelf(work / "given")
        "labels of frames on which something was marked or found anew"
        self._tracker()  # what it lacks is said before the video is read
        self._work_px = tracker_class(source.tracker).work_px
        self._nothing = np.zeros(scene.size_px[::-1], np.uint8)
        self._nothing.flags.writeable = False
        self._confidence: dict[int, array[float]] = {}
        self._tracked_frames = 0

    def survey(self) -> None:
        """Read the video, track in each shot when it ends."""
        cuts = CutFinder()
        first = stop = 0
        small: NDArray[np.uint8] | None = None
        with closing(self.scene.frames()) as frames:
            for frame in frames:
                if frame.native is not None:
                    if cuts.push(thumbnail(bright(frame.native), frame.native.layout.bit_depth, None)):
                        self._end_shot(first, stop)
                        self._pictures.clear()
                        first = stop
                        if self._is_done:
                            break
                    small = shrink(frame.image, self._work_px)
                if small is not None:  # a frame that does not come out of a damaged file looks like the one before
                    self._pictures.put(frame.index, small)
                stop = frame.index + 1
                self._see(frame, first)
                self._tell("look", stop)
            else:
                self._end_shot(first, stop)
        self._pictures.clear()
        self._warn()

    @property
    def _is_done(self) -> bool:
        """Whether the shots to come need not be looked at."""
        return False

    @abstractmethod
    def _see(self, frame: Frame, first: int) -> None:
        """The next frame of the shot that began with frame `first`; it has been put down."""

    @abstractmethod
    def _end_shot(self, first: int, stop: int) -> None:
        """All frames of a shot, half-open, have been put down: track what there is in it."""

    @abstractmethod
    def _warn(self) -> None:
        """What a person has to know of how it went."""

    def close(self) -> None:
        for shelf in (self._pictures, self._found, self._given):
            shelf.close()

    def _tracker(self) -> Tracker:
        return make_tracker(self.source.tracker, self.source.tracker_options, self.source.device)

    def _follow(self, frames: Iterable[int], prompts: Sequence[Prompt]) -> Generator[tuple[int, Tracked]]:
        """(number, answer of a new tracker) of each of these frames of the shot that has a picture."""
        pictures = ((n, picture) for n in frames if (picture := self._pictures.get(n)) is not None)
        return track(self._tracker(), pictures, prompts)

    def _enlarged(self, small: Labels, frame: Frame) -> Labels:
        """Labels (H, W), with borders along edges that only the full picture shows."""
        if small.shape == self.scene.size_px[::-1]:
            return small
        if frame.native is None:
            return np.asarray(cv2.resize(small, self.scene.size_px, interpolation=cv2.INTER_NEAREST), np.uint8)
        image = frame.image
        degrees = {int(n): (small == n).astype(np.float32) for n in np.unique(small) if n}
        return sharpen(degrees, image, see(shrink(image, self._work_px)))

    def _track(self, number: int, name: str, marked: tuple[Marked, ...], lost: tuple[Lost, ...] = ()) -> Track:
        return Track(
            object_id=number,
            name=name,
            tracker=self.source.tracker,
            marked=marked,
            confidence=shares_of(self._confidence[number]),
            lost=lost,
        )

    def _tell(self, stage: str, done: int) -> None:
        if self.scene.watch is not None:
            self.scene.watch(Progress(stage=stage, done=done, total=len(self.scene.timestamps)))

    def _tell_tracked(self) -> None:
        self._tracked_frames += 1
        self._tell("track", self._tracked_frames)


def made_small(hole: Hole, shape: tuple[int, ...]) -> Hole:
    """A mask (H, W) at the size (h, w, ...) of a small picture; of one that is there something stays."""
    share = cv2.resize(hole.astype(np.float32), shape[1::-1], interpolation=cv2.INTER_AREA)
    return np.asarray(share >= 0.5 if (share >= 0.5).any() else share > 0, np.bool_)
