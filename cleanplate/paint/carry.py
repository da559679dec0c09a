"""The motion inside a hole, from when it was seen: what is hidden now was seen some frames earlier or later.

A point keeps its motion against the camera's plane, so its hand-held shake, which all points share, does not count.
Sweeps through the clip, one forward and one back in time, carry these motions along themselves into the holes; trust in
them falls with each frame, and where motions that differ land on one place. Where past and future agree, completion
leans on them; where they say nothing it is harmonic.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import Executor
from typing import Any

import numba
import numpy as np
from numpy.typing import NDArray

from cleanplate.base.types import Box
from cleanplate.motion.camera import moved_by
from cleanplate.motion.complete import KNOWN, lean
from cleanplate.motion.kernels import KERNEL
from cleanplate.paint.looks import bounds
from cleanplate.paint.trace import FLOW_STEP_PX

LEAN_SWEEPS = 4  # a level: guesses are near already
DECAY = np.float32(0.6)  # of the trust in a motion, for each frame it is carried
PULL = np.float32(0.7)  # of a motion seen just now, that of a neighbour in the same frame being 1
APART_PX2 = np.float32(0.25)  # past and future this far apart (squared working pixels) halve the pull; so do motions
# with this variance that land on one place
CARRIED_FRAMES = 12  # after so many
LEAST_TRUST = np.float32(0.003)  # is left, and nothing is carried on

TRUST_STEP = 1 / 4096
SAME_STEPS = 0.1 / FLOW_STEP_PX  # motion against the plane that is none
MOST_STEPS = 32767  # of an int16

Motions = tuple[Box, NDArray[np.float32], NDArray[np.float32]]
# of a frame: the part it is told of, (h, w, 2) px to the next frame of a sweep against the plane, and trust (h, w)


def carry(
    flow: NDArray[np.int16],
    known: NDArray[np.bool_],
    places: NDArray[np.int64],
    planes: NDArray[np.float64],
    is_planar: NDArray[np.bool_],
    pairs: Sequence[int],
    pool: Executor,
) -> None:
    """Completes a row of flow anew, with the help of other times; see `Tracks` for it, places and planes.

    `known` (N / 2): which of its vectors were found, and not completed. `pairs`, rising: the others are left as they
    are, as are pairs that follow the plane, `is_planar`, and are told of nothing else.
    """
    told = {
        t: (box, _packed(motion, trust)) for t, (box, motion, trust) in _sweep(flow, known, places, planes, pairs, 1)
    }
    for t, (_, motion, trust) in _sweep(flow, known, places, planes, pairs, 0):
        _agree(motion, trust, told[t][1])

    def complete(n: int) -> None:
        for way in (0, 1):
            if is_planar[n] and np.abs(told[n + way][1][..., :2]).max() <= SAME_STEPS:
                continue
            _complete(_part(flow, 2, places[n], way), _part(known, 1, places[n], way), places[n], planes[n, way], way,
                      *told[n + way])  # fmt: skip

    list(pool.map(complete, pairs))


def _part(row: NDArray[Any], channels: int, place: NDArray[np.int64], way: int) -> NDArray[Any]:
    """A pair's part of a flat row with two (flow) or one value a point, one way: (rows, columns, channels), a view."""
    offset, _, _, columns, rows = (int(v) for v in place)
    size = channels * columns * rows
    start = offset * channels // 2 + way * size
    return row[start : start + size].reshape(rows, columns, channels)


def _packed(motion: NDArray[np.float32], trust: NDArray[np.float32]) -> NDArray[np.int16]:
    """(h, w, 3): motion in steps of FLOW_STEP_PX and trust in steps of TRUST_STEP, in half the memory."""
    packed = np.empty((*trust.shape, 3), np.int16)
    packed[..., :2] = np.clip(np.rint(motion / FLOW_STEP_PX), -MOST_STEPS, MOST_STEPS)
    packed[..., 2] = np.rint(trust / TRUST_STEP)
    return packed


