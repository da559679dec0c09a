"""What moves before a still or a moving camera, found and followed without being told.

    finder = MotionFinder(frames_per_second=25)
    for image in images:
        labels, confidence = finder.step(image)

Each frame: where the camera went, from the flow; the scene as it looks with nobody there, carried along
(`scene_model`); what stands before it or moves otherwise; that as connected things, each with a number of its own
(`movers`). Whoever came and now stands is kept as long as he stirs at least once a second (`stirring`). One pass, and
of memory a few small pictures.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

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
from cleanplate.mask.stirring import STILL_SECONDS, Stir, seen_from
from cleanplate.motion.camera import fit_plane
from cleanplate.motion.dis import DisFlow
from cleanplate.motion.register import FEWEST_POINTS, STILL_PX, Plane
from cleanplate.motion.warp import there_and_back, warp

# Lengths in px at working size; weights add up as logits.
_MOVES_PX = 0.6  # away from where the background goes
_W_PLATE, _W_BEFORE = 1.5, 0.5
_LEAST_MOTION = 0.3
_DOUBT = 0.2  # what nothing tells of is taken for the scene
_THING_PX = 1500  # area of a thing, for the filter's window
_SMOOTHNESS = 1.0
_MARGIN_PX, _RIM_PX = 11, 5  # around what was found: not asked for the background's motion, and not learned
_GRID_PX = 6
_GOES_ON = 0.3  # share of the flow that comes back to where it began; with less, another shot has begun
_GIVEN_UP_SECONDS = 8.0  # what has not stirred for so long belongs to the scene
_STIRRING_SHARE, _STIRRING_PX = 0.004, 8  # of a thing that must stir


class MotionFinder:
    """See the module. `numbers`: those that things get; after the last, those of things that left are used again."""

    def __init__(self, frames_per_second: float = 25.0, numbers: range = range(1, 256)) -> None:
        self._rate = frames_per_second
        self._dis = DisFlow()
        self._movers = Movers(frames_per_second, numbers)
        self._view: _View | None = None

    def step(self, image: Image) -> tuple[Labels, Mapping[int, float]]:
        """What moves in the next frame (H, W, 3): labels (H, W), and how sure each number is, 0 = not to be seen.

        image: uint8 or uint16. Nothing is found in the first frame of a shot, nor at a frame that begins another.
        """
        small = shrink(image)
        sight, picture = see(small), small.astype(np.float32)
        followed: Mapping[int, Hole] = {}
        degree = np.zeros(sight.gray.shape, np.float32)
        view = self._view
        if view is not None:
            back = self._dis.pair(sight.gray, view.before.gray)
            sure = np.exp(-there_and_back(back, self._dis.pair(view.before.gray, sight.gray)) / 2)
            view = view if sure.mean() > _GOES_ON else None
        if view is None:
            self._view = _View(before=sight, scene=SceneModel(picture), stir=Stir(self._rate), found=degree)
        else:
            way = view.camera(back)
            view.turn(way)
            degree, stirs = view.look(sight, picture, back, sure, way)
            shown = _stirring(degree > 0.5, stirs)
            followed = self._movers.step(shown, sight, back, way)
            view.learn(picture, degree, shown, self._rate)
            view.before = sight
        degrees = {number: np.where(hole, degree, np.float32(0)) for number, hole in followed.items()}
        sureness = {number: float(degree[hole].mean()) for number, hole in followed.items()}
        return sharpen(degrees, image, sight), {n: sureness.get(n, 0.0) for n in self._movers.numbers}


@dataclass(eq=False)
class _View:
    """All that is known of a shot, seen from its last frame."""

    before: Sight
    scene: SceneModel
    stir: Stir
    found: NDArray[np.float32]  # (h, w): how surely something stood there, 0-1
    unstirred: NDArray[np.float32] = field(init=False)  # (h, w): frames that something stood there and did not stir

    def __post_init__(self) -> None:
        self.unstirred = np.zeros_like(self.found)

    def camera(self, back: NDArray[np.float32]) -> Plane:
        """The plane that takes points of the next frame to this one's, by the flow (h, w, 2) between them."""
        part = np.s_[_GRID_PX // 2 :: _GRID_PX, _GRID_PX // 2 :: _GRID_PX]
        y, x = (at[part].astype(np.float32) for at in np.mgrid[: back.shape[0], : back.shape[1]])
        chosen = self.found[part] < 0.5
        points, flow = np.stack([x[chosen], y[chosen]], -1), back[part][chosen]
        if len(points) < FEWEST_POINTS or np.median(np.hypot(flow[:, 0], flow[:, 1])) < STILL_PX:
            return np.eye(3)
        return fit_plane(points, points + flow)

    def turn(self, way: Plane) -> None:
        if not np.array_equal(way, np.eye(3)):
            self.scene.follow(way)
            self.unstirred = seen_from(self.unstirred, way)

    def look(
        self,
        sight: Sight,
        picture: NDArray[np.float32],
        back: NDArray[np.float32],
        sure: NDArray[np.float32],
        way: Plane,
    ) -> tuple[NDArray[np.float32], Hole]:
        """How surely something stands or moves there (h, w), 0-1, and what stirs, in the next frame."""
        found, _ = warp(self.found, back)
        outside = cv2.dilate((found > 0.5).astype(np.uint8), np.ones((_MARGIN_PX, _MARGIN_PX), np.uint8)) == 0
        self.scene.lit(picture, outside)
        moved = residual(back, outside)
        sight.residual = sight.half(moved)
        sight.features = features(sight.half(sight.lab), np.stack([sight.residual] * 2, -1))
        usual = moved[moved * sure > _MOVES_PX]  # of things; half of that is the halo that flow draws around them
        least = max(_MOVES_PX, float(np.median(usual)) / 2) if len(usual) else _MOVES_PX
        motion = np.clip(2 * (moved / least - 1), -1, 3) * sure
        # Flow smears motion over what has just been uncovered: a known plate knows better.
        motion = np.where(self.scene.is_known, np.clip(motion, 0, _LEAST_MOTION), motion)
        score = _W_PLATE * self.scene.evidence(picture) + motion + _W_BEFORE * (2 * found - 1) * sure - _DOUBT
        degree = cut(sight.guide(_THING_PX).filter(score.astype(np.float32)), sight.lab, _SMOOTHNESS)
        stirs = self.stir.step(sight.gray, way, outside) | (moved * sure > _MOVES_PX)
        return degree, stirs

    def learn(self, picture: NDArray[np.float32], degree: NDArray[np.float32], shown: Hole, rate: float) -> None:
        """Learn the scene where nothing was found, or nothing has stirred for long."""
        self.found, found = degree, degree > 0.5
        self.unstirred = np.where(found & ~shown, self.unstirred + 1, 0).astype(np.float32)
        near = cv2.dilate(found.astype(np.uint8), np.ones((_RIM_PX, _RIM_PX), np.uint8)) > 0
        self.scene.learn(picture, ~near, anew=self.unstirred > (_GIVEN_UP_SECONDS - STILL_SECONDS) * rate)


def _stirring(found: Hole, stirs: Hole) -> Hole:
    """Those of the things found (h, w) that stir."""
    count, parts, facts, _ = cv2.connectedComponentsWithStats(found.astype(np.uint8), connectivity=8)
    stirred = np.bincount(parts[found & stirs], minlength=count)
    keep = stirred >= np.maximum(_STIRRING_PX, _STIRRING_SHARE * facts[:, cv2.CC_STAT_AREA])
    keep[0] = False
    return np.asarray(keep[parts])
