"""Invention from patches of one picture: judged on textures that are known under the hole."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from cleanplate.base.measure import psnr
from cleanplate.base.types import Clip
from cleanplate.paint.exemplar import exemplar
from cleanplate.paint.inventor import make_inventor
from cleanplate.paint.smooth import put, smooth

SIZE = (120, 160)


def disc(radius_px: int = 24, size: tuple[int, int] = SIZE) -> np.ndarray:
    y, x = np.mgrid[: size[0], : size[1]]
    return (y - size[0] // 2) ** 2 + (x - size[1] // 2) ** 2 < radius_px**2


def colours(gray: np.ndarray, noise: float = 2.0) -> np.ndarray:
    """A gray pattern 0-1 between two colours, with a little noise."""
    one, two = np.array([40.0, 60.0, 90.0]), np.array([200.0, 170.0, 120.0])
    picture = one + gray[..., None] * (two - one)
    picture += np.random.default_rng(1).normal(0, noise, picture.shape)
    return np.clip(np.rint(picture), 0, 255).astype(np.uint8)


def stripes(slope: float) -> np.ndarray:
    y, x = np.mgrid[: SIZE[0], : SIZE[1]]
    return colours(0.5 + 0.5 * np.sin(2 * np.pi * (x + slope * y) / 12))


def bricks() -> np.ndarray:
    y, x = np.mgrid[: SIZE[0], : SIZE[1]]
    is_mortar = (y % 10 < 2) | ((x + 10 * (y // 10 % 2)) % 20 < 2)
    return colours(cv2.GaussianBlur(is_mortar.astype(np.float32), (0, 0), 0.7))


def leaves(blur_px: float) -> np.ndarray:
    """Irregular texture."""
    noise = cv2.GaussianBlur(np.random.default_rng(2).normal(0, 1, SIZE), (0, 0), blur_px)
    return colours(np.clip(0.5 + noise / (4 * noise.std()), 0, 1), noise=0)


def fill(picture: np.ndarray, hole: np.ndarray, **options) -> np.ndarray:
    shown = picture.copy()
    shown[hole] = 0
    return exemplar(shown, hole, **options)


def smoothly(picture: np.ndarray, hole: np.ndarray) -> np.ndarray:
    filled, corner_xy = smooth(picture, hole)
    out = picture.copy()
    put(filled, hole, corner_xy, out)
    return out


def energy(picture: np.ndarray, where: np.ndarray) -> float:
    """Mean squared gradient of brightness over the pairs of samples that both lie in an area."""
    gray = picture.astype(np.float64).mean(-1)
    across, down = np.diff(gray, axis=1) ** 2, np.diff(gray, axis=0) ** 2
    return float(across[where[:, 1:] & where[:, :-1]].mean() + down[where[1:] & where[:-1]].mean())


@pytest.mark.parametrize(
    "picture", [leaves(1.0), leaves(2.5), bricks(), stripes(0.5)], ids=["fine", "coarse", "b", "s"]
)
def test_texture_goes_on_inside(picture):
    hole = disc()
    ratio = energy(fill(picture, hole), hole) / energy(picture, ~hole)
    assert 0.75 < ratio < 1.25
    assert energy(smoothly(picture, hole), hole) < 0.3 * energy(picture, ~hole)


@pytest.mark.parametrize("picture", [stripes(0), stripes(0.5), stripes(-1), bricks()], ids=["0", "26", "-45", "bricks"])
def test_patterns_go_on_straight(picture):
    hole = disc()
    got = psnr(fill(picture, hole)[hole], picture[hole], data_range=255)
    assert got > 24  # a pattern that is half a period off has 8 dB
    assert psnr(smoothly(picture, hole)[hole], picture[hole], data_range=255) < 17


@pytest.mark.parametrize("size", [(120, 160), (87, 53)])
def test_what_is_known_is_kept_and_each_run_is_the_same(size):
    picture, hole = leaves(1.5)[: size[0], : size[1]], disc(15, size)
    painted = fill(picture, hole)
    assert (painted[~hole] == picture[~hole]).all()
    assert (fill(picture, hole) == painted).all()
    assert (fill(picture, hole, seed=1) != painted).any()


def test_what_the_hole_hides_has_no_say():
    picture, hole = leaves(1.5), disc()
    other = picture.copy()
    other[hole] = 255 - other[hole]
    assert (exemplar(picture, hole) == exemplar(other, hole)).all()


def test_deep_pictures_are_filled_alike():
    picture, hole = leaves(1.5), disc()
    painted = fill(picture.astype(np.uint16) * 257, hole)
    assert painted.dtype == np.uint16
    assert np.abs(painted / 257 - fill(picture, hole)).max() < 0.51


@pytest.mark.parametrize("size", [(1, 1), (3, 40), (6, 6), (9, 8), (40, 7)])
def test_tiny_pictures(size):
    picture, hole = leaves(1.5)[: size[0], : size[1]], np.zeros(size, bool)
    hole[size[0] // 2 :, size[1] // 2 :] = True
    painted = fill(picture, hole)
    assert (painted[~hole] == picture[~hole]).all()


def test_a_hole_larger_than_the_rest():
    picture, hole = leaves(1.5), np.ones(SIZE, bool)
    hole[:, :20] = False
    assert 0.5 < energy(fill(picture, hole), hole) / energy(picture, ~hole) < 1.5


def test_without_a_known_patch_it_is_smooth():
    picture, hole = leaves(1.5), np.ones(SIZE, bool)
    hole[::5] = False
    assert (fill(picture, hole) == smoothly(picture, hole)).all()
    assert (fill(picture, np.ones(SIZE, bool)) == 128).all()


def test_no_hole_no_change():
    picture = leaves(1.5)
    assert (exemplar(picture, np.zeros(SIZE, bool)) == picture).all()


def invented(picture: np.ndarray, hole: np.ndarray) -> np.ndarray:
    """As an anchor is painted, where the smooth fill is a hint."""
    shown = smoothly(picture, hole)
    inventor = make_inventor("exemplar")
    assert inventor is not None
    return inventor.paint(Clip(images=shown[None], holes=hole[None], core=(0, 1)))


def steps(picture: np.ndarray, where: np.ndarray) -> float:
    """Mean step from sample to sample."""
    gray = picture.astype(np.float64).mean(-1)
    return float(np.abs(np.diff(gray, axis=1))[where[:, 1:] & where[:, :-1]].mean())


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_an_anchor_trades_the_finest_detail_for_coarser(dtype):
    """Half a sample away it is nearly the same, though there is nearly as much of it."""
    picture = leaves(1.2).astype(dtype) * (257 if dtype == np.uint16 else 1)
    hole = disc()
    made, copied = invented(picture, hole), exemplar(smoothly(picture, hole), hole, is_tinted=True)
    assert np.array_equal(made[~hole], picture[~hole])
    assert 0.7 < steps(made, hole) / steps(copied, hole) < 1
    softened = []
    for image in (made, copied):
        between = (image[:, 1:].astype(np.float64) + image[:, :-1]) / 2  # as a picture half a sample away shows it
        softened.append(steps(between, hole[:, 1:] & hole[:, :-1]) / steps(image, hole))
    assert softened[0] > softened[1] + 0.01


def test_an_anchor_in_a_plain_picture_stays_plain():
    picture = colours(np.full(SIZE, 0.5), noise=1.0)
    hole = disc()
    assert steps(invented(picture, hole), hole) < steps(picture, ~hole)
