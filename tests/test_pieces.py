"""Windows, crops, shots and joints, with engines that tell what they were shown."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest

from cleanplate.base.plan import Grid
from cleanplate.base.report import StageClock
from cleanplate.base.types import Clip, Frame, Painting, PlaneLayout, Planes
from cleanplate.crops import context_px, crop_boxes
from cleanplate.paint.engine import Engine
from cleanplate.paste import regions_of
from cleanplate.pieces import Held, paint_frames

LAYOUT = PlaneLayout(pixel_format="gbrp", model="rgb", bit_depth=8, full_range=True, matrix=0)
HEIGHT, WIDTH = 48, 64
GRID = Grid(core=10, margin=4, joint=2, queue=4, memory_bytes=0)


class Spy(Engine):
    """Paints each hole with the number of the call, and keeps the clips."""

    @dataclass(frozen=True)
    class Options:
        pass

    def __init__(self) -> None:
        super().__init__(self.Options())
        self.clips: list[Clip] = []

    def fill(self, clip: Clip) -> Painting:
        self.clips.append(clip)
        first, stop = clip.core_range
        images = clip.images[first:stop].copy()
        holes = clip.holes[first:stop]
        images[holes] = 100 * len(self.clips) % 256
        return Painting(images=images, origin=np.where(holes, 2, 0).astype(np.uint8))


def frames(holes: list[np.ndarray | None], cuts: tuple[int, ...] = ()) -> list[Held]:
    held = []
    for index, hole in enumerate(holes):
        plane = np.full((HEIGHT, WIDTH), index, np.uint8)
        regions = () if hole is None else regions_of(hole, LAYOUT, grow_px=0, feather_px=0)
        planes = Planes(arrays=(plane,) * 3, layout=LAYOUT)
        held.append(
            Held(
                frame=Frame(index=index, pts=index, duration=1, native=planes),
                regions=regions,
                starts_shot=index in cuts,
            )
        )
    return held


def box_hole(x0: int = 20, y0: int = 10, x1: int = 30, y1: int = 20) -> np.ndarray:
    hole = np.zeros((HEIGHT, WIDTH), bool)
    hole[y0:y1, x0:x1] = True
    return hole


def run(held: list[Held], engine: Engine, grid: Grid = GRID, multiple_px: int = 1):
    return list(paint_frames(held, [engine], grid, clock=StageClock(), multiple_px=multiple_px))


def seen_frames(clip: Clip) -> list[int]:
    """The frame indices an engine was shown, read from a sample outside the hole."""
    return [int(image[0, 0, 0]) for image in clip.images]


@pytest.mark.parametrize("count", [1, 9, 10, 11, 12, 25, 40])
@pytest.mark.parametrize("grid", [GRID, Grid(core=3, margin=0, joint=0, queue=4, memory_bytes=0)])
def test_every_frame_comes_out_once_in_order_and_painted(count: int, grid: Grid):
    held = frames([box_hole()] * count)
    done = run(held, Spy(), grid)
    assert [one.frame.index for one, _ in done] == list(range(count))
    assert all(sum((paint.origin == 2).sum() for paint in paints) == 100 for _, paints in done)


def test_margins_are_shown_and_no_more():
    engine = Spy()
    run(frames([box_hole()] * 40), engine)
    assert seen_frames(engine.clips[0]) == list(range(0, 16))  # core 10, joint 2, margin 4
    assert engine.clips[0].core_range == (0, 12)
    assert seen_frames(engine.clips[1]) == list(range(6, 26))
    assert engine.clips[1].core_range == (4, 16)
    assert engine.clips[1].start == 6


def test_pieces_never_reach_across_a_cut():
    engine = Spy()
    done = run(frames([box_hole()] * 30, cuts=(7, 19)), engine)
    assert [one.frame.index for one, _ in done] == list(range(30))
    shots = [set(range(7)), set(range(7, 19)), set(range(19, 30))]
    for clip in engine.clips:
        assert any(set(seen_frames(clip)) <= shot for shot in shots)


def test_neighbouring_pieces_cross_fade():
    done = run(frames([box_hole()] * 14), Spy())
    values = [int(paint.image[paint.origin == 2].mean()) for _, (paint,) in done]
    # call 1 paints 100, call 2 paints 200; frames 10 and 11 are painted by both: 1/3 and 2/3 of the way
    assert values == [100] * 10 + [133, 167] + [200] * 2


def test_frames_without_holes_cost_no_painting_but_are_looked_at():
    engine = Spy()
    done = run(frames([None] * 20 + [box_hole()] * 3 + [None] * 20), engine)
    assert len(engine.clips) == 1
    assert [n for n, (_, paints) in enumerate(done) if paints] == [20, 21, 22]
    assert engine.clips[0].core_range == (4, 7)
    assert seen_frames(engine.clips[0])[:7] == [16, 17, 18, 19, 20, 21, 22]
    assert seen_frames(engine.clips[0])[-1] <= 35


def test_the_engine_never_sees_the_hole():
    engine = Spy()
    hole = box_hole()
    run(frames([hole] * 5), engine)
    clip = engine.clips[0]
    x0, y0, x1, y1 = clip.box_xyxy
    assert np.array_equal(clip.holes[2], hole[y0:y1, x0:x1])
    assert not clip.images[clip.holes].any()
    assert (clip.images[3][~clip.holes[3]] == 3).all()


def test_crops_are_padded_to_the_engines_multiple():
    engine = Spy()
    done = run(frames([box_hole(0, 0, 9, 9)] * 2), engine, multiple_px=32)
    height, width = engine.clips[0].images.shape[1:3]
    assert height % 32 == 0
    assert width % 32 == 0
    ((paint,), (region,)) = done[0][1], done[0][0].regions
    assert paint.image.shape[:2] == region.grown.shape


def test_far_holes_get_crops_of_their_own():
    big = (1080, 1920)
    hole = np.zeros(big, bool)
    hole[50:130, 60:260] = True
    hole[900:980, 1600:1800] = True
    layout = PlaneLayout(pixel_format="yuv420p", model="yuv", bit_depth=8, step_x=2, step_y=2, site_y=0.5)
    regions = regions_of(hole, layout, grow_px=4, feather_px=2)
    region = regions[0]
    boxes = crop_boxes(regions * 50, big[1], big[0])
    assert len(boxes) == 2
    margin = context_px(region.largest_px, big[0])
    for (x0, y0, x1, y1), (hx0, hy0, hx1, hy1) in zip(boxes, [(60, 50, 260, 130), (1600, 900, 1800, 980)], strict=True):
        assert x0 <= max(hx0 - margin, 0)
        assert y0 <= max(hy0 - margin, 0)
        assert x1 >= min(hx1 + margin, big[1])
        assert y1 >= min(hy1 + margin, big[0])
        assert (x1 - x0) * (y1 - y0) < 0.1 * big[0] * big[1]


def test_near_holes_share_one_crop_and_both_are_painted():
    hole = box_hole(4, 4, 10, 10) | box_hole(50, 30, 60, 40)
    engine = Spy()
    done = run(frames([hole] * 3), engine)
    assert all(sum(int((paint.origin == 2).sum()) for paint in paints) == int(hole.sum()) for _, paints in done)
