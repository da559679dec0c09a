"""How near each picture is to the truth, by its samples: PSNR and SSIM, of the frame and inside the hole."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from cleanplate.base.extras import require
from cleanplate.base.measure import psnr
from cleanplate.bench.metrics.metric import AREAS, Curve, Metric, Row, Setup
from cleanplate.bench.metrics.step import Step

NO_HOLE = "no hole was given (--mask)"
EMPTY_HOLES = "no frame has a hole"


def why_no_hole(setup: Setup) -> str:
    """Why a row about the inside of the hole has no value."""
    return EMPTY_HOLES if setup.has_holes else NO_HOLE


class Psnr(Metric):
    """Peak signal-to-noise ratio (dB) of each frame over all samples and channels; equal to scikit-image's."""

    def __init__(self, setup: Setup) -> None:
        super().__init__(setup)
        self._curves = [
            Curve(metric="psnr", where=where, unit="dB", better="higher", note="mean of the frames' values")
            for where in AREAS
        ]

    def add(self, step: Step) -> None:
        assert step.truth is not None
        for curve in self._curves:
            area = step.area(curve.where)
            if curve.where == "frame":
                curve.add(psnr(step.result, step.truth, data_range=step.data_range))
            else:
                curve.add(
                    None if area is None else psnr(step.result[area], step.truth[area], data_range=step.data_range)
                )

    def finish(self) -> list[Row]:
        return [curve.row(why_no_hole(self.setup)) for curve in self._curves]


class _Ssim(Metric):
    """Structural similarity (Wang et al. 2004) by scikit-image, whose uniform windows are running sums.

    Inside the hole: the mean of the similarity map at the hole's samples, windows mirrored at the picture's edge. Of
    the frame: as scikit-image has it, the map without the margin in which windows would leave the picture.
    """

    name: str
    window_px: int
    is_gaussian: bool = False

    def __init__(self, setup: Setup) -> None:
        super().__init__(setup)
        self._similarity = require("skimage.metrics", "bench").structural_similarity
        kind = "Gaussian window of 1.5 px" if self.is_gaussian else f"uniform window of {self.window_px} px"
        self._curves = [
            Curve(metric=self.name, where=where, unit="", better="higher", note=f"{kind}, all channels")
            for where in AREAS
        ]
        self._is_small = False

    def add(self, step: Step) -> None:
        assert step.truth is not None
        if min(step.result.shape[:2]) < self.window_px:
            self._is_small = True
            return
        kind = (
            {"gaussian_weights": True, "use_sample_covariance": False}
            if self.is_gaussian
            else {"win_size": self.window_px}
        )
        mean, full = self._similarity(
            step.truth, step.result, channel_axis=-1, data_range=step.data_range, full=True, **kind
        )
        for curve in self._curves:
            area = step.area(curve.where)
            whole: NDArray[np.float64] = full
            curve.add(float(mean) if curve.where == "frame" else None if area is None else float(whole[area].mean()))

    def finish(self) -> list[Row]:
        small = f"needs pictures of at least {self.window_px}x{self.window_px} px"
        return [curve.row(small if self._is_small else why_no_hole(self.setup)) for curve in self._curves]


class Ssim65(_Ssim):
    """As the video inpainting papers have it."""

    name = "ssim65"
    window_px = 65


class Ssim(_Ssim):
    """scikit-image's default."""

    name = "ssim"
    window_px = 7


class SsimGauss(_Ssim):
    """As in the paper of 2004: Gaussian window of 1.5 px cut at 5 px, population covariance."""

    name = "ssim-gauss"
    window_px = 11
    is_gaussian = True
