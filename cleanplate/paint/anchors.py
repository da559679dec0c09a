"""Inventing what no frame of a clip shows: on a few frames, the anchors, which all others follow.

Choose the frame that lacks most, paint it (`inventor`), carry it to all others (`carry`), and again while much is
missing. What an anchor has covered is the next one's to continue, so they agree. Only the last step needs painted
frames of this clip: `lay` takes any picture of which frame it belongs to.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from functools import partial
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from cleanplate.base.types import INVENTED, Clip
from cleanplate.motion.complete import harmonic
from cleanplate.paint.far import FADE_POWER
from cleanplate.paint.inventor import Inventor
from cleanplate.paint.looks import bounds
from cleanplate.paint.paths import Way, carry, linger, render, steady_light
from cleanplate.paint.sampling import DEEP
from cleanplate.paint.trace import GRID_PX, Tracks

LITTLE, MOSTLY = 64, 128  # of 255
MOST_ANCHORS = 8
LEAST_MISSING_PX = 60  # of 240 lines: less is no reason for another anchor
RIM_PX = 4  # of 240: how wide a rim around what is laid down tells the light
MOST_LIGHT = 32.0  # levels of 255: what differs by more is not light, but something else


@dataclass(frozen=True, kw_only=True, eq=False)
class Anchor:
    """A frame that is painted throughout."""

    t: int
    image: NDArray[Any]  # (H, W, 3)


@dataclass(kw_only=True, eq=False)
class Unseen:
    """The painted frames of a clip and what of them is still to be invented."""

    painted: NDArray[Any]  # (N, H, W, 3)
    smooth: NDArray[Any]  # (N, H, W, 3): as it was before anything was invented
    origin: NDArray[np.uint8]  # (N, H, W)
    share: NDArray[np.uint8]  # (N, H, W): what the next anchor may take, of 255
    begin: int
    "the frame that those arrays start at"
    images: NDArray[Any]  # (T, H, W, 3): the clip's
    holes: NDArray[np.bool_]  # (T, H, W): the clip's
    frames: Sequence[int]
    "those that are to be done"


def invent(
    unseen: Unseen,
    tracks: Tracks,
    hypothesis: int,
    scale: int,
    unit: float,
    pool: Executor,
    given: Iterable[Anchor] = (),
    inventor: Inventor | None = None,
    around_frames: int = 0,
) -> None:
    """Paint what is unseen: from the `given` anchors as far as they reach, then from new ones that the inventor paints.

    around_frames: how many frames before and after an anchor the inventor is shown. Without one there are no new ones.
    """
    linger(unseen.share, unseen.holes, unseen.frames, unseen.begin, tracks, hypothesis, scale)
    anchors = list(given)
    for n, anchor in enumerate(anchors):
        parts = {t: _turn(t, anchors[n:]) for t in unseen.frames}
        lay(unseen, anchor, tracks, hypothesis, scale, unit, pool, parts=parts)
    for anchor in anchors[:-1]:
        lay(unseen, anchor, tracks, hypothesis, scale, unit, pool)
    least = LEAST_MISSING_PX * (unit * scale) ** 2
    while inventor is not None and len(anchors) < MOST_ANCHORS and (t := choose(unseen, least)) is not None:
        anchors.append(Anchor(t=t, image=inventor.paint(known_around(unseen, t, around_frames))))
        lay(unseen, anchors[-1], tracks, hypothesis, scale, unit, pool)
    for anchor in anchors:
        near = [t for t in unseen.frames if min(anchors, key=lambda a: abs(a.t - t)) is anchor]
        lay(unseen, anchor, tracks, hypothesis, scale, unit, pool, frames=near, is_gated=False)


def _turn(t: int, anchors: Sequence[Anchor]) -> float:
    """What the first of several anchors may take in frame `t`: they give way to each other in time.

    So the frames of a joint are painted from the anchors around them, the same ones whichever piece they belong to.
    """
    nearness = [(1.0 + abs(anchor.t - t)) ** -FADE_POWER for anchor in anchors]
    return nearness[0] / sum(nearness)


def known_around(unseen: Unseen, t: int, around_frames: int) -> Clip:
    """A frame, the core, and those around it, as far as they are known: beyond the frames painted, as they came."""
    first, stop = max(t - around_frames, 0), min(t + around_frames + 1, len(unseen.holes))
    images, holes = np.array(unseen.images[first:stop]), np.array(unseen.holes[first:stop])
    begin, end = max(first, unseen.begin), min(stop, unseen.begin + len(unseen.painted))
    here, there = slice(begin - first, end - first), slice(begin - unseen.begin, end - unseen.begin)
    images[here], holes[here] = unseen.painted[there], unseen.share[there] >= LITTLE
    return Clip(images=images, holes=holes, start=first, core=(t - first, t - first + 1))


def choose(unseen: Unseen, least: float) -> int | None:
    """The frame that lacks most; None where none lacks as many samples as `least`."""
    missing = {t: int(np.count_nonzero(unseen.share[t - unseen.begin] >= MOSTLY)) for t in unseen.frames}
    t = max(missing, key=lambda t: (missing[t], -t), default=None)
    return t if t is not None and missing[t] >= max(least, 1) else None


def lay(
    unseen: Unseen,
    anchor: Anchor,
    tracks: Tracks,
    hypothesis: int,
    scale: int,
    unit: float,
    pool: Executor,
    *,
    frames: Sequence[int] | None = None,
    parts: Mapping[int, float] | None = None,
    is_gated: bool = True,
) -> None:
    """Carry an anchor to the frames (default: all) that lack something, as far as its way there is good.

    parts: what it takes, of what they lack (default: all).
    """
    lacking = [t for t in (unseen.frames if frames is None else frames) if unseen.share[t - unseen.begin].any()]
    if not lacking:
        return
    rim_px = max(round(RIM_PX * unit * scale), 1)
    for way in (0, 1):
        wanted = {t for t in lacking if (t > anchor.t if way else t <= anchor.t)}
        if not wanted:
            continue
        found = list(carry(tracks, anchor.t, hypothesis, way, max(wanted) if way else min(wanted)))
        asked = [one for one in found if one.t in wanted]
        list(pool.map(partial(_see_light, unseen, anchor.image, scale, rim_px), asked))
        steady_light(tracks, hypothesis, way, asked)
        most = [1.0 if parts is None else parts[one.t] for one in asked]
        list(pool.map(partial(_lay_one, unseen, anchor.image, scale, rim_px, is_gated), asked, most))


def _shown(
    unseen: Unseen, image: NDArray[Any], way: Way, scale: int, rim_px: int
) -> tuple[tuple[int, slice, slice], NDArray[np.float32], NDArray[np.float32]]:
    """What the anchor shows, and how far it is to be trusted, where a frame lacks something and on the rim around."""
    n = way.t - unseen.begin
    x0, y0, x1, y1 = bounds(unseen.share[n] > 0, rim_px)
    part = np.s_[n, y0:y1, x0:x1]
    square = np.ones((2 * rim_px + 1, 2 * rim_px + 1), np.uint8)
    around = cv2.dilate((unseen.share[part] > 0).astype(np.uint8), square) > 0
    return part, *render(way, image, scale, around, (x0, y0))


def _see_light(unseen: Unseen, image: NDArray[Any], scale: int, rim_px: int, way: Way) -> None:
    """Note the light that a frame by itself asks for."""
    part, carried, trust = _shown(unseen, image, way, scale, rim_px)
    rim = (trust > 0.5) & (unseen.share[part] == 0)
    light = _light(carried, unseen.painted[part], rim, GRID_PX * scale)
    rows, columns = way.trust.shape
    down = np.clip(scale * GRID_PX * (way.y0 + np.arange(rows)) - part[1].start, 0, light.shape[0] - 1)
    right = np.clip(scale * GRID_PX * (way.x0 + np.arange(columns)) - part[2].start, 0, light.shape[1] - 1)
    way.light[...] = light[down[:, None], right]


def _lay_one(
    unseen: Unseen, image: NDArray[Any], scale: int, rim_px: int, is_gated: bool, way: Way, most: float
) -> None:
    """Mix the carried anchor into one frame, of what that lacks `most` at most."""
    part, carried, trust = _shown(unseen, image, way, scale, rim_px)
    share, painted = unseen.share[part], unseen.painted[part]
    taken = np.float32(most) * share * (np.maximum(trust, 0) if is_gated else (trust >= 0).astype(np.float32))
    mixed = painted + taken[..., None] / np.float32(255) * (carried - unseen.smooth[part])
    laid = taken > 0
    painted[laid] = np.clip(np.rint(mixed[laid]), 0, np.iinfo(painted.dtype).max)
    unseen.origin[part][taken >= MOSTLY] = INVENTED
    share -= np.rint(taken).astype(np.uint8)


def _light(
    carried: NDArray[np.float32], painted: NDArray[Any], rim: NDArray[np.bool_], cell_px: int
) -> NDArray[np.float32]:
    """What to add (h, w, 3): the difference on the rim, averaged over cells, spread smoothly."""
    limit = MOST_LIGHT * (DEEP if painted.dtype == np.uint16 else 1)
    difference = np.where(rim[..., None], painted - carried, np.float32(0))
    rim = rim & (np.abs(difference).max(-1) < limit)
    difference[~rim] = 0
    height, width = rim.shape
    down, right = -height % cell_px, -width % cell_px
    size = ((width + right) // cell_px, (height + down) // cell_px)
    whole = np.concatenate([difference, rim[..., None].astype(np.float32)], -1)
    whole = cv2.copyMakeBorder(whole, 0, down, 0, right, cv2.BORDER_CONSTANT)
    cells = cv2.resize(whole, size, interpolation=cv2.INTER_AREA)
    known = cells[..., 3] > 1e-6
    told = cells[..., :3] / np.maximum(cells[..., 3:], np.float32(1e-6))
    smooth = harmonic(np.ascontiguousarray(told, np.float32), known)
    return np.asarray(cv2.resize(smooth, (width + right, height + down))[:height, :width], np.float32)
