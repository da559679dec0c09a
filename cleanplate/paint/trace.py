"""Following hidden points through the flow to the frames that show them.

Coordinates are carried, not colours: however long the way, the picture is sampled once. A sweep through the clip
builds each frame's answer from its neighbour's: a point is seen where it lands, or else where the point it lands on
is seen. So the price does not grow with the length of the way. Everything here is at the working scale.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import cv2
import numba
import numpy as np
from numpy.typing import NDArray

from cleanplate.motion.camera import moved_by
from cleanplate.motion.kernels import KERNEL
from cleanplate.motion.register import enlarging, in_view

FLOW_STEP_PX = 1 / 128  # flow is kept as int16 in these steps: +-256 px in half the memory of float32
GRID_PX = 2  # every second point is followed, the others lie between; 1 gives the same picture at four times the price
FOLLOW_FRAMES = 30  # how far a point between nodes is followed on by itself
LOST_SHARE = 0.02  # of a trail's points that may be lost where two hypotheses are taken to say the same
NOWHERE = -1  # frame of a point that is seen in none
# Hypotheses of the motion: flow completed from around the hole, the camera, flow completed from other times as well,
# the flow of painted pictures, and that completed from close by
FLOW, PLANE, CARRIED, SECOND, CLOSE = 0, 1, 2, 3, 4


@dataclass(kw_only=True, eq=False)
class Tracks:
    """The motion in one clip, where it is needed. Pair n is frames n and n + 1; way 0 is forward in time, 1 back."""

    masked: NDArray[np.bool_]  # (T, h, w): hole and ring; a source must lie outside
    gray: NDArray[np.uint8]  # (T, h, w): what motion was found on
    flows: NDArray[np.int16]  # (1, 2 or 4, N): `FLOW`, `CARRIED`; `SECOND`, `CLOSE` once there are painted pictures.
    # Flat; per pair (2 ways, rows, columns, 2), x then y, in steps of FLOW_STEP_PX
    places: NDArray[np.int64]  # (T - 1, 5): offset in `flows`, x0, y0, columns, rows; columns 0 = pair not needed
    planes: NDArray[np.float64]  # (T - 1, 2 ways, 3, 3): the camera's motion
    is_planar: NDArray[np.bool_]  # (T - 1,): pairs in which that is all there is, and all hypotheses say the same

    @property
    def arrays(self) -> tuple[NDArray[np.bool_], NDArray[np.int16], NDArray[np.int64], NDArray[np.float64]]:
        """What the compiled kernels are given."""
        return self.masked, self.flows, self.places, self.planes

    def planes_at(self, scale: int) -> NDArray[np.float64]:
        """The camera's motion forward in time, (T - 1, 3, 3), in pixels of pictures `scale` times as large."""
        return in_view(self.planes[:, 0], enlarging(scale, scale))


@dataclass(kw_only=True, eq=False)
class Trail:
    """Where the points of one frame are seen, by one hypothesis of the motion and one way in time.

    Node (j, i) stands for the point (x, y) = GRID_PX * (x0 + i, y0 + j) at the working scale.
    """

    t: int
    way: int
    hypothesis: int
    x0: int
    y0: int
    frame: NDArray[np.int32]  # (rows, columns), `NOWHERE` = none
    xy: NDArray[np.float32]  # (rows, columns, 2) px in that frame
    risk: NDArray[np.float32]  # (rows, columns, 2), added up along the way: forward-backward error (px^2); doubt, i.e.
    # the distance by which flow and plane part at each step (px)
    reach: int = 0
    "how many frames away its farthest source is; -1 = that cannot be told, as some points are never seen"
    stands_for: set[int] = field(default_factory=set)
    "other hypotheses that say the same"


def sweep(
    tracks: Tracks,
    way: int,
    hypothesis: int,
    error_limit_px2: float,
    by_plane: Callable[[int], Trail | None] = lambda _: None,
) -> Iterator[Trail]:
    """The trails of all frames that can have one, last frame first (way 0: sources lie later) or first frame first.

    A point is lost where it leaves the picture or its error exceeds the limit. `by_plane`: the trail of a frame along
    the plane; it stands for this hypothesis where both say the same.
    """
    count = len(tracks.masked)
    last = _nothing(way, hypothesis)
    for t in range(count - 2, -1, -1) if way == 0 else range(1, count):
        pair, target = (t, t + 1) if way == 0 else (t - 1, t - 1)
        if not tracks.places[pair, 3] or not tracks.masked[t].any():
            last = _nothing(way, hypothesis)
            continue
        same = by_plane(t)
        if same is not None and is_all_planar(tracks, same):
            same.stands_for.add(hypothesis)
            yield same
            last = same
            continue
        x0, y0, columns, rows = nodes(tracks.masked[t])
        trail = _nothing(way, hypothesis, t, x0, y0, columns, rows)
        trail.reach = _advance(
            tracks.arrays, t, way, hypothesis, target, error_limit_px2,
            x0, y0, trail.frame, trail.xy, trail.risk,
            last.x0, last.y0, last.frame[None], last.xy[None], last.risk[None],
        )  # fmt: skip
        yield trail
        last = trail


