"""From frames with holes to painted frames: which frames and which part of the picture an engine is shown, and joints.

A *piece* is a run of at most `grid.core` frames of one shot. Its engine sees `grid.margin` more frames on both sides
within the shot, cropped to the holes and their surroundings, blanked. Neighbouring pieces paint `grid.joint` frames
twice and cross-fade them. Frames come in and go out one by one: memory follows the piece, not the video.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from cleanplate.base.arrays import box_area, cut, shared_box
from cleanplate.base.plan import Grid
from cleanplate.base.report import StageClock
from cleanplate.base.threads import Call, leave
from cleanplate.base.types import Box, Clip, Frame, Image, Labels, Planes, Reference
from cleanplate.crops import blanked, crop_boxes, is_kept
from cleanplate.motion.cuts import CutFinder, bright, thumbnail
from cleanplate.paint.engine import Engine
from cleanplate.paste import Region, regions_of


@dataclass(frozen=True, kw_only=True, eq=False)
class Held:
    """A frame on its way: what of it is to be painted, and whether a shot begins with it."""

    frame: Frame
    regions: tuple[Region, ...]
    "none = nothing to paint"
    hidden: tuple[Region, ...] = ()
    "holes of a frame that is left as it is: not painted, but not shown to the engine either"
    starts_shot: bool = False
    shown: dict[Box, Image] = field(default_factory=dict)
    "what an engine was shown of it before: the next piece shows the same where holes stay; see `crops.is_kept`"


@dataclass(frozen=True, kw_only=True, eq=False)
class Painted:
    """Paint for one region of one frame, on the region's box."""

    image: Image  # (h, w, 3)
    origin: NDArray[np.uint8]  # (h, w)


Paint = tuple[Painted, ...]
"a frame's: one for each of its regions"


def hold(
    frames: Iterable[tuple[Frame, Labels]],
    *,
    grow_px: int,
    feather_px: int,
    clock: StageClock,
    line_px: int = 1,
    is_asked: Callable[[Frame], bool] = lambda _: True,
) -> Iterator[Held]:
    """Each frame with the regions its labels (H, W) ask to paint, and shots marked.

    Regions are made once for labels that do not change, at no price if these are the same array. Frames for which
    `is_asked` is False are left as they are. `line_px`: see `regions_of`.
    """
    cuts = CutFinder()
    last: Labels | None = None
    for frame, labels in frames:
        native = frame.native
        assert native is not None
        with clock.time("mask"):
            if last is None or (last is not labels and not np.array_equal(last, labels)):
                last, hole = labels, labels != 0
                regions = regions_of(hole, native.layout, grow_px=grow_px, feather_px=feather_px, line_px=line_px)
        with clock.time("cuts"):
            small = thumbnail(bright(native), native.layout.bit_depth, hole if regions else None)
            starts = cuts.push(small)
        painted, hidden = (regions, ()) if is_asked(frame) else ((), regions)
        yield Held(frame=frame, regions=painted, hidden=hidden, starts_shot=starts)


@dataclass(frozen=True, kw_only=True, eq=False)
class Piece:
    """What is painted in one go: frames of one shot. A frame without a hole, met between pieces, is one by itself."""

    window: tuple[Held, ...]
    "what the engine is shown"
    owed: tuple[int, int]
    "positions painted, half-open"
    core: int
    "how many of those go out with this piece; the rest the next one paints again, to cross-fade"

    @property
    def held(self) -> tuple[Held, ...]:
        """The frames owed."""
        return self.window[slice(*self.owed)]

    @property
    def has_holes(self) -> bool:
        return any(held.regions for held in self.held)


FarSight = Callable[[Sequence[Held], tuple[int, int], Box], tuple[Reference, ...]]
"given a window, the range owed and a crop: what frames from far away show of it; see `references`"


