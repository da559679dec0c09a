"""What moves, as a mask: `Maker` of `--find motion`."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from itertools import islice

import numpy as np

from cleanplate.base.types import Frame, Labels, Prompt
from cleanplate.mask.find_motion import MotionFinder
from cleanplate.mask.maker import Maker, Scene
from cleanplate.mask.sight import shrink
from cleanplate.mask.source import MaskSource

_USUAL_RATE = 25.0
_PRIMED_FRAMES = 12


class MotionMaker(Maker):
    """Its objects have the numbers from its own on."""

    def __init__(self, source: MaskSource, object_id: int, scene: Scene) -> None:
        super().__init__(source, object_id, scene)
        self._finder = MotionFinder(float(scene.info.rate or _USUAL_RATE), first_number=object_id)
        self._labels = np.zeros(scene.size_px[::-1], np.uint8)

    def survey(self) -> None:
        """The first frames backward, so that what moves in the very first is known when it comes."""
        with closing(self.scene.frames()) as frames:
            first = [shrink(frame.image) for frame in islice(frames, _PRIMED_FRAMES) if frame.native is not None]
        for small in reversed(first):
            self._finder.step(small)

    def step(self, frame: Frame, prompts: Sequence[Prompt] = ()) -> Labels:  # noqa: ARG002 - needs none
        """Where a damaged file gives no picture, the labels of the frame before hold."""
        if frame.native is not None:
            self._labels, _ = self._finder.step(frame.image)
            self._labels.flags.writeable = False
        return self._labels

    @property
    def why_empty(self) -> str:
        return "nothing moves before the camera"
