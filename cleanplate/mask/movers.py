"""Who is who among the things that move: numbers that stay, also where things cross or hide each other."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import cv2
import numpy as np
from numpy.typing import NDArray

from cleanplate.base.types import Hole
from cleanplate.mask.appearance import Appearance
from cleanplate.mask.sight import Sight
from cleanplate.motion.register import Plane, through
from cleanplate.motion.warp import warp

_LEAST_AREA_PX = 50  # at working size: smaller things are not followed
_SURE_AREA_PX = 250  # smaller ones are shown from their second frame on
_YOUNG_FRAMES = 5  # one so young that touches another is a part of it
_OVERLAP = 0.15  # of the smaller of the two: where a thing was expected and where one is found
_REMEMBERED_SECONDS = 4.0  # how long one that is gone is still known
_LATE_FRAMES = 12  # a new one so young may yet be known again: it came out from behind something piece by piece
_ENOUGH, _TOO_MUCH = 0.15, 4  # of its usual area: between these is what may be it
_WHOLE = 0.7  # of its usual area: with less a thing is partly hidden, and its middle goes another way than itself
_ALIKE = 0.0  # score of its looks from which one that comes back is known again
_REACH = 1.5  # of its size: how far from where it was expected one may come back
_NEAR_PX = 40  # surroundings that its looks are told from
_SAMPLES = 1200
_EVERY_FRAMES = 2
_W_LOOKS, _W_PLACE = 2.0, 0.15
_MOST_AT_ONCE = 60


@dataclass(eq=False)
class _Mover:
    hole: Hole  # (h, w): where it was last seen, moved on to where it is expected
    looks: Appearance = field(default_factory=Appearance)
    middle: NDArray[np.float64] = field(default_factory=lambda: np.zeros(2))
    speed_px: NDArray[np.float64] = field(default_factory=lambda: np.zeros(2))
    "against the background, (x, y) px a frame"
    usual_px: float = 0.0
    "its area, a running mean over when it is seen whole"
    frames: int = 0
    gone_frames: int = 0

    @property
    def area_px(self) -> int:
        return int(np.count_nonzero(self.hole))

    def see(self, hole: Hole, way: Plane, is_crossing: bool) -> None:
        """It is there (h, w), in a frame whose points `way` takes to the last one's."""
        area_px, middle = float(np.count_nonzero(hole)), _middle(hole)
        if self.frames and not self.gone_frames and not is_crossing and area_px > _WHOLE * self.usual_px:
            self.usual_px += 0.2 * (area_px - self.usual_px)
            went = middle - self._stood(way)
            self.speed_px += max(0.2, 1 / self.frames) * (went - self.speed_px)
        self.usual_px = self.usual_px or area_px
        self.hole, self.middle, self.gone_frames, self.frames = hole, middle, 0, self.frames + 1

    def expect(self, back: NDArray[np.float32], way: Plane) -> None:
        """Move it on to where it should be in the next frame: along the flow if it was seen, else as it went."""
        if not self.gone_frames:
            carried, _ = warp(self.hole.astype(np.float32), back)
            self.hole = np.asarray(carried > 0.5)
            return
        there = self._stood(way) + self.speed_px
        shift = np.column_stack([np.eye(2), there - self.middle])
        moved = cv2.warpAffine(self.hole.astype(np.uint8), shift, self.hole.shape[::-1], flags=cv2.INTER_NEAREST)
        self.hole, self.middle = np.asarray(moved > 0), there

    def _stood(self, way: Plane) -> NDArray[np.float64]:
        """Where its middle would be now if it had not moved but the camera."""
        return np.asarray(through(np.asarray(np.linalg.inv(way), np.float64), self.middle[None])[0], np.float64)


