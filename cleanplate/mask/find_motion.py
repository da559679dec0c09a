"""What moves before a still or a moving camera, found and followed without being told.

    finder = MotionFinder(frames_per_second=25)
    for image in images:
        labels, confidence = finder.step(image)

Each frame: where the camera went, from the flow; the scene as it looks with nobody there, carried along (`scene_model`);
what stands before it or moves otherwise; that as connected things, each with a number of its own (`movers`). Whoever came
and now stands is kept as long as he stirs at least once a second. One pass, a few small pictures of memory.
"""

from __future__ import annotations

from collections.abc import Mapping

import cv2
import numpy as np
from numpy.typing import NDArray

from cleanplate.base.types import Hole, Image, Labels
from cleanplate.mask.appearance import features
from cleanplate.mask.background import residual
from cleanplate.mask.edges import cut
from cleanplate.mask.movers import Movers
from cleanplate.mask.scene_model import SceneModel
from cleanplate.mask.sight import Sight, see, sharpen, shrink
from cleanplate.mask.stirring import Stir, seen_from
from cleanplate.motion.camera import fit_plane
from cleanplate.motion.dis import DisFlow
from cleanplate.motion.register import STILL_PX, Plane
from cleanplate.motion.warp import there_and_back, warp

# Lengths in px at working size; weights add up as logits.
_MOVES_PX = 0.6  # away from where the background goes
_W_PLATE, _W_MOTION, _W_BEFORE = 1.5, 1.0, 0.5
_FILTER_AREA_PX = 1500
_SMOOTHNESS = 1.0
_MARGIN_PX = 5
_GOES_ON = 0.3  # share of the flow that comes back to where it began; with less, another shot has begun
_GRID_PX = 6
_STILL_SECONDS = 1.0  # what has not stirred for so long is not shown
_GIVEN_UP_SECONDS = 8.0  # what has not stirred for so long belongs to the scene
_STIRRING_SHARE, _STIRRING_PX = 0.004, 8  # of a thing that must have stirred


class MotionFinder:
    """See the module. All of its state is of one frame's size."""

    def __init__(self, frames_per_second: float = 25.0, first_number: int = 1) -> None:
        self._rate = frames_per_second
        self._dis = DisFlow()
        self._before: Sight | None = None
        self._scene: SceneModel | None = None
        self._movers = Movers(frames_per_second, first_number)

    def step(self, image: Image) -> tuple[Labels, Mapping[int, float]]:
        """What moves in the next frame (H, W, 3): labels (H, W), and how sure each number is, 0 = not to be seen."""
        small = shrink(image)
        sight, picture = see(small), small.astype(np.float32)
        if self._before is None or self._scene is None:
            self._start(sight, picture)
            return np.zeros(image.shape[:2], np.uint8), {}
        back = self._dis.pair(sight.gray, self._before.gray)
        forth = self._dis.pair(self._before.gray, sight.gray)
        sure = np.exp(-there_and_back(back, forth) / 2)
        way = self._camera(back)
        is_still = np.array_equal(way, np.eye(3))
        if not is_still:
            self._scene.follow(way)
            self._hidden = seen_from(self._hidden, way)
        if sure.mean() < _GOES_ON:
            self._start(sight, picture)
            return np.zeros(image.shape[:2], np.uint8), dict.fromkeys(self._movers.numbers, 0.0)
        found, _ = warp(self._found, back)
        outside = cv2.dilate((found > 0.5).astype(np.uint8), np.ones((2 * _MARGIN_PX + 1,) * 2, np.uint8)) == 0
        self._scene.lit(picture, outside)
        moved = residual(back, outside)
        sight.residual = sight.half(moved)
        stirs = self._stir.step(sight.gray, way, outside) | (moved * sure > _MOVES_PX)
        # fuse
        evidence = _W_PLATE * self._scene.evidence(picture)
        known = self._scene.is_known
        motion = np.clip((moved - _MOVES_PX) / _MOVES_PX, -1, 3) * sure
        score = evidence + _W_MOTION * np.where(known, np.clip(motion, 0, 0.3), motion) + _W_BEFORE * (2 * found - 1)
        score = sight.guide(_FILTER_AREA_PX).filter(score.astype(np.float32))
        degree = cut(score, sight.lab, _SMOOTHNESS)
        sight.features = features(sight.half(sight.lab), np.stack([sight.residual] * 2, -1))
        shown = self._stirring(degree > 0.5, stirs)
        followed = self._movers.step(shown, sight, back, way)
        self._learn(picture, degree > 0.5, shown)
        self._found, self._before = degree, sight
        degrees = {number: np.where(hole, degree, np.float32(0)) for number, hole in followed.items()}
        labels = sharpen(degrees, image, sight)
        confidence = {n: float(degrees[n][followed[n]].mean()) if n in followed else 0.0 for n in self._movers.numbers}
        return labels, confidence

    def _start(self, sight: Sight, picture: NDArray[np.float32]) -> None:
        self._before, self._scene = sight, SceneModel(picture)
        self._found = np.zeros(sight.gray.shape, np.float32)
        self._stir = Stir(self._rate)
        self._hidden = np.zeros(sight.gray.shape, np.float32)  # frames that something stood there without stirring

    def _camera(self, back: NDArray[np.float32]) -> Plane:
        """The plane that takes points of this frame to the last one's."""
        outside = self._found < 0.5
        part = np.s_[_GRID_PX // 2 :: _GRID_PX, _GRID_PX // 2 :: _GRID_PX]
        chosen = outside[part]
        y, x = np.mgrid[: back.shape[0], : back.shape[1]].astype(np.float32)
        points = np.stack([x[part][chosen], y[part][chosen]], -1)
        flow = back[part][chosen]
        if len(points) < 24 or np.median(np.hypot(flow[:, 0], flow[:, 1])) < STILL_PX:
            return np.eye(3)
        return fit_plane(points, points + flow)

    def _stirring(self, found: Hole, stirs: Hole) -> Hole:
        """Those things found (h, w) that have stirred within a second."""
        count, parts, facts, _ = cv2.connectedComponentsWithStats(found.astype(np.uint8), connectivity=8)
        stirred = np.bincount(parts[found & stirs], minlength=count)
        area = facts[:, cv2.CC_STAT_AREA]
        keep = stirred >= np.maximum(_STIRRING_PX, _STIRRING_SHARE * area)
        keep[0] = False
        return np.asarray(keep[parts])

    def _learn(self, picture: NDArray[np.float32], found: Hole, shown: Hole) -> None:
        assert self._scene is not None
        near = cv2.dilate(found.astype(np.uint8), np.ones((5, 5), np.uint8)) > 0
        self._hidden = np.where(found & ~shown, self._hidden + 1, 0).astype(np.float32)
        self._scene.learn(picture, ~near, self._hidden > (_GIVEN_UP_SECONDS - _STILL_SECONDS) * self._rate)
