"""The region that is meant by its middle: found at many sizes; that one is taken with which most others agree."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from cleanplate.base.arrays import bounding_box
from cleanplate.base.types import Hole
from cleanplate.mask.edges import cut
from cleanplate.mask.segment_evidence import Evidence

_COURSES = ((1.0, 1.0, 1.0, 1.0), (0.2, 0.2, 1.0, 1.0))
"colour's share by round; the second lets motion say first what else belongs to a thing of several colours"
_PRIOR, _PRIOR_LEAST, _PRIOR_MOST, _PRIOR_DECAY = 2.0, -4.0, 1.0, 0.7  # logits; by round
_SEED_SHARE = 0.25  # of its size: what is sure to belong to the region
_SURE = 5.0  # logit
_FAR_SHARE = 3.0  # of its size: from there on what is around counts little
_CUT_SHARE, _SMOOTHNESS = 0.4, 1.5
_W_FIT, _W_EDGES = 0.25, 0.06  # beside agreement with the others, an IoU
_PART_SHARE = 0.2
_EDGE_LAB = 12.0
_WINDOW_PX = 5


@dataclass(frozen=True, kw_only=True, eq=False)
class Aim:
    """Where a region is looked for."""

    centre_xy: tuple[float, float]
    axes_px: tuple[float, float] = (1.0, 1.0)
    "half width and half height of what has size 1"
    domain: Hole  # (h, w): samples that may belong to it
    barred: Hole  # (h, w): samples that are known not to
    is_box: bool = False
    "a box of that size was drawn around it; the middle itself may be empty"

    def distance(self) -> NDArray[np.float32]:
        """Of each sample from the middle, in sizes (h, w)."""
        y, x = np.mgrid[: self.domain.shape[0], : self.domain.shape[1]].astype(np.float32)
        across, along = ((v - c) / a for v, c, a in zip((x, y), self.centre_xy, self.axes_px, strict=True))
        return np.asarray(np.hypot(across, along), np.float32)

    @property
    def middle(self) -> tuple[int, int]:
        """Row and column of the sample in the middle."""
        height, width = self.domain.shape
        x, y = self.centre_xy
        return min(max(round(y), 0), height - 1), min(max(round(x), 0), width - 1)


def find_region(evidence: Evidence, aim: Aim, sizes: Sequence[float]) -> Hole:
    """The region (h, w) around the aim's middle, tried at these sizes."""
    # What joins an object later, or leaves it, is a part of it, and parts seldom move by themselves.
    courses = _COURSES if evidence.motions and aim.domain.all() else _COURSES[:1]
    tried = [grow(evidence, aim, size, course) for course in courses for size in sizes]
    found = [one for one in tried if one.any()]
    if not found:
        return np.asarray((aim.distance() <= min(sizes)) & aim.domain)
    fits = _fills if aim.is_box else _centrality
    scores = [
        _agreement(one, found) + _W_FIT * fits(one, aim) + _W_EDGES * _on_edges(one, evidence.lab, aim.domain)
        for one in found
    ]
    return found[int(np.argmax(scores))]


def grow(evidence: Evidence, aim: Aim, size: float, color_shares: Sequence[float] = _COURSES[0]) -> Hole:
    """The region (h, w) of about that size: what belongs to it is learned and decided in turn.

    As GrabCut (Rother, Kolmogorov and Blake 2004), but from a middle instead of a box, which holds less each round.
    color_shares: by round, how much colour counts beside motion.
    """
    far = aim.distance() / np.float32(size)
    prior = np.clip(_PRIOR * (1 - far), _PRIOR_LEAST, _PRIOR_MOST)
    seed = np.zeros(far.shape, np.bool_)
    if not aim.is_box:
        seed = far <= _SEED_SHARE
        seed[aim.middle] = True
    nearness = (aim.domain / (1 + (far / _FAR_SHARE) ** 2)).astype(np.float32)
    inside, outside = (np.clip(1 - far, 0, 1) + seed) * aim.domain, (far > 1) * nearness
    region = np.zeros(far.shape, np.bool_)
    for n, color_share in enumerate(color_shares):
        score = evidence.odds(inside, outside, color_share) + np.float32(_PRIOR_DECAY**n) * prior
        degree = decide(evidence, _fixed(score, seed, aim))
        region = _meant(aim, (degree > 0.5) & aim.domain & ~aim.barred)
        inside, outside = degree * region, (1 - degree) * nearness * ~region
    return region