class Movers:
    """See the module."""

    def __init__(self, frames_per_second: float, numbers: range) -> None:
        self._movers: dict[int, _Mover] = {}
        self._remembered_frames = round(_REMEMBERED_SECONDS * frames_per_second)
        self._range, self._last = numbers, numbers.start
        self._frames = 0

    @property
    def numbers(self) -> list[int]:
        """Of all who are known."""
        return sorted(self._movers)

    def step(self, found: Hole, sight: Sight, back: NDArray[np.float32], way: Plane) -> Mapping[int, Hole]:
        """Where each is (h, w), given all that moves in this frame, its flow to the last and the camera's way there."""
        self._frames += 1
        for mover in self._movers.values():
            mover.expect(back, way)
        count, parts, facts, _ = cv2.connectedComponentsWithStats(found.astype(np.uint8), connectivity=8)
        areas = np.asarray(facts[:, cv2.CC_STAT_AREA])
        largest = 1 + np.argsort(-areas[1:], kind="stable")[:_MOST_AT_ONCE]
        covered = {n: np.bincount(parts[mover.hole], minlength=count) for n, mover in self._movers.items()}
        now: dict[int, Hole] = {}
        crossed: set[int] = set()
        for part in largest[areas[largest] >= _LEAST_AREA_PX]:
            hole = np.asarray(parts == part)
            overlaps = {n: int(counts[part]) for n, counts in covered.items() if counts[part]}
            claims = self._claims(overlaps, int(areas[part]), now) or [self._new(hole)]
            if len(claims) == 1 and self._movers[claims[0]].frames < _LATE_FRAMES and claims[0] not in now:
                claims = [self._known_again(claims[0], hole, sight, now)]
            shares = {claims[0]: hole} if len(claims) == 1 else self._divided(hole, claims, sight)
            if len(claims) > 1:
                crossed |= set(claims)
            for number, share in shares.items():
                now[number] = now[number] | share if number in now else share
        self._settle(now, crossed, sight, way)
        return {n: hole for n, hole in now.items() if self._movers[n].frames > 1 or hole.sum() > _SURE_AREA_PX}

    def _claims(self, shares: Mapping[int, int], area_px: int, now: Mapping[int, Hole]) -> list[int]:
        """Those expected in a part of the picture, the largest share first. What is young is taken for a part of it.

        shares: how much of it each covers, px.
        """
        left = {n: both for n, both in shares.items() if n in self._movers}
        shares = {n: b for n, b in left.items() if b >= _OVERLAP * min(self._movers[n].area_px, area_px)}
        known = sorted(shares, key=lambda n: (-shares[n], n))
        old = [n for n in known if self._movers[n].frames >= _YOUNG_FRAMES]
        stay = old or known[:1]
        for number in set(known) - set(stay) - set(now):
            del self._movers[number]
        return stay

    def _known_again(self, number: int, hole: Hole, sight: Sight, now: Mapping[int, Hole]) -> int:
        """The one among those gone who looks like this new one and may have come here, and now has its number."""
        chosen = _samples(hole, sight, self._frames)
        if not len(chosen):
            return number
        here, best_score, best = _middle(hole), _ALIKE, number
        for other, mover in sorted(self._movers.items()):
            if not mover.gone_frames or other in now or other == number:
                continue
            if not _ENOUGH * mover.usual_px < np.count_nonzero(hole) < _TOO_MUCH * mover.usual_px:
                continue
            reach = _REACH * mover.usual_px**0.5 + mover.gone_frames
            score = float(mover.looks.score(chosen).mean())
            if np.hypot(*(here - mover.middle)) < reach and score > best_score:
                best_score, best = score, other
        if best != number:
            del self._movers[number]
        return best

    def _new(self, hole: Hole) -> int:
        """A number for one who was never seen: the next that is free, or that of the one who is gone for longest."""
        in_turn = (*range(self._last, self._range.stop), *range(self._range.start, self._last))
        free = [n for n in in_turn if n not in self._movers]
        number = free[0] if free else max(self._movers, key=lambda n: (self._movers[n].gone_frames, -n))
        self._last = number + 1
        self._movers[number] = _Mover(np.zeros_like(hole))
        return number

    def _divided(self, hole: Hole, claims: list[int], sight: Sight) -> dict[int, Hole]:
        """A part of the picture shared among several, by looks and by where each is expected."""
        scores = []
        for number in claims:
            mover = self._movers[number]
            place = np.clip(-_away(mover.hole), -20, 0)
            looks = sight.whole(np.clip(mover.looks.score(sight.features), -1, 1).astype(np.float32))
            scores.append(sight.guide(500).filter((_W_LOOKS * looks + _W_PLACE * place).astype(np.float32)))
        best = np.argmax(scores, axis=0)
        shares = {number: hole & (best == n) for n, number in enumerate(claims)}
        return {n: share for n, share in shares.items() if np.count_nonzero(share) >= _LEAST_AREA_PX}

    def _settle(self, now: Mapping[int, Hole], crossed: set[int], sight: Sight, way: Plane) -> None:
        """Believe where everyone is, and learn how he moves and looks while he is alone."""
        for number, mover in list(self._movers.items()):
            if number in now:
                mover.see(now[number], way, number in crossed)
                continue
            mover.gone_frames += 1
            if mover.gone_frames > self._remembered_frames or mover.frames < _YOUNG_FRAMES:
                del self._movers[number]
        for number in sorted(now.keys() - crossed):
            if (self._frames + number) % _EVERY_FRAMES == 0:
                self._learn(number, sight)

    def _learn(self, number: int, sight: Sight) -> None:
        """What one looks like, beside what is around him and beside the others."""
        mover = self._movers[number]
        near = ~mover.hole & (_away(mover.hole) < _NEAR_PX)
        rivals = np.zeros_like(near)
        for other, one in self._movers.items():
            if other != number:
                rivals |= one.hole & ~mover.hole
        inside = _samples(mover.hole, sight, self._frames)
        parts = [_samples(where, sight, self._frames, _SAMPLES // 2) for where in (near & ~rivals, rivals)]
        outside = np.concatenate(parts)
        if len(inside) and len(outside):
            mover.looks.learn(np.concatenate([inside, outside]), np.arange(len(inside) + len(outside)) < len(inside))


def _middle(hole: Hole) -> NDArray[np.float64]:
    y, x = np.nonzero(hole)
    return np.array([x.mean(), y.mean()]) if len(x) else np.zeros(2)


def _samples(hole: Hole, sight: Sight, seed: int, count: int = _SAMPLES) -> NDArray[np.float32]:
    """Features (N, COUNT) of samples drawn from a part (h, w) of the picture."""
    found = np.flatnonzero(sight.half(hole.astype(np.float32)) > 0.7)
    chosen = np.random.default_rng(seed).choice(found, count) if len(found) else found
    return np.asarray(sight.features.reshape(-1, sight.features.shape[-1])[chosen], np.float32)


def _away(hole: Hole) -> NDArray[np.float32]:
    """Px to the nearest sample of a hole (h, w); far everywhere if it is empty."""
    if not hole.any():
        return np.full(hole.shape, 1e3, np.float32)
    return np.asarray(cv2.distanceTransform((~hole).astype(np.uint8), cv2.DIST_L2, 3), np.float32)
