"""Every row of the table of holes keeps what it states, and each kind looks as the thing it is named after."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from cleanplate.base.errors import UsageError
from cleanplate.bench.holes import HOLES, free_form, hole_of, lay_over, make_holes, silhouette, transplanted
from cleanplate.bench.holes.lines import grid, wires
from cleanplate.bench.synth import render

SIZES = ((120, 216), (192, 108))
"height, width: lying and upright"


@pytest.fixture(scope="module")
def made():
    return {
        (name, size, seed): make_holes(name, 24, *size, seed) for name in HOLES for size in SIZES for seed in range(3)
    }


@pytest.mark.parametrize("name", HOLES)
def test_a_row_covers_what_it_states_and_never_all(made, name):
    least, most = HOLES[name].share
    for (row, size, _), holes in made.items():
        if row == name:
            assert holes.shape == (24, *size)
            assert holes.dtype == np.bool_
            assert least <= holes.mean() <= most
            assert not holes.all(axis=(1, 2)).any()


@pytest.mark.parametrize("name", HOLES)
def test_a_row_moves_as_it_states_and_follows_its_seed(made, name):
    first, other = made[name, SIZES[0], 0], made[name, SIZES[0], 1]
    assert np.array_equal(first, make_holes(name, 24, *SIZES[0], 0))
    assert not np.array_equal(first, other)
    # Text stands still until the next line; nothing else that moves is at rest for a second.
    holes = make_holes(name, 60, *SIZES[0], 0) if name == "subtitles" else first
    assert bool((holes != holes[0]).any()) == HOLES[name].is_moving


@pytest.mark.parametrize("name", [name for name, spec in HOLES.items() if spec.most_thick_px is not None])
def test_thin_rows_are_thin(made, name):
    for (row, *_), holes in made.items():
        if row == name:
            for hole in holes[::8]:
                # Half the thickness is how far the middle is from the outside; the sample itself counts as one half.
                inner = cv2.distanceTransform(hole.astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE).max()
                assert 1 <= 2 * inner - 1 <= HOLES[name].most_thick_px


@pytest.mark.parametrize("name", HOLES)
@pytest.mark.parametrize("size", [(32, 32), (33, 150), (150, 33)])
def test_small_and_narrow_pictures(name, size):
    for seed in range(4):
        holes = make_holes(name, 5, *size, seed)
        assert holes.shape == (5, *size)
        assert holes.any()
        assert not holes.all(axis=(1, 2)).any()


@pytest.mark.parametrize(
    ("ask", "said"),
    [(("moon", 5, 60, 60), "'moon'"), (("dust", 5, 60, 20), "20x60"), (("dust", 0, 60, 60), "0 frames")],
)
def test_holes_that_are_not_there(ask, said):
    with pytest.raises(UsageError, match=said):
        make_holes(*ask)


OVERLAID = [name for name, spec in HOLES.items() if spec.overlay is not None]


@pytest.mark.parametrize("bits", [8, 16])
@pytest.mark.parametrize("name", OVERLAID)
def test_what_is_laid_over_can_be_taken_off_where_it_is_seen_through(name, bits):
    plate = render("pan", frames=2, width_px=216, height_px=120, bit_depth=bits).plate
    top = np.iinfo(plate.dtype).max
    for image, matte in zip(plate, HOLES[name].overlay(2, 120, 216, 5), strict=True):
        seen = lay_over(image, matte)
        assert seen.dtype == image.dtype
        assert np.array_equal(seen[~hole_of(matte)], image[~hole_of(matte)])
        thin = (matte.alpha > 0) & (matte.alpha < 0.9)
        alpha = matte.alpha[thin][:, None].astype(float)
        lifted = (seen[thin] - top * matte.color[thin] * alpha) / (1 - alpha)
        # Rounding by half a level, enlarged by what the overlay has left of the picture.
        assert (np.abs(lifted - image[thin]) <= 0.5001 / (1 - alpha)).all()
        assert thin.any()
        # And where it hides all, it shows its own colour.
        solid = matte.alpha == 1
        assert np.abs(seen[solid] - top * matte.color[solid]).max(initial=0) <= 0.51


def test_glass_is_seen_through_and_paint_is_not(made):
    glass, paint = (HOLES[name].overlay(1, 120, 216, 0)[0].alpha for name in ("logo-glass", "logo"))
    assert 0.3 < glass.max() < 0.5
    assert (paint == 1).sum() > 0.5 * (paint > 0).sum()
    assert np.array_equal(made["logo", SIZES[0], 0][0], paint > 0)


def test_subtitles_stay_at_the_lower_edge_and_change():
    mattes = HOLES["subtitles"].overlay(200, 120, 216, 0)
    holes = np.stack([hole_of(matte) for matte in mattes])
    assert not holes[:, :80].any()
    changes = np.flatnonzero((holes[1:] != holes[:-1]).any(axis=(1, 2)))
    assert 4 <= len(changes) <= 16
    bright = mattes[0].color[mattes[0].alpha > 0.99].mean(axis=-1)
    assert bright.max() > 0.9
    assert bright.min() < 0.1  # white ink, dark rim


def centres(holes):
    return np.array([[axis.mean() for axis in np.nonzero(hole)] for hole in holes])


def test_a_wandering_blob_stays_whole_bounces_and_is_pushed_about():
    holes = free_form(500, 120, 216, share=0.1, speed=0.012, seed=4)
    areas = holes.sum(axis=(1, 2))
    assert np.ptp(areas) < 0.03 * areas.mean()  # rounding along the outline
    steps = np.diff(centres(holes), axis=0)
    pace = np.hypot(*steps.T)
    assert pace.max() < 2 * 0.012 * 120 + 0.5  # px; a brush drawn in whole samples wavers by some tenths
    # Pushed about it has no constant speed, left alone it has; the median takes out bounces and the wavering.
    alone = free_form(500, 120, 216, share=0.1, speed=0.012, push=0.0, seed=4)
    paces = [np.hypot(*np.diff(centres(each)[::5], axis=0).T) / 5 for each in (holes, alone)]
    pushed, steady = (np.std([np.median(pace[k : k + 9]) for k in range(0, 90, 9)]) for pace in paces)
    assert pushed > 0.25
    assert steady < 0.1
    for axis in (0, 1):
        turned = np.count_nonzero(np.diff(np.sign(np.convolve(steps[:, axis], np.ones(9) / 9, "valid"))))
        assert turned >= 2
    still = free_form(9, 120, 216, share=0.1, seed=4)
    assert (still == still[0]).all()
    smaller, larger = (free_form(1, 120, 216, share=share, seed=4).mean() for share in (0.02, 0.2))
    assert 0.018 < smaller < 0.026
    assert 0.18 < larger < 0.21


def test_wires_hang_in_the_world_the_camera_sees():
    scene = render("rotate", frames=8, width_px=216, height_px=120)
    for make in (wires, grid):
        holes = make(8, 120, 216, camera=scene.camera, seed=2)
        ys, xs = np.nonzero(holes[0])
        x, y = xs.astype(float), ys.astype(float)
        for t in range(7):  # along the truth of the plate's motion, not along the camera that the wires were given
            to = np.stack([x, y], axis=-1).astype(np.float32)[None]
            step = cv2.remap(scene.flow[t], to[..., 0], to[..., 1], cv2.INTER_LINEAR)[0]
            x, y = x + step[:, 0], y + step[:, 1]
        inside = (x > 2) & (x < 213) & (y > 2) & (y < 117)
        near = cv2.dilate(holes[7].astype(np.uint8), np.ones((3, 3), np.uint8)) > 0
        assert np.hypot(x - xs, y - ys)[inside].max() > 1
        assert near[np.rint(y[inside]).astype(int), np.rint(x[inside]).astype(int)].mean() > 0.99
        still = make(2, 120, 216, seed=2)
        assert np.array_equal(still[0], still[1])


def test_wires_sag_and_do_not_cross():
    hole = wires(1, 120, 216, seed=1)[0]
    count, labels = cv2.connectedComponents(hole.astype(np.uint8), connectivity=8)
    assert count - 1 == 3
    for wire in (1, 2, 3):
        height = np.array([np.nonzero(labels[:, x] == wire)[0].mean() for x in range(216)])
        line = np.linspace(height[0], height[-1], 216)
        assert (height - line).max() == (height - line)[80:136].max() > 3  # px; the y axis points down


def test_scratches_last_and_run_down_while_dust_comes_and_goes(made):
    for seed in range(3):
        lines, specks = made["scratches", SIZES[0], seed], made["dust", SIZES[0], seed]
        assert lines.any(axis=(1, 2)).all()
        for hole in lines[::6]:
            _, _, boxes, _ = cv2.connectedComponentsWithStats(hole.astype(np.uint8), connectivity=8)
            assert boxes[1:, cv2.CC_STAT_HEIGHT].max() > 30
        wide = cv2.dilate(lines.astype(np.uint8).transpose(1, 2, 0), np.ones((1, 7), np.uint8)).transpose(2, 0, 1) > 0
        assert (lines[1:] & wide[:-1]).sum() > 0.8 * lines[1:].sum()  # within 3 px of where it was
        assert (lines[1:] != lines[:-1]).any(axis=(1, 2)).mean() > 0.9
        assert (specks[1:] & specks[:-1]).sum() < 0.05 * specks.sum()
        _, _, boxes, _ = cv2.connectedComponentsWithStats(specks[0].astype(np.uint8), connectivity=8)
        assert len(boxes) > 4
        assert np.median(boxes[1:, cv2.CC_STAT_AREA]) < 12


def test_lost_blocks_lie_on_the_decoders_grid_and_lost_lines_go_across(made):
    for seed in range(3):
        blocks, bands = made["blocks", SIZES[0], seed], made["lines", SIZES[0], seed]
        side = 15  # an eighth of 120 lines
        whole = blocks[:, :120, : 216 // side * side].reshape(24, 8, side, -1, side)
        assert (whole.all(axis=(2, 4)) == whole.any(axis=(2, 4))).all()
        assert blocks.any()
        assert bands.any(axis=(1, 2)).all()
        rows = bands.sum(axis=2)
        assert (rows == 216).sum() > 0.3 * (rows > 0).sum()


def test_a_torn_edge_is_torn_off_one_side(made):
    sides = set()
    for seed in range(3):
        holes = made["torn", SIZES[0], seed]
        border = [holes[:, :, 0], holes[:, :, -1], holes[:, 0], holes[:, -1]]
        torn = [k for k, edge in enumerate(border) if edge.all()]
        assert len(torn) == 1
        assert not border[torn[0] ^ 1].any()
        count, _ = cv2.connectedComponents(1 - holes[0].astype(np.uint8), connectivity=4)
        assert count - 1 <= 4  # the rest is one picture, but for splinters
        sides.add(torn[0])
    assert len(sides) > 1


def test_silhouette_walks_inside_the_picture():
    holes = silhouette(40, 120, 216, seed=2)
    assert not holes[:, :, 0].any()
    assert not holes[:, :, -1].any()
    assert not holes[:, -1].any()
    rows = np.nonzero(holes.any(axis=(0, 2)))[0]
    assert 0.55 * 120 < np.ptp(rows) < 0.7 * 120
    assert np.ptp(centres(holes)[:, 1]) > 30


def test_transplanted_objects_keep_their_shape_and_play_to_and_fro():
    labels = np.zeros((4, 60, 80), np.uint8)
    for t in range(4):
        labels[t, 20 + t : 40 + t, 30:36] = 1
        labels[t, 34 + t : 40 + t, 36:50] = 1  # an L
        labels[t, 5:9, 60:70] = 2
    for seed in range(8):
        holes = transplanted(labels, 9, 60, 80, ids=(1,), seed=seed)
        assert [int(np.array_equal(holes[t], holes[6 - t])) for t in range(4)] == [1] * 4
        assert np.array_equal(holes[6], holes[0])
        assert not np.array_equal(holes[1], holes[0])
        ys, xs = np.nonzero(holes[0])
        cut = holes[0][ys.min() : ys.max() + 1, xs.min() : xs.max() + 1]
        shape = labels[0, 20:40, 30:50] == 1
        assert np.array_equal(cut, shape) or np.array_equal(cut, shape[:, ::-1])
    both, larger = transplanted(labels, 1, 60, 80, seed=1), transplanted(labels, 1, 120, 160, ids=(1,), seed=1)
    assert both.sum() > transplanted(labels, 1, 60, 80, ids=(1,), seed=1).sum()
    assert larger.sum() == 4 * (labels[0] == 1).sum()
    with pytest.raises(UsageError, match="no object"):
        transplanted(labels, 1, 60, 80, ids=(7,))
