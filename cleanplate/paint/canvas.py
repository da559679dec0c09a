"""The size at which a network paints a clip: its own, or a smaller one; and the way there and back."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Literal

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

Mode = Literal["edge", "symmetric"]
"how pictures are filled up: their last row and column again and again, or the picture in a mirror"


@dataclass(frozen=True, kw_only=True)
class Canvas:
    """Sizes (height, width) in px: of the clip, at which it is painted, and that filled up to whole multiples."""

    clip: tuple[int, int]
    work: tuple[int, int]
    whole: tuple[int, int]
    mode: Mode

    @classmethod
    def of(cls, clip: tuple[int, int], *, largest_mpx: float, multiple: tuple[int, int], mode: Mode) -> Canvas:
        """For frames of this size, painted with at most so many megapixels, the filling up not counted."""
        scale = min(1.0, math.sqrt(largest_mpx * 1e6 / math.prod(clip)))
        height, width = (max(round(side * scale), 1) for side in clip)
        rows, columns = (-(-side // step) * step for side, step in zip((height, width), multiple, strict=True))
        return cls(clip=clip, work=(height, width), whole=(rows, columns), mode=mode)

    @property
    def note(self) -> str | None:
        """A sentence where the clip is painted smaller than it is."""
        if self.work == self.clip:
            return None
        sizes = (f"{width}x{height}" for height, width in (self.clip, self.work))
        return "pieces of {} were painted at {} and enlarged, for the memory that takes".format(*sizes)

    def picture(self, image: NDArray[Any], hole: NDArray[np.bool_]) -> Tensor:
        """A frame (H, W, 3) as a network sees it: (3, h, w), -1..1, 0 in the hole."""
        level: NDArray[Any] = image.astype(np.float32) * np.float32(2 / np.iinfo(image.dtype).max) - 1
        if self.work != self.clip:
            level = cv2.resize(level, self.work[::-1], interpolation=cv2.INTER_AREA)
        level[self.small(hole)] = 0
        more = [(0, whole - work) for whole, work in zip(self.whole, self.work, strict=True)]
        return torch.from_numpy(np.pad(level, (*more, (0, 0)), mode=self.mode)).permute(2, 0, 1)

    def small(self, hole: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """A hole (H, W) at the size that is worked at: all that it touches."""
        if self.work == self.clip:
            return hole
        return cv2.resize(hole.astype(np.float32), self.work[::-1], interpolation=cv2.INTER_AREA) > 0

    def level(self, picture: Tensor) -> NDArray[np.float32]:
        """What was painted, (3, h, w), -1..1, at the clip's size: (H, W, 3), 0..1."""
        level: NDArray[Any] = picture[:, : self.work[0], : self.work[1]].permute(1, 2, 0).float().cpu().numpy()
        if self.work != self.clip:
            level = cv2.resize(level, self.clip[::-1], interpolation=cv2.INTER_CUBIC)
        return np.clip((level + 1) / 2, 0, 1)
