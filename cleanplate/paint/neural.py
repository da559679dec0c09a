"""What engines that are networks have in common: devices, precision, the two procedures, and which clips need them."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from cleanplate.base.device import choose_device, is_out_of_memory
from cleanplate.base.errors import FailedError, UsageError
from cleanplate.base.precision import check_precision
from cleanplate.base.types import INVENTED, Clip, Painting
from cleanplate.paint.canvas import Canvas
from cleanplate.paint.engine import Engine
from cleanplate.paint.windows import Window, in_pieces

PROCEDURES = ("pieces", "published")
AGREEMENT = 1e-2
"what half precision may differ from float32 on average, of the range of values"


@dataclass(frozen=True, kw_only=True)
class NeuralOptions:
    """The knobs of every such engine."""

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
        check_precision(self.precision)
        if not 0.01 <= self.largest_mpx <= 100:
            raise UsageError(f"largest_mpx is {self.largest_mpx:g}, but must lie between 0.01 and 100 megapixels")


class NeuralEngine(Engine):
    """All of what such an engine paints counts as invented: it comes out of a network, wherever it was seen."""

    Options = NeuralOptions
    runs_on_cards = True
    compiles = False  # and half precision is to be judged by the first real frames

    def __init__(self, options: Any, device: str = "cpu") -> None:
        chosen, why = choose_device(device)
        super().__init__(options, chosen)
        self._note(why)
        self._is_checked = options.precision == "fp32"

    def fill(self, clip: Clip) -> Painting:
        """Paint the core. See `Engine.fill`.

        Raises `FailedError` where half precision is too far from float32, where memory does not suffice however the
        work is divided, and where torch cannot compile.
        """
        first, stop = clip.core_range
        holes = np.asarray(clip.holes)
        images = np.array(clip.images[first:stop])
        origin = np.where(holes[first:stop], np.uint8(INVENTED), np.uint8(0))
        if not self._is_anything_seen(clip):
            images[...] = round(np.iinfo(images.dtype).max / 2)
        elif origin.any():
            with torch.inference_mode():
                painted = self._painted_by(clip)
            np.copyto(images, painted, where=origin[..., None] > 0)
        return Painting(images=images, origin=origin)

    def _painted_by(self, clip: Clip) -> NDArray[Any]:
        """The core, by the procedure asked for."""
        try:
            if self.options.procedure == "published":
                return self._by_the_book(clip)[slice(*clip.core_range)]
            return self._in_pieces(clip)
        except RuntimeError as error:
            if type(error).__module__.startswith(("torch._inductor", "torch._dynamo")):
                said = str(error).strip().partition("\n")[0]
                raise FailedError(f"torch cannot compile the network here ({said}); leave out --compile") from error
            if not is_out_of_memory(error):
                raise
            height, width = clip.holes.shape[1:]
            smaller = max(min(height * width / 1e6, self.options.largest_mpx) / 2, 0.01)
            raise FailedError(
                f"painting a crop of {width}x{height} ran out of memory on {self.device}, however it was divided; give "
                f"--set largest_mpx={smaller:.2g} with procedure=pieces, or another --device (what is finished is kept)"
            ) from error

    def _is_anything_seen(self, clip: Clip) -> bool:
        return not np.asarray(clip.holes).all()

    @abstractmethod
    def _in_pieces(self, clip: Clip) -> NDArray[Any]:
        """The core, (T_core, H, W, 3) in the clip's dtype, painted where there are holes: ours."""

    @abstractmethod
    def _by_the_book(self, clip: Clip) -> NDArray[Any]:
        """The whole clip, (T, H, W, 3), painted by the authors' loop."""

    def _cross_faded(
        self, clip: Clip, canvas: Canvas, paint: Callable[[Window, Sequence[int]], Tensor]
    ) -> NDArray[Any]:
        """The core painted in windows of ours. `paint`: the frames owed of a window, (N, 3, h, w), -1..1."""
        first, stop = clip.core_range
        total = np.zeros((stop - first, 3, *canvas.whole), np.float32)  # enlarged at the end, as that takes memory
        weights = np.zeros(stop - first, np.float32)
        for window in in_pieces(len(clip.images), first, stop):
            owed = [t for t in window.painted if clip.holes[t].any()]
            if owed:
                for t, picture in zip(owed, paint(window, owed), strict=True):
                    total[t - first] += window.weight(t) * picture.float().cpu().numpy()
                    weights[t - first] += window.weight(t)
        painted = np.array(clip.images[first:stop])
        for n in np.flatnonzero(weights):
            level = canvas.level(torch.from_numpy(total[n] / weights[n]))
            painted[n] = np.rint(level * np.iinfo(painted.dtype).max)
        return painted

    def _compare(self, found: Tensor, exact: Tensor) -> None:
        """Judge half precision by what it made of the first frames, -1..1, beside float32."""
        far = (found.float() - exact).abs().mean().item() / 2
        if not far <= AGREEMENT:
            raise FailedError(
                f"in {self.options.precision} this clip comes out {far:.1e} away from float32, of the range of values "
                f"and on average; give --set precision=fp32"
            )
        self._note(f"{self.options.precision} is {far:.1e} away from float32, of the range of values and on average")
        self._is_checked = True
