"""The default tracker: flow carries each mask on, what object and background look like and how they move sets it right.

Per frame: the mask before, carried along the flow and believed where the flow there and back agrees; how each sample
moves against the background (`background`); how much it looks like the object (`appearance`); all of it added up as
logits, smoothed except across edges, and cut where a border is cheap (`edges`). What was lost is looked for in a
growing part of the picture. Works on pictures of about 432x240; at the end borders are drawn at full size along the
picture's own edges. Measured in docs/tracking.md.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import cv2
import numpy as np
from numpy.typing import NDArray

from cleanplate.base.types import Hole, Image, Labels, Prompt
from cleanplate.mask.appearance import Appearance, features
from cleanplate.mask.background import likelihood, residual
from cleanplate.mask.edges import cut
from cleanplate.mask.sight import Sight, gray_of, see, sharpen, shrink
from cleanplate.mask.tracker import FlowOptions, Tracked, Tracker, with_holes
from cleanplate.motion.estimator import landing_inside, make_estimator
from cleanplate.motion.warp import there_and_back, warp

Flows = tuple[NDArray[np.float32], NDArray[np.float32]]
"from one frame to the next, and back: (h, w, 2) px each"

# Lengths in px at working size; weights add up as logits.
_UNSURE = np.float32(0.2)  # what the mask before is worth where the flow does not agree with itself
_W_DISTANCE, _W_LOOKS, _W_MOTION, _W_CUT = 0.1, 3.5, 0.8, 0.5
_DEEPEST_PX, _FARTHEST_PX = 8, 40  # distance to the border counts up to here, inside and outside
_SMOOTHNESS = 1.0
_NEAR_PX = 16  # what lies so near an object is half of what is learned of its surroundings
_MARGIN_PX = 15  # the background's motion is taken outside the objects and this margin
_SEARCH_PX = 24  # a lost object is looked for so much farther away each frame
_LOST_SHARE, _FOUND_SHARE = 0.12, 0.15  # of its usual area: under it an object is lost, over it found again
_LOST_LOOKS = 0.05  # mean score of its looks: under it an object is lost; of 713 tracked frames of DAVIS one is
_FOUND_LOOKS = 0.6  # of the mean score it used to have: under it something else is taken for a lost object
_PART_SHARE = 0.1  # of its usual area: so large a part away from where it was expected still belongs to it
_DECAY = 0.9  # a frame, of running means
_SAMPLES = 4000


@dataclass(eq=False)
class _Object:
    """What is known of one object."""

    soft: NDArray[np.float32]  # (h, w) at working size: how sure each sample is the object, 0-1
    looks: Appearance = field(default_factory=Appearance)
    area_px: float = 0.0
    "a running mean, at working size; frozen while lost"
    usual_looks: float = 0.5
    "a running mean of the score of its looks"
    lost_frames: int = 0
    last_seen: Hole | None = None
    "where it was when it was lost"
    confidence: float = 1.0


class FlowTracker(Tracker):
    """See the module. The confidence is the mean degree of an object's samples, times how near its area is to usual."""

    look_ahead_frames = 1  # the strip that an object uncovers looks right only from the frame after

    Options = FlowOptions

    def __init__(self, options: FlowOptions, device: str = "cpu") -> None:
        super().__init__(options, device)
        self._estimator = make_estimator(options.flow, device, options.iterations)
        self._objects: dict[int, _Object] = {}
        self._arrived: Flows | None = None
        "between the frame before and this one"
        self._next: NDArray[np.uint8] | None = None
        "the frame that comes, made small"
        self._frames = 0

    def step(self, image: Image, prompts: Sequence[Prompt] = (), coming: Sequence[Image] = ()) -> Tracked:
        """See `Tracker.step`."""
        small = shrink(image) if self._next is None else self._next
        leaving: Flows | None = None
        sight, self._next = see(small), None
        if coming and (self._objects or prompts):
            self._next = shrink(coming[0])
            after = gray_of(self._next)
            forward, backward = self._estimator.between(np.stack([sight.gray, after]), (0, 1), (1, 0)).xy
            leaving = forward, backward
        followed = sorted(self._objects)
        labels = np.zeros(image.shape[:2], np.uint8)
        if followed:
            labels = self._follow(image, sight, followed, leaving)
        labels = with_holes(labels, prompts)
        for prompt in prompts:
            self._take(prompt.object_id, labels == prompt.object_id, sight)
        if prompts:
            self._move(sight, leaving)
            for prompt in prompts:
                self._learn(self._objects[prompt.object_id], sight)
        self._arrived = leaving
        self._frames += 1
        count = np.bincount(labels.ravel(), minlength=256)
        sure = {n: max(one.confidence, 0.01) if count[n] else 0.0 for n, one in sorted(self._objects.items())}
        return Tracked(labels=labels, confidence=sure)

    def _take(self, number: int, hole: Hole, sight: Sight) -> None:
        """Believe a mask (H, W) that was given."""
        size = sight.gray.shape[::-1]
        soft = np.asarray(cv2.resize(hole.astype(np.float32), size, interpolation=cv2.INTER_AREA), np.float32)
        one = self._objects.setdefault(number, _Object(soft=soft))
        one.soft, one.area_px, one.lost_frames, one.confidence = soft, float(soft.sum()), 0, 1.0

    def _follow(self, image: Image, sight: Sight, numbers: Sequence[int], leaving: Flows | None) -> Labels:
        """Move the objects on to this frame. Returns their labels (H, W), at full size."""
        self._carry(numbers)
        self._move(sight, leaving)
        scores = {number: self._score(self._objects[number], sight) for number in numbers}
        degrees = {}
        for number in numbers:
            others = [score for n, score in scores.items() if n != number]
            rivals = np.maximum(np.max(others, axis=0), 0) if others else np.float32(0)
            degree = cut(np.float32(_W_CUT) * (scores[number] - rivals), sight.lab, _SMOOTHNESS)
            if self._settle(self._objects[number], degree, sight):
                degrees[number] = self._objects[number].soft
        return sharpen(degrees, image, sight)

    def _carry(self, numbers: Sequence[int]) -> None:
        """The masks moved on along the flow, less sure where going there and back does not return (Sundaram 2010)."""
        if self._arrived is None:
            return
        forward, backward = self._arrived
        moved = 2 * (backward[..., 0] ** 2 + backward[..., 1] ** 2)
        sure = np.exp(-there_and_back(backward, forward) / (0.08 * moved + 2)) * landing_inside(backward)
        sure = cv2.GaussianBlur(sure.astype(np.float32), (0, 0), 2)
        for one in (self._objects[number] for number in numbers):
            if not one.lost_frames:
                carried, _ = warp(one.soft, backward)
                one.soft = np.asarray(_UNSURE + sure * (carried - _UNSURE), np.float32)

    def _move(self, sight: Sight, leaving: Flows | None) -> None:
        """How each sample moves against the background, and with it its features.

        The smaller residual of the two directions in time counts: flow smears an object's motion into the strip that
        it uncovers, and that strip is right in the other direction.
        """
        covered = np.zeros(sight.gray.shape, np.uint8)
        for one in self._objects.values():
            covered |= (one.soft > 0.4).astype(np.uint8)
        outside = cv2.dilate(covered, np.ones((_MARGIN_PX, _MARGIN_PX), np.uint8)) == 0
        flows = [flows[n] for n, flows in enumerate((leaving, self._arrived)) if flows is not None]
        found = [sight.half(residual(flow, outside)) for flow in flows] or [
            sight.half(np.zeros_like(covered, np.float32))
        ]
        sight.residual = np.minimum(found[0], found[-1])
        sight.features = features(sight.half(sight.lab), np.stack([found[0], found[-1]], -1))

    def _score(self, one: _Object, sight: Sight) -> NDArray[np.float32]:
        """The logit (h, w) of each sample being the object's."""
        evidence = _W_LOOKS * one.looks.score(sight.features)
        if one.last_seen is not None and one.lost_frames:
            score = sight.whole(evidence)
            score[_distance(one.last_seen) < -_SEARCH_PX * (1 + one.lost_frames)] = -10
        else:
            evidence += _W_MOTION * likelihood(sight.residual, sight.half(one.soft) > 0.5)
            prior = np.clip(one.soft, 0.02, 0.98)
            distance = np.clip(_distance(one.soft > 0.5), -_FARTHEST_PX, _DEEPEST_PX)
            score = np.log(prior / (1 - prior)) + _W_DISTANCE * distance + sight.whole(evidence)
        return sight.guide(one.area_px).filter(score.astype(np.float32))

    def _settle(self, one: _Object, degree: NDArray[np.float32], sight: Sight) -> bool:
        """Believe what was found of an object, or that it is lost; whether it is there."""
        expected = one.soft > 0.5
        found = _parts(degree > 0.5, None if one.lost_frames else expected, _PART_SHARE * one.area_px)
        area_px = float(found.sum())
        looks = _mean_looks(one, found, sight)
        least_px, least_looks = _LOST_SHARE * one.area_px, _LOST_LOOKS
        if one.lost_frames:
            least_px, least_looks = _FOUND_SHARE * one.area_px, max(_FOUND_LOOKS * one.usual_looks, _LOST_LOOKS)
        if area_px < max(least_px, 1) or looks < least_looks:
            if not one.lost_frames:
                one.last_seen = expected
            one.lost_frames += 1
            one.soft, one.confidence = np.zeros_like(degree), 0.0
            return False
        one.lost_frames = 0
        one.usual_looks = _DECAY * one.usual_looks + (1 - _DECAY) * looks
        one.soft = np.where(found, degree, np.minimum(degree, np.float32(0.4)))
        one.confidence = float(degree[found].mean()) * min(area_px / max(one.area_px, 1), 1.0)
        one.area_px = _DECAY * one.area_px + (1 - _DECAY) * area_px
        self._learn(one, sight)
        return True

    def _learn(self, one: _Object, sight: Sight) -> None:
        """Learn the look of an object and of what surrounds it, half of it from the object."""
        soft = sight.half(one.soft)
        inside, outside = soft > 0.7, soft < 0.3
        near = cv2.dilate((soft > 0.5).astype(np.uint8), np.ones((_NEAR_PX + 1,) * 2, np.uint8)) > 0
        random = np.random.default_rng(self._frames)
        of_object = _pick(inside, _SAMPLES // 2, random)
        of_others = np.concatenate([_pick(where, _SAMPLES // 4, random) for where in (outside & near, outside)])
        if len(of_object) and len(of_others):
            chosen = sight.features.reshape(-1, sight.features.shape[-1])[np.concatenate([of_object, of_others])]
            one.looks.learn(chosen, np.arange(len(chosen)) < len(of_object))


def _mean_looks(one: _Object, found: Hole, sight: Sight) -> float:
    """How much what was found looks like the object: what stays when it has gone behind something does not."""
    inside = sight.half(found.astype(np.float32)) > 0.5
    return float(one.looks.score(sight.features[inside]).mean()) if inside.any() and one.looks.is_taught else 1.0


def _pick(where: Hole, count: int, random: np.random.Generator) -> NDArray[np.intp]:
    found = np.flatnonzero(where)
    return random.choice(found, count) if len(found) else found


def _parts(found: Hole, expected: Hole | None, least_px: float) -> Hole:
    """The largest connected part, those that overlap where the object was expected, or without that all large ones."""
    count, parts, facts, _ = cv2.connectedComponentsWithStats(found.astype(np.uint8), connectivity=8)
    areas = facts[:, cv2.CC_STAT_AREA]
    keep = np.zeros(count, np.bool_) if expected is not None else areas > least_px
    if count > 1:
        keep[1 + int(np.argmax(areas[1:]))] = True
    if expected is not None:
        keep[np.unique(parts[expected & found])] = True
    keep[0] = False
    return np.asarray(keep[parts])


def _distance(inside: Hole) -> NDArray[np.float32]:
    """Px to the border (H, W): positive inside, negative outside, and far outside everywhere if there is no inside."""
    if not inside.any():
        return np.full(inside.shape, -1e6, np.float32)
    deep, away = (cv2.distanceTransform(part.astype(np.uint8), cv2.DIST_L2, 3) for part in (inside, ~inside))
    return np.asarray(deep - away, np.float32)
