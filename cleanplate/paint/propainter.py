"""ProPainter (Zhou et al., "ProPainter: Improving Propagation and Transformer for Video Inpainting", ICCV 2023).

Motion by RAFT, completed inside the holes; pictures and then features carried along it; a sparse transformer for the
rest. `procedure=pieces` is ours: each stage sees the clip it is given and no more, at full size as far as that is not
too large; `procedure=published` is the authors' loop, on the whole clip at once.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from cleanplate.base.errors import UsageError
from cleanplate.base.types import INVENTED, Clip, Painting
from cleanplate.paint.engine import Engine
from cleanplate.paint.nets.propainter import MULTIPLE_PX
from cleanplate.paint.propainter_published import paint_published
from cleanplate.paint.propainter_stages import (
    REFERENCE_STRIDE,
    Networks,
    encode,
    generate,
    prepare,
    windows,
)
from cleanplate.paint.smooth import put, smooth

PROCEDURES = ("pieces", "published")
PIECE = 16  # frames, or flows, that are completed and propagated at a time


@dataclass(frozen=True, kw_only=True)
class ProPainterOptions:
    """The knobs of ProPainter."""

    procedure: str = "pieces"
    "pieces: memory follows the piece; published: the authors' loop on the whole clip, in 8 bit"
    iterations: int = 20
    "how often RAFT corrects the flow; 12 are half as good and twice as fast"
    largest_mpx: float = 0.5
    "of pieces: larger crops are painted smaller, and what was painted is enlarged"

    def __post_init__(self) -> None:
        if self.procedure not in PROCEDURES:
            raise UsageError(f"procedure is {self.procedure}, but must be one of {', '.join(PROCEDURES)}")
        if not 1 <= self.iterations <= 100:
            raise UsageError(f"iterations is {self.iterations}, but must lie between 1 and 100")
        if not 0.01 <= self.largest_mpx <= 100:
            raise UsageError(f"largest_mpx is {self.largest_mpx:g}, but must lie between 0.01 and 100 megapixels")


class ProPainter(Engine):
    """See the module. All of what it paints counts as invented: it comes out of a network, wherever it was seen."""

    Options = ProPainterOptions

    def __init__(self, options: ProPainterOptions, device: str = "cpu") -> None:
        super().__init__(options, device)
        self._networks = Networks.load(device)

    def fill(self, clip: Clip) -> Painting:
        """Paint the core. See `Engine.fill`."""
        first, stop = clip.core_range
        holes = np.asarray(clip.holes)
        images = np.array(clip.images[first:stop])
        origin = np.where(holes[first:stop], np.uint8(INVENTED), np.uint8(0))
        if holes.all():
            images[...] = round(np.iinfo(images.dtype).max / 2)
        elif origin.any():
            paint = self._by_the_book if self.options.procedure == "published" else self._in_pieces
            painted = paint(np.asarray(clip.images), holes, first, stop)
            np.copyto(images, painted, where=origin[..., None] > 0)
        return Painting(images=images, origin=origin)

    def _by_the_book(self, images: NDArray[Any], holes: NDArray[np.bool_], first: int, stop: int) -> NDArray[Any]:
        one = np.iinfo(images.dtype).max // 255
        blank = np.where(holes[..., None], 0, images // one).astype(np.uint8)
        painted: NDArray[Any] = paint_published(self._networks, blank, holes)[first:stop].astype(images.dtype)
        return np.multiply(painted, one, dtype=images.dtype)

    @torch.inference_mode()
    def _in_pieces(self, images: NDArray[Any], holes: NDArray[np.bool_], first: int, stop: int) -> NDArray[Any]:
        """The frames from `first` to `stop` of images (T, H, W, 3), painted all over."""
        canvas = Canvas.of(holes.shape[1], holes.shape[2], self.options.largest_mpx)
        device = next(self._networks.generator.parameters()).device
        masks = torch.from_numpy(np.stack([canvas.hole(hole) for hole in holes]))[:, None].to(device).float()
        known = torch.stack([canvas.picture(image) for image in images]).to(device) * (1 - masks)
        looked_at = (canvas.picture(_smoothed(i, h)).to(device) for i, h in zip(images, holes, strict=True))
        clip = prepare(self._networks, known, looked_at, masks, iterations=self.options.iterations, piece=PIECE)
        del known
        generator = self._networks.generator
        features = lru_cache(maxsize=32)(lambda t: encode(generator, clip, t))
        total = torch.zeros_like(clip.pictures[first:stop])
        times = np.zeros(stop - first)
        for _, local in windows(len(images), first, stop):
            references = [t for t in range(0, len(images), REFERENCE_STRIDE) if t not in local]
            found = generate(generator, clip, features, local, references)
            for t, picture in zip(local, found, strict=True):
                if first <= t < stop:
                    total[t - first] += picture
                    times[t - first] += 1
        return np.stack([canvas.image(p / n, images.dtype) for p, n in zip(total, times, strict=True)])


def _smoothed(image: NDArray[Any], hole: NDArray[np.bool_]) -> NDArray[Any]:
    """A frame whose hole is filled smoothly: motion is found around it, and its border is none that moves."""
    filled = image.copy()
    if hole.any():
        fill, corner_xy = smooth(image, hole)
        put(fill, hole, corner_xy, filled)
    return filled


@dataclass(frozen=True)
class Canvas:
    """The size at which a clip is painted: its own filled up to whole multiples, or a smaller one."""

    height: int
    width: int
    "the clip's"
    work_height: int
    work_width: int
    is_smaller: bool

    @classmethod
    def of(cls, height: int, width: int, largest_mpx: float) -> Canvas:
        """For frames of this size."""
        scale = min(1.0, math.sqrt(largest_mpx * 1e6 / (height * width)))
        whole = math.ceil if scale == 1 else round
        rows, columns = (max(whole(side * scale / MULTIPLE_PX), 1) * MULTIPLE_PX for side in (height, width))
        return cls(height, width, rows, columns, scale < 1)

    def picture(self, image: NDArray[Any]) -> Tensor:
        """A frame (H, W, 3) as the networks see it: (3, h, w), -1..1."""
        level: NDArray[Any] = image.astype(np.float32) * np.float32(2 / np.iinfo(image.dtype).max) - 1
        if self.is_smaller:
            level = cv2.resize(level, (self.work_width, self.work_height), interpolation=cv2.INTER_AREA)
        else:
            level = np.pad(level, (*self._more, (0, 0)), mode="edge")
        return torch.from_numpy(level).permute(2, 0, 1)

    def hole(self, hole: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """A hole (H, W) as the networks see it, (h, w): all that it touches."""
        if self.is_smaller:
            size = self.work_width, self.work_height
            return cv2.resize(hole.astype(np.float32), size, interpolation=cv2.INTER_AREA) > 0
        return np.pad(hole, self._more, mode="edge")

    @property
    def _more(self) -> tuple[tuple[int, int], tuple[int, int]]:
        return (0, self.work_height - self.height), (0, self.work_width - self.width)

    def image(self, picture: Tensor, dtype: np.dtype[Any]) -> NDArray[Any]:
        """What was painted, (3, h, w), -1..1, as a frame (H, W, 3)."""
        level = picture.permute(1, 2, 0).float().cpu().numpy()
        if self.is_smaller:
            level = cv2.resize(level, (self.width, self.height), interpolation=cv2.INTER_CUBIC)
        most = np.iinfo(dtype).max
        return np.clip(np.rint((level[: self.height, : self.width] + 1) * (most / 2)), 0, most).astype(dtype)
