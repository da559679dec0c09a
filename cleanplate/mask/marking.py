"""What all hints together say: which objects there are, on which frames they are marked, and their masks there."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from cleanplate.base.errors import MaskError, UsageError
from cleanplate.base.tracks import Marked
from cleanplate.base.types import Frame, Labels, Prompt
from cleanplate.mask.from_file import FileMaker
from cleanplate.mask.hints import Hint
from cleanplate.mask.legs import Mark
from cleanplate.mask.maker import MOST_OBJECTS, Scene
from cleanplate.mask.segmenter import make_segmenter
from cleanplate.mask.shelf import Shelf
from cleanplate.mask.source import MaskSource
from cleanplate.mask.stored import StoredMasks
from cleanplate.mask.stored_pictures import is_image


class Marking:
    """Reads the files among the hints at once, and finds what clicks and boxes mark when it is shown their frame."""

    def __init__(self, source: MaskSource, ids: range, scene: Scene, held: StoredMasks | None, given: Shelf) -> None:
        """`held`: the masks to be mended; `given` takes the masks (H, W) of the frames on which something is marked.

        Raises `MaskError` for hints that do not fit the video, `UsageError` for those that contradict each other.
        """
        self._scene = scene
        self._source = source
        self._given = given
        self._tracks = held.tracks if held else ()
        self.names = {track.object_id: track.name for track in self._tracks}
        "of each object that is followed"
        self._taken = set(held.objects if held else ()) | set(self.names)
        self._number_of = {track.name: track.object_id for track in self._tracks if track.marked}
        if "" not in self._number_of and len(self._taken) == 1:
            self._number_of[""] = min(self._taken)
        self._ids = ids
        self._marks: dict[tuple[int, int], Mark] = {}
        self._said: dict[tuple[int, int], list[str]] = {}
        self._gone: set[tuple[int, int]] = set()
        self._to_segment: dict[int, dict[int, list[Hint]]] = {}
        for hint in source.hints:
            self._take(hint, hint.frame_in(scene.timeline))
        for frame, objects in self._to_segment.items():
            self._check(frame, objects)
        self._segmenter = (
            make_segmenter(source.segmenter, source.segmenter_options, source.device) if self._to_segment else None
        )

    @property
    def marks(self) -> list[Mark]:
        """The new ones, and those that masks to be mended come with."""
        held = [Mark(frame=at.frame, object_id=t.object_id, is_new=False) for t in self._tracks for at in t.marked]
        return [*held, *self._marks.values()]

    @property
    def frames(self) -> list[int]:
        """On which there are new marks."""
        return sorted({mark.frame for mark in self._marks.values()})

    def said(self, object_id: int) -> tuple[Marked, ...]:
        """Who marked the object where, the earlier run's hints included."""
        new = {frame: ", ".join(words) for (frame, number), words in self._said.items() if number == object_id}
        held = [at for t in self._tracks if t.object_id == object_id for at in t.marked if at.frame not in new]
        found = [*held, *(Marked(frame=frame, said=words) for frame, words in new.items())]
        return tuple(sorted(found, key=lambda at: at.frame))

    def is_gone(self, mark: Mark) -> bool:
        """Whether a mended mask says that the object is not to be seen from there on."""
        return (mark.frame, mark.object_id) in self._gone

    def look(self, frame: Frame, near: Sequence[Frame]) -> None:
        """Find what clicks and boxes mark on that frame. `near`: frames of its shot around it, the nearest first."""
        objects = self._to_segment.pop(frame.index, None)
        if objects is None:
            return
        if frame.native is None:
            raise MaskError(
                f"frame {frame.index} cannot be decoded, but {_first(objects)} is on it; mark another frame"
            )
        assert self._segmenter is not None
        image, others = frame.image, [one.image for one in near]
        labels = self._labels_at(frame.index)
        for number, hints in objects.items():
            rivals = [h.point_xy for n, those in objects.items() if n != number for h in those if h.kind == "click"]
            hole = self._segmenter.segment(image, _prompt(frame.index, number, hints, rivals), others)
            if not hole.any():
                raise MaskError(f"nothing is found at the {hints[0]}; mark the middle of the object, or give a mask")
            labels[hole] = number
        self._given.put(frame.index, labels)

    def _take(self, hint: Hint, frame: int) -> None:
        if hint.kind == "mask":
            self._take_picture(hint, frame, self._number(hint))
        elif hint.kind == "fix":
            self._take_fix(hint, frame)
        else:
            number = self._number(hint)
            _check_place(hint, *self._scene.size_px)
            self._to_segment.setdefault(frame, {}).setdefault(number, []).append(hint)
            self._mark(hint, frame, number)

    def _take_picture(self, hint: Hint, frame: int, number: int) -> None:
        drawn = self._read(hint, number)
        ids = [number] if hint.name else [int(n) for n in np.unique(drawn) if n]
        labels = self._labels_at(frame)
        np.copyto(labels, number if hint.name else drawn, where=drawn > 0)
        self._given.put(frame, labels)
        self._taken.update(ids)
        for n in ids:
            self.names.setdefault(n, hint.name)
            self._mark(hint, frame, n)

    def _take_fix(self, hint: Hint, frame: int) -> None:
        """All of a frame: objects of the earlier run that were looked for there, and are not in it, are gone."""
        drawn = self._read(hint, self._number_of.get("", self._ids.start), may_be_empty=True)
        seen = {int(n) for n in np.unique(drawn) if n}
        self._given.put(frame, drawn)
        elsewhere = {track.object_id for track in self._tracks if track.confidence[frame] is None}
        for n in sorted(seen | self.names.keys() - elsewhere):
            self.names.setdefault(n, "")
            self._mark(hint, frame, n)
            if n not in seen:
                self._gone.add((frame, n))

    def _read(self, hint: Hint, number: int, *, may_be_empty: bool = False) -> Labels:
        assert hint.path is not None
        if not hint.path.exists():
            raise MaskError(f"the {hint} does not exist; check the path")
        if hint.path.is_dir() or not is_image(hint.path):
            raise MaskError(
                f"the {hint} is no picture; an object is followed from one picture of it, like first.png@00:03.5 "
                "(masks of all frames are given without --track)"
            )
        scene = replace(self._scene, invert=False) if hint.kind == "fix" else self._scene
        maker = FileMaker(MaskSource(path=hint.path), range(number, number + 1), scene)
        labels = maker.step(Frame(index=0, pts=0, duration=0, native=None))
        maker.close()
        if not labels.any() and not may_be_empty:
            raise MaskError(f"the {hint} marks nothing, so there is nothing to follow: {maker.why_empty}")
        return labels

    def _number(self, hint: Hint) -> int:
        """The id of the object that the hint is about."""
        if hint.name not in self._number_of:
            number = next((n for n in self._ids if n not in self._taken), 0)
            if not number:
                raise UsageError(f"more than {MOST_OBJECTS} objects were named; follow fewer at a time")
            self._number_of[hint.name] = number
            self._taken.add(number)
        number = self._number_of[hint.name]
        if hint.kind != "mask":  # a picture may hold ids of its own
            self.names.setdefault(number, hint.name)
        return number

    def _mark(self, hint: Hint, frame: int, number: int) -> None:
        self._marks[frame, number] = Mark(frame=frame, object_id=number)
        self._said.setdefault((frame, number), []).append(str(hint))

    def _labels_at(self, frame: int) -> Labels:
        labels = self._given.get(frame)
        return np.zeros(self._scene.size_px[::-1], np.uint8) if labels is None else labels

    def _check(self, frame: int, objects: dict[int, list[Hint]]) -> None:
        """Whether the hints of one frame go together."""
        for number, hints in objects.items():
            said = self._said[frame, number]
            boxes = [hint for hint in hints if hint.kind == "box"]
            if len(boxes) > 1:
                raise UsageError(
                    f"{boxes[0]} and {boxes[1]} mark the same object on one frame; write --object NAME before each if "
                    "they are two"
                )
            if len(said) > len(hints):
                raise UsageError(
                    f"one object has {' and '.join(said)} on one frame; give either a mask or clicks, or write "
                    "--object NAME before each if they are two"
                )
            if all(hint.kind == "keep-click" for hint in hints):
                raise UsageError(
                    f"the {hints[0]} says what stays, but nothing on that frame says what is to go; give a --click or "
                    "--box for the same time"
                )


