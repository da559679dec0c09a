"""ProPainter's own loop over a clip, as its authors run it: what `procedure=published` does.

Left out is the growing of masks, which the program does for all engines. What the hole hides is black before motion is
found, as an engine never sees it.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from cleanplate.motion.raft import both_ways
from cleanplate.paint.nets.propainter import MULTIPLE_PX
from cleanplate.paint.propainter_stages import Lengths, Networks, encode, generate, prepare
from cleanplate.paint.windows import PUBLISHED_STEP, REFERENCE_STRIDE, published

ITERATIONS = 20  # of RAFT
PIECE = 80
LENGTHS = Lengths(completed=PIECE, completion_context=5, propagated=PIECE, propagation_context=10)
REFERENCES = PIECE // REFERENCE_STRIDE  # of clips longer than a piece; one more is taken


def paint_published(networks: Networks, images: NDArray[np.uint8], holes: NDArray[np.bool_]) -> NDArray[np.uint8]:
    """Images (T, H, W, 3) with the holes (T, H, W) painted."""
    height, width = holes.shape[1:]
    size = (max(height // MULTIPLE_PX, 1) * MULTIPLE_PX, max(width // MULTIPLE_PX, 1) * MULTIPLE_PX)
    frames = _resized(images, size)
    masks = _resized(holes.astype(np.uint8), size, cv2.INTER_NEAREST)[:, None]
    device = next(networks.generator.parameters()).device
    pictures = torch.from_numpy(frames).permute(0, 3, 1, 2).to(device).float() / 255 * 2 - 1
    hidden = torch.from_numpy(masks).to(device).float()
    flows = both_ways(networks.raft, pictures, ITERATIONS)
    clip = prepare(networks, pictures * (1 - hidden), flows, hidden, by=LENGTHS)
    features = cache(lambda t: encode(networks.generator, clip, t))
    painted: dict[int, NDArray[np.uint8]] = {}
    for middle, local in ((PUBLISHED_STEP * n, w.local) for n, w in enumerate(published(len(frames)))):
        shown = references(middle, local, len(frames))
        levels = _levels(generate(networks.generator, clip, features, local, shown, local))
        for t, level in zip(local, levels, strict=True):
            whole = np.where(masks[t, 0, :, :, None] > 0, level, frames[t])
            painted[t] = _half_way(painted[t], whole) if t in painted else whole
    return _resized(np.stack([painted[t] for t in range(len(frames))]), (height, width))


def references(middle: int, local: range, length: int) -> list[int]:
    """The frames from farther away that the window around `middle` is shown."""
    reach = REFERENCE_STRIDE * (REFERENCES // 2)
    near: Iterable[int] = range(0, length, REFERENCE_STRIDE)
    if length > PIECE:
        near = range(max(middle - reach, 0), min(middle + reach, length), REFERENCE_STRIDE)
    return [t for t in near if t not in local][: REFERENCES + 1 if length > PIECE else None]


def _levels(pictures: Tensor) -> NDArray[np.uint8]:
    """(L, 3, H, W), -1..1, as (L, H, W, 3) uint8, cut off and not rounded, as published."""
    return ((pictures.float() + 1) / 2 * 255).permute(0, 2, 3, 1).cpu().numpy().astype(np.uint8)


def _half_way(before: NDArray[np.uint8], now: NDArray[np.uint8]) -> NDArray[np.uint8]:
    return (before.astype(np.float32) * 0.5 + now.astype(np.float32) * 0.5).astype(np.uint8)


def _resized(images: NDArray[np.uint8], size: tuple[int, int], how: int = cv2.INTER_LINEAR) -> NDArray[np.uint8]:
    """Images (T, H, W[, 3]) at (height, width); unchanged where that is their size."""
    if images.shape[1:3] == size:
        return images
    return np.stack([cv2.resize(image, size[::-1], interpolation=how) for image in images]).astype(np.uint8)
