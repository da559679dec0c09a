"""What a scene looks like with nobody near: the frames of a shot brought together, the object's neighbourhood left out.

    looks = Looks()
    looks.add(small, hole)                  # frame after frame, some way ahead
    plate = looks.plate()                   # the same frames again, one by one

Every few frames one is kept: dense ahead and nearby, ever sparser in the past, so that whoever stands for long is still
known from before he came, and memory does not grow. A place is believed from the looks in which it was farthest from
every object: what goes with an object (its shadow) is then not part of the plate.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from cleanplate.base.types import Hole
from cleanplate.mask.sight import gray_of
from cleanplate.motion.dis import DisFlow
from cleanplate.motion.register import Plane, carried, register

_STEP_FRAMES = 6
_MOST_LOOKS = 28
_BEST = 5  # of the looks at a place count: those with every object farthest away
_LEAST_AGREED = 0.75  # share of points that must follow one plane, else nothing is known from before: cuts, parallax
_AS_FAR = 0.5  # of the farthest of them: a look with an object nearer than that does not count
_UNSEEN_SPREAD = 6.0  # levels, where one look alone knows a place
_FEWEST_POINTS = 24


@dataclass(frozen=True, kw_only=True, eq=False)
class Plate:
    """What one frame would show without objects, as far as it is known."""

    picture: NDArray[np.float32]  # (h, w, 3)
    spread: NDArray[np.float32]  # (h, w): standard deviation of the looks it was made from, in levels
    away_px: NDArray[np.float32]  # (h, w): how far the objects were in them
    known: NDArray[np.bool_]  # (h, w)


@dataclass(frozen=True, kw_only=True, eq=False)
class _Look:
    index: int
    shot: int
    picture: NDArray[np.uint8]  # (h, w, 4): RGB, and how far the objects are, px up to 255; 0 under them
    plane: Plane  # from this frame to the shot's first
    gray: NDArray[np.uint8]
    outside: NDArray[np.bool_]


class Looks:
    """See the module."""

    def __init__(self) -> None:
        self._dis = DisFlow()
        self._looks: list[_Look] = []
        self._coming: deque[tuple[int, Plane]] = deque()
        self._added = self._asked = 0
        self._key: _Look | None = None
        self._made: tuple[tuple[int, ...], Plate] | None = None

    def add(self, small: NDArray[np.uint8], hole: Hole) -> None:
        """The next frame (h, w, 3), and where objects are in it (h, w)."""
        outside = ~hole
        away = cv2.distanceTransform(outside.view(np.uint8), cv2.DIST_L2, 3)
        gray = gray_of(small)
        shot, plane = self._place(gray, outside)
        look = _Look(
            index=self._added,
            shot=shot,
            picture=np.dstack([small, np.clip(away, 0, 255).astype(np.uint8)]),
            plane=plane,
            gray=gray,
            outside=outside,
        )
        if self._key is None or shot != self._key.shot or look.index - self._key.index >= _STEP_FRAMES:
            self._key = look
            self._looks.append(look)
            if len(self._looks) > _MOST_LOOKS:
                self._thin()
        self._coming.append((shot, plane))
        self._added += 1

    def plate(self) -> Plate | None:
        """What the next frame would show without objects; None where no other frame is known to show the same."""
        shot, plane = self._coming.popleft()
        self._looks = [look for look in self._looks if look.shot >= shot]
        own = [look for look in self._looks if look.shot == shot]
        if not own:
            self._asked += 1
            return None
        middle = min(own, key=lambda look: abs(look.index - self._asked))
        self._asked += 1
        chosen = (middle.index, *(look.index for look in own))
        if self._made is None or self._made[0] != chosen:
            self._made = chosen, _joined(middle, own)
        return _moved(self._made[1], np.linalg.inv(middle.plane) @ plane)

    def _place(self, gray: NDArray[np.uint8], outside: NDArray[np.bool_]) -> tuple[int, Plane]:
        """The shot this frame belongs to, and its way to the shot's first."""
        if self._key is None:
            return 0, np.eye(3)
        key, guess = self._key, np.eye(3)
        if self._coming and self._coming[-1][0] == key.shot:
            guess = np.linalg.inv(key.plane) @ self._coming[-1][1]
        match = register(self._dis, gray, outside, key.gray, key.outside, guess)
        if match.agreed < _LEAST_AGREED:
            return key.shot + 1, np.eye(3)
        return key.shot, key.plane @ match.plane

    def _thin(self) -> None:
        """One look less in the past: the one whose neighbours are nearest, for how long ago it is."""
        now = self._asked
        past = [n for n, look in enumerate(self._looks[1:-1], start=1) if look.index < now] or [1]
        at = [look.index for look in self._looks]
        del self._looks[min(past, key=lambda n: (at[n + 1] - at[n - 1]) / max(now - at[n], _STEP_FRAMES))]


