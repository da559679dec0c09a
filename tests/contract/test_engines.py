"""What every engine must do, tried on every row of the table."""

from __future__ import annotations

from importlib.util import find_spec

import numpy as np
import pytest

from cleanplate.base.types import Clip
from cleanplate.paint.engine import ENGINES, Engine, make_engine

NAMES = list(ENGINES)
QUICK = {"propainter": {"iterations": 1}}
"options that take less time and change nothing of what is tried here"


@pytest.fixture(scope="module", autouse=True)
def drawn_weights(tmp_path_factory):
    """A folder with a checkpoint for every engine that needs one."""
    needed = [row for spec in ENGINES.values() for row in spec.weights]
    folder = tmp_path_factory.mktemp("weights")
    if find_spec("torch"):
        from cleanplate.bench.parity.drawn import store

        for row in needed:
            store(folder, row)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CLEANPLATE_WEIGHTS", str(folder))
        yield


@pytest.fixture(params=NAMES)
def engine(request) -> Engine:
    if ENGINES[request.param].extra == "neural":
        pytest.importorskip("torch", reason="torch is not installed (extra 'neural')")
    return make_engine(request.param, QUICK.get(request.param))


def plate(count: int = 8, height: int = 64, width: int = 96, pan_px: float = 2.5) -> np.ndarray:
    """A textured plane that pans to the left: (T, H, W, 3) uint8, its truth known without any engine."""
    y, x = np.mgrid[:height, :width].astype(float)
    frames = []
    for t in range(count):
        u, v = x + pan_px * t, y
        waves = [
            np.sin(0.31 * u + 0.12 * v) + np.sin(0.53 * v - 0.07 * u) * np.cos(0.19 * u),
            np.cos(0.23 * u - 0.29 * v) + np.sin(0.11 * u + 0.4),
            np.sin(0.17 * (u + v)) + np.cos(0.37 * v + 0.05 * u),
        ]
        frames.append(np.stack([125 + 45 * w for w in waves], -1))
    return np.clip(np.rint(frames), 0, 255).astype(np.uint8)


def still_hole(images: np.ndarray) -> np.ndarray:
    holes = np.zeros(images.shape[:3], bool)
    holes[:, 24:40, 40:58] = True
    return holes


def blanked(images: np.ndarray, holes: np.ndarray, **more) -> Clip:
    images = images.copy()
    images[holes] = 0
    return Clip(images=images, holes=holes, **more)


def deep(images: np.ndarray) -> np.ndarray:
    return images.astype(np.uint16) * 257


@pytest.mark.parametrize("is_deep", [False, True])
def test_shapes_types_and_everything_outside_the_hole(engine, is_deep):
    images = deep(plate()) if is_deep else plate()
    holes = still_hole(images)
    painting = engine.fill(blanked(images, holes))
    assert painting.images.shape == images.shape
    assert painting.images.dtype == images.dtype
    assert painting.origin.shape == holes.shape
    assert painting.origin.dtype == np.uint8
    assert np.array_equal(painting.images[~holes], images[~holes])
    assert (painting.origin[~holes] == 0).all()
    assert np.isin(painting.origin[holes], (1, 2)).all()
    assert (painting.images[holes] > 0).any()


def test_the_clip_itself_is_not_written_to(engine):
    clip = blanked(plate(), still_hole(plate()))
    before = clip.images.copy()
    clip.images.setflags(write=False)
    clip.holes.setflags(write=False)
    engine.fill(clip)
    assert np.array_equal(clip.images, before)


def test_the_same_clip_twice_gives_the_same(engine):
    clip = blanked(plate(), still_hole(plate()))
    first, second = engine.fill(clip), engine.fill(clip)
    assert np.array_equal(first.images, second.images)
    assert np.array_equal(first.origin, second.origin)