def decide(evidence: Evidence, score: NDArray[np.float32]) -> NDArray[np.float32]:
    """The degree (h, w), 0-1, of what has a high score and a border on edges."""
    return cut(np.float32(_CUT_SHARE) * evidence.guide.filter(score), evidence.lab, _SMOOTHNESS)


def _fixed(score: NDArray[np.float32], seed: Hole, aim: Aim) -> NDArray[np.float32]:
    """The score where nothing is known for sure; nothing is said of samples outside the domain."""
    fixed = np.where(seed, np.float32(_SURE), score)
    return np.where(aim.barred, np.float32(-_SURE), np.where(aim.domain, fixed, np.float32(0)))


def _meant(aim: Aim, found: Hole) -> Hole:
    """The connected part that the middle lies in; in a box, the large ones."""
    if aim.is_box:
        return _large_parts(found)
    _, parts = cv2.connectedComponents(found.astype(np.uint8), connectivity=8)
    return np.asarray((parts == parts[aim.middle]) & found[aim.middle])


def _large_parts(found: Hole) -> Hole:
    """The largest connected part, and those that are not much smaller."""
    _count, parts, facts, _centres = cv2.connectedComponentsWithStats(found.astype(np.uint8), connectivity=8)
    areas = facts[:, cv2.CC_STAT_AREA]
    keep = areas >= _PART_SHARE * areas[1:].max(initial=1)
    keep[0] = False
    return np.asarray(keep[parts])


def _agreement(one: Hole, all_of_them: Sequence[Hole]) -> float:
    """The mean IoU with the others and itself: an estimate of that with the truth, if each is as likely to be it."""
    return float(np.mean([(one & other).sum() / (one | other).sum() for other in all_of_them]))


def _centrality(one: Hole, aim: Aim) -> float:
    """How deep the middle lies in it, of the most there is: a click is meant for the middle."""
    depth = cv2.distanceTransform(np.pad(one, 1).astype(np.uint8), cv2.DIST_L2, 3)[1:-1, 1:-1]
    return float(depth[aim.middle] / depth.max())


def _fills(one: Hole, aim: Aim) -> float:
    """The IoU of the box around it with the one that was drawn: a box is meant to touch the object."""
    found = bounding_box(one)
    assert found is not None  # only what is not empty is judged
    (x, y), (a, b) = aim.centre_xy, aim.axes_px
    sides = [(found[0] - 0.5, found[2] - 0.5, x - a, x + a), (found[1] - 0.5, found[3] - 0.5, y - b, y + b)]
    shared = np.prod([max(min(stop, end) - max(start, begin), 0) for start, stop, begin, end in sides])
    areas = [np.prod([side[n + 1] - side[n] for side in sides]) for n in (0, 2)]
    return float(shared / (sum(areas) - shared))


def _on_edges(one: Hole, lab: NDArray[np.float32], domain: Hole) -> float:
    """The share of its border, as far as it is its own, where colour differs from one side to the other."""
    kernel = np.ones((3, 3), np.uint8)
    border = one & (cv2.erode(one.astype(np.uint8), kernel) == 0) & (cv2.erode(domain.astype(np.uint8), kernel) > 0)
    if not border.any():
        return 0.0
    means = []
    for side in (one, ~one):
        weights = side.astype(np.float32)
        count = np.maximum(_box(weights), 1e-6)
        means.append(_box(lab * weights[..., None]) / count[..., None])
    return float((np.linalg.norm(means[0] - means[1], axis=-1)[border] > _EDGE_LAB).mean())


def _box(values: NDArray[np.float32]) -> NDArray[np.float32]:
    return np.asarray(cv2.blur(values, (_WINDOW_PX, _WINDOW_PX)), np.float32)
