"""Layers: a thing that stays in the video crosses the hole, in front of or behind what is taken out.

What passes (`motion/passing.py`) is told from what lies behind it in all frames: there the picture is not what the
camera's motion brings from other times, but what the thing's own motion brings from just before and after. It is hidden
as the hole is while the rest is painted, completed by its own motion from the frames that show it beside the hole, with
its own outline, and laid over the rest: whatever passes lies in front of what lies still. Layers in the sense of Wang
and Adelson, "Representing Moving Images with Layers", 1994.
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from functools import partial
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from cleanplate.base.types import SEEN, UNTOUCHED, Box
from cleanplate.motion.direct import plane_flow
from cleanplate.motion.passing import Passing, between, find_passing
from cleanplate.motion.register import Plane, carried, enlarging, from_corner, in_view
from cleanplate.paint.looks import bounds
from cleanplate.paint.trace import FLOW_STEP_PX, Tracks

# Lengths marked "of 240" are pixels of a frame 240 lines high and grow with it; the others are working pixels.
CLEAR_PX = 6  # of 240: flow nearer to a hole does not tell whether something passes
APART_PX, APART_SHARE = 1.5, 0.08  # of 240: as much must move, and such a share of what is near
EVEN_PX = 0.5  # working pixels: where flow changes by more from one to the next it passes from one thing to another
ALIKE_PX, ALIKE_SHARE = 1.0, 0.85  # working pixels: such a share must move as one; else it bends, or is several things
ASKED_PAIRS = 3  # each so many'th pair of frames is asked
LEAST_PAIRS, MOST_PAIRS = 2, 0.7  # of those in which something moves, and the share of them in which it does so
FAR_FRAMES, FAR_STEP = 40, 8  # from where the camera's motion brings what lies behind
NEAR_FRAMES = 2  # from where the thing's own motion brings it
DIFFERENT_LEVELS = 8.0  # of 255, and the slope of the picture (levels a px): what differs less is the same
WHOLE = 255  # of a mask of bytes
VOTES = 4  # frames before and after that say what belongs to the thing as well
SMALLEST = 0.1  # of the largest part of it: smaller parts are left out
REACH_FRAMES = 40  # how far away a frame may show what is hidden of it
RING_PX = 6  # of 240: it is tried on a ring so wide around the hole
TRIED_FRAMES = 8
MOST_AREA = 0.35  # of the picture, on average: what covers more is what lies behind
RIGHT_LEVELS = 8.0  # root mean square that it may miss the ring by
RIGHT_OUTLINE = 0.8  # share of the ring's samples in either outline, its own and the foretold one, that must be in both


@dataclass(kw_only=True, eq=False)
class Crossing:
    """Something that crosses the holes of a clip."""

    images: NDArray[Any]  # (T, H, W, 3): the clip's
    tracks: Tracks
    scale: int
    unit: float
    passing: Passing
    outline: dict[int, NDArray[np.uint8]]  # of each frame of it (h, w): `WHOLE` = the thing is seen there

    def where(self, t: int, height: int, width: int) -> NDArray[np.bool_]:
        """Where it is seen in frame `t`, with what it blurs into, at full size."""
        near = cv2.dilate((self.outline[t] > WHOLE // 2).astype(np.uint8), np.ones((5, 5), np.uint8))
        whole = cv2.resize(near, None, fx=self.scale, fy=self.scale, interpolation=cv2.INTER_NEAREST)
        return np.asarray(whole[:height, :width] > 0)

    def shown(self, t: int, box: Box) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """How far (h, w) the thing covers a part of frame `t`, and its colours (h, w, 3), by the nearest frames."""
        size = _size(box)
        cover, weight = np.zeros((2, size[1], size[0]), np.float32)
        colour = np.zeros((size[1], size[0], 3), np.float32)
        corner = from_corner(box[0], box[1])
        for onward in (-1, 1):
            left = np.ones(cover.shape, np.bool_)
            for s in range(t + onward, t + onward * (REACH_FRAMES + 1), onward):
                if s not in self.passing.frames or not left.any():
                    break
                plane = between(self.passing.own, t, s)
                there = self._small(plane, box)
                known = carried(_known(self.tracks, s), there, size) == WHOLE
                new = known & left
                if not new.any():
                    continue
                share = np.where(new, np.float32(1 / abs(s - t)), np.float32(0))
                told = share * (carried(self.outline[s], there, size) / np.float32(WHOLE))
                full = in_view(plane, enlarging(self.scale, self.scale)) @ corner
                cover += told
                weight += share
                colour += told[..., None] * carried(self.images[s], full, size, cv2.INTER_CUBIC)
                left &= ~known
        colour /= np.maximum(cover, np.float32(1e-6))[..., None]
        return np.clip(cover / np.maximum(weight, np.float32(1e-6)), 0, 1), colour

    def fits(self, holes: NDArray[np.bool_]) -> bool:
        """Whether it foretells what is known around the holes (T, H, W)."""
        width = max(round(RING_PX * self.unit * self.scale), 2)
        square = np.ones((2 * width + 1, 2 * width + 1), np.uint8)
        error, samples, both, either = 0.0, 0, 0, 0
        frames = [t for t in self.outline if holes[t].any()]
        if np.mean([outline.mean() for outline in self.outline.values()]) > MOST_AREA * WHOLE:
            return False
        for t in frames[:: -(-len(frames) // TRIED_FRAMES) or 1]:
            box = bounds(holes[t], width)
            part = np.s_[t, box[1] : box[3], box[0] : box[2]]
            ring = (cv2.dilate(holes[part].astype(np.uint8), square) > 0) & ~holes[part]
            cover, colour = self.shown(t, box)
            foretold = ring & (cover > 0.5)
            own = ring & (carried(self.outline[t], self._small(np.eye(3), box), _size(box)) > WHOLE // 2)
            both += int(np.count_nonzero(foretold & own))
            either += int(np.count_nonzero(foretold | own))
            top = np.iinfo(self.images.dtype).max / 255
            error += float((((colour - self.images[part])[foretold & own] / top) ** 2).mean(-1).sum())
            samples += int(np.count_nonzero(foretold & own))
        return samples > 0 and error < RIGHT_LEVELS**2 * samples and both > RIGHT_OUTLINE * either

    def _small(self, plane: Plane, box: Box) -> Plane:
        """A plane between working pictures, from a part of a frame at full size to a working picture."""
        return np.asarray(plane @ enlarging(1 / self.scale, 1 / self.scale) @ from_corner(box[0], box[1]))


def find_crossings(
    images: NDArray[Any], holes: NDArray[np.bool_], tracks: Tracks, scale: int, unit: float, pool: Executor
) -> list[Crossing]:
    """What crosses the holes (T, H, W) of a clip and can be told from what lies behind it. Mostly nothing.

    `tracks`: the motion around the holes; `scale`, `unit`: see `find_tracks`.
    """
    if not _is_passed(tracks, unit):
        return []
    found = []
    for passing in find_passing(tracks.gray, tracks.masked, unit):
        frames = passing.frames
        apart = dict(zip(frames, pool.map(partial(_differs, tracks, passing), frames), strict=True))
        outline = dict(zip(frames, pool.map(partial(_outline, tracks, passing, apart), frames), strict=True))
        crossing = Crossing(images=images, tracks=tracks, scale=scale, unit=unit, passing=passing, outline=outline)
        if crossing.fits(holes):
            found.append(crossing)
    return found


def hidden_too(holes: NDArray[np.bool_], crossings: Sequence[Crossing]) -> NDArray[np.bool_]:
    """The holes (T, H, W), and what crosses them."""
    both = holes.copy()
    for crossing in crossings:
        for t in crossing.outline:
            both[t] |= crossing.where(t, *holes.shape[1:])
    return both


def lay(
    painted: NDArray[Any],
    origin: NDArray[np.uint8],
    begin: int,
    hidden: NDArray[np.bool_],
    holes: NDArray[np.bool_],
    crossings: Sequence[Crossing],
    t: int,
) -> None:
    """Show in frame `t` what was `hidden_too`: beside the holes as it is, in them as other frames show it.

    `painted` (N, H, W, 3) and `origin` (N, H, W) start at frame `begin`; `hidden`, `holes` (T, H, W).
    """
    beside = hidden[t] & ~holes[t]
    painted[t - begin][beside] = crossings[0].images[t][beside]
    origin[t - begin][beside] = UNTOUCHED
    box = bounds(holes[t], 0)
    part = np.s_[t - begin, box[1] : box[3], box[0] : box[2]]
    below, hole = painted[part], holes[t, box[1] : box[3], box[0] : box[2]]
    for crossing in crossings:
        if t in crossing.outline:
            cover, colour = crossing.shown(t, box)
            mixed = np.clip(np.rint(below + cover[..., None] * (colour - below)), 0, np.iinfo(painted.dtype).max)
            np.copyto(below, mixed.astype(painted.dtype), where=(hole & (cover > 0))[..., None])
            origin[part][hole & (cover >= 0.5)] = SEEN


def _is_passed(tracks: Tracks, unit: float) -> bool:
    """Whether something that keeps its shape moves past the holes for some time."""
    moving = whole = 0
    for n in np.flatnonzero((tracks.places[:, 3] > 0) & ~tracks.is_planar)[::ASKED_PAIRS].tolist():
        start, x0, y0, columns, rows = tracks.places[n].tolist()
        flow = tracks.flows[0, start : start + 2 * columns * rows].reshape(rows, columns, 2) * FLOW_STEP_PX
        hidden = (tracks.masked[n] | tracks.masked[n + 1])[y0 : y0 + rows, x0 : x0 + columns]
        clear = cv2.distanceTransform((~hidden).astype(np.uint8), cv2.DIST_L2, 3) > CLEAR_PX * unit
        against = flow - plane_flow(tracks.planes[n, 0], (x0, y0, x0 + columns, y0 + rows))
        steps = cv2.morphologyEx(against.astype(np.float32), cv2.MORPH_GRADIENT, np.ones((3, 3), np.uint8)).max(-1)
        apart = clear & (np.hypot(against[..., 0], against[..., 1]) > APART_PX * unit)
        moves = against[apart & (steps < EVEN_PX)]  # between two things flow is neither's
        if len(moves) <= APART_SHARE * np.count_nonzero(clear):
            continue
        middle = np.median(moves, axis=0)
        for _ in range(3):
            away = np.hypot(*(moves - middle).T)
            middle = np.median(moves[away <= max(float(np.median(away)), 0.5)], axis=0)
        alike = np.hypot(*(moves - middle).T) < max(ALIKE_PX * max(unit, 1), 0.1 * float(np.hypot(*middle)))
        moving += 1
        whole += bool(alike.mean() >= ALIKE_SHARE)
    return whole >= max(LEAST_PAIRS, MOST_PAIRS * moving)


def _differs(tracks: Tracks, passing: Passing, t: int) -> NDArray[np.bool_]:
    """Where frame `t` (h, w) is what passes: not what the camera's motion brings there, but what its own does."""
    gray, known = tracks.gray[t], ~tracks.masked[t]
    smooth = cv2.blur(gray.astype(np.float32), (3, 3))
    slope = np.hypot(cv2.Sobel(smooth, -1, 1, 0, scale=0.125), cv2.Sobel(smooth, -1, 0, 1, scale=0.125))
    limit = DIFFERENT_LEVELS + cv2.blur(slope, (5, 5))
    told, different = np.zeros((2, *gray.shape), np.int32)
    for s in range(t - FAR_FRAMES, t + FAR_FRAMES + 1, FAR_STEP):
        if s != t and s in passing.around:
            left, seen = _missed(tracks, between(passing.camera, t, s), t, s)
            told += seen
            different += seen & (left > limit)
    same = np.zeros(gray.shape, np.bool_)
    for s in range(t - NEAR_FRAMES, t + NEAR_FRAMES + 1):
        if s != t and s in passing.frames:
            left, seen = _missed(tracks, between(passing.own, t, s), t, s)
            same |= seen & (left < limit)
    return np.asarray(known & same & (2 * different > told))


