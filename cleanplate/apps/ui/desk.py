"""One open project as the page works on it: its frames, what is drawn on them, and the masks that were made.

The stored masks of the project (`masks/stored`) are what a run takes out. Frames that were drawn on since are kept
beside them (`masks/drawn`) until the next tracking takes them up: as first masks where nothing is stored yet, else as
fixes, so that only what follows from them is tracked again. All of it is the mask pass of the command line.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from fractions import Fraction
from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np

from cleanplate.apps.project import Project
from cleanplate.apps.ui.drawing import Drawing, Point, tint
from cleanplate.apps.ui.drawn import DrawnFrames
from cleanplate.apps.ui.forgotten import Before, Forgotten
from cleanplate.apps.ui.frames import FrameShop, png, shown_size
from cleanplate.apps.ui.kept_masks import KeptMasks
from cleanplate.base.errors import CleanplateError, UsageError
from cleanplate.base.tracks import Track
from cleanplate.base.types import Box, Image, Labels, Prompt
from cleanplate.base.when import Span
from cleanplate.mask.maker import MOST_OBJECTS
from cleanplate.mask.segmenter import Segmenter, make_segmenter
from cleanplate.mask.stored import StoredMasks
from cleanplate.mask.stored_without import write_without
from cleanplate.tasks.masks import COLORS

STORED: Mapping[str, Any] = {"mask": ["masks/stored"]}
"the marks of a project whose masks were made"
_OVERLAY_PX = 1280
"the widest picture of marks that is sent"


class Desk:
    """What the page knows of one project. Safe to be used from several threads."""

    def __init__(self, project: Project) -> None:
        """Raises what opening the source raises."""
        self.project = project
        rate = project.settings.get("rate")
        self.shop = FrameShop(project.source, None if rate is None else Fraction(rate))
        self._lock = threading.RLock()
        self._drawn = DrawnFrames(project.masks / "drawn", self.shape)
        self._forgotten = Forgotten(project.folder / "forgotten")
        self.kept = KeptMasks(project.masks / "stored", self.shop.info)
        self._segmenter: tuple[str, Segmenter] | None = None
        said = project.page.get("objects", {"1": "object 1"})
        self._names: dict[int, str] = {int(n): name for n, name in said.items()}

    @property
    def shape(self) -> tuple[int, int]:
        """(H, W) of the video."""
        return self.shop.info.height_px, self.shop.info.width_px

    @property
    def drawn(self) -> list[int]:
        """Frames that were drawn on since the masks were made."""
        return self._drawn.frames

    def drawn_in(self, span: Span | None) -> list[int]:
        """Those of them that lie in that time; None = all."""
        return [n for n in self.drawn if span is None or self.shop.starts_s[n] in span]

    @property
    def stored(self) -> StoredMasks | None:
        """The masks that were made, if they were."""
        return self.kept.now

    @property
    def version(self) -> int:
        """Grows with each change of the marks."""
        return self._drawn.version + self.kept.version

    def warm(self) -> None:
        """Load what the first click needs, so that it need not wait."""
        height, width = self.shape
        centre = Prompt(index=0, object_id=1, points_xy=((width // 2, height // 2),), point_is_in=(True,))
        with suppress(CleanplateError):  # a first click says the same to whom it concerns
            self._segmenter_now().segment(self.shop.frame(0).image, centre, self.shop.near(0))

    def names(self) -> dict[int, str]:
        """What objects are called, by number: as a person says here, as marks or words of elsewhere said, or so."""
        stored = self.stored
        plain = {n: f"object {n}" for n in sorted({*self._names, *(stored.objects if stored else ())})}
        told = {track.object_id: track.name for track in self.tracks() if track.name}
        return plain | told | {n: name for n, name in self._names.items() if name != f"object {n}"}

    def objects(self) -> list[dict[str, Any]]:
        """As the browser takes them."""
        return [{"id": n, "name": name, "color": f"#{COLORS[n].tobytes().hex()}"} for n, name in self.names().items()]

    def state(self) -> dict[str, Any]:
        """All that a change of the marks can change, for the browser."""
        with self._lock:
            stored = self.stored
            return {
                "objects": self.objects(),
                "drawn": self.drawn,
                "has_masks": stored is not None,
                "masked": _runs([not stored.is_empty(pts) for pts, _ in self.shop.times]) if stored else [],
                "lost": [(lost.first, lost.stop) for track in self.tracks() for lost in track.lost],
            }

    def tracks(self) -> Sequence[Track]:
        """How what is followed was followed."""
        stored = self.stored
        return stored.tracks if stored else ()

    def labels(self, frame: int) -> Labels | None:
        """(H, W) of a frame as they are now; None where nothing is marked."""
        with self._lock:
            drawing = self._drawn.of(frame)
            if drawing is not None:
                return drawing.labels
            stored = self.stored
            if stored is None or not 0 <= frame < len(self.shop):
                return None
            pts = self.shop.times[frame][0]
            return None if stored.is_empty(pts) else stored.labels(pts)

    def overlay(self, frame: int) -> bytes | None:
        """A PNG of what is marked, to lie over the frame; None where nothing is."""
        labels = self.labels(frame)
        if labels is None or not labels.any():
            return None
        return png(tint(labels, COLORS, shown_size(self.shape[1], self.shape[0], _OVERLAY_PX)))

    def click(self, frame: int, number: int, point_xy: Point, is_in: bool) -> None:
        """A click with the object's number. Raises what a segmenter raises."""
        self._find(frame, number, lambda drawing, *seen: drawing.click(number, point_xy, is_in, *seen))

    def box(self, frame: int, number: int, box_xyxy: Box) -> None:
        """A box around the object. Raises what a segmenter raises."""
        self._find(frame, number, lambda drawing, *seen: drawing.box(number, box_xyxy, *seen))

    def stroke(self, frame: int, number: int, points_xy: Sequence[Point], radius_px: float, is_erasing: bool) -> None:
        """A stroke of the brush or the eraser. Raises `UsageError` for one that is none."""
        with self._lock:
            drawing = self._drawing(frame, number)
            drawing.stroke(number, points_xy, radius_px, is_erasing)
            self._keep(drawing)

    def undo(self, frame: int) -> None:
        """Take back the last step on that frame; where none is left, all that was drawn on it.

        An object that was forgotten comes back instead, if nothing was marked since.
        """
        with self._lock:
            drawing = self._drawn.of(frame)
            if self._forgotten:
                self._bring_back(self._forgotten.pop())
            elif drawing is not None and drawing.undo():
                self._keep(drawing)
            else:
                self._drop([frame])

    def name(self, number: int, name: str) -> None:
        """Name an object, or add one. Raises `UsageError` for one too many."""
        if not 1 <= number <= MOST_OBJECTS:
            raise UsageError(f"object {number} cannot be added; there can be {MOST_OBJECTS} of them")
        with self._lock:
            self.settle()
            self._names[number] = name.strip()[:40] or f"object {number}"
            self._save()

    def forget(self, number: int) -> None:
        """Take an object out: what was drawn of it, its masks, how it was followed, its name. `undo` brings it back.

        All masks are read and written anew. Raises `UsageError` where they were changed meanwhile.
        """
        stored, fresh = self.stored, None
        is_masked = stored is not None and number in stored.objects
        if stored is not None and is_masked and len(stored.objects) > 1:
            fresh = self._forgotten.room("new")
            write_without(stored, number, self.shop.info, fresh)
        with self._lock:
            if self.stored is not stored:
                self.settle()
                raise UsageError("the masks were made anew meanwhile; forget the object once more")
            aside = self._forgotten.room() if is_masked else None
            self._forgotten.add(Before(names=dict(self._names), drawings=self._drawn.drawings, masks=aside))
            if is_masked:
                self._take(fresh, aside)
            self._drawn.replace(filter(None, (drawing.without(number) for drawing in self._drawn.drawings)))
            self._names.pop(number, None)
            if not self.names():
                self._names = {1: "object 1"}
            self._save()

    def settle(self) -> None:
        """What was forgotten cannot come back from now on."""
        with self._lock:
            self._forgotten.clear()

    def start_over(self) -> None:
        """Forget all masks and marks."""
        with self._lock:
            self._drop(self.drawn)
            self.kept.replace(None)
            self._names = {1: "object 1"}
            self.project.marks = {}
            self._save()

    def tracking_marks(self, frame: int, span: Span | None) -> dict[str, Any]:
        """What the mask pass is told to follow what is marked, from the drawn frames in `span` and the one shown.

        Raises `UsageError` where nothing is marked.
        """
        with self._lock:
            if self._drawn.of(frame) is None and (labels := self.labels(frame)) is not None and labels.any():
                self._keep(Drawing.of(frame, labels))
            frames = self.drawn_in(span)
            if not frames:
                raise UsageError("nothing is marked there; click on what is to go first")
            paths = [self._drawn.path(n) for n in frames]
            if self.stored is not None:
                marks: dict[str, Any] = {"mask": [str(self.kept.folder)], "fix": [str(path) for path in paths]}
            else:
                texts = [f"{path}@{self.shop.time_of(n)}" for path, n in zip(paths, frames, strict=True)]
                marks = {"mask": texts, "track": True}
            if span is not None:
                marks["follow"] = str(span)
            return marks

    def take_masks(self, folder: Path, frames: Sequence[int] = ()) -> None:
        """Stored masks that were made take the place of those before; `frames`: drawn ones that they hold."""
        with self._lock:
            self._take(folder)
            self._drop(frames)
            self._save()

    def close(self) -> None:
        self.shop.close()

    def _find(self, frame: int, number: int, act: Callable[[Drawing, Segmenter, Sequence[Image]], None]) -> None:
        near = [self.shop.frame(frame).image, *self.shop.near(frame)]
        with self._lock:
            drawing = self._drawing(frame, number)
            act(drawing, self._segmenter_now(), near)
            self._keep(drawing)

    def _segmenter_now(self) -> Segmenter:
        name = self.project.page.get("segmenter", "grabcut")
        with self._lock:
            if self._segmenter is None or self._segmenter[0] != name:
                self._segmenter = name, make_segmenter(name, None, "auto")
            return self._segmenter[1]

    def _drawing(self, frame: int, number: int) -> Drawing:
        self.shop.check(frame)
        if number not in self.names():
            raise UsageError(f"there is no object {number}; add it first")
        labels = self.labels(frame)
        return self._drawn.of(frame) or Drawing.of(frame, np.zeros(self.shape, np.uint8) if labels is None else labels)

    def _keep(self, drawing: Drawing) -> None:
        self.settle()
        self._drawn.keep(drawing)

    def _drop(self, frames: Sequence[int]) -> None:
        self.settle()
        self._drawn.drop(frames)

    def _take(self, masks: Path | None, aside: Path | None = None) -> None:
        """They hold all that was marked; what goes with masks, like their shadows, stays."""
        self.kept.replace(masks, aside)
        marks = {name: value for name, value in self.project.marks.items() if name == "with_shadow"}
        self.project.marks = marks if masks is None else {**marks, **STORED}

    def _bring_back(self, before: Before) -> None:
        if before.masks is not None:
            self._take(before.masks)
        self._drawn.replace(before.drawings)
        self._names = dict(before.names)
        self._save()

    def _save(self) -> None:
        self.project.page["objects"] = {str(n): name for n, name in self._names.items()}
        self.project.save()


def _runs(flags: Sequence[bool]) -> list[tuple[int, int]]:
    """Half-open ranges in which the flag holds."""
    found = []
    for is_set, run in groupby(range(len(flags)), key=lambda n: flags[n]):
        frames = list(run)
        if is_set:
            found.append((frames[0], frames[-1] + 1))
    return found
