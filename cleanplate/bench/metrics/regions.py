"""How well tracked regions match the true ones: J, F and J&F as DAVIS defines them.

    scores = region_scores(found, truth)        # (T, H, W) uint8 labels each
    scores.objects[0].j.mean, scores.jf         # of the first object; of all

J (region similarity) is the Jaccard index. F (contour accuracy) is the F-measure of boundary samples that lie within a
tolerance of the other boundary. Sources: Perazzi et al., "A Benchmark Dataset and Evaluation Methodology for Video
Object Segmentation", CVPR 2016; Pont-Tuset et al., "The 2017 DAVIS Challenge", arXiv:1704.00675. What the papers leave
open (borders of the picture, quarters of the decay) is as in the evaluation that the DAVIS team publishes.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import zip_longest

import cv2
import numpy as np

from cleanplate.base.errors import UsageError
from cleanplate.base.types import Hole, Labels

TOLERANCE = 0.008
"of the picture's diagonal, rounded up to whole pixels: 4 px at 432x240, 8 px at 854x480"
RECALLED = 0.5
"frames above this count as recalled"
VOID = 255
"label of the truth for samples that nobody judges"
QUARTERS = 4


def jaccard(found: Hole, truth: Hole) -> float:
    """Region similarity J of two masks (H, W) bool: samples in both over samples in either; 1 where both are empty.

    Raises `UsageError` for masks of different sizes or other types.
    """
    _check(found, truth)
    either = np.count_nonzero(found | truth)
    return float(np.count_nonzero(found & truth) / either) if either else 1.0


def boundary_f(found: Hole, truth: Hole, tolerance_px: int | None = None) -> float:
    """Contour accuracy F of two masks (H, W) bool: 2PR / (P + R), 0 where P + R is 0.

    P is the share of found boundary samples with a true one at a distance of at most `tolerance_px`, R the share of
    true ones with a found one; None = 0.8 % of the diagonal, rounded up. A boundary without samples makes its own
    share 1 and the other's 0, both without: 1. So a mask that is empty and one that fills the picture score alike: J
    tells them apart. Raises `UsageError` for masks of different sizes or other types, or a negative tolerance.
    """
    _check(found, truth)
    if tolerance_px is None:
        tolerance_px = math.ceil(TOLERANCE * math.hypot(*truth.shape))
    if tolerance_px < 0:
        raise UsageError(f"the tolerance is {tolerance_px} px, but must be at least 0")
    of_found, of_truth = _boundaries(found, truth)
    precision = _share_near(of_found, of_truth, tolerance_px)
    recall = _share_near(of_truth, of_found, tolerance_px)
    return 2 * precision * recall / (precision + recall) if precision + recall > 0 else 0.0


def _share_near(samples: Hole, others: Hole, tolerance_px: int) -> float:
    """The share of `samples` with one of `others` at most so far; 1 without samples, 0 without others."""
    if not samples.any():
        return 1.0
    if not others.any():
        return 0.0
    distance = cv2.distanceTransform((~others).astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
    # Squared distances are whole numbers: a limit half-way to the next one is safe from float32's rounding.
    return float(np.mean(distance[samples] < math.sqrt(tolerance_px**2 + 0.5)))


def _boundaries(*masks: Hole) -> list[Hole]:
    """The boundary samples of masks, all cut to the same part of the picture, outside which none has any."""
    height, width = masks[0].shape
    either = np.logical_or.reduce(masks)
    rows, columns = np.flatnonzero(either.any(1)), np.flatnonzero(either.any(0))
    if not len(rows):
        return [mask[:0, :0] for mask in masks]
    # One sample more on each side, as a sample differs from its *lower right* neighbours, and the rules for the last
    # row and column below must meet those of the picture, or nothing.
    part = np.s_[max(rows[0] - 1, 0) : min(rows[-1] + 2, height), max(columns[0] - 1, 0) : min(columns[-1] + 2, width)]
    return [boundary(mask[part]) for mask in masks]


def boundary(mask: Hole) -> Hole:
    """The boundary of a mask, both (H, W) bool: samples that differ from their right, lower or lower right neighbour.

    The last column looks down only, the last row to the right only, the corner nowhere: a region that the picture's
    edge cuts off has no boundary there.
    """
    edge = np.zeros_like(mask)
    right, down = mask[:, 1:] ^ mask[:, :-1], mask[1:] ^ mask[:-1]
    edge[:, :-1] |= right
    edge[:-1] |= down
    edge[:-1, :-1] |= mask[1:, 1:] ^ mask[:-1, :-1]
    return edge


def _check(found: Hole, truth: Hole) -> None:
    if found.shape != truth.shape or truth.ndim != 2 or truth.size == 0:
        raise UsageError(f"found {found.shape} and truth {truth.shape} must be masks of one size, (H, W)")
    if found.dtype != np.bool_ or truth.dtype != np.bool_:
        raise UsageError(f"found is {found.dtype} and truth {truth.dtype}; masks must be bool, as labels == 1")


@dataclass(frozen=True, kw_only=True)
class Curve:
    """A measure of one object, frame by frame, and what DAVIS tells of it."""

    values: tuple[float, ...]
    "the counted frames' alone"

    @property
    def mean(self) -> float:
        return math.fsum(self.values) / len(self.values)

    @property
    def recall(self) -> float:
        """The share of frames above 0.5."""
        return sum(value > RECALLED for value in self.values) / len(self.values)

    @property
    def decay(self) -> float:
        """Mean of the first quarter less that of the last; a quarter ends with the frame the next one begins with."""
        # halves are rounded up
        ends = [math.floor(n * (len(self.values) - 1) / QUARTERS + 0.5 + 1e-9) for n in range(QUARTERS + 1)]
        first, last = self.values[: ends[1] + 1], self.values[ends[-2] :]
        return math.fsum(first) / len(first) - math.fsum(last) / len(last)


@dataclass(frozen=True, kw_only=True)
class ObjectScore:
    """J and F of one object."""

    object_id: int
    j: Curve
    f: Curve

    @property
    def jf(self) -> float:
        """J&F: the mean of both means."""
        return (self.j.mean + self.f.mean) / 2


@dataclass(frozen=True, kw_only=True)
class RegionScores:
    """J and F of all objects of a clip."""

    objects: tuple[ObjectScore, ...]
    skips_first: bool
    skips_last: bool

    @property
    def jf(self) -> float:
        """J&F: the mean over objects."""
        return math.fsum(one.jf for one in self.objects) / len(self.objects)


@dataclass
class RegionMeter:
    """Compares labels frame by frame, so that no more than one frame is held."""

    object_ids: tuple[int, ...] = ()
    "the objects judged; none given: those in the truth's first frame"
    j: dict[int, list[float]] = field(default_factory=dict)
    f: dict[int, list[float]] = field(default_factory=dict)

    def add(self, found: Labels, truth: Labels) -> None:
        """The next frame: labels (H, W) uint8. Raises `UsageError` for other sizes or types, or if there is no object.

        An object missing in either is compared as an empty mask; samples of the truth's label 255 belong to no object.
        """
        if found.shape != truth.shape or found.dtype != np.uint8 or truth.dtype != np.uint8:
            raise UsageError(
                f"found is {found.dtype} {found.shape} and truth {truth.dtype} {truth.shape}; "
                "labels must be uint8 (H, W) of one size, 0 for the background"
            )
        if not self.object_ids:
            self.object_ids = objects_in(truth)
            if not self.object_ids:
                raise UsageError("the truth's first frame shows no object, so there is nothing to be judged")
        judged = truth != VOID
        for number in self.object_ids:
            one, other = (found == number) & judged, (truth == number) & judged
            self.j.setdefault(number, []).append(jaccard(one, other))
            self.f.setdefault(number, []).append(boundary_f(one, other))

    def scores(self, *, skip_first: bool = True, skip_last: bool = True) -> RegionScores:
        """See `region_scores`."""
        return scores_of(self.j, self.f, skip_first=skip_first, skip_last=skip_last)


def scores_of(
    j: dict[int, list[float]], f: dict[int, list[float]], *, skip_first: bool = True, skip_last: bool = True
) -> RegionScores:
    """The scores of values by object and frame. Raises `UsageError` where no frame is left to count."""
    objects = []
    for number in j:
        stop = len(j[number]) - skip_last
        counted = slice(int(skip_first), stop)
        if stop <= int(skip_first):
            raise UsageError(f"{len(j[number])} frames leave none to count; the first, which is given, does not count")
        objects.append(
            ObjectScore(
                object_id=number, j=Curve(values=tuple(j[number][counted])), f=Curve(values=tuple(f[number][counted]))
            )
        )
    return RegionScores(objects=tuple(objects), skips_first=skip_first, skips_last=skip_last)


def objects_in(labels: Labels) -> tuple[int, ...]:
    """The objects of a label picture (H, W): neither 0 nor void."""
    return tuple(int(number) for number in np.flatnonzero(np.bincount(labels.ravel())) if number not in (0, VOID))


def region_scores(
    found: Iterable[Labels],
    truth: Iterable[Labels],
    *,
    object_ids: Sequence[int] = (),
    skip_first: bool = True,
    skip_last: bool = True,
) -> RegionScores:
    """J and F of tracked labels, (T, H, W) uint8 or any run of (H, W), against the true ones.

    object_ids: the objects judged; none given: those in the truth's first frame, as in DAVIS (later ones belong to the
    background). The first frame is what a tracker is given; DAVIS 2017 counts neither that nor the last one in its
    semi-supervised task, so both are skipped unless said otherwise.
    Samples of the truth's label 255 (void) are left out of all masks.
    Raises `UsageError` for runs of different lengths, sizes or types, or where nothing is left to be judged.
    """
    meter = RegionMeter(tuple(object_ids))
    for one, other in zip_longest(found, truth):
        if one is None or other is None:
            raise UsageError("found and truth differ in their number of frames; give labels of the same frames")
        meter.add(one, other)
    return meter.scores(skip_first=skip_first, skip_last=skip_last)
