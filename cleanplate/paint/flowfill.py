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
from functools import partial
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from cleanplate.base.device import choose_device
from cleanplate.base.errors import UsageError
from cleanplate.base.types import INVENTED, SEEN, Clip, Painting, Reference
from cleanplate.motion.estimator import ITERATIONS, Estimator, check_estimator, make_estimator
from cleanplate.paint.anchors import Anchor, Unseen, invent
from cleanplate.paint.blend import blend
from cleanplate.paint.crossing import find_crossings, hidden_too, lay
from cleanplate.paint.engine import WORK_HEIGHT_PX, Engine
from cleanplate.paint.far import FarSight, Mixed, Part
from cleanplate.paint.grain import add_grain
from cleanplate.paint.inventor import inventor_spec, make_inventor
from cleanplate.paint.judge import judge
from cleanplate.paint.light import find_light, unchanging
from cleanplate.paint.memory import PairMemory
from cleanplate.paint.presets import GRAINS, PRESETS, Preset
from cleanplate.paint.shutter import blurred, find_blur, lacking
from cleanplate.paint.smooth import put, smooth
from cleanplate.paint.steady import steady
from cleanplate.paint.trace import CARRIED, CLOSE, FLOW, PLANE, SECOND, Tracks, Trail, is_all_planar, sweep
from cleanplate.paint.tracks import Measured, find_tracks, look_again

SURE = 100.0  # candidates that weigh so much everywhere leave a hundredth to the smooth fill
COARSE_STEP = 4  # px at full size: as fine as it then has to be
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
    "what no frame shows: smooth, which scores best; exemplar, which looks like its surroundings; or a network"
    grain: str = "auto"
    """whether the paint gets the noise of what is around the hole, new in each frame, which looks better and scores
    worse, having no right place: yes, no, or auto = with the quality best, as it takes 4 ms a frame at 240 lines"""
    work_height_px: int = WORK_HEIGHT_PX
    "motion is found on frames made smaller until about this high; colours are always taken at full size"
    flow: str = "dis"
    "what finds the motion: dis, or raft, a network (docs/models/raft.md)"
    iterations: int = ITERATIONS
    "how often raft corrects its flow"
    threads: int = 0
    "0 = one a core; the result does not depend on it"

    def __post_init__(self) -> None:
        if self.quality not in PRESETS:
            raise UsageError(f"quality is {self.quality}, but must be one of {', '.join(PRESETS)}")
        if not 0 <= self.steady <= 10:
            raise UsageError(f"steady is {self.steady:g}, but must lie between 0 (off) and 10")
        if not 1 <= self.reach_frames <= 10000:
            raise UsageError(f"reach_frames is {self.reach_frames}, but must lie between 1 and 10000 frames")
        if self.grain not in GRAINS:
            raise UsageError(f"grain is {self.grain}, but must be one of {', '.join(GRAINS)}")
        inventor_spec(self.invent)
        check_estimator(self.flow, self.iterations)
        if not 64 <= self.work_height_px <= 8192:
            raise UsageError(f"work_height_px is {self.work_height_px}, but must lie between 64 and 8192 pixels")
        if not 0 <= self.threads <= 256:
            raise UsageError(f"threads is {self.threads}, but must lie between 0 (one a core) and 256")


