"""E2FGVI-HQ (Li et al., "Towards an end-to-end framework for flow-guided video inpainting", CVPR 2022) as an engine.

`procedure=pieces` is ours: windows that follow each other with short cross-fades, so that each frame is painted about
once, at full size as far as that is not too large. `procedure=published` is the authors' loop on the clip, in which
each frame is painted up to three times.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from cleanplate.base.checkpoint import load_network
from cleanplate.base.device import with_less
from cleanplate.base.precision import type_of
from cleanplate.base.types import Clip, Reference
from cleanplate.motion.register import carried
from cleanplate.paint.canvas import Canvas
from cleanplate.paint.nets.e2fgvi_hq import MULTIPLE_PX, UNUSED, E2fgviHq
from cleanplate.paint.nets.layers import AT_ONCE
from cleanplate.paint.neural import NeuralEngine, NeuralOptions
from cleanplate.paint.windows import Window, published

BATCH_PX = 1 << 21
"of pictures encoded and decoded at a time on a graphics card; a processor takes them one by one"
MOST_FAR = 2
"references from outside the clip that a window is shown"


class E2fgvi(NeuralEngine):
    """See the module."""

    def __init__(self, options: NeuralOptions, device: str = "cpu") -> None:
        super().__init__(options, device)
        self._network = _network(self.device, options.precision, options.compile)

    def _is_anything_seen(self, clip: Clip) -> bool:
        return bool(clip.references) or super()._is_anything_seen(clip)

    def _in_pieces(self, clip: Clip) -> NDArray[Any]:
        canvas = Canvas.of(_size(clip), largest_mpx=self.options.largest_mpx, multiple=MULTIPLE_PX, mode="symmetric")
        self._note(canvas.note)
        frames = _Frames(self._network, clip, canvas)
        return self._cross_faded(clip, canvas, lambda window, owed: self._painted(frames, window, owed))

    def _by_the_book(self, clip: Clip) -> NDArray[Any]:
        # Paint is cut to whole levels, and what comes again counts one half.
        canvas = Canvas.of(_size(clip), largest_mpx=math.inf, multiple=MULTIPLE_PX, mode="symmetric")
        frames = _Frames(self._network, clip, canvas)
        most = np.iinfo(clip.images.dtype).max
        found: dict[int, NDArray[np.float32]] = {}
        for window in published(len(clip.images)):
            for t, picture in zip(window.painted, self._painted(frames, window, window.painted), strict=True):
                level = np.floor(canvas.level(picture) * np.float32(most))
                found[t] = level if t not in found else found[t] * np.float32(0.5) + level * np.float32(0.5)
        return np.stack([found[t].astype(clip.images.dtype) for t in range(len(clip.images))])

    def _painted(self, frames: _Frames, window: Window, owed: Sequence[int]) -> Tensor:
        """The frames owed; those of the first window are compared with float32."""
        painted = frames.paint(window, owed)
        if not self._is_checked:
            exact = _Frames(_network(self.device, "fp32", False), frames.clip, frames.canvas)
            self._compare(painted, exact.paint(window, owed))
        return painted


class _Frames:
    """What is known of a clip's frames: each is looked at once, whatever number of windows shows it."""

    def __init__(self, network: E2fgviHq, clip: Clip, canvas: Canvas) -> None:
        self.clip, self.canvas = clip, canvas
        self._network = network
        self._like = network.ss.embedding.weight
        self._batch = 1 if self._like.device.type == "cpu" else max(1, BATCH_PX // math.prod(canvas.whole))
        self._features: dict[int, Tensor] = {}  # (1, 128, h / 4, w / 4) each
        self._flows: dict[int, tuple[Tensor, Tensor]] = {}
        # No cache around a method of its own: the cycle would keep every clip's features until somebody cleans up.

    def paint(self, window: Window, owed: Sequence[int]) -> Tensor:
        """The frames owed, (N, 3, h, w), -1..1, on the canvas."""
        network, local = self._network, window.local
        self._look_at([*local, *window.references])
        # Attention does not ask in which order frames come, so those that are owed go first.
        order = [*owed, *(t for t in local if t not in owed)]
        features = self._carried(local)[[t - local.start for t in order]]
        far = [self._features[t] for t in window.references] + self._far_away(owed)
        shown = torch.cat([features, *far])
        found = with_less(lambda at_once: network.transform(shown, len(owed), at_once), AT_ONCE, AT_ONCE >> 8)
        return _in_batches(network.decode, found, self._batch)

    def _look_at(self, positions: Sequence[int]) -> None:
        new = [t for t in positions if t not in self._features]
        for n in range(0, len(new), self._batch):
            some = new[n : n + self._batch]
            self._features.update(zip(some, self._encoded([self._picture(t) for t in some]).split(1), strict=True))

    def _encoded(self, pictures: Sequence[Tensor]) -> Tensor:
        given = torch.stack(list(pictures)).to(self._like).contiguous(memory_format=torch.channels_last)
        return _in_batches(self._network.encoder, given, self._batch)

    def _picture(self, t: int) -> Tensor:
        return self.canvas.picture(self.clip.images[t], self.clip.holes[t])

    def _carried(self, local: range) -> Tensor:
        """Features of consecutive frames, carried along the flow between them."""
        features = torch.cat([self._features[t] for t in local])
        flows = [self._both_ways(t) for t in local[:-1]]
        none = features.new_zeros(0, 2, *features.shape[2:], dtype=torch.float32)
        forward, backward = (torch.cat([none, *(pair[side] for pair in flows)]) for side in (0, 1))
        found: Tensor = self._network.feat_prop_module(features, forward, backward)
        return found

    def _both_ways(self, t: int) -> tuple[Tensor, Tensor]:
        """Flow between frames t and t + 1, forward and backward: (1, 2, h / 4, w / 4) px each."""
        if t not in self._flows:
            pair = self._network.shrink(torch.stack([self._picture(t), self._picture(t + 1)]).to(self._like.device))
            forward, backward = self._network.flows(pair, pair.flip(0)).split(1)
            self._flows[t] = forward, backward
        return self._flows[t]

    def _far_away(self, owed: Sequence[int]) -> list[Tensor]:
        """Features of the clip's references that show what these frames lack, moved to where their middle one is."""
        middle = owed[len(owed) // 2]
        useful = [reference for reference in self.clip.references if reference.needed[list(owed)].any()]
        moved = [self._moved(reference, middle) for reference in useful[:MOST_FAR]]
        return [self._encoded([picture]) for picture in moved]

    def _moved(self, reference: Reference, t: int) -> Tensor:
        plane, size = reference.planes[t], self.canvas.clip[::-1]
        hole = carried(reference.hole.astype(np.uint8) * 255, plane, size, outside=255) > 0
        return self.canvas.picture(carried(reference.image, plane, size), hole)


def _in_batches(work: Callable[[Tensor], Tensor], given: Tensor, size: int) -> Tensor:
    """`work` on so many of the given (N, ...) at a time, or fewer after running out of memory: (N, ...)."""
    return with_less(lambda step: torch.cat([work(part) for part in given.split(step)]), size, 1)


def _size(clip: Clip) -> tuple[int, int]:
    height, width = clip.holes.shape[1:]
    return height, width


@lru_cache(maxsize=4)
def _network(device: str, precision: str, is_compiled: bool) -> E2fgviHq:
    """The published weights on that device. Motion is found in float32 in any case."""
    network = load_network(E2fgviHq(), "e2fgvi-hq", device, unused=UNUSED)
    network.to(type_of(precision))
    network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # torch's stubs do not know it
    network.update_spynet.float()
    if is_compiled:
        for part in (network.encoder, network.decoder, *network.transformer):
            part.compile()
    return network
