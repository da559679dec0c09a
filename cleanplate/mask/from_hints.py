"""Objects that were marked on a frame or a few, and are followed through the shot from there: `Maker` of hints.

Clicks and boxes become masks as their frames pass in the first reading of the video (`follower`). When a shot ends, its
objects are tracked forward and backward from where they were marked (`legs`).

Objects are not followed past a shot's end. Masks of an earlier run stay as they are but for what a new mark changes.
"""

from __future__ import annotations

from array import array
from collections import deque
from contextlib import closing
from itertools import groupby
from math import nan

import numpy as np

from cleanplate.base.tracks import Lost, Track, not_looked_for
from cleanplate.base.types import Frame, Labels, Prompt
from cleanplate.mask.follower import Follower, made_small
from cleanplate.mask.legs import Leg, Mark, plan_legs
from cleanplate.mask.maker import Scene
from cleanplate.mask.marking import Marking
from cleanplate.mask.segmenter import NEAR_FRAMES
from cleanplate.mask.source import MaskSource
from cleanplate.mask.stored import StoredMasks


class HintMaker(Follower):
    """See the module. Raises `MaskError` for hints that do not fit the video, or that mark nothing."""

    def __init__(self, source: MaskSource, ids: range, scene: Scene) -> None:
        super().__init__(source, ids, scene)
        self._held = StoredMasks(source.path, may_be_mended=True) if source.path is not None else None
        if self._held is not None:
            self._held.check_video(scene.info)
        self._marking = Marking(source, ids, scene, self._held, self._given)
        self._legs: list[Leg] = []
        self._shots: list[tuple[int, int]] = []
        "half-open, those with a new mark"
        self._marked = deque(self._marking.frames)
        "frames with a new mark that are still to come"
        self._recent: deque[Frame] = deque(maxlen=2 * NEAR_FRAMES + 1)

    @property
    def drawn(self) -> frozenset[int]:
        return frozenset(self._marking.names) | frozenset(self._held.objects if self._held else ())

    def survey(self) -> None:
        """Read the video as far as the last shot with a mark, and track."""
        for number in self._marking.names:
            self._confidence[number] = self._held_confidence(number)
        super().survey()

    def _warn(self) -> None:
        """What a person has to know of how it went."""
        timeline = self.scene.timeline
        is_asked = self._held is not None or self.source.follow is not None
        if not is_asked and sum(stop - first for first, stop in self._shots) < len(timeline):
            ends = (*timeline.starts, timeline.end)
            spans = (f"{float(ends[first]):.2f}-{float(ends[stop]):.2f} s" for first, stop in self._shots)
            self.scene.warn(
                f"what was marked is followed within its shot, {', '.join(spans)}; if it is in another one, mark it "
                "there too"
            )
        for fact in self.tracks():
            for sentence in fact.sentences():
                self.scene.warn(sentence)

    def step(self, frame: Frame) -> Labels:
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
        return tuple(self._fact(number) for number in sorted(self._confidence))

    @property
    def _is_done(self) -> bool:
        return not self._marked

    def _see(self, frame: Frame, first: int) -> None:  # noqa: ARG002 - hints say which frames they are for
        self._recent.append(frame)
        self._look_before(frame.index - NEAR_FRAMES + 1)

    def _look_before(self, stop: int) -> None:
        """At the frames up to there that are marked and were not looked at."""
        while self._marked and self._marked[0] < stop:
            self._look(self._marked.popleft())

    def _look(self, index: int) -> None:
        frame = next(one for one in self._recent if one.index == index)
        near = [one for one in self._recent if 0 < abs(one.index - index) <= NEAR_FRAMES and one.native is not None]
        self._marking.look(frame, sorted(near, key=lambda one: abs(one.index - index)))

    def _end_shot(self, first: int, stop: int) -> None:
        self._look_before(stop)
        self._recent.clear()
        first, stop = self._followed(first, stop)
        untold = frozenset(self._held.objects if self._held else ()) - {
            mark.object_id for mark in self._marking.marks if not mark.is_new
        }
        legs = plan_legs(self._marking.marks, first, stop, untold)
        if legs:
            self._shots.append((first, stop))
        for leg in legs:
            self._legs.append(leg)
            self._take(leg)

    def _followed(self, first: int, stop: int) -> tuple[int, int]:
        """Of the frames of a shot, half-open, those in which what is marked is to be followed."""
        follow, starts = self.source.follow, self.scene.timeline.starts
        if follow is None:
            return first, stop
        within = [n for n in range(first, stop) if starts[n] in follow]
        return (within[0], within[-1] + 1) if within else (first, first)

    def _take(self, leg: Leg) -> None:
        """Track on the small pictures. What backward legs find lies under what forward ones do."""
        told: dict[int, Mark] = {}
        prompts = [prompt for mark in leg.marks if (prompt := self._prompt(mark, told)) is not None]
        for number, spans in leg.owed.items():
            for first, stop in spans:
                self._confidence[number][first:stop] = not_looked_for(stop - first)
        if not prompts:
            return
        marks = {(mark.frame, mark.object_id): mark for mark in leg.marks}
        gone: set[int] = set()
        with closing(self._follow(leg.frames, prompts)) as answers:
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
                self._tell_tracked()

    def _prompt(self, mark: Mark, told: dict[int, Mark]) -> Prompt | None:
        """The mark as the tracker takes it; None for what it was never told of and is gone."""
        labels, small = self._given.get(mark.frame), self._pictures.get(mark.frame)
        if labels is None or small is None or (self._marking.is_gone(mark) and mark.object_id not in told):
            return None
        told[mark.object_id] = mark
        hole = made_small(labels == mark.object_id, small.shape)
        return Prompt(index=mark.frame, object_id=mark.object_id, hole=hole)

    def _held_confidence(self, number: int) -> array[float]:
        """What the earlier run says of the object; nan where it was not looked for."""
        known = next((t.confidence for t in self._held.tracks if t.object_id == number), ()) if self._held else ()
        if not known:
            return not_looked_for(len(self.scene.timestamps))
        return array("f", [nan if share is None else share for share in known])

    def _fact(self, number: int) -> Track:
        shares, timeline = self._confidence[number], self.scene.timeline
        lost = []
        for is_lost, run in groupby(range(len(shares)), key=lambda n: round(shares[n], 2) == 0):
            frames = list(run) if is_lost else []
            if frames:
                first, stop = frames[0], frames[-1] + 1
                end = timeline.starts[stop] if stop < len(timeline) else timeline.end
                lost.append(Lost(first=first, stop=stop, start_s=float(timeline.starts[first]), stop_s=float(end)))
        return self._track(number, self._marking.names[number], self._marking.said(number), tuple(lost))
