"""What a metric is, and the table of those there are.

A metric looks at a clip frame by frame (`add`), so that nothing grows with the length of the video, and says in the end
what came out (`finish`). One metric gives one or more `Row`s: of the whole frame, of the inside of the hole.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from cleanplate.base.errors import UsageError
from cleanplate.base.table import load
from cleanplate.bench.candidates import as_names
from cleanplate.bench.metrics.step import Step

Where = Literal["frame", "hole"]
AREAS: tuple[Where, ...] = ("frame", "hole")
Better = Literal["higher", "lower", "near one"]

Features = NDArray[np.float64]  # (N, D)


@dataclass(frozen=True, kw_only=True)
class Row:
    """One line of a score."""

    metric: str
    "a name of METRICS"
    where: Where
    value: float | None
    "mean over the frames that have a finite one, unless the metric says otherwise; None: see `note`"
    unit: str
    better: Better
    of_truth: float | None = None
    "what the truth itself gets, for metrics that can be asked about one video alone"
    of_input: float | None = None
    "what the input itself gets, where there is no truth"
    frames: int = 0
    "frames that count in the value"
    infinite: int = 0
    "frames with an infinite value (identical pictures), left out of the mean"
    per_frame: tuple[float | None, ...] = ()
    "value of each frame, None where it has none; empty for metrics of whole clips"
    note: str = ""
    "how it was measured: estimator, thresholds, window; or why there is no value. Reports say once what rows share"

    @property
    def name(self) -> str:
        """How tables call it: `psnr` of the whole frame, `psnr(hole)` inside the hole."""
        return self.metric if self.where == "frame" else f"{self.metric}(hole)"


@dataclass(frozen=True, kw_only=True)
class Setup:
    """What a metric is told before the first frame."""

    has_truth: bool
    has_holes: bool
    joints: tuple[int, ...] = ()
    "indices of the frames that start a new piece of the result, where that is known"


def row_named(name: str, rows: Sequence[Row]) -> Row:
    """The row that tables call so. Raises `KeyError` naming those there are."""
    for row in rows:
        if row.name == name:
            return row
    raise KeyError(f"there is no row '{name}'; there are {', '.join(row.name for row in rows)}")


class Metric(ABC):
    """Measures one clip: made for it, fed its frames in order, asked once."""

    def __init__(self, setup: Setup) -> None:
        self.setup = setup

    @abstractmethod
    def add(self, step: Step) -> None:
        """Look at the next frame."""

    @abstractmethod
    def finish(self) -> list[Row]:
        """The rows, when all frames have been seen."""

    def features(self) -> tuple[Features, Features] | None:
        """Features (N, D) of the result and of the truth, for metrics that compare sets of clips; else None."""
        return None


@dataclass(frozen=True, kw_only=True)
class MetricSpec:
    """One line of the table."""

    where: str
    "module:class, imported when used"
    summary: str
    needs_truth: bool = True
    needs_hole: bool = False
    extra: str = "bench"
    "the pip extra it needs"
    weights: tuple[str, ...] = ()
    "rows of the weights table"


_PICTURE = "cleanplate.bench.metrics.picture"
_MOTION = "cleanplate.bench.metrics.temporal"
_SEAMS = "cleanplate.bench.metrics.seams"
_LEARNED = "cleanplate.bench.metrics.learned"

METRICS: dict[str, MetricSpec] = {
    "psnr": MetricSpec(where=f"{_PICTURE}:Psnr", summary="peak signal-to-noise ratio"),
    "ssim65": MetricSpec(where=f"{_PICTURE}:Ssim65", summary="structural similarity, window of 65 px as in the papers"),
    "ssim": MetricSpec(where=f"{_PICTURE}:Ssim", summary="structural similarity, uniform window of 7 px"),
    "ssim-gauss": MetricSpec(where=f"{_PICTURE}:SsimGauss", summary="structural similarity, Gaussian window (1.5 px)"),
    "lpips-alex": MetricSpec(
        where=f"{_LEARNED}:LpipsAlex",
        summary="learned perceptual distance on AlexNet",
        extra="neural",
        weights=("alexnet", "lpips-alex"),
    ),
    "lpips-vgg": MetricSpec(
        where=f"{_LEARNED}:LpipsVgg",
        summary="learned perceptual distance on VGG16",
        extra="neural",
        weights=("vgg16", "lpips-vgg"),
    ),
    "vfid": MetricSpec(
        where=f"{_LEARNED}:Vfid",
        summary="distance between sets of clips, I3D logits, one vector a clip",
        extra="neural",
        weights=("i3d",),
    ),
    "fvd": MetricSpec(
        where=f"{_LEARNED}:Fvd",
        summary="distance between sets of clips, I3D logits, one vector each 16 frames",
        extra="neural",
        weights=("i3d",),
    ),
    "ewarp": MetricSpec(
        where=f"{_MOTION}:WarpingError",
        summary="squared difference from the frame before along the guide's motion, x1e-3",
        needs_truth=False,
    ),
    "consistency": MetricSpec(
        where=f"{_MOTION}:Consistency",
        summary="absolute difference from the frame before along the guide's motion",
        needs_truth=False,
    ),
    "epe": MetricSpec(
        where=f"{_MOTION}:EndPointError", summary="the result's motion against the guide's", needs_truth=False
    ),
    "flicker": MetricSpec(
        where=f"{_MOTION}:Flicker", summary="change of brightness in flat areas from frame to frame", needs_truth=False
    ),
    "seam": MetricSpec(
        where=f"{_SEAMS}:BorderSeam", summary="jump across the hole's border, over the truth's", needs_hole=True
    ),
    "joint": MetricSpec(
        where=f"{_SEAMS}:JointSeam", summary="jump across the joint of two pieces, over the truth's", needs_hole=True
    ),
}


def metric_spec(name: str) -> MetricSpec:
    """The table's line of that name. Raises `UsageError` naming those there are."""
    if name not in METRICS:
        raise UsageError(f"there is no metric '{name}'; choose from {', '.join(METRICS)}")
    return METRICS[name]


