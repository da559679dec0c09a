"""What moves, as a mask: `Maker` of `--find motion`."""

from __future__ import annotations

from array import array
from contextlib import closing
from itertools import islice

import numpy as np

from cleanplate.base.tracks import Track, not_looked_for, shares_of
from cleanplate.base.types import Frame, Labels
from cleanplate.mask.find_motion import MotionFinder
from cleanplate.mask.maker import Maker, Scene
from cleanplate.mask.sight import shrink
from cleanplate.mask.source import MaskSource

_USUAL_RATE = 25.0
_PRIMED_FRAMES = 12


class MotionMaker(Maker):
    """What is found gets numbers of its own."""

    def __init__(self, source: MaskSource, ids: range, scene: Scene) -> None:
        super().__init__(source, ids, scene)
        self._finder = MotionFinder(float(scene.info.rate or _USUAL_RATE), ids)
        self._labels = np.zeros(scene.size_px[::-1], np.uint8)
        self._confidence: dict[int, array[float]] = {}

    def survey(self) -> None:
        """The first frames backward, so that what moves in the very first is known when it comes."""
        with closing(self.scene.frames()) as frames:
            first = [shrink(frame.image) for frame in islice(frames, _PRIMED_FRAMES) if frame.native is not None]
        for small in reversed(first):
            self._finder.step(small)

    def step(self, frame: Frame) -> Labels:
        """Where a damaged file gives no picture, the labels of the frame before hold."""
        if frame.native is not None:
            self._labels, sureness = self._finder.step(frame.image)
            self._labels.flags.writeable = False
            for number, share in sureness.items():
                if share:
                    if number not in self._confidence:
                        self._confidence[number] = not_looked_for(len(self.scene.timestamps))
                    self._confidence[number][frame.index] = share
        return self._labels

    def tracks(self) -> tuple[Track, ...]:
        """One for each number; who is gone was not looked for."""
        return tuple(
            Track(object_id=n, name="", tracker="motion", marked=(), confidence=shares_of(shares), lost=())
            for n, shares in sorted(self._confidence.items())
        )

    @property
    def why_empty(self) -> str:
        return "nothing moves before the camera"