def _known(tracks: Tracks, t: int) -> NDArray[np.uint8]:
    """What is known of frame `t` (h, w): `WHOLE` or 0."""
    return np.where(tracks.masked[t], np.uint8(0), np.uint8(WHOLE))


def _missed(tracks: Tracks, plane: Plane, t: int, s: int) -> tuple[NDArray[np.uint8], NDArray[np.bool_]]:
    """How frame `s`, brought to frame `t`, differs from it in means of 3x3 (levels), and where both are known."""
    size = tracks.gray.shape[2], tracks.gray.shape[1]
    brought = carried(tracks.gray[s], plane, size)
    left = cv2.blur(cv2.absdiff(tracks.gray[t], brought), (3, 3))
    seen = carried(_known(tracks, s), plane, size) == WHOLE
    return np.asarray(left, np.uint8), seen & ~tracks.masked[t]


def _outline(tracks: Tracks, passing: Passing, apart: dict[int, NDArray[np.bool_]], t: int) -> NDArray[np.uint8]:
    """What belongs to the thing in frame `t` (h, w), as most of the frames around it say; soft at its edge."""
    size = tracks.gray.shape[2], tracks.gray.shape[1]
    known = ~tracks.masked[t]
    votes, voters = np.zeros((2, *known.shape), np.int32)
    for s in range(max(passing.first, t - VOTES), min(passing.last, t + VOTES) + 1):
        plane = between(passing.own, t, s)
        votes += carried(np.where(apart[s], np.uint8(WHOLE), np.uint8(0)), plane, size)
        voters += carried(_known(tracks, s), plane, size)
    mine = ((votes > 0.5 * voters) & (voters > 0.5 * WHOLE) & known).astype(np.uint8)
    mine = cv2.morphologyEx(mine, cv2.MORPH_CLOSE, np.ones((9, 9), np.uint8)) & known
    mine = cv2.morphologyEx(mine, cv2.MORPH_OPEN, np.ones((5, 5), np.uint8))
    count, parts, facts, _ = cv2.connectedComponentsWithStats(mine)
    large = np.flatnonzero(facts[:, cv2.CC_STAT_AREA] >= SMALLEST * facts[1:, cv2.CC_STAT_AREA].max(initial=1))
    whole = np.isin(parts, large[large > 0]) if count > 1 else mine > 0
    soft, seen = (cv2.GaussianBlur(area.astype(np.float32), (0, 0), 0.7) for area in (whole, known))
    return np.rint(WHOLE * soft / np.maximum(seen, np.float32(1e-6))).astype(np.uint8)


def _size(box: Box) -> tuple[int, int]:
    return box[2] - box[0], box[3] - box[1]