def make_metric(name: str, setup: Setup) -> Metric:
    """A metric ready for its first frame.

    Raises `UsageError` for an unknown name, `MissingExtraError` or `MissingWeightsError` for what is not installed.
    """
    spec = metric_spec(name)
    made: Metric = load(spec.where, spec.extra)(setup)
    return made


@dataclass
class Curve:
    """The values of a row, frame by frame, on their way to a mean."""

    metric: str
    where: Where
    unit: str
    better: Better
    note: str
    guide: Literal["truth", "input"] = "truth"
    "whose own values are given beside the result's"
    values: list[float | None] = field(default_factory=list)
    guides: list[float] = field(default_factory=list)
    "what the guide itself gets in the same frames"

    def add(self, value: float | None, of_guide: float | None = None) -> None:
        self.values.append(value)
        if of_guide is not None:
            self.guides.append(of_guide)

    def row(self, why_none: str) -> Row:
        """The finished row; `why_none` is its note where no frame has a value."""
        mean, counted, infinite = mean_of(self.values)
        of_guide = float(np.mean(self.guides)) if self.guides else None
        return Row(
            metric=self.metric,
            where=self.where,
            value=mean,
            unit=self.unit,
            better=self.better,
            of_truth=of_guide if self.guide == "truth" else None,
            of_input=of_guide if self.guide == "input" else None,
            frames=counted,
            infinite=infinite,
            per_frame=tuple(self.values),
            note=self.note if mean is not None else why_none,
        )


def with_value(row: Row, value: float, note: str = "", frames: int | None = None) -> Row:
    """The row with a value of its own instead of the mean of its frames; `frames`: how many that is made of."""
    if frames is None:
        return replace(row, value=value)
    return replace(row, value=value, note=note or row.note, frames=frames, infinite=0)


def mean_of(values: Iterable[float | None]) -> tuple[float | None, int, int]:
    """(mean of the finite values, how many those are, how many are infinite); infinite where all are, None without."""
    known = [value for value in values if value is not None]
    finite = [value for value in known if math.isfinite(value)]
    infinite = len(known) - len(finite)
    if finite:
        return math.fsum(finite) / len(finite), len(finite), infinite
    return (math.inf if infinite else None), 0, infinite


def choose(names: str | Sequence[str] | None) -> Mapping[str, MetricSpec]:
    """The lines of the table asked for, in the table's order; all for None. A text is one name.

    Raises `UsageError` for unknown ones and for none at all.
    """
    if names is None:
        return METRICS
    names = as_names(names)
    if not names:
        raise UsageError(f"no metric was named; choose from {', '.join(METRICS)}")
    for name in names:
        metric_spec(name)
    return {name: spec for name, spec in METRICS.items() if name in names}
