"""E2FGVI-HQ (Li et al., "Towards an end-to-end framework for flow-guided video inpainting", CVPR 2022) as an engine.

`procedure=pieces` is ours: windows that follow each other with short cross-fades, so that each frame is painted about
once, at full size as far as that is not too large. `procedure=published` is the authors' loop on the clip, in which
each frame is painted up to three times.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import Any

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from cleanplate.base.checkpoint import load_network
from cleanplate.base.device import choose_device
from cleanplate.base.errors import FailedError, UsageError
from cleanplate.base.types import INVENTED, Clip, Painting, Reference
from cleanplate.paint.canvas import Canvas
from cleanplate.paint.engine import Engine
from cleanplate.paint.nets.e2fgvi_hq import MULTIPLE_PX, UNUSED, E2fgviHq
from cleanplate.paint.nets.focal import AT_ONCE
from cleanplate.paint.running import in_batches, with_less
from cleanplate.paint.windows import Window, in_pieces, published

PROCEDURES = ("pieces", "published")
PRECISIONS = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}
AGREEMENT = 1e-2
"what half precision may differ from float32 on average, of the range of values"
BATCH_PX = 1 << 21
"of pictures encoded and decoded at a time on a graphics card; a processor takes them one by one"
MOST_FAR = 2
"references from outside the clip that a window is shown"


@dataclass(frozen=True, kw_only=True)
class E2fgviOptions:
    """The knobs of E2FGVI-HQ."""

    procedure: str = "pieces"
    "pieces: each frame about once; published: the authors' loop"
    largest_mpx: float = 0.5
    "of pieces: larger crops are painted smaller, and what was painted is enlarged"
    precision: str = "fp32"
    "fp32; bf16 or fp16 where the device gains by it: the first frames are compared with fp32"
    compile: bool = False
    "let torch compile the network, which takes minutes once and a C++ compiler"

    def __post_init__(self) -> None:
        if self.procedure not in PROCEDURES:
            raise UsageError(f"procedure is {self.procedure}, but must be one of {', '.join(PROCEDURES)}")
        if self.precision not in PRECISIONS:
            raise UsageError(f"precision is {self.precision}, but must be one of {', '.join(PRECISIONS)}")
        if not 0.01 <= self.largest_mpx <= 100:
            raise UsageError(f"largest_mpx is {self.largest_mpx:g}, but must lie between 0.01 and 100 megapixels")


class E2fgvi(Engine):
    """See the module. All of what it paints counts as invented: it comes out of a network, wherever it was seen."""

    Options = E2fgviOptions
    runs_on_cards = True
    compiles = False  # and half precision is to be judged by the first real frames

    def __init__(self, options: E2fgviOptions, device: str = "cpu") -> None:
        chosen, why = choose_device(device)
        super().__init__(options, chosen)
        self._note(why)
        self._network = _network(chosen, options.precision, options.compile)
        self._is_checked = options.precision == "fp32"

    def fill(self, clip: Clip) -> Painting:
        """Paint the core. See `Engine.fill`; raises `FailedError` where half precision is too far from float32."""
        first, stop = clip.core_range
        holes = np.asarray(clip.holes)
        images = np.array(clip.images[first:stop])
        origin = np.where(holes[first:stop], np.uint8(INVENTED), np.uint8(0))
        if holes.all() and not clip.references:
            images[...] = round(np.iinfo(images.dtype).max / 2)
        elif origin.any():
            paint = self._by_the_book if self.options.procedure == "published" else self._in_pieces
            with torch.inference_mode():
                painted = paint(clip, first, stop)
            np.copyto(images, painted, where=origin[..., None] > 0)
        return Painting(images=images, origin=origin)

    def _in_pieces(self, clip: Clip, first: int, stop: int) -> NDArray[Any]:
        """The frames from `first` to `stop`, (T, H, W, 3), painted where there are holes."""
        canvas = Canvas.of(_size(clip), largest_mpx=self.options.largest_mpx, multiple=MULTIPLE_PX, mode="symmetric")
        self._note(canvas.note)
        frames = _Frames(self._network, clip, canvas)
        total = np.zeros((stop - first, *canvas.clip, 3), np.float32)
        weights = np.zeros((stop - first, 1, 1, 1), np.float32)
        for window in in_pieces(len(clip.images), first, stop):
            owed = [t for t in window.painted if clip.holes[t].any()]
            if owed:
                for t, picture in zip(owed, self._painted(frames, window, owed), strict=True):
                    total[t - first] += window.weight(t) * canvas.level(picture)
                    weights[t - first] += window.weight(t)
        most = np.iinfo(clip.images.dtype).max
        return np.rint(total / np.maximum(weights, 1) * most).astype(clip.images.dtype)

    def _by_the_book(self, clip: Clip, first: int, stop: int) -> NDArray[Any]:
        """The same by the authors' loop: paint is cut to whole levels, and what comes again counts one half."""
        canvas = Canvas.of(_size(clip), largest_mpx=math.inf, multiple=MULTIPLE_PX, mode="symmetric")
        frames = _Frames(self._network, clip, canvas)
        most = np.iinfo(clip.images.dtype).max
        found: dict[int, NDArray[np.float32]] = {}
        for window in published(len(clip.images)):
            for t, picture in zip(window.painted, self._painted(frames, window, window.painted), strict=True):
                level = np.floor(canvas.level(picture) * np.float32(most))
                found[t] = level if t not in found else found[t] * np.float32(0.5) + level * np.float32(0.5)
        return np.stack([found[t].astype(clip.images.dtype) for t in range(first, stop)])

    def _painted(self, frames: _Frames, window: Window, owed: Sequence[int]) -> Tensor:
        """The frames owed; those of the first window are compared with float32."""
        painted = frames.paint(window, owed)
        if not self._is_checked:
            exact = _Frames(_network(self.device, "fp32", False), frames.clip, frames.canvas).paint(window, owed)
            far = (painted.float() - exact).abs().mean().item() / 2
            said = f"{far:.1e} away from float32, of the range of values and on average"
            if not far <= AGREEMENT:
                raise FailedError(f"in {self.options.precision} this clip comes out {said}; give --set precision=fp32")
            self._note(f"{self.options.precision} is {said}")
            self._is_checked = True
        return painted


