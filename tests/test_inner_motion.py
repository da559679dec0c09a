"""Motion near and inside holes, against rendered scenes whose motion is known: at the rim, and carried through time."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import cv2
import numpy as np
import pytest

from cleanplate.bench.synth import Scene, render
from cleanplate.motion.complete import KNOWN, harmonic, lean
from cleanplate.motion.rim import rim_flow
from cleanplate.paint.memory import PairMemory
from cleanplate.paint.presets import PRESETS
from cleanplate.paint.trace import CARRIED, FLOW, FLOW_STEP_PX, Tracks
from cleanplate.paint.tracks import find_tracks


@pytest.fixture(scope="module")
def cloth() -> Scene:
    return render("cloth", width_px=432, height_px=240, frames=3)


@pytest.fixture(scope="module")
def walkers() -> tuple[Scene, Tracks]:
    """Two people pass behind trees, which hide the motion of what is behind them."""
    scene = render("behind", width_px=324, height_px=180, frames=20)
    return scene, tracks_of(scene)


def tracks_of(scene: Scene) -> Tracks:
    shown = scene.plate.copy()
    shown[scene.holes] = 0
    owed = range(len(shown))
    with ThreadPoolExecutor(1) as pool:
        unit = shown.shape[1] / 240
        return find_tracks(shown, scene.holes, owed, 1, unit, 60, PRESETS["balanced"], pool, PairMemory())


def missed(tracks: Tracks, scene: Scene, hypothesis: int) -> float:
    """Mean distance (px, 4 at most) of a flow from the truth, inside the holes, both ways."""
    row, far = tracks.flows[max(hypothesis - 1, 0)], []
    for n, (offset, x0, y0, columns, rows) in enumerate(tracks.places):
        if not columns:
            continue
        flows = row[offset : offset + 4 * columns * rows].reshape(2, rows, columns, 2) * FLOW_STEP_PX
        part = np.s_[y0 : y0 + rows, x0 : x0 + columns]
        for way, truth in enumerate((scene.flow[n], scene.back_flow[n])):
            hole = scene.holes[n + way][part]
            far.append(np.linalg.norm(flows[way] - truth[part], axis=-1)[hole])
    return float(np.minimum(np.concatenate(far), 4).mean())


def test_flow_is_found_up_to_the_rim_by_what_is_known(cloth):
    gray = [cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY) for picture in cloth.plate[:2]]
    hidden = np.zeros((2, *gray[0].shape), bool)
    hidden[0, 96:144, 160:220] = hidden[1, 96:144, 164:224] = True
    for picture, area in zip(gray, hidden, strict=True):
        picture[area] = 0
    far = cv2.distanceTransform((~hidden.any(0)).astype(np.uint8), cv2.DIST_L2, 5)
    guess = harmonic(cloth.flow[0], far > 8)
    flow = guess.copy()
    found = rim_flow(gray[0], gray[1], hidden[0], hidden[1], flow, far <= 8)
    assert not (found & (hidden[0] | (far > 8))).any()
    assert np.array_equal(flow[~found], guess[~found])
    before, after = (np.linalg.norm(one - cloth.flow[0], axis=-1)[found].mean() for one in (guess, flow))
    assert found.sum() > 0.8 * ((far <= 8) & ~hidden[0]).sum()
    assert after < 0.7 * before


def test_what_is_hidden_is_not_read(cloth):
    gray = [cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY) for picture in cloth.plate[:2]]
    hidden = np.zeros((2, *gray[0].shape), bool)
    hidden[:, 96:144, 160:220] = True
    flows = []
    for seed in (0, 1):
        noise = np.random.default_rng(seed).integers(0, 256, gray[0].shape, np.uint8)
        seen = [np.where(hole, noise, picture) for picture, hole in zip(gray, hidden, strict=True)]
        flow = np.zeros((*gray[0].shape, 2), np.float32)
        rim_flow(seen[0], seen[1], hidden[0], hidden[1], flow, np.ones(gray[0].shape, bool))
        flows.append(flow)
    assert np.array_equal(*flows)
    assert flows[0].any()


def test_motion_seen_before_and_after_tells_what_is_hidden_now(walkers):
    scene, tracks = walkers
    assert missed(tracks, scene, CARRIED) < 0.7 * missed(tracks, scene, FLOW)


def test_carried_flow_is_the_found_flow_where_there_is_one(walkers):
    _, tracks = walkers
    differs = tracks.flows[0] != tracks.flows[CARRIED - 1]
    assert 0 < differs.mean() < 0.6


def test_leaning_on_nothing_is_harmonic_and_on_much_keeps_the_value():
    y, x = np.mgrid[:40, :50].astype(float)
    truth = np.stack([x * x - y * y, x * y], -1).astype(np.float32)  # harmonic functions
    known = np.ones((40, 50), bool)
    known[8:30, 12:41] = False
    pull = np.where(known, KNOWN, np.float32(0))
    solved = lean(truth * known[..., None], pull)
    assert np.array_equal(solved[known], truth[known])
    assert np.abs(solved - truth).max() < 0.03 * np.ptp(truth)
    wish = np.where(known[..., None], truth, np.float32(5000))
    leaning = [lean(wish, np.where(known, KNOWN, np.float32(strength)))[20, 26, 0] for strength in (0, 1e-4, 0.01)]
    assert leaning == sorted(leaning)
    assert np.abs(lean(wish, np.where(known, KNOWN, np.float32(1000))) - wish).max() < 50
    assert (lean(wish, np.zeros((40, 50), np.float32)) == 0).all()
