"""Inventing what no frame of a clip shows: on a few frames, the anchors, which all others follow.

Choose the frame that lacks most, paint it (`exemplar`), carry it to all others (`carry`), and again while much is
missing. What an anchor has covered is the next one's to continue, so they agree. Only the last step needs painted
frames of this clip: `lay` takes any picture of which frame it belongs to.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from cleanplate.base.types import INVENTED
from cleanplate.motion.complete import harmonic
from cleanplate.paint.exemplar import exemplar
from cleanplate.paint.looks import bounds
from cleanplate.paint.paths import Way, carry, linger, render
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
    most: int = MOST_ANCHORS,
) -> None:
    """Paint what is unseen: from the `given` anchors as far as they reach, then from new ones, `most` in all."""
    linger(unseen.share, unseen.holes, unseen.frames, unseen.begin, tracks, hypothesis, scale)
    anchors = list(given)
    for anchor in anchors:
        lay(unseen, anchor, tracks, hypothesis, scale, unit, pool)
    least = LEAST_MISSING_PX * (unit * scale) ** 2
    while len(anchors) < most and (t := choose(unseen, least)) is not None:
        missing = unseen.share[t - unseen.begin] >= LITTLE
        anchors.append(Anchor(t=t, image=exemplar(unseen.painted[t - unseen.begin], missing, is_tinted=True)))
        lay(unseen, anchors[-1], tracks, hypothesis, scale, unit, pool)
    for anchor in anchors:
        near = [t for t in unseen.frames if min(anchors, key=lambda a: abs(a.t - t)) is anchor]
        lay(unseen, anchor, tracks, hypothesis, scale, unit, pool, frames=near, is_gated=False)


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
    is_gated: bool = True,
) -> None:
    """Carry an anchor to the frames (default: all) that lack something, as far as its way there is good."""
    lacking = [t for t in (unseen.frames if frames is None else frames) if unseen.share[t - unseen.begin].any()]
    if not lacking:
        return
    rim_px = max(round(RIM_PX * unit * scale), 1)
    pending = []
    for way in (0, 1):
        wanted = {t for t in lacking if (t > anchor.t if way else t <= anchor.t)}
        if wanted:
            last = max(wanted) if way else min(wanted)
            for found in carry(tracks, anchor.t, hypothesis, way, last):
                if found.t in wanted:
                    pending.append(pool.submit(_lay_one, unseen, anchor.image, found, scale, rim_px, is_gated))
    for future in pending:
        future.result()


def _lay_one(unseen: Unseen, image: NDArray[Any], way: Way, scale: int, rim_px: int, is_gated: bool) -> None:
    """Mix the carried anchor into one frame, in that frame's light."""
    n = way.t - unseen.begin
    x0, y0, x1, y1 = bounds(unseen.share[n] > 0, rim_px)
    part = np.s_[n, y0:y1, x0:x1]
    share, painted, origin = unseen.share[part], unseen.painted[part], unseen.origin[part]
    square = np.ones((2 * rim_px + 1, 2 * rim_px + 1), np.uint8)
    around = cv2.dilate((share > 0).astype(np.uint8), square) > 0
    carried, trust = render(way, image, scale, around, (x0, y0))
    carried += _light(carried, painted, (trust > 0.5) & (share == 0), GRID_PX * scale)
    taken = share * (np.maximum(trust, 0) if is_gated else (trust >= 0).astype(np.float32))
    mixed = painted + taken[..., None] / np.float32(255) * (carried - unseen.smooth[part])
    laid = taken > 0
    painted[laid] = np.clip(np.rint(mixed[laid]), 0, np.iinfo(painted.dtype).max)
    origin[taken >= MOSTLY] = INVENTED
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
