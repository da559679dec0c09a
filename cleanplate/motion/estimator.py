"""What a flow estimator is, and the table of those there are."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cleanplate.base.errors import UsageError
from cleanplate.base.types import Flow


class Estimator(ABC):
    """Finds where the points of one picture lie in another."""

    @abstractmethod
    def between(self, images: NDArray[Any], source: Sequence[int], target: Sequence[int]) -> Flow:
        """The flow from each `images[source[n]]` to `images[target[n]]`.

        `images`: (T, H, W, 3) RGB or (T, H, W) gray, uint8 or full-scale uint16. `valid` is False where a point
        leaves the picture. Raises `ValueError` where `source` and `target` differ in length.
        """


@dataclass(frozen=True, kw_only=True)
class EstimatorSpec:
    """One row of the table."""

    where: str
    "module:class, imported when used"
    summary: str


ESTIMATORS: dict[str, EstimatorSpec] = {
    "dis": EstimatorSpec(
        where="cleanplate.motion.dis:DisFlow",
        summary="dense inverse search (Kroeger 2016) of OpenCV: no weights, a few milliseconds a frame",
    ),
}


def make_estimator(name: str) -> Estimator:
    """An estimator ready for work. Raises `UsageError` naming those there are."""
    if name not in ESTIMATORS:
        raise UsageError(f"there is no flow estimator '{name}'; choose one of {', '.join(ESTIMATORS)}")
    module, _, attribute = ESTIMATORS[name].where.partition(":")
    made: Estimator = getattr(import_module(module), attribute)()
    return made


def landing_inside(xy: NDArray[np.float32]) -> NDArray[np.bool_]:
    """Which points of a flow (H, W, 2) land inside the picture: (H, W)."""
    height, width = xy.shape[:2]
    x = np.arange(width, dtype=np.float32) + xy[..., 0]
    y = np.arange(height, dtype=np.float32)[:, None] + xy[..., 1]
    inside: NDArray[np.bool_] = (x >= 0) & (y >= 0) & (x <= width - 1) & (y <= height - 1)
    return inside
