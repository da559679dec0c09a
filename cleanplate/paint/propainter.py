"""ProPainter (Zhou et al., "ProPainter: Improving Propagation and Transformer for Video Inpainting", ICCV 2023).

Motion by RAFT, completed inside the holes; pictures and then features carried along it; a sparse transformer for the
rest. `procedure=pieces` is ours: windows that follow each other with short cross-fades, so that each frame is painted
about once, at full size as far as that is not too large. `procedure=published` is the authors' loop on the clip, in
which each frame is painted up to three times.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from cleanplate.base.types import Clip
from cleanplate.motion.estimator import check_estimator
from cleanplate.motion.raft import Both, Find, both_ways
from cleanplate.paint.canvas import Canvas
from cleanplate.paint.memory import PairMemory
from cleanplate.paint.nets.propainter import MULTIPLE_PX
from cleanplate.paint.neural import NeuralEngine, NeuralOptions
from cleanplate.paint.propainter_published import ITERATIONS, paint_published
from cleanplate.paint.propainter_stages import Lengths, Networks, Prepared, encode, generate, prepare
from cleanplate.paint.smooth import put, smooth
from cleanplate.paint.windows import Window

COMPLETED_PX = 2_700_000
"of flow that is completed at a time, as far as that is 4 to 16 frames and their context: 190 bytes each"
COMPLETION_CONTEXT = 3


@dataclass(frozen=True, kw_only=True)
class ProPainterOptions(NeuralOptions):
    """The knobs of ProPainter."""

    iterations: int = ITERATIONS
    "of pieces: how often RAFT corrects its flow, which is half of the work"

    def __post_init__(self) -> None:
        super().__post_init__()
        check_estimator("raft", self.iterations)


class ProPainter(NeuralEngine):
    """See the module."""

    Options = ProPainterOptions

    def __init__(self, options: ProPainterOptions, device: str = "cpu") -> None:
        super().__init__(options, device)
        self._networks = Networks.load(self.device, options.precision, options.compile)
        self._memory: PairMemory[Both] = PairMemory()

    def _in_pieces(self, clip: Clip) -> NDArray[Any]:
        height, width = clip.holes.shape[1:]
        canvas = Canvas.of(
            (height, width), largest_mpx=self.options.largest_mpx, multiple=(MULTIPLE_PX, MULTIPLE_PX), mode="edge"
        )
        self._note(canvas.note)
        frames = _Frames(self._networks, self._prepared(clip, canvas))
        return self._cross_faded(clip, canvas, lambda window, owed: self._painted(frames, window, owed))

    def _prepared(self, clip: Clip, canvas: Canvas) -> Prepared:
        """Everything before the generator, in which precision matters: always in float32."""
        nothing = np.zeros(canvas.clip, np.bool_)
        more = [(0, whole - work) for whole, work in zip(canvas.whole, canvas.work, strict=True)]
        masks = np.stack([np.pad(canvas.small(hole), more, mode="edge") for hole in clip.holes])[:, None]
        pictures = (canvas.picture(*frame) for frame in zip(clip.images, clip.holes, strict=True))
        known = torch.stack(list(pictures)).to(self.device)
        looked_at = (
            canvas.picture(_smoothed(image, hole), nothing).to(self.device)
            for image, hole in zip(clip.images, clip.holes, strict=True)
        )
        hidden = torch.from_numpy(masks).to(known)
        completed = min(max(COMPLETED_PX // math.prod(canvas.whole) - 2 * COMPLETION_CONTEXT, 4), 16)
        by = Lengths(
            completed=completed,
            completion_context=COMPLETION_CONTEXT,
            propagated=len(known),
            propagation_context=0,
        )
        self._memory.next_clip(clip)
        flows = both_ways(self._networks.raft, looked_at, self.options.iterations, self._remembered)
        return prepare(self._networks, known, flows, hidden, by=by)

    def _remembered(self, pair: int, key: bytes, find: Find) -> Both:
        """The flow of a pair of the clip, if the piece before has shown the same pictures; else as it is found now."""
        both = self._memory.take(key) or find()
        if self._memory.keeps(pair):
            self._memory.put(key, both)
        return both

    def _painted(self, frames: _Frames, window: Window, owed: Sequence[int]) -> Tensor:
        """The frames owed; those of the first window are compared with float32."""
        painted = frames.paint(window, owed)
        if not self._is_checked:
            self._compare(painted, _Frames(self._exact(), frames.clip).paint(window, owed))
        return painted

    def _exact(self) -> Networks:
        return Networks.load(self.device, "fp32", False)

    def _by_the_book(self, clip: Clip) -> NDArray[Any]:
        if self.options.precision != "fp32":
            self._note(
                f"precision is fp32, not {self.options.precision}, as procedure=published has the authors' numbers"
            )
        one = np.iinfo(clip.images.dtype).max // 255
        holes = np.asarray(clip.holes)
        blank = np.where(holes[..., None], 0, clip.images // one).astype(np.uint8)
        painted: NDArray[Any] = paint_published(self._exact(), blank, holes).astype(clip.images.dtype)
        painted *= one
        return painted


class _Frames:
    """A clip and its generator: each frame is looked at once, whatever number of windows shows it."""

    def __init__(self, networks: Networks, clip: Prepared) -> None:
        self.clip = clip
        self._generator = networks.generator
        self._features = cache(lambda t: encode(networks.generator, clip, t))

    def paint(self, window: Window, owed: Sequence[int]) -> Tensor:
        """The frames owed, (N, 3, h, w), -1..1."""
        return generate(self._generator, self.clip, self._features, window.local, window.references, owed)


def _smoothed(image: NDArray[Any], hole: NDArray[np.bool_]) -> NDArray[Any]:
    """A frame whose hole is filled smoothly, so that its border is none that moves."""
    filled = image.copy()
    if hole.any():
        fill, corner_xy = smooth(image, hole)
        put(fill, hole, corner_xy, filled)
    return filled