class _Frames:
    """What is known of a clip's frames: each is looked at once, whatever number of windows shows it."""

    def __init__(self, network: E2fgviHq, clip: Clip, canvas: Canvas) -> None:
        self.clip, self.canvas = clip, canvas
        self._network = network
        self._like = network.ss.embedding.weight
        self._batch = 1 if self._like.device.type == "cpu" else max(1, BATCH_PX // math.prod(canvas.whole))
        self._features: dict[int, Tensor] = {}  # (1, 128, h / 4, w / 4) each
        self._flow = cache(self._both_ways)
        self._small = lru_cache(maxsize=2)(self._shrunk)

    def paint(self, window: Window, owed: Sequence[int]) -> Tensor:
        """The frames owed, (N, 3, h, w), -1..1, on the canvas."""
        network, local = self._network, window.local
        self._look_at([*local, *window.references])
        # Attention does not ask in which order frames come, so those that are owed go first.
        order = [*owed, *(t for t in local if t not in owed)]
        carried = self._carried(local)[[t - local.start for t in order]]
        far = [self._features[t] for t in window.references] + self._far_away(owed)
        shown = torch.cat([carried, *far])
        found = with_less(lambda at_once: network.transform(shown, len(owed), at_once), AT_ONCE, AT_ONCE >> 8)
        return in_batches(network.decode, found, self._batch)

    def _look_at(self, positions: Sequence[int]) -> None:
        new = [t for t in positions if t not in self._features]
        for n in range(0, len(new), self._batch):
            some = new[n : n + self._batch]
            self._features.update(zip(some, self._encoded([self._picture(t) for t in some]).split(1), strict=True))

    def _encoded(self, pictures: Sequence[Tensor]) -> Tensor:
        given = torch.stack(list(pictures)).to(self._like).contiguous(memory_format=torch.channels_last)
        return in_batches(self._network.encoder, given, self._batch)

    def _picture(self, t: int) -> Tensor:
        return self.canvas.picture(self.clip.images[t], self.clip.holes[t])

    def _carried(self, local: range) -> Tensor:
        """Features of consecutive frames, carried along the flow between them."""
        features = torch.cat([self._features[t] for t in local])
        flows = [self._flow(t) for t in local[:-1]]
        none = features.new_zeros(0, 2, *features.shape[2:], dtype=torch.float32)
        forward, backward = (torch.cat([none, *(pair[side] for pair in flows)]) for side in (0, 1))
        carried: Tensor = self._network.feat_prop_module(features, forward, backward)
        return carried

    def _both_ways(self, t: int) -> tuple[Tensor, Tensor]:
        """Flow between frames t and t + 1, forward and backward: (1, 2, h / 4, w / 4) px each."""
        pair = torch.cat([self._small(t), self._small(t + 1)])
        forward, backward = self._network.flows(pair, pair.flip(0)).split(1)
        return forward, backward

    def _shrunk(self, t: int) -> Tensor:
        return self._network.shrink(self._picture(t)[None].to(self._like.device))

    def _far_away(self, owed: Sequence[int]) -> list[Tensor]:
        """Features of the clip's references that show what these frames lack, moved to where their middle one is."""
        middle = owed[len(owed) // 2]
        useful = [reference for reference in self.clip.references if reference.needed[list(owed)].any()]
        moved = [self._moved(reference, middle) for reference in useful[:MOST_FAR]]
        return [self._encoded([picture]) for picture in moved]

    def _moved(self, reference: Reference, t: int) -> Tensor:
        plane, size = reference.planes[t], self.canvas.clip[::-1]
        flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
        image = cv2.warpPerspective(reference.image, plane, size, flags=flags)
        hole = cv2.warpPerspective(reference.hole.astype(np.uint8) * 255, plane, size, flags=flags, borderValue=255) > 0
        return self.canvas.picture(np.asarray(image), np.asarray(hole))


def _size(clip: Clip) -> tuple[int, int]:
    height, width = clip.holes.shape[1:]
    return height, width


@lru_cache(maxsize=4)
def _network(device: str, precision: str, is_compiled: bool) -> E2fgviHq:
    """The published weights on that device. Motion is found in float32 in any case."""
    network = load_network(E2fgviHq(), "e2fgvi-hq", device, unused=UNUSED)
    network.to(PRECISIONS[precision])
    network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # torch's stubs do not know it
    network.update_spynet.float()
    if is_compiled:
        for part in (network.encoder, network.decoder, *network.transformer):
            part.compile()
    return network
