"""Finding out how one clip moves around its holes: what `trace` follows.

Each pair of neighbouring frames gets its flow both ways, by pictures whose holes are smoothly filled. What the flow
says near the fill is not believed: it is thrown away and completed harmonically from farther out. Beside it goes the
motion of one plane, the camera's.
"""

# numba gives the kernels their types from the arrays they are called with

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Iterable
from concurrent.futures import Executor
from hashlib import blake2b
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from cleanplate.base.types import Box
from cleanplate.motion.camera import fit_plane
from cleanplate.motion.complete import harmonic
from cleanplate.motion.dis import DisFlow
from cleanplate.paint.blend import DEEP, MID_GRAY
from cleanplate.paint.trace import FLOW_STEP_PX, GRID_PX, Tracks

# Lengths marked "of 240" are pixels of a frame 240 lines high and grow with it; the others are working pixels.
RING_PX = 1  # keeps every tap of the bicubic sampling out of the hole; wider rings judge no better and reveal less
BAND_PX = 7  # beyond the ring: how far flow is spoilt by the fill (patches of 8 at the finest scales)
CONTEXT_PX = 140  # of 240: how much around the holes flow is looked for; less loses the camera's motion
CAMERA_GRID_PX = 8  # of 240: the plane is fitted to every 8th flow vector


Measured = tuple[NDArray[np.int16], NDArray[np.float64]]  # a pair's flow in FLOW_STEP_PX, and its two planes


class PairMemory:
    """The motion of pairs measured before, found again by what the pair looks like.

    Neighbouring pieces show an engine the same frames twice; measuring them once halves the price of the margins. The
    key is the content, so what comes out is what would be measured anew. Keeps the pairs of the last few clips.
    """

    def __init__(self) -> None:
        self._clips: deque[dict[bytes, Measured]] = deque(maxlen=4)  # a piece may show up to four crops

    def next_clip(self) -> None:
        """From now on, what is measured belongs to another clip."""
        self._clips.append({})

    def get(self, key: bytes) -> Measured | None:
        """The pair's motion; None if it is not known."""
        return next((clip[key] for clip in self._clips if key in clip), None)

    def put(self, key: bytes, measured: Measured) -> None:
        self._clips[-1][key] = measured