class FlowFill(Engine):
    """Propagation along completed flow, judged at the hole's rim. Measured in docs/flowfill.md."""

    Options = FlowFillOptions

    def __init__(self, options: FlowFillOptions, device: str = "cpu") -> None:
        super().__init__(options, device)
        self._memory: PairMemory[Measured] = PairMemory()
        self._estimator: Estimator | None = None  # DIS, set as the preset says
        if options.flow != "dis":
            self._estimator = make_estimator(options.flow, device, options.iterations)
        self._inventor = make_inventor(options.invent, device)
        self.runs_on_cards = self._estimator is not None or bool(inventor_spec(options.invent).weights)
        if self.runs_on_cards:
            self._note(choose_device(device)[1])

    def fill(self, clip: Clip) -> Painting:
        """Paint the core. Works at `1 / scale` size for motion, at full size for colour. See `Engine.fill`."""
        first, stop = clip.core_range
        images, holes = np.asarray(clip.images), np.asarray(clip.holes)
        if not holes[first:stop].any():
            return Painting(images=np.array(images[first:stop]), origin=np.zeros(holes[first:stop].shape, np.uint8))
        preset = PRESETS[self.options.quality]
        begin, end = max(first - preset.beyond_frames, 0), min(stop + preset.beyond_frames, len(images))
        is_asked = self._inventor is not None or any(reference.is_painted for reference in clip.references)
        sheet = _Sheet(
            images=images, holes=holes, core=(first, stop), begin=begin, painted=np.array(images[begin:end]),
            origin=np.zeros(holes[begin:end].shape, np.uint8),
            unseen=np.zeros(holes[begin:end].shape, np.uint8) if is_asked else None,
        )  # fmt: skip
        threads = self.options.threads or len(os.sched_getaffinity(0))
        before = cv2.getNumThreads()
        cv2.setNumThreads(1)  # frames go in parallel instead; process-wide, so put back below
        try:
            with ThreadPoolExecutor(threads) as pool:
                self._paint_all(sheet, clip, preset, pool, 2 * threads)
            self._memory.own(Measured.copied)
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
        self._memory.next_clip(clip)

        find = partial(
            find_tracks, sheet.images, owed=owed, scale=scale, unit=unit, reach_frames=self.options.reach_frames,
            preset=preset, pool=pool, memory=self._memory, start=clip.start, estimator=self._estimator,
        )  # fmt: skip
        holes = sheet.holes
        tracks = find(holes)
        crossings = find_crossings(sheet.images, holes, tracks, scale, unit, pool) if preset.is_carried else []
        if crossings:  # hidden while what lies behind them is painted
            sheet.holes = hidden_too(holes, crossings)
            self._memory.own(Measured.copied)
            del tracks
            tracks = find(sheet.holes)
        met = {t for n in np.flatnonzero(tracks.places[:, 3]).tolist() for t in (n, n + 1)}
        constant = unchanging(sheet.images, sheet.holes, tracks, scale, pool)
        light = find_light(sheet.images, sheet.holes, sorted(met), constant, pool)
        blur = find_blur(tracks, scale, unit, pool)
        far = FarSight(clip.references, clip.start, scale, unit) if clip.references else None
        near = far.settle(tracks.gray, tracks.masked) if far is not None else []
        given = [_anchor(reference, clip) for reference in near]
        followed, hypotheses = FLOW, [PLANE, FLOW, CARRIED] if preset.is_carried else [PLANE, FLOW]
        for look in range(preset.looks):
            if look == preset.looks - 1:  # what lies farther was only for the look before
                owed = [t for t in owed if sheet.core[0] - 1 <= t <= sheet.core[1]]
            if look:
                tracks = look_again(tracks, sheet.painted, sheet.begin, scale, unit, preset, pool, self._estimator)
                followed, hypotheses = CLOSE, [PLANE, FLOW, CARRIED, SECOND, CLOSE]
            pending: deque[Future[None]] = deque()
            for t, trails in _trails(tracks, set(owed), hypotheses, ERROR_LIMIT_PX2 * unit**2, pool):
                pending.append(
                    pool.submit(_paint, sheet, t, tracks, trails, far, scale, light, blur, self.options.match_border)
                )
                if len(pending) > ahead:
                    pending.popleft().result()
            for future in pending:
                future.result()
        if sheet.unseen is not None:
            unseen = Unseen(
                images=sheet.images,
                painted=sheet.painted,
                smooth=sheet.painted.copy(),
                origin=sheet.origin,
                share=sheet.unseen,
                begin=sheet.begin,
                holes=sheet.holes,
                frames=owed,
            )
            around_frames = inventor_spec(self.options.invent).around_frames
            invent(unseen, tracks, followed, scale, unit, pool, given, self._inventor, around_frames)
            for note in () if self._inventor is None else self._inventor.notes:
                self._note(note)
        if self.options.steady:
            share = self.options.steady
            # thrice where anchors were carried along this very motion: that bears it without getting softer
            for _ in range(1 if self._inventor is None else 3):
                steady(sheet.painted, sheet.holes, owed, sheet.begin, tracks, followed, share, scale, unit, light, pool)
        if crossings:
            list(pool.map(partial(lay, sheet.painted, sheet.origin, sheet.begin, sheet.holes, holes, crossings), owed))
        has_grain = preset.has_grain if self.options.grain == "auto" else self.options.grain == "yes"
        if has_grain and owed:
            add_grain(sheet.painted, holes, sheet.origin, owed, sheet.begin, tracks.planes_at(scale), clip.start, pool)


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


