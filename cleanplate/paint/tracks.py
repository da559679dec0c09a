"""Finding out how one clip moves around its holes: what `trace` follows.

Where one plane explains all that moves around the holes of two neighbouring frames it is their motion
(`motion/direct.py`). Every other pair gets its flow both ways, by pictures whose holes are smoothly filled. What that
says near the fill is not believed: it is thrown away, found again by the known samples alone as far as there are any
(`motion/rim.py`), and completed harmonically. Beside it go the same completed with what other times tell (`carry`), and
the motion of one plane, the camera's. Once the holes are painted a second look finds the motion of the painted
pictures.
"""

from __future__ import annotations

import threading
from collections.abc import Collection
from concurrent.futures import Executor
from dataclasses import dataclass, replace
from functools import partial
from hashlib import blake2b
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from cleanplate.base.types import Box
from cleanplate.motion.camera import fit_plane
from cleanplate.motion.complete import SWEEPS, harmonic
from cleanplate.motion.direct import find_plane, plane_flow
from cleanplate.motion.dis import DisFlow
from cleanplate.motion.estimator import Estimator
from cleanplate.motion.register import Plane, from_corner, in_view
from cleanplate.motion.rim import rim_flow
from cleanplate.paint.carry import CARRIED_FRAMES, carry
from cleanplate.paint.looks import bounds, look, shrink
from cleanplate.paint.memory import PairMemory
from cleanplate.paint.presets import Preset
from cleanplate.paint.trace import FLOW_STEP_PX, GRID_PX, Tracks

# Lengths marked "of 240" are pixels of a frame 240 lines high and grow with it; the others are working pixels.
CLOSE_BAND_PX = 3  # the same where the fill is a painting
BAND_PX = 7  # beyond the ring: how far flow is spoilt by the fill (patches of 8 at the finest scales)
CARRY_PX = 16  # of 240: motion is kept this far around the holes, to be carried into them
PROBE_PAIRS = 8  # each so many'th pair is asked first whether one plane explains it
PLANAR_SHARE = 0.25  # of those that it must explain before the others are asked too: a vain question costs 2 ms
CAMERA_GRID_PX = 8  # of 240: the plane is fitted to every 8th flow vector


@dataclass(frozen=True, kw_only=True, eq=False)
class Measured:
    """What is found of a pair, both ways."""

    flow: NDArray[np.int16]  # (2 ways * rows * columns * 2,): in steps of FLOW_STEP_PX
    known: NDArray[np.uint8]  # eight in a byte: where it was found and not completed
    planes: NDArray[np.float64]  # (2, 3, 3)
    is_planar: bool  # whether the planes are all there is

    def copied(self) -> Measured:
        """The same, of whose arrays none is a view."""
        return replace(self, flow=self.flow.copy())