def find_tracks(
    images: NDArray[Any],
    holes: NDArray[np.bool_],
    owed: Iterable[int],
    scale: int,
    unit: float,
    reach_frames: int,
    pool: Executor,
    memory: PairMemory,
) -> Tracks:
    """The motion by which the holes of the frames `owed` may be traced, up to `reach_frames` away.

    `images` (T, H, W, 3), `holes` (T, H, W); `scale`: how many times smaller the working pictures are; `unit`: their
    full frame's height / 240 lines. Pairs that `memory` knows are not measured again.
    """
    count, height, width = holes.shape
    rows, columns = -(-height // scale), -(-width // scale)
    owed = set(owed)
    pairs = sorted(_pairs(holes, owed, reach_frames))
    gray = np.zeros((count, rows, columns), np.uint8)
    masked = np.zeros((count, rows, columns), np.bool_)

    def look(t: int) -> None:
        gray[t], masked[t] = _look(images[t], np.asarray(holes[t]), scale, rows, columns)

    list(pool.map(look, sorted(owed | set(pairs) | {n + 1 for n in pairs})))
    places = np.zeros((max(count - 1, 0), 5), np.int64)
    size = 0
    for n in pairs:
        x0, y0, x1, y1 = bounds(masked[n] | masked[n + 1], GRID_PX)
        places[n] = size, x0, y0, x1 - x0, y1 - y0
        size += 4 * (x1 - x0) * (y1 - y0)
    flows = np.zeros(size, np.int16)
    planes = np.tile(np.eye(3), (len(places), 2, 1, 1))
    local = threading.local()  # DIS keeps buffers: one a thread

    def measure(n: int) -> None:
        offset, x0, y0, wide, high = (int(v) for v in places[n])
        both = masked[n] | masked[n + 1]
        box = bounds(both, max(round(CONTEXT_PX * unit), GRID_PX))
        part = np.s_[box[1] : box[3], box[0] : box[2]]
        key = _digest(gray[n][part], gray[n + 1][part], both[part], (*box, *places[n, 1:], unit))
        measured = memory.get(key)
        if measured is None:
            if not hasattr(local, "dis"):
                # Variational refinement would smear the fill outward and take half the time; without it the band can
                # be narrow, which is worth far more.
                local.dis = DisFlow(finest_scale=0, stride_px=5, refinements=0)
            flow = _motion(local.dis, gray[n : n + 2], both, box, unit, planes[n])
            kept = flow[:, y0 - box[1] : y0 - box[1] + high, x0 - box[0] : x0 - box[0] + wide]
            limit = np.iinfo(np.int16).max
            steps = np.clip(np.rint(kept / FLOW_STEP_PX), -limit, limit).astype(np.int16).ravel()
            measured = steps, planes[n].copy()
        memory.put(key, measured)  # also one from an earlier clip, which will be forgotten before long
        flows[offset : offset + measured[0].size], planes[n] = measured

    memory.next_clip()
    list(pool.map(measure, pairs))
    return Tracks(masked=masked, flows=flows, places=places, planes=planes)


def _digest(first: NDArray[Any], second: NDArray[Any], masked: NDArray[Any], facts: tuple[float, ...]) -> bytes:
    """All that decides a pair's motion, in 16 bytes."""
    digest = blake2b(repr([float(fact) for fact in facts]).encode(), digest_size=16)
    for picture in (first, second, masked):
        digest.update(picture.tobytes())
    return digest.digest()


def bounds(area: NDArray[np.bool_], grow_px: int) -> Box:
    """The box around what is True in (H, W), grown, within the picture. Something must be True."""
    ys, xs = np.flatnonzero(area.any(1)), np.flatnonzero(area.any(0))
    height, width = area.shape
    return (
        max(int(xs[0]) - grow_px, 0),
        max(int(ys[0]) - grow_px, 0),
        min(int(xs[-1]) + 1 + grow_px, width),
        min(int(ys[-1]) + 1 + grow_px, height),
    )


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


def _look(
    image: NDArray[Any], hole: NDArray[np.bool_], scale: int, rows: int, columns: int
) -> tuple[NDArray[np.uint8], NDArray[np.bool_]]:
    """One frame at the working scale: gray with its hole filled smoothly, and hole and ring."""
    gray, known, masked = _shrink(image, hole, scale, rows, columns)
    if not known.all():
        x0, y0, x1, y1 = bounds(~known, 1)
        part = np.s_[y0:y1, x0:x1]
        gray[part] = harmonic(gray[part][..., None], known[part], default=MID_GRAY)[..., 0]
    if masked.any():
        x0, y0, x1, y1 = bounds(masked, RING_PX)
        part = np.s_[y0:y1, x0:x1]
        square = np.ones((2 * RING_PX + 1, 2 * RING_PX + 1), np.uint8)
        masked[part] = cv2.dilate(masked[part].astype(np.uint8), square) > 0
    return np.rint(gray).astype(np.uint8), masked


def _shrink(
    image: NDArray[Any], hole: NDArray[np.bool_], scale: int, rows: int, columns: int
) -> tuple[NDArray[np.float32], NDArray[np.bool_], NDArray[np.bool_]]:
    """Averages over what is known of each scale x scale block (0-255), where anything is, and where anything is not."""
    gray = cv2.cvtColor(np.ascontiguousarray(image), cv2.COLOR_RGB2GRAY).astype(np.float32)
    if image.dtype == np.uint16:
        gray = np.rint(gray / np.float32(DEEP))  # so that the same picture moves the same at either depth
    gray[hole] = 0
    share = (~hole).astype(np.float32)
    if scale > 1:
        gray, share = _average(gray, scale, rows, columns), _average(share, scale, rows, columns)
    known = share > 0.5 / scale**2  # the smallest share there is, but for rounding, is one sample's
    gray[known] /= share[known]
    return gray, known, share < 1 - 0.5 / scale**2


def _average(plane: NDArray[np.float32], scale: int, rows: int, columns: int) -> NDArray[np.float32]:
    """Means of scale x scale blocks; the last ones are completed by repeating the edge."""
    below, right = rows * scale - plane.shape[0], columns * scale - plane.shape[1]
    whole = cv2.copyMakeBorder(plane, 0, below, 0, right, cv2.BORDER_REPLICATE)
    return np.asarray(cv2.resize(whole, (columns, rows), interpolation=cv2.INTER_AREA), np.float32)


def _motion(
    dis: DisFlow,
    gray: NDArray[np.uint8],
    masked: NDArray[np.bool_],
    box: Box,
    unit: float,
    planes: NDArray[np.float64],
) -> NDArray[np.float32]:
    """Flow of two frames (2, h, w) within `box`, completed: (2 ways, rows, columns, 2). Writes `planes` (2, 3, 3)."""
    x0, y0, x1, y1 = box
    part = np.s_[y0:y1, x0:x1]
    first, second = gray[0][part], gray[1][part]
    flow = np.concatenate([dis.pair(first, second), dis.pair(second, first)], -1)
    far = cv2.distanceTransform((~masked[part]).astype(np.uint8), cv2.DIST_L2, 3)
    good = far > BAND_PX
    if not good.any():
        good = far > 0
    step = max(round(CAMERA_GRID_PX * unit), 1)
    ys, xs = (step * nodes for nodes in np.nonzero(good[::step, ::step]))
    points = np.stack([xs + x0, ys + y0], -1).astype(np.float32)
    moved = flow[ys, xs]
    for way in (0, 1):
        planes[way] = fit_plane(points, points + moved[:, 2 * way : 2 * way + 2])
    if not good.all():
        wx0, wy0, wx1, wy1 = bounds(~good, 1)
        inner = np.s_[wy0:wy1, wx0:wx1]
        flow[inner] = harmonic(flow[inner], good[inner])
    return np.ascontiguousarray(flow.reshape(*flow.shape[:2], 2, 2).transpose(2, 0, 1, 3))
