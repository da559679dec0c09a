"""Pasting into native planes: nothing outside the grown hole changes, and nothing hidden leaks."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from cleanplate.base.arrays import cut
from cleanplate.base.color import from_rgb, to_rgb
from cleanplate.base.pixels import PIXEL_FORMATS, stored_layout, turn, turned_layout
from cleanplate.base.proof import Untouched
from cleanplate.base.types import Color, Frame, PlaneLayout, Planes
from cleanplate.paste import Region, paste, regions_of

FORMATS = ("yuv420p", "yuv422p", "yuv444p", "yuv420p10le", "gbrp", "gray", "yuv411p", "gbrp12le")
TURNS = ((0, False), (90, False), (180, True), (270, False))


def some_planes(rng: np.random.Generator, name: str, width: int, height: int, place: str, turned: int, flip: bool):
    """Random planes of a stored picture, turned as for display."""
    form = PIXEL_FORMATS[name]
    layout = stored_layout(form, Color(chroma_location=place), height)
    arrays = []
    for n in range(1 if form.model == "gray" else 3):
        is_chroma = form.model == "yuv" and n > 0
        shape = (-(-height // form.step_y), -(-width // form.step_x)) if is_chroma else (height, width)
        stored = rng.integers(0, 2**form.bit_depth, shape).astype(form.dtype)
        arrays.append(turn(stored, turned, flip))
    return Planes(arrays=tuple(arrays), layout=turned_layout(layout, width, height, turned, flip))


def some_hole(rng: np.random.Generator, width: int, height: int):
    hole = np.zeros((height, width), bool)
    x, y = rng.integers(0, width), rng.integers(0, height)
    hole[y : y + rng.integers(1, 20), x : x + rng.integers(1, 20)] = True
    return hole | (rng.random(hole.shape) < 0.01) if rng.random() < 0.3 else hole


def under(hole: np.ndarray, planes: Planes, n: int) -> np.ndarray:
    """Samples of plane n that lie under the hole, chroma samples that it only touches included."""
    layout, plane = planes.layout, planes.arrays[n]
    if plane.shape == hole.shape:
        return hole
    ys, xs = np.nonzero(hole)
    touched = np.zeros(plane.shape, bool)
    touched[(ys - layout.block_y) // layout.step_y, (xs - layout.block_x) // layout.step_x] = True
    return touched


def scrambled(rng: np.random.Generator, planes: Planes, hole: np.ndarray) -> Planes:
    arrays = [array.copy() for array in planes.arrays]
    for n, array in enumerate(arrays):
        hidden = under(hole, planes, n)
        array[hidden] = rng.integers(0, 2**planes.layout.bit_depth, hidden.sum())
    return Planes(arrays=tuple(arrays), layout=planes.layout)


def cases():
    rng = np.random.default_rng(1)
    for number in range(160):
        name = FORMATS[number % len(FORMATS)]
        turned, flip = TURNS[number // len(FORMATS) % len(TURNS)]
        place = ("left", "center", "topleft")[number % 3]
        width, height = (int(n) for n in rng.integers(9, 60, 2))
        planes = some_planes(rng, name, width, height, place, turned, flip)
        grow = int(rng.integers(0, 6))
        feather = int(rng.integers(0, grow + 1))
        hole = some_hole(rng, planes.width_px, planes.height_px)
        regions = regions_of(hole, planes.layout, grow_px=grow, feather_px=feather)
        assert regions
        top, dtype = (256, np.uint8) if planes.layout.bit_depth == 8 else (65536, np.uint16)
        paints = [rng.integers(0, top, (*region.grown.shape, 3)).astype(dtype) for region in regions]
        yield rng, planes, hole, grow, regions, paints


def frame_of(planes: Planes) -> Frame:
    return Frame(index=0, pts=0, duration=1, native=planes)


def test_no_sample_outside_the_grown_hole_changes():
    """Judged by the proof, whose growing and rounding share no code with paste."""
    for _, planes, hole, grow, regions, paints in cases():
        untouched = Untouched(grow_px=grow)
        after = paste(frame_of(planes), regions, paints).native
        assert after is not None
        untouched.compare(0, planes, after, hole.astype(np.uint8))
        assert untouched.verdict == "identical"
        assert any(not np.array_equal(a, b) for a, b in zip(planes.arrays, after.arrays, strict=True))


def test_what_the_mask_hides_reaches_neither_the_engine_nor_the_result():
    for rng, planes, hole, _, regions, paints in cases():
        other = scrambled(rng, planes, hole)
        for a, b in zip(
            paste(frame_of(planes), regions, paints).native.arrays,
            paste(frame_of(other), regions, paints).native.arrays,
            strict=True,
        ):
            assert np.array_equal(a, b)
        everything = (0, 0, planes.width_px, planes.height_px)
        seen, seen_other = to_rgb(planes, everything), to_rgb(other, everything)
        for view in (seen, seen_other):
            for region in regions:
                cut(view, region.box_xyxy)[region.blank] = 0
        assert np.array_equal(seen, seen_other)


def test_the_core_takes_the_converted_paint():
    for _, planes, hole, _, regions, paints in cases():
        size = planes.width_px, planes.height_px
        flat = [
            np.broadcast_to(paint[:1, :1], paint.shape).copy() for paint in paints
        ]  # so chroma has equal neighbours
        after = paste(frame_of(planes), regions, flat).native
        for region, paint in zip(regions, flat, strict=True):
            meant = from_rgb(paint, region.box_xyxy, planes.layout, *size)
            luma, given = cut(after.arrays[0], region.box_xyxy), cut(hole, region.box_xyxy)
            assert np.array_equal(luma[given], meant[0][given])


def test_painting_what_is_there_changes_only_rounding():
    """Where the paint equals the picture, the feather adds nothing at all and the core at most the rounding."""
    layout = PlaneLayout(pixel_format="yuv420p", model="yuv", bit_depth=8, step_x=2, step_y=2, site_y=0.5)
    ramp = np.add.outer(np.arange(64), np.arange(64))
    luma = (60 + ramp).astype(np.uint8)
    blue = (100 + ramp[::2, ::2] // 4).astype(np.uint8)
    red = (150 - ramp[::2, ::2] // 4).astype(np.uint8)
    planes = Planes(arrays=(luma, blue, red), layout=layout)
    hole = np.zeros((64, 64), bool)
    hole[20:40, 20:40] = True
    (region,) = regions_of(hole, layout, grow_px=6, feather_px=4)
    after = paste(frame_of(planes), (region,), [to_rgb(planes, region.box_xyxy)]).native
    for old, new, weight in zip(
        planes.arrays, after.arrays, (region.weight, region.chroma_weight, region.chroma_weight), strict=True
    ):
        apart = np.abs(old.astype(int) - new)
        assert apart.max() <= 1  # level
        box = region.box_xyxy if old.shape == (64, 64) else tuple(side // 2 for side in region.box_xyxy)
        assert not cut(apart, box)[weight < 1].any()


@pytest.mark.parametrize("feather", [0, 1, 4])
def test_the_feather_lies_between_the_given_mask_and_the_grown_hole(feather: int):
    layout = PlaneLayout(pixel_format="yuv444p", model="yuv", bit_depth=8)
    hole = np.zeros((80, 80), bool)
    hole[30:50, 30:50] = True
    (region,) = regions_of(hole, layout, grow_px=6, feather_px=feather)
    weight = np.zeros(hole.shape)
    cut(weight, region.box_xyxy)[...] = region.weight
    row = weight[40]
    assert (row[30:50] == 1).all()
    assert (row[:24] == 0).all()
    assert (row[56:] == 0).all()
    assert (row[50 : 56 - feather] == 1).all()
    assert (np.diff(row[50 - 1 : 57]) <= 0).all()
    assert ((row[56 - feather : 56] > 0) & (row[56 - feather : 56] < 1)).all()


def test_an_empty_hole_has_no_region():
    layout = PlaneLayout(pixel_format="gray", model="gray", bit_depth=8)
    assert regions_of(np.zeros((8, 8), bool), layout, grow_px=4, feather_px=2) == ()


def test_the_proof_names_one_changed_sample():
    rng = np.random.default_rng(3)
    planes = some_planes(rng, "yuv420p", 40, 30, "left", 0, False)
    hole = np.zeros((30, 40), np.uint8)
    hole[10:20, 10:20] = 1
    chroma = planes.arrays[1].copy()
    chroma[2, 17] ^= 1
    after = Planes(arrays=(planes.arrays[0], chroma, planes.arrays[2]), layout=planes.layout)
    untouched = Untouched(grow_px=4)
    untouched.compare(7, planes, after, hole)
    old = int(planes.arrays[1][2, 17])
    assert untouched.changed == 1
    assert untouched.where == [f"frame 7, plane Cb, x 17, y 2: {old} became {old ^ 1}"]
    assert untouched.verdict.startswith("1 samples changed, the first at frame 7, plane Cb, x 17, y 2")


def test_regions_do_not_overlap_the_frame_when_a_hole_touches_its_corner():
    layout = PlaneLayout(pixel_format="yuv420p", model="yuv", bit_depth=8, step_x=2, step_y=2, site_y=0.5)
    hole = np.zeros((31, 33), bool)
    hole[-1, -1] = True
    (region,) = regions_of(hole, layout, grow_px=4, feather_px=2)
    assert isinstance(region, Region)
    assert region.box_xyxy[2:] == (33, 31)
    assert region.grown.shape == region.weight.shape


def test_holes_far_apart_are_regions_of_their_own():
    layout = PlaneLayout(pixel_format="yuv420p", model="yuv", bit_depth=8, step_x=2, step_y=2, site_y=0.5)
    hole = np.zeros((1080, 1920), bool)
    hole[10:50, 10:50] = hole[1000:1040, 1800:1840] = True
    regions = regions_of(hole, layout, grow_px=4, feather_px=2)
    assert len(regions) == 2
    assert sum(region.grown.size for region in regions) < 10_000
    # grown so far that they meet, they are one
    assert len(regions_of(hole, layout, grow_px=900, feather_px=2)) == 1


@pytest.mark.parametrize("bits", [8, 10])
def test_alpha_is_opaque_in_the_hole_and_the_sources_own_outside(bits: int):
    random = np.random.default_rng(3)
    top = 2**bits - 1
    layout = PlaneLayout(
        pixel_format="gbrap" if bits == 8 else "gbrap10le", model="rgb", bit_depth=bits, full_range=True, has_alpha=True
    )
    arrays = tuple(random.integers(0, top, (40, 50)).astype(np.uint8 if bits == 8 else np.uint16) for _ in range(4))
    frame = Frame(index=0, pts=0, duration=1, native=Planes(arrays=arrays, layout=layout))
    hole = np.zeros((40, 50), bool)
    hole[15:25, 20:30] = True
    regions = regions_of(hole, layout, grow_px=4, feather_px=2)
    height, width = regions[0].blank.shape
    paint = np.zeros((height, width, 3), np.uint8 if bits == 8 else np.uint16)
    alpha = paste(frame, regions, [paint]).native.arrays[3]
    assert (alpha[hole] == top).all()
    far = ~cv2.dilate(hole.astype(np.uint8), np.ones((11, 11), np.uint8)).astype(bool)
    assert np.array_equal(alpha[far], arrays[3][far])
    assert (alpha >= arrays[3]).all()  # the feather only lifts it


def test_lines_of_a_field_are_two_pixels_apart():
    rng = np.random.default_rng(5)
    planes = some_planes(rng, "yuv422p", 60, 40, "left", 0, False)
    hole = np.zeros((40, 60), bool)
    hole[20, 30] = True
    regions = regions_of(hole, planes.layout, grow_px=6, feather_px=0, line_px=2)
    grown = np.zeros_like(hole)
    cut(grown, regions[0].box_xyxy)[...] = regions[0].grown
    ys, xs = np.mgrid[:40, :60]
    disc = np.hypot(xs - 30, 2 * (ys - 20)) <= 6
    disc = disc | np.roll(disc, 1, 1) | np.roll(disc, -1, 1)  # whole chroma samples: one column more at most
    assert np.array_equal(np.flatnonzero(grown.any(1)), [17, 18, 19, 20, 21, 22, 23])
    assert not (grown & ~disc).any()
    after = paste(frame_of(planes), regions, [np.zeros((*regions[0].blank.shape, 3), np.uint8)])
    untouched = Untouched(grow_px=6)
    untouched.compare(0, planes, after.native, hole.astype(np.uint8), first_row=1, line_px=2)
    assert untouched.verdict == "identical"
    wide = regions_of(hole, planes.layout, grow_px=6, feather_px=0)  # grown as in a whole frame: too far
    after = paste(frame_of(planes), wide, [np.zeros((*wide[0].blank.shape, 3), np.uint8)])
    untouched.compare(0, planes, after.native, hole.astype(np.uint8), first_row=1, line_px=2)
    assert untouched.changed > 0
