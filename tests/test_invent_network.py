"""Networks as inventors: what other frames show is copied, and only the rest is asked of them."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from far_shot import Shot, rgb

from cleanplate.base.errors import MissingWeightsError, UsageError
from cleanplate.base.types import INVENTED, Clip, Painting
from cleanplate.bench.synth import Scene, render
from cleanplate.paint.engine import Engine, make_engine
from cleanplate.paint.inventor import INVENTORS, make_inventor

FRAMES, HEIGHT, WIDTH = 14, 120, 216
RED = (255, 0, 0)


class Witness(Engine):
    """Paints red and keeps what it was shown."""

    shown: list[Clip]

    def fill(self, clip: Clip) -> Painting:
        self.shown.append(clip)
        first, stop = clip.core_range
        images = clip.images[first:stop].copy()
        images[clip.holes[first:stop]] = RED
        return Painting(images=images, origin=np.where(clip.holes[first:stop], INVENTED, 0).astype(np.uint8))


@pytest.fixture(params=["e2fgvi-hq", "propainter"])
def witness(request, monkeypatch) -> tuple[str, list[Clip]]:
    """The name of an inventor and what its engine, a stand-in, is shown."""
    shown: list[Clip] = []

    def make(name: str, options=None, device: str = "cpu") -> Engine:
        assert name == request.param
        engine = Witness(options, device)
        engine.shown = shown
        engine.notes.append("a choice of its own")
        return engine

    monkeypatch.setattr("cleanplate.paint.invent_network.make_engine", make)
    return request.param, shown


@pytest.fixture(scope="module")
def shot() -> tuple[Scene, np.ndarray, np.ndarray]:
    """A pan, holes, and what of them is never seen: a patch that sticks to the world beside a still one that does not.

    What the still one hides is revealed by the pan.
    """
    scene = render("pan", width_px=WIDTH, height_px=HEIGHT, frames=FRAMES)
    first = np.zeros((HEIGHT, WIDTH), np.uint8)
    first[30:70, 60:100] = 1
    flags = cv2.INTER_NEAREST | cv2.WARP_INVERSE_MAP
    stuck = np.stack([cv2.warpPerspective(first, camera, (WIDTH, HEIGHT), flags=flags) > 0 for camera in scene.camera])
    holes = stuck.copy()
    holes[:, 85:105, 150:160] = True
    return scene, holes, stuck


def test_only_what_is_never_seen_is_asked_for(shot, witness):
    scene, holes, stuck = shot
    name, shown = witness
    images = np.where(holes[..., None], 0, scene.plate)
    engine = make_engine("flowfill", {"invent": name, "steady": 0.0})
    painting = engine.fill(Clip(images=images, holes=holes))
    smooth = make_engine("flowfill", {"steady": 0.0}).fill(Clip(images=images, holes=holes))
    assert 1 <= len(shown) <= 3  # a few anchors, not each frame
    for clip in shown:
        t, _ = clip.core_range
        asked = clip.holes[t]
        allowed = cv2.dilate(stuck[clip.start + t].astype(np.uint8), np.ones((5, 5))) > 0
        assert not (asked & ~allowed).any()
        known = holes[clip.start + t] & ~allowed
        off = clip.images[t][known].astype(float) - scene.plate[clip.start + t][known]
        assert np.sqrt((off**2).mean()) < 12  # copied already, so the network is shown it
        assert len(clip.images) <= 2 * INVENTORS[name].around_frames + 1
    seen = ~stuck & holes
    assert np.array_equal(painting.images[seen], smooth.images[seen])
    inner = np.stack([cv2.erode(hole.astype(np.uint8), np.ones((9, 9))) > 0 for hole in stuck])
    reds = painting.images[inner].astype(int)
    assert (reds[:, 0] - reds[:, 1:].max(1)).mean() > 100  # carried to every frame
    assert (painting.origin[inner] == INVENTED).all()
    assert np.array_equal(painting.images[~holes], scene.plate[~holes])
    assert engine.notes[-1] == "a choice of its own"


def test_where_all_is_seen_no_network_is_asked(shot, witness):
    scene, holes, stuck = shot
    name, shown = witness
    moving = holes & ~stuck
    make_engine("flowfill", {"invent": name}).fill(
        Clip(images=np.where(moving[..., None], 0, scene.plate), holes=moving)
    )
    assert shown == []


def test_a_network_is_asked_before_the_pieces_and_all_of_them_show_the_same(tmp_path, witness):
    name, shown = witness
    still = Shot(tmp_path, "logo-still", 150, 144, 80)  # nothing is ever revealed
    report = still.remove(tmp_path / "out.mkv", invent=name)
    assert report.pieces > 2
    assert report.invented_share == 1
    assert 1 <= len(shown) <= 2 * report.pieces  # anchors, of 150 frames
    inner = cv2.erode(still.holes[0].astype(np.uint8), np.ones((5, 5))) > 0
    reds = np.stack([image[inner].astype(int) for image in rgb(tmp_path / "out.mkv")])
    assert (reds[..., 0] - reds[..., 1:].max(-1)).mean(1).min() > 100
    assert np.abs(reds[0] - reds[-1]).mean() < 6
    assert report.untouched == "identical"


@pytest.mark.parametrize("name", ["e2fgvi-hq", "propainter"])
def test_the_networks_themselves(name, tmp_path, monkeypatch):
    pytest.importorskip("torch", reason="torch is not installed (extra 'neural')")
    from cleanplate.bench.parity.drawn import store

    for row in INVENTORS[name].weights:
        store(tmp_path, row)
    monkeypatch.setenv("CLEANPLATE_WEIGHTS", str(tmp_path))
    images = np.random.default_rng(0).integers(0, 256, (3, 64, 112, 3)).astype(np.uint8)
    holes = np.zeros(images.shape[:3], bool)
    holes[:, 20:40, 40:70] = True
    inventor = make_inventor(name)
    painted = inventor.paint(Clip(images=images, holes=holes, core=(1, 2)))
    assert np.array_equal(painted[~holes[1]], images[1][~holes[1]])
    scrambled = np.where(holes[..., None], 255 - images, images)
    assert np.array_equal(inventor.paint(Clip(images=scrambled, holes=holes, core=(1, 2))), painted)
    assert (painted != images[1])[holes[1]].mean() > 0.9


def test_what_is_not_here_is_said_at_once(tmp_path, monkeypatch):
    pytest.importorskip("torch", reason="torch is not installed (extra 'neural')")
    monkeypatch.setenv("CLEANPLATE_WEIGHTS", str(tmp_path))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setenv("CLEANPLATE_OFFLINE", "1")
    from cleanplate.paint import e2fgvi

    e2fgvi._network.cache_clear()
    with pytest.raises(MissingWeightsError, match="e2fgvi-hq"):
        make_engine("flowfill", {"invent": "e2fgvi-hq"})
    with pytest.raises(UsageError, match="no inventor 'magic'; choose one of smooth, exemplar, e2fgvi-hq, propainter"):
        make_engine("flowfill", {"invent": "magic"})
    with pytest.raises(UsageError, match="runs on the processor"):
        make_engine("flowfill", {"invent": "exemplar"}, "cuda")
