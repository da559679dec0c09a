"""A cheap look at a whole shot: the camera's path, and which parts of the holes other frames reveal. Pure.

    surveyor = Surveyor(width_px, height_px, near_frames=30)
    for frame in video:
        if surveyor.wants(index, starts_shot):
            seen = surveyor.look(index, starts_shot, luma, bit_depth, hole)
            surveyor.place(seen)  # takes longest, and may be done in another thread
    survey = surveyor.finish(frame_count)

The path is found on small pictures, every fourth frame against a key frame: a new key is taken only when the camera has
turned away from the last one, so what stands still does not drift. How the parts are told apart: see `coverage`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cleanplate.motion.coverage import Coverage, Grid, cover
from cleanplate.motion.register import Plane, register
from cleanplate.motion.small import SmallView, view_flow

STEP_FRAMES = 4
"every how many frames one is surveyed: every frame drifts more, every tenth misses turns"
KEY_OVERLAP = 0.75
"share of the key frame still in the picture below which a new one is taken"
LEAST_AGREED = 0.35
"share of points that must follow one plane, else the path is lost and begins anew"


@dataclass(frozen=True, kw_only=True, eq=False)
class ShotSurvey:
    """One shot, or the part of one whose path holds together."""

    start: int
    stop: int
    "half-open range of frame indices"
    frames: NDArray[np.int64]  # (N,): those surveyed, rising; the first is `start`
    planes: NDArray[np.float64]  # (N, 3, 3): points of that frame, px of the whole picture, to those of the first
    coverage: Coverage
    agreed: float = 1.0
    "share of points that follow the path, typically: the rest moves by itself, or lies nearer or farther"

    def plane(self, index: int) -> Plane:
        """The same for any frame of the shot: between two that were surveyed the way is straight."""
        last = len(self.frames) - 1
        n = min(max(int(np.searchsorted(self.frames, index, "right")) - 1, 0), max(last - 1, 0))
        if last == 0:
            return np.asarray(self.planes[0])
        share = (index - self.frames[n]) / (self.frames[n + 1] - self.frames[n])
        found: Plane = self.planes[n] + share * (self.planes[n + 1] - self.planes[n])
        return found

    def motion(self, source: int, target: int) -> Plane:
        """What takes points of one frame to another, px of the whole picture."""
        found = np.linalg.inv(self.plane(target)) @ self.plane(source)
        return np.asarray(found / found[2, 2])


@dataclass(frozen=True, kw_only=True, eq=False)
class Survey:
    """All shots of a video, in order."""

    shots: tuple[ShotSurvey, ...] = ()

    def shot_of(self, index: int) -> ShotSurvey | None:
        """The one a frame belongs to; None where nothing was surveyed."""
        return next((shot for shot in self.shots if shot.start <= index < shot.stop), None)


@dataclass(kw_only=True, eq=False)
class _Look:
    """A small picture, what of it is known, and where the camera stands."""

    gray: NDArray[np.uint8]
    known: NDArray[np.bool_]
    plane: Plane


@dataclass(frozen=True, kw_only=True, eq=False)
class Seen:
    """What is kept of a frame until it is placed."""

    index: int
    starts_shot: bool
    gray: NDArray[np.uint8]
    known: NDArray[np.bool_]
    hidden: NDArray[np.uint8]
    "cells of its hole: see `Grid.hidden`"


class Surveyor:
    """Is shown the frames of a video one by one. Keeps two small pictures, and a few numbers of each frame.

    `wants` and `look` belong to one thread, `place` and `finish` to the same or another one.
    """

    def __init__(self, width_px: int, height_px: int, *, near_frames: int, grow_px: int = 0) -> None:
        """`near_frames`: how far away an engine sees what a hole hides by itself; `grow_px`: what holes grow by."""
        self._view = SmallView(width_px, height_px)
        self._grid = Grid.of(width_px, height_px)
        self._near_frames = near_frames
        self._grow_px = grow_px
        self._dis = view_flow()
        self._looked: int | None = None
        self._shots: list[ShotSurvey] = []
        self._key: _Look | None = None
        self._last: _Look | None = None
        self._frames: list[int] = []
        self._planes: list[Plane] = []
        self._hidden: list[NDArray[np.uint8]] = []
        self._agreed: list[float] = []

    def wants(self, index: int, starts_shot: bool) -> bool:
        """Whether that frame is to be looked at."""
        return starts_shot or self._looked is None or index - self._looked >= STEP_FRAMES

    def look(
        self, index: int, starts_shot: bool, luma: NDArray[Any], bit_depth: int, hole: NDArray[np.bool_] | None
    ) -> Seen:
        """The luma (H, W) of a frame, uint8 or with `bit_depth` bits in its low bits, and its hole (H, W), if any.

        A shot that starts with it ends the one before.
        """
        self._looked = index
        gray, known = self._view.look(luma, bit_depth, hole)
        hidden = self._grid.hidden(hole, self._grow_px)
        return Seen(index=index, starts_shot=starts_shot, gray=gray, known=known, hidden=hidden)

    def place(self, seen: Seen) -> None:
        """Find where the camera stands in a frame: in the order they were looked at."""
        if seen.starts_shot:
            self._end(seen.index)
        plane = np.eye(3)
        if self._key is not None and self._last is not None:
            found = self._place(seen.gray, seen.known)
            if found is None:
                self._end(seen.index)
            else:
                plane = found
        self._last = _Look(gray=seen.gray, known=seen.known, plane=plane)
        self._key = self._key or self._last
        self._frames.append(seen.index)
        self._planes.append(plane)
        self._hidden.append(seen.hidden)

    def finish(self, frame_count: int) -> Survey:
        """What was found, in a video of so many frames."""
        self._end(frame_count)
        return Survey(shots=tuple(self._shots))

    def _place(self, gray: NDArray[np.uint8], known: NDArray[np.bool_]) -> Plane | None:
        """Where the camera stands, by the key frame, or else by the last frame, which becomes the key; None = lost."""
        assert self._key is not None
        assert self._last is not None
        ahead = self._last.plane
        if len(self._planes) > 1:  # the camera goes on as it went
            ahead = ahead @ np.linalg.inv(self._planes[-2]) @ ahead
        for key in (self._key, self._last):
            guess = np.linalg.inv(ahead) @ key.plane
            match = register(self._dis, key.gray, key.known, gray, known, guess)
            if match.agreed >= LEAST_AGREED and self._overlap(match.plane) >= KEY_OVERLAP:
                self._key = key
                self._agreed.append(match.agreed)
                found = key.plane @ np.linalg.inv(match.plane)
                return np.asarray(found / found[2, 2])
        return None

    def _overlap(self, plane: Plane) -> float:
        """Share of a frame that a plane leaves inside the picture."""
        width, height = self._view.size
        xs, ys = np.meshgrid((np.arange(16) + 0.5) * width / 16, (np.arange(16) + 0.5) * height / 16)
        x, y, depth = plane @ np.stack([xs.ravel(), ys.ravel(), np.ones(xs.size)])
        inside = (depth > 0.1) & (x >= 0) & (y >= 0) & (x <= (width - 1) * depth) & (y <= (height - 1) * depth)
        return float(inside.mean())

    def _end(self, stop: int) -> None:
        """The shot is over: what lies in it is worked out."""
        if self._frames:
            planes = self._view.at_full_size(np.stack(self._planes))
            frames = np.array(self._frames)
            coverage = cover(frames, planes, np.stack(self._hidden), self._grid, self._near_frames)
            agreed = float(np.median(self._agreed)) if self._agreed else 1.0
            self._shots.append(
                ShotSurvey(
                    start=self._frames[0], stop=stop, frames=frames, planes=planes, coverage=coverage, agreed=agreed
                )
            )
        self._frames, self._planes, self._hidden, self._agreed = [], [], [], []
        self._key = self._last = None