def is_all_planar(tracks: Tracks, trail: Trail) -> bool:
    """Whether all pairs that its points came through follow the plane; to the end of time for those not seen."""
    reach = trail.reach if trail.reach >= 0 else len(tracks.masked)
    pairs = np.s_[trail.t : trail.t + reach] if trail.way == 0 else np.s_[max(trail.t - reach, 0) : trail.t]
    return bool((tracks.is_planar | (tracks.places[:, 3] == 0))[pairs].all())


def _nothing(way: int, hypothesis: int, t: int = 0, x0: int = 0, y0: int = 0, columns: int = 1, rows: int = 1) -> Trail:
    return Trail(
        t=t,
        way=way,
        hypothesis=hypothesis,
        x0=x0,
        y0=y0,
        frame=np.full((rows, columns), NOWHERE, np.int32),
        xy=np.zeros((rows, columns, 2), np.float32),
        risk=np.zeros((rows, columns, 2), np.float32),
    )


def nodes(masked: NDArray[np.bool_]) -> tuple[int, int, int, int]:
    """The nodes whose cells cover the masked area: first column, first row, columns, rows."""
    left, top, wide, high = cv2.boundingRect(masked.view(np.uint8))
    x0, y0 = left // GRID_PX, top // GRID_PX
    return x0, y0, (left + wide - 1) // GRID_PX + 2 - x0, (top + high - 1) // GRID_PX + 2 - y0


@numba.njit(inline="always", **KERNEL)
def move(flows, place, planes, way, hypothesis, x, y):
    """Where (x, y) lies one frame on."""
    if hypothesis == PLANE:
        return moved_by(planes[way], x, y)
    columns, rows = place[3], place[4]
    u = min(max(x - place[1], 0.0), columns - 1.0)
    v = min(max(y - place[2], 0.0), rows - 1.0)
    left, top = max(min(int(u), columns - 2), 0), max(min(int(v), rows - 2), 0)
    u -= left
    v -= top
    flow = flows[max(hypothesis - 1, 0)]  # the plane has none
    a = place[0] + 2 * ((way * rows + top) * columns + left)
    right, low = 2 * min(1, columns - 1), 2 * columns * min(1, rows - 1)
    w00, w01, w10, w11 = (1 - u) * (1 - v), u * (1 - v), (1 - u) * v, u * v
    dx = w00 * flow[a] + w01 * flow[a + right] + w10 * flow[a + low] + w11 * flow[a + low + right]
    a += 1
    dy = w00 * flow[a] + w01 * flow[a + right] + w10 * flow[a + low] + w11 * flow[a + low + right]
    return x + dx * FLOW_STEP_PX, y + dy * FLOW_STEP_PX


@numba.njit(inline="always", **KERNEL)
def step(flows, place, planes, way, hypothesis, x, y):
    """Where (x, y) lies one frame on, its forward-backward error (px^2) and how far flow and plane part (px)."""
    nx, ny = move(flows, place, planes, way, hypothesis, x, y)
    ox, oy = move(flows, place, planes, way, FLOW if hypothesis == PLANE else PLANE, x, y)
    bx, by = move(flows, place, planes, 1 - way, hypothesis, nx, ny)
    return nx, ny, (bx - x) ** 2 + (by - y) ** 2, np.sqrt((ox - nx) ** 2 + (oy - ny) ** 2)


@numba.njit(inline="always", **KERNEL)
def is_inside(x, y, width, height):
    """Whether a point lies within the outermost samples: these are squares, and what moves by a hair stays in them."""
    return x >= -0.5 and y >= -0.5 and x <= width - 0.5 and y <= height - 0.5


@numba.njit(inline="always", **KERNEL)
def is_visible(masked, t, x, y):
    """Whether all four samples around a point are known in frame `t`, by masks (T, h, w)."""
    height, width = masked.shape[1:]
    if not is_inside(x, y, width, height):
        return False
    left, top = int(x), int(y)  # towards zero: none is before the first
    right, low = min(left + 1, width - 1), min(top + 1, height - 1)
    return not (masked[t, top, left] or masked[t, top, right] or masked[t, low, left] or masked[t, low, right])


@numba.njit(inline="always", **KERNEL)
def _between(shares, field, n, left, top, right, low, channel):
    a, b, c, d = shares
    upper = a * field[n, top, left, channel] + b * field[n, top, right, channel]
    return upper + c * field[n, low, left, channel] + d * field[n, low, right, channel]


