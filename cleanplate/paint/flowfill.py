"""The default engine: follow the motion around the hole to the frames that show what it hides, and copy from there.

Needs no weights. Per frame: the hole's points are traced forward and backward in time (`trace`) along the flow and
along the camera's motion (`tracks`); the ring around the hole, where the truth is known, judges each candidate; all of
them are mixed with a smooth fill (`blend`), which is what remains where nothing is ever seen.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from cleanplate.base.errors import UsageError
from cleanplate.base.plan import JOINT_FRAMES
from cleanplate.base.types import INVENTED, SEEN, Clip, Painting
from cleanplate.paint.anchors import Unseen, invent
from cleanplate.paint.blend import blend
from cleanplate.paint.engine import WORK_HEIGHT_PX, Engine
from cleanplate.paint.far import FarSight
from cleanplate.paint.grain import add_grain
from cleanplate.paint.judge import judge
from cleanplate.paint.light import find_light
from cleanplate.paint.presets import PRESETS, Preset
from cleanplate.paint.smooth import put, smooth
from cleanplate.paint.steady import steady
from cleanplate.paint.trace import CARRIED, CLOSE, FLOW, PLANE, SECOND, Tracks, Trail, sweep
from cleanplate.paint.tracks import PairMemory, find_tracks, look_again

INVENTIONS = ("smooth", "exemplar")
ERROR_LIMIT_PX2 = 20.0  # at 240 lines: a trace that missed itself by more along the way is lost


@dataclass(frozen=True, kw_only=True)
class FlowFillOptions:
    """The knobs of the default engine."""

    quality: str = "balanced"
    "fast, balanced or best: see presets.py"
    steady: float = 0.6
    "how much the same point counts in the frame before and after, its own frame being 1; 0 = no filter in time"
    match_border: bool = True
    "shift the colours of what is copied so that they meet the hole's border, as when the exposure drifts"
    reach_frames: int = 60
    "how many frames beyond the piece being painted sources are looked for"
    invent: str = "smooth"
    "what no frame shows: smooth, which scores best, or exemplar, which looks like its surroundings"
    grain: bool = False
    "add the noise that the paint lacks; it looks better and scores worse, as noise has no right place"
    work_height_px: int = WORK_HEIGHT_PX
    "motion is found on frames made smaller until about this high; colours are always taken at full size"
    threads: int = 0
    "0 = one a core; the result does not depend on it"

    def __post_init__(self) -> None:
        if self.quality not in PRESETS:
            raise UsageError(f"quality is {self.quality}, but must be one of {', '.join(PRESETS)}")
        if not 0 <= self.steady <= 10:
            raise UsageError(f"steady is {self.steady:g}, but must lie between 0 (off) and 10")
        if not 1 <= self.reach_frames <= 10000:
            raise UsageError(f"reach_frames is {self.reach_frames}, but must lie between 1 and 10000 frames")
        if self.invent not in INVENTIONS:
            raise UsageError(f"invent is {self.invent}, but must be one of {', '.join(INVENTIONS)}")
        if not 64 <= self.work_height_px <= 8192:
            raise UsageError(f"work_height_px is {self.work_height_px}, but must lie between 64 and 8192 pixels")
        if not 0 <= self.threads <= 256:
            raise UsageError(f"threads is {self.threads}, but must lie between 0 (one a core) and 256")


class FlowFill(Engine):
    """Propagation along completed flow, judged at the hole's rim. Measured in docs/flowfill.md."""

    Options = FlowFillOptions

    def __init__(self, options: FlowFillOptions, device: str = "cpu") -> None:
        super().__init__(options, device)
        self._memory = PairMemory()

    def fill(self, clip: Clip) -> Painting:
        """Paint the core. Works at `1 / scale` size for motion, at full size for colour. See `Engine.fill`."""
        first, stop = clip.core_range
        images, holes = np.asarray(clip.images), np.asarray(clip.holes)
        if not holes[first:stop].any():
            return Painting(images=np.array(images[first:stop]), origin=np.zeros(holes[first:stop].shape, np.uint8))
        preset = PRESETS[self.options.quality]
        begin, end = max(first - preset.beyond_frames, 0), min(stop + preset.beyond_frames, len(images))
        sheet = _Sheet(
            images=images, holes=holes, core=(first, stop), begin=begin, painted=np.array(images[begin:end]),
            origin=np.zeros(holes[begin:end].shape, np.uint8),
            unseen=None if self.options.invent == "smooth" else np.zeros(holes[begin:end].shape, np.uint8),
        )  # fmt: skip
        threads = self.options.threads or len(os.sched_getaffinity(0))
        before = cv2.getNumThreads()
        cv2.setNumThreads(1)  # frames go in parallel instead; process-wide, so put back below
        try:
            with ThreadPoolExecutor(threads) as pool:
                self._paint_all(sheet, clip, preset, pool, 2 * threads)
        finally:
            cv2.setNumThreads(before)
        core = np.s_[first - begin : stop - begin]
        return Painting(images=sheet.painted[core], origin=sheet.origin[core])

    def _paint_all(self, sheet: _Sheet, clip: Clip, preset: Preset, pool: ThreadPoolExecutor, ahead: int) -> None:
        """Find the motion and paint by it, as often as the preset says; then filter in time. `ahead`: frames begun."""
        frame_height_px = clip.frame_height_px or sheet.images.shape[1]
        scale = max(1, round(frame_height_px / self.options.work_height_px))
        unit = frame_height_px / scale / 240
        owed = [t for t in range(sheet.begin, sheet.begin + len(sheet.painted)) if sheet.holes[t].any()]
        self._memory.next_clip(clip.start, _shown_again(sheet))
        tracks = find_tracks(
            sheet.images, sheet.holes, owed, scale, unit, self.options.reach_frames, preset, pool, self._memory
        )
        met = {t for n in np.flatnonzero(tracks.places[:, 3]).tolist() for t in (n, n + 1)}
        light = find_light(sheet.images, sheet.holes, sorted(met), pool)
        far = FarSight(clip.references, scale, unit)
        followed, hypotheses = FLOW, [FLOW, PLANE, CARRIED] if preset.is_carried else [FLOW, PLANE]
        for look in range(preset.looks):
            if look == preset.looks - 1:  # what lies farther was only for the look before
                owed = [t for t in owed if sheet.core[0] - 1 <= t <= sheet.core[1]]
            if look:
                tracks = look_again(tracks, sheet.painted, sheet.begin, scale, unit, preset, pool)
                followed, hypotheses = CLOSE, [FLOW, PLANE, CARRIED, SECOND, CLOSE]
            pending: deque[Future[None]] = deque()
            for t, trails in _trails(tracks, set(owed), hypotheses, ERROR_LIMIT_PX2 * unit**2, pool):
                pending.append(
                    pool.submit(_paint, sheet, t, tracks, trails, far, scale, light, self.options.match_border)
                )
                if len(pending) > ahead:
                    pending.popleft().result()
            for future in pending:
                future.result()
        if sheet.unseen is not None:
            unseen = Unseen(
                painted=sheet.painted,
                smooth=sheet.painted.copy(),
                origin=sheet.origin,
                share=sheet.unseen,
                begin=sheet.begin,
                holes=sheet.holes,
                frames=owed,
            )
            invent(unseen, tracks, followed, scale, unit, pool)
        if self.options.steady:
            share = self.options.steady
            steady(sheet.painted, sheet.holes, owed, sheet.begin, tracks, followed, share, scale, unit, light, pool)
        if self.options.grain and owed:
            add_grain(
                sheet.painted, sheet.holes, sheet.origin, owed, sheet.begin, tracks.planes_at(scale), clip.start, pool
            )


