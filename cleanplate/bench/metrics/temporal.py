"""How steady a video is from frame to frame: warping error, consistency, flow error, flicker in flat areas.

All follow the guide's motion (`Step.guide`: the truth, or the input where there is no truth), found by OpenCV's DIS at
its preset MEDIUM, and count samples that are in plain sight in both frames (`base.measure.follow`). Notes name which of
the two it was.
"""

from __future__ import annotations

from abc import abstractmethod
from typing import Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from cleanplate.bench.metrics.metric import AREAS, Curve, Metric, Row, Setup
from cleanplate.bench.metrics.picture import why_no_hole
from cleanplate.bench.metrics.step import ESTIMATOR, Step

SEEN = f"{ESTIMATOR}, samples with |b+f|^2 < 0.01(|b|^2+|f|^2) + 0.5 px^2"
Field = NDArray[np.float32]  # (H, W)

FLAT_WINDOW_PX = 7
FLAT_DEVIATION_LEVELS = 3.0
"brightness that varies less than this (of 255) in the window is flat"


class _Steadiness(Metric):
    """A value of each sample, averaged over those of an area that are seen in the frame before."""

    name: str
    unit: str
    note: str
    "how it is measured; {guide} stands for truth or input"
    why_none = "no sample could be followed to the frame before"

    def __init__(self, setup: Setup) -> None:
        super().__init__(setup)
        guide: Literal["truth", "input"] = "truth" if setup.has_truth else "input"
        note = f"{self.note.format(guide=guide)}; along the motion of the {guide}: {SEEN}"
        self._curves = [
            Curve(metric=self.name, where=where, unit=self.unit, better="lower", note=note, guide=guide)
            for where in AREAS
        ]
        self._frames = 0

    @abstractmethod
    def errors(self, step: Step) -> tuple[Field, Field | None]:
        """The result's error at each sample (H, W), and the guide's own where that can be asked."""

    def counts(self, step: Step) -> NDArray[np.bool_]:
        """Samples (H, W) that may count."""
        assert step.followed is not None
        return step.followed.is_seen

    def add(self, step: Step) -> None:
        self._frames += 1
        if step.followed is None:
            for curve in self._curves:
                curve.add(None)
            return
        of_result, of_guide = self.errors(step)
        counts = self.counts(step)
        for curve in self._curves:
            area = step.area(curve.where)
            chosen = counts if area is None else counts & area
            if area is None or not chosen.any():
                curve.add(None)
                continue
            curve.add(
                float(of_result[chosen].mean(dtype=np.float64)),
                None if of_guide is None else float(of_guide[chosen].mean(dtype=np.float64)),
            )

    def finish(self) -> list[Row]:
        lone = "needs two frames" if self._frames < 2 else self.why_none
        return [
            curve.row(why_no_hole(self.setup) if curve.where == "hole" and not self.setup.has_holes else lone)
            for curve in self._curves
        ]


class WarpingError(_Steadiness):
    """E_warp (Lai et al. 2018): squared difference from the frame before along the guide's motion, 0-1 scale, x1e-3."""

    name, unit, note = "ewarp", "x1e-3", "mean squared difference on the 0-1 scale, mean over frames"

    def errors(self, step: Step) -> tuple[Field, Field | None]:
        of_result, of_guide = (
            1000.0 * ((change / np.float32(step.data_range)) ** 2).mean(axis=-1) for change in _changes(step)
        )
        return of_result, of_guide


class Consistency(_Steadiness):
    """Absolute difference from the frame before along the guide's motion, in levels of 255."""

    name, unit, note = "consistency", "levels", "mean absolute difference in levels of 255, mean over frames"

    def errors(self, step: Step) -> tuple[Field, Field | None]:
        to_eight = np.float32(255.0 / step.data_range)
        of_result, of_guide = (np.abs(change).mean(axis=-1) * to_eight for change in _changes(step))
        return of_result, of_guide


class EndPointError(_Steadiness):
    """Length (px) of the difference between the result's motion to the frame before and the guide's."""

    name, unit, note = "epe", "px", "end-point error of the result's motion against that of the {guide}"

    def errors(self, step: Step) -> tuple[Field, Field | None]:
        assert step.back is not None
        assert step.result_back is not None
        return np.linalg.norm(step.result_back - step.back, axis=-1), None


class Flicker(_Steadiness):
    """Change of the local brightness from frame to frame where the guide is flat, in levels of 255."""

    name, unit = "flicker", "levels"
    why_none = "no flat area could be followed to the frame before"
    note = (
        f"mean absolute change (levels of 255) of the mean over {FLAT_WINDOW_PX} px windows of brightness, "
        f"where that varies by less than {FLAT_DEVIATION_LEVELS:g} levels in the {{guide}}"
    )

    def errors(self, step: Step) -> tuple[Field, Field | None]:
        to_eight = np.float32(255.0 / step.data_range)
        of_result, of_guide = (np.abs(_local_mean(change.mean(axis=-1) * to_eight)) for change in _changes(step))
        return of_result, of_guide

    def counts(self, step: Step) -> NDArray[np.bool_]:
        assert step.guide_gray is not None
        gray = step.guide_gray.astype(np.float32)
        mean = _local_mean(gray)
        variance = _local_mean(gray * gray) - mean * mean
        return super().counts(step) & (variance < FLAT_DEVIATION_LEVELS**2)


def _changes(step: Step) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Differences (H, W, 3) from the frame before along the guide's motion: of the result, and of the guide itself."""
    assert step.result_before is not None
    assert step.guide is not None
    assert step.guide_before is not None
    return step.result - step.result_before, step.guide - step.guide_before


def _local_mean(picture: Field) -> Field:
    return np.asarray(cv2.blur(picture, (FLAT_WINDOW_PX, FLAT_WINDOW_PX)), np.float32)