class Keeper(Protocol):
    """Keeps finished paint over the end of a run, if any: see `chain`."""

    def find(self, piece: Piece) -> list[Paint] | None:
        """What was painted for that very piece before."""

    def keep(self, piece: Piece, paint: list[Paint]) -> None: ...


def paint_frames(
    frames: Iterable[Held],
    engines: Sequence[Engine],
    grid: Grid,
    *,
    clock: StageClock,
    multiple_px: int = 1,
    keeper: Keeper | None = None,
    far: FarSight | None = None,
) -> Generator[tuple[Held, Paint]]:
    """Each frame in order, with its paint where it has a hole. Each engine paints one piece at a time."""

    def paint(engine: Engine, piece: Piece) -> list[Paint]:
        with clock.time("paint"):
            return paint_piece(piece.window, piece.owed, engine, multiple_px=multiple_px, far=far)

    waiting: list[Paint] = []  # the last piece's paint of the frames after its core
    with closing(_painted(cut_pieces(frames, grid), engines, grid, paint, keeper)) as painted_pieces:
        for piece, painted in painted_pieces:
            for n in range(min(len(waiting), len(painted))):
                painted[n] = _cross_fade(waiting[n], painted[n], (n + 1) / (len(waiting) + 1))
            yield from zip(piece.held[: piece.core], painted, strict=False)
            waiting = painted[piece.core :] if piece.has_holes else waiting[1:]
            del piece, painted  # else their frames would live on while the next window is filled


def _painted(
    pieces: Iterable[Piece],
    engines: Sequence[Engine],
    grid: Grid,
    paint: Callable[[Engine, Piece], list[Paint]],
    keeper: Keeper | None,
) -> Generator[tuple[Piece, list[Paint]]]:
    """The pieces in order with their paint, which is made in one thread an engine or found with the keeper."""
    idle = list(engines)
    flying: deque[_Flying] = deque()

    def landed() -> tuple[Piece, list[Paint]]:
        piece, engine, call = flying[0]
        painted = call if isinstance(call, list) else call.result()
        flying.popleft()  # not before: leaving has to find what is still on its way
        if engine is not None:
            idle.append(engine)
            if keeper is not None:
                keeper.keep(piece, painted)
        return piece, list(painted)

    try:
        for piece in pieces:
            known = keeper.find(piece) if keeper is not None and piece.has_holes else None
            if not piece.has_holes or known is not None:
                flying.append((piece, None, known or [()]))
            else:
                flying.append((piece, engine := idle.pop(), Call(partial(paint, engine, piece), "paint")))
            del piece
            # Never more than the engines can paint at a time, nor more frames than so many pieces have.
            most = len(engines) * grid.core
            while flying and (flying[0][1] is None or not idle or sum(one.core for one, _, _ in flying) >= most):
                yield landed()
        while flying:
            yield landed()
    finally:
        leave(call for _, _, call in flying if isinstance(call, Call))


_Flying = tuple[Piece, Engine | None, Call[list[Paint]] | list[Paint]]
"a piece, the engine that is busy with it, and its paint, sooner or later"


def cut_pieces(frames: Iterable[Held], grid: Grid) -> Iterator[Piece]:
    """All frames, divided into pieces, in order: by shots, holes and the grid alone."""
    source = iter(frames)
    window: deque[Held] = deque()  # of one shot, never longer than a piece with its margins
    before = 0  # frames at the window's head that have gone out already and serve as margin
    following: Held | None = next(source, None)

    while following is not None or before < len(window):
        wanted = before + grid.core + grid.joint + grid.margin
        while following is not None and len(window) < wanted and not (window and following.starts_shot):
            window.append(following)
            following = next(source, None)
        is_whole_shot = len(window) < wanted
        core = owed = 1
        if window[before].regions:
            core = min(grid.core, len(window) - before)
            owed = min(core + grid.joint, len(window) - before)
            while core > 1 and not window[before + core - 1].regions:
                core -= 1  # frames without a hole at the end cost nothing; the next piece begins behind them
            owed = owed if core == grid.core else core
            # An engine without a margin looks at each frame by itself; others gain from all that is held anyway.
            shown = tuple(window) if grid.margin else tuple(window)[: before + owed]
            yield Piece(window=shown, owed=(before, before + owed), core=core)
        else:
            yield Piece(window=(window[before],), owed=(0, 1), core=1)
        before += core
        if before == len(window) and is_whole_shot:
            window.clear()
            before = 0
        while before > grid.margin:
            window.popleft()
            before -= 1