@pytest.mark.parametrize("frame_height_px", [None, 1080])
def test_what_the_hole_hides_does_not_matter(engine, frame_height_px):
    images = plate()
    holes = still_hole(images)
    holes[:, 41:43, 30:33] = True
    scrambled = images.copy()
    scrambled[holes] = np.random.default_rng(1).integers(0, 256, (int(holes.sum()), 3))
    clean = engine.fill(blanked(images, holes, frame_height_px=frame_height_px))
    again = engine.fill(Clip(images=scrambled, holes=holes, frame_height_px=frame_height_px))
    assert np.array_equal(clean.images, again.images)
    assert np.array_equal(clean.origin, again.origin)


def test_an_empty_hole_is_the_identity(engine):
    images = plate()
    painting = engine.fill(Clip(images=images, holes=np.zeros(images.shape[:3], bool)))
    assert np.array_equal(painting.images, images)
    assert not painting.origin.any()


def test_only_the_core_is_painted(engine):
    images = plate()
    holes = still_hole(images)
    painting = engine.fill(blanked(images, holes, core=(2, 5)))
    assert painting.images.shape[0] == painting.origin.shape[0] == 3
    assert np.array_equal(painting.images[~holes[2:5]], images[2:5][~holes[2:5]])
    assert (painting.origin[holes[2:5]] > 0).all()


@pytest.mark.parametrize(("height", "width"), [(1, 1), (1, 9), (7, 5), (16, 16), (33, 47), (65, 91)])
@pytest.mark.parametrize("count", [1, 3])
def test_odd_and_tiny_sizes(engine, height, width, count):
    images = plate(count, height, width)
    holes = np.zeros(images.shape[:3], bool)
    holes[:, height // 3 : height // 2 + 1, width // 3 : width // 2 + 1] = True
    painting = engine.fill(blanked(images, holes))
    assert painting.images.shape == images.shape
    assert np.array_equal(painting.images[~holes], images[~holes])
    assert (painting.origin[holes] > 0).all()


@pytest.mark.parametrize("side", ["left", "right", "top", "bottom", "corners"])
def test_holes_at_the_edge(engine, side):
    images = plate(4)
    holes = np.zeros(images.shape[:3], bool)
    if side in ("left", "corners"):
        holes[:, :20, :14] = True
    if side in ("right", "corners"):
        holes[:, 50:, -9:] = True
    if side == "top":
        holes[:, :11] = True
    if side == "bottom":
        holes[:, -11:, 3:] = True
    painting = engine.fill(blanked(images, holes))
    assert np.array_equal(painting.images[~holes], images[~holes])
    assert (painting.origin[holes] > 0).all()


def test_a_frame_that_shows_nothing(engine):
    images = plate()
    holes = still_hole(images)
    holes[3] = True
    painting = engine.fill(blanked(images, holes))
    assert np.array_equal(painting.images[~holes], images[~holes])
    assert (painting.origin[3] > 0).all()


@pytest.mark.parametrize("is_deep", [False, True])
def test_a_clip_that_shows_nothing_becomes_mid_gray(engine, is_deep):
    images = deep(plate(3)) if is_deep else plate(3)
    painting = engine.fill(blanked(images, np.ones(images.shape[:3], bool)))
    level = np.iinfo(images.dtype).max / 2
    assert np.abs(painting.images.astype(float) / level - 1).max() < 0.01
    assert (painting.origin == 2).all()


def test_holes_that_come_and_go(engine):
    images = plate()
    holes = still_hole(images)
    holes[[0, 3, 4, 7]] = False
    painting = engine.fill(blanked(images, holes))
    assert np.array_equal(painting.images[~holes], images[~holes])
    assert (painting.origin[holes] > 0).all()


@pytest.mark.parametrize("name", [name for name in NAMES if not ENGINES[name].weights])  # else drawn
def test_better_than_the_mean_colour(name):
    images = plate()
    holes = still_hole(images)
    painting = make_engine(name).fill(blanked(images, holes))
    truth = images[holes].astype(float)
    mean_colour = np.concatenate(
        [np.broadcast_to(i[~h].mean(0), i[h].shape) for i, h in zip(images, holes, strict=True)]
    )
    assert ((painting.images[holes] - truth) ** 2).mean() < ((mean_colour - truth) ** 2).mean()