@numba.njit(forceinline=True, **KERNEL)
def locate(paths, way, hypothesis, x0, y0, frame, xy, risk, n, x, y):
    """Frame, x, y, error and doubt of the source of a working-scale point, from the nodes around it.

    Between four nodes seen in one frame positions are interpolated (beyond the outermost: extrapolated). Else each
    node offers its own source, shifted by the point's distance from it, and the nearest frame wins in which that
    place is visible: without the check roundings add up over a long way, and lead back into the hole. If none is
    visible, the nearest node's is followed on from there: a motion slower than the grid would never come out else.
    `paths`: `Tracks.arrays`; `frame`, `xy`, `risk`: those of several trails, of which the n-th is meant.
    """
    masked, flows, places, planes = paths
    rows, columns = frame.shape[1:]
    u = x / GRID_PX - x0
    v = y / GRID_PX - y0
    if u < -0.5 or v < -0.5 or u > columns - 0.5 or v > rows - 0.5:
        return NOWHERE, 0.0, 0.0, 0.0, 0.0
    left, top = max(min(int(u), columns - 2), 0), max(min(int(v), rows - 2), 0)
    right, low = min(left + 1, columns - 1), min(top + 1, rows - 1)
    s = frame[n, top, left]
    if s >= 0 and frame[n, top, right] == s and frame[n, low, left] == s and frame[n, low, right] == s:
        u -= left
        v -= top
        shares = (1 - u) * (1 - v), u * (1 - v), (1 - u) * v, u * v
        sx = _between(shares, xy, n, left, top, right, low, 0)
        sy = _between(shares, xy, n, left, top, right, low, 1)
        if not is_visible(masked, s, sx, sy):
            return NOWHERE, 0.0, 0.0, 0.0, 0.0
        error = _between(shares, risk, n, left, top, right, low, 0)
        doubt = _between(shares, risk, n, left, top, right, low, 1)
        return s, sx, sy, max(error, 0.0), max(doubt, 0.0)
    best, best_x, best_y, best_error, best_doubt, best_far = NOWHERE, 0.0, 0.0, 0.0, 0.0, 9.0
    near_j, near_i, near_far = -1, -1, 9.0
    for j in range(top, low + 1):
        for i in range(left, right + 1):
            s = frame[n, j, i]
            if s < 0:
                continue
            far = (u - i) ** 2 + (v - j) ** 2
            if far < near_far:
                near_j, near_i, near_far = j, i, far
            is_nearer = s < best if way == 0 else s > best
            if best >= 0 and not is_nearer and not (s == best and far < best_far):
                continue
            sx, sy = xy[n, j, i, 0] + (u - i) * GRID_PX, xy[n, j, i, 1] + (v - j) * GRID_PX
            if is_visible(masked, s, sx, sy):
                best, best_x, best_y, best_far = s, sx, sy, far
                best_error, best_doubt = risk[n, j, i, 0] + 0.0, risk[n, j, i, 1] + 0.0
    if best < 0 and near_j >= 0:
        s = frame[n, near_j, near_i]
        sx = xy[n, near_j, near_i, 0] + (u - near_i) * GRID_PX
        sy = xy[n, near_j, near_i, 1] + (v - near_j) * GRID_PX
        error, doubt = risk[n, near_j, near_i, 0] + 0.0, risk[n, near_j, near_i, 1] + 0.0
        for _ in range(FOLLOW_FRAMES):
            pair = s - way
            if pair < 0 or pair >= len(places) or places[pair, 3] == 0:
                break
            sx, sy, missed, apart = step(flows, places[pair], planes[pair], way, hypothesis, sx, sy)
            s += 1 - 2 * way
            error += missed
            doubt += apart
            if is_visible(masked, s, sx, sy):
                return s, sx, sy, error, doubt
    return best, best_x, best_y, best_error, best_doubt


@numba.njit(**KERNEL)
def _advance(
    paths, t, way, hypothesis, target, limit,
    x0, y0, frame, xy, risk, next_x0, next_y0, next_frame, next_xy, next_risk,
):  # fmt: skip
    """Fill in the answers of one frame by those of the next. Returns `Trail.reach`."""
    masked, flows, places, planes = paths
    rows, columns = frame.shape
    height, width = masked.shape[1:]
    reach, asked, lost = 1, 0, 0
    for j in range(rows):
        for i in range(columns):
            x, y = GRID_PX * (x0 + i), GRID_PX * (y0 + j)
            is_near = False
            for yy in range(max(y - GRID_PX + 1, 0), min(y + GRID_PX, height)):
                for xx in range(max(x - GRID_PX + 1, 0), min(x + GRID_PX, width)):
                    is_near |= masked[t, yy, xx]
            if not is_near:
                continue
            asked += 1
            pair = t - way
            nx, ny, missed, apart = step(flows, places[pair], planes[pair], way, hypothesis, x, y)
            if not is_inside(nx, ny, width, height):
                continue
            if is_visible(masked, target, nx, ny):
                s, sx, sy = target, nx, ny
            else:
                # a bare 0 would be a type of its own, for which all of `locate` were compiled once more
                s, sx, sy, e, d = locate(
                    paths, way, hypothesis, next_x0, next_y0, next_frame, next_xy, next_risk, np.int64(0), nx, ny
                )
                missed += e
                apart += d
            if s < 0 or not missed <= limit:
                lost += 1
                continue
            reach = max(reach, abs(s - t))
            frame[j, i] = s
            xy[j, i, 0] = sx
            xy[j, i, 1] = sy
            risk[j, i, 0] = missed
            risk[j, i, 1] = apart
    return reach if lost <= LOST_SHARE * asked else -1
