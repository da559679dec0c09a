"""OpenCV's dense inverse search (Kroeger et al., "Fast Optical Flow using Dense Inverse Search", ECCV 2016)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from cleanplate.base.types import Flow
from cleanplate.motion.estimator import Estimator, landing_inside

LEAST_SIDE_PX = 64  # below this OpenCV's choice of pyramid levels leaves none; smaller pictures are padded


class DisFlow(Estimator):
    """One DIS object: its buffers are its own, so each thread needs one."""

    def __init__(
        self, finest_scale: int = 1, patch_px: int = 8, stride_px: int = 3, descents: int = 16, refinements: int = 5
    ) -> None:
        self._dis = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
        self._dis.setFinestScale(finest_scale)
        self._dis.setPatchSize(patch_px)
        self._dis.setPatchStride(stride_px)
        self._dis.setGradientDescentIterations(descents)
        self._dis.setVariationalRefinementIterations(refinements)

    def pair(self, source: NDArray[np.uint8], target: NDArray[np.uint8]) -> NDArray[np.float32]:
        """The flow (H, W, 2) px from one gray picture (H, W) uint8 to another of its size."""
        height, width = source.shape
        pad = ((0, max(0, LEAST_SIDE_PX - height)), (0, max(0, LEAST_SIDE_PX - width)))
        first, second = (np.ascontiguousarray(np.pad(picture, pad, mode="edge")) for picture in (source, target))
        flow = self._dis.calc(first, second, np.zeros((*first.shape, 2), np.float32))
        return np.asarray(flow[:height, :width], np.float32)

    def between(self, images: NDArray[Any], source: Sequence[int], target: Sequence[int]) -> Flow:
        """See `Estimator.between`."""
        if len(source) != len(target):
            raise ValueError(f"{len(source)} sources but {len(target)} targets")
        xy = np.zeros((len(source), *images.shape[1:3], 2), np.float32)
        valid = np.zeros(xy.shape[:3], np.bool_)
        for n, (a, b) in enumerate(zip(source, target, strict=True)):
            xy[n] = self.pair(_gray(images[a]), _gray(images[b]))
            valid[n] = landing_inside(xy[n])
        return Flow(xy=xy, source=tuple(source), target=tuple(target), valid=valid)


def _gray(image: NDArray[Any]) -> NDArray[np.uint8]:
    if image.dtype == np.uint16:
        image = (image // 257).astype(np.uint8)
    gray = image if image.ndim == 2 else cv2.cvtColor(np.ascontiguousarray(image), cv2.COLOR_RGB2GRAY)
    return np.asarray(gray, np.uint8)
