"""Things that pass by a hole: what moves as one near it, against the camera's motion, and for how long."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from cleanplate.motion.camera import fit_plane
from cleanplate.motion.direct import plane_flow
from cleanplate.motion.dis import DisFlow
from cleanplate.motion.register import Plane, enlarging, in_view

# Lengths marked "of 240" are pixels of a frame 240 lines high and grow with it.
SMALL_LINES = 135  # pictures are made smaller until about this high
CLEAR_PX = 3  # of the small pictures: flow nearer to what is masked is spoilt
NEAR_PX, AROUND_PX = 24, 72  # of 240: what tells that something passes; what may belong to it
GRID_PX = 4  # of the small pictures: the camera's motion is fitted to every 4th vector
APART_PX = 1.5  # of 240: what moves less against the camera is left to it
LEAST_SHARE = 0.06  # of what is near the hole must move, and `LEAST_POINTS`, for something to pass there
LEAST_POINTS = 40
SAME_PX, SAME_SHARE = 1.0, 0.15  # what differs by so much, or such a share, moves alike
MOST_GAP, LEAST_FRAMES = 4, 6  # frames without a sign of it that do not end its passing; that it lasts
FITS = 8  # rounds of reweighting


@dataclass(frozen=True, kw_only=True, eq=False)
class Passing:
    """How one thing passes: frames `first` to `last`."""

    first: int
    last: int
    own: dict[int, Plane]  # its motion from each of these frames but the last to the next one
    camera: dict[int, Plane]  # the same of the camera, and of the frames before and after in which nothing passes

    @property
    def frames(self) -> range:
        """Those in which it is seen."""
        return range(self.first, self.last + 1)

    @property
    def around(self) -> range:
        """Those that the camera's motion is known of."""
        return range(min(self.camera), max(self.camera) + 2)


@dataclass(kw_only=True, eq=False)
class _Pair:
    """What moves in one pair of frames."""

    camera: Plane
    against: NDArray[np.float32]  # (h, w, 2): flow less the camera's
    clear: NDArray[np.bool_]  # (h, w): where flow is right
    near: NDArray[np.bool_]  # (h, w): of that what lies near the hole, and around it
    around: NDArray[np.bool_]
    speed: NDArray[np.float64] | None = None  # (2,): of what passes, against the camera; None = nothing does
    own: Plane | None = None


