"""Objects that were marked on a frame or a few, and are followed through the shot from there: `Maker` of hints.

The video is read twice. The first time each frame is put down small (`shelf`), until its shot ends; then the shot's
objects are tracked on the small pictures, forward and backward from where they were marked (`legs`), and what was
found is put down small as well. The second time, in `step`, it is drawn at full size along the picture's own edges.
At no time more than a few frames are held, and on the disk no more pictures than the longest shot with a mark has.

Objects are not followed past a shot's end. Masks of an earlier run stay as they are but for what a new mark changes.
"""

from __future__ import annotations

from array import array
from collections import deque
from collections.abc import Sequence
from contextlib import closing
from itertools import groupby
from math import isnan, nan

import cv2
import numpy as np
from numpy.typing import NDArray

from cleanplate.base.report import Progress
from cleanplate.base.tracks import Lost, Track
from cleanplate.base.types import Frame, Labels, Prompt
from cleanplate.mask.legs import Leg, Mark, plan_legs
from cleanplate.mask.maker import Maker, Scene
from cleanplate.mask.marking import Marking
from cleanplate.mask.segmenter import NEAR_FRAMES
from cleanplate.mask.shelf import Shelf
from cleanplate.mask.sight import see, sharpen, shrink
from cleanplate.mask.source import MaskSource
from cleanplate.mask.stored import StoredMasks
from cleanplate.mask.tracker import make_tracker, track, tracker_class
from cleanplate.motion.cuts import CutFinder, thumbnail


