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
_WHOLE = 0.7  # of its usual area: with less a thing is partly hidden, and its middle goes another way than itself
_ALIKE = 0.0  # score of its looks from which one that comes back is known again
_REACH = 1.5  # of its size: how far from where it was expected one may come back
_SAMPLES = 1200
_EVERY_FRAMES = 2
_W_LOOKS, _W_PLACE = 2.0, 0.15
_MOST = 255


@dataclass(eq=False)
class _Mover:
    hole: Hole  # (h, w): where it was last seen, moved on to where it is expected
    looks: Appearance = field(default_factory=Appearance)
    speed_px: NDArray[np.float64] = field(default_factory=lambda: np.zeros(2))
    "against the background, px a frame"
    usual_px: float = 0.0
    "its area, a running mean over when it is seen whole"
    frames: int = 0
    gone_frames: int = 0
    last: NDArray[np.float64] = field(default_factory=lambda: np.zeros(2))

    @property
    def area_px(self) -> int:
        return int(np.count_nonzero(self.hole))

    @property
    def middle(self) -> NDArray[np.float64]:
        return _middle(self.hole)


class Movers:
    """See the module."""

    def __init__(self, frames_per_second: float) -> None:
        self._movers: dict[int, _Mover] = {}
        self._remembered_frames = round(_REMEMBERED_SECONDS * frames_per_second)
        self._last = 0
        self._frames = 0

    @property
    def numbers(self) -> list[int]:
        """Of all who are known."""
        return sorted(self._movers)

    def step(self, found: Hole, sight: Sight, back: NDArray[np.float32], way: Plane) -> Mapping[int, Hole]:
        """Where each is (h, w), given all that moves in this frame, its flow to the last and the camera's way there."""
        self._frames += 1
        self._expect(back, way)
        count, parts, facts, _ = cv2.connectedComponentsWithStats(found.astype(np.uint8), connectivity=8)
        now: dict[int, Hole] = {}
        crossed: set[int] = set()
        for part in range(1, count):
            if facts[part, cv2.CC_STAT_AREA] < _LEAST_AREA_PX:
                continue
            hole = parts == part
            claims = self._claims(hole)
            if not claims:
                claims = [self._new(hole)]
            if len(claims) == 1 and self._movers[claims[0]].frames < _LATE_FRAMES:
                claims = [self._known_again(claims[0], hole, sight, now)]
            shares = {claims[0]: hole} if len(claims) == 1 else self._divided(hole, claims, sight)
            if len(claims) > 1:
                crossed |= set(claims)
            for number, share in shares.items():
                now[number] = now[number] | share if number in now else share
        self._settle(now, crossed, sight, way)
        return {n: hole for n, hole in now.items() if self._movers[n].frames > 1 or hole.sum() > _SURE_AREA_PX}

    def _expect(self, back: NDArray[np.float32], way: Plane) -> None:
        """Move everyone on to where he is expected: along the flow if he is seen, else as he went."""
        for mover in self._movers.values():
            if mover.gone_frames:
                middle = mover.middle
                here = through(np.linalg.inv(way), middle[None])[0] - middle + mover.speed_px
                shift = np.array([[1, 0, here[0]], [0, 1, here[1]]])
                moved = cv2.warpAffine(mover.hole.astype(np.uint8), shift, mover.hole.shape[::-1], flags=cv2.INTER_NEAREST)
                mover.hole = np.asarray(moved > 0)
            else:
                carried, _ = warp(mover.hole.astype(np.float32), back)
                mover.hole = np.asarray(carried > 0.5)

    def _claims(self, hole: Hole) -> list[int]:
        """Those expected in a part of the picture, the largest share first; the young give way to the old."""
        shares = {}
        for number, mover in self._movers.items():
            area = mover.area_px
            both = int(np.count_nonzero(mover.hole & hole))
            if area and both >= _OVERLAP * min(area, np.count_nonzero(hole)):
                shares[number] = both
        old = {n: share for n, share in shares.items() if self._movers[n].frames >= _YOUNG_FRAMES}
        if old and len(shares) > len(old):
            for number in set(shares) - set(old):
                del self._movers[number]
            shares = old
        elif not old and len(shares) > 1:
            first = min(shares, key=lambda n: (-self._movers[n].frames, n))
            for number in set(shares) - {first}:
                del self._movers[number]
            shares = {first: shares[first]}
        return sorted(shares, key=lambda n: (-shares[n], n))

    def _known_again(self, number: int, hole: Hole, sight: Sight, now: Mapping[int, Hole]) -> int:
        """The one among those gone who looks like this new one and may have come here, and now has its number."""
        chosen = _samples(hole, sight, self._frames)
        if not len(chosen):
            return number
        here, best = _middle(hole), (_ALIKE, number)
        for other, mover in sorted(self._movers.items()):
            if not mover.gone_frames or other in now or other == number:
                continue
            reach = _REACH * mover.usual_px**0.5 + mover.gone_frames
            score = float(mover.looks.score(chosen).mean())
            if np.hypot(*(here - mover.middle)) < reach and score > best[0]:
                best = score, other
        if best[1] != number:
            del self._movers[number]
        return best[1]

    def _new(self, hole: Hole) -> int:
        free = [n for n in (*range(self._last + 1, _MOST + 1), *range(1, self._last + 1)) if n not in self._movers]
        self._last = free[0]
        self._movers[free[0]] = _Mover(np.zeros_like(hole))
        return free[0]

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
        """Believe where everyone is, and learn what they look like while they are alone."""
        for number, mover in list(self._movers.items()):
            if number not in now:
                mover.gone_frames += 1
                if mover.gone_frames > self._remembered_frames or mover.frames < _YOUNG_FRAMES:
                    del self._movers[number]
                continue
            hole = now[number]
            here = _middle(hole)
            area = float(np.count_nonzero(hole))
            if mover.frames and not mover.gone_frames and number not in crossed and area > _WHOLE * mover.usual_px:
                mover.usual_px += 0.2 * (area - mover.usual_px)
                went = here - through(np.linalg.inv(way), mover.last[None])[0]
                mover.speed_px = 0.8 * mover.speed_px + 0.2 * went
            mover.usual_px = mover.usual_px or area
            mover.last = here
            mover.hole, mover.gone_frames, mover.frames = hole, 0, mover.frames + 1
            if number not in crossed and (mover.frames + number) % _EVERY_FRAMES == 0:
                others = [one.hole for n, one in self._movers.items() if n != number and one.hole.shape == hole.shape]
                away = ~hole & ~np.any(others, axis=0) if others else ~hole
                near = away & (_away(hole) < 40)
                rivals = np.any([o for o in others], axis=0) & ~hole if others else np.zeros_like(hole)
                inside = _samples(hole, sight, self._frames)
                outside = np.concatenate([_samples(where, sight, self._frames, _SAMPLES // 2) for where in (near, rivals)])
                if len(inside) and len(outside):
                    both = np.concatenate([inside, outside])
                    mover.looks.learn(both, np.arange(len(both)) < len(inside))


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