@dataclass(kw_only=True, eq=False)
class _Sheet:
    """What one call paints on: the core, and a few frames more for what the core is to be compared with."""

    images: NDArray[Any]  # (T, H, W, 3): the clip's
    holes: NDArray[np.bool_]  # (T, H, W): the clip's
    core: tuple[int, int]
    "half-open range of frames that are owed"
    begin: int
    "the frame that `painted` starts at"
    painted: NDArray[Any]  # (N, H, W, 3)
    origin: NDArray[np.uint8]  # (N, H, W)
    unseen: NDArray[np.uint8] | None  # (N, H, W): 0 = seen in other frames, 255 = in none; None = nobody asks


def _shown_again(sheet: _Sheet) -> int:
    """From which frame on the next piece may show what this one has shown."""
    first, stop = sheet.core
    return stop - JOINT_FRAMES - max(first, len(sheet.images) - stop)


def _trails(
    tracks: Tracks, owed: set[int], hypotheses: Sequence[int], limit_px2: float, pool: ThreadPoolExecutor
) -> Iterator[tuple[int, list[Trail]]]:
    """For each frame owed, in order: by several hypotheses of the motion, and from both ends of time.

    The sweep that comes from the end is kept, the one that comes from the start is used as it goes.
    """
    later = list(pool.map(lambda h: {n.t: n for n in sweep(tracks, 0, h, limit_px2) if n.t in owed}, hypotheses))
    earlier = [sweep(tracks, 1, h, limit_px2) for h in hypotheses]
    ahead = [next(s, None) for s in earlier]
    for t in sorted(owed):
        trails = [kept.pop(t) for kept in later if t in kept]
        for n, trail in enumerate(ahead):
            while trail is not None and trail.t < t:
                trail = next(earlier[n], None)
            if trail is not None and trail.t == t:
                trails.append(trail)
            ahead[n] = trail
        yield t, trails


def _paint(
    sheet: _Sheet,
    t: int,
    tracks: Tracks,
    trails: list[Trail],
    far: FarSight,
    scale: int,
    light: NDArray[np.float32],
    match_border: bool,
) -> None:
    """Fill the hole of frame `t` and mark where it came from."""
    hole, origin = sheet.holes[t], sheet.origin[t - sheet.begin]
    work, corner_xy = smooth(sheet.images[t], hole)
    unseen = np.zeros(hole.shape, np.uint8) if sheet.unseen is None else sheet.unseen[t - sheet.begin]
    before, invented = far.mix(t, sheet.images[t], hole, tracks.gray[t], tracks.masked[t], corner_xy, work)
    origin[hole], unseen[hole] = INVENTED, 255
    inner = np.s_[corner_xy[1] : corner_xy[1] + before.shape[0], corner_xy[0] : corner_xy[0] + before.shape[1]]
    shown = hole[inner] & (before >= 2 * invented)
    origin[inner][shown], unseen[inner][shown] = SEEN, 0
    if trails:
        found = judge(sheet.images, t, hole, tracks, scale, trails, match_border, light)
        blend(
            sheet.images, t, hole, tracks, scale, found, light, corner_xy, work, before, invented, origin, unseen
        )  # fmt: skip
    put(work, hole, corner_xy, sheet.painted[t - sheet.begin])