def _sweep(
    flow: NDArray[np.int16],
    known: NDArray[np.bool_],
    places: NDArray[np.int64],
    planes: NDArray[np.float64],
    pairs: Sequence[int],
    way: int,
) -> Iterator[tuple[int, Motions]]:
    """Each frame and the motions seen in it or carried to it, forward in time (way 0) or back (1)."""
    there = set(pairs)
    step = 1 - 2 * way
    now: Motions | None = None
    for n in pairs[::step]:
        t = n + way  # the pair leads from frame t to t + step
        if now is None:
            now = _blank(_around(places, t))
        _note(flow, known, places[n], planes[n], way, 1, now)
        yield t, now
        last, now = now, _blank(_around(places, t + step))
        _land(last[1], last[2], last[0][0], last[0][1], planes[n, way], now[0][0], now[0][1], now[1], now[2])
        _note(flow, known, places[n], planes[n], 1 - way, -1, now)
        if n + step not in there:
            yield t + step, now
            now = None


def _around(places: NDArray[np.int64], t: int) -> Box:
    """The places of the pairs that frame `t` belongs to."""
    own = [place for place in places[max(t - 1, 0) : t + 1] if place[3]]
    corners = np.array([(x0, y0, x0 + columns, y0 + rows) for _, x0, y0, columns, rows in own])
    return (*corners[:, :2].min(0).tolist(), *corners[:, 2:].max(0).tolist())


def _blank(box: Box) -> Motions:
    x0, y0, x1, y1 = box
    return box, np.zeros((y1 - y0, x1 - x0, 2), np.float32), np.zeros((y1 - y0, x1 - x0), np.float32)


def _note(
    flow: NDArray[np.int16],
    known: NDArray[np.bool_],
    place: NDArray[np.int64],
    planes: NDArray[np.float64],
    way: int,
    sign: int,
    motions: Motions,
) -> None:
    """Write down the motions that were found, by the flow of one way; `sign` -1 = the sweep goes the other way."""
    box, motion, trust = motions
    _write(
        _part(flow, 2, place, way), _part(known, 1, place, way), planes[way], sign, place[1], place[2],
        place[1] - box[0], place[2] - box[1], motion, trust,
    )  # fmt: skip


def _complete(
    flow: NDArray[np.int16],
    known: NDArray[np.bool_],
    place: NDArray[np.int64],
    plane: NDArray[np.float64],
    way: int,
    box: Box,
    told: NDArray[np.int16],
) -> None:
    """Complete one way of a pair's flow anew, leaning on what is `told` (`_packed`) of the part `box`."""
    unknown = ~known[..., 0]
    if not unknown.any():
        return
    x0, y0, x1, y1 = bounds(unknown, 1)
    there = np.s_[place[2] + y0 - box[1] : place[2] + y1 - box[1], place[1] + x0 - box[0] : place[1] + x1 - box[0]]
    seen = ~unknown[y0:y1, x0:x1]
    values, pull = _wishes(np.ascontiguousarray(told[there]), plane, 1 - 2 * way, place[1] + x0, place[2] + y0)
    values[seen] = flow[y0:y1, x0:x1][seen] * np.float32(FLOW_STEP_PX)
    pull[seen] = KNOWN
    steps = np.rint(lean(values, pull, LEAN_SWEEPS) / np.float32(FLOW_STEP_PX))
    flow[y0:y1, x0:x1] = np.clip(steps, -MOST_STEPS, MOST_STEPS).astype(np.int16)


@numba.njit(inline="always", **KERNEL)
def _shift(plane, x, y):
    """By how much a plane's motion takes (x, y) away."""
    u, v = moved_by(plane, x, y)
    return u - x, v - y