def _anchor(reference: Reference, clip: Clip) -> Anchor:
    """A painted frame of the clip itself, as large as the clip's."""
    t = reference.index - clip.start
    image, hole = np.array(clip.images[t]), np.asarray(clip.holes[t])
    places = np.argwhere(hole)
    x, y = np.rint(places[:, ::-1] + reference.planes[t][:2, 2]).astype(int).T  # a crop of the same frame
    inside = (x >= 0) & (y >= 0) & (x < reference.hole.shape[1]) & (y < reference.hole.shape[0])
    image[tuple(places[inside].T)] = reference.image[y[inside], x[inside]]
    return Anchor(t=t, image=image)


def _trails(
    tracks: Tracks, owed: set[int], hypotheses: Sequence[int], limit_px2: float, pool: ThreadPoolExecutor
) -> Iterator[tuple[int, list[Trail]]]:
    """For each frame owed, in order: by several hypotheses of the motion, and from both ends of time.

    The sweep that comes from the end is kept, the one that comes from the start is used as it goes.
    """
    plane, *others = hypotheses
    by_plane = {n.t: n for n in sweep(tracks, 0, plane, limit_px2) if n.t in owed or is_all_planar(tracks, n)}
    later = list(
        pool.map(lambda h: {n.t: n for n in sweep(tracks, 0, h, limit_px2, by_plane.get) if n.t in owed}, others)
    )
    later.insert(0, by_plane)
    passed: dict[int, Trail] = {}
    earlier = [sweep(tracks, 1, plane, limit_px2)]
    earlier += [sweep(tracks, 1, h, limit_px2, passed.get) for h in others]
    ahead: list[Trail | None] = [None for _ in hypotheses]
    for t in sorted(owed):
        trails = [kept.pop(t) for kept in later if t in kept]
        for n, trail in enumerate(ahead):
            while trail is None or trail.t < t:
                trail = next(earlier[n], None)
                if trail is None:
                    break
                if n == 0:
                    passed[trail.t] = trail
            if trail is not None and trail.t == t:
                trails.append(trail)
            ahead[n] = trail
        yield t, list({id(trail): trail for trail in trails}.values())
        passed.clear()


def _paint(
    sheet: _Sheet,
    t: int,
    tracks: Tracks,
    trails: list[Trail],
    far: FarSight | None,
    scale: int,
    light: NDArray[np.float32],
    blur: NDArray[np.float64] | None,
    match_border: bool,
) -> None:
    """Fill the hole of frame `t` and mark where it came from."""
    hole, origin = sheet.holes[t], sheet.origin[t - sheet.begin]
    found = judge(sheet.images, t, hole, tracks, scale, trails, match_border, light) if trails else None
    is_hardly_seen = far is None and found is not None and found.least_weight >= SURE
    work, corner_xy = smooth(sheet.images[t], hole, COARSE_STEP if is_hardly_seen else 1)
    unseen = np.zeros(hole.shape, np.uint8) if sheet.unseen is None else sheet.unseen[t - sheet.begin]
    x0, y0, x1, y1 = *corner_xy, corner_xy[0] + work.shape[1], corner_xy[1] + work.shape[0]
    if far is not None:
        gray, masked = tracks.gray[t], tracks.masked[t]
        part = Part(t=t, image=sheet.images[t], hole=hole, gray=gray, masked=masked, box=(x0, y0, x1, y1))
        before = far.mix(part, work)
    else:
        before = Mixed.of_smooth(work)
    origin[hole], unseen[hole] = INVENTED, 255
    inner = np.s_[y0:y1, x0:x1]
    shown = hole[inner] & (before.weight >= 2 * before.invented)
    origin[inner][shown], unseen[inner][shown] = SEEN, 0
    if found is not None:
        blend(
            sheet.images, t, hole, tracks, scale, found, light, corner_xy, work, before.weight, before.invented, origin,
            unseen,
        )  # fmt: skip
        spread = None if blur is None else lacking(blur, found, t)
        if spread is not None:
            where = origin[inner] == SEEN
            work[where] = blurred(work, spread)[where]
    unseen[inner] = np.minimum(unseen[inner], np.rint(255 * (1 - before.painted)).astype(np.uint8))
    put(work, hole, corner_xy, sheet.painted[t - sheet.begin])