def _joined(middle: _Look, looks: list[_Look]) -> Plate:
    """The plate as seen from one look, in its light."""
    height, width = middle.gray.shape
    stack = np.zeros((len(looks), height, width, 4), np.float32)
    for n, look in enumerate(looks):
        way = np.linalg.inv(look.plane) @ middle.plane
        if np.allclose(way, np.eye(3)):
            stack[n] = look.picture
        else:
            stack[n] = carried(look.picture, way, (width, height))
            stack[n, ..., 3] *= cv2.erode((stack[n, ..., 3] > 0).astype(np.uint8), np.ones((3, 3), np.uint8))  # mixed
        stack[n, ..., :3] *= light_between(stack[n], middle.picture, (stack[n, ..., 3] > 0) & middle.outside)
    best = np.argsort(stack[..., 3], axis=0, kind="stable")[-min(_BEST, len(looks)) :]
    values = np.take_along_axis(stack, best[..., None], axis=0)
    away = values[..., 3]
    good = (away > 0) & (away >= _AS_FAR * away[-1])
    number = good.sum(0)
    values[~good] = np.nan
    plate = _median(values[..., :3], number)
    apart = np.where(good, np.stack([across(np.abs(one - plate)) for one in values[..., :3]]), 0)
    spread = np.sqrt((apart**2).sum(0) / np.maximum(number - 1, 1))
    known = number > 0
    usual = float(np.median(spread[number > 1])) if (number > 1).any() else _UNSEEN_SPREAD
    spread = np.where(number > 1, spread, usual) * (1 + 2 / np.maximum(number, 1))  # few looks tell little of it
    return Plate(
        picture=np.nan_to_num(plate),
        spread=spread.astype(np.float32),
        away_px=(np.where(good, away, 0).sum(0) / np.maximum(number, 1)).astype(np.float32),
        known=known,
    )


def across(values: NDArray[np.float32]) -> NDArray[np.float32]:
    """The mean over the three channels of (h, w, 3); numpy's over so short an axis is ten times slower."""
    return np.asarray(cv2.transform(values, np.full((1, 3), 1 / 3, np.float32)), np.float32)


def light_between(seen: NDArray[Any], wanted: NDArray[Any], where: Hole) -> NDArray[np.float32]:
    """What the light of one picture (h, w, 3 or more) is to be multiplied by to become another's: (3,)."""
    chosen = np.flatnonzero(where)[::11]
    if len(chosen) < _FEWEST_POINTS:
        return np.ones(3, np.float32)
    a, b = (picture.reshape(-1, picture.shape[-1])[chosen, :3].astype(np.float32) for picture in (seen, wanted))
    return np.asarray(np.median(np.maximum(b, 8) / np.maximum(a, 8), axis=0), np.float32)


def _median(values: NDArray[np.float32], number: NDArray[np.int_]) -> NDArray[np.float32]:
    """The median over the first axis (N, h, w, 3) of those that are no NaN, of which there are `number` (h, w)."""
    ordered = np.sort(values, axis=0)  # NaN last
    low, high = np.maximum(number - 1, 0) // 2, number // 2
    low, high = (np.minimum(at, len(values) - 1)[None, ..., None] for at in (low, high))
    both = np.take_along_axis(ordered, low, 0)[0] + np.take_along_axis(ordered, high, 0)[0]
    return np.asarray(both / 2, np.float32)


def _moved(plate: Plate, way: Plane) -> Plate:
    """The plate as seen by a frame whose points `way` takes to the plate's."""
    if np.allclose(way, np.eye(3)):
        return plate
    height, width = plate.known.shape
    facts = np.dstack([plate.spread, plate.away_px, plate.known.astype(np.float32)])
    picture, facts = (carried(part, way, (width, height)) for part in (plate.picture, facts))
    return Plate(
        picture=picture,
        spread=np.ascontiguousarray(facts[..., 0]),
        away_px=np.ascontiguousarray(facts[..., 1]),
        known=np.asarray(facts[..., 2] > 0.99),
    )