def paint_piece(
    window: Sequence[Held],
    core: tuple[int, int],
    engine: Engine,
    *,
    multiple_px: int = 1,
    far: FarSight | None = None,
) -> list[Paint]:
    """Paint of the window's frames in the half-open range `core`: one for each region.

    All frames of the window belong to one shot; those outside the core are there to be looked at.
    """
    first, stop = core
    regions = [region for held in window[first:stop] for region in held.regions]
    native = window[first].frame.native
    assert native is not None
    dtype = np.dtype(np.uint8 if native.layout.bit_depth == 8 else np.uint16)  # what its RGB is held in
    sheets: list[Paint] | None = None
    for box in crop_boxes(regions, native.width_px, native.height_px) if regions else ():
        clip = _clip(window, core, box, native, dtype, multiple_px)
        if far is not None:
            clip = replace(clip, references=far(window, core, box))
        painting = engine.fill(clip)
        del clip
        sheets = sheets or _empty_sheets(window[first:stop], dtype)  # not sooner: the engine needs most room
        for n, held in enumerate(window[first:stop]):
            for region, sheet in zip(held.regions, sheets[n], strict=True):
                if (shared := shared_box(region.box_xyxy, box)) is not None:
                    cut(sheet.image, shared, region.box_xyxy[:2])[...] = cut(painting.images[n], shared, box[:2])
                    cut(sheet.origin, shared, region.box_xyxy[:2])[...] = cut(painting.origin[n], shared, box[:2])
        del painting
    return sheets or _empty_sheets(window[first:stop], dtype)


def _clip(
    window: Sequence[Held], core: tuple[int, int], box: Box, native: Planes, dtype: np.dtype[Any], multiple_px: int
) -> Clip:
    hidden = [(*held.regions, *held.hidden) for held in window]
    images, holes = blanked(_shown(window, box, native), hidden, box, dtype, multiple_px)
    return Clip(
        images=images,
        holes=holes,
        start=window[0].frame.index,
        core=core,
        box_xyxy=box,
        frame_height_px=native.height_px,
    )


def _shown(window: Sequence[Held], box: Box, native: Planes) -> Iterator[Image]:
    """The crops of the window's frames, (h, w, 3) each; kept for the next piece where it is going to show the same."""
    is_still = all(held.regions is window[0].regions for held in window)
    keeps = is_still and is_kept(box_area(box), native.width_px * native.height_px)
    for held in window:
        if (seen := held.shown.pop(box, None)) is None:
            seen = held.frame.crop(box)
            if keeps:
                held.shown[box] = seen
        yield seen


def _empty_sheets(frames: Sequence[Held], dtype: np.dtype[Any]) -> list[Paint]:
    """Paint of nothing yet: what lies outside a region's blank part is never used."""
    shapes = [[region.blank.shape for region in held.regions] for held in frames]
    return [tuple(Painted(image=np.zeros((*s, 3), dtype), origin=np.zeros(s, np.uint8)) for s in own) for own in shapes]


def _cross_fade(old: Paint, new: Paint, share: float) -> Paint:
    """Two paintings of one frame: `share` of the new one; the origin of whichever weighs more."""
    return tuple(
        Painted(
            image=np.rint(a.image + share * (b.image.astype(np.float32) - a.image)).astype(b.image.dtype),
            origin=b.origin if share >= 0.5 else a.origin,
        )
        for a, b in zip(old, new, strict=True)
    )
