"""Dense flow of thumbnails, to see whether one is found again in another."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

LEAST_PX = 24
"shorter side that dense flow is computed on: OpenCV's DIS crashes on smaller pictures"


def small_flow(*, finest_scale: int) -> cv2.DISOpticalFlow:
    """An estimator for `between`: OpenCV's DIS with smaller steps than its presets take."""
    flow = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_FAST)
    flow.setFinestScale(finest_scale)
    flow.setPatchSize(8)
    flow.setPatchStride(4)
    return flow


def between(flow: cv2.DISOpticalFlow, source: NDArray[np.uint8], target: NDArray[np.uint8]) -> NDArray[np.float32]:
    """The motion (h, w, 2) px from one picture (h, w) to another; nothing of earlier calls has a say."""
    start = np.zeros((*source.shape, 2), np.float32)
    return np.asarray(flow.calc(source, target, start), dtype=np.float32)