@numba.njit(**KERNEL)
def _write(flow, known, plane, sign, x0, y0, left, top, motion, trust):
    rows, columns = flow.shape[:2]
    for j in range(rows):
        for i in range(columns):
            if known[j, i, 0]:
                dx, dy = _shift(plane, x0 + i, y0 + j)
                motion[top + j, left + i, 0] = sign * (flow[j, i, 0] * FLOW_STEP_PX - dx)
                motion[top + j, left + i, 1] = sign * (flow[j, i, 1] * FLOW_STEP_PX - dy)
                trust[top + j, left + i] = 1


@numba.njit(**KERNEL)
def _land(motion, trust, x0, y0, plane, next_x0, next_y0, out, out_trust):
    """Carry motions to where they lead: the mean of what lands on a place, by its trust."""
    rows, columns = out_trust.shape
    weight, square = np.zeros((rows, columns), np.float32), np.zeros((rows, columns), np.float32)
    for j in range(trust.shape[0]):
        for i in range(trust.shape[1]):
            c = trust[j, i]
            if c < LEAST_TRUST:
                continue
            u, v = motion[j, i, 0], motion[j, i, 1]
            dx, dy = _shift(plane, x0 + i, y0 + j)
            x, y = x0 + i + dx + u - next_x0, y0 + j + dy + v - next_y0
            if not (x >= 0 and y >= 0 and x < columns - 1 and y < rows - 1):
                continue
            left, top = int(x), int(y)
            for low in range(2):
                for right in range(2):
                    w = np.float32((x - left if right else 1 - x + left) * (y - top if low else 1 - y + top)) * c
                    out[top + low, left + right, 0] += w * u
                    out[top + low, left + right, 1] += w * v
                    out_trust[top + low, left + right] += w * c
                    square[top + low, left + right] += w * (u * u + v * v)
                    weight[top + low, left + right] += w
    for j in range(rows):
        for i in range(columns):
            if weight[j, i] > 0:
                u, v = out[j, i, 0] / weight[j, i], out[j, i, 1] / weight[j, i]
                apart = max(square[j, i] / weight[j, i] - u * u - v * v, np.float32(0))
                out[j, i, 0], out[j, i, 1] = u, v
                out_trust[j, i] *= DECAY / (weight[j, i] * (1 + apart / APART_PX2))


@numba.njit(**KERNEL)
def _agree(motion, trust, told):
    """What past and future say together: puts motion forward in time, and its trust, where the future's were `told`."""
    for j in range(trust.shape[0]):
        for i in range(trust.shape[1]):
            a, b = trust[j, i], told[j, i, 2] * TRUST_STEP
            if a + b == 0:
                continue
            u, v = -told[j, i, 0] * FLOW_STEP_PX, -told[j, i, 1] * FLOW_STEP_PX
            apart = (motion[j, i, 0] - u) ** 2 + (motion[j, i, 1] - v) ** 2
            u, v = (a * motion[j, i, 0] + b * u) / (a + b), (a * motion[j, i, 1] + b * v) / (a + b)
            told[j, i, 0] = np.rint(min(max(u / FLOW_STEP_PX, -MOST_STEPS), MOST_STEPS))
            told[j, i, 1] = np.rint(min(max(v / FLOW_STEP_PX, -MOST_STEPS), MOST_STEPS))
            told[j, i, 2] = np.rint((a + b) / (1 + 4 * a * b * apart / ((a + b) ** 2 * APART_PX2)) / TRUST_STEP)


@numba.njit(**KERNEL)
def _wishes(told, plane, sign, x0, y0):
    """From motions against the plane to flow (h, w, 2), and its pull (h, w)."""
    rows, columns = told.shape[:2]
    wish, pull = np.zeros((rows, columns, 2), np.float32), np.zeros((rows, columns), np.float32)
    for j in range(rows):
        for i in range(columns):
            dx, dy = _shift(plane, x0 + i, y0 + j)
            wish[j, i, 0] = sign * told[j, i, 0] * FLOW_STEP_PX + dx
            wish[j, i, 1] = sign * told[j, i, 1] * FLOW_STEP_PX + dy
            pull[j, i] = PULL * (told[j, i, 2] * TRUST_STEP)
    return wish, pull