def _first(objects: dict[int, list[Hint]]) -> Hint:
    return next(iter(objects.values()))[0]


def _prompt(frame: int, number: int, hints: Sequence[Hint], rivals: Sequence[tuple[float, float] | None]) -> Prompt:
    """What is clicked of other objects does not belong to this one."""
    points = [(hint.point_xy, hint.kind == "click") for hint in hints] + [(point, False) for point in rivals]
    given = [(point, is_in) for point, is_in in points if point is not None]
    return Prompt(
        index=frame,
        object_id=number,
        points_xy=tuple(point for point, _ in given),
        point_is_in=tuple(is_in for _, is_in in given),
        box_xyxy=next((hint.box_xyxy for hint in hints if hint.box_xyxy is not None), None),
    )


def _check_place(hint: Hint, width_px: int, height_px: int) -> None:
    """Raises `MaskError` for what does not lie in the picture."""
    if hint.point_xy is not None:
        x, y = hint.point_xy
        if not (0 <= x <= width_px - 1 and 0 <= y <= height_px - 1):
            raise MaskError(
                f"the {hint} lies outside the picture of {width_px}x{height_px}; x goes from 0 to {width_px - 1} and y "
                f"from 0 to {height_px - 1}"
            )
    if hint.box_xyxy is not None:
        x0, y0, x1, y1 = hint.box_xyxy
        if not (0 <= x0 < x1 <= width_px and 0 <= y0 < y1 <= height_px):
            raise MaskError(
                f"the {hint} does not lie in the picture of {width_px}x{height_px}; write x0,y0,x1,y1 with x0 < x1 and "
                "y0 < y1 inside it"
            )
