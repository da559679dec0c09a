"""What a flow estimator is, and the table of those there are."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cleanplate.base.errors import UsageError
from cleanplate.base.table import Row, choose
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
class EstimatorSpec(Row):
    """One row of the table. One with weights is a network, on a device, that corrects its flow again and again."""


ITERATIONS = 12
"how often a network corrects its flow, unless it is told otherwise"

ESTIMATORS: dict[str, EstimatorSpec] = {
    "dis": EstimatorSpec(
        where="cleanplate.motion.dis:DisFlow",
        summary="dense inverse search (Kroeger 2016) of OpenCV: no weights, a few milliseconds a frame",
    ),
    "raft": EstimatorSpec(
        where="cleanplate.motion.raft:RaftFlow",
        summary="RAFT (Teed 2020): a network that compares all points with all; seconds a frame on a processor",
        extra="neural",
        weights=("raft",),
        licence="BSD-3-Clause",
    ),
}


def check_estimator(name: str, iterations: int = ITERATIONS) -> None:
    """Raises `UsageError` for a name that is not in the table, and for a number of corrections that is out of range."""
    choose(ESTIMATORS, name, "flow estimator")
    if not 1 <= iterations <= 100:
        raise UsageError(f"iterations is {iterations}, but must lie between 1 and 100")


def flow_networks(options: Any) -> frozenset[str]:
    """Rows of the table of weights that whoever has these options finds flow with; none if they do not choose."""
    return frozenset(ESTIMATORS[getattr(options, "flow", "dis")].weights)


def make_estimator(name: str, device: str = "cpu", iterations: int = ITERATIONS) -> Estimator:
    """An estimator ready for work; the device and the corrections of the flow are for networks.

    Raises `UsageError` as `check_estimator` does, `MissingExtraError` or `MissingWeightsError` for what is not here.
    """
    check_estimator(name, iterations)
    spec = ESTIMATORS[name]
    build = spec.load()
    made: Estimator = build(device=device, iterations=iterations) if spec.weights else build()
    return made


def landing_inside(xy: NDArray[np.float32]) -> NDArray[np.bool_]:
    """Which points of a flow (H, W, 2) land inside the picture: (H, W)."""
    height, width = xy.shape[:2]
    x = np.arange(width, dtype=np.float32) + xy[..., 0]
    y = np.arange(height, dtype=np.float32)[:, None] + xy[..., 1]
    inside: NDArray[np.bool_] = (x >= 0) & (y >= 0) & (x <= width - 1) & (y <= height - 1)
    return inside