def find_tracks(
    images: NDArray[Any],
    holes: NDArray[np.bool_],
    owed: Collection[int],
    scale: int,
    unit: float,
    reach_frames: int,
    preset: Preset,
    pool: Executor,
    memory: PairMemory[Measured],
    start: int = 0,
    estimator: Estimator | None = None,
) -> Tracks:
    """The motion by which the holes of the frames `owed` may be traced, up to `reach_frames` away.

    `images` (T, H, W, 3), `holes` (T, H, W); `scale`: how many times smaller the working pictures are; `unit`: their
    full frame's height / 240 lines. Pairs that `memory` knows are not measured again. `start`: the first frame's index
    in the video. `estimator`: what finds the flow; None = DIS, set as the preset says.
    """
    count, height, width = holes.shape
    rows, columns = -(-height // scale), -(-width // scale)
    owed = set(owed)
    pairs = sorted(_pairs(holes, owed, reach_frames))
    gray = np.zeros((count, rows, columns), np.uint8)
    masked = np.zeros((count, rows, columns), np.bool_)

    def prepare(t: int) -> None:
        gray[t], masked[t] = look(images[t], np.asarray(holes[t]), scale, rows, columns)

    list(pool.map(prepare, sorted(owed | set(pairs) | {n + 1 for n in pairs})))
    places = np.zeros((max(count - 1, 0), 5), np.int64)
    size = 0
    for n in pairs:
        x0, y0, x1, y1 = bounds(
            masked[n] | masked[n + 1], max(round(CARRY_PX * unit), GRID_PX) if preset.is_carried else GRID_PX
        )
        places[n] = size, x0, y0, x1 - x0, y1 - y0
        size += 4 * (x1 - x0) * (y1 - y0)
    flows = np.zeros((1 + preset.is_carried, size), np.int16)
    flow = flows[0]
    known = np.zeros(size // 2, np.bool_)
    planes = np.tile(np.eye(3), (len(places), 2, 1, 1))
    is_planar = np.zeros(len(places), np.bool_)
    local = threading.local()  # DIS keeps buffers: one a thread

    def measure(n: int, may_be_planar: bool, guess: Plane | None = None) -> None:
        both = masked[n] | masked[n + 1]
        box = bounds(both, max(round(preset.context_px * unit), GRID_PX))
        part = np.s_[box[1] : box[3], box[0] : box[2]]
        # All that decides about the motion: with several engines the next piece may not find it kept.
        facts = (*box, *places[n, 1:], unit, may_be_planar, *(() if guess is None else guess.ravel()))
        key = _digest(gray[n][part], gray[n + 1][part], both[part], facts)
        measured = memory.take(key)
        if measured is None and may_be_planar:
            near = bounds(both, round(CARRY_PX * unit))
            measured = _planar(gray[n][part], gray[n + 1][part], both[part], box, near, places[n], guess)
        if measured is None:
            both_ways = _flow(local, preset, gray[n : n + 2], box, estimator)
            good = _trusted(both[part], BAND_PX)
            fitted = _planes(both_ways, good, box, unit)
            found = np.stack([good, good])
            for way, xy in enumerate(both_ways):
                if not preset.is_carried:
                    _complete(xy, good)
                    continue
                _complete(xy, good, sweeps=2)
                one, other = (np.s_[n + way, *part], np.s_[n + 1 - way, *part])
                found[way] |= rim_flow(gray[one], gray[other], masked[one], masked[other], xy, ~good)
                _complete(xy, found[way])
            steps, where = _steps(both_ways, box, places[n]), np.packbits(_inner(found, box, places[n]))
            measured = Measured(flow=steps, known=where, planes=fitted, is_planar=False)
        own = slice(places[n, 0], places[n, 0] + measured.flow.size)
        flow[own], planes[n], is_planar[n] = measured.flow, measured.planes, measured.is_planar
        known[own.start // 2 : own.stop // 2] = np.unpackbits(measured.known, count=measured.flow.size // 2)
        if memory.keeps(n):
            memory.put(key, replace(measured, flow=flow[own]))

    def measure_by(n: int) -> None:
        nearest = min(tried, key=lambda probe: abs(probe - n))
        measure(n, True, planes[nearest, 0] if is_planar[nearest] else None)

    # The same pairs whichever piece shows them, as what is found there decides about the others.
    tried = [n for n in pairs if (start + n) % PROBE_PAIRS == 0] if preset.looks == 1 else []
    list(pool.map(partial(measure, may_be_planar=True), tried))
    is_worth_it = bool(tried) and is_planar[tried].mean() >= PLANAR_SHARE
    others = [n for n in pairs if n not in tried]
    list(pool.map(measure_by if is_worth_it else partial(measure, may_be_planar=False), others))
    if preset.is_carried:
        free = np.array([n for n in pairs if not is_planar[n]])
        flows[1] = flow
        reached = [n for n in pairs if (np.abs(free - n) <= CARRIED_FRAMES).any()]
        carry(flows[1], known, places, planes, is_planar, reached, pool)
    return Tracks(masked=masked, gray=gray, flows=flows, places=places, planes=planes, is_planar=is_planar)


def look_again(
    tracks: Tracks,
    painted: NDArray[Any],
    first: int,
    scale: int,
    unit: float,
    preset: Preset,
    pool: Executor,
    estimator: Estimator | None = None,
) -> Tracks:
    """The tracks with the motion of the painted pictures (T_core, H, W, 3) beside what they had.

    The core starts at frame `first`. Pairs that are not all in it keep the completed flow.
    """
    rows, columns = tracks.masked.shape[1:]
    flows = tracks.flows[[0, 1, 0, 0]]
    gray = tracks.gray.copy()
    core = range(first, first + len(painted))
    whole = np.zeros(painted.shape[1:3], np.bool_)

    def prepare(t: int) -> None:
        gray[t] = np.rint(shrink(painted[t - first], whole, scale, rows, columns)[0])

    local = threading.local()

    def measure(n: int) -> None:
        both = tracks.masked[n] | tracks.masked[n + 1]
        box = bounds(both, max(round(preset.again_context_px * unit), GRID_PX))
        flow = _flow(local, preset, gray[n : n + 2], box, estimator)
        _keep(flow, box, tracks.places[n], flows[2])
        for xy in flow:
            _complete(xy, _trusted(both[box[1] : box[3], box[0] : box[2]], CLOSE_BAND_PX))
        _keep(flow, box, tracks.places[n], flows[3])

    pairs = [n for n in np.flatnonzero(tracks.places[:, 3]) if n in core and n + 1 in core]
    list(pool.map(prepare, sorted({t for n in pairs for t in (n, n + 1)})))
    list(pool.map(measure, pairs))
    return replace(tracks, flows=flows)


def _planar(
    first: NDArray[np.uint8],
    second: NDArray[np.uint8],
    both: NDArray[np.bool_],
    box: Box,
    near: Box,
    place: NDArray[np.int64],
    guess: Plane | None,
) -> Measured | None:
    """The motion of a pair, shown within `box`, if all that is `near` the holes follows one plane; else None."""
    x0, y0, x1, y1 = near
    corner = from_corner(box[0], box[1])
    start = None if guess is None else in_view(guess, from_corner(-box[0], -box[1]))
    there = find_plane(first, second, both, (x0 - box[0], y0 - box[1], x1 - box[0], y1 - box[1]), start)
    if there is None:
        return None
    planes = in_view(np.stack([there, np.linalg.inv(there)]), corner)
    whole = int(place[1]), int(place[2]), int(place[1] + place[3]), int(place[2] + place[4])
    flow = np.stack([plane_flow(plane, whole) for plane in planes])
    known = np.broadcast_to(_inner(~both[None], box, place), (2, int(place[4]), int(place[3])))
    return Measured(flow=_steps(flow, whole, place), known=np.packbits(known), planes=planes, is_planar=True)


def _digest(first: NDArray[Any], second: NDArray[Any], masked: NDArray[Any], facts: tuple[float, ...]) -> bytes:
    """All that decides a pair's motion, in 16 bytes."""
    digest = blake2b(repr([float(fact) for fact in facts]).encode(), digest_size=16)
    for picture in (first, second, masked):
        digest.update(picture.tobytes())
    return digest.digest()


def _pairs(holes: NDArray[np.bool_], owed: set[int], reach_frames: int) -> set[int]:
    """The pairs a trace from a frame owed can come through: on from frame to frame while there is a hole."""
    found: set[int] = set()
    count = len(holes)
    for way, order in ((0, range(count)), (1, range(count - 1, -1, -1))):
        left = 0
        for t in order:
            left = reach_frames if t in owed else left - 1
            if left <= 0 or (t not in owed and not holes[t].any()):
                left = 0
            elif 0 <= t - way < count - 1:
                found.add(t - way)
    return found


def _flow(
    local: threading.local, preset: Preset, gray: NDArray[np.uint8], box: Box, estimator: Estimator | None
) -> NDArray[np.float32]:
    """Flow of two frames (2, h, w) both ways within `box`: (2, rows, columns, 2), forward and backward."""
    if estimator is not None:
        return estimator.between(gray[:, box[1] : box[3], box[0] : box[2]], (0, 1), (1, 0)).xy
    if not hasattr(local, "dis"):
        # Variational refinement would smear the fill outward and take half the time; without it the band can be narrow,
        # which is worth far more.
        local.dis = DisFlow(
            finest_scale=preset.dis_finest_scale,
            stride_px=preset.dis_stride_px,
            descents=preset.dis_descents,
            refinements=0,
        )
    first, second = (picture[box[1] : box[3], box[0] : box[2]] for picture in gray)
    return np.stack([local.dis.pair(first, second), local.dis.pair(second, first)])


def _trusted(masked: NDArray[np.bool_], band_px: int) -> NDArray[np.bool_]:
    """Where flow is believed: farther than the band from what is masked (H, W), or else wherever it is not masked."""
    far = cv2.distanceTransform((~masked).astype(np.uint8), cv2.DIST_L2, 3)
    good: NDArray[np.bool_] = far > band_px
    return good if good.any() else far > 0


def _planes(flow: NDArray[np.float32], good: NDArray[np.bool_], box: Box, unit: float) -> NDArray[np.float64]:
    """The camera's motion both ways, (2, 3, 3), by the good part of the flow (2, rows, columns, 2) within `box`."""
    step = max(round(CAMERA_GRID_PX * unit), 1)
    ys, xs = (step * nodes for nodes in np.nonzero(good[::step, ::step]))
    points = np.stack([xs + box[0], ys + box[1]], -1).astype(np.float32)
    return np.stack([fit_plane(points, points + one_way[ys, xs]) for one_way in flow])


def _complete(flow: NDArray[np.float32], good: NDArray[np.bool_], sweeps: int = SWEEPS) -> None:
    """Replaces what is not good of the flow (rows, columns, 2) harmonically."""
    if not good.all():
        x0, y0, x1, y1 = bounds(~good, 1)
        inner = np.s_[y0:y1, x0:x1]
        flow[inner] = harmonic(flow[inner], good[inner], sweeps)


def _steps(flow: NDArray[np.float32], box: Box, place: NDArray[np.int64]) -> NDArray[np.int16]:
    """The part of `flow` (2, rows, columns, 2) within `box` that belongs to `place`, flat as in `Tracks.flows`."""
    limit = np.iinfo(np.int16).max
    steps = np.clip(np.rint(_inner(flow, box, place) / FLOW_STEP_PX), -limit, limit).astype(np.int16)
    return np.asarray(steps.ravel(), np.int16)


def _inner(field: NDArray[Any], box: Box, place: NDArray[np.int64]) -> NDArray[Any]:
    """The part of a pair's field (2, rows, columns, ...) within `box` that belongs to `place`."""
    _, x0, y0, wide, high = (int(v) for v in place)
    return field[:, y0 - box[1] : y0 - box[1] + high, x0 - box[0] : x0 - box[0] + wide]


def _keep(flow: NDArray[np.float32], box: Box, place: NDArray[np.int64], row: NDArray[np.int16]) -> None:
    """Writes what `_steps` returns where it belongs in a row of `Tracks.flows`."""
    steps = _steps(flow, box, place)
    row[place[0] : place[0] + steps.size] = steps