class HintMaker(Maker):
    """See the module. Raises `MaskError` for hints that do not fit the video, or that mark nothing."""

    def __init__(self, source: MaskSource, object_id: int, scene: Scene) -> None:
        super().__init__(source, object_id, scene)
        assert scene.work is not None  # as the row needs pixels
        self._pictures = Shelf(scene.work / "pictures")
        self._found = Shelf(scene.work / "found")
        self._given = Shelf(scene.work / "given")
        self._held = StoredMasks(source.path, may_be_mended=True) if source.path is not None else None
        if self._held is not None:
            self._held.check_video(scene.info)
        self._marking = Marking(source, object_id, scene, self._held, self._given)
        self._work_px = tracker_class(source.tracker).work_px
        self._nothing = np.zeros(scene.size_px[::-1], np.uint8)
        self._nothing.flags.writeable = False
        self._legs: list[Leg] = []
        self._shots: list[tuple[int, int]] = []
        "half-open, those with a new mark"
        self._confidence: dict[int, array[float]] = {}
        self._tracked_frames = 0

    def survey(self) -> None:
        """Read the video as far as the last shot with a mark, and track."""
        for number in self._marking.names:
            self._confidence[number] = self._held_confidence(number)
        recent: deque[Frame] = deque(maxlen=2 * NEAR_FRAMES + 1)
        cuts = CutFinder()
        marked = deque(self._marking.frames)
        first = stop = 0
        small: NDArray[np.uint8] | None = None
        with closing(self.scene.frames()) as frames:
            for frame in frames:
                if frame.native is not None:
                    planes = frame.native
                    bright = planes.arrays[1 if planes.layout.model == "rgb" else 0]
                    if cuts.push(thumbnail(bright, planes.layout.bit_depth, None)):
                        self._end_shot(first, stop, marked, recent)
                        first = stop
                        if not marked:
                            break
                    small = shrink(frame.image, self._work_px)
                if small is not None:  # a frame that does not come out of a damaged file looks like the one before
                    self._pictures.put(frame.index, small)
                recent.append(frame)
                stop = frame.index + 1
                while marked and marked[0] < stop - NEAR_FRAMES:
                    self._look(marked.popleft(), recent)
                self._tell("look", stop)
            else:
                self._end_shot(first, stop, marked, recent)
        self._pictures.clear()
        self._warn()

    def _warn(self) -> None:
        """What a person has to know of how it went."""
        timeline = self.scene.timeline
        if self._held is None and sum(stop - first for first, stop in self._shots) < len(timeline):
            ends = (*timeline.starts, timeline.end)
            spans = (f"{float(ends[first]):.2f}-{float(ends[stop]):.2f} s" for first, stop in self._shots)
            self.scene.warn(
                f"what was marked is followed within its shot, {', '.join(spans)}; if it is in another one, mark it "
                "there too"
            )
        for fact in self.tracks():
            for sentence in fact.sentences():
                self.scene.warn(sentence)

    def step(self, frame: Frame, prompts: Sequence[Prompt] = ()) -> Labels:  # noqa: ARG002 - has its own
        owed = {n for leg in self._legs for n in leg.owed if leg.owes(n, frame.index)}
        held = self._held.labels(frame.pts) if self._held is not None else None
        if not owed:
            return self._nothing if held is None else held
        labels = (self._nothing if held is None else held).copy()
        labels[np.isin(labels, sorted(owed))] = 0
        small = self._found.get(frame.index)
        if small is not None and small.any():
            drawn = self._enlarged(small, frame)
            np.copyto(labels, drawn, where=(labels == 0) & (drawn > 0))
        given = self._given.get(frame.index)
        if given is not None:
            exact = sorted(mark.object_id for mark in self._marking.marks if mark.is_new and mark.frame == frame.index)
            labels[np.isin(labels, exact)] = 0
            np.copyto(labels, given, where=np.isin(given, exact))
        labels.flags.writeable = False
        return labels

    def tracks(self) -> tuple[Track, ...]:
        return tuple(self._track(number) for number in sorted(self._confidence))

    def close(self) -> None:
        for shelf in (self._pictures, self._found, self._given):
            shelf.close()

    def _look(self, index: int, recent: Sequence[Frame]) -> None:
        frame = next(one for one in recent if one.index == index)
        near = [one for one in recent if 0 < abs(one.index - index) <= NEAR_FRAMES and one.native is not None]
        self._marking.look(frame, sorted(near, key=lambda one: abs(one.index - index)))

    def _end_shot(self, first: int, stop: int, marked: deque[int], recent: deque[Frame]) -> None:
        """All frames of a shot have been put down: track what was marked in it."""
        while marked and marked[0] < stop:
            self._look(marked.popleft(), recent)
        recent.clear()
        untold = frozenset(self._held.objects if self._held else ()) - {
            mark.object_id for mark in self._marking.marks if not mark.is_new
        }
        legs = plan_legs(self._marking.marks, first, stop, untold)
        if legs:
            self._shots.append((first, stop))
        for leg in legs:
            self._legs.append(leg)
            self._follow(leg)
        self._pictures.clear()

    def _follow(self, leg: Leg) -> None:
        """Track on the small pictures. What backward legs find lies under what forward ones do."""
        told: dict[int, Mark] = {}
        prompts = [prompt for mark in leg.marks if (prompt := self._prompt(mark, told)) is not None]
        for number, spans in leg.owed.items():
            for first, stop in spans:
                self._confidence[number][first:stop] = array("f", [nan]) * (stop - first)
        if not prompts:
            return
        marks = {(mark.frame, mark.object_id): mark for mark in leg.marks}
        gone: set[int] = set()
        pictures = ((n, picture) for n in leg.frames if (picture := self._pictures.get(n)) is not None)
        with closing(track(make_tracker(self.source.tracker), pictures, prompts)) as answers:
            for n, tracked in answers:
                for number in leg.owed:
                    if (mark := marks.get((n, number))) is not None:
                        (gone.add if self._marking.is_gone(mark) else gone.discard)(number)
                counted = [number for number in leg.owed if leg.owes(number, n) and number not in gone]
                found = np.where(np.isin(tracked.labels, counted), tracked.labels, 0).astype(np.uint8)
                before = self._found.get(n)
                self._found.put(n, found if before is None else np.where(before > 0, before, found))
                for number in counted:
                    self._confidence[number][n] = tracked.confidence.get(number, nan)
                self._tracked_frames += 1
                self._tell("track", self._tracked_frames)

    def _prompt(self, mark: Mark, told: dict[int, Mark]) -> Prompt | None:
        """The mark as the tracker takes it; None for what it was never told of and is gone."""
        labels, small = self._given.get(mark.frame), self._pictures.get(mark.frame)
        if labels is None or small is None or (self._marking.is_gone(mark) and mark.object_id not in told):
            return None
        told[mark.object_id] = mark
        inside = (labels == mark.object_id).astype(np.float32)
        share = cv2.resize(inside, small.shape[1::-1], interpolation=cv2.INTER_AREA)
        hole = share >= 0.5 if (share >= 0.5).any() else share > 0
        return Prompt(index=mark.frame, object_id=mark.object_id, hole=np.asarray(hole, np.bool_))

    def _enlarged(self, small: Labels, frame: Frame) -> Labels:
        """Labels (H, W), with borders along edges that only the full picture shows."""
        if small.shape == self.scene.size_px[::-1]:
            return small
        if frame.native is None:
            return np.asarray(cv2.resize(small, self.scene.size_px, interpolation=cv2.INTER_NEAREST), np.uint8)
        image = frame.image
        degrees = {int(n): (small == n).astype(np.float32) for n in np.unique(small) if n}
        return sharpen(degrees, image, see(shrink(image, self._work_px)))

    def _held_confidence(self, number: int) -> array[float]:
        """What the earlier run says of the object; nan where it was not looked for."""
        count = len(self.scene.timestamps)
        known = next((t.confidence for t in self._held.tracks if t.object_id == number), ()) if self._held else ()
        return array("f", [nan if share is None else share for share in known] or [nan] * count)

    def _track(self, number: int) -> Track:
        shares = [None if isnan(share) else round(share, 2) for share in self._confidence[number]]
        timeline = self.scene.timeline
        lost = []
        for is_lost, run in groupby(range(len(shares)), key=lambda n: shares[n] == 0):
            frames = list(run) if is_lost else []
            if frames:
                first, stop = frames[0], frames[-1] + 1
                end = timeline.starts[stop] if stop < len(timeline) else timeline.end
                lost.append(Lost(first=first, stop=stop, start_s=float(timeline.starts[first]), stop_s=float(end)))
        return Track(
            object_id=number,
            name=self._marking.names[number],
            tracker=self.source.tracker,
            marked=self._marking.said(number),
            confidence=tuple(shares),
            lost=tuple(lost),
        )

    def _tell(self, stage: str, done: int) -> None:
        if self.scene.watch is not None:
            self.scene.watch(Progress(stage=stage, done=done, total=len(self.scene.timestamps)))