def find_passing(gray: NDArray[np.uint8], masked: NDArray[np.bool_], unit: float) -> list[Passing]:
    """What passes by the masked area of a clip, one stretch of time after another.

    `gray`, `masked` (T, h, w): the pictures, smooth where they are masked; frames that are black throughout are not
    looked at. `unit`: height of the full frame in these pictures / 240. Motion is found on smaller pictures: dense
    inverse search, the camera's plane taken off, the commonest of what is left near the mask.
    """
    shrink = max(1, round(gray.shape[1] / SMALL_LINES))
    size = -(-gray.shape[2] // shrink), -(-gray.shape[1] // shrink)
    enlarge = enlarging(gray.shape[2] / size[0], gray.shape[1] / size[1])
    small = [cv2.resize(picture, size, interpolation=cv2.INTER_AREA) for picture in gray]
    hidden = [cv2.resize(mask.astype(np.float32), size, interpolation=cv2.INTER_AREA) > 0 for mask in masked]
    is_there = [bool(picture.any()) for picture in gray]
    dis = DisFlow(finest_scale=0, patch_px=8, stride_px=4, refinements=0)
    least = unit / shrink
    pairs: dict[int, _Pair] = {}
    for n in range(len(gray) - 1):
        if is_there[n] and is_there[n + 1] and hidden[n].any():
            pairs[n] = _look(dis, small[n], small[n + 1], hidden[n] | hidden[n + 1], least)
            _notice(pairs[n], least)
    found = []
    runs = list(_runs(pairs))
    free = set(pairs).difference(*runs)
    for run in runs:
        first, last = _extended(pairs, free, run[0], run[-1], least)
        begin, stop = first, last
        while begin - 1 in free:
            begin -= 1
        while stop in free:
            stop += 1
        known = {n: own for n in range(first, last) if (own := pairs[n].own) is not None}
        nearest = {n: min(known, key=lambda k: abs(k - n)) for n in range(first, last)}
        found.append(
            Passing(
                first=first,
                last=last,
                own={n: in_view(known[k], enlarge) for n, k in nearest.items()},
                camera={n: in_view(pairs[n].camera, enlarge) for n in range(begin, stop)},
            )
        )
    return found


def between(planes: dict[int, Plane], source: int, target: int) -> Plane:
    """The motion (3, 3) from one frame to another, by the motions from each frame to the next."""
    plane = np.eye(3)
    for n in range(min(source, target), max(source, target)):
        plane = planes[n] @ plane
    return plane if source <= target else np.asarray(np.linalg.inv(plane), np.float64)


def _look(
    dis: DisFlow, one: NDArray[np.uint8], other: NDArray[np.uint8], hidden: NDArray[np.bool_], unit: float
) -> _Pair:
    """The camera's motion between two small pictures, and what moves against it."""
    flow = dis.pair(one, other)
    far = cv2.distanceTransform((~hidden).astype(np.uint8), cv2.DIST_L2, 3)
    clear = far >= CLEAR_PX
    ys, xs = (GRID_PX * nodes for nodes in np.nonzero(clear[::GRID_PX, ::GRID_PX]))
    points = np.stack([xs, ys], -1).astype(np.float32)
    camera = fit_plane(points, points + flow[ys, xs])
    against = np.asarray(flow - plane_flow(camera, (0, 0, one.shape[1], one.shape[0])), np.float32)
    near, around = clear & (far < NEAR_PX * unit), clear & (far < AROUND_PX * unit)
    return _Pair(camera=camera, against=against, clear=clear, near=near, around=around)


def _notice(pair: _Pair, unit: float) -> None:
    """Whether something passes in a pair, and how it moves."""
    moves = np.hypot(pair.against[..., 0], pair.against[..., 1]) > APART_PX * unit
    where = pair.near & moves
    if np.count_nonzero(where) < max(LEAST_SHARE * np.count_nonzero(pair.near), LEAST_POINTS):
        return
    speeds = pair.against[where]
    most = float(np.abs(speeds).max()) + 2
    steps = np.arange(-most, most + 0.5, 0.5)
    counts, across, down = np.histogram2d(speeds[:, 0], speeds[:, 1], bins=[steps, steps])
    at = np.unravel_index(int(np.argmax(cv2.blur(counts, (3, 3)))), counts.shape)
    _join(pair, np.array([across[at[0]] + 0.25, down[at[1]] + 0.25]), pair.around & moves)


def _join(pair: _Pair, speed: NDArray[np.float64], where: NDArray[np.bool_]) -> bool:
    """Let what moves at about this speed pass, if there is enough of it; whether there is."""
    alike = where & (np.hypot(*np.moveaxis(pair.against - speed, -1, 0)) < _tolerance(speed))
    if np.count_nonzero(alike) < LEAST_POINTS:
        return False
    y, x = np.nonzero(alike)
    pair.speed = np.asarray(np.median(pair.against[alike], axis=0), np.float64)
    points = np.stack([x, y], -1).astype(np.float64)
    shown = cv2.perspectiveTransform(points[None], pair.camera)[0]
    pair.own = _similarity(points, shown + pair.against[alike])
    return True


def _tolerance(speed: NDArray[np.float64]) -> float:
    return max(SAME_PX, SAME_SHARE * float(np.hypot(*speed)))


def _similarity(points: NDArray[np.float64], moved: NDArray[np.float64]) -> Plane:
    """The shift, turn and scale (3, 3) that takes points to where they moved, both (N, 2), whatever a minority does.

    Four numbers, not the eight of `fit_plane`: a small thing tells no more, and is followed to where it is not seen.
    """
    weights = np.ones(len(points))
    x, y = points.T
    one, none = np.ones_like(x), np.zeros_like(x)
    left = np.concatenate([np.stack([x, -y, one, none], 1), np.stack([y, x, none, one], 1)])
    plane = np.eye(3)
    for _ in range(FITS):
        share = np.sqrt(np.concatenate([weights, weights]))
        a, b, right, low = np.linalg.lstsq(left * share[:, None], moved.T.ravel() * share, rcond=None)[0]
        plane = np.array([[a, -b, right], [b, a, low], [0, 0, 1]])
        missed = ((cv2.perspectiveTransform(points[None], plane)[0] - moved) ** 2).sum(1)
        weights = 1 / (1 + missed / max(0.1, float(np.median(missed))))
    return plane


def _runs(pairs: dict[int, _Pair]) -> Iterator[Sequence[int]]:
    """Stretches of pairs in which something passes at a speed that changes little."""
    run: list[int] = []
    for n in sorted(n for n, pair in pairs.items() if pair.speed is not None):
        if run and (n - run[-1] > MOST_GAP or not _is_alike(pairs[run[-1]], pairs[n])):
            if len(run) >= LEAST_FRAMES:
                yield run
            run = []
        run.append(n)
    if len(run) >= LEAST_FRAMES:
        yield run


def _is_alike(one: _Pair, other: _Pair) -> bool:
    assert one.speed is not None
    assert other.speed is not None
    return float(np.hypot(*(one.speed - other.speed))) < _tolerance(one.speed)


def _extended(pairs: dict[int, _Pair], free: set[int], first: int, last: int, unit: float) -> tuple[int, int]:
    """First and last frame in which what passes in the pairs `first` to `last` is somewhere in the picture.

    Only through pairs that are `free` for that.
    """
    ends = []
    for end, onward in ((first, -1), (last, 1)):
        n = end + onward
        while n in free:
            speed = pairs[n - onward].speed
            assert speed is not None
            moves = np.hypot(pairs[n].against[..., 0], pairs[n].against[..., 1]) > APART_PX * unit
            if not _join(pairs[n], speed, pairs[n].clear & moves):
                break
            n += onward
        ends.append(n - onward)
    return ends[0], ends[1] + 1
